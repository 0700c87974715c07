//! SQLite: one writer thread that commits waiting operations together, and readers that never wait.
//!
//! The writer runs each operation in a savepoint of its own and makes the group durable with one
//! commit (WAL, `synchronous=FULL`). Answers, refusals and change notices leave after that commit
//! and never before: a refusal may rest on what an earlier member of the group wrote. When the disk
//! fails or the commit does, every member is answered with the error and the database is opened anew.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use tokio::sync::broadcast;

use crate::dialect::sqlite_error;
use crate::error::StoreError;
use crate::job::{Job, Verdict, announce};
use crate::tx::{Change, Engine, Tx};

/// Operations committed together at most.
const GROUP_MAX: usize = 256;
/// A group takes in no further operation after this long.
const GROUP_TIME_MAX: Duration = Duration::from_millis(50);
/// Operations waiting at most; one more is answered [`StoreError::Busy`].
const QUEUE_MAX: usize = 4_096;
/// How long to wait for another process that holds the write lock.
const LOCK_WAIT_MAX: Duration = Duration::from_secs(10);
const STATEMENTS_CACHED: usize = 256;
/// Page cache of the writer.
const CACHE_KIB: i64 = 16_384;
/// The log is copied into the database after this many pages: pages that many groups write are
/// copied once. 32 MiB.
const CHECKPOINT_PAGES: i64 = 8_192;
/// The log file is cut back to this after a checkpoint.
const WAL_BYTES_KEPT: i64 = 64 << 20;

/// How the embedded database is opened.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// The database file; its folder must exist.
    pub path: PathBuf,
    /// Reading threads.
    pub readers: usize,
    /// The largest size of the file in bytes; reaching it is [`StoreError::Full`].
    pub size_max_bytes: Option<u64>,
    /// `false` trades the last commits for speed: only for databases that a rerun can rebuild, and
    /// for the test that shows the difference.
    pub durable: bool,
}

impl SqliteOptions {
    /// Durable, two readers, no size limit.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), readers: 2, size_max_bytes: None, durable: true }
    }
}

pub(crate) struct Sqlite {
    writer: Option<SyncSender<Box<dyn Job>>>,
    readers: Option<SyncSender<Box<dyn Job>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Sqlite {
    pub(crate) fn open(
        options: &SqliteOptions,
        notices: broadcast::Sender<Change>,
    ) -> Result<Self, StoreError> {
        let connection = open_writer(options)?;
        let mut threads = Vec::new();
        let (writer, jobs) = sync_channel(QUEUE_MAX);
        let writer_options = options.clone();
        threads.push(spawn("ledger-writer", move || {
            write_groups(connection, &jobs, &writer_options, &notices);
        })?);
        let (readers, jobs) = sync_channel::<Box<dyn Job>>(QUEUE_MAX);
        let jobs = Arc::new(Mutex::new(jobs));
        for number in 0..options.readers.max(1) {
            let connection = open_reader(&options.path)?;
            let jobs = Arc::clone(&jobs);
            let path = options.path.clone();
            threads.push(spawn(&format!("ledger-reader-{number}"), move || {
                read_jobs(connection, &jobs, &path);
            })?);
        }
        Ok(Self { writer: Some(writer), readers: Some(readers), threads })
    }

    pub(crate) fn write(&self, job: Box<dyn Job>) {
        submit(self.writer.as_ref(), job);
    }

    pub(crate) fn read(&self, job: Box<dyn Job>) {
        submit(self.readers.as_ref(), job);
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        // Closing the queues lets the threads finish what waits and end.
        self.writer = None;
        self.readers = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

pub(crate) fn spawn(
    name: &str,
    run: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, StoreError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(run)
        .map_err(|error| StoreError::Unavailable(error.to_string()))
}

pub(crate) fn submit(queue: Option<&SyncSender<Box<dyn Job>>>, job: Box<dyn Job>) {
    use std::sync::mpsc::TrySendError;
    let Some(queue) = queue else {
        return job.answer(Some(StoreError::Unavailable("the store is closing".into())));
    };
    match queue.try_send(job) {
        Ok(()) => {}
        Err(TrySendError::Full(job)) => job.answer(Some(StoreError::Busy)),
        Err(TrySendError::Disconnected(job)) => {
            job.answer(Some(StoreError::Unavailable("the ledger thread has ended".into())));
        }
    }
}

fn engine_error(error: rusqlite::Error) -> StoreError {
    sqlite_error(&error).error
}

pub(crate) fn open_writer(options: &SqliteOptions) -> Result<Connection, StoreError> {
    let open = || -> rusqlite::Result<Connection> {
        let connection = Connection::open(&options.path)?;
        connection.busy_timeout(LOCK_WAIT_MAX)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
        enter_wal(&connection)?;
        connection.pragma_update(
            None,
            "synchronous",
            if options.durable { "FULL" } else { "OFF" },
        )?;
        connection.pragma_update(None, "foreign_keys", true)?;
        // Every statement for many rows keeps a journal of its own while it runs: in a file it would
        // cost grouped writes and the import about half of their speed (`cargo xtask bench`).
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        connection.pragma_update(None, "journal_size_limit", WAL_BYTES_KEPT)?;
        if let Some(bytes) = options.size_max_bytes {
            let page: u64 = connection
                .pragma_query_value(None, "page_size", |row| row.get::<_, i64>(0))?
                .unsigned_abs();
            connection.pragma_update(
                None,
                "max_page_count",
                i64::try_from(bytes / page).unwrap_or(i64::MAX),
            )?;
        }
        Ok(connection)
    };
    open().map_err(|error| match engine_error(error) {
        StoreError::Unavailable(why) | StoreError::Bug(why) => {
            StoreError::Unavailable(format!("cannot open {}: {why}", options.path.display()))
        }
        other => other,
    })
}

/// Two that turn a new file to WAL at once are told so at once, without the wait for a lock.
fn enter_wal(connection: &Connection) -> rusqlite::Result<()> {
    let started = Instant::now();
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error)
                if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy)
                    && started.elapsed() < LOCK_WAIT_MAX =>
            {
                std::thread::sleep(Duration::from_millis(10));
            }
            outcome => return outcome,
        }
    }
}

