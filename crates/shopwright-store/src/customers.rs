//! Customers: they keep the shop's own id. A person is known in `customer_details` and
//! `customer_addresses` alone; every other table holds ids and amounts.

mod erasure;
mod people;

use shopwright_domain::time::Timestamp;

pub use erasure::{
    Resolution, add_alias, add_tombstone, aliases_of, delete, erased_among, is_erased,
    repoint_documents, resolve, resolve_many, scrub_documents,
};
pub use people::{
    Customer, CustomerFilter, find, insert, list, lock, note_order, of_order, set_order_address,
    write_fields,
};

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
         WHERE customers.first_order_at IS NULL OR customers.first_order_at > excluded.first_order_at",
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

/// What is known of the customer with this id, or of the one this id was merged into.
pub fn facts(tx: &mut Tx<'_>, customer_id: &str) -> Result<Option<CustomerFacts>, StoreError> {
    tx.find(
        "SELECT country, first_order_at FROM customers WHERE customer_id =
             COALESCE((SELECT a.customer_id FROM customer_aliases a WHERE a.alias = $1), $1)",
        params![customer_id],
        |row| Ok(CustomerFacts { country: row.get(0)?, first_order_at: row.get(1)? }),
    )
}
