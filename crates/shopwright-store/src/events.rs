//! What shoppers do: each message once, a row for each product, and who turned out to be whom.
//!
//! A message is known by a hash over its source and id for as long as ids are remembered. Rows hold
//! what engines learn from and nothing else of what was sent.

pub mod dead_letters;
pub mod demand;

use std::collections::HashMap;

use shopwright_domain::time::Timestamp;
use uuid::Uuid;

use crate::{Column, Row, StoreError, Tx, params};

/// The id of a message and what it says, as they are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageId {
    /// A hash over the source and the sender's id.
    pub message: Uuid,
    /// A hash over the content, to tell when one id is used for two things.
    pub content: i64,
}

/// What became of ids that were offered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remembered {
    /// Places of those that are new.
    pub new: Vec<usize>,
    /// How many were taken before with another content.
    pub changed: u64,
}

/// Remembers ids that are new. Each `message` occurs once in `ids`. Rivals with the same ids wait for
/// each other: of two batches one finds them new.
pub fn remember(
    tx: &mut Tx<'_>,
    ids: &[MessageId],
    now: Timestamp,
) -> Result<Remembered, StoreError> {
    let mut order: Vec<usize> = (0..ids.len()).collect();
    // One order for all, so that no two wait for each other in a ring.
    order.sort_unstable_by_key(|place| ids[*place].message);
    let columns = [
        ("message", Column::Uuid(order.iter().map(|place| ids[*place].message).collect())),
        ("content", Column::Int(order.iter().map(|place| ids[*place].content).collect())),
        ("received_at", Column::Time(vec![now; ids.len()])),
    ];
    let written = tx.query_rows(
        "INSERT INTO event_ids (message, content, received_at)
         SELECT message, content, received_at FROM {rows} AS r WHERE true
         ON CONFLICT (message) DO NOTHING RETURNING message",
        &columns,
        |row| row.get::<Uuid>(0),
    )?;
    if written.len() == ids.len() {
        return Ok(Remembered { new: (0..ids.len()).collect(), changed: 0 });
    }
    let written: std::collections::HashSet<Uuid> = written.into_iter().collect();
    let new = (0..ids.len()).filter(|place| written.contains(&ids[*place].message)).collect();
    let mut changed = 0;
    for id in ids.iter().filter(|id| !written.contains(&id.message)) {
        let kept: Option<i64> = tx.find(
            "SELECT content FROM event_ids WHERE message = $1",
            params![id.message],
            |row| row.get(0),
        )?;
        changed += u64::from(kept.is_some_and(|kept| kept != id.content));
    }
    Ok(Remembered { new, changed })
}

/// A row of an event: what was done with one product, or without one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// The event; rises with the time it was received.
    pub event_id: Uuid,
    /// The product's place in it.
    pub ordinal: i64,
    /// The kind's word.
    pub kind: String,
    /// Where it came from.
    pub source: String,
    /// The customer, as the sender named them.
    pub customer_id: Option<String>,
    /// The visitor.
    pub anonymous_id: Option<String>,
    /// The visit.
    pub session_id: Option<String>,
    /// The product.
    pub sku: Option<String>,
    /// Pieces.
    pub quantity: i64,
    /// The price of one that was shown, micros of the major unit.
    pub unit_price_micros: Option<i64>,
    /// Its currency.
    pub currency: Option<String>,
    /// The shop's number of the order.
    pub order_number: Option<String>,
    /// The recommendation it followed from.
    pub recommendation: Option<String>,
    /// Whether it moved demand.
    pub counted: bool,
    /// When it was done.
    pub at: Timestamp,
    /// When it was received.
    pub received_at: Timestamp,
}

/// Writes rows of events whose ids are new; each counts or does not as it is said beside it.
pub fn insert(tx: &mut Tx<'_>, rows: &[&EventRow], counted: Vec<bool>) -> Result<(), StoreError> {
    fn texts<'r>(rows: &[&'r EventRow], pick: fn(&'r EventRow) -> &'r str) -> Column<'r> {
        Column::Text(rows.iter().map(|row| pick(row)).collect())
    }
    fn maybe<'r>(
        rows: &[&'r EventRow],
        pick: fn(&'r EventRow) -> &'r Option<String>,
    ) -> Column<'r> {
        Column::OptText(rows.iter().map(|row| pick(row).as_deref()).collect())
    }
    tx.execute_rows(
        "INSERT INTO events (event_id, ordinal, kind, source, customer_id, anonymous_id, session_id, sku, quantity,
             unit_price_micros, currency, order_number, recommendation, counted, at, received_at)
         SELECT event_id, ordinal, kind, source, customer_id, anonymous_id, session_id, sku, quantity,
             unit_price_micros, currency, order_number, recommendation, counted, at, received_at FROM {rows} AS r WHERE true",
        &[
            ("event_id", Column::Uuid(rows.iter().map(|row| row.event_id).collect())),
            ("ordinal", Column::Int(rows.iter().map(|row| row.ordinal).collect())),
            ("kind", texts(rows, |row| &row.kind)),
            ("source", texts(rows, |row| &row.source)),
            ("customer_id", maybe(rows, |row| &row.customer_id)),
            ("anonymous_id", maybe(rows, |row| &row.anonymous_id)),
            ("session_id", maybe(rows, |row| &row.session_id)),
            ("sku", maybe(rows, |row| &row.sku)),
            ("quantity", Column::Int(rows.iter().map(|row| row.quantity).collect())),
            ("unit_price_micros", Column::OptInt(rows.iter().map(|row| row.unit_price_micros).collect())),
            ("currency", maybe(rows, |row| &row.currency)),
            ("order_number", maybe(rows, |row| &row.order_number)),
            ("recommendation", maybe(rows, |row| &row.recommendation)),
            ("counted", Column::Bool(counted)),
            ("at", Column::Time(rows.iter().map(|row| row.at).collect())),
            ("received_at", Column::Time(rows.iter().map(|row| row.received_at).collect())),
        ],
    )?;
    Ok(())
}

