//! The life of a reservation: open → committed → shipped, with expiry, release and one extension.
//!
//! Every transition may be sent again and changes nothing the second time. An open reservation
//! stops holding at the instant it expires; whether a sweep has written that down makes no difference.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::movement::UnknownWordError;
use crate::time::{HOUR, MINUTE, SECOND, Timestamp};

/// How long a reservation holds when nobody says otherwise, microseconds.
pub const HOLD_DEFAULT: i64 = 15 * MINUTE;
/// The shortest hold.
pub const HOLD_MIN: i64 = SECOND;
/// The longest hold.
pub const HOLD_MAX: i64 = 24 * HOUR;

/// Where a reservation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReservationState {
    /// It holds stock until it expires.
    Open,
    /// It held stock and let go by itself.
    Expired,
    /// Sold: the pieces wait to be shipped.
    Committed,
    /// Given back.
    Released,
    /// Gone from the shelf.
    Shipped,
}

impl ReservationState {
    /// Every state.
    pub const ALL: [Self; 5] =
        [Self::Open, Self::Expired, Self::Committed, Self::Released, Self::Shipped];

    /// The stored text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Expired => "expired",
            Self::Committed => "committed",
            Self::Released => "released",
            Self::Shipped => "shipped",
        }
    }
}

impl fmt::Display for ReservationState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ReservationState {
    type Err = UnknownWordError;

    fn from_str(text: &str) -> Result<Self, UnknownWordError> {
        let found = Self::ALL.into_iter().find(|state| state.as_str() == text);
        found.ok_or_else(|| UnknownWordError(text.to_owned()))
    }
}

/// What a transition is decided from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// The stored state.
    pub state: ReservationState,
    /// How long it holds from the moment it is made or extended, microseconds.
    pub hold_micros: i64,
    /// When it lets go; the instant itself is no longer held.
    pub expires_at: Timestamp,
    /// How often it was extended.
    pub extensions: i64,
}

impl Held {
    /// The state at a time: an open reservation is expired from its expiry on.
    pub fn state_at(&self, now: Timestamp) -> ReservationState {
        if self.state == ReservationState::Open && now >= self.expires_at {
            ReservationState::Expired
        } else {
            self.state
        }
    }
}

/// What is asked of a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transition {
    /// Hold once more as long, counted from now.
    Extend,
    /// Sell.
    Commit,
    /// Give back.
    Release,
    /// Leave the shelf.
    Ship,
}

impl Transition {
    /// Every transition.
    pub const ALL: [Self; 4] = [Self::Extend, Self::Commit, Self::Release, Self::Ship];

    /// The word in the path of the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Extend => "extend",
            Self::Commit => "commit",
            Self::Release => "release",
            Self::Ship => "ship",
        }
    }
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing: it is done already.
    Done,
    /// Go on.
    Go,
    /// Go on only if the stock is still there: it was let go meanwhile.
    Recheck,
}

/// Why a transition is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransitionError {
    /// It let go before it was extended.
    #[error("the reservation has expired and holds nothing; make a new one")]
    Expired,
    /// The state does not allow it.
    #[error("a reservation that is {state} cannot take this step; it allows {allowed}", allowed = allowed(*state))]
    State {
        /// Where it stands.
        state: ReservationState,
    },
}

/// The steps a state allows, as a sentence names them.
fn allowed(state: ReservationState) -> &'static str {
    match state {
        ReservationState::Open => "extend, commit and release",
        ReservationState::Expired => "commit, if the stock is still there, and release",
        ReservationState::Committed => "ship and release",
        ReservationState::Released | ReservationState::Shipped => "none",
    }
}

/// Decides a transition at a time.
pub fn decide(held: &Held, step: Transition, now: Timestamp) -> Result<Step, TransitionError> {
    use ReservationState::{Committed, Expired, Open, Released, Shipped};
    let state = held.state_at(now);
    match (step, state) {
        (Transition::Extend, Open) if held.extensions > 0 => Ok(Step::Done),
        (Transition::Extend | Transition::Commit, Open)
        | (Transition::Release, Open | Expired | Committed)
        | (Transition::Ship, Committed) => Ok(Step::Go),
        (Transition::Commit, Expired) => Ok(Step::Recheck),
        (Transition::Commit, Committed | Shipped)
        | (Transition::Release, Released)
        | (Transition::Ship, Shipped) => Ok(Step::Done),
        (Transition::Extend, Expired) => Err(TransitionError::Expired),
        (_, state) => Err(TransitionError::State { state }),
    }
}

/// Until when an extended reservation holds: as long as it was made for, counted from now,
/// and never shorter than before.
pub fn extended_until(held: &Held, now: Timestamp) -> Timestamp {
    now.plus_micros(held.hold_micros).max(held.expires_at)
}

/// The time of an operation: the clock's, or the latest time anything it touches was decided on.
pub fn latest(clock: Timestamp, decided: impl IntoIterator<Item = Timestamp>) -> Timestamp {
    decided.into_iter().fold(clock, Timestamp::max)
}
