//! A store for each test on either engine, a clock the test moves, ids that count.

use std::env;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};

use shopwright_app::catalog::{CatalogImportError, CatalogSummary, ImportCatalog, import_catalog};
use shopwright_app::orders::{
    ImportError, ImportOnlineRetail, ImportSummary, import_online_retail,
};
use shopwright_app::pricing::{Refreshed, StoreZone, refresh_prices};
use shopwright_domain::ids::IdSource;
use shopwright_domain::time::{Clock, Timestamp};
use shopwright_store::audit::{Actor, Stamp};
use shopwright_store::{
    PostgresOptions, SqliteOptions, Store, StoreError, StoreOptions, Tx, params, verify,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use uuid::Uuid;

const URL: &str = "SHOPWRIGHT_TEST_POSTGRES_URL";
const REQUIRED: &str = "SHOPWRIGHT_REQUIRE_POSTGRES";

/// The header line of the Online Retail layout.
pub const HEADER: &str =
    "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";

pub struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

pub struct CountingIds(pub AtomicU64);

impl IdSource for CountingIds {
    fn next_uuid(&self) -> Uuid {
        Uuid::from_u128(u128::from(self.0.fetch_add(1, Ordering::SeqCst)))
    }
}

/// One shop of one test.
pub struct Shop {
    pub store: Store,
    pub clock: Arc<TestClock>,
    pub ids: Arc<dyn IdSource>,
    pub folder: TempDir,
    pub zone: StoreZone,
    runtime: Runtime,
    options: StoreOptions,
    schema: Option<PostgresOptions>,
}

/// Runs a test body on SQLite, and on PostgreSQL when there is one.
pub fn on_both(body: impl Fn(&Shop)) {
    let folder = TempDir::new().unwrap();
    let sqlite = StoreOptions::Sqlite(SqliteOptions::new(folder.path().join("ledger.db")));
    body(&Shop::open(&sqlite, folder, None));
    if let Some(options) = postgres() {
        let store = StoreOptions::Postgres(options.clone());
        body(&Shop::open(&store, TempDir::new().unwrap(), Some(options)));
    }
}

fn postgres() -> Option<PostgresOptions> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let Ok(url) = env::var(URL) else {
        let required = env::var(REQUIRED).is_ok_and(|value| value == "1");
        assert!(!required, "{REQUIRED}=1, but {URL} does not name a PostgreSQL server");
        return None;
    };
    let schema =
        format!("operations_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    Some(PostgresOptions { connections: 4, schema: Some(schema), ..PostgresOptions::new(url) })
}

impl Drop for Shop {
    fn drop(&mut self) {
        if let Some(schema) = self.schema.as_ref().and_then(|options| options.schema.clone()) {
            self.write(move |tx| {
                tx.execute(&format!("DROP SCHEMA {schema} CASCADE"), params![]).map(|_| ())
            });
        }
    }
}

impl Shop {
    fn open(options: &StoreOptions, folder: TempDir, schema: Option<PostgresOptions>) -> Self {
        Self {
            store: Store::open(options).unwrap(),
            options: options.clone(),
            clock: Arc::new(TestClock(AtomicI64::new(at("2011-12-10T09:00:00Z").as_micros()))),
            ids: Arc::new(CountingIds(AtomicU64::new(1))),
            folder,
            zone: StoreZone(jiff::tz::TimeZone::get("Europe/London").unwrap()),
            runtime: tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap(),
            schema,
        }
    }

    /// A second way into the same ledger, as another node has: no notices between the two.
    pub fn another_node(&self) -> Store {
        Store::open(&self.options).unwrap()
    }

    pub fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Starts a task that the test can kill.
    /// What starts tasks of its own starts them on this shop's runtime while this is held.
    pub fn enter(&self) -> tokio::runtime::EnterGuard<'_> {
        self.runtime.enter()
    }

    pub fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        self.runtime.spawn(task)
    }

    pub fn set_time(&self, at: Timestamp) {
        self.clock.0.store(at.as_micros(), Ordering::SeqCst);
    }

    /// An act of nobody in particular, now.
    pub fn stamp(&self) -> Stamp {
        Stamp::new(Actor::System, self.clock.now())
    }

    pub fn set_clock(&self, text: &str) {
        self.clock.0.store(at(text).as_micros(), Ordering::SeqCst);
    }

    pub fn write<T: Send + 'static>(
        &self,
        operation: impl FnMut(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> T {
        self.run(self.store.write(operation)).unwrap()
    }

    pub fn read<T: Send + 'static>(
        &self,
        query: impl FnMut(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> T {
        self.run(self.store.read(query)).unwrap()
    }

    /// A number from a query.
    pub fn number(&self, sql: &'static str) -> i64 {
        self.read(move |tx| tx.one(sql, params![], |row| row.get(0)))
    }

    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    pub fn orders_command(&self, path: &Path) -> ImportOnlineRetail {
        ImportOnlineRetail {
            path: path.to_owned(),
            source: "online-retail".to_owned(),
            currency: "GBP".parse().unwrap(),
            zone: self.zone.0.clone(),
            rejects: self.folder.path().join("rejects.csv"),
        }
    }

    pub fn import_orders(&self, path: &Path) -> Result<ImportSummary, ImportError> {
        let (clock, ids) = (Arc::clone(&self.clock), Arc::clone(&self.ids));
        self.run(import_online_retail(&self.store, self.orders_command(path), clock, ids, |_| {}))
    }

    pub fn import_catalog(&self, content: &str) -> Result<CatalogSummary, CatalogImportError> {
        let command = ImportCatalog {
            path: self.file("catalog.csv", content),
            currency: "GBP".parse().unwrap(),
            rejects: self.folder.path().join("catalog-rejects.csv"),
        };
        self.run(import_catalog(&self.store, command, self.clock.as_ref()))
    }

    pub fn refresh(&self) -> Refreshed {
        self.run(refresh_prices(&self.store, &self.zone, self.clock.now(), &self.ids)).unwrap()
    }

    /// No rule of `verify` is broken.
    pub fn assert_books_hold(&self) {
        for rule in self.read(shopwright_store::verify::verify) {
            assert_eq!(rule.broken, Vec::<String>::new(), "{}", rule.says);
        }
    }
}

/// An act of nobody in particular.
pub fn by_nobody(at: Timestamp) -> Stamp {
    Stamp::new(Actor::System, at)
}

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// Plants a corruption into books that hold, on both databases, and insists that `verify` names it
/// under its rule.
pub fn finds_planted(books: fn(&Shop), (rule, sql, names): (&'static str, &'static str, &str)) {
    on_both(|shop| {
        books(shop);
        shop.write(move |tx| tx.execute(sql, params![]).map(|rows| assert!(rows > 0, "{sql}")));
        let broken: Vec<_> =
            shop.read(verify::verify).into_iter().filter(|r| !r.broken.is_empty()).collect();
        let found = broken.iter().find(|r| r.rule == rule);
        let rows = found.map(|r| r.broken.join("\n")).unwrap_or_default();
        assert!(rows.contains(names), "{rule} after {sql}: {broken:?}");
    });
}
