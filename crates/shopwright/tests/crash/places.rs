//! Shops on either database.

use std::env;
use std::sync::atomic::{AtomicU32, Ordering};

use shopwright_store::{PostgresOptions, Store, StoreError, StoreOptions};

use crate::harness::Shop;

const URL: &str = "SHOPWRIGHT_TEST_POSTGRES_URL";
const REQUIRED: &str = "SHOPWRIGHT_REQUIRE_POSTGRES";

/// A schema that goes when this is dropped.
pub struct Schema {
    name: String,
    admin: String,
    /// A database URL that leads into it.
    pub url: String,
    store: Store,
}

impl Schema {
    /// A schema without tables; `None` without a server.
    pub fn new() -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let Ok(server) = env::var(URL) else {
            let required = env::var(REQUIRED).is_ok_and(|value| value == "1");
            assert!(!required, "{REQUIRED}=1, but {URL} does not name a PostgreSQL server");
            return None;
        };
        let name = format!("crash_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let admin = format!("{name}_admin");
        let options = PostgresOptions {
            connections: 2,
            schema: Some(admin.clone()),
            ..PostgresOptions::new(&server)
        };
        let store = Store::open(&StoreOptions::Postgres(options)).unwrap();
        let url = format!("{server}?options=-c%20search_path%3D{name}");
        let schema = Self { name, admin, url, store };
        schema.run(&format!("CREATE SCHEMA {}", schema.name));
        Some(schema)
    }

    fn run(&self, sql: &str) {
        let sql = sql.to_owned();
        let run = self.store.write(move |tx| tx.execute(&sql, &[]).map(drop));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async { run.await as Result<(), StoreError> }).unwrap();
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        self.run(&format!("DROP SCHEMA IF EXISTS {} CASCADE", self.name));
        self.run(&format!("DROP SCHEMA IF EXISTS {} CASCADE", self.admin));
    }
}

/// A folder whose ledger is in this schema.
pub fn shop_on(schema: &Schema) -> Shop {
    let mut shop = Shop::new();
    shop.variables.push(("SHOPWRIGHT_DATABASE_URL".into(), schema.url.clone()));
    shop
}

/// Runs a test body on the embedded database.
pub fn on_sqlite(body: impl Fn(&Shop)) {
    body(&Shop::new());
}

/// Runs a test body on PostgreSQL, if there is one.
pub fn on_postgres(body: impl Fn(&Shop)) {
    if let Some(schema) = Schema::new() {
        body(&shop_on(&schema));
    }
}
