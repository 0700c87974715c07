//! Who changed goods, orders and customers, as the audit log tells it.

use serde_json::{Value, json};
use shopwright_store::{params, verify};

use crate::harness::{STILL, Shop, on_both};
use crate::orders::{hearts, place, post, pounds};

/// The actions of a key on things like `target`, oldest first, with what they say.
fn trail(shop: &Shop, prefix: &str) -> Vec<Value> {
    let list = shop.get(&format!("/v1/audit?limit=100&actor_kind=key&action={prefix}")).send();
    let mut entries = list.expect(200)["data"].as_array().unwrap().clone();
    entries.reverse();
    entries
}

fn actions(entries: &[Value]) -> Vec<&str> {
    entries.iter().map(|entry| entry["action"].as_str().unwrap()).collect()
}

fn assert_whole(shop: &Shop) {
    for rule in shop.read(verify::verify) {
        assert_eq!(rule.broken, Vec::<String>::new(), "{}", rule.rule);
    }
}

#[test]
fn a_changed_product_is_recorded_with_just_the_fields_that_differ() {
    on_both(STILL, |shop| {
        let body = |title: &str, cost: i64| json!({ "title": title, "currency": "GBP", "cost": pounds(cost) });
        let put = |body: &Value| shop.put("/v1/products/lamp").json(body).send();
        put(&body("Lamp", 400)).expect(201);
        put(&body("Lamp", 450)).expect(200);
        put(&body("Lamp", 450)).expect(200);
        put(&json!({ "title": "Lamp", "currency": "EUR" })).pointers();
        let entries = trail(shop, "product.");
        assert_eq!(actions(&entries), ["product.created", "product.changed"]);
        assert_eq!(
            (&entries[0]["before"], &entries[0]["after"]["title"]),
            (&Value::Null, &json!("Lamp"))
        );
        assert_eq!(entries[1]["target"], "product/lamp");
        assert_eq!(entries[1]["before"], json!({ "cost_minor": 400 }));
        assert_eq!(entries[1]["after"], json!({ "cost_minor": 450 }));
        assert!(entries[1]["actor"]["id"].as_str().unwrap().starts_with("key_"));
        assert_whole(shop);
    });
}

#[test]
fn many_products_are_one_entry_with_counts_and_a_second_where_they_are_many_transactions() {
    on_both(STILL, |shop| {
        let rows = |count: usize| {
            let row = |n| json!({ "sku": format!("bulk-{n}"), "title": "Bulk", "currency": "GBP" });
            json!({ "products": (0..count).map(row).collect::<Vec<_>>() })
        };
        let put = |count| shop.post("/v1/products/batch").json(&rows(count)).send().expect(200);
        put(3);
        put(3);
        put(300);
        let entries = trail(shop, "products.");
        assert_eq!(actions(&entries), ["products.put", "products.put_begun", "products.put"]);
        let counts = |created: i64, unchanged: i64| json!({ "created": created, "updated": 0, "unchanged": unchanged, "refused": 0 });
        assert_eq!(entries[0]["after"], counts(3, 0));
        assert_eq!(entries[1]["after"], json!({ "products": 300 }));
        assert_eq!(entries[2]["after"], counts(297, 3));
        assert!(trail(shop, "product.").is_empty(), "no entry per row");
        assert_whole(shop);
    });
}

#[test]
fn everything_done_to_stock_by_hand_is_recorded_once() {
    on_both(STILL, |shop| {
        let twice = |method: &str, path: &str, body: &Value| {
            for _ in 0..2 {
                let status = shop.call(method, path).json(body).send().status;
                assert!((200..300).contains(&status), "{path}: {status}");
            }
        };
        twice("POST", "/v1/stock/85123A/counts", &json!({ "quantity": 40, "reference": "monday" }));
        let lost = json!({ "reason": "written_off", "quantity": -3, "reference": "mice" });
        twice("POST", "/v1/stock/85123A/movements", &lost);
        twice("PUT", "/v1/stock/85123A", &json!({ "backorder": true }));
        let west = "/v1/stock/locations/west";
        twice("PUT", west, &json!({ "authority": "ours", "priority": 7 }));
        twice("PUT", west, &json!({ "authority": "ours", "priority": 8 }));
        let expected = json!({ "sku": "85123A", "quantity": 5, "due_at": "2026-12-01T09:00:00Z" });
        for end in ["receive", "cancel"] {
            let made = shop.post("/v1/stock/deliveries").json(&expected).send().expect(201);
            let path = format!("/v1/stock/deliveries/{}/{end}", made["id"].as_str().unwrap());
            twice("POST", &path, &json!({}));
        }
        let entries = trail(shop, "stock.");
        assert_eq!(actions(&entries), ["stock.counted", "stock.moved", "stock.backorder_set"]);
        assert_eq!(entries[0]["target"], "stock/85123A/main");
        assert_eq!(entries[0]["before"], json!({ "on_hand": 42 }));
        assert_eq!(entries[0]["after"], json!({ "on_hand": 40, "reference": "monday" }));
        assert_eq!(
            (&entries[1]["before"]["on_hand"], &entries[1]["after"]["on_hand"]),
            (&json!(40), &json!(37))
        );
        assert_eq!(entries[2]["before"], json!({ "backorder": false }));
        let places = trail(shop, "stock_location.");
        assert_eq!(actions(&places), ["stock_location.created", "stock_location.changed"]);
        assert_eq!(places[1]["before"], json!({ "authority": "ours", "priority": 7 }));
        let deliveries = trail(shop, "delivery.");
        assert_eq!(actions(&deliveries), ["delivery.received", "delivery.canceled"]);
        assert_eq!(deliveries[0]["after"]["received"], 5);
        assert_whole(shop);
    });
}

