//! Requests sent again: one effect, one answer, and no key taken for another's.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shopwright_app::identity::KeyKind;
use shopwright_domain::time::HOUR;
use shopwright_store::params;

use crate::client::{Answer, Call, raw};
use crate::harness::{STILL, Shop, on_both, on_sqlite, soon};

fn promotion(name: &str) -> Value {
    json!({ "name": name, "scope": "store", "factor": "0.9",
        "starts_at": "2026-12-01T00:00:00Z", "ends_at": "2026-12-24T00:00:00Z" })
}

fn create(shop: &Shop, key: &str, body: &Value) -> Call {
    shop.post("/v1/promotions").header("idempotency-key", key).json(body)
}

fn promotions(shop: &Shop) -> i64 {
    shop.read(|tx| tx.one("SELECT COUNT(*) FROM promotions", params![], |row| row.get(0)))
}

fn replayed(answer: &Answer) -> bool {
    answer.header("idempotent-replayed") == "true"
}

#[test]
fn the_same_request_sent_again_is_given_the_first_answer_byte_for_byte() {
    on_both(STILL, |shop| {
        let first = create(shop, "k-1", &promotion("Sale")).send();
        let made = first.expect(201);
        assert!(!replayed(&first));
        assert_eq!(
            first.header("location"),
            format!("/v1/promotions/{}", made["id"].as_str().unwrap())
        );
        shop.clock.advance(23 * HOUR);
        let again = create(shop, "k-1", &promotion("Sale")).send();
        assert_eq!((again.status, &again.text), (201, &first.text));
        assert_eq!(again.header("location"), first.header("location"));
        assert!(replayed(&again));
        assert_eq!(promotions(shop), 1);
        // After a day it is a request like any other.
        shop.clock.advance(HOUR);
        let later = create(shop, "k-1", &promotion("Sale")).send();
        later.expect(201);
        assert!(!replayed(&later));
        assert_eq!(promotions(shop), 2);
    });
}

#[test]
fn a_key_belongs_to_one_request_of_one_caller() {
    on_both(STILL, |shop| {
        create(shop, "k", &promotion("Sale")).send().expect(201);
        create(shop, "k", &promotion("Other")).send().problem(422, "idempotency_key_reused");
        let freeze = shop.put("/v1/pricing/freeze").header("idempotency-key", "k");
        freeze.json(&json!({ "frozen": true })).send().problem(422, "idempotency_key_reused");
        let end = shop.post("/v1/promotions/prm_01h455vb4pex5vsknk084sn02q/end");
        end.header("idempotency-key", "k").send().problem(422, "idempotency_key_reused");
        let other = shop.new_key((KeyKind::Secret, "other".to_owned()));
        soon("the other key opens", || {
            shop.get("/v1/products").key(&other.text).send().status == 200
        });
        let theirs = create(shop, "k", &promotion("Other")).key(&other.text).send();
        theirs.expect(201);
        assert_eq!(promotions(shop), 2);
    });
}

#[test]
fn thirty_at_once_make_one_thing() {
    on_both(STILL, |shop| {
        let call = create(shop, "k", &promotion("Sale"));
        let answers: Vec<Answer> = thread::scope(|scope| {
            let rivals: Vec<_> = (0..30).map(|_| scope.spawn(|| call.clone().send())).collect();
            rivals.into_iter().map(|rival| rival.join().unwrap()).collect()
        });
        assert_eq!(answers.iter().filter(|answer| !replayed(answer)).count(), 1);
        for answer in &answers {
            assert_eq!((answer.status, &answer.text), (201, &answers[0].text));
        }
        assert_eq!(promotions(shop), 1);
    });
}

