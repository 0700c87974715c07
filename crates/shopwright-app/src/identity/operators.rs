//! Operators: invited, given roles, disabled. Nobody can take the last owner away.
//!
//! Every operation takes the audit log's lock before it looks: two owners who remove each other at
//! once are decided one after the other.

use serde_json::{Value as Json, json};
use shopwright_domain::identity::Role;
use shopwright_domain::ids::OperatorId;
use shopwright_domain::time::Timestamp;
use shopwright_store::audit::{self, Stamp};
use shopwright_store::operators::{self, Operator};
use shopwright_store::{Store, StoreError, Tx, sessions};

/// Why a change to an operator was refused; nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// There is no such operator.
    #[error("there is no such operator")]
    Unknown,
    /// It would leave nobody who may manage the shop.
    #[error("this is the last owner; make somebody else an owner first")]
    LastOwner,
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What the audit log says of an operator.
pub(super) fn audited(operator: &Operator) -> Json {
    json!({
        "email": operator.email,
        "name": operator.name,
        "role": operator.role.as_str(),
        "disabled": operator.disabled_at.is_some(),
    })
}

/// Loads an operator that is about to change, under the lock.
pub(super) fn load(tx: &mut Tx<'_>, id: OperatorId) -> Result<Operator, OperatorError> {
    audit::lock(tx)?;
    operators::find(tx, id)?.ok_or(OperatorError::Unknown)
}

/// An owner who may sign in is about to be none any more.
fn refuse_last_owner(tx: &mut Tx<'_>, operator: &Operator) -> Result<(), OperatorError> {
    let is_active_owner = operator.role == Role::Owner && operator.disabled_at.is_none();
    if is_active_owner && operators::active_owners(tx)? <= 1 {
        return Err(OperatorError::LastOwner);
    }
    Ok(())
}

/// Gives an operator another role, and ends the sessions begun under the old one.
pub async fn change_role(
    store: &Store,
    id: OperatorId,
    role: Role,
    stamp: Stamp,
) -> Result<(), OperatorError> {
    store
        .write(move |tx| {
            let before = load(tx, id)?;
            if before.role == role {
                return Ok(());
            }
            if role != Role::Owner {
                refuse_last_owner(tx, &before)?;
            }
            operators::set_role(tx, id, role)?;
            sessions::revoke_all(tx, id, stamp.at)?;
            let after = Operator { role, ..before.clone() };
            let (before, after) = (audited(&before), audited(&after));
            let entry =
                stamp.entry("operator.role_changed", id.to_string(), Some(before), Some(after));
            audit::record(tx, &entry)?;
            Ok(())
        })
        .await
}

/// Lets an operator sign in no more: sessions end and open links to it stop opening.
pub async fn disable(store: &Store, id: OperatorId, stamp: Stamp) -> Result<(), OperatorError> {
    store
        .write(move |tx| {
            let before = load(tx, id)?;
            if before.disabled_at.is_some() {
                return Ok(());
            }
            refuse_last_owner(tx, &before)?;
            operators::set_disabled(tx, id, Some(stamp.at))?;
            operators::end_links(tx, Some(&before.email), Some(id), stamp.at)?;
            sessions::revoke_all(tx, id, stamp.at)?;
            record_disabled(tx, before, Some(stamp.at), stamp)
        })
        .await
}

/// Lets a disabled operator sign in again.
pub async fn enable(store: &Store, id: OperatorId, stamp: Stamp) -> Result<(), OperatorError> {
    store
        .write(move |tx| {
            let before = load(tx, id)?;
            if before.disabled_at.is_none() {
                return Ok(());
            }
            operators::set_disabled(tx, id, None)?;
            record_disabled(tx, before, None, stamp)
        })
        .await
}

fn record_disabled(
    tx: &mut Tx<'_>,
    before: Operator,
    disabled_at: Option<Timestamp>,
    stamp: Stamp,
) -> Result<(), OperatorError> {
    let action = if disabled_at.is_some() { "operator.disabled" } else { "operator.enabled" };
    let after = Operator { disabled_at, ..before.clone() };
    let object = before.operator_id.to_string();
    audit::record(tx, &stamp.entry(action, object, Some(audited(&before)), Some(audited(&after))))?;
    Ok(())
}

/// Ends every session of an operator; gives how many there were.
pub async fn end_sessions(
    store: &Store,
    id: OperatorId,
    stamp: Stamp,
) -> Result<u64, OperatorError> {
    store
        .write(move |tx| {
            load(tx, id)?;
            let ended = sessions::revoke_all(tx, id, stamp.at)?;
            if ended > 0 {
                let after = Some(json!({ "ended": ended }));
                let entry = stamp.entry("operator.sessions_ended", id.to_string(), None, after);
                audit::record(tx, &entry)?;
            }
            Ok(ended)
        })
        .await
}

/// Whether anybody may manage the shop.
pub async fn has_owner(store: &Store) -> Result<bool, StoreError> {
    store.read(|tx| Ok(operators::active_owners(tx)? > 0)).await
}
