//! Import of an order history in the UCI Online Retail layout.
//!
//! The file is surveyed first, then read in chunks; each chunk is one write that books its lines and
//! records how far the file is booked. A kill between two chunks loses nothing: the next run goes on
//! from there. A line is identified by (invoice, place in the invoice), so that booking it again
//! changes nothing, and booking it with other content is refused and reported.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::json;
use shopwright_domain::ids::{IdSource, ImportId, new_id};
use shopwright_domain::money::{Currency, format_micros};
use shopwright_domain::orders::online_retail::{COLUMNS, Reconciliation, Tally};
use shopwright_domain::time::{Clock, Timestamp};
use shopwright_store::audit::{self, Actor, Stamp};
use shopwright_store::orders::BookedTotals;
use shopwright_store::{Store, StoreError, catalog, imports, orders};
use tokio::sync::mpsc;

use super::book_lines::{Booked, Booking, book};
use super::history_rows::{Chunk, PlacedLine, Titles, line_fields, read_chunks};
use super::{FileError, FileFacts, RejectsFile, survey};
use crate::catalog::{BasePricesFound, find_base_prices};

const LAYOUT: &str = "online-retail";
/// Parsed chunks that may wait for the ledger.
const CHUNKS_AHEAD: usize = 3;
/// Progress is told after this many rows.
const PROGRESS_ROWS: u64 = 5_000;
/// Titles written in one transaction.
const TITLES_CHUNK: usize = 1_000;

/// What to import and how to read it.
#[derive(Clone, Debug)]
pub struct ImportOnlineRetail {
    /// The file, `.csv` or `.csv.gz`.
    pub path: PathBuf,
    /// The name under which its invoice numbers are unique.
    pub source: String,
    /// The currency of its prices.
    pub currency: Currency,
    /// The zone of its local times.
    pub zone: TimeZone,
    /// Where rejected rows go.
    pub rejects: PathBuf,
}

/// What an import is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportPhase {
    /// Reading the file once before anything is booked.
    Surveying,
    /// Booking rows.
    Booking,
    /// Titles and base prices from the booked history.
    Deriving,
}

/// How far an import is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImportProgress {
    /// What it is doing.
    pub phase: ImportPhase,
    /// Rows done in this phase.
    pub rows: u64,
    /// Rows in the file; 0 while surveying.
    pub total: u64,
}

/// Why an import stopped. Every chunk booked before is whole, and a second run goes on after it.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be imported at all.
    #[error(transparent)]
    File(#[from] FileError),
    /// The ledger refused or failed.
    #[error("{source} ({rows_done} rows are booked; run the same import again to go on)")]
    Ledger {
        /// What the ledger said.
        source: StoreError,
        /// Rows booked for good.
        rows_done: u64,
    },
    /// The rejects file cannot be written.
    #[error(
        "cannot write the rejects file {path}: {source}; free the disk or name another with --rejects"
    )]
    Rejects {
        /// The rejects file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The ledger does not hold what was booked.
    #[error("the books do not reconcile: {0}; please report this with the file")]
    Unreconciled(String),
}

impl From<StoreError> for ImportError {
    fn from(source: StoreError) -> Self {
        Self::Ledger { source, rows_done: 0 }
    }
}

/// What became of the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RowCounts {
    /// Rows in the file.
    pub read: u64,
    /// Booked by this run.
    pub written: u64,
    /// Booked before, found equal.
    pub unchanged: u64,
    /// Not booked; see the rejects file.
    pub rejected: u64,
}

