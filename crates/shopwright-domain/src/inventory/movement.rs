//! Why stock moves, where it lies, and who owns the truth about it.
//!
//! The text forms are stored in the ledger and never change.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest name of a location, in bytes.
pub const LOCATION_BYTES_MAX: usize = 60;

/// Why a movement was booked by hand or by a reservation. Lines of histories move stock under
/// their own kinds, which are other words, so that references of the two never meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MovementReason {
    /// Goods that came in.
    Receipt,
    /// A delivery that was expected came in.
    Delivery,
    /// Goods that are gone unsold: damaged, lost, thrown away.
    WrittenOff,
    /// The books were wrong by this much, as the owner says.
    Correction,
    /// A count found more or fewer than the books.
    Recount,
    /// A reservation left the house.
    Shipment,
    /// Pieces of a shipped reservation are back on the shelf.
    Restock,
}

impl MovementReason {
    /// The stored text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Receipt => "receipt",
            Self::Delivery => "delivery",
            Self::WrittenOff => "written_off",
            Self::Correction => "correction",
            Self::Recount => "recount",
            Self::Shipment => "shipment",
            Self::Restock => "restock",
        }
    }

    /// Whether pieces may move this way: a receipt adds, a write-off takes, a correction does either.
    pub const fn fits(self, quantity: i64) -> bool {
        match self {
            Self::Receipt | Self::Delivery | Self::Restock => quantity > 0,
            Self::WrittenOff | Self::Shipment => quantity < 0,
            Self::Correction | Self::Recount => quantity != 0,
        }
    }
}

/// Who owns the truth about a location's stock. Only ours is promised never to be oversold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Authority {
    /// This ledger: what it says is so.
    Ours,
    /// A shop platform: this ledger mirrors it, a little late.
    External,
}

impl Authority {
    /// The stored text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::External => "external",
        }
    }
}

/// A stored text that names nothing here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a word of the stock ledger")]
pub struct UnknownWordError(pub String);

impl FromStr for Authority {
    type Err = UnknownWordError;

    fn from_str(text: &str) -> Result<Self, UnknownWordError> {
        let found = [Self::Ours, Self::External].into_iter().find(|a| a.as_str() == text);
        found.ok_or_else(|| UnknownWordError(text.to_owned()))
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that cannot name a location.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a location is named by 1 to {LOCATION_BYTES_MAX} of a-z, A-Z, 0-9, `_` and `-`")]
pub struct LocationError;

/// Checks the name of a location. It has no separators, so that it can stand inside other ids.
pub fn location_name(text: &str) -> Result<&str, LocationError> {
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if plain && (1..=LOCATION_BYTES_MAX).contains(&text.len()) {
        Ok(text)
    } else {
        Err(LocationError)
    }
}

/// The longest reference, in bytes.
pub const REFERENCE_BYTES_MAX: usize = 200;

/// A text that cannot be a reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a reference has 1 to {REFERENCE_BYTES_MAX} bytes and no control characters")]
pub struct ReferenceError;

/// Checks what the caller calls its own doing by, so that the same call twice is one.
pub fn reference_text(text: &str) -> Result<&str, ReferenceError> {
    let plain = !text.chars().any(char::is_control);
    if plain && (1..=REFERENCE_BYTES_MAX).contains(&text.len()) {
        Ok(text)
    } else {
        Err(ReferenceError)
    }
}
