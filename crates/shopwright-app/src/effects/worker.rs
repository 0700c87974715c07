//! The worker of one process: claims what is due, keeps the leases of what runs, writes outcomes.
//!
//! It wakes at once when this process commits an effect, and looks for itself twice a second for
//! what others committed or left behind. When it is asked to stop it takes nothing new, lets what
//! runs end for a while, and hands the rest back.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use shopwright_domain::time::Clock;
use shopwright_store::effects::{self, Effect, Lease, Outcome};
use shopwright_store::{Change, Store, StoreError};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::oneshot;
use tokio::task::{Id, JoinHandle, JoinSet};

use super::outside::{CALL_TIME_MAX, LEASE};
use super::perform::{Perform, Performed};

/// How often an outcome that the ledger did not take is handed in again.
const SETTLE_TRIES: u32 = 5;
const SETTLE_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// How a worker works.
#[derive(Clone, Copy, Debug)]
pub struct WorkOptions {
    /// How long a claim holds without a heartbeat.
    pub lease: Duration,
    /// How often it looks for what other processes left.
    pub poll: Duration,
    /// Effects done at once.
    pub at_once: usize,
    /// How long what runs may go on after a stop is asked for.
    pub stop_within: Duration,
}

impl Default for WorkOptions {
    fn default() -> Self {
        let poll = Duration::from_millis(500);
        Self { lease: LEASE, poll, at_once: 16, stop_within: CALL_TIME_MAX }
    }
}

