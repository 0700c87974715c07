//! What is past its time goes, in steps that no write waits long for.

use shopwright_domain::events::REMEMBERED;
use shopwright_domain::time::{DAY, HOUR, Timestamp};
use shopwright_store::events::{self, dead_letters, demand};
use shopwright_store::{Store, StoreError, Tx};

/// Rows forgotten in one transaction: about 20 ms.
const ROWS_MAX: i64 = 2_000;
/// How long letters wait.
const LETTERS_KEPT: i64 = 30 * DAY;
/// Caps of past hours are not asked any more; a little longer, since clocks of nodes differ.
const CAPS_KEPT: i64 = 2 * HOUR;

/// Forgets ids after 32 days, letters after 30, events after `kept_days`.
pub async fn sweep_events(store: &Store, now: Timestamp, kept_days: u32) -> Result<(), StoreError> {
    let before = now.plus_micros(-i64::from(kept_days) * DAY);
    in_steps(store, move |tx| events::sweep_events(tx, before, ROWS_MAX)).await?;
    let before = now.plus_micros(-REMEMBERED);
    in_steps(store, move |tx| events::sweep_ids(tx, before, ROWS_MAX)).await?;
    let before = now.plus_micros(-LETTERS_KEPT);
    in_steps(store, move |tx| dead_letters::sweep(tx, before, ROWS_MAX)).await?;
    let before = now.plus_micros(-CAPS_KEPT);
    in_steps(store, move |tx| demand::sweep_caps(tx, before, ROWS_MAX)).await
}

async fn in_steps(
    store: &Store,
    step: impl Fn(&mut Tx<'_>) -> Result<u64, StoreError> + Copy + Send + 'static,
) -> Result<(), StoreError> {
    while store.write(move |tx| step(tx)).await? >= ROWS_MAX.unsigned_abs() {}
    Ok(())
}