#[test]
fn steps_of_an_order_and_refunds_are_recorded_and_the_order_itself_is_not() {
    on_both(STILL, |shop| {
        let step = |id: &str, step: &str, body: &Value| {
            shop.post(&format!("/v1/orders/{id}/{step}")).json(body).send().expect(200);
        };
        let unpaid = json!({ "payment": { "status": "pending" } });
        let (sold, given_up) = (place(shop, "1", &unpaid), place(shop, "2", &unpaid));
        step(&sold, "pay", &json!({ "provider": "cash" }));
        step(&sold, "fulfil", &json!({}));
        step(&sold, "fulfil", &json!({}));
        step(&sold, "complete", &json!({}));
        step(&given_up, "cancel", &json!({}));
        let refund = json!({ "lines": [{ "line": 0, "quantity": 1, "restock": true }], "reason": "xq wept" });
        let made = post(shop, &format!("/v1/orders/{sold}/refunds"), &refund).expect(201);
        let entries = trail(shop, "order.");
        assert_eq!(
            actions(&entries),
            [
                "order.paid",
                "order.fulfilled",
                "order.completed",
                "order.canceled",
                "order.refunded"
            ]
        );
        assert_eq!(
            (&entries[0]["target"], &entries[3]["target"]),
            (&json!(sold), &json!(given_up))
        );
        assert_eq!(entries[0]["before"], json!({ "state": "pending" }));
        assert_eq!(entries[0]["after"], json!({ "state": "paid" }));
        let told = &entries[4]["after"];
        assert_eq!((&told["refund"], &told["amount_minor"]), (&made["id"], &json!(295)));
        assert_eq!(told["lines"][0]["quantity"], 1);
        assert!(!told.to_string().contains("wept"), "words about a person stay out: {told}");
        assert_whole(shop);
    });
}

#[test]
fn customers_are_in_the_log_by_a_hash_alone() {
    on_both(STILL, |shop| {
        let path = "/v1/customers/jane@shop.example";
        shop.put(path).json(&json!({ "name": "Jane Doe" })).send().expect(201);
        shop.post(&format!("{path}/merge")).json(&json!({ "from": "anon-7" })).send().expect(200);
        shop.post(&format!("{path}/merge")).json(&json!({ "from": "anon-7" })).send().expect(200);
        post(shop, "/v1/orders", &hearts("1", &json!({ "customer": "anon-7" }))).expect(201);
        shop.get(&format!("{path}/export")).send().expect(200);
        shop.get("/v1/customers/nobody/export").send().problem(404, "not_found");
        assert_eq!(shop.call("DELETE", path).send().status, 204);
        assert_eq!(shop.call("DELETE", path).send().status, 204);
        let entries = trail(shop, "customer.");
        let expected = ["customer.merged", "customer.exported", "customer.erased"];
        assert_eq!(actions(&entries), expected);
        let targets: Vec<&Value> = entries.iter().map(|entry| &entry["target"]).collect();
        assert!(targets.iter().all(|target| **target == *targets[0]), "one person: {targets:?}");
        assert_eq!(entries[2]["after"], json!({ "ids": 2, "orders": 1 }));
        let log = shop.read(|tx| {
            let all = "SELECT object || ' ' || COALESCE(before_json, '') || ' ' || COALESCE(after_json, '') FROM audit_log";
            tx.query(all, params![], |row| row.get::<String>(0))
        });
        for word in ["jane", "Jane", "anon-7"] {
            assert!(!log.iter().any(|entry| entry.contains(word)), "{word}: {log:?}");
        }
        assert_whole(shop);
    });
}
