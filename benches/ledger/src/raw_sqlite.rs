//! `rusqlite` without anything around it, on the caller's thread: what the store is measured by.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use ledger_cases::{
    Arg, CREATE_SQLITE, Case, Cells, Column, Dialect, Load, LoadResult, PRAGMAS,
    ROWS_PER_STATEMENT, Reservation, Reserved, Session, Shape, at_once, audit, expand_values,
    reserve, reset_stock, run, seed,
};
use rusqlite::Connection;
use rusqlite::types::{ToSqlOutput, ValueRef};
use uuid::Uuid;

use crate::contender::Contender;

/// Below this many rows a loop over a prepared statement is faster than one `VALUES` list.
const LOOP_BELOW: usize = 16;

/// A connection with the store's settings.
pub struct RawSqlite {
    connection: Connection,
    expanded: HashMap<(&'static str, usize), String>,
}

impl RawSqlite {
    /// Opens or creates the file.
    pub fn open(path: &Path) -> Result<Self> {
        let connection = Connection::open(path)?;
        connection.set_prepared_statement_cache_capacity(256);
        for (name, value) in PRAGMAS {
            connection.pragma_update(None, name, value)?;
        }
        Ok(Self { connection, expanded: HashMap::new() })
    }

    /// The values of these settings, as SQLite tells them.
    pub fn pragmas(&self, names: &[&str]) -> Result<Vec<String>> {
        let read = |name: &&str| {
            self.connection.pragma_query_value(None, name, |row| {
                row.get::<_, i64>(0).map(|n| n.to_string()).or_else(|_| row.get::<_, String>(0))
            })
        };
        Ok(names.iter().map(read).collect::<rusqlite::Result<_>>()?)
    }

    fn committed<T>(&mut self, operation: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.batch("BEGIN IMMEDIATE")?;
        let outcome = operation(self)?;
        self.batch("COMMIT")?;
        Ok(outcome)
    }

    fn batch(&self, sql: &str) -> Result<()> {
        self.connection.prepare_cached(sql)?.raw_execute()?;
        Ok(())
    }
}

impl Contender for RawSqlite {
    fn prepare(&mut self) -> Result<()> {
        self.committed(|session| {
            for sql in CREATE_SQLITE {
                session.connection.execute_batch(sql)?;
            }
            at_once(seed(session))
        })
    }

    fn round(&mut self, case: Case, salt: u64) -> Result<Duration> {
        let started = Instant::now();
        match case.shape() {
            Shape::Together => self.committed(|session| {
                for n in 0..case.operations() {
                    let done = at_once(run(session, case, salt, n))?;
                    ensure!(done == Reserved::All, "{} was refused", case.name());
                }
                Ok(())
            })?,
            Shape::Refused => self.committed(|session| {
                for n in 0..case.operations() {
                    session.batch("SAVEPOINT member")?;
                    let done = at_once(run(session, case, salt, n))?;
                    ensure!(done == Reserved::Refused, "an order without stock was filled");
                    session.batch("ROLLBACK TO member")?;
                    session.batch("RELEASE member")?;
                }
                Ok(())
            })?,
            Shape::Alone => {
                for n in 0..case.operations() {
                    at_once(run(self, case, salt, n))?;
                }
            }
        }
        Ok(started.elapsed())
    }

    fn load(&mut self, load: Load, group: usize) -> Result<LoadResult> {
        self.committed(|session| at_once(reset_stock(session)))?;
        let group = group.min(load.in_flight) as u64;
        let (mut next, mut reserved) = (0, 0);
        let started = Instant::now();
        while started.elapsed() < Duration::from_millis(load.millis) {
            reserved += self.committed(|session| {
                let mut reserved = 0;
                for n in next..next + group {
                    let order = Reservation::of(load.demand, load.salt, n);
                    reserved += u64::from(at_once(reserve(session, &order))? == Reserved::All);
                }
                Ok(reserved)
            })?;
            next += group;
        }
        let nanos = u64::try_from(started.elapsed().as_nanos())?;
        let audit = at_once(audit(self))?;
        Ok(LoadResult { reserved, refused: next - reserved, nanos, audit })
    }
}

struct Bound<'a>(Arg<'a>);

impl rusqlite::ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match &self.0 {
            Arg::Int(v) | Arg::Time(v) => ValueRef::Integer(*v),
            Arg::Text(v) | Arg::Json(v) => ValueRef::Text(v.as_bytes()),
            Arg::Uuid(v) => ValueRef::Blob(v.as_bytes()),
        }))
    }
}

fn bound<'a>(args: &'a [Arg<'_>]) -> impl Iterator<Item = Bound<'a>> {
    args.iter().map(|arg| Bound(*arg))
}

impl Session for RawSqlite {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    async fn execute(&mut self, sql: &'static str, args: &[Arg<'_>]) -> Result<u64> {
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.execute(rusqlite::params_from_iter(bound(args)))? as u64)
    }

    async fn each(
        &mut self,
        sql: &'static str,
        args: &[Arg<'_>],
        visit: &mut dyn FnMut(&dyn Cells) -> Result<()>,
    ) -> Result<()> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(rusqlite::params_from_iter(bound(args)))?;
        while let Some(row) = rows.next()? {
            visit(&RowCells(row))?;
        }
        Ok(())
    }

    async fn rows(
        &mut self,
        sql: &'static str,
        columns: Vec<(&'static str, Column<'_>)>,
    ) -> Result<u64> {
        let count = columns[0].1.len();
        let step = if count < LOOP_BELOW { 1 } else { ROWS_PER_STATEMENT };
        let mut written = 0;
        for first in (0..count).step_by(step) {
            let rows = step.min(count - first);
            let text = self
                .expanded
                .entry((sql, rows))
                .or_insert_with(|| expand_values(sql, &columns, rows));
            let mut statement = self.connection.prepare_cached(text)?;
            let mut place = 0;
            for row in first..first + rows {
                for (_, column) in &columns {
                    place += 1;
                    statement.raw_bind_parameter(place, Bound(column.arg(row)))?;
                }
            }
            written += statement.raw_execute()? as u64;
        }
        Ok(written)
    }
}

struct RowCells<'a, 'r>(&'a rusqlite::Row<'r>);

impl Cells for RowCells<'_, '_> {
    fn int(&self, index: usize) -> Result<i64> {
        Ok(self.0.get(index)?)
    }

    fn text(&self, index: usize) -> Result<String> {
        Ok(self.0.get(index)?)
    }

    fn uuid(&self, index: usize) -> Result<Uuid> {
        match self.0.get_ref(index)? {
            ValueRef::Blob(bytes) => Ok(Uuid::from_slice(bytes)?),
            other => bail!("expected an id, found {}", other.data_type()),
        }
    }

    fn time(&self, index: usize) -> Result<i64> {
        Ok(self.0.get(index)?)
    }

    fn json(&self, index: usize) -> Result<serde_json::Value> {
        Ok(serde_json::from_str(self.0.get_ref(index)?.as_str()?)?)
    }
}
