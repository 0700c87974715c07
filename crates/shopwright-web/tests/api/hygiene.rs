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

#[test]
fn what_shows_a_person_or_the_shop_is_stored_by_no_cache_and_prices_may_be() {
    on_both(STILL, |shop| {
        let person = json!({ "name": "Jane", "email": "jane@shop.example" });
        let put = shop.put("/v1/customers/c-1").json(&person).send();
        assert_eq!((put.status, put.header("cache-control")), (201, "no-store"));
        for path in [
            "/v1/customers",
            "/v1/customers/c-1",
            "/v1/customers/c-1/export",
            "/v1/customers/nobody",
            "/v1/orders",
            "/v1/audit",
            "/v1/keys",
            "/v1/webhook_endpoints",
            "/v1/products",
        ] {
            let answer = shop.get(path).send();
            assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        }
        let refused = shop.get("/v1/customers/c-1").no_key().send();
        assert_eq!((refused.status, refused.header("cache-control")), (401, "no-store"));
        assert_eq!(shop.get("/v1/prices/85123A").send().header("cache-control"), "");
    });
}

#[test]
fn names_that_run_from_right_to_left_stay_in_their_own_place() {
    on_both(LOOPBACK, |shop| {
        let owner = shop.browser_of(shop.operator("a@b", Role::Owner));
        for title in ["\u{202e}gnp.exe", "\u{5e9}\u{5dc}\u{5d5}\u{5dd} (1)"] {
            let product = json!({ "title": title, "currency": "GBP" });
            let put = shop.put("/v1/products/rtl").json(&product).send();
            assert!(put.status < 300, "{put:?}");
            // `dir=auto` isolates: no override reaches the text beside it.
            let page = owner.get("/products/rtl").text;
            assert!(page.contains(&format!("<h1 dir=\"auto\">{title}")), "{page}");
            let list = owner.get("/?q=rtl").text;
            let row = list.split_once("class=\"product-title\" dir=\"auto\"").map(|(_, row)| row);
            assert!(row.is_some_and(|row| row.contains(title)), "{list}");
        }
    });
}
