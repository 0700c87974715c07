//! A file of competitors' prices: columns by name, rows that do not fit into the rejects file.
//!
//! A row without `observed_at` counts as seen when the import began. The same file with its times
//! imported again changes nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;
use serde_json::json;
use shopwright_domain::catalog::Sku;
use shopwright_domain::money::{Currency, Factor, parse_minor};
use shopwright_domain::time::Timestamp;
use shopwright_store::audit::{self, Actor, Stamp};
use shopwright_store::competitors::Observation;
use shopwright_store::{Store, StoreError};

use super::{CompetitorError, SeenPrice, confidence_bps, take_price};
use crate::orders::{FileError, RejectsFile, open, survey_flexible};

const CHUNK: usize = 500;

/// What to import.
#[derive(Clone, Debug)]
pub struct ImportCompetitorPrices {
    /// The file, `.csv` or `.csv.gz`.
    pub path: PathBuf,
    /// The currency of rows that name none.
    pub currency: Currency,
    /// Where rejected rows go.
    pub rejects: PathBuf,
}

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CompetitorPricesSummary {
    /// Rows of the file.
    pub read: u64,
    /// Prices that were taken.
    pub taken: u64,
    /// Prices of a moment that was known already.
    pub known: u64,
    /// Rows that do not fit.
    pub rejected: u64,
    /// Where those are.
    pub rejects_file: Option<PathBuf>,
}

