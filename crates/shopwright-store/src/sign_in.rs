//! Tries to sign in, counted per account and per address in the ledger: a restart or another node
//! forgets none. Accounts are counted whether they exist or not.

use shopwright_domain::identity::SIGN_IN_WINDOW;
use shopwright_domain::time::Timestamp;

use crate::{StoreError, Tx, params};

/// Counters that are over and forgotten with each try, at most.
const FORGOTTEN_MAX: i64 = 100;

/// What is counted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryScope {
    /// The account that was named.
    Account,
    /// Where the try came from.
    Address,
}

impl TryScope {
    /// The stored text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Address => "address",
        }
    }
}

/// A counter after a try was added to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tries {
    /// When its window began.
    pub first_at: Timestamp,
    /// Tries in it, this one among them.
    pub tries: i64,
}

/// Counts a try; one that comes after the window begins a new one.
pub fn count(
    tx: &mut Tx<'_>,
    scope: TryScope,
    key: &str,
    now: Timestamp,
) -> Result<Tries, StoreError> {
    let over = now.plus_micros(-SIGN_IN_WINDOW);
    tx.one(
        "INSERT INTO sign_in_attempts (scope, attempt_key, first_at, tries) VALUES ($1, $2, $3, 1)
         ON CONFLICT (scope, attempt_key) DO UPDATE SET
             tries = CASE WHEN sign_in_attempts.first_at <= $4 THEN 1 ELSE sign_in_attempts.tries + 1 END,
             first_at = CASE WHEN sign_in_attempts.first_at <= $4 THEN excluded.first_at ELSE sign_in_attempts.first_at END
         RETURNING first_at, tries",
        params![scope.as_str(), key, now, over],
        |row| Ok(Tries { first_at: row.get(0)?, tries: row.get(1)? }),
    )
}

/// Forgets a counter.
pub fn reset(tx: &mut Tx<'_>, scope: TryScope, key: &str) -> Result<(), StoreError> {
    tx.execute(
        "DELETE FROM sign_in_attempts WHERE scope = $1 AND attempt_key = $2",
        params![scope.as_str(), key],
    )?;
    Ok(())
}

/// Forgets some counters whose window is over, so that the table stays small.
pub fn forget_old(tx: &mut Tx<'_>, now: Timestamp) -> Result<(), StoreError> {
    let skip = tx.for_update_skip_locked();
    tx.execute(
        &format!(
            "DELETE FROM sign_in_attempts WHERE (scope, attempt_key) IN
             (SELECT scope, attempt_key FROM sign_in_attempts WHERE first_at <= $1
              ORDER BY scope, attempt_key LIMIT $2{skip})"
        ),
        params![now.plus_micros(-SIGN_IN_WINDOW), FORGOTTEN_MAX],
    )?;
    Ok(())
}
