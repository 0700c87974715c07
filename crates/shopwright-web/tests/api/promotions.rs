//! Promotions over HTTP: made, listed, ended, and what they do to prices.

use serde_json::{Value, json};
use shopwright_domain::time::{DAY, HOUR};

use crate::harness::{LIVELY, STILL, Shop, on_both, soon};
use crate::seed::HEART;

const PATH: &str = "/v1/promotions";

fn sale(change: &Value) -> Value {
    let mut body = json!({
        "name": "Winter sale",
        "scope": "store",
        "factor": "0.9",
        "starts_at": "2026-11-24T12:00:00Z",
        "ends_at": "2026-11-25T12:00:00Z",
    });
    body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    body
}

fn make(shop: &Shop, change: &Value) -> Value {
    shop.post(PATH).json(&sale(change)).send().expect(201)
}

/// The gentle preset, in which promotions count, with prices free to move.
fn standard(shop: &Shop) {
    let standard = json!({ "strategy": "rules", "preset": "standard", "dwell_minutes": 0 });
    shop.put("/v1/pricing/policies/store").json(&standard).send().expect(200);
}

#[test]
fn a_promotion_is_answered_as_it_is_kept() {
    on_both(STILL, |shop| {
        let made = make(
            shop,
            &json!({ "scope": "category", "key": "Home", "factor": "0.850", "name": " Spring  " }),
        );
        let id = made["id"].as_str().unwrap().to_owned();
        assert!(id.starts_with("prm_"), "{id}");
        assert_eq!(
            made,
            json!({
                "object": "promotion",
                "id": id,
                "name": "Spring",
                "scope": "category",
                "key": "Home",
                "skus": [],
                "categories": [],
                "factor": "0.85",
                "percent_off": null,
                "amount_off": null,
                "price": null,
                "locks_price": false,
                "announced": false,
                "priority": 0,
                "stackable": false,
                "starts_at": "2026-11-24T12:00:00Z",
                "ends_at": "2026-11-25T12:00:00Z",
                "created_at": "2026-11-24T12:00:00Z",
            })
        );
        assert_eq!(shop.get(PATH).send().expect(200)["data"], json!([made]));
    });
}

#[test]
fn a_running_promotion_lowers_the_price_within_a_second_and_gives_it_back_at_its_end() {
    on_both(LIVELY, |shop| {
        standard(shop);
        let lowered = HEART * 9 / 10 + 1;
        make(shop, &json!({ "ends_at": "2026-11-24T18:00:00Z" }));
        soon("the promotion counts", || shop.price_of("85123A") == lowered);
        let price = shop.get("/v1/prices/85123A").send().expect(200);
        assert_eq!(price["lowest_30d"]["amount"], HEART, "{price}");
        assert!(
            price["reasons"]
                .as_array()
                .unwrap()
                .iter()
                .any(|reason| reason["factor"] == "promotion"),
            "{price}"
        );
        // Without a cost no rule moves a price.
        assert_eq!(shop.price_of("22423"), crate::seed::CAKESTAND);
        shop.clock.advance(6 * HOUR - 1);
        shop.refresh(&shop.store);
        assert_eq!(shop.price_of("85123A"), lowered);
        shop.clock.advance(1);
        shop.refresh(&shop.store);
        soon("the promotion is over", || shop.price_of("85123A") > lowered);
    });
}

#[test]
fn a_promotion_that_is_ended_stops_counting_within_a_second() {
    on_both(LIVELY, |shop| {
        standard(shop);
        let id = make(shop, &json!({ "scope": "sku", "key": "85123A" }))["id"]
            .as_str()
            .unwrap()
            .to_owned();
        soon("the promotion counts", || shop.price_of("85123A") < HEART);
        shop.clock.advance(HOUR);
        let end = || shop.post(&format!("{PATH}/{id}/end")).send();
        assert_eq!(end().status, 204);
        soon("the promotion is over", || shop.price_of("85123A") > HEART * 9 / 10 + 1);
        end().problem(404, "not_found");
        assert_eq!(shop.get(PATH).send().expect(200)["data"][0]["ends_at"], "2026-11-24T13:00:00Z");
    });
}

#[test]
fn a_promotion_to_come_can_be_cancelled_before_it_starts() {
    on_both(STILL, |shop| {
        let body =
            json!({ "starts_at": "2026-12-01T00:00:00Z", "ends_at": "2026-12-24T00:00:00Z" });
        let id = make(shop, &body)["id"].as_str().unwrap().to_owned();
        assert_eq!(shop.post(&format!("{PATH}/{id}/end")).send().status, 204);
        shop.clock.advance(10 * DAY);
        shop.post(&format!("{PATH}/{id}/end")).send().problem(404, "not_found");
    });
}

