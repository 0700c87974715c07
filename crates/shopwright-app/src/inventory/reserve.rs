//! Reserve: all lines or none, each from a location that has it, until a moment.

use std::collections::BTreeMap;

use shopwright_domain::catalog::Sku;
use shopwright_domain::ids::ReservationId;
use shopwright_domain::inventory::{
    Allocation, HOLD_MAX, HOLD_MIN, Held, ReferenceError, ReservationState, Shortage,
    ShortageReason, WantedError, WantedLine, allocate, merge_lines, reference_text,
};
use shopwright_domain::time::Timestamp;
use shopwright_store::inventory::levels::{self, Promised};
use shopwright_store::inventory::reservations::{self, Reservation, ReservationLine};
use shopwright_store::inventory::shelf;
use shopwright_store::{Change, StoreError, Tx};

use super::steps::pieces_at;
use super::time_of;

/// Stock to hold.
#[derive(Clone, Debug)]
pub struct Reserve {
    /// The id it gets, unless its reference is known already.
    pub reservation_id: ReservationId,
    /// What the caller calls it: the same reference with the same pieces is the same reservation.
    pub reference: Option<String>,
    /// What is wanted; lines of one SKU are summed.
    pub lines: Vec<WantedLine>,
    /// How long it holds, microseconds; [`super::HOLD_DEFAULT`] when nobody says otherwise.
    pub hold_micros: i64,
}

