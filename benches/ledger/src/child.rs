//! A contender in a process of its own, asked over its standard input one line at a time.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use ledger_cases::{Answer, Case, Dialect, Load, LoadResult, Request};

use crate::contender::Contender;

/// The process; it ends when its input does.
struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Process {
    fn ask(&mut self, request: Request) -> Result<Answer> {
        let input = self.input.as_mut().context("the contender's input is open")?;
        writeln!(input, "{}", serde_json::to_string(&request)?)?;
        input.flush()?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        ensure!(!line.is_empty(), "the sqlx contender ended; its message is above");
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.input = None;
        let _ = self.child.wait();
    }
}

/// One database of the contender in the other process.
pub struct Remote {
    process: Rc<RefCell<Process>>,
    on: Dialect,
}

impl Remote {
    /// Starts the process with a file for SQLite and, when given, a PostgreSQL address; gives one
    /// contender for each.
    pub fn start(program: &Path, file: &Path, postgres: Option<(&str, &str)>) -> Result<Vec<Self>> {
        let mut command = Command::new(program);
        command.arg(file);
        if let Some((url, schema)) = postgres {
            command.args([url, schema].map(OsStr::new));
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {}", program.display()))?;
        let input = child.stdin.take();
        let output = child.stdout.take().context("the contender's output is piped")?;
        let process =
            Rc::new(RefCell::new(Process { child, input, output: BufReader::new(output) }));
        let on = |on| Self { process: Rc::clone(&process), on };
        let postgres = postgres.map(|_| on(Dialect::Postgres));
        Ok(std::iter::once(on(Dialect::Sqlite)).chain(postgres).collect())
    }

    fn ask(&self, request: Request) -> Result<Answer> {
        self.process.borrow_mut().ask(request)
    }
}

impl Contender for Remote {
    fn prepare(&mut self) -> Result<()> {
        match self.ask(Request::Prepare(self.on))? {
            Answer::Prepared => Ok(()),
            other => bail!("expected to hear of the tables, not {other:?}"),
        }
    }

    fn round(&mut self, case: Case, salt: u64) -> Result<Duration> {
        match self.ask(Request::Round { on: self.on, case, salt })? {
            Answer::Round(nanos) => Ok(Duration::from_nanos(nanos)),
            other => bail!("expected a time, not {other:?}"),
        }
    }

    fn load(&mut self, load: Load, group: usize) -> Result<LoadResult> {
        match self.ask(Request::Load { on: self.on, load, group })? {
            Answer::Load(result) => Ok(result),
            other => bail!("expected the result of a load, not {other:?}"),
        }
    }
}
