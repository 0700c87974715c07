//! Who a customer's id stands for: itself, another after a merge, nobody after an erasure.

use std::collections::HashMap;

use shopwright_domain::customers::CustomerId;
use shopwright_domain::time::Timestamp;

use crate::{Column, StoreError, Tx, params};

/// What an id stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// Itself, known or not.
    Itself,
    /// It was merged into this customer.
    Merged(CustomerId),
    /// The person was erased.
    Erased,
}

/// What an id stands for. `hash` is the tombstone its erasure would have left.
pub fn resolve(tx: &mut Tx<'_>, id: &CustomerId, hash: &[u8]) -> Result<Resolution, StoreError> {
    let merged = tx.find(
        "SELECT customer_id FROM customer_aliases WHERE alias = $1",
        params![id.as_str()],
        |row| row.parse(0, |id: String| id.parse::<CustomerId>()),
    )?;
    Ok(match merged {
        Some(into) => Resolution::Merged(into),
        None if is_erased(tx, hash)? => Resolution::Erased,
        None => Resolution::Itself,
    })
}

/// Whether an erasure left this tombstone.
pub fn is_erased(tx: &mut Tx<'_>, hash: &[u8]) -> Result<bool, StoreError> {
    let sql = "SELECT COUNT(*) FROM erased_customers WHERE id_hash = $1";
    Ok(tx.one(sql, params![hash], |row| row.get::<i64>(0))? > 0)
}

/// Those of these tombstones that an erasure left. Where nobody was erased it costs one look.
pub fn erased_among(
    tx: &mut Tx<'_>,
    hashes: &[Vec<u8>],
) -> Result<std::collections::HashSet<Vec<u8>>, StoreError> {
    let mut found = std::collections::HashSet::new();
    let any = tx.find("SELECT erased_at FROM erased_customers LIMIT 1", params![], |row| {
        row.get::<Timestamp>(0)
    })?;
    if any.is_some() {
        for hash in hashes {
            if is_erased(tx, hash)? {
                found.insert(hash.clone());
            }
        }
    }
    Ok(found)
}

/// Those of many ids, given with their tombstones, that do not stand for themselves.
pub fn resolve_many(
    tx: &mut Tx<'_>,
    ids: &[(&str, Vec<u8>)],
) -> Result<HashMap<String, Resolution>, StoreError> {
    let aliases = tx.query_rows(
        "SELECT a.alias, a.customer_id FROM {rows} AS r JOIN customer_aliases a ON a.alias = r.id",
        &[("id", Column::Text(ids.iter().map(|(id, _)| *id).collect()))],
        |row| Ok((row.get(0)?, Resolution::Merged(row.parse(1, |id: String| id.parse())?))),
    )?;
    let mut found: HashMap<String, Resolution> = aliases.into_iter().collect();
    let none =
        tx.one("SELECT COUNT(*) FROM erased_customers", params![], |r| r.get::<i64>(0))? == 0;
    for (id, hash) in ids.iter().filter(|_| !none) {
        if is_erased(tx, hash)? {
            found.insert((*id).to_owned(), Resolution::Erased);
        }
    }
    Ok(found)
}

/// The ids that were merged into a customer.
pub fn aliases_of(tx: &mut Tx<'_>, id: &CustomerId) -> Result<Vec<CustomerId>, StoreError> {
    tx.query(
        "SELECT alias FROM customer_aliases WHERE customer_id = $1 ORDER BY alias",
        params![id.as_str()],
        |row| row.parse(0, |id: String| id.parse()),
    )
}

/// Lets `alias`, and whatever was merged into it, stand for `into` from now on.
pub fn add_alias(
    tx: &mut Tx<'_>,
    alias: &CustomerId,
    into: &CustomerId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (alias, into) = (alias.as_str(), into.as_str());
    tx.execute(
        "UPDATE customer_aliases SET customer_id = $2 WHERE customer_id = $1",
        params![alias, into],
    )?;
    tx.execute(
        "INSERT INTO customer_aliases (alias, customer_id, merged_at) VALUES ($1, $2, $3)
         ON CONFLICT (alias) DO NOTHING",
        params![alias, into, now],
    )?;
    Ok(())
}

/// Gives the orders and refunds of one customer to another, or to nobody. Gives how many orders.
pub fn repoint_documents(
    tx: &mut Tx<'_>,
    from: &CustomerId,
    to: Option<&CustomerId>,
) -> Result<u64, StoreError> {
    let (from, to) = (from.as_str(), to.map(CustomerId::as_str));
    tx.execute("UPDATE refunds SET customer_id = $2 WHERE customer_id = $1", params![from, to])?;
    tx.execute(
        "UPDATE orders SET customer_id = $2, version = version + 1 WHERE customer_id = $1",
        params![from, to],
    )
}

/// Takes what was copied of a person off the orders and refunds: addresses, and reasons in words.
pub fn scrub_documents(tx: &mut Tx<'_>, id: &CustomerId) -> Result<(), StoreError> {
    tx.execute(
        "DELETE FROM customer_addresses WHERE order_id IN
             (SELECT order_id FROM orders WHERE customer_id = $1)",
        params![id.as_str()],
    )?;
    tx.execute(
        "UPDATE refunds SET reason = NULL WHERE reason IS NOT NULL AND (customer_id = $1
             OR order_id IN (SELECT order_id FROM orders WHERE customer_id = $1))",
        params![id.as_str()],
    )?;
    Ok(())
}

/// Removes a customer with everything known of the person. Documents must point elsewhere by now.
pub fn delete(tx: &mut Tx<'_>, id: &CustomerId) -> Result<bool, StoreError> {
    for table in ["customer_details", "customer_addresses", "customer_aliases"] {
        tx.execute(&format!("DELETE FROM {table} WHERE customer_id = $1"), params![id.as_str()])?;
    }
    let gone = tx.execute("DELETE FROM customers WHERE customer_id = $1", params![id.as_str()])?;
    Ok(gone > 0)
}

/// Remembers that an id was erased, by a hash of it.
pub fn add_tombstone(tx: &mut Tx<'_>, hash: &[u8], now: Timestamp) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO erased_customers (id_hash, erased_at) VALUES ($1, $2) ON CONFLICT (id_hash) DO NOTHING",
        params![hash, now],
    )?;
    Ok(())
}
