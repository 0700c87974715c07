//! Keys of requests that may be sent again, and parts of an operation that may be undone.

use shopwright_domain::time::Timestamp;
use shopwright_store::idempotency::{self, Claim, KEPT_MICROS, SentKey};
use shopwright_store::{Change, StoreError, Tx, params, settings};

use crate::catalog::at;
use crate::harness::{Db, on_both};

fn sent(caller: &str, key: &str, body: u8) -> SentKey {
    SentKey { caller: caller.into(), key: key.into(), fingerprint: [body; 32] }
}

/// Claims a key and, when it is new, answers it.
fn answer(tx: &mut Tx<'_>, sent: &SentKey, now: Timestamp) -> Result<Claim, StoreError> {
    let claim = idempotency::claim(tx, sent, now)?;
    if claim == Claim::New {
        idempotency::keep_answer(tx, sent, &format!("answer {}", sent.fingerprint[0]))?;
    }
    Ok(claim)
}

fn ask(db: &Db, sent: SentKey, now: i64) -> Claim {
    db.write(move |tx| answer(tx, &sent, Timestamp::from_micros(now))).unwrap()
}

#[test]
fn a_key_is_new_once_and_then_gives_the_first_answer() {
    on_both(|db| {
        let known = Claim::Answered("answer 1".to_owned());
        assert_eq!(ask(db, sent("a", "k", 1), 10), Claim::New);
        assert_eq!(ask(db, sent("a", "k", 1), 20), known);
        assert_eq!(ask(db, sent("a", "k", 2), 20), Claim::OtherRequest);
        assert_eq!(ask(db, sent("b", "k", 2), 20), Claim::New, "another caller's");
        assert_eq!(ask(db, sent("a", "K", 2), 20), Claim::New, "compared byte for byte");
        // Kept for 24 hours from the first time, and then as good as new.
        assert_eq!(ask(db, sent("a", "k", 1), 10 + KEPT_MICROS - 1), known);
        assert_eq!(ask(db, sent("a", "k", 3), 10 + KEPT_MICROS), Claim::New);
        assert_eq!(ask(db, sent("a", "k", 1), 11 + KEPT_MICROS), Claim::OtherRequest);
    });
}

#[test]
fn the_key_of_an_operation_that_failed_is_still_new() {
    on_both(|db| {
        let failed: Result<(), StoreError> = db.write(|tx| {
            assert_eq!(answer(tx, &sent("a", "k", 1), at(1))?, Claim::New);
            Err(StoreError::Bug("of this test".into()))
        });
        assert!(failed.is_err());
        assert_eq!(ask(db, sent("a", "k", 2), 5), Claim::New);
    });
}

#[test]
fn of_thirty_rivals_with_one_key_one_is_first_and_the_others_hear_its_answer() {
    on_both(|db| {
        let rivals: Vec<_> =
            (0..30).map(|_| db.start(|tx| answer(tx, &sent("a", "k", 1), at(1)))).collect();
        let claims: Vec<Claim> = rivals.into_iter().map(|rival| rival.wait().unwrap()).collect();
        let first = claims.iter().filter(|claim| **claim == Claim::New).count();
        let heard = Claim::Answered("answer 1".to_owned());
        assert_eq!(first, 1, "{claims:?}");
        assert_eq!(claims.iter().filter(|claim| **claim == heard).count(), 29, "{claims:?}");
    });
}

#[test]
fn a_sweep_forgets_only_what_is_past_its_time() {
    on_both(|db| {
        for (n, now) in [(1, 10), (2, 20), (3, 30)] {
            assert_eq!(ask(db, sent("a", &format!("k{n}"), n), now), Claim::New);
        }
        let sweep = |now: i64, limit| {
            db.write(move |tx| idempotency::sweep(tx, Timestamp::from_micros(now), limit)).unwrap()
        };
        assert_eq!(sweep(9 + KEPT_MICROS, 10), 0);
        assert_eq!(sweep(20 + KEPT_MICROS, 1), 1);
        assert_eq!(sweep(20 + KEPT_MICROS, 10), 1);
        let left = db.read(|tx| {
            tx.query("SELECT key FROM idempotency_keys", params![], |row| row.get::<String>(0))
        });
        assert_eq!(left, Ok(vec!["k3".to_owned()]));
    });
}

fn set(tx: &mut Tx<'_>, name: &str) -> Result<(), StoreError> {
    settings::set(tx, name, &serde_json::json!(1))
}

#[test]
fn a_part_that_is_refused_is_undone_alone_with_its_notices() {
    on_both(|db| {
        let mut changes = db.store.changes();
        db.write(|tx| {
            set(tx, "before")?;
            tx.announce(Change::Keys);
            let refused = tx.attempt(|tx| {
                set(tx, "inner")?;
                tx.announce(Change::Prices);
                Err::<(), _>(StoreError::Bug("refused".into()))
            })?;
            assert!(refused.is_err());
            let kept = tx.attempt(|tx| {
                tx.attempt(|tx| set(tx, "deeper"))??;
                set(tx, "kept")
            })?;
            kept?;
            set(tx, "after")
        })
        .unwrap();
        let names = db.read(|tx| {
            tx.query("SELECT name FROM settings ORDER BY name", params![], |row| {
                row.get::<String>(0)
            })
        });
        let names = names.unwrap();
        for (name, there) in
            [("before", true), ("inner", false), ("deeper", true), ("kept", true), ("after", true)]
        {
            assert_eq!(names.iter().any(|n| n == name), there, "{name}: {names:?}");
        }
        assert_eq!(changes.try_recv(), Ok(Change::Keys));
        assert!(changes.try_recv().is_err());
    });
}

#[test]
fn a_statement_that_fails_inside_a_part_takes_the_whole_operation_with_it() {
    on_both(|db| {
        let outcome: Result<(), StoreError> = db.write(|tx| {
            set(tx, "before")?;
            let broken = tx.attempt(|tx| tx.execute("INSERT INTO nowhere VALUES (1)", params![]));
            assert!(broken.is_err(), "told outside, where it cannot be taken for a refusal");
            Ok(())
        });
        assert!(outcome.is_err());
        assert_eq!(db.read(|tx| settings::find(tx, "before")), Ok(None::<serde_json::Value>));
    });
}
