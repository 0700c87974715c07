//! One transaction, the same to its user on both engines.
//!
//! A statement that fails dooms the transaction on both engines (PostgreSQL does so by itself): the
//! operation can only return, and nothing of it is kept. `Tx` remembers why, so that the runner can
//! tell a conflict from a dying disk even if the operation wrapped or dropped the error.

use std::collections::HashMap;

use postgres::types::ToSql;

use crate::Value;
use crate::dialect::{self, Column};
use crate::error::StoreError;
use crate::value::FromColumn;

/// Prepared statements kept per PostgreSQL connection.
const STATEMENTS_MAX: usize = 300;

/// What changed, told to this process after the commit and never before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// Current prices.
    Prices,
    /// What prices are decided from: settings, promotions, products, sales, stock.
    PriceInputs,
    /// API keys.
    Keys,
    /// Effects and jobs that may be due.
    Effects,
}

/// A PostgreSQL connection and its prepared statements.
pub(crate) struct PgSession {
    pub(crate) client: postgres::Client,
    statements: HashMap<String, postgres::Statement>,
}

impl PgSession {
    pub(crate) fn new(client: postgres::Client) -> Self {
        Self { client, statements: HashMap::new() }
    }

    fn prepared(&mut self, sql: &str) -> Result<postgres::Statement, postgres::Error> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        if self.statements.len() >= STATEMENTS_MAX {
            self.statements.clear();
        }
        let statement = self.client.prepare(sql)?;
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}

pub(crate) enum Engine<'c> {
    Sqlite(&'c rusqlite::Connection),
    Postgres(&'c mut PgSession),
}

/// Why a transaction cannot be kept.
#[derive(Clone, Debug)]
pub(crate) struct Doom {
    pub(crate) error: StoreError,
    /// PostgreSQL asks for the whole operation to run again.
    pub(crate) retry: bool,
    /// The connection or the disk is not to be trusted any more.
    pub(crate) fatal: bool,
}

/// A running transaction. Every query takes one; the closure that got it may be run again.
pub struct Tx<'c> {
    pub(crate) engine: Engine<'c>,
    pub(crate) doom: Option<Doom>,
    pub(crate) changes: Vec<Change>,
}

impl<'c> Tx<'c> {
    pub(crate) fn new(engine: Engine<'c>) -> Self {
        Self { engine, doom: None, changes: Vec::new() }
    }

    /// Tells this process's followers about a change once it is committed.
    pub fn announce(&mut self, change: Change) {
        if !self.changes.contains(&change) {
            self.changes.push(change);
        }
    }

