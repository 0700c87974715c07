//! One price: its shape for servers and for browsers, and what happens to SKUs no URL likes.

use serde_json::{Value, json};
use shopwright_domain::time::SECOND;

use crate::client::escaped;
use crate::harness::{STILL, Shop, on_both, on_sqlite, soon};
use crate::seed::{CAKESTAND, HEART, ODD, odd_skus};

fn money(amount: i64) -> Value {
    json!({ "amount": amount, "currency": "GBP" })
}

/// The sum of base and effects, which must be the price.
#[track_caller]
fn check_sum(price: &Value) {
    let effects: i64 = price["reasons"]
        .as_array()
        .unwrap()
        .iter()
        .map(|reason| reason["effect_minor"].as_i64().unwrap())
        .sum();
    let amount = |field: &str| price[field]["amount"].as_i64().unwrap();
    assert_eq!(amount("base_price") + effects, amount("price"), "{price}");
}

#[test]
fn a_server_is_told_the_price_and_everything_behind_it() {
    on_both(STILL, |shop| {
        let price = shop.get("/v1/prices/85123A").send().expect(200);
        let decision = price["decision_id"].as_str().unwrap().to_owned();
        assert!(decision.starts_with("dec_"), "{decision}");
        assert_eq!(
            price,
            json!({
                "object": "price",
                "sku": "85123A",
                "price": money(HEART),
                "base_price": money(HEART),
                "currency": "GBP",
                "strategy": "fixed",
                "reasons": [{
                    "factor": "fixed",
                    "effect_minor": 0,
                    "signal": {},
                    "sentence": "The price is fixed at the base price.",
                }],
                "playbook_price": money(356),
                "lowest_30d": null,
                "decision_id": decision,
                "changed_at": "2026-11-24T12:00:00Z",
                "stale": false,
                "valid_until": "2026-11-24T12:15:00Z",
            })
        );
    });
}

#[test]
fn a_browser_is_told_the_price_without_the_shops_figures() {
    on_sqlite(STILL, |shop| {
        for sku in ["85123A", "22423", "NOBASE"] {
            let path = format!("/v1/prices/{sku}");
            let full = shop.get(&path).send().expect(200);
            let mut expected = full.clone();
            expected.as_object_mut().unwrap().remove("playbook_price");
            for reason in expected["reasons"].as_array_mut().unwrap() {
                let reason = reason.as_object_mut().unwrap();
                reason.remove("signal");
                assert!(reason.remove("sentence").is_some(), "{full}");
            }
            assert_eq!(shop.get(&path).key(&shop.publishable).send().expect(200), expected);
        }
    });
}

#[test]
fn a_browser_learns_nothing_more_from_a_damaged_record() {
    on_both(STILL, |shop| {
        shop.write(|tx| {
            let version = shopwright_store::feed::advance(tx, shopwright_store::Change::Prices)?;
            let damage =
                "UPDATE prices SET decision = '[]', feed_version = $1 WHERE sku = '85123A'";
            tx.execute(damage, shopwright_store::params![version])
        });
        let factor = |key: &str| {
            let price = shop.get("/v1/prices/85123A").key(key).send().expect(200);
            check_sum(&price);
            price["reasons"][0].clone()
        };
        soon("the damaged record is seen", || {
            factor(&shop.secret)["factor"] == "record_unreadable"
        });
        assert!(factor(&shop.secret)["sentence"].is_string());
        assert_eq!(
            factor(&shop.publishable),
            json!({ "factor": "record_unreadable", "effect_minor": 0 })
        );
    });
}

#[test]
fn base_price_and_effects_add_up_to_the_price() {
    on_both(STILL, |shop| {
        shop.put("/v1/pricing/policies/store")
            .json(&json!({ "strategy": "rules", "preset": "playbook", "step_change_bps": 100_000, "step_day_bps": 100_000, "dwell_minutes": 0 }))
            .send()
            .expect(200);
        shop.refresh(&shop.store);
        soon("rules decide", || shop.price_of("85123A") == 356);
        for sku in ["85123A", "22423"].map(ToOwned::to_owned).into_iter().chain(odd_skus()) {
            for key in [&shop.secret, &shop.publishable] {
                check_sum(
                    &shop.get(&format!("/v1/prices/{}", path_of(&sku))).key(key).send().expect(200),
                );
            }
        }
        let price = shop.get("/v1/prices/85123A").send().expect(200);
        let factors: Vec<_> =
            price["reasons"].as_array().unwrap().iter().map(|r| r["factor"].clone()).collect();
        assert_eq!(factors, ["demand", "inventory"], "{price}");
    });
}

#[test]
fn the_short_path_answers_like_the_long_one() {
    on_sqlite(STILL, |shop| {
        for (path, key) in
            [("85123A", &shop.secret), ("NOBASE", &shop.secret), ("85123A", &shop.publishable)]
        {
            let long = shop.get(&format!("/v1/prices/{path}")).key(key).send();
            let short = shop.get(&format!("/price/{path}")).key(key).send();
            assert_eq!((short.status, &short.text), (200, &long.text));
            assert_eq!(short.header("content-type"), "application/json");
        }
        shop.get("/price/nothing").send().problem(404, "unknown_sku");
        shop.get("/price/85123A").no_key().send().problem(401, "unauthorized");
    });
}

