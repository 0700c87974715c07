//! Webhook endpoints and the log of events; recording an event puts it on its way to every endpoint
//! that asks for it, in the transaction that made it happen.

use serde_json::Value as Json;
use shopwright_domain::ids::{
    EventId, WebhookDeliveryId, WebhookEndpointId, derived_uuid, first_uuid_after,
};
use shopwright_domain::time::Timestamp;
use shopwright_domain::webhooks::{EventFilter, is_event_kind};

use crate::dialect::{json_text, json_without};
use crate::webhook_deliveries::{self, NewDelivery};
use crate::{Column, Page, Row, StoreError, Tx, params};

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
    /// Since when it has been switched on with these filters: every event after that is its own.
    pub asks_since: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its owner changed it.
    pub updated_at: Timestamp,
}

const COLUMNS: &str = "SELECT endpoint_id, url, description, filters, enabled, disabled_reason, secret, old_secret, old_secret_until, failing_since, throttled_until, asks_since, created_at, updated_at FROM webhook_endpoints WHERE deleted_at IS NULL";

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
        asks_since: row.get(11)?,
        created_at: row.get(12)?,
        updated_at: row.get(13)?,
    })
}

fn filters_json(filters: &[EventFilter]) -> Json {
    filters.iter().map(|filter| Json::from(filter.to_string())).collect()
}

/// Adds an endpoint.
pub fn insert_endpoint(tx: &mut Tx<'_>, new: &Endpoint) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO webhook_endpoints (endpoint_id, url, description, filters, enabled, secret, asks_since, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        params![
            new.endpoint_id,
            &new.url,
            &new.description,
            filters_json(&new.filters),
            new.enabled,
            &new.secret,
            new.asks_since,
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
    tx.find(&format!("{COLUMNS} AND endpoint_id = $1"), params![id], endpoint)
}

/// The endpoint, locked until the end of the transaction.
pub fn lock_endpoint(
    tx: &mut Tx<'_>,
    id: WebhookEndpointId,
) -> Result<Option<Endpoint>, StoreError> {
    // Its key never changes, so that deliveries that refer to it need not wait.
    let lock = if tx.for_update().is_empty() { "" } else { " FOR NO KEY UPDATE" };
    tx.find(&format!("{COLUMNS} AND endpoint_id = $1{lock}"), params![id], endpoint)
}

/// A page of endpoints, newest first.
pub fn list_endpoints(
    tx: &mut Tx<'_>,
    page: &Page<WebhookEndpointId>,
) -> Result<Vec<Endpoint>, StoreError> {
    page.newest_first(tx, (COLUMNS, "endpoint_id"), Vec::new(), endpoint)
}

/// Writes what may change of an endpoint, its state with its receiver too.
pub fn update_endpoint(tx: &mut Tx<'_>, changed: &Endpoint) -> Result<bool, StoreError> {
    let updated = tx.execute(
        "UPDATE webhook_endpoints SET url = $2, description = $3, filters = $4, enabled = $5,
             disabled_reason = $6, secret = $7, old_secret = $8, old_secret_until = $9,
             failing_since = $10, throttled_until = $11, asks_since = $12, updated_at = $13
         WHERE endpoint_id = $1 AND deleted_at IS NULL",
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
            changed.asks_since,
            changed.updated_at,
        ],
    )?;
    Ok(updated > 0)
}

/// Replaces the sealed secrets of an endpoint, if they are still those that were read.
pub fn reseal_endpoint(
    tx: &mut Tx<'_>,
    read: &Endpoint,
    (secret, old_secret): (&[u8], Option<&[u8]>),
) -> Result<bool, StoreError> {
    let Some(kept) = lock_endpoint(tx, read.endpoint_id)? else { return Ok(false) };
    if (&kept.secret, &kept.old_secret) != (&read.secret, &read.old_secret) {
        return Ok(false);
    }
    tx.execute(
        "UPDATE webhook_endpoints SET secret = $2, old_secret = $3 WHERE endpoint_id = $1",
        params![read.endpoint_id, secret, old_secret],
    )?;
    Ok(true)
}

/// Removes an endpoint; `false` when there is none. Its secrets are gone at once and nothing is sent to
/// it any more; its deliveries, which may be millions, go with [`delete_removed`].
pub fn delete_endpoint(
    tx: &mut Tx<'_>,
    id: WebhookEndpointId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let nothing: &[u8] = &[];
    let deleted = tx.execute(
        "UPDATE webhook_endpoints SET deleted_at = $2, enabled = $3, secret = $4, old_secret = NULL
         WHERE endpoint_id = $1 AND deleted_at IS NULL",
        params![id, now, false, nothing],
    )?;
    Ok(deleted > 0)
}

/// Forgets up to `limit` deliveries to endpoints that were removed, then the endpoints. Gives how
/// many deliveries.
pub fn delete_removed(tx: &mut Tx<'_>, limit: i64) -> Result<u64, StoreError> {
    let old = tx.query(
        "SELECT d.delivery_id FROM webhook_deliveries d
         JOIN webhook_endpoints e ON e.endpoint_id = d.endpoint_id
         WHERE e.deleted_at IS NOT NULL ORDER BY d.delivery_id LIMIT $1",
        params![limit],
        |row| row.get::<WebhookDeliveryId>(0),
    )?;
    if old.is_empty() {
        tx.execute(
            "DELETE FROM webhook_endpoints WHERE deleted_at IS NOT NULL AND NOT EXISTS
             (SELECT 1 FROM webhook_deliveries d WHERE d.endpoint_id = webhook_endpoints.endpoint_id)",
            params![],
        )?;
    }
    webhook_deliveries::delete(tx, &old)?;
    Ok(old.len() as u64)
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
    Ok(record_events(tx, std::slice::from_ref(event))? > 0)
}

