//! One node among those that share the shards: says that it is alive, claims its part, hands back what
//! is more than that, and keeps a reader for every shard it holds.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use shopwright_domain::ids::IdSource;
use shopwright_domain::time::Clock;
use shopwright_store::streams::{self, ShardKey, ShardLease};
use shopwright_store::{Store, StoreError};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::brokers::Brokers;
use super::intake::Intake;
use super::reader::ShardTask;

/// How often partitions that were added are looked for.
const LOOK_FOR_PARTITIONS: Duration = Duration::from_secs(10);
/// How soon again when the brokers did not answer.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How long the chunk under way may take when a reader is asked to stop.
const STOP_WITHIN: Duration = Duration::from_secs(9);

/// How a node consumes.
#[derive(Clone, Copy, Debug)]
pub struct StreamOptions {
    /// How long a claim holds without a heartbeat.
    pub lease: Duration,
    /// How often the node says that it is alive and looks for shards that nobody reads. A lease and a
    /// look are well within the 30 seconds after which a killed node's shards are read again.
    pub beat: Duration,
    /// Messages taken in one transaction at most.
    pub chunk: usize,
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self { lease: Duration::from_secs(15), beat: Duration::from_secs(3), chunk: 1_000 }
    }
}

/// What the readers of a node share.
pub(super) struct Node<I> {
    pub(super) store: Store,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) brokers: Arc<Brokers>,
    pub(super) intake: Arc<I>,
    pub(super) options: StreamOptions,
    name: String,
}

/// A running consumer. Dropping it ends it at once, as a crash would; its leases run out.
pub struct Consuming {
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl fmt::Debug for Consuming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Consuming")
    }
}

impl Consuming {
    /// Reads no further, waits for the chunks under way, and hands the shards back.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        if let Err(error) = (&mut self.task).await {
            tracing::error!(%error, "the readers of streams did not end well");
        }
    }
}

impl Drop for Consuming {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads the configured streams until it is stopped.
pub fn keep_consuming<I: Intake>(
    (store, clock): (Store, Arc<dyn Clock>),
    ids: &dyn IdSource,
    brokers: Brokers,
    intake: Arc<I>,
    options: StreamOptions,
) -> Consuming {
    let name = ids.next_uuid().to_string();
    let node = Node { store, clock, brokers: Arc::new(brokers), intake, options, name };
    let (stop, stopped) = oneshot::channel();
    Consuming { stop: Some(stop), task: tokio::spawn(consume(Arc::new(node), stopped)) }
}

/// A task that ends with its holder.
struct Ended(JoinHandle<()>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A shard this node reads.
struct Held {
    lease: ShardLease,
    stop: watch::Sender<bool>,
    task: Ended,
}

impl Held {
    /// Lets the chunk under way be taken.
    async fn stop(mut self) -> ShardLease {
        self.stop.send_replace(true);
        if timeout(STOP_WITHIN, &mut self.task.0).await.is_err() {
            tracing::warn!(stream = self.lease.key.stream, "a reader was cut off");
        }
        self.lease
    }
}

async fn consume<I: Intake>(node: Arc<Node<I>>, mut stopped: oneshot::Receiver<()>) {
    let (found, mut shards) = watch::channel(node.brokers.redis_shards());
    let looking = node.brokers.has_kafka();
    let _finder = looking.then(|| Ended(tokio::spawn(find(Arc::clone(&node.brokers), found))));
    let mut held = BTreeMap::new();
    let mut beat = interval(node.options.beat);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            _ = beat.tick() => {}
            Ok(()) = shards.changed(), if looking => {}
        }
        let known = shards.borrow_and_update().clone();
        if let Err(error) = node.tend(&known, &mut held).await {
            tracing::warn!(%error, "shards could not be looked after; the next look tries again");
        }
    }
    node.hand_back(held).await;
}

