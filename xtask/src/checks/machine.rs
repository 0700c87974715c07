//! Running other programs. Every child leads its own process group and is ended with it, so that
//! nothing outlives the check: not on success, not on failure, not when a signal stops us.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};

/// How often a child is asked whether it has ended.
const POLL: Duration = Duration::from_millis(20);
/// How long a service may take until it answers.
const READY_WITHIN: Duration = Duration::from_mins(1);
/// How long a child may take to end after it was asked to.
const END_WITHIN: Duration = Duration::from_secs(10);
/// How much of a log is shown when a service does not start.
const LOG_TAIL_LINES: usize = 30;

/// The machine the check runs on: its folders, and whether a signal asked us to stop.
pub struct Machine {
    /// The repository.
    pub root: PathBuf,
    /// Screenshots and service logs of the last run.
    pub artefacts: PathBuf,
    /// Check tools that are no part of the product.
    pub tools: PathBuf,
    stopped: Arc<AtomicBool>,
}

impl Machine {
    /// Takes over SIGINT and SIGTERM, so that services are ended before we are.
    pub fn new(root: &Path) -> Result<Self> {
        let stopped = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&stopped))?;
        }
        let target = root.join("target");
        let artefacts = target.join("artefacts");
        std::fs::create_dir_all(&artefacts)?;
        Ok(Self { root: root.to_owned(), artefacts, tools: target.join("tools"), stopped })
    }

    /// Forgets what earlier runs left, so that no old screenshot passes for a new one.
    pub fn clear_artefacts(&self) -> Result<()> {
        std::fs::remove_dir_all(&self.artefacts)?;
        Ok(std::fs::create_dir_all(&self.artefacts)?)
    }

    /// Whether a signal asked us to stop.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// `cargo` with these arguments, in the repository.
    pub fn cargo(&self, arguments: &[&str]) -> Command {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(arguments).current_dir(&self.root);
        // Set by `cargo run` about ourselves; build scripts of others would see it and run again.
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
                command.env_remove(name);
            }
        }
        command
    }

    /// Shows the command, runs it to its end with its output passed through.
    pub fn run(&self, command: &mut Command) -> Result<()> {
        let shown = shown(command);
        println!("$ {shown}");
        let status = Group::spawn(command)?.wait(self)?;
        if !status.success() {
            bail!("`{shown}` ended with {status}");
        }
        Ok(())
    }
}

/// The first program of this name on the search path.
pub fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// What a short command prints on its standard output.
pub fn output(command: &mut Command) -> Result<String> {
    let shown = shown(command);
    let output =
        command.stdin(Stdio::null()).output().with_context(|| format!("cannot run `{shown}`"))?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        bail!("`{shown}` ended with {}: {}", output.status, reason.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A TCP port of 127.0.0.1 that was free a moment ago.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Whether something on 127.0.0.1 takes connections on `port`.
pub fn is_listening(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy();
    let arguments = command.get_args().map(|argument| argument.to_string_lossy());
    std::iter::once(name).chain(arguments).collect::<Vec<_>>().join(" ")
}

/// A child and all its descendants that stayed in its group.
struct Group {
    child: Child,
    end_with: Signal,
}

impl Group {
    fn spawn(command: &mut Command) -> Result<Self> {
        let shown = shown(command);
        command.stdin(Stdio::null()).process_group(0);
        let child = command.spawn().with_context(|| format!("cannot run `{shown}`"))?;
        Ok(Self { child, end_with: Signal::TERM })
    }

    fn wait(&mut self, machine: &Machine) -> Result<ExitStatus> {
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if machine.is_stopped() {
                bail!("stopped by a signal");
            }
            sleep(POLL);
        }
    }

    fn signal(&self, signal: Signal) {
        // An error means that nobody is left to receive it, which is what we want.
        let _ = kill_process_group(Pid::from_child(&self.child), signal);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        self.signal(self.end_with);
        let deadline = Instant::now() + END_WITHIN;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            sleep(POLL);
        }
        // Also ends descendants that outlived the child.
        self.signal(Signal::KILL);
        let _ = self.child.wait();
    }
}

/// A program that runs beside the steps until it is dropped.
pub struct Service {
    group: Group,
    log: PathBuf,
}

impl Service {
    /// Starts `command` with its output in `log` and waits until `is_ready`.
    pub fn start(
        machine: &Machine,
        command: &mut Command,
        log: &str,
        end_with: Signal,
        is_ready: impl Fn() -> bool,
    ) -> Result<Self> {
        let log = machine.artefacts.join(log);
        let out = File::create(&log)?;
        command.stdout(out.try_clone()?).stderr(out);
        let mut group = Group::spawn(command)?;
        group.end_with = end_with;
        let mut service = Self { group, log };
        service.wait_until(machine, is_ready).with_context(|| shown(command))?;
        Ok(service)
    }

    fn wait_until(&mut self, machine: &Machine, is_ready: impl Fn() -> bool) -> Result<()> {
        let deadline = Instant::now() + READY_WITHIN;
        while !is_ready() {
            if let Some(status) = self.group.child.try_wait()? {
                bail!("ended with {status} instead of starting\n{}", self.log_tail());
            }
            if machine.is_stopped() {
                bail!("stopped by a signal");
            }
            if Instant::now() > deadline {
                bail!("did not answer within {READY_WITHIN:?}\n{}", self.log_tail());
            }
            sleep(POLL);
        }
        Ok(())
    }

    fn log_tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(folder: &Path) -> Machine {
        Machine::new(folder).unwrap()
    }

    #[test]
    fn a_service_that_ends_early_shows_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo the reason; exit 3"]);
        let started = Service::start(
            &machine(folder.path()),
            &mut command,
            "early.log",
            Signal::TERM,
            || false,
        );
        let error = format!("{:#}", started.err().expect("it cannot have started"));
        assert!(error.contains("the reason"), "{error}");
    }

    #[test]
    fn a_dropped_service_takes_its_descendants_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let note = folder.path().join("pid");
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 600 & echo $! > \"$0\"; wait"]).arg(&note);
        let written = || std::fs::read_to_string(&note).is_ok_and(|text| text.ends_with('\n'));
        let machine = machine(folder.path());
        let service =
            Service::start(&machine, &mut command, "tree.log", Signal::TERM, written).unwrap();
        let id: i32 = std::fs::read_to_string(&note).unwrap().trim().parse().unwrap();
        let pid = Pid::from_raw(id).unwrap();
        assert!(rustix::process::test_kill_process(pid).is_ok());
        drop(service);
        let deadline = Instant::now() + END_WITHIN;
        while is_running(id) && Instant::now() < deadline {
            sleep(POLL);
        }
        assert!(!is_running(id));
    }

    /// A killed orphan may stay as a zombie until its new parent looks after it.
    fn is_running(id: i32) -> bool {
        let status = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        status.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
    }

    #[test]
    fn a_failing_command_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let error = machine(folder.path()).run(&mut Command::new("false")).unwrap_err();
        assert!(format!("{error:#}").contains("`false`"));
    }
}
