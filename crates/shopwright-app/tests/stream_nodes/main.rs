//! Message streams read by two real processes, one of them killed with SIGKILL under load: every message
//! is in the ledger, once.
//!
//! This binary starts itself again as such a process, so it has a `main` of its own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[allow(dead_code, reason = "the other tests use the rest")]
#[path = "../operations/streams/servers.rs"]
mod servers;
#[allow(dead_code, reason = "the other tests use the rest")]
#[path = "../operations/streams/table.rs"]
mod table;

use std::collections::BTreeMap;
use std::process::{Child, Command, ExitCode};
use std::sync::Arc;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Trial};
use serde_json::json;
use shopwright_app::streams::{Brokers, keep_consuming};
use shopwright_domain::ids::IdSource;
use shopwright_domain::time::{Clock, Timestamp};
use shopwright_gateways::stream::Begin;
use shopwright_store::{
    PostgresOptions, SqliteOptions, Store, StoreError, StoreOptions, params, streams,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use uuid::Uuid;

use servers::{KafkaCluster, RedisServer};
use table::{MAKE_TABLE, QUICK, Takes, kafka_of, redis_of};

const CONSUME: &str = "SHOPWRIGHT_TEST_CONSUME";
const URL: &str = "SHOPWRIGHT_TEST_POSTGRES_URL";
const STREAMS: [&str; 2] = ["views", "carts"];
/// Messages of each Redis stream and of each of four partitions.
const OF_EACH: usize = 4_000;

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_700_000_000_000_000)
    }
}

/// Names a process by its number.
struct OfProcess;

impl IdSource for OfProcess {
    fn next_uuid(&self) -> Uuid {
        Uuid::from_u128(u128::from(std::process::id()))
    }
}

fn main() -> ExitCode {
    if let Ok(told) = std::env::var(CONSUME) {
        consume(&serde_json::from_str(&told).unwrap());
    }
    let mut tests =
        vec![Trial::test("a_process_killed_under_load_loses_and_doubles_nothing", || {
            killed(None);
            Ok(())
        })];
    if let Ok(url) = std::env::var(URL) {
        let name = "a_process_killed_under_load_loses_and_doubles_nothing_on_postgresql";
        tests.push(Trial::test(name, move || {
            killed(Some(url));
            Ok(())
        }));
    }
    libtest_mimic::run(&Arguments::from_args(), tests).exit_code()
}

fn ledger(told: &serde_json::Value) -> StoreOptions {
    match told["postgres"].as_str() {
        Some(url) => StoreOptions::Postgres(PostgresOptions {
            connections: 4,
            schema: told["schema"].as_str().map(ToOwned::to_owned),
            ..PostgresOptions::new(url.to_owned())
        }),
        None => StoreOptions::Sqlite(SqliteOptions::new(told["path"].as_str().unwrap())),
    }
}

/// A process that reads until it is killed.
fn consume(told: &serde_json::Value) -> ! {
    let store = Store::open(&ledger(told)).unwrap();
    let brokers: Vec<String> = serde_json::from_value(told["kafka"].clone()).unwrap();
    let redis = redis_of(told["redis"].as_str().unwrap(), &STREAMS);
    let brokers = Brokers::new(Some(redis), Some(kafka_of(&brokers)), Begin::Earliest);
    let runtime = Runtime::new().unwrap();
    let _running = runtime.block_on(async {
        keep_consuming(
            (store, Arc::new(Still)),
            &OfProcess,
            brokers,
            Arc::new(Takes::default()),
            QUICK,
        )
    });
    loop {
        std::thread::park();
    }
}

/// A process of this binary, killed when dropped.
struct Process(Child);

impl Process {
    fn start(told: &serde_json::Value) -> Self {
        let this = std::env::current_exe().unwrap();
        Self(Command::new(this).env(CONSUME, told.to_string()).spawn().unwrap())
    }

    fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn wait_until(what: &str, so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < Duration::from_mins(1), "in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The ledger that the processes share, as the test looks into it.
struct Ledger {
    store: Store,
    runtime: Runtime,
}

impl Ledger {
    fn open(told: &serde_json::Value) -> Self {
        let ledger =
            Self { store: Store::open(&ledger(told)).unwrap(), runtime: Runtime::new().unwrap() };
        ledger.execute(MAKE_TABLE.to_owned());
        ledger
    }

    fn execute(&self, sql: String) {
        let done = self.store.write(move |tx| tx.execute(&sql, params![]));
        self.runtime.block_on(done).map_err(|error: StoreError| error).unwrap();
    }

    fn number(&self, sql: &'static str) -> i64 {
        let found = self.store.read(move |tx| tx.one(sql, params![], |row| row.get(0)));
        self.runtime.block_on(found).map_err(|error: StoreError| error).unwrap()
    }

    fn taken(&self) -> i64 {
        self.number("SELECT COUNT(*) FROM t_taken")
    }

    /// How many shards each living owner reads.
    fn owners(&self) -> Vec<usize> {
        let shards = self.runtime.block_on(self.store.read(streams::list)).unwrap();
        let mut owners: BTreeMap<String, usize> = BTreeMap::new();
        for owner in shards.into_iter().filter_map(|shard| shard.owner) {
            *owners.entry(owner).or_default() += 1;
        }
        owners.into_values().collect()
    }
}

fn killed(postgres: Option<String>) {
    let (Some(redis), Some(mut kafka)) = (RedisServer::start(), KafkaCluster::start()) else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let schema = postgres.as_ref().map(|_| format!("nodes_{}", std::process::id()));
    let told = json!({
        "path": folder.path().join("ledger.db"), "postgres": postgres, "schema": schema,
        "redis": redis.url(), "kafka": kafka.brokers,
    });
    let ledger = Ledger::open(&told);
    kafka.produce(0, "none", 100_000, 1);
    let (mut one, _two) = (Process::start(&told), Process::start(&told));
    wait_until("both read", || ledger.owners() == [3, 3]);
    std::thread::scope(|scope| {
        scope.spawn(|| produce(&redis, &mut kafka));
        wait_until("it is under way", || ledger.taken() > 1_000);
        one.kill();
    });
    let all = i64::try_from(6 * OF_EACH + 1).unwrap();
    wait_until("all are taken", || ledger.taken() == all);
    assert_eq!(ledger.number("SELECT COUNT(*) FROM t_taken WHERE times <> 1"), 0, "taken twice");
    assert_eq!(ledger.number("SELECT CAST(SUM(messages) AS bigint) FROM stream_shards"), all);
    wait_until("the one that lives reads all", || ledger.owners() == [6]);
    if let Some(schema) = schema {
        ledger.execute(format!("DROP SCHEMA {schema} CASCADE"));
    }
}

/// The load: every stream and partition gets its part, little by little.
fn produce(redis: &RedisServer, kafka: &mut KafkaCluster) {
    let (step, steps) = (200, OF_EACH / 200);
    for round in 0..steps {
        for stream in STREAMS {
            redis.add(stream, round * step, step);
        }
        for partition in 0..4 {
            let first = usize::try_from(partition).unwrap() * OF_EACH;
            kafka.produce(partition, "lz4", first + round * step, step);
        }
    }
}
