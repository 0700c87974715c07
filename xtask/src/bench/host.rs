//! The machine the figures come from, and whether it was busy with something else.

use std::fmt;
use std::fs::read_to_string;
use std::process::Command;
use std::thread::{available_parallelism, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::checks::machine::{Machine, output};

/// How long to wait for other work to end.
const WAIT_MAX: Duration = Duration::from_mins(3);
/// How often to look.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Processes that run at once, averaged over a minute, on a machine that counts as quiet.
const QUIET_BELOW: f64 = 0.5;

/// What figures depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    cores: usize,
    processor: String,
    memory_kib: u64,
    kernel: String,
    rustc: String,
}

impl Host {
    /// Reads it from the running system.
    pub fn read() -> Result<Self> {
        let memory = read_to_string("/proc/meminfo")?;
        Ok(Self {
            cores: available_parallelism()?.get(),
            processor: processor(&read_to_string("/proc/cpuinfo")?),
            memory_kib: kib(&memory, "MemTotal").context("no MemTotal")?,
            kernel: read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            rustc: output(Command::new("rustc").arg("--version"))?.trim().to_owned(),
        })
    }
}

impl fmt::Display for Host {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cores, processor, memory_kib, kernel, rustc } = self;
        let gib = memory_kib.div_ceil(1 << 20);
        write!(out, "{cores} cores ({processor}), {gib} GiB, Linux {kernel}, {rustc}")
    }
}

fn processor(cpuinfo: &str) -> String {
    let name = cpuinfo.lines().find_map(|line| line.strip_prefix("model name"));
    let name = name.and_then(|rest| rest.split_once(':'));
    name.map_or_else(|| "processor not named".to_owned(), |(_, name)| name.trim().to_owned())
}

/// The kibibytes that a `/proc` file gives for `name`.
pub fn kib(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.split(':').next() == Some(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Waits for other work to end; gives a sentence for the results when it did not.
pub fn wait_until_quiet(machine: &Machine) -> Result<String> {
    let deadline = Instant::now() + WAIT_MAX;
    loop {
        let load = load(&read_to_string("/proc/loadavg")?).context("no load average")?;
        if load < QUIET_BELOW {
            return Ok(String::new());
        }
        if Instant::now() > deadline || machine.is_stopped() {
            return Ok(format!(
                " **The machine was busy with other work: load average {load:.2} at the start.**"
            ));
        }
        println!("waiting for the machine to be quiet: load average {load:.2}");
        sleep(LOOK_EVERY);
    }
}

fn load(text: &str) -> Option<f64> {
    text.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_are_read() {
        let check = |name, expected| {
            assert_eq!(kib("MemTotal:   24512345 kB\nMemFree: 12 kB\n", name), expected, "{name}");
        };
        check("MemTotal", Some(24_512_345));
        check("MemFree", Some(12));
        check("Mem", None);
        assert_eq!(load("1.58 0.77 0.40 8/128 18578\n"), Some(1.58));
        assert_eq!(
            processor("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n"),
            "Some CPU @ 2 GHz"
        );
        assert_eq!(processor(""), "processor not named");
    }
}
