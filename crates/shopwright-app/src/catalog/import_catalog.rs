//! Import of a catalogue file: titles, categories, costs, minimum prices and opening counts by SKU.
//!
//! Columns are found by name and may come in any order; only `sku` is needed. An empty field leaves
//! what is there. Columns without a field of their own are kept as attributes and named in the
//! summary. An opening count starts tracking: lines booked after it move stock, earlier ones do not.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, Value as Json, json};
use shopwright_domain::catalog::{SHOP_ID_BYTES_MAX, Sku};
use shopwright_domain::money::{Currency, parse_minor};
use shopwright_domain::time::{Clock, Timestamp};
use shopwright_store::audit::{self, Actor, Stamp};
use shopwright_store::catalog::ProductPatch;
use shopwright_store::{Change, Store, StoreError, Tx, catalog, inventory};

use crate::inventory::book_lines_since;
use crate::orders::{FileError, RejectsFile, open, survey_flexible};

/// The columns that have a field of their own.
pub const CATALOG_COLUMNS: [&str; 9] = [
    "sku",
    "title",
    "category",
    "currency",
    "base_price",
    "cost",
    "map",
    "opening_stock",
    "counted_at",
];
const CHUNK: usize = 500;
const TITLE_BYTES_MAX: usize = 1_000;
/// The largest opening count of one SKU.
const STOCK_MAX: i64 = 1_000_000_000;

/// What to import.
#[derive(Clone, Debug)]
pub struct ImportCatalog {
    /// The file, `.csv` or `.csv.gz`.
    pub path: PathBuf,
    /// The currency of rows that name none.
    pub currency: Currency,
    /// Where rejected rows go.
    pub rejects: PathBuf,
}

