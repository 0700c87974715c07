//! A delivery comes in: kept, sealed, before it is answered. Its signature was checked before.

use serde_json::{Value as Json, json};
use shopwright_domain::ids::EffectId;
use shopwright_domain::money::Currency;
use shopwright_domain::platforms::Platform;
use shopwright_domain::time::{DAY, Timestamp};
use shopwright_store::effects::{self, NewEffect};
use shopwright_store::inbound::{self, Inbound, InboundState};
use shopwright_store::{Store, StoreError, Tx};

use super::process::{INBOUND, takes};
use crate::customers::tombstone;
use crate::effects::Outside;
use crate::platforms::customer_id;

/// How long deliveries are kept.
const KEPT: i64 = 30 * DAY;
/// Deliveries dropped in one transaction.
const DROPPED_AT_ONCE: i64 = 500;

/// A delivery whose signature holds.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// The id it gets if it is new.
    pub effect_id: EffectId,
    /// Who sent it.
    pub platform: Platform,
    /// The platform's id of it.
    pub delivery_id: String,
    /// What it is about: `orders/paid`.
    pub topic: String,
    /// What was sent.
    pub body: Vec<u8>,
    /// The shop's currency, for amounts that name none.
    pub currency: Currency,
}

/// Whether a delivery is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// It is kept and will be applied.
    Kept,
    /// It is kept; there is nothing to apply.
    Ignored,
    /// It came before.
    Again,
}

/// Keeps a delivery and has it applied. What came before changes nothing.
pub async fn receive(
    store: &Store,
    arrived: Arrived,
    outside: &Outside,
    now: Timestamp,
) -> Result<Received, StoreError> {
    let hash = person(&arrived);
    let taken = takes(arrived.platform, &arrived.topic);
    let sealed = outside.seal(&arrived.body, &arrived.effect_id.to_string());
    let kept = Inbound {
        effect_id: arrived.effect_id,
        platform: arrived.platform,
        delivery_id: arrived.delivery_id,
        topic: arrived.topic,
        body: taken.then_some(sealed),
        received_at: now,
        state: if taken { InboundState::Waiting } else { InboundState::Ignored },
        outcome: (!taken).then(|| "this topic is not taken".to_owned()),
        finished_at: (!taken).then_some(now),
    };
    let currency = arrived.currency;
    store
        .write(move |tx| {
            if !inbound::insert(tx, &kept, hash.as_deref())? {
                return Ok(Received::Again);
            }
            if !taken {
                return Ok(Received::Ignored);
            }
            add_effect(tx, &kept, currency, now)?;
            Ok(Received::Kept)
        })
        .await
}

fn add_effect(
    tx: &mut Tx<'_>,
    kept: &Inbound,
    currency: Currency,
    now: Timestamp,
) -> Result<(), StoreError> {
    let subject = format!("{} {}", kept.platform.as_str(), kept.topic);
    let effect = NewEffect {
        effect_id: kept.effect_id,
        kind: INBOUND,
        subject: &subject,
        payload: json!({ "currency": currency }),
        due_at: now,
        now,
    };
    effects::add(tx, &effect).map(|_| ())
}

/// What an erasure will look for: the person a body is about.
fn person(arrived: &Arrived) -> Option<Vec<u8>> {
    let body: Json = serde_json::from_slice(&arrived.body).ok()?;
    let of_itself = arrived.topic.starts_with("customer") && !body["id"].is_null();
    let named = if of_itself {
        &body["id"]
    } else if body["customer"].is_object() {
        &body["customer"]["id"]
    } else {
        &body["customer_id"]
    };
    let id = named.as_u64().filter(|id| *id > 0)?;
    let id = customer_id(arrived.platform.as_str(), &id.to_string()).ok()?;
    Some(tombstone(&id))
}

/// Why a delivery is not tried again.
#[derive(Debug, thiserror::Error)]
pub enum ReopenError {
    /// There is no such delivery.
    #[error("there is no inbound webhook {0}")]
    NotFound(EffectId),
    /// It was not given up, or its body is gone.
    #[error("only a webhook that was given up and still has its body can be tried again")]
    NotGivenUp,
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Has a delivery that was given up tried again, now. One that waits stays as it is.
pub fn reopen(
    tx: &mut Tx<'_>,
    id: EffectId,
    currency: Currency,
    now: Timestamp,
) -> Result<Inbound, ReopenError> {
    let known = inbound::lock(tx, id)?.ok_or(ReopenError::NotFound(id))?;
    if known.state != InboundState::Waiting {
        if !inbound::reopen(tx, id)? {
            return Err(ReopenError::NotGivenUp);
        }
        if effects::retry(tx, id, now)?.is_none() {
            add_effect(tx, &known, currency, now)?;
        }
    }
    inbound::find(tx, id)?.ok_or(ReopenError::NotFound(id))
}

/// Drops what came more than 30 days ago and waits for nothing. Gives how many.
pub async fn sweep_inbound(store: &Store, now: Timestamp) -> Result<u64, StoreError> {
    let before = now.plus_micros(-KEPT);
    let mut gone = 0;
    loop {
        let dropped =
            store.write(move |tx| inbound::delete_before(tx, before, DROPPED_AT_ONCE)).await?;
        gone += dropped;
        if dropped == 0 {
            return Ok(gone);
        }
    }
}
