//! The whole check: named steps in a fixed order, each timed, with one summary at the end.
//!
//! A step that fails does not hide the others: the run goes on, and only steps that need its result
//! fail with it. A part that is missing from the machine is a failure, never a skip.

mod apt;
mod browser;
mod deny;
pub(crate) mod machine;
pub(crate) mod postgres;
mod python;
mod redis;
mod steps;
pub(crate) mod strace;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use self::machine::Machine;
use self::steps::Services;

/// What `cargo xtask test` takes.
#[derive(Debug, Clone, Default, Args)]
pub struct CheckArgs {
    /// Run only this step and what it needs; may be given more than once.
    #[arg(long, value_name = "STEP")]
    pub only: Vec<Step>,
    /// Test only this crate; may be given more than once.
    #[arg(long, short, value_name = "CRATE", requires = "only")]
    pub package: Vec<String>,
}

/// A step, in the order in which steps run: quick ones first, then what takes installing, so that
/// a machine that lacks something says so before the long compiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Step {
    /// House rules.
    Tidy,
    /// rustfmt changes nothing.
    Fmt,
    /// Licences, banned crates and sources of every dependency.
    Deny,
    /// Find or install PostgreSQL and start a private cluster.
    Postgres,
    /// Find or install Chromium and its driver, and start the driver.
    Browser,
    /// A Python of its own with the third-party programs of the contract tests.
    Python,
    /// Find or install the Redis server that tests of message streams start.
    Redis,
    /// clippy, warnings as errors.
    Clippy,
    /// Documentation builds, warnings as errors.
    Docs,
    /// Every test of the workspace, with PostgreSQL, the browser and the contract programs.
    Tests,
    /// The benchmarks' own workspace still compiles.
    Benches,
}

impl Step {
    fn needs(self) -> &'static [Self] {
        match self {
            Self::Tests => &[Self::Postgres, Self::Browser, Self::Python, Self::Redis],
            _ => &[],
        }
    }

    fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

struct Outcome {
    step: Step,
    took: Duration,
    result: Result<String>,
}

/// Runs the steps and prints the summary; `true` means that every one passed.
///
/// # Errors
/// Fails only when the run itself cannot be set up; a failing step is `false`.
pub fn run(root: &Path, args: &CheckArgs) -> Result<bool> {
    let machine = Machine::new(root)?;
    let plan = plan(&args.only);
    if plan.contains(&Step::Tests) {
        machine.clear_artefacts()?;
    }
    let mut services = Services::default();
    let mut outcomes: Vec<Outcome> = Vec::new();
    for step in plan {
        println!("\n==== {}", step.name());
        let started = Instant::now();
        let result = broken_need(step, &outcomes)
            .and_then(|()| steps::run(step, &machine, &mut services, &args.package));
        let outcome = Outcome { step, took: started.elapsed(), result };
        println!("{}", line(&outcome));
        outcomes.push(outcome);
        if machine.is_stopped() {
            println!("stopped by a signal");
            break;
        }
    }
    drop(services);
    Ok(summary(&outcomes) && !machine.is_stopped())
}

/// All steps, or the chosen ones with what they need, in the fixed order.
fn plan(only: &[Step]) -> Vec<Step> {
    let wanted = |step: &Step| {
        only.is_empty()
            || only.contains(step)
            || only.iter().any(|chosen| chosen.needs().contains(step))
    };
    Step::value_variants().iter().copied().filter(wanted).collect()
}

fn broken_need(step: Step, done: &[Outcome]) -> Result<()> {
    let broken =
        done.iter().find(|outcome| outcome.result.is_err() && step.needs().contains(&outcome.step));
    match broken {
        Some(outcome) => bail!("needs `{}`, which failed", outcome.step.name()),
        None => Ok(()),
    }
}

fn summary(outcomes: &[Outcome]) -> bool {
    println!("\n==== summary");
    for outcome in outcomes {
        println!("{}", line(outcome));
    }
    let failed = outcomes.iter().filter(|outcome| outcome.result.is_err()).count();
    println!("steps: {} passed, {failed} failed", outcomes.len() - failed);
    failed == 0
}

fn line(outcome: &Outcome) -> String {
    let seconds = outcome.took.as_secs_f32();
    let name = outcome.step.name();
    match &outcome.result {
        Ok(note) => format!("ok      {name:<9} {seconds:>7.1} s  {note}"),
        Err(error) => format!("FAILED  {name:<9} {seconds:>7.1} s  {error:#}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chosen_step_brings_what_it_needs_in_the_fixed_order() {
        assert_eq!(
            plan(&[Step::Tests, Step::Fmt]),
            [Step::Fmt, Step::Postgres, Step::Browser, Step::Python, Step::Redis, Step::Tests]
        );
        assert_eq!(plan(&[]).len(), Step::value_variants().len());
    }

    #[test]
    fn a_step_fails_with_what_it_needs() {
        let failed = |step| Outcome {
            step,
            took: Duration::ZERO,
            result: Err(anyhow::anyhow!("no such thing")),
        };
        assert!(broken_need(Step::Tests, &[failed(Step::Postgres)]).is_err());
        assert!(broken_need(Step::Tests, &[failed(Step::Clippy)]).is_ok());
        assert!(!summary(&[failed(Step::Fmt)]));
    }
}