/// The outcome of an import.
#[derive(Clone, Debug, Serialize)]
pub struct ImportSummary {
    /// The layout.
    pub layout: &'static str,
    /// The source name.
    pub source: String,
    /// What became of the rows.
    pub rows: RowCounts,
    /// The row this run went on from; 0 for a fresh import.
    pub resumed_after_row: u64,
    /// What the file adds up to and why the booked sum differs.
    pub reconciliation: Reconciliation,
    /// What the ledger holds of this source.
    pub ledger: LedgerTotals,
    /// Products added to the catalogue by this run.
    pub products_added: u64,
    /// Stock movements booked by this run (sales before an opening count make none).
    pub stock_movements: u64,
    /// Base prices from this history.
    pub base_prices: BasePricesFound,
    /// The rejects file, when there are rejects.
    pub rejects_file: Option<PathBuf>,
}

/// What the ledger holds of one source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LedgerTotals {
    /// Lines.
    pub lines: i64,
    /// Σ quantity.
    pub quantity: i64,
    /// Σ booked amount, decimal.
    pub amount: String,
    /// The same in minor units.
    pub amount_minor: i64,
}

/// Imports a file. Running it twice, or again after a kill, gives the same books.
pub async fn import_online_retail(
    store: &Store,
    command: ImportOnlineRetail,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    progress: impl Fn(ImportProgress) + Send + Sync + 'static,
) -> Result<ImportSummary, ImportError> {
    progress(ImportProgress { phase: ImportPhase::Surveying, rows: 0, total: 0 });
    let facts = off_thread({
        let path = command.path.clone();
        move || survey(&path, &COLUMNS)
    })
    .await?;
    let run = begin(store, &command, &facts, clock.as_ref(), ids.as_ref()).await?;
    let resumed_after_row =
        if run.finished_at.is_some() { 0 } else { run.rows_done.unsigned_abs() };

    let rejects_error = |path: PathBuf| move |source| ImportError::Rejects { path, source };
    let mut rejects = RejectsFile::new(command.rejects.clone(), &COLUMNS)
        .map_err(rejects_error(command.rejects.clone()))?;
    let (sender, mut chunks) = mpsc::channel(CHUNKS_AHEAD);
    let reading = tokio::task::spawn_blocking({
        let command = command.clone();
        move || read_chunks(&command, &sender)
    });
    let mut rows = RowCounts { read: facts.rows, ..RowCounts::default() };
    let (mut products_added, mut stock_movements, mut told) = (0, 0, 0);
    while let Some(chunk) = chunks.recv().await {
        let chunk: Chunk = chunk;
        for reject in &chunk.rejects {
            rejects
                .add(reject.file_line, &reject.reason, &reject.fields)
                .map_err(rejects_error(rejects.path().to_owned()))?;
        }
        let (rows_end, count) = (chunk.rows_end, chunk.lines.len() as u64);
        if rows_end <= resumed_after_row {
            rows.unchanged += count;
        } else {
            let booking = Arc::new(Booking {
                source: command.source.clone(),
                currency: command.currency,
                import_id: run.import_id,
                fresh: chunk.lines.iter().map(|_| ids.next_uuid()).collect(),
                lines: chunk.lines,
                rows_end,
                now: clock.now(),
            });
            let in_tx = Arc::clone(&booking);
            let booked = store
                .write(move |tx| book(tx, &in_tx))
                .await
                .map_err(|source| ImportError::Ledger { source, rows_done: told })?;
            rows.written += booked.written;
            rows.unchanged += count - booked.written - booked.differing.len() as u64;
            products_added += booked.products;
            stock_movements += booked.movements;
            reject_differing(&booking.lines, &booked, &mut rejects)
                .map_err(rejects_error(rejects.path().to_owned()))?;
        }
        if rows_end - told >= PROGRESS_ROWS || rows_end == facts.rows {
            told = rows_end;
            progress(ImportProgress {
                phase: ImportPhase::Booking,
                rows: rows_end,
                total: facts.rows,
            });
        }
    }
    let read = match reading.await {
        Ok(read) => read?,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    };
    let (rejected, rejects_file) =
        rejects.finish().map_err(rejects_error(command.rejects.clone()))?;
    rows.rejected = rejected;

    progress(ImportProgress { phase: ImportPhase::Deriving, rows: facts.rows, total: facts.rows });
    let base_prices = derive(store, read.titles, clock.now()).await?;
    let ledger = reconcile(store, &command, &read.tally, rejected).await?;
    let (import_id, now) = (run.import_id, clock.now());
    store.write(move |tx| imports::finish(tx, import_id, now)).await?;
    Ok(ImportSummary {
        layout: LAYOUT,
        source: command.source,
        rows,
        resumed_after_row,
        reconciliation: read.tally.reconciliation(),
        ledger,
        products_added,
        stock_movements,
        base_prices,
        rejects_file,
    })
}