#[test]
fn an_end_for_something_else_is_not_found() {
    on_both(STILL, |shop| {
        for id in [
            "prm_01h455vb4pex5vsknk084sn02q",
            "dec_01h455vb4pex5vsknk084sn02q",
            "1",
            "%00",
            "a%2Fb",
        ] {
            shop.post(&format!("{PATH}/{id}/end")).send().problem(404, "not_found");
        }
    });
}

#[test]
fn what_does_not_fit_is_pointed_at_and_nothing_is_made() {
    on_both(STILL, |shop| {
        let check = |change: Value, pointer: &str| {
            let answer = shop.post(PATH).json(&sale(&change)).send();
            assert_eq!(answer.pointers(), [pointer], "{change}: {}", answer.text);
        };
        check(json!({ "ends_at": "2026-11-24T12:00:00Z" }), "/ends_at");
        check(json!({ "starts_at": "2026-11-26T00:00:00Z" }), "/ends_at");
        check(
            json!({ "starts_at": "2026-11-20T00:00:00Z", "ends_at": "2026-11-23T00:00:00Z" }),
            "/ends_at",
        );
        check(json!({ "starts_at": "soon" }), "/starts_at");
        check(json!({ "starts_at": "2026-11-24" }), "/starts_at");
        check(json!({ "ends_at": 1_800_000_000 }), "/ends_at");
        for factor in
            ["0", "-0.5", "10.1", "0.9x", "", "NaN", "1e-1", &format!("0.{}1", "0".repeat(100))]
        {
            check(json!({ "factor": factor }), "/factor");
        }
        check(json!({ "factor": 0.9 }), "/factor");
        for name in ["", "  ", "a\0b", &"n".repeat(201)] {
            check(json!({ "name": name }), "/name");
        }
        check(json!({ "scope": "brand" }), "/scope");
        check(json!({ "scope": "sku" }), "/scope");
        check(json!({ "scope": "category", "key": "a\0b" }), "/key");
        check(json!({ "key": "85123A" }), "/scope");
        check(json!({ "locks_price": "yes" }), "/locks_price");
        check(json!({ "rank": 1 }), "/rank");
        check(json!({ "priority": 1_001 }), "/priority");
        check(json!({ "skus": ["85123A"] }), "/scope");
        check(json!({ "scope": null, "categories": [""] }), "/skus");
        check(json!({ "scope": null }), "/scope");
        check(json!({ "percent_off": "10" }), "/factor");
        check(json!({ "factor": null }), "/factor");
        for percent in ["0", "100", "-1", "x"] {
            check(json!({ "factor": null, "percent_off": percent }), "/percent_off");
        }
        let free = json!({ "amount": 0, "currency": "GBP" });
        check(json!({ "factor": null, "price": free }), "/amount_off");
        shop.post(PATH)
            .json(&sale(&json!({ "scope": "sku", "key": "nothing" })))
            .send()
            .problem(404, "unknown_sku");
        let mut nameless = sale(&json!({}));
        nameless.as_object_mut().unwrap().remove("name");
        assert_eq!(shop.post(PATH).json(&nameless).send().pointers(), [""]);
        assert_eq!(shop.get(PATH).send().expect(200)["data"], json!([]));
    });
}

#[test]
fn times_at_the_ends_of_the_calendar_are_kept_or_refused_but_never_a_fault() {
    on_both(STILL, |shop| {
        let kept = make(
            shop,
            &json!({ "starts_at": "0000-01-01T00:00:00Z", "ends_at": "9999-12-30T22:00:00.999999Z" }),
        );
        assert_eq!(shop.get(PATH).send().expect(200)["data"], json!([kept]));
        for starts_at in
            ["-000001-12-31T23:59:59Z", "-004714-01-01T00:00:00Z", "-009999-01-02T02:00:00Z"]
        {
            assert_eq!(
                shop.post(PATH).json(&sale(&json!({ "starts_at": starts_at }))).send().pointers(),
                ["/starts_at"]
            );
        }
    });
}

