//! A run of an import is found again by its file and goes forward only.

use shopwright_domain::ids::{Id, ImportId};
use shopwright_store::imports::{self, ImportState};
use uuid::Uuid;

use crate::catalog::at;
use crate::harness::{Db, on_both};

fn id(n: u128) -> ImportId {
    Id::from_uuid(Uuid::from_u128(n))
}

fn begin(db: &Db, n: u128, source: &'static str, file: &'static str) -> ImportState {
    db.write(move |tx| imports::begin(tx, id(n), "online_retail", source, file, at(1))).unwrap()
}

#[test]
fn the_same_file_into_the_same_source_is_the_same_run() {
    on_both(|db| {
        let first = begin(db, 1, "shop", "aa");
        assert_eq!(first, ImportState { import_id: id(1), rows_done: 0, finished_at: None });
        db.write(|tx| imports::advance(tx, id(1), 500)).unwrap();
        assert_eq!(begin(db, 2, "shop", "aa"), ImportState { rows_done: 500, ..first.clone() });
        assert_eq!(begin(db, 3, "market", "aa").import_id, id(3));
        assert_eq!(begin(db, 4, "shop", "bb").import_id, id(4));
        db.write(|tx| imports::finish(tx, id(1), at(77))).unwrap();
        let finished = ImportState { rows_done: 500, finished_at: Some(at(77)), ..first };
        assert_eq!(begin(db, 5, "shop", "aa"), finished);
    });
}

#[test]
fn progress_never_goes_back() {
    on_both(|db| {
        begin(db, 1, "shop", "aa");
        for (rows, stands) in [(500, 500), (200, 500), (500, 500), (501, 501)] {
            db.write(move |tx| imports::advance(tx, id(1), rows)).unwrap();
            assert_eq!(begin(db, 9, "shop", "aa").rows_done, stands);
        }
    });
}

#[test]
fn two_that_begin_the_same_file_at_once_get_the_same_run() {
    on_both(|db| {
        let answers: Vec<_> = (1..9)
            .map(|n| {
                db.start(move |tx| imports::begin(tx, id(n), "online_retail", "shop", "aa", at(1)))
            })
            .collect();
        let ids: Vec<ImportId> =
            answers.into_iter().map(|answer| answer.wait().unwrap().import_id).collect();
        assert!(ids.iter().all(|one| *one == ids[0]), "{ids:?}");
        assert_eq!(db.raw().int("SELECT COUNT(*) FROM imports"), 1);
    });
}
