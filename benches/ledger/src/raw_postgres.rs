//! `postgres` (the blocking face of `tokio-postgres`) without anything around it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Result, anyhow, ensure};
use ledger_cases::{
    Arg, CREATE_POSTGRES, Case, Cells, Column, Dialect, Load, LoadResult, Reservation, Reserved,
    Session, Shape, at_once, audit, expand_unnest, reserve, reset_stock, run, seed,
};
use postgres::types::private::BytesMut;
use postgres::types::{IsNull, Json, ToSql, Type, to_sql_checked};
use postgres::{Client, NoTls, Statement};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::contender::{Contender, POSTGRES_WRITERS};

/// As many connections as the store has writers, each with its prepared statements.
pub struct RawPostgres {
    sessions: Vec<RawSession>,
}

impl RawPostgres {
    /// Connects, into a schema of its own.
    pub fn open(url: &str, schema: &str) -> Result<Self> {
        let connect = || -> Result<RawSession> {
            let mut client = Client::connect(url, NoTls)?;
            client.batch_execute(&format!("SET search_path TO {schema}"))?;
            Ok(RawSession { client, prepared: HashMap::new() })
        };
        Ok(Self { sessions: (0..POSTGRES_WRITERS).map(|_| connect()).collect::<Result<_>>()? })
    }
}

impl Contender for RawPostgres {
    fn prepare(&mut self) -> Result<()> {
        self.sessions[0].committed(|session| {
            for sql in CREATE_POSTGRES {
                session.client.batch_execute(sql)?;
            }
            at_once(seed(session))
        })
    }

    fn round(&mut self, case: Case, salt: u64) -> Result<Duration> {
        let session = &mut self.sessions[0];
        let started = Instant::now();
        match case.shape() {
            Shape::Together => session.committed(|session| {
                for n in 0..case.operations() {
                    let done = at_once(run(session, case, salt, n))?;
                    ensure!(done == Reserved::All, "{} was refused", case.name());
                }
                Ok(())
            })?,
            Shape::Refused => {
                for n in 0..case.operations() {
                    session.client.batch_execute("BEGIN")?;
                    let done = at_once(run(session, case, salt, n))?;
                    ensure!(done == Reserved::Refused, "an order without stock was filled");
                    session.client.batch_execute("ROLLBACK")?;
                }
            }
            Shape::Alone => {
                for n in 0..case.operations() {
                    at_once(run(session, case, salt, n))?;
                }
            }
        }
        Ok(started.elapsed())
    }

    fn load(&mut self, load: Load, _: usize) -> Result<LoadResult> {
        self.sessions[0].committed(|session| at_once(reset_stock(session)))?;
        let (next, reserved) = (AtomicU64::new(0), AtomicU64::new(0));
        let started = Instant::now();
        let deadline = started + Duration::from_millis(load.millis);
        let buyers = load.in_flight.min(POSTGRES_WRITERS);
        let buy = &|session: &mut RawSession| -> Result<()> {
            while Instant::now() < deadline {
                let order =
                    Reservation::of(load.demand, load.salt, next.fetch_add(1, Ordering::Relaxed));
                session.client.batch_execute("BEGIN")?;
                if at_once(reserve(session, &order))? == Reserved::All {
                    session.client.batch_execute("COMMIT")?;
                    reserved.fetch_add(1, Ordering::Relaxed);
                } else {
                    session.client.batch_execute("ROLLBACK")?;
                }
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let buying: Vec<_> = self.sessions[..buyers]
                .iter_mut()
                .map(|session| scope.spawn(move || buy(session)))
                .collect();
            buying
                .into_iter()
                .try_for_each(|buyer| buyer.join().map_err(|_| anyhow!("a buyer panicked"))?)
        })?;
        let nanos = u64::try_from(started.elapsed().as_nanos())?;
        let audit = at_once(audit(&mut self.sessions[0]))?;
        let reserved = reserved.into_inner();
        Ok(LoadResult { reserved, refused: next.into_inner() - reserved, nanos, audit })
    }
}

