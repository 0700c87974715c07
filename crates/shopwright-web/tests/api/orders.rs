//! Orders taken elsewhere, over HTTP: booked once, moved on, refunded, listed.

use std::thread;

use serde_json::{Value, json};

use crate::client::{Answer, escaped};
use crate::harness::{STILL, Shop, on_both};

const PATH: &str = "/v1/orders";

pub fn pounds(amount: i64) -> Value {
    json!({ "amount": amount, "currency": "GBP" })
}

/// Two hearts at 2.95 and postage, paid: 10.80.
pub fn hearts(number: &str, change: &Value) -> Value {
    let mut body = json!({
        "source": "shopify", "external_id": number, "placed_at": "2026-11-24T10:00:00Z",
        "currency": "GBP", "country": "GB", "total": pounds(1_080),
        "lines": [
            { "kind": "sale", "sku": "85123A", "quantity": 2, "unit_price": "2.95", "amount": pounds(590) },
            { "kind": "shipping", "unit_price": "4.90", "amount": pounds(490) },
        ],
        "payment": { "status": "paid", "provider": "stripe", "reference": format!("pi_{number}") },
    });
    body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    body
}

/// Posts with a key of its own, as if it were meant anew.
pub fn post(shop: &Shop, path: &str, body: &Value) -> Answer {
    let key = shop.ids.next_uuid().to_string();
    shop.post(path).header("idempotency-key", &key).json(body).send()
}

pub fn place(shop: &Shop, number: &str, change: &Value) -> String {
    let made = post(shop, PATH, &hearts(number, change)).expect(201);
    made["id"].as_str().unwrap().to_owned()
}

fn available(shop: &Shop) -> i64 {
    shop.get("/v1/stock/85123A").send().expect(200)["available_to_sell"].as_i64().unwrap()
}

#[test]
fn an_order_is_booked_once_and_answered_as_it_is() {
    on_both(STILL, |shop| {
        let first = post(shop, PATH, &hearts("1", &json!({ "customer": "c-1" })));
        let made = first.expect(201);
        let id = made["id"].as_str().unwrap();
        assert_eq!(first.header("location"), format!("{PATH}/{id}"));
        assert_eq!(
            (made["state"].as_str(), made["customer"].as_str()),
            (Some("paid"), Some("c-1"))
        );
        assert_eq!(made["allowed"], json!(["fulfil", "refund_part", "refund_rest"]));
        assert_eq!(made["lines"][0]["paid"], pounds(590));
        assert_eq!(made["lines"][0]["reserved"], true);
        assert_eq!(made["payments"][0]["amount"], pounds(1_080));
        let shown = shop.get(&format!("{PATH}/{id}")).send();
        assert_eq!(shown.expect(200), made);
        assert_eq!(shown.header("etag"), first.header("etag"));
        assert_eq!(available(shop), 40);
        let again = post(shop, PATH, &hearts("1", &json!({ "customer": "c-1" })));
        assert_eq!(again.expect(200), made);
        let other = post(shop, PATH, &hearts("1", &json!({ "customer": "c-2" })));
        let problem = other.problem(409, "external_id_taken");
        assert!(problem["detail"].as_str().unwrap().contains(id), "{problem}");
        assert_eq!(available(shop), 40);
        let without = shop.post(PATH).json(&hearts("2", &json!({}))).send();
        without.problem(400, "idempotency_key_required");
    });
}

#[test]
fn thirty_identical_orders_at_once_are_one() {
    on_both(STILL, |shop| {
        let answers: Vec<Answer> = thread::scope(|scope| {
            let rivals: Vec<_> = (0..30)
                .map(|_| scope.spawn(|| post(shop, PATH, &hearts("1", &json!({})))))
                .collect();
            rivals.into_iter().map(|rival| rival.join().unwrap()).collect()
        });
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
        assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 201)));
        let ids: std::collections::BTreeSet<String> =
            answers.iter().map(|answer| answer.json()["id"].to_string()).collect();
        assert_eq!(ids.len(), 1);
        assert_eq!(available(shop), 40);
    });
}

