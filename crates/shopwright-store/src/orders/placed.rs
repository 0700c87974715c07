//! Orders one by one, whoever wrote them: head, lines with what was refunded, lists.

use shopwright_domain::customers::CustomerId;
use shopwright_domain::ids::{OrderId, ReservationId};
use shopwright_domain::money::{Currency, UnitPrice};
use shopwright_domain::orders::{LineKind, OrderState};
use shopwright_domain::time::Timestamp;

use crate::conditions::Conditions;
use crate::page::{Page, Place};
use crate::{Column, Row, StoreError, Tx, params};

/// How a line moves stock.
pub mod line_stock {
    /// When it is booked: lines of imported histories.
    pub const LINE: &str = "line";
    /// With the reservation of its order.
    pub const RESERVATION: &str = "reservation";
    /// Not at all.
    pub const NONE: &str = "none";
}

/// The head of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Its id.
    pub order_id: OrderId,
    /// Where it was taken.
    pub source: String,
    /// Its number there.
    pub external_id: String,
    /// Who bought.
    pub customer_id: Option<CustomerId>,
    /// Where it is in its life.
    pub state: OrderState,
    /// The currency of every amount.
    pub currency: Currency,
    /// Where it goes.
    pub country: Option<String>,
    /// When it was placed.
    pub placed_at: Timestamp,
    /// The sum of its lines, minor units.
    pub amount_minor: i64,
    /// A hash of what it was made from; `None` for an order of an imported history.
    pub fingerprint: Option<Vec<u8>>,
    /// Whether the lines' amounts include their tax.
    pub tax_included: bool,
    /// The stock it holds.
    pub reservation_id: Option<ReservationId>,
    /// When it was paid,
    pub paid_at: Option<Timestamp>,
    /// shipped,
    pub fulfilled_at: Option<Timestamp>,
    /// closed,
    pub completed_at: Option<Timestamp>,
    /// given up.
    pub canceled_at: Option<Timestamp>,
    /// When it was written here; `None` for an imported one.
    pub created_at: Option<Timestamp>,
    /// Goes up by one with each change.
    pub version: i64,
}

const HEAD: &str = "SELECT o.order_id, o.source, o.external_id, o.customer_id, o.state, o.currency, o.country, \
     o.placed_at, o.amount_minor, o.fingerprint, o.tax_included, o.reservation_id, o.paid_at, o.fulfilled_at, \
     o.completed_at, o.canceled_at, o.created_at, o.version FROM orders o";

fn head(row: &Row<'_>) -> Result<Order, StoreError> {
    let customer = |id: Option<String>| id.map(|id| id.parse::<CustomerId>()).transpose();
    Ok(Order {
        order_id: row.get(0)?,
        source: row.get(1)?,
        external_id: row.get(2)?,
        customer_id: row.parse(3, customer)?,
        state: row.parse(4, |state: String| state.parse())?,
        currency: row.parse(5, |code: String| code.parse())?,
        country: row.get(6)?,
        placed_at: row.get(7)?,
        amount_minor: row.get(8)?,
        fingerprint: row.get(9)?,
        tax_included: row.get(10)?,
        reservation_id: row.get(11)?,
        paid_at: row.get(12)?,
        fulfilled_at: row.get(13)?,
        completed_at: row.get(14)?,
        canceled_at: row.get(15)?,
        created_at: row.get(16)?,
        version: row.get(17)?,
    })
}

/// One order.
pub fn find(tx: &mut Tx<'_>, id: OrderId) -> Result<Option<Order>, StoreError> {
    tx.find(&format!("{HEAD} WHERE o.order_id = $1"), params![id], head)
}

/// One order, locked until the end of the transaction.
pub fn lock(tx: &mut Tx<'_>, id: OrderId) -> Result<Option<Order>, StoreError> {
    let lock = tx.for_update();
    tx.find(&format!("{HEAD} WHERE o.order_id = $1{lock}"), params![id], head)
}

/// The order with this number of this source.
pub fn find_external(
    tx: &mut Tx<'_>,
    source: &str,
    external_id: &str,
) -> Result<Option<Order>, StoreError> {
    let sql = format!("{HEAD} WHERE o.source = $1 AND o.external_id = $2");
    tx.find(&sql, params![source, external_id], head)
}

/// Every order of a customer, oldest first.
pub fn of_customer(tx: &mut Tx<'_>, id: &CustomerId) -> Result<Vec<Order>, StoreError> {
    let sql = format!("{HEAD} WHERE o.customer_id = $1 ORDER BY o.placed_at, o.order_id");
    tx.query(&sql, params![id.as_str()], head)
}

