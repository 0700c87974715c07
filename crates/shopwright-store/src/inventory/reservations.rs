//! Reservations and their lines. A line holds stock while `held_until` is ahead, so that an expiry
//! takes effect at its instant; the sweep only writes down what is so already.

use std::collections::BTreeMap;

use shopwright_domain::catalog::Sku;
use shopwright_domain::ids::ReservationId;
use shopwright_domain::inventory::{Allocation, Held, ReservationState};
use shopwright_domain::time::Timestamp;

use super::levels;
use crate::{Column, Page, Row, StoreError, Tx, params};

/// Pieces promised from one location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReservationLine {
    /// The SKU.
    pub sku: Sku,
    /// Where it ships from.
    pub location: String,
    /// Pieces promised.
    pub quantity: i64,
    /// How many of them were not there when they were promised.
    pub backordered: i64,
    /// When those were expected.
    pub promised_at: Option<Timestamp>,
    /// Pieces freed again before they shipped.
    pub released: i64,
    /// Pieces that shipped and came back onto the shelf.
    pub restocked: i64,
}

impl ReservationLine {
    /// Pieces that still belong to the reservation, shipped or not.
    pub const fn kept(&self) -> i64 {
        self.quantity - self.released
    }
}

/// Stock held or sold together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// Its id.
    pub reservation_id: ReservationId,
    /// What the caller calls it; the same reference again is the same reservation.
    pub reference: Option<String>,
    /// State, hold, expiry.
    pub held: Held,
    /// When it was made.
    pub created_at: Timestamp,
    /// The latest time any of its levels was decided on.
    pub decided_at: Option<Timestamp>,
    /// By SKU and location.
    pub lines: Vec<ReservationLine>,
}

impl Reservation {
    /// The state at `now`, or at the time its levels were last decided on if that is later: a clock
    /// that goes back brings nothing back to life.
    pub fn state_at(&self, now: Timestamp) -> ReservationState {
        self.held.state_at(self.decided_at.map_or(now, |decided| decided.max(now)))
    }
}

const HEAD: &str = "SELECT reservation_id, reference, state, hold_micros, expires_at, extensions, created_at FROM reservations";

fn head(row: &Row<'_>) -> Result<Reservation, StoreError> {
    Ok(Reservation {
        reservation_id: row.get(0)?,
        reference: row.get(1)?,
        held: Held {
            state: row.parse(2, |text: String| text.parse())?,
            hold_micros: row.get(3)?,
            expires_at: row.get(4)?,
            extensions: row.get(5)?,
        },
        created_at: row.get(6)?,
        decided_at: None,
        lines: Vec::new(),
    })
}

fn with_lines(tx: &mut Tx<'_>, mut all: Vec<Reservation>) -> Result<Vec<Reservation>, StoreError> {
    let ids = all.iter().map(|r| r.reservation_id.uuid()).collect();
    let lines = tx.query_rows(
        "SELECT l.reservation_id, l.sku, l.location, l.quantity, l.backordered, l.promised_at, l.released,
             l.restocked, s.decided_at
         FROM {rows} AS r JOIN reservation_lines l ON l.reservation_id = r.id
         JOIN stock_levels s ON s.sku = l.sku AND s.location = l.location
         ORDER BY l.reservation_id, l.sku, l.location",
        &[("id", Column::Uuid(ids))],
        |row| {
            let line = ReservationLine {
                sku: row.get(1)?,
                location: row.get(2)?,
                quantity: row.get(3)?,
                backordered: row.get(4)?,
                promised_at: row.get(5)?,
                released: row.get(6)?,
                restocked: row.get(7)?,
            };
            Ok((row.get::<ReservationId>(0)?, line, row.get::<Option<Timestamp>>(8)?))
        },
    )?;
    for (id, line, decided_at) in lines {
        if let Some(of) = all.iter_mut().find(|r| r.reservation_id == id) {
            of.lines.push(line);
            of.decided_at = of.decided_at.max(decided_at);
        }
    }
    Ok(all)
}

fn find_where(
    tx: &mut Tx<'_>,
    condition: &str,
    value: crate::Value<'_>,
) -> Result<Option<Reservation>, StoreError> {
    let found = tx.find(&format!("{HEAD} WHERE {condition}"), &[value], head)?;
    Ok(with_lines(tx, found.into_iter().collect())?.pop())
}

/// The reservation with this id.
pub fn find(tx: &mut Tx<'_>, id: ReservationId) -> Result<Option<Reservation>, StoreError> {
    find_where(tx, "reservation_id = $1", id.into())
}

/// The reservation a caller knows by this reference.
pub fn find_by_reference(
    tx: &mut Tx<'_>,
    reference: &str,
) -> Result<Option<Reservation>, StoreError> {
    find_where(tx, "reference = $1", reference.into())
}

