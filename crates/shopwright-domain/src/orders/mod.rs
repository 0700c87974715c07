//! Orders and refunds: what a line of a shop's history is, and how it is booked.
//!
//! Each layout a shop can hand over has a module of its own here; they all end in the document
//! and line kinds of [`kinds`], so the ledger needs to know only those.

pub mod kinds;
pub mod online_retail;

pub use kinds::{DocumentKind, LineKind, StockEffect, UnknownKindError};
