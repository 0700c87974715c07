//! Deliveries: one event on its way to one endpoint, with a log of every attempt.
//!
//! A delivery and the effect that carries it out have the same UUID, so a replay can never make two
//! effects work on one delivery.

use serde_json::json;
use shopwright_domain::ids::{EffectId, EventId, WebhookDeliveryId, WebhookEndpointId};
use shopwright_domain::time::Timestamp;

use crate::effects::{self, NewEffect};
use crate::webhooks::{Event, event_at};
use crate::{Column, Page, Row, StoreError, Tx, params};

/// The kind of the effect that carries out a delivery.
pub const DELIVER: &str = "webhook.deliver";

/// Where a delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeliveryState {
    /// On its way.
    Waiting,
    /// Taken by the receiver.
    Delivered,
    /// Not taken, and not tried any more.
    Failed,
}

impl DeliveryState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Delivered, Self::Failed];

    /// The stored text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    /// Reads the stored text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// A delivery as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// Its id.
    pub delivery_id: WebhookDeliveryId,
    /// Where it goes.
    pub endpoint_id: WebhookEndpointId,
    /// Where it is.
    pub state: DeliveryState,
    /// Tries since it was made or replayed.
    pub tries: i64,
    /// Attempts in its log.
    pub attempts: i64,
    /// Why the last try failed.
    pub last_error: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was taken or given up.
    pub finished_at: Option<Timestamp>,
    /// What it is about.
    pub event: Event,
}

const COLUMNS: &str = "SELECT d.delivery_id, d.endpoint_id, d.state, d.tries, d.attempts, d.last_error, d.created_at, d.finished_at, e.event_id, e.kind, e.data, e.at
     FROM webhook_deliveries d JOIN webhook_events e ON e.event_id = d.event_id JOIN webhook_endpoints p ON p.endpoint_id = d.endpoint_id AND p.deleted_at IS NULL";

fn delivery(row: &Row<'_>) -> Result<Delivery, StoreError> {
    Ok(Delivery {
        delivery_id: row.get(0)?,
        endpoint_id: row.get(1)?,
        state: row.parse(2, |text: String| {
            DeliveryState::parse(&text).ok_or_else(|| format!("`{text}` is no state"))
        })?,
        tries: row.get(3)?,
        attempts: row.get(4)?,
        last_error: row.get(5)?,
        created_at: row.get(6)?,
        finished_at: row.get(7)?,
        event: event_at(row, 8)?,
    })
}

pub(crate) struct NewDelivery {
    pub(crate) delivery_id: WebhookDeliveryId,
    pub(crate) event_id: EventId,
    pub(crate) endpoint_id: WebhookEndpointId,
    pub(crate) now: Timestamp,
}

fn effect_of(id: WebhookDeliveryId) -> EffectId {
    EffectId::from_uuid(id.uuid())
}

pub(crate) fn insert(tx: &mut Tx<'_>, new: &NewDelivery) -> Result<(), StoreError> {
    let added = tx.execute(
        "INSERT INTO webhook_deliveries (delivery_id, event_id, endpoint_id, state, tries, attempts, replays, created_at)
         VALUES ($1, $2, $3, 'waiting', 0, 0, 0, $4) ON CONFLICT (delivery_id) DO NOTHING",
        params![new.delivery_id, new.event_id, new.endpoint_id, new.now],
    )?;
    if added > 0 {
        add_effect(tx, new.delivery_id, new.now)?;
    }
    Ok(())
}

fn add_effect(tx: &mut Tx<'_>, id: WebhookDeliveryId, now: Timestamp) -> Result<bool, StoreError> {
    let effect = NewEffect {
        effect_id: effect_of(id),
        kind: DELIVER,
        subject: &id.to_string(),
        payload: json!({}),
        due_at: now,
        now,
    };
    effects::add(tx, &effect)
}

/// The delivery, if there is one.
pub fn find(tx: &mut Tx<'_>, id: WebhookDeliveryId) -> Result<Option<Delivery>, StoreError> {
    tx.find(&format!("{COLUMNS} WHERE d.delivery_id = $1"), params![id], delivery)
}

/// A page of deliveries to an endpoint, newest first, in one state or all.
pub fn list(
    tx: &mut Tx<'_>,
    endpoint_id: WebhookEndpointId,
    state: Option<DeliveryState>,
    page: &Page<WebhookDeliveryId>,
) -> Result<Vec<Delivery>, StoreError> {
    let state = state.map_or("", DeliveryState::as_str);
    let select = format!("{COLUMNS} WHERE d.endpoint_id = $1 AND ($2 = '' OR d.state = $2)");
    let params = vec![endpoint_id.into(), state.into()];
    page.newest_first(tx, (&select, "d.delivery_id"), params, delivery)
}

/// One attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When it began.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: i64,
    /// The HTTP status, if there was an answer.
    pub status: Option<i64>,
    /// Why it counts as failed.
    pub error: Option<String>,
    /// The first bytes of the answer.
    pub answer: String,
}

