//! The daily sweep: finished effects and events are forgotten after thirty days.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use shopwright_domain::ids::{IdSource, new_id};
use shopwright_domain::time::{Clock, DAY};
use shopwright_store::effects::{self, Effect, Outcome};
use shopwright_store::jobs::{self, NewJob};
use shopwright_store::{Store, StoreError, webhooks};
use tokio::task::JoinHandle;

use super::perform::Performed;
use super::performers::Performers;

/// The kind of the job.
pub(crate) const SWEEP: &str = "effects.sweep";
/// How long what is finished can be looked at.
const KEPT_DAYS: i64 = 30;
/// Rows forgotten in one transaction.
const CHUNK: i64 = 500;
/// How often it is seen to that the day has its sweep.
const LOOK_EVERY: Duration = Duration::from_hours(1);

/// Sees to it that every day has one sweep, however many nodes there are. Ends when aborted.
pub fn keep_sweeping(
    store: Store,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            look.tick().await;
            let (now, effect_id) = (clock.now(), new_id(ids.as_ref()));
            let key = format!("{SWEEP}:{}", now.as_micros().div_euclid(DAY));
            let scheduled = store
                .write(move |tx| {
                    let job =
                        NewJob { effect_id, kind: SWEEP, payload: json!({}), due_at: now, now };
                    jobs::schedule(tx, &key, job)
                })
                .await;
            if let Err(error) = scheduled {
                let error: StoreError = error;
                tracing::warn!(%error, "today's sweep could not be scheduled; the next hour tries again");
            }
        }
    })
}

/// Forgets what is old, in small steps.
pub(crate) async fn sweep(performers: &Performers, effect: &Effect) -> Performed {
    let before = performers.now().plus_micros(-KEPT_DAYS * DAY);
    loop {
        let step = performers
            .store
            .write(move |tx| {
                let events = webhooks::delete_events(tx, before, CHUNK)?;
                Ok::<_, StoreError>(events + effects::delete_done(tx, before, CHUNK)?)
            })
            .await;
        match step {
            Ok(0) => return Performed::bare(Outcome::Done),
            Ok(_) => {}
            Err(error) => return performers.failed(effect, error),
        }
    }
}
