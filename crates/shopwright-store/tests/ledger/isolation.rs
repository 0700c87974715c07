//! Readers see one snapshot, writers lose no update, and stock is never promised twice.

use std::collections::BTreeMap;
use std::sync::mpsc::channel;

use proptest::prelude::*;
use shopwright_store::{StoreError, Tx, params};

use crate::harness::{Answer, Db, Refused, cases, gate, note, on_both, on_both_with};

fn count(tx: &mut Tx<'_>) -> Result<i64, StoreError> {
    tx.one("SELECT COUNT(*) FROM notes", params![], |row| row.get(0))
}

#[test]
fn a_read_sees_one_snapshot_while_writes_go_on() {
    on_both(|db| {
        db.with_notes();
        db.write(|tx| note(tx, 1)).unwrap();
        let (open, closed) = gate();
        let (started, running) = channel();
        let reading = db.start_read(move |tx| {
            let first = count(tx)?;
            let _ = started.send(());
            closed.wait();
            Ok((first, count(tx)?))
        });
        running.recv().unwrap();
        for n in 2..6 {
            db.write(move |tx| note(tx, n)).unwrap();
        }
        assert_eq!(db.read(count), Ok(5));
        open.open();
        assert_eq!(reading.wait(), Ok((1, 1)));
        assert_eq!(db.read(count), Ok(5));
    });
}

#[test]
fn a_read_is_answered_while_a_write_is_open() {
    on_both_with(2, |db| {
        db.with_notes();
        let (open, closed) = gate();
        let (started, running) = channel();
        let writing = db.start::<_, StoreError>(move |tx| {
            note(tx, 1)?;
            let _ = started.send(());
            closed.wait();
            Ok(())
        });
        running.recv().unwrap();
        assert_eq!(db.read(count), Ok(0));
        open.open();
        writing.wait().unwrap();
        assert_eq!(db.read(count), Ok(1));
    });
}

#[test]
fn writing_in_a_read_fails_and_later_reads_are_well() {
    on_both(|db| {
        db.with_notes();
        for _ in 0..3 {
            let written = db.read(|tx| note(tx, 1));
            assert!(written.is_err(), "{written:?}");
            let hidden = db.read(|tx| {
                let _ = note(tx, 1);
                Ok(())
            });
            assert!(hidden.is_err(), "{hidden:?}");
        }
        for _ in 0..4 {
            assert_eq!(db.read(count), Ok(0));
        }
        assert_eq!(db.notes(), [0_i64; 0]);
    });
}

#[test]
fn concurrent_increments_of_one_counter_lose_none() {
    on_both_with(8, |db| {
        db.raw().run("CREATE TABLE counters (name text PRIMARY KEY, n bigint); INSERT INTO counters VALUES ('c', 0)");
        let increments: Vec<_> = (0..64)
            .map(|_| {
                db.start::<_, StoreError>(|tx| {
                    let sql = format!("SELECT n FROM counters WHERE name = 'c'{}", tx.for_update());
                    let n: i64 = tx.one(&sql, params![], |row| row.get(0))?;
                    tx.execute("UPDATE counters SET n = $1 WHERE name = 'c'", params![n + 1])?;
                    Ok(n + 1)
                })
            })
            .collect();
        let mut seen: Vec<i64> =
            increments.into_iter().map(|answer| answer.wait().unwrap()).collect();
        seen.sort_unstable();
        assert_eq!(seen, (1..=64).collect::<Vec<_>>());
        assert_eq!(db.raw().int("SELECT n FROM counters"), 64);
    });
}

/// One buyer's wish: pieces by SKU number.
type Wish = BTreeMap<i64, i64>;

/// Reserves all of a wish or refuses it; locks the shelves in key order.
fn reserve(tx: &mut Tx<'_>, buyer: i64, wish: &Wish) -> Result<(), Refused> {
    for (sku, pieces) in wish {
        let sql = format!("SELECT free FROM shelves WHERE sku = $1{}", tx.for_update());
        let free: i64 = tx.one(&sql, params![*sku], |row| row.get(0))?;
        // The refusal may come late, after other shelves were taken from.
        if free < *pieces {
            return Err(Refused::Rule("sold out"));
        }
        tx.execute("UPDATE shelves SET free = $2 WHERE sku = $1", params![*sku, free - pieces])?;
        tx.execute("INSERT INTO held_for VALUES ($1, $2, $3)", params![buyer, *sku, *pieces])?;
    }
    Ok(())
}