/// A running worker. Dropping it ends it at once, as a crash would; its leases run out.
#[derive(Debug)]
pub struct Working {
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Working {
    /// Takes nothing new, waits for what runs as long as the options say, hands back the rest.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        if let Err(error) = (&mut self.task).await {
            tracing::error!(%error, "the worker did not end well");
        }
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Does what is due until it is stopped.
pub fn keep_working<P: Perform>(
    store: Store,
    clock: Arc<dyn Clock>,
    performer: Arc<P>,
    options: WorkOptions,
) -> Working {
    let (stop, stopped) = oneshot::channel();
    let bench = Arc::new(Bench { store, clock, performer, options });
    Working { stop: Some(stop), task: tokio::spawn(work(bench, stopped)) }
}

struct Bench<P> {
    store: Store,
    clock: Arc<dyn Clock>,
    performer: Arc<P>,
    options: WorkOptions,
}

async fn work<P: Perform>(bench: Arc<Bench<P>>, mut stopped: oneshot::Receiver<()>) {
    let mut notices = bench.store.changes();
    let mut running = JoinSet::new();
    let mut leases: HashMap<Id, Lease> = HashMap::new();
    loop {
        for (effect, lease) in bench.claim(bench.options.at_once - running.len()).await {
            let task = running.spawn(Arc::clone(&bench).run(effect, lease));
            leases.insert(task.id(), lease);
        }
        tokio::select! {
            _ = &mut stopped => break,
            Some(ended) = running.join_next_with_id(), if !running.is_empty() => {
                leases.remove(&ended.map_or_else(|error| error.id(), |(id, ())| id));
            }
            () = heard(&mut notices) => {}
            () = tokio::time::sleep(bench.options.poll) => {}
        }
    }
    let deadline = tokio::time::sleep(bench.options.stop_within);
    tokio::pin!(deadline);
    while !running.is_empty() {
        tokio::select! {
            Some(ended) = running.join_next_with_id() => {
                leases.remove(&ended.map_or_else(|error| error.id(), |(id, ())| id));
            }
            () = &mut deadline => break,
        }
    }
    running.shutdown().await;
    bench.hand_back(leases.into_values().collect()).await;
}

/// Waits until this process has committed something to do.
async fn heard(notices: &mut Receiver<Change>) {
    loop {
        match notices.recv().await {
            Ok(Change::Effects) | Err(RecvError::Lagged(_)) => return,
            Ok(_) => {}
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// Ends a performer with its runner, so that nobody goes on with what was handed back.
struct Ended(JoinHandle<Performed>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<P: Perform> Bench<P> {
    async fn claim(&self, free: usize) -> Vec<(Effect, Lease)> {
        let (now, lease) = (self.clock.now(), self.options.lease);
        let kinds = self.performer.kinds();
        let limit = i64::try_from(free).unwrap_or(0);
        if limit == 0 {
            return Vec::new();
        }
        let claimed =
            self.store.write(move |tx| effects::claim(tx, kinds, now, lease, limit)).await;
        claimed.unwrap_or_else(|error: StoreError| {
            tracing::warn!(%error, "no effects could be claimed; the next look tries again");
            Vec::new()
        })
    }

    async fn run(self: Arc<Self>, effect: Effect, lease: Lease) {
        let Some(mut performed) = self.perform(&effect, lease).await else {
            tracing::warn!(effect = %effect.effect_id, "an effect was taken over by another worker");
            return;
        };
        if let Outcome::GivenUp { error } = &performed.outcome {
            tracing::error!(effect = %effect.effect_id, kind = effect.kind, error, "an effect was given up");
            if performed.record.is_none() {
                performed.record = self.performer.given_up(&effect, error);
            }
        }
        self.settle(&effect, lease, performed).await;
    }

    /// Performs and keeps the lease; `None` when it was lost meanwhile.
    async fn perform(&self, effect: &Effect, lease: Lease) -> Option<Performed> {
        let tries_max = self.performer.tries_max(&effect.kind);
        if effect.attempts > i64::from(tries_max) {
            let error = effect.last_error.clone();
            let error =
                error.unwrap_or_else(|| "it was begun too often and never ended".to_owned());
            return Some(Performed::bare(Outcome::GivenUp { error }));
        }
        let (performer, given) = (Arc::clone(&self.performer), effect.clone());
        let mut running = Ended(tokio::spawn(async move { performer.perform(given).await }));
        let beat = self.options.lease / 3;
        let mut beats = tokio::time::interval_at(tokio::time::Instant::now() + beat, beat);
        loop {
            tokio::select! {
                ended = &mut running.0 => return Some(ended.unwrap_or_else(|_| {
                    // The panic hook has logged where.
                    let error = "the performer panicked; the log says where".to_owned();
                    Performed::failed(effect, tries_max, self.clock.now(), error)
                })),
                _ = beats.tick() => {
                    let length = self.options.lease;
                    let kept = self.store.write(move |tx| effects::extend(tx, lease, length)).await;
                    match kept {
                        Ok(true) => {}
                        Ok(false) => return None,
                        Err(error) => {
                            let error: StoreError = error;
                            tracing::warn!(%error, effect = %effect.effect_id, "a lease could not be kept");
                        }
                    }
                }
            }
        }
    }

    /// Writes the outcome. When the ledger stays away the lease runs out and the effect is done again.
    async fn settle(&self, effect: &Effect, lease: Lease, performed: Performed) {
        let (outcome, now) = (performed.outcome, self.clock.now());
        let record = Arc::new(std::sync::Mutex::new(performed.record));
        for again in 1..=SETTLE_TRIES {
            let (outcome, record) = (outcome.clone(), Arc::clone(&record));
            let settled = self.store.write(move |tx| {
                if !effects::settle(tx, lease, &outcome, now)? {
                    return Ok::<_, StoreError>(false);
                }
                let mut record = record.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                record.as_mut().map_or(Ok(()), |record| record(tx))?;
                Ok(true)
            });
            match settled.await {
                Ok(true) => return,
                Ok(false) => {
                    tracing::warn!(effect = %effect.effect_id, "an outcome came after the lease was lost");
                    return;
                }
                Err(error) => {
                    tracing::warn!(%error, again, effect = %effect.effect_id, "an outcome could not be written");
                    tokio::time::sleep(SETTLE_AGAIN_AFTER).await;
                }
            }
        }
    }

    async fn hand_back(&self, held: Vec<Lease>) {
        if held.is_empty() {
            return;
        }
        let back = self.store.write(move |tx| effects::release(tx, &held)).await;
        if let Err(error) = back {
            let error: StoreError = error;
            tracing::warn!(%error, "leases could not be handed back; they run out by themselves");
        }
    }
}
