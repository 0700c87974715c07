//! A Python of its own for the contract tests: a virtual environment beside the other tools, with the
//! pinned packages, from whatever index the machine's pip is configured for. Made anew when the pins
//! change.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::apt;
use super::machine::{Machine, in_path, output};

const REQUIREMENTS: &str = "crates/shopwright/tests/contract/requirements.txt";
/// Debian and Ubuntu have the module that makes environments in a package of its own.
const PACKAGES: [&str; 2] = ["python3", "python3-venv"];
/// Written last: an environment without it is not complete.
const STAMP: &str = "installed-requirements.txt";

/// Finds or makes the environment; gives its interpreter and a note for the summary.
///
/// # Errors
/// Fails when there is no Python and none can be installed, or when pip cannot get a package.
pub fn prepare(machine: &Machine) -> Result<(PathBuf, String)> {
    let wanted = std::fs::read_to_string(machine.root.join(REQUIREMENTS))
        .with_context(|| format!("{REQUIREMENTS} cannot be read"))?;
    let folder = machine.tools.join("python");
    let interpreter = folder.join("bin/python");
    if !is_complete(&folder, &interpreter, &wanted) {
        make(machine, &folder, &interpreter)?;
        std::fs::write(folder.join(STAMP), &wanted)?;
    }
    let version = output(Command::new(&interpreter).arg("--version"))?;
    let packages = wanted.lines().filter(|line| line.contains("==")).count();
    let about = format!("{} with {packages} pinned packages", version.trim());
    Ok((interpreter, about))
}

fn is_complete(folder: &Path, interpreter: &Path, wanted: &str) -> bool {
    let installed = std::fs::read_to_string(folder.join(STAMP));
    installed.is_ok_and(|installed| installed == wanted)
        && output(Command::new(interpreter).arg("--version")).is_ok()
}

fn make(machine: &Machine, folder: &Path, interpreter: &Path) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    let venv = |python: &Path| machine.run(Command::new(python).args(["-m", "venv"]).arg(folder));
    let made = in_path("python3").context("there is no python3").and_then(|python| venv(&python));
    if let Err(error) = made {
        println!("no virtual environment ({error:#}); installing what makes one");
        apt::install(machine, &PACKAGES)?;
        venv(&in_path("python3").context("python3 was installed but is not on the path")?)?;
    }
    let mut pip = Command::new(interpreter);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
    machine.run(pip.arg(machine.root.join(REQUIREMENTS)))
}
