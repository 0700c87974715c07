//! Another process that holds SQLite's write lock: waited for, then answered busy, never half kept.

use std::env;
use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use shopwright_store::{StoreError, params};

use crate::harness::{Answer, Db, note, raw_sqlite};

/// Names the database to the copy of this program that holds the lock.
const LOCKED: &str = "SHOPWRIGHT_TEST_HOLDS_LOCK_ON";

/// The other process and what it tells.
type Elsewhere = (Child, Lines<BufReader<ChildStdout>>);

/// Starts another process that holds the write lock until it is ended.
fn lock_elsewhere(db: &Db, test: &str) -> Elsewhere {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(LOCKED, db.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(child.stdout.take().unwrap()).lines();
    let held = told.by_ref().map_while(Result::ok).any(|line| line.contains("lock held"));
    assert!(held, "the other process holds the lock");
    (child, told)
}

/// Lets the other process end, and with it the lock.
fn unlock((mut child, told): Elsewhere) {
    drop(child.stdin.take());
    told.for_each(drop);
    assert!(child.wait().unwrap().success());
}

/// The other process: holds the lock until its input is closed.
fn hold_the_lock() {
    let connection = raw_sqlite(env::var_os(LOCKED).unwrap().as_ref());
    connection.execute_batch("BEGIN IMMEDIATE; DELETE FROM notes").unwrap();
    println!("lock held");
    let _ = std::io::stdin().lock().lines().next();
}

#[test]
fn writes_wait_for_another_process_and_are_all_busy_when_it_does_not_let_go() {
    if env::var_os(LOCKED).is_some() {
        return hold_the_lock();
    }
    let db = Db::sqlite(|_| {});
    db.with_notes();
    let child = lock_elsewhere(
        &db,
        "locked::writes_wait_for_another_process_and_are_all_busy_when_it_does_not_let_go",
    );
    let started = Instant::now();
    let writes: Vec<Answer<(), StoreError>> =
        (0..20).map(|n| db.start(move |tx| note(tx, n))).collect();
    // Readers never wait for a writer, wherever it is.
    assert_eq!(
        db.read(|tx| tx.one("SELECT COUNT(*) FROM notes", params![], |row| row.get(0))),
        Ok(0_i64)
    );
    assert!(started.elapsed() < Duration::from_secs(5));
    for write in writes {
        assert_eq!(write.wait(), Err(StoreError::Busy));
    }
    let waited = started.elapsed();
    assert!(waited >= Duration::from_secs(5), "the lock was waited for: {waited:?}");
    // Not one lock wait after the other: what waited behind the first is busy with it.
    assert!(waited < Duration::from_secs(19), "{waited:?}");
    unlock(child);
    assert_eq!(db.notes(), [0_i64; 0]);
    db.write(|tx| note(tx, 100)).unwrap();
    assert_eq!(db.notes(), [100]);
}

#[test]
fn a_write_goes_on_as_soon_as_the_other_process_lets_go() {
    if env::var_os(LOCKED).is_some() {
        return hold_the_lock();
    }
    let db = Db::sqlite(|_| {});
    db.with_notes();
    let child = lock_elsewhere(&db, "locked::a_write_goes_on_as_soon_as_the_other_process_lets_go");
    let mut write = db.start::<_, StoreError>(|tx| note(tx, 1));
    std::thread::sleep(Duration::from_millis(200));
    assert!(!write.is_ready());
    unlock(child);
    assert_eq!(write.wait(), Ok(()));
    assert_eq!(db.notes(), [1]);
}
