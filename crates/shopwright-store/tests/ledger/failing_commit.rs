//! A commit that fails, or a transaction the engine rolls back by itself, keeps nothing and says so
//! to every operation in it.

use std::env;
use std::process::Command;

use shopwright_store::{Change, StoreError, params};

use crate::harness::{Answer, Db, hold_writer, note, on_both, on_sqlite};

/// Three operations that wait together; the one in the middle runs `sql`.
fn around(db: &Db, sql: &'static str) -> Vec<Result<(), StoreError>> {
    let (open, held) = hold_writer(db);
    let before = db.start(|tx| {
        tx.announce(Change::Prices);
        note(tx, 1)
    });
    let guilty = db.start(move |tx| tx.execute(sql, params![]).map(|_| ()));
    let after = db.start(|tx| note(tx, 3));
    open.open();
    held.wait().unwrap();
    [before, guilty, after].into_iter().map(Answer::wait).collect()
}

#[test]
fn a_failed_commit_is_the_answer_of_its_operation() {
    on_both(|db| {
        // Deferred checks are made by COMMIT. The product has none; here one makes COMMIT fail.
        db.with_notes()
            .raw()
            .run("CREATE TABLE late (n bigint REFERENCES notes (n) DEFERRABLE INITIALLY DEFERRED)");
        let failed = db.write(|tx| {
            note(tx, 1)?;
            tx.execute("INSERT INTO late VALUES (99)", params![])
        });
        assert_eq!(failed, Err(StoreError::Conflict { constraint: "foreign_key".into() }));
        assert_eq!(db.notes(), [0_i64; 0]);
        db.write(|tx| note(tx, 2)).unwrap();
        assert_eq!(db.notes(), [2]);
    });
}

#[test]
fn a_failed_commit_of_a_group_is_the_answer_of_every_member() {
    on_sqlite(|db| {
        db.with_notes()
            .raw()
            .run("CREATE TABLE late (n bigint REFERENCES notes (n) DEFERRABLE INITIALLY DEFERRED)");
        let mut changes = db.store.changes();
        for outcome in around(db, "INSERT INTO late VALUES (99)") {
            assert_eq!(outcome, Err(StoreError::Conflict { constraint: "foreign_key".into() }));
        }
        assert_eq!(db.notes(), [0_i64; 0]);
        assert!(changes.try_recv().is_err());
        db.write(|tx| note(tx, 2)).unwrap();
        assert_eq!(db.notes(), [2]);
    });
}

#[test]
fn a_transaction_the_engine_rolls_back_by_itself_is_lost_for_every_member_that_ran() {
    on_sqlite(|db| {
        db.with_notes().raw().run(
            "CREATE TABLE bomb (n bigint);
             CREATE TRIGGER goes_off BEFORE INSERT ON bomb BEGIN SELECT RAISE(ROLLBACK, 'gone'); END",
        );
        let outcomes = around(db, "INSERT INTO bomb VALUES (1)");
        assert!(outcomes[0].is_err(), "{outcomes:?}");
        assert!(outcomes[1].is_err(), "{outcomes:?}");
        // The third came after the transaction was gone and has one of its own.
        assert_eq!(outcomes[2], Ok(()));
        assert_eq!(db.notes(), [3]);
        db.write(|tx| note(tx, 4)).unwrap();
        assert_eq!(db.notes(), [3, 4]);
    });
}

/// Set in the copy of this test program that runs under a file size limit.
const UNDER_LIMIT: &str = "SHOPWRIGHT_TEST_UNDER_FILE_SIZE_LIMIT";

/// A write error of the operating system in the middle of COMMIT: this program runs itself again
/// under a limit of the size of files, with the signal of it ignored, and writes past it.
#[cfg(unix)]
#[test]
fn an_io_error_in_commit_is_unavailable_for_every_member_and_the_store_works_on() {
    if env::var_os(UNDER_LIMIT).is_some() {
        return past_the_file_size_limit();
    }
    let test = "failing_commit::an_io_error_in_commit_is_unavailable_for_every_member_and_the_store_works_on";
    // 4096 blocks of 512 bytes: far more than the empty ledger, far less than the large write.
    let run = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 4096; exec \"$0\" --exact \"$1\" --nocapture"])
        .arg(env::current_exe().unwrap())
        .arg(test)
        .env(UNDER_LIMIT, "1")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{told}{}", String::from_utf8_lossy(&run.stderr));
    assert!(told.contains("past the limit"), "the limit was not reached: {told}");
}

#[cfg(unix)]
fn past_the_file_size_limit() {
    const LARGE: usize = 6 << 20;
    let db = Db::sqlite(|_| {});
    db.with_notes();
    let (open, held) = hold_writer(&db);
    let before = db.start(|tx| note(tx, 1));
    let large = db.start(|tx| {
        // Held in the page cache until COMMIT writes it out.
        let word = "w".repeat(LARGE);
        tx.execute("INSERT INTO notes (n, word) VALUES ($1, $2)", params![2_i64, &word])
            .map(|_| "ran")
    });
    open.open();
    held.wait().unwrap();
    let (before, large) = (before.wait(), large.wait());
    assert!(matches!(large, Err(StoreError::Unavailable(_))), "{large:?}");
    assert!(matches!(before, Err(StoreError::Unavailable(_))), "{before:?}");
    assert_eq!(db.notes(), [0_i64; 0]);
    for n in 3..20 {
        db.write(move |tx| note(tx, n)).unwrap();
    }
    assert_eq!(
        db.read(|tx| tx.one("SELECT COUNT(*) FROM notes", params![], |row| row.get(0))),
        Ok(17_i64)
    );
    assert_eq!(db.notes(), (3..20).collect::<Vec<_>>());
    println!("past the limit");
}
