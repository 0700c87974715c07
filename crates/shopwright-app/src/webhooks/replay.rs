//! What was not taken, sent again under its old `webhook-id`.

use shopwright_domain::ids::{EffectId, WebhookDeliveryId, WebhookEndpointId};
use shopwright_domain::time::Timestamp;
use shopwright_store::effects::{self, EffectState};
use shopwright_store::webhook_deliveries::{self, DELIVER};
use shopwright_store::{StoreError, Tx, webhooks};

use super::endpoints::TEST_EVENT;

/// Deliveries put on their way again by one call.
pub const REPLAY_MAX: i64 = 500;

/// Why nothing is sent again.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// There is no such delivery.
    #[error("there is no webhook delivery {0}")]
    NoDelivery(WebhookDeliveryId),
    /// There is no such endpoint.
    #[error("there is no webhook endpoint {0}")]
    NoEndpoint(WebhookEndpointId),
    /// Nothing is sent to the endpoint.
    #[error("the webhook endpoint {0} is switched off; switch it on first")]
    SwitchedOff(WebhookEndpointId),
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What one call put on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// How many deliveries.
    pub count: u64,
    /// Whether there may be more; the same call again goes on with them.
    pub has_more: bool,
}

/// Sends a delivery again from its first try, whatever came of it; one that a worker is sending right
/// now is left to it.
pub fn replay_delivery(
    tx: &mut Tx<'_>,
    id: WebhookDeliveryId,
    now: Timestamp,
) -> Result<(), ReplayError> {
    let delivery = webhook_deliveries::find(tx, id)?.ok_or(ReplayError::NoDelivery(id))?;
    if delivery.event.kind != TEST_EVENT {
        is_on(tx, delivery.endpoint_id)?;
    }
    if !webhook_deliveries::replay(tx, id, now)? {
        return Err(ReplayError::NoDelivery(id));
    }
    Ok(())
}

fn is_on(tx: &mut Tx<'_>, id: WebhookEndpointId) -> Result<(), ReplayError> {
    let endpoint = webhooks::find_endpoint(tx, id)?.ok_or(ReplayError::NoEndpoint(id))?;
    if endpoint.enabled { Ok(()) } else { Err(ReplayError::SwitchedOff(id)) }
}

/// Sends again what failed for an endpoint since then, oldest first, up to [`REPLAY_MAX`].
pub fn replay_failed(
    tx: &mut Tx<'_>,
    id: WebhookEndpointId,
    since: Timestamp,
    now: Timestamp,
) -> Result<Replayed, ReplayError> {
    is_on(tx, id)?;
    let count = webhook_deliveries::replay_failed(tx, id, (since, now), REPLAY_MAX)?;
    Ok(Replayed { count, has_more: count == REPLAY_MAX.unsigned_abs() })
}

/// Has an effect done again from its first try, now. Gives the state it was in: one that is leased or
/// done stays as it is. `None` when there is none.
pub fn retry_effect(
    tx: &mut Tx<'_>,
    id: EffectId,
    now: Timestamp,
) -> Result<Option<EffectState>, StoreError> {
    let was = effects::retry(tx, id, now)?;
    let again = matches!(was, Some(EffectState::Waiting | EffectState::GivenUp));
    if again && effects::find(tx, id)?.is_some_and(|effect| effect.kind == DELIVER) {
        // The delivery and its effect go together.
        webhook_deliveries::replay(tx, WebhookDeliveryId::from_uuid(id.uuid()), now)?;
    }
    Ok(was)
}
