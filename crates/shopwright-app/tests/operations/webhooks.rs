//! Webhooks as a receiver meets them: signed, tried again by the schedule, never followed elsewhere.

use shopwright_store::Page;
use std::sync::Arc;

use base64::Engine;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use shopwright_app::effects::Outside;
use shopwright_app::webhooks::{
    ChangeEndpoint, EndpointError, NewEndpoint, NewSecret, ReplayError, Replayed, change_endpoint,
    create_endpoint, delete_endpoint, replay_delivery, replay_failed, rotate_secret, test_endpoint,
};
use shopwright_domain::ids::{EffectId, EventId, WebhookDeliveryId, WebhookEndpointId, new_id};
use shopwright_domain::time::{Clock, DAY, SECOND, Timestamp};
use shopwright_store::effects;
use shopwright_store::params;
use shopwright_store::webhook_deliveries::{self, Delivery, DeliveryState};
use shopwright_store::webhooks::{self, Endpoint, NewEvent};

use crate::harness::{Shop, on_both};
use crate::outside::{Received, Receiver, Reply, outside, wait_until, work};

pub const OK: Reply = Reply::Status(200, "");

pub fn make(
    shop: &Shop,
    outside: &Arc<Outside>,
    url: String,
    filters: &[&str],
) -> (WebhookEndpointId, String) {
    made(shop, outside, url, filters).unwrap()
}

fn made(
    shop: &Shop,
    outside: &Arc<Outside>,
    url: String,
    filters: &[&str],
) -> Result<(WebhookEndpointId, String), EndpointError> {
    let id = new_id(shop.ids.as_ref());
    let new = NewEndpoint {
        endpoint_id: id,
        url,
        description: "Order desk".into(),
        filters: filters.iter().map(|text| text.parse().unwrap()).collect(),
        enabled: true,
    };
    let (outside, stamp, secret) = (Arc::clone(outside), shop.stamp(), NewSecret::new(outside, id));
    let text = secret.text();
    let made = shop.store.write(move |tx| create_endpoint(tx, &outside, &new, &secret, stamp));
    shop.run(made).map(|_| (id, text))
}

pub fn switch(
    shop: &Shop,
    outside: &Arc<Outside>,
    id: WebhookEndpointId,
    enabled: bool,
) -> Endpoint {
    let change = ChangeEndpoint { enabled: Some(enabled), ..ChangeEndpoint::default() };
    let (outside, stamp) = (Arc::clone(outside), shop.stamp());
    let changed = shop.store.write(move |tx| change_endpoint(tx, &outside, id, &change, stamp));
    shop.run(changed).unwrap()
}

fn replay_all(
    shop: &Shop,
    id: WebhookEndpointId,
    since: Timestamp,
) -> Result<Replayed, ReplayError> {
    let now = shop.clock.now();
    shop.run(shop.store.write(move |tx| replay_failed(tx, id, since, now)))
}

pub fn test(shop: &Shop, id: WebhookEndpointId) -> Result<WebhookDeliveryId, EndpointError> {
    let (event, now) = (new_id(shop.ids.as_ref()), shop.clock.now());
    shop.run(shop.store.write(move |tx| test_endpoint(tx, id, event, now)))
}

pub fn tell(shop: &Shop) -> EventId {
    let (event_id, at): (EventId, _) = (new_id(shop.ids.as_ref()), shop.clock.now());
    shop.write(move |tx| {
        let data = json!({ "sku": "A-1" });
        webhooks::record_event(tx, &NewEvent { event_id, kind: "price.changed", data, at })
    });
    event_id
}

pub fn endpoint(shop: &Shop, id: WebhookEndpointId) -> Endpoint {
    shop.read(move |tx| webhooks::find_endpoint(tx, id)).unwrap()
}

/// The newest delivery to an endpoint.
pub fn delivery(shop: &Shop, id: WebhookEndpointId) -> Delivery {
    shop.read(move |tx| webhook_deliveries::list(tx, id, None, &Page::first(1))).remove(0)
}

pub fn tried(shop: &Shop, id: WebhookEndpointId, attempts: i64) {
    wait_until("it was tried", || delivery(shop, id).attempts == attempts);
}

/// Moves the clock to when the newest delivery is due again; gives by how many seconds.
fn to_next_try(shop: &Shop, id: WebhookEndpointId) -> i64 {
    let effect = EffectId::from_uuid(delivery(shop, id).delivery_id.uuid());
    let due = shop.read(move |tx| effects::find(tx, effect)).unwrap().due_at;
    let moved = (due.as_micros() - shop.clock.now().as_micros()) / SECOND;
    shop.set_time(due);
    moved
}

