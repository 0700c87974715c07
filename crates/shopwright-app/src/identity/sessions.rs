//! Sessions of operators: begun, found again at every request, ended.

use serde_json::json;
use shopwright_domain::identity::{SEEN_EVERY, SESSION_LIFE_MAX, session_is_live};
use shopwright_domain::ids::{OperatorId, SessionId};
use shopwright_domain::time::{DAY, Timestamp};
use shopwright_store::audit::{self, Actor, Stamp};
use shopwright_store::operators::Operator;
use shopwright_store::sessions::{self, Session};
use shopwright_store::{Store, StoreError, Tx};

use super::token::Token;

/// Sessions that are over are forgotten after this long, with the addresses in them.
const SESSIONS_KEPT: i64 = 30 * DAY;

/// What a new session is made of.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Its id.
    pub session_id: SessionId,
    /// Its token.
    pub token: Token,
    /// The session the browser had before, which ends.
    pub replaces: Option<Token>,
    /// The browser, in a few words.
    pub user_agent: String,
    /// The address, truncated to its network.
    pub address: String,
}

/// Begins a session in a running transaction, and ends the one it replaces.
pub(super) fn begin(
    tx: &mut Tx<'_>,
    operator_id: OperatorId,
    new: &NewSession,
    now: Timestamp,
) -> Result<(), StoreError> {
    if let Some(token) = &new.replaces {
        sessions::revoke_token(tx, &token.hash(), now)?;
    }
    sessions::delete_old(tx, operator_id, now.plus_micros(-SESSIONS_KEPT))?;
    sessions::insert(
        tx,
        &Session {
            session_id: new.session_id,
            token_hash: new.token.hash(),
            operator_id,
            created_at: now,
            last_seen_at: now,
            expires_at: now.plus_micros(SESSION_LIFE_MAX),
            user_agent: new.user_agent.clone(),
            address: new.address.clone(),
        },
    )
}

/// Begins a session for somebody whose right to it was just proven by other means: a one-time link,
/// or the demo's own door.
pub async fn begin_session(
    store: &Store,
    operator_id: OperatorId,
    new: NewSession,
    now: Timestamp,
) -> Result<(), StoreError> {
    store
        .write(move |tx| {
            audit::lock(tx)?;
            begin(tx, operator_id, &new, now)?;
            let stamp = Stamp::new(Actor::Operator(operator_id), now);
            let object = operator_id.to_string();
            audit::record(tx, &stamp.entry("operator.signed_in", object, None, None))?;
            Ok(())
        })
        .await
}

/// The operator and session behind a token, if it opens. Asked at every request, so that what was
/// revoked on one node opens on none.
pub async fn find_session(
    store: &Store,
    token: &Token,
    now: Timestamp,
) -> Result<Option<(Operator, Session)>, StoreError> {
    let hash = token.hash();
    let found = store.read(move |tx| sessions::find(tx, &hash)).await?;
    let live = |s: &Session| session_is_live(now, s.last_seen_at, s.expires_at);
    let Some((operator, session)) = found.filter(|(_, session)| live(session)) else {
        return Ok(None);
    };
    if now.as_micros() - session.last_seen_at.as_micros() >= SEEN_EVERY {
        let id = session.session_id;
        store.write(move |tx| sessions::touch(tx, id, now)).await?;
    }
    Ok(Some((operator, session)))
}

/// Signs out: ends this session. Doing it twice changes nothing.
pub async fn end_session(
    store: &Store,
    operator_id: OperatorId,
    session_id: SessionId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    store
        .write(move |tx| {
            audit::lock(tx)?;
            let ended = sessions::revoke(tx, operator_id, session_id, now)?;
            if ended {
                let stamp = Stamp::new(Actor::Operator(operator_id), now);
                let after = json!({ "session": session_id });
                let object = operator_id.to_string();
                let entry = stamp.entry("operator.session_ended", object, None, Some(after));
                audit::record(tx, &entry)?;
            }
            Ok(ended)
        })
        .await
}