/// Why a catalogue import stopped. Every chunk booked before is whole; running it again is safe.
#[derive(Debug, thiserror::Error)]
pub enum CatalogImportError {
    /// The file cannot be imported at all.
    #[error(transparent)]
    File(#[from] FileError),
    /// The ledger failed.
    #[error("{0} (rows before are kept; run the same import again to go on)")]
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

/// The outcome.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CatalogSummary {
    /// Rows in the file.
    pub read: u64,
    /// Rows that changed something.
    pub written: u64,
    /// Rows that changed nothing.
    pub unchanged: u64,
    /// Rows that were refused.
    pub rejected: u64,
    /// SKUs that are tracked from now on.
    pub counts_opened: u64,
    /// Movements booked for lines after an opening count.
    pub stock_movements: u64,
    /// Columns kept as attributes.
    pub attribute_columns: Vec<String>,
    /// The rejects file, when there are rejects.
    pub rejects_file: Option<PathBuf>,
}

#[derive(Clone, Debug)]
struct CatalogRow {
    line: u64,
    fields: Vec<String>,
    patch: ProductPatch,
    opening: Option<(i64, Option<Timestamp>)>,
}

/// Tells the audit log; the file's own name only, since folders may name people.
async fn record_start(
    store: &Store,
    command: &ImportCatalog,
    columns: &[String],
    now: Timestamp,
) -> Result<(), StoreError> {
    let file = command.path.file_name().map(|name| name.to_string_lossy().into_owned());
    let after = json!({ "layout": "catalog", "file": file, "columns": columns });
    let entry = Stamp::new(Actor::Cli, now).entry(
        "import.started",
        "catalog_import".to_owned(),
        None,
        Some(after),
    );
    store.write(move |tx| audit::record(tx, &entry).map(|_| ())).await
}

/// Imports a catalogue file. Running it twice changes nothing.
pub async fn import_catalog(
    store: &Store,
    command: ImportCatalog,
    clock: &dyn Clock,
) -> Result<CatalogSummary, CatalogImportError> {
    let now = clock.now();
    let header = survey_flexible(&command.path, &["sku"])?;
    let rejects_error =
        |source| CatalogImportError::Rejects { path: command.rejects.clone(), source };
    let shown: Vec<&str> = header.columns.iter().map(String::as_str).collect();
    let mut rejects = RejectsFile::new(command.rejects.clone(), &shown).map_err(rejects_error)?;
    let mut summary = CatalogSummary { read: header.rows, ..CatalogSummary::default() };
    summary.attribute_columns =
        header.columns.iter().filter(|c| !CATALOG_COLUMNS.contains(&c.as_str())).cloned().collect();

    record_start(store, &command, &header.columns, now).await?;
    let mut reader = open(&command.path)?;
    let read_error = |path: &Path, error: csv::Error| FileError::Read {
        path: path.to_owned(),
        source: std::io::Error::other(error),
    };
    reader.byte_headers().map_err(|e| read_error(&command.path, e))?;
    let mut chunk = Vec::new();
    for record in reader.byte_records() {
        let record = record.map_err(|e| read_error(&command.path, e))?;
        let line = record.position().map_or(0, csv::Position::line);
        let fields: Vec<String> =
            record.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect();
        if record.iter().any(|field| std::str::from_utf8(field).is_err()) {
            rejects.add(line, "the row is not UTF-8 text", &fields).map_err(rejects_error)?;
            continue;
        }
        match read_row(&header.columns, &fields, command.currency) {
            Ok((patch, opening)) => chunk.push(CatalogRow { line, fields, patch, opening }),
            Err(reason) => rejects.add(line, &reason, &fields).map_err(rejects_error)?,
        }
        if chunk.len() == CHUNK {
            write_chunk(store, std::mem::take(&mut chunk), now, &mut summary, &mut rejects)
                .await?
                .map_err(rejects_error)?;
        }
    }
    write_chunk(store, chunk, now, &mut summary, &mut rejects).await?.map_err(rejects_error)?;
    (summary.rejected, summary.rejects_file) = rejects.finish().map_err(rejects_error)?;
    Ok(summary)
}

type ReadRow = (ProductPatch, Option<(i64, Option<Timestamp>)>);

fn read_row(
    columns: &[String],
    fields: &[String],
    default_currency: Currency,
) -> Result<ReadRow, String> {
    if fields.len() != columns.len() {
        return Err(format!("{} fields where {} are expected", fields.len(), columns.len()));
    }
    let by_name: BTreeMap<&str, &str> =
        columns.iter().map(String::as_str).zip(fields.iter().map(String::as_str)).collect();
    let field =
        |name: &str| by_name.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
    let sku =
        Sku::parse(by_name.get("sku").copied().unwrap_or_default()).map_err(|e| e.to_string())?;
    let currency = match field("currency") {
        Some(code) => code.parse().map_err(|e| format!("currency: {e}"))?,
        None => default_currency,
    };
    let money = |name: &str| match field(name) {
        None => Ok(None),
        Some(text) => match parse_minor(text, currency) {
            Ok(minor) if minor > 0 => Ok(Some(minor)),
            Ok(_) => Err(format!(
                "{name}: `{text}` is not above 0; leave the field empty if it is not known"
            )),
            Err(error) => Err(format!("{name}: {error}")),
        },
    };
    let text = |name: &str, max: usize| match field(name) {
        Some(text) if text.len() > max => Err(format!("{name}: longer than {max} bytes")),
        Some(text) if text.contains('\0') => Err(format!("{name}: contains a NUL character")),
        found => Ok(found.map(ToOwned::to_owned)),
    };
    let opening = match field("opening_stock") {
        None => None,
        Some(text) => {
            let quantity = text
                .parse::<i64>()
                .ok()
                .filter(|n| (0..=STOCK_MAX).contains(n))
                .ok_or_else(|| {
                    format!("opening_stock: `{text}` is not a whole number from 0 to {STOCK_MAX}")
                })?;
            let counted_at = match field("counted_at") {
                Some(at) => Some(at.parse::<Timestamp>().map_err(|e| format!("counted_at: {e}"))?),
                None => None,
            };
            Some((quantity, counted_at))
        }
    };
    let attributes: Map<String, Json> = by_name
        .iter()
        .filter(|(name, value)| !CATALOG_COLUMNS.contains(name) && !value.is_empty())
        .map(|(name, value)| ((*name).to_owned(), Json::String((*value).replace('\0', ""))))
        .collect();
    let patch = ProductPatch {
        sku,
        title: text("title", TITLE_BYTES_MAX)?,
        category: text("category", SHOP_ID_BYTES_MAX)?,
        currency,
        base_price_minor: money("base_price")?,
        cost_minor: money("cost")?,
        map_minor: money("map")?,
        attributes: Json::Object(attributes),
    };
    Ok((patch, opening))
}

struct RowWritten {
    changed: bool,
    /// The SKU whose count was opened, with how many pieces, when.
    opened: Option<(Sku, i64, Timestamp)>,
    refused: Option<String>,
}

async fn write_chunk(
    store: &Store,
    rows: Vec<CatalogRow>,
    now: Timestamp,
    summary: &mut CatalogSummary,
    rejects: &mut RejectsFile,
) -> Result<std::io::Result<()>, StoreError> {
    let (outcomes, movements) = store
        .write({
            let rows = rows.clone();
            move |tx| {
                let written = rows
                    .iter()
                    .map(|row| write_row(tx, row, now))
                    .collect::<Result<Vec<_>, StoreError>>()?;
                let movements = book_counts(tx, &written)?;
                tx.announce(Change::PriceInputs);
                Ok::<_, StoreError>((written, movements))
            }
        })
        .await?;
    for (row, outcome) in rows.iter().zip(outcomes) {
        if let Some(reason) = outcome.refused {
            if let Err(error) = rejects.add(row.line, &reason, &row.fields) {
                return Ok(Err(error));
            }
            continue;
        }
        let opened = outcome.opened.is_some();
        summary.written += u64::from(outcome.changed || opened);
        summary.unchanged += u64::from(!outcome.changed && !opened);
        summary.counts_opened += u64::from(opened);
    }
    summary.stock_movements += movements;
    Ok(Ok(()))
}

/// Checks the whole row before it writes any of it.
fn write_row(tx: &mut Tx<'_>, row: &CatalogRow, now: Timestamp) -> Result<RowWritten, StoreError> {
    let sku = &row.patch.sku;
    let refuse =
        |reason: String| Ok(RowWritten { changed: false, opened: None, refused: Some(reason) });
    if let Some(known) = catalog::find(tx, sku)?
        && known.currency != row.patch.currency
    {
        return refuse(format!(
            "the product is kept in {}, the row says {}; a product keeps its currency",
            known.currency, row.patch.currency
        ));
    }
    let levels = inventory::levels_of(tx, sku)?;
    let level = levels.iter().find(|level| level.location == inventory::DEFAULT_LOCATION);
    let opening = match (row.opening, level) {
        (Some((quantity, counted_at)), Some(level)) => {
            let counted = inventory::opening_quantity(tx, sku)?;
            if quantity != counted || counted_at.is_some_and(|at| at != level.counted_at) {
                return refuse(format!(
                    "the SKU is tracked since {} with {counted} pieces; correct it with a stock adjustment",
                    level.counted_at
                ));
            }
            None
        }
        (Some((quantity, counted_at)), None) => Some((quantity, counted_at.unwrap_or(now))),
        (None, _) => None,
    };
    let changed = catalog::upsert(tx, &row.patch, now)?;
    if let Some((quantity, counted_at)) = opening {
        inventory::open_level(tx, sku, quantity, counted_at)?;
    }
    let opened = opening.map(|(quantity, counted_at)| (sku.clone(), quantity, counted_at));
    Ok(RowWritten { changed, opened, refused: None })
}

/// Lines that were booked before the counts came in, but happened after them, move stock now. Gives
/// the number of movements, those of the counts included.
fn book_counts(tx: &mut Tx<'_>, rows: &[RowWritten]) -> Result<u64, StoreError> {
    let counted: HashMap<&str, Timestamp> = rows
        .iter()
        .filter_map(|r| r.opened.as_ref())
        .map(|(sku, _, at)| (sku.as_str(), *at))
        .collect();
    let counts =
        rows.iter().filter(|r| r.opened.as_ref().is_some_and(|(_, pieces, _)| *pieces != 0));
    let counts = counts.count() as u64;
    Ok(counts + book_lines_since(tx, &counted)?)
}
