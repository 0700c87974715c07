//! Refunds of orders, and the money that moved for them: captures and refunds, append-only.

use shopwright_domain::ids::{OrderId, PaymentId, RefundId};
use shopwright_domain::money::{Currency, UnitPrice};
use shopwright_domain::orders::LineKind;
use shopwright_domain::time::Timestamp;

use super::placed::{Order, line_stock};
use crate::{Column, Page, Row, StoreError, Tx, params};

/// A refund. Amounts are what the customer got back, not negative.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    /// Its id.
    pub refund_id: RefundId,
    /// The order it belongs to; `None` for one a history showed alone.
    pub order_id: Option<OrderId>,
    /// The currency of the order.
    pub currency: Currency,
    /// When the money went back.
    pub refunded_at: Timestamp,
    /// Minor units.
    pub amount_minor: i64,
    /// Why, in the shop's words.
    pub reason: Option<String>,
}

/// A line of a refund, seen as the customer got it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundLine {
    /// Its place in the refund, from 0.
    pub ordinal: i64,
    /// The order's line; `None` for an amount that belongs to none.
    pub order_ordinal: Option<i64>,
    /// What came back.
    pub kind: LineKind,
    /// SKU or the code of a line without a product.
    pub code: String,
    /// What it says.
    pub title: String,
    /// Pieces.
    pub quantity: i64,
    /// Exact price of one piece as it was sold.
    pub unit_price: UnitPrice,
    /// Minor units.
    pub amount_minor: i64,
    /// Whether the pieces went back on the shelf.
    pub restocked: bool,
}

/// Adds a refund of an order with its lines. In the ledger its quantities and amounts are negative.
pub fn insert(
    tx: &mut Tx<'_>,
    order: &Order,
    refund: &Refund,
    lines: &[RefundLine],
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO refunds (refund_id, source, external_id, order_id, customer_id, currency, country, refunded_at,
             amount_minor, reason, created_at)
         SELECT $1, $2, $3, o.order_id, o.customer_id, o.currency, o.country, $5, $6, $7, $8
         FROM orders o WHERE o.order_id = $4",
        params![
            refund.refund_id,
            &order.source,
            &refund.refund_id.to_string(),
            order.order_id,
            refund.refunded_at,
            -refund.amount_minor,
            refund.reason.as_ref(),
            now,
        ],
    )?;
    let ints = |pick: fn(&RefundLine) -> i64| Column::Int(lines.iter().map(pick).collect());
    let texts = |pick: fn(&RefundLine) -> &str| Column::Text(lines.iter().map(pick).collect());
    let count = lines.len();
    tx.execute_rows(
        "INSERT INTO refund_lines (refund_id, ordinal, kind, code, title, quantity, unit_price_micros, amount_minor, at,
             order_ordinal, restocked, stock)
         SELECT refund_id, ordinal, kind, code, title, quantity, unit_price, amount, at, order_ordinal, restocked, stock
         FROM {rows} AS r WHERE true",
        &[
            ("refund_id", Column::Uuid(vec![refund.refund_id.uuid(); count])),
            ("ordinal", ints(|l| l.ordinal)),
            ("kind", texts(|l| l.kind.as_str())),
            ("code", texts(|l| &l.code)),
            ("title", texts(|l| &l.title)),
            ("quantity", ints(|l| -l.quantity)),
            ("unit_price", ints(|l| l.unit_price.micros())),
            ("amount", ints(|l| -l.amount_minor)),
            ("at", Column::Time(vec![refund.refunded_at; count])),
            ("order_ordinal", Column::OptInt(lines.iter().map(|l| l.order_ordinal).collect())),
            ("restocked", Column::Bool(lines.iter().map(|l| l.restocked).collect())),
            ("stock", Column::Text(vec![line_stock::NONE; count])),
        ],
    )?;
    Ok(())
}

const OF_ORDER: &str = "SELECT refund_id, order_id, currency, refunded_at, amount_minor, reason
    FROM refunds WHERE order_id = $1";

fn refund(row: &Row<'_>) -> Result<Refund, StoreError> {
    Ok(Refund {
        refund_id: row.get(0)?,
        order_id: row.get(1)?,
        currency: row.parse(2, |code: String| code.parse())?,
        refunded_at: row.get(3)?,
        amount_minor: -row.get::<i64>(4)?,
        reason: row.get(5)?,
    })
}

