//! `torture`: what the test command does for seconds, for as long as it is wanted, on a release build:
//! servers killed again and again on both databases, and every property a million times.
//!
//! A run of kills is named by its seed: a failure says how to repeat it. Properties print their
//! smallest failing case themselves.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;

use crate::checks::machine::Machine;
use crate::checks::postgres::Cluster;
use crate::checks::strace;

/// Kills in one run from one seed; a longer torture is several runs.
const KILLS_IN_RUN: u64 = 50;

/// What `cargo xtask torture` takes.
#[derive(Debug, Clone, Args)]
pub struct TortureArgs {
    /// How often servers are killed on each database.
    #[arg(long, default_value_t = 300, value_name = "N")]
    pub kills: u64,
    /// Kill for this long instead of so often.
    #[arg(long, value_name = "N", conflicts_with = "kills")]
    pub minutes: Option<u64>,
    /// The seed of the first run; the next ones count on from it.
    #[arg(long, value_name = "SEED")]
    pub seed: Option<u64>,
    /// Cases of every property of the domain; 0 leaves them out.
    #[arg(long, default_value_t = 1_000_000, value_name = "N")]
    pub cases: u32,
    /// Torture a debug build: slower, but with overflow checks and debug assertions.
    #[arg(long)]
    pub debug: bool,
}

/// Runs everything; stops at the first failure.
///
/// # Errors
/// Fails when a run does, or when PostgreSQL or strace cannot be had.
pub fn run(root: &Path, args: &TortureArgs) -> Result<bool> {
    let machine = Machine::new(root)?;
    if args.cases > 0 {
        println!("==== properties, {} cases each", args.cases);
        machine.run(&mut properties(&machine, args))?;
    }
    strace::find_or_install(&machine)?;
    // As durable as a shop's: the crash tests are about what is kept.
    let cluster = Cluster::start_durable(&machine)?;
    println!("==== kills; {}", cluster.about);
    let started = Instant::now();
    let first = args.seed.unwrap_or_else(new_seed);
    let mut done = 0;
    for seed in first.. {
        let kills = match args.minutes {
            Some(minutes) if started.elapsed() >= Duration::from_mins(minutes) => break,
            Some(_) => KILLS_IN_RUN,
            None if done >= args.kills => break,
            None => KILLS_IN_RUN.min(args.kills - done),
        };
        let mut command = kill_run(&machine, args, (kills, seed));
        command.env("SHOPWRIGHT_TEST_POSTGRES_URL", &cluster.url);
        let build = if args.debug { " --debug" } else { "" };
        let again = format!(
            "`cargo xtask torture --cases 0 --kills {kills} --seed {seed}{build}` repeats it"
        );
        machine.run(&mut command).context(again)?;
        done += kills;
        println!("{done} kills on each database after {} s", started.elapsed().as_secs());
    }
    Ok(true)
}

fn cargo_test(machine: &Machine, args: &TortureArgs, of: &[&str]) -> Command {
    let build: &[&str] = if args.debug { &[] } else { &["--release"] };
    machine.cargo(&[&["test", "--locked"], build, of].concat())
}

fn properties(machine: &Machine, args: &TortureArgs) -> Command {
    let mut command = cargo_test(machine, args, &["--package", "shopwright-domain"]);
    command.env("PROPTEST_CASES", args.cases.to_string());
    command
}

fn kill_run(machine: &Machine, args: &TortureArgs, (kills, seed): (u64, u64)) -> Command {
    let of = ["--package", "shopwright", "--test", "crash", "--", "--nocapture"];
    let mut command = cargo_test(machine, args, &of);
    command
        .env("SHOPWRIGHT_TEST_KILLS", kills.to_string())
        .env("SHOPWRIGHT_TEST_SEED", seed.to_string())
        .env("SHOPWRIGHT_REQUIRE_POSTGRES", "1")
        .env("SHOPWRIGHT_REQUIRE_STRACE", "1");
    command
}

/// Short enough to be typed again.
fn new_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one("a new seed") % 1_000_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(debug: bool) -> TortureArgs {
        TortureArgs { kills: 7, minutes: None, seed: Some(3), cases: 12, debug }
    }

    fn words(command: &Command) -> String {
        let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
        words.join(" ")
    }

    fn variable(command: &Command, name: &str) -> Option<String> {
        let found = command.get_envs().find(|(known, _)| *known == name);
        found.and_then(|(_, value)| Some(value?.to_string_lossy().into_owned()))
    }

    #[test]
    fn a_run_is_named_by_its_seed_and_misses_nothing_in_silence() {
        let folder = tempfile::tempdir().unwrap();
        let machine = Machine::new(folder.path()).unwrap();
        let command = kill_run(&machine, &args(false), (7, 3));
        assert_eq!(
            words(&command),
            "test --locked --release --package shopwright --test crash -- --nocapture"
        );
        for (name, value) in [
            ("TEST_KILLS", "7"),
            ("TEST_SEED", "3"),
            ("REQUIRE_POSTGRES", "1"),
            ("REQUIRE_STRACE", "1"),
        ] {
            assert_eq!(variable(&command, &format!("SHOPWRIGHT_{name}")).as_deref(), Some(value));
        }
        let command = properties(&machine, &args(true));
        assert_eq!(words(&command), "test --locked --package shopwright-domain");
        assert_eq!(variable(&command, "PROPTEST_CASES").as_deref(), Some("12"));
    }
}
