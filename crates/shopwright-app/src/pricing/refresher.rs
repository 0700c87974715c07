//! The standing job that keeps prices decided: at intervals, and soon after an input changed.

use std::sync::Arc;
use std::time::Duration;

use shopwright_domain::ids::IdSource;
use shopwright_domain::time::Clock;
use shopwright_store::{Change, Store};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::refresh::{StoreZone, refresh_prices, refresh_touched};
use crate::events::Traffic;

/// Changes that follow each other this closely are answered by one refresh.
const SETTLE: Duration = Duration::from_millis(50);

/// Refreshes all prices every `every`, whatever that is at the time, and within a moment of a change to their inputs in this
/// process. A refresh that fails is tried again at the next occasion; prices stand meanwhile.
pub fn keep_refreshing(
    store: Store,
    zone: StoreZone,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    mut every: watch::Receiver<Duration>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut notices = store.changes();
        let mut due = ticks(*every.borrow_and_update());
        loop {
            tokio::select! {
                _ = due.tick() => {}
                Ok(()) = every.changed() => {
                    due = ticks(*every.borrow_and_update());
                    continue;
                }
                notice = notices.recv() => match notice {
                    Ok(Change::PriceInputs) | Err(RecvError::Lagged(_)) => {
                        tokio::time::sleep(SETTLE).await;
                        // What came in meanwhile is answered by the same refresh.
                        while notices.try_recv().is_ok() {}
                    }
                    Ok(_) => continue,
                    Err(RecvError::Closed) => return,
                }
            }
            match refresh_prices(&store, &zone, clock.now(), &ids).await {
                Ok(done) => tracing::debug!(?done, "prices refreshed"),
                Err(error) => {
                    tracing::error!(%error, "prices could not be refreshed; they stand as they are");
                }
            }
        }
    })
}

/// Events that follow each other this closely are answered by one look at their products.
const TRAFFIC_SETTLE: Duration = Duration::from_millis(250);
/// Products looked at in one transaction: a page of a refresh.
const TOUCHED_MAX: usize = 400;

/// Looks at products whose traffic has moved, within half a second, without looking at the others. What
/// fails is answered by the next refresh.
pub fn keep_following_traffic(
    store: Store,
    zone: StoreZone,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    traffic: Arc<Traffic>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            let skus = traffic.next(TOUCHED_MAX).await;
            if let Err(error) = refresh_touched(&store, &zone, clock.now(), &ids, skus).await {
                tracing::error!(%error, "prices could not follow traffic; they stand as they are");
            }
            tokio::time::sleep(TRAFFIC_SETTLE).await;
        }
    })
}

fn ticks(every: Duration) -> tokio::time::Interval {
    let mut due = tokio::time::interval(every);
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    due
}
