//! Webhook endpoints and the log of events; recording an event puts it on its way to every endpoint
//! that asks for it, in the transaction that made it happen.

use serde_json::Value as Json;
use shopwright_domain::ids::{EventId, WebhookDeliveryId, WebhookEndpointId, derived_uuid};
use shopwright_domain::time::Timestamp;
use shopwright_domain::webhooks::{EventFilter, is_event_kind};

use crate::webhook_deliveries::{self, NewDelivery};
use crate::{Row, StoreError, Tx, params};

/// Where webhooks are sent. Secrets are sealed; the ledger cannot read them.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// Its id.
    pub endpoint_id: WebhookEndpointId,
    /// The receiver.
    pub url: String,
    /// What the owner calls it.
    pub description: String,
    /// What events it asks for.
    pub filters: Vec<EventFilter>,
    /// Whether anything is sent.
    pub enabled: bool,
    /// Why it was switched off by itself.
    pub disabled_reason: Option<String>,
    /// The sealed secret.
    pub secret: Vec<u8>,
    /// The sealed secret before that, while both sign.
    pub old_secret: Option<Vec<u8>>,
    /// Until when the old one signs.
    pub old_secret_until: Option<Timestamp>,
    /// Since when nothing was taken.
    pub failing_since: Option<Timestamp>,
    /// Until when it asked to be left alone.
    pub throttled_until: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its owner changed it.
    pub updated_at: Timestamp,
}

const COLUMNS: &str = "SELECT endpoint_id, url, description, filters, enabled, disabled_reason, secret, old_secret, old_secret_until, failing_since, throttled_until, created_at, updated_at FROM webhook_endpoints";

fn endpoint(row: &Row<'_>) -> Result<Endpoint, StoreError> {
    let filters: Vec<String> = row.json(3)?;
    Ok(Endpoint {
        endpoint_id: row.get(0)?,
        url: row.get(1)?,
        description: row.get(2)?,
        filters: row.parse(3, |_: Json| {
            filters.iter().map(|text| text.parse()).collect::<Result<_, _>>()
        })?,
        enabled: row.get(4)?,
        disabled_reason: row.get(5)?,
        secret: row.get(6)?,
        old_secret: row.get(7)?,
        old_secret_until: row.get(8)?,
        failing_since: row.get(9)?,
        throttled_until: row.get(10)?,
        created_at: row.get(11)?,
        updated_at: row.get(12)?,
    })
}

fn filters_json(filters: &[EventFilter]) -> Json {
    filters.iter().map(|filter| Json::from(filter.to_string())).collect()
}

/// Adds an endpoint.
pub fn insert_endpoint(tx: &mut Tx<'_>, new: &Endpoint) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO webhook_endpoints (endpoint_id, url, description, filters, enabled, secret, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        params![
            new.endpoint_id,
            &new.url,
            &new.description,
            filters_json(&new.filters),
            new.enabled,
            &new.secret,
            new.created_at,
            new.updated_at,
        ],
    )?;
    Ok(())
}

/// The endpoint, if there is one.
pub fn find_endpoint(
    tx: &mut Tx<'_>,
    id: WebhookEndpointId,
) -> Result<Option<Endpoint>, StoreError> {
    tx.find(&format!("{COLUMNS} WHERE endpoint_id = $1"), params![id], endpoint)
}

/// The endpoint, locked until the end of the transaction.
pub fn lock_endpoint(
    tx: &mut Tx<'_>,
    id: WebhookEndpointId,
) -> Result<Option<Endpoint>, StoreError> {
    let sql = format!("{COLUMNS} WHERE endpoint_id = $1{}", tx.for_update());
    tx.find(&sql, params![id], endpoint)
}

/// Endpoints, newest first, after `older_than`.
pub fn list_endpoints(
    tx: &mut Tx<'_>,
    older_than: Option<WebhookEndpointId>,
    limit: i64,
) -> Result<Vec<Endpoint>, StoreError> {
    let before = older_than.map_or(uuid::Uuid::max(), WebhookEndpointId::uuid);
    let sql = format!("{COLUMNS} WHERE endpoint_id < $1 ORDER BY endpoint_id DESC LIMIT $2");
    tx.query(&sql, params![before, limit], endpoint)
}

/// Writes what may change of an endpoint, its state with its receiver too.
pub fn update_endpoint(tx: &mut Tx<'_>, changed: &Endpoint) -> Result<bool, StoreError> {
    let updated = tx.execute(
        "UPDATE webhook_endpoints SET url = $2, description = $3, filters = $4, enabled = $5,
             disabled_reason = $6, secret = $7, old_secret = $8, old_secret_until = $9,
             failing_since = $10, throttled_until = $11, updated_at = $12
         WHERE endpoint_id = $1",
        params![
            changed.endpoint_id,
            &changed.url,
            &changed.description,
            filters_json(&changed.filters),
            changed.enabled,
            changed.disabled_reason.as_ref(),
            &changed.secret,
            changed.old_secret.as_ref(),
            changed.old_secret_until,
            changed.failing_since,
            changed.throttled_until,
            changed.updated_at,
        ],
    )?;
    Ok(updated > 0)
}