    /// Runs a part of the operation that may be refused and undone while the rest is kept. The outer
    /// error is the ledger's own: then nothing of the transaction can be kept.
    pub fn attempt<T, E>(
        &mut self,
        part: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<Result<T, E>, StoreError> {
        self.control("SAVEPOINT attempt")?;
        let announced = self.changes.len();
        let outcome = part(self);
        self.refuse_if_doomed()?;
        if outcome.is_err() {
            self.changes.truncate(announced);
            self.control("ROLLBACK TO SAVEPOINT attempt")?;
        }
        self.control("RELEASE SAVEPOINT attempt")?;
        Ok(outcome)
    }

    /// A statement that neither takes nor gives values.
    fn control(&mut self, sql: &str) -> Result<(), StoreError> {
        self.refuse_if_doomed()?;
        let done = match &mut self.engine {
            Engine::Sqlite(connection) => connection
                .prepare_cached(sql)
                .and_then(|mut statement| statement.raw_execute())
                .map(|_| ())
                .map_err(|error| dialect::sqlite_error(&error)),
            Engine::Postgres(session) => {
                session.client.batch_execute(sql).map_err(|error| dialect::postgres_error(&error))
            }
        };
        done.map_err(|doom| self.fail(doom))
    }

    /// Whether the engine is PostgreSQL; only `dialect.rs` and tests should need to know.
    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.engine, Engine::Postgres(_))
    }

    /// Runs a statement; gives the number of rows it wrote.
    pub fn execute(&mut self, sql: &str, params: &[Value<'_>]) -> Result<u64, StoreError> {
        self.refuse_if_doomed()?;
        let done = match &mut self.engine {
            Engine::Sqlite(connection) => connection
                .prepare_cached(sql)
                .and_then(|mut statement| {
                    sqlite_bind(&mut statement, params)?;
                    statement.raw_execute()
                })
                .map(|rows| rows as u64)
                .map_err(|error| dialect::sqlite_error(&error)),
            Engine::Postgres(session) => session
                .prepared(sql)
                .and_then(|statement| session.client.execute(&statement, &as_sql(params)))
                .map_err(|error| dialect::postgres_error(&error)),
        };
        done.map_err(|doom| self.fail(doom))
    }

    /// Runs a query and maps each row.
    pub fn query<T>(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
        mut map: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut all = Vec::new();
        self.for_each(sql, params, |row| {
            all.push(map(row)?);
            Ok(())
        })?;
        Ok(all)
    }

    /// Runs a query that gives at most one row; more than one is our own mistake.
    pub fn find<T>(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
        map: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let mut rows = self.query(sql, params, map)?;
        match rows.len() {
            0 | 1 => Ok(rows.pop()),
            many => Err(StoreError::Bug(format!("{many} rows where one was expected: {sql}"))),
        }
    }

    /// Runs a query that always gives exactly one row, such as a count.
    pub fn one<T>(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
        map: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.find(sql, params, map)?
            .ok_or_else(|| StoreError::Bug(format!("no row where one was expected: {sql}")))
    }

    /// Runs a query and hands each row on as it comes.
    pub fn for_each(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
        mut visit: impl FnMut(&Row<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.refuse_if_doomed()?;
        let done = match &mut self.engine {
            Engine::Sqlite(connection) => sqlite_rows(connection, sql, params, &mut visit),
            Engine::Postgres(session) => {
                let rows = session
                    .prepared(sql)
                    .and_then(|statement| session.client.query(&statement, &as_sql(params)))
                    .map_err(|error| dialect::postgres_error(&error));
                match rows {
                    Err(doom) => Err(RowsError::Engine(doom)),
                    Ok(rows) => rows
                        .iter()
                        .try_for_each(|row| visit(&Row { inner: RowOf::Postgres(row), sql }))
                        .map_err(RowsError::Visitor),
                }
            }
        };
        match done {
            Ok(()) => Ok(()),
            Err(RowsError::Visitor(error)) => Err(error),
            Err(RowsError::Engine(doom)) => Err(self.fail(doom)),
        }
    }

    /// Runs one statement for many rows. `{rows}` in the text stands for a table expression with the
    /// named columns: `INSERT INTO t (a, b) SELECT a, b FROM {rows} AS r WHERE true ON CONFLICT …`,
    /// `UPDATE t SET a = r.a FROM {rows} AS r WHERE t.b = r.b`. On PostgreSQL that is one round trip
    /// (UNNEST), on SQLite a loop over a prepared statement. Gives the number of rows written.
    pub fn execute_rows(
        &mut self,
        sql: &str,
        columns: &[(&str, Column<'_>)],
    ) -> Result<u64, StoreError> {
        let mut written = 0;
        self.rows_statement(sql, columns, None, &mut written)?;
        Ok(written)
    }

    /// Like [`Tx::execute_rows`] for a statement with `RETURNING`; maps each returned row.
    pub fn query_rows<T>(
        &mut self,
        sql: &str,
        columns: &[(&str, Column<'_>)],
        mut map: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut all = Vec::new();
        let mut visit = |row: &Row<'_>| {
            all.push(map(row)?);
            Ok(())
        };
        self.rows_statement(sql, columns, Some(&mut visit), &mut 0)?;
        Ok(all)
    }

    fn rows_statement(
        &mut self,
        sql: &str,
        columns: &[(&str, Column<'_>)],
        visit: Option<Visitor<'_>>,
        written: &mut u64,
    ) -> Result<(), StoreError> {
        self.refuse_if_doomed()?;
        let count = columns.first().map_or(0, |(_, column)| column.len());
        assert!(columns.iter().all(|(_, column)| column.len() == count), "columns of equal length");
        if count == 0 {
            return Ok(());
        }
        let sql = dialect::expand_rows(sql, columns, self.is_postgres());
        let done = match &mut self.engine {
            Engine::Sqlite(connection) => sqlite_each(connection, &sql, columns, visit, written),
            Engine::Postgres(session) => postgres_rows(session, &sql, columns, visit, written),
        };
        match done {
            Ok(()) => Ok(()),
            // SQLite stops between two rows here: without doom half of them could be kept.
            Err(RowsError::Visitor(error)) => {
                Err(self.fail(Doom { error, retry: false, fatal: false }))
            }
            Err(RowsError::Engine(doom)) => Err(self.fail(doom)),
        }
    }

    fn refuse_if_doomed(&self) -> Result<(), StoreError> {
        self.doom.as_ref().map_or(Ok(()), |doom| Err(doom.error.clone()))
    }

    fn fail(&mut self, doom: Doom) -> StoreError {
        let error = doom.error.clone();
        self.doom = Some(doom);
        error
    }
}

type Visitor<'v> = &'v mut dyn FnMut(&Row<'_>) -> Result<(), StoreError>;

enum RowsError {
    Engine(Doom),
    Visitor(StoreError),
}

fn as_sql<'v>(params: &'v [Value<'v>]) -> Vec<&'v (dyn ToSql + Sync)> {
    params.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

/// Binds `$1` to the first parameter and so on, as PostgreSQL does. To SQLite `$2` is just a name,
/// and names are numbered in the order a statement first mentions them.
fn sqlite_bind(
    statement: &mut rusqlite::Statement<'_>,
    params: &[Value<'_>],
) -> rusqlite::Result<()> {
    let mut highest = 0;
    for index in 1..=statement.parameter_count() {
        let name = statement.parameter_name(index).and_then(|name| name.strip_prefix('$'));
        let number: usize = name.and_then(|number| number.parse().ok()).unwrap_or(0);
        let value = number.checked_sub(1).and_then(|place| params.get(place));
        let count = || rusqlite::Error::InvalidParameterCount(params.len(), number);
        statement.raw_bind_parameter(index, value.ok_or_else(count)?)?;
        highest = highest.max(number);
    }
    if highest == params.len() {
        Ok(())
    } else {
        Err(rusqlite::Error::InvalidParameterCount(params.len(), highest))
    }
}

fn sqlite_rows(
    connection: &rusqlite::Connection,
    sql: &str,
    params: &[Value<'_>],
    visit: Visitor<'_>,
) -> Result<(), RowsError> {
    let engine = |error: rusqlite::Error| RowsError::Engine(dialect::sqlite_error(&error));
    let mut statement = connection.prepare_cached(sql).map_err(engine)?;
    sqlite_bind(&mut statement, params).map_err(engine)?;
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next().map_err(engine)? {
        visit(&Row { inner: RowOf::Sqlite(row), sql }).map_err(RowsError::Visitor)?;
    }
    Ok(())
}

fn sqlite_each(
    connection: &rusqlite::Connection,
    sql: &str,
    columns: &[(&str, Column<'_>)],
    mut visit: Option<Visitor<'_>>,
    written: &mut u64,
) -> Result<(), RowsError> {
    let engine = |error: rusqlite::Error| RowsError::Engine(dialect::sqlite_error(&error));
    let mut statement = connection.prepare_cached(sql).map_err(engine)?;
    for index in 0..columns[0].1.len() {
        for (place, (_, column)) in columns.iter().enumerate() {
            statement.raw_bind_parameter(place + 1, column.value(index)).map_err(engine)?;
        }
        match &mut visit {
            None => *written += statement.raw_execute().map_err(engine)? as u64,
            Some(visit) => {
                let mut rows = statement.raw_query();
                while let Some(row) = rows.next().map_err(engine)? {
                    visit(&Row { inner: RowOf::Sqlite(row), sql }).map_err(RowsError::Visitor)?;
                }
            }
        }
    }
    Ok(())
}

fn postgres_rows(
    session: &mut PgSession,
    sql: &str,
    columns: &[(&str, Column<'_>)],
    visit: Option<Visitor<'_>>,
    written: &mut u64,
) -> Result<(), RowsError> {
    let engine = |error: postgres::Error| RowsError::Engine(dialect::postgres_error(&error));
    let statement = session.prepared(sql).map_err(engine)?;
    let arrays: Vec<_> = columns.iter().map(|(_, column)| column.as_array()).collect();
    let params: Vec<&(dyn ToSql + Sync)> = arrays.iter().map(|array| &**array as _).collect();
    match visit {
        None => *written += session.client.execute(&statement, &params).map_err(engine)?,
        Some(visit) => {
            for row in session.client.query(&statement, &params).map_err(engine)? {
                visit(&Row { inner: RowOf::Postgres(&row), sql }).map_err(RowsError::Visitor)?;
            }
        }
    }
    Ok(())
}

enum RowOf<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r postgres::Row),
}

/// One row of an answer, checked as it is read.
pub struct Row<'r> {
    inner: RowOf<'r>,
    sql: &'r str,
}

impl Row<'_> {
    /// The column at `index`, or [`StoreError::Corrupt`] when it does not hold such a value.
    pub fn get<T: FromColumn>(&self, index: usize) -> Result<T, StoreError> {
        let read = match &self.inner {
            RowOf::Sqlite(row) => {
                row.get_ref(index).map_err(|e| e.to_string()).and_then(T::from_sqlite)
            }
            RowOf::Postgres(row) => T::from_postgres(row, index),
        };
        read.map_err(|problem| self.corrupt(index, problem))
    }

    /// The column at `index` turned into a domain value by `parse`.
    pub fn parse<T, R: FromColumn, E: std::fmt::Display>(
        &self,
        index: usize,
        parse: impl FnOnce(R) -> Result<T, E>,
    ) -> Result<T, StoreError> {
        parse(self.get(index)?).map_err(|error| self.corrupt(index, error.to_string()))
    }

    /// JSON at `index` as the type it was written from.
    pub fn json<T: serde::de::DeserializeOwned>(&self, index: usize) -> Result<T, StoreError> {
        self.parse(index, serde_json::from_value::<T>)
    }

    fn corrupt(&self, index: usize, problem: String) -> StoreError {
        let column = match &self.inner {
            RowOf::Sqlite(row) => row.as_ref().column_name(index).map(ToOwned::to_owned).ok(),
            RowOf::Postgres(row) => row.columns().get(index).map(|c| c.name().to_owned()),
        };
        let id = match &self.inner {
            RowOf::Sqlite(row) => row.get_ref(0).map(|v| match v {
                rusqlite::types::ValueRef::Text(t) => String::from_utf8_lossy(t).into_owned(),
                rusqlite::types::ValueRef::Integer(n) => n.to_string(),
                rusqlite::types::ValueRef::Blob(b) => {
                    uuid::Uuid::from_slice(b).map(|u| u.to_string()).unwrap_or_default()
                }
                _ => String::new(),
            }),
            RowOf::Postgres(row) => Ok(row
                .try_get::<_, String>(0)
                .or_else(|_| row.try_get::<_, i64>(0).map(|n| n.to_string()))
                .or_else(|_| row.try_get::<_, uuid::Uuid>(0).map(|u| u.to_string()))
                .unwrap_or_default()),
        };
        StoreError::Corrupt {
            table: dialect::first_table(self.sql),
            column: column.unwrap_or_else(|| format!("column {index}")),
            id: id.unwrap_or_default(),
            problem,
        }
    }
}
