//! The command line of `cargo xtask`. Each subcommand is one module of the library; this file only
//! parses arguments and turns the outcome into an exit code.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use xtask::bench::BenchArgs;
use xtask::checks::CheckArgs;
use xtask::torture::TortureArgs;

/// Everything a maintainer of Shopwright runs.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Read the repository and name what breaks the house rules.
    Tidy,
    /// Run the whole check: style, lints, licences, docs, and every test on real services.
    Test(CheckArgs),
    /// Measure, and write `benches/RESULTS.md`.
    Bench(BenchArgs),
    /// Kill servers and try properties for longer than a test may take.
    Torture(TortureArgs),
    /// Play invented shops with the engines and rivals.
    #[command(subcommand)]
    Simulate(xtask::simulate::Simulate),
    /// Make the demo's data anew from the published Online Retail file.
    DemoData {
        /// The published file, `.csv` or `.csv.gz`.
        source: std::path::PathBuf,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<bool> {
    let root = xtask::root::find(&std::env::current_dir()?)?;
    match cli.task {
        Task::Tidy => xtask::tidy::report(&root),
        Task::Test(args) => xtask::checks::run(&root, &args),
        Task::Bench(args) => xtask::bench::run(&root, &args),
        Task::Simulate(task) => xtask::simulate::run(&task),
        Task::Torture(args) => xtask::torture::run(&root, &args),
        Task::DemoData { source } => {
            xtask::demo_data::run(&source, &root.join("crates/shopwright/demo"))
                .map_err(anyhow::Error::msg)?;
            Ok(true)
        }
    }
}
