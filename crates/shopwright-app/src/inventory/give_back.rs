//! Pieces of a sold reservation that come back, for refunds: freed before they ship, restocked after.

use std::collections::BTreeMap;

use shopwright_domain::catalog::Sku;
use shopwright_domain::ids::ReservationId;
use shopwright_domain::inventory::{
    MovementReason, PIECES_MAX, ReferenceError, ReservationState, TransitionError, reference_text,
};
use shopwright_domain::time::Timestamp;
use shopwright_store::inventory::levels;
use shopwright_store::inventory::reservations::{
    self, GiveBackAs, GivenBackLine, Reservation, ReservationLine,
};
use shopwright_store::inventory::shelf::{self, MovementRow};
use shopwright_store::{StoreError, Tx};

use super::steps::{Grip, change_of, moment, skus};

/// Under which name pieces come back, and what becomes of those that had shipped.
#[derive(Clone, Copy, Debug)]
pub struct GivenBack<'a> {
    /// The caller's name for it, such as a refund's id: the same again changes nothing.
    pub reference: &'a str,
    /// Whether pieces that had shipped lie on the shelf again. Pieces that had not are freed anyway.
    pub restock: bool,
}

/// Why pieces could not come back.
#[derive(Clone, Debug, thiserror::Error)]
pub enum GiveBackError {
    /// There is no such reservation.
    #[error("there is no reservation {0}")]
    NotFound(ReservationId),
    /// Nothing of it was sold.
    #[error(transparent)]
    Refused(#[from] TransitionError),
    /// The reference cannot be one.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// The reference brought other pieces back before.
    #[error("the reference {0} brought other pieces back before; choose another reference")]
    ReferenceTaken(String),
    /// A quantity outside its range.
    #[error("{0}: the quantity must be a whole number from 1 to {PIECES_MAX}")]
    Quantity(Sku),
    /// More than the reservation still has.
    #[error("{sku}: {wanted} were to come back, the reservation has {left}")]
    TooMany {
        /// The SKU.
        sku: Sku,
        /// Pieces that were to come back.
        wanted: i64,
        /// Pieces that can.
        left: i64,
    },
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Takes pieces of a sold reservation back: unshipped ones are free again, shipped ones go onto the
/// shelf they came from if `how` says so, and else change nothing.
pub fn give_back_in(
    tx: &mut Tx<'_>,
    id: ReservationId,
    pieces: &[(Sku, i64)],
    how: GivenBack<'_>,
    now: Timestamp,
) -> Result<Reservation, GiveBackError> {
    reference_text(how.reference)?;
    let wanted = merged(pieces)?;
    let grip = Grip::take(tx, id, now)?.ok_or(GiveBackError::NotFound(id))?;
    let before = reservations::given_back(tx, id, how.reference)?;
    if !before.is_empty() {
        let mut came: BTreeMap<&Sku, i64> = BTreeMap::new();
        for line in &before {
            *came.entry(&line.sku).or_insert(0) += line.quantity;
        }
        let same = came == wanted;
        let taken = || GiveBackError::ReferenceTaken(how.reference.to_owned());
        return if same { Ok(grip.reservation) } else { Err(taken()) };
    }
    match grip.reservation.held.state {
        ReservationState::Committed => {
            let parts = take(&grip.reservation.lines, &wanted, ReservationLine::kept)?;
            free(tx, grip, &parts, how.reference)
        }
        ReservationState::Shipped if how.restock => {
            let left = |line: &ReservationLine| line.kept() - line.restocked;
            let parts = take(&grip.reservation.lines, &wanted, left)?;
            restock(tx, grip, &parts, how.reference)
        }
        ReservationState::Shipped => Ok(grip.reservation),
        _ => {
            let state = grip.reservation.held.state_at(grip.now);
            Err(TransitionError::State { state }.into())
        }
    }
}

fn merged(pieces: &[(Sku, i64)]) -> Result<BTreeMap<&Sku, i64>, GiveBackError> {
    let mut sums = BTreeMap::new();
    for (sku, quantity) in pieces {
        if !(1..=PIECES_MAX).contains(quantity) {
            return Err(GiveBackError::Quantity(sku.clone()));
        }
        *sums.entry(sku).or_insert(0) += quantity;
    }
    Ok(sums)
}

/// Takes pieces from lines, those first that wait for a delivery.
fn take(
    lines: &[ReservationLine],
    wanted: &BTreeMap<&Sku, i64>,
    left: impl Fn(&ReservationLine) -> i64,
) -> Result<Vec<GivenBackLine>, GiveBackError> {
    let mut parts = Vec::new();
    for (sku, wanted) in wanted {
        let mut of_sku: Vec<_> = lines.iter().filter(|line| line.sku == **sku).collect();
        of_sku.sort_by_key(|line| (line.backordered == 0, &line.location));
        let mut open = *wanted;
        for line in of_sku {
            let quantity = left(line).clamp(0, open);
            if quantity > 0 {
                let (sku, location) = (line.sku.clone(), line.location.clone());
                parts.push(GivenBackLine { sku, location, quantity });
                open -= quantity;
            }
        }
        if open > 0 {
            let (sku, left) = ((*sku).clone(), wanted - open);
            return Err(GiveBackError::TooMany { sku, wanted: *wanted, left });
        }
    }
    Ok(parts)
}

fn quantity_of(parts: &[GivenBackLine], line: &ReservationLine) -> i64 {
    let found = parts.iter().find(|p| p.sku == line.sku && p.location == line.location);
    found.map_or(0, |part| part.quantity)
}

fn free(
    tx: &mut Tx<'_>,
    mut grip: Grip,
    parts: &[GivenBackLine],
    reference: &str,
) -> Result<Reservation, GiveBackError> {
    let how = GiveBackAs { reference, restocked: false, at: grip.now };
    reservations::give_back(tx, grip.reservation.reservation_id, parts, how)?;
    for line in &mut grip.reservation.lines {
        let quantity = quantity_of(parts, line);
        line.released += quantity;
        line.backordered = (line.backordered - quantity).max(0);
    }
    let rest: i64 = grip.reservation.lines.iter().map(ReservationLine::kept).sum();
    let state = if rest == 0 { ReservationState::Released } else { ReservationState::Committed };
    Ok(grip.settle(tx, state, |line| change_of(line, 0, -quantity_of(parts, line)))?)
}

fn restock(
    tx: &mut Tx<'_>,
    mut grip: Grip,
    parts: &[GivenBackLine],
    reference: &str,
) -> Result<Reservation, GiveBackError> {
    let levels = levels::read(tx, &skus(&grip.reservation.lines), grip.now)?;
    let how = GiveBackAs { reference, restocked: true, at: grip.now };
    reservations::give_back(tx, grip.reservation.reservation_id, parts, how)?;
    let mut movements = Vec::new();
    for line in &mut grip.reservation.lines {
        let quantity = quantity_of(parts, line);
        line.restocked += quantity;
        if quantity > 0 {
            movements.push(MovementRow {
                sku: line.sku.clone(),
                location: line.location.clone(),
                reason: MovementReason::Restock.as_str().to_owned(),
                reference: reference.to_owned(),
                quantity,
                at: moment(&levels, line, grip.now),
            });
        }
    }
    if shelf::insert_movements(tx, &movements)? != movements.len() as u64 {
        // Another reservation brought the same SKU back under this reference.
        return Err(GiveBackError::ReferenceTaken(reference.to_owned()));
    }
    let back = |line: &ReservationLine| change_of(line, quantity_of(parts, line), 0);
    Ok(grip.settle(tx, ReservationState::Shipped, back)?)
}
