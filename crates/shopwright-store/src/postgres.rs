//! PostgreSQL: a few threads, each with one connection, each running one operation at a time.
//!
//! Operations run at READ COMMITTED and lock the rows they decide on, in key order; a serialization
//! failure or a deadlock runs the operation again. Reads see one snapshot (REPEATABLE READ). A
//! thread reconnects when its connection is lost.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use postgres::NoTls;
use tokio::sync::broadcast;

use crate::dialect::postgres_error;
use crate::error::StoreError;
use crate::job::{Job, Verdict, announce};
use crate::migrate::POSTGRES_LOCK;
use crate::postgres_tls::{Target, target};
use crate::sqlite::{spawn, submit};
use crate::tx::{Change, Engine, PgSession, Tx};

/// Runs of one operation at most before it is answered [`StoreError::Busy`].
const RUNS_MAX: u32 = 20;
const QUEUE_MAX: usize = 4_096;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How PostgreSQL is reached.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// `postgres://user:password@host:port/database`.
    pub url: String,
    /// Connections, each with its thread.
    pub connections: usize,
    /// The schema to work in; `public` when none is named.
    pub schema: Option<String>,
}

impl PostgresOptions {
    /// Eight connections in the default schema.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), connections: 8, schema: None }
    }
}

pub(crate) struct Postgres {
    queue: Option<SyncSender<Box<dyn Job>>>,
    reads: Option<SyncSender<Box<dyn Job>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Postgres {
    pub(crate) fn open(
        options: &PostgresOptions,
        notices: &broadcast::Sender<Change>,
    ) -> Result<Self, StoreError> {
        let (queue, writes) = sync_channel::<Box<dyn Job>>(QUEUE_MAX);
        let (reads, read_jobs) = sync_channel::<Box<dyn Job>>(QUEUE_MAX);
        let (writes, read_jobs) = (Arc::new(Mutex::new(writes)), Arc::new(Mutex::new(read_jobs)));
        let mut threads = Vec::new();
        // At least one connection for each kind, so that long writes never stop reads.
        let connections = options.connections.max(2);
        let readers = (connections / 2).max(1);
        for number in 0..connections {
            let session = connect(options)?;
            let (options, notices) = (options.clone(), notices.clone());
            let reader = number < readers;
            let jobs = Arc::clone(if reader { &read_jobs } else { &writes });
            threads.push(spawn(&format!("ledger-pg-{number}"), move || {
                run_jobs(session, &jobs, reader, &options, &notices);
            })?);
        }
        Ok(Self { queue: Some(queue), reads: Some(reads), threads })
    }

    pub(crate) fn write(&self, job: Box<dyn Job>) {
        submit(self.queue.as_ref(), job);
    }

    pub(crate) fn read(&self, job: Box<dyn Job>) {
        submit(self.reads.as_ref(), job);
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.queue = None;
        self.reads = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

pub(crate) fn connect(options: &PostgresOptions) -> Result<PgSession, StoreError> {
    let Target { mut config, tls } = target(&options.url)?;
    config.application_name("shopwright").connect_timeout(CONNECT_TIMEOUT);
    let connected = match tls {
        Some(tls) => config.connect(tls),
        None => config.connect(NoTls),
    };
    let mut client = connected.map_err(|error| {
        let why = std::error::Error::source(&error)
            .map_or_else(|| error.to_string(), ToString::to_string);
        StoreError::Unavailable(format!("cannot connect to PostgreSQL: {why}"))
    })?;
    if let Some(schema) = &options.schema {
        assert!(
            schema.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'),
            "a plain schema name"
        );
        client
            // One transaction under the lock: two processes that find no schema would collide.
            .batch_execute(&format!(
                "SELECT pg_advisory_xact_lock({POSTGRES_LOCK});
                 CREATE SCHEMA IF NOT EXISTS {schema}; SET search_path TO {schema}"
            ))
            .map_err(|error| postgres_error(&error).error)?;
    }
    Ok(PgSession::new(client))
}

fn run_jobs(
    mut session: PgSession,
    jobs: &Mutex<Receiver<Box<dyn Job>>>,
    reader: bool,
    options: &PostgresOptions,
    notices: &broadcast::Sender<Change>,
) {
    let mut lost = false;
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(mut job) = job else { return };
        if lost || session.client.is_closed() {
            match connect(options) {
                Ok(fresh) => session = fresh,
                Err(error) => {
                    job.answer(Some(error));
                    continue;
                }
            }
        }
        let outcome = if reader {
            read(&mut session, job.as_mut(), options)
        } else {
            write(&mut session, job.as_mut(), options)
        };
        if matches!(outcome, Ok(true)) {
            announce(notices, job.changes());
        }
        // The driver notices a connection that is gone only when it uses it once more.
        lost = matches!(outcome, Err(StoreError::Unavailable(_)));
        job.answer(outcome.err());
    }
}

/// Begins a transaction. A connection that died while it was idle shows it only now, when nothing has
/// been done in it: one fresh connection is tried, so that an outage that is over costs nobody.
fn begin(session: &mut PgSession, sql: &str, options: &PostgresOptions) -> Result<(), StoreError> {
    match batch(session, sql) {
        Err(StoreError::Unavailable(_)) => {
            *session = connect(options)?;
            batch(session, sql)
        }
        outcome => outcome,
    }
}

fn read(
    session: &mut PgSession,
    job: &mut dyn Job,
    options: &PostgresOptions,
) -> Result<bool, StoreError> {
    begin(session, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", options)?;
    let verdict = job.run(&mut Tx::new(Engine::Postgres(session)));
    batch(session, "ROLLBACK")?;
    match verdict {
        Verdict::Broken(error) => Err(error),
        _ => Ok(false),
    }
}

/// Runs a write until it is committed, refused or given up. `Ok(true)` when it was committed.
fn write(
    session: &mut PgSession,
    job: &mut dyn Job,
    options: &PostgresOptions,
) -> Result<bool, StoreError> {
    for run in 1..=RUNS_MAX {
        begin(session, "BEGIN", options)?;
        let verdict = job.run(&mut Tx::new(Engine::Postgres(session)));
        match verdict {
            Verdict::Keep => match session.client.batch_execute("COMMIT") {
                Ok(()) => return Ok(true),
                Err(error) => {
                    let doom = postgres_error(&error);
                    if !doom.retry {
                        return Err(doom.error);
                    }
                }
            },
            Verdict::Undo => {
                batch(session, "ROLLBACK")?;
                return Ok(false);
            }
            Verdict::Again => batch(session, "ROLLBACK")?,
            Verdict::Broken(error) => {
                let _ = batch(session, "ROLLBACK");
                return Err(error);
            }
        }
        // Rivals that met once must not meet again at once: back off more with every run.
        std::thread::sleep(Duration::from_micros(u64::from(run) * 700));
    }
    Err(StoreError::Busy)
}

fn batch(session: &mut PgSession, sql: &str) -> Result<(), StoreError> {
    session.client.batch_execute(sql).map_err(|error| postgres_error(&error).error)
}
