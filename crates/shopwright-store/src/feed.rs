//! The change feed: a counter per kind of thing that live snapshots follow, in this process or another.
//!
//! A writer bumps the counter in its own transaction and stamps its rows with the new value. On
//! PostgreSQL the row lock makes versions commit in order, so a follower that has seen version n
//! can never be handed a smaller one later.
//!
//! Inputs of prices have no feed: who changes one has the prices refreshed, and that moves theirs.
//! Effects have none either: workers look for what is due.

use crate::{Change, StoreError, Tx, params};

fn name(change: Change) -> &'static str {
    match change {
        Change::Prices | Change::PriceInputs => "prices",
        Change::Keys => "keys",
        Change::Effects => "effects",
    }
}

/// Takes the next version for rows written in this transaction, and tells this process after it.
pub fn advance(tx: &mut Tx<'_>, change: Change) -> Result<i64, StoreError> {
    tx.announce(change);
    tx.one(
        "UPDATE feeds SET version = version + 1 WHERE name = $1 RETURNING version",
        params![name(change)],
        |row| row.get(0),
    )
}

/// The latest committed version.
pub fn version(tx: &mut Tx<'_>, change: Change) -> Result<i64, StoreError> {
    tx.one("SELECT version FROM feeds WHERE name = $1", params![name(change)], |row| row.get(0))
}
