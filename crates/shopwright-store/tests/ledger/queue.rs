//! A full queue answers at once that the store is busy, and loses nothing it took in.

use shopwright_store::StoreError;

use crate::harness::{Answer, hold_writer, note, on_both_with};

/// More than the queue of writes holds.
const OPERATIONS: i64 = 4_096 + 64;

#[test]
fn a_write_that_finds_the_queue_full_is_busy_and_the_others_are_kept() {
    on_both_with(2, |db| {
        db.with_notes();
        let (open, held) = hold_writer(db);
        let mut answers: Vec<Answer<(), StoreError>> =
            (0..OPERATIONS).map(|n| db.start(move |tx| note(tx, n))).collect();
        // The writer is held, so an answer that is there now came from a full queue.
        let early: Vec<bool> = answers.iter_mut().map(Answer::is_ready).collect();
        assert_eq!(early.iter().filter(|ready| **ready).count(), 64);
        open.open();
        held.wait().unwrap();
        let mut kept = Vec::new();
        for (n, (answer, early)) in (0..).zip(answers.into_iter().zip(early)) {
            let outcome = answer.wait();
            if early {
                assert_eq!(outcome, Err(StoreError::Busy));
                assert!(StoreError::Busy.is_transient());
            } else {
                assert_eq!(outcome, Ok(()));
                kept.push(n);
            }
        }
        assert_eq!(db.notes(), kept);
        db.write(|tx| note(tx, OPERATIONS)).unwrap();
    });
}
