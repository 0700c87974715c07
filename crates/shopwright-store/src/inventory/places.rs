//! Where stock lies, and what is on its way there.

use shopwright_domain::catalog::Sku;
use shopwright_domain::ids::DeliveryId;
use shopwright_domain::inventory::Authority;
use shopwright_domain::time::Timestamp;

use crate::{Page, Row, StoreError, Tx, params};

/// A place that ships.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// Its name.
    pub location: String,
    /// Who owns the truth about its stock.
    pub authority: Authority,
    /// Its place in the order locations are asked in, smallest first.
    pub priority: i64,
    /// When it was made.
    pub created_at: Timestamp,
}

fn location(row: &Row<'_>) -> Result<Location, StoreError> {
    Ok(Location {
        location: row.get(0)?,
        authority: row.parse(1, |text: String| text.parse())?,
        priority: row.get(2)?,
        created_at: row.get(3)?,
    })
}

/// All locations in the order they are asked in.
pub fn list_locations(tx: &mut Tx<'_>) -> Result<Vec<Location>, StoreError> {
    tx.query(
        "SELECT location, authority, priority, created_at FROM locations ORDER BY priority, location",
        params![],
        location,
    )
}

/// How many locations there are.
pub fn count_locations(tx: &mut Tx<'_>) -> Result<i64, StoreError> {
    tx.one("SELECT COUNT(*) FROM locations", params![], |row| row.get(0))
}

/// The location of this name.
pub fn find_location(tx: &mut Tx<'_>, name: &str) -> Result<Option<Location>, StoreError> {
    tx.find(
        "SELECT location, authority, priority, created_at FROM locations WHERE location = $1",
        params![name],
        location,
    )
}

/// Adds a location or changes its authority and priority.
pub fn put_location(tx: &mut Tx<'_>, put: &Location) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO locations (location, authority, priority, created_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (location) DO UPDATE SET authority = excluded.authority, priority = excluded.priority",
        params![&put.location, put.authority.as_str(), put.priority, put.created_at],
    )?;
    Ok(())
}

/// Pieces on their way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its id.
    pub delivery_id: DeliveryId,
    /// The SKU.
    pub sku: Sku,
    /// Where it will arrive.
    pub location: String,
    /// Pieces expected.
    pub quantity: i64,
    /// When.
    pub due_at: Timestamp,
    /// `expected`, `received` or `canceled`.
    pub state: String,
    /// Pieces that came, once received.
    pub received: Option<i64>,
    /// When it was announced.
    pub created_at: Timestamp,
    /// When it was received or canceled.
    pub closed_at: Option<Timestamp>,
}

const DELIVERY: &str = "SELECT delivery_id, sku, location, quantity, due_at, state, received, created_at, closed_at \
     FROM stock_deliveries";

fn delivery(row: &Row<'_>) -> Result<Delivery, StoreError> {
    Ok(Delivery {
        delivery_id: row.get(0)?,
        sku: row.get(1)?,
        location: row.get(2)?,
        quantity: row.get(3)?,
        due_at: row.get(4)?,
        state: row.get(5)?,
        received: row.get(6)?,
        created_at: row.get(7)?,
        closed_at: row.get(8)?,
    })
}

/// Adds a delivery that is expected.
pub fn insert_delivery(tx: &mut Tx<'_>, new: &Delivery) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO stock_deliveries (delivery_id, sku, location, quantity, due_at, state, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        params![
            new.delivery_id,
            &new.sku,
            &new.location,
            new.quantity,
            new.due_at,
            &new.state,
            new.created_at,
        ],
    )?;
    Ok(())
}

/// The delivery with its row locked. Lock it before its level.
pub fn lock_delivery(tx: &mut Tx<'_>, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
    let sql = format!("{DELIVERY} WHERE delivery_id = $1{}", tx.for_update());
    tx.find(&sql, params![id], delivery)
}

/// Deliveries, newest first.
pub fn list_deliveries(
    tx: &mut Tx<'_>,
    page: &Page<DeliveryId>,
) -> Result<Vec<Delivery>, StoreError> {
    let select = format!("{DELIVERY} WHERE true");
    page.newest_first(tx, (&select, "delivery_id"), Vec::new(), delivery)
}

/// Closes an expected delivery as `received`, with the pieces that came, or as `canceled`.
pub fn close_delivery(tx: &mut Tx<'_>, closed: &Delivery) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE stock_deliveries SET state = $2, received = $3, closed_at = $4 WHERE delivery_id = $1",
        params![closed.delivery_id, &closed.state, closed.received, closed.closed_at],
    )?;
    Ok(())
}