#[test]
fn what_does_not_add_up_is_pointed_at() {
    on_both(STILL, |shop| {
        let check = |change: Value, pointers: &[&str]| {
            let answer = post(shop, PATH, &hearts("1", &change));
            assert_eq!(answer.pointers(), pointers, "{change}: {}", answer.text);
            answer.json()["detail"].as_str().unwrap().to_owned()
        };
        let detail = check(json!({ "total": pounds(1_100) }), &["/total"]);
        assert!(detail.contains("add up to 1080, the total says 1100: 20 too much"), "{detail}");
        let euros = json!({ "amount": 1080, "currency": "EUR" });
        check(json!({ "total": euros }), &["/total/currency"]);
        check(json!({ "lines": [] }), &["/lines"]);
        let line = |change: Value| {
            let mut line = hearts("1", &json!({}))["lines"][0].clone();
            line.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            json!({ "lines": [line], "total": pounds(590) })
        };
        check(line(json!({ "amount": pounds(591) })), &["/lines/0/amount"]);
        check(line(json!({ "unit_price": "2.9500001" })), &["/lines/0/unit_price"]);
        check(line(json!({ "unit_price": "-2.95", "amount": pounds(-590) })), &["/lines/0/amount"]);
        check(line(json!({ "sku": "nothing" })), &["/lines/0/sku"]);
        check(line(json!({ "kind": "gift" })), &["/lines/0/kind"]);
        check(line(json!({ "colour": "red" })), &["/lines/0/colour"]);
        check(line(json!({ "quantity": 0 })), &["/lines/0/quantity"]);
        check(json!({ "placed_at": "2027-01-01T00:00:00Z" }), &["/placed_at"]);
        check(json!({ "payment": { "status": "paid" } }), &["/payment/provider"]);
        let odd = json!({ "status": "pending", "provider": "cash" });
        check(json!({ "payment": odd }), &["/payment/status"]);
        check(json!({ "ship_to": {} }), &["/ship_to"]);
        check(json!({ "ship_to": { "country": "UK2" } }), &["/ship_to/country"]);
        check(json!({ "reservation": "res_1" }), &["/reservation"]);
        let missing = "res_01h455vb4pex5vsknk084sn02q";
        check(json!({ "reservation": missing }), &["/reservation"]);
        check(json!({ "stock": "none", "reservation": missing }), &["/reservation"]);
        let none = shop.get(PATH).send().expect(200);
        assert_eq!(none["data"].as_array().unwrap().len(), 1, "only the history's");
    });
}

#[test]
fn stock_that_does_not_suffice_is_named_by_line_and_nothing_is_booked() {
    on_both(STILL, |shop| {
        let many = json!({ "total": pounds(43 * 295), "lines": [
            { "kind": "sale", "sku": "22423", "unit_price": "0", "amount": pounds(0) },
            { "kind": "sale", "sku": "85123A", "quantity": 43, "unit_price": "2.95", "amount": pounds(43 * 295) },
        ] });
        let problem = post(shop, PATH, &hearts("1", &many)).problem(409, "insufficient_stock");
        let errors = json!([{ "pointer": "/lines/1", "detail": "42 of 43 are available" }]);
        assert_eq!(problem["errors"], errors);
        let shortage =
            json!({ "sku": "85123A", "wanted": 43, "available": 42, "reason": "insufficient" });
        assert_eq!(problem["shortages"], json!([shortage]));
        assert_eq!(available(shop), 42);
        let mut elsewhere = many;
        elsewhere["stock"] = json!("none");
        place(shop, "1", &elsewhere);
        assert_eq!(available(shop), 42);
    });
}

