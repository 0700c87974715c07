//! The standing job that forgets what is past its time, writes down which reservations are, and seals
//! anew what an older key sealed.

use std::sync::Arc;
use std::time::Duration;

use shopwright_domain::time::{Clock, DAY};
use shopwright_store::{Store, StoreError, idempotency};
use tokio::task::JoinHandle;

use crate::effects::{Outside, reseal, sweep_effects};
use crate::events::sweep_events;
use crate::inbound::sweep_inbound;

const SWEEP_EVERY: Duration = Duration::from_mins(10);
/// Rows forgotten in one transaction, so that no write waits long for it.
const ROWS_MAX: i64 = 500;

/// How many days what is past is kept.
#[derive(Clone, Copy, Debug)]
pub struct KeptDays {
    /// Webhooks' events and finished effects.
    pub effects: u32,
    /// Events of shoppers; what they add up to by the hour stays.
    pub events: u32,
}

/// Sweeps now and then. Running on several nodes does no harm.
pub fn keep_swept(
    store: Store,
    clock: Arc<dyn Clock>,
    outside: Arc<Outside>,
    kept: KeptDays,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut due = tokio::time::interval(SWEEP_EVERY);
        due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            due.tick().await;
            let swept = [
                sweep(&store, clock.as_ref()).await,
                sweep_effects_of(&store, clock.as_ref(), kept.effects).await,
                sweep_events(&store, clock.now(), kept.events).await,
                sweep_inbound(&store, clock.now()).await.map(|_| ()),
                reseal(&store, &outside, clock.now()).await.map(|_| ()),
            ];
            for error in swept.into_iter().filter_map(Result::err) {
                tracing::warn!(%error, "what is past its time is still kept; tried again later");
            }
        }
    })
}

async fn sweep(store: &Store, clock: &dyn Clock) -> Result<(), StoreError> {
    crate::inventory::sweep_expired(store, clock.now()).await?;
    loop {
        let now = clock.now();
        let gone = store.write(move |tx| idempotency::sweep(tx, now, ROWS_MAX)).await?;
        if gone < ROWS_MAX.unsigned_abs() {
            return Ok(());
        }
    }
}

async fn sweep_effects_of(store: &Store, clock: &dyn Clock, days: u32) -> Result<(), StoreError> {
    let before = clock.now().plus_micros(-i64::from(days) * DAY);
    sweep_effects(store, before).await.map(|_| ())
}
