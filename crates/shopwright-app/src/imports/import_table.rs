//! Import of one table file.
//!
//! The file is surveyed first, then read and booked in chunks, each one write. A chunk's write also
//! records how far the chunks before it are done, after their refused rows are on the disk, so that a
//! kill loses neither a booking nor a reject: the same command goes on from there.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use serde_json::json;
use shopwright_domain::ids::{IdSource, ImportId, new_id};
use shopwright_domain::platforms::cells::Formats;
use shopwright_domain::platforms::layout::{Item, Layout, ReadWith};
use shopwright_domain::platforms::mapped_csv::Mapping;
use shopwright_domain::time::{Clock, Timestamp};
use shopwright_store::audit::{self, Actor, Stamp};
use shopwright_store::{Change, Store, StoreError, imports};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::applying::{TakeWith, take};
use super::row_groups::{Chunk, Read, Source, read_chunks};
use super::table_file::{TableFile, look_at};
use super::taken_from::TakenFrom;
use crate::catalog::{BasePricesFound, find_base_prices};
use crate::orders::{FileError, RejectsFile, RowCounts};
use crate::platforms::{Applied, ApplyError};

/// Chunks that may wait for the ledger.
const CHUNKS_AHEAD: usize = 3;

/// What to import and how to read it.
#[derive(Clone, Debug)]
pub struct ImportTable {
    /// The file: CSV with commas, semicolons or tabs, plain or gzip.
    pub path: PathBuf,
    /// Its layout.
    pub layout: Layout,
    /// What its columns are, for a table of any origin.
    pub mapping: Option<Mapping>,
    /// The name under which its orders are unique.
    pub source: String,
    /// How its cells are written.
    pub formats: Formats,
    /// Where rejected rows go.
    pub rejects: PathBuf,
    /// Whether everything is read and nothing booked.
    pub dry_run: bool,
}

/// How far an import is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableProgress {
    /// Rows done.
    pub rows: u64,
    /// Rows in the file.
    pub total: u64,
}

/// Why an import stopped. Every chunk booked before is whole, and a second run goes on after it.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The file cannot be imported at all.
    #[error(transparent)]
    File(#[from] FileError),
    /// The mapping does not fit the file.
    #[error("{0} (nothing was imported)")]
    Mapping(String),
    /// The ledger failed.
    #[error("{0} (rows before are booked; run the same import again to go on)")]
    Ledger(#[from] StoreError),
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
}

/// The outcome of an import.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TableSummary {
    /// The layout.
    pub layout: &'static str,
    /// The source name.
    pub source: String,
    /// Whether nothing was booked because nobody asked for it.
    pub dry_run: bool,
    /// What became of the rows.
    pub rows: RowCounts,
    /// The row this run went on from; 0 for a fresh import.
    pub resumed_after_row: u64,
    /// What the readable rows say.
    pub file: TakenFrom,
    /// Columns that nothing was taken from.
    pub ignored_columns: Vec<String>,
    /// Base prices, where the file is a history of orders.
    pub base_prices: Option<BasePricesFound>,
    /// The rejects file, when there are rejects.
    pub rejects_file: Option<PathBuf>,
}

