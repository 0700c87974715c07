//! Recommenders: models over plain events, and a blend of them that the data itself chooses.
//!
//! Items and users are numbers from 0; who they are is the caller's business. Fitting takes events
//! and a seed, serving takes a history; neither reads a clock. All scores are f32: they order
//! items and decide no money.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "counts of items and users are far below 2^32, and scores only order items"
)]

pub mod als;
pub mod blend;
pub mod channel;
pub mod ease;
pub mod engine;
pub mod inverse;
pub mod linear;
pub mod metrics;
pub mod neighbours;
pub mod personal;
pub mod row_knn;
pub mod rows;
pub mod scores;
pub mod slice;

/// What a person did with an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deed {
    /// Looked at it.
    View,
    /// Put it into a cart.
    Cart,
    /// Bought it.
    Purchase,
    /// Said to like it.
    Like,
}

impl Deed {
    /// How much the deed tells, with a view as the unit.
    pub fn weight(self) -> f32 {
        match self {
            Self::View => 1.0,
            Self::Cart => 1.5,
            Self::Purchase | Self::Like => 2.0,
        }
    }
}

/// One deed of one user. Time in unix seconds, 0 when it is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Who, from 0.
    pub user: u32,
    /// What, from 0.
    pub item: u32,
    /// How.
    pub deed: Deed,
    /// When.
    pub time: i64,
}

/// One deed of the person who is recommended to; a history is ordered oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Past {
    /// What.
    pub item: u32,
    /// How.
    pub deed: Deed,
    /// When; 0 when it is not known.
    pub time: i64,
}

/// What is asked of a recommender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// What a user takes next, of what they have not had.
    Discover,
    /// What a user takes next, of everything.
    Repeat,
    /// What a visitor looks at next; the item they are on is left out.
    Session,
    /// What goes into one basket with the given items.
    Together,
}

/// Why nothing was fitted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecommendError {
    /// There is nothing to learn from.
    #[error("there are no events; give at least one")]
    NoEvents,
    /// The matrix could not be inverted.
    #[error("the item matrix is singular; use a larger regularisation")]
    Singular,
}

/// Two deeds further apart than this belong to two visits.
pub const VISIT_GAP_SECONDS: i64 = 4 * 3600;
/// The most items of one history that are looked at: the last ones.
pub const HISTORY: usize = 500;
/// Seconds in a day.
pub const DAY: f32 = 86_400.0;
