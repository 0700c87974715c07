//! Stock at work: a small shop of a few counted SKUs, and short words for what is done to it.

mod corrupted;
mod give_back;
mod model;
mod reservations;
mod rush;
mod shelf;

use shopwright_app::inventory::{
    BookMovement, CountStock, GiveBackError, GivenBack, Reservation, Reserve, ReserveError,
    ShelfChange, ShelfError, StepError, WantedLine, book_movement_in, commit_in, count_in,
    extend_in, give_back_in, put_location_in, release_in, reserve_in, ship_in,
};
use shopwright_domain::catalog::Sku;
use shopwright_domain::ids::{ReservationId, new_id};
use shopwright_domain::inventory::{Authority, MovementReason, Transition};
use shopwright_domain::time::{MINUTE, Timestamp};
use shopwright_store::inventory::levels::{self, Level};
use shopwright_store::inventory::{reservations as rows, shelf as shelf_rows};
use shopwright_store::{StoreError, catalog};

use crate::harness::{Shop, by_nobody};

pub fn sku(text: &str) -> Sku {
    Sku::parse(text).unwrap()
}

/// Minutes after a morning in 2026.
pub fn at(minute: i64) -> Timestamp {
    "2026-11-24T08:00:00Z".parse::<Timestamp>().unwrap().plus_micros(minute * MINUTE)
}

pub const HOLD: i64 = 15 * MINUTE;

/// Locations `main` and then `west`, with counts like `tea 10` or `tea@west 3`.
pub fn stocked(shop: &Shop, counts: &[&str]) {
    shop.write(|tx| {
        let named = ["tea", "jam", "oil"].map(|code| (code, "title"));
        catalog::insert_missing(tx, &named, "EUR".parse().unwrap(), at(-100))?;
        put_location_in(tx, "west", Authority::Ours, 5, by_nobody(at(-100))).unwrap();
        Ok(())
    });
    for text in counts {
        let (place, quantity) = text.split_once(' ').unwrap();
        count(shop, place, quantity.parse().unwrap(), "opening", -60).unwrap();
    }
}

/// `tea` is at `main`, `tea@west` elsewhere.
pub fn place(text: &str) -> (Sku, String) {
    let (code, location) = text.split_once('@').unwrap_or((text, "main"));
    (sku(code), location.to_owned())
}

pub fn count(
    shop: &Shop,
    at_place: &str,
    quantity: i64,
    reference: &str,
    minute: i64,
) -> Result<ShelfChange, ShelfError> {
    let (sku, location) = place(at_place);
    let command = CountStock { sku, location, quantity, reference: reference.to_owned() };
    shop.run(shop.store.write(move |tx| count_in(tx, &command, by_nobody(at(minute)))))
}

pub fn book(
    shop: &Shop,
    at_place: &str,
    (reason, quantity): (MovementReason, i64),
    reference: &str,
    minute: i64,
) -> Result<ShelfChange, ShelfError> {
    let (sku, location) = place(at_place);
    let reference = reference.to_owned();
    let command = BookMovement { sku, location, reason, quantity, reference };
    shop.run(shop.store.write(move |tx| book_movement_in(tx, &command, by_nobody(at(minute)))))
}

pub fn wish(shop: &Shop, reference: Option<&str>, lines: &[(&str, i64)]) -> Reserve {
    let line = |(code, quantity): &(&str, i64)| WantedLine { sku: sku(code), quantity: *quantity };
    Reserve {
        reservation_id: new_id(shop.ids.as_ref()),
        reference: reference.map(ToOwned::to_owned),
        lines: lines.iter().map(line).collect(),
        hold_micros: HOLD,
    }
}

pub fn reserve_as(shop: &Shop, wish: &Reserve, minute: i64) -> Result<Reservation, ReserveError> {
    let wish = wish.clone();
    shop.run(shop.store.write(move |tx| reserve_in(tx, &wish, at(minute))))
}

pub fn reserve(
    shop: &Shop,
    lines: &[(&str, i64)],
    minute: i64,
) -> Result<Reservation, ReserveError> {
    reserve_as(shop, &wish(shop, None, lines), minute)
}

pub fn step(
    shop: &Shop,
    step: Transition,
    id: ReservationId,
    time: Timestamp,
) -> Result<Reservation, StepError> {
    shop.run(shop.store.write(move |tx| match step {
        Transition::Extend => extend_in(tx, id, time),
        Transition::Commit => commit_in(tx, id, time),
        Transition::Release => release_in(tx, id, time),
        Transition::Ship => ship_in(tx, id, time),
    }))
}

pub fn give_back(
    shop: &Shop,
    id: ReservationId,
    pieces: &[(&str, i64)],
    (reference, restock): (&str, bool),
    minute: i64,
) -> Result<Reservation, GiveBackError> {
    let pieces: Vec<_> = pieces.iter().map(|(code, n)| (sku(code), *n)).collect();
    let reference = reference.to_owned();
    shop.run(shop.store.write(move |tx| {
        let how = GivenBack { reference: &reference, restock };
        give_back_in(tx, id, &pieces, how, at(minute))
    }))
}

pub fn allow_backorder(shop: &Shop, code: &'static str, allowed: bool) {
    assert!(shop.write(move |tx| shelf_rows::set_backorder(tx, &sku(code), allowed, at(0))));
}

pub fn level(shop: &Shop, at_place: &str, time: Timestamp) -> Level {
    let (sku, location) = place(at_place);
    let levels = shop.read(move |tx| levels::read(tx, &[sku.as_str()], time));
    levels.into_iter().find(|level| level.facts.location == location).unwrap()
}

/// `on_hand reserved committed` of a place.
#[track_caller]
pub fn check_level(shop: &Shop, at_place: &str, minute: i64, expected: [i64; 3]) {
    let facts = level(shop, at_place, at(minute)).facts;
    assert_eq!(
        [facts.on_hand, facts.reserved, facts.committed],
        expected,
        "{at_place} at {minute}"
    );
}

pub fn found(shop: &Shop, id: ReservationId) -> Reservation {
    shop.read(move |tx| {
        rows::find(tx, id)?.ok_or_else(|| StoreError::Bug("no such reservation".into()))
    })
}

/// `sku place quantity/backordered` of each line.
pub fn lines(reservation: &Reservation) -> String {
    let one = |l: &shopwright_app::inventory::ReservationLine| {
        format!("{} {} {}/{}", l.sku, l.location, l.quantity, l.backordered)
    };
    reservation.lines.iter().map(one).collect::<Vec<_>>().join(", ")
}
