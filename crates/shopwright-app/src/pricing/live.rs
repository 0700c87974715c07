//! Prices in memory, behind an atomic pointer: requests never lock and never wait for the ledger.
//!
//! The snapshot follows the change feed: at once when this process commits a change, and by a look
//! at the feed's version several times a second for what other processes commit. While the ledger
//! is away it goes on serving what it has and says so.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use hashbrown::HashMap;
use shopwright_store::pricing::CurrentPrice;
use shopwright_store::{Change, Store, StoreError, feed, pricing};
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinHandle;

/// How often the feed is looked at for what other processes did.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Turns a price into the form that is served; the web floor knows its shape.
pub type Render<B> = fn(&CurrentPrice) -> B;

/// Served forms by SKU. The keys are the shop's own, so a fast hash will do.
type BySku<B> = HashMap<Arc<str>, Arc<B>>;

#[derive(Debug)]
struct Snapshot<B> {
    by_sku: BySku<B>,
    version: i64,
}

/// The prices of one moment.
#[derive(Debug)]
pub struct PricesAt<B>(Arc<Snapshot<B>>);

impl<B> PricesAt<B> {
    /// The served form of a price; `None` where the SKU has none.
    pub fn get(&self, sku: &str) -> Option<&B> {
        self.0.by_sku.get(sku).map(Arc::as_ref)
    }

    /// Every SKU with its served form, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &B)> {
        self.0.by_sku.iter().map(|(sku, body)| (&**sku, body.as_ref()))
    }
}

/// The live prices of one process.
#[derive(Debug)]
pub struct LivePrices<B> {
    snapshot: ArcSwap<Snapshot<B>>,
    stale: AtomicBool,
    /// Set while the signals that prices are decided from may be old.
    signals_stale: OnceLock<Arc<AtomicBool>>,
    render: Render<B>,
}

impl<B: Send + Sync + 'static> LivePrices<B> {
    /// Loads all prices.
    pub async fn load(store: &Store, render: Render<B>) -> Result<Arc<Self>, StoreError> {
        let live = Self {
            snapshot: ArcSwap::new(Arc::new(Snapshot { by_sku: HashMap::new(), version: 0 })),
            stale: AtomicBool::new(false),
            signals_stale: OnceLock::new(),
            render,
        };
        live.catch_up(store).await?;
        Ok(Arc::new(live))
    }

    /// Hands the served form of a price to `read`; `None` where the SKU has none.
    pub fn with<T>(&self, sku: &str, read: impl FnOnce(&B) -> T) -> Option<T> {
        self.snapshot.load().by_sku.get(sku).map(|body| read(body))
    }

    /// All prices of this moment: what comes later does not change them.
    pub fn moment(&self) -> PricesAt<B> {
        PricesAt(self.snapshot.load_full())
    }

    /// How many SKUs have a price.
    pub fn len(&self) -> usize {
        self.snapshot.load().by_sku.len()
    }

    /// Whether no SKU has a price.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the ledger was away at the last look, or what signals are shared through, so that prices
    /// may be out of date.
    pub fn is_stale(&self) -> bool {
        self.ledger_is_away()
            || self.signals_stale.get().is_some_and(|stale| stale.load(Ordering::Relaxed))
    }

    /// From now on prices are stale while this is set, too. The first mark given is the one that counts.
    pub fn heed_signals(&self, stale: Arc<AtomicBool>) {
        let _ = self.signals_stale.set(stale);
    }

    fn ledger_is_away(&self) -> bool {
        self.stale.load(Ordering::Relaxed)
    }

    /// Takes in what was committed since the last look. Gives whether anything was.
    async fn catch_up(&self, store: &Store) -> Result<bool, StoreError> {
        let seen = self.snapshot.load().version;
        let render = self.render;
        let (version, changed) = store
            .read(move |tx| {
                let version = feed::version(tx, Change::Prices)?;
                let mut changed: Vec<(Arc<str>, Arc<B>)> = Vec::new();
                if version > seen {
                    pricing::for_each_since(tx, seen, |price| match price {
                        Ok(price) => {
                            changed.push((price.sku.as_str().into(), Arc::new(render(&price))));
                        }
                        Err(error) => {
                            tracing::error!(%error, "a price cannot be read and is not served");
                        }
                    })?;
                }
                Ok::<_, StoreError>((version, changed))
            })
            .await?;
        if version == seen {
            return Ok(false);
        }
        let mut by_sku = self.snapshot.load().by_sku.clone();
        by_sku.extend(changed);
        self.snapshot.store(Arc::new(Snapshot { by_sku, version }));
        Ok(true)
    }

    /// Follows the ledger until the task is aborted.
    pub fn follow(self: &Arc<Self>, store: Store) -> JoinHandle<()> {
        let live = Arc::clone(self);
        tokio::spawn(async move {
            let mut notices = store.changes();
            let mut look = tokio::time::interval(LOOK_EVERY);
            look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    _ = look.tick() => {}
                    notice = notices.recv() => match notice {
                        Ok(Change::Prices) | Err(RecvError::Lagged(_)) => {}
                        Ok(_) => continue,
                        Err(RecvError::Closed) => return,
                    }
                }
                let away = match live.catch_up(&store).await {
                    Ok(_) => false,
                    // A crowd before the ledger says nothing about the prices' age yet.
                    Err(StoreError::Busy) => continue,
                    Err(error) => {
                        if !live.ledger_is_away() {
                            tracing::error!(%error, "prices are served from memory and marked stale");
                        }
                        true
                    }
                };
                live.stale.store(away, Ordering::Relaxed);
            }
        })
    }
}