/// Adds an order. `false` when its source has one with this number already, which stays.
pub fn insert(tx: &mut Tx<'_>, order: &Order) -> Result<bool, StoreError> {
    let written = tx.execute(
        "INSERT INTO orders (order_id, source, external_id, customer_id, state, currency, country, placed_at,
             amount_minor, fingerprint, tax_included, reservation_id, paid_at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
         ON CONFLICT (source, external_id) DO NOTHING",
        params![
            order.order_id,
            &order.source,
            &order.external_id,
            order.customer_id.as_ref().map(CustomerId::as_str),
            order.state.as_str(),
            order.currency.code(),
            order.country.as_ref(),
            order.placed_at,
            order.amount_minor,
            order.fingerprint.as_ref(),
            order.tax_included,
            order.reservation_id,
            order.paid_at,
            order.created_at,
        ],
    )?;
    Ok(written > 0)
}

/// Notes which reservation holds the stock of a new order.
pub fn hold(
    tx: &mut Tx<'_>,
    id: OrderId,
    reservation: Option<ReservationId>,
) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE orders SET reservation_id = $2 WHERE order_id = $1",
        params![id, reservation],
    )?;
    Ok(())
}

/// The order whose stock a reservation holds.
pub fn holder(tx: &mut Tx<'_>, id: ReservationId) -> Result<Option<OrderId>, StoreError> {
    let sql = "SELECT order_id FROM orders WHERE reservation_id = $1";
    tx.find(sql, params![id], |row| row.get(0))
}

/// Writes where an order is in its life, and what it holds. The caller has locked it.
pub fn update_life(tx: &mut Tx<'_>, order: &Order) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE orders SET state = $2, reservation_id = $3, paid_at = $4, fulfilled_at = $5, completed_at = $6,
             canceled_at = $7, version = version + 1 WHERE order_id = $1",
        params![
            order.order_id,
            order.state.as_str(),
            order.reservation_id,
            order.paid_at,
            order.fulfilled_at,
            order.completed_at,
            order.canceled_at,
        ],
    )?;
    Ok(())
}

/// A line of an order, with what was given back of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderLine {
    /// Its place in the order, from 0.
    pub ordinal: i64,
    /// What it is.
    pub kind: LineKind,
    /// SKU or the code of a line without a product.
    pub code: String,
    /// What it says.
    pub title: String,
    /// Pieces.
    pub quantity: i64,
    /// Exact price of one piece.
    pub unit_price: UnitPrice,
    /// Payable for the line, minor units.
    pub amount_minor: i64,
    /// Taken off it, minor units.
    pub discount_minor: i64,
    /// Tax on it, minor units.
    pub tax_minor: i64,
    /// Its share of the order's total after discounts of the whole order; `None` on imported lines.
    pub share_minor: Option<i64>,
    /// One of [`line_stock`].
    pub stock: String,
    /// Pieces given back.
    pub refunded_quantity: i64,
    /// Money given back for it, minor units.
    pub refunded_minor: i64,
}

/// The lines of an order in their order.
pub fn lines_of(tx: &mut Tx<'_>, id: OrderId) -> Result<Vec<OrderLine>, StoreError> {
    let back = |column: &str| {
        format!(
            "(SELECT CAST(COALESCE(-SUM(r.{column}), 0) AS BIGINT) FROM refunds f JOIN refund_lines r ON r.refund_id = f.refund_id
              WHERE f.order_id = l.order_id AND r.order_ordinal = l.ordinal)"
        )
    };
    let sql = format!(
        "SELECT l.ordinal, l.kind, l.code, l.title, l.quantity, l.unit_price_micros, l.amount_minor, l.discount_minor,
             l.tax_minor, l.share_minor, l.stock, {}, {}
         FROM order_lines l WHERE l.order_id = $1 ORDER BY l.ordinal",
        back("quantity"),
        back("amount_minor")
    );
    tx.query(&sql, params![id], |row| {
        Ok(OrderLine {
            ordinal: row.get(0)?,
            kind: row.parse(1, |kind: String| kind.parse())?,
            code: row.get(2)?,
            title: row.get(3)?,
            quantity: row.get(4)?,
            unit_price: UnitPrice(row.get(5)?),
            amount_minor: row.get(6)?,
            discount_minor: row.get(7)?,
            tax_minor: row.get(8)?,
            share_minor: row.get(9)?,
            stock: row.get(10)?,
            refunded_quantity: row.get(11)?,
            refunded_minor: row.get(12)?,
        })
    })
}

