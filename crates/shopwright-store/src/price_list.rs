//! The price list as a person reads it: searched, filtered, sorted, in pages.

use serde_json::Value as Json;
use shopwright_domain::catalog::Sku;
use shopwright_domain::money::Currency;
use shopwright_domain::time::{DAY, Timestamp};

use crate::{Row, StoreError, Tx, Value, orders, params};

/// The order of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListOrder {
    /// Last change first.
    RecentlyChanged,
    /// Farthest from the base price first.
    BiggestChange,
    /// By SKU.
    Sku,
    /// Fewest pieces first, untracked last.
    Stock,
}

/// Which rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListFilter {
    /// All active products.
    All,
    /// Priced above the base.
    Raised,
    /// Priced below the base.
    Lowered,
    /// Priced at the base.
    Held,
}

/// A page of the list.
#[derive(Clone, Debug)]
pub struct ListQuery {
    /// Part of a SKU or title, any case; empty for all.
    pub text: String,
    /// Which rows.
    pub filter: ListFilter,
    /// The order.
    pub order: ListOrder,
    /// Rows to pass over.
    pub offset: i64,
    /// Rows wanted.
    pub limit: i64,
}

/// One product of the list.
#[derive(Clone, Debug)]
pub struct ListRow {
    /// The SKU.
    pub sku: Sku,
    /// Its title.
    pub title: String,
    /// Its currency.
    pub currency: Currency,
    /// The price that stands, if there is one.
    pub price: Option<ListPrice>,
    /// Pieces that nobody holds or has bought; `None` while untracked.
    pub available: Option<i64>,
    /// Net pieces of the last 7 days; `None` when nothing was ever sold.
    pub units_7d: Option<i64>,
}

/// The price of a row.
#[derive(Clone, Debug)]
pub struct ListPrice {
    /// Minor units.
    pub amount_minor: i64,
    /// Minor units.
    pub base_minor: i64,
    /// The price before the last change.
    pub from_minor: Option<i64>,
    /// The latest evaluation.
    pub decision: Json,
    /// Since when it stands.
    pub changed_at: Timestamp,
}

const FROM: &str = "FROM products p LEFT JOIN prices c ON c.sku = p.sku WHERE p.status = 'active'";

fn condition(filter: ListFilter) -> &'static str {
    match filter {
        ListFilter::All => "",
        ListFilter::Raised => " AND c.amount_minor > c.base_minor",
        ListFilter::Lowered => " AND c.amount_minor < c.base_minor",
        ListFilter::Held => " AND c.amount_minor = c.base_minor",
    }
}

fn order(order: ListOrder) -> &'static str {
    match order {
        ListOrder::RecentlyChanged => "c.changed_at DESC NULLS LAST, p.sku",
        ListOrder::BiggestChange => {
            "ABS(c.amount_minor - c.base_minor) * 1000000 / c.base_minor DESC NULLS LAST, p.sku"
        }
        ListOrder::Sku => "p.sku",
        ListOrder::Stock => "8 NULLS LAST, p.sku",
    }
}

/// `%text%` for LIKE with `!` as its escape, lower case.
fn pattern(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.to_lowercase().chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

const MATCHES: &str = " AND (LOWER(p.sku) LIKE $1 ESCAPE '!' OR LOWER(p.title) LIKE $1 ESCAPE '!')";

/// The rows of a page, and how many there are in all.
pub fn list(
    tx: &mut Tx<'_>,
    query: &ListQuery,
    now: Timestamp,
) -> Result<(Vec<ListRow>, i64), StoreError> {
    let pattern = pattern(&query.text);
    let filter = condition(query.filter);
    let total =
        tx.one(&format!("SELECT COUNT(*) {FROM}{MATCHES}{filter}"), params![&pattern], |row| {
            row.get(0)
        })?;
    let rows = tx.query(
        &format!(
            "SELECT p.sku, p.title, p.currency, c.amount_minor, c.base_minor,
                 (SELECT d.from_minor FROM price_decisions d WHERE d.decision_id = c.decision_id),
                 c.decision,
                 (SELECT CAST(SUM(s.on_hand - s.committed) - COALESCE((SELECT SUM(h.quantity) FROM reservation_lines h
                      WHERE h.sku = p.sku AND h.held_until > $4), 0) AS BIGINT)
                  FROM stock_levels s WHERE s.sku = p.sku) AS available,
                 c.changed_at, p.first_sold_at {FROM}{MATCHES}{filter} ORDER BY {} LIMIT $2 OFFSET $3",
            order(query.order)
        ),
        &[Value::from(&pattern), Value::from(query.limit), Value::from(query.offset), Value::from(now)],
        list_row,
    )?;
    Ok((with_units(tx, rows, now)?, total))
}

fn list_row(row: &Row<'_>) -> Result<ListRow, StoreError> {
    let price = match row.get::<Option<i64>>(3)? {
        None => None,
        Some(amount_minor) => Some(ListPrice {
            amount_minor,
            base_minor: row.get(4)?,
            from_minor: row.get(5)?,
            decision: row.get(6)?,
            changed_at: row.get(8)?,
        }),
    };
    Ok(ListRow {
        sku: row.get(0)?,
        title: row.get(1)?,
        currency: row.parse(2, |code: String| code.parse())?,
        price,
        available: row.get(7)?,
        units_7d: row.get::<Option<Timestamp>>(9)?.map(|_| 0),
    })
}

fn with_units(
    tx: &mut Tx<'_>,
    mut rows: Vec<ListRow>,
    now: Timestamp,
) -> Result<Vec<ListRow>, StoreError> {
    let units = orders::net_units(tx, None, now.plus_micros(-7 * DAY), now)?;
    for row in rows.iter_mut().filter(|row| row.units_7d.is_some()) {
        row.units_7d = Some(units.get(row.sku.as_str()).copied().unwrap_or(0));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_searched_for_is_never_a_wildcard() {
        assert_eq!(pattern(""), "%%");
        assert_eq!(pattern("50% OFF_!"), "%50!% off!_!!%");
    }
}
