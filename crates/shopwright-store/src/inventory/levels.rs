//! Levels, locked and read: what can be promised of a SKU, and when that was last decided.
//!
//! Who decides locks first and reads afterwards, in a second statement: on PostgreSQL the sums of a
//! statement that waits for a lock are as old as its beginning.

use std::collections::BTreeMap;

use shopwright_domain::catalog::Sku;
use shopwright_domain::inventory::{Authority, LevelFacts};
use shopwright_domain::time::Timestamp;

use crate::{Column, Row, StoreError, Tx};

/// A level whose row this transaction holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedLevel {
    /// The SKU.
    pub sku: Sku,
    /// The location.
    pub location: String,
    /// When it was last decided on; no later operation may see an earlier time.
    pub decided_at: Option<Timestamp>,
}

/// A level with everything a decision or an answer needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// What can be promised.
    pub facts: LevelFacts,
    /// Who owns the truth about it.
    pub authority: Authority,
    /// When the opening count was taken.
    pub counted_at: Timestamp,
}

/// By how much one level moves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LevelChange {
    /// The SKU.
    pub sku: String,
    /// The location.
    pub location: String,
    /// Pieces onto (or, negative, off) the shelf; there is a movement of as many.
    pub on_hand: i64,
    /// Pieces sold and not shipped.
    pub committed: i64,
}

/// Locks every level of these SKUs in key order and until the end of the transaction.
pub fn lock(tx: &mut Tx<'_>, skus: &[&str]) -> Result<Vec<LockedLevel>, StoreError> {
    let skus = sorted(skus);
    let sql = format!(
        "SELECT l.sku, l.location, l.decided_at FROM {{rows}} AS r
         JOIN stock_levels l ON l.sku = r.sku ORDER BY l.sku, l.location{}",
        tx.for_update()
    );
    tx.query_rows(&sql, &[("sku", Column::Text(skus))], |row| {
        Ok(LockedLevel { sku: row.get(0)?, location: row.get(1)?, decided_at: row.get(2)? })
    })
}

/// Those of these SKUs that were counted at any location.
pub fn counted(
    tx: &mut Tx<'_>,
    skus: &[&str],
) -> Result<std::collections::HashSet<String>, StoreError> {
    let found = tx.query_rows(
        "SELECT DISTINCT l.sku FROM {rows} AS r JOIN stock_levels l ON l.sku = r.sku",
        &[("sku", Column::Text(skus.to_vec()))],
        |row| row.get(0),
    )?;
    Ok(found.into_iter().collect())
}

/// Every level of these SKUs as it is at `now`, or at the time it was last decided on if that is later.
pub fn read(tx: &mut Tx<'_>, skus: &[&str], now: Timestamp) -> Result<Vec<Level>, StoreError> {
    let skus = sorted(skus);
    let times = vec![now; skus.len()];
    tx.query_rows(
        "SELECT l.sku, l.location, o.priority, l.on_hand,
             l.held - COALESCE((SELECT CAST(SUM(h.quantity) AS BIGINT) FROM reservation_lines h
                 WHERE h.sku = l.sku AND h.location = l.location
                   AND h.held_until <= CASE WHEN l.decided_at > r.now THEN l.decided_at ELSE r.now END), 0),
             l.committed, p.backorder,
             (SELECT MIN(d.due_at) FROM stock_deliveries d WHERE d.sku = l.sku AND d.location = l.location
                AND d.state = 'expected' AND d.due_at > r.now),
             o.authority, l.counted_at
         FROM {rows} AS r JOIN stock_levels l ON l.sku = r.sku JOIN products p ON p.sku = l.sku
         JOIN locations o ON o.location = l.location ORDER BY l.sku, l.location",
        &[("sku", Column::Text(skus)), ("now", Column::Time(times))],
        level,
    )
}

fn level(row: &Row<'_>) -> Result<Level, StoreError> {
    Ok(Level {
        facts: LevelFacts {
            sku: row.get(0)?,
            location: row.get(1)?,
            priority: row.get(2)?,
            on_hand: row.get(3)?,
            reserved: row.get(4)?,
            committed: row.get(5)?,
            backorder: row.get(6)?,
            incoming_at: row.get(7)?,
        },
        authority: row.parse(8, |text: String| text.parse())?,
        counted_at: row.get(9)?,
    })
}

