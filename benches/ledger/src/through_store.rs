//! The store layer as the product uses it: closures over a `Tx`, run on its database threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use ledger_cases::{
    Arg, CREATE_POSTGRES, CREATE_SQLITE, Case, Cells, Column, Dialect, Load, LoadResult,
    Reservation, Reserved, Session, Shape, at_once, audit, reserve, reset_stock, run, seed,
};
use shopwright_domain::time::Timestamp;
use shopwright_store::{
    Column as StoreColumn, Row, Store, StoreError, StoreOptions, Tx, Value, params,
};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::contender::Contender;

/// The store on one engine.
pub struct ThroughStore {
    store: Store,
    runtime: Runtime,
}

/// Why an operation keeps nothing.
enum Undone {
    Refused,
    Failed(anyhow::Error),
}

impl From<StoreError> for Undone {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<anyhow::Error> for Undone {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

impl ThroughStore {
    /// Opens the store; its own tables are there too, as in the product.
    pub fn open(options: &StoreOptions) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
        Ok(Self { store: Store::open(options)?, runtime })
    }

    /// The values of these settings on the store's writing connection, as SQLite tells them.
    pub fn pragmas(&self, names: Vec<&'static str>) -> Result<Vec<String>> {
        let read = self.store.write(move |tx| {
            let mut values = Vec::new();
            for name in &names {
                values.push(tx.one(&format!("PRAGMA {name}"), params![], |row| {
                    row.get::<i64>(0).map(|n| n.to_string()).or_else(|_| row.get::<String>(0))
                })?);
            }
            Ok::<_, StoreError>(values)
        });
        Ok(self.runtime.block_on(read)?)
    }

    fn write<T: Send + 'static>(
        &self,
        mut operation: impl FnMut(&mut TxSession<'_, '_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.runtime.block_on(self.store.write(move |tx| operation(&mut TxSession(tx))))
    }

    fn refuse_all(&self, case: Case, salt: u64) -> Result<()> {
        let refuse = |n| {
            let store = self.store.clone();
            async move {
                let operation =
                    move |tx: &mut Tx<'_>| settle(at_once(run(&mut TxSession(tx), case, salt, n)));
                match store.write(operation).await {
                    Err(Undone::Refused) => Ok(()),
                    Err(Undone::Failed(error)) => Err(error),
                    Ok(()) => bail!("an order without stock was filled"),
                }
            }
        };
        self.runtime.block_on(async {
            if self.store.is_postgres() {
                // One connection at a time, as the raw contender does it.
                for n in 0..case.operations() {
                    refuse(n).await?;
                }
                return Ok(());
            }
            let mut waiting: JoinSet<_> = (0..case.operations()).map(refuse).collect();
            while let Some(refused) = waiting.join_next().await {
                refused??;
            }
            Ok(())
        })
    }

    fn read_alone(&self, case: Case, salt: u64) -> Result<()> {
        self.runtime.block_on(async {
            for n in 0..case.operations() {
                let query = move |tx: &mut Tx<'_>| at_once(run(&mut TxSession(tx), case, salt, n));
                self.store.read(query).await?;
            }
            Ok(())
        })
    }
}

fn settle(outcome: Result<Reserved>) -> Result<(), Undone> {
    match outcome? {
        Reserved::All => Ok(()),
        Reserved::Refused => Err(Undone::Refused),
    }
}

impl Contender for ThroughStore {
    fn prepare(&mut self) -> Result<()> {
        let create = if self.store.is_postgres() { CREATE_POSTGRES } else { CREATE_SQLITE };
        self.write(move |session| {
            for sql in create {
                session.0.execute(sql, &[])?;
            }
            at_once(seed(session))
        })
    }

    fn round(&mut self, case: Case, salt: u64) -> Result<Duration> {
        let started = Instant::now();
        match case.shape() {
            Shape::Together => self.write(move |session| {
                for n in 0..case.operations() {
                    let done = at_once(run(session, case, salt, n))?;
                    ensure!(done == Reserved::All, "{} was refused", case.name());
                }
                Ok(())
            })?,
            Shape::Refused => self.refuse_all(case, salt)?,
            Shape::Alone => self.read_alone(case, salt)?,
        }
        Ok(started.elapsed())
    }

