//! What is known of customers: read, listed, replaced.

use std::collections::HashMap;

use shopwright_domain::customers::{Address, Consent, CustomerFields, CustomerId};
use shopwright_domain::ids::OrderId;
use shopwright_domain::time::Timestamp;

use crate::conditions::Conditions;
use crate::page::{Page, Place};
use crate::{Column, Row, StoreError, Tx, params};

/// A customer as the ledger keeps one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// The shop's own id.
    pub customer_id: CustomerId,
    /// What is known of the person.
    pub fields: CustomerFields,
    /// When the earliest known order was placed.
    pub first_order_at: Option<Timestamp>,
    /// When the customer was first seen.
    pub created_at: Timestamp,
    /// When the fields were last written; `None` for one that only histories showed.
    pub updated_at: Option<Timestamp>,
    /// Goes up by one with each change.
    pub version: i64,
}

const SELECT: &str = "SELECT c.customer_id, c.country, c.first_order_at, c.created_at, c.updated_at, c.version, \
     d.email, d.name, d.phone, d.locale, d.tags, d.consent, d.consent_at, d.consent_source \
     FROM customers c LEFT JOIN customer_details d ON d.customer_id = c.customer_id";

/// Owners in `customer_addresses`: an id of the shop's could look like one of ours.
fn owner_of(id: &str) -> String {
    format!("customer:{id}")
}

fn customer(row: &Row<'_>) -> Result<Customer, StoreError> {
    let consent = match (row.get(11)?, row.get(12)?, row.get(13)?) {
        (Some(marketing), Some(at), Some(source)) => Some(Consent { marketing, at, source }),
        _ => None,
    };
    let tags: Option<serde_json::Value> = row.get(10)?;
    Ok(Customer {
        customer_id: row.parse(0, |id: String| id.parse())?,
        fields: CustomerFields {
            email: row.get(6)?,
            name: row.get(7)?,
            phone: row.get(8)?,
            locale: row.get(9)?,
            country: row.get(1)?,
            tags: if tags.is_some() { row.json(10)? } else { Vec::new() },
            consent,
            addresses: Vec::new(),
        },
        first_order_at: row.get(2)?,
        created_at: row.get(3)?,
        updated_at: row.get(4)?,
        version: row.get(5)?,
    })
}

/// Puts the addresses of each customer with it.
fn with_addresses(tx: &mut Tx<'_>, all: &mut [Customer]) -> Result<(), StoreError> {
    let owners: Vec<String> = all.iter().map(|c| owner_of(c.customer_id.as_str())).collect();
    let rows = tx.query_rows(
        "SELECT a.customer_id, a.ordinal, a.address FROM {rows} AS r
         JOIN customer_addresses a ON a.owner = r.owner",
        &[("owner", Column::Text(owners.iter().map(String::as_str).collect()))],
        |row| Ok((row.get::<String>(0)?, row.get::<i64>(1)?, row.json::<Address>(2)?)),
    )?;
    let mut by_id: HashMap<String, Vec<(i64, Address)>> = HashMap::new();
    for (id, ordinal, address) in rows {
        by_id.entry(id).or_default().push((ordinal, address));
    }
    for customer in all {
        let mut addresses = by_id.remove(customer.customer_id.as_str()).unwrap_or_default();
        addresses.sort_by_key(|(ordinal, _)| *ordinal);
        customer.fields.addresses = addresses.into_iter().map(|(_, address)| address).collect();
    }
    Ok(())
}

/// The customer with this id.
pub fn find(tx: &mut Tx<'_>, id: &CustomerId) -> Result<Option<Customer>, StoreError> {
    let sql = format!("{SELECT} WHERE c.customer_id = $1");
    let mut found: Vec<_> = tx.find(&sql, params![id.as_str()], customer)?.into_iter().collect();
    with_addresses(tx, &mut found)?;
    Ok(found.pop())
}

/// Locks a customer until the end of the transaction. `false` when there is none.
pub fn lock(tx: &mut Tx<'_>, id: &CustomerId) -> Result<bool, StoreError> {
    let lock = tx.for_update();
    let sql = format!("SELECT customer_id FROM customers WHERE customer_id = $1{lock}");
    let found = tx.find(&sql, params![id.as_str()], |row| row.get::<String>(0))?;
    Ok(found.is_some())
}

/// Adds a customer of whom only the id is known. `false` when there is one already.
pub fn insert(
    tx: &mut Tx<'_>,
    id: &CustomerId,
    country: Option<&str>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let written = tx.execute(
        "INSERT INTO customers (customer_id, country, created_at) VALUES ($1, $2, $3)
         ON CONFLICT (customer_id) DO NOTHING",
        params![id.as_str(), country, now],
    )?;
    Ok(written > 0)
}

