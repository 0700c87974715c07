//! The shelf: what comes in, goes out and is counted, and the places it lies at.
//!
//! A write-off or a correction says what happened to the shelf: it is booked even where pieces on it
//! were promised already, and the answer says by how many the SKU is then oversold. What would take
//! the books below zero is refused: those pieces were never there, and a count finds out.

use std::collections::HashMap;

use serde_json::json;
use shopwright_domain::catalog::Sku;
use shopwright_domain::inventory::{MovementReason, PIECES_MAX, ReferenceError, reference_text};
use shopwright_domain::time::Timestamp;
use shopwright_store::audit::{self, Stamp};
use shopwright_store::inventory::DEFAULT_LOCATION;
use shopwright_store::inventory::levels::{self, Level, LevelChange};
use shopwright_store::inventory::places;
use shopwright_store::inventory::shelf::{self, CountRow, MovementKey, MovementRow};
use shopwright_store::{Change, StoreError, Tx};

use super::{book_lines_since, time_of};

/// A movement to book by hand.
#[derive(Clone, Debug)]
pub struct BookMovement {
    /// The SKU.
    pub sku: Sku,
    /// The location.
    pub location: String,
    /// Why.
    pub reason: MovementReason,
    /// Pieces onto the shelf; negative: off it.
    pub quantity: i64,
    /// What the caller calls it: the same reason and reference again is the same movement.
    pub reference: String,
}

/// A count of the shelf.
#[derive(Clone, Debug)]
pub struct CountStock {
    /// The SKU.
    pub sku: Sku,
    /// The location.
    pub location: String,
    /// Pieces counted.
    pub quantity: i64,
    /// What the caller calls it: the same reference again is the same count.
    pub reference: String,
}

/// What happened on the shelf.
#[derive(Clone, Debug)]
pub struct ShelfChange {
    /// The movement; `None` where a count found what the books said.
    pub movement: Option<MovementRow>,
    /// The level as it is now.
    pub level: Level,
    /// Whether this call did it; `false` when it was done before.
    pub new: bool,
}

/// Why the shelf did not change.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ShelfError {
    /// There is no such product.
    #[error("there is no product with the SKU {0}")]
    UnknownSku(Sku),
    /// There is no such location.
    #[error("there is no location {0}; make it with PUT /v1/stock/locations/{{location}}")]
    UnknownLocation(String),
    /// The SKU was never counted there.
    #[error("{0} was never counted at {1}; count it first, 0 is a count")]
    NotCounted(Sku, String),
    /// A quantity outside its range.
    #[error("the quantity must be a whole number from 0 to {PIECES_MAX}")]
    Counted,
    /// A quantity that does not go with its reason.
    #[error(
        "a receipt adds pieces, written_off takes some (a negative quantity), a correction does \
         either; at most {PIECES_MAX} at once"
    )]
    Quantity,
    /// The reference cannot be one.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// The reference did something else before.
    #[error("the reference {0} stands for another quantity; choose another reference")]
    ReferenceTaken(String),
    /// The books have fewer pieces than are to go.
    #[error("the books have {on_hand} pieces at {location}; count the shelf instead")]
    NotOnShelf {
        /// The location.
        location: String,
        /// Pieces in the books.
        on_hand: i64,
    },
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Books a movement once.
pub fn book_movement_in(
    tx: &mut Tx<'_>,
    command: &BookMovement,
    stamp: Stamp,
) -> Result<ShelfChange, ShelfError> {
    reference_text(&command.reference)?;
    let quantity = command.quantity;
    if !command.reason.fits(quantity) || quantity.unsigned_abs() > PIECES_MAX.unsigned_abs() {
        return Err(ShelfError::Quantity);
    }
    known(tx, &command.sku, &command.location)?;
    let (level, now) = held_level(tx, &command.sku, &command.location, stamp.at)?;
    let key = MovementKey {
        location: command.location.clone(),
        reason: command.reason.as_str().to_owned(),
        reference: command.reference.clone(),
    };
    if let Some(kept) = shelf::find_movement(tx, &command.sku, &key)? {
        if kept.quantity != quantity {
            return Err(ShelfError::ReferenceTaken(command.reference.clone()));
        }
        return Ok(ShelfChange { movement: Some(kept), level, new: false });
    }
    if quantity < 0 && level.facts.on_hand + quantity < 0 {
        let (location, on_hand) = (command.location.clone(), level.facts.on_hand);
        return Err(ShelfError::NotOnShelf { location, on_hand });
    }
    let movement = MovementRow {
        sku: command.sku.clone(),
        location: key.location,
        reason: key.reason,
        reference: key.reference,
        quantity,
        at: level.counted_at.max(now),
    };
    let change = move_shelf(tx, movement, now)?;
    let on_hand = change.level.facts.on_hand;
    let entry = stamp.entry(
        "stock.moved",
        audited_shelf(&command.sku, &command.location),
        Some(json!({ "on_hand": on_hand - quantity })),
        Some(json!({
            "on_hand": on_hand, "quantity": quantity,
            "reason": command.reason.as_str(), "reference": command.reference,
        })),
    );
    audit::record(tx, &entry)?;
    Ok(change)
}

/// What the audit log calls a shelf.
fn audited_shelf(sku: &Sku, location: &str) -> String {
    format!("stock/{sku}/{location}")
}

