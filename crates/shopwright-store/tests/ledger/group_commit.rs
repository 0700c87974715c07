//! SQLite commits waiting operations together, each in a savepoint of its own.
//!
//! Commits are counted where they are durable: the last frame of each in the write-ahead log
//! carries the size of the database after it, every other frame a zero.

use std::path::Path;

use shopwright_store::{StoreError, params};

use crate::harness::{Answer, Db, Refused, hold_writer, note, on_sqlite};

const WAL_HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// Commits in the write-ahead log of the database at `path` since it was last started over.
fn commits(path: &Path) -> usize {
    let wal = std::fs::read(path.with_extension("db-wal")).unwrap();
    let number = |at: usize| u32::from_be_bytes(wal[at..at + 4].try_into().unwrap());
    let frame = FRAME_HEADER + number(8) as usize;
    let salts = &wal[16..24];
    (WAL_HEADER..wal.len())
        .step_by(frame)
        // Frames with other salts are left over from an earlier round.
        .filter(|at| wal.len() >= at + frame && &wal[at + 8..at + 16] == salts)
        .filter(|at| number(at + 4) != 0)
        .count()
}

/// Hands `count` notes in while the writer is held, so that they wait together.
fn waiting_notes(db: &Db, count: i64) -> Vec<Answer<(), StoreError>> {
    let (open, held) = hold_writer(db);
    let answers = (0..count).map(|n| db.start(move |tx| note(tx, n))).collect();
    open.open();
    held.wait().unwrap();
    answers
}

#[test]
fn the_log_shows_one_commit_per_operation_when_each_waits_for_the_last() {
    on_sqlite(|db| {
        db.with_notes();
        let before = commits(&db.path());
        for n in 0..20 {
            db.write(move |tx| note(tx, n)).unwrap();
        }
        assert_eq!(commits(&db.path()) - before, 20);
    });
}

#[test]
fn operations_that_wait_together_share_their_commits() {
    on_sqlite(|db| {
        db.with_notes();
        let before = commits(&db.path());
        for answer in waiting_notes(db, 200) {
            answer.wait().unwrap();
        }
        let made = commits(&db.path()) - before;
        assert_eq!(db.notes().len(), 200);
        // One, or a few where the machine is so slow that a group's time runs out.
        assert!((1..=40).contains(&made), "{made} commits for 200 operations");
    });
}

#[test]
fn writers_on_many_threads_share_commits_too() {
    on_sqlite(|db| {
        db.with_notes();
        let before = commits(&db.path());
        std::thread::scope(|scope| {
            for thread in 0..16_i64 {
                let store = db.store.clone();
                scope.spawn(move || {
                    for n in 0..20 {
                        let store = store.clone();
                        let write =
                            async move { store.write(move |tx| note(tx, thread * 100 + n)).await };
                        Answer::<(), StoreError>::new(write).wait().unwrap();
                    }
                });
            }
        });
        let made = commits(&db.path()) - before;
        assert_eq!(db.notes().len(), 320);
        assert!(made < 320, "{made} commits for 320 operations of 16 threads");
    });
}

#[test]
fn a_refusal_inside_a_group_undoes_only_itself() {
    on_sqlite(|db| {
        db.with_notes();
        let (open, held) = hold_writer(db);
        let answers: Vec<_> = (0..60_i64)
            .map(|n| {
                db.start(move |tx| {
                    note(tx, n)?;
                    match n % 4 {
                        0 => Ok(n),
                        1 => Err(Refused::Rule("a rule")),
                        2 => note(tx, n).map(|()| n).map_err(Refused::from),
                        _ => panic!("inside a group, on purpose"),
                    }
                })
            })
            .collect();
        open.open();
        held.wait().unwrap();
        for (n, answer) in (0..).zip(answers) {
            let outcome = answer.wait();
            let as_wanted = match n % 4 {
                0 => outcome == Ok(n),
                1 => outcome == Err(Refused::Rule("a rule")),
                2 => matches!(outcome, Err(Refused::Store(StoreError::Conflict { .. }))),
                _ => matches!(outcome, Err(Refused::Store(StoreError::Bug(_)))),
            };
            assert!(as_wanted, "{n}: {outcome:?}");
        }
        assert_eq!(db.notes(), (0..60).filter(|n| n % 4 == 0).collect::<Vec<_>>());
    });
}

#[test]
fn a_member_sees_what_the_members_before_it_kept_and_nothing_they_undid() {
    on_sqlite(|db| {
        db.with_notes();
        let (open, held) = hold_writer(db);
        let answers: Vec<_> = (0..30_i64)
            .map(|n| {
                db.start(move |tx| {
                    let before: i64 =
                        tx.one("SELECT COUNT(*) FROM notes", params![], |row| row.get(0))?;
                    note(tx, n)?;
                    if n % 3 == 0 { Err(Refused::Rule("a rule")) } else { Ok(before) }
                })
            })
            .collect();
        open.open();
        held.wait().unwrap();
        let mut kept = 0;
        for (n, answer) in (0..30).zip(answers) {
            if n % 3 == 0 {
                assert_eq!(answer.wait(), Err(Refused::Rule("a rule")));
            } else {
                assert_eq!(answer.wait(), Ok(kept));
                kept += 1;
            }
        }
    });
}

#[test]
fn every_answer_of_a_group_comes_after_its_commit() {
    on_sqlite(|db| {
        db.with_notes();
        let mut answers = waiting_notes(db, 100);
        let mut raw = db.raw();
        // From the last to the first, so that an early answer of a late member would be caught.
        while let Some(mut last) = answers.pop() {
            let n = i64::try_from(answers.len()).unwrap();
            while !last.is_ready() {
                std::thread::yield_now();
            }
            assert_eq!(raw.int(&format!("SELECT COUNT(*) FROM notes WHERE n = {n}")), 1);
            last.wait().unwrap();
        }
    });
}
