//! Stock over HTTP: what lies where, counts, movements and their list.

use serde_json::{Value, json};

use crate::client::escaped;
use crate::harness::{STILL, Shop, on_both};

fn stock(shop: &Shop, sku: &str) -> Value {
    shop.get(&format!("/v1/stock/{sku}")).send().expect(200)
}

fn movements(shop: &Shop, body: &Value) -> crate::client::Answer {
    shop.post("/v1/stock/85123A/movements").json(body).send()
}

fn counts(shop: &Shop, sku: &str, body: &Value) -> crate::client::Answer {
    shop.post(&format!("/v1/stock/{sku}/counts")).json(body).send()
}

#[test]
fn stock_is_a_count_where_it_is_tracked_and_unknown_elsewhere() {
    on_both(STILL, |shop| {
        assert_eq!(
            stock(shop, "85123A"),
            json!({
                "object": "stock",
                "sku": "85123A",
                "tracked": true,
                "on_hand": 42,
                "reserved": 0,
                "committed": 0,
                "available_to_sell": 42,
                "backorder": false,
                "next_delivery_at": null,
                "levels": [{
                    "location": "main",
                    "authority": "ours",
                    "on_hand": 42,
                    "reserved": 0,
                    "committed": 0,
                    "available_to_sell": 42,
                    "oversold_by": 0,
                    "next_delivery_at": null,
                    "counted_at": "2026-11-23T12:00:00Z",
                }],
            })
        );
        assert_eq!(
            stock(shop, "22423"),
            json!({
                "object": "stock", "sku": "22423", "tracked": false, "on_hand": null, "reserved": null,
                "committed": null, "available_to_sell": null, "backorder": false,
                "next_delivery_at": null, "levels": [],
            })
        );
        shop.get("/v1/stock/nothing").send().problem(404, "unknown_sku");
        // A SKU named like a path is one all the same.
        shop.get("/v1/stock/%6cocations").send().problem(404, "unknown_sku");
    });
}

#[test]
fn backorder_is_a_setting_of_the_product() {
    on_both(STILL, |shop| {
        let put = |allowed: bool| {
            let body = json!({ "backorder": allowed });
            shop.put("/v1/stock/85123A").json(&body).send().expect(200)["backorder"].clone()
        };
        assert_eq!((put(true), put(true), put(false)), (json!(true), json!(true), json!(false)));
        let answer = shop.put("/v1/stock/85123A").json(&json!({ "backorder": "yes" })).send();
        assert_eq!(answer.pointers(), ["/backorder"]);
        shop.put("/v1/stock/nothing")
            .json(&json!({ "backorder": true }))
            .send()
            .problem(404, "unknown_sku");
    });
}

#[test]
fn a_movement_is_made_once_and_shows_the_level() {
    on_both(STILL, |shop| {
        let body = json!({ "reason": "receipt", "quantity": 8, "reference": "PO-1" });
        let made = movements(shop, &body).expect(201);
        assert_eq!(
            made["movement"],
            json!({
                "object": "stock_movement",
                "id": "main:receipt:PO-1",
                "sku": "85123A",
                "location": "main",
                "reason": "receipt",
                "reference": "PO-1",
                "quantity": 8,
                "at": "2026-11-24T12:00:00Z",
            })
        );
        assert_eq!(made["level"]["on_hand"], 50);
        assert_eq!(movements(shop, &body).expect(200), made, "said again");
        let other = json!({ "reason": "receipt", "quantity": 9, "reference": "PO-1" });
        movements(shop, &other).problem(409, "reference_taken");
        let gone = json!({ "reason": "written_off", "quantity": -51, "reference": "fire" });
        movements(shop, &gone).problem(409, "not_on_shelf");
        assert_eq!(stock(shop, "85123A")["on_hand"], 50);
    });
}

#[test]
fn a_loss_of_promised_pieces_is_booked_and_shows_how_much_is_oversold() {
    on_both(STILL, |shop| {
        let wish = json!({ "lines": [{ "sku": "85123A", "quantity": 40 }] });
        shop.post("/v1/reservations").json(&wish).send().expect(201);
        let lost = json!({ "reason": "written_off", "quantity": -12, "reference": "flood" });
        let level = movements(shop, &lost).expect(201)["level"].clone();
        assert_eq!(
            (&level["on_hand"], &level["available_to_sell"], &level["oversold_by"]),
            (&json!(30), &json!(-10), &json!(10))
        );
        assert_eq!(stock(shop, "85123A")["available_to_sell"], 0);
    });
}

