//! Two nodes on one ledger: they share the shards, and a dead one's are taken over.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use shopwright_gateways::stream::Begin;
use shopwright_store::params;
use shopwright_store::streams::{self, Broker, Moved, Position, ShardKey};

use super::servers::RedisServer;
use super::table::{QUICK, Takes, redis_brokers};
use super::takes::{consume, make_table, owners, shards, taken};
use crate::harness::{finds_planted, on_both};
use crate::outside::wait_until;

const STREAMS: [&str; 4] = ["a", "b", "c", "d"];

#[test]
fn nodes_share_the_shards_and_take_over_from_one_that_died_under_load() {
    on_both(|shop| {
        let Some(server) = RedisServer::start() else { return };
        make_table(shop);
        let takes: Arc<Takes> = Arc::default();
        let brokers = || redis_brokers(&server.url(), &STREAMS, Begin::Earliest);
        let one = consume(shop, &shop.store, brokers(), &takes);
        wait_until("one reads all", || owners(shop).values().eq(&[4]));
        let second_way = shop.another_node();
        let two = consume(shop, &second_way, brokers(), &takes);
        wait_until("they share", || owners(shop).values().eq(&[2, 2]));
        std::thread::scope(|scope| {
            for stream in STREAMS {
                let server = &server;
                scope.spawn(move || {
                    for round in 0..20 {
                        server.add(stream, round * 100, 100);
                    }
                });
            }
            wait_until("it is under way", || taken(shop) > 200);
            // As a crash: no lease is handed back, a chunk may be half on its way.
            drop(one);
        });
        wait_until("all are taken", || taken(shop) == 8_000);
        wait_until("the other reads all", || owners(shop).values().eq(&[4]));
        assert_eq!(shards(shop).iter().map(|shard| shard.messages).sum::<i64>(), 8_000);
        shop.run(two.stop());
        assert!(owners(shop).is_empty(), "handed back");
    });
}

#[test]
fn who_lost_the_lease_or_read_from_another_place_moves_nothing() {
    on_both(|shop| {
        let key = ShardKey { broker: Broker::Redis, stream: "a".into(), shard: 0 };
        let claim = |node: &'static str, lease| {
            let keys = vec![key.clone()];
            shop.write(move |tx| {
                streams::note(tx, &keys)?;
                streams::claim(tx, node, &keys, lease, 1)
            })
        };
        let (_, first) = claim("one", std::time::Duration::ZERO).remove(0);
        let (_, second) = claim("two", QUICK.lease).remove(0);
        assert!(claim("three", QUICK.lease).is_empty(), "it is held");
        let lock = |lease: &streams::ShardLease, text: &str| {
            let (lease, place) = (lease.clone(), Position { text: text.into(), passed: 0 });
            shop.write(move |tx| streams::lock(tx, &lease, &place)).is_some()
        };
        assert!(!lock(&first, ""), "the lease is another's");
        assert!(!lock(&second, "7-0"), "the chunk was read from another place");
        assert!(lock(&second, ""));
    });
}

#[test]
fn a_reader_that_lost_its_shard_while_the_ledger_was_busy_takes_nothing_of_its_chunk() {
    on_both(|shop| {
        let Some(server) = RedisServer::start() else { return };
        make_table(shop);
        let takes: Arc<Takes> = Arc::default();
        takes.busy.store(true, Ordering::SeqCst);
        server.add("a", 0, 100);
        let brokers = redis_brokers(&server.url(), &["a"], Begin::Earliest);
        let _node = consume(shop, &shop.store, brokers, &takes);
        wait_until("a chunk waits", || takes.prepared.load(Ordering::SeqCst) == 1);
        shop.write(|tx| {
            tx.execute(
                "UPDATE stream_shards SET owner = 'other', lease_token = lease_token + 1",
                params![],
            )
        });
        takes.busy.store(false, Ordering::SeqCst);
        // The other is dead: when its lease has run out the shard is claimed and read again.
        wait_until("all are taken", || taken(shop) == 100);
        assert_eq!(takes.prepared.load(Ordering::SeqCst), 2, "the first chunk was not taken");
        assert_eq!(shards(shop)[0].messages, 100);
    });
}

/// One shard that was read.
fn books(shop: &crate::harness::Shop) {
    let now = shop.stamp().at;
    shop.write(move |tx| {
        let keys = [ShardKey { broker: Broker::Kafka, stream: "events".into(), shard: 3 }];
        streams::note(tx, &keys)?;
        let claimed = streams::claim(tx, "one", &keys, QUICK.lease, 1)?;
        let position = Position { text: "10".into(), passed: 10 };
        let moved =
            Moved { position, messages: 10, dead: 1, lost: 0, behind: Some(0), reached_at: None };
        streams::advance(tx, &claimed[0].1, &moved, now)
    });
    shop.assert_books_hold();
}

fn check(rule: &'static str, sql: &'static str, names: &str) {
    finds_planted(books, (rule, sql, names));
}

#[test]
fn planted_corruptions_of_shards_are_found() {
    check(
        "stream_shards",
        "UPDATE stream_shards SET lease_until = NULL",
        "kafka events 3: expected an owner with a lease",
    );
    check("stream_shards", "UPDATE stream_shards SET dead = 11", "at most 10 dead letters");
    check("stream_shards", "UPDATE stream_shards SET position = ''", "expected a position");
}
