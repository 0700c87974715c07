//! A shop of a given size in a ledger file: products with stock and a past of reservations, so that
//! what is measured runs on tables that are as full as they would be.

use std::path::{Path, PathBuf};

use anyhow::Result;
use ledger_cases::Chance;
use shopwright_domain::time::{DAY, MINUTE, Timestamp};
use shopwright_store::{
    Column, PostgresOptions, SqliteOptions, Store, StoreError, StoreOptions, Tx, params,
};
use tokio::runtime::Runtime;

/// 2026-01-01: the time of every operation that is measured.
pub const NOW: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);
/// Pieces on each shelf: more than any run can sell.
const PIECES: i64 = 1_000_000_000;
/// When the reservations that are open from the start end.
const HELD_UNTIL: Timestamp = NOW.plus_micros(30 * MINUTE);
/// Rows written in one transaction while a shop is made.
const CHUNK: usize = 2_000;

/// How large a shop is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// SKUs with stock.
    pub skus: usize,
    /// Reservations of three SKUs in its past.
    pub past: usize,
}

/// A shop in a file of its own.
pub struct Shop {
    /// The product's way to it.
    pub store: Store,
    /// Where operations wait for their answers.
    pub runtime: Runtime,
    /// The file; empty on a server.
    pub path: PathBuf,
    /// How large it is.
    pub size: Size,
}

/// The code of a product.
pub fn sku(number: usize) -> String {
    format!("SKU-{number:06}")
}

impl Shop {
    /// Makes a shop in a file in `folder`.
    pub fn make(folder: &Path, name: &str, size: Size) -> Result<Self> {
        let path = folder.join(name);
        Self::open(&StoreOptions::Sqlite(SqliteOptions::new(&path)), path, size)
    }

    /// Makes a shop on a PostgreSQL server, in a schema of its own.
    pub fn make_on_server(url: &str, connections: usize, size: Size) -> Result<Self> {
        let options = PostgresOptions {
            // The store gives half of its connections to reads.
            connections: connections * 2,
            schema: Some("floor_load".into()),
            ..PostgresOptions::new(url)
        };
        Self::open(&StoreOptions::Postgres(options), PathBuf::new(), size)
    }

    fn open(options: &StoreOptions, path: PathBuf, size: Size) -> Result<Self> {
        let store = Store::open(options)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
        let shop = Self { store, runtime, path, size };
        for first in (0..size.skus).step_by(CHUNK) {
            let numbers = first..size.skus.min(first + CHUNK);
            shop.write(move |tx| products(tx, &numbers.clone().map(sku).collect::<Vec<_>>()))?;
        }
        for first in (0..size.past).step_by(CHUNK) {
            let numbers = first..size.past.min(first + CHUNK);
            shop.write(move |tx| past(tx, numbers.clone(), size.skus))?;
        }
        shop.write(|tx| {
            tx.execute(
                "UPDATE reservation_lines SET held_until = $1
                 WHERE reservation_id IN (SELECT reservation_id FROM reservations WHERE state = 'open')",
                params![HELD_UNTIL],
            )?;
            settle_held(tx)
        })?;
        Ok(shop)
    }

    /// The same shop once more, in a file of its own: what the product and its rival write to is then
    /// equal to the page.
    pub fn copied(&self, folder: &Path, name: &str) -> Result<Self> {
        let connection = crate::raw::open(&self.path)?;
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        let path = folder.join(name);
        std::fs::copy(&self.path, &path)?;
        let store = Store::open(&StoreOptions::Sqlite(SqliteOptions::new(&path)))?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
        Ok(Self { store, runtime, path, size: self.size })
    }

