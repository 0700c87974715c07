//! What is known of what shop platforms said: when they last spoke of a thing, and which of our
//! documents their ids stand for. What is older never overwrites what is newer.

use shopwright_domain::ids::{OrderId, RefundId};
use shopwright_domain::time::Timestamp;

use crate::{StoreError, Tx, params};

/// What a source speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoken {
    /// An order.
    Order,
    /// A person.
    Customer,
    /// Pieces of a product at a place.
    Stock,
    /// A variant of a product that has no listing.
    Variant,
}

impl Spoken {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Customer => "customer",
            Self::Stock => "stock",
            Self::Variant => "variant",
        }
    }
}

/// When a source last spoke of a thing; the row is locked until the end of the transaction.
pub fn last_said(
    tx: &mut Tx<'_>,
    (source, kind, external_id): (&str, Spoken, &str),
) -> Result<Option<Timestamp>, StoreError> {
    let lock = tx.for_update();
    tx.find(
        &format!(
            "SELECT said_at FROM platform_said WHERE source = $1 AND kind = $2 AND external_id = $3{lock}"
        ),
        params![source, kind.as_str(), external_id],
        |row| row.get(0),
    )
}

/// Notes that a source spoke of a thing. Gives `false`, and changes nothing, when it spoke of it
/// later already.
pub fn note_said(
    tx: &mut Tx<'_>,
    (source, kind, external_id): (&str, Spoken, &str),
    at: Timestamp,
) -> Result<bool, StoreError> {
    let noted = tx.execute(
        "INSERT INTO platform_said (source, kind, external_id, said_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (source, kind, external_id) DO UPDATE SET said_at = excluded.said_at
         WHERE excluded.said_at >= platform_said.said_at",
        params![source, kind.as_str(), external_id, at],
    )?;
    Ok(noted > 0)
}

/// Notes what an order was booked from: a hash of its lines, and the platform's ids of them.
pub fn insert_order(
    tx: &mut Tx<'_>,
    id: OrderId,
    lines_hash: &[u8],
    lines: &[(&str, i64)],
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO platform_orders (order_id, lines_hash) VALUES ($1, $2)",
        params![id, lines_hash],
    )?;
    for (line, ordinal) in lines {
        tx.execute(
            "INSERT INTO platform_order_lines (order_id, line_external_id, ordinal) VALUES ($1, $2, $3)
             ON CONFLICT DO NOTHING",
            params![id, *line, *ordinal],
        )?;
    }
    Ok(())
}

/// Notes that an order was booked from a file, whose lines are not the platform's own words: its hash
/// is empty from now on.
pub fn note_from_file(tx: &mut Tx<'_>, id: OrderId) -> Result<(), StoreError> {
    let none: &[u8] = &[];
    tx.execute(
        "UPDATE platform_orders SET lines_hash = $2 WHERE order_id = $1",
        params![id, none],
    )?;
    Ok(())
}

/// The hash of the lines an order was booked from, empty for one that a file brought; `None` when no platform sent it.
pub fn lines_hash(tx: &mut Tx<'_>, id: OrderId) -> Result<Option<Vec<u8>>, StoreError> {
    let sql = "SELECT lines_hash FROM platform_orders WHERE order_id = $1";
    tx.find(sql, params![id], |row| row.get(0))
}

/// The place in the order of what the platform calls a line.
pub fn line_ordinal(
    tx: &mut Tx<'_>,
    id: OrderId,
    line_external_id: &str,
) -> Result<Option<i64>, StoreError> {
    tx.find(
        "SELECT ordinal FROM platform_order_lines WHERE order_id = $1 AND line_external_id = $2",
        params![id, line_external_id],
        |row| row.get(0),
    )
}

/// Whether a refund of a source was taken already.
pub fn knows_refund(tx: &mut Tx<'_>, source: &str, external_id: &str) -> Result<bool, StoreError> {
    let known: i64 = tx.one(
        "SELECT COUNT(*) FROM platform_refunds WHERE source = $1 AND external_id = $2",
        params![source, external_id],
        |row| row.get(0),
    )?;
    Ok(known > 0)
}

/// Notes that a refund of a source was taken, as ours or, without an id, as one that moves nothing.
/// Gives whether it is new.
pub fn note_refund(
    tx: &mut Tx<'_>,
    (source, external_id): (&str, &str),
    refund: Option<RefundId>,
) -> Result<bool, StoreError> {
    let noted = tx.execute(
        "INSERT INTO platform_refunds (source, external_id, refund_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        params![source, external_id, refund],
    )?;
    Ok(noted > 0)
}
