//! sqlx on SQLite: one connection with the store's settings.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures_util::TryStreamExt;
use ledger_cases::{
    Answer, Arg, CREATE_SQLITE, Case, Cells, Column, Dialect, Load, LoadResult, PRAGMAS,
    ROWS_PER_STATEMENT, Request, Reservation, Reserved, Session, Shape, audit, expand_values,
    reserve, reset_stock, run, seed,
};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Row, Sqlite, SqliteConnection};

use crate::cells;
use crate::texts::Texts;

/// Below this many rows a loop is faster than one `VALUES` list.
const LOOP_BELOW: usize = 4;

/// The one writing connection.
pub struct OnSqlite {
    connection: SqliteConnection,
    texts: Texts,
}

impl OnSqlite {
    /// Opens or creates the file.
    pub async fn open(file: &str) -> Result<Self> {
        let mut options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .statement_cache_capacity(256)
            .disable_statement_logging();
        for (name, value) in PRAGMAS {
            options = options.pragma(name, value);
        }
        Ok(Self { connection: options.connect().await?, texts: Texts::default() })
    }

    /// Does what is asked.
    pub async fn answer(&mut self, request: Request) -> Result<Answer> {
        Ok(match request {
            Request::Prepare(_) => {
                self.prepare().await?;
                Answer::Prepared
            }
            Request::Round { case, salt, .. } => {
                let started = Instant::now();
                self.round(case, salt).await?;
                Answer::Round(u64::try_from(started.elapsed().as_nanos())?)
            }
            Request::Load { load, group, .. } => Answer::Load(self.load(load, group).await?),
        })
    }

    async fn prepare(&mut self) -> Result<()> {
        self.execute("BEGIN IMMEDIATE", &[]).await?;
        for sql in CREATE_SQLITE {
            self.execute(sql, &[]).await?;
        }
        seed(self).await?;
        self.execute("COMMIT", &[]).await?;
        Ok(())
    }

    async fn round(&mut self, case: Case, salt: u64) -> Result<()> {
        if case.shape() == Shape::Alone {
            for n in 0..case.operations() {
                run(self, case, salt, n).await?;
            }
            return Ok(());
        }
        self.execute("BEGIN IMMEDIATE", &[]).await?;
        for n in 0..case.operations() {
            if case.shape() == Shape::Refused {
                self.execute("SAVEPOINT member", &[]).await?;
                ensure!(
                    run(self, case, salt, n).await? == Reserved::Refused,
                    "no stock, yet filled"
                );
                self.execute("ROLLBACK TO member", &[]).await?;
                self.execute("RELEASE member", &[]).await?;
            } else {
                ensure!(
                    run(self, case, salt, n).await? == Reserved::All,
                    "{} was refused",
                    case.name()
                );
            }
        }
        self.execute("COMMIT", &[]).await?;
        Ok(())
    }

    async fn load(&mut self, load: Load, group: usize) -> Result<LoadResult> {
        self.execute("BEGIN IMMEDIATE", &[]).await?;
        reset_stock(self).await?;
        self.execute("COMMIT", &[]).await?;
        let group = group.min(load.in_flight) as u64;
        let (mut next, mut reserved) = (0, 0);
        let started = Instant::now();
        while started.elapsed() < Duration::from_millis(load.millis) {
            self.execute("BEGIN IMMEDIATE", &[]).await?;
            for n in next..next + group {
                let order = Reservation::of(load.demand, load.salt, n);
                reserved += u64::from(reserve(self, &order).await? == Reserved::All);
            }
            self.execute("COMMIT", &[]).await?;
            next += group;
        }
        let nanos = u64::try_from(started.elapsed().as_nanos())?;
        Ok(LoadResult { reserved, refused: next - reserved, nanos, audit: audit(self).await? })
    }
}

type SqliteQuery<'q> = Query<'q, Sqlite, SqliteArguments>;

/// sqlx's arguments own their texts.
fn bind<'q>(query: SqliteQuery<'q>, arg: Arg<'_>) -> SqliteQuery<'q> {
    match arg {
        Arg::Int(v) | Arg::Time(v) => query.bind(v),
        Arg::Text(v) | Arg::Json(v) => query.bind(v.to_owned()),
        Arg::Uuid(v) => query.bind(v),
    }
}

impl Session for OnSqlite {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    async fn execute(&mut self, sql: &'static str, args: &[Arg<'_>]) -> Result<u64> {
        let query = args.iter().fold(sqlx::query(sql), |query, arg| bind(query, *arg));
        Ok(query.execute(&mut self.connection).await?.rows_affected())
    }

    async fn each(
        &mut self,
        sql: &'static str,
        args: &[Arg<'_>],
        visit: &mut dyn FnMut(&dyn Cells) -> Result<()>,
    ) -> Result<()> {
        let query = args.iter().fold(sqlx::query(sql), |query, arg| bind(query, *arg));
        let mut rows = query.fetch(&mut self.connection);
        while let Some(row) = rows.try_next().await? {
            visit(&RowCells(&row))?;
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
            let text = self.texts.get(sql, rows, || expand_values(sql, &columns, rows));
            let mut query = sqlx::query(AssertSqlSafe(text));
            for row in first..first + rows {
                for (_, column) in &columns {
                    query = bind(query, column.arg(row));
                }
            }
            written += query.execute(&mut self.connection).await?.rows_affected();
        }
        Ok(written)
    }
}

cells!(
    SqliteRow,
    fn time(&self, index: usize) -> Result<i64> {
        Ok(self.0.try_get(index)?)
    }
);
