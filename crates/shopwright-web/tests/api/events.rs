//! Events in over HTTP: each form, who may say what, once, and what cannot be taken.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use shopwright_app::identity::{KeyKind, WantedKey};
use shopwright_store::params;

use crate::client::Call;
use crate::harness::{STILL, Shop, on_both, on_sqlite, soon};

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0";

/// The rows of events: kind, and the customer.
fn rows(shop: &Shop) -> Vec<(String, Option<String>)> {
    shop.read(|tx| {
        let sql = "SELECT kind, customer_id FROM events ORDER BY kind, sku, anonymous_id";
        tx.query(sql, params![], |row| Ok((row.get(0)?, row.get(1)?)))
    })
}

fn kinds(shop: &Shop) -> Vec<String> {
    rows(shop).into_iter().map(|row| row.0).collect()
}

fn browser(shop: &Shop, path: &str) -> Call {
    shop.call("POST", path).key(&shop.publishable).header("user-agent", FIREFOX)
}

fn seen(id: &str) -> Value {
    json!({ "id": id, "type": "product_viewed", "anonymous": "v1", "items": [{ "sku": "85123A" }] })
}

#[test]
fn events_are_taken_once_and_the_ones_that_do_not_fit_are_kept_beside() {
    on_both(STILL, |shop| {
        let body = json!({ "events": [seen("m1"), { "id": "m2", "type": "glanced" }, seen("m3")] });
        let taken = shop.call("POST", "/v1/events").json(&body).send().expect(202);
        assert_eq!((&taken["accepted"], &taken["duplicates"]), (&json!(2), &json!(0)), "{taken}");
        assert_eq!(taken["rejected"][0]["index"], 1);
        let again = json!({ "events": [seen("m1"), seen("m4")] });
        let taken = shop.call("POST", "/v1/events").json(&again).send().expect(202);
        assert_eq!((&taken["accepted"], &taken["duplicates"]), (&json!(1), &json!(1)), "{taken}");
        assert_eq!(kinds(shop), ["product_viewed"; 3]);
    });
}

#[test]
fn a_call_that_is_no_list_of_events_changes_nothing() {
    on_sqlite(STILL, |shop| {
        let send = |body: Value| shop.call("POST", "/v1/events").json(&body).send();
        assert_eq!(send(json!({ "events": [] })).pointers(), ["/events"]);
        assert_eq!(send(json!({ "events": vec![seen("m"); 1_001] })).pointers(), ["/events"]);
        assert_eq!(send(json!({ "events": [seen("m")], "more": 1 })).pointers(), [""]);
        let large = json!({ "events": [seen("m"), seen(&"m".repeat(33_000))] });
        assert_eq!(send(large).pointers(), ["/events/1"]);
        shop.call("POST", "/v1/events").text("{").send().problem(400, "malformed_json");
        assert!(kinds(shop).is_empty());
    });
}

#[test]
fn a_browser_says_what_it_looks_at_and_speaks_of_a_customer_with_the_customers_token_only() {
    on_both(STILL, |shop| {
        let with_customer = |id: &str| {
            let mut event = seen(id);
            event["customer"] = json!("c1");
            event
        };
        let bought =
            json!({ "id": "b", "type": "order_completed", "items": [{ "sku": "85123A" }] });
        let known = json!({ "id": "k", "type": "identified", "anonymous": "v1", "customer": "c1" });
        let body = json!({ "events": [with_customer("m1"), bought, known] });
        let taken = browser(shop, "/v1/events").json(&body).send().expect(202);
        assert_eq!(taken["accepted"], 1, "{taken}");
        assert_eq!(taken["rejected"].as_array().unwrap().len(), 2, "{taken}");
        let token = shop.customer_token("c1");
        let vouched = json!({ "events": [with_customer("m2")] });
        browser(shop, "/v1/events")
            .header("x-customer-token", &token)
            .json(&vouched)
            .send()
            .expect(202);
        let customers: Vec<_> = rows(shop).into_iter().map(|row| row.1).collect();
        assert_eq!(customers.iter().flatten().collect::<Vec<_>>(), ["c1"]);
        assert_eq!(customers.len(), 2);
    });
}

