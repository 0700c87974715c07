//! Endpoints: made, changed, their secrets rotated, tested, and what failed sent again.

use shopwright_domain::ids::{EventId, WebhookDeliveryId, WebhookEndpointId};
use shopwright_domain::time::{DAY, Timestamp};
use shopwright_domain::webhooks::{EventFilter, FILTERS_MAX};
use shopwright_gateways::guard::FetchError;
use shopwright_gateways::webhook::{SECRET_BYTES, WebhookSecret};
use shopwright_store::webhooks::{self, Endpoint, NewEvent};
use shopwright_store::{Store, StoreError, Tx, webhook_deliveries};

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

/// A new secret of an endpoint, and its sealed form to keep.
pub fn new_secret(outside: &Outside, id: WebhookEndpointId) -> (WebhookSecret, Vec<u8>) {
    let mut bytes = [0; SECRET_BYTES];
    outside.random.fill(&mut bytes);
    let Ok(secret) = WebhookSecret::new(&bytes) else {
        unreachable!("a secret of a fitting length")
    };
    let sealed = outside.seal(secret.bytes(), &id.to_string());
    (secret, sealed)
}

/// Checks a new endpoint and gives it a secret; [`insert_endpoint_in`] keeps it.
///
/// # Errors
/// What of it cannot be used.
pub fn new_endpoint(
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
    Ok((endpoint, secret))
}

/// Keeps an endpoint of [`new_endpoint`]. Its secret is shown now and never again.
///
/// # Errors
/// There are enough endpoints, or the ledger failed.
pub fn insert_endpoint_in(tx: &mut Tx<'_>, endpoint: &Endpoint) -> Result<(), EndpointError> {
    let max = i64::try_from(ENDPOINTS_MAX).unwrap_or(i64::MAX);
    if webhooks::list_endpoints(tx, None, max)?.len() >= ENDPOINTS_MAX {
        return Err(EndpointError::TooMany);
    }
    Ok(webhooks::insert_endpoint(tx, endpoint)?)
}

impl ChangeEndpoint {
    /// Whether it can be done, as far as that depends on no endpoint.
    ///
    /// # Errors
    /// What of it cannot be used.
    pub fn check(&self, outside: &Outside) -> Result<(), EndpointError> {
        let (url, description) = (self.url.as_deref(), self.description.as_deref());
        check(outside, url, description, self.filters.as_deref())
    }
}

/// Makes a change that was checked. `None` when there is no such endpoint.
///
/// # Errors
/// The ledger failed.
pub fn update_endpoint_in(
    tx: &mut Tx<'_>,
    id: WebhookEndpointId,
    change: &ChangeEndpoint,
    now: Timestamp,
) -> Result<Option<Endpoint>, StoreError> {
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
}

/// Gives an endpoint a new secret of [`new_secret`]; the one before signs beside it for a day. `None`
/// when there is no such endpoint.
///
/// # Errors
/// The ledger failed.
pub fn rotate_secret_in(
    tx: &mut Tx<'_>,
    id: WebhookEndpointId,
    sealed: &[u8],
    now: Timestamp,
) -> Result<Option<Endpoint>, StoreError> {
    let Some(mut endpoint) = webhooks::lock_endpoint(tx, id)? else { return Ok(None) };
    endpoint.old_secret = Some(std::mem::replace(&mut endpoint.secret, sealed.to_vec()));
    endpoint.old_secret_until = Some(now.plus_micros(OLD_SECRET_SIGNS));
    endpoint.updated_at = now;
    webhooks::update_endpoint(tx, &endpoint)?;
    Ok(Some(endpoint))
}

/// Sends an endpoint a `webhook.test`, also when it is switched off for the rest or asks for none.
/// `None` when there is no such endpoint.
///
/// # Errors
/// The ledger failed.
pub fn test_endpoint_in(
    tx: &mut Tx<'_>,
    id: WebhookEndpointId,
    event_id: EventId,
    now: Timestamp,
) -> Result<Option<WebhookDeliveryId>, StoreError> {
    if webhooks::lock_endpoint(tx, id)?.is_none() {
        return Ok(None);
    }
    let data = serde_json::json!({ "endpoint": id.to_string() });
    let event = NewEvent { event_id, kind: TEST_EVENT, data, at: now };
    webhooks::record_event_for(tx, &event, id).map(Some)
}

/// The name of the event of [`test_endpoint_in`].
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