/// Why an import stopped. Every chunk before is kept; running it again is safe.
#[derive(Debug, thiserror::Error)]
pub enum CompetitorImportError {
    /// The file cannot be imported at all.
    #[error(transparent)]
    File(#[from] FileError),
    /// The ledger failed.
    #[error("{0} (rows before are kept; run the same import again to go on)")]
    Ledger(#[from] StoreError),
    /// The rejects file cannot be written.
    #[error("cannot write the rejects file {}: {source}; name another with --rejects", path.display())]
    Rejects {
        /// The file.
        path: PathBuf,
        /// What failed.
        source: std::io::Error,
    },
}

struct FileRow {
    line: u64,
    fields: Vec<String>,
    price: SeenPrice,
}

/// Imports a file of competitors' prices.
pub async fn import_competitor_prices(
    store: &Store,
    command: ImportCompetitorPrices,
    now: Timestamp,
) -> Result<CompetitorPricesSummary, CompetitorImportError> {
    let header = survey_flexible(&command.path, &["competitor", "sku", "price"])?;
    let rejects_error =
        |source| CompetitorImportError::Rejects { path: command.rejects.clone(), source };
    let shown: Vec<&str> = header.columns.iter().map(String::as_str).collect();
    let mut rejects = RejectsFile::new(command.rejects.clone(), &shown).map_err(rejects_error)?;
    let mut summary = CompetitorPricesSummary { read: header.rows, ..Default::default() };
    record_start(store, &command, now).await?;
    let read_error = |error: csv::Error| FileError::Read {
        path: command.path.clone(),
        source: std::io::Error::other(error),
    };
    let mut reader = open(&command.path)?;
    reader.byte_headers().map_err(read_error)?;
    let mut chunk = Vec::new();
    for record in reader.byte_records() {
        let record = record.map_err(read_error)?;
        let line = record.position().map_or(0, csv::Position::line);
        let fields: Vec<String> =
            record.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect();
        match read_row(&header.columns, &fields, (command.currency, now)) {
            Ok(price) => chunk.push(FileRow { line, fields, price }),
            Err(reason) => rejects.add(line, &reason, &fields).map_err(rejects_error)?,
        }
        if chunk.len() == CHUNK {
            take_chunk(store, std::mem::take(&mut chunk), now, (&mut summary, &mut rejects))
                .await?
                .map_err(rejects_error)?;
        }
    }
    take_chunk(store, chunk, now, (&mut summary, &mut rejects)).await?.map_err(rejects_error)?;
    (summary.rejected, summary.rejects_file) = rejects.finish().map_err(rejects_error)?;
    Ok(summary)
}

/// Tells the audit log; the file's own name only, since folders may name people.
async fn record_start(
    store: &Store,
    command: &ImportCompetitorPrices,
    now: Timestamp,
) -> Result<(), StoreError> {
    let file = command.path.file_name().map(|name| name.to_string_lossy().into_owned());
    let after = json!({ "layout": "competitor-prices", "file": file });
    let object = "competitor_prices_import".to_owned();
    let entry = Stamp::new(Actor::Cli, now).entry("import.started", object, None, Some(after));
    store.write(move |tx| audit::record(tx, &entry).map(|_| ())).await
}

fn read_row(
    columns: &[String],
    fields: &[String],
    (currency, now): (Currency, Timestamp),
) -> Result<SeenPrice, String> {
    if fields.len() != columns.len() {
        return Err(format!("{} fields where {} are expected", fields.len(), columns.len()));
    }
    let by_name: BTreeMap<&str, &str> =
        columns.iter().map(String::as_str).zip(fields.iter().map(String::as_str)).collect();
    let field =
        |name: &str| by_name.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
    let needed = |name: &str| field(name).ok_or_else(|| format!("{name} is empty"));
    let currency = match field("currency") {
        Some(code) => code.parse().map_err(|e| format!("currency: {e}"))?,
        None => currency,
    };
    let money = |name: &str, text: &str| {
        parse_minor(text, currency).map_err(|error| format!("{name}: {error}"))
    };
    let in_stock = match field("in_stock").map(str::to_ascii_lowercase).as_deref() {
        None | Some("true" | "yes" | "1" | "in_stock" | "in stock") => true,
        Some("false" | "no" | "0" | "out_of_stock" | "out of stock") => false,
        Some(other) => return Err(format!("in_stock: `{other}` is not yes or no")),
    };
    let observed_at = match field("observed_at") {
        Some(text) => text.parse().map_err(|e| format!("observed_at: {e}"))?,
        None => now,
    };
    let confidence = match field("confidence") {
        Some(text) => {
            let factor = Factor::parse_exact(text).map_err(|e| format!("confidence: {e}"))?;
            Some(confidence_bps(factor).map_err(|e| e.to_string())?)
        }
        None => None,
    };
    Ok(SeenPrice {
        seen: Observation {
            competitor: needed("competitor")?.to_owned(),
            sku: Sku::parse(by_name.get("sku").copied().unwrap_or_default())
                .map_err(|e| e.to_string())?,
            observed_at,
            price_minor: money("price", needed("price")?)?,
            shipping_minor: field("shipping").map(|text| money("shipping", text)).transpose()?,
            currency,
            in_stock,
            source: "file".to_owned(),
            is_forced: false,
        },
        url: field("url").map(ToOwned::to_owned),
        confidence_bps: confidence,
    })
}

async fn take_chunk(
    store: &Store,
    mut rows: Vec<FileRow>,
    now: Timestamp,
    (summary, rejects): (&mut CompetitorPricesSummary, &mut RejectsFile),
) -> Result<std::io::Result<()>, StoreError> {
    // Rows are touched in the order of their keys, whatever order the file has.
    let key = |row: &FileRow| (row.price.seen.competitor.clone(), row.price.seen.sku.clone());
    rows.sort_by_cached_key(|row| (key(row), row.line));
    let prices: Vec<SeenPrice> = rows.iter().map(|row| row.price.clone()).collect();
    let outcomes = store
        .write(move |tx| {
            let mut outcomes = Vec::with_capacity(prices.len());
            for price in &prices {
                outcomes.push(match take_price(tx, price, now) {
                    Ok(new) => Ok(new),
                    Err(CompetitorError::Store(error)) => return Err(error),
                    Err(error) => Err(error.to_string()),
                });
            }
            Ok::<_, StoreError>(outcomes)
        })
        .await?;
    for (row, outcome) in rows.iter().zip(outcomes) {
        match outcome {
            Ok(true) => summary.taken += 1,
            Ok(false) => summary.known += 1,
            Err(reason) => {
                if let Err(error) = rejects.add(row.line, &reason, &row.fields) {
                    return Ok(Err(error));
                }
            }
        }
    }
    Ok(Ok(()))
}
