//! Import of an order history in the UCI Online Retail layout.
//!
//! The file is surveyed first, then read in chunks; each chunk is one write that books its lines and
//! records how far the file is booked. A kill between two chunks loses nothing: the next run goes on
//! from there. A line is identified by (invoice, place in the invoice), so that booking it again
//! changes nothing, and booking it with other content is refused and reported.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use jiff::tz::TimeZone;
use serde::Serialize;
use shopwright_domain::ids::{IdSource, ImportId, new_id};
use shopwright_domain::money::{Currency, format_micros};
use shopwright_domain::orders::DocumentKind;
use shopwright_domain::orders::online_retail::{
    COLUMNS, Line, RawLine, Reconciliation, Tally, read_line,
};
use shopwright_domain::time::{Clock, Timestamp};
use shopwright_store::orders::{BookedTotals, Document, DocumentHead, LineRow};
use shopwright_store::{Store, StoreError, Tx, catalog, customers, imports, inventory, orders};
use tokio::sync::mpsc;

use super::{FileError, FileFacts, RejectsFile, open, survey};
use crate::catalog::{BasePricesFound, find_base_prices};

const LAYOUT: &str = "online-retail";
/// Lines booked in one write; on two cores this stays under the 50 ms a group may take.
const CHUNK_LINES: usize = 2_500;
/// Parsed chunks that may wait for the ledger.
const CHUNKS_AHEAD: usize = 3;
/// Progress is told after this many rows.
const PROGRESS_ROWS: u64 = 5_000;

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

struct Reject {
    line: u64,
    reason: String,
    fields: Vec<String>,
}

#[derive(Default)]
struct Chunk {
    lines: Vec<(Line, i64, u64)>,
    rejects: Vec<Reject>,
    /// Rows of the file up to the end of this chunk.
    rows_end: u64,
}

