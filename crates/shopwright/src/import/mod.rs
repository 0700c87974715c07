//! `import`: brings in a file, then has every price looked at, so that a server that runs on the
//! same ledger follows within a second.
//!
//! Asked to stop, it ends after the chunk that is being booked; the same command then goes on.

mod guess;
mod sql;
mod summary;
mod table;
mod table_summary;

pub use guess::guess;
pub use sql::{fetch, fetched};
pub use table::table;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::tz::TimeZone;
use shopwright_app::catalog::{CatalogImportError, ImportCatalog, import_catalog};
use shopwright_app::competitors::{
    CompetitorImportError, ImportCompetitorPrices, import_competitor_prices,
};
use shopwright_app::events::{EventsImportError, import_events};
use shopwright_app::orders::{
    ImportError, ImportOnlineRetail, ImportPhase, ImportProgress, ImportSummary,
    import_online_retail,
};
use shopwright_app::pricing::{Refreshed, StoreZone, refresh_prices};
use shopwright_domain::ids::IdSource;
use shopwright_domain::money::Currency;
use shopwright_domain::time::Clock;
use shopwright_store::Store;

use crate::cli_import::{CatalogArgs, EventsArgs, OnlineRetailArgs};
use crate::config::{Settings, nearest};
use crate::failure::Failure;
use crate::output::{Answer, grouped};
use crate::progress::Progress;
use crate::real::{RealClock, RealIds};
use crate::signals::asked_to_stop;

/// The layout's own currency and zone, for a shop that has not set its own.
const LAYOUT_CURRENCY: &str = "GBP";
const LAYOUT_ZONE: &str = "Europe/London";

/// `import online-retail`.
pub async fn online_retail(
    settings: &Settings,
    store: Store,
    args: OnlineRetailArgs,
    json: bool,
) -> Result<Answer, Failure> {
    let currency = currency_of(args.currency.as_deref(), settings, Some(LAYOUT_CURRENCY))?;
    let zone = zone_of(args.zone.as_deref(), settings)?;
    if args.source.is_empty() || args.source.len() > 100 || args.source.contains(char::is_control) {
        return Err(Failure::new("source", "the source must be a name of 1 to 100 bytes"));
    }
    let rejects = args.rejects.unwrap_or_else(|| rejects_file(settings, &args.file));
    let command =
        ImportOnlineRetail { path: args.file, source: args.source, currency, zone, rejects };
    let progress = Arc::new(Progress::new(json));
    let outcome = until_stopped(&progress, book_orders(&store, command, &progress)).await;
    progress.finish();
    let summary = outcome?;
    let refreshed = look_at_prices(settings, &store).await?;
    Ok(summary::orders(&summary, refreshed))
}

/// Imports an order history while telling how far it is.
pub async fn book_orders(
    store: &Store,
    command: ImportOnlineRetail,
    progress: &Arc<Progress>,
) -> Result<ImportSummary, Failure> {
    let ids: Arc<dyn IdSource> = Arc::new(RealIds::new());
    let told = Arc::clone(progress);
    let tell = move |now: ImportProgress| match now.phase {
        ImportPhase::Surveying => told.begin("reading the file", None),
        ImportPhase::Booking => {
            if told.done() == 0 {
                told.begin("booking rows", Some(now.total));
            }
            told.at("rows", now.rows, now.total);
        }
        ImportPhase::Deriving => told.begin("titles and base prices", None),
    };
    import_online_retail(store, command, Arc::new(RealClock), ids, tell).await.map_err(|error| {
        let code = match &error {
            ImportError::File(_) => "file",
            ImportError::Ledger { .. } => "ledger",
            ImportError::Rejects { .. } => "rejects",
            ImportError::Unreconciled(_) => "unreconciled",
        };
        Failure::new(code, error.to_string())
    })
}

/// `import catalog`.
pub async fn catalog(
    settings: &Settings,
    store: Store,
    args: CatalogArgs,
    json: bool,
) -> Result<Answer, Failure> {
    let currency = currency_of(args.currency.as_deref(), settings, None)?;
    let rejects = args.rejects.unwrap_or_else(|| rejects_file(settings, &args.file));
    let command = ImportCatalog { path: args.file, currency, rejects };
    let progress = Progress::new(json);
    progress.begin("reading products", None);
    let outcome = until_stopped(&progress, book_catalog(&store, command)).await;
    progress.finish();
    let summary = outcome?;
    let refreshed = look_at_prices(settings, &store).await?;
    Ok(summary::catalog(&summary, refreshed))
}

/// Imports a catalogue file.
pub async fn book_catalog(
    store: &Store,
    command: ImportCatalog,
) -> Result<shopwright_app::catalog::CatalogSummary, Failure> {
    import_catalog(store, command, &RealClock).await.map_err(|error| {
        let code = match &error {
            CatalogImportError::File(_) => "file",
            CatalogImportError::Ledger(_) => "ledger",
            CatalogImportError::Rejects { .. } => "rejects",
        };
        Failure::new(code, error.to_string())
    })
}

