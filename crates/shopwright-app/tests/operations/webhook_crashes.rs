//! The process dies at each step of a delivery, or the endpoint goes away under it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use shopwright_app::effects::{
    Outside, Perform, Performed, Performers, Record, WorkOptions, Working, keep_working,
    sweep_effects,
};
use shopwright_app::webhooks::{delete_endpoint, retry_effect};
use shopwright_domain::ids::EffectId;
use shopwright_domain::time::{Clock, DAY};
use shopwright_store::effects::Effect;
use shopwright_store::params;
use shopwright_store::webhook_deliveries::DeliveryState;

use crate::harness::{Shop, on_both};
use crate::outside::{Receiver, outside, wait_until, work};
use crate::webhooks::{OK, delivery, make, tell, tried};
use crate::worker::run_out;

/// Where a performer stops until it is let go or killed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stop {
    BeforeTheCall,
    AfterTheAnswer,
}

struct Stopping {
    real: Performers,
    stop: Stop,
    there: AtomicBool,
    go: AtomicBool,
}

impl Stopping {
    async fn wait(&self) {
        self.there.store(true, Ordering::SeqCst);
        while !self.go.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Perform for Stopping {
    fn kinds(&self) -> &'static [&'static str] {
        self.real.kinds()
    }

    fn tries_max(&self, kind: &str) -> u32 {
        self.real.tries_max(kind)
    }

    fn given_up(&self, effect: &Effect, error: &str) -> Option<Record> {
        self.real.given_up(effect, error)
    }

    async fn perform(&self, effect: Effect) -> Performed {
        if self.stop == Stop::BeforeTheCall {
            self.wait().await;
        }
        let performed = self.real.perform(effect).await;
        if self.stop == Stop::AfterTheAnswer {
            self.wait().await;
        }
        performed
    }
}

fn stopping(shop: &Shop, outside: &Arc<Outside>, stop: Stop) -> (Working, Arc<Stopping>) {
    let real = Performers::new(shop.store.clone(), shop.clock.clone(), Arc::clone(outside));
    let (there, go) = (AtomicBool::new(false), AtomicBool::new(false));
    let performer = Arc::new(Stopping { real, stop, there, go });
    let options = WorkOptions { poll: Duration::from_millis(20), ..WorkOptions::default() };
    let worker = shop.run(async {
        keep_working(shop.store.clone(), shop.clock.clone(), Arc::clone(&performer), options)
    });
    (worker, performer)
}

#[test]
fn a_node_that_dies_before_the_call_or_after_the_answer_leaves_a_delivery_that_is_settled_once() {
    let check = |stop: Stop, calls: usize| {
        on_both(|shop| {
            let (receiver, outside) = (Receiver::new(&[OK]), outside());
            let (id, _) = make(shop, &outside, receiver.url(), &["*"]);
            let (worker, performer) = stopping(shop, &outside, stop);
            let event = tell(shop);
            wait_until("it is there", || performer.there.load(Ordering::SeqCst));
            drop(worker);
            assert_eq!(receiver.received().len(), calls - 1, "{stop:?}");
            assert_eq!(delivery(shop, id).state, DeliveryState::Waiting);
            run_out(shop);
            let worker = work(shop, &shop.another_node(), &outside);
            wait_until("it is taken", || delivery(shop, id).state == DeliveryState::Delivered);
            let received = receiver.received();
            assert_eq!(received.len(), calls, "{stop:?}");
            assert!(received.iter().all(|r| r.header("webhook-id") == event.to_string()));
            assert_eq!(delivery(shop, id).attempts, 1, "only the attempt that was settled");
            drop(worker);
            // Dead after it was settled: nobody begins it again.
            let (worker, performer) = stopping(shop, &outside, stop);
            let next = tell(shop);
            wait_until("the next one is begun", || performer.there.load(Ordering::SeqCst));
            performer.go.store(true, Ordering::SeqCst);
            wait_until("the next one is taken", || {
                delivery(shop, id).state == DeliveryState::Delivered
            });
            assert_eq!(receiver.received().len(), calls + 1);
            assert_eq!(receiver.received()[calls].header("webhook-id"), next.to_string());
            shop.assert_books_hold();
            drop(worker);
        });
    };
    check(Stop::BeforeTheCall, 1);
    check(Stop::AfterTheAnswer, 2);
}

#[test]
fn an_endpoint_removed_while_a_message_is_under_way_takes_everything_with_it() {
    on_both(|shop| {
        let (receiver, outside) = (Receiver::new(&[OK]), outside());
        let (id, _) = make(shop, &outside, receiver.url(), &["*"]);
        let (worker, performer) = stopping(shop, &outside, Stop::AfterTheAnswer);
        tell(shop);
        wait_until("it is there", || performer.there.load(Ordering::SeqCst));
        let stamp = shop.stamp();
        shop.run(shop.store.write(move |tx| delete_endpoint(tx, id, stamp))).unwrap();
        shop.assert_books_hold();
        let before = shop.clock.now().plus_micros(-DAY);
        shop.run(sweep_effects(&shop.store, before)).unwrap();
        assert_eq!(shop.number("SELECT COUNT(*) FROM webhook_endpoints"), 0);
        assert_eq!(shop.number("SELECT COUNT(*) FROM webhook_deliveries"), 0);
        performer.go.store(true, Ordering::SeqCst);
        wait_until("its effect ends", || {
            shop.number("SELECT COUNT(*) FROM effects WHERE state = 'done'") == 1
        });
        shop.assert_books_hold();
        drop(worker);
    });
}

#[test]
fn a_delivery_whose_effect_is_given_up_has_failed_and_a_retry_takes_both_up() {
    on_both(|shop| {
        let (receiver, outside) = (Receiver::new(&[OK]), outside());
        let (id, _) = make(shop, &outside, receiver.url(), &["*"]);
        tell(shop);
        // Begun thirty times by processes that died of it.
        shop.write(|tx| {
            tx.execute("UPDATE effects SET attempts = 30, lease_token = 30", params![])
        });
        let worker = work(shop, &shop.store, &outside);
        wait_until("it is given up", || delivery(shop, id).state == DeliveryState::Failed);
        assert!(delivery(shop, id).last_error.unwrap().contains("begun too often"));
        assert_eq!(receiver.received().len(), 0);
        shop.assert_books_hold();
        let (effect, now) =
            (EffectId::from_uuid(delivery(shop, id).delivery_id.uuid()), shop.clock.now());
        shop.write(move |tx| retry_effect(tx, effect, now));
        tried(shop, id, 1);
        assert_eq!(delivery(shop, id).state, DeliveryState::Delivered);
        shop.assert_books_hold();
        drop(worker);
    });
}
