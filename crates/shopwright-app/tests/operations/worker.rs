//! The worker: each effect once, panics count as failures, leases are kept, lost and handed back.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use shopwright_app::effects::{Perform, Performed, WorkOptions, Working, keep_working};
use shopwright_domain::ids::{EffectId, Id};
use shopwright_store::effects::{self, Effect, EffectState, NewEffect, Outcome};
use shopwright_store::{Store, params};
use uuid::Uuid;

use crate::harness::{Shop, on_both};
use crate::outside::wait_until;

const KIND: &str = "test.effect";

/// What a performer of these tests does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Does {
    Well,
    Panic,
    Fail,
    /// Takes so long.
    Slowly(u64),
    /// Nothing until the test says otherwise, then well.
    Wait,
}

/// Counts how often each effect was begun and ended.
struct Counting {
    does: Mutex<Does>,
    begun: Mutex<HashMap<EffectId, usize>>,
    ended: AtomicUsize,
}

impl Counting {
    fn new(does: Does) -> Arc<Self> {
        Arc::new(Self {
            does: Mutex::new(does),
            begun: Mutex::default(),
            ended: AtomicUsize::new(0),
        })
    }

    fn begun(&self) -> usize {
        self.begun.lock().unwrap().values().sum()
    }

    fn ended(&self) -> usize {
        self.ended.load(Ordering::SeqCst)
    }
}

