//! A Python program that runs beside a test and tells it things, one JSON line each.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value as Json;

const PYTHON: &str = "SHOPWRIGHT_TEST_PYTHON";
const REQUIRED: &str = "SHOPWRIGHT_REQUIRE_CONTRACT";
/// How long a line may take.
const TOLD_WITHIN: Duration = Duration::from_secs(30);

/// A running program; killed when dropped.
pub struct Program {
    child: Child,
    told: Receiver<Json>,
    pub port: u64,
}

impl Program {
    /// Starts a script of this folder; `None` without a Python.
    pub fn start(script: &str, arguments: &[&str]) -> Option<Self> {
        let Some(python) = std::env::var_os(PYTHON) else {
            let required = std::env::var(REQUIRED).is_ok_and(|value| value == "1");
            assert!(!required, "{REQUIRED}=1, but {PYTHON} does not name a Python");
            return None;
        };
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contract").join(script);
        let mut child = Command::new(python)
            .arg(path)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (tell, told) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if tell.send(serde_json::from_str(&line).unwrap()).is_err() {
                    return;
                }
            }
        });
        let mut program = Self { child, told, port: 0 };
        program.port = program.next()["port"].as_u64().unwrap();
        Some(program)
    }

    /// What it says next.
    pub fn next(&self) -> Json {
        self.told.recv_timeout(TOLD_WITHIN).unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