pub(crate) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let open = || -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(LOCK_WAIT_MAX)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
        Ok(connection)
    };
    open().map_err(engine_error)
}

fn write_groups(
    mut connection: Connection,
    jobs: &Receiver<Box<dyn Job>>,
    options: &SqliteOptions,
    notices: &broadcast::Sender<Change>,
) {
    while let Ok(first) = jobs.recv() {
        let (members, outcome) = run_group(&connection, first, jobs);
        if let Err(error) = &outcome
            && !matches!(error, StoreError::Busy)
        {
            tracing::error!(%error, members = members.len(), "a group of writes was not kept");
            match open_writer(options) {
                Ok(fresh) => connection = fresh,
                Err(error) => tracing::error!(%error, "the database could not be opened again"),
            }
        }
        for (member, kept) in members {
            if outcome.is_ok() && kept {
                announce(notices, member.changes());
            }
            member.answer(outcome.clone().err());
        }
    }
}

type Members = Vec<(Box<dyn Job>, bool)>;

/// Runs `first` and whatever waits behind it in one transaction and commits. On an error nothing of
/// the group is in the database.
fn run_group(
    connection: &Connection,
    first: Box<dyn Job>,
    jobs: &Receiver<Box<dyn Job>>,
) -> (Members, Result<(), StoreError>) {
    let mut members: Members = Vec::new();
    let mut next = Some(first);
    let mut run = || -> Result<(), StoreError> {
        if let Err(error) = batch(connection, "BEGIN IMMEDIATE") {
            // Those behind it have waited as long; they do not wait once more one after the other.
            let waiting = next.take().into_iter().chain(jobs.try_iter());
            members.extend(waiting.take(GROUP_MAX).map(|job| (job, false)));
            return Err(error);
        }
        let started = Instant::now();
        while let Some(mut job) = next.take() {
            let verdict = run_member(connection, job.as_mut());
            members.push((job, matches!(verdict, Ok(true))));
            verdict?;
            if members.len() < GROUP_MAX && started.elapsed() < GROUP_TIME_MAX {
                next = jobs.try_recv().ok();
            }
        }
        batch(connection, "COMMIT")
    };
    let outcome = run();
    if outcome.is_err() && !connection.is_autocommit() {
        let _ = batch(connection, "ROLLBACK");
    }
    (members, outcome)
}

/// Runs one operation in its savepoint. `Ok(true)` when what it wrote is to be kept.
fn run_member(connection: &Connection, job: &mut dyn Job) -> Result<bool, StoreError> {
    batch(connection, "SAVEPOINT member")?;
    let mut tx = Tx::new(Engine::Sqlite(connection));
    let kept = match job.run(&mut tx) {
        Verdict::Keep => true,
        // SQLite never asks for a second run; an operation that saw one is undone.
        Verdict::Undo | Verdict::Again => false,
        Verdict::Broken(error) => return Err(error),
    };
    if !kept {
        batch(connection, "ROLLBACK TO member")?;
    }
    batch(connection, "RELEASE member")?;
    Ok(kept)
}

fn batch(connection: &Connection, sql: &str) -> Result<(), StoreError> {
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.raw_execute())
        .map(|_| ())
        .map_err(engine_error)
}

fn read_jobs(mut connection: Connection, jobs: &Mutex<Receiver<Box<dyn Job>>>, path: &Path) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(mut job) = job else { return };
        let mut run = || {
            batch(&connection, "BEGIN")?;
            let mut tx = Tx::new(Engine::Sqlite(&connection));
            let verdict = job.run(&mut tx);
            // An I/O error has ended the transaction already.
            if !connection.is_autocommit() {
                batch(&connection, "ROLLBACK")?;
            }
            match verdict {
                Verdict::Broken(error) => Err(error),
                _ => Ok(()),
            }
        };
        let outcome = run();
        if outcome.is_err()
            && let Ok(fresh) = open_reader(path)
        {
            connection = fresh;
        }
        job.answer(outcome.err());
    }
}