#[derive(Default)]
struct ChunkBooked {
    written: u64,
    products: u64,
    movements: u64,
    differing: Vec<(String, i64)>,
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
                .add(reject.line, &reject.reason, &reject.fields)
                .map_err(rejects_error(rejects.path().to_owned()))?;
        }
        let (rows_end, count) = (chunk.rows_end, chunk.lines.len() as u64);
        if rows_end <= resumed_after_row {
            rows.unchanged += count;
        } else {
            let lines = Arc::new(chunk.lines);
            let booked = book(
                store,
                &command,
                run.import_id,
                Arc::clone(&lines),
                rows_end,
                clock.now(),
                &ids,
            )
            .await
            .map_err(|source| ImportError::Ledger { source, rows_done: told })?;
            rows.written += booked.written;
            rows.unchanged += count - booked.written - booked.differing.len() as u64;
            products_added += booked.products;
            stock_movements += booked.movements;
            for (invoice, ordinal) in &booked.differing {
                let found = lines.iter().find(|(l, o, _)| *l.invoice == **invoice && o == ordinal);
                let reason = format!(
                    "line {} of invoice {invoice} is already booked with other content; the books keep the first",
                    ordinal + 1
                );
                let fields = found.map(|(line, ..)| line_fields(line)).unwrap_or_default();
                rejects
                    .add(found.map_or(0, |(_, _, at)| *at), &reason, &fields)
                    .map_err(rejects_error(rejects.path().to_owned()))?;
            }
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
    let tally = match reading.await {
        Ok(read) => read?,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    };
    let (rejected, rejects_file) =
        rejects.finish().map_err(rejects_error(command.rejects.clone()))?;
    rows.rejected = rejected;

    progress(ImportProgress { phase: ImportPhase::Deriving, rows: facts.rows, total: facts.rows });
    let base_prices = derive(store, &command.source, clock.now()).await?;
    let ledger = reconcile(store, &command, &tally, rejected).await?;
    let (import_id, now) = (run.import_id, clock.now());
    store.write(move |tx| imports::finish(tx, import_id, now)).await?;
    Ok(ImportSummary {
        layout: LAYOUT,
        source: command.source,
        rows,
        resumed_after_row,
        reconciliation: tally.reconciliation(),
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
    store.write(move |tx| imports::begin(tx, id, LAYOUT, &source, &sha256, now)).await
}

/// Parses the file and hands chunks over; gives the tally of everything that was read.
fn read_chunks(command: &ImportOnlineRetail, to: &mpsc::Sender<Chunk>) -> Result<Tally, FileError> {
    let mut reader = open(&command.path)?;
    let read_error = |error: csv::Error| FileError::Read {
        path: command.path.clone(),
        source: std::io::Error::other(error),
    };
    reader.byte_headers().map_err(read_error)?;
    let mut tally = Tally::new(command.currency);
    let mut ordinals: HashMap<Box<str>, i64> = HashMap::new();
    let mut record = csv::ByteRecord::new();
    let mut chunk = Chunk::default();
    let mut rows = 0;
    while reader.read_byte_record(&mut record).map_err(read_error)? {
        rows += 1;
        let line_number = record.position().map_or(0, csv::Position::line);
        let invoice = String::from_utf8_lossy(record.get(0).unwrap_or_default());
        // A rejected row keeps its place, so that the lines after it keep theirs once it is mended.
        let ordinal = if let Some(next) = ordinals.get_mut(invoice.as_ref()) {
            *next += 1;
            *next
        } else {
            ordinals.insert(invoice.as_ref().into(), 0);
            0
        };
        match read_record(&record, command) {
            Ok(line) => {
                tally.add(&line);
                chunk.lines.push((line, ordinal, line_number));
            }
            Err(reason) => {
                let fields =
                    record.iter().map(|f| String::from_utf8_lossy(f).into_owned()).collect();
                chunk.rejects.push(Reject { line: line_number, reason, fields });
            }
        }
        if chunk.lines.len() + chunk.rejects.len() >= CHUNK_LINES {
            chunk.rows_end = rows;
            if to.blocking_send(std::mem::take(&mut chunk)).is_err() {
                // The booking side has stopped with an error of its own.
                return Ok(tally);
            }
        }
    }
    chunk.rows_end = rows;
    let _ = to.blocking_send(chunk);
    Ok(tally)
}

fn read_record(record: &csv::ByteRecord, command: &ImportOnlineRetail) -> Result<Line, String> {
    if record.len() != COLUMNS.len() {
        return Err(format!("{} fields where {} are expected", record.len(), COLUMNS.len()));
    }
    let mut fields = [""; COLUMNS.len()];
    for (field, bytes) in fields.iter_mut().zip(record) {
        *field = std::str::from_utf8(bytes).map_err(|_| "the row is not UTF-8 text".to_owned())?;
    }
    read_line(&RawLine::from_fields(fields), &command.zone, command.currency)
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

fn line_fields(line: &Line) -> Vec<String> {
    vec![
        line.invoice.to_string(),
        line.code.to_string(),
        line.description.to_string(),
        line.quantity.to_string(),
        line.at.to_string(),
        line.unit_price.to_string(),
        line.customer.as_deref().unwrap_or_default().to_owned(),
        line.country.to_string(),
    ]
}

async fn book(
    store: &Store,
    command: &ImportOnlineRetail,
    import_id: ImportId,
    lines: Arc<Vec<(Line, i64, u64)>>,
    rows_end: u64,
    now: Timestamp,
    ids: &Arc<dyn IdSource>,
) -> Result<ChunkBooked, StoreError> {
    let (source, currency) = (command.source.clone(), command.currency);
    // Ids are fixed per command, so that a second run of the closure writes the same rows.
    let fresh: Vec<_> = lines.iter().map(|_| ids.next_uuid()).collect();
    store
        .write(move |tx| {
            let mut booked = ChunkBooked::default();
            book_customers(tx, &lines, now)?;
            booked.products = book_products(tx, &lines, currency, now)?;
            for (kind, document) in
                [(DocumentKind::Order, Document::Order), (DocumentKind::Refund, Document::Refund)]
            {
                let picked: Vec<_> =
                    lines.iter().zip(&fresh).filter(|((l, ..), _)| l.document == kind).collect();
                let mut heads: BTreeMap<&str, DocumentHead<'_>> = BTreeMap::new();
                for ((line, ..), id) in &picked {
                    heads.entry(&line.invoice).or_insert_with(|| DocumentHead {
                        id: **id,
                        external_id: &line.invoice,
                        customer_id: line.customer.as_deref(),
                        country: &line.country,
                        at: line.at,
                    });
                }
                let heads: Vec<_> = heads.into_values().collect();
                let numbers =
                    orders::upsert_documents(tx, document, &source, currency.code(), &heads)?;
                let rows: Vec<_> = picked
                    .iter()
                    .map(|((line, ordinal, _), _)| row(line, *ordinal, numbers[&*line.invoice]))
                    .collect();
                let written = orders::insert_lines(tx, document, &rows)?;
                if written < rows.len() as u64 {
                    booked.differing.extend(orders::differing_lines(tx, document, &rows)?);
                }
                if written > 0 {
                    let mut touched: Vec<_> = numbers.into_values().collect();
                    touched.sort_unstable();
                    orders::settle_amounts(tx, document, &touched)?;
                }
                booked.written += written;
            }
            let notes: Vec<_> = lines
                .iter()
                .filter(|(line, ..)| line.document == DocumentKind::Adjustment)
                .map(|(line, ordinal, _)| row(line, *ordinal, uuid::Uuid::nil()))
                .collect();
            let written = orders::insert_adjustments(tx, &source, currency.code(), &notes)?;
            if written < notes.len() as u64 {
                booked.differing.extend(orders::differing_adjustments(tx, &source, &notes)?);
            }
            booked.written += written;
            booked.movements = book_stock(tx, &source, &lines)?;
            imports::advance(tx, import_id, i64::try_from(rows_end).unwrap_or(i64::MAX))?;
            Ok(booked)
        })
        .await
}

fn row(line: &Line, ordinal: i64, document_id: uuid::Uuid) -> LineRow<'_> {
    LineRow {
        document_id,
        external_id: &line.invoice,
        ordinal,
        kind: line.kind.as_str(),
        code: &line.code,
        title: &line.description,
        quantity: line.quantity,
        unit_price: line.unit_price,
        amount_minor: line.amount_minor,
        at: line.at,
    }
}

fn book_customers(
    tx: &mut Tx<'_>,
    lines: &[(Line, i64, u64)],
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut seen: BTreeMap<&str, customers::CustomerSeen<'_>> = BTreeMap::new();
    for (line, ..) in lines {
        let Some(customer_id) = line.customer.as_deref() else { continue };
        let known = seen.entry(customer_id).or_insert(customers::CustomerSeen {
            customer_id,
            country: &line.country,
            at: line.at,
        });
        known.at = known.at.min(line.at);
    }
    customers::upsert_seen(tx, &seen.into_values().collect::<Vec<_>>(), now)?;
    Ok(())
}

fn book_products(
    tx: &mut Tx<'_>,
    lines: &[(Line, i64, u64)],
    currency: Currency,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let mut goods: BTreeMap<&str, &str> = BTreeMap::new();
    for (line, ..) in lines.iter().filter(|(line, ..)| line.kind.is_goods()) {
        let title = goods.entry(&line.code).or_insert(&line.description);
        if title.is_empty() {
            *title = &line.description;
        }
    }
    catalog::insert_missing(tx, &goods.into_iter().collect::<Vec<_>>(), currency, now)
}

/// Movements for goods lines after their SKU's opening count; earlier ones move nothing.
fn book_stock(
    tx: &mut Tx<'_>,
    source: &str,
    lines: &[(Line, i64, u64)],
) -> Result<u64, StoreError> {
    let skus: BTreeSet<&str> =
        lines.iter().filter(|(l, ..)| l.kind.is_goods()).map(|(l, ..)| &*l.code).collect();
    let counted: HashMap<_, _> =
        inventory::counted_at(tx, &skus.into_iter().collect::<Vec<_>>())?.into_iter().collect();
    if counted.is_empty() {
        return Ok(0);
    }
    let movements: Vec<_> = lines
        .iter()
        .filter(|(line, ..)| counted.get(&*line.code).is_some_and(|at| line.at > *at))
        .filter_map(|(line, ordinal, _)| {
            let quantity = line.kind.moves_stock()?.movement(line.quantity);
            Some(inventory::Movement {
                sku: &line.code,
                reason: line.kind.as_str(),
                reference: format!("{source}:{}:{ordinal}", line.invoice),
                quantity,
                at: line.at,
            })
        })
        .collect();
    inventory::book_movements(tx, &movements)
}

async fn derive(
    store: &Store,
    source: &str,
    now: Timestamp,
) -> Result<BasePricesFound, StoreError> {
    let named = source.to_owned();
    store.write(move |tx| catalog::retitle_from_sales(tx, &named, now)).await?;
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
