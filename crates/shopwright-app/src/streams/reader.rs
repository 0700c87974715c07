//! The reader of one shard: reads a chunk, has it taken, and only then reads the next one.
//!
//! A chunk that the ledger did not take is handed in again as it is, until it is taken or the lease is
//! somebody else's. What was written is decided by the ledger alone: the position there is the truth.

use std::sync::Arc;
use std::time::{Duration, Instant};

use shopwright_gateways::stream::{Body, BrokerError, Chunk, Message, Place};
use shopwright_store::streams::{self, Moved, Position, Shard, ShardKey, ShardLease};
use shopwright_store::{Store, StoreError};
use tokio::sync::watch;

use super::brokers::ShardReader;
use super::intake::{Intake, Received, StreamBatch};
use super::node::Node;
use super::pause::Pause;

/// A broker that says at once that there is nothing is not asked again at once.
const IDLE: Duration = Duration::from_millis(100);

/// Reads a shard until its lease is lost or the node stops.
pub(super) struct ShardTask<I> {
    pub(super) node: Arc<Node<I>>,
    pub(super) lease: ShardLease,
    pub(super) place: Place,
    pub(super) stop: watch::Receiver<bool>,
    problem: Option<String>,
}

/// Whether a task goes on.
enum Go {
    On,
    Ended,
}

impl<I: Intake> ShardTask<I> {
    pub(super) fn new(
        node: Arc<Node<I>>,
        (shard, lease): (Shard, ShardLease),
        stop: watch::Receiver<bool>,
    ) -> Self {
        let place = Place { text: shard.position.text, passed: shard.position.passed };
        Self { node, lease, place, stop, problem: None }
    }

    pub(super) async fn run(mut self) {
        let mut pause = Pause::new();
        loop {
            let error = match self.node.brokers.open(&self.lease.key).await {
                Ok(mut reader) => match self.read(&mut reader, &mut pause).await {
                    Ok(()) => return,
                    Err(error) => error,
                },
                Err(error) => error,
            };
            self.complain(&error).await;
            if !pause.wait(&mut self.stop).await {
                return;
            }
        }
    }

    /// Reads until the shard is no longer ours, or the broker fails.
    async fn read(
        &mut self,
        reader: &mut ShardReader,
        pause: &mut Pause,
    ) -> Result<(), BrokerError> {
        loop {
            let asked = Instant::now();
            let chunk = tokio::select! {
                _ = self.stop.wait_for(|told| *told) => return Ok(()),
                chunk = reader.read(&self.place, self.node.options.chunk) => chunk?,
            };
            pause.reset();
            if chunk.messages.is_empty() && chunk.next == self.place {
                self.no_longer_complain(chunk.behind).await;
                if asked.elapsed() < IDLE {
                    tokio::time::sleep(IDLE).await;
                }
                continue;
            }
            if matches!(self.take(chunk).await, Go::Ended) {
                return Ok(());
            }
        }
    }

