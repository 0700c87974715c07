//! The command line of `cargo xtask`. Each subcommand is one module of the library; this file only
//! parses arguments and turns the outcome into an exit code.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use xtask::checks::CheckArgs;

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
    }
}
