//! A database that reaches its size limit refuses the whole group and works again with room.

use shopwright_store::{SqliteOptions, Store, StoreError, StoreOptions, Tx, params};

use crate::harness::{Answer, Db, hold_writer, note};

const PIECE: usize = 20_000;

/// A ledger with room for some two dozen large rows.
fn nearly_full() -> Db {
    let db = Db::sqlite(|options| options.size_max_bytes = Some(1 << 20));
    db.with_notes();
    db
}

/// Writes two large rows, `n` and `n + 1000`: both or none.
fn pair(tx: &mut Tx<'_>, n: i64) -> Result<(), StoreError> {
    let word = "w".repeat(PIECE);
    for n in [n, n + 1_000] {
        tx.execute("INSERT INTO notes (n, word) VALUES ($1, $2)", params![n, &word])?;
    }
    Ok(())
}

fn assert_pairs(db: &Db, kept: &[i64]) {
    let mut wanted: Vec<i64> = kept.iter().flat_map(|n| [*n, n + 1_000]).collect();
    wanted.sort_unstable();
    assert_eq!(db.notes(), wanted);
}

/// Fills the ledger until it says that it is full; gives what was kept.
fn fill(db: &Db) -> Vec<i64> {
    let mut kept = Vec::new();
    for n in 0..100 {
        match db.write(move |tx| pair(tx, n)) {
            Ok(()) => kept.push(n),
            Err(StoreError::Full(_)) => break,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!((3..100).contains(&kept.len()), "{} pairs were kept", kept.len());
    kept
}

#[test]
fn a_write_into_a_full_database_says_so_and_keeps_nothing() {
    let db = nearly_full();
    let kept = fill(&db);
    assert_pairs(&db, &kept);
    let again = db.write(|tx| pair(tx, 500));
    assert!(matches!(again, Err(StoreError::Full(_))), "{again:?}");
    assert!(again.is_err_and(|error| error.is_transient()));
    // Reading goes on.
    let count =
        db.read(|tx| tx.one("SELECT COUNT(*) FROM notes", params![], |row| row.get::<i64>(0)));
    assert_eq!(count, Ok(i64::try_from(kept.len() * 2).unwrap()));
}

#[test]
fn every_member_of_the_group_that_fills_the_disk_is_told_and_nothing_is_half_kept() {
    let db = nearly_full();
    let (open, held) = hold_writer(&db);
    let answers: Vec<Answer<(), StoreError>> =
        (0..80).map(|n| db.start(move |tx| pair(tx, n))).collect();
    open.open();
    held.wait().unwrap();
    let outcomes: Vec<_> = answers.into_iter().map(Answer::wait).collect();
    let kept: Vec<i64> = (0..).zip(&outcomes).filter(|(_, o)| o.is_ok()).map(|(n, _)| n).collect();
    assert_pairs(&db, &kept);
    let first_full = outcomes.iter().position(Result::is_err).unwrap();
    assert!(outcomes.iter().flat_map(Result::as_ref).count() < 80);
    assert!(
        outcomes.iter().filter_map(|o| o.as_ref().err()).all(|e| matches!(e, StoreError::Full(_)))
    );
    // 80 pairs are three times the limit, so a group was broken off; its first members ran well and
    // are told all the same.
    assert!(first_full < 26, "{first_full}");
}

#[test]
fn a_full_database_works_again_after_rows_are_deleted() {
    let db = nearly_full();
    let mut kept = fill(&db);
    let gone = kept.pop().unwrap();
    db.write(move |tx| {
        tx.execute("DELETE FROM notes WHERE n IN ($1, $2)", params![gone, gone + 1_000])
    })
    .unwrap();
    db.write(|tx| pair(tx, 600)).unwrap();
    kept.push(600);
    assert_pairs(&db, &kept);
}

#[test]
fn a_full_database_works_again_with_a_higher_limit() {
    let db = nearly_full();
    let kept = fill(&db);
    let raised = SqliteOptions { size_max_bytes: Some(4 << 20), ..SqliteOptions::new(db.path()) };
    let store = Store::open(&StoreOptions::Sqlite(raised)).unwrap();
    let write = async move { store.write(|tx| pair(tx, 700)).await };
    assert_eq!(Answer::<_, StoreError>::new(write).wait(), Ok(()));
    assert_pairs(&db, &[kept, vec![700]].concat());
}

#[test]
fn an_operation_that_hides_a_full_disk_keeps_nothing_and_takes_its_group_down() {
    let db = nearly_full();
    let kept = fill(&db);
    let (open, held) = hold_writer(&db);
    let innocent = db.start::<_, StoreError>(|tx| note(tx, 900));
    let hiding = db.start::<_, StoreError>(|tx| {
        let _ = pair(tx, 500);
        let _ = pair(tx, 501);
        Ok(())
    });
    open.open();
    held.wait().unwrap();
    assert!(matches!(innocent.wait(), Err(StoreError::Full(_))));
    assert!(matches!(hiding.wait(), Err(StoreError::Full(_))));
    assert_pairs(&db, &kept);
}