#[test]
fn promotions_are_listed_newest_first_in_pages() {
    on_both(STILL, |shop| {
        let made: Vec<Value> = (0..5)
            .map(|n| make(shop, &json!({ "name": format!("Sale {n}") }))["id"].clone())
            .collect();
        let newest: Vec<&Value> = made.iter().rev().collect();
        let page = |query: &str| {
            let list = shop.get(&format!("{PATH}{query}")).send().expect(200);
            let ids: Vec<Value> =
                list["data"].as_array().unwrap().iter().map(|row| row["id"].clone()).collect();
            (ids, list["has_more"].as_bool().unwrap())
        };
        let cut = |from: usize, until: usize| {
            newest[from..until].iter().map(|id| (*id).clone()).collect::<Vec<_>>()
        };
        assert_eq!(page(""), (cut(0, 5), false));
        assert_eq!(page("?limit=2"), (cut(0, 2), true));
        let after = |place: usize| newest[place].as_str().unwrap();
        assert_eq!(page(&format!("?limit=2&starting_after={}", after(1))), (cut(2, 4), true));
        assert_eq!(page(&format!("?limit=2&starting_after={}", after(3))), (cut(4, 5), false));
        for cursor in ["dec_01h455vb4pex5vsknk084sn02q", "x", "", "%00"] {
            shop.get(&format!("{PATH}?starting_after={cursor}"))
                .send()
                .problem(400, "invalid_parameter");
        }
    });
}

#[test]
fn a_promotion_can_be_changed_until_it_starts() {
    on_both(STILL, |shop| {
        let times =
            json!({ "starts_at": "2026-11-25T12:00:00Z", "ends_at": "2026-11-26T12:00:00Z" });
        let id = make(shop, &times)["id"].as_str().unwrap().to_owned();
        let path = format!("{PATH}/{id}");
        let read = shop.get(&path).send();
        assert_eq!(read.expect(200)["factor"], "0.9");
        let mut next = sale(&times);
        next.as_object_mut().unwrap().remove("factor");
        next.as_object_mut().unwrap().remove("scope");
        next["percent_off"] = json!("12.5");
        next["skus"] = json!(["85123A", "22423"]);
        next["categories"] = json!(["Home"]);
        (next["priority"], next["stackable"], next["announced"]) =
            (json!(3), json!(true), json!(true));
        let put = |tag: &str| shop.put(&path).header("if-match", tag).json(&next).send();
        let changed = put(read.header("etag"));
        let view = changed.expect(200);
        for field in ["percent_off", "skus", "categories", "priority", "stackable", "announced"] {
            assert_eq!(view[field], next[field], "{field}");
        }
        assert_eq!((&view["scope"], &view["factor"]), (&json!("several"), &Value::Null));
        assert_eq!(shop.get(&path).send().expect(200), view);
        put(read.header("etag")).problem(412, "precondition_failed");
        shop.clock.advance(DAY);
        put(changed.header("etag")).problem(409, "promotion_started");
        for missing in ["prm_01h455vb4pex5vsknk084sn02q", "x"] {
            shop.get(&format!("{PATH}/{missing}")).send().problem(404, "not_found");
            shop.put(&format!("{PATH}/{missing}")).json(&next).send().problem(404, "not_found");
        }
    });
}

#[test]
fn promotions_are_filtered_by_time_and_scope_in_pages_both_ways() {
    on_both(STILL, |shop| {
        let tomorrow =
            json!({ "starts_at": "2026-11-25T12:00:00Z", "ends_at": "2026-11-26T12:00:00Z" });
        let mut later = tomorrow.clone();
        (later["scope"], later["key"]) = (json!("sku"), json!("85123A"));
        let id = |made: Value| made["id"].as_str().unwrap().to_owned();
        let ids = [make(shop, &json!({})), make(shop, &tomorrow), make(shop, &later)].map(id);
        let list = |query: &str| -> Vec<String> {
            let list = shop.get(&format!("{PATH}?{query}")).send().expect(200);
            let data = list["data"].as_array().unwrap();
            data.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(list("active_at=2026-11-24T12:00:00Z"), ids[..1]);
        assert_eq!(list("active_at=2026-11-25T12:00:00Z"), [ids[2].clone(), ids[1].clone()]);
        assert_eq!(list("scope=sku"), ids[2..]);
        assert_eq!(list(&format!("limit=1&ending_before={}", ids[0])), ids[1..2]);
        for wrong in ["scope=brand", "active_at=soon"] {
            shop.get(&format!("{PATH}?{wrong}")).send().problem(400, "invalid_parameter");
        }
    });
}
