//! Products over HTTP: put whole or in bulk, guarded by their version, filtered.

use serde_json::{Value, json};
use shopwright_domain::time::HOUR;

use crate::client::escaped;
use crate::harness::{LIVELY, STILL, Shop, on_both, on_sqlite, soon};
use crate::orders::pounds;

fn lamp() -> Value {
    json!({
        "title": "Lamp", "category": "Home/Lamps", "kind": "digital", "currency": "GBP",
        "base_price": pounds(999), "cost": pounds(400), "compare_at": pounds(1_299),
        "map": pounds(500), "status": "draft", "attributes": { "watts": 40, "big": [1.5, null] },
        "images": ["https://shop.example/lamp.jpg"], "add_on_of": ["85123A"], "tax_class": "reduced",
    })
}

fn with(change: &Value) -> Value {
    let mut body = lamp();
    body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    body
}

#[test]
fn a_product_is_put_read_and_guarded_by_its_version() {
    on_both(STILL, |shop| {
        let sku = "L/1 ä";
        let path = format!("/v1/products/{}", escaped(sku));
        let made = shop.put(&path).json(&lamp()).send();
        let view = made.expect(201);
        assert_eq!((made.header("location"), view["sku"].as_str()), (path.as_str(), Some(sku)));
        for (field, value) in lamp().as_object().unwrap() {
            assert_eq!(&view[field], value, "{field}");
        }
        let read = shop.get(&path).send();
        assert_eq!(read.expect(200), view);
        let seen = read.header("etag").to_owned();
        let change =
            |tag: &str, body: Value| shop.put(&path).header("if-match", tag).json(&body).send();
        // What is so already keeps its version.
        assert_eq!(change(&seen, lamp()).header("etag"), seen);
        let next = change(&seen, with(&json!({ "status": "archived", "category": null })));
        assert_eq!(next.expect(200)["status"], "archived");
        change(&seen, lamp()).problem(412, "precondition_failed");
        change("W/\"v2\"", lamp()).problem(412, "precondition_failed");
        change("*", lamp()).expect(200);
        let none = shop.put("/v1/products/none").header("if-match", "*").json(&lamp()).send();
        none.problem(412, "precondition_failed");
    });
}

#[test]
fn what_does_not_fit_is_pointed_at_and_nothing_is_kept() {
    on_both(STILL, |shop| {
        let check = |change: Value, pointers: &[&str]| {
            let answer = shop.put("/v1/products/L-1").json(&with(&change)).send();
            assert_eq!(answer.pointers(), pointers, "{change}: {}", answer.text);
        };
        check(json!({ "title": "", "category": "" }), &["/title", "/category"]);
        check(json!({ "kind": "thing" }), &["/kind"]);
        check(json!({ "status": "gone" }), &["/status"]);
        check(json!({ "currency": "EURO" }), &["/currency"]);
        check(
            json!({ "base_price": { "amount": 1, "currency": "EUR" } }),
            &["/base_price/currency"],
        );
        check(
            json!({ "base_price": pounds(0), "cost": pounds(-1) }),
            &["/base_price/amount", "/cost/amount"],
        );
        check(json!({ "base_price": 9.99 }), &["/base_price"]);
        check(json!({ "images": ["javascript:alert(1)"] }), &["/images/0"]);
        check(json!({ "add_on_of": ["L-1"] }), &["/add_on_of/0"]);
        check(json!({ "attributes": [] }), &["/attributes"]);
        check(json!({ "attributes": { "a": "\u{0}" } }), &["/attributes/a"]);
        check(json!({ "colour": "red" }), &["/colour"]);
        shop.get("/v1/products/L-1").send().problem(404, "unknown_sku");
        let euros = json!({ "title": "Heart", "currency": "EUR" });
        let answer = shop.put("/v1/products/85123A").json(&euros).send();
        assert_eq!(answer.pointers(), ["/currency"]);
    });
}

