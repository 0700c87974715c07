//! A Redis server and a Kafka cluster of a test's own, on ports of their own, gone with the test.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use tempfile::TempDir;

const PYTHON: &str = "SHOPWRIGHT_TEST_PYTHON";
const REDIS: &str = "SHOPWRIGHT_TEST_REDIS";
const REQUIRED: &str = "SHOPWRIGHT_REQUIRE_CONTRACT";

/// The program that a variable names; `None` where none is configured and none is asked for.
fn program(variable: &str) -> Option<PathBuf> {
    let named = std::env::var_os(variable).map(PathBuf::from);
    let required = std::env::var(REQUIRED).is_ok_and(|value| value == "1");
    assert!(named.is_some() || !required, "{REQUIRED}=1, but {variable} names no program");
    named
}

/// A Redis server that keeps what it took when it is stopped.
pub struct RedisServer {
    program: PathBuf,
    folder: TempDir,
    pub port: u16,
    child: Option<Child>,
}

impl RedisServer {
    pub fn start() -> Option<Self> {
        let program = program(REDIS)?;
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = Self { program, folder: TempDir::new().unwrap(), port: free, child: None };
        server.start_again();
        Some(server)
    }

    pub fn start_again(&mut self) {
        let child = Command::new(&self.program)
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .args(["--appendonly", "yes", "--appendfsync", "always", "--dir"])
            .arg(self.folder.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        let started = Instant::now();
        let client = ::redis::Client::open(self.url()).unwrap();
        while client.get_connection().and_then(|mut c| ping(&mut c)).is_err() {
            assert!(started.elapsed() < Duration::from_secs(20), "redis-server does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    pub fn connection(&self) -> ::redis::Connection {
        ::redis::Client::open(self.url()).unwrap().get_connection().unwrap()
    }

    /// Adds events `m{from}` and so on to a stream.
    pub fn add(&self, stream: &str, from: usize, count: usize) {
        let mut connection = self.connection();
        for chunk in (from..from + count).collect::<Vec<_>>().chunks(500) {
            let mut pipe = ::redis::pipe();
            for number in chunk {
                let event = json!({ "id": format!("m{number}") }).to_string();
                pipe.cmd("XADD").arg(stream).arg("*").arg("event").arg(event).ignore();
            }
            pipe.query::<()>(&mut connection).unwrap();
        }
    }

    /// Runs one command.
    pub fn run(&self, words: &[&str]) {
        let mut command = ::redis::cmd(words[0]);
        for word in &words[1..] {
            command.arg(word);
        }
        command.query::<()>(&mut self.connection()).unwrap();
    }
}

fn ping(connection: &mut ::redis::Connection) -> ::redis::RedisResult<()> {
    ::redis::cmd("PING").query(connection)
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A Kafka cluster in memory; a topic has four partitions.
pub struct KafkaCluster {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    pub brokers: Vec<String>,
}

impl KafkaCluster {
    pub fn start() -> Option<Self> {
        let script =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/operations/streams/kafka.py");
        let mut child = Command::new(program(PYTHON)?)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let orders = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        let mut cluster = Self { child, orders, answers, brokers: Vec::new() };
        let servers = cluster.answer()["servers"].as_str().unwrap().to_owned();
        cluster.brokers = servers.split(',').map(ToOwned::to_owned).collect();
        Some(cluster)
    }

    fn answer(&mut self) -> Json {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    fn order(&mut self, order: &Json) {
        writeln!(self.orders, "{order}").unwrap();
        assert_eq!(self.answer(), json!({ "left": 0 }), "{order}");
    }

    /// Produces events `m{from}` and so on.
    pub fn produce(&mut self, partition: i32, compression: &str, from: usize, count: usize) {
        self.order(&json!({
            "topic": "events", "partition": partition, "from": from, "count": count,
            "compression": compression, "raw": null, "tombstone": false,
        }));
    }

    /// Produces one record of this text, or a tombstone.
    pub fn produce_one(&mut self, partition: i32, text: Option<&str>) {
        self.order(&json!({
            "topic": "events", "partition": partition, "from": 0, "count": 1,
            "compression": "none", "raw": text, "tombstone": text.is_none(),
        }));
    }
}

impl Drop for KafkaCluster {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