pub fn signature(secret: &str, received: &Received) -> String {
    let engine = base64::engine::general_purpose::STANDARD;
    let key = engine.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&key).unwrap();
    let (id, at) = (received.header("webhook-id"), received.header("webhook-timestamp"));
    mac.update(format!("{id}.{at}.{}", received.body).as_bytes());
    format!("v1,{}", engine.encode(mac.finalize().into_bytes()))
}

#[test]
fn a_message_is_signed_and_tried_again_under_one_id_until_it_is_taken() {
    on_both(|shop| {
        let (receiver, outside) = (Receiver::new(&[Reply::Status(500, ""), OK]), outside());
        let (id, secret) = make(shop, &outside, receiver.url(), &["price.*"]);
        let worker = work(shop, &shop.store, &outside);
        let event = tell(shop);
        tried(shop, id, 1);
        assert_eq!(delivery(shop, id).state, DeliveryState::Waiting);
        assert_eq!(endpoint(shop, id).failing_since, Some(shop.clock.now()));
        assert!((5..=6).contains(&to_next_try(shop, id)));
        tried(shop, id, 2);
        assert_eq!(delivery(shop, id).state, DeliveryState::Delivered);
        assert_eq!(endpoint(shop, id).failing_since, None);
        let received = receiver.received();
        assert_eq!(received.len(), 2);
        for request in &received {
            assert_eq!(request.header("webhook-id"), event.to_string());
            assert_eq!(request.header("content-type"), "application/json");
            assert_eq!(request.header("webhook-signature"), signature(&secret, request));
            let body: serde_json::Value = serde_json::from_str(&request.body).unwrap();
            let expected = json!({ "type": "price.changed", "timestamp": "2011-12-10T09:00:00Z", "data": { "sku": "A-1" } });
            assert_eq!(body, expected);
        }
        let at = |n: usize| received[n].header("webhook-timestamp").parse::<i64>().unwrap();
        assert!((5..=6).contains(&(at(1) - at(0))), "the time is that of the attempt");
        let log = shop.read({
            let id = delivery(shop, id).delivery_id;
            move |tx| webhook_deliveries::attempts(tx, id)
        });
        assert_eq!(log.iter().map(|a| a.status).collect::<Vec<_>>(), [Some(500), Some(200)]);
        assert_eq!((log[0].answer.as_str(), log[1].error.as_deref()), ("abc", None));
        drop(worker);
    });
}

#[test]
fn ten_tries_take_75_hours_35_minutes_then_the_endpoint_is_switched_off_and_the_operator_told() {
    on_both(|shop| {
        let (receiver, outside) = (Receiver::new(&[Reply::Status(500, "")]), outside());
        let (id, _) = make(shop, &outside, receiver.url(), &["*"]);
        let worker = work(shop, &shop.store, &outside);
        let begun = shop.clock.now().as_micros();
        tell(shop);
        for attempt in 1..=9 {
            tried(shop, id, attempt);
            assert!(endpoint(shop, id).enabled);
            to_next_try(shop, id);
        }
        tried(shop, id, 10);
        let took = (shop.clock.now().as_micros() - begun) / SECOND;
        let planned = 75 * 3_600 + 35 * 60 + 5;
        assert!((planned..=planned * 11 / 10).contains(&took), "{took}");
        assert_eq!(delivery(shop, id).state, DeliveryState::Failed);
        let off = endpoint(shop, id);
        assert!(!off.enabled && off.disabled_reason.is_some(), "{off:?}");
        wait_until("the operator is told", || outside.mail.kept().len() == 1);
        let (_, mail) = outside.mail.kept().remove(0);
        assert!(mail.contains("To: owner@example.com") && mail.contains(&id.to_string()), "{mail}");
        assert_eq!(receiver.received().len(), 10);
        assert_eq!(shop.number("SELECT COUNT(*) FROM effects WHERE state = 'given_up'"), 1);

        // Switched on again, what failed is sent again under its old id.
        receiver.reply(&[OK]);
        let since = shop.clock.now().plus_micros(-5 * DAY);
        let refused = replay_all(shop, id, since).unwrap_err();
        assert!(refused.to_string().contains("switched off"), "{refused}");
        let one = delivery(shop, id).delivery_id;
        let now = shop.clock.now();
        let refused = shop.run(shop.store.write(move |tx| replay_delivery(tx, one, now)));
        assert!(matches!(refused, Err(ReplayError::SwitchedOff(off)) if off == id));
        let changed = switch(shop, &outside, id, true);
        assert_eq!((changed.failing_since, changed.disabled_reason), (None, None));
        assert_eq!(replay_all(shop, id, since).unwrap(), Replayed { count: 1, has_more: false });
        wait_until("it is delivered", || delivery(shop, id).state == DeliveryState::Delivered);
        let ids: Vec<_> =
            receiver.received().iter().map(|r| r.header("webhook-id").to_owned()).collect();
        assert!(ids.iter().all(|id| *id == ids[0]) && ids.len() == 11, "{ids:?}");
        drop(worker);
    });
}

