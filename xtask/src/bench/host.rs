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
/// The kernel's own work and the observer's stay below this on a quiet machine.
const OTHERS_MAX_PERCENT: u64 = 5;

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

/// Waits a while for other work to end.
pub fn wait_until_quiet(machine: &Machine) -> Result<()> {
    let deadline = Instant::now() + WAIT_MAX;
    loop {
        let load = load(&read_to_string("/proc/loadavg")?).context("no load average")?;
        if load < QUIET_BELOW || Instant::now() > deadline || machine.is_stopped() {
            return Ok(());
        }
        println!("waiting for the machine to be quiet: load average {load:.2}");
        sleep(LOOK_EVERY);
    }
}

/// Processor time spent so far, clock ticks: by the whole machine, of which idle, and by children
/// of ours that have ended.
#[derive(Debug, Clone, Copy)]
pub struct Spent {
    whole: u64,
    idle: u64,
    children: u64,
}

impl Spent {
    /// Reads the kernel's counters.
    pub fn read() -> Result<Self> {
        let (stat, own) = (read_to_string("/proc/stat")?, read_to_string("/proc/self/stat")?);
        Self::parse(&stat, &own).context("the processor's counters cannot be read")
    }

    /// Fields as `man 5 proc` numbers them: `cpu` user nice system idle iowait irq softirq steal,
    /// and of a process cutime (16) and cstime (17), which come after a name in parentheses.
    fn parse(stat: &str, own: &str) -> Option<Self> {
        let cpu = stat.lines().next()?.strip_prefix("cpu ")?.split_whitespace().take(8);
        let cpu: Vec<u64> = cpu.map(|ticks| ticks.parse().ok()).collect::<Option<_>>()?;
        let fields: Vec<&str> = own.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self {
            whole: cpu.iter().sum(),
            idle: cpu.get(3)? + cpu.get(4)?,
            children: ticks(16)? + ticks(17)?,
        })
    }

    /// The share of the machine that others took from `self` until `after`, percent.
    fn by_others(self, after: Self) -> u64 {
        let whole = after.whole.saturating_sub(self.whole).max(1);
        let busy = whole.saturating_sub(after.idle.saturating_sub(self.idle));
        let others = busy.saturating_sub(after.children.saturating_sub(self.children));
        (others * 100).div_ceil(whole)
    }

    /// How quiet the machine was since `self`, as a sentence for the results.
    pub fn sentence(self, after: Self) -> String {
        match self.by_others(after) {
            share @ ..=OTHERS_MAX_PERCENT => {
                format!("Other work took {share} % of the processors meanwhile.")
            }
            share => format!(
                "**The machine was not quiet: other work took {share} % of the processors meanwhile.**"
            ),
        }
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

    #[test]
    fn what_others_took_is_neither_idle_nor_our_childrens() {
        let own = |children: u64| {
            format!("7 (a (b) c) S 1 7 7 0 -1 0 0 0 0 0 9 9 {children} 0 20 0 1 0 5 0 0")
        };
        let spent = |idle: u64, children| {
            Spent::parse(&format!("cpu  {} 0 0 {idle} 0 0 0 0 0 0\n", 1_000 - idle), &own(children))
        };
        let check = |after: Option<Spent>, expected: u64| {
            let before = Spent::parse("cpu  0 0 0 0 0 0 0 0 0 0\n", &own(0));
            let share = before.zip(after).map(|(before, after)| before.by_others(after));
            assert_eq!(share, Some(expected));
        };
        check(spent(600, 400), 0);
        check(spent(600, 300), 10);
        check(spent(0, 300), 70);
        assert!(Spent::parse("cpu 1 2", "").is_none());
    }
}
