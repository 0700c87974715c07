//! Explanations, products and stock, as a server reads them.

use serde_json::{Value, json};
use shopwright_domain::time::{HOUR, Timestamp};

use crate::harness::{START, STILL, on_both};
use crate::seed::{HEART, HEART_COST};

#[test]
fn an_explanation_holds_everything_the_decision_was_made_from() {
    on_both(STILL, |shop| {
        let price = shop.get("/v1/prices/85123A").send().expect(200);
        let explained = shop.get("/v1/prices/85123A/explain").send().expect(200);
        for field in
            ["sku", "price", "base_price", "playbook_price", "strategy", "reasons", "decision_id"]
        {
            assert_eq!(explained[field], price[field], "{field}");
        }
        let expected = json!({
            "object": "price_explanation",
            "base_price_from": { "rule": "set_by_owner" },
            "held": false,
            "from_minor": null,
            "decided_at": START,
            "refreshes_since": 0,
            "refreshed_at": null,
        });
        for (field, value) in expected.as_object().unwrap() {
            assert_eq!(explained[field], *value, "{field}");
        }
        assert_eq!(explained["allowed"], json!({ "min_minor": 236, "max_minor": 590 }));
        let facts = &explained["facts"];
        assert_eq!(
            [&facts["cost_minor"], &facts["available"], &facts["units_7d"], &facts["units_28d"]],
            [&json!(HEART_COST), &json!(42), &json!(7), &json!(7)]
        );
        assert_eq!(explained["policy"]["strategy"], "fixed");
        assert_eq!(explained["policy"], explained["current_policy"]);
    });
}

#[test]
fn an_explanation_counts_refreshes_and_shows_settings_that_hold_now() {
    on_both(STILL, |shop| {
        let start: Timestamp = START.parse().unwrap();
        for _ in 0..3 {
            shop.clock.advance(HOUR);
            shop.refresh(&shop.store);
        }
        shop.put("/v1/pricing/policies/sku/85123A")
            .json(&json!({ "endings": ["99"] }))
            .send()
            .expect(200);
        let explained = shop.get("/v1/prices/85123A/explain").send().expect(200);
        assert_eq!(explained["refreshes_since"], 3, "{explained}");
        assert_eq!(explained["refreshed_at"], start.plus_micros(3 * HOUR).to_string());
        assert_eq!(explained["policy"]["endings"], json!([]));
        assert_eq!(explained["current_policy"]["endings"], json!(["99"]));
    });
}

#[test]
fn a_product_without_a_price_has_nothing_to_explain() {
    on_both(STILL, |shop| {
        let problem = shop.get("/v1/prices/NOBASE/explain").send().problem(404, "not_found");
        assert!(problem["detail"].as_str().unwrap().contains("no base price"), "{problem}");
        shop.get("/v1/prices/nothing/explain").send().problem(404, "unknown_sku");
    });
}

#[test]
fn a_product_is_shown_with_all_its_fields() {
    on_both(STILL, |shop| {
        let money = |amount: i64| json!({ "amount": amount, "currency": "GBP" });
        assert_eq!(
            shop.get("/v1/products/85123A").send().expect(200),
            json!({
                "object": "product",
                "sku": "85123A",
                "title": "WHITE HANGING HEART T-LIGHT HOLDER",
                "category": "Home/Candles",
                "kind": "physical",
                "currency": "GBP",
                "base_price": money(HEART),
                "base_price_from": { "rule": "set_by_owner" },
                "cost": money(HEART_COST),
                "map": null,
                "status": "active",
                "attributes": {},
                "updated_at": START,
            })
        );
        let bare = shop.get("/v1/products/NOBASE").send().expect(200);
        for field in ["category", "base_price", "base_price_from", "cost", "map"] {
            assert_eq!(bare[field], Value::Null, "{field}");
        }
        shop.get("/v1/products/nothing").send().problem(404, "unknown_sku");
        shop.get("/v1/products/%00").send().problem(404, "unknown_sku");
    });
}
