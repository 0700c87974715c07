//! Endpoints: made, changed, their secrets rotated, removed, tested. Every change is in the audit log,
//! never with a secret.

use serde_json::{Value as Json, json};
use shopwright_domain::ids::{EventId, WebhookDeliveryId, WebhookEndpointId, derived_uuid_at};
use shopwright_domain::time::{DAY, Timestamp};
use shopwright_domain::webhooks::{EventFilter, FILTERS_MAX};
use shopwright_gateways::guard::FetchError;
use shopwright_gateways::webhook::{SECRET_BYTES, WebhookSecret};
use shopwright_store::audit::{self, Stamp};
use shopwright_store::webhooks::{self, Endpoint, NewEvent};
use shopwright_store::{Page, StoreError, Tx};

use crate::effects::Outside;

/// Endpoints of one store: every event looks at all of them.
pub const ENDPOINTS_MAX: usize = 100;
/// How long the secret before the current one goes on signing.
pub const OLD_SECRET_SIGNS: i64 = DAY;
const DESCRIPTION_BYTES_MAX: usize = 500;

/// Why an endpoint was refused.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// The URL cannot be used.
    #[error(transparent)]
    Url(#[from] FetchError),
    /// The filters name nothing, or too much.
    #[error("filters must name 1 to {FILTERS_MAX} events or families of events; `*` names all")]
    Filters,
    /// The description is too long.
    #[error(
        "the description must have at most {DESCRIPTION_BYTES_MAX} bytes and no control characters"
    )]
    Description,
    /// There are enough.
    #[error("there are {ENDPOINTS_MAX} endpoints already; delete one first")]
    TooMany,
    /// There is no such endpoint.
    #[error("there is no webhook endpoint {0}")]
    NotFound(WebhookEndpointId),
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An endpoint to make.
#[derive(Clone, Debug)]
pub struct NewEndpoint {
    /// Its id.
    pub endpoint_id: WebhookEndpointId,
    /// The receiver.
    pub url: String,
    /// What the owner calls it.
    pub description: String,
    /// What events it asks for.
    pub filters: Vec<EventFilter>,
    /// Whether anything is sent at once.
    pub enabled: bool,
}

/// What to change of an endpoint; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct ChangeEndpoint {
    /// The receiver.
    pub url: Option<String>,
    /// What the owner calls it.
    pub description: Option<String>,
    /// What events it asks for.
    pub filters: Option<Vec<EventFilter>>,
    /// Whether anything is sent. Switching on forgets past failures.
    pub enabled: Option<bool>,
}

fn check(
    outside: &Outside,
    url: Option<&str>,
    description: Option<&str>,
    filters: Option<&[EventFilter]>,
) -> Result<(), EndpointError> {
    if let Some(url) = url {
        outside.guard.check_url(url)?;
    }
    if description
        .is_some_and(|d| d.len() > DESCRIPTION_BYTES_MAX || d.chars().any(char::is_control))
    {
        return Err(EndpointError::Description);
    }
    if filters.is_some_and(|filters| filters.is_empty() || filters.len() > FILTERS_MAX) {
        return Err(EndpointError::Filters);
    }
    Ok(())
}

/// A signing secret, made before the transaction that keeps it: it takes randomness.
pub struct NewSecret {
    plain: WebhookSecret,
    sealed: Vec<u8>,
}

impl NewSecret {
    /// A secret for an endpoint.
    pub fn new(outside: &Outside, id: WebhookEndpointId) -> Self {
        let mut bytes = [0; SECRET_BYTES];
        outside.random.fill(&mut bytes);
        let Ok(plain) = WebhookSecret::new(&bytes) else {
            unreachable!("a secret of a fitting length")
        };
        let sealed = outside.seal(plain.bytes(), &id.to_string());
        Self { plain, sealed }
    }

    /// The text that is shown once, `whsec_…`.
    pub fn text(&self) -> String {
        self.plain.text()
    }
}

/// Makes an endpoint with this secret.
pub fn create_endpoint(
    tx: &mut Tx<'_>,
    outside: &Outside,
    new: &NewEndpoint,
    secret: &NewSecret,
    stamp: Stamp,
) -> Result<Endpoint, EndpointError> {
    check(outside, Some(&new.url), Some(&new.description), Some(&new.filters))?;
    // It orders those who make endpoints too, so that no two pass the limit together.
    audit::lock(tx)?;
    let max = i64::try_from(ENDPOINTS_MAX).unwrap_or(i64::MAX);
    if webhooks::list_endpoints(tx, &Page::first(max))?.len() >= ENDPOINTS_MAX {
        return Err(EndpointError::TooMany);
    }
    let endpoint = Endpoint {
        endpoint_id: new.endpoint_id,
        url: new.url.clone(),
        description: new.description.clone(),
        filters: new.filters.clone(),
        enabled: new.enabled,
        disabled_reason: None,
        secret: secret.sealed.clone(),
        old_secret: None,
        old_secret_until: None,
        failing_since: None,
        throttled_until: None,
        asks_since: stamp.at,
        created_at: stamp.at,
        updated_at: stamp.at,
    };
    webhooks::insert_endpoint(tx, &endpoint)?;
    record(tx, stamp, "webhook_endpoint.created", (None, Some(&endpoint)))?;
    Ok(endpoint)
}

