//! Demand signals in Redis: shared by nodes, stale while it is away, right again when it is back.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use shopwright_app::pricing::LivePrices;
use shopwright_app::streams::{DemandSignals, SharedSignals, SignalSource};
use shopwright_domain::catalog::Sku;
use shopwright_domain::time::{Clock, Timestamp};
use shopwright_gateways::redis::Redis;
use shopwright_store::{Store, StoreError, Tx, params};

use super::servers::RedisServer;
use super::takes::make_table;
use crate::harness::{Shop, on_both};
use crate::outside::wait_until;

/// A SKU's views are what the test's table says.
struct FromTable;

impl SignalSource for FromTable {
    fn signals(
        &self,
        tx: &mut Tx<'_>,
        skus: &[Sku],
        now: Timestamp,
    ) -> Result<Vec<DemandSignals>, StoreError> {
        let mut found = Vec::new();
        for sku in skus {
            let views: Option<i64> = tx.find(
                "SELECT times FROM t_taken WHERE source = 'views' AND id = $1",
                params![sku],
                |row| row.get(0),
            )?;
            found.extend(views.map(|views| DemandSignals {
                sku: sku.clone(),
                views_1h: views,
                views_24h: views,
                views_7d: views,
                adds_24h: 0,
                adds_7d: 0,
                units_7d: 0,
                units_28d: 0,
                conversion_24h: None,
                available: None,
                updated_at: now,
            }));
        }
        Ok(found)
    }
}

fn sku(text: &str) -> Sku {
    Sku::parse(text).unwrap()
}

fn view(shop: &Shop, sku: &'static str) {
    shop.write(move |tx| {
        tx.execute(
            "INSERT INTO t_taken (source, id, times) VALUES ('views', $1, 1)
             ON CONFLICT (source, id) DO UPDATE SET times = t_taken.times + 1",
            params![sku],
        )
    });
}

fn shared(shop: &Shop, store: &Store, server: &RedisServer) -> Arc<SharedSignals> {
    let clock = Arc::clone(&shop.clock) as Arc<dyn Clock>;
    let redis = Redis::open(&server.url()).unwrap();
    SharedSignals::new((store.clone(), clock), redis, Arc::new(FromTable))
}

/// What Redis has under a SKU: its views and the seconds it is kept.
fn in_redis(server: &RedisServer, sku: &str) -> Option<(i64, i64)> {
    let key = format!("demand_metrics:{sku}");
    let (text, kept): (Option<String>, i64) = ::redis::pipe()
        .cmd("GET")
        .arg(&key)
        .cmd("TTL")
        .arg(&key)
        .query(&mut server.connection())
        .unwrap();
    let json: serde_json::Value = serde_json::from_str(&text?).unwrap();
    Some((json["views_1h"].as_i64()?, kept))
}

#[test]
fn what_one_node_took_the_other_reads_and_it_is_forgotten_after_five_minutes() {
    on_both(|shop| {
        let Some(server) = RedisServer::start() else { return };
        make_table(shop);
        view(shop, "A");
        let one = shared(shop, &shop.store, &server);
        let writing = shop.spawn({
            let one = Arc::clone(&one);
            async move { one.keep_written().await }
        });
        one.touch([sku("A"), sku("unknown")]);
        wait_until("it is written", || in_redis(&server, "A").is_some());
        let (views, kept) = in_redis(&server, "A").unwrap();
        assert!(views == 1 && (295..=300).contains(&kept), "{views} views, kept {kept} s");
        assert_eq!(in_redis(&server, "unknown"), None);
        // The other node's ledger says two by now; it takes what is shared.
        view(shop, "A");
        view(shop, "B");
        let second_way = shop.another_node();
        let two = shared(shop, &second_way, &server);
        let found = shop.run(async {
            let mut connection = Redis::open(&server.url()).unwrap().connect().await.unwrap();
            two.signals(Some(&mut connection), &[sku("A"), sku("B")]).await.unwrap()
        });
        let views: Vec<_> = found.iter().map(|s| (s.sku.as_str(), s.views_1h)).collect();
        assert_eq!(views, [("A", 1), ("B", 1)], "B came from the ledger");
        writing.abort();
    });
}

#[test]
fn prices_are_stale_while_redis_is_away_and_signals_are_right_when_it_is_back() {
    on_both(|shop| {
        let Some(mut server) = RedisServer::start() else { return };
        make_table(shop);
        view(shop, "A");
        let one = shared(shop, &shop.store, &server);
        let prices = shop.run(LivePrices::load(&shop.store, |_| ())).unwrap();
        prices.heed_signals(one.stale());
        let writing = shop.spawn({
            let one = Arc::clone(&one);
            async move { one.keep_written().await }
        });
        one.touch([sku("A")]);
        wait_until("it is written", || in_redis(&server, "A").is_some());
        assert!(!prices.is_stale());
        server.stop();
        let begun = std::time::Instant::now();
        wait_until("prices are stale", || prices.is_stale());
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
        // Traffic goes on; what is known is used.
        view(shop, "A");
        one.touch([sku("A")]);
        let found = shop.run(one.signals(None, &[sku("A")])).unwrap();
        assert_eq!(found[0].views_1h, 1, "the last known");
        server.start_again();
        wait_until("they are not stale any more", || !prices.is_stale());
        assert_eq!(in_redis(&server, "A").unwrap().0, 2, "renewed from the ledger");
        assert!(!one.stale().load(Ordering::Relaxed));
        writing.abort();
    });
}
