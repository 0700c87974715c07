//! Webhook endpoints over HTTP: secrets shown once, what was told and to whom, sending again.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

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
        assert_eq!(replayed, json!({ "replayed": 0, "has_more": false }));
        shop.get(&format!("{path}/deliveries?state=lost")).send().problem(400, "invalid_parameter");
        drop(worker);
    });
}

#[test]
fn a_write_sent_again_under_its_key_happens_once_and_a_secret_is_not_shown_twice() {
    on_both(STILL, |shop| {
        let again = |method: &str, path: &str, body: &Value, key: &str| {
            [(); 2]
                .map(|()| shop.call(method, path).header("idempotency-key", key).json(body).send())
        };
        let url = json!({ "url": "https://example.com/hook?token=hidden" });
        let [first, second] = again("POST", "/v1/webhook_endpoints", &url, "make");
        second.problem(409, "secret_shown_already");
        let made = first.expect(201);
        let secret = made["secret"].as_str().unwrap().to_owned();
        let path = format!("/v1/webhook_endpoints/{}", made["id"].as_str().unwrap());
        let list = || shop.get("/v1/webhook_endpoints").send().expect(200)["data"].clone();
        assert_eq!(list().as_array().unwrap().len(), 1);

        let rotate = format!("{path}/rotate_secret");
        let [first, second] = again("POST", &rotate, &json!({}), "rotate");
        second.problem(409, "secret_shown_already");
        assert_ne!(first.expect(200)["secret"], json!(secret));

        let [first, second] = again("POST", &format!("{path}/test"), &json!({}), "test");
        let sent = first.expect(202);
        assert_eq!(sent, second.expect(202));
        let deliveries = shop.get(&format!("{path}/deliveries")).send().expect(200);
        assert_eq!(deliveries["data"].as_array().unwrap().len(), 1);
        let delivery = format!("/v1/webhook_deliveries/{}/replay", sent["id"].as_str().unwrap());
        let [first, second] = again("POST", &delivery, &json!({}), "replay");
        assert_eq!(first.expect(202), second.expect(202));
        let effect = sent["id"].as_str().unwrap().replace("whd_", "eff_");
        let [first, second] =
            again("POST", &format!("/v1/effects/{effect}/retry"), &json!({}), "retry");
        assert_eq!(first.expect(202), second.expect(202));

        let off = json!({ "enabled": false });
        let [first, second] = again("PATCH", &path, &off, "off");
        assert_eq!(first.expect(200), second.expect(200));
        let since = json!({ "since": "2026-01-01T00:00:00Z" });
        let [first, second] = again("POST", &format!("{path}/replay_failed"), &since, "failed");
        first.problem(409, "wrong_state");
        second.problem(409, "wrong_state");
        for answer in again("DELETE", &path, &json!({}), "gone") {
            assert_eq!(answer.status, 204);
        }
        shop.get(&path).send().problem(404, "not_found");

        let audit = shop.get("/v1/audit?action=webhook_endpoint.").send();
        assert!(!audit.text.contains("whsec_") && !audit.text.contains("hidden"), "{}", audit.text);
        let actions = audit.expect(200)["data"].as_array().unwrap().clone();
        let actions: Vec<_> = actions.iter().map(|e| e["action"].as_str().unwrap()).collect();
        let expected = ["deleted", "changed", "secret_rotated", "created"];
        assert_eq!(actions, expected.map(|done| format!("webhook_endpoint.{done}")));
    });
}
