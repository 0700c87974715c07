//! What is old is forgotten, what is sealed under an old key is sealed anew.

use shopwright_app::effects::{reseal, sweep_effects};
use shopwright_app::mail::{NewMail, SealedMail};
use shopwright_app::webhooks::{NewSecret, rotate_secret};
use shopwright_domain::ids::{EffectId, new_id};
use shopwright_domain::time::{Clock, DAY};
use shopwright_gateways::seal::Seal;
use shopwright_store::params;
use shopwright_store::webhook_deliveries::DeliveryState;

use crate::harness::{Shop, on_both};
use crate::outside::{Receiver, outside, sealed_by, wait_until, work};
use crate::webhooks::{OK, delivery, endpoint, make, signature, tell, tried};

fn mail() -> NewMail {
    NewMail { to: "jane@example.com".into(), subject: "Hello".into(), text: "Well?".into() }
}

fn days_later(shop: &Shop, days: i64) {
    shop.set_time(shop.clock.now().plus_micros(days * DAY));
}

#[test]
fn what_is_finished_is_forgotten_after_its_days_and_what_waits_never() {
    on_both(|shop| {
        let (receiver, outside) = (Receiver::new(&[OK]), outside());
        for _ in 0..450 {
            tell(shop);
        }
        let (id, _) = make(shop, &outside, receiver.url(), &["*"]);
        let (waits, _) = make(shop, &outside, "http://127.0.0.1:1/".into(), &["*"]);
        let worker = work(shop, &shop.store, &outside);
        tell(shop);
        wait_until("one takes it", || delivery(shop, id).state == DeliveryState::Delivered);
        tried(shop, waits, 1);
        let sent = SealedMail::new(&outside, new_id(shop.ids.as_ref()), &mail());
        let now = shop.clock.now();
        shop.write(move |tx| sent.add(tx, now));
        wait_until("the mail is sent", || outside.mail.kept().len() == 1);
        wait_until("what it said is forgotten", || {
            shop.number("SELECT COUNT(*) FROM effects WHERE kind = 'mail.send' AND state = 'done'")
                == 1
        });
        drop(worker);
        shop.assert_books_hold();
        let sweep = |days: i64| {
            let before = shop.clock.now().plus_micros(-days * DAY);
            shop.run(sweep_effects(&shop.store, before)).unwrap()
        };
        days_later(shop, 29);
        assert_eq!(sweep(30), 0);
        days_later(shop, 2);
        assert_eq!(sweep(30), 451, "450 events and a mail");
        assert_eq!(sweep(30), 0);
        assert_eq!(shop.number("SELECT COUNT(*) FROM webhook_events"), 1, "one of two has it");
        assert_eq!(delivery(shop, waits).state, DeliveryState::Waiting);
        shop.assert_books_hold();
        // Given up at last, it goes too.
        receiver.reply(&[OK]);
        let url = receiver.url();
        shop.write(move |tx| tx.execute("UPDATE webhook_endpoints SET url = $1", params![&url]));
        let worker = work(shop, &shop.store, &outside);
        wait_until("it is taken", || delivery(shop, waits).state == DeliveryState::Delivered);
        drop(worker);
        assert_eq!(sweep(30), 1);
        assert_eq!(shop.number("SELECT COUNT(*) FROM effects"), 0);
        assert_eq!(shop.number("SELECT COUNT(*) FROM webhook_attempts"), 0);
    });
}

#[test]
fn after_a_rotation_of_the_seal_everything_opens_with_the_newest_key_alone() {
    on_both(|shop| {
        let (old, new) = ([7; 32], [8; 32]);
        let before = sealed_by(Seal::new(&old));
        let both = format!("{}{}", Seal::line(&new), Seal::line(&old));
        let rotated = sealed_by(Seal::read(&both).unwrap());
        let receiver = Receiver::new(&[OK]);
        let (id, first) = make(shop, &before, receiver.url(), &["*"]);
        let (second, stamp) = (NewSecret::new(&before, id), shop.stamp());
        let text = second.text();
        let turned = shop.store.write(move |tx| rotate_secret(tx, id, &second, stamp));
        shop.run(turned).unwrap();
        let (effect, now): (EffectId, _) = (new_id(shop.ids.as_ref()), shop.clock.now());
        let waiting = SealedMail::new(&before, effect, &mail());
        shop.write(move |tx| waiting.add(tx, now));
        let reseal = || shop.run(reseal(&shop.store, &rotated, shop.clock.now())).unwrap();
        assert_eq!((reseal(), reseal()), (2, 0));
        shop.assert_books_hold();

        let after = sealed_by(Seal::new(&new));
        let worker = work(shop, &shop.store, &after);
        tell(shop);
        wait_until("it arrives", || receiver.received().len() == 1);
        let received = receiver.received().remove(0);
        let signed = format!("{} {}", signature(&text, &received), signature(&first, &received));
        assert_eq!(received.header("webhook-signature"), signed);
        wait_until("the mail is sent", || after.mail.kept().len() == 1);
        drop(worker);
        // A secret whose day is over is dropped.
        days_later(shop, 1);
        assert_eq!((reseal(), reseal()), (1, 0));
        assert_eq!(endpoint(shop, id).old_secret, None);
        // What no key opens is left as it is.
        let strange = sealed_by(Seal::new(&[9; 32]));
        assert_eq!(
            shop.run(shopwright_app::effects::reseal(&shop.store, &strange, now)).unwrap(),
            0
        );
        assert!(after.open(&endpoint(shop, id).secret, &id.to_string()).is_ok());
    });
}
