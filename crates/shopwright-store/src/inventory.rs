//! Stock: an append-only list of movements, and levels that always equal their sum.
//!
//! A SKU is untracked until it has an opening count; what was sold before it moves nothing.

pub mod levels;
pub mod places;
pub mod reservations;
pub mod shelf;

use shopwright_domain::catalog::Sku;
use shopwright_domain::time::Timestamp;

use crate::{Column, StoreError, Tx, params};

/// The one location a small shop has.
pub const DEFAULT_LOCATION: &str = "main";

/// The level of one SKU at one location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StockLevel {
    /// The SKU.
    pub sku: Sku,
    /// The location.
    pub location: String,
    /// Pieces on the shelf: the sum of the movements.
    pub on_hand: i64,
    /// When the opening count was taken.
    pub counted_at: Timestamp,
}

/// A movement to book: positive goes onto the shelf.
#[derive(Clone, Debug)]
pub struct Movement<'a> {
    /// The SKU, which must have a level at the default location.
    pub sku: &'a str,
    /// Why, such as `sale` or `write_off`.
    pub reason: &'a str,
    /// What caused it; with SKU, location and reason its identity.
    pub reference: String,
    /// Pieces, never 0.
    pub quantity: i64,
    /// When it happened.
    pub at: Timestamp,
}

/// All levels of a SKU.
pub fn levels_of(tx: &mut Tx<'_>, sku: &Sku) -> Result<Vec<StockLevel>, StoreError> {
    tx.query(
        "SELECT sku, location, on_hand, counted_at FROM stock_levels WHERE sku = $1 ORDER BY location",
        params![sku],
        |row| {
            Ok(StockLevel {
                sku: row.get(0)?,
                location: row.get(1)?,
                on_hand: row.get(2)?,
                counted_at: row.get(3)?,
            })
        },
    )
}

/// When each of `skus` was counted at the default location; untracked ones are left out.
pub fn counted_at(tx: &mut Tx<'_>, skus: &[&str]) -> Result<Vec<(String, Timestamp)>, StoreError> {
    tx.query_rows(
        "SELECT l.sku, l.counted_at FROM {rows} AS r JOIN stock_levels l ON l.sku = r.sku AND l.location = r.location",
        &[
            ("sku", Column::Text(skus.to_vec())),
            ("location", Column::Text(vec![DEFAULT_LOCATION; skus.len()])),
        ],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// Books movements that are not booked yet and moves the levels by just those. Gives their number.
pub fn book_movements(tx: &mut Tx<'_>, movements: &[Movement<'_>]) -> Result<u64, StoreError> {
    let count = movements.len();
    // Levels are written in SKU order, so that two bookings cannot wait for each other.
    let mut new = tx.query_rows(
        "INSERT INTO stock_movements (sku, location, reason, reference, quantity, at)
         SELECT sku, location, reason, reference, quantity, at FROM {rows} AS r WHERE true
         ON CONFLICT (sku, location, reason, reference) DO NOTHING RETURNING sku, quantity",
        &[
            ("sku", Column::Text(movements.iter().map(|m| m.sku).collect())),
            ("location", Column::Text(vec![DEFAULT_LOCATION; count])),
            ("reason", Column::Text(movements.iter().map(|m| m.reason).collect())),
            ("reference", Column::Text(movements.iter().map(|m| m.reference.as_str()).collect())),
            ("quantity", Column::Int(movements.iter().map(|m| m.quantity).collect())),
            ("at", Column::Time(movements.iter().map(|m| m.at).collect())),
        ],
        |row| Ok((row.get::<String>(0)?, row.get::<i64>(1)?)),
    )?;
    let booked = new.len() as u64;
    new.sort();
    let mut sums: Vec<(String, i64)> = Vec::new();
    for (sku, quantity) in new {
        match sums.last_mut() {
            Some((last, sum)) if *last == sku => *sum += quantity,
            _ => sums.push((sku, quantity)),
        }
    }
    tx.execute_rows(
        "UPDATE stock_levels SET on_hand = stock_levels.on_hand + r.moved FROM {rows} AS r
         WHERE stock_levels.sku = r.sku AND stock_levels.location = r.location",
        &[
            ("sku", Column::Text(sums.iter().map(|(sku, _)| sku.as_str()).collect())),
            ("location", Column::Text(vec![DEFAULT_LOCATION; sums.len()])),
            ("moved", Column::Int(sums.iter().map(|(_, sum)| *sum).collect())),
        ],
    )?;
    Ok(booked)
}

/// Starts tracking a SKU at the default location with `quantity` pieces counted at `counted_at`.
/// The caller has seen that it is untracked; a rival's count is a conflict.
pub fn open_level(
    tx: &mut Tx<'_>,
    sku: &Sku,
    quantity: i64,
    counted_at: Timestamp,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO stock_levels (sku, location, on_hand, counted_at) VALUES ($1, $2, 0, $3)",
        params![sku, DEFAULT_LOCATION, counted_at],
    )?;
    if quantity != 0 {
        let movement = Movement {
            sku: sku.as_str(),
            reason: "opening_count",
            reference: String::new(),
            quantity,
            at: counted_at,
        };
        book_movements(tx, &[movement])?;
    }
    Ok(())
}

/// The pieces of the opening count.
pub fn opening_quantity(tx: &mut Tx<'_>, sku: &Sku) -> Result<i64, StoreError> {
    let found = tx.find(
        "SELECT quantity FROM stock_movements WHERE sku = $1 AND location = $2 AND reason = 'opening_count'",
        params![sku, DEFAULT_LOCATION],
        |row| row.get(0),
    )?;
    Ok(found.unwrap_or(0))
}

/// A goods line booked earlier, as the stock sees it.
#[derive(Clone, Debug)]
pub struct BookedLine {
    /// The SKU.
    pub code: String,
    /// The stored text of its kind.
    pub kind: String,
    /// `source:document:ordinal`.
    pub reference: String,
    /// Pieces with the document's sign.
    pub quantity: i64,
    /// When.
    pub at: Timestamp,
}

/// Hands on every line on any document after `after`.
pub fn for_each_line_after(
    tx: &mut Tx<'_>,
    after: Timestamp,
    mut visit: impl FnMut(BookedLine),
) -> Result<(), StoreError> {
    tx.for_each(
        "SELECT l.code, l.kind, o.source, o.external_id, l.ordinal, l.quantity, l.at FROM order_lines l
         JOIN orders o ON o.order_id = l.order_id WHERE l.at > $1 AND l.stock = 'line'
         UNION ALL
         SELECT l.code, l.kind, o.source, o.external_id, l.ordinal, l.quantity, l.at FROM refund_lines l
         JOIN refunds o ON o.refund_id = l.refund_id WHERE l.at > $1 AND l.stock = 'line'
         UNION ALL
         SELECT code, kind, source, external_id, ordinal, quantity, at FROM adjustments WHERE at > $1",
        params![after],
        |row| {
            let (source, document): (String, String) = (row.get(2)?, row.get(3)?);
            let ordinal: i64 = row.get(4)?;
            visit(BookedLine {
                code: row.get(0)?,
                kind: row.get(1)?,
                reference: format!("{source}:{document}:{ordinal}"),
                quantity: row.get(5)?,
                at: row.get(6)?,
            });
            Ok(())
        },
    )
}
