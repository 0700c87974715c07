//! Installs Debian and Ubuntu packages when a program is missing and we may do so; otherwise says
//! exactly what is missing, so that the reader can install it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use super::machine::{Machine, in_path, output};

/// Installs `packages`, or explains that they are missing.
///
/// # Errors
/// Refuses without apt or without the right to use it; fails when apt does.
pub fn install(machine: &Machine, packages: &[&str]) -> Result<()> {
    let names = packages.join(" ");
    let Some(apt) = in_path("apt-get") else {
        bail!("missing: {names}; this machine has no apt-get to install it with");
    };
    let Some(prefix) = right_to_install() else {
        bail!("missing: {names}; run `apt-get install {names}` as root");
    };
    let run = |arguments: &[&str]| {
        let mut command = privileged(&prefix, apt.clone());
        machine.run(command.args(arguments))
    };
    run(&["update", "-q"])?;
    let install = ["install", "-y", "-q", "--no-install-recommends"];
    run(&[&install, packages].concat())
}

/// What must stand before a command that changes the system: nothing for root, `sudo` where it asks
/// for no password.
fn right_to_install() -> Option<Vec<&'static str>> {
    if rustix::process::geteuid().is_root() {
        return Some(Vec::new());
    }
    let allowed = output(Command::new("sudo").args(["-n", "true"])).is_ok();
    allowed.then(|| vec!["sudo", "-n"])
}

fn privileged(prefix: &[&str], program: PathBuf) -> Command {
    let mut words = prefix.iter().copied().chain(["env", "DEBIAN_FRONTEND=noninteractive"]);
    let mut command = Command::new(words.next().unwrap_or("env"));
    command.args(words).arg(program);
    command
}