#[test]
fn each_answer_means_what_the_standard_says() {
    on_both(|shop| {
        let (elsewhere, outside) = (Receiver::new(&[OK]), outside());
        let worker = work(shop, &shop.store, &outside);
        let location: &'static str = format!("Location: {}\r\n", elsewhere.url()).leak();
        // Reply, whether the endpoint stays on, and seconds until the next try.
        let check = |reply: Reply, enabled: bool, next: Option<std::ops::RangeInclusive<i64>>| {
            let receiver = Receiver::new(std::slice::from_ref(&reply));
            let (id, _) = make(shop, &outside, receiver.url(), &["*"]);
            tell(shop);
            tried(shop, id, 1);
            assert_eq!(endpoint(shop, id).enabled, enabled, "{reply:?}");
            match next {
                None => assert_eq!(delivery(shop, id).state, DeliveryState::Failed, "{reply:?}"),
                Some(range) => {
                    let effect = EffectId::from_uuid(delivery(shop, id).delivery_id.uuid());
                    let due = shop.read(move |tx| effects::find(tx, effect)).unwrap().due_at;
                    let seconds = (due.as_micros() - shop.clock.now().as_micros()) / SECOND;
                    assert!(range.contains(&seconds), "{reply:?}: {seconds}");
                }
            }
            let stamp = shop.stamp();
            shop.run(shop.store.write(move |tx| delete_endpoint(tx, id, stamp))).unwrap();
        };
        check(Reply::Status(301, location), true, Some(5..=6));
        check(Reply::Status(308, location), true, Some(5..=6));
        check(Reply::Status(404, ""), true, Some(5..=6));
        check(Reply::Status(410, ""), false, None);
        check(Reply::Status(429, "Retry-After: 120\r\n"), true, Some(120..=120));
        check(
            Reply::Status(429, "Retry-After: Sat, 10 Dec 2011 10:00:00 GMT\r\n"),
            true,
            Some(3_600..=3_600),
        );
        check(Reply::Status(503, "Retry-After: 9000000\r\n"), true, Some(86_400..=86_400));
        check(Reply::Status(429, "Retry-After: soon\r\n"), true, Some(5..=6));
        assert_eq!(elsewhere.received().len(), 0, "a redirect is never followed");
        wait_until("the operator is told of the 410", || outside.mail.kept().len() == 1);
        drop(worker);
    });
}

#[test]
fn an_overloaded_endpoint_is_left_alone_for_all_its_messages() {
    on_both(|shop| {
        let receiver = Receiver::new(&[Reply::Status(429, "Retry-After: 300\r\n"), OK]);
        let outside = outside();
        let (id, _) = make(shop, &outside, receiver.url(), &["*"]);
        let worker = work(shop, &shop.store, &outside);
        tell(shop);
        tried(shop, id, 1);
        let second = tell(shop);
        wait_until("the second waits", || {
            let effect = EffectId::from_uuid(delivery(shop, id).delivery_id.uuid());
            shop.read(move |tx| effects::find(tx, effect)).unwrap().due_at > shop.clock.now()
        });
        assert_eq!((receiver.received().len(), delivery(shop, id).attempts), (1, 0));
        shop.set_time(shop.clock.now().plus_micros(340 * SECOND));
        wait_until("both are delivered", || receiver.received().len() == 3);
        assert!(receiver.received().iter().any(|r| r.header("webhook-id") == second.to_string()));
        drop(worker);
    });
}

#[test]
fn a_receiver_that_never_answers_fails_in_time_and_is_logged() {
    on_both(|shop| {
        let (receiver, outside) = (Receiver::new(&[Reply::Hang, OK]), outside());
        let (id, _) = make(shop, &outside, receiver.url(), &["*"]);
        let worker = work(shop, &shop.store, &outside);
        tell(shop);
        tried(shop, id, 1);
        let failed = delivery(shop, id);
        assert!(failed.last_error.unwrap().contains("no whole answer within"));
        to_next_try(shop, id);
        tried(shop, id, 2);
        assert_eq!(delivery(shop, id).state, DeliveryState::Delivered);
        drop(worker);
    });
}

