//! What an operation answers, and what is kept of it: all or nothing, whatever went wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use shopwright_store::{SqliteOptions, Store, StoreError, StoreOptions, params};

use crate::harness::{Answer, Refused, hold_writer, note, on_both, on_both_with, on_sqlite};

fn conflict(constraint: &str) -> StoreError {
    StoreError::Conflict { constraint: constraint.to_owned() }
}

#[test]
fn a_refused_operation_keeps_nothing_and_its_answer_stands() {
    on_both(|db| {
        db.with_notes();
        let refused: Result<(), _> = db.decide(|tx| {
            note(tx, 1)?;
            Err(Refused::Rule("sold out"))
        });
        assert_eq!(refused, Err(Refused::Rule("sold out")));
        assert_eq!(db.notes(), [0_i64; 0]);
    });
}

#[test]
fn a_failed_statement_dooms_the_operation_even_when_it_answers_ok() {
    on_both(|db| {
        db.with_notes();
        let doomed = db.write(|tx| {
            note(tx, 1)?;
            assert_eq!(note(tx, 1), Err(conflict("notes_pkey")));
            // Nothing runs any more, whatever it is, and the reason stays the first one.
            assert_eq!(note(tx, 2), Err(conflict("notes_pkey")));
            let count = tx.one("SELECT COUNT(*) FROM notes", params![], |row| row.get::<i64>(0));
            assert_eq!(count, Err(conflict("notes_pkey")));
            Ok("done")
        });
        assert_eq!(doomed, Err(conflict("notes_pkey")));
        assert_eq!(db.notes(), [0_i64; 0]);
    });
}

#[test]
fn an_operation_may_turn_a_conflict_into_its_own_refusal() {
    on_both(|db| {
        db.with_notes();
        db.write(|tx| note(tx, 1)).unwrap();
        let refused = db.decide(|tx| {
            note(tx, 2)?;
            note(tx, 1).map_err(|error| match error {
                StoreError::Conflict { constraint } if constraint == "notes_pkey" => {
                    Refused::Rule("taken")
                }
                other => other.into(),
            })
        });
        assert_eq!(refused, Err(Refused::Rule("taken")));
        assert_eq!(db.notes(), [1]);
    });
}

#[test]
fn a_statement_no_engine_understands_is_our_own_mistake() {
    on_both(|db| {
        db.with_notes();
        for sql in
            ["SELEC 1", "SELECT 1 FROM nowhere", "INSERT INTO notes (n, colour) VALUES (1, 2)"]
        {
            let failed = db.write(move |tx| tx.execute(sql, params![]));
            assert!(matches!(failed, Err(StoreError::Bug(_))), "{sql}: {failed:?}");
        }
        let many = db.write(|tx| {
            note(tx, 1)?;
            note(tx, 2)?;
            tx.find("SELECT n FROM notes", params![], |row| row.get::<i64>(0))
        });
        assert!(matches!(many, Err(StoreError::Bug(_))), "{many:?}");
        let none = db.read(|tx| tx.one("SELECT n FROM notes", params![], |row| row.get::<i64>(0)));
        assert!(matches!(none, Err(StoreError::Bug(_))), "{none:?}");
    });
}

#[test]
fn constraints_have_the_same_names_on_both_engines() {
    on_both(|db| {
        db.raw().run(
            "CREATE TABLE shelf (a bigint, b bigint, PRIMARY KEY (a, b));
             CREATE TABLE jar (id bigint PRIMARY KEY, label text NOT NULL, shelf_a bigint, shelf_b bigint,
                 size bigint, UNIQUE (label, size), CONSTRAINT jar_size_positive CHECK (size > 0),
                 FOREIGN KEY (shelf_a, shelf_b) REFERENCES shelf (a, b));
             CREATE UNIQUE INDEX jar_size_shelf_a_key ON jar (size, shelf_a);
             INSERT INTO shelf VALUES (1, 1);
             INSERT INTO jar VALUES (1, 'jam', 1, 1, 5)",
        );
        let check = |statement: &'static str, constraint: &str| {
            let failed = db.write(move |tx| tx.execute(statement, params![]));
            assert_eq!(failed, Err(conflict(constraint)), "{statement}");
        };
        check("INSERT INTO shelf VALUES (1, 1)", "shelf_pkey");
        check("INSERT INTO jar VALUES (1, 'tea', 1, 1, 9)", "jar_pkey");
        check("INSERT INTO jar VALUES (2, 'jam', NULL, NULL, 5)", "jar_label_size_key");
        check("INSERT INTO jar VALUES (2, 'tea', 1, 1, 5)", "jar_size_shelf_a_key");
        check("INSERT INTO jar VALUES (2, NULL, 1, 1, 9)", "jar_label_not_null");
        check("INSERT INTO jar VALUES (2, 'tea', 1, 1, 0)", "jar_size_positive");
        check("INSERT INTO jar VALUES (2, 'tea', 8, 8, 9)", "foreign_key");
        check("DELETE FROM shelf", "foreign_key");
        check("UPDATE jar SET label = NULL", "jar_label_not_null");
        assert_eq!(db.raw().int("SELECT COUNT(*) FROM jar"), 1);
    });
}

