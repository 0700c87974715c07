//! A browser for the tests: Chromium found or installed, and its driver on a free port of this
//! machine. Browser and driver of different major versions do not understand each other, so that is
//! found out here and not in the middle of a test.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use tempfile::TempDir;

use super::apt;
use super::machine::{Machine, Service, free_port, in_path, is_listening, output};

const BROWSERS: [&str; 4] =
    ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const DRIVER: &str = "chromedriver";
const PACKAGES: [&str; 2] = ["chromium", "chromium-driver"];

/// A running driver. Fields are dropped in this order: the driver and its browsers end, then
/// their profiles go.
pub struct Driver {
    /// Where tests speak WebDriver.
    pub url: String,
    /// The browser's program.
    pub chromium: PathBuf,
    /// For the summary.
    pub about: String,
    _server: Service,
    _profiles: TempDir,
}

impl Driver {
    /// Finds or installs the browser and starts its driver.
    ///
    /// # Errors
    /// Fails when either is missing and cannot be installed, when their versions differ, or when
    /// the driver does not start.
    pub fn start(machine: &Machine) -> Result<Self> {
        let (chromium, driver) = if let Some(found) = find() {
            found
        } else {
            apt::install(machine, &PACKAGES)?;
            find().context("Chromium and chromedriver were installed but are not on the path")?
        };
        let version = version(&chromium)?;
        let driver_version = self::version(&driver)?;
        if version != driver_version {
            bail!("Chromium is version {version}, but chromedriver is version {driver_version}");
        }
        // Profiles of browsers that tests leave open would otherwise pile up.
        let profiles = tempfile::Builder::new().prefix("shopwright-browser-").tempdir()?;
        let port = free_port()?;
        let mut command = Command::new(&driver);
        command.arg(format!("--port={port}")).env("TMPDIR", profiles.path());
        let log = "chromedriver.log";
        let is_ready = || is_listening(port);
        let service = Service::start(machine, &mut command, log, Signal::TERM, is_ready)?;
        Ok(Self {
            url: format!("http://127.0.0.1:{port}"),
            about: format!("Chromium {version}, driver on port {port}"),
            chromium,
            _server: service,
            _profiles: profiles,
        })
    }
}

fn find() -> Option<(PathBuf, PathBuf)> {
    let chromium = BROWSERS.iter().find_map(|name| in_path(name))?;
    Some((chromium, in_path(DRIVER)?))
}

fn version(program: &Path) -> Result<u32> {
    let text = output(Command::new(program).arg("--version"))?;
    major(&text).with_context(|| format!("`{}` has no version", text.trim()))
}

/// `ChromeDriver 156.0.8078.79 (b1d…)` is 156.
fn major(text: &str) -> Option<u32> {
    text.split_whitespace().find_map(|word| word.split('.').next()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_the_first_number() {
        let check = |text: &str, expected| assert_eq!(major(text), expected, "{text}");
        check("Chromium 156.0.8078.79 built on Debian 12", Some(156));
        check("Google Chrome 156.0.1.2 \n", Some(156));
        check("ChromeDriver 155.0.1.2 (0123abcd-refs/branch)", Some(155));
        check("no version here", None);
    }
}
