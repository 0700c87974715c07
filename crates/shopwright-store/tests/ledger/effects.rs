//! Effects and jobs: claimed once, fenced by tokens, kept by heartbeats, tried again, given up.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::json;
use shopwright_domain::ids::{EffectId, Id};
use shopwright_domain::time::Timestamp;
use shopwright_store::effects::{
    self, Backlog, Effect, EffectFilter, EffectState, Lease, NewEffect, Outcome,
};
use shopwright_store::jobs::{self, NewJob};
use shopwright_store::{Change, Page, Place, StoreError};
use uuid::Uuid;

use crate::catalog::at;
use crate::harness::{Answer, Db, Refused, on_both, on_both_with};

const KIND: &str = "test.effect";
const LONG: Duration = Duration::from_mins(10);

fn id(n: u128) -> EffectId {
    Id::from_uuid(Uuid::from_u128(n))
}

fn new_effect(n: u128, due: i64) -> NewEffect<'static> {
    NewEffect {
        effect_id: id(n),
        kind: KIND,
        subject: "a test",
        payload: json!({ "n": 1 }),
        due_at: at(due),
        now: at(0),
    }
}

fn add(db: &Db, n: u128, due: i64) {
    assert_eq!(db.write(move |tx| effects::add(tx, &new_effect(n, due))), Ok(true));
}

fn claim(db: &Db, now: i64, lease: Duration) -> Vec<(Effect, Lease)> {
    db.write(move |tx| effects::claim(tx, &[KIND], at(now), lease, 100)).unwrap()
}

fn claim_one(db: &Db, now: i64) -> Lease {
    let claimed = claim(db, now, LONG);
    assert_eq!(claimed.len(), 1, "{claimed:?}");
    claimed[0].1
}

fn settle(db: &Db, lease: Lease, outcome: Outcome) -> bool {
    db.write(move |tx| effects::settle(tx, lease, &outcome, at(50))).unwrap()
}

fn find(db: &Db, n: u128) -> Effect {
    db.read(move |tx| effects::find(tx, id(n))).unwrap().unwrap()
}

/// Moves the end of every lease into the past, as a node that stood still would find it.
fn run_out(db: &Db) {
    db.write(|tx| {
        let sql = format!("UPDATE effects SET lease_until = {}", tx.ledger_time_after("$1"));
        tx.execute(&sql, shopwright_store::params![-1_000])
    })
    .unwrap();
}

#[test]
fn eight_workers_at_once_claim_each_effect_once() {
    on_both_with(12, |db| {
        for n in 0..100 {
            add(db, n, 0);
        }
        let claims: Vec<_> = (0..8 * 4)
            .map(|_| db.start(|tx| effects::claim(tx, &[KIND], at(1), LONG, 7)))
            .collect();
        let claims: Result<Vec<_>, StoreError> = claims.into_iter().map(Answer::wait).collect();
        let mut seen = HashSet::new();
        for (effect, lease) in claims.unwrap().into_iter().flatten() {
            assert!(seen.insert(effect.effect_id), "{effect:?} was claimed twice");
            assert_eq!((lease.token, effect.attempts, effect.state), (1, 1, EffectState::Leased));
        }
        // One that skipped rows another was looking at comes for them later.
        seen.extend(claim(db, 1, LONG).into_iter().map(|(effect, _)| effect.effect_id));
        assert_eq!(seen.len(), 100);
        assert_eq!(claim(db, 1, LONG), []);
    });
}

#[test]
fn what_is_due_first_is_claimed_first_and_what_is_not_due_stays() {
    on_both(|db| {
        for (n, due) in [(1, 30), (2, 10), (3, 20), (4, 41)] {
            add(db, n, due);
        }
        assert_eq!(db.write(|tx| effects::add(tx, &new_effect(1, 0))), Ok(false), "added twice");
        let order: Vec<_> = claim(db, 40, LONG).iter().map(|(e, _)| e.effect_id).collect();
        assert_eq!(order, [id(2), id(3), id(1)]);
        let other = db.write(|tx| effects::claim(tx, &["test.other"], at(99), LONG, 9)).unwrap();
        assert_eq!(other, [], "a kind that a node does not know stays for the others");
        assert_eq!(claim(db, 41, LONG).len(), 1);
    });
}

