//! Orders, refunds and adjustments with their lines.
//!
//! Amounts and quantities are seen from the customer's side on orders and refunds: a refund line is
//! negative. A line's identity is (document, ordinal); writing the same line twice changes nothing.

pub mod placed;
pub mod refunded;

use std::collections::HashMap;

use shopwright_domain::money::UnitPrice;
use shopwright_domain::time::Timestamp;
use uuid::Uuid;

use crate::{Column, StoreError, Tx, params};

/// The two kinds of document that a customer stands behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Document {
    /// What a customer bought.
    Order,
    /// What a customer was given back.
    Refund,
}

impl Document {
    const fn table(self) -> &'static str {
        match self {
            Self::Order => "orders",
            Self::Refund => "refunds",
        }
    }

    const fn lines(self) -> &'static str {
        match self {
            Self::Order => "order_lines",
            Self::Refund => "refund_lines",
        }
    }

    const fn id(self) -> &'static str {
        match self {
            Self::Order => "order_id",
            Self::Refund => "refund_id",
        }
    }
}

/// The head of an order or refund that another system wrote.
#[derive(Clone, Debug)]
pub struct DocumentHead<'a> {
    /// The id it gets if it is new.
    pub id: Uuid,
    /// The other system's number.
    pub external_id: &'a str,
    /// The shop's customer id.
    pub customer_id: Option<&'a str>,
    /// Where it was sent.
    pub country: &'a str,
    /// When it was placed or refunded.
    pub at: Timestamp,
}

/// A line of any document.
#[derive(Clone, Debug)]
pub struct LineRow<'a> {
    /// Its document; ignored on adjustments.
    pub document_id: Uuid,
    /// The other system's document number.
    pub external_id: &'a str,
    /// Its place in the document, from 0.
    pub ordinal: i64,
    /// The stored text of its kind.
    pub kind: &'a str,
    /// SKU or the code of a fee.
    pub code: &'a str,
    /// Description.
    pub title: &'a str,
    /// Pieces.
    pub quantity: i64,
    /// Exact price of one piece.
    pub unit_price: UnitPrice,
    /// Booked amount, minor units.
    pub amount_minor: i64,
    /// When.
    pub at: Timestamp,
}

fn column<'a, T>(rows: &[T], pick: impl Fn(&T) -> &'a str) -> Column<'a> {
    Column::Text(rows.iter().map(pick).collect())
}