/// The refunds of an order, oldest first.
pub fn of_order(tx: &mut Tx<'_>, id: OrderId) -> Result<Vec<Refund>, StoreError> {
    let sql = format!("{OF_ORDER} ORDER BY refunded_at, refund_id");
    tx.query(&sql, params![id], refund)
}

/// A page of the refunds of an order, newest first.
pub fn page_of_order(
    tx: &mut Tx<'_>,
    id: OrderId,
    page: &Page<RefundId>,
) -> Result<Vec<Refund>, StoreError> {
    page.newest_first(tx, (OF_ORDER, "refund_id"), vec![id.into()], refund)
}

/// The lines of a refund in their order.
pub fn lines_of(tx: &mut Tx<'_>, id: RefundId) -> Result<Vec<RefundLine>, StoreError> {
    tx.query(
        "SELECT ordinal, order_ordinal, kind, code, title, quantity, unit_price_micros, amount_minor, restocked
         FROM refund_lines WHERE refund_id = $1 ORDER BY ordinal",
        params![id],
        |row| {
            Ok(RefundLine {
                ordinal: row.get(0)?,
                order_ordinal: row.get(1)?,
                kind: row.parse(2, |kind: String| kind.parse())?,
                code: row.get(3)?,
                title: row.get(4)?,
                quantity: -row.get::<i64>(5)?,
                unit_price: UnitPrice(row.get(6)?),
                amount_minor: -row.get::<i64>(7)?,
                restocked: row.get(8)?,
            })
        },
    )
}

/// Which way money went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentKind {
    /// In.
    Capture,
    /// Back.
    Refund,
}

impl PaymentKind {
    /// The stored text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Capture => "capture",
            Self::Refund => "refund",
        }
    }
}

/// Money that moved for an order. Rows never change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// Its id.
    pub payment_id: PaymentId,
    /// The order.
    pub order_id: OrderId,
    /// The refund it paid back.
    pub refund_id: Option<RefundId>,
    /// Which way it went.
    pub kind: PaymentKind,
    /// Who moved it: `stripe`, `cash`.
    pub provider: String,
    /// The provider's number for it; empty when there is none.
    pub reference: String,
    /// The currency of the order.
    pub currency: Currency,
    /// Minor units, not negative.
    pub amount_minor: i64,
    /// When it moved.
    pub at: Timestamp,
}

/// Records money that moved.
pub fn insert_payment(
    tx: &mut Tx<'_>,
    payment: &Payment,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO payments (payment_id, order_id, refund_id, kind, provider, reference, currency, amount_minor, at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        params![
            payment.payment_id,
            payment.order_id,
            payment.refund_id,
            payment.kind.as_str(),
            &payment.provider,
            &payment.reference,
            payment.currency.code(),
            payment.amount_minor,
            payment.at,
            now,
        ],
    )?;
    Ok(())
}

fn payment(row: &Row<'_>) -> Result<Payment, StoreError> {
    let kind = |text: String| match text.as_str() {
        "capture" => Ok(PaymentKind::Capture),
        "refund" => Ok(PaymentKind::Refund),
        _ => Err(format!("`{text}` is no kind of payment")),
    };
    Ok(Payment {
        payment_id: row.get(0)?,
        order_id: row.get(1)?,
        refund_id: row.get(2)?,
        kind: row.parse(3, kind)?,
        provider: row.get(4)?,
        reference: row.get(5)?,
        currency: row.parse(6, |code: String| code.parse())?,
        amount_minor: row.get(7)?,
        at: row.get(8)?,
    })
}

/// The money that moved for an order, in the order it was recorded.
pub fn payments_of(tx: &mut Tx<'_>, id: OrderId) -> Result<Vec<Payment>, StoreError> {
    tx.query(
        "SELECT payment_id, order_id, refund_id, kind, provider, reference, currency, amount_minor, at
         FROM payments WHERE order_id = $1 ORDER BY created_at, payment_id",
        params![id],
        payment,
    )
}

/// What was captured for an order and what was given back: two sums in minor units.
pub fn sums_of(tx: &mut Tx<'_>, id: OrderId) -> Result<(i64, i64), StoreError> {
    tx.one(
        "SELECT CAST(COALESCE(SUM(CASE WHEN kind = 'capture' THEN amount_minor ELSE 0 END), 0) AS BIGINT),
                CAST(COALESCE(SUM(CASE WHEN kind = 'refund' THEN amount_minor ELSE 0 END), 0) AS BIGINT)
         FROM payments WHERE order_id = $1",
        params![id],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}