#[test]
fn whose_lease_was_taken_over_settles_nothing_and_is_told() {
    on_both(|db| {
        add(db, 1, 0);
        let first = claim_one(db, 1);
        assert_eq!(claim(db, 1, LONG), []);
        run_out(db);
        let second = claim_one(db, 1);
        assert_eq!((first.token, second.token), (1, 2));
        for outcome in [
            Outcome::Done,
            Outcome::Again { at: at(9), error: "late".into() },
            Outcome::Later { at: at(9) },
            Outcome::GivenUp { error: "late".into() },
        ] {
            let before = find(db, 1);
            assert!(!settle(db, first, outcome.clone()), "{outcome:?}");
            assert_eq!(find(db, 1), before, "{outcome:?}");
        }
        assert_eq!(db.write(move |tx| effects::extend(tx, first, LONG)), Ok(false));
        assert_eq!(db.write(move |tx| effects::release(tx, &[first])), Ok(0));
        assert!(settle(db, second, Outcome::Done));
        assert!(!settle(db, second, Outcome::Done), "settled twice");
        let done = find(db, 1);
        assert_eq!(
            (done.state, done.attempts, done.finished_at),
            (EffectState::Done, 2, Some(at(50)))
        );
        run_out(db);
        assert_eq!(claim(db, 1, LONG), [], "what is done is never claimed");
    });
}

#[test]
fn a_heartbeat_keeps_a_lease_and_without_one_it_runs_out() {
    on_both(|db| {
        add(db, 1, 0);
        let lease = claim(db, 1, Duration::from_millis(50))[0].1;
        assert_eq!(db.write(move |tx| effects::extend(tx, lease, LONG)), Ok(true));
        std::thread::sleep(Duration::from_millis(80));
        assert_eq!(claim(db, 1, LONG), []);
        assert_eq!(
            db.write(move |tx| effects::extend(tx, lease, Duration::from_millis(50))),
            Ok(true)
        );
        std::thread::sleep(Duration::from_millis(80));
        // The shop's clock says nothing about leases: it may stand in another century.
        assert_eq!(claim_one(db, 1).token, 2);
    });
}

#[test]
fn a_failed_attempt_waits_for_its_time_and_a_postponed_one_does_not_count() {
    on_both(|db| {
        add(db, 1, 0);
        let lease = claim_one(db, 1);
        assert!(settle(db, lease, Outcome::Again { at: at(30), error: "no answer".into() }));
        let waiting = find(db, 1);
        assert_eq!((waiting.state, waiting.attempts), (EffectState::Waiting, 1));
        assert_eq!(waiting.last_error.as_deref(), Some("no answer"));
        assert_eq!(claim(db, 29, LONG), []);
        let lease = claim_one(db, 30);
        assert!(settle(db, lease, Outcome::Later { at: at(60) }));
        assert_eq!((find(db, 1).attempts, claim(db, 59, LONG)), (1, vec![]));
        let lease = claim_one(db, 60);
        let long = "é".repeat(3_000);
        assert!(settle(db, lease, Outcome::GivenUp { error: long }));
        let given_up = find(db, 1);
        assert_eq!((given_up.state, given_up.attempts), (EffectState::GivenUp, 2));
        assert_eq!(given_up.last_error.unwrap().len(), 1_000);
        assert_eq!(claim(db, 999, LONG), []);
    });
}

#[test]
fn what_was_given_up_can_be_retried_and_what_runs_or_is_done_cannot() {
    on_both(|db| {
        let retry = |n: u128| db.write(move |tx| effects::retry(tx, id(n), at(70))).unwrap();
        assert_eq!(retry(1), None);
        add(db, 1, 0);
        let lease = claim_one(db, 1);
        assert_eq!((retry(1), find(db, 1).state), (Some(EffectState::Leased), EffectState::Leased));
        assert!(settle(db, lease, Outcome::GivenUp { error: "enough".into() }));
        assert_eq!(retry(1), Some(EffectState::GivenUp));
        let again = find(db, 1);
        assert_eq!((again.state, again.attempts, again.due_at), (EffectState::Waiting, 0, at(70)));
        assert_eq!(again.finished_at, None);
        assert!(!settle(db, lease, Outcome::Done), "an old lease stays over");
        let lease = claim_one(db, 70);
        assert!(settle(db, lease, Outcome::Done));
        assert_eq!((retry(1), find(db, 1).state), (Some(EffectState::Done), EffectState::Done));
    });
}

#[test]
fn leases_handed_back_are_free_at_once_and_do_not_count() {
    on_both(|db| {
        add(db, 1, 0);
        add(db, 2, 0);
        let held: Vec<Lease> = claim(db, 1, LONG).into_iter().map(|(_, lease)| lease).collect();
        assert_eq!(db.write(move |tx| effects::release(tx, &held)), Ok(2));
        let again = claim(db, 1, LONG);
        assert_eq!(again.len(), 2);
        assert!(again.iter().all(|(effect, lease)| effect.attempts == 1 && lease.token == 2));
    });
}