/// The reservation with its row locked. Lock it before its levels.
pub fn lock(tx: &mut Tx<'_>, id: ReservationId) -> Result<Option<Reservation>, StoreError> {
    let condition = format!("reservation_id = $1{}", tx.for_update());
    find_where(tx, &condition, id.into())
}

/// Which reservations a list shows; nothing set shows all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReservationFilter {
    /// In this state at a time: an open one is expired from its expiry on, swept or not.
    pub state: Option<(ReservationState, Timestamp)>,
    /// Known to the caller by this reference.
    pub reference: Option<String>,
}

/// A page of reservations, newest first.
pub fn list(
    tx: &mut Tx<'_>,
    filter: &ReservationFilter,
    page: &Page<ReservationId>,
) -> Result<Vec<Reservation>, StoreError> {
    let (mut select, mut params) = (format!("{HEAD} WHERE true"), Vec::new());
    if let Some((state, now)) = filter.state {
        let (condition, value) = match state {
            ReservationState::Open => ("state = 'open' AND expires_at > $1", now.into()),
            ReservationState::Expired => {
                ("(state = 'expired' OR (state = 'open' AND expires_at <= $1))", now.into())
            }
            other => ("state = $1", other.as_str().into()),
        };
        params.push(value);
        select = format!("{select} AND {condition}");
    }
    if let Some(reference) = &filter.reference {
        params.push(reference.into());
        select = format!("{select} AND reference = ${}", params.len());
    }
    let rows = page.newest_first(tx, (&select, "reservation_id"), params, head)?;
    with_lines(tx, rows)
}

/// Adds a reservation that is open or sold already. `false` when its reference is taken, also by a rival just now.
pub fn insert(tx: &mut Tx<'_>, new: &Reservation) -> Result<bool, StoreError> {
    let added = tx.execute(
        "INSERT INTO reservations (reservation_id, reference, state, hold_micros, expires_at, extensions, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (reference) DO NOTHING",
        params![
            new.reservation_id,
            new.reference.as_ref(),
            new.held.state.as_str(),
            new.held.hold_micros,
            new.held.expires_at,
            new.held.extensions,
            new.created_at,
        ],
    )?;
    if added == 0 {
        return Ok(false);
    }
    let mut columns = keys(new.reservation_id, &new.lines);
    columns.extend([
        ("quantity", Column::Int(new.lines.iter().map(|l| l.quantity).collect())),
        ("backordered", Column::Int(new.lines.iter().map(|l| l.backordered).collect())),
    ]);
    if new.held.state == ReservationState::Open {
        let until = vec![new.held.expires_at; new.lines.len()];
        columns.push(("held_until", Column::Time(until)));
        tx.execute_rows(
            "INSERT INTO reservation_lines (reservation_id, sku, location, quantity, backordered, held_until)
             SELECT id, sku, location, quantity, backordered, held_until FROM {rows} AS r WHERE true",
            &columns,
        )?;
    } else {
        tx.execute_rows(
            "INSERT INTO reservation_lines (reservation_id, sku, location, quantity, backordered)
             SELECT id, sku, location, quantity, backordered FROM {rows} AS r WHERE true",
            &columns,
        )?;
    }
    let promised: Vec<_> = new.lines.iter().filter(|l| l.promised_at.is_some()).cloned().collect();
    write_promises(tx, new.reservation_id, &promised)?;
    Ok(true)
}

fn keys(id: ReservationId, lines: &[ReservationLine]) -> Vec<(&'static str, Column<'_>)> {
    vec![
        ("id", Column::Uuid(vec![id.uuid(); lines.len()])),
        ("sku", Column::Text(lines.iter().map(|l| l.sku.as_str()).collect())),
        ("location", Column::Text(lines.iter().map(|l| l.location.as_str()).collect())),
    ]
}

fn write_promises(
    tx: &mut Tx<'_>,
    id: ReservationId,
    lines: &[ReservationLine],
) -> Result<(), StoreError> {
    for line in lines {
        tx.execute(
            "UPDATE reservation_lines SET backordered = $4, promised_at = $5
             WHERE reservation_id = $1 AND sku = $2 AND location = $3",
            params![id, &line.sku, &line.location, line.backordered, line.promised_at],
        )?;
    }
    Ok(())
}

/// Replaces what is backordered, after the same pieces were promised once more.
pub fn promise_again(
    tx: &mut Tx<'_>,
    reservation: &mut Reservation,
    parts: &[Allocation],
) -> Result<(), StoreError> {
    let before = reservation.lines.clone();
    for (line, part) in reservation.lines.iter_mut().zip(parts) {
        assert_eq!((&line.sku, &line.location), (&part.sku, &part.location), "the same places");
        line.backordered = part.backordered;
        line.promised_at = part.promised_at;
    }
    let changed: Vec<_> =
        reservation.lines.iter().zip(&before).filter(|(now, then)| now != then).collect();
    let changed: Vec<_> = changed.into_iter().map(|(line, _)| line.clone()).collect();
    write_promises(tx, reservation.reservation_id, &changed)
}