/// Like [`record_event`] for several; gives how many were not there before. Events that nobody listens
/// to cost one statement.
///
/// # Panics
/// When a name is not one.
pub fn record_events(tx: &mut Tx<'_>, events: &[NewEvent<'_>]) -> Result<usize, StoreError> {
    let added = insert_events(tx, events)?;
    if added.iter().all(|(_, listening)| *listening == 0) {
        return Ok(added.len());
    }
    // Not locked: nobody waits for an event. What reaches an endpoint that is switched off meanwhile is
    // given up when it comes to be sent.
    let sql = format!("{COLUMNS} AND enabled = $1 ORDER BY endpoint_id");
    let endpoints = tx.query(&sql, params![true], endpoint)?;
    for event in events.iter().filter(|event| added.iter().any(|(id, _)| *id == event.event_id)) {
        for endpoint in &endpoints {
            if endpoint.filters.iter().any(|filter| filter.matches(event.kind)) {
                send_to(tx, event, endpoint.endpoint_id)?;
            }
        }
    }
    Ok(added.len())
}

/// Logs an event and puts it on its way to one endpoint only, whatever that asks for: the test of an
/// endpoint.
pub fn record_event_for(
    tx: &mut Tx<'_>,
    event: &NewEvent<'_>,
    endpoint_id: WebhookEndpointId,
) -> Result<WebhookDeliveryId, StoreError> {
    insert_events(tx, std::slice::from_ref(event))?;
    send_to(tx, event, endpoint_id)
}

/// Gives those that were not there before, each with how many endpoints are switched on.
fn insert_events(
    tx: &mut Tx<'_>,
    events: &[NewEvent<'_>],
) -> Result<Vec<(EventId, i64)>, StoreError> {
    for event in events {
        assert!(is_event_kind(event.kind), "`{}` is no name of an event", event.kind);
    }
    tx.query_rows(
        "INSERT INTO webhook_events (event_id, kind, data, at)
         SELECT r.event_id, r.kind, r.data, r.at FROM {rows} AS r WHERE true
         ON CONFLICT (event_id) DO NOTHING
         RETURNING event_id, (SELECT COUNT(*) FROM webhook_endpoints WHERE enabled)",
        &[
            ("event_id", Column::Uuid(events.iter().map(|e| e.event_id.uuid()).collect())),
            ("kind", Column::Text(events.iter().map(|e| e.kind).collect())),
            ("data", Column::Json(events.iter().map(|e| e.data.to_string()).collect())),
            ("at", Column::Time(events.iter().map(|e| e.at).collect())),
        ],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
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

/// A page of events, newest first, of one name or all.
pub fn list_events(
    tx: &mut Tx<'_>,
    kind: &str,
    page: &Page<EventId>,
) -> Result<Vec<Event>, StoreError> {
    let select = "SELECT event_id, kind, data, at FROM webhook_events WHERE ($1 = '' OR kind = $1)";
    page.newest_first(tx, (select, "event_id"), vec![kind.into()], |row| event_at(row, 0))
}

/// Takes ids out of the events about customers: where `field` of their data is one of `names`, it is
/// null from now on. For people that were erased.
pub fn forget_customers(tx: &mut Tx<'_>, field: &str, names: &[&str]) -> Result<u64, StoreError> {
    let named = json_text(tx.is_postgres(), "data", field);
    let emptied = json_without(tx.is_postgres(), "data", field);
    // The condition of the index, word for word.
    let sql = format!(
        "UPDATE webhook_events SET data = {emptied} FROM {{rows}} AS r
         WHERE kind >= 'customer.' AND kind < 'customer/' AND {named} = r.name"
    );
    tx.execute_rows(&sql, &[("name", Column::Text(names.to_vec()))])
}

/// Forgets up to `limit` events from before then with their deliveries, except what is still on its
/// way.
pub fn delete_events(tx: &mut Tx<'_>, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    // Ids begin with their time, so that the young part of the log is not read.
    let young = first_uuid_after(before);
    let old = tx.query(
        "SELECT event_id FROM webhook_events WHERE at < $1 AND event_id < $2 AND NOT EXISTS
             (SELECT 1 FROM webhook_deliveries d WHERE d.event_id = webhook_events.event_id AND d.state = 'waiting')
         ORDER BY event_id LIMIT $3",
        params![before, young, limit],
        |row| row.get::<EventId>(0),
    )?;
    let found = old.iter().map(|id| id.uuid()).collect();
    let deliveries = tx.query_rows(
        "SELECT d.delivery_id FROM webhook_deliveries d JOIN {rows} AS r ON r.event_id = d.event_id",
        &[("event_id", Column::Uuid(found))],
        |row| row.get::<WebhookDeliveryId>(0),
    )?;
    let kept = webhook_deliveries::lock_waiting(tx, &deliveries)?;
    let gone: Vec<_> = old.iter().filter(|id| !kept.contains(id)).map(|id| id.uuid()).collect();
    let events = [("event_id", Column::Uuid(gone))];
    let deliveries = tx.query_rows(
        "SELECT d.delivery_id FROM webhook_deliveries d JOIN {rows} AS r ON r.event_id = d.event_id",
        &events,
        |row| row.get::<WebhookDeliveryId>(0),
    )?;
    webhook_deliveries::delete(tx, &deliveries)?;
    let sql = "DELETE FROM webhook_events WHERE event_id IN (SELECT r.event_id FROM {rows} AS r)";
    tx.execute_rows(sql, &events)
}