#[test]
fn an_effect_lives_and_dies_with_the_change_that_causes_it() {
    on_both(|db| {
        let mut changes = db.store.changes();
        let refused: Result<(), Refused> = db.decide(|tx| {
            effects::add(tx, &new_effect(1, 0))?;
            Err(Refused::Rule("no"))
        });
        assert!(refused.is_err());
        assert_eq!(db.read(|tx| effects::find(tx, id(1))), Ok(None));
        assert!(changes.try_recv().is_err());
        add(db, 1, 0);
        assert_eq!(changes.try_recv(), Ok(Change::Effects));
    });
}

#[test]
fn a_job_is_scheduled_once_for_its_key_by_any_number_of_nodes() {
    on_both_with(12, |db| {
        let schedule = |n: u128, key: &'static str| {
            db.start(move |tx| {
                let payload = json!({});
                let job =
                    NewJob { effect_id: id(n), kind: KIND, payload, due_at: at(5), now: at(0) };
                jobs::schedule(tx, key, job)
            })
        };
        let answers: Vec<_> = (0..8).map(|n| schedule(n, "renew:1")).collect();
        let made: Vec<bool> =
            answers.into_iter().map(Answer::wait).collect::<Result<_, StoreError>>().unwrap();
        assert_eq!(made.iter().filter(|made| **made).count(), 1);
        add(db, 90, 5);
        let filter = EffectFilter { state: None, jobs_only: true };
        let jobs = db.read(move |tx| effects::list(tx, filter, &Page::first(10))).unwrap();
        assert_eq!((jobs.len(), jobs[0].job_key.as_deref()), (1, Some("renew:1")));
        for (effect, lease) in claim(db, 5, LONG) {
            assert!(settle(db, lease, Outcome::Done), "{effect:?}");
        }
        assert_eq!(schedule(20, "renew:1").wait(), Ok(false), "done is done");
        assert_eq!(schedule(21, "renew:2").wait(), Ok(true));
    });
}

#[test]
fn lists_and_figures_show_what_is_left_to_do() {
    on_both(|db| {
        for n in 1..=4 {
            add(db, n, i64::try_from(n).unwrap() * 10);
        }
        let claimed = claim(db, 20, LONG);
        assert!(settle(db, claimed[0].1, Outcome::GivenUp { error: "enough".into() }));
        assert!(settle(db, claimed[1].1, Outcome::Done));
        let expected = Backlog { waiting: 2, oldest_due_at: Some(at(30)), given_up: 1 };
        assert_eq!(db.read(effects::backlog), Ok(expected));
        let list = |state: Option<EffectState>, after: Option<u128>, limit: i64| {
            let filter = EffectFilter { state, jobs_only: false };
            let place = after.map_or(Place::First, |n| Place::After(id(n)));
            let page = Page { place, limit };
            let rows = db.read(move |tx| effects::list(tx, filter, &page)).unwrap();
            rows.into_iter().map(|effect| effect.effect_id).collect::<Vec<_>>()
        };
        assert_eq!(list(None, None, 10), [id(4), id(3), id(2), id(1)]);
        assert_eq!(list(None, Some(3), 1), [id(2)]);
        assert_eq!(list(Some(EffectState::GivenUp), None, 10), [id(1)]);
        let forgotten =
            |before: i64| db.write(move |tx| effects::delete_finished(tx, at(before), 10)).unwrap();
        assert_eq!((forgotten(50), forgotten(51), forgotten(51)), (0, 2, 0));
        assert_eq!(list(None, None, 10), [id(4), id(3)], "what waits stays");
    });
}

#[test]
fn the_ledgers_clock_shows_the_real_time() {
    on_both(|db| {
        let read = |millis: i64| {
            db.read(move |tx| {
                let sql = format!("SELECT {}", tx.ledger_time_after("$1"));
                tx.one(&sql, shopwright_store::params![millis], |row| row.get::<Timestamp>(0))
            })
            .unwrap()
            .as_micros()
        };
        let (now, later) = (read(0), read(3_600_000));
        assert!((3_599_000_000..3_900_000_000).contains(&(later - now)), "{now} {later}");
        // After the first commit of this test and before the year 2100.
        assert!((1_764_000_000_000_000..4_102_444_800_000_000).contains(&now), "{now}");
    });
}
