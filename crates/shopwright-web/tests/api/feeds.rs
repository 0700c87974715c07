//! The feeds: every price as the API serves it at that moment.

use serde_json::json;

use crate::harness::{STILL, on_both};

#[test]
fn each_price_of_the_feeds_is_the_one_that_is_served_alone() {
    on_both(STILL, |shop| {
        let feed = shop.get("/v1/feeds/prices.json").send().expect(200);
        let rows = feed["prices"].as_array().unwrap();
        assert!(rows.len() >= 2, "{feed}");
        let skus: Vec<_> = rows.iter().map(|row| row["sku"].as_str().unwrap()).collect();
        assert!(skus.is_sorted(), "{skus:?}");
        let csv = shop.get("/v1/feeds/prices.csv").send();
        assert_eq!(csv.status, 200);
        let served =
            shop.post("/v1/prices/batch").json(&json!({ "skus": skus })).send().expect(200);
        for (row, alone) in rows.iter().zip(served["data"].as_array().unwrap()) {
            let sku = row["sku"].as_str().unwrap();
            for field in ["price", "lowest_30d", "decision_id", "changed_at"] {
                assert_eq!(row[field], alone[field], "{field} of {sku}");
            }
            let amount = alone["price"]["amount"].as_i64().unwrap();
            let price = format!(",{}.{:02},GBP,", amount / 100, amount % 100);
            let decision = alone["decision_id"].as_str().unwrap();
            let line = csv.text.split("\r\n").find(|line| line.contains(decision));
            assert!(line.is_some_and(|line| line.contains(&price)), "{sku}: {line:?}");
        }
        assert_eq!(csv.text.matches("\r\n").count(), rows.len() + 1);
        // A product off sale has no price in a feed either.
        shop.sql("UPDATE products SET status = 'draft' WHERE sku = '85123A'");
        shop.write(|tx| shopwright_store::catalog::show_prices_again(tx, &["85123A"]));
        let gone = || {
            let feed = shop.get("/v1/feeds/prices.json").send().expect(200);
            feed["prices"].as_array().unwrap().iter().all(|row| row["sku"] != "85123A")
        };
        for _ in 0..200 {
            if gone() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("a draft stays in the feed");
    });
}

#[test]
fn a_feed_that_did_not_change_is_not_sent_again() {
    on_both(STILL, |shop| {
        let first = shop.get("/v1/feeds/prices.csv").send();
        let tag = first.header("etag").to_owned();
        let again = shop.get("/v1/feeds/prices.csv").header("if-none-match", &tag).send();
        assert_eq!((again.status, again.text.as_str()), (304, ""));
        shop.put("/v1/pricing/policies/sku/85123A")
            .json(&json!({ "pin_minor": 412 }))
            .send()
            .expect(200);
        shop.clock.advance(shopwright_domain::time::HOUR);
        shop.refresh(&shop.store);
        for _ in 0..200 {
            let changed = shop.get("/v1/feeds/prices.csv").header("if-none-match", &tag).send();
            if changed.status == 200 {
                assert!(changed.text.contains("85123A,4.12,GBP"), "{}", changed.text);
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("a changed price is not in the feed");
    });
}
