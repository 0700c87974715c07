//! What is finished is forgotten after some days, in small steps: events with their deliveries, effects,
//! mails, and the logs of endpoints that were removed. What waits stays, however old it is.

use shopwright_domain::time::Timestamp;
use shopwright_store::{Store, StoreError, effects, webhooks};

/// Rows forgotten in one transaction.
const CHUNK: i64 = 200;

/// Forgets what was finished before then; gives how many rows. Running on several nodes does no harm.
pub async fn sweep_effects(store: &Store, before: Timestamp) -> Result<u64, StoreError> {
    let mut gone = 0;
    loop {
        let step = store
            .write(move |tx| {
                let removed = webhooks::delete_removed(tx, CHUNK)?;
                let events = webhooks::delete_events(tx, before, CHUNK)?;
                let effects = effects::delete_finished(tx, before, CHUNK)?;
                Ok::<_, StoreError>(removed + events + effects)
            })
            .await?;
        if step == 0 {
            return Ok(gone);
        }
        gone += step;
    }
}
