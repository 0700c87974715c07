//! A ledger of its own for each test, on either engine, and a second raw connection to look at it.
//!
//! SQLite lives in a temporary folder, PostgreSQL in a schema that is dropped afterwards. Answers
//! are waited for outside any async runtime, so a test reads as plain steps in order.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use proptest::test_runner::{Config, TestRunner};
use shopwright_store::{
    PostgresOptions, SqliteOptions, Store, StoreError, StoreOptions, Tx, params,
};
use tempfile::TempDir;

const URL: &str = "SHOPWRIGHT_TEST_POSTGRES_URL";
const REQUIRED: &str = "SHOPWRIGHT_REQUIRE_POSTGRES";
/// Two readers and two writers on PostgreSQL unless a test says otherwise.
const CONNECTIONS: usize = 4;

/// What an operation of these tests can answer: a rule of its own, or what the store said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    Rule(&'static str),
    Store(StoreError),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// A ledger for one test.
pub struct Db {
    // Dropped first: its connections are gone before the place is.
    pub store: Store,
    pub options: StoreOptions,
    _place: Place,
}

enum Place {
    Folder(#[allow(dead_code)] TempDir),
    Schema(PostgresOptions),
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Self::Schema(options) = self {
            let schema = options.schema.clone().unwrap_or_default();
            raw_postgres(options)
                .batch_execute(&format!("DROP SCHEMA IF EXISTS {schema} CASCADE"))
                .unwrap();
        }
    }
}

/// Runs a test body on SQLite, and on PostgreSQL when there is one.
pub fn on_both(body: impl Fn(&Db)) {
    on_both_with(CONNECTIONS, body);
}

/// The same with this many PostgreSQL connections: 2 give one writer and one reader, so that
/// operations run in the order they were handed in, as they do on SQLite.
pub fn on_both_with(connections: usize, body: impl Fn(&Db)) {
    on_sqlite(&body);
    on_postgres_with(connections, body);
}

pub fn on_sqlite(body: impl Fn(&Db)) {
    body(&Db::sqlite(|_| {}));
}

pub fn on_postgres(body: impl Fn(&Db)) {
    on_postgres_with(CONNECTIONS, body);
}

pub fn on_postgres_with(connections: usize, body: impl Fn(&Db)) {
    if let Some(options) = postgres_options(connections) {
        body(&Db::open(StoreOptions::Postgres(options.clone()), Place::Schema(options)));
    }
}

/// Options for a schema nobody has used; `None` without a server.
pub fn postgres_options(connections: usize) -> Option<PostgresOptions> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let required = env::var(REQUIRED).is_ok_and(|value| value == "1");
    let Ok(url) = env::var(URL) else {
        assert!(!required, "{REQUIRED}=1, but {URL} does not name a PostgreSQL server");
        return None;
    };
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let schema = format!("ledger_test_{}_{number}", std::process::id());
    Some(PostgresOptions { connections, schema: Some(schema), ..PostgresOptions::new(url) })
}

/// Drops the schema of these options when it goes out of scope.
pub struct SchemaGuard(#[allow(dead_code)] Place);

impl SchemaGuard {
    pub fn new(options: &PostgresOptions) -> Self {
        Self(Place::Schema(options.clone()))
    }
}

/// A future answer of the store. Dropping it is a caller that went away.
pub struct Answer<T, E>(Pin<Box<dyn Future<Output = Result<T, E>>>>, Option<Result<T, E>>);

impl<T, E> Answer<T, E> {
    pub fn new(answer: impl Future<Output = Result<T, E>> + 'static) -> Self {
        Self(Box::pin(answer), None)
    }

    pub fn wait(mut self) -> Result<T, E> {
        if let Some(ready) = self.1.take() {
            return ready;
        }
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(self.0)
    }

    /// Whether the answer is there already.
    pub fn is_ready(&mut self) -> bool {
        if self.1.is_none() {
            self.1 = match self.0.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(outcome) => Some(outcome),
                Poll::Pending => None,
            };
        }
        self.1.is_some()
    }
}

impl<T, E> fmt::Debug for Answer<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer")
    }
}

impl Db {
    fn open(options: StoreOptions, place: Place) -> Self {
        let store = Store::open(&options).unwrap();
        Self { store, options, _place: place }
    }

    /// A SQLite ledger whose options `change` has had a look at.
    pub fn sqlite(change: impl FnOnce(&mut SqliteOptions)) -> Self {
        let folder = TempDir::new().unwrap();
        let mut options = SqliteOptions::new(folder.path().join("ledger.db"));
        change(&mut options);
        Self::open(StoreOptions::Sqlite(options), Place::Folder(folder))
    }

