//! The Redis server of the tests of message streams, which start their own on ports of their own.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::apt;
use super::machine::{Machine, in_path, output};

/// Finds redis-server or installs it; gives the program and a note for the summary.
///
/// # Errors
/// Fails where it is missing and cannot be installed, or does not run.
pub fn find_or_install(machine: &Machine) -> Result<(PathBuf, String)> {
    if in_path("redis-server").is_none() {
        apt::install(machine, &["redis-server"])?;
    }
    let program =
        in_path("redis-server").context("redis-server was installed but is not on the path")?;
    let about = output(Command::new(&program).arg("--version"))?;
    let version = about.split_whitespace().find_map(|word| word.strip_prefix("v="));
    Ok((program, format!("Redis {}", version.unwrap_or("of an unknown version"))))
}