#[test]
fn what_the_operation_refused_is_refused_again_and_nothing_of_it_is_kept() {
    on_both(STILL, |shop| {
        let body = json!({ "name": "Sale", "scope": "sku", "key": "LATER", "factor": "0.9",
            "starts_at": "2026-12-01T00:00:00Z", "ends_at": "2026-12-24T00:00:00Z" });
        let first = create(shop, "k", &body).send();
        first.problem(404, "unknown_sku");
        assert!(!replayed(&first));
        let again = create(shop, "k", &body).send();
        again.problem(404, "unknown_sku");
        assert!(replayed(&again));
        assert_eq!(promotions(shop), 0);
    });
}

#[test]
fn a_body_that_does_not_fit_costs_no_key() {
    on_sqlite(STILL, |shop| {
        let call = create(shop, "k", &json!({ "name": 3 }));
        call.send().problem(422, "invalid_body");
        create(shop, "k", &promotion("Sale")).no_key().send().problem(401, "unauthorized");
        create(shop, "k", &promotion("Sale")).send().expect(201);
    });
}

#[test]
fn a_body_is_not_read_for_its_key_before_the_caller_is_let_in() {
    on_sqlite(STILL, |shop| {
        // Announced and never sent: whoever waits for it waits in vain.
        let head = "POST /v1/promotions HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: k\r\n\
            Content-Type: application/json\r\nContent-Length: 1000000\r\nConnection: close\r\n";
        let asked = Instant::now();
        let answer = raw(shop.address, format!("{head}\r\n").as_bytes());
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
        let publishable = format!("{head}Authorization: Bearer {}\r\n\r\n", shop.publishable);
        let answer = raw(shop.address, publishable.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
        assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
        // The limit of a body is its route's, with a key as without.
        // Barely too long: of a longer one the client may not get rid before it is refused.
        let long = promotion(&"x".repeat(1 << 20));
        create(shop, "long", &long).send().problem(413, "body_too_large");
    });
}

#[test]
fn an_answer_without_a_body_is_given_again_too() {
    on_sqlite(STILL, |shop| {
        let made = create(shop, "make", &promotion("Sale")).send().expect(201);
        let path = format!("/v1/promotions/{}/end", made["id"].as_str().unwrap());
        for expected in [false, true] {
            let answer = shop.post(&path).header("idempotency-key", "end").send();
            assert_eq!((answer.status, answer.text.as_str()), (204, ""));
            assert_eq!(replayed(&answer), expected);
        }
        shop.post(&path).send().problem(404, "not_found");
    });
}

#[test]
fn keys_that_are_none_are_refused() {
    on_sqlite(STILL, |shop| {
        for wrong in ["", "a b", "ä", &"k".repeat(256)] {
            create(shop, wrong, &promotion("Sale")).send().problem(400, "invalid_parameter");
        }
        create(shop, &"k".repeat(255), &promotion("Sale")).send().expect(201);
        // A read has no effect to repeat.
        let read = shop.get("/v1/products").header("idempotency-key", "").send();
        assert!(!replayed(&read));
        read.expect(200);
    });
}

#[test]
fn a_write_for_a_version_that_is_gone_is_refused() {
    on_both(STILL, |shop| {
        let path = "/v1/pricing/policies/sku/85123A";
        let put = |if_match: Option<&str>, pin: i64| {
            let call = shop.put(path).json(&json!({ "pin_minor": pin }));
            match if_match {
                Some(tag) => call.header("if-match", tag).send(),
                None => call.send(),
            }
        };
        put(Some("*"), 310).problem(412, "precondition_failed");
        let first = put(None, 310);
        first.expect(200);
        let seen = first.header("etag").to_owned();
        let second = put(Some(&seen), 320);
        second.expect(200);
        assert_ne!(second.header("etag"), seen);
        put(Some(&seen), 330).problem(412, "precondition_failed");
        let delete = |tag: &str| shop.call("DELETE", path).header("if-match", tag).send();
        delete(&seen).problem(412, "precondition_failed");
        assert_eq!(delete(second.header("etag")).status, 204);
        put(Some("*"), 310).problem(412, "precondition_failed");
    });
}