    fn load(&mut self, load: Load, _: usize) -> Result<LoadResult> {
        self.write(|session| at_once(reset_stock(session)))?;
        let next = Arc::new(AtomicU64::new(0));
        let started = Instant::now();
        let deadline = started + Duration::from_millis(load.millis);
        let buyer = || {
            let (store, next) = (self.store.clone(), Arc::clone(&next));
            async move {
                let (mut reserved, mut refused) = (0, 0);
                while Instant::now() < deadline {
                    let order = Reservation::of(
                        load.demand,
                        load.salt,
                        next.fetch_add(1, Ordering::Relaxed),
                    );
                    let operation =
                        move |tx: &mut Tx<'_>| settle(at_once(reserve(&mut TxSession(tx), &order)));
                    match store.write(operation).await {
                        Ok(()) => reserved += 1,
                        Err(Undone::Refused) => refused += 1,
                        Err(Undone::Failed(error)) => return Err(error),
                    }
                }
                Ok((reserved, refused))
            }
        };
        let (reserved, refused) = self.runtime.block_on(async {
            // Spawned, so that the runtime's two threads share the buyers.
            let mut buyers = JoinSet::new();
            for _ in 0..load.in_flight {
                buyers.spawn(buyer());
            }
            let mut sums = (0, 0);
            while let Some(done) = buyers.join_next().await {
                let (reserved, refused) = done??;
                sums = (sums.0 + reserved, sums.1 + refused);
            }
            anyhow::Ok(sums)
        })?;
        let nanos = u64::try_from(started.elapsed().as_nanos())?;
        let audit = self.write(|session| at_once(audit(session)))?;
        Ok(LoadResult { reserved, refused, nanos, audit })
    }
}

/// The store's transaction as a session.
struct TxSession<'a, 'c>(&'a mut Tx<'c>);

fn values<'a>(args: &[Arg<'a>]) -> Vec<Value<'a>> {
    args.iter()
        .map(|arg| match *arg {
            Arg::Int(v) => Value::Int(v),
            Arg::Text(v) => Value::Text(v),
            Arg::Uuid(v) => Value::Uuid(v),
            Arg::Time(v) => Value::Time(Timestamp::from_micros(v)),
            Arg::Json(v) => Value::Json(v.to_owned()),
        })
        .collect()
}

impl Session for TxSession<'_, '_> {
    fn dialect(&self) -> Dialect {
        if self.0.for_update().is_empty() { Dialect::Sqlite } else { Dialect::Postgres }
    }

    async fn execute(&mut self, sql: &'static str, args: &[Arg<'_>]) -> Result<u64> {
        Ok(self.0.execute(sql, &values(args))?)
    }

    async fn each(
        &mut self,
        sql: &'static str,
        args: &[Arg<'_>],
        visit: &mut dyn FnMut(&dyn Cells) -> Result<()>,
    ) -> Result<()> {
        let mut failed = None;
        let done = self.0.for_each(sql, &values(args), |row| {
            visit(&RowCells(row)).map_err(|error| {
                failed = Some(error);
                StoreError::Bug("a check of the proof failed".into())
            })
        });
        match failed {
            Some(error) => Err(error),
            None => Ok(done?),
        }
    }

    async fn rows(
        &mut self,
        sql: &'static str,
        columns: Vec<(&'static str, Column<'_>)>,
    ) -> Result<u64> {
        let columns: Vec<_> = columns
            .into_iter()
            .map(|(name, column)| {
                let column = match column {
                    Column::Int(v) => StoreColumn::Int(v),
                    Column::Text(v) => StoreColumn::Text(v),
                    Column::Uuid(v) => StoreColumn::Uuid(v),
                    Column::Time(v) => {
                        StoreColumn::Time(v.into_iter().map(Timestamp::from_micros).collect())
                    }
                    Column::Json(v) => StoreColumn::Json(v),
                };
                (name, column)
            })
            .collect();
        Ok(self.0.execute_rows(sql, &columns)?)
    }
}

struct RowCells<'a, 'r>(&'a Row<'r>);

impl Cells for RowCells<'_, '_> {
    fn int(&self, index: usize) -> Result<i64> {
        Ok(self.0.get(index)?)
    }

    fn text(&self, index: usize) -> Result<String> {
        Ok(self.0.get(index)?)
    }

    fn uuid(&self, index: usize) -> Result<Uuid> {
        Ok(self.0.get(index)?)
    }

    fn time(&self, index: usize) -> Result<i64> {
        Ok(self.0.get::<Timestamp>(index)?.as_micros())
    }

    fn json(&self, index: usize) -> Result<serde_json::Value> {
        Ok(self.0.get(index)?)
    }
}
