//! Customers: they keep the shop's own id.

use shopwright_domain::time::Timestamp;

use crate::{Column, StoreError, Tx, params};

/// A customer as an order history shows one.
#[derive(Clone, Debug)]
pub struct CustomerSeen<'a> {
    /// The shop's own id.
    pub customer_id: &'a str,
    /// Where the order went.
    pub country: &'a str,
    /// When it was placed.
    pub at: Timestamp,
}

/// Adds customers that are not there yet and keeps the earliest order time of those that are.
/// Each id may occur once in `seen`. Gives the number written.
pub fn upsert_seen(
    tx: &mut Tx<'_>,
    seen: &[CustomerSeen<'_>],
    now: Timestamp,
) -> Result<u64, StoreError> {
    tx.execute_rows(
        "INSERT INTO customers (customer_id, country, first_order_at, created_at)
         SELECT customer_id, country, at, now FROM {rows} AS r WHERE true
         ON CONFLICT (customer_id) DO UPDATE SET first_order_at = excluded.first_order_at
         WHERE customers.first_order_at > excluded.first_order_at",
        &[
            ("customer_id", Column::Text(seen.iter().map(|c| c.customer_id).collect())),
            ("country", Column::Text(seen.iter().map(|c| c.country).collect())),
            ("at", Column::Time(seen.iter().map(|c| c.at).collect())),
            ("now", Column::Time(vec![now; seen.len()])),
        ],
    )
}

/// How many customers there are.
pub fn count(tx: &mut Tx<'_>) -> Result<i64, StoreError> {
    tx.one("SELECT COUNT(*) FROM customers", params![], |row| row.get(0))
}

/// What is known of a customer beside personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerFacts {
    /// Where the first order went.
    pub country: Option<String>,
    /// When the first order was placed.
    pub first_order_at: Option<Timestamp>,
}

/// The customer with this id.
pub fn find(tx: &mut Tx<'_>, customer_id: &str) -> Result<Option<CustomerFacts>, StoreError> {
    tx.find(
        "SELECT country, first_order_at FROM customers WHERE customer_id = $1",
        params![customer_id],
        |row| Ok(CustomerFacts { country: row.get(0)?, first_order_at: row.get(1)? }),
    )
}