/// Imports a file. Running it twice, or again after a kill, gives the same books.
pub async fn import_table(
    store: &Store,
    command: ImportTable,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    progress: impl Fn(TableProgress) + Send + Sync + 'static,
) -> Result<TableSummary, TableError> {
    let now = clock.now();
    let table = off_thread({
        let command = command.clone();
        move || look_at(&command.path, command.layout, command.mapping.as_ref())
    })
    .await?;
    let (import_id, done) = begin(store, &command, &table, now, ids.as_ref()).await?;
    let shown: Vec<&str> = table.columns.iter().map(String::as_str).collect();
    let path = command.rejects.clone();
    let rejects = if done > 0 {
        RejectsFile::go_on(path.clone(), &shown)
    } else {
        RejectsFile::new(path.clone(), &shown)
    };
    let rejects = rejects.map_err(|source| TableError::Rejects { path, source })?;
    let total = table.facts.rows;
    let ignored_columns = table.ignored.clone();
    let (sender, mut chunks) = mpsc::channel(CHUNKS_AHEAD);
    let source = source_of(&command, table, now);
    let reading = tokio::task::spawn_blocking(move || read_chunks(&source, &sender));
    let mut run = Run { command, import_id, done, rejects, now, summary: TableSummary::default() };
    run.summary.rows.read = total;
    let mut rows_before = 0;
    while let Some(chunk) = chunks.recv().await {
        let rows_end = chunk.rows_end;
        run.take(store, chunk, rows_before, ids.as_ref()).await?;
        rows_before = rows_end;
        progress(TableProgress { rows: rows_end, total });
    }
    match reading.await {
        Ok(read) => read?,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
    let mut summary = run.finish(store, total, clock.as_ref()).await?;
    summary.ignored_columns = ignored_columns;
    Ok(summary)
}

async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

fn source_of(command: &ImportTable, table: TableFile, now: Timestamp) -> Source {
    Source {
        path: command.path.clone(),
        separator: table.separator,
        columns: table.columns.len(),
        header: table.header,
        layout: command.layout,
        mapping: command.mapping.clone(),
        with: ReadWith { source: command.source.clone(), formats: command.formats.clone(), now },
    }
}

/// The run of this file, and the rows of it that are done. A finished run begins again: the file may
/// say what the ledger no longer holds.
async fn begin(
    store: &Store,
    command: &ImportTable,
    table: &TableFile,
    now: Timestamp,
    ids: &dyn IdSource,
) -> Result<(ImportId, u64), StoreError> {
    let id: ImportId = new_id(ids);
    if command.dry_run {
        return Ok((id, 0));
    }
    let (layout, source) = (command.layout.name(), command.source.clone());
    let sha256 = table.facts.sha256.clone();
    let state = store
        .write(move |tx| {
            audit::lock(tx)?;
            let state = imports::begin(tx, id, layout, &source, &sha256, now)?;
            if state.import_id == id {
                let after = json!({ "layout": layout, "source": source, "file_sha256": sha256 });
                let stamp = Stamp::new(Actor::Cli, now);
                let entry = stamp.entry("import.started", id.to_string(), None, Some(after));
                audit::record(tx, &entry)?;
            }
            Ok::<_, StoreError>(state)
        })
        .await?;
    let done = if state.finished_at.is_some() { 0 } else { state.rows_done.unsigned_abs() };
    Ok((state.import_id, done))
}

/// An import that is running.
struct Run {
    command: ImportTable,
    import_id: ImportId,
    /// Rows that a run before has done.
    done: u64,
    rejects: RejectsFile,
    now: Timestamp,
    summary: TableSummary,
}

/// What a chunk's things became, in their order.
type Outcomes = Vec<Result<Applied, String>>;

impl Run {
    async fn take(
        &mut self,
        store: &Store,
        chunk: Chunk,
        rows_before: u64,
        ids: &dyn IdSource,
    ) -> Result<(), TableError> {
        let items: Vec<(Arc<Item>, Uuid)> = chunk
            .all
            .iter()
            .filter_map(|read| {
                Some((Arc::clone(read.says.as_ref().ok()?.as_ref()?), ids.next_uuid()))
            })
            .collect();
        for (item, _) in &items {
            self.summary.file.add(item);
        }
        if chunk.rows_end <= self.done {
            let rejected = chunk.all.iter().filter(|read| read.says.is_err());
            let rejected: usize = rejected.map(|read| read.rows.len()).sum();
            let all: usize = chunk.all.iter().map(|read| read.rows.len()).sum();
            self.summary.rows.unchanged += (all - rejected) as u64;
            return Ok(());
        }
        let mut outcomes = if self.command.dry_run {
            items.iter().map(|_| Ok(Applied::Unchanged)).collect()
        } else {
            self.book(store, items, rows_before).await?
        }
        .into_iter();
        for read in &chunk.all {
            let outcome = match &read.says {
                Err(reason) => Err(reason.clone()),
                Ok(None) => Ok(Applied::Unchanged),
                Ok(Some(_)) => outcomes.next().unwrap_or(Ok(Applied::Unchanged)),
            };
            self.count(read, outcome)?;
        }
        let flushed = self.rejects.flush();
        flushed.map_err(|source| TableError::Rejects { path: self.command.rejects.clone(), source })
    }

    fn count(&mut self, read: &Read, outcome: Result<Applied, String>) -> Result<(), TableError> {
        let rows = read.rows.len() as u64;
        match outcome {
            Ok(Applied::Created | Applied::Updated) => self.summary.rows.written += rows,
            Ok(Applied::Unchanged | Applied::Ignored(_)) => self.summary.rows.unchanged += rows,
            Err(reason) => {
                for row in &read.rows {
                    let path = self.rejects.path().to_owned();
                    self.rejects
                        .add(row.line, &reason, &row.fields[..row.own])
                        .map_err(|source| TableError::Rejects { path, source })?;
                }
            }
        }
        Ok(())
    }

    /// Books a chunk in one write; of a thing that is refused nothing stays.
    async fn book(
        &self,
        store: &Store,
        items: Vec<(Arc<Item>, Uuid)>,
        rows_before: u64,
    ) -> Result<Outcomes, StoreError> {
        let import_id = self.import_id;
        let with = TakeWith {
            platform: self.command.layout.platform(),
            source: self.command.source.clone(),
            currency: self.command.formats.currency,
            import_id,
            stamp: Stamp::new(Actor::Cli, self.now),
        };
        let done = i64::try_from(rows_before).unwrap_or(i64::MAX);
        store
            .write(move |tx| {
                let mut outcomes = Vec::with_capacity(items.len());
                for (item, id) in &items {
                    outcomes.push(match tx.attempt(|tx| take(tx, item, *id, &with))? {
                        Ok(applied) => Ok(applied),
                        Err(ApplyError::Store(error)) => return Err(error),
                        Err(refused) => Err(refused.to_string()),
                    });
                }
                imports::advance(tx, import_id, done)?;
                tx.announce(Change::PriceInputs);
                Ok(outcomes)
            })
            .await
    }

    async fn finish(
        mut self,
        store: &Store,
        total: u64,
        clock: &dyn Clock,
    ) -> Result<TableSummary, TableError> {
        let (now, import_id, dry) = (clock.now(), self.import_id, self.command.dry_run);
        if !dry {
            let done = i64::try_from(total).unwrap_or(i64::MAX);
            store
                .write(move |tx| {
                    imports::advance(tx, import_id, done)?;
                    imports::finish(tx, import_id, now)
                })
                .await?;
            if self.command.layout.is_history() {
                self.summary.base_prices = Some(find_base_prices(store, now).await?);
            }
        }
        self.summary.layout = self.command.layout.name();
        self.summary.source = self.command.source;
        self.summary.dry_run = dry;
        self.summary.resumed_after_row = self.done;
        let path = self.command.rejects;
        let finished = self.rejects.finish();
        (self.summary.rows.rejected, self.summary.rejects_file) =
            finished.map_err(|source| TableError::Rejects { path, source })?;
        Ok(self.summary)
    }
}