/// What the audit log keeps of an endpoint: nothing that signs, and no query, where tokens stand.
fn audited(endpoint: &Endpoint) -> Json {
    let filters: Vec<String> = endpoint.filters.iter().map(ToString::to_string).collect();
    json!({
        "url": endpoint.url.split(['?', '#']).next(),
        "description": endpoint.description,
        "events": filters,
        "enabled": endpoint.enabled,
    })
}

pub(super) fn record(
    tx: &mut Tx<'_>,
    stamp: Stamp,
    action: &'static str,
    (before, after): (Option<&Endpoint>, Option<&Endpoint>),
) -> Result<(), StoreError> {
    let id = before.or(after).map(|endpoint| endpoint.endpoint_id.to_string());
    let entry =
        stamp.entry(action, id.unwrap_or_default(), before.map(audited), after.map(audited));
    audit::record(tx, &entry).map(|_| ())
}

/// The endpoint, locked behind the audit log, which every change takes first.
fn locked(tx: &mut Tx<'_>, id: WebhookEndpointId) -> Result<Endpoint, EndpointError> {
    audit::lock(tx)?;
    webhooks::lock_endpoint(tx, id)?.ok_or(EndpointError::NotFound(id))
}

/// Changes an endpoint; what is so already is left alone.
pub fn change_endpoint(
    tx: &mut Tx<'_>,
    outside: &Outside,
    id: WebhookEndpointId,
    change: &ChangeEndpoint,
    stamp: Stamp,
) -> Result<Endpoint, EndpointError> {
    check(
        outside,
        change.url.as_deref(),
        change.description.as_deref(),
        change.filters.as_deref(),
    )?;
    let kept = locked(tx, id)?;
    let wanted = change.clone();
    let mut next = Endpoint {
        url: wanted.url.unwrap_or_else(|| kept.url.clone()),
        description: wanted.description.unwrap_or_else(|| kept.description.clone()),
        filters: wanted.filters.unwrap_or_else(|| kept.filters.clone()),
        enabled: wanted.enabled.unwrap_or(kept.enabled),
        ..kept.clone()
    };
    if next.enabled && !kept.enabled {
        (next.failing_since, next.throttled_until, next.disabled_reason) = (None, None, None);
    }
    if next == kept {
        return Ok(kept);
    }
    if (next.enabled, &next.filters) != (kept.enabled, &kept.filters) {
        next.asks_since = stamp.at;
    }
    next.updated_at = stamp.at;
    webhooks::update_endpoint(tx, &next)?;
    record(tx, stamp, "webhook_endpoint.changed", (Some(&kept), Some(&next)))?;
    Ok(next)
}

/// Gives an endpoint a new secret; the one before signs beside it for a day.
pub fn rotate_secret(
    tx: &mut Tx<'_>,
    id: WebhookEndpointId,
    secret: &NewSecret,
    stamp: Stamp,
) -> Result<Endpoint, EndpointError> {
    let kept = locked(tx, id)?;
    let next = Endpoint {
        secret: secret.sealed.clone(),
        old_secret: Some(kept.secret.clone()),
        old_secret_until: Some(stamp.at.plus_micros(OLD_SECRET_SIGNS)),
        updated_at: stamp.at,
        ..kept.clone()
    };
    webhooks::update_endpoint(tx, &next)?;
    record(tx, stamp, "webhook_endpoint.secret_rotated", (Some(&kept), Some(&next)))?;
    Ok(next)
}

/// Removes an endpoint. What is on its way to it is not sent any more.
pub fn delete_endpoint(
    tx: &mut Tx<'_>,
    id: WebhookEndpointId,
    stamp: Stamp,
) -> Result<(), EndpointError> {
    let kept = locked(tx, id)?;
    webhooks::delete_endpoint(tx, id, stamp.at)?;
    record(tx, stamp, "webhook_endpoint.deleted", (Some(&kept), None))?;
    Ok(())
}

/// Sends an endpoint a `webhook.test`, also when it is switched off for the rest or asks for none.
pub fn test_endpoint(
    tx: &mut Tx<'_>,
    id: WebhookEndpointId,
    event_id: EventId,
    now: Timestamp,
) -> Result<WebhookDeliveryId, EndpointError> {
    if webhooks::find_endpoint(tx, id)?.is_none() {
        return Err(EndpointError::NotFound(id));
    }
    let event_id = EventId::from_uuid(derived_uuid_at(now, event_id.uuid(), 1));
    let data = json!({ "endpoint": id });
    let event = NewEvent { event_id, kind: TEST_EVENT, data, at: now };
    Ok(webhooks::record_event_for(tx, &event, id)?)
}

/// The name of the event of [`test_endpoint`].
pub(crate) const TEST_EVENT: &str = "webhook.test";