    /// Has a chunk taken with the position behind it, however often that has to be tried.
    async fn take(&mut self, chunk: Chunk) -> Go {
        let key = &self.lease.key;
        if chunk.lost > 0 {
            let (stream, shard, lost) = (&key.stream, key.shard, chunk.lost);
            tracing::warn!(stream, shard, lost, "messages were dropped before they were read");
        }
        let (node, now) = (Arc::clone(&self.node), self.node.clock.now());
        let moved = moved(&chunk);
        let prepared = Arc::new(node.intake.prepare(batch(key, chunk.messages), now));
        let mut pause = Pause::new();
        loop {
            let read_from = Position { text: self.place.text.clone(), passed: self.place.passed };
            let (node, lease) = (Arc::clone(&self.node), self.lease.clone());
            let (prepared, mut moved) = (Arc::clone(&prepared), moved.clone());
            let taken = self.node.store.write(move |tx| {
                if streams::lock(tx, &lease, &read_from)?.is_none() {
                    return Ok::<_, StoreError>(None);
                }
                let taken = node.intake.take_in(tx, &prepared, now)?;
                moved.dead = taken.dead;
                streams::advance(tx, &lease, &moved, now)?;
                Ok(Some(taken.touched))
            });
            match taken.await {
                Ok(Some(touched)) => {
                    self.node.intake.committed(touched);
                    self.place = chunk.next;
                    self.problem = None;
                    return Go::On;
                }
                Ok(None) => return self.look_again().await,
                Err(error) if error.is_transient() => {
                    tracing::warn!(%error, stream = self.lease.key.stream, "messages wait for the ledger");
                }
                Err(error) => {
                    tracing::error!(%error, stream = self.lease.key.stream, "messages cannot be taken");
                    self.note(&format!("messages cannot be taken: {error}")).await;
                }
            }
            if !pause.wait(&mut self.stop).await {
                return Go::Ended;
            }
        }
    }

    /// The chunk was taken by a write whose answer never came, or the shard is somebody else's now: the
    /// ledger knows.
    async fn look_again(&mut self) -> Go {
        let lease = self.lease.clone();
        let held = self.node.store.read(move |tx| streams::held(tx, &lease)).await;
        match held {
            Ok(Some(position)) => {
                self.place = Place { text: position.text, passed: position.passed };
                Go::On
            }
            Ok(None) => Go::Ended,
            Err(error) => {
                let error: StoreError = error;
                tracing::warn!(%error, "a shard was given up; another lease goes on with it");
                Go::Ended
            }
        }
    }

    async fn complain(&mut self, error: &BrokerError) {
        let text = error.to_string();
        if self.problem.as_deref() != Some(&text) {
            let key = &self.lease.key;
            tracing::warn!(%error, stream = key.stream, shard = key.shard, "a stream is not read");
            self.note(&text).await;
        }
    }

    async fn note(&mut self, problem: &str) {
        if self.problem.as_deref() == Some(problem) {
            return;
        }
        self.problem = Some(problem.to_owned());
        write_report(&self.node.store, &self.lease, None, Some(problem.to_owned())).await;
    }

    async fn no_longer_complain(&mut self, behind: Option<i64>) {
        if self.problem.take().is_some() {
            tracing::info!(stream = self.lease.key.stream, "a stream is read again");
            write_report(&self.node.store, &self.lease, behind, None).await;
        }
    }
}

async fn write_report(
    store: &Store,
    lease: &ShardLease,
    behind: Option<i64>,
    problem: Option<String>,
) {
    let lease = lease.clone();
    let written = store.write(move |tx| streams::report(tx, &lease, behind, problem.as_deref()));
    if let Err(error) = written.await {
        let error: StoreError = error;
        tracing::warn!(%error, "the state of a stream could not be written");
    }
}

fn moved(chunk: &Chunk) -> Moved {
    Moved {
        position: Position { text: chunk.next.text.clone(), passed: chunk.next.passed },
        messages: i64::try_from(chunk.messages.len()).unwrap_or(i64::MAX),
        dead: 0,
        lost: chunk.lost,
        behind: chunk.behind,
        reached_at: chunk.messages.last().and_then(|message| message.at),
    }
}

fn batch(key: &ShardKey, messages: Vec<Message>) -> StreamBatch {
    let received = |message: Message| {
        let (raw, unfit) = match message.body {
            Body::Text(raw) => (raw, None),
            Body::Unfit { raw, reason } => (raw, Some(reason)),
            Body::Nothing => return None,
        };
        let fallback_id = format!("{}/{}/{}", key.stream, key.shard, message.position);
        Some(Received { fallback_id, raw, unfit })
    };
    StreamBatch {
        source: format!("{}:{}", key.broker.as_str(), key.stream),
        messages: messages.into_iter().filter_map(received).collect(),
    }
}