/// `import events`.
pub async fn events(
    settings: &Settings,
    store: Store,
    args: EventsArgs,
    json: bool,
) -> Result<Answer, Failure> {
    let rejects = args.rejects.unwrap_or_else(|| rejects_file(settings, &args.file));
    let outside = crate::outside::open(settings, &store).await?;
    let ids: Arc<dyn IdSource> = Arc::new(RealIds::new());
    let progress = Progress::new(json);
    progress.begin("reading the file", None);
    let tell = |done, total| progress.at("lines", done, total);
    let now = RealClock.now();
    let work = import_events(&store, (&args.file, rejects), (&outside, &ids), now, tell);
    let told = async {
        work.await.map_err(|error| {
            let code = match &error {
                EventsImportError::File { .. } | EventsImportError::TooLarge { .. } => "file",
                EventsImportError::Rejects { .. } => "rejects",
                EventsImportError::Ledger(_) => "ledger",
            };
            Failure::new(code, error.to_string())
        })
    };
    let outcome = until_stopped(&progress, told).await;
    progress.finish();
    let summary = outcome?;
    let refreshed = look_at_prices(settings, &store).await?;
    Ok(summary::events(&summary, refreshed))
}

/// `import competitor-prices`.
pub async fn competitor_prices(
    settings: &Settings,
    store: Store,
    args: CatalogArgs,
    json: bool,
) -> Result<Answer, Failure> {
    let currency = currency_of(args.currency.as_deref(), settings, None)?;
    let rejects = args.rejects.unwrap_or_else(|| rejects_file(settings, &args.file));
    let command = ImportCompetitorPrices { path: args.file, currency, rejects };
    let progress = Progress::new(json);
    progress.begin("reading competitors' prices", None);
    let work = async {
        import_competitor_prices(&store, command, RealClock.now()).await.map_err(|error| {
            let code = match &error {
                CompetitorImportError::File(_) => "file",
                CompetitorImportError::Ledger(_) => "ledger",
                CompetitorImportError::Rejects { .. } => "rejects",
            };
            Failure::new(code, error.to_string())
        })
    };
    let outcome = until_stopped(&progress, work).await;
    progress.finish();
    let summary = outcome?;
    let refreshed = look_at_prices(settings, &store).await?;
    Ok(summary::competitor_prices(&summary, refreshed))
}

async fn look_at_prices(settings: &Settings, store: &Store) -> Result<Refreshed, Failure> {
    let ids: Arc<dyn IdSource> = Arc::new(RealIds::new());
    let zone = StoreZone(settings.zone.clone());
    Ok(refresh_prices(store, &zone, RealClock.now(), &ids).await?)
}

/// Runs `work` until it is done or the process is asked to stop. The chunk that the ledger is
/// booking is finished by its own thread, whether anybody waits or not.
pub async fn until_stopped<T>(
    progress: &Progress,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::select! {
        outcome = work => outcome,
        _ = asked_to_stop() => {
            let rows = grouped(progress.done());
            Err(Failure::new(
                "interrupted",
                format!("stopped after about {rows} rows; run the same command again to go on from there"),
            ))
        }
    }
}

fn currency_of(
    flag: Option<&str>,
    settings: &Settings,
    layout: Option<&str>,
) -> Result<Currency, Failure> {
    let text = match (flag, layout) {
        (Some(code), _) => code,
        (None, Some(code)) if !settings.is_set("currency") => code,
        _ => return Ok(settings.currency),
    };
    text.parse().map_err(|_| {
        Failure::new("currency", format!("`{text}` is not a currency; write a code like EUR"))
    })
}

fn zone_of(flag: Option<&str>, settings: &Settings) -> Result<TimeZone, Failure> {
    match flag {
        Some(name) => zone_named(name),
        None if settings.is_set("zone") => Ok(settings.zone.clone()),
        None => zone_named(LAYOUT_ZONE),
    }
}

fn zone_named(text: &str) -> Result<TimeZone, Failure> {
    TimeZone::get(text).map_err(|_| {
        let names: Vec<String> =
            jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect();
        let close = nearest(text, names.iter().map(String::as_str));
        let hint = close.unwrap_or("Europe/Berlin");
        Failure::new("zone", format!("`{text}` is not a time zone; write one like {hint}"))
    })
}

/// `rejects/orders.csv` in the data folder for `orders.csv.gz`.
fn rejects_file(settings: &Settings, file: &Path) -> PathBuf {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.trim_end_matches(".gz").trim_end_matches(".csv").trim_end_matches(".xlsx");
    settings.data_dir.join("rejects").join(format!("{stem}.csv"))
}
