//! How the proof talks to a contender in another process: one JSON object a line, each answered by
//! one line, so that rounds of all contenders take turns in one run.

use serde::{Deserialize, Serialize};

use crate::load::{Load, LoadResult};
use crate::queries::Case;
use crate::session::Dialect;

/// What the proof asks for.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Request {
    /// Create and fill the tables.
    Prepare(Dialect),
    /// One round of a query.
    Round {
        /// On which database.
        on: Dialect,
        /// Which query.
        case: Case,
        /// The seed of the round's values.
        salt: u64,
    },
    /// Reservations under load.
    Load {
        /// On which database.
        on: Dialect,
        /// How many at once, and for how long.
        load: Load,
        /// Operations committed together.
        group: usize,
    },
}

/// What a contender answers.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Answer {
    /// The tables are there.
    Prepared,
    /// How long the round took, nanoseconds.
    Round(u64),
    /// What the load did.
    Load(LoadResult),
}
