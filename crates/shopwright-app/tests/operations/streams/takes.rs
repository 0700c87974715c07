//! Nodes of one test's shop, and what its ledger says of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use shopwright_app::streams::{Brokers, Consuming, keep_consuming};
use shopwright_domain::time::Clock;
use shopwright_store::streams::{self, Shard};
use shopwright_store::{Store, params};

use super::table::{MAKE_TABLE, QUICK, Takes};
use crate::harness::Shop;

pub fn make_table(shop: &Shop) {
    shop.write(|tx| tx.execute(MAKE_TABLE, params![]).map(|_| ()));
}

/// Starts a node on this way into the ledger.
pub fn consume(shop: &Shop, store: &Store, brokers: Brokers, takes: &Arc<Takes>) -> Consuming {
    let clock: Arc<dyn Clock> = Arc::clone(&shop.clock) as Arc<dyn Clock>;
    let (store, ids, takes) = (store.clone(), Arc::clone(&shop.ids), Arc::clone(takes));
    shop.run(async move { keep_consuming((store, clock), ids.as_ref(), brokers, takes, QUICK) })
}

/// How many messages are there, each taken once.
pub fn taken(shop: &Shop) -> i64 {
    assert_eq!(shop.number("SELECT COUNT(*) FROM t_taken WHERE times <> 1"), 0, "taken twice");
    shop.number("SELECT COUNT(*) FROM t_taken")
}

pub fn shards(shop: &Shop) -> Vec<Shard> {
    shop.read(streams::list)
}

/// How many shards each living owner reads.
pub fn owners(shop: &Shop) -> BTreeMap<String, usize> {
    let mut owners = BTreeMap::new();
    for owner in shards(shop).into_iter().filter_map(|shard| shard.owner) {
        *owners.entry(owner).or_default() += 1;
    }
    owners
}
