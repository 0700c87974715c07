//! Locations and deliveries over HTTP.

use serde_json::{Value, json};

use crate::harness::{STILL, Shop, on_both};

const DELIVERIES: &str = "/v1/stock/deliveries";

fn put(shop: &Shop, name: &str, body: &Value) -> crate::client::Answer {
    shop.put(&format!("/v1/stock/locations/{name}")).json(body).send()
}

#[test]
fn a_location_is_made_once_and_changed_afterwards() {
    on_both(STILL, |shop| {
        let made =
            put(shop, "west", &json!({ "authority": "external", "priority": 3 })).expect(201);
        assert_eq!(
            made,
            json!({
                "object": "stock_location",
                "location": "west",
                "authority": "external",
                "priority": 3,
                "created_at": "2026-11-24T12:00:00Z",
            })
        );
        put(shop, "west", &json!({ "authority": "ours", "priority": 7 })).expect(200);
        let west = shop.get("/v1/stock/locations/west").send().expect(200);
        assert_eq!((&west["authority"], &west["priority"]), (&json!("ours"), &json!(7)));
        let list = shop.get("/v1/stock/locations").send().expect(200);
        let names: Vec<&Value> =
            list["data"].as_array().unwrap().iter().map(|row| &row["location"]).collect();
        assert_eq!(names, ["main", "west"]);
        shop.get("/v1/stock/locations/moon").send().problem(404, "not_found");
        for odd in ["a%20b", "a%3Ab", "%00", &"n".repeat(61)] {
            let body = json!({ "authority": "ours", "priority": 7 });
            put(shop, odd, &body).problem(404, "not_found");
            shop.get(&format!("/v1/stock/locations/{odd}")).send().problem(404, "not_found");
        }
        let check = |body: Value, pointer: &str| {
            assert_eq!(put(shop, "west", &body).pointers(), [pointer], "{body}");
        };
        check(json!({ "authority": "mine", "priority": 1 }), "/authority");
        check(json!({ "authority": "ours", "priority": -1 }), "/priority");
        check(json!({ "authority": "ours", "priority": 1_000_001 }), "/priority");
        check(json!({ "authority": "ours", "priority": 1, "name": "x" }), "/name");
    });
}

#[test]
fn a_reservation_ships_from_the_location_that_has_everything() {
    on_both(STILL, |shop| {
        put(shop, "west", &json!({ "authority": "ours", "priority": 3 })).expect(201);
        for (sku, quantity) in [("85123A", 50), ("22423", 5)] {
            let body = json!({ "location": "west", "quantity": quantity, "reference": "opening" });
            shop.post(&format!("/v1/stock/{sku}/counts")).json(&body).send().expect(201);
        }
        let wish = json!({ "lines": [
            { "sku": "85123A", "quantity": 10 }, { "sku": "22423", "quantity": 2 },
        ]});
        let made = shop.post("/v1/reservations").json(&wish).send().expect(201);
        let places: Vec<&Value> =
            made["lines"].as_array().unwrap().iter().map(|line| &line["location"]).collect();
        assert_eq!(places, ["west", "west"]);
        let stock = shop.get("/v1/stock/85123A").send().expect(200);
        assert_eq!(
            (&stock["on_hand"], &stock["reserved"], &stock["available_to_sell"]),
            (&json!(92), &json!(10), &json!(82))
        );
    });
}

