//! Webhooks of shop platforms over HTTP: signed, kept once, applied once, listed and tried again.

use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::client::{Answer, Call};
use crate::harness::{STILL, Shop, on_both, soon};

fn signature(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    STANDARD.encode(mac.finalize().into_bytes())
}

fn call(shop: &Shop, (topic, delivery): (&str, &str), body: &str, secret: &str) -> Call {
    shop.post("/v1/inbound/shopify")
        .no_key()
        .header("x-shopify-topic", topic)
        .header("x-shopify-webhook-id", delivery)
        .header("x-shopify-hmac-sha256", &signature(secret, body.as_bytes()))
        .body("application/json", body)
}

fn send(shop: &Shop, delivery: (&str, &str), body: &Value) -> Answer {
    call(shop, delivery, &body.to_string(), "hush").send()
}

fn order() -> Value {
    json!({
        "id": 4_507_894_690_123_456_789_u64, "name": "#1001", "currency": "GBP", "taxes_included": true,
        "created_at": "2011-12-09T10:00:00Z", "updated_at": "2011-12-09T10:00:01Z",
        "total_price": "12.00", "financial_status": "paid", "payment_gateway_names": ["bogus"],
        "line_items": [{ "id": 1, "title": "Mug", "sku": "mug", "quantity": 2, "price": "5.00" }],
        "shipping_lines": [{ "id": 2, "title": "Post", "price": "2.00" }],
        "customer": { "id": 77, "email": "jane@example.com", "first_name": "Jane" },
    })
}

/// A webhook comes in.
pub fn arrives(shop: &Shop, delivery: &str) {
    send(shop, ("orders/paid", delivery), &order()).expect(200);
}

/// A webhook that waits; gives its id.
pub fn waiting(shop: &Shop) -> String {
    arrives(shop, "waiting");
    listed(shop, "waiting")[0]["id"].as_str().unwrap().to_owned()
}

fn listed(shop: &Shop, state: &str) -> Vec<Value> {
    let list =
        shop.get(&format!("/v1/inbound_webhooks?limit=100&state={state}")).send().expect(200);
    list["data"].as_array().unwrap().clone()
}

fn kept(shop: &Shop) -> i64 {
    shop.read(|tx| tx.one("SELECT COUNT(*) FROM inbound_webhooks", &[], |row| row.get(0)))
}

#[test]
fn a_body_whose_signature_does_not_hold_is_refused_and_kept_nowhere() {
    on_both(STILL, |shop| {
        let body = order().to_string();
        call(shop, ("orders/paid", "1"), &body, "wrong").send().problem(401, "unauthorized");
        let unsigned =
            shop.post("/v1/inbound/shopify").no_key().body("application/json", body.clone());
        unsigned.send().problem(401, "unauthorized");
        let changed = call(shop, ("orders/paid", "1"), &body, "hush");
        changed
            .body("application/json", body.replace("12.00", "1.00"))
            .send()
            .problem(401, "unauthorized");
        assert_eq!(kept(shop), 0);
        // While a secret is changed both hold.
        call(shop, ("orders/paid", "1"), &body, "next").send().expect(200);
        assert_eq!(kept(shop), 1);
    });
}

