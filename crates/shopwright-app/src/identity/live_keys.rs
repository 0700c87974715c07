//! Keys in memory: looked up by hash without locks, reloaded when the feed moves.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use shopwright_domain::ids::KeyId;
use shopwright_domain::time::{SECOND, Timestamp};
use shopwright_store::identity::ApiKey;
use shopwright_store::{Change, Store, StoreError, feed, identity};
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinHandle;

use super::customer_tokens::{SigningVersion, TokenSecrets, signing_version};
use super::keys::{KeyKind, KeySecret, shown_prefix};
use super::scopes::{Scope, ScopeSet};

/// How often the feed is looked at for what other processes did.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often "last used" is written down.
const TOUCH_EVERY: Duration = Duration::from_mins(1);

/// A key that may be used.
#[derive(Debug)]
pub struct KnownKey {
    /// Its id.
    pub key_id: KeyId,
    /// What it may be used for.
    pub kind: KeyKind,
    /// What it may do.
    pub scopes: ScopeSet,
    /// Web origins a browser may use it from; none means any.
    pub origins: Vec<String>,
    expires_at: Option<Timestamp>,
    last_used_micros: AtomicI64,
}

#[derive(Default)]
struct Snapshot {
    by_hash: HashMap<[u8; 32], Arc<KnownKey>>,
    /// How usable keys begin.
    prefixes: HashSet<Box<str>>,
    /// `None` before the first look at the ledger.
    tokens: Option<TokenSecrets>,
    version: i64,
}

/// The usable keys of one process.
pub struct LiveKeys {
    snapshot: ArcSwap<Snapshot>,
    secret: KeySecret,
}

impl LiveKeys {
    /// Loads all keys.
    pub async fn load(store: &Store, secret: KeySecret) -> Result<Arc<Self>, StoreError> {
        let live = Self {
            snapshot: ArcSwap::new(Arc::new(Snapshot { version: -1, ..Snapshot::default() })),
            secret,
        };
        live.catch_up(store).await?;
        Ok(Arc::new(live))
    }

    /// The key that `text` is, unless it is unknown, revoked or past its time. Notes its use. The lookup is by a
    /// keyed hash, so that its timing tells nothing about other keys; what does not begin like any of them is
    /// not worth a hash. How keys begin is shown in lists and no secret: 130 random bits follow.
    pub fn check(&self, text: &str, now: Timestamp) -> Option<Arc<KnownKey>> {
        let snapshot = self.snapshot.load();
        if !snapshot.prefixes.contains(shown_prefix(text)?) {
            return None;
        }
        let known = snapshot.by_hash.get(&self.secret.hash(text)).cloned()?;
        if known.expires_at.is_some_and(|at| at <= now) {
            return None;
        }
        // A second's precision is plenty, and spares every request a shared write.
        let last = known.last_used_micros.load(Ordering::Relaxed);
        if now.as_micros() - last >= SECOND {
            known.last_used_micros.store(now.as_micros(), Ordering::Relaxed);
        }
        Some(known)
    }

    /// The customer that a good token is for (see [`TokenSecrets::customer`]).
    pub fn customer(&self, token: &str, now: Timestamp) -> Option<String> {
        self.snapshot.load().tokens.as_ref()?.customer(token, now)
    }

    async fn catch_up(&self, store: &Store) -> Result<(), StoreError> {
        let seen = self.snapshot.load().version;
        let loaded = store
            .read(move |tx| {
                let version = feed::version(tx, Change::Keys)?;
                if version == seen {
                    return Ok::<_, StoreError>(None);
                }
                Ok(Some((version, identity::list_keys(tx)?, signing_version(tx)?)))
            })
            .await?;
        let Some((version, keys, signing)) = loaded else { return Ok(()) };
        // A key that is revoked leaves memory now: its last use is written down before it does.
        if let Err(error) = self.write_last_used(store).await {
            tracing::warn!(%error, "when keys were last used could not be written");
        }
        let before = self.snapshot.load_full();
        self.snapshot.store(Arc::new(self.snapshot_of(keys, signing, &before, version)));
        Ok(())
    }

    fn snapshot_of(
        &self,
        keys: Vec<ApiKey>,
        signing: SigningVersion,
        before: &Snapshot,
        version: i64,
    ) -> Snapshot {
        let tokens = Some(TokenSecrets::new(&self.secret, signing));
        let mut next = Snapshot { tokens, version, ..Snapshot::default() };
        for key in keys.into_iter().filter(|key| key.revoked_at.is_none()) {
            let (Ok(hash), Some(kind)) =
                (<[u8; 32]>::try_from(key.hash.as_slice()), KeyKind::parse(&key.kind))
            else {
                tracing::error!(key = %key.key_id, "a key in the ledger cannot be read and is not accepted");
                continue;
            };
            let stored = key.last_used_at.map_or(i64::MIN / 2, Timestamp::as_micros);
            let last = before
                .by_hash
                .get(&hash)
                .map_or(stored, |k| k.last_used_micros.load(Ordering::Relaxed));
            // A scope this program does not know opens nothing.
            let named = key.scopes.iter().filter_map(|text| Scope::parse(text));
            let known = KnownKey {
                key_id: key.key_id,
                kind,
                scopes: kind.scopes(named),
                origins: key.origins,
                expires_at: key.expires_at,
                last_used_micros: AtomicI64::new(last),
            };
            next.prefixes.insert(key.shown_prefix.into());
            next.by_hash.insert(hash, Arc::new(known));
        }
        next
    }

    /// Writes down when keys were last used.
    pub async fn write_last_used(&self, store: &Store) -> Result<(), StoreError> {
        let used: Vec<_> = self
            .snapshot
            .load()
            .by_hash
            .values()
            .map(|key| (key.key_id, key.last_used_micros.load(Ordering::Relaxed)))
            .filter(|(_, micros)| *micros > 0)
            .map(|(id, micros)| (id, Timestamp::from_micros(micros)))
            .collect();
        if used.is_empty() {
            return Ok(());
        }
        store.write(move |tx| identity::touch_keys(tx, &used)).await
    }

    /// Follows the ledger until the task is aborted.
    pub fn follow(self: &Arc<Self>, store: Store) -> JoinHandle<()> {
        let live = Arc::clone(self);
        tokio::spawn(async move {
            let mut notices = store.changes();
            let mut look = tokio::time::interval(LOOK_EVERY);
            let mut touch = tokio::time::interval(TOUCH_EVERY);
            look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            touch.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                let outcome = tokio::select! {
                    _ = look.tick() => live.catch_up(&store).await,
                    _ = touch.tick() => live.write_last_used(&store).await,
                    notice = notices.recv() => match notice {
                        Ok(Change::Keys) | Err(RecvError::Lagged(_)) => live.catch_up(&store).await,
                        Ok(_) => Ok(()),
                        Err(RecvError::Closed) => return,
                    }
                };
                if let Err(error) = outcome {
                    tracing::warn!(%error, "keys could not be followed; the last known ones hold");
                }
            }
        })
    }
}
