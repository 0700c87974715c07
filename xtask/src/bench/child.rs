//! Processes that are measured while they run: how long, and how much memory.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::host::kib;

/// How often a running process is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// How long a server may take to its first answer.
const READY_WITHIN: Duration = Duration::from_mins(2);
/// How long a server may take to end.
const END_WITHIN: Duration = Duration::from_secs(30);

/// What a process took.
#[derive(Debug, Clone, Copy)]
pub struct Took {
    /// From start to end.
    pub time: Duration,
    /// The most memory that was resident at once, KiB.
    pub peak_kib: u64,
}

/// Runs a command to its end; its output is shown only when it fails.
pub fn measure(command: &mut Command) -> Result<Took> {
    let errors = tempfile::NamedTempFile::new()?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors.reopen()?);
    let started = Instant::now();
    let mut child = command.spawn().context("cannot run the product")?;
    let mut peak_kib = 0;
    let status = loop {
        // The kernel's own high-water mark: looking seldom loses only what comes after the last look.
        peak_kib = peak_kib.max(memory_kib(&child, "VmHWM").unwrap_or(0));
        if let Some(status) = child.try_wait()? {
            break status;
        }
        sleep(LOOK_EVERY);
    };
    let time = started.elapsed();
    let said = std::fs::read_to_string(errors.path())?;
    ensure!(status.success(), "it ended with {status}: {said}");
    Ok(Took { time, peak_kib })
}

fn memory_kib(child: &Child, name: &str) -> Option<u64> {
    kib(&std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?, name)
}

/// A server, ended when dropped.
pub struct Running {
    child: Child,
    /// From its start to the first answer of 200 on `/readyz`.
    pub ready_after: Duration,
}

impl Running {
    /// Starts a server that will answer on this port and waits until it is ready.
    pub fn start(command: &mut Command, port: u16) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let started = Instant::now();
        let child = command.spawn().context("cannot run the product")?;
        let mut running = Self { child, ready_after: Duration::ZERO };
        while !is_ready(port) {
            if let Some(status) = running.child.try_wait()? {
                bail!("it ended with {status} instead of starting");
            }
            ensure!(started.elapsed() < READY_WITHIN, "not ready within {READY_WITHIN:?}");
            sleep(LOOK_EVERY);
        }
        running.ready_after = started.elapsed();
        Ok(running)
    }

    /// Memory that is resident now, KiB.
    pub fn resident_kib(&self) -> Result<u64> {
        memory_kib(&self.child, "VmRSS").context("the server's memory cannot be read")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let deadline = Instant::now() + END_WITHIN;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            sleep(LOOK_EVERY);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn is_ready(port: u16) -> bool {
    let ask = || -> Result<bool> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream
            .write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.take(1 << 16).read_to_string(&mut answer)?;
        Ok(answer.starts_with("HTTP/1.1 200"))
    };
    ask().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_measured_and_a_failing_one_says_why() -> Result<()> {
        let took = measure(Command::new("sleep").arg("0.05"))?;
        assert!(took.time >= Duration::from_millis(50) && took.peak_kib > 0, "{took:?}");
        let mut failing = Command::new("sh");
        failing.args(["-c", "echo the reason >&2; exit 3"]);
        let error = measure(&mut failing).unwrap_err();
        assert!(format!("{error:#}").contains("the reason"), "{error:#}");
        Ok(())
    }
}
