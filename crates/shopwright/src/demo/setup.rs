//! Fills the demo's ledger: real orders, invented costs and stock, a price policy, and four weeks
//! of prices decided day by day as they would have been.
//!
//! Every step may run again: a first start that was interrupted is finished by the next one. The
//! state that says "done" is written last.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use shopwright_app::catalog::ImportCatalog;
use shopwright_app::orders::ImportOnlineRetail;
use shopwright_app::pricing::{PolicyScope, StoreZone, refresh_prices, set_policy};
use shopwright_domain::ids::IdSource;
use shopwright_domain::money::Factor;
use shopwright_domain::pricing::{Limit, PolicyPatch, Preset, Strategy};
use shopwright_domain::time::{Clock, SECOND, Timestamp};
use shopwright_store::audit::{Actor, Stamp};
use shopwright_store::{Store, orders, settings as kept};

use crate::config::Settings;
use crate::failure::Failure;
use crate::import::{book_catalog, book_orders};
use crate::progress::Progress;
use crate::real::{RealClock, RealIds};

const ORDERS: &[u8] = include_bytes!("../../demo/online_retail_excerpt.csv.gz");
const PRODUCTS: &[u8] = include_bytes!("../../demo/synthetic_costs_and_stock.csv");
/// The source name of the demo's orders.
const SOURCE: &str = "online-retail";
/// Days of prices that are decided before the demo opens.
const REPLAY_DAYS: i64 = 28;
/// The hour of the shop's day at which they are decided.
const REPLAY_HOUR: i8 = 8;
/// The demo opens this long after the last order.
const AFTER_LAST_ORDER: i64 = 60 * SECOND;

/// Names in the ledger's settings.
const OPENED: &str = "demo_opened";
const REPLAYED: &str = "demo_replayed_until";

/// When the demo was opened, in its own time and in real time. Kept, so that its clock goes on
/// where it was over restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// The demo's first moment.
    pub starts_at: Timestamp,
    /// The real moment that was.
    pub first_started_at: Timestamp,
}

/// When the demo was opened, if its ledger is complete.
pub async fn opened(store: &Store) -> Result<Option<Opened>, Failure> {
    Ok(store.read(|tx| kept::find::<Opened>(tx, OPENED)).await?)
}

/// Fills the ledger and opens the demo.
pub async fn fill(
    settings: &Settings,
    store: &Store,
    progress: &Arc<Progress>,
) -> Result<Opened, Failure> {
    let orders_file = unpack(settings, "online_retail_excerpt.csv.gz", ORDERS)?;
    let command = ImportOnlineRetail {
        path: orders_file.clone(),
        source: SOURCE.into(),
        currency: settings.currency,
        zone: settings.zone.clone(),
        rejects: settings.data_dir.join("rejects/orders.csv"),
    };
    book_orders(store, command, progress).await?;
    progress.begin("costs and stock", None);
    let products_file = unpack(settings, "synthetic_costs_and_stock.csv", PRODUCTS)?;
    let command = ImportCatalog {
        path: products_file.clone(),
        currency: settings.currency,
        rejects: settings.data_dir.join("rejects/products.csv"),
    };
    book_catalog(store, command).await?;
    let last_order = store.read(orders::history_end).await?;
    let last_order = last_order.ok_or_else(|| Failure::new("demo", "the demo has no orders"))?;
    let days = mornings(settings, last_order)?;
    let first = days.first().copied().unwrap_or(last_order);
    let (currency, stamp) = (settings.currency, Stamp::new(Actor::Cli, first));
    store
        .write(move |tx| set_policy(tx, &PolicyScope::Store, &policy(), currency, stamp))
        .await
        .map_err(|error| Failure::new("demo", format!("the demo's price policy: {error}")))?;
    decide_day_by_day(settings, store, days, progress).await?;
    let opened = Opened {
        starts_at: last_order.plus_micros(AFTER_LAST_ORDER),
        first_started_at: RealClock.now(),
    };
    let value = serde_json::json!(opened);
    store.write(move |tx| kept::set(tx, OPENED, &value)).await?;
    for file in [orders_file, products_file] {
        // Left behind, it is only a file too many.
        let _ = std::fs::remove_file(file);
    }
    Ok(opened)
}

fn unpack(settings: &Settings, name: &str, content: &[u8]) -> Result<PathBuf, Failure> {
    let path = settings.data_dir.join(name);
    std::fs::write(&path, content).map_err(|error| unwritable(&path, &error))?;
    Ok(path)
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    let shown = path.display();
    let does = "free disk space, or name another folder with --data-dir";
    Failure::new("data_dir", format!("cannot write {shown}: {error}; {does}"))
}

/// The gentle preset between limits an owner would set: a quarter of the price stays above cost,
/// and no price goes further than 15 % down or 30 % up, in steps of at most 5 %.
fn policy() -> PolicyPatch {
    PolicyPatch {
        strategy: Some(Strategy::Rules),
        preset: Some(Preset::Standard),
        margin_min_bps: Some(2_500),
        floor: Some(Limit::Factor(Factor::new(85, 100))),
        ceiling: Some(Limit::Factor(Factor::new(130, 100))),
        step_change_bps: Some(500),
        step_day_bps: Some(1_000),
        endings: Some(vec!["5".into(), "9".into()]),
        ..PolicyPatch::default()
    }
}

/// Decides all prices once a day, each day knowing no more than what had happened by then.
async fn decide_day_by_day(
    settings: &Settings,
    store: &Store,
    days: Vec<Timestamp>,
    progress: &Progress,
) -> Result<(), Failure> {
    let ids: Arc<dyn IdSource> = Arc::new(RealIds::new());
    let zone = StoreZone(settings.zone.clone());
    let done = store.read(|tx| kept::find::<Timestamp>(tx, REPLAYED)).await?;
    let total = days.len() as u64;
    let what = "deciding prices by day";
    progress.begin(what, Some(total));
    for (number, morning) in (1..).zip(days) {
        if done.is_none_or(|done| morning > done) {
            refresh_prices(store, &zone, morning, &ids).await?;
            let value = serde_json::json!(morning);
            store.write(move |tx| kept::set(tx, REPLAYED, &value)).await?;
        }
        progress.at(what, number, total);
    }
    Ok(())
}

/// The mornings of the last days up to the one of the last order.
fn mornings(settings: &Settings, last_order: Timestamp) -> Result<Vec<Timestamp>, Failure> {
    let odd = |error: jiff::Error| Failure::new("demo", format!("the demo's calendar: {error}"));
    let last = jiff::ZonedDateTime::new(last_order.to_jiff(), settings.zone.clone()).date();
    let days = (0..REPLAY_DAYS).rev().map(|back| {
        let date = last.checked_sub(jiff::Span::new().days(back)).map_err(odd)?;
        let morning = settings.zone.to_timestamp(date.at(REPLAY_HOUR, 0, 0, 0)).map_err(odd)?;
        Ok(Timestamp::from_jiff(morning))
    });
    let before_last: Result<Vec<_>, Failure> = days.collect();
    Ok(before_last?.into_iter().filter(|morning| *morning <= last_order).collect())
}
