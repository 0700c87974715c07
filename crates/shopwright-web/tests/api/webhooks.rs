//! Webhook endpoints over HTTP: secrets shown once, what was told and to whom, sending again.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use shopwright_store::params;

use crate::harness::{STILL, Shop, on_both, on_sqlite, soon};

/// A receiver that takes everything; gives its URL and the request heads it got.
fn receiver() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let heads = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&heads);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut bytes = [0; 8_192];
            let read = stream.read(&mut bytes).unwrap_or(0);
            log.lock().unwrap().push(String::from_utf8_lossy(&bytes[..read]).into_owned());
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n");
        }
    });
    (url, heads)
}

fn make(shop: &Shop, body: &Value) -> Value {
    shop.post("/v1/webhook_endpoints").json(body).send().expect(201)
}

#[test]
fn a_secret_is_shown_when_it_is_made_and_never_again() {
    on_both(STILL, |shop| {
        let made = make(shop, &json!({ "url": "https://example.com/hook" }));
        let secret = made["secret"].as_str().unwrap().to_owned();
        assert!(secret.starts_with("whsec_"));
        assert_eq!((&made["events"], &made["enabled"]), (&json!(["*"]), &json!(true)));
        let path = format!("/v1/webhook_endpoints/{}", made["id"].as_str().unwrap());
        let rotated = shop.post(&format!("{path}/rotate_secret")).send().expect(200);
        assert_ne!(rotated["secret"].as_str().unwrap(), secret);
        assert!(rotated["old_secret_until"].is_string());
        let changed =
            shop.call("PATCH", &path).json(&json!({ "enabled": false })).send().expect(200);
        assert_eq!((&changed["enabled"], &changed["url"]), (&json!(false), &made["url"]));
        let list = shop.get("/v1/webhook_endpoints").send();
        for answer in [&shop.get(&path).send(), &list] {
            assert!(!answer.text.contains("whsec_"), "{}", answer.text);
        }
        assert_eq!(list.expect(200)["data"].as_array().unwrap().len(), 1);
        assert_eq!(shop.call("DELETE", &path).send().status, 204);
        for method in ["GET", "DELETE"] {
            shop.call(method, &path).send().problem(404, "not_found");
        }
    });
}

#[test]
fn an_endpoint_that_cannot_be_is_refused_with_the_field_that_is_wrong() {
    on_sqlite(STILL, |shop| {
        let check = |body: Value, pointer: &str| {
            let answer = shop.post("/v1/webhook_endpoints").json(&body).send();
            let problem = answer.problem(422, "invalid_body");
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
        };
        let url = "https://example.com/hook";
        for wrong in [
            "http://10.0.0.1/",
            "http://0x7f.2/",
            "http://[::1]/",
            "example.com",
            "https://u:p@example.com/",
        ] {
            check(json!({ "url": wrong }), "/url");
        }
        check(json!({ "url": url, "events": ["price.changed", "a b"] }), "/events/1");
        check(json!({ "url": url, "events": [] }), "/events");
        check(json!({ "url": url, "description": "x".repeat(501) }), "/description");
        check(json!({ "url": url, "secret": "whsec_mine" }), "/secret");
        assert_eq!(shop.get("/v1/webhook_endpoints").send().expect(200)["data"], json!([]));
        shop.get("/v1/webhook_endpoints/we_nonsense").send().problem(404, "not_found");
        shop.get("/v1/webhook_endpoints?starting_after=x").send().problem(400, "invalid_parameter");
    });
}

