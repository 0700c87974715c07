//! A running shop for each test: the real server on a free port over a real ledger, with a clock
//! that is moved by hand, ids from a counter, and a small catalogue.
//!
//! Tests are plain steps in order; only the server lives in an async runtime. Each body runs on
//! SQLite, and on PostgreSQL in a schema of its own when `SHOPWRIGHT_TEST_POSTGRES_URL` is set.

use std::env;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use shopwright_app::effects::{Outside, Performers, WorkOptions, Working, keep_working};
use shopwright_app::events::Traffic;
use shopwright_app::identity::{KeyKind, KeySecret, WantedKey, create_key, signing_secret};
use shopwright_app::pricing::{
    Refreshed, StoreZone, keep_following_traffic, keep_refreshing, refresh_prices,
};
use shopwright_domain::ids::{Entropy, IdSource, KeyId, new_id};
use shopwright_domain::money::Currency;
use shopwright_domain::platforms::Platform;
use shopwright_domain::time::{Clock, Timestamp};
use shopwright_gateways::guard::Guard;
use shopwright_gateways::inbound::{InboundSecrets, SenderSecrets};
use shopwright_gateways::mail::Mail;
use shopwright_gateways::resolver::Resolver;
use shopwright_gateways::seal::Seal;
use shopwright_store::audit::{Actor, Stamp};
use shopwright_store::{
    PostgresOptions, SqliteOptions, Store, StoreError, StoreOptions, Tx, params,
};
use shopwright_web::limits::{Limits, Rates};
use shopwright_web::{PublicUrl, Site, SiteOptions, serve};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::client::Call;
use crate::proxy::Proxy;
use crate::seed;

const URL: &str = "SHOPWRIGHT_TEST_POSTGRES_URL";
const REQUIRED: &str = "SHOPWRIGHT_REQUIRE_POSTGRES";
/// What the product promises for everything that follows a change.
pub const SOON: Duration = Duration::from_secs(1);
/// Noon of a Tuesday in UTC: no evening, no weekend.
pub const START: &str = "2026-11-24T12:00:00Z";

/// A clock that only tests move.
pub struct TestClock(AtomicI64);

