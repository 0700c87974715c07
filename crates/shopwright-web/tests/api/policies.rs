//! Settings over HTTP: what is refused names the field and changes nothing; what is kept moves
//! prices within a second.

use serde_json::{Value, json};
use shopwright_domain::time::HOUR;

use crate::harness::{LIVELY, STILL, Shop, on_both, on_sqlite, soon};
use crate::seed::{HEART, HEART_COST};

const STORE: &str = "/v1/pricing/policies/store";
const HEART_PATH: &str = "/v1/pricing/policies/sku/85123A";

fn policies(shop: &Shop) -> Vec<Value> {
    shop.get("/v1/pricing/policies").send().expect(200)["data"].as_array().unwrap().clone()
}

#[test]
fn a_refused_layer_names_its_field_and_leaves_everything_as_it_was() {
    on_both(LIVELY, |shop| {
        let kept = json!({ "pin_minor": 310 });
        shop.put(HEART_PATH).json(&kept).send().expect(200);
        soon("the pin holds", || shop.price_of("85123A") == 310);
        let check = |body: Value, pointers: &[&str]| {
            assert_eq!(shop.put(HEART_PATH).json(&body).send().pointers(), pointers, "{body}");
        };
        check(
            json!({ "floor": { "amount_minor": 400 }, "ceiling": { "amount_minor": 300 } }),
            &["/floor"],
        );
        check(json!({ "floor": { "factor": "1.5" }, "ceiling": { "factor": "1.2" } }), &["/floor"]);
        // Of different kinds they only meet at the product's base price.
        check(
            json!({ "floor": { "amount_minor": 400 }, "ceiling": { "factor": "1.2" } }),
            &["/floor"],
        );
        check(json!({ "pin_minor": HEART_COST - 1 }), &["/pin_minor"]);
        check(json!({ "ceiling": { "amount_minor": HEART_COST - 1 } }), &["/floor", "/ceiling"]);
        check(json!({ "margin_min_bps": 6_000, "pin_minor": 374 }), &["/pin_minor"]);
        check(
            json!({ "dwell_minutes": -1, "step_day_bps": 0 }),
            &["/step_day_bps", "/dwell_minutes"],
        );
        check(json!({ "endings": ["99", "9\u{0}"] }), &["/endings/1"]);
        assert_eq!(
            policies(shop),
            [json!({
                "object": "pricing_policy",
                "id": "sku/85123A",
                "scope": "sku",
                "key": "85123A",
                "settings": kept,
                "updated_at": crate::harness::START,
            })]
        );
        assert_eq!(shop.price_of("85123A"), 310);
    });
}

