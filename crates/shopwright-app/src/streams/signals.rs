//! Demand signals that nodes share in Redis, one value a SKU under `demand_metrics:{sku}`, forgotten
//! after five minutes without traffic.
//!
//! The ledger is the truth: every value is computed from it, so a Redis that was away has lost nothing.
//! No request waits for Redis. While it is away the last known values are used and [`Stale`] says so;
//! it ends when every value that is known here was written anew.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use shopwright_domain::catalog::Sku;
use shopwright_domain::time::{Clock, Timestamp};
use shopwright_gateways::redis::{Redis, RedisConnection};
use shopwright_gateways::stream::BrokerError;
use shopwright_store::{Store, StoreError, Tx};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

/// How long a value is kept without being written again.
const KEPT: Duration = Duration::from_mins(5);
/// How often touched SKUs are written, which is also how soon a Redis that is away is noticed.
const WRITE_EVERY: Duration = Duration::from_millis(250);
/// SKUs written at once; with four writes a second, eight thousand a second.
const WRITTEN_MAX: usize = 2_000;
/// SKUs whose last values are kept in memory.
const KNOWN_MAX: usize = 100_000;

/// What shoppers did with one product lately.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DemandSignals {
    /// The product.
    pub sku: Sku,
    /// Views in the last hour.
    pub views_1h: i64,
    /// Views in the last day.
    pub views_24h: i64,
    /// Views in the last week.
    pub views_7d: i64,
    /// Times it was put into a cart in the last day.
    pub adds_24h: i64,
    /// The same in the last week.
    pub adds_7d: i64,
    /// Pieces sold in the last week, less those that came back.
    pub units_7d: i64,
    /// The same in the last four weeks.
    pub units_28d: i64,
    /// Sales per view in the last day; nothing without a view. Shown to people, never computed with.
    pub conversion_24h: Option<f64>,
    /// Pieces that can be sold; nothing where stock is not kept.
    pub available: Option<i64>,
    /// When it was computed.
    pub updated_at: Timestamp,
}

/// Computes signals from the ledger.
pub trait SignalSource: Send + Sync + 'static {
    /// The signals of these SKUs at that time; a SKU that is not known has none.
    fn signals(
        &self,
        tx: &mut Tx<'_>,
        skus: &[Sku],
        now: Timestamp,
    ) -> Result<Vec<DemandSignals>, StoreError>;
}

/// Whether Redis was away at the last look, so that signals may be old.
pub type Stale = Arc<AtomicBool>;

/// The shared signals as one node has them.
pub struct SharedSignals {
    store: Store,
    clock: Arc<dyn Clock>,
    redis: Redis,
    source: Arc<dyn SignalSource>,
    stale: Stale,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    /// What is to be written.
    touched: BTreeSet<Sku>,
    /// The last known values.
    known: HashMap<Sku, DemandSignals>,
}

impl fmt::Debug for SharedSignals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedSignals").field("stale", &self.stale).finish_non_exhaustive()
    }
}

/// The name of a SKU's value in Redis.
fn key(sku: &Sku) -> String {
    format!("demand_metrics:{sku}")
}

impl SharedSignals {
    /// Signals of this ledger, shared through this Redis.
    pub fn new(
        (store, clock): (Store, Arc<dyn Clock>),
        redis: Redis,
        source: Arc<dyn SignalSource>,
    ) -> Arc<Self> {
        let (stale, held) = (Stale::default(), Mutex::default());
        Arc::new(Self { store, clock, redis, source, stale, held })
    }

    /// The mark that prices show while Redis is away.
    pub fn stale(&self) -> Stale {
        Arc::clone(&self.stale)
    }

    /// Has these SKUs written at the next turn; costs the caller no wait.
    pub fn touch(&self, skus: impl IntoIterator<Item = Sku>) {
        self.held().touched.extend(skus);
    }

