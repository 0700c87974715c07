//! While the ledger is away prices are served from memory and say so; then everything recovers.
//!
//! PostgreSQL goes away as it does in life: the network to it is cut. SQLite is a file that stays
//! where it is, so there another program breaks the schema under the running server.

use serde_json::json;
use shopwright_store::params;

use crate::harness::{STILL, Shop, on_postgres, on_sqlite, soon};
use crate::seed::HEART;

fn is_stale(shop: &Shop) -> bool {
    shop.get("/v1/prices/85123A").send().expect(200)["stale"].as_bool().unwrap()
}

fn check_served_from_memory(shop: &Shop) {
    soon("prices are marked stale", || is_stale(shop));
    let price = shop.get("/v1/prices/85123A").key(&shop.publishable).send().expect(200);
    assert_eq!((&price["price"]["amount"], &price["stale"]), (&json!(HEART), &json!(true)));
    let batch = shop
        .post("/v1/prices/batch")
        .json(&json!({ "skus": ["85123A", "22423"] }))
        .send()
        .expect(200);
    assert!(batch["data"].as_array().unwrap().iter().all(|item| item["stale"] == true), "{batch}");
    shop.get("/readyz").no_key().send().problem(503, "unavailable");
    assert_eq!(shop.get("/livez").send().status, 200);
    assert!(shop.get("/metrics").send().text.contains("shopwright_prices_stale 1\n"));
    // Keys are checked from memory too: nobody gets in who could not before.
    shop.get("/v1/prices/85123A").key("sk_wrong").send().problem(401, "unauthorized");
}

fn check_recovered(shop: &Shop) {
    soon("prices are fresh again", || !is_stale(shop));
    soon("the server is ready", || shop.get("/readyz").no_key().send().status == 200);
    assert!(shop.get("/metrics").send().text.contains("shopwright_prices_stale 0\n"));
    // Each idle connection learns at its next use that it is dead, and answers 503 that once.
    soon("every connection is back", || {
        let touch = "UPDATE feeds SET version = version";
        (0..16).all(|_| shop.wait(shop.store.write(move |tx| tx.execute(touch, params![]))).is_ok())
    });
    shop.clock.advance(shopwright_domain::time::HOUR);
    shop.put("/v1/pricing/policies/sku/85123A")
        .json(&json!({ "pin_minor": 333 }))
        .send()
        .expect(200);
    shop.refresh(&shop.store);
    soon("prices move again", || shop.price_of("85123A") == 333);
}

#[test]
fn a_cut_line_to_the_database_leaves_prices_served_and_marked_stale() {
    on_postgres(STILL, |shop| {
        let proxy = shop.proxy.as_ref().unwrap();
        for _ in 0..2 {
            proxy.cut();
            check_served_from_memory(shop);
            // What is not in memory needs the ledger, and says that it is away.
            for path in [
                "/v1/prices/nothing",
                "/v1/prices/85123A/explain",
                "/v1/products",
                "/v1/stock/85123A",
            ] {
                shop.get(path).send().problem(503, "unavailable");
            }
            shop.put("/v1/pricing/freeze")
                .json(&json!({ "frozen": true }))
                .send()
                .problem(503, "unavailable");
            proxy.mend();
            soon("prices are fresh again", || !is_stale(shop));
        }
        check_recovered(shop);
    });
}

#[test]
fn a_broken_schema_leaves_prices_served_and_marked_stale() {
    on_sqlite(STILL, |shop| {
        let other = shop.another_process();
        let sql = |sql: &'static str| {
            shop.wait(other.write(move |tx| tx.execute(sql, params![]))).unwrap()
        };
        sql("ALTER TABLE feeds RENAME TO feeds_away");
        check_served_from_memory(shop);
        sql("ALTER TABLE feeds_away RENAME TO feeds");
        check_recovered(shop);
    });
}
