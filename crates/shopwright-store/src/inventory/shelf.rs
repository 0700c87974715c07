//! The shelf itself: movements at any location, and counts.

use shopwright_domain::catalog::Sku;
use shopwright_domain::time::Timestamp;

use crate::{Column, Page, Place, Row, StoreError, Tx, params};

/// A movement as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovementRow {
    /// The SKU.
    pub sku: Sku,
    /// The location.
    pub location: String,
    /// Why, such as `receipt` or `sale`.
    pub reason: String,
    /// What caused it; with SKU, location and reason its identity.
    pub reference: String,
    /// Pieces onto the shelf; negative: off it.
    pub quantity: i64,
    /// When.
    pub at: Timestamp,
}

const COLUMNS: &str = "SELECT sku, location, reason, reference, quantity, at FROM stock_movements";

fn movement(row: &Row<'_>) -> Result<MovementRow, StoreError> {
    Ok(MovementRow {
        sku: row.get(0)?,
        location: row.get(1)?,
        reason: row.get(2)?,
        reference: row.get(3)?,
        quantity: row.get(4)?,
        at: row.get(5)?,
    })
}

/// Adds movements; gives how many were new. The caller has locked their levels and moves them.
pub fn insert_movements(tx: &mut Tx<'_>, all: &[MovementRow]) -> Result<u64, StoreError> {
    tx.execute_rows(
        "INSERT INTO stock_movements (sku, location, reason, reference, quantity, at)
         SELECT sku, location, reason, reference, quantity, at FROM {rows} AS r WHERE true
         ON CONFLICT (sku, location, reason, reference) DO NOTHING",
        &[
            ("sku", Column::Text(all.iter().map(|m| m.sku.as_str()).collect())),
            ("location", Column::Text(all.iter().map(|m| m.location.as_str()).collect())),
            ("reason", Column::Text(all.iter().map(|m| m.reason.as_str()).collect())),
            ("reference", Column::Text(all.iter().map(|m| m.reference.as_str()).collect())),
            ("quantity", Column::Int(all.iter().map(|m| m.quantity).collect())),
            ("at", Column::Time(all.iter().map(|m| m.at).collect())),
        ],
    )
}

/// What tells a movement of one SKU from its others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovementKey {
    /// The location.
    pub location: String,
    /// Why.
    pub reason: String,
    /// What caused it.
    pub reference: String,
}

/// The movement with this key.
pub fn find_movement(
    tx: &mut Tx<'_>,
    sku: &Sku,
    key: &MovementKey,
) -> Result<Option<MovementRow>, StoreError> {
    tx.find(
        &format!("{COLUMNS} WHERE sku = $1 AND location = $2 AND reason = $3 AND reference = $4"),
        params![sku, &key.location, &key.reason, &key.reference],
        movement,
    )
}

/// Movements of a SKU, newest first; pages start at a movement that is there.
pub fn list_movements(
    tx: &mut Tx<'_>,
    sku: &Sku,
    page: &Page<&MovementRow>,
) -> Result<Vec<MovementRow>, StoreError> {
    const KEY: &str = "(at, location, reason, reference)";
    let (from, compare, newest_first) = match page.place {
        Place::First => {
            return tx.query(
                &format!("{COLUMNS} WHERE sku = $1 ORDER BY at DESC, location DESC, reason DESC, reference DESC LIMIT $2"),
                params![sku, page.limit],
                movement,
            );
        }
        Place::After(from) => (from, "<", true),
        Place::Before(from) => (from, ">", false),
    };
    let way = if newest_first { " DESC" } else { "" };
    let mut rows = tx.query(
        &format!(
            "{COLUMNS} WHERE sku = $1 AND {KEY} {compare} ($2, $3, $4, $5)
             ORDER BY at{way}, location{way}, reason{way}, reference{way} LIMIT $6"
        ),
        params![sku, from.at, &from.location, &from.reason, &from.reference, page.limit],
        movement,
    )?;
    if !newest_first {
        rows.reverse();
    }
    Ok(rows)
}

/// A count of one SKU at one location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountRow {
    /// The SKU.
    pub sku: Sku,
    /// The location.
    pub location: String,
    /// What the caller calls it.
    pub reference: String,
    /// Pieces counted.
    pub quantity: i64,
    /// Pieces in the books before; `None` at the opening count.
    pub found: Option<i64>,
    /// When.
    pub at: Timestamp,
}

/// The count with this reference.
pub fn find_count(
    tx: &mut Tx<'_>,
    sku: &Sku,
    location: &str,
    reference: &str,
) -> Result<Option<CountRow>, StoreError> {
    tx.find(
        "SELECT sku, location, reference, quantity, found, at FROM stock_counts
         WHERE sku = $1 AND location = $2 AND reference = $3",
        params![sku, location, reference],
        |row| {
            Ok(CountRow {
                sku: row.get(0)?,
                location: row.get(1)?,
                reference: row.get(2)?,
                quantity: row.get(3)?,
                found: row.get(4)?,
                at: row.get(5)?,
            })
        },
    )
}

/// Adds a count. The caller has locked the level and knows that the reference is new.
pub fn insert_count(tx: &mut Tx<'_>, count: &CountRow) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO stock_counts (sku, location, reference, quantity, found, at) VALUES ($1, $2, $3, $4, $5, $6)",
        params![&count.sku, &count.location, &count.reference, count.quantity, count.found, count.at],
    )?;
    Ok(())
}

/// Whether a SKU may be sold beyond the shelf; `None` when there is no such product.
pub fn backorder(tx: &mut Tx<'_>, sku: &Sku) -> Result<Option<bool>, StoreError> {
    tx.find("SELECT backorder FROM products WHERE sku = $1", params![sku], |row| row.get(0))
}

/// Allows or forbids selling beyond the shelf. `false` when there is no such product.
pub fn set_backorder(
    tx: &mut Tx<'_>,
    sku: &Sku,
    allowed: bool,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let changed = tx.execute(
        "UPDATE products SET backorder = $2, updated_at = CASE WHEN backorder = $2 THEN updated_at ELSE $3 END
         WHERE sku = $1",
        params![sku, allowed, now],
    )?;
    Ok(changed > 0)
}
