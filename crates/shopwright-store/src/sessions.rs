//! Sessions of operators. A session's token is kept as its SHA-256 only: whoever reads the database
//! can sign in as nobody.

use shopwright_domain::ids::{OperatorId, SessionId};
use shopwright_domain::time::Timestamp;

use crate::operators::{self, OPERATOR_COLUMNS, Operator};
use crate::{Row, StoreError, Tx, params};

/// Sessions listed of one operator at most.
const LISTED_MAX: i64 = 100;

/// One sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its id, which opens nothing.
    pub session_id: SessionId,
    /// SHA-256 of the token in the cookie.
    pub token_hash: Vec<u8>,
    /// Whose it is.
    pub operator_id: OperatorId,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used, within a minute or so.
    pub last_seen_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// The browser, in a few words.
    pub user_agent: String,
    /// The address it began from, truncated to its network.
    pub address: String,
}

const COLUMNS: &str = "s.session_id, s.token_hash, s.operator_id, s.created_at, s.last_seen_at, s.expires_at, s.user_agent, s.address";

fn session(row: &Row<'_>, first: usize) -> Result<Session, StoreError> {
    Ok(Session {
        session_id: row.get(first)?,
        token_hash: row.get(first + 1)?,
        operator_id: row.get(first + 2)?,
        created_at: row.get(first + 3)?,
        last_seen_at: row.get(first + 4)?,
        expires_at: row.get(first + 5)?,
        user_agent: row.get(first + 6)?,
        address: row.get(first + 7)?,
    })
}

/// Begins a session.
pub fn insert(tx: &mut Tx<'_>, session: &Session) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO operator_sessions (session_id, token_hash, operator_id, created_at, last_seen_at, expires_at, user_agent, address)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        params![
            session.session_id,
            &session.token_hash,
            session.operator_id,
            session.created_at,
            session.last_seen_at,
            session.expires_at,
            &session.user_agent,
            &session.address,
        ],
    )?;
    Ok(())
}

/// The session with this token and its operator, unless it was revoked or the operator may not sign
/// in. Whether it is over by its age is the caller's to decide.
pub fn find(tx: &mut Tx<'_>, token_hash: &[u8]) -> Result<Option<(Operator, Session)>, StoreError> {
    let sql = format!(
        "SELECT {}, {COLUMNS} FROM operator_sessions s JOIN operators o ON o.operator_id = s.operator_id
         WHERE s.token_hash = $1 AND s.revoked_at IS NULL AND o.disabled_at IS NULL",
        operators::columns()
    );
    tx.find(&sql, params![token_hash], |row| {
        Ok((operators::operator(row)?, session(row, OPERATOR_COLUMNS)?))
    })
}

/// An operator's sessions that are not revoked and not past their end, the last used first.
pub fn list(
    tx: &mut Tx<'_>,
    operator_id: OperatorId,
    now: Timestamp,
) -> Result<Vec<Session>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM operator_sessions s
         WHERE s.operator_id = $1 AND s.revoked_at IS NULL AND s.expires_at > $2
         ORDER BY s.last_seen_at DESC, s.session_id DESC LIMIT $3"
    );
    tx.query(&sql, params![operator_id, now, LISTED_MAX], |row| session(row, 0))
}

/// Notes that a session was used.
pub fn touch(tx: &mut Tx<'_>, id: SessionId, now: Timestamp) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE operator_sessions SET last_seen_at = $2 WHERE session_id = $1 AND last_seen_at < $2",
        params![id, now],
    )?;
    Ok(())
}

/// Ends one session of an operator. `false` when there is none that goes on.
pub fn revoke(
    tx: &mut Tx<'_>,
    operator_id: OperatorId,
    id: SessionId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let ended = tx.execute(
        "UPDATE operator_sessions SET revoked_at = $3
         WHERE session_id = $1 AND operator_id = $2 AND revoked_at IS NULL",
        params![id, operator_id, now],
    )?;
    Ok(ended > 0)
}

/// Ends the session with this token, whoever's it is.
pub fn revoke_token(tx: &mut Tx<'_>, token_hash: &[u8], now: Timestamp) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE operator_sessions SET revoked_at = $2 WHERE token_hash = $1 AND revoked_at IS NULL",
        params![token_hash, now],
    )?;
    Ok(())
}

/// Ends every session of an operator; gives how many there were.
pub fn revoke_all(
    tx: &mut Tx<'_>,
    operator_id: OperatorId,
    now: Timestamp,
) -> Result<u64, StoreError> {
    tx.execute(
        "UPDATE operator_sessions SET revoked_at = $2 WHERE operator_id = $1 AND revoked_at IS NULL",
        params![operator_id, now],
    )
}

/// Forgets an operator's sessions that were over before `end`, with the addresses in them.
pub fn delete_old(
    tx: &mut Tx<'_>,
    operator_id: OperatorId,
    end: Timestamp,
) -> Result<(), StoreError> {
    tx.execute(
        "DELETE FROM operator_sessions WHERE operator_id = $1 AND (expires_at < $2 OR revoked_at < $2)",
        params![operator_id, end],
    )?;
    Ok(())
}