#[test]
fn a_layer_that_cannot_be_read_is_pointed_at() {
    on_sqlite(STILL, |shop| {
        let check = |body: &str, pointer: &str| {
            for path in [STORE, HEART_PATH, "/v1/pricing/policies/category/Home"] {
                assert_eq!(shop.put(path).text(body).send().pointers(), [pointer], "{body}");
            }
        };
        check(r#"{"strategy":"clever"}"#, "/strategy");
        check(r#"{"preset":"wild"}"#, "/preset");
        check(r#"{"strategie":"rules"}"#, "/strategie");
        check(r#"{"floor":{"factor":"much"}}"#, "/floor/factor");
        check(r#"{"floor":{"factor":0.8}}"#, "/floor/factor");
        check(r#"{"floor":{"amount_minor":"9"}}"#, "/floor/amount_minor");
        check(r#"{"floor":{"price":9}}"#, "/floor");
        check(r#"{"floor":900}"#, "/floor");
        check(r#"{"pin_minor":2.5}"#, "/pin_minor");
        check(r#"{"pin_minor":99999999999999999999}"#, "/pin_minor");
        check(r#"{"inventory":[{"below":5,"factor":"1.1"},{"below":9}]}"#, "/inventory/1");
        check(r#"{"inventory":[{"below":5,"factor":"1.1","and":1}]}"#, "/inventory/0/and");
        check("[]", "");
        for path in [STORE, HEART_PATH] {
            shop.put(path).text("{").send().problem(400, "malformed_json");
            shop.put(path).body("text/plain", "{}").send().problem(415, "unsupported_media_type");
        }
        assert_eq!(policies(shop), Vec::<Value>::new());
    });
}

#[test]
fn a_scope_that_does_not_exist_is_not_found() {
    on_both(STILL, |shop| {
        let empty = json!({});
        shop.put("/v1/pricing/policies/sku/nothing")
            .json(&empty)
            .send()
            .problem(404, "unknown_sku");
        for path in ["sku/%00", "sku/a%0Ab", "brand/acme", "store/all", "category/%00"] {
            shop.put(&format!("/v1/pricing/policies/{path}"))
                .json(&empty)
                .send()
                .problem(404, "not_found");
            shop.call("DELETE", &format!("/v1/pricing/policies/{path}"))
                .send()
                .problem(404, "not_found");
        }
    });
}

#[test]
fn a_store_layer_is_refused_for_the_first_product_it_fails_for() {
    on_sqlite(STILL, |shop| {
        let answer = shop.put(STORE).json(&json!({ "pin_minor": 100 })).send();
        assert_eq!(answer.pointers(), ["/pin_minor"]);
        assert!(answer.json()["detail"].as_str().unwrap().contains("85123A"), "{}", answer.text);
    });
}

#[test]
fn prices_follow_their_settings_within_a_second() {
    on_both(LIVELY, |shop| {
        let kept = shop.put(HEART_PATH).json(&json!({ "pin_minor": 320 })).send().expect(200);
        assert_eq!(
            (&kept["scope"], &kept["key"], &kept["settings"]),
            (&json!("sku"), &json!("85123A"), &json!({ "pin_minor": 320 }))
        );
        soon("the pin holds", || shop.price_of("85123A") == 320);
        shop.clock.advance(HOUR);
        shop.put(STORE)
            .json(&json!({ "strategy": "rules", "preset": "playbook" }))
            .send()
            .expect(200);
        assert_eq!(shop.call("DELETE", HEART_PATH).send().status, 204);
        // From 320 the playbook's 356 is more than a step of 10 % away.
        soon("the rules hold", || shop.price_of("85123A") == 352);
        shop.call("DELETE", HEART_PATH).send().problem(404, "not_found");
        let price = shop.get("/v1/prices/85123A").send().expect(200);
        assert_eq!(price["strategy"], "rules");
        assert_eq!(price["playbook_price"]["amount"], 356);
    });
}

#[test]
fn a_category_layer_covers_what_is_below_it_and_a_sku_layer_wins_over_it() {
    on_both(LIVELY, |shop| {
        shop.put("/v1/pricing/policies/category/Home")
            .json(&json!({ "pin_minor": 330 }))
            .send()
            .expect(200);
        soon("the upper category holds", || shop.price_of("85123A") == 330);
        shop.put("/v1/pricing/policies/category/Home%2FCandles")
            .json(&json!({ "pin_minor": 340 }))
            .send()
            .expect(200);
        soon("the lower category wins", || shop.price_of("85123A") == 340);
        shop.put(HEART_PATH).json(&json!({ "pin_minor": 350 })).send().expect(200);
        soon("the product wins", || shop.price_of("85123A") == 350);
        let keys: Vec<_> = policies(shop).iter().map(|layer| layer["key"].clone()).collect();
        assert_eq!(keys, ["Home", "Home/Candles", "85123A"]);
        for path in ["category/Home%2FCandles", "sku/85123A"] {
            assert_eq!(
                shop.call("DELETE", &format!("/v1/pricing/policies/{path}")).send().status,
                204
            );
        }
        soon("what is left holds", || shop.price_of("85123A") == 330);
    });
}

#[test]
fn a_freeze_holds_every_price_until_it_is_lifted() {
    on_both(LIVELY, |shop| {
        let freeze = |frozen: bool| {
            let body = json!({ "frozen": frozen });
            assert_eq!(shop.put("/v1/pricing/freeze").json(&body).send().expect(200), body);
        };
        shop.put(STORE).json(&json!({ "margin_min_bps": 500 })).send().expect(200);
        freeze(true);
        shop.put(HEART_PATH).json(&json!({ "pin_minor": 320 })).send().expect(200);
        let factor =
            || shop.get("/v1/prices/85123A").send().expect(200)["reasons"][0]["factor"].clone();
        soon("the freeze is the reason", || factor() == "freeze");
        assert_eq!(shop.price_of("85123A"), HEART);
        freeze(false);
        soon("the pin holds", || shop.price_of("85123A") == 320);
        // The store's other settings were left as they are.
        let store = policies(shop).into_iter().find(|layer| layer["scope"] == "store").unwrap();
        assert_eq!(store["settings"], json!({ "freeze": false, "margin_min_bps": 500 }));
    });
}

#[test]
fn a_freeze_says_yes_or_no_and_nothing_else() {
    on_sqlite(STILL, |shop| {
        let check = |body: &str, pointer: &str| {
            assert_eq!(
                shop.put("/v1/pricing/freeze").text(body).send().pointers(),
                [pointer],
                "{body}"
            );
        };
        check("{}", "");
        check(r#"{"frozen":"yes"}"#, "/frozen");
        check(r#"{"frozen":null}"#, "/frozen");
        check(r#"{"frozen":true,"for":"1h"}"#, "/for");
        check("[true]", "");
        assert_eq!(policies(shop), Vec::<Value>::new());
    });
}