/// Keeps the list of shards true while partitions are added.
async fn find(brokers: Arc<Brokers>, found: watch::Sender<Vec<ShardKey>>) {
    let mut failed = false;
    loop {
        let wait = match brokers.kafka_shards().await {
            Ok(partitions) => {
                failed = false;
                let shards = [brokers.redis_shards(), partitions].concat();
                found.send_if_modified(|known| {
                    let changed = *known != shards;
                    if changed {
                        known.clone_from(&shards);
                    }
                    changed
                });
                LOOK_FOR_PARTITIONS
            }
            Err(error) => {
                if !failed {
                    tracing::warn!(%error, "partitions cannot be looked for; tried again every second");
                }
                failed = true;
                LOOK_AGAIN
            }
        };
        sleep(wait).await;
    }
}

impl<I: Intake> Node<I> {
    /// One heartbeat: leases are kept, lost shards are let go, the node's part is claimed.
    async fn tend(
        self: &Arc<Self>,
        shards: &[ShardKey],
        held: &mut BTreeMap<ShardKey, Held>,
    ) -> Result<(), StoreError> {
        let leases: Vec<ShardLease> = held.values().map(|held| held.lease.clone()).collect();
        let (name, lease) = (self.name.clone(), self.options.lease);
        let (alive, kept) = self
            .store
            .write(move |tx| {
                let alive = streams::beat(tx, &name, lease)?;
                Ok::<_, StoreError>((alive, streams::extend(tx, &name, &leases, lease)?))
            })
            .await?;
        held.retain(|key, held| {
            let keeps = kept.contains(&held.lease) && !held.task.0.is_finished();
            if !keeps {
                tracing::info!(stream = key.stream, shard = key.shard, "a shard is let go");
            }
            keeps
        });
        let gone: Vec<ShardLease> =
            kept.into_iter().filter(|lease| !held.contains_key(&lease.key)).collect();
        let fair = shards.len().div_ceil(usize::try_from(alive).unwrap_or(1).max(1));
        let mut back = gone;
        while held.len() > fair {
            let Some((_, last)) = held.pop_last() else { break };
            back.push(last.stop().await);
        }
        if !back.is_empty() {
            return self.store.write(move |tx| streams::release(tx, &back)).await;
        }
        self.claim(shards, fair - held.len(), held).await
    }

    async fn claim(
        self: &Arc<Self>,
        shards: &[ShardKey],
        limit: usize,
        held: &mut BTreeMap<ShardKey, Held>,
    ) -> Result<(), StoreError> {
        let free: Vec<ShardKey> =
            shards.iter().filter(|key| !held.contains_key(key)).cloned().collect();
        if limit == 0 || free.is_empty() {
            return Ok(());
        }
        let (name, lease) = (self.name.clone(), self.options.lease);
        let claimed = self
            .store
            .write(move |tx| {
                streams::note(tx, &free)?;
                streams::claim(tx, &name, &free, lease, limit)
            })
            .await?;
        for (shard, lease) in claimed {
            let key = shard.key.clone();
            tracing::info!(stream = key.stream, shard = key.shard, "a shard is read here");
            let (stop, stopped) = watch::channel(false);
            let task = ShardTask::new(Arc::clone(self), (shard, lease.clone()), stopped);
            let task = Ended(tokio::spawn(task.run()));
            held.insert(key, Held { lease, stop, task });
        }
        Ok(())
    }

    async fn hand_back(&self, held: BTreeMap<ShardKey, Held>) {
        for held in held.values() {
            held.stop.send_replace(true);
        }
        let mut leases = Vec::new();
        for (_, held) in held {
            leases.push(held.stop().await);
        }
        let name = self.name.clone();
        let back = self.store.write(move |tx| {
            streams::release(tx, &leases)?;
            streams::leave(tx, &name)
        });
        if let Err(error) = back.await {
            let error: StoreError = error;
            tracing::warn!(%error, "shards could not be handed back; their leases run out by themselves");
        }
    }
}