/// Keeps the time of the earliest order of a customer.
pub fn note_order(tx: &mut Tx<'_>, id: &CustomerId, at: Timestamp) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE customers SET first_order_at = $2 WHERE customer_id = $1
         AND (first_order_at IS NULL OR first_order_at > $2)",
        params![id.as_str(), at],
    )?;
    Ok(())
}

/// Replaces what is known of a customer that the caller has locked.
pub fn write_fields(
    tx: &mut Tx<'_>,
    id: &CustomerId,
    fields: &CustomerFields,
    now: Timestamp,
) -> Result<(), StoreError> {
    let key = id.as_str();
    tx.execute(
        "UPDATE customers SET country = $2, updated_at = $3, version = version + 1 WHERE customer_id = $1",
        params![key, fields.country.as_ref(), now],
    )?;
    let email_key = fields.email.as_ref().map(|email| email.to_lowercase());
    let tags = serde_json::Value::from(fields.tags.clone());
    let consent = fields.consent.as_ref();
    tx.execute(
        "INSERT INTO customer_details (customer_id, email, email_key, name, phone, locale, tags, consent, consent_at, consent_source)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (customer_id) DO UPDATE SET email = excluded.email, email_key = excluded.email_key,
             name = excluded.name, phone = excluded.phone, locale = excluded.locale, tags = excluded.tags,
             consent = excluded.consent, consent_at = excluded.consent_at, consent_source = excluded.consent_source",
        params![
            key,
            fields.email.as_ref(),
            email_key.as_ref(),
            fields.name.as_ref(),
            fields.phone.as_ref(),
            fields.locale.as_ref(),
            tags,
            consent.map(|c| c.marketing),
            consent.map(|c| c.at),
            consent.map(|c| &c.source),
        ],
    )?;
    tx.execute("DELETE FROM customer_addresses WHERE customer_id = $1", params![key])?;
    let owner = owner_of(key);
    let count = fields.addresses.len();
    tx.execute_rows(
        "INSERT INTO customer_addresses (owner, ordinal, customer_id, address)
         SELECT owner, ordinal, customer_id, address FROM {rows} AS r WHERE true",
        &[
            ("owner", Column::Text(vec![&owner; count])),
            ("ordinal", Column::Int((0..).take(count).collect())),
            ("customer_id", Column::Text(vec![key; count])),
            ("address", Column::Json(fields.addresses.iter().map(address_json).collect())),
        ],
    )?;
    Ok(())
}

fn address_json(address: &Address) -> String {
    serde_json::to_string(address).unwrap_or_else(|_| "{}".to_owned())
}

/// Writes where an order is sent.
pub fn set_order_address(
    tx: &mut Tx<'_>,
    order: OrderId,
    address: &Address,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO customer_addresses (owner, ordinal, order_id, address) VALUES ($1, 0, $2, $3)",
        params![&format!("order:{order}"), order, crate::Value::Json(address_json(address))],
    )?;
    Ok(())
}

/// Where an order is sent.
pub fn of_order(tx: &mut Tx<'_>, order: OrderId) -> Result<Option<Address>, StoreError> {
    tx.find(
        "SELECT order_id, address FROM customer_addresses WHERE order_id = $1",
        params![order],
        |row| row.json(1),
    )
}

/// Which customers a list shows; nothing set shows all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CustomerFilter {
    /// Only with this e-mail address, any case.
    pub email: Option<String>,
    /// Only of this country.
    pub country: Option<String>,
    /// Written at this time or later.
    pub updated_since: Option<Timestamp>,
}

/// A page of customers, last seen first.
pub fn list(
    tx: &mut Tx<'_>,
    filter: &CustomerFilter,
    page: &Page<CustomerId>,
) -> Result<Vec<Customer>, StoreError> {
    let email = filter.email.as_ref().map(|email| email.to_lowercase());
    let mut conditions = Conditions::default();
    conditions.compare("d.email_key", "=", email.as_ref());
    conditions.compare("c.country", "=", filter.country.as_ref());
    conditions.compare("COALESCE(c.updated_at, c.created_at)", ">=", filter.updated_since);
    let (sign, order) = if page.is_backwards() { (">", "") } else { ("<", " DESC") };
    if let Place::After(id) | Place::Before(id) = &page.place {
        let id = conditions.bind(id.as_str());
        conditions.add(format!(
            "(c.created_at, c.customer_id) {sign}
             (SELECT created_at, customer_id FROM customers WHERE customer_id = {id})"
        ));
    }
    let limit = conditions.bind(page.limit);
    let clause = conditions.clause();
    let sql = format!(
        "{SELECT} {clause} ORDER BY c.created_at{order}, c.customer_id{order} LIMIT {limit}"
    );
    let mut rows = tx.query(&sql, conditions.values(), customer)?;
    if page.is_backwards() {
        rows.reverse();
    }
    with_addresses(tx, &mut rows)?;
    Ok(rows)
}
