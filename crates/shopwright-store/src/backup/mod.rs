//! Backup and restore: the whole ledger as one stream, the same form from and for both engines.
//!
//! A backup is one snapshot, read row by row in key order: two backups of one state differ in nothing
//! but their time, memory stays bounded, and what SQLite wrote PostgreSQL can load and the other way
//! round. It holds neither `key.secret` nor any other key file. A restore builds the schema the
//! backup was made with, loads it, brings it forward, checks the books, and only then keeps
//! anything. These calls block: use them off the async runtime.

mod cell;
mod format;
mod in_postgres;
mod in_sqlite;

use std::collections::BTreeMap;
use std::io::{Read, Write};

use serde::{Deserialize, Serialize};
use shopwright_domain::time::Timestamp;

use crate::error::StoreError;
use crate::migrate::Migrated;
use crate::store::StoreOptions;
use crate::verify::RuleResult;

pub use format::read_through;

/// Why a backup could not be made or restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The ledger does not do its part.
    #[error(transparent)]
    Ledger(#[from] StoreError),
    /// The stream of the backup does not do its part.
    #[error("the backup file cannot be read or written: {0}")]
    Io(#[from] std::io::Error),
    /// Some other kind of file.
    #[error("this is not a backup of Shopwright; name a file that `shopwright backup` wrote")]
    Foreign,
    /// The file ends before the backup does.
    #[error("the backup is cut short: {0}; copy the file again, or use another backup")]
    Cut(String),
    /// The file is not what was written.
    #[error("the backup is damaged: {0}; copy the file again, or use another backup")]
    Damaged(String),
    /// A program that knew more wrote it.
    #[error(
        "the backup was made by Shopwright {product} with schema version {schema}, which this \
         program does not know; restore it with that version or a later one"
    )]
    Newer {
        /// The version of the program that wrote it.
        product: String,
        /// The version of its schema.
        schema: i64,
    },
    /// There is something that a restore would have to overwrite.
    #[error("the ledger to restore into is not empty: {0}; restore into an empty one")]
    Occupied(String),
    /// The database file that was to be backed up is damaged.
    #[error(
        "the database is damaged and was not backed up: {0}; keep it as it is and restore an \
         earlier backup beside it"
    )]
    DamagedLedger(String),
    /// The books in the backup do not hold.
    #[error("the books in the backup do not hold, so nothing was put in place")]
    Broken(Vec<RuleResult>),
}

/// What a backup says of itself before its rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Always `shopwright-backup`.
    pub format: String,
    /// The version of the form, now 1.
    pub format_version: u32,
    /// The version of the program that wrote it.
    pub product: String,
    /// When it was made, by the clock of the machine that made it.
    pub made_at: Timestamp,
    /// `sqlite` or `postgres`.
    pub engine: String,
    /// The version of the schema.
    pub schema: i64,
    /// The migrations that made the schema, in order.
    pub migrations: Vec<String>,
}

/// A backup, all of it read or written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Manifest {
    /// What it says of itself.
    #[serde(flatten)]
    pub header: Header,
    /// Rows by table.
    pub rows: BTreeMap<String, u64>,
    /// SHA-256 of the uncompressed content, in hexadecimal.
    pub sha256: String,
}

/// What a restore did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The backup.
    pub manifest: Manifest,
    /// From which schema to which the restored ledger was brought.
    pub migrated: Migrated,
    /// The rules of the books, as they hold in the restored ledger.
    pub rules: Vec<RuleResult>,
}

/// Who makes a backup, and when.
#[derive(Clone, Debug)]
pub struct Maker {
    /// The version of this program.
    pub product: String,
    /// The present.
    pub now: Timestamp,
}

/// Whether a restore keeps a ledger whose books do not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Books {
    /// It refuses it.
    MustHold,
    /// It keeps it: the owner has no better one.
    MayBeBroken,
}

/// Writes a backup of a ledger that other processes may be using. The schema is left as it is.
pub fn write(
    options: &StoreOptions,
    maker: &Maker,
    out: &mut dyn Write,
) -> Result<Manifest, BackupError> {
    match options {
        StoreOptions::Sqlite(options) => in_sqlite::write(options, maker, out),
        StoreOptions::Postgres(options) => in_postgres::write(options, maker, out),
    }
}

/// Loads a backup into a SQLite file that does not exist yet, or into a PostgreSQL schema without
/// rows of ours, where it happens in one transaction. After an error PostgreSQL is as before, and
/// the caller removes the file.
pub fn restore(
    options: &StoreOptions,
    from: &mut dyn Read,
    books: Books,
) -> Result<Restored, BackupError> {
    match options {
        StoreOptions::Sqlite(options) => in_sqlite::restore(&options.path, from, books),
        StoreOptions::Postgres(options) => in_postgres::restore(options, from, books),
    }
}

fn header(maker: &Maker, engine: &str, schema: i64) -> Header {
    Header {
        format: format::NAME.to_owned(),
        format_version: format::VERSION,
        product: maker.product.clone(),
        made_at: maker.now,
        engine: engine.to_owned(),
        schema,
        migrations: crate::migrate::names_until(schema),
    }
}

/// Refuses broken books unless they may be.
fn judge(rules: Vec<RuleResult>, books: Books) -> Result<Vec<RuleResult>, BackupError> {
    let broken = rules.iter().any(|rule| !rule.broken.is_empty());
    if broken && books == Books::MustHold {
        return Err(BackupError::Broken(rules));
    }
    Ok(rules)
}

/// A table of the schema that is restored into, with its columns in order.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Table<K> {
    name: String,
    columns: Vec<(String, K)>,
    /// Its primary key; all columns where it has none.
    key: Vec<String>,
}

impl<K> Table<K> {
    fn column_names(&self) -> Vec<String> {
        self.columns.iter().map(|(name, _)| name.clone()).collect()
    }

    /// Names of ours are plain words; quoting them keeps reserved ones among them usable.
    fn column_list(&self) -> String {
        quoted(&self.column_names())
    }
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

/// The next table of the backup as the schema knows it, each once.
fn known<K: Clone>(
    tables: &mut Vec<Table<K>>,
    head: &format::TableHead,
) -> Result<Table<K>, BackupError> {
    let place = tables.iter().position(|table| table.name == head.table).ok_or_else(|| {
        BackupError::Damaged(format!("the table {} is unknown or there twice", head.table))
    })?;
    let table = tables.swap_remove(place);
    if table.column_names() != head.columns {
        return Err(BackupError::Damaged(format!("the table {} has other columns", head.table)));
    }
    Ok(table)
}

/// Every table of the schema must have been in the backup, with or without rows.
fn none_left<K>(tables: &[Table<K>]) -> Result<(), BackupError> {
    match tables.first() {
        None => Ok(()),
        Some(table) => Err(BackupError::Damaged(format!("the table {} is missing", table.name))),
    }
}
