//! `verify` finds what is wrong with effects and deliveries: planted corruptions, named by their rules.

use shopwright_app::mail::{NewMail, SealedMail};
use shopwright_domain::ids::new_id;
use shopwright_domain::time::{Clock, SECOND};
use shopwright_store::webhook_deliveries::DeliveryState;
use shopwright_store::webhooks::{self, NewEvent};

use crate::harness::{Shop, finds_planted};
use crate::outside::{Receiver, outside, wait_until, work};
use crate::webhooks::{OK, delivery, make, tell, tried};

/// One endpoint that took a message and has another on its way, one that fails; a mail that was sent,
/// one that waits.
fn books(shop: &Shop) {
    let (receiver, outside) = (Receiver::new(&[OK]), outside());
    let (takes, _) = make(shop, &outside, receiver.url(), &["price.*"]);
    let (fails, _) = make(shop, &outside, "http://127.0.0.1:1/".into(), &["*"]);
    shop.set_time(shop.clock.now().plus_micros(3_600 * SECOND));
    let mail = |to: &str| {
        let mail = NewMail { to: to.into(), subject: "Hello".into(), text: "Well?".into() };
        let (id, now) = (new_id(shop.ids.as_ref()), shop.clock.now());
        let sealed = SealedMail::new(&outside, id, &mail);
        shop.write(move |tx| sealed.add(tx, now));
    };
    let worker = work(shop, &shop.store, &outside);
    mail("jane@example.com");
    tell(shop);
    wait_until("it is taken", || delivery(shop, takes).state == DeliveryState::Delivered);
    tried(shop, fails, 1);
    wait_until("the mail is sent", || {
        shop.number("SELECT COUNT(*) FROM effects WHERE state = 'done'") == 2
    });
    drop(worker);
    tell(shop);
    let (event_id, at) = (new_id(shop.ids.as_ref()), shop.clock.now());
    shop.write(move |tx| {
        let (kind, data) = ("order.created", serde_json::json!({}));
        webhooks::record_event(tx, &NewEvent { event_id, kind, data, at })
    });
    mail("joan@example.com");
    shop.assert_books_hold();
}

fn check(rule: &'static str, sql: &'static str, names: &str) {
    finds_planted(books, (rule, sql, names));
}

#[test]
fn planted_corruptions_of_effects_are_found() {
    check(
        "effect_states",
        "UPDATE effects SET state = 'leased' WHERE state = 'waiting'",
        "expected a lease",
    );
    check(
        "effect_states",
        "UPDATE effects SET finished_at = NULL WHERE state = 'done'",
        "expected an end",
    );
    check(
        "effect_states",
        "UPDATE effects SET state = 'lost' WHERE state = 'done'",
        "expected a known state, found lost",
    );
    check(
        "effect_states",
        "UPDATE effects SET attempts = lease_token + 1",
        "expected a token for every attempt",
    );
    let mails = "UPDATE effects SET payload = '{}' WHERE kind = 'mail.send' AND state = 'waiting'";
    check("mails_sealed", mails, "waiting: expected a sealed mail, found nothing");
    check(
        "mails_sealed",
        "UPDATE effects SET payload = '{\"sealed\": \"x\"}' WHERE kind = 'mail.send' AND state = 'done'",
        "done: expected nothing, found a sealed mail",
    );
}

#[test]
fn planted_corruptions_of_deliveries_are_found() {
    check(
        "deliveries_effects",
        "DELETE FROM effects WHERE kind = 'webhook.deliver' AND state = 'waiting'",
        "waiting with none",
    );
    check(
        "deliveries_effects",
        "UPDATE effects SET state = 'done' WHERE kind = 'webhook.deliver'",
        "expected an effect that waits or is leased, found waiting with done",
    );
    check(
        "deliveries_effects",
        "UPDATE webhook_deliveries SET finished_at = NULL WHERE state = 'delivered'",
        "delivered with done",
    );
    check(
        "deliveries_taken_once",
        "INSERT INTO webhook_attempts (delivery_id, number, at, took_ms, status, answer)
         SELECT delivery_id, number + 1, at, took_ms, status, answer FROM webhook_attempts WHERE status = 200",
        "expected at most 1, found 2",
    );
    check(
        "deliveries_taken_once",
        "UPDATE webhook_deliveries SET replays = -1 WHERE state = 'delivered'",
        "expected at most 0, found 1",
    );
    check(
        "deliveries_attempts",
        "DELETE FROM webhook_attempts WHERE status = 200",
        "delivered: expected 1 attempts",
    );
    check(
        "deliveries_attempts",
        "UPDATE webhook_attempts SET status = 500 WHERE status = 200",
        "delivered: expected 1 attempts",
    );
    check(
        "events_sent",
        "DELETE FROM webhook_deliveries WHERE attempts = 0 AND endpoint_id = (SELECT endpoint_id FROM webhook_endpoints WHERE url = 'http://127.0.0.1:1/')",
        "expected a delivery of price.changed",
    );
    check(
        "events_sent",
        "UPDATE webhook_endpoints SET filters = '[\"*\"]'",
        "expected a delivery of order.created",
    );
}