#[test]
fn a_bulk_call_answers_for_each_product_and_keeps_the_good_ones() {
    on_both(STILL, |shop| {
        let row = |sku: &str, change: &Value| {
            let mut row = with(change);
            row["sku"] = json!(sku);
            row
        };
        let send = |rows: &[Value]| {
            shop.post("/v1/products/batch").json(&json!({ "products": rows })).send().expect(200)
        };
        let rows = [
            row("B-1", &json!({})),
            row("B-2", &json!({ "title": "" })),
            json!({ "title": "nameless", "currency": "GBP" }),
            row("B-1", &json!({})),
            json!(7),
            row("", &json!({})),
            row(
                "85123A",
                &json!({ "currency": "EUR", "base_price": null, "cost": null, "compare_at": null, "map": null, "add_on_of": [] }),
            ),
            row("B-3", &json!({ "colour": "red" })),
            row("B-4", &json!({ "base_price": { "amount": "1", "currency": "GBP" } })),
        ];
        let answer = send(&rows);
        let counts =
            ["created", "updated", "unchanged", "failed"].map(|name| answer[name].as_i64());
        assert_eq!(counts, [Some(1), Some(0), Some(0), Some(8)]);
        let told: Vec<_> = answer["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| (row["result"].as_str().unwrap(), row["errors"][0]["pointer"].as_str()))
            .collect();
        assert_eq!(
            told,
            [
                ("created", None),
                ("error", Some("/title")),
                ("error", Some("/sku")),
                ("error", Some("/sku")),
                ("error", Some("")),
                ("error", Some("/sku")),
                ("error", Some("/currency")),
                ("error", Some("/colour")),
                ("error", Some("/base_price/amount")),
            ],
            "{answer}"
        );
        let again = send(&[row("B-1", &json!({})), row("B-5", &json!({}))]);
        assert_eq!((&again["unchanged"], &again["created"]), (&json!(1), &json!(1)));
        let changed = send(&[row("B-1", &json!({ "title": "Other" }))]);
        assert_eq!(changed["updated"], 1);
        let body = |products: Value| {
            shop.post("/v1/products/batch").json(&json!({ "products": products })).send()
        };
        assert_eq!(body(json!([])).pointers(), ["/products"]);
        assert_eq!(body(json!(vec![0; 10_001])).pointers(), ["/products"]);
    });
}

#[test]
fn ten_thousand_products_fit_into_one_call_of_sixteen_mebibytes() {
    on_sqlite(STILL, |shop| {
        let padding = "x".repeat(1_000);
        let rows: Vec<Value> = (0..10_000)
            .map(|n| {
                json!({ "sku": format!("N-{n:05}"), "title": "Many", "currency": "GBP",
                    "base_price": pounds(n + 1), "attributes": { "padding": padding } })
            })
            .collect();
        let answer = shop.post("/v1/products/batch").json(&json!({ "products": rows })).send();
        assert_eq!(answer.expect(200)["created"], 10_000);
        let huge = "x".repeat((16 << 20) + 1);
        let call = shop.post("/v1/products/batch").text(format!("{{\"products\": [\"{huge}\"]}}"));
        call.send().problem(413, "body_too_large");
        let ordinary =
            shop.put("/v1/products/N").text(format!("{{\"title\": \"{}\"}}", &huge[..1 << 20]));
        ordinary.send().problem(413, "body_too_large");
    });
}

#[test]
fn products_are_found_by_category_status_kind_time_and_beginning() {
    on_both(STILL, |shop| {
        shop.clock.advance(1_000_000);
        for (sku, change) in [
            ("z-1", json!({})),
            (
                "z-2",
                json!({ "category": "Home/Lampshades", "status": "active", "title": "50% off" }),
            ),
            ("z-3", json!({ "category": "Home/Lamps/Desk", "kind": "service" })),
        ] {
            shop.put(&format!("/v1/products/{sku}")).json(&with(&change)).send().expect(201);
        }
        let skus = |query: &str| -> Vec<String> {
            let list = shop.get(&format!("/v1/products?limit=100&{query}")).send().expect(200);
            let data = list["data"].as_array().unwrap();
            data.iter().map(|row| row["sku"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(skus("category=Home%2FLamps"), ["z-1", "z-3"]);
        assert_eq!(skus("category=Home"), ["85123A", "z-1", "z-2", "z-3"]);
        assert_eq!(skus("status=draft"), ["z-1", "z-3"]);
        assert_eq!(skus("kind=service"), ["z-3"]);
        assert_eq!(skus("updated_since=2026-11-24T12:00:01Z"), ["z-1", "z-2", "z-3"]);
        assert_eq!(skus("q=Z-"), ["z-1", "z-2", "z-3"]);
        assert_eq!(skus("q=50%25"), ["50%", "z-2"]);
        assert_eq!(skus("q=white%20hang"), ["85123A"]);
        assert_eq!(skus("q=_"), [""; 0]);
        assert_eq!(skus("kind=digital&status=draft&starting_after=z-1"), [""; 0]);
        assert_eq!(skus("category=Home&ending_before=z-2"), ["85123A", "z-1"]);
        for wrong in ["status=gone", "kind=thing", "updated_since=soon", "q=%00", "category=%00"] {
            shop.get(&format!("/v1/products?{wrong}")).send().problem(400, "invalid_parameter");
        }
    });
}

#[test]
fn prices_follow_a_product_that_is_put() {
    on_both(LIVELY, |shop: &Shop| {
        // The wait between two changes of the first price is over.
        shop.clock.advance(2 * HOUR);
        let body = json!({ "title": "Cakestand", "currency": "GBP", "base_price": pounds(1_200) });
        shop.put("/v1/products/22423").json(&body).send().expect(200);
        soon("the price follows", || shop.price_of("22423") == 1_200);
    });
}