#[test]
fn an_order_moves_on_and_says_what_it_allows() {
    on_both(STILL, |shop| {
        let id = place(shop, "1", &json!({ "payment": { "status": "pending" } }));
        let step = |step: &str| shop.post(&format!("{PATH}/{id}/{step}")).send();
        let problem = step("fulfil").problem(409, "order_state");
        assert!(problem["detail"].as_str().unwrap().ends_with("allowed: pay, cancel"), "{problem}");
        let pay = |reference: &str| {
            let body = json!({ "provider": "cash", "reference": reference });
            shop.post(&format!("{PATH}/{id}/pay")).json(&body).send()
        };
        for _ in 0..2 {
            assert_eq!(pay("till 1").expect(200)["state"], "paid");
        }
        pay("till 2").problem(409, "order_state");
        step("cancel").problem(409, "order_state");
        for _ in 0..2 {
            assert_eq!(step("fulfil").expect(200)["state"], "fulfilled");
        }
        assert_eq!(step("complete").expect(200)["state"], "completed");
        assert_eq!(available(shop), 40);
        for missing in
            ["ord_01h455vb4pex5vsknk084sn02q", "prm_01h455vb4pex5vsknk084sn02q", "1", "%00"]
        {
            shop.get(&format!("{PATH}/{missing}")).send().problem(404, "not_found");
            shop.post(&format!("{PATH}/{missing}/fulfil")).send().problem(404, "not_found");
            shop.get(&format!("{PATH}/{missing}/refunds")).send().problem(404, "not_found");
        }
        let history = shop.get("/v1/orders?source=shop").send().expect(200)["data"][0].clone();
        assert_eq!((history["history"].as_bool(), &history["allowed"]), (Some(true), &json!([])));
        let id = history["id"].as_str().unwrap();
        shop.post(&format!("{PATH}/{id}/fulfil")).send().problem(409, "order_of_history");
    });
}

#[test]
fn a_refund_gives_pieces_and_money_back_and_names_what_is_left() {
    on_both(STILL, |shop| {
        let id = place(shop, "1", &json!({}));
        let path = format!("{PATH}/{id}/refunds");
        let one = json!({ "lines": [{ "line": 0, "quantity": 1 }], "reason": "too many" });
        let made = post(shop, &path, &one).expect(201);
        assert_eq!((&made["amount"], &made["lines"][0]["restocked"]), (&pounds(295), &json!(true)));
        assert_eq!(available(shop), 41);
        let problem = post(shop, &path, &json!({ "amount": pounds(786) }));
        let problem = problem.problem(409, "refund_exceeds_paid");
        assert!(problem["detail"].as_str().unwrap().starts_with("7.85 GBP is left"), "{problem}");
        let check = |body: Value, pointer: &str| {
            assert_eq!(post(shop, &path, &body).pointers(), [pointer], "{body}");
        };
        check(json!({}), "");
        check(json!({ "amount": pounds(0) }), "/amount");
        check(json!({ "amount": { "amount": 1, "currency": "EUR" } }), "/amount/currency");
        check(json!({ "lines": [{ "line": 7, "quantity": 1 }] }), "/lines");
        check(json!({ "lines": [{ "line": 0, "quantity": 2 }] }), "/lines");
        check(json!({ "shipping": true, "amount": pounds(491) }), "/amount");
        let rest = json!({ "lines": [{ "line": 0, "quantity": 1 }], "shipping": true });
        assert_eq!(post(shop, &path, &rest).expect(201)["amount"], pounds(785));
        let order = shop.get(&format!("{PATH}/{id}")).send().expect(200);
        assert_eq!(order["state"], "refunded");
        assert_eq!(order["lines"][0]["refunded"], pounds(590));
        post(shop, &path, &one).problem(409, "order_state");
        shop.post(&path).json(&one).send().problem(400, "idempotency_key_required");
        let all = shop.get(&path).send().expect(200);
        assert_eq!(all["data"].as_array().unwrap().len(), 2);
        assert_eq!(all["data"][1], made);
        assert_eq!(available(shop), 42);
    });
}

#[test]
fn two_refunds_at_once_never_give_back_more_than_was_paid() {
    on_both(STILL, |shop| {
        let id = place(shop, "1", &json!({}));
        let path = format!("{PATH}/{id}/refunds");
        let half = json!({ "amount": pounds(600) });
        let answers: Vec<Answer> = thread::scope(|scope| {
            let rivals: Vec<_> = (0..6).map(|_| scope.spawn(|| post(shop, &path, &half))).collect();
            rivals.into_iter().map(|rival| rival.join().unwrap()).collect()
        });
        let made = answers.iter().filter(|answer| answer.status == 201).count();
        assert_eq!(made, 1);
        for refused in answers.iter().filter(|answer| answer.status != 201) {
            refused.problem(409, "refund_exceeds_paid");
        }
    });
}