/// Adds the lines of a new order.
pub fn insert_lines(tx: &mut Tx<'_>, order: &Order, lines: &[OrderLine]) -> Result<(), StoreError> {
    let ints = |pick: fn(&OrderLine) -> i64| Column::Int(lines.iter().map(pick).collect());
    let texts = |pick: fn(&OrderLine) -> &str| Column::Text(lines.iter().map(pick).collect());
    tx.execute_rows(
        "INSERT INTO order_lines (order_id, ordinal, kind, code, title, quantity, unit_price_micros, amount_minor, at,
             discount_minor, tax_minor, share_minor, stock)
         SELECT order_id, ordinal, kind, code, title, quantity, unit_price, amount, at, discount, tax, share, stock
         FROM {rows} AS r WHERE true",
        &[
            ("order_id", Column::Uuid(vec![order.order_id.uuid(); lines.len()])),
            ("ordinal", ints(|l| l.ordinal)),
            ("kind", texts(|l| l.kind.as_str())),
            ("code", texts(|l| &l.code)),
            ("title", texts(|l| &l.title)),
            ("quantity", ints(|l| l.quantity)),
            ("unit_price", ints(|l| l.unit_price.micros())),
            ("amount", ints(|l| l.amount_minor)),
            ("at", Column::Time(vec![order.placed_at; lines.len()])),
            ("discount", ints(|l| l.discount_minor)),
            ("tax", ints(|l| l.tax_minor)),
            ("share", Column::OptInt(lines.iter().map(|l| l.share_minor).collect())),
            ("stock", texts(|l| &l.stock)),
        ],
    )?;
    Ok(())
}

/// Which orders a list shows; nothing set shows all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrderFilter {
    /// Only in this state.
    pub state: Option<OrderState>,
    /// Only of this customer.
    pub customer: Option<CustomerId>,
    /// Only from this source.
    pub source: Option<String>,
    /// Placed at this time or later.
    pub placed_from: Option<Timestamp>,
    /// Placed before this time.
    pub placed_to: Option<Timestamp>,
    /// Only with a line of this product, looked for in a range of time.
    pub with_sku: Option<WithSku>,
}

/// A product to look for on lines, and when. Lines have an index by time, and a range is read whole:
/// keep it short. One by product costs more than half of the time of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WithSku {
    /// The product.
    pub sku: String,
    /// Lines of this time or later,
    pub from: Timestamp,
    /// and before this one.
    pub to: Timestamp,
}

/// A page of orders, last placed first.
pub fn list(
    tx: &mut Tx<'_>,
    filter: &OrderFilter,
    page: &Page<OrderId>,
) -> Result<Vec<Order>, StoreError> {
    let mut conditions = Conditions::default();
    conditions.compare("o.state", "=", filter.state.map(OrderState::as_str));
    conditions.compare("o.customer_id", "=", filter.customer.as_ref().map(CustomerId::as_str));
    conditions.compare("o.source", "=", filter.source.as_ref());
    conditions.compare("o.placed_at", ">=", filter.placed_from);
    conditions.compare("o.placed_at", "<", filter.placed_to);
    if let Some(WithSku { sku, from, to }) = &filter.with_sku {
        let (sku, from, to) = (conditions.bind(sku), conditions.bind(*from), conditions.bind(*to));
        conditions.add(format!(
            "o.order_id IN (SELECT l.order_id FROM order_lines l WHERE l.at >= {from} AND l.at < {to} AND l.code = {sku})"
        ));
    }
    let (sign, order) = if page.is_backwards() { (">", "") } else { ("<", " DESC") };
    if let Place::After(id) | Place::Before(id) = &page.place {
        let id = conditions.bind(*id);
        conditions.add(format!(
            "(o.placed_at, o.order_id) {sign} (SELECT placed_at, order_id FROM orders WHERE order_id = {id})"
        ));
    }
    let limit = conditions.bind(page.limit);
    let clause = conditions.clause();
    let sql =
        format!("{HEAD} {clause} ORDER BY o.placed_at{order}, o.order_id{order} LIMIT {limit}");
    let mut rows = tx.query(&sql, conditions.values(), head)?;
    if page.is_backwards() {
        rows.reverse();
    }
    Ok(rows)
}
