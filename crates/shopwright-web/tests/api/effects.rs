//! Effects and jobs over HTTP: what waits and what was given up can be seen and retried.

use serde_json::json;
use shopwright_domain::ids::EffectId;
use shopwright_domain::time::{Clock, SECOND};
use shopwright_store::effects::{self, NewEffect, Outcome};
use shopwright_store::jobs::{self, NewJob};
use uuid::Uuid;

use crate::harness::{STILL, Shop, on_both};

const KIND: &str = "test.effect";

fn id(n: u128) -> EffectId {
    EffectId::from_uuid(Uuid::from_u128(n))
}

fn add(shop: &Shop, n: u128) {
    let now = shop.clock.now();
    shop.write(move |tx| {
        let (subject, payload) = ("a test", json!({ "token": "hidden" }));
        let effect = NewEffect { effect_id: id(n), kind: KIND, subject, payload, due_at: now, now };
        effects::add(tx, &effect)
    });
}

fn claim(shop: &Shop) -> effects::Lease {
    let (now, lease) = (shop.clock.now(), std::time::Duration::from_mins(5));
    shop.write(move |tx| effects::claim(tx, &[KIND], now, lease, 1)).remove(0).1
}

#[test]
fn what_was_given_up_is_listed_and_retried_and_what_is_done_is_not() {
    on_both(STILL, |shop| {
        add(shop, 1);
        let path = format!("/v1/effects/{}", id(1));
        let lease = claim(shop);
        shop.post(&format!("{path}/retry")).send().problem(409, "wrong_state");
        let now = shop.clock.now();
        shop.write(move |tx| {
            effects::settle(tx, lease, &Outcome::GivenUp { error: "nobody answers".into() }, now)
        });
        let list = shop.get("/v1/effects?state=given_up").send();
        assert!(!list.text.contains("hidden"), "what it carries is not shown: {}", list.text);
        let shown = list.expect(200)["data"][0].clone();
        assert_eq!(
            (&shown["last_error"], &shown["attempts"]),
            (&json!("nobody answers"), &json!(1))
        );
        let retried = shop.post(&format!("{path}/retry")).send().expect(202);
        assert_eq!((&retried["state"], &retried["attempts"]), (&json!("waiting"), &json!(0)));
        let lease = claim(shop);
        shop.write(move |tx| effects::settle(tx, lease, &Outcome::Done, now));
        shop.post(&format!("{path}/retry")).send().problem(409, "wrong_state");
        assert_eq!(shop.get(&path).send().expect(200)["state"], "done");
        shop.get(&format!("/v1/effects/{}", id(9))).send().problem(404, "not_found");
        shop.get("/v1/effects?state=lost").send().problem(400, "invalid_parameter");
    });
}

#[test]
fn jobs_have_a_list_of_their_own_and_metrics_count_what_is_left() {
    on_both(STILL, |shop| {
        add(shop, 1);
        let now = shop.clock.now();
        shop.write(move |tx| {
            let job = NewJob { effect_id: id(2), kind: KIND, payload: json!({}), due_at: now, now };
            jobs::schedule(tx, "test:1", job)
        });
        let jobs = shop.get("/v1/jobs").send().expect(200);
        assert_eq!(jobs["data"].as_array().unwrap().len(), 1);
        assert_eq!(
            (&jobs["data"][0]["object"], &jobs["data"][0]["subject"]),
            (&json!("job"), &json!("test:1"))
        );
        assert_eq!(shop.get("/v1/effects?limit=1").send().expect(200)["has_more"], true);
        shop.clock.advance(90 * SECOND);
        let text = shop.get("/metrics").no_key().send().text;
        for line in [
            "shopwright_effects_waiting 2",
            "shopwright_effects_overdue_seconds 90",
            "shopwright_effects_given_up 0",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in:\n{text}");
        }
    });
}
