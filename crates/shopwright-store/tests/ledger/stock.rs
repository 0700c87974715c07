//! Stock levels are the sum of their movements, however often and at once these are booked.

use std::collections::BTreeMap;

use proptest::prelude::*;
use shopwright_domain::time::Timestamp;
use shopwright_store::inventory::{self, Movement};
use shopwright_store::{StoreError, Tx};

use crate::catalog::{add_products, at, sku};
use crate::harness::{Answer, Db, cases, on_both};

/// A movement the test can keep and send.
#[derive(Clone, Debug)]
struct Moved {
    sku: &'static str,
    reason: &'static str,
    reference: u8,
    quantity: i64,
}

impl Moved {
    fn as_movement(&self) -> Movement<'_> {
        Movement {
            sku: self.sku,
            reason: self.reason,
            reference: format!("shop:{}:0", self.reference),
            quantity: self.quantity,
            at: at(i64::from(self.reference) + 100),
        }
    }
}

fn book(tx: &mut Tx<'_>, moved: &[Moved]) -> Result<u64, StoreError> {
    let movements: Vec<_> = moved.iter().map(Moved::as_movement).collect();
    inventory::book_movements(tx, &movements)
}

const TRACKED: &[&str] = &["jam", "tea", "🧶"];

fn tracked(db: &Db) {
    assert_eq!(add_products(db, TRACKED), 3);
    for code in TRACKED {
        db.write(|tx| inventory::open_level(tx, &sku(code), 10, at(50))).unwrap();
    }
}

fn on_hand(db: &Db, code: &str) -> i64 {
    let code = sku(code);
    let levels = db.read(move |tx| inventory::levels_of(tx, &code)).unwrap();
    assert_eq!(levels.len(), 1);
    assert_eq!(levels[0].location, inventory::DEFAULT_LOCATION);
    levels[0].on_hand
}

/// Levels that do not equal the sum of their movements.
const OFF: &str =
    "SELECT COUNT(*) FROM stock_levels l WHERE l.on_hand <> (SELECT COALESCE(SUM(m.quantity), 0)
     FROM stock_movements m WHERE m.sku = l.sku AND m.location = l.location)";

#[test]
fn a_booking_moves_the_level_once_however_often_it_is_booked() {
    on_both(|db| {
        tracked(db);
        let sold = vec![
            Moved { sku: "tea", reason: "sale", reference: 1, quantity: -3 },
            Moved { sku: "jam", reason: "sale", reference: 1, quantity: -1 },
            Moved { sku: "tea", reason: "write_off", reference: 1, quantity: -2 },
        ];
        for wanted in [3, 0, 0] {
            let sold = sold.clone();
            assert_eq!(db.write(move |tx| book(tx, &sold)), Ok(wanted));
            assert_eq!((on_hand(db, "tea"), on_hand(db, "jam"), on_hand(db, "🧶")), (5, 9, 10));
        }
        assert_eq!(db.write(|tx| book(tx, &[])), Ok(0));
        assert_eq!(db.raw().int(OFF), 0);
    });
}

#[test]
fn a_booking_of_the_same_movement_twice_in_one_batch_counts_the_first() {
    on_both(|db| {
        tracked(db);
        let twice = vec![
            Moved { sku: "tea", reason: "sale", reference: 1, quantity: -3 },
            Moved { sku: "tea", reason: "sale", reference: 1, quantity: -4 },
        ];
        assert_eq!(db.write(move |tx| book(tx, &twice)), Ok(1));
        assert_eq!(on_hand(db, "tea"), 7);
    });
}

#[test]
fn an_untracked_sku_takes_no_movement_and_takes_its_batch_with_it() {
    on_both(|db| {
        tracked(db);
        add_products(db, &["untracked"]);
        let sold = vec![
            Moved { sku: "tea", reason: "sale", reference: 1, quantity: -3 },
            Moved { sku: "untracked", reason: "sale", reference: 1, quantity: -1 },
        ];
        let failed = db.write(move |tx| book(tx, &sold));
        assert_eq!(failed, Err(StoreError::Conflict { constraint: "foreign_key".into() }));
        assert_eq!(on_hand(db, "tea"), 10);
        let counted =
            db.read(|tx| inventory::counted_at(tx, &["tea", "untracked", "nobody"])).unwrap();
        assert_eq!(counted, [("tea".to_owned(), at(50))]);
    });
}

