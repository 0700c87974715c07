//! The demo as a process of its own, and its API: the one shop that all tests look at.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use ureq::Agent;
use ureq::http::{Method, Request};

use crate::webdriver::{agent, exchange};

/// A running demo; ended when dropped. Fields go in this order: the process before its folder.
pub struct Shop {
    /// Where it answers.
    pub url: String,
    /// Products whose prices have moved.
    pub moved: Vec<String>,
    _server: Server,
    key: String,
    agent: Agent,
    _folder: TempDir,
}

struct Server {
    child: Child,
    /// Kept open for as long as the server may write.
    out: BufReader<ChildStdout>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Shop {
    /// Starts the demo on a free port and waits until it is ready.
    pub fn open() -> Self {
        let folder = TempDir::new().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_shopwright"));
        command.args(["demo", "--listen", "127.0.0.1:0", "--json"]).current_dir(folder.path());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SHOPWRIGHT_") {
                command.env_remove(name);
            }
        }
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let mut server = Server { child, out };
        let mut line = String::new();
        server.out.read_line(&mut line).unwrap();
        let started: Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let shop = Self {
            url: text(&started["listening"]),
            moved: started["skus"].as_array().unwrap().iter().map(text).collect(),
            _server: server,
            key: text(&started["key"]),
            agent: agent(),
            _folder: folder,
        };
        let ready = || shop.call(&Method::GET, "/readyz", None).0 == 200;
        wait_until("the demo is ready", Duration::from_secs(10), ready);
        shop
    }

    /// One call of the API with the demo's key: the status and the body.
    pub fn call(&self, method: &Method, path: &str, body: Option<&Value>) -> (u16, Value) {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("authorization", format!("Bearer {}", self.key))
            .header("content-type", "application/json");
        exchange(&self.agent, request.body(body.map(Value::to_string).unwrap_or_default()).unwrap())
    }
}

/// Waits until something is so; fails when it takes longer.
#[track_caller]
pub fn wait_until(what: &str, longest: Duration, mut so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !so() {
        assert!(started.elapsed() < longest, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
