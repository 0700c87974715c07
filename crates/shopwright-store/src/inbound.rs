//! Webhooks that shop platforms sent: each delivery once, its body sealed, and what came of it.
//!
//! A delivery is known by platform and the platform's id of it, and done by the effect of its own id.

use shopwright_domain::ids::EffectId;
use shopwright_domain::platforms::Platform;
use shopwright_domain::time::Timestamp;

use crate::{Page, Row, StoreError, Tx, params};

/// Bytes of an outcome that are kept.
const OUTCOME_BYTES_MAX: usize = 1_000;

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InboundState {
    /// To be applied.
    Waiting,
    /// Applied.
    Done,
    /// Nothing to apply.
    Ignored,
    /// It cannot be applied; somebody has to look.
    GivenUp,
}

impl InboundState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Done, Self::Ignored, Self::GivenUp];

    /// The stored text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Done => "done",
            Self::Ignored => "ignored",
            Self::GivenUp => "given_up",
        }
    }

    /// Reads a stored text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// A delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inbound {
    /// Its id, and that of the effect that applies it.
    pub effect_id: EffectId,
    /// Who sent it.
    pub platform: Platform,
    /// What the platform calls it.
    pub delivery_id: String,
    /// What it is about: `orders/paid`.
    pub topic: String,
    /// What was sent, sealed; `None` once it was dropped.
    pub body: Option<Vec<u8>>,
    /// When it came.
    pub received_at: Timestamp,
    /// What became of it.
    pub state: InboundState,
    /// In words.
    pub outcome: Option<String>,
    /// When it was applied or given up.
    pub finished_at: Option<Timestamp>,
}

const COLUMNS: &str = "SELECT effect_id, platform, delivery_id, topic, body, received_at, state, outcome, finished_at \
     FROM inbound_webhooks";

fn inbound(row: &Row<'_>) -> Result<Inbound, StoreError> {
    Ok(Inbound {
        effect_id: row.get(0)?,
        platform: row.parse(1, |text: String| text.parse())?,
        delivery_id: row.get(2)?,
        topic: row.get(3)?,
        body: row.get(4)?,
        received_at: row.get(5)?,
        state: row.parse(6, |text: String| {
            InboundState::parse(&text).ok_or_else(|| format!("`{text}` is no state"))
        })?,
        outcome: row.get(7)?,
        finished_at: row.get(8)?,
    })
}

/// Keeps a delivery; `customer_hash` names the person it is about. `false` when it came before.
pub fn insert(
    tx: &mut Tx<'_>,
    new: &Inbound,
    customer_hash: Option<&[u8]>,
) -> Result<bool, StoreError> {
    let kept = tx.execute(
        "INSERT INTO inbound_webhooks (effect_id, platform, delivery_id, topic, body, received_at, state, outcome,
             finished_at, customer_hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (platform, delivery_id) DO NOTHING",
        params![
            new.effect_id,
            new.platform.as_str(),
            &new.delivery_id,
            &new.topic,
            new.body.as_deref(),
            new.received_at,
            new.state.as_str(),
            new.outcome.as_deref(),
            new.finished_at,
            customer_hash,
        ],
    )?;
    Ok(kept > 0)
}

/// One delivery.
pub fn find(tx: &mut Tx<'_>, id: EffectId) -> Result<Option<Inbound>, StoreError> {
    tx.find(&format!("{COLUMNS} WHERE effect_id = $1"), params![id], inbound)
}

/// One delivery, locked until the end of the transaction.
pub fn lock(tx: &mut Tx<'_>, id: EffectId) -> Result<Option<Inbound>, StoreError> {
    let lock = tx.for_update();
    tx.find(&format!("{COLUMNS} WHERE effect_id = $1{lock}"), params![id], inbound)
}

/// Notes what became of a delivery that waited.
pub fn finish(
    tx: &mut Tx<'_>,
    id: EffectId,
    (state, outcome): (InboundState, &str),
    at: Timestamp,
) -> Result<(), StoreError> {
    let mut end = outcome.len().min(OUTCOME_BYTES_MAX);
    while !outcome.is_char_boundary(end) {
        end -= 1;
    }
    tx.execute(
        "UPDATE inbound_webhooks SET state = $2, outcome = $3, finished_at = $4
         WHERE effect_id = $1 AND state = 'waiting'",
        params![id, state.as_str(), &outcome[..end], at],
    )?;
    Ok(())
}

/// Lets a delivery that was given up wait again. Gives whether it did.
pub fn reopen(tx: &mut Tx<'_>, id: EffectId) -> Result<bool, StoreError> {
    let reopened = tx.execute(
        "UPDATE inbound_webhooks SET state = 'waiting', finished_at = NULL
         WHERE effect_id = $1 AND state = 'given_up' AND body IS NOT NULL",
        params![id],
    )?;
    Ok(reopened > 0)
}

/// A page of deliveries, newest first.
pub fn list(
    tx: &mut Tx<'_>,
    state: Option<InboundState>,
    page: &Page<EffectId>,
) -> Result<Vec<Inbound>, StoreError> {
    let state = state.map_or("", InboundState::as_str);
    let select = format!("{COLUMNS} WHERE ($1 = '' OR state = $1)");
    page.newest_first(tx, (&select, "effect_id"), vec![state.into()], inbound)
}

/// Drops the bodies about a person.
pub fn forget_customer(tx: &mut Tx<'_>, customer_hash: &[u8]) -> Result<u64, StoreError> {
    tx.execute(
        "UPDATE inbound_webhooks SET body = NULL WHERE customer_hash = $1 AND body IS NOT NULL",
        params![customer_hash],
    )
}

/// Drops up to `limit` deliveries that came before a time and wait for nothing. Gives how many.
pub fn delete_before(tx: &mut Tx<'_>, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    tx.execute(
        "DELETE FROM inbound_webhooks WHERE effect_id IN (SELECT effect_id FROM inbound_webhooks
             WHERE received_at < $1 AND state <> 'waiting' ORDER BY received_at LIMIT $2)",
        params![before, limit],
    )
}