#[test]
fn a_level_is_opened_once_with_its_count_as_a_movement() {
    on_both(|db| {
        tracked(db);
        add_products(db, &["empty"]);
        db.write(|tx| inventory::open_level(tx, &sku("empty"), 0, at(60))).unwrap();
        assert_eq!(on_hand(db, "empty"), 0);
        assert_eq!(db.read(|tx| inventory::opening_quantity(tx, &sku("empty"))), Ok(0));
        assert_eq!(db.read(|tx| inventory::opening_quantity(tx, &sku("tea"))), Ok(10));
        let again = db.write(|tx| inventory::open_level(tx, &sku("tea"), 99, at(70)));
        assert_eq!(again, Err(StoreError::Conflict { constraint: "stock_levels_pkey".into() }));
        let unknown = db.write(|tx| inventory::open_level(tx, &sku("nobody"), 1, at(70)));
        assert_eq!(unknown, Err(StoreError::Conflict { constraint: "foreign_key".into() }));
        assert_eq!(on_hand(db, "tea"), 10);
        assert_eq!(db.raw().int(OFF), 0);
    });
}

#[test]
fn bookings_of_the_same_movements_at_once_in_any_order_count_each_once() {
    on_both(|db| {
        tracked(db);
        let all: Vec<Moved> = (0..60)
            .map(|n| Moved {
                sku: TRACKED[usize::from(n % 3)],
                reason: "sale",
                reference: n,
                quantity: -1,
            })
            .collect();
        let answers: Vec<Answer<u64, StoreError>> = (0..12)
            .map(|turn| {
                let mut part = all.clone();
                part.rotate_left(turn * 5);
                if turn % 2 == 1 {
                    part.reverse();
                }
                db.start(move |tx| book(tx, &part))
            })
            .collect();
        let booked: u64 = answers.into_iter().map(|answer| answer.wait().unwrap()).sum();
        assert_eq!(booked, 60);
        for code in TRACKED {
            assert_eq!(on_hand(db, code), 10 - 20);
        }
        assert_eq!(db.raw().int(OFF), 0);
    });
}

/// A level as it should be after `batches`, by the plainest code there is.
fn expected(batches: &[Vec<Moved>]) -> BTreeMap<&'static str, i64> {
    let mut seen = std::collections::BTreeSet::new();
    let mut levels: BTreeMap<_, _> = TRACKED.iter().map(|code| (*code, 10)).collect();
    for moved in batches.iter().flatten() {
        if seen.insert((moved.sku, moved.reason, moved.reference)) {
            *levels.get_mut(moved.sku).unwrap() += moved.quantity;
        }
    }
    levels
}

#[test]
fn levels_equal_the_sum_of_movements_after_any_sequence_of_bookings() {
    on_both(|db| {
        tracked(db);
        let moved = (
            0..3_usize,
            prop::sample::select(vec!["sale", "refund", "write_off"]),
            0..12_u8,
            -9..9_i64,
        )
            .prop_filter("a movement is never 0", |(.., quantity)| *quantity != 0)
            .prop_map(|(place, reason, reference, quantity)| Moved {
                sku: TRACKED[place],
                reason,
                reference,
                quantity,
            });
        let batches = prop::collection::vec(prop::collection::vec(moved, 0..8), 1..8);
        let outcome = cases(40).run(&batches, |batches| {
            // Back to the opening counts; then the sequence, one transaction per batch.
            db.raw().run("DELETE FROM stock_movements WHERE reason <> 'opening_count'; UPDATE stock_levels SET on_hand = 10");
            let mut booked = 0;
            for batch in batches.clone() {
                booked += db.write(move |tx| book(tx, &batch)).unwrap();
            }
            let mut raw = db.raw();
            prop_assert_eq!(raw.int(OFF), 0);
            let movements = raw.int("SELECT COUNT(*) FROM stock_movements WHERE reason <> 'opening_count'");
            prop_assert_eq!(booked, movements.unsigned_abs());
            for (code, level) in expected(&batches) {
                prop_assert_eq!(on_hand(db, code), level);
            }
            Ok(())
        });
        outcome.unwrap();
    });
}

#[test]
fn times_of_counts_are_kept_to_the_microsecond() {
    on_both(|db| {
        add_products(db, &["tea"]);
        let counted: Timestamp = "2010-12-01T08:26:00.000001Z".parse().unwrap();
        db.write(move |tx| inventory::open_level(tx, &sku("tea"), -4, counted)).unwrap();
        let level = db.read(|tx| inventory::levels_of(tx, &sku("tea"))).unwrap().remove(0);
        assert_eq!((level.counted_at, level.on_hand), (counted, -4));
    });
}