async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

async fn begin(
    store: &Store,
    command: &ImportOnlineRetail,
    facts: &FileFacts,
    clock: &dyn Clock,
    ids: &dyn IdSource,
) -> Result<imports::ImportState, StoreError> {
    let (id, now): (ImportId, _) = (new_id(ids), clock.now());
    let (source, sha256) = (command.source.clone(), facts.sha256.clone());
    store
        .write(move |tx| {
            audit::lock(tx)?;
            let state = imports::begin(tx, id, LAYOUT, &source, &sha256, now)?;
            // The same file again goes on with the run that is there.
            if state.import_id == id {
                let after = json!({ "layout": LAYOUT, "source": source, "file_sha256": sha256 });
                let stamp = Stamp::new(Actor::Cli, now);
                let entry = stamp.entry("import.started", id.to_string(), None, Some(after));
                audit::record(tx, &entry)?;
            }
            Ok(state)
        })
        .await
}

/// Lines that were booked before with other content go to the rejects.
fn reject_differing(
    lines: &[PlacedLine],
    booked: &Booked,
    rejects: &mut RejectsFile,
) -> std::io::Result<()> {
    for (invoice, ordinal) in &booked.differing {
        let reason = format!(
            "line {} of invoice {invoice} is already booked with other content; the books keep the first",
            ordinal + 1
        );
        let found = lines.iter().find(|p| *p.line.invoice == **invoice && p.ordinal == *ordinal);
        if let Some(placed) = found {
            rejects.add(placed.file_line, &reason, &line_fields(&placed.line))?;
        }
    }
    Ok(())
}

async fn derive(
    store: &Store,
    titles: Titles,
    now: Timestamp,
) -> Result<BasePricesFound, StoreError> {
    let best = titles.best();
    for chunk in best.chunks(TITLES_CHUNK) {
        let chunk = chunk.to_vec();
        store
            .write(move |tx| {
                let titles: Vec<_> =
                    chunk.iter().map(|(code, title)| (&**code, &**title)).collect();
                catalog::retitle(tx, &titles, now)
            })
            .await?;
    }
    find_base_prices(store, now).await
}

/// The ledger must hold what the lines add up to, unless rows were refused as booked differently.
async fn reconcile(
    store: &Store,
    command: &ImportOnlineRetail,
    tally: &Tally,
    rejected: u64,
) -> Result<LedgerTotals, ImportError> {
    let source = command.source.clone();
    let BookedTotals { lines, quantity, amount_minor } =
        store.read(move |tx| orders::booked_totals(tx, &source)).await?;
    let file = tally.reconciliation();
    let equal = u64::try_from(lines) == Ok(file.rows)
        && quantity == file.quantity
        && i128::from(amount_minor) == file.booked_minor;
    // Other files of the same source add to the books; fewer than this file booked is an error.
    if !equal && rejected == 0 && u64::try_from(lines).is_ok_and(|lines| lines <= file.rows) {
        return Err(ImportError::Unreconciled(format!(
            "the file has {} lines of {} pieces for {}, the ledger {lines} of {quantity} for {amount_minor} minor units",
            file.rows, file.quantity, file.booked
        )));
    }
    let per_minor = i128::from(1_000_000 / command.currency.minor_per_major());
    Ok(LedgerTotals {
        lines,
        quantity,
        amount: format_micros(i128::from(amount_minor) * per_minor),
        amount_minor,
    })
}
