//! A folder with a shop in it, the binary run there, and what came out.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value as Json;
use shopwright_store::{PostgresOptions, SqliteOptions, Store, StoreError, StoreOptions, Tx};
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_shopwright");

pub const HEADER: &str =
    "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country";

/// Two orders and a return: three codes, 15 pieces net, 34.89 exact and booked.
pub const ORDERS: &[&str] = &[
    "536365,85123A,WHITE HANGING HEART,6,2010-12-01 08:26:00,2.55,17850,United Kingdom",
    "536365,POST,POSTAGE,1,2010-12-01 08:26:00,3.39,17850,United Kingdom",
    "536366,22633,HAND WARMER UNION JACK,6,2010-12-02 08:28:00,1.85,,France",
    "536367,85123A,WHITE HANGING HEART,4,2010-12-03 09:00:00,2.55,17850,United Kingdom",
    "C536368,85123A,WHITE HANGING HEART,-2,2010-12-03 10:00:00,2.55,17850,United Kingdom",
];

/// How one run of the binary ended.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Run {
    /// The answer of a run under `--json`.
    pub fn json(&self) -> Json {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    pub fn assert_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }

    /// The run failed with this code and says each of these on the error output.
    pub fn assert_says(self, code: i32, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.err.contains(part), "`{part}` is not in {self:?}");
        }
        self.assert_code(code)
    }
}

/// A folder to run the binary in.
pub struct Shop {
    pub folder: TempDir,
    /// Given to every run.
    pub variables: Vec<(String, String)>,
}

impl Shop {
    pub fn new() -> Self {
        Self { folder: TempDir::new().unwrap(), variables: Vec::new() }
    }

    /// A shop whose ledger holds [`ORDERS`].
    pub fn with_orders() -> Self {
        let shop = Self::new();
        shop.orders("orders.csv", ORDERS);
        shop.run(&["import", "online-retail", "orders.csv"]).assert_code(0);
        shop
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    /// Writes rows under the header of the Online Retail layout.
    pub fn orders(&self, name: &str, rows: &[&str]) {
        self.file(name, orders_text(rows));
    }

    /// The binary with these arguments, and none of the caller's own configuration.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.command_under(&[], arguments)
    }

    /// The same, run by another program.
    pub fn command_under(&self, wrapper: &[&str], arguments: &[&str]) -> Command {
        let mut words = wrapper.iter().copied().chain([BINARY]).chain(arguments.iter().copied());
        let mut command = Command::new(words.next().unwrap());
        command.args(words).current_dir(self.folder.path());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SHOPWRIGHT_") {
                command.env_remove(name);
            }
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(arguments, &[])
    }

    pub fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Run {
        let mut command = self.command(arguments);
        let output = command.envs(variables.iter().copied()).output().unwrap();
        Run {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Does something to the ledger behind the program's back, or looks at it.
    pub fn tamper<T: Send + 'static>(
        &self,
        change: impl Fn(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> T {
        let url = self.variables.iter().find(|(name, _)| name == "SHOPWRIGHT_DATABASE_URL");
        let options = match url {
            Some((_, url)) => StoreOptions::Postgres(PostgresOptions {
                connections: 2,
                ..PostgresOptions::new(url)
            }),
            None => StoreOptions::Sqlite(SqliteOptions::new(self.path("data/shopwright.db"))),
        };
        let store = Store::open(&options).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(store.write(change)).unwrap()
    }
}

pub fn orders_text(rows: &[&str]) -> String {
    format!("{HEADER}\n{}\n", rows.join("\n"))
}

pub fn gzip(content: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// A new secret key.
pub fn make_key(shop: &Shop) -> String {
    let run = shop.run(&["keys", "create", "--kind", "secret", "--name", "api", "--json"]);
    run.assert_code(0).json()["key"].as_str().unwrap().to_owned()
}

/// A server that runs until it is stopped; killed when dropped.
pub struct Server {
    child: Child,
    /// Where its log goes, when a test reads it.
    log: Option<PathBuf>,
    /// Kept open: a server whose output is closed is another test.
    _out: BufReader<ChildStdout>,
    /// What it printed when it was ready.
    pub started: Json,
}

impl Server {
    /// Starts a command that serves, on a free port, and waits until it answers.
    pub fn start(shop: &Shop, arguments: &[&str]) -> Self {
        Self::spawn(shop, &[], arguments, None)
    }

    /// The same, with its log in a file.
    pub fn start_logged(shop: &Shop, arguments: &[&str]) -> Self {
        Self::spawn(shop, &[], arguments, Some(shop.path("server.log")))
    }

    /// The same, run by another program that ends with it.
    pub fn start_under(shop: &Shop, wrapper: &[&str], arguments: &[&str]) -> Self {
        Self::spawn(shop, wrapper, arguments, Some(shop.path("server.log")))
    }

    fn spawn(shop: &Shop, wrapper: &[&str], arguments: &[&str], log: Option<PathBuf>) -> Self {
        let mut all = arguments.to_vec();
        all.extend(["--listen", "127.0.0.1:0", "--json"]);
        let mut command = shop.command_under(wrapper, &all);
        let told =
            log.as_ref().map_or_else(Stdio::inherit, |log| File::create(log).unwrap().into());
        let mut child = command.stderr(told).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let started = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line:?}"));
        Self { child, log, _out: out, started }
    }

    /// The address without `http://`.
    pub fn address(&self) -> &str {
        let url = self.started["listening"].as_str().unwrap();
        url.strip_prefix("http://").unwrap()
    }

    /// A GET with a key; gives status and body.
    pub fn get(&self, path: &str, key: &str) -> (u16, String) {
        let (status, _, body) = self.exchange(path, key);
        (status, body)
    }

    /// A GET without a key; gives status and the lines before the body.
    pub fn head_of(&self, path: &str) -> (u16, String) {
        let (status, head, _) = self.exchange(path, "");
        (status, head)
    }

    fn exchange(&self, path: &str, key: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let host = self.address();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), head.to_owned(), body.to_owned())
    }

    /// Asks it to stop as a process supervisor does; gives its exit code.
    #[cfg(unix)]
    pub fn stop(mut self) -> Option<i32> {
        self.signal(rustix::process::Signal::TERM);
        self.wait()
    }

    #[cfg(unix)]
    pub fn signal(&self, signal: rustix::process::Signal) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, signal).unwrap();
    }

    /// Ends it as a power cut would, but for what the system keeps in memory.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<std::process::ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits until it ends; gives its exit code.
    pub fn wait(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log.as_ref().unwrap()).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until something is so; fails after ten seconds.
pub fn wait_until(what: &str, mut so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !so() {
        assert!(started.elapsed() < Duration::from_secs(10), "in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