/// Holds an open reservation longer.
pub fn extend(tx: &mut Tx<'_>, id: ReservationId, expires_at: Timestamp) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE reservations SET expires_at = $2, extensions = extensions + 1 WHERE reservation_id = $1",
        params![id, expires_at],
    )?;
    tx.execute(
        "UPDATE reservation_lines SET held_until = $2 WHERE reservation_id = $1",
        params![id, expires_at],
    )?;
    Ok(())
}

/// Moves a reservation on to a state in which it holds nothing by time.
pub fn settle(
    tx: &mut Tx<'_>,
    id: ReservationId,
    state: ReservationState,
) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE reservations SET state = $2 WHERE reservation_id = $1",
        params![id, state.as_str()],
    )?;
    tx.execute(
        "UPDATE reservation_lines SET held_until = NULL WHERE reservation_id = $1",
        params![id],
    )?;
    Ok(())
}

/// Pieces of one line that came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenBackLine {
    /// The SKU.
    pub sku: Sku,
    /// The location.
    pub location: String,
    /// Pieces, above 0.
    pub quantity: i64,
}

/// What came back under a reference, by SKU and location.
pub fn given_back(
    tx: &mut Tx<'_>,
    id: ReservationId,
    reference: &str,
) -> Result<Vec<GivenBackLine>, StoreError> {
    tx.query(
        "SELECT sku, location, quantity FROM reservation_give_backs
         WHERE reservation_id = $1 AND reference = $2 ORDER BY sku, location",
        params![id, reference],
        |row| Ok(GivenBackLine { sku: row.get(0)?, location: row.get(1)?, quantity: row.get(2)? }),
    )
}

/// Under which name pieces come back, and whether from outside the house.
#[derive(Clone, Copy, Debug)]
pub struct GiveBackAs<'a> {
    /// The caller's reference; empty for the release of a whole reservation.
    pub reference: &'a str,
    /// They had shipped and lie on the shelf again.
    pub restocked: bool,
    /// When.
    pub at: Timestamp,
}

/// Notes what came back and counts it in the lines.
pub fn give_back(
    tx: &mut Tx<'_>,
    id: ReservationId,
    lines: &[GivenBackLine],
    how: GiveBackAs<'_>,
) -> Result<(), StoreError> {
    let column = if how.restocked {
        "restocked = restocked + $4"
    } else {
        "released = released + $4, backordered = CASE WHEN backordered > $4 THEN backordered - $4 ELSE 0 END"
    };
    for line in lines {
        tx.execute(
            "INSERT INTO reservation_give_backs (reservation_id, reference, sku, location, quantity, restocked, at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            params![id, how.reference, &line.sku, &line.location, line.quantity, how.restocked, how.at],
        )?;
        tx.execute(
            &format!("UPDATE reservation_lines SET {column} WHERE reservation_id = $1 AND sku = $2 AND location = $3"),
            params![id, &line.sku, &line.location, line.quantity],
        )?;
    }
    Ok(())
}

/// Writes down which open reservations have expired by `now`, at most `limit` of them. Ones that a
/// running operation holds are left for the next time.
pub fn write_expired(tx: &mut Tx<'_>, now: Timestamp, limit: i64) -> Result<u64, StoreError> {
    let sql = format!(
        "SELECT reservation_id FROM reservations WHERE state = 'open' AND expires_at <= $1
         ORDER BY expires_at, reservation_id LIMIT $2{}",
        tx.for_update_skip_locked()
    );
    let due: Vec<ReservationId> = tx.query(&sql, params![now, limit], |row| row.get(0))?;
    let mut gone: BTreeMap<(String, String), i64> = BTreeMap::new();
    tx.query_rows(
        "SELECT l.sku, l.location, l.quantity FROM {rows} AS r
         JOIN reservation_lines l ON l.reservation_id = r.id",
        &[("id", Column::Uuid(due.iter().map(|id| id.uuid()).collect()))],
        |row| {
            *gone.entry((row.get(0)?, row.get(1)?)).or_insert(0) += row.get::<i64>(2)?;
            Ok(())
        },
    )?;
    let skus: Vec<&str> = gone.keys().map(|(sku, _)| sku.as_str()).collect();
    levels::lock(tx, &skus)?;
    levels::let_go(tx, &gone)?;
    for id in &due {
        settle(tx, *id, ReservationState::Expired)?;
    }
    Ok(due.len() as u64)
}