/// Adds documents that are not there yet (orders as `paid`). Gives the id of each, by number. A
/// number under which the API booked an order of this source is a conflict.
pub fn upsert_documents(
    tx: &mut Tx<'_>,
    document: Document,
    source: &str,
    currency: &str,
    heads: &[DocumentHead<'_>],
) -> Result<HashMap<String, Uuid>, StoreError> {
    let count = heads.len();
    let keys = [
        ("source", Column::Text(vec![source; count])),
        ("external_id", column(heads, |h| h.external_id)),
    ];
    let mut columns = keys.to_vec();
    columns.extend([
        ("id", Column::Uuid(heads.iter().map(|h| h.id).collect())),
        ("customer_id", Column::OptText(heads.iter().map(|h| h.customer_id).collect())),
        ("currency", Column::Text(vec![currency; count])),
        ("country", column(heads, |h| h.country)),
        ("at", Column::Time(heads.iter().map(|h| h.at).collect())),
    ]);
    let insert = match document {
        Document::Order => {
            "INSERT INTO orders (order_id, source, external_id, customer_id, state, currency, country, placed_at, amount_minor)
             SELECT id, source, external_id, customer_id, 'paid', currency, country, at, 0 FROM {rows} AS r
             WHERE true ON CONFLICT (source, external_id) DO NOTHING"
        }
        Document::Refund => {
            "INSERT INTO refunds (refund_id, source, external_id, customer_id, currency, country, refunded_at, amount_minor)
             SELECT id, source, external_id, customer_id, currency, country, at, 0 FROM {rows} AS r
             WHERE true ON CONFLICT (source, external_id) DO NOTHING"
        }
    };
    tx.execute_rows(insert, &columns)?;
    let (table, id) = (document.table(), document.id());
    // A number that the API booked is no document of this history: nothing may be added to it.
    let taken = match document {
        Document::Order => "CAST(CASE WHEN d.fingerprint IS NULL THEN 0 ELSE 1 END AS BIGINT)",
        Document::Refund => "CAST(0 AS BIGINT)",
    };
    let found = tx.query_rows(
        &format!(
            "SELECT d.external_id, d.{id}, {taken} FROM {{rows}} AS r JOIN {table} d
             ON d.source = r.source AND d.external_id = r.external_id"
        ),
        &keys,
        |row| match row.get::<i64>(2)? {
            0 => Ok((row.get(0)?, row.get(1)?)),
            _ => Err(StoreError::Conflict { constraint: "orders_source_external_id_key".into() }),
        },
    )?;
    Ok(found.into_iter().collect())
}

fn line_columns<'a>(lines: &[LineRow<'a>]) -> Vec<(&'static str, Column<'a>)> {
    vec![
        ("document_id", Column::Uuid(lines.iter().map(|l| l.document_id).collect())),
        ("ordinal", Column::Int(lines.iter().map(|l| l.ordinal).collect())),
        ("kind", column(lines, |l| l.kind)),
        ("code", column(lines, |l| l.code)),
        ("title", column(lines, |l| l.title)),
        ("quantity", Column::Int(lines.iter().map(|l| l.quantity).collect())),
        ("unit_price", Column::Int(lines.iter().map(|l| l.unit_price.micros()).collect())),
        ("amount", Column::Int(lines.iter().map(|l| l.amount_minor).collect())),
        ("at", Column::Time(lines.iter().map(|l| l.at).collect())),
    ]
}