    /// Hands a write in and returns at once; handed in means queued, in this order.
    pub fn start<T: Send + 'static, E: From<StoreError> + Send + 'static>(
        &self,
        operation: impl FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Answer<T, E> {
        let store = self.store.clone();
        let mut answer = Answer::new(async move { store.write(operation).await });
        answer.is_ready();
        answer
    }

    /// Hands a read in and returns at once.
    pub fn start_read<T: Send + 'static>(
        &self,
        query: impl FnMut(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Answer<T, StoreError> {
        let store = self.store.clone();
        let mut answer = Answer::new(async move { store.read(query).await });
        answer.is_ready();
        answer
    }

    pub fn write<T: Send + 'static>(
        &self,
        operation: impl FnMut(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.start(operation).wait()
    }

    /// A write that may refuse by a rule of its own.
    pub fn decide<T: Send + 'static>(
        &self,
        operation: impl FnMut(&mut Tx<'_>) -> Result<T, Refused> + Send + 'static,
    ) -> Result<T, Refused> {
        self.start(operation).wait()
    }

    pub fn read<T: Send + 'static>(
        &self,
        query: impl FnMut(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.start_read(query).wait()
    }

    pub fn path(&self) -> PathBuf {
        match &self.options {
            StoreOptions::Sqlite(options) => options.path.clone(),
            StoreOptions::Postgres(_) => panic!("PostgreSQL has no database file"),
        }
    }

    /// A second connection that knows nothing of the store.
    pub fn raw(&self) -> Raw {
        match &self.options {
            StoreOptions::Sqlite(options) => Raw::Sqlite(raw_sqlite(&options.path)),
            StoreOptions::Postgres(options) => Raw::Postgres(raw_postgres(options)),
        }
    }

    /// The table most tests write to: `notes (n, word)`.
    pub fn with_notes(&self) -> &Self {
        self.raw().run("CREATE TABLE notes (n bigint PRIMARY KEY, word text NOT NULL)");
        self
    }

    /// The numbers in `notes`, seen from outside the store.
    pub fn notes(&self) -> Vec<i64> {
        self.raw().ints("SELECT n FROM notes ORDER BY n")
    }
}

/// Writes one row of `notes`.
pub fn note(tx: &mut Tx<'_>, n: i64) -> Result<(), StoreError> {
    tx.execute("INSERT INTO notes (n, word) VALUES ($1, $2)", params![n, "word"]).map(|_| ())
}

/// A connection of the engine's own driver.
pub enum Raw {
    Sqlite(rusqlite::Connection),
    Postgres(postgres::Client),
}

impl Raw {
    /// Runs statements written for PostgreSQL; column types become SQLite's.
    pub fn run(&mut self, sql: &str) {
        match self {
            Self::Sqlite(connection) => connection.execute_batch(&sqlite_types(sql)).unwrap(),
            Self::Postgres(client) => client.batch_execute(sql).unwrap(),
        }
    }

    pub fn ints(&mut self, sql: &str) -> Vec<i64> {
        match self {
            Self::Sqlite(connection) => {
                let mut statement = connection.prepare(sql).unwrap();
                let rows = statement.query_map([], |row| row.get(0)).unwrap();
                rows.collect::<Result<_, _>>().unwrap()
            }
            Self::Postgres(client) => {
                client.query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
            }
        }
    }

    pub fn int(&mut self, sql: &str) -> i64 {
        let found = self.ints(sql);
        assert_eq!(found.len(), 1, "{sql}");
        found[0]
    }
}

/// The column types of a statement in the form SQLite stores them.
pub fn sqlite_types(sql: &str) -> String {
    let types = [
        ("bigint", "INTEGER"),
        ("boolean", "INTEGER"),
        ("timestamptz", "INTEGER"),
        ("jsonb", "TEXT"),
        ("uuid", "BLOB"),
        ("bytea", "BLOB"),
    ];
    types.iter().fold(sql.to_owned(), |sql, (postgres, sqlite)| sql.replace(postgres, sqlite))
}

pub fn raw_sqlite(path: &Path) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.pragma_update(None, "foreign_keys", true).unwrap();
    connection
}

pub fn raw_postgres(options: &PostgresOptions) -> postgres::Client {
    let mut client = postgres::Client::connect(&options.url, postgres::NoTls).unwrap();
    if let Some(schema) = &options.schema {
        client.batch_execute(&format!("SET search_path TO {schema}")).unwrap();
    }
    client
}

/// Something an operation waits for. It opens when the test says so or ends.
pub struct Gate(Sender<()>);

/// The waiting end, moved into the operation.
pub struct Closed(Receiver<()>);

pub fn gate() -> (Gate, Closed) {
    let (open, closed) = channel();
    (Gate(open), Closed(closed))
}

impl Gate {
    pub fn open(self) {
        let _ = self.0.send(());
    }
}

impl Closed {
    pub fn wait(&self) {
        // An error means that the test is over.
        let _ = self.0.recv();
    }
}

/// Longer than a group of SQLite's writer takes operations in.
const GROUP_OVER: Duration = Duration::from_millis(60);

/// Keeps the writer (or the only PostgreSQL writer) inside an operation until the gate opens.
/// Returns once the operation is running. What waits behind it is not in its group.
pub fn hold_writer(db: &Db) -> (Gate, Answer<(), StoreError>) {
    let (open, closed) = gate();
    let (started, running) = channel();
    let answer = db.start(move |_| {
        let _ = started.send(());
        closed.wait();
        std::thread::sleep(GROUP_OVER);
        Ok(())
    });
    running.recv().unwrap();
    (open, answer)
}

/// Runs a property on this many random cases, and on as many times more as `PROPTEST_CASES` is above
/// ten thousand. A failing one is printed in its smallest form.
pub fn cases(count: u32) -> TestRunner {
    let wanted: Option<u32> = env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    let count = count.saturating_mul((wanted.unwrap_or(0) / 10_000).max(1));
    TestRunner::new(Config { cases: count, failure_persistence: None, ..Config::default() })
}