/// Writes an attempt and what it made of the delivery. `tries` counts it already.
pub fn record_attempt(
    tx: &mut Tx<'_>,
    id: WebhookDeliveryId,
    (state, tries): (DeliveryState, i64),
    attempt: &Attempt,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO webhook_attempts (delivery_id, number, at, took_ms, status, error, answer)
         SELECT delivery_id, attempts + 1, $2, $3, $4, $5, $6 FROM webhook_deliveries WHERE delivery_id = $1",
        params![id, attempt.at, attempt.took_ms, attempt.status, attempt.error.as_ref(), &attempt.answer],
    )?;
    tx.execute(
        "UPDATE webhook_deliveries SET attempts = attempts + 1, state = $2, tries = $3, last_error = $4, finished_at = $5
         WHERE delivery_id = $1",
        params![
            id,
            state.as_str(),
            tries,
            attempt.error.as_ref(),
            (state != DeliveryState::Waiting).then_some(now),
        ],
    )?;
    Ok(())
}

/// Gives a delivery up without an attempt.
pub fn give_up(
    tx: &mut Tx<'_>,
    id: WebhookDeliveryId,
    error: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE webhook_deliveries SET state = 'failed', last_error = $2, finished_at = $3
         WHERE delivery_id = $1 AND state = 'waiting'",
        params![id, error, now],
    )?;
    Ok(())
}

/// The attempts of a delivery, first to last.
pub fn attempts(tx: &mut Tx<'_>, id: WebhookDeliveryId) -> Result<Vec<Attempt>, StoreError> {
    tx.query(
        "SELECT at, took_ms, status, error, answer FROM webhook_attempts
         WHERE delivery_id = $1 ORDER BY number",
        params![id],
        |row| {
            Ok(Attempt {
                at: row.get(0)?,
                took_ms: row.get(1)?,
                status: row.get(2)?,
                error: row.get(3)?,
                answer: row.get(4)?,
            })
        },
    )
}

/// Sends a delivery once more from its first try, whatever came of it. `false` when there is none;
/// one that a worker is sending right now is left to it.
pub fn replay(tx: &mut Tx<'_>, id: WebhookDeliveryId, now: Timestamp) -> Result<bool, StoreError> {
    // The effect first, as who settles it does.
    let sql = format!("SELECT state FROM effects WHERE effect_id = $1{}", tx.for_update());
    let state = tx.find(&sql, params![effect_of(id)], |row| row.get::<String>(0))?;
    if find(tx, id)?.is_none() {
        return Ok(false);
    }
    if state.as_deref() == Some("leased") {
        return Ok(true);
    }
    tx.execute(
        "UPDATE webhook_deliveries SET state = 'waiting', tries = 0, replays = replays + 1, finished_at = NULL
         WHERE delivery_id = $1",
        params![id],
    )?;
    if !effects::restart(tx, effect_of(id), now)? {
        add_effect(tx, id, now)?;
    }
    Ok(true)
}

/// Sends up to `limit` deliveries again that failed for an endpoint and were made since then, oldest
/// first. Gives how many.
pub fn replay_failed(
    tx: &mut Tx<'_>,
    endpoint_id: WebhookEndpointId,
    (since, now): (Timestamp, Timestamp),
    limit: i64,
) -> Result<u64, StoreError> {
    let failed = tx.query(
        "SELECT delivery_id FROM webhook_deliveries
         WHERE endpoint_id = $1 AND state = 'failed' AND created_at >= $2
         ORDER BY delivery_id LIMIT $3",
        params![endpoint_id, since, limit],
        |row| row.get::<WebhookDeliveryId>(0),
    )?;
    for id in &failed {
        replay(tx, *id, now)?;
    }
    Ok(failed.len() as u64)
}

/// Locks the effects of deliveries in key order; gives the events that are still on their way by one
/// of them, which nobody else can change now.
pub(crate) fn lock_waiting(
    tx: &mut Tx<'_>,
    ids: &[WebhookDeliveryId],
) -> Result<Vec<EventId>, StoreError> {
    let mut uuids: Vec<_> = ids.iter().map(|id| id.uuid()).collect();
    uuids.sort_unstable();
    let rows = [("id", Column::Uuid(uuids))];
    let sql = format!(
        "SELECT effects.effect_id FROM effects JOIN {{rows}} AS r ON r.id = effects.effect_id
         ORDER BY effects.effect_id{}",
        tx.for_update(),
    );
    tx.query_rows(&sql, &rows, |row| row.get::<EffectId>(0))?;
    tx.query_rows(
        "SELECT d.event_id FROM webhook_deliveries d JOIN {rows} AS r ON r.id = d.delivery_id
         WHERE d.state = 'waiting'",
        &rows,
        |row| row.get(0),
    )
}

/// Forgets deliveries with their attempts and effects. One that a worker is sending right now ends
/// its effect itself.
pub(crate) fn delete(tx: &mut Tx<'_>, ids: &[WebhookDeliveryId]) -> Result<(), StoreError> {
    let mut uuids: Vec<_> = ids.iter().map(|id| id.uuid()).collect();
    uuids.sort_unstable();
    let rows = [("id", Column::Uuid(uuids))];
    for sql in [
        "DELETE FROM effects WHERE effect_id IN (SELECT r.id FROM {rows} AS r) AND state <> 'leased'",
        "DELETE FROM webhook_attempts WHERE delivery_id IN (SELECT r.id FROM {rows} AS r)",
        "DELETE FROM webhook_deliveries WHERE delivery_id IN (SELECT r.id FROM {rows} AS r)",
    ] {
        tx.execute_rows(sql, &rows)?;
    }
    Ok(())
}
