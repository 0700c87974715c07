//! Endpoints: made, changed, their secrets rotated, tested, and what failed sent again.

use shopwright_domain::ids::{EventId, WebhookDeliveryId, WebhookEndpointId};
use shopwright_domain::time::{DAY, Timestamp};
use shopwright_domain::webhooks::{EventFilter, FILTERS_MAX};
use shopwright_gateways::guard::FetchError;
use shopwright_gateways::webhook::{SECRET_BYTES, WebhookSecret};
use shopwright_store::webhooks::{self, Endpoint, NewEvent};
use shopwright_store::{Store, StoreError, webhook_deliveries};

use crate::effects::Outside;

/// Endpoints of one store: every event looks at all of them.
pub const ENDPOINTS_MAX: usize = 100;
/// How long the secret before the current one goes on signing.
pub const OLD_SECRET_SIGNS: i64 = DAY;
const DESCRIPTION_BYTES_MAX: usize = 500;
/// Deliveries put on their way again in one transaction.
const REPLAY_PAGE: i64 = 200;

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

fn new_secret(outside: &Outside, id: WebhookEndpointId) -> (WebhookSecret, Vec<u8>) {
    let mut bytes = [0; SECRET_BYTES];
    outside.random.fill(&mut bytes);
    let Ok(secret) = WebhookSecret::new(&bytes) else {
        unreachable!("a secret of a fitting length")
    };
    let sealed = outside.seal(secret.bytes(), &id.to_string());
    (secret, sealed)
}

/// Makes an endpoint. Its secret is shown now and never again.
pub async fn create_endpoint(
    store: &Store,
    outside: &Outside,
    new: NewEndpoint,
    now: Timestamp,
) -> Result<(Endpoint, WebhookSecret), EndpointError> {
    check(outside, Some(&new.url), Some(&new.description), Some(&new.filters))?;
    let (secret, sealed) = new_secret(outside, new.endpoint_id);
    let endpoint = Endpoint {
        endpoint_id: new.endpoint_id,
        url: new.url,
        description: new.description,
        filters: new.filters,
        enabled: new.enabled,
        disabled_reason: None,
        secret: sealed,
        old_secret: None,
        old_secret_until: None,
        failing_since: None,
        throttled_until: None,
        created_at: now,
        updated_at: now,
    };
    let kept = endpoint.clone();
    store
        .write(move |tx| {
            let max = i64::try_from(ENDPOINTS_MAX).unwrap_or(i64::MAX);
            if webhooks::list_endpoints(tx, None, max)?.len() >= ENDPOINTS_MAX {
                return Err(EndpointError::TooMany);
            }
            Ok(webhooks::insert_endpoint(tx, &kept)?)
        })
        .await?;
    Ok((endpoint, secret))
}

/// Changes an endpoint. `None` when there is none.
pub async fn update_endpoint(
    store: &Store,
    outside: &Outside,
    id: WebhookEndpointId,
    change: ChangeEndpoint,
    now: Timestamp,
) -> Result<Option<Endpoint>, EndpointError> {
    check(
        outside,
        change.url.as_deref(),
        change.description.as_deref(),
        change.filters.as_deref(),
    )?;
    store
        .write(move |tx| {
            let Some(mut endpoint) = webhooks::lock_endpoint(tx, id)? else { return Ok(None) };
            let change = change.clone();
            endpoint.url = change.url.unwrap_or(endpoint.url);
            endpoint.description = change.description.unwrap_or(endpoint.description);
            endpoint.filters = change.filters.unwrap_or(endpoint.filters);
            if change.enabled == Some(true) && !endpoint.enabled {
                (endpoint.failing_since, endpoint.throttled_until) = (None, None);
                endpoint.disabled_reason = None;
            }
            endpoint.enabled = change.enabled.unwrap_or(endpoint.enabled);
            endpoint.updated_at = now;
            webhooks::update_endpoint(tx, &endpoint)?;
            Ok(Some(endpoint))
        })
        .await
}

/// Gives an endpoint a new secret; the one before signs beside it for a day. `None` when there is no
/// such endpoint.
pub async fn rotate_secret(
    store: &Store,
    outside: &Outside,
    id: WebhookEndpointId,
    now: Timestamp,
) -> Result<Option<(Endpoint, WebhookSecret)>, StoreError> {
    let (secret, sealed) = new_secret(outside, id);
    let rotated = store
        .write(move |tx| {
            let Some(mut endpoint) = webhooks::lock_endpoint(tx, id)? else {
                return Ok::<_, StoreError>(None);
            };
            endpoint.old_secret = Some(std::mem::replace(&mut endpoint.secret, sealed.clone()));
            endpoint.old_secret_until = Some(now.plus_micros(OLD_SECRET_SIGNS));
            endpoint.updated_at = now;
            webhooks::update_endpoint(tx, &endpoint)?;
            Ok(Some(endpoint))
        })
        .await?;
    Ok(rotated.map(|endpoint| (endpoint, secret)))
}

/// Sends an endpoint a `webhook.test`, also when it is switched off for the rest or asks for none.
/// `None` when there is no such endpoint.
pub async fn test_endpoint(
    store: &Store,
    id: WebhookEndpointId,
    event_id: EventId,
    now: Timestamp,
) -> Result<Option<WebhookDeliveryId>, StoreError> {
    store
        .write(move |tx| {
            if webhooks::lock_endpoint(tx, id)?.is_none() {
                return Ok(None);
            }
            let data = serde_json::json!({ "endpoint": id.to_string() });
            let event = NewEvent { event_id, kind: TEST_EVENT, data, at: now };
            webhooks::record_event_for(tx, &event, id).map(Some)
        })
        .await
}

/// The name of the event of [`test_endpoint`].
pub(crate) const TEST_EVENT: &str = "webhook.test";

/// Sends everything again that failed for an endpoint since then, as of now. Gives how many, or
/// `None` when there is no such endpoint.
pub async fn replay_failed(
    store: &Store,
    id: WebhookEndpointId,
    since: Timestamp,
    now: Timestamp,
) -> Result<Option<u64>, StoreError> {
    let mut replayed = 0;
    loop {
        let page = store
            .write(move |tx| {
                if webhooks::find_endpoint(tx, id)?.is_none() {
                    return Ok::<_, StoreError>(None);
                }
                let failed = webhook_deliveries::list_failed_since(tx, id, since, REPLAY_PAGE)?;
                for delivery in &failed {
                    webhook_deliveries::replay(tx, *delivery, now)?;
                }
                Ok(Some(failed.len() as u64))
            })
            .await?;
        let Some(page) = page else { return Ok(None) };
        replayed += page;
        if page < REPLAY_PAGE.unsigned_abs() {
            return Ok(Some(replayed));
        }
    }
}
