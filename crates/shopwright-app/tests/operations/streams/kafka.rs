//! Kafka: every record of every partition once, whatever its batch is compressed with.

use std::sync::Arc;

use shopwright_store::params;

use super::servers::KafkaCluster;
use super::table::{Takes, kafka_brokers};
use super::takes::{consume, make_table, owners, shards, taken};
use crate::harness::{Shop, on_both};
use crate::outside::wait_until;

fn on_both_with_kafka(body: impl Fn(&Shop, &mut KafkaCluster, &Arc<Takes>)) {
    on_both(|shop| {
        let Some(mut cluster) = KafkaCluster::start() else { return };
        make_table(shop);
        body(shop, &mut cluster, &Arc::default());
    });
}

#[test]
fn records_of_every_partition_and_compression_are_taken_once() {
    on_both_with_kafka(|shop, cluster, takes| {
        let node = consume(shop, &shop.store, kafka_brokers(&cluster.brokers), takes);
        // The topic is made by its first record: its partitions appear while the node runs.
        for (partition, compression) in [(0, "gzip"), (1, "snappy"), (2, "lz4"), (3, "zstd")] {
            let from = usize::try_from(partition).unwrap() * 1_000;
            cluster.produce(partition, compression, from, 700);
        }
        wait_until("all are taken", || taken(shop) == 2_800);
        shop.run(node.stop());
        cluster.produce(0, "none", 5_000, 50);
        let _node = consume(shop, &shop.store, kafka_brokers(&cluster.brokers), takes);
        wait_until("the rest is taken", || taken(shop) == 2_850);
        let found = shards(shop);
        let places: Vec<_> =
            found.iter().map(|s| (s.key.shard, s.position.text.as_str())).collect();
        assert_eq!(places, [(0, "750"), (1, "700"), (2, "700"), (3, "700")]);
        assert!(found.iter().all(|shard| shard.behind == Some(0)), "{found:?}");
    });
}

#[test]
fn tombstones_are_passed_over_and_malformed_records_hold_nothing_up() {
    on_both_with_kafka(|shop, cluster, takes| {
        cluster.produce_one(0, None);
        cluster.produce_one(0, Some("not json"));
        cluster.produce_one(0, Some("{\"pad\":1}"));
        cluster.produce(0, "none", 0, 1);
        let _node = consume(shop, &shop.store, kafka_brokers(&cluster.brokers), takes);
        wait_until("the good ones are taken", || taken(shop) == 2);
        let found = shards(shop);
        assert_eq!((found[0].messages, found[0].dead), (4, 1));
        assert_eq!(shop.number("SELECT COUNT(*) FROM t_taken WHERE id = 'events/0/2'"), 1);
    });
}

#[test]
fn a_position_that_the_broker_does_not_have_begins_where_it_is_told() {
    on_both_with_kafka(|shop, cluster, takes| {
        cluster.produce(0, "none", 0, 20);
        shop.write(|tx| {
            tx.execute(
                "INSERT INTO stream_shards (broker, stream, shard, position, passed, messages, dead, lost, lease_token)
                 VALUES ('kafka', 'events', 0, '5000', 5000, 0, 0, 0, 0)",
                params![],
            )
        });
        let _node = consume(shop, &shop.store, kafka_brokers(&cluster.brokers), takes);
        wait_until("it begins anew", || taken(shop) == 20);
        assert_eq!(shards(shop)[0].lost, 0);
    });
}

#[test]
fn a_killed_node_s_partitions_are_taken_over_and_nothing_is_lost_or_doubled() {
    on_both_with_kafka(|shop, cluster, takes| {
        cluster.produce(0, "none", 0, 10);
        let one = consume(shop, &shop.store, kafka_brokers(&cluster.brokers), takes);
        let second_way = shop.another_node();
        let _two = consume(shop, &second_way, kafka_brokers(&cluster.brokers), takes);
        wait_until("they share", || owners(shop).values().eq(&[2, 2]));
        for partition in 0..4 {
            let from = 10 + usize::try_from(partition).unwrap() * 1_000;
            cluster.produce(partition, "none", from, 1_000);
        }
        drop(one);
        wait_until("all are taken", || taken(shop) == 4_010);
        wait_until("one reads all", || owners(shop).values().eq(&[4]));
    });
}