#[test]
fn a_panic_inside_an_operation_is_our_mistake_keeps_nothing_and_harms_nobody_else() {
    on_both(|db| {
        db.with_notes();
        let panicked: Result<(), _> = db.write(|tx| {
            note(tx, 1)?;
            panic!("a broken promise, on purpose");
        });
        assert!(matches!(panicked, Err(StoreError::Bug(_))), "{panicked:?}");
        // In the middle of an answer, too: the statement is left half read.
        let panicked: Result<(), _> = db.write(|tx| {
            note(tx, 2)?;
            tx.for_each("SELECT n FROM notes", params![], |_| panic!("half way, on purpose"))
        });
        assert!(matches!(panicked, Err(StoreError::Bug(_))), "{panicked:?}");
        let panicked: Result<(), _> = db.read(|_| panic!("in a read, on purpose"));
        assert!(matches!(panicked, Err(StoreError::Bug(_))), "{panicked:?}");
        // More often than there are threads: each of them lives on.
        for n in 10..20 {
            let panicked: Result<(), _> = db.read(|_| panic!("again, on purpose"));
            assert!(panicked.is_err());
            db.write(move |tx| note(tx, n)).unwrap();
        }
        assert_eq!(db.notes(), (10..20).collect::<Vec<_>>());
    });
}

#[test]
fn a_caller_that_goes_away_does_not_stop_its_write() {
    on_both_with(2, |db| {
        db.with_notes();
        let (open, held) = hold_writer(db);
        drop(db.start(|tx| note(tx, 1)));
        drop(db.start(|tx| {
            note(tx, 2)?;
            Err::<(), _>(Refused::Rule("nobody hears this"))
        }));
        assert_eq!(db.notes(), [0_i64; 0]);
        open.open();
        held.wait().unwrap();
        // The only writer takes this one after the two above.
        db.write(|tx| note(tx, 3)).unwrap();
        assert_eq!(db.notes(), [1, 3]);
    });
}

#[test]
fn an_operation_runs_once_when_nothing_asks_for_more() {
    on_both(|db| {
        db.with_notes();
        let runs = Arc::new(AtomicU32::new(0));
        let seen = Arc::clone(&runs);
        db.write(move |tx| {
            seen.fetch_add(1, Ordering::SeqCst);
            note(tx, 1)
        })
        .unwrap();
        assert_eq!(runs.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn an_answer_comes_after_the_commit_is_there_for_everybody() {
    on_both(|db| {
        db.with_notes();
        let mut raw = db.raw();
        for n in 0..50 {
            db.write(move |tx| note(tx, n)).unwrap();
            assert_eq!(raw.int("SELECT MAX(n) FROM notes"), n);
        }
    });
}

#[test]
fn a_closed_store_has_finished_what_was_handed_in() {
    on_sqlite(|db| {
        db.with_notes();
        let store = Store::open(&db.options).unwrap();
        let mut pending = Vec::new();
        for n in 0..200 {
            let store = store.clone();
            let write = async move { store.write(move |tx| note(tx, n)).await };
            let mut answer: Answer<(), StoreError> = Answer::new(write);
            answer.is_ready();
            pending.push(answer);
        }
        // The handles inside the unfinished answers go with them; the last one closes the store.
        drop(store);
        drop(pending);
        assert_eq!(db.notes().len(), 200);
    });
}

#[test]
fn a_database_that_cannot_be_opened_is_named() {
    let folder = tempfile::TempDir::new().unwrap();
    let missing = folder.path().join("no_folder/ledger.db");
    let options = StoreOptions::Sqlite(SqliteOptions::new(&missing));
    let failed = Store::open(&options).map(|_| ());
    let Err(StoreError::Unavailable(why)) = failed else { panic!("{failed:?}") };
    assert!(why.contains(missing.to_str().unwrap()), "{why}");
    let path = folder.path().join("ledger.db");
    std::fs::write(
        &path,
        "this is a text and no database at all, and it is longer than a header".repeat(20),
    )
    .unwrap();
    let failed = Store::open(&StoreOptions::Sqlite(SqliteOptions::new(&path))).map(|_| ());
    assert!(matches!(failed, Err(StoreError::Unavailable(_))), "{failed:?}");
}

#[test]
fn two_stores_on_one_database_see_each_others_writes() {
    on_both(|db| {
        db.with_notes();
        let other = Store::open(&db.options).unwrap();
        db.write(|tx| note(tx, 1)).unwrap();
        let seen = Answer::<_, StoreError>::new(async move {
            other.write(|tx| note(tx, 2)).await?;
            other
                .read(|tx| {
                    tx.query("SELECT n FROM notes ORDER BY n", params![], |row| row.get::<i64>(0))
                })
                .await
        });
        assert_eq!(seen.wait(), Ok(vec![1, 2]));
        assert_eq!(
            db.read(|tx| tx.one("SELECT COUNT(*) FROM notes", params![], |row| row.get(0))),
            Ok(2_i64)
        );
    });
}