impl TestClock {
    pub fn advance(&self, micros: i64) {
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

/// Ids that rise with the clock and within a moment, the same in every run.
struct CounterIds(AtomicU64, Arc<TestClock>);

impl IdSource for CounterIds {
    fn next_uuid(&self) -> Uuid {
        let millis = u128::from((self.1.now().as_micros() / 1_000).unsigned_abs());
        Uuid::from_u128((millis << 80) | u128::from(self.0.fetch_add(1, Ordering::SeqCst)))
    }
}

/// Bytes that differ at every call and are the same in every run.
struct CounterBytes(AtomicU64);

impl Entropy for CounterBytes {
    fn fill(&self, bytes: &mut [u8]) {
        let count = self.0.fetch_add(1, Ordering::SeqCst).to_le_bytes();
        bytes.iter_mut().zip(count.iter().cycle()).for_each(|(byte, count)| *byte = *count);
    }
}

/// A key as its owner holds it.
pub struct Key {
    pub id: KeyId,
    pub text: String,
}

/// A running shop.
pub struct Shop {
    pub address: SocketAddr,
    pub clock: Arc<TestClock>,
    pub ids: Arc<dyn IdSource>,
    pub store: Store,
    pub secret: String,
    pub publishable: String,
    /// The way to the ledger, where it can be cut: PostgreSQL only.
    pub proxy: Option<Proxy>,
    outside: Arc<Outside>,
    options: StoreOptions,
    runtime: Runtime,
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<std::io::Result<()>>>,
    place: Place,
}

enum Place {
    Folder(#[allow(dead_code)] TempDir),
    Schema(String),
}

/// How a shop is started.
#[derive(Clone, Copy)]
pub struct Start {
    pub loopback: bool,
    pub refreshing: bool,
    /// The address visitors write, when the server is told.
    pub public_url: Option<&'static str>,
    /// Networks whose headers about the client are believed.
    pub proxies: &'static [&'static str],
    /// Rates and times; none of these tests is refused for its speed unless it says so.
    pub limits: fn() -> Limits,
}

/// No rates, and the times of the product.
pub fn unlimited() -> Limits {
    Limits { rates: Rates::OFF, ..Limits::default() }
}

const PLAIN: Start =
    Start { loopback: false, refreshing: false, public_url: None, proxies: &[], limits: unlimited };

/// Prices move only when a test says so.
pub const STILL: Start = Start { ..PLAIN };
/// On a loopback address, where the pages are.
pub const LOOPBACK: Start = Start { loopback: true, ..PLAIN };
/// Prices follow their inputs, as in the real server.
pub const LIVELY: Start = Start { refreshing: true, ..PLAIN };

/// Runs a test body on SQLite, and on PostgreSQL when there is one.
pub fn on_both(start: Start, body: impl Fn(&Shop)) {
    on_sqlite(start, &body);
    on_postgres(start, body);
}

/// For what has nothing to do with the ledger's engine.
pub fn on_sqlite(start: Start, body: impl Fn(&Shop)) {
    let folder = TempDir::new().unwrap();
    let options = SqliteOptions::new(folder.path().join("ledger.db"));
    body(&Shop::open(start, StoreOptions::Sqlite(options), Place::Folder(folder), None));
}

/// Only where PostgreSQL behaves in a way SQLite cannot.
pub fn on_postgres(start: Start, body: impl Fn(&Shop)) {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let Ok(url) = env::var(URL) else {
        let required = env::var(REQUIRED).is_ok_and(|value| value == "1");
        assert!(!required, "{REQUIRED}=1, but {URL} does not name a PostgreSQL server");
        return;
    };
    let schema =
        format!("api_test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let (proxy, url) = Proxy::before(&url);
    let options = PostgresOptions {
        connections: 4,
        schema: Some(schema.clone()),
        ..PostgresOptions::new(url)
    };
    body(&Shop::open(start, StoreOptions::Postgres(options), Place::Schema(schema), Some(proxy)));
}

impl Shop {
    fn open(start: Start, options: StoreOptions, place: Place, proxy: Option<Proxy>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let store = Store::open(&options).unwrap();
        let clock =
            Arc::new(TestClock(AtomicI64::new(START.parse::<Timestamp>().unwrap().as_micros())));
        let ids: Arc<dyn IdSource> = Arc::new(CounterIds(AtomicU64::new(1), clock.clone()));
        let outside = Arc::new(Outside {
            guard: Guard::new(vec!["127.0.0.1".parse().unwrap()], Resolver::System),
            mail: Mail::memory(),
            mail_from: "Shop <shop@example.com>".into(),
            operator: None,
            seal: Seal::new(&[7; 32]),
            random: Arc::new(CounterBytes(AtomicU64::new(1))),
        });
        let key_secret = key_secret();
        let (server, address, stop, keys) = runtime.block_on(async {
            seed::catalogue(&store, clock.now()).await;
            let secret = make_key(
                &store,
                (KeyKind::Secret, "test".to_owned()).into(),
                ids.as_ref(),
                clock.now(),
            )
            .await;
            let publishable = make_key(
                &store,
                (KeyKind::Publishable, "test".to_owned()).into(),
                ids.as_ref(),
                clock.now(),
            )
            .await;
            refresh_prices(&store, &zone(), clock.now(), &ids).await.unwrap();
            let traffic = Arc::new(Traffic::default());
            let site = Site::new(SiteOptions {
                store: store.clone(),
                clock: clock.clone(),
                ids: ids.clone(),
                outside: Arc::clone(&outside),
                entropy: Arc::new(CounterBytes(AtomicU64::new(1))),
                key_secret,
                store_name: "Test Shop".into(),
                currency: currency(),
                zone: zone(),
                demo_clock_text: None,
                attribution: None,
                loopback: start.loopback,
                limits: (start.limits)(),
                public_url: start.public_url.and_then(PublicUrl::parse),
                trusted_proxies: start.proxies.iter().map(|net| net.parse().unwrap()).collect(),
                demo_operator: None,
                traffic: Arc::clone(&traffic),
                signals_stale: None,
                inbound_secrets: InboundSecrets {
                    shopify: SenderSecrets::parse("hush,next"),
                    woocommerce: SenderSecrets::parse("quiet"),
                },
                publishes_to: Some(Platform::Shopify),
            });
            let site = site.await.unwrap();
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let (stop, stopped) = oneshot::channel::<()>();
            let server = tokio::spawn(serve(site, listener, async move {
                let _ = stopped.await;
            }));
            if start.refreshing {
                let (_, hourly) = watch::channel(Duration::from_hours(1));
                keep_refreshing(store.clone(), zone(), clock.clone(), ids.clone(), hourly);
                let (clock, ids) = (clock.clone(), ids.clone());
                keep_following_traffic(store.clone(), zone(), clock, ids, traffic);
            }
            (server, address, stop, (secret, publishable))
        });
        let (secret, publishable) = (keys.0.text, keys.1.text);
        let (stop, server) = (Some(stop), Some(server));
        Self {
            address,
            clock,
            ids,
            store,
            secret,
            publishable,
            proxy,
            outside,
            options,
            runtime,
            stop,
            server,
            place,
        }
    }

    /// A request with the secret key.
    pub fn call(&self, method: &str, path: &str) -> Call {
        Call::new(self.address, method, path).key(&self.secret)
    }

    pub fn get(&self, path: &str) -> Call {
        self.call("GET", path)
    }

    pub fn put(&self, path: &str) -> Call {
        self.call("PUT", path)
    }

    pub fn post(&self, path: &str) -> Call {
        self.call("POST", path)
    }

    /// The price of a SKU in minor units, as it is served.
    #[track_caller]
    pub fn price_of(&self, sku: &str) -> i64 {
        let price = self.get(&format!("/v1/prices/{sku}")).send().expect(200);
        price["price"]["amount"].as_i64().unwrap_or_else(|| panic!("{price}"))
    }

    pub fn clock_now(&self) -> Timestamp {
        self.clock.now()
    }

    /// An act of nobody in particular, now.
    pub fn stamp(&self) -> Stamp {
        Stamp::new(Actor::System, self.clock.now())
    }

    pub fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    pub fn write<T: Send + 'static>(
        &self,
        operation: impl FnMut(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> T {
        self.wait(self.store.write(operation)).unwrap()
    }

    pub fn read<T: Send + 'static>(
        &self,
        query: impl FnMut(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> T {
        self.wait(self.store.read(query)).unwrap()
    }

    /// Raw SQL, the same on both engines.
    pub fn sql(&self, sql: &'static str) {
        self.write(move |tx| tx.execute(sql, params![]));
    }

    /// A second way into the same ledger, as another process has: no notices between the two.
    pub fn another_process(&self) -> Store {
        Store::open(&self.options).unwrap()
    }

    pub fn refresh(&self, store: &Store) -> Refreshed {
        self.wait(refresh_prices(store, &zone(), self.clock.now(), &self.ids)).unwrap()
    }

    pub fn new_key(&self, wanted: impl Into<WantedKey>) -> Key {
        self.wait(make_key(&self.store, wanted.into(), self.ids.as_ref(), self.clock.now()))
    }

    /// A worker, as the real server has one.
    pub fn work(&self) -> Working {
        let outside = Arc::clone(&self.outside);
        let performers = Performers::new(self.store.clone(), self.clock.clone(), outside);
        let work = async {
            let (store, clock) = (self.store.clone(), self.clock.clone());
            keep_working(store, clock, Arc::new(performers), WorkOptions::default())
        };
        self.wait(work)
    }

    /// A token for one customer, as the shop's server signs one.
    pub fn customer_token(&self, customer: &str) -> String {
        let now = self.clock.now().as_micros() / 1_000_000;
        let claims = serde_json::json!({ "sub": customer, "iat": now, "exp": now + 600 });
        crate::customer_tokens::sign(&claims, &signing_secret(&key_secret(), 1))
    }

    /// Asks the server to stop and waits until it has.
    pub fn close(&mut self) {
        drop(self.stop.take());
        if let Some(server) = self.server.take() {
            self.runtime.block_on(server).unwrap().unwrap();
        }
    }

    /// An owner's hands on a shop, for bodies that end it.
    pub fn on_sqlite_owned(start: Start, body: impl FnOnce(Self)) {
        let folder = TempDir::new().unwrap();
        let options = SqliteOptions::new(folder.path().join("ledger.db"));
        body(Self::open(start, StoreOptions::Sqlite(options), Place::Folder(folder), None));
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        if let Place::Schema(schema) = &self.place {
            let drop_schema = format!("DROP SCHEMA {schema} CASCADE");
            let dropped = self
                .runtime
                .block_on(self.store.write(move |tx| tx.execute(&drop_schema, params![])));
            if !std::thread::panicking() {
                dropped.unwrap();
            }
        }
    }
}

/// Waits for the promise to come true and fails past its time.
#[track_caller]
pub fn soon(what: &str, holds: impl Fn() -> bool) {
    let asked = Instant::now();
    loop {
        // A look that began in time counts, however long it takes.
        let late = asked.elapsed() > SOON;
        if holds() {
            return;
        }
        assert!(!late, "{what} did not come true within {SOON:?}");
        std::thread::sleep(Duration::from_millis(15));
    }
}

pub fn zone() -> StoreZone {
    StoreZone(jiff::tz::TimeZone::UTC)
}

pub fn currency() -> Currency {
    "GBP".parse().unwrap()
}

/// What keys and customer tokens are derived from.
pub fn key_secret() -> KeySecret {
    KeySecret::new(b"a secret of these tests".to_vec()).unwrap()
}

async fn make_key(store: &Store, wanted: WantedKey, ids: &dyn IdSource, now: Timestamp) -> Key {
    let key_secret = key_secret();
    let id = new_id(ids);
    let mut random = [0; 20];
    random[..16].copy_from_slice(id.uuid().as_bytes());
    let stamp = Stamp::new(Actor::System, now);
    let made = store.write(move |tx| create_key(tx, &wanted, id, random, (&key_secret, stamp)));
    let made = made.await.unwrap();
    Key { id, text: made.text }
}
