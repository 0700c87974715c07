//! Migrations: twin files for the two engines, run in order, once, under a lock.
//!
//! A released migration never changes: its checksum is kept and compared. A database that is ahead
//! of this program is refused, so that an old binary cannot write into a newer schema.

use postgres::GenericClient;
use postgres::error::SqlState;

use crate::dialect::{postgres_error, sqlite_error};
use crate::error::StoreError;
use crate::store::StoreOptions;

struct Migration {
    version: i64,
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

macro_rules! migration {
    ($version:literal, $name:literal) => {
        Migration {
            version: $version,
            name: $name,
            sqlite: include_str!(concat!("../migrations/sqlite/", $name, ".sql")),
            postgres: include_str!(concat!("../migrations/postgres/", $name, ".sql")),
        }
    };
}

const MIGRATIONS: &[Migration] = &[
    migration!(1, "0001_ledger"),
    migration!(2, "0002_pricing"),
    migration!(3, "0003_stock"),
    migration!(4, "0004_requests"),
    migration!(5, "0005_operators"),
    migration!(6, "0006_effects"),
    migration!(7, "0007_orders"),
    migration!(8, "0008_listings"),
    migration!(9, "0009_events"),
    migration!(10, "0010_streams"),
    migration!(11, "0011_inbound"),
    migration!(12, "0012_competitors"),
];

/// Any process of ours that migrates this PostgreSQL database takes this advisory lock.
pub(crate) const POSTGRES_LOCK: i64 = 0x5348_4f50_5752_4754;

/// What [`migrate`] found and did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// The schema version before.
    pub from: i64,
    /// The schema version now.
    pub to: i64,
}

/// Brings the schema up to date. Safe to run from several processes at once.
pub fn migrate(options: &StoreOptions) -> Result<Migrated, StoreError> {
    match options {
        StoreOptions::Sqlite(options) => {
            let mut connection = crate::sqlite::open_writer(options)?;
            Ok(migrate_sqlite(&mut connection, latest())?)
        }
        StoreOptions::Postgres(options) => {
            let mut session = crate::postgres::connect(options)?;
            Ok(migrate_postgres(&mut session.client)?)
        }
    }
}

pub(crate) enum Failed {
    Sqlite(rusqlite::Error),
    Postgres(postgres::Error),
    Store(StoreError),
}

impl From<rusqlite::Error> for Failed {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}
impl From<postgres::Error> for Failed {
    fn from(error: postgres::Error) -> Self {
        Self::Postgres(error)
    }
}
impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
impl From<Failed> for StoreError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Sqlite(error) => sqlite_error(&error).error,
            Failed::Postgres(error) => postgres_error(&error).error,
            Failed::Store(error) => error,
        }
    }
}

/// FNV-1a, 64 bits: enough to notice an edited file; nobody attacks it.
fn checksum(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}")
}

/// Checks what a database has against what this program knows; gives its version.
fn check(
    applied: &[(i64, String, String)],
    text: fn(&Migration) -> &'static str,
) -> Result<i64, StoreError> {
    for (version, name, sum) in applied {
        let Some(known) = MIGRATIONS.iter().find(|m| m.version == *version) else {
            return Err(StoreError::Schema(format!(
                "the database has migration {name}, which this program does not know; \
                 start the newer version of Shopwright that wrote it"
            )));
        };
        if checksum(text(known)) != *sum {
            return Err(StoreError::Schema(format!(
                "migration {name} differs from the one that was run on this database; \
                 use an unmodified release"
            )));
        }
    }
    Ok(applied.iter().map(|(version, ..)| *version).max().unwrap_or(0))
}

fn pending(from: i64, until: i64) -> impl Iterator<Item = &'static Migration> {
    MIGRATIONS.iter().filter(move |m| m.version > from && m.version <= until)
}

/// The version this program is made for.
pub(crate) fn latest() -> i64 {
    MIGRATIONS.last().map_or(0, |m| m.version)
}

/// The version that a ledger with exactly these migrations has; `None` when this program does not
/// know one of them or knows one between them.
pub(crate) fn version_of_names(names: &[String]) -> Option<i64> {
    let last = MIGRATIONS.iter().find(|m| names.last().is_some_and(|name| name == m.name))?;
    let known = MIGRATIONS.iter().filter(|m| m.version <= last.version).map(|m| m.name);
    known.eq(names.iter().map(String::as_str)).then_some(last.version)
}

