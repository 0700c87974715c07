//! What is told of customers: their ids and nothing else. An erasure takes the ids out of what was told
//! before, and is told by the hashes that stay: who knows an id finds it, and the ledger names nobody.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use shopwright_domain::customers::CustomerId;
use shopwright_domain::ids::{EventId, derived_uuid_at};
use shopwright_domain::time::Timestamp;
use shopwright_store::webhooks::{self, NewEvent};
use shopwright_store::{StoreError, Tx};
use uuid::Uuid;

use super::whose::tombstone;
use crate::catalog::Put;

const CREATED: &str = "customer.created";
const UPDATED: &str = "customer.updated";
const MERGED: &str = "customer.merged";
const ERASED: &str = "customer.erased";

/// Tells that a customer is new or was changed, and has this version now.
pub(super) fn tell_put(
    tx: &mut Tx<'_>,
    (id, version): (&CustomerId, i64),
    put: Put,
    at: Timestamp,
) -> Result<(), StoreError> {
    let kind = match put {
        Put::Created => CREATED,
        Put::Updated => UPDATED,
        Put::Unchanged => return Ok(()),
    };
    let salt = u128::from(version.unsigned_abs());
    record(tx, kind, (&[id], salt), json!({ "customer": id }), at)
}

/// Tells that one id stands for another customer now.
pub(super) fn tell_merged(
    tx: &mut Tx<'_>,
    (from, into): (&CustomerId, &CustomerId),
    at: Timestamp,
) -> Result<(), StoreError> {
    record(tx, MERGED, (&[from, into], 0), json!({ "from": from, "into": into }), at)
}

/// Tells that a person was erased, under every id they had, and takes the ids out of earlier events.
pub(super) fn tell_erased(
    tx: &mut Tx<'_>,
    ids: &[CustomerId],
    at: Timestamp,
) -> Result<(), StoreError> {
    let texts: Vec<&str> = ids.iter().map(CustomerId::as_str).collect();
    for field in ["customer", "from", "into"] {
        webhooks::forget_customers(tx, field, &texts)?;
    }
    let named: Vec<&CustomerId> = ids.iter().collect();
    let hashes: Vec<String> = ids.iter().map(|id| hex(&tombstone(id))).collect();
    record(tx, ERASED, (&named, 0), json!({ "customer_hashes": hashes }), at)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn record(
    tx: &mut Tx<'_>,
    kind: &'static str,
    (ids, salt): (&[&CustomerId], u128),
    data: Json,
    at: Timestamp,
) -> Result<(), StoreError> {
    let mut hash = Sha256::new_with_prefix(kind);
    for id in ids {
        hash.update([0]);
        hash.update(id.as_str());
    }
    let base = Uuid::from_slice(&hash.finalize()[..16]).unwrap_or_default();
    let event_id = EventId::from_uuid(derived_uuid_at(at, base, salt));
    webhooks::record_event(tx, &NewEvent { event_id, kind, data, at })?;
    Ok(())
}