#[test]
fn a_product_without_a_base_price_has_no_invented_price() {
    on_both(STILL, |shop| {
        let price = shop.get("/v1/prices/NOBASE").send().expect(200);
        assert_eq!(
            price,
            json!({
                "object": "price",
                "sku": "NOBASE",
                "price": null,
                "base_price": null,
                "currency": "GBP",
                "strategy": null,
                "reasons": [{
                    "factor": "no_base_price",
                    "effect_minor": 0,
                    "sentence": "There is no base price to decide from; set one or import a history with prices.",
                }],
                "lowest_30d": null,
                "decision_id": null,
                "changed_at": null,
                "stale": false,
                "valid_until": "2026-11-24T12:15:00Z",
            })
        );
    });
}

#[test]
fn a_sku_nobody_sells_is_a_problem_that_names_it() {
    on_both(STILL, |shop| {
        let check = |path: &str, named: &str| {
            let problem =
                shop.get(&format!("/v1/prices/{path}")).send().problem(404, "unknown_sku");
            assert!(problem["detail"].as_str().unwrap().contains(named), "{problem}");
        };
        check("85123a", "85123a");
        check("85123A%20", "85123A ");
        check("a%2Fc", "a/c");
        // What no SKU can be is simply unknown.
        check("%00", "\0");
        check("a%00b", "a\0b");
        check("line%0Abreak", "line\nbreak");
        check(&"y".repeat(201), &"y".repeat(201));
    });
}

#[test]
fn a_path_that_is_not_utf8_is_a_problem_of_the_caller() {
    on_sqlite(STILL, |shop| {
        for path in [
            "/v1/prices/%ff",
            "/price/%ff",
            "/v1/prices/%ff/explain",
            "/v1/prices/%c3%28/history",
            "/v1/products/%ff",
            "/v1/stock/%ff",
        ] {
            shop.get(path).send().problem(400, "invalid_parameter");
        }
        let policy = json!({});
        shop.put("/v1/pricing/policies/sku/%ff")
            .json(&policy)
            .send()
            .problem(400, "invalid_parameter");
        shop.put("/v1/pricing/policies/%ff/a")
            .json(&policy)
            .send()
            .problem(400, "invalid_parameter");
        shop.call("DELETE", "/v1/pricing/policies/category/%ff")
            .send()
            .problem(400, "invalid_parameter");
        shop.post("/v1/promotions/%ff/end").send().problem(400, "invalid_parameter");
    });
}

#[test]
fn every_sku_a_shop_may_have_can_be_asked_for() {
    on_both(STILL, |shop| {
        for sku in odd_skus() {
            let priced = shop.get(&format!("/v1/prices/{}", path_of(&sku))).send().expect(200);
            assert_eq!((&priced["sku"], &priced["price"]["amount"]), (&json!(sku), &json!(ODD)));
            let escaped = path_of(&sku);
            for path in [
                format!("/v1/products/{escaped}"),
                format!("/v1/stock/{escaped}"),
                format!("/v1/prices/{escaped}/explain"),
            ] {
                assert_eq!(shop.get(&path).send().expect(200)["sku"], json!(sku), "{path}");
            }
        }
    });
}

/// A word that is also a route is reached by escaping one of its letters.
fn path_of(sku: &str) -> String {
    if sku == "batch" { "%62atch".to_owned() } else { escaped(sku) }
}

#[test]
fn a_price_is_good_for_fifteen_minutes_in_whole_seconds() {
    on_sqlite(STILL, |shop| {
        let until = || shop.get("/v1/prices/22423").send().expect(200)["valid_until"].clone();
        assert_eq!(until(), "2026-11-24T12:15:00Z");
        shop.clock.advance(SECOND - 1);
        assert_eq!(until(), "2026-11-24T12:15:00Z");
        shop.clock.advance(1);
        assert_eq!(until(), "2026-11-24T12:15:01Z");
        assert_eq!(shop.price_of("22423"), CAKESTAND);
    });
}

#[test]
fn a_request_id_is_repeated_when_harmless_and_made_up_otherwise() {
    on_sqlite(STILL, |shop| {
        let answered = |id: &str| {
            let answer = shop.get("/v1/prices/nothing").header("x-request-id", id).send();
            answer.problem(404, "unknown_sku");
            answer.header("x-request-id").to_owned()
        };
        let longest = "a".repeat(64);
        for harmless in ["abc-123", "A.b_c:D", longest.as_str()] {
            assert_eq!(answered(harmless), harmless);
        }
        let too_long = "a".repeat(65);
        for harmful in ["", "a b", "<script>", "a\"b", "a,b", "é", too_long.as_str()] {
            let made = answered(harmful);
            assert_ne!(made, harmful);
            check_made_id(&made);
        }
        check_made_up(shop);
    });
}

fn check_made_id(id: &str) {
    assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
}

fn check_made_up(shop: &Shop) {
    let id = || shop.get("/v1/prices/85123A").send().header("x-request-id").to_owned();
    let (one, other) = (id(), id());
    check_made_id(&one);
    assert_ne!(one, other);
}
