//! A small ledger of messages in place of the shop's events: it counts how often each was taken.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value as Json;
use shopwright_app::streams::{
    Brokers, Consuming, Intake, StreamBatch, StreamOptions, TakenChunk, formed, keep_consuming,
};
use shopwright_domain::time::{Clock, Timestamp};
use shopwright_gateways::kafka::KafkaOptions;
use shopwright_gateways::redis::Redis;
use shopwright_gateways::stream::Begin;
use shopwright_store::streams::{self, Shard};
use shopwright_store::{Store, StoreError, Tx, params};

use super::servers::{KafkaCluster, RedisServer};
use crate::harness::Shop;

/// Takes messages into a table of the test.
#[derive(Default)]
pub struct Takes {
    /// While set, the ledger says that it is busy.
    pub busy: AtomicBool,
    /// Batches that were prepared.
    pub prepared: AtomicUsize,
}

impl Intake for Takes {
    type Prepared = (String, Vec<Result<String, String>>);

    fn prepare(&self, batch: StreamBatch, _: Timestamp) -> Self::Prepared {
        self.prepared.fetch_add(1, Ordering::SeqCst);
        let read = batch.messages.into_iter().map(|message| {
            if let Some(reason) = message.unfit {
                return Err(reason);
            }
            let text = formed(&message.raw, &message.fallback_id).text.into_owned();
            let json: Json = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
            json["message_id"].as_str().map(ToOwned::to_owned).ok_or_else(|| "no id".into())
        });
        (batch.source, read.collect())
    }

    fn take_in(
        &self,
        tx: &mut Tx<'_>,
        (source, read): &Self::Prepared,
        _: Timestamp,
    ) -> Result<TakenChunk, StoreError> {
        if self.busy.load(Ordering::SeqCst) {
            return Err(StoreError::Busy);
        }
        let mut taken = TakenChunk::default();
        for message in read {
            let Ok(id) = message else {
                taken.dead += 1;
                continue;
            };
            tx.execute(
                "INSERT INTO t_taken (source, id, times) VALUES ($1, $2, 1)
                 ON CONFLICT (source, id) DO UPDATE SET times = t_taken.times + 1",
                params![source, id],
            )?;
        }
        Ok(taken)
    }
}

/// Short times, so that a takeover is quick to see.
pub const QUICK: StreamOptions = StreamOptions {
    lease: Duration::from_millis(1_500),
    beat: Duration::from_millis(200),
    chunk: 200,
};

pub fn make_table(shop: &Shop) {
    shop.write(|tx| {
        tx.execute(
            "CREATE TABLE t_taken (source text, id text, times bigint, PRIMARY KEY (source, id))",
            params![],
        )
        .map(|_| ())
    });
}

pub fn redis_brokers(server: &RedisServer, streams: &[&str], begin: Begin) -> Brokers {
    let streams = streams.iter().map(|name| (*name).to_owned()).collect();
    Brokers::new(Some((Redis::open(&server.url()).unwrap(), streams)), None, begin)
}

pub fn kafka_brokers(cluster: &KafkaCluster) -> Brokers {
    let brokers = cluster.brokers.clone();
    let options = KafkaOptions { brokers, tls: false, sign_in: None };
    Brokers::new(None, Some((options, vec!["events".into()])), Begin::Earliest)
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