    /// Runs one operation and waits for it.
    pub fn write<T: Send + 'static>(
        &self,
        operation: impl FnMut(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T> {
        Ok(self.runtime.block_on(self.store.write(operation))?)
    }
}

fn products(tx: &mut Tx<'_>, skus: &[String]) -> Result<(), StoreError> {
    let names = || Column::Text(skus.iter().map(String::as_str).collect());
    let times = || Column::Time(vec![NOW.plus_micros(-DAY); skus.len()]);
    tx.execute_rows(
        "INSERT INTO products (sku, title, kind, currency, status, attributes, created_at, updated_at)
         SELECT sku, sku, 'physical', 'EUR', 'active', attributes, at, at FROM {rows} AS r WHERE true",
        &[
            ("sku", names()),
            ("attributes", Column::Json(vec!["{}".to_owned(); skus.len()])),
            ("at", times()),
        ],
    )?;
    tx.execute_rows(
        "INSERT INTO stock_levels (sku, location, on_hand, counted_at)
         SELECT sku, 'main', pieces, at FROM {rows} AS r WHERE true",
        &[("sku", names()), ("pieces", Column::Int(vec![PIECES; skus.len()])), ("at", times())],
    )?;
    tx.execute_rows(
        "INSERT INTO stock_movements (sku, location, reason, reference, quantity, at)
         SELECT sku, 'main', 'opening_count', '', pieces, at FROM {rows} AS r WHERE true",
        &[("sku", names()), ("pieces", Column::Int(vec![PIECES; skus.len()])), ("at", times())],
    )?;
    Ok(())
}

/// Reservations that were released long ago, but for one in a hundred that still holds.
fn past(tx: &mut Tx<'_>, numbers: std::ops::Range<usize>, skus: usize) -> Result<(), StoreError> {
    let (mut ids, mut states) = (Vec::new(), Vec::new());
    let (mut of, mut line_skus) = (Vec::new(), Vec::new());
    for number in numbers {
        let mut chance = Chance::new(number as u64);
        let id = chance.id(number as u64);
        let open = number.is_multiple_of(100);
        ids.push(id);
        states.push(if open { "open" } else { "released" });
        for place in 0..3 {
            let third = i64::try_from(skus / 3).unwrap_or(1).max(1);
            let pick = chance.below(third).unsigned_abs();
            line_skus.push(sku(place * (skus / 3) + usize::try_from(pick).unwrap_or(0)));
            of.push(id);
        }
    }
    let count = ids.len();
    let made = NOW.plus_micros(-DAY);
    tx.execute_rows(
        "INSERT INTO reservations (reservation_id, state, hold_micros, expires_at, extensions, created_at)
         SELECT id, state, 900000000, expires_at, 0, created_at FROM {rows} AS r WHERE true",
        &[
            ("id", Column::Uuid(ids)),
            ("state", Column::Text(states)),
            ("expires_at", Column::Time(vec![HELD_UNTIL; count])),
            ("created_at", Column::Time(vec![made; count])),
        ],
    )?;
    tx.execute_rows(
        "INSERT INTO reservation_lines (reservation_id, sku, location, quantity, backordered)
         SELECT id, sku, 'main', 1, 0 FROM {rows} AS r WHERE true",
        &[
            ("id", Column::Uuid(of)),
            ("sku", Column::Text(line_skus.iter().map(String::as_str).collect())),
        ],
    )?;
    Ok(())
}

/// Writes down what open reservations hold at each level.
fn settle_held(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE stock_levels SET held = COALESCE((SELECT SUM(h.quantity) FROM reservation_lines h
             WHERE h.sku = stock_levels.sku AND h.location = stock_levels.location
               AND h.held_until IS NOT NULL), 0)",
        params![],
    )?;
    Ok(())
}

/// Throws away what a run has reserved, so that the next begins with the same tables.
pub fn forget_runs(shop: &Shop) -> Result<()> {
    shop.write(|tx| {
        let since = NOW.plus_micros(-MINUTE);
        for table in ["payments", "order_lines"] {
            tx.execute(&format!("DELETE FROM {table}"), params![])?;
        }
        tx.execute("DELETE FROM orders", params![])?;
        tx.execute("UPDATE stock_levels SET committed = 0", params![])?;
        tx.execute(
            "DELETE FROM reservation_lines WHERE reservation_id IN
             (SELECT reservation_id FROM reservations WHERE created_at > $1)",
            params![since],
        )?;
        tx.execute("DELETE FROM reservations WHERE created_at > $1", params![since])?;
        settle_held(tx)
    })?;
    Ok(())
}
