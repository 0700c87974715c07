//! The steps of a reservation: extend, commit, release, ship. Each may be sent again and does
//! nothing the second time.

use shopwright_domain::ids::ReservationId;
use shopwright_domain::inventory::{
    Allocation, Authority, MovementReason, ReservationState, Shortage, ShortageReason, Step,
    Transition, TransitionError, decide, extended_until, promise_again,
};
use shopwright_domain::time::Timestamp;
use shopwright_store::inventory::levels::{self, Level, LevelChange, LockedLevel, Promised};
use shopwright_store::inventory::reservations::{
    self, GiveBackAs, GivenBackLine, Reservation, ReservationLine,
};
use shopwright_store::inventory::shelf::{self, MovementRow};
use shopwright_store::{Change, StoreError, Tx};

use super::reserve::shortages;
use super::time_of;

/// Why a step was not taken.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StepError {
    /// There is no such reservation.
    #[error("there is no reservation {0}")]
    NotFound(ReservationId),
    /// Its state does not allow the step.
    #[error(transparent)]
    Refused(#[from] TransitionError),
    /// It expired, and what it held has gone meanwhile.
    #[error("the reservation has expired and its stock is gone; {}", shortages(.0))]
    Expired(Vec<Shortage>),
    /// The books have fewer pieces on the shelf than are to be shipped.
    #[error("not on the shelf; {}; book the delivery or count the shelf first", shortages(.0))]
    NotOnShelf(Vec<Shortage>),
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A reservation and its levels, locked.
pub(super) struct Grip {
    pub(super) reservation: Reservation,
    pub(super) locked: Vec<LockedLevel>,
    /// The time of the operation.
    pub(super) now: Timestamp,
}

impl Grip {
    pub(super) fn take(
        tx: &mut Tx<'_>,
        id: ReservationId,
        now: Timestamp,
    ) -> Result<Option<Self>, StoreError> {
        let Some(mut reservation) = reservations::lock(tx, id)? else { return Ok(None) };
        let locked = levels::lock(tx, &skus(&reservation.lines))?;
        let now = time_of(&locked, now);
        reservation.decided_at = Some(now);
        Ok(Some(Self { reservation, locked, now }))
    }

    fn decide(&self, step: Transition) -> Result<Step, TransitionError> {
        decide(&self.reservation.held, step, self.now)
    }

    /// Moves the reservation to a state, its levels by what `change` says of each line, and tells
    /// the engines that look at stock.
    pub(super) fn settle(
        mut self,
        tx: &mut Tx<'_>,
        state: ReservationState,
        change: impl Fn(&ReservationLine) -> LevelChange,
    ) -> Result<Reservation, StoreError> {
        reservations::settle(tx, self.reservation.reservation_id, state)?;
        let changes: Vec<_> = self.reservation.lines.iter().map(change).collect();
        let moving: Vec<_> =
            changes.into_iter().filter(|c| c.on_hand != 0 || c.committed != 0).collect();
        if !moving.is_empty() {
            levels::shift(tx, &moving)?;
            tx.announce(Change::PriceInputs);
        }
        // Until a sweep has met it, a line past its time counts as held too.
        let held = self.reservation.held.state == ReservationState::Open;
        levels::note_decision(tx, &self.locked, self.now, |level| {
            let pieces = if held { pieces_at(&self.reservation, level) } else { 0 };
            Promised { held: -pieces, committed: 0 }
        })?;
        self.reservation.held.state = state;
        Ok(self.reservation)
    }
}

/// Pieces of a reservation at a level.
pub(super) fn pieces_at(reservation: &Reservation, level: &LockedLevel) -> i64 {
    let at = |line: &&ReservationLine| line.sku == level.sku && line.location == level.location;
    reservation.lines.iter().find(at).map_or(0, |line| line.quantity)
}

pub(super) fn skus(lines: &[ReservationLine]) -> Vec<&str> {
    lines.iter().map(|line| line.sku.as_str()).collect()
}

pub(super) fn change_of(line: &ReservationLine, on_hand: i64, committed: i64) -> LevelChange {
    LevelChange {
        sku: line.sku.as_str().to_owned(),
        location: line.location.clone(),
        on_hand,
        committed,
    }
}

fn grip(tx: &mut Tx<'_>, id: ReservationId, now: Timestamp) -> Result<Grip, StepError> {
    Grip::take(tx, id, now)?.ok_or(StepError::NotFound(id))
}

/// Holds an open reservation as long again, counted from now; once. Sent again it changes nothing.
pub fn extend_in(
    tx: &mut Tx<'_>,
    id: ReservationId,
    now: Timestamp,
) -> Result<Reservation, StepError> {
    let mut grip = grip(tx, id, now)?;
    if grip.decide(Transition::Extend)? == Step::Done {
        return Ok(grip.reservation);
    }
    let until = extended_until(&grip.reservation.held, grip.now);
    reservations::extend(tx, id, until)?;
    levels::note_decision(tx, &grip.locked, grip.now, |_| Promised::default())?;
    grip.reservation.held.expires_at = until;
    grip.reservation.held.extensions += 1;
    Ok(grip.reservation)
}

/// Sells what is held. An expired reservation is sold if the same pieces are still at the same
/// places, else refused.
pub fn commit_in(
    tx: &mut Tx<'_>,
    id: ReservationId,
    now: Timestamp,
) -> Result<Reservation, StepError> {
    let mut grip = grip(tx, id, now)?;
    match grip.decide(Transition::Commit)? {
        Step::Done => return Ok(grip.reservation),
        Step::Go => {}
        Step::Recheck => {
            let levels = levels::read(tx, &skus(&grip.reservation.lines), grip.now)?;
            let facts: Vec<_> = levels.into_iter().map(|level| level.facts).collect();
            let before: Vec<_> = grip.reservation.lines.iter().map(allocation).collect();
            let parts = promise_again(&before, &facts).map_err(StepError::Expired)?;
            reservations::promise_again(tx, &mut grip.reservation, &parts)?;
        }
    }
    let sold = |line: &ReservationLine| change_of(line, 0, line.kept());
    Ok(grip.settle(tx, ReservationState::Committed, sold)?)
}

fn allocation(line: &ReservationLine) -> Allocation {
    Allocation {
        sku: line.sku.clone(),
        location: line.location.clone(),
        quantity: line.quantity,
        backordered: line.backordered,
        promised_at: line.promised_at,
    }
}

/// Gives everything back that has not shipped: a held reservation lets go, a sold one is undone.
pub fn release_in(
    tx: &mut Tx<'_>,
    id: ReservationId,
    now: Timestamp,
) -> Result<Reservation, StepError> {
    let mut grip = grip(tx, id, now)?;
    if grip.decide(Transition::Release)? == Step::Done {
        return Ok(grip.reservation);
    }
    if grip.reservation.held.state != ReservationState::Committed {
        let nothing = |line: &ReservationLine| change_of(line, 0, 0);
        return Ok(grip.settle(tx, ReservationState::Released, nothing)?);
    }
    let kept: Vec<_> = grip.reservation.lines.iter().filter(|line| line.kept() > 0).collect();
    let back: Vec<_> = kept
        .into_iter()
        .map(|line| GivenBackLine {
            sku: line.sku.clone(),
            location: line.location.clone(),
            quantity: line.kept(),
        })
        .collect();
    let how = GiveBackAs { reference: "", restocked: false, at: grip.now };
    reservations::give_back(tx, id, &back, how)?;
    let before = grip.reservation.lines.clone();
    for line in &mut grip.reservation.lines {
        line.released = line.quantity;
        line.backordered = 0;
    }
    let kept = |line: &ReservationLine| {
        let then = before.iter().find(|b| (&b.sku, &b.location) == (&line.sku, &line.location));
        change_of(line, 0, -then.map_or(0, ReservationLine::kept))
    };
    Ok(grip.settle(tx, ReservationState::Released, kept)?)
}

/// Takes what was sold off the shelf. Where the stock is ours, the books must have the pieces: what
/// ships before its delivery is booked would take the count below zero.
pub fn ship_in(
    tx: &mut Tx<'_>,
    id: ReservationId,
    now: Timestamp,
) -> Result<Reservation, StepError> {
    let grip = grip(tx, id, now)?;
    if grip.decide(Transition::Ship)? == Step::Done {
        return Ok(grip.reservation);
    }
    let levels = levels::read(tx, &skus(&grip.reservation.lines), grip.now)?;
    let leaving: Vec<_> = grip.reservation.lines.iter().filter(|line| line.kept() > 0).collect();
    let missing: Vec<_> = leaving.iter().filter_map(|line| missing(line, &levels)).collect();
    if !missing.is_empty() {
        return Err(StepError::NotOnShelf(missing));
    }
    let movements: Vec<_> = leaving
        .iter()
        .map(|line| MovementRow {
            sku: line.sku.clone(),
            location: line.location.clone(),
            reason: MovementReason::Shipment.as_str().to_owned(),
            reference: id.to_string(),
            quantity: -line.kept(),
            at: moment(&levels, line, grip.now),
        })
        .collect();
    let booked = shelf::insert_movements(tx, &movements)?;
    assert_eq!(booked, movements.len() as u64, "a reservation ships once");
    let shipped = |line: &ReservationLine| change_of(line, -line.kept(), -line.kept());
    Ok(grip.settle(tx, ReservationState::Shipped, shipped)?)
}

fn level_of<'l>(levels: &'l [Level], line: &ReservationLine) -> Option<&'l Level> {
    levels.iter().find(|l| l.facts.sku == line.sku && l.facts.location == line.location)
}

/// Nothing moves stock before its opening count.
pub(super) fn moment(levels: &[Level], line: &ReservationLine, now: Timestamp) -> Timestamp {
    level_of(levels, line).map_or(now, |level| level.counted_at.max(now))
}

fn missing(line: &ReservationLine, levels: &[Level]) -> Option<Shortage> {
    let level = level_of(levels, line);
    let on_hand = level.map_or(0, |level| level.facts.on_hand);
    let ours = level.is_none_or(|level| level.authority == Authority::Ours);
    (ours && on_hand < line.kept()).then(|| Shortage {
        sku: line.sku.clone(),
        wanted: line.kept(),
        available: on_hand.max(0),
        reason: ShortageReason::Insufficient,
    })
}