/// Adds lines that are not there yet; gives how many were added.
pub fn insert_lines(
    tx: &mut Tx<'_>,
    document: Document,
    lines: &[LineRow<'_>],
) -> Result<u64, StoreError> {
    let (table, id) = (document.lines(), document.id());
    tx.execute_rows(
        &format!(
            "INSERT INTO {table} ({id}, ordinal, kind, code, title, quantity, unit_price_micros, amount_minor, at)
             SELECT document_id, ordinal, kind, code, title, quantity, unit_price, amount, at FROM {{rows}} AS r
             WHERE true ON CONFLICT ({id}, ordinal) DO NOTHING"
        ),
        &line_columns(lines),
    )
}

/// Of `lines`, those that stand in the ledger with other content: (document number, ordinal).
pub fn differing_lines(
    tx: &mut Tx<'_>,
    document: Document,
    lines: &[LineRow<'_>],
) -> Result<Vec<(String, i64)>, StoreError> {
    let (table, id) = (document.lines(), document.id());
    let mut columns = line_columns(lines);
    columns.push(("external_id", column(lines, |l| l.external_id)));
    tx.query_rows(
        &format!(
            "SELECT r.external_id, r.ordinal FROM {{rows}} AS r JOIN {table} l
             ON l.{id} = r.document_id AND l.ordinal = r.ordinal
             WHERE l.kind <> r.kind OR l.code <> r.code OR l.title <> r.title
             OR l.quantity <> r.quantity OR l.unit_price_micros <> r.unit_price
             OR l.amount_minor <> r.amount OR l.at <> r.at"
        ),
        &columns,
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// Sets each document's amount to the sum of its lines.
pub fn settle_amounts(
    tx: &mut Tx<'_>,
    document: Document,
    ids: &[Uuid],
) -> Result<u64, StoreError> {
    let (table, lines, id) = (document.table(), document.lines(), document.id());
    tx.execute_rows(
        &format!(
            "UPDATE {table} SET amount_minor = (SELECT CAST(COALESCE(SUM(l.amount_minor), 0) AS BIGINT)
                 FROM {lines} l WHERE l.{id} = {table}.{id})
             FROM {{rows}} AS r WHERE {table}.{id} = r.id"
        ),
        &[("id", Column::Uuid(ids.to_vec()))],
    )
}

/// Adds adjustments that are not there yet; gives how many were added.
pub fn insert_adjustments(
    tx: &mut Tx<'_>,
    source: &str,
    currency: &str,
    lines: &[LineRow<'_>],
) -> Result<u64, StoreError> {
    let mut columns = line_columns(lines);
    columns.extend([
        ("source", Column::Text(vec![source; lines.len()])),
        ("external_id", column(lines, |l| l.external_id)),
        ("currency", Column::Text(vec![currency; lines.len()])),
    ]);
    columns.retain(|(name, _)| *name != "document_id");
    tx.execute_rows(
        "INSERT INTO adjustments (source, external_id, ordinal, kind, code, note, currency, quantity, unit_price_micros, amount_minor, at)
         SELECT source, external_id, ordinal, kind, code, title, currency, quantity, unit_price, amount, at
         FROM {rows} AS r WHERE true ON CONFLICT (source, external_id, ordinal) DO NOTHING",
        &columns,
    )
}

/// Of `lines`, those that stand as adjustments with other content: (document number, ordinal).
pub fn differing_adjustments(
    tx: &mut Tx<'_>,
    source: &str,
    lines: &[LineRow<'_>],
) -> Result<Vec<(String, i64)>, StoreError> {
    let mut columns = line_columns(lines);
    columns.extend([
        ("source", Column::Text(vec![source; lines.len()])),
        ("external_id", column(lines, |l| l.external_id)),
    ]);
    columns.retain(|(name, _)| *name != "document_id");
    tx.query_rows(
        "SELECT r.external_id, r.ordinal FROM {rows} AS r JOIN adjustments l
         ON l.source = r.source AND l.external_id = r.external_id AND l.ordinal = r.ordinal
         WHERE l.kind <> r.kind OR l.code <> r.code OR l.note <> r.title
         OR l.quantity <> r.quantity OR l.unit_price_micros <> r.unit_price
         OR l.amount_minor <> r.amount OR l.at <> r.at",
        &columns,
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// What the ledger holds of one source, to reconcile an import against.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BookedTotals {
    /// Lines on all documents.
    pub lines: i64,
    /// Sum of their quantities.
    pub quantity: i64,
    /// Sum of their amounts, minor units.
    pub amount_minor: i64,
}

/// Sums everything booked from one source.
pub fn booked_totals(tx: &mut Tx<'_>, source: &str) -> Result<BookedTotals, StoreError> {
    tx.one(
        "SELECT COUNT(*), CAST(COALESCE(SUM(quantity), 0) AS BIGINT), CAST(COALESCE(SUM(amount_minor), 0) AS BIGINT)
         FROM (SELECT l.quantity, l.amount_minor FROM order_lines l JOIN orders o ON o.order_id = l.order_id WHERE o.source = $1
               UNION ALL
               SELECT l.quantity, l.amount_minor FROM refund_lines l JOIN refunds o ON o.refund_id = l.refund_id WHERE o.source = $1
               UNION ALL
               SELECT quantity, amount_minor FROM adjustments WHERE source = $1) AS booked",
        params![source],
        |row| Ok(BookedTotals { lines: row.get(0)?, quantity: row.get(1)?, amount_minor: row.get(2)? }),
    )
}

/// The time of the latest line of any order or refund.
pub fn history_end(tx: &mut Tx<'_>) -> Result<Option<Timestamp>, StoreError> {
    tx.one(
        "SELECT MAX(at) FROM (SELECT MAX(at) AS at FROM order_lines UNION ALL SELECT MAX(at) AS at FROM refund_lines) AS ends",
        params![],
        |row| row.get(0),
    )
}

/// One goods sale, for the base price rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaleLine {
    /// The SKU.
    pub code: String,
    /// When it was sold.
    pub at: Timestamp,
    /// Pieces.
    pub quantity: i64,
    /// Price of one piece.
    pub unit_price: UnitPrice,
}

/// Hands on every sale of 1 to `quantity_max` pieces after `after`, in no particular order.
pub fn for_each_small_sale(
    tx: &mut Tx<'_>,
    after: Timestamp,
    quantity_max: i64,
    mut visit: impl FnMut(SaleLine),
) -> Result<(), StoreError> {
    tx.for_each(
        "SELECT code, at, quantity, unit_price_micros FROM order_lines
         WHERE kind = 'sale' AND at > $1 AND quantity BETWEEN 1 AND $2",
        params![after, quantity_max],
        |row| {
            visit(SaleLine {
                code: row.get(0)?,
                at: row.get(1)?,
                quantity: row.get(2)?,
                unit_price: UnitPrice(row.get(3)?),
            });
            Ok(())
        },
    )
}

/// Net pieces (sales less returns) by SKU after `since` and until `until`; of one SKU when named.
pub fn net_units(
    tx: &mut Tx<'_>,
    code: Option<&str>,
    since: Timestamp,
    until: Timestamp,
) -> Result<HashMap<String, i64>, StoreError> {
    let mut units: HashMap<String, i64> = HashMap::new();
    for (table, kind) in [("order_lines", "sale"), ("refund_lines", "refund")] {
        let of_code = if code.is_some() { "AND code = $3" } else { "" };
        let mut values = params![since, until].to_vec();
        values.extend(code.map(crate::Value::from));
        tx.for_each(
            &format!(
                "SELECT code, CAST(SUM(quantity) AS BIGINT) FROM {table}
                 WHERE at > $1 AND at <= $2 AND kind = '{kind}' {of_code} GROUP BY code"
            ),
            &values,
            |row| {
                *units.entry(row.get(0)?).or_default() += row.get::<i64>(1)?;
                Ok(())
            },
        )?;
    }
    Ok(units)
}

/// Net pieces (sales less returns) of each of `skus` in each of `weeks` weeks ending at `end`,
/// oldest first.
pub fn weekly_units(
    tx: &mut Tx<'_>,
    skus: &[&str],
    end: Timestamp,
    weeks: i64,
) -> Result<HashMap<String, Vec<i64>>, StoreError> {
    const WEEK: i64 = 7 * shopwright_domain::time::DAY;
    let start = end.plus_micros(-weeks * WEEK);
    let empty = vec![0; usize::try_from(weeks).unwrap_or(0)];
    let mut units: HashMap<String, Vec<i64>> =
        skus.iter().map(|sku| ((*sku).to_owned(), empty.clone())).collect();
    if units.is_empty() {
        return Ok(units);
    }
    let mut values = params![start, end].to_vec();
    values.extend(skus.iter().map(|sku| crate::Value::from(*sku)));
    let places: Vec<_> = (3..=values.len()).map(|place| format!("${place}")).collect();
    for (table, kind) in [("order_lines", "sale"), ("refund_lines", "refund")] {
        let sql = format!(
            "SELECT code, at, quantity FROM {table} WHERE at > $1 AND at <= $2
             AND kind = '{kind}' AND code IN ({})",
            places.join(", ")
        );
        tx.for_each(&sql, &values, |row| {
            let (code, at): (String, Timestamp) = (row.get(0)?, row.get(1)?);
            let week = (at.as_micros() - start.as_micros() - 1).div_euclid(WEEK);
            let weeks_of = units.get_mut(&code);
            let slot = usize::try_from(week).ok().and_then(|week| weeks_of?.get_mut(week));
            if let Some(slot) = slot {
                *slot += row.get::<i64>(2)?;
            }
            Ok(())
        })?;
    }
    Ok(units)
}
