//! The sweep: writes down which reservations have expired. They stopped holding at their instant;
//! this only keeps the list of held lines short.

use std::sync::Arc;
use std::time::Duration;

use shopwright_domain::time::{Clock, Timestamp};
use shopwright_store::inventory::reservations;
use shopwright_store::{Store, StoreError};
use tokio::task::JoinHandle;

/// Reservations per transaction.
const BATCH: i64 = 500;

/// Writes down all reservations that have expired by `now`; gives their number.
pub async fn sweep_expired(store: &Store, now: Timestamp) -> Result<u64, StoreError> {
    let mut swept = 0;
    loop {
        let batch = store.write(move |tx| reservations::write_expired(tx, now, BATCH)).await?;
        swept += batch;
        if batch < BATCH.unsigned_abs() {
            return Ok(swept);
        }
    }
}

/// Sweeps every `every`. A sweep that fails is made up for by the next one.
pub fn keep_sweeping(store: Store, clock: Arc<dyn Clock>, every: Duration) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut due = tokio::time::interval(every);
        due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            due.tick().await;
            match sweep_expired(&store, clock.now()).await {
                Ok(swept) => tracing::debug!(swept, "expired reservations written down"),
                Err(error) => {
                    tracing::error!(%error, "the sweep of reservations failed; it is tried again");
                }
            }
        }
    })
}
