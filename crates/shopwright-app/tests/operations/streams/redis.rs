//! Redis Streams: every entry once, in spite of what is malformed, trimmed, stopped or busy.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use shopwright_gateways::stream::Begin;

use super::servers::RedisServer;
use super::table::{Takes, redis_brokers};
use super::takes::{consume, make_table, shards, taken};
use crate::harness::{Shop, on_both};
use crate::outside::wait_until;

fn on_both_with_redis(body: impl Fn(&Shop, &mut RedisServer, &Arc<Takes>)) {
    on_both(|shop| {
        let Some(mut server) = RedisServer::start() else { return };
        make_table(shop);
        body(shop, &mut server, &Arc::default());
    });
}

#[test]
fn entries_are_taken_once_and_reading_goes_on_where_it_stopped() {
    on_both_with_redis(|shop, server, takes| {
        server.add("views", 0, 1_500);
        let brokers = || redis_brokers(&server.url(), &["views", "carts"], Begin::Earliest);
        let node = consume(shop, &shop.store, brokers(), takes);
        wait_until("the backlog is taken", || taken(shop) == 1_500);
        // A stream is made by its first entry, which may come late.
        server.add("carts", 0, 10);
        wait_until("a new stream is read", || taken(shop) == 1_510);
        shop.run(node.stop());
        assert!(shards(shop).iter().all(|shard| shard.owner.is_none()), "handed back");
        server.add("views", 1_500, 300);
        let node = consume(shop, &shop.store, brokers(), takes);
        wait_until("the rest is taken", || taken(shop) == 1_810);
        let found = shards(shop);
        let numbers: Vec<_> =
            found.iter().map(|s| (s.key.stream.as_str(), s.messages, s.lost, s.behind)).collect();
        assert_eq!(numbers, [("carts", 10, 0, Some(0)), ("views", 1_800, 0, Some(0))]);
        assert_eq!(found[1].position.passed, 1_800);
        drop(node);
    });
}

#[test]
fn malformed_entries_become_dead_letters_and_hold_nothing_up() {
    on_both_with_redis(|shop, server, takes| {
        server.run(&["XADD", "views", "*", "event", "not json"]);
        server.run(&["XADD", "views", "*", "other", "1"]);
        server.run(&["XADD", "views", "*", "data", "{\"pad\":1}"]);
        server.add("views", 0, 1);
        let brokers = redis_brokers(&server.url(), &["views"], Begin::Earliest);
        let _node = consume(shop, &shop.store, brokers, takes);
        wait_until("the good ones are taken", || taken(shop) == 2);
        let found = shards(shop);
        assert_eq!((found[0].messages, found[0].dead), (4, 2));
        let named = shop.number("SELECT COUNT(*) FROM t_taken WHERE id LIKE 'views/0/%-%'");
        assert_eq!(named, 1, "a message without an id is named by its place");
    });
}

#[test]
fn what_was_trimmed_before_it_was_read_is_counted() {
    on_both_with_redis(|shop, server, takes| {
        server.add("views", 0, 100);
        let brokers = || redis_brokers(&server.url(), &["views"], Begin::Earliest);
        let node = consume(shop, &shop.store, brokers(), takes);
        wait_until("the first are taken", || taken(shop) == 100);
        shop.run(node.stop());
        server.add("views", 100, 100);
        server.run(&["XTRIM", "views", "MAXLEN", "40"]);
        let _node = consume(shop, &shop.store, brokers(), takes);
        wait_until("what is left is taken", || taken(shop) == 140);
        let found = shards(shop);
        assert_eq!((found[0].lost, found[0].position.passed), (60, 200));
    });
}

#[test]
fn a_shard_may_begin_with_what_comes_from_now_on() {
    on_both_with_redis(|shop, server, takes| {
        server.add("views", 0, 50);
        let brokers = redis_brokers(&server.url(), &["views"], Begin::Latest);
        let _node = consume(shop, &shop.store, brokers, takes);
        wait_until("it has begun", || {
            shards(shop).first().is_some_and(|s| s.position.passed == 50)
        });
        server.add("views", 50, 5);
        wait_until("what came later is taken", || taken(shop) == 5);
    });
}

#[test]
fn a_redis_that_goes_away_is_named_and_read_again_when_it_is_back() {
    on_both_with_redis(|shop, server, takes| {
        server.add("views", 0, 100);
        let brokers = redis_brokers(&server.url(), &["views"], Begin::Earliest);
        let _node = consume(shop, &shop.store, brokers, takes);
        wait_until("the first are taken", || taken(shop) == 100);
        server.stop();
        wait_until("the trouble is shown", || {
            shards(shop)[0].problem.as_deref().is_some_and(|text| text.contains("Redis"))
        });
        server.start_again();
        server.add("views", 100, 100);
        wait_until("the rest is taken", || taken(shop) == 200);
        wait_until("the trouble is over", || shards(shop)[0].problem.is_none());
    });
}

#[test]
fn a_busy_ledger_stops_reading_after_one_chunk_and_loses_nothing() {
    on_both_with_redis(|shop, server, takes| {
        takes.busy.store(true, Ordering::SeqCst);
        server.add("views", 0, 2_000);
        let brokers = redis_brokers(&server.url(), &["views"], Begin::Earliest);
        let _node = consume(shop, &shop.store, brokers, takes);
        wait_until("a chunk waits", || takes.prepared.load(Ordering::SeqCst) == 1);
        std::thread::sleep(Duration::from_millis(700));
        assert_eq!(takes.prepared.load(Ordering::SeqCst), 1, "one chunk ahead and no more");
        assert_eq!(taken(shop), 0);
        takes.busy.store(false, Ordering::SeqCst);
        wait_until("everything is taken", || taken(shop) == 2_000);
        takes.busy.store(false, Ordering::SeqCst);
    });
}

#[test]
fn a_key_that_is_no_stream_is_named_and_others_are_read() {
    on_both_with_redis(|shop, server, takes| {
        server.run(&["SET", "carts", "1"]);
        server.add("views", 0, 10);
        let brokers = redis_brokers(&server.url(), &["carts", "views"], Begin::Earliest);
        let _node = consume(shop, &shop.store, brokers, takes);
        wait_until("the stream is taken", || taken(shop) == 10);
        wait_until("the other is named", || {
            shards(shop)[0].problem.as_deref().is_some_and(|text| text.contains("not a stream"))
        });
    });
}
