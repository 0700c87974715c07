//! Stock at work. Reservations promise it, counts, movements and deliveries move it.
//!
//! Every `…_in` function works inside its caller's transaction, so that an order and its stock are
//! one write. An error asks the caller to return an error of its own: nothing is then kept.
//! Rows are locked in one order everywhere: the reservation or delivery, then levels by SKU and
//! location, and the audit log last. The time of an operation is never before that of the last one on the same level.

mod booked_lines;
mod deliveries;
mod give_back;
mod places;
mod reserve;
mod shelf;
mod steps;
mod sweep;

pub(crate) use booked_lines::book_lines_since;
pub use deliveries::{
    CloseDeliveryError, ExpectDelivery, ExpectDeliveryError, cancel_delivery_in,
    expect_delivery_in, receive_delivery_in,
};
pub use give_back::{GiveBackError, GivenBack, give_back_in};
pub use places::{LocationChangeError, put_location_in, set_backorder_in};
pub use reserve::{Reserve, ReserveError, reserve_in, sell_in};
pub use shelf::{BookMovement, CountStock, ShelfChange, ShelfError, book_movement_in, count_in};
pub use steps::{StepError, commit_in, extend_in, release_in, ship_in};
pub use sweep::sweep_expired;

pub use shopwright_domain::inventory::{HOLD_DEFAULT, Shortage, WantedLine};
pub use shopwright_store::inventory::reservations::{Reservation, ReservationLine};

use shopwright_domain::inventory::latest;
use shopwright_domain::time::Timestamp;
use shopwright_store::inventory::levels::LockedLevel;

/// The time of an operation that has locked these levels.
fn time_of(levels: &[LockedLevel], now: Timestamp) -> Timestamp {
    latest(now, levels.iter().filter_map(|level| level.decided_at))
}