#[test]
fn a_beacon_names_its_key_in_the_address_or_the_body_and_a_secret_key_never_in_the_address() {
    on_sqlite(STILL, |shop| {
        let beacon = |path: &str, body: &Value| {
            let call = shop.call("POST", path).no_key().header("user-agent", FIREFOX);
            call.body("text/plain;charset=UTF-8", body.to_string()).send()
        };
        let path = format!("/v1/events?key={}", shop.publishable);
        beacon(&path, &json!({ "events": [seen("m1")] })).expect(202);
        let body = json!({ "key": shop.publishable, "events": [seen("m2")] });
        beacon("/v1/events", &body).expect(202);
        assert_eq!(kinds(shop).len(), 2);
        let path = format!("/v1/events?key={}", shop.secret);
        beacon(&path, &json!({ "events": [seen("m3")] })).problem(401, "unauthorized");
        beacon("/v1/events", &json!({ "events": [seen("m4")] })).problem(401, "unauthorized");
    });
}

#[test]
fn a_crawler_with_a_browsers_key_is_answered_and_not_taken() {
    on_sqlite(STILL, |shop| {
        let body = json!({ "events": [seen("m1")] });
        let call = browser(shop, "/v1/events").header("user-agent", "Googlebot/2.1");
        assert_eq!(call.json(&body).send().expect(202)["accepted"], 0);
        assert!(kinds(shop).is_empty());
        // A server says with its key whom it speaks for.
        let call = shop.call("POST", "/v1/events").header("user-agent", "python-requests/2");
        assert_eq!(call.json(&body).send().expect(202)["accepted"], 1);
    });
}

#[test]
fn a_browser_may_send_from_the_origins_of_its_key_alone() {
    on_sqlite(STILL, |shop| {
        let origins = vec!["https://shop.example".to_owned()];
        let wanted = WantedKey { origins, ..(KeyKind::Publishable, "shop".to_owned()).into() };
        let key = shop.new_key(wanted).text;
        let send = |origin: &str| {
            let call = browser(shop, "/v1/events").key(&key).header("origin", origin);
            call.json(&json!({ "events": [seen("m1")] })).send()
        };
        soon("the key opens", || send("https://shop.example").status == 202);
        let answer = send("https://shop.example");
        assert_eq!(answer.header("access-control-allow-origin"), "https://shop.example");
        send("https://other.example").problem(403, "origin_not_allowed");
    });
}

fn basic(shop: &Shop, path: &str) -> Call {
    let pair = STANDARD.encode(format!("{}:", shop.secret));
    shop.call("POST", path).no_key().header("authorization", &format!("Basic {pair}"))
}

#[test]
fn each_path_of_segment_takes_its_message() {
    on_both(STILL, |shop| {
        let sent = [
            (
                "/v1/track",
                json!({ "messageId": "1", "userId": "c1", "event": "Product Viewed", "properties": { "sku": "85123A" } }),
            ),
            ("/v1/page", json!({ "messageId": "2", "anonymousId": "v1" })),
            ("/v1/screen", json!({ "messageId": "3", "anonymousId": "v1" })),
            ("/v1/group", json!({ "messageId": "4", "userId": "c1", "groupId": "g" })),
            ("/v1/identify", json!({ "messageId": "5", "anonymousId": "v1", "userId": "c1" })),
            ("/v1/alias", json!({ "messageId": "6", "previousId": "v2", "userId": "c1" })),
            (
                "/v1/batch",
                json!({ "batch": [
                { "type": "track", "messageId": "7", "userId": "c1", "event": "Order Completed",
                  "properties": { "order_id": "o1", "products": [{ "sku": "85123A" }, { "product_id": "22423", "quantity": 2 }] } },
                { "type": "track", "messageId": "1", "userId": "c1", "event": "Product Viewed", "properties": { "sku": "85123A" } },
            ] }),
            ),
        ];
        for _ in 0..2 {
            for (path, body) in &sent {
                assert_eq!(
                    basic(shop, path).json(body).send().expect(200),
                    json!({ "success": true })
                );
            }
        }
        let expected = [
            "order_completed",
            "order_completed",
            "other",
            "page_viewed",
            "page_viewed",
            "product_viewed",
        ];
        assert_eq!(kinds(shop), expected);
    });
}

