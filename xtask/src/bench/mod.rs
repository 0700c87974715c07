//! The benchmarks: builds release binaries, runs each section and writes `benches/RESULTS.md`.
//!
//! A section that was not run keeps the text of its last run; each says when and where it was
//! measured, and whether the machine was busy with something else.

mod child;
mod host;
mod measured;
mod product;
mod results;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use jiff::civil::Date;

use self::host::{Host, Spent};
use self::results::Results;
use crate::checks::machine::Machine;

/// What `cargo xtask bench` takes.
#[derive(Debug, Clone, Default, Args)]
pub struct BenchArgs {
    /// Run only this section; may be given more than once.
    #[arg(long, value_name = "SECTION")]
    pub only: Vec<Section>,
    /// The published Online Retail file; without it the import is measured on the demo's excerpt.
    #[arg(long, value_name = "FILE")]
    pub data: Option<PathBuf>,
    /// The date to write; today when left out.
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub date: Option<Date>,
    /// Also build the product from nothing, which takes many minutes.
    #[arg(long)]
    pub cold_build: bool,
}

/// A section of the results, in the order in which they are run and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Section {
    /// The store layer against raw drivers and sqlx.
    Ledger,
    /// Reservations and counters against raw SQLite, and how their cost grows.
    Floor,
    /// Prices over HTTP against a bare server.
    Prices,
    /// Importing an order history: time and memory.
    Import,
    /// Start-up time and idle memory.
    Start,
    /// Memory of a server by the size of its catalogue.
    Memory,
    /// Size of the binary, number of packages.
    Size,
    /// Prices that learn, in invented shops.
    Simulate,
    /// Building from nothing.
    ColdBuild,
}

impl Section {
    fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    fn title(self) -> &'static str {
        match self {
            Self::Ledger => "The store layer against raw drivers",
            Self::Floor => "The floor under load",
            Self::Prices => "Prices over HTTP",
            Self::Import => "Import of an order history",
            Self::Start => "Start and idle memory",
            Self::Memory => "Memory by the size of the catalogue",
            Self::Size => "Size",
            Self::Simulate => "Prices that learn, in invented shops",
            Self::ColdBuild => "Cold build",
        }
    }
}

/// Everything a section needs.
struct Bench<'a> {
    machine: Machine,
    data: Option<&'a Path>,
}

/// Runs the sections and writes the results; `true` means that every one succeeded.
///
/// # Errors
/// Fails when the results cannot be read or written; a failing section is `false`.
pub fn run(root: &Path, args: &BenchArgs) -> Result<bool> {
    let bench = Bench { machine: Machine::new(root)?, data: args.data.as_deref() };
    let date = args.date.unwrap_or_else(today);
    let file = root.join("benches/RESULTS.md");
    let mut failed = 0;
    for section in plan(args) {
        println!("\n==== {}", section.name());
        match bench.run(section, date) {
            Ok(text) => {
                println!("{text}");
                let mut results = Results::read(&file)?;
                results.replace(&section.name(), text);
                let order: Vec<_> = Section::value_variants().iter().map(|s| s.name()).collect();
                std::fs::write(&file, results.write(&order)).context("cannot write the results")?;
            }
            Err(error) => {
                failed += 1;
                println!("FAILED  {}: {error:#}", section.name());
            }
        }
        if bench.machine.is_stopped() {
            println!("stopped by a signal");
            return Ok(false);
        }
    }
    println!("\nbench: {failed} sections failed; the others are in benches/RESULTS.md");
    Ok(failed == 0)
}

/// The chosen sections, or all but the one that takes many minutes.
fn plan(args: &BenchArgs) -> Vec<Section> {
    let wanted = |section: &Section| match section {
        Section::ColdBuild => args.cold_build || args.only.contains(section),
        _ => args.only.is_empty() || args.only.contains(section),
    };
    Section::value_variants().iter().copied().filter(wanted).collect()
}

#[expect(clippy::disallowed_methods, reason = "the results carry the day they were measured")]
fn today() -> Date {
    jiff::ZonedDateTime::now().date()
}

impl Bench<'_> {
    /// Builds, waits for a quiet machine, measures; gives the section's text.
    fn run(&self, section: Section, date: Date) -> Result<String> {
        match section {
            Section::Ledger | Section::Floor => self.build_benches()?,
            Section::Prices => {
                self.build_benches()?;
                self.build_product()?;
            }
            Section::Import | Section::Start | Section::Memory | Section::Size => {
                self.build_product()?;
            }
            Section::Simulate | Section::ColdBuild => {}
        }
        if !matches!(section, Section::Size | Section::Simulate) {
            host::wait_until_quiet(&self.machine)?;
        }
        let before = Spent::read()?;
        let body = match section {
            Section::Ledger => self.ledger()?,
            Section::Floor => self.floor()?,
            Section::Prices => self.prices()?,
            Section::Import => self.import()?,
            Section::Start => self.start()?,
            Section::Memory => self.memory()?,
            Section::Size => self.size()?,
            Section::Simulate => crate::simulate::section()?,
            Section::ColdBuild => self.cold_build()?,
        };
        let quiet = match section {
            Section::Size | Section::Simulate => String::new(),
            _ => format!(" {}", before.sentence(Spent::read()?)),
        };
        let host = Host::read()?;
        Ok(format!("## {}\n\n{date}. {host}.{quiet}\n\n{}\n", section.title(), body.trim()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cold_build_runs_only_when_it_is_asked_for() {
        let check = |only: &[Section], cold_build, expected: bool| {
            let args = BenchArgs { only: only.to_vec(), cold_build, ..BenchArgs::default() };
            assert_eq!(plan(&args).contains(&Section::ColdBuild), expected, "{only:?}");
        };
        check(&[], false, false);
        check(&[], true, true);
        check(&[Section::Size], false, false);
        check(&[Section::ColdBuild], false, true);
    }

    #[test]
    fn only_the_chosen_sections_run_and_in_the_fixed_order() {
        let only = vec![Section::Size, Section::Ledger];
        let args = BenchArgs { only, ..BenchArgs::default() };
        assert_eq!(plan(&args), [Section::Ledger, Section::Size]);
    }
}
