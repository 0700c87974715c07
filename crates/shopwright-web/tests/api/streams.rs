//! Message streams over HTTP: who reads each shard, how far it is taken in and how far it is behind.

use std::time::Duration;

use serde_json::json;
use shopwright_domain::time::{Clock, SECOND};
use shopwright_store::streams::{self, Broker, Moved, Position, ShardKey};

use crate::harness::{STILL, Shop, on_both};

/// A partition that is 30 messages behind and a stream that nobody ever read from.
fn read_some(shop: &Shop) {
    let now = shop.clock.now();
    shop.write(move |tx| {
        let key = |broker, stream: &str| ShardKey { broker, stream: stream.into(), shard: 0 };
        let keys = [key(Broker::Kafka, "shop"), key(Broker::Redis, "views")];
        streams::note(tx, &keys)?;
        let claimed = streams::claim(tx, "node-1", &keys[..1], Duration::from_mins(5), 1)?;
        let moved = Moved {
            position: Position { text: "70".into(), passed: 70 },
            messages: 70,
            dead: 2,
            lost: 5,
            behind: Some(30),
            reached_at: Some(now.plus_micros(-90 * SECOND)),
        };
        streams::advance(tx, &claimed[0].1, &moved, now)
    });
}

#[test]
fn shards_are_listed_with_their_owner_place_and_lag() {
    on_both(STILL, |shop| {
        read_some(shop);
        let list = shop.get("/v1/streams").send().expect(200);
        let [kafka, redis] = list["data"].as_array().unwrap().as_slice() else { panic!("{list}") };
        let expected = json!({
            "object": "stream", "broker": "kafka", "stream": "shop", "shard": 0, "state": "reading",
            "position": "70", "behind_messages": 30, "behind_seconds": 90, "messages": 70, "dead": 2,
            "lost": 5, "owner": "node-1", "problem": null, "moved_at": kafka["moved_at"],
        });
        assert_eq!(kafka, &expected);
        assert_eq!((&redis["state"], &redis["position"]), (&json!("idle"), &json!(null)));
    });
}

#[test]
fn the_metrics_say_how_far_each_shard_is_behind() {
    on_both(STILL, |shop| {
        read_some(shop);
        let text = shop.get("/metrics").send().text;
        let of = "broker=\"kafka\",stream=\"shop\",shard=\"0\"";
        for line in [
            format!("shopwright_stream_behind_messages{{{of}}} 30"),
            format!("shopwright_stream_behind_seconds{{{of}}} 90"),
            format!("shopwright_stream_messages{{{of}}} 70"),
            format!("shopwright_stream_dead_letters{{{of}}} 2"),
            format!("shopwright_stream_lost{{{of}}} 5"),
            format!("shopwright_stream_read{{{of}}} 1"),
            "shopwright_stream_read{broker=\"redis\",stream=\"views\",shard=\"0\"} 0".to_owned(),
        ] {
            assert!(text.contains(&line), "{line} in {text}");
        }
    });
}
