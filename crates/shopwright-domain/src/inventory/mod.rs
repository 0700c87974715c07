//! Stock, the rules: what can be promised, from which location, and what becomes of a promise.
//!
//! Nothing here reads a clock: a time that never runs backwards is made of the clock's and of the
//! latest time each touched level was decided on (`latest`).

mod allocation;
mod movement;
mod reservation;

#[cfg(test)]
mod tests;

pub use allocation::{
    Allocation, LINES_MAX, LevelFacts, PIECES_MAX, Shortage, ShortageReason, WantedError,
    WantedLine, allocate, merge_lines, promise_again,
};
pub use movement::{
    Authority, LOCATION_BYTES_MAX, LocationError, MovementReason, REFERENCE_BYTES_MAX,
    ReferenceError, UnknownWordError, location_name, reference_text,
};
pub use reservation::{
    HOLD_DEFAULT, HOLD_MAX, HOLD_MIN, Held, ReservationState, Step, Transition, TransitionError,
    decide, extended_until, latest,
};