#[test]
fn segment_answers_400_to_what_is_too_large_or_no_json_and_200_to_what_it_cannot_use() {
    on_sqlite(STILL, |shop| {
        let track = |size: usize| json!({ "messageId": "m", "event": "x".repeat(size) });
        basic(shop, "/v1/track").json(&track(33_000)).send().problem(400, "event_too_large");
        let batch = json!({ "batch": vec![track(20_000); 26] });
        basic(shop, "/v1/batch").json(&batch).send().problem(400, "event_too_large");
        basic(shop, "/v1/track").text("{").send().problem(400, "malformed_json");
        let negative = json!({ "messageId": "n", "event": "Product Added", "properties": { "sku": "85123A", "quantity": -1 } });
        basic(shop, "/v1/track").json(&negative).send().expect(200);
        assert!(kinds(shop).is_empty());
        let letters = shop.get("/v1/dead_letters").send().expect(200);
        assert_eq!(letters["data"][0]["pointer"], "/properties/quantity", "{letters}");
        let body =
            json!({ "writeKey": shop.secret, "messageId": "w", "userId": "c1", "type": "page" });
        shop.call("POST", "/v1/page").no_key().json(&body).send().expect(200);
        assert_eq!(kinds(shop), ["page_viewed"]);
    });
}

#[test]
fn a_firehose_delivery_that_comes_twice_is_taken_once() {
    on_both(STILL, |shop| {
        let records = [
            r#"{"type":"product_viewed","items":[{"sku":"85123A"}]}{"id":"f2","type":"searched"}"#,
            "{\"type\":\"track\",\"event\":\"Cart Viewed\",\"userId\":\"c1\"}\n",
            "{\"type\":",
        ];
        let records: Vec<Value> =
            records.iter().map(|text| json!({ "data": STANDARD.encode(text) })).collect();
        let body =
            json!({ "requestId": "r-1", "timestamp": 1_578_090_901_599_i64, "records": records });
        for _ in 0..2 {
            let call = shop.call("POST", "/v1/events/firehose").no_key();
            let call = call.header("x-amz-firehose-access-key", &shop.secret);
            let answer =
                call.header("x-amz-firehose-request-id", "r-1").json(&body).send().expect(200);
            assert_eq!(answer["requestId"], "r-1");
            assert!(answer["timestamp"].is_i64() && answer.get("errorMessage").is_none());
        }
        assert_eq!(kinds(shop), ["cart_viewed", "product_viewed", "searched"]);
        let call =
            shop.call("POST", "/v1/events/firehose").header("x-amz-firehose-request-id", "r-2");
        let answer = call.json(&json!({ "records": 1 })).send().expect(400);
        assert_eq!(answer["requestId"], "r-2");
        assert!(answer["errorMessage"].as_str().unwrap().contains("Firehose"));
    });
}

#[test]
fn a_dead_letter_is_shown_sent_through_again_and_thrown_away() {
    on_both(STILL, |shop| {
        let ahead = json!({ "id": "m1", "type": "searched", "at": "2026-11-24T12:10:00Z" });
        let bad = json!({ "id": "m2", "type": "glanced" });
        let taken = shop.call("POST", "/v1/events").json(&json!({ "events": [ahead, bad] })).send();
        let taken = taken.expect(202);
        let letter = |place: usize| {
            let all = taken["rejected"].as_array().unwrap();
            let found = all.iter().find(|one| one["index"] == place).unwrap();
            found["dead_letter"].as_str().unwrap().to_owned()
        };
        let (early, wrong) = (letter(0), letter(1));
        let shown = shop.get(&format!("/v1/dead_letters/{early}")).send();
        assert_eq!(shown.header("cache-control"), "no-store");
        assert!(shown.expect(200)["raw"].as_str().unwrap().contains("12:10:00"));
        let replay = |id: &str| {
            let path = format!("/v1/dead_letters/{id}/replay");
            shop.call("POST", &path).send().expect(200)["outcome"].as_str().unwrap().to_owned()
        };
        assert_eq!(replay(&early), "refused");
        shop.clock.advance(10 * shopwright_domain::time::MINUTE);
        let many = shop.call("POST", "/v1/dead_letters/replay").json(&json!({ "source": "http" }));
        let many = many.send().expect(200);
        assert_eq!((&many["taken"], &many["refused"]), (&json!(1), &json!(1)), "{many}");
        assert_eq!(replay(&early), "taken_before");
        assert_eq!(kinds(shop), ["searched"]);
        let waiting = shop.get("/v1/dead_letters?waiting=true").send().expect(200);
        assert_eq!(waiting["data"].as_array().unwrap().len(), 1);
        let path = format!("/v1/dead_letters/{wrong}");
        assert_eq!(shop.call("DELETE", &path).send().status, 204);
        shop.get(&path).send().problem(404, "not_found");
        let replay = shop.call("POST", &format!("{path}/replay")).key(&shop.publishable).send();
        replay.problem(403, "forbidden");
    });
}
