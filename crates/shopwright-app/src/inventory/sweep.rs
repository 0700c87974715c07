//! The sweep: writes down which reservations have expired. They stopped holding at their instant;
//! this only keeps the list of held lines short.

use shopwright_domain::time::Timestamp;
use shopwright_store::inventory::reservations;
use shopwright_store::{Store, StoreError};

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