/// The names of the migrations up to and with this version.
pub(crate) fn names_until(version: i64) -> Vec<String> {
    let run = MIGRATIONS.iter().filter(|m| m.version <= version);
    run.map(|m| m.name.to_owned()).collect()
}

/// The version of the schema in this file, 0 when it has none; refuses one of a newer program.
pub(crate) fn version_of_sqlite(connection: &rusqlite::Connection) -> Result<i64, StoreError> {
    let read = || -> Result<i64, Failed> {
        let there = "SELECT COUNT(*) FROM sqlite_schema WHERE name = 'schema_migrations'";
        if connection.query_row(there, [], |row| row.get::<_, i64>(0))? == 0 {
            return Ok(0);
        }
        Ok(check(&applied_sqlite(connection)?, |m| m.sqlite)?)
    };
    Ok(read()?)
}

/// The version of the schema in this database, 0 when it has none; refuses one of a newer program.
pub(crate) fn version_of_postgres(client: &mut impl GenericClient) -> Result<i64, StoreError> {
    let mut read = || -> Result<i64, Failed> {
        let there = "SELECT to_regclass('schema_migrations') IS NOT NULL";
        if !client.query_one(there, &[])?.get::<_, bool>(0) {
            return Ok(0);
        }
        Ok(check(&applied_postgres(client)?, |m| m.postgres)?)
    };
    Ok(read()?)
}

const SELECT_APPLIED: &str =
    "SELECT version, name, checksum FROM schema_migrations ORDER BY version";

type Applied = Vec<(i64, String, String)>;

fn applied_sqlite(connection: &rusqlite::Connection) -> Result<Applied, Failed> {
    let mut statement = connection.prepare(SELECT_APPLIED)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn applied_postgres(client: &mut impl GenericClient) -> Result<Applied, Failed> {
    let rows = client.query(SELECT_APPLIED, &[])?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect())
}

/// Brings the schema of this file up to the version `until`.
pub(crate) fn migrate_sqlite(
    connection: &mut rusqlite::Connection,
    until: i64,
) -> Result<Migrated, Failed> {
    let tx = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    tx.execute_batch(
        "CREATE TABLE IF NOT EXISTS schema_migrations
         (version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL) STRICT",
    )?;
    let from = check(&applied_sqlite(&tx)?, |m| m.sqlite)?;
    for migration in pending(from, until) {
        tx.execute_batch(migration.sqlite)?;
        tx.execute(
            "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)",
            rusqlite::params![migration.version, migration.name, checksum(migration.sqlite)],
        )?;
    }
    tx.commit()?;
    Ok(Migrated { from, to: until.max(from) })
}

fn migrate_postgres(client: &mut postgres::Client) -> Result<Migrated, Failed> {
    let mut tx = client.transaction()?;
    let migrated = migrate_postgres_within(&mut tx, latest())?;
    tx.commit()?;
    Ok(migrated)
}

/// Brings the schema up to the version `until` inside a transaction of the caller, and keeps other
/// migrating processes out until its end.
pub(crate) fn migrate_postgres_within(
    tx: &mut impl GenericClient,
    until: i64,
) -> Result<Migrated, Failed> {
    let version: String = tx.query_one("SHOW server_version_num", &[])?.get(0);
    if version.parse::<u32>().unwrap_or(0) < 150_000 {
        return Err(StoreError::Schema(format!(
            "PostgreSQL 15 or later is needed; this server reports {version}"
        ))
        .into());
    }
    tx.execute("SELECT pg_advisory_xact_lock($1)", &[&POSTGRES_LOCK])?;
    tx.batch_execute(
        "CREATE TABLE IF NOT EXISTS schema_migrations
         (version bigint PRIMARY KEY, name text NOT NULL, checksum text NOT NULL)",
    )?;
    let from = check(&applied_postgres(tx)?, |m| m.postgres)?;
    for migration in pending(from, until) {
        tx.batch_execute(migration.postgres).map_err(|error| {
            if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
                Failed::Store(StoreError::Schema(format!(
                    "the database user may not create tables: {error}; grant CREATE on the schema"
                )))
            } else {
                Failed::Postgres(error)
            }
        })?;
        tx.execute(
            "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)",
            &[&migration.version, &migration.name, &checksum(migration.postgres)],
        )?;
    }
    Ok(Migrated { from, to: until.max(from) })
}