#[test]
fn a_refund_sent_again_under_its_key_happens_once() {
    on_both(STILL, |shop| {
        let id = place(shop, "1", &json!({}));
        let call = shop.post(&format!("{PATH}/{id}/refunds")).header("idempotency-key", "r-1");
        let call = call.json(&json!({ "amount": pounds(100) }));
        let (first, again) = (call.clone().send(), call.send());
        assert_eq!((first.status, &first.text), (again.status, &again.text));
        assert_eq!(again.header("idempotent-replayed"), "true");
        let payments = shop.get(&format!("{PATH}/{id}")).send().expect(200)["payments"].clone();
        assert_eq!(payments.as_array().unwrap().len(), 2, "{payments}");
    });
}

#[test]
fn orders_are_listed_last_placed_first_filtered_and_in_pages_both_ways() {
    on_both(STILL, |shop| {
        let mut ids = Vec::new();
        for hour in 0..5 {
            let placed = format!("2026-11-24T0{hour}:00:00Z");
            let customer = if hour < 2 { "early" } else { "late" };
            let change = json!({ "placed_at": placed, "customer": customer });
            ids.insert(0, place(shop, &hour.to_string(), &change));
        }
        let list = |query: &str| -> (Vec<String>, bool) {
            let list = shop.get(&format!("{PATH}?source=shopify&{query}")).send().expect(200);
            let data = list["data"].as_array().unwrap();
            let ids = data.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect();
            assert!(data.iter().all(|row| row.get("lines").is_none()));
            (ids, list["has_more"].as_bool().unwrap())
        };
        assert_eq!(list(""), (ids.clone(), false));
        assert_eq!(list("limit=2"), (ids[..2].to_vec(), true));
        let after = format!("limit=2&starting_after={}", ids[1]);
        assert_eq!(list(&after), (ids[2..4].to_vec(), true));
        let before = format!("limit=2&ending_before={}", ids[4]);
        assert_eq!(list(&before), (ids[2..4].to_vec(), true));
        assert_eq!(list("customer=early").0, ids[3..]);
        let window = "placed_from=2026-11-24T01:00:00Z&placed_to=2026-11-24T03:00:00Z";
        assert_eq!(list(window).0, ids[2..4]);
        let day = "placed_from=2026-11-24T00:00:00Z&placed_to=2026-11-25T00:00:00Z";
        assert_eq!(list(&format!("sku=85123A&{day}")).0, ids);
        assert_eq!(list(&format!("sku=85123A&{window}")).0, ids[2..4]);
        assert_eq!(list(&format!("sku=22423&{day}")).0, [""; 0]);
        shop.post(&format!("{PATH}/{}/fulfil", ids[0])).send().expect(200);
        assert_eq!(list("state=fulfilled").0, ids[..1]);
        for wrong in [
            "state=gone",
            "placed_from=soon",
            "starting_after=prm_1",
            "limit=0",
            "x=1",
            // A product is looked for in a range that can be read whole.
            "sku=85123A",
            "sku=85123A&placed_from=2026-11-01T00:00:00Z",
            "sku=85123A&placed_from=2026-10-24T00:00:00Z&placed_to=2026-11-25T00:00:00Z",
        ] {
            shop.get(&format!("{PATH}?{wrong}")).send().problem(400, "invalid_parameter");
        }
        let odd = escaped("\0");
        shop.get(&format!("{PATH}?{day}&sku={odd}")).send().problem(400, "invalid_parameter");
        let month = "placed_from=2026-10-26T00:00:00Z&placed_to=2026-11-25T00:00:00Z";
        let all = shop.get(&format!("{PATH}?sku=85123A&{month}")).send().expect(200);
        assert_eq!(all["data"].as_array().unwrap().len(), 6, "the history's order too");
    });
}
