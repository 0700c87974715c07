//! One transaction on a connection of its own, on a ledger whose schema is left as it is.
//!
//! A backup made before an upgrade, and a doctor that only looks, must not bring the schema up to
//! date under a server that still runs the older version. These calls block: use them off the
//! async runtime.

use shopwright_domain::time::{Clock, Timestamp};

use crate::dialect::sqlite_error;
use crate::error::StoreError;
use crate::store::StoreOptions;
use crate::tx::{Engine, PgSession, Tx};
use crate::{migrate, params, postgres, sqlite};

/// What a look at a ledger found, beside its books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The version of its schema, 0 when it has none.
    pub schema: i64,
    /// The version this program is made for.
    pub schema_wanted: i64,
    /// What the engine says of damaged pages and indexes, at most a hundred lines. PostgreSQL has no
    /// such check.
    pub damage: Vec<String>,
    /// What only PostgreSQL has.
    pub server: Option<Server>,
}

/// A PostgreSQL server as a shop should know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its version, as it says.
    pub version: String,
    /// Settings that trade the last commits, or the whole database, for speed: `fsync = off`.
    pub unsafe_settings: Vec<String>,
    /// How far its clock is ahead of ours, microseconds, give or take half a round trip.
    pub clock_ahead_micros: i64,
    /// Whether what passes to it can be read on the way: it is on another machine and not encrypted.
    pub is_readable_on_the_way: bool,
}

/// Runs a query on one snapshot.
pub fn look<T>(
    options: &StoreOptions,
    query: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    match options {
        StoreOptions::Sqlite(options) => {
            let connection = sqlite::open_reader(&options.path)?;
            run(&connection, "BEGIN")?;
            query(&mut Tx::new(Engine::Sqlite(&connection)))
        }
        StoreOptions::Postgres(options) => {
            let mut session = postgres::connect(options)?;
            batch(&mut session, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
            query(&mut Tx::new(Engine::Postgres(&mut session)))
        }
    }
}

/// Runs one small write and makes it durable. It is not repeated when rivals are in the way.
pub fn write(
    options: &StoreOptions,
    operation: impl FnOnce(&mut Tx<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    match options {
        StoreOptions::Sqlite(options) => {
            let connection = sqlite::open_writer(options)?;
            run(&connection, "BEGIN IMMEDIATE")?;
            operation(&mut Tx::new(Engine::Sqlite(&connection)))?;
            run(&connection, "COMMIT")
        }
        StoreOptions::Postgres(options) => {
            let mut session = postgres::connect(options)?;
            batch(&mut session, "BEGIN")?;
            operation(&mut Tx::new(Engine::Postgres(&mut session)))?;
            batch(&mut session, "COMMIT")
        }
    }
}

/// Looks at a ledger from outside its rows. `clock` is ours, to compare the server's with.
pub fn examine(options: &StoreOptions, clock: &dyn Clock) -> Result<Condition, StoreError> {
    let (schema, damage, server) = match options {
        StoreOptions::Sqlite(options) => {
            let connection = sqlite::open_reader(&options.path)?;
            let schema = migrate::version_of_sqlite(&connection)?;
            (schema, damage(&connection)?, None)
        }
        StoreOptions::Postgres(options) => {
            let mut session = postgres::connect(options)?;
            let schema = migrate::version_of_postgres(&mut session.client)?;
            (schema, Vec::new(), Some(server(&mut session, clock)?))
        }
    };
    Ok(Condition { schema, schema_wanted: migrate::latest(), damage, server })
}

/// When prices were last looked at, by the clock of the node that did.
pub fn latest_refresh(tx: &mut Tx<'_>) -> Result<Option<Timestamp>, StoreError> {
    tx.one("SELECT MAX(last_at) FROM price_refreshes", params![], |row| row.get(0))
}

/// What SQLite finds wrong with its file; empty when it is whole.
pub(crate) fn damage(connection: &rusqlite::Connection) -> Result<Vec<String>, StoreError> {
    let found = connection
        .prepare("PRAGMA integrity_check")
        .and_then(|mut check| check.query_map([], |row| row.get(0))?.collect())
        .map_err(|error| sqlite_error(&error).error);
    let lines: Vec<String> = match found {
        Ok(lines) => lines,
        // A file too damaged to be walked through is an answer here, not a failure.
        Err(StoreError::Unavailable(why)) => vec![why],
        Err(error) => return Err(error),
    };
    Ok(lines.into_iter().filter(|line| line != "ok").collect())
}

fn server(session: &mut PgSession, clock: &dyn Clock) -> Result<Server, StoreError> {
    let mut tx = Tx::new(Engine::Postgres(session));
    let version =
        tx.one("SELECT current_setting('server_version')", params![], |row| row.get(0))?;
    let unsafe_settings = tx.query(
        "SELECT name || ' = ' || setting FROM pg_settings
         WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND setting = 'off' ORDER BY name",
        params![],
        |row| row.get(0),
    )?;
    let before = clock.now().as_micros();
    let there: Timestamp = tx.one("SELECT clock_timestamp()", params![], |row| row.get(0))?;
    let here = before.midpoint(clock.now().as_micros());
    let clock_ahead_micros = there.as_micros() - here;
    let is_readable_on_the_way = tx.one(
        "SELECT NOT ssl AND COALESCE(NOT inet_client_addr() <<= '127.0.0.0/8' AND inet_client_addr() <> '::1', false)
         FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
        params![],
        |row| row.get(0),
    )?;
    Ok(Server { version, unsafe_settings, clock_ahead_micros, is_readable_on_the_way })
}

fn run(connection: &rusqlite::Connection, sql: &str) -> Result<(), StoreError> {
    connection.execute_batch(sql).map_err(|error| sqlite_error(&error).error)
}

fn batch(session: &mut PgSession, sql: &str) -> Result<(), StoreError> {
    session.client.batch_execute(sql).map_err(|error| crate::dialect::postgres_error(&error).error)
}