#[test]
fn thirty_deliveries_of_one_id_at_once_are_kept_once() {
    on_both(STILL, |shop| {
        let answers: Vec<Answer> = thread::scope(|scope| {
            let sending: Vec<_> = (0..30)
                .map(|_| scope.spawn(|| send(shop, ("orders/paid", "once"), &order())))
                .collect();
            sending.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let says: Vec<_> =
            answers.iter().map(|answer| answer.expect(200)["received"].clone()).collect();
        assert_eq!(says.iter().filter(|says| *says == "kept").count(), 1);
        assert_eq!(says.iter().filter(|says| *says == "again").count(), 29);
        assert_eq!(kept(shop), 1);
    });
}

#[test]
fn what_comes_is_applied_once_and_what_cannot_be_is_listed_and_tried_again() {
    on_both(STILL, |shop| {
        let _worker = shop.work();
        send(shop, ("orders/paid", "1"), &order()).expect(200);
        send(shop, ("orders/updated", "2"), &order()).expect(200);
        send(shop, ("carts/update", "3"), &json!({ "id": 1 })).expect(200);
        let mut broken = order();
        broken["id"] = json!(5);
        broken["total_price"] = json!("99.00");
        send(shop, ("orders/paid", "4"), &broken).expect(200);
        soon("all are looked at", || listed(shop, "waiting").is_empty());
        let orders = shop.get("/v1/orders?source=shopify").send().expect(200);
        assert_eq!(orders["data"].as_array().unwrap().len(), 1);
        assert_eq!(orders["data"][0]["external_id"], "4507894690123456789");
        assert_eq!(orders["data"][0]["state"], "paid");
        assert_eq!(listed(shop, "done").len(), 2);
        assert_eq!(listed(shop, "ignored")[0]["topic"], "carts/update");
        let given_up = listed(shop, "given_up").remove(0);
        let why = given_up["outcome"].as_str().unwrap();
        assert!(why.contains("add up to 1200 minor units"), "{why}");
        let path = format!("/v1/inbound_webhooks/{}", given_up["id"].as_str().unwrap());
        shop.post(&format!("{path}/retry")).send().expect(202);
        soon("it is given up again", || shop.get(&path).send().expect(200)["state"] == "given_up");
        let done = listed(shop, "done").remove(0);
        let path = format!("/v1/inbound_webhooks/{}/retry", done["id"].as_str().unwrap());
        shop.post(&path).send().problem(409, "wrong_state");
    });
}

#[test]
fn a_person_the_platform_redacts_is_erased_with_the_bodies_about_them() {
    on_both(STILL, |shop| {
        let _worker = shop.work();
        send(shop, ("orders/paid", "1"), &order()).expect(200);
        soon("it is applied", || listed(shop, "done").len() == 1);
        shop.get("/v1/customers/shopify:77").send().expect(200);
        let redact = json!({ "shop_id": 1, "customer": { "id": 77 }, "orders_to_redact": [] });
        send(shop, ("customers/redact", "2"), &redact).expect(200);
        soon("they are erased", || listed(shop, "done").len() == 2);
        shop.get("/v1/customers/shopify:77").send().problem(404, "not_found");
        let bodies: i64 = shop.read(|tx| {
            tx.one("SELECT COUNT(*) FROM inbound_webhooks WHERE body IS NOT NULL", &[], |row| {
                row.get(0)
            })
        });
        assert_eq!(bodies, 0);
    });
}

#[test]
fn woocommerce_is_taken_by_its_own_headers_and_its_ping_is_answered() {
    on_both(STILL, |shop| {
        let _worker = shop.work();
        let ping = shop.post("/v1/inbound/woocommerce").no_key();
        ping.body("application/x-www-form-urlencoded", "webhook_id=5").send().expect(200);
        assert_eq!(kept(shop), 0);
        let body = json!({
            "id": 727, "status": "processing", "currency": "GBP", "total": "6.90",
            "date_created_gmt": "2011-12-09T10:00:00", "date_modified_gmt": "2011-12-09T10:00:01",
            "date_paid_gmt": "2011-12-09T10:00:01", "payment_method": "bacs", "customer_id": 0,
            "line_items": [{
                "id": 1, "name": "Mug", "product_id": 93, "variation_id": 0, "quantity": 2, "sku": "",
                "subtotal": "6.00", "total": "6.00", "total_tax": "0.90",
            }],
        })
        .to_string();
        let call = shop.post("/v1/inbound/woocommerce").no_key();
        call.header("x-wc-webhook-topic", "order.created")
            .header("x-wc-webhook-delivery-id", "abc")
            .header("x-wc-webhook-signature", &signature("quiet", body.as_bytes()))
            .body("application/json", body)
            .send()
            .expect(200);
        soon("it is applied", || listed(shop, "done").len() == 1);
        let orders = shop.get("/v1/orders?source=woocommerce").send().expect(200);
        assert_eq!(orders["data"][0]["total"]["amount"], 690);
        shop.get("/v1/products/woocommerce:93").send().expect(200);
    });
}