/// Writes a movement whose level is locked.
pub(super) fn move_shelf(
    tx: &mut Tx<'_>,
    movement: MovementRow,
    now: Timestamp,
) -> Result<ShelfChange, ShelfError> {
    if shelf::insert_movements(tx, std::slice::from_ref(&movement))? == 0 {
        return Err(ShelfError::ReferenceTaken(movement.reference));
    }
    let change = LevelChange {
        sku: movement.sku.as_str().to_owned(),
        location: movement.location.clone(),
        on_hand: movement.quantity,
        committed: 0,
    };
    levels::shift(tx, &[change])?;
    let locked = levels::lock(tx, &[movement.sku.as_str()])?;
    levels::note_decision(tx, &locked, now, |_| levels::Promised::default())?;
    tx.announce(Change::PriceInputs);
    let level = find_level(tx, &movement.sku, &movement.location, now)?;
    let level = level.ok_or_else(|| not_counted(&movement.sku, &movement.location))?;
    Ok(ShelfChange { movement: Some(movement), level, new: true })
}

fn not_counted(sku: &Sku, location: &str) -> ShelfError {
    ShelfError::NotCounted(sku.clone(), location.to_owned())
}

/// Whether product and location are there.
pub(super) fn known(tx: &mut Tx<'_>, sku: &Sku, location: &str) -> Result<(), ShelfError> {
    if shelf::backorder(tx, sku)?.is_none() {
        return Err(ShelfError::UnknownSku(sku.clone()));
    }
    if places::find_location(tx, location)?.is_none() {
        return Err(ShelfError::UnknownLocation(location.to_owned()));
    }
    Ok(())
}

fn find_level(
    tx: &mut Tx<'_>,
    sku: &Sku,
    location: &str,
    now: Timestamp,
) -> Result<Option<Level>, StoreError> {
    let levels = levels::read(tx, &[sku.as_str()], now)?;
    Ok(levels.into_iter().find(|level| level.facts.location == location))
}

/// Locks the levels of a SKU and gives the one at a location, with the time of the operation.
pub(super) fn held_level(
    tx: &mut Tx<'_>,
    sku: &Sku,
    location: &str,
    now: Timestamp,
) -> Result<(Level, Timestamp), ShelfError> {
    let locked = levels::lock(tx, &[sku.as_str()])?;
    let now = time_of(&locked, now);
    let level = find_level(tx, sku, location, now)?;
    Ok((level.ok_or_else(|| not_counted(sku, location))?, now))
}

/// Takes a count as the truth. The first one at a location starts tracking; a later one books what
/// the books were wrong by.
pub fn count_in(
    tx: &mut Tx<'_>,
    command: &CountStock,
    stamp: Stamp,
) -> Result<ShelfChange, ShelfError> {
    let change = take_count(tx, command, stamp.at)?;
    if change.new {
        let wrong_by = change.movement.as_ref().map_or(0, |movement| movement.quantity);
        let entry = stamp.entry(
            "stock.counted",
            audited_shelf(&command.sku, &command.location),
            Some(json!({ "on_hand": command.quantity - wrong_by })),
            Some(json!({ "on_hand": command.quantity, "reference": command.reference })),
        );
        audit::record(tx, &entry)?;
    }
    Ok(change)
}

fn take_count(
    tx: &mut Tx<'_>,
    command: &CountStock,
    now: Timestamp,
) -> Result<ShelfChange, ShelfError> {
    reference_text(&command.reference)?;
    if !(0..=PIECES_MAX).contains(&command.quantity) {
        return Err(ShelfError::Counted);
    }
    let (sku, location) = (&command.sku, command.location.as_str());
    known(tx, sku, location)?;
    let opened = levels::open(tx, sku, location, now)?;
    let (level, now) = held_level(tx, sku, location, now)?;
    if let Some(kept) = shelf::find_count(tx, sku, location, &command.reference)? {
        return recounted(tx, command, &kept, level);
    }
    let counted_at = level.counted_at;
    let at = counted_at.max(now);
    shelf::insert_count(
        tx,
        &CountRow {
            sku: sku.clone(),
            location: location.to_owned(),
            reference: command.reference.clone(),
            quantity: command.quantity,
            found: (!opened).then_some(level.facts.on_hand),
            at,
        },
    )?;
    let (reason, reference) = if opened {
        ("opening_count", "")
    } else {
        (MovementReason::Recount.as_str(), command.reference.as_str())
    };
    let movement = MovementRow {
        sku: sku.clone(),
        location: location.to_owned(),
        reason: reason.to_owned(),
        reference: reference.to_owned(),
        quantity: command.quantity - level.facts.on_hand,
        at,
    };
    let mut change = if movement.quantity == 0 {
        tx.announce(Change::PriceInputs);
        ShelfChange { movement: None, level, new: true }
    } else {
        move_shelf(tx, movement, now)?
    };
    if opened
        && location == DEFAULT_LOCATION
        && book_lines_since(tx, &HashMap::from([(sku.as_str(), counted_at)]))? > 0
    {
        change.level = held_level(tx, sku, location, now)?.0;
    }
    Ok(change)
}

/// A count that was taken before.
fn recounted(
    tx: &mut Tx<'_>,
    command: &CountStock,
    kept: &CountRow,
    level: Level,
) -> Result<ShelfChange, ShelfError> {
    if kept.quantity != command.quantity {
        return Err(ShelfError::ReferenceTaken(command.reference.clone()));
    }
    let (reason, reference) = match kept.found {
        None => ("opening_count", ""),
        Some(_) => (MovementReason::Recount.as_str(), command.reference.as_str()),
    };
    let key = MovementKey {
        location: kept.location.clone(),
        reason: reason.to_owned(),
        reference: reference.to_owned(),
    };
    let movement = shelf::find_movement(tx, &command.sku, &key)?;
    Ok(ShelfChange { movement, level, new: false })
}