#[test]
fn while_a_secret_is_rotated_both_sign_and_after_a_day_only_the_new_one() {
    on_both(|shop| {
        let (receiver, outside) = (Receiver::new(&[OK]), outside());
        let (id, old) = make(shop, &outside, receiver.url(), &["*"]);
        let worker = work(shop, &shop.store, &outside);
        let (new, stamp) = (NewSecret::new(&outside, id), shop.stamp());
        let text = new.text();
        let rotated = shop.store.write(move |tx| rotate_secret(tx, id, &new, stamp));
        shop.run(rotated).unwrap();
        let next = |n: usize| {
            tell(shop);
            wait_until("it arrives", || receiver.received().len() == n);
            receiver.received().pop().unwrap()
        };
        let both = next(1);
        let expected = format!("{} {}", signature(&text, &both), signature(&old, &both));
        assert_eq!(both.header("webhook-signature"), expected);
        shop.set_time(shop.clock.now().plus_micros(DAY));
        let one = next(2);
        assert_eq!(one.header("webhook-signature"), signature(&text, &one));
        // Neither is readable in the ledger.
        for column in ["secret", "old_secret"] {
            let sealed: Vec<u8> = shop.read(move |tx| {
                tx.one(&format!("SELECT {column} FROM webhook_endpoints"), params![], |row| {
                    row.get(0)
                })
            });
            let engine = base64::engine::general_purpose::STANDARD;
            for secret in [&text, &old] {
                let bytes = engine.decode(&secret[6..]).unwrap();
                assert!(!sealed.windows(bytes.len()).any(|part| part == bytes));
            }
        }
        drop(worker);
    });
}

#[test]
fn a_crash_in_the_middle_of_a_delivery_sends_it_again_under_its_id_and_logs_it_once() {
    on_both(|shop| {
        let (receiver, outside) = (Receiver::new(&[Reply::Hang, OK]), outside());
        let (id, _) = make(shop, &outside, receiver.url(), &["*"]);
        let worker = work(shop, &shop.store, &outside);
        tell(shop);
        wait_until("the first attempt is under way", || receiver.received().len() == 1);
        drop(worker);
        let worker = work(shop, &shop.another_node(), &outside);
        std::thread::sleep(std::time::Duration::from_millis(100));
        assert_eq!(receiver.received().len(), 1, "the lease still holds");
        shop.write(|tx| {
            let sql = format!("UPDATE effects SET lease_until = {}", tx.ledger_time_after("$1"));
            tx.execute(&sql, params![-1_000])
        });
        tried(shop, id, 1);
        assert_eq!(delivery(shop, id).state, DeliveryState::Delivered);
        let received = receiver.received();
        assert_eq!(received.len(), 2);
        assert_eq!(received[0].header("webhook-id"), received[1].header("webhook-id"));
        drop(worker);
    });
}

#[test]
fn an_inner_address_is_refused_when_entered_and_again_at_every_attempt() {
    on_both(|shop| {
        let outside = outside();
        for url in [
            "http://10.0.0.1/",
            "http://169.254.169.254/latest",
            "ftp://x",
            "http://u:p@example.com/",
        ] {
            assert!(made(shop, &outside, url.into(), &["*"]).is_err(), "{url}");
        }
        assert_eq!(shop.number("SELECT COUNT(*) FROM webhook_endpoints"), 0);
        // A name that resolves inside is found out at the attempt.
        let (id, _) = make(shop, &outside, "http://127.0.0.1:1/".into(), &["*"]);
        shop.write(|tx| {
            tx.execute("UPDATE webhook_endpoints SET url = 'http://10.9.8.7/'", params![])
        });
        let worker = work(shop, &shop.store, &outside);
        tell(shop);
        tried(shop, id, 1);
        assert!(delivery(shop, id).last_error.unwrap().contains("private"));
        drop(worker);
    });
}

#[test]
fn a_test_reaches_an_endpoint_that_is_switched_off_and_asks_for_nothing_else() {
    on_both(|shop| {
        let (receiver, outside): (_, Arc<Outside>) = (Receiver::new(&[OK]), outside());
        let (id, _) = make(shop, &outside, receiver.url(), &["order.*"]);
        switch(shop, &outside, id, false);
        let worker = work(shop, &shop.store, &outside);
        tell(shop);
        let sent = test(shop, id).unwrap();
        wait_until("it is delivered", || delivery(shop, id).state == DeliveryState::Delivered);
        assert_eq!(receiver.received().len(), 1);
        assert!(receiver.received()[0].body.contains("webhook.test"));
        assert_eq!(delivery(shop, id).delivery_id, sent);
        let none = new_id(shop.ids.as_ref());
        assert!(matches!(test(shop, none), Err(EndpointError::NotFound(_))));
        drop(worker);
    });
}
