//! The one handle to the ledger: `write` and `read` take a closure and run it on a database thread.

use std::fmt;
use std::sync::Arc;

use tokio::sync::{broadcast, oneshot};

use crate::error::StoreError;
use crate::job::{Job, Operation};
use crate::postgres::{Postgres, PostgresOptions};
use crate::sqlite::{Sqlite, SqliteOptions};
use crate::tx::{Change, Tx};

/// Change notices a slow follower may be behind before it has to reload everything.
const NOTICES_MAX: usize = 256;

/// Which database the ledger lives in.
#[derive(Clone, Debug)]
pub enum StoreOptions {
    /// The embedded database file.
    Sqlite(SqliteOptions),
    /// A PostgreSQL server, version 15 or later.
    Postgres(PostgresOptions),
}

enum Backend {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

/// The ledger. Cloning gives another handle to the same one; the last one dropped closes it.
#[derive(Clone)]
pub struct Store {
    backend: Arc<Backend>,
    notices: broadcast::Sender<Change>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("postgres", &self.is_postgres()).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the ledger, brings its schema up to date, and starts its threads.
    pub fn open(options: &StoreOptions) -> Result<Self, StoreError> {
        crate::migrate::migrate(options)?;
        let (notices, _) = broadcast::channel(NOTICES_MAX);
        let backend = match options {
            StoreOptions::Sqlite(options) => {
                Backend::Sqlite(Sqlite::open(options, notices.clone())?)
            }
            StoreOptions::Postgres(options) => {
                Backend::Postgres(Postgres::open(options, &notices)?)
            }
        };
        Ok(Self { backend: Arc::new(backend), notices })
    }

    /// Runs an operation and makes what it wrote durable before answering. The closure may run
    /// more than once, and runs to its end even when the caller stops waiting; it does nothing
    /// outside its transaction. An error keeps nothing of it.
    pub async fn write<T, E>(
        &self,
        operation: impl FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.submit(operation, Backend::write).await
    }

    /// Runs a query on one consistent snapshot of the ledger. Writing in it fails.
    pub async fn read<T, E>(
        &self,
        query: impl FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.submit(query, Backend::read).await
    }

    /// What this process commits from now on. A receiver that lagged reloads everything.
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.notices.subscribe()
    }

    /// Whether the ledger is PostgreSQL.
    pub fn is_postgres(&self) -> bool {
        matches!(*self.backend, Backend::Postgres(_))
    }

    async fn submit<T, E>(
        &self,
        operation: impl FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        way: fn(&Backend, Box<dyn Job>),
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        way(&self.backend, Box::new(Operation::new(operation, reply)));
        match answer.await {
            Ok(outcome) => outcome,
            Err(_) => Err(StoreError::Unavailable("the ledger thread has ended".into()).into()),
        }
    }
}

impl Backend {
    fn write(&self, job: Box<dyn Job>) {
        match self {
            Self::Sqlite(sqlite) => sqlite.write(job),
            Self::Postgres(postgres) => postgres.write(job),
        }
    }

    fn read(&self, job: Box<dyn Job>) {
        match self {
            Self::Sqlite(sqlite) => sqlite.read(job),
            Self::Postgres(postgres) => postgres.read(job),
        }
    }
}