    /// The signals of these SKUs, in no order: from Redis, else the last known while it is away, else
    /// from the ledger, from where they are written back.
    pub async fn signals(
        self: &Arc<Self>,
        connection: Option<&mut RedisConnection>,
        skus: &[Sku],
    ) -> Result<Vec<DemandSignals>, StoreError> {
        let keys: Vec<String> = skus.iter().map(key).collect();
        let shared = match connection {
            Some(connection) => connection.get_many(&keys).await.ok(),
            None => None,
        };
        let mut found: Vec<DemandSignals> = if let Some(values) = shared {
            let read = |text: String| serde_json::from_str::<DemandSignals>(&text).ok();
            values.into_iter().flatten().filter_map(read).collect()
        } else {
            let held = self.held();
            skus.iter().filter_map(|sku| held.known.get(sku).cloned()).collect()
        };
        let there: BTreeSet<&Sku> = found.iter().map(|signals| &signals.sku).collect();
        let missing: Vec<Sku> = skus.iter().filter(|sku| !there.contains(sku)).cloned().collect();
        if !missing.is_empty() {
            let computed = self.compute(missing).await?;
            self.touch(computed.iter().map(|signals| signals.sku.clone()));
            found.extend(computed);
        }
        self.remember(&found);
        Ok(found)
    }

    /// Writes what was touched, and notices when Redis goes and comes back, until the task is aborted.
    pub fn keep_written(self: &Arc<Self>) -> JoinHandle<()> {
        let shared = Arc::clone(self);
        tokio::spawn(async move {
            let mut turn = interval(WRITE_EVERY);
            turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut connection = None;
            loop {
                turn.tick().await;
                if let Err(error) = shared.write(&mut connection).await {
                    connection = None;
                    if !shared.stale.swap(true, Ordering::Relaxed) {
                        tracing::error!(%error, "demand signals are not shared; the last known are used");
                    }
                }
            }
        })
    }

    async fn write(&self, held: &mut Option<RedisConnection>) -> Result<(), BrokerError> {
        let connection = match held {
            Some(connection) => connection,
            None => held.insert(self.redis.connect().await?),
        };
        connection.ping().await?;
        if self.stale.load(Ordering::Relaxed) {
            // What was written meanwhile did not arrive: everything known is written anew.
            let mut held = self.held();
            let known: Vec<Sku> = held.known.keys().cloned().collect();
            held.touched.extend(known);
        }
        loop {
            let some = self.take_touched();
            if some.is_empty() {
                break;
            }
            let computed = match self.compute(some.clone()).await {
                Ok(computed) => computed,
                Err(error) => {
                    tracing::warn!(%error, "demand signals wait for the ledger");
                    self.touch(some);
                    return Ok(());
                }
            };
            self.remember(&computed);
            let text = |signals: &DemandSignals| serde_json::to_string(signals).ok();
            let values: Vec<(String, String)> =
                computed.iter().filter_map(|s| Some((key(&s.sku), text(s)?))).collect();
            if let Err(error) = connection.set_many(&values, KEPT).await {
                self.touch(some);
                return Err(error);
            }
            if !self.stale.load(Ordering::Relaxed) {
                break;
            }
        }
        if self.stale.swap(false, Ordering::Relaxed) {
            tracing::info!("demand signals are shared again");
        }
        Ok(())
    }

    fn take_touched(&self) -> Vec<Sku> {
        let mut held = self.held();
        let some: Vec<Sku> = held.touched.iter().take(WRITTEN_MAX).cloned().collect();
        for sku in &some {
            held.touched.remove(sku);
        }
        some
    }

    async fn compute(&self, skus: Vec<Sku>) -> Result<Vec<DemandSignals>, StoreError> {
        let (now, source) = (self.clock.now(), Arc::clone(&self.source));
        self.store.read(move |tx| source.signals(tx, &skus, now)).await
    }

    fn remember(&self, found: &[DemandSignals]) {
        let mut held = self.held();
        for signals in found {
            held.known.insert(signals.sku.clone(), signals.clone());
        }
        if held.known.len() > KNOWN_MAX {
            let oldest =
                self.clock.now().plus_micros(-i64::try_from(KEPT.as_micros()).unwrap_or(0));
            held.known.retain(|_, signals| signals.updated_at >= oldest);
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // A panic elsewhere leaves both collections whole.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
