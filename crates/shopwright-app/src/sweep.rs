//! The standing job that forgets what is past its time, and writes down which reservations are.

use std::sync::Arc;
use std::time::Duration;

use shopwright_domain::time::Clock;
use shopwright_store::{Store, StoreError, idempotency};
use tokio::task::JoinHandle;

const SWEEP_EVERY: Duration = Duration::from_mins(10);
/// Rows forgotten in one transaction, so that no write waits long for it.
const ROWS_MAX: i64 = 500;

/// Forgets answers of requests past their time and writes down expired reservations, now and then. Running on several nodes does no harm.
pub fn keep_swept(store: Store, clock: Arc<dyn Clock>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut due = tokio::time::interval(SWEEP_EVERY);
        due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            due.tick().await;
            if let Err(error) = sweep(&store, clock.as_ref()).await {
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
