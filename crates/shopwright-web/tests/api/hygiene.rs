//! Faults of our own tell the caller nothing: no SQL, no table, no path, no key.

use serde_json::json;
use shopwright_domain::identity::Role;

use crate::client::Answer;
use crate::harness::{LOOPBACK, STILL, Shop, on_both};

/// The answer is a bare 500: the code's fixed text, the request id, and nothing else.
#[track_caller]
fn check_tells_nothing(shop: &Shop, answer: &Answer) {
    let problem = answer.problem(500, "internal");
    let expected = json!({
        "type": "/docs/errors#internal",
        "title": "Something went wrong on our side",
        "status": 500,
        "detail": "Try again; if it goes on, report the request id.",
        "request_id": answer.header("x-request-id"),
    });
    assert_eq!(problem, expected);
    assert!(!answer.text.contains(&shop.secret), "{}", answer.text);
}

fn check(damage: &'static str, requests: &[(&str, &str)]) {
    on_both(STILL, |shop| {
        let promotion = json!({
            "name": "Sale", "scope": "sku", "key": "22423", "factor": "0.9",
            "starts_at": "2026-11-24T12:00:00Z", "ends_at": "2026-11-25T12:00:00Z",
        });
        shop.post("/v1/promotions").json(&promotion).send().expect(201);
        shop.put("/v1/pricing/policies/sku/22423")
            .json(&json!({ "pin_minor": 1_300 }))
            .send()
            .expect(200);
        shop.sql(damage);
        for (method, path) in requests {
            let call = shop.call(method, path);
            let call = if *method == "PUT" { call.json(&json!({})) } else { call };
            check_tells_nothing(shop, &call.send());
        }
        // One bad row is no reason to stop serving.
        assert_eq!(shop.get("/v1/prices/85123A").send().status, 200);
    });
}

#[test]
fn a_damaged_record_of_a_price_tells_nothing() {
    check(
        "UPDATE prices SET decision = '[]' WHERE sku = '85123A'",
        &[("GET", "/v1/prices/85123A/explain")],
    );
}

#[test]
fn a_damaged_promotion_tells_nothing() {
    check("UPDATE promotions SET factor = '[]'", &[("GET", "/v1/promotions")]);
}

#[test]
fn a_damaged_layer_of_settings_tells_nothing() {
    check(
        "UPDATE pricing_policies SET patch = '{\"strategy\": \"gone\"}'",
        &[("GET", "/v1/prices/85123A/explain"), ("PUT", "/v1/pricing/policies/sku/85123A")],
    );
}

#[test]
fn a_damaged_product_tells_nothing() {
    check(
        "UPDATE products SET currency = 'EURO' WHERE sku = '85123A'",
        &[
            ("GET", "/v1/products"),
            ("GET", "/v1/products/85123A"),
            ("GET", "/v1/prices/85123A/explain"),
        ],
    );
}

#[test]
fn a_damaged_location_tells_nothing() {
    check(
        "UPDATE locations SET authority = 'EURO'",
        &[("GET", "/v1/stock/85123A"), ("GET", "/v1/stock/locations")],
    );
}

#[test]
fn a_missing_table_tells_nothing() {
    check(
        "ALTER TABLE price_decisions RENAME TO price_decisions_away",
        &[("GET", "/v1/prices/85123A/history"), ("GET", "/v1/prices/85123A/explain")],
    );
}

#[test]
fn a_page_that_cannot_be_made_tells_only_under_which_id_the_log_has_it() {
    on_both(LOOPBACK, |shop| {
        shop.sql("UPDATE products SET currency = 'EURO' WHERE sku = '85123A'");
        let owner = shop.browser_of(shop.operator("a@b", Role::Owner));
        for path in ["/", "/products/85123A"] {
            let page = owner.get(path);
            assert_eq!(page.status, 500, "{path}");
            let id = page.header("x-request-id");
            assert!(page.text.contains(&format!("<code>{id}</code>")), "{id}: {}", page.text);
            for cause in ["EURO", "corrupt", "SELECT", "products.currency"] {
                assert!(!page.text.contains(cause), "{cause}: {}", page.text);
            }
        }
    });
}
