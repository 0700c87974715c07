//! Change notices follow a commit and nothing else.

use shopwright_store::{Change, StoreError, feed, params};
use tokio::sync::broadcast::error::TryRecvError;

use crate::harness::{Refused, gate, hold_writer, note, on_both, on_both_with, on_sqlite};

#[test]
fn a_notice_is_there_when_the_answer_is_and_once_per_kind() {
    on_both(|db| {
        db.with_notes();
        let mut changes = db.store.changes();
        db.write(|tx| {
            tx.announce(Change::Prices);
            tx.announce(Change::Keys);
            tx.announce(Change::Prices);
            note(tx, 1)
        })
        .unwrap();
        assert_eq!(changes.try_recv(), Ok(Change::Prices));
        assert_eq!(changes.try_recv(), Ok(Change::Keys));
        assert_eq!(changes.try_recv(), Err(TryRecvError::Empty));
    });
}

#[test]
fn refused_failed_and_panicked_operations_give_no_notice() {
    on_both(|db| {
        db.with_notes();
        let mut changes = db.store.changes();
        let refused: Result<(), _> = db.decide(|tx| {
            tx.announce(Change::Prices);
            Err(Refused::Rule("no"))
        });
        assert!(refused.is_err());
        let doomed = db.write(|tx| {
            tx.announce(Change::Keys);
            let _ = tx.execute("INSERT INTO notes (n) VALUES (1)", params![]);
            Ok(())
        });
        assert!(matches!(doomed, Err(StoreError::Conflict { .. })), "{doomed:?}");
        let panicked: Result<(), _> = db.write(|tx| {
            tx.announce(Change::Prices);
            panic!("after an announcement, on purpose");
        });
        assert!(panicked.is_err());
        let read = db.read(|tx| {
            tx.announce(Change::Prices);
            Ok(())
        });
        assert_eq!(read, Ok(()));
        assert_eq!(changes.try_recv(), Err(TryRecvError::Empty));
        db.write(|_| Ok(())).unwrap();
        assert_eq!(changes.try_recv(), Err(TryRecvError::Empty));
    });
}

#[test]
fn a_notice_of_a_group_waits_for_the_commit_of_the_group() {
    on_sqlite(|db| {
        db.with_notes();
        let mut changes = db.store.changes();
        let (open, held) = hold_writer(db);
        let mut announcing = db.start(|tx| {
            tx.announce(Change::Prices);
            note(tx, 1)
        });
        let (open_second, closed) = gate();
        let (started, running) = std::sync::mpsc::channel();
        let second = db.start::<_, StoreError>(move |tx| {
            let _ = started.send(());
            closed.wait();
            note(tx, 2)
        });
        open.open();
        held.wait().unwrap();
        // The second member of the group runs, so the first has run; neither is committed.
        running.recv().unwrap();
        assert_eq!(changes.try_recv(), Err(TryRecvError::Empty));
        assert!(!announcing.is_ready());
        assert_eq!(db.notes(), [0_i64; 0]);
        open_second.open();
        assert_eq!((announcing.wait(), second.wait()), (Ok::<_, StoreError>(()), Ok(())));
        assert_eq!(changes.try_recv(), Ok(Change::Prices));
        assert_eq!(db.notes(), [1, 2]);
    });
}

#[test]
fn a_follower_that_hears_a_notice_reads_what_it_is_about() {
    on_both_with(4, |db| {
        let mut changes = db.store.changes();
        let before = db.read(|tx| feed::version(tx, Change::Prices)).unwrap();
        let writes: Vec<_> = (0..20)
            .map(|_| db.start::<_, StoreError>(|tx| feed::advance(tx, Change::Prices)))
            .collect();
        let mut heard = 0;
        while heard < 20 {
            match changes.try_recv() {
                Ok(Change::Prices) => {
                    heard += 1;
                    let seen = db.read(|tx| feed::version(tx, Change::Prices)).unwrap();
                    assert!(seen >= before + heard, "{heard} notices, version {seen}");
                }
                Ok(other) => panic!("{other:?}"),
                Err(TryRecvError::Empty) => std::thread::yield_now(),
                Err(error) => panic!("{error}"),
            }
        }
        let mut versions: Vec<i64> =
            writes.into_iter().map(|write| write.wait().unwrap()).collect();
        versions.sort_unstable();
        assert_eq!(versions, (before + 1..=before + 20).collect::<Vec<_>>());
    });
}
