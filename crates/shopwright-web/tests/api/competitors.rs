//! Competitors over HTTP, and what the shop's platform shows.

use serde_json::json;
use shopwright_domain::catalog::Sku;
use shopwright_domain::identity::Role;
use shopwright_domain::platforms::{Platform, VariantIds};
use shopwright_domain::time::HOUR;
use shopwright_store::listings::{self, Seen};

use crate::harness::{LIVELY, LOOPBACK, STILL, Shop, on_both, on_sqlite};

const PRICES: &str = "/v1/competitor_prices";

fn rival(amount: i64) -> serde_json::Value {
    json!({ "competitor": "rival", "sku": "85123A", "price": { "amount": amount, "currency": "GBP" } })
}

fn follow(shop: &Shop) {
    let policy = json!({
        "strategy": "rules", "preset": "standard", "dwell_minutes": 0, "inventory": [], "hours": [],
        "weekdays": [], "velocity": [], "competitor_corridor": { "against": "lowest", "max": "1" },
    });
    shop.put("/v1/pricing/policies/sku/85123A").json(&policy).send().expect(200);
}

#[test]
fn a_competitors_price_is_answered_by_ours_within_a_second() {
    on_both(LIVELY, |shop| {
        follow(shop);
        let before = shop.price_of("85123A");
        let theirs = before - before / 20;
        shop.clock.advance(2 * HOUR);
        let sent = std::time::Instant::now();
        let answer =
            shop.post(PRICES).json(&json!({ "prices": [rival(theirs)] })).send().expect(200);
        assert_eq!((&answer["taken"], &answer["failed"]), (&json!(1), &json!(0)));
        while shop.price_of("85123A") != theirs {
            assert!(
                sent.elapsed().as_millis() < 1_000,
                "{} is not {theirs}",
                shop.price_of("85123A")
            );
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        let known = shop.get(&format!("{PRICES}/85123A")).send().expect(200);
        assert_eq!(known["prices"][0]["verdict"], "used");
        assert_eq!(known["matches"][0]["confidence"], "1");
    });
}

#[test]
fn each_price_of_a_call_is_answered_and_a_call_without_any_good_one_is_refused() {
    on_both(STILL, |shop| {
        let base = shop.price_of("85123A");
        let far = base * 10;
        let list = json!({ "prices": [rival(base), rival(far), rival(base + 1)] });
        let answer = shop.post(PRICES).json(&list).send().expect(200);
        let results: Vec<_> =
            answer["data"].as_array().unwrap().iter().map(|r| r["result"].clone()).collect();
        assert_eq!(results, ["taken", "error", "known"]);
        assert_eq!(answer["data"][1]["errors"][0]["pointer"], "/price/amount");

        let refused = shop.post(PRICES).json(&json!({ "prices": [rival(far)] })).send();
        assert_eq!(refused.pointers(), ["/prices/0/price/amount"]);
        shop.clock.advance(HOUR);
        let mut forced = rival(far);
        forced["force"] = json!(true);
        shop.post(PRICES).json(&json!({ "prices": [forced] })).send().expect(200);
        assert_eq!(shop.post(PRICES).json(&json!({ "prices": [] })).send().pointers(), ["/prices"]);
    });
}

#[test]
fn competitors_and_matches_are_put_shown_and_refused_by_field() {
    on_both(STILL, |shop| {
        let path = "/v1/competitors/rival-1";
        shop.get(path).send().problem(404, "not_found");
        let made = shop.put(path).json(&json!({ "name": "Rival" })).send();
        assert_eq!(made.status, 201, "{}", made.text);
        let kept =
            shop.put(path).json(&json!({ "name": "Rival", "watched": false })).send().expect(200);
        assert_eq!((&kept["watched"], &kept["code"]), (&json!(false), &json!("rival-1")));
        assert_eq!(shop.put(path).json(&json!({ "name": "" })).send().pointers(), ["/name"]);
        let of_sku = format!("{path}/matches/85123A");
        let sure =
            json!({ "confidence": "0.6", "url": "https://rival.example/1", "confirmed": true });
        assert_eq!(shop.put(&of_sku).json(&sure).send().status, 201);
        let again = shop.put(&of_sku).json(&json!({ "confidence": "0.7" })).send().expect(200);
        assert_eq!(
            (&again["confirmed"], &again["url"]),
            (&json!(true), &json!("https://rival.example/1"))
        );
        let wrong = shop.put(&of_sku).json(&json!({ "confidence": "1.5" })).send();
        assert_eq!(wrong.pointers(), ["/confidence"]);
        shop.put(&format!("{path}/matches/NONE")).json(&sure).send().problem(404, "unknown_sku");
    });
}

#[test]
fn what_the_platform_shows_beside_our_price_is_reported_and_told_again_on_demand() {
    on_sqlite(LOOPBACK, |shop| {
        let (sku, at) = (Sku::parse("85123A").unwrap(), shop.clock_now());
        shop.write(move |tx| {
            let ids = VariantIds {
                product_id: "1".into(),
                variant_id: "11".into(),
                inventory_item_id: None,
            };
            let shown = Some((1, "GBP".parse().unwrap()));
            let platform = Platform::Shopify;
            listings::see(tx, &Seen { platform, ids: &ids, sku: &sku, shown, at })
        });
        shop.sql("UPDATE listings SET differs_since = shown_at");
        let report = shop.get("/v1/shop/drift").send().expect(200);
        let row = &report["data"][0];
        assert_eq!((&row["id"], &row["problem"]), (&json!("11"), &json!("different")));
        assert_eq!(row["ours"]["amount"], shop.price_of("85123A"));
        assert_eq!(row["shown"]["amount"], 1);
        let job = shop.post("/v1/shop/drift_check").json(&json!({})).send().expect(202);
        assert_eq!((&job["object"], &job["kind"]), (&json!("job"), &json!("shop.check_drift")));
        let again = shop.post("/v1/shop/publish_again").json(&json!({})).send().expect(200);
        assert_eq!(again["variants"], 1);
        let none = json!({ "sku": "NONE" });
        shop.post("/v1/shop/publish_again").json(&none).send().problem(404, "unknown_sku");
        let browser = shop.browser_of(shop.operator("staff@shop.example", Role::Staff));
        shop.sql("UPDATE listings SET differs_since = shown_at, shown_at = seen_at");
        let seen = browser.get("/shop").text;
        assert!(
            seen.contains("The shop shows another price.") && seen.contains("Publish again"),
            "{seen}"
        );
        let told = browser.fill("/shop", "/shop/publish-again", &[]);
        assert_eq!((told.status, told.header("location")), (303, "/shop?done=told"));
        let looked = browser.fill("/shop", "/shop/drift-check", &[]);
        assert_eq!((looked.status, looked.header("location")), (303, "/shop?done=look"));
        let reader = shop.browser_of(shop.operator("read@shop.example", Role::ReadOnly));
        assert!(!reader.get("/shop").text.contains("Publish again"));
    });
}