fn announce(shop: &Shop, quantity: i64, due: &str) -> String {
    let body = json!({ "sku": "85123A", "quantity": quantity, "due_at": due });
    let made = shop.post(DELIVERIES).json(&body).send().expect(201);
    made["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_delivery_is_announced_received_once_and_on_the_shelf() {
    on_both(STILL, |shop| {
        let id = announce(shop, 10, "2026-12-01T09:00:00Z");
        assert_eq!(
            shop.get(DELIVERIES).send().expect(200)["data"],
            json!([{
                "object": "stock_delivery", "id": id, "sku": "85123A", "location": "main",
                "quantity": 10, "due_at": "2026-12-01T09:00:00Z", "state": "expected",
                "received": null, "created_at": "2026-11-24T12:00:00Z", "closed_at": null,
            }])
        );
        let stock = |field: &str| shop.get("/v1/stock/85123A").send().expect(200)[field].clone();
        assert_eq!(stock("next_delivery_at"), "2026-12-01T09:00:00Z");
        let receive =
            |body: Value| shop.post(&format!("{DELIVERIES}/{id}/receive")).json(&body).send();
        assert_eq!(receive(json!({ "quantity": 0 })).pointers(), ["/quantity"]);
        for _ in 0..2 {
            let came = receive(json!({ "quantity": 9 })).expect(200);
            assert_eq!((&came["state"], &came["received"]), (&json!("received"), &json!(9)));
        }
        receive(json!({})).expect(200);
        receive(json!({ "quantity": 10 })).problem(409, "delivery_closed");
        shop.post(&format!("{DELIVERIES}/{id}/cancel")).send().problem(409, "delivery_closed");
        assert_eq!((stock("on_hand"), stock("next_delivery_at")), (json!(51), Value::Null));
    });
}

#[test]
fn a_delivery_can_be_called_off() {
    on_both(STILL, |shop| {
        let id = announce(shop, 10, "2026-12-01T09:00:00Z");
        for _ in 0..2 {
            let off = shop.post(&format!("{DELIVERIES}/{id}/cancel")).send().expect(200);
            assert_eq!((&off["state"], &off["received"]), (&json!("canceled"), &Value::Null));
        }
        shop.post(&format!("{DELIVERIES}/{id}/receive"))
            .json(&json!({}))
            .send()
            .problem(409, "delivery_closed");
        for odd in ["dlv_01h455vb4pex5vsknk084sn02q", "1"] {
            shop.post(&format!("{DELIVERIES}/{odd}/cancel")).send().problem(404, "not_found");
            shop.post(&format!("{DELIVERIES}/{odd}/receive"))
                .json(&json!({}))
                .send()
                .problem(404, "not_found");
        }
    });
}

#[test]
fn a_delivery_that_does_not_fit_is_pointed_at() {
    on_both(STILL, |shop| {
        let with = |change: Value| {
            let mut body =
                json!({ "sku": "85123A", "quantity": 1, "due_at": "2026-12-01T09:00:00Z" });
            body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            shop.post(DELIVERIES).json(&body).send()
        };
        assert_eq!(with(json!({ "quantity": 0 })).pointers(), ["/quantity"]);
        assert_eq!(with(json!({ "location": "moon" })).pointers(), ["/location"]);
        assert_eq!(with(json!({ "due_at": "soon" })).pointers(), ["/due_at"]);
        assert_eq!(with(json!({ "due_at": "-000001-12-31T23:59:59Z" })).pointers(), ["/due_at"]);
        assert_eq!(with(json!({ "state": "received" })).pointers(), ["/state"]);
        with(json!({ "sku": "nothing" })).problem(404, "unknown_sku");
        let id = with(json!({ "sku": "22423" })).expect(201)["id"].as_str().unwrap().to_owned();
        shop.post(&format!("{DELIVERIES}/{id}/receive"))
            .json(&json!({}))
            .send()
            .problem(409, "not_counted");
    });
}

#[test]
fn deliveries_are_listed_newest_first_in_pages() {
    on_both(STILL, |shop| {
        let mut newest: Vec<String> =
            (1..5).map(|n| announce(shop, n, "2026-12-01T09:00:00Z")).collect();
        newest.reverse();
        let page = |query: String| {
            let list = shop.get(&format!("{DELIVERIES}{query}")).send().expect(200);
            let ids: Vec<String> = list["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|row| row["id"].as_str().unwrap().to_owned())
                .collect();
            (ids, list["has_more"].as_bool().unwrap())
        };
        assert_eq!(page("?limit=3".into()), (newest[..3].to_vec(), true));
        assert_eq!(page(format!("?starting_after={}", newest[2])), (newest[3..].to_vec(), false));
        assert_eq!(
            page(format!("?limit=2&ending_before={}", newest[3])),
            (newest[1..3].to_vec(), true)
        );
        shop.get(&format!("{DELIVERIES}?starting_after=x"))
            .send()
            .problem(400, "invalid_parameter");
    });
}