#[test]
fn an_event_is_delivered_logged_and_can_be_sent_again() {
    on_both(STILL, |shop| {
        let (url, heads) = receiver();
        let made = make(shop, &json!({ "url": url, "events": ["pricing.*"] }));
        let worker = shop.work();
        shop.put("/v1/pricing/freeze").json(&json!({ "frozen": true })).send();
        soon("it is delivered", || heads.lock().unwrap().len() == 1);
        let events = shop.get("/v1/webhook_events?type=pricing.freeze.changed").send().expect(200);
        let event = &events["data"][0];
        assert_eq!(
            (&event["data"], events["data"].as_array().unwrap().len()),
            (&json!({ "frozen": true }), 1)
        );
        let head = heads.lock().unwrap()[0].clone();
        assert!(
            head.contains(&format!("webhook-id: {}\r\n", event["id"].as_str().unwrap())),
            "{head}"
        );
        let path = format!("/v1/webhook_endpoints/{}", made["id"].as_str().unwrap());
        let delivered = || {
            shop.get(&format!("{path}/deliveries?state=delivered")).send().expect(200)["data"]
                .clone()
        };
        soon("it is logged", || delivered()[0]["attempt_count"] == 1);
        let delivery = format!("/v1/webhook_deliveries/{}", delivered()[0]["id"].as_str().unwrap());
        let attempts = shop.get(&delivery).send().expect(200)["attempts"].clone();
        assert_eq!((&attempts[0]["status"], &attempts[0]["error"]), (&json!(204), &Value::Null));
        assert_eq!(shop.post(&format!("{delivery}/replay")).send().expect(202)["state"], "waiting");
        soon("it is sent again", || delivered()[0]["attempt_count"] == 2);
        let id = |n: usize| {
            heads.lock().unwrap()[n]
                .lines()
                .find(|l| l.starts_with("webhook-id"))
                .unwrap()
                .to_owned()
        };
        assert_eq!(id(0), id(1));
        let since = json!({ "since": "2026-01-01T00:00:00Z" });
        let replayed = shop.post(&format!("{path}/replay_failed")).json(&since).send().expect(202);
        assert_eq!(replayed["replayed"], 0);
        shop.get(&format!("{path}/deliveries?state=lost")).send().problem(400, "invalid_parameter");
        drop(worker);
    });
}

#[test]
fn what_is_sent_again_under_its_key_makes_and_rotates_and_tests_once() {
    on_both(STILL, |shop| {
        let send = |method: &str, path: &str, body: &Value| {
            let key = format!("once-{method}-{}", path.len());
            shop.call(method, path).header("idempotency-key", &key).json(body).send()
        };
        let twice = |method: &str, path: &str, body: &Value| {
            (send(method, path, body), send(method, path, body))
        };
        let body = json!({ "url": "http://127.0.0.1:9/", "enabled": false });
        let (made, again) = twice("POST", "/v1/webhook_endpoints", &body);
        again.problem(409, "secret_shown_already");
        let path = format!("/v1/webhook_endpoints/{}", made.expect(201)["id"].as_str().unwrap());
        let list = shop.get("/v1/webhook_endpoints").send().expect(200);
        assert_eq!(list["data"].as_array().unwrap().len(), 1, "{list}");

        let (rotated, again) = twice("POST", &format!("{path}/rotate_secret"), &json!({}));
        rotated.expect(200);
        again.problem(409, "secret_shown_already");
        // Rotated twice, the secret the shop still has would not sign any more.
        let olds = "SELECT COUNT(*) FROM webhook_endpoints WHERE old_secret IS NOT NULL";
        assert_eq!(shop.read(|tx| tx.one(olds, params![], |row| row.get::<i64>(0))), 1);

        let (tested, again) = twice("POST", &format!("{path}/test"), &json!({}));
        assert_eq!(again.expect(202), tested.expect(202));
        let count = "SELECT COUNT(*) FROM webhook_deliveries";
        assert_eq!(shop.read(|tx| tx.one(count, params![], |row| row.get::<i64>(0))), 1);

        let delivery = tested.json()["id"].as_str().unwrap().to_owned();
        let replay = format!("/v1/webhook_deliveries/{delivery}/replay");
        let (replayed, again) = twice("POST", &replay, &json!({}));
        assert_eq!(again.expect(202), replayed.expect(202));
        let (changed, again) = twice("PATCH", &path, &json!({ "description": "Till" }));
        assert_eq!(again.expect(200), changed.expect(200));
        let (gone, again) = twice("DELETE", &path, &json!({}));
        assert_eq!((gone.status, again.status), (204, 204));
    });
}
