//! Deliveries on their way: announced, then received once or called off. A backorder is promised for
//! the earliest of them.

use serde_json::json;
use shopwright_domain::catalog::Sku;
use shopwright_domain::ids::DeliveryId;
use shopwright_domain::inventory::{MovementReason, PIECES_MAX};
use shopwright_domain::time::Timestamp;
use shopwright_store::audit::{self, Stamp};
use shopwright_store::inventory::places::{self, Delivery};
use shopwright_store::inventory::shelf::MovementRow;
use shopwright_store::{StoreError, Tx};

use super::shelf::{ShelfError, held_level, known, move_shelf};

/// A delivery to announce.
#[derive(Clone, Debug)]
pub struct ExpectDelivery {
    /// Its id.
    pub delivery_id: DeliveryId,
    /// The SKU.
    pub sku: Sku,
    /// Where it will arrive.
    pub location: String,
    /// Pieces.
    pub quantity: i64,
    /// When.
    pub due_at: Timestamp,
}

/// Why a delivery was not announced.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ExpectDeliveryError {
    /// A quantity outside its range.
    #[error("the quantity must be a whole number from 1 to {PIECES_MAX}")]
    Quantity,
    /// Product or location are missing.
    #[error(transparent)]
    Shelf(#[from] ShelfError),
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Announces a delivery.
pub fn expect_delivery_in(
    tx: &mut Tx<'_>,
    command: &ExpectDelivery,
    now: Timestamp,
) -> Result<Delivery, ExpectDeliveryError> {
    if !(1..=PIECES_MAX).contains(&command.quantity) {
        return Err(ExpectDeliveryError::Quantity);
    }
    known(tx, &command.sku, &command.location)?;
    let delivery = Delivery {
        delivery_id: command.delivery_id,
        sku: command.sku.clone(),
        location: command.location.clone(),
        quantity: command.quantity,
        due_at: command.due_at,
        state: "expected".to_owned(),
        received: None,
        created_at: now,
        closed_at: None,
    };
    places::insert_delivery(tx, &delivery)?;
    Ok(delivery)
}

/// Why a delivery was not closed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CloseDeliveryError {
    /// There is no such delivery.
    #[error("there is no delivery {0}")]
    NotFound(DeliveryId),
    /// It is closed in another way already.
    #[error("the delivery was {state} already{}", of(*.received))]
    Closed {
        /// `received` or `canceled`.
        state: String,
        /// Pieces that were received.
        received: Option<i64>,
    },
    /// A quantity outside its range.
    #[error("the quantity must be a whole number from 1 to {PIECES_MAX}")]
    Quantity,
    /// The shelf cannot take it.
    #[error(transparent)]
    Shelf(#[from] ShelfError),
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn of(received: Option<i64>) -> String {
    received.map_or(String::new(), |pieces| format!(" with {pieces} pieces"))
}

/// Puts a delivery onto the shelf: `quantity` pieces of it, or as many as were expected. Sent again
/// with the same quantity, or without one, it changes nothing.
pub fn receive_delivery_in(
    tx: &mut Tx<'_>,
    id: DeliveryId,
    quantity: Option<i64>,
    stamp: Stamp,
) -> Result<Delivery, CloseDeliveryError> {
    let mut delivery = places::lock_delivery(tx, id)?.ok_or(CloseDeliveryError::NotFound(id))?;
    let came = quantity.unwrap_or(delivery.quantity);
    if !(1..=PIECES_MAX).contains(&came) {
        return Err(CloseDeliveryError::Quantity);
    }
    if delivery.state == "received" && (quantity.is_none() || delivery.received == quantity) {
        return Ok(delivery);
    }
    refuse_closed(&delivery)?;
    let (level, now) = held_level(tx, &delivery.sku, &delivery.location, stamp.at)?;
    let movement = MovementRow {
        sku: delivery.sku.clone(),
        location: delivery.location.clone(),
        reason: MovementReason::Delivery.as_str().to_owned(),
        reference: id.to_string(),
        quantity: came,
        at: level.counted_at.max(now),
    };
    move_shelf(tx, movement, now)?;
    "received".clone_into(&mut delivery.state);
    delivery.received = Some(came);
    delivery.closed_at = Some(now);
    places::close_delivery(tx, &delivery)?;
    record(tx, stamp, "delivery.received", &delivery)?;
    Ok(delivery)
}

fn record(
    tx: &mut Tx<'_>,
    stamp: Stamp,
    action: &'static str,
    closed: &Delivery,
) -> Result<(), StoreError> {
    let before = json!({ "state": "expected", "quantity": closed.quantity });
    let after = json!({
        "state": closed.state, "sku": closed.sku, "location": closed.location,
        "received": closed.received,
    });
    let object = closed.delivery_id.to_string();
    audit::record(tx, &stamp.entry(action, object, Some(before), Some(after))).map(|_| ())
}

/// Calls a delivery off. Promises that were made for its date stay as they were made.
pub fn cancel_delivery_in(
    tx: &mut Tx<'_>,
    id: DeliveryId,
    stamp: Stamp,
) -> Result<Delivery, CloseDeliveryError> {
    let mut delivery = places::lock_delivery(tx, id)?.ok_or(CloseDeliveryError::NotFound(id))?;
    if delivery.state == "canceled" {
        return Ok(delivery);
    }
    refuse_closed(&delivery)?;
    "canceled".clone_into(&mut delivery.state);
    delivery.closed_at = Some(stamp.at);
    places::close_delivery(tx, &delivery)?;
    record(tx, stamp, "delivery.canceled", &delivery)?;
    Ok(delivery)
}

fn refuse_closed(delivery: &Delivery) -> Result<(), CloseDeliveryError> {
    if delivery.state == "expected" {
        return Ok(());
    }
    let (state, received) = (delivery.state.clone(), delivery.received);
    Err(CloseDeliveryError::Closed { state, received })
}
