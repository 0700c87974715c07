//! sqlx on PostgreSQL: as many connections as the other contenders have.

use std::cell::Cell;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures_util::TryStreamExt;
use futures_util::future::try_join_all;
use ledger_cases::{
    Answer, Arg, CREATE_POSTGRES, Case, Cells, Column, Dialect, Load, LoadResult, Request,
    Reservation, Reserved, Session, Shape, audit, expand_unnest, reserve, reset_stock, run, seed,
};
use serde_json::value::RawValue;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgRow};
use sqlx::query::Query;
use sqlx::types::Json;
use sqlx::types::time::OffsetDateTime;
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection, Postgres, Row};

use crate::cells;
use crate::texts::Texts;

/// The connections that write at once for every contender.
const WRITERS: usize = 16;

/// The connections.
pub struct OnPostgres {
    sessions: Vec<PgSession>,
}

impl OnPostgres {
    /// Connects, into a schema of its own.
    pub async fn open(url: &str, schema: &str) -> Result<Self> {
        let options: PgConnectOptions = url.parse()?;
        let options = options.options([("search_path", schema)]).disable_statement_logging();
        let mut sessions = Vec::with_capacity(WRITERS);
        for _ in 0..WRITERS {
            let connection = options.clone().statement_cache_capacity(256).connect().await?;
            sessions.push(PgSession { connection, texts: Texts::default() });
        }
        Ok(Self { sessions })
    }

    /// Does what is asked.
    pub async fn answer(&mut self, request: Request) -> Result<Answer> {
        Ok(match request {
            Request::Prepare(_) => {
                self.sessions[0].prepare().await?;
                Answer::Prepared
            }
            Request::Round { case, salt, .. } => {
                let started = Instant::now();
                self.sessions[0].round(case, salt).await?;
                Answer::Round(u64::try_from(started.elapsed().as_nanos())?)
            }
            Request::Load { load, .. } => Answer::Load(self.load(load).await?),
        })
    }

    async fn load(&mut self, load: Load) -> Result<LoadResult> {
        let first = &mut self.sessions[0];
        first.batch("BEGIN").await?;
        reset_stock(first).await?;
        first.batch("COMMIT").await?;
        let (next, reserved) = (Cell::new(0), Cell::new(0));
        let started = Instant::now();
        let deadline = started + Duration::from_millis(load.millis);
        let buyers = load.in_flight.min(WRITERS);
        let buy = async |session: &mut PgSession| -> Result<()> {
            while Instant::now() < deadline {
                let order = Reservation::of(load.demand, load.salt, next.replace(next.get() + 1));
                session.batch("BEGIN").await?;
                if reserve(session, &order).await? == Reserved::All {
                    session.batch("COMMIT").await?;
                    reserved.set(reserved.get() + 1);
                } else {
                    session.batch("ROLLBACK").await?;
                }
            }
            Ok(())
        };
        try_join_all(self.sessions[..buyers].iter_mut().map(buy)).await?;
        let nanos = u64::try_from(started.elapsed().as_nanos())?;
        let audit = audit(&mut self.sessions[0]).await?;
        let reserved = reserved.get();
        Ok(LoadResult { reserved, refused: next.get() - reserved, nanos, audit })
    }
}

struct PgSession {
    connection: PgConnection,
    texts: Texts,
}

impl PgSession {
    /// A statement without values, in one round trip.
    async fn batch(&mut self, sql: &'static str) -> Result<()> {
        sqlx::raw_sql(sql).execute(&mut self.connection).await?;
        Ok(())
    }

    async fn prepare(&mut self) -> Result<()> {
        self.batch("BEGIN").await?;
        for sql in CREATE_POSTGRES {
            self.batch(sql).await?;
        }
        seed(self).await?;
        self.batch("COMMIT").await
    }

    async fn round(&mut self, case: Case, salt: u64) -> Result<()> {
        let shape = case.shape();
        if shape == Shape::Together {
            self.batch("BEGIN").await?;
        }
        for n in 0..case.operations() {
            if shape == Shape::Refused {
                self.batch("BEGIN").await?;
                ensure!(
                    run(self, case, salt, n).await? == Reserved::Refused,
                    "no stock, yet filled"
                );
                self.batch("ROLLBACK").await?;
            } else {
                ensure!(
                    run(self, case, salt, n).await? == Reserved::All,
                    "{} was refused",
                    case.name()
                );
            }
        }
        if shape == Shape::Together {
            self.batch("COMMIT").await?;
        }
        Ok(())
    }
}

type PgQuery<'q> = Query<'q, Postgres, PgArguments>;

fn time(micros: i64) -> Result<OffsetDateTime> {
    Ok(OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000)?)
}

fn bind<'q>(query: PgQuery<'q>, arg: Arg<'q>) -> Result<PgQuery<'q>> {
    Ok(match arg {
        Arg::Int(v) => query.bind(v),
        Arg::Text(v) => query.bind(v),
        Arg::Uuid(v) => query.bind(v),
        Arg::Time(v) => query.bind(time(v)?),
        Arg::Json(v) => query.bind(Json(serde_json::from_str::<&RawValue>(v)?)),
    })
}

fn bind_array<'q>(query: PgQuery<'q>, column: Column<'q>) -> Result<PgQuery<'q>> {
    Ok(match column {
        Column::Int(v) => query.bind(v),
        Column::Text(v) => query.bind(v),
        Column::Uuid(v) => query.bind(v),
        Column::Time(v) => query.bind(v.into_iter().map(time).collect::<Result<Vec<_>>>()?),
        Column::Json(v) => query.bind(v),
    })
}

impl Session for PgSession {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    async fn execute(&mut self, sql: &'static str, args: &[Arg<'_>]) -> Result<u64> {
        let query = args.iter().try_fold(sqlx::query(sql), |query, arg| bind(query, *arg))?;
        Ok(query.execute(&mut self.connection).await?.rows_affected())
    }

    async fn each(
        &mut self,
        sql: &'static str,
        args: &[Arg<'_>],
        visit: &mut dyn FnMut(&dyn Cells) -> Result<()>,
    ) -> Result<()> {
        let query = args.iter().try_fold(sqlx::query(sql), |query, arg| bind(query, *arg))?;
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
        let text = self.texts.get(sql, 0, || expand_unnest(sql, &columns));
        let query = columns
            .into_iter()
            .try_fold(sqlx::query(AssertSqlSafe(text)), |query, (_, column)| {
                bind_array(query, column)
            })?;
        Ok(query.execute(&mut self.connection).await?.rows_affected())
    }
}

cells!(
    PgRow,
    fn time(&self, index: usize) -> Result<i64> {
        let at: OffsetDateTime = self.0.try_get(index)?;
        Ok(i64::try_from(at.unix_timestamp_nanos() / 1_000)?)
    }
);
