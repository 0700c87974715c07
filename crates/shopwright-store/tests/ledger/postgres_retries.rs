//! What PostgreSQL asks to be run again is run again; a lost connection costs one answer.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier};

use shopwright_store::{StoreError, Tx, params};

use crate::harness::{Db, note, on_postgres, on_postgres_with};

/// Counts the runs of an operation; the first of each rival meets the other's first at a barrier.
#[derive(Clone)]
struct Rivals {
    runs: Arc<AtomicU32>,
    meet: Arc<Barrier>,
}

impl Rivals {
    fn new() -> Self {
        Self { runs: Arc::new(AtomicU32::new(0)), meet: Arc::new(Barrier::new(2)) }
    }

    fn meet_once(&self, first: &mut bool) {
        if std::mem::replace(first, false) {
            self.meet.wait();
        }
    }

    fn runs(&self) -> u32 {
        self.runs.load(Ordering::SeqCst)
    }
}

fn two_notes(db: &Db) {
    db.with_notes();
    db.write(|tx| note(tx, 1)).unwrap();
    db.write(|tx| note(tx, 2)).unwrap();
}

fn mark(tx: &mut Tx<'_>, n: i64, by: &str) -> Result<u64, StoreError> {
    tx.execute("UPDATE notes SET word = word || $2 WHERE n = $1", params![n, by])
}

#[test]
fn operations_that_lock_in_opposite_order_both_succeed() {
    on_postgres(|db| {
        two_notes(db);
        let rivals = Rivals::new();
        let start = |first: i64, second: i64, by: &'static str| {
            let (rivals, mut fresh) = (rivals.clone(), true);
            db.start::<_, StoreError>(move |tx| {
                rivals.runs.fetch_add(1, Ordering::SeqCst);
                mark(tx, first, by)?;
                rivals.meet_once(&mut fresh);
                mark(tx, second, by)
            })
        };
        let (one, other) = (start(1, 2, "+a"), start(2, 1, "+b"));
        assert_eq!((one.wait(), other.wait()), (Ok(1), Ok(1)));
        // The engine broke the deadlock by failing one of them, which then ran again.
        assert!(rivals.runs() >= 3, "{} runs", rivals.runs());
        let marked = "SELECT COUNT(*) FROM notes WHERE word LIKE '%+a%' AND word LIKE '%+b%' AND length(word) = 8";
        assert_eq!(db.raw().int(marked), 2);
    });
}

#[test]
fn a_serialization_failure_runs_the_operation_again() {
    on_postgres(|db| {
        two_notes(db);
        let rivals = Rivals::new();
        let start = |n: i64| {
            let (rivals, mut fresh) = (rivals.clone(), true);
            db.start::<_, StoreError>(move |tx| {
                rivals.runs.fetch_add(1, Ordering::SeqCst);
                tx.execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", params![])?;
                // Each reads what the other writes: no order of the two gives both what they saw.
                let seen: i64 =
                    tx.one("SELECT COUNT(*) FROM notes WHERE word <> 'off'", params![], |row| {
                        row.get(0)
                    })?;
                rivals.meet_once(&mut fresh);
                if seen > 1 {
                    tx.execute("UPDATE notes SET word = 'off' WHERE n = $1", params![n])?;
                }
                Ok(seen)
            })
        };
        let (one, other) = (start(1), start(2));
        let mut seen = [one.wait().unwrap(), other.wait().unwrap()];
        seen.sort_unstable();
        assert!(rivals.runs() >= 3, "{} runs", rivals.runs());
        assert_eq!(seen, [1, 2]);
        assert_eq!(db.raw().int("SELECT COUNT(*) FROM notes WHERE word = 'off'"), 1);
    });
}

#[test]
fn an_operation_that_never_gets_through_is_busy_after_a_bounded_number_of_runs() {
    on_postgres(|db| {
        db.with_notes();
        let runs = Arc::new(AtomicU32::new(0));
        let seen = Arc::clone(&runs);
        let given_up = db.write(move |tx| {
            seen.fetch_add(1, Ordering::SeqCst);
            note(tx, 1)?;
            // Even an operation that hides the failure is run again.
            let _ = tx.execute(
                "DO $$ BEGIN RAISE EXCEPTION 'rival' USING ERRCODE = '40001'; END $$",
                params![],
            );
            Ok(())
        });
        assert_eq!(given_up, Err(StoreError::Busy));
        assert_eq!(runs.load(Ordering::SeqCst), 20);
        assert_eq!(db.notes(), [0_i64; 0]);
        db.write(|tx| note(tx, 2)).unwrap();
    });
}

#[test]
fn a_connection_lost_inside_an_operation_is_unavailable_and_the_next_one_is_well() {
    on_postgres_with(2, |db| {
        db.with_notes();
        let kill = "SELECT pg_terminate_backend(pg_backend_pid())";
        let lost = db.write(move |tx| {
            note(tx, 1)?;
            tx.query(kill, params![], |row| row.get::<bool>(0))
        });
        assert!(matches!(lost, Err(StoreError::Unavailable(_))), "{lost:?}");
        let hidden = db.write(move |tx| {
            note(tx, 2)?;
            let _ = tx.query(kill, params![], |row| row.get::<bool>(0));
            Ok(())
        });
        assert!(matches!(hidden, Err(StoreError::Unavailable(_))), "{hidden:?}");
        let lost = db.read(move |tx| tx.query(kill, params![], |row| row.get::<bool>(0)));
        assert!(matches!(lost, Err(StoreError::Unavailable(_))), "{lost:?}");
        db.write(|tx| note(tx, 3)).unwrap();
        assert_eq!(
            db.read(|tx| tx.one("SELECT COUNT(*) FROM notes", params![], |row| row.get(0))),
            Ok(1_i64)
        );
        assert_eq!(db.notes(), [3]);
    });
}

#[test]
fn connections_killed_while_idle_are_made_anew() {
    // One writer and one reader, so that the two that are killed are all there are.
    on_postgres_with(2, |db| {
        db.with_notes();
        let pid = "SELECT CAST(pg_backend_pid() AS bigint)";
        let writer: i64 = db.write(|tx| tx.one(pid, params![], |row| row.get(0))).unwrap();
        let reader: i64 = db.read(|tx| tx.one(pid, params![], |row| row.get(0))).unwrap();
        let kill = format!(
            "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid IN ({writer}, {reader})"
        );
        assert_eq!(db.raw().int(&kill), 2);
        // The first to find out may be told; nobody after it is.
        let first = db.write(|tx| note(tx, 1));
        assert!(matches!(first, Ok(()) | Err(StoreError::Unavailable(_))), "{first:?}");
        db.write(|tx| note(tx, 2)).unwrap();
        let count = |tx: &mut Tx<'_>| {
            tx.one("SELECT COUNT(*) FROM notes", params![], |row| row.get::<i64>(0))
        };
        let first_read = db.read(count);
        assert!(matches!(first_read, Ok(_) | Err(StoreError::Unavailable(_))), "{first_read:?}");
        assert_eq!(db.read(count), Ok(1 + i64::from(first.is_ok())));
    });
}