/// Why nothing was held.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReserveError {
    /// The lines cannot be read.
    #[error(transparent)]
    Wanted(#[from] WantedError),
    /// The hold is too short or too long.
    #[error("a hold lasts from 1 second to 24 hours; write it like PT15M")]
    Hold,
    /// The reference cannot be one.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// The reference belongs to a reservation of other pieces.
    #[error("the reference {0} belongs to a reservation of other pieces; choose another reference")]
    ReferenceTaken(String),
    /// These SKUs fall short.
    #[error("{}", shortages(.0))]
    Short(Vec<Shortage>),
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Shortages as one sentence.
pub(super) fn shortages(short: &[Shortage]) -> String {
    let one = |s: &Shortage| match s.reason {
        ShortageReason::Insufficient => {
            format!("{}: {} of {} are available", s.sku, s.available, s.wanted)
        }
        ShortageReason::NotCounted => {
            format!("{}: it was never counted; count it first, 0 is a count", s.sku)
        }
        ShortageReason::UnknownSku => format!("{}: there is no product with this SKU", s.sku),
    };
    short.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// Holds all lines or none. A known reference (or id) with the same pieces gives its reservation as
/// it stands, whatever has become of it.
pub fn reserve_in(
    tx: &mut Tx<'_>,
    wish: &Reserve,
    now: Timestamp,
) -> Result<Reservation, ReserveError> {
    if !(HOLD_MIN..=HOLD_MAX).contains(&wish.hold_micros) {
        return Err(ReserveError::Hold);
    }
    wish.reference.as_deref().map(reference_text).transpose()?;
    let wanted = merge_lines(&wish.lines)?;
    if let Some(kept) = replayed(tx, wish, &wanted)? {
        return Ok(kept);
    }
    let skus: Vec<&str> = wanted.iter().map(|line| line.sku.as_str()).collect();
    let locked = levels::lock(tx, &skus)?;
    // A rival with this reference may have held the same levels while we waited for them.
    if let Some(kept) = replayed(tx, wish, &wanted)? {
        return Ok(kept);
    }
    let now = time_of(&locked, now);
    let parts = promise(tx, &wanted, now)?;
    let reservation = made(wish, ReservationState::Open, parts, now);
    if !reservations::insert(tx, &reservation)? {
        let taken = || ReserveError::ReferenceTaken(wish.reference.clone().unwrap_or_default());
        return replayed(tx, wish, &wanted)?.ok_or_else(taken);
    }
    levels::note_decision(tx, &locked, now, |level| {
        let held = pieces_at(&reservation, level);
        Promised { held, committed: 0 }
    })?;
    Ok(reservation)
}

/// Sells all lines or none without holding them first: a reservation that is committed from its
/// beginning. Its id and reference are new; the caller sees to it that a sale is not made twice.
pub fn sell_in(
    tx: &mut Tx<'_>,
    wish: &Reserve,
    now: Timestamp,
) -> Result<Reservation, ReserveError> {
    let wanted = merge_lines(&wish.lines)?;
    let skus: Vec<&str> = wanted.iter().map(|line| line.sku.as_str()).collect();
    let locked = levels::lock(tx, &skus)?;
    let now = time_of(&locked, now);
    let parts = promise(tx, &wanted, now)?;
    let reservation = made(wish, ReservationState::Committed, parts, now);
    if !reservations::insert(tx, &reservation)? {
        let taken = wish.reference.clone().unwrap_or_default();
        return Err(ReserveError::ReferenceTaken(taken));
    }
    levels::note_decision(tx, &locked, now, |level| {
        let committed = pieces_at(&reservation, level);
        Promised { held: 0, committed }
    })?;
    tx.announce(Change::PriceInputs);
    Ok(reservation)
}

/// Chooses the places of all lines whose levels are locked.
fn promise(
    tx: &mut Tx<'_>,
    wanted: &[WantedLine],
    now: Timestamp,
) -> Result<Vec<Allocation>, ReserveError> {
    let skus: Vec<&str> = wanted.iter().map(|line| line.sku.as_str()).collect();
    let facts: Vec<_> = levels::read(tx, &skus, now)?.into_iter().map(|l| l.facts).collect();
    match allocate(wanted, &facts) {
        Ok(parts) => Ok(parts),
        Err(short) => Err(ReserveError::Short(with_unknown(tx, short)?)),
    }
}

fn made(
    wish: &Reserve,
    state: ReservationState,
    parts: Vec<Allocation>,
    now: Timestamp,
) -> Reservation {
    let mut lines: Vec<ReservationLine> = parts
        .into_iter()
        .map(|part| ReservationLine {
            sku: part.sku,
            location: part.location,
            quantity: part.quantity,
            backordered: part.backordered,
            promised_at: part.promised_at,
            released: 0,
            restocked: 0,
        })
        .collect();
    lines.sort_by(|a, b| (&a.sku, &a.location).cmp(&(&b.sku, &b.location)));
    Reservation {
        reservation_id: wish.reservation_id,
        reference: wish.reference.clone(),
        held: Held {
            state,
            hold_micros: wish.hold_micros,
            expires_at: now.plus_micros(wish.hold_micros),
            extensions: 0,
        },
        created_at: now,
        decided_at: Some(now),
        lines,
    }
}

fn replayed(
    tx: &mut Tx<'_>,
    wish: &Reserve,
    wanted: &[WantedLine],
) -> Result<Option<Reservation>, ReserveError> {
    let found = match &wish.reference {
        Some(reference) => reservations::find_by_reference(tx, reference)?,
        None => reservations::find(tx, wish.reservation_id)?,
    };
    let Some(found) = found else { return Ok(None) };
    let mut pieces: BTreeMap<&Sku, i64> = BTreeMap::new();
    for line in &found.lines {
        *pieces.entry(&line.sku).or_insert(0) += line.quantity;
    }
    let same = pieces.into_iter().eq(wanted.iter().map(|line| (&line.sku, line.quantity)));
    if same {
        Ok(Some(found))
    } else {
        Err(ReserveError::ReferenceTaken(wish.reference.clone().unwrap_or_default()))
    }
}

/// Tells a SKU that was never counted from one that nobody knows.
fn with_unknown(tx: &mut Tx<'_>, mut short: Vec<Shortage>) -> Result<Vec<Shortage>, StoreError> {
    for line in short.iter_mut().filter(|line| line.reason == ShortageReason::NotCounted) {
        if shelf::backorder(tx, &line.sku)?.is_none() {
            line.reason = ShortageReason::UnknownSku;
        }
    }
    Ok(short)
}