/// Removes an endpoint with its deliveries; `false` when there is none. What is on its way to it is
/// not sent any more.
pub fn delete_endpoint(tx: &mut Tx<'_>, id: WebhookEndpointId) -> Result<bool, StoreError> {
    if lock_endpoint(tx, id)?.is_none() {
        return Ok(false);
    }
    tx.execute(
        "DELETE FROM webhook_attempts WHERE delivery_id IN
         (SELECT delivery_id FROM webhook_deliveries WHERE endpoint_id = $1)",
        params![id],
    )?;
    tx.execute("DELETE FROM webhook_deliveries WHERE endpoint_id = $1", params![id])?;
    tx.execute("DELETE FROM webhook_endpoints WHERE endpoint_id = $1", params![id])?;
    Ok(true)
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEvent<'a> {
    /// Its id, which is the `webhook-id` of every message about it.
    pub event_id: EventId,
    /// Its name, like `price.changed`.
    pub kind: &'a str,
    /// What happened, thin.
    pub data: Json,
    /// When it happened.
    pub at: Timestamp,
}

/// An event as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its id.
    pub event_id: EventId,
    /// Its name.
    pub kind: String,
    /// What happened.
    pub data: Json,
    /// When it happened.
    pub at: Timestamp,
}

pub(crate) fn event_at(row: &Row<'_>, first: usize) -> Result<Event, StoreError> {
    Ok(Event {
        event_id: row.get(first)?,
        kind: row.get(first + 1)?,
        data: row.get(first + 2)?,
        at: row.get(first + 3)?,
    })
}

/// Logs an event and puts it on its way to every enabled endpoint that asks for it. An event that is
/// there already is left alone: `false`.
///
/// # Panics
/// When the name is not one (`[a-zA-Z0-9_]` words with dots): names are written in code.
pub fn record_event(tx: &mut Tx<'_>, event: &NewEvent<'_>) -> Result<bool, StoreError> {
    if !insert_event(tx, event)? {
        return Ok(false);
    }
    // Locked against a change or removal of an endpoint while its deliveries are written.
    let lock = if tx.for_update().is_empty() { "" } else { " FOR SHARE" };
    let sql = format!("{COLUMNS} WHERE enabled = $1 ORDER BY endpoint_id{lock}");
    let endpoints = tx.query(&sql, params![true], endpoint)?;
    for endpoint in endpoints {
        if endpoint.filters.iter().any(|filter| filter.matches(event.kind)) {
            send_to(tx, event, endpoint.endpoint_id)?;
        }
    }
    Ok(true)
}

/// Logs an event and puts it on its way to one endpoint only, whatever that asks for: the test of an
/// endpoint.
pub fn record_event_for(
    tx: &mut Tx<'_>,
    event: &NewEvent<'_>,
    endpoint_id: WebhookEndpointId,
) -> Result<WebhookDeliveryId, StoreError> {
    insert_event(tx, event)?;
    send_to(tx, event, endpoint_id)
}

fn insert_event(tx: &mut Tx<'_>, event: &NewEvent<'_>) -> Result<bool, StoreError> {
    assert!(is_event_kind(event.kind), "`{}` is no name of an event", event.kind);
    let added = tx.execute(
        "INSERT INTO webhook_events (event_id, kind, data, at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (event_id) DO NOTHING",
        params![event.event_id, event.kind, &event.data, event.at],
    )?;
    Ok(added > 0)
}

fn send_to(
    tx: &mut Tx<'_>,
    event: &NewEvent<'_>,
    endpoint_id: WebhookEndpointId,
) -> Result<WebhookDeliveryId, StoreError> {
    let uuid = derived_uuid(event.event_id.uuid(), endpoint_id.uuid().as_u128());
    let delivery_id = WebhookDeliveryId::from_uuid(uuid);
    let new = NewDelivery { delivery_id, event_id: event.event_id, endpoint_id, now: event.at };
    webhook_deliveries::insert(tx, &new)?;
    Ok(delivery_id)
}

/// Events, newest first, after `older_than`, of one name or all.
pub fn list_events(
    tx: &mut Tx<'_>,
    kind: &str,
    older_than: Option<EventId>,
    limit: i64,
) -> Result<Vec<Event>, StoreError> {
    let before = older_than.map_or(uuid::Uuid::max(), EventId::uuid);
    tx.query(
        "SELECT event_id, kind, data, at FROM webhook_events
         WHERE event_id < $1 AND ($2 = '' OR kind = $2) ORDER BY event_id DESC LIMIT $3",
        params![before, kind, limit],
        |row| event_at(row, 0),
    )
}

/// Forgets up to `limit` events from before then with their deliveries, except what is still on its
/// way.
pub fn delete_events(tx: &mut Tx<'_>, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    let old = tx.query(
        "SELECT event_id FROM webhook_events e WHERE at < $1 AND NOT EXISTS
             (SELECT 1 FROM webhook_deliveries d WHERE d.event_id = e.event_id AND d.state = 'waiting')
         ORDER BY event_id LIMIT $2",
        params![before, limit],
        |row| row.get::<EventId>(0),
    )?;
    for id in &old {
        tx.execute(
            "DELETE FROM webhook_attempts WHERE delivery_id IN
             (SELECT delivery_id FROM webhook_deliveries WHERE event_id = $1)",
            params![*id],
        )?;
        tx.execute("DELETE FROM webhook_deliveries WHERE event_id = $1", params![*id])?;
        tx.execute("DELETE FROM webhook_events WHERE event_id = $1", params![*id])?;
    }
    Ok(old.len() as u64)
}