fn no_shelf_is_oversold(db: &Db, stock: &[i64], wishes: &[Wish]) {
    let mut raw = db.raw();
    raw.run("DELETE FROM held_for; DELETE FROM shelves");
    for (sku, pieces) in stock.iter().enumerate() {
        raw.run(&format!("INSERT INTO shelves VALUES ({sku}, {pieces})"));
    }
    let answers: Vec<Answer<(), Refused>> = (0..)
        .zip(wishes.to_vec())
        .map(|(buyer, wish)| db.start(move |tx| reserve(tx, buyer, &wish)))
        .collect();
    let mut reserved = vec![0; stock.len()];
    for (buyer, (answer, wish)) in answers.into_iter().zip(wishes).enumerate() {
        let lines = raw_lines(&mut raw, answer.wait(), buyer);
        for (sku, pieces) in wish.iter().take(lines) {
            reserved[usize::try_from(*sku).unwrap()] += pieces;
        }
        assert!(lines == 0 || lines == wish.len(), "buyer {buyer} has {lines} of {wish:?}");
    }
    for (sku, (stock, reserved)) in stock.iter().zip(reserved).enumerate() {
        assert!(reserved <= *stock, "SKU {sku}: {reserved} of {stock}");
        assert_eq!(
            raw.int(&format!("SELECT free FROM shelves WHERE sku = {sku}")),
            stock - reserved
        );
    }
    // Nobody was turned away who could still be served in full: refusals are never spurious.
    let free = raw.ints("SELECT free FROM shelves ORDER BY sku");
    for wish in wishes
        .iter()
        .filter(|wish| wish.iter().all(|(sku, n)| *n <= stock[usize::try_from(*sku).unwrap()]))
    {
        let fits = wish.iter().all(|(sku, n)| *n <= free[usize::try_from(*sku).unwrap()]);
        if fits {
            let buyer = wishes.iter().position(|w| std::ptr::eq(w, wish)).unwrap();
            let lines = raw.int(&format!("SELECT COUNT(*) FROM held_for WHERE buyer = {buyer}"));
            assert_eq!(
                lines,
                i64::try_from(wish.len()).unwrap(),
                "buyer {buyer} was refused for nothing"
            );
        }
    }
}

/// How many lines the buyer has, after checking them against the answer.
fn raw_lines(raw: &mut crate::harness::Raw, outcome: Result<(), Refused>, buyer: usize) -> usize {
    let lines = raw.int(&format!("SELECT COUNT(*) FROM held_for WHERE buyer = {buyer}"));
    match outcome {
        Ok(()) => assert!(lines > 0, "buyer {buyer} was promised pieces"),
        Err(Refused::Rule(_)) => assert_eq!(lines, 0, "buyer {buyer} was refused"),
        Err(Refused::Store(error)) => panic!("buyer {buyer}: {error}"),
    }
    usize::try_from(lines).unwrap()
}

#[test]
fn buyers_of_three_random_skus_at_once_never_oversell_one() {
    on_both_with(8, |db| {
        db.raw().run(
            "CREATE TABLE shelves (sku bigint PRIMARY KEY, free bigint NOT NULL CHECK (free >= 0));
             CREATE TABLE held_for (buyer bigint, sku bigint, pieces bigint, PRIMARY KEY (buyer, sku))",
        );
        let wish = prop::collection::btree_map(0..6_i64, 1..4_i64, 3);
        let strategy = (prop::collection::vec(0..25_i64, 6), prop::collection::vec(wish, 48));
        let outcome = cases(12).run(&strategy, |(stock, wishes)| {
            no_shelf_is_oversold(db, &stock, &wishes);
            Ok(())
        });
        outcome.unwrap();
    });
}
