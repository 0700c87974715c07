//! Effects for prices that the platform was not told yet, and the job that looks at what it shows.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use shopwright_domain::catalog::Sku;
use shopwright_domain::ids::{EffectId, IdSource, new_id};
use shopwright_domain::platforms::Platform;
use shopwright_domain::time::{Clock, Timestamp};
use shopwright_store::effects::{self, NewEffect};
use shopwright_store::publishing::{self, PUBLISH};
use shopwright_store::{Change, Store, StoreError, Tx, pricing};
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinHandle;

use super::schedule_drift_check;

/// Groups that are put on their way in one transaction.
const GROUPS_MAX: usize = 200;
/// How often it is looked for what other processes changed.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Has prices told that were not told yet: at once after a change in this process, and within some
/// seconds after one elsewhere. Every `drift_every` it has the platform looked at. Running on several
/// nodes does no harm.
pub fn keep_publishing(
    store: Store,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    platform: Platform,
    drift_every: Duration,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut notices = store.changes();
        let mut due = tokio::time::interval(LOOK_EVERY);
        due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = due.tick() => {
                    let now = clock.now();
                    let slot = now.as_micros() / i64::try_from(drift_every.as_micros()).unwrap_or(1).max(1);
                    let id = new_id(ids.as_ref());
                    let asked = store.write(move |tx| {
                        schedule_drift_check(tx, platform, &slot.to_string(), id, now)
                    });
                    if let Err(error) = asked.await {
                        let error: StoreError = error;
                        tracing::warn!(%error, "the shop is not looked at now; tried again later");
                    }
                }
                notice = notices.recv() => match notice {
                    Ok(Change::Prices) | Err(RecvError::Lagged(_)) => {}
                    Ok(_) => continue,
                    Err(RecvError::Closed) => return,
                }
            }
            if let Err(error) = schedule_publishing(&store, platform, clock.now(), &ids).await {
                tracing::warn!(%error, "prices are not told to the shop yet; tried again later");
            }
        }
    })
}

/// Puts on its way what the platform was not told yet. Gives how many groups of variants that are.
/// While all prices are frozen nothing is told.
pub async fn schedule_publishing(
    store: &Store,
    platform: Platform,
    now: Timestamp,
    ids: &Arc<dyn IdSource>,
) -> Result<usize, StoreError> {
    let mut count = 0;
    loop {
        let due = store.read(move |tx| {
            if all_frozen(tx)? {
                return Ok(Vec::new());
            }
            publishing::due_groups(tx, platform, GROUPS_MAX)
        });
        let groups = due.await?;
        if groups.is_empty() {
            return Ok(count);
        }
        count += groups.len();
        let more = groups.len() == GROUPS_MAX;
        let fresh: Vec<EffectId> = groups.iter().map(|_| new_id(ids.as_ref())).collect();
        store
            .write(move |tx| {
                for (group, id) in groups.iter().zip(&fresh) {
                    add(tx, platform, group, *id, now)?;
                }
                Ok::<_, StoreError>(())
            })
            .await?;
        if !more {
            return Ok(count);
        }
    }
}

/// Adds the effect that tells the prices of a group.
pub(super) fn add(
    tx: &mut Tx<'_>,
    platform: Platform,
    group: &str,
    effect_id: EffectId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let subject = publishing::subject(platform, group);
    let payload = json!({});
    let new = NewEffect { effect_id, kind: PUBLISH, subject: &subject, payload, due_at: now, now };
    effects::add(tx, &new).map(|_| ())
}

/// Whether the owner stopped every price.
pub(super) fn all_frozen(tx: &mut Tx<'_>) -> Result<bool, StoreError> {
    let layer = pricing::find_policy(tx, "store", "")?;
    Ok(layer.is_some_and(|layer| layer.patch["freeze"] == true))
}

/// Has the prices told again that the platform shows differently or refused, of one product or of all.
/// Gives how many variants that are.
pub fn publish_again(
    tx: &mut Tx<'_>,
    platform: Platform,
    sku: Option<&Sku>,
) -> Result<u64, StoreError> {
    let count = publishing::offer_again(tx, platform, sku)?;
    tx.announce(Change::Prices);
    Ok(count)
}
