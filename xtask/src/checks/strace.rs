//! strace, which the proof that writes are synced looks through.

use anyhow::{Context, Result};

use super::apt;
use super::machine::{Machine, in_path};

/// Finds strace or installs it. Only Linux has it, and only there is the proof made.
///
/// # Errors
/// Fails where it is missing and cannot be installed.
pub fn find_or_install(machine: &Machine) -> Result<()> {
    if !cfg!(target_os = "linux") || in_path("strace").is_some() {
        return Ok(());
    }
    apt::install(machine, &["strace"])?;
    in_path("strace").map(drop).context("strace was installed but is not on the path")
}