struct RawSession {
    client: Client,
    prepared: HashMap<&'static str, Statement>,
}

impl RawSession {
    fn committed<T>(&mut self, operation: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.client.batch_execute("BEGIN")?;
        let outcome = operation(self)?;
        self.client.batch_execute("COMMIT")?;
        Ok(outcome)
    }

    fn statement(&mut self, sql: &'static str, text: impl FnOnce() -> String) -> Result<Statement> {
        if let Some(statement) = self.prepared.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(&text())?;
        self.prepared.insert(sql, statement.clone());
        Ok(statement)
    }
}

fn time(micros: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(micros.unsigned_abs())
}

#[derive(Debug)]
struct Bound<'a>(Arg<'a>);

impl ToSql for Bound<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match &self.0 {
            Arg::Int(v) => v.to_sql(ty, out),
            Arg::Text(v) => v.to_sql(ty, out),
            Arg::Uuid(v) => v.to_sql(ty, out),
            Arg::Time(v) => time(*v).to_sql(ty, out),
            Arg::Json(v) => Json(serde_json::from_str::<&RawValue>(v)?).to_sql(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl Session for RawSession {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    async fn execute(&mut self, sql: &'static str, args: &[Arg<'_>]) -> Result<u64> {
        let statement = self.statement(sql, || sql.to_owned())?;
        let bound: Vec<_> = args.iter().map(|arg| Bound(*arg)).collect();
        let params: Vec<&(dyn ToSql + Sync)> = bound.iter().map(|b| b as _).collect();
        Ok(self.client.execute(&statement, &params)?)
    }

    async fn each(
        &mut self,
        sql: &'static str,
        args: &[Arg<'_>],
        visit: &mut dyn FnMut(&dyn Cells) -> Result<()>,
    ) -> Result<()> {
        let statement = self.statement(sql, || sql.to_owned())?;
        let bound: Vec<_> = args.iter().map(|arg| Bound(*arg)).collect();
        let params: Vec<&(dyn ToSql + Sync)> = bound.iter().map(|b| b as _).collect();
        for row in self.client.query(&statement, &params)? {
            visit(&RowCells(row))?;
        }
        Ok(())
    }

    async fn rows(
        &mut self,
        sql: &'static str,
        columns: Vec<(&'static str, Column<'_>)>,
    ) -> Result<u64> {
        let statement = self.statement(sql, || expand_unnest(sql, &columns))?;
        let arrays: Vec<Box<dyn ToSql + Sync + '_>> = columns
            .into_iter()
            .map(|(_, column)| match column {
                Column::Int(v) => Box::new(v) as _,
                Column::Text(v) => Box::new(v) as _,
                Column::Uuid(v) => Box::new(v) as _,
                Column::Time(v) => Box::new(v.into_iter().map(time).collect::<Vec<_>>()) as _,
                Column::Json(v) => Box::new(v) as _,
            })
            .collect();
        let params: Vec<&(dyn ToSql + Sync)> = arrays.iter().map(|array| &**array as _).collect();
        Ok(self.client.execute(&statement, &params)?)
    }
}

struct RowCells(postgres::Row);

impl Cells for RowCells {
    fn int(&self, index: usize) -> Result<i64> {
        Ok(self.0.try_get(index)?)
    }

    fn text(&self, index: usize) -> Result<String> {
        Ok(self.0.try_get(index)?)
    }

    fn uuid(&self, index: usize) -> Result<Uuid> {
        Ok(self.0.try_get(index)?)
    }

    fn time(&self, index: usize) -> Result<i64> {
        let at: SystemTime = self.0.try_get(index)?;
        Ok(i64::try_from(at.duration_since(UNIX_EPOCH)?.as_micros())?)
    }

    fn json(&self, index: usize) -> Result<serde_json::Value> {
        Ok(self.0.try_get(index)?)
    }
}