#[test]
fn a_count_starts_tracking_and_later_corrects() {
    on_both(STILL, |shop| {
        let count = |quantity: i64, reference: &str| {
            counts(shop, "22423", &json!({ "quantity": quantity, "reference": reference }))
        };
        let opened = count(5, "opening").expect(201);
        assert_eq!(
            (&opened["movement"]["reason"], &opened["level"]["on_hand"]),
            (&json!("opening_count"), &json!(5))
        );
        assert_eq!(count(5, "opening").expect(200), opened);
        assert_eq!(count(5, "same").expect(201)["movement"], Value::Null);
        let fewer = count(3, "fewer").expect(201);
        assert_eq!(
            (&fewer["movement"]["reason"], &fewer["movement"]["quantity"]),
            (&json!("recount"), &json!(-2))
        );
        count(4, "fewer").problem(409, "reference_taken");
        assert_eq!(stock(shop, "22423")["on_hand"], 3);
    });
}

#[test]
fn what_does_not_fit_is_pointed_at_and_moves_nothing() {
    on_both(STILL, |shop| {
        let check = |path: &str, body: Value, pointer: &str| {
            let answer = shop.post(&format!("/v1/stock/85123A/{path}")).json(&body).send();
            assert_eq!(answer.pointers(), [pointer], "{path} {body}: {}", answer.text);
        };
        let move_by = |reason: &str, quantity: i64| json!({ "reason": reason, "quantity": quantity, "reference": "x" });
        check("movements", move_by("receipt", -1), "/quantity");
        check("movements", move_by("written_off", 1), "/quantity");
        check("movements", move_by("correction", 0), "/quantity");
        check("movements", move_by("shipment", -1), "/reason");
        check(
            "movements",
            json!({ "reason": "receipt", "quantity": 1, "reference": "" }),
            "/reference",
        );
        check(
            "movements",
            json!({ "reason": "receipt", "quantity": 1, "reference": "x", "location": "moon" }),
            "/location",
        );
        check(
            "movements",
            json!({ "reason": "receipt", "quantity": 1, "reference": "x", "at": 1 }),
            "/at",
        );
        check("counts", json!({ "quantity": -1, "reference": "x" }), "/quantity");
        check("counts", json!({ "quantity": 1, "reference": "a\u{0}" }), "/reference");
        check("counts", json!({ "quantity": 1, "reference": "x", "location": "" }), "/location");
        check("counts", json!({ "quantity": 1 }), "");
        let unknown = json!({ "quantity": 1, "reference": "x" });
        counts(shop, "nothing", &unknown).problem(404, "unknown_sku");
        shop.post("/v1/stock/22423/movements")
            .json(&move_by("receipt", 1))
            .send()
            .problem(409, "not_counted");
        assert_eq!(stock(shop, "85123A")["on_hand"], 42);
    });
}

#[test]
fn movements_are_listed_newest_first_in_pages_both_ways() {
    on_both(STILL, |shop| {
        for n in 0..4 {
            shop.clock.advance(1);
            let body =
                json!({ "reason": "receipt", "quantity": 1, "reference": format!("PO:{n}") });
            movements(shop, &body).expect(201);
        }
        let all = [
            "main:receipt:PO:3",
            "main:receipt:PO:2",
            "main:receipt:PO:1",
            "main:receipt:PO:0",
            "main:opening_count:",
        ];
        let page = |query: &str| {
            let list = shop.get(&format!("/v1/stock/85123A/movements{query}")).send().expect(200);
            let ids: Vec<String> = list["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|row| row["id"].as_str().unwrap().to_owned())
                .collect();
            (ids, list["has_more"].as_bool().unwrap())
        };
        let cut = |from: usize, until: usize| -> Vec<String> {
            all[from..until].iter().map(|id| (*id).to_owned()).collect()
        };
        assert_eq!(page(""), (cut(0, 5), false));
        let at = |cursor: &str, place: usize| format!("?limit=2&{cursor}={}", escaped(all[place]));
        assert_eq!(page("?limit=2"), (cut(0, 2), true));
        assert_eq!(page(&at("starting_after", 1)), (cut(2, 4), true));
        assert_eq!(page(&at("starting_after", 3)), (cut(4, 5), false));
        assert_eq!(page(&at("ending_before", 3)), (cut(1, 3), true));
        assert_eq!(page(&at("ending_before", 1)), (cut(0, 1), false));
        for odd in ["x", "main:receipt:none", "a:b", "%00:a:b", ""] {
            shop.get(&format!("/v1/stock/85123A/movements?starting_after={odd}"))
                .send()
                .problem(400, "invalid_parameter");
        }
        shop.get("/v1/stock/nothing/movements").send().problem(404, "unknown_sku");
        assert_eq!(
            shop.get("/v1/stock/22423/movements").send().expect(200)["data"],
            json!([]),
            "untracked"
        );
    });
}