/// Notes that a visitor is a customer. What was found out later holds.
pub fn identify(
    tx: &mut Tx<'_>,
    anonymous_id: &str,
    customer_id: &str,
    since: Timestamp,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO visitors (anonymous_id, customer_id, since) VALUES ($1, $2, $3)
         ON CONFLICT (anonymous_id) DO UPDATE SET customer_id = excluded.customer_id, since = excluded.since
         WHERE excluded.since >= visitors.since",
        params![anonymous_id, customer_id, since],
    )?;
    Ok(())
}

/// Whom a visitor turned out to be.
pub fn customer_of(tx: &mut Tx<'_>, anonymous_id: &str) -> Result<Option<String>, StoreError> {
    let sql = "SELECT customer_id FROM visitors WHERE anonymous_id = $1";
    tx.find(sql, params![anonymous_id], |row| row.get(0))
}

/// The visitors that turned out to be a customer.
pub fn visitors_of(tx: &mut Tx<'_>, customer_id: &str) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT anonymous_id FROM visitors WHERE customer_id = $1 ORDER BY anonymous_id";
    tx.query(sql, params![customer_id], |row| row.get(0))
}

fn event_row(row: &Row<'_>) -> Result<EventRow, StoreError> {
    Ok(EventRow {
        event_id: row.get(0)?,
        ordinal: row.get(1)?,
        kind: row.get(2)?,
        source: row.get(3)?,
        customer_id: row.get(4)?,
        anonymous_id: row.get(5)?,
        session_id: row.get(6)?,
        sku: row.get(7)?,
        quantity: row.get(8)?,
        unit_price_micros: row.get(9)?,
        currency: row.get(10)?,
        order_number: row.get(11)?,
        recommendation: row.get(12)?,
        counted: row.get(13)?,
        at: row.get(14)?,
        received_at: row.get(15)?,
    })
}

const COLUMNS: &str = "SELECT event_id, ordinal, kind, source, customer_id, anonymous_id, session_id, sku, quantity, \
     unit_price_micros, currency, order_number, recommendation, counted, at, received_at FROM events";

/// What a customer did, also before they were known, oldest first; `limit` rows at most.
pub fn of_customer(
    tx: &mut Tx<'_>,
    customer_id: &str,
    limit: i64,
) -> Result<Vec<EventRow>, StoreError> {
    let sql = format!(
        "{COLUMNS} WHERE customer_id = $1
            OR anonymous_id IN (SELECT anonymous_id FROM visitors WHERE customer_id = $1)
         ORDER BY event_id, ordinal LIMIT $2"
    );
    tx.query(&sql, params![customer_id, limit], event_row)
}

/// Takes a person off their events and forgets which visitors they were. The events stay, with nobody
/// behind them.
pub fn forget_customer(tx: &mut Tx<'_>, customer_id: &str) -> Result<u64, StoreError> {
    let freed = tx.execute(
        "UPDATE events SET customer_id = NULL, anonymous_id = NULL, session_id = NULL WHERE customer_id = $1
            OR anonymous_id IN (SELECT anonymous_id FROM visitors WHERE customer_id = $1)",
        params![customer_id],
    )?;
    tx.execute("DELETE FROM visitors WHERE customer_id = $1", params![customer_id])?;
    Ok(freed)
}

/// Makes one customer's events and visitors another's.
pub fn merge_customers(tx: &mut Tx<'_>, from: &str, into: &str) -> Result<(), StoreError> {
    for table in ["events", "visitors"] {
        tx.execute(
            &format!("UPDATE {table} SET customer_id = $2 WHERE customer_id = $1"),
            params![from, into],
        )?;
    }
    Ok(())
}

/// What came in since a time: rows by source and kind.
pub fn counts_since(
    tx: &mut Tx<'_>,
    since: Timestamp,
) -> Result<HashMap<(String, String), i64>, StoreError> {
    let first = first_id(since);
    let rows = tx.query(
        "SELECT source, kind, COUNT(*) FROM events WHERE event_id >= $1 AND ordinal = 0 GROUP BY source, kind",
        params![first],
        |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)),
    )?;
    Ok(rows.into_iter().collect())
}

/// The least id an event received at this time can have: ids are `UUIDv7`.
fn first_id(at: Timestamp) -> Uuid {
    let millis = u64::try_from(at.as_micros() / 1_000).unwrap_or(0);
    let id = uuid::Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid();
    // Version and variant bits are set in every id, so that this one is not above any.
    id
}

/// Forgets events that were received before a time, `limit` rows at most. Gives how many.
pub fn sweep_events(tx: &mut Tx<'_>, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    tx.execute(
        "DELETE FROM events WHERE (event_id, ordinal) IN
             (SELECT event_id, ordinal FROM events WHERE event_id < $1 ORDER BY event_id, ordinal LIMIT $2)",
        params![first_id(before), limit],
    )
}

/// Forgets ids that were received before a time, `limit` at most. Gives how many.
pub fn sweep_ids(tx: &mut Tx<'_>, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    tx.execute(
        "DELETE FROM event_ids WHERE message IN
             (SELECT message FROM event_ids WHERE received_at < $1 ORDER BY received_at LIMIT $2)",
        params![before, limit],
    )
}