fn sorted<'a>(skus: &[&'a str]) -> Vec<&'a str> {
    let mut skus = skus.to_vec();
    skus.sort_unstable();
    skus.dedup();
    skus
}

/// By how much what a level has promised changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Promised {
    /// Pieces held until a time.
    pub held: i64,
    /// Pieces sold and not shipped.
    pub committed: i64,
}

/// Notes that these levels were decided on at `now`, and by how much what each has promised has
/// changed. The caller has locked them, and `now` is no earlier than their last decision.
pub fn note_decision(
    tx: &mut Tx<'_>,
    levels: &[LockedLevel],
    now: Timestamp,
    promised: impl Fn(&LockedLevel) -> Promised,
) -> Result<(), StoreError> {
    let changes: Vec<Promised> = levels.iter().map(promised).collect();
    tx.execute_rows(
        "UPDATE stock_levels SET decided_at = r.now, held = stock_levels.held + r.held,
             committed = stock_levels.committed + r.sold FROM {rows} AS r
         WHERE stock_levels.sku = r.sku AND stock_levels.location = r.location",
        &[
            ("sku", Column::Text(levels.iter().map(|l| l.sku.as_str()).collect())),
            ("location", Column::Text(levels.iter().map(|l| l.location.as_str()).collect())),
            ("now", Column::Time(vec![now; levels.len()])),
            ("held", Column::Int(changes.iter().map(|change| change.held).collect())),
            ("sold", Column::Int(changes.iter().map(|change| change.committed).collect())),
        ],
    )?;
    Ok(())
}

/// Counts pieces that are not held any more, each level named at most once. The caller has locked them.
pub(super) fn let_go(
    tx: &mut Tx<'_>,
    pieces: &BTreeMap<(String, String), i64>,
) -> Result<(), StoreError> {
    tx.execute_rows(
        "UPDATE stock_levels SET held = stock_levels.held - r.gone FROM {rows} AS r
         WHERE stock_levels.sku = r.sku AND stock_levels.location = r.location",
        &[
            ("sku", Column::Text(pieces.keys().map(|(sku, _)| sku.as_str()).collect())),
            ("location", Column::Text(pieces.keys().map(|(_, place)| place.as_str()).collect())),
            ("gone", Column::Int(pieces.values().copied().collect())),
        ],
    )?;
    Ok(())
}

/// Moves levels, each named at most once. The caller has locked them and writes the movements.
pub fn shift(tx: &mut Tx<'_>, changes: &[LevelChange]) -> Result<(), StoreError> {
    let moved = tx.execute_rows(
        "UPDATE stock_levels SET on_hand = stock_levels.on_hand + r.moved,
             committed = stock_levels.committed + r.sold
         FROM {rows} AS r WHERE stock_levels.sku = r.sku AND stock_levels.location = r.location",
        &[
            ("sku", Column::Text(changes.iter().map(|c| c.sku.as_str()).collect())),
            ("location", Column::Text(changes.iter().map(|c| c.location.as_str()).collect())),
            ("moved", Column::Int(changes.iter().map(|c| c.on_hand).collect())),
            ("sold", Column::Int(changes.iter().map(|c| c.committed).collect())),
        ],
    )?;
    assert_eq!(moved, changes.len() as u64, "each level is there and moves once");
    Ok(())
}

/// Starts an empty level. `false` when there is one, also one that a rival has just made.
pub fn open(
    tx: &mut Tx<'_>,
    sku: &Sku,
    location: &str,
    counted_at: Timestamp,
) -> Result<bool, StoreError> {
    let opened = tx.execute(
        "INSERT INTO stock_levels (sku, location, on_hand, counted_at, committed, decided_at)
         VALUES ($1, $2, 0, $3, 0, $3) ON CONFLICT (sku, location) DO NOTHING",
        crate::params![sku, location, counted_at],
    )?;
    Ok(opened > 0)
}