impl Perform for Counting {
    fn kinds(&self) -> &'static [&'static str] {
        &[KIND]
    }

    fn tries_max(&self, _: &str) -> u32 {
        3
    }

    async fn perform(&self, effect: Effect) -> Performed {
        *self.begun.lock().unwrap().entry(effect.effect_id).or_default() += 1;
        let does = *self.does.lock().unwrap();
        match does {
            Does::Well => {}
            Does::Panic => panic!("a performer of a test, on purpose"),
            Does::Fail => return Performed::failed(&effect, 3, effect.due_at, "in vain".into()),
            Does::Wait => {
                while *self.does.lock().unwrap() == Does::Wait {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
            Does::Slowly(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
        }
        self.ended.fetch_add(1, Ordering::SeqCst);
        Performed::bare(Outcome::Done)
    }
}

const QUICK: WorkOptions = WorkOptions {
    lease: Duration::from_mins(10),
    poll: Duration::from_millis(20),
    at_once: 4,
    stop_within: Duration::from_millis(100),
};

fn start(shop: &Shop, store: &Store, performer: &Arc<Counting>, options: WorkOptions) -> Working {
    shop.run(async {
        keep_working(store.clone(), shop.clock.clone(), Arc::clone(performer), options)
    })
}

fn add(shop: &Shop, n: u128) -> EffectId {
    let effect_id = Id::from_uuid(Uuid::from_u128(n));
    let now = shopwright_domain::time::Clock::now(shop.clock.as_ref());
    shop.write(move |tx| {
        let (subject, payload) = ("a test", json!({}));
        let new = NewEffect { effect_id, kind: KIND, subject, payload, due_at: now, now };
        effects::add(tx, &new)
    });
    effect_id
}

fn find(shop: &Shop, id: EffectId) -> Effect {
    shop.read(move |tx| effects::find(tx, id)).unwrap()
}

fn done(shop: &Shop) -> i64 {
    shop.number("SELECT COUNT(*) FROM effects WHERE state = 'done'")
}

/// Moves the end of every lease into the past.
pub fn run_out(shop: &Shop) {
    shop.write(|tx| {
        let sql = format!("UPDATE effects SET lease_until = {}", tx.ledger_time_after("$1"));
        tx.execute(&sql, params![-1_000])
    });
}

#[test]
fn two_nodes_do_each_of_a_hundred_effects_once() {
    on_both(|shop| {
        let performer = Counting::new(Does::Slowly(1));
        let other = shop.another_node();
        let workers =
            [start(shop, &shop.store, &performer, QUICK), start(shop, &other, &performer, QUICK)];
        for n in 0..100 {
            add(shop, n);
        }
        wait_until("all are done", || done(shop) == 100);
        assert_eq!((performer.begun(), performer.ended()), (100, 100));
        drop(workers);
    });
}

#[test]
fn a_worker_hears_of_a_commit_of_its_own_process_at_once() {
    on_both(|shop| {
        let performer = Counting::new(Does::Well);
        let hourly = WorkOptions { poll: Duration::from_hours(1), ..QUICK };
        let worker = start(shop, &shop.store, &performer, hourly);
        add(shop, 1);
        wait_until("it is done without a look", || done(shop) == 1);
        drop(worker);
    });
}

#[test]
fn a_performer_that_panics_or_fails_is_tried_again_and_then_given_up_for_all_to_see() {
    on_both(|shop| {
        for (n, does, error) in [(1, Does::Panic, "panicked"), (2, Does::Fail, "in vain")] {
            let performer = Counting::new(does);
            let worker = start(shop, &shop.store, &performer, QUICK);
            let id = add(shop, n);
            for attempt in 1..=3 {
                wait_until("it was tried", || {
                    let effect = find(shop, id);
                    effect.attempts == attempt && effect.state != EffectState::Leased
                });
                let effect = find(shop, id);
                assert!(effect.last_error.unwrap().contains(error));
                shop.set_time(effect.due_at);
            }
            wait_until("it is given up", || find(shop, id).state == EffectState::GivenUp);
            assert_eq!(performer.begun(), 3);
            drop(worker);
        }
    });
}

#[test]
fn what_ends_the_process_each_time_is_given_up_without_being_begun_again() {
    on_both(|shop| {
        let id = add(shop, 1);
        for _ in 0..3 {
            let crashing = Counting::new(Does::Slowly(60_000));
            let worker = start(shop, &shop.store, &crashing, QUICK);
            wait_until("it was begun", || crashing.begun() == 1);
            drop(worker);
            run_out(shop);
        }
        let performer = Counting::new(Does::Well);
        let worker = start(shop, &shop.store, &performer, QUICK);
        wait_until("it is given up", || find(shop, id).state == EffectState::GivenUp);
        assert_eq!(performer.begun(), 0);
        assert!(find(shop, id).last_error.unwrap().contains("never ended"));
        drop(worker);
    });
}

#[test]
fn a_worker_that_stops_hands_its_leases_back_and_what_can_end_ends() {
    on_both(|shop| {
        let performer = Counting::new(Does::Slowly(30));
        let long = WorkOptions { stop_within: Duration::from_secs(20), ..QUICK };
        let worker = start(shop, &shop.store, &performer, long);
        add(shop, 1);
        wait_until("it was begun", || performer.begun() == 1);
        shop.run(worker.stop());
        assert_eq!((performer.ended(), done(shop)), (1, 1));

        let performer = Counting::new(Does::Slowly(60_000));
        let worker = start(shop, &shop.store, &performer, QUICK);
        let id = add(shop, 2);
        wait_until("it was begun", || performer.begun() == 1);
        shop.run(worker.stop());
        let back = find(shop, id);
        assert_eq!((back.state, back.attempts), (EffectState::Waiting, 0));
        let other = Counting::new(Does::Well);
        let worker = start(shop, &shop.store, &other, QUICK);
        wait_until("the next worker does it", || done(shop) == 2);
        assert_eq!((performer.ended(), other.ended()), (0, 1));
        drop(worker);
    });
}

#[test]
fn heartbeats_keep_a_lease_much_longer_than_it_lasts() {
    on_both(|shop| {
        // A lease that long outlasts a busy machine; the work takes several of them.
        let short = WorkOptions { lease: Duration::from_millis(1_500), ..QUICK };
        let performer = Counting::new(Does::Slowly(4_000));
        let other = shop.another_node();
        let workers =
            [start(shop, &shop.store, &performer, short), start(shop, &other, &performer, short)];
        add(shop, 1);
        wait_until("it is done", || done(shop) == 1);
        assert_eq!((performer.begun(), performer.ended()), (1, 1));
        drop(workers);
    });
}

#[test]
fn a_worker_that_stood_still_settles_nothing_of_what_another_took_over() {
    on_both(|shop| {
        let other = shop.another_node();
        let slow = Counting::new(Does::Wait);
        // One that has no hand free cannot take over from itself.
        let busy = WorkOptions { at_once: 1, ..QUICK };
        let worker = start(shop, &shop.store, &slow, busy);
        let id = add(shop, 1);
        wait_until("it was begun", || slow.begun() == 1);
        run_out(shop);
        let failing = Counting::new(Does::Fail);
        let second = start(shop, &other, &failing, QUICK);
        wait_until("the other tried in vain", || find(shop, id).state == EffectState::Waiting);
        drop(second);
        *slow.does.lock().unwrap() = Does::Well;
        wait_until("the first has ended", || slow.ended() == 1);
        shop.run(worker.stop());
        let effect = find(shop, id);
        assert_eq!(
            (effect.state, effect.attempts),
            (EffectState::Waiting, 2),
            "its success came too late"
        );
    });
}
