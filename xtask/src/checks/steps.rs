//! What each step does. All cargo steps share one target folder: clippy and the documentation use
//! the same checked dependencies, and the tests build on the profile that `cargo test` uses alone.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::browser::Driver;
use super::machine::Machine;
use super::postgres::Cluster;
use super::{Step, deny, python, redis, strace};

/// What runs beside the steps, from the step that starts it to the end of the run.
#[derive(Default)]
pub struct Services {
    postgres: Option<Cluster>,
    browser: Option<Driver>,
    python: Option<PathBuf>,
    redis: Option<PathBuf>,
}

/// Runs one step; the text is a note for the summary.
pub fn run(
    step: Step,
    machine: &Machine,
    services: &mut Services,
    packages: &[String],
) -> Result<String> {
    match step {
        Step::Tidy => tidy(machine),
        Step::Fmt => cargo(machine, &["fmt", "--all", "--check"]),
        Step::Deny => deny::check(machine),
        Step::Postgres => {
            let cluster = services.postgres.insert(Cluster::start(machine)?);
            Ok(cluster.about.clone())
        }
        Step::Browser => {
            let driver = services.browser.insert(Driver::start(machine)?);
            Ok(driver.about.clone())
        }
        Step::Python => {
            let (python, about) = python::prepare(machine)?;
            services.python = Some(python);
            Ok(about)
        }
        Step::Redis => {
            let (redis, about) = redis::find_or_install(machine)?;
            services.redis = Some(redis);
            Ok(about)
        }
        Step::Clippy => clippy(machine),
        Step::Docs => docs(machine),
        Step::Tests => tests(machine, services, packages),
        Step::Benches => benches(machine),
    }
}

fn cargo(machine: &Machine, arguments: &[&str]) -> Result<String> {
    machine.run(&mut machine.cargo(arguments))?;
    Ok(String::new())
}

fn tidy(machine: &Machine) -> Result<String> {
    if !crate::tidy::report(&machine.root)? {
        bail!("the house rules are broken");
    }
    Ok(String::new())
}

fn clippy(machine: &Machine) -> Result<String> {
    let arguments = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    cargo(machine, &arguments)
}

fn docs(machine: &Machine) -> Result<String> {
    let mut command = machine.cargo(&["doc", "--workspace", "--no-deps", "--locked"]);
    machine.run(command.env("RUSTDOCFLAGS", "-D warnings"))?;
    Ok(String::new())
}

/// `cargo test` and not a faster runner that may be at hand: one way on every machine, and
/// documentation examples are tests too.
fn tests(machine: &Machine, services: &Services, packages: &[String]) -> Result<String> {
    let postgres = services.postgres.as_ref().context("PostgreSQL is not running")?;
    let browser = services.browser.as_ref().context("the browser's driver is not running")?;
    let python = services.python.as_ref().context("there is no Python for the contract tests")?;
    let redis = services.redis.as_ref().context("there is no Redis for the stream tests")?;
    strace::find_or_install(machine)?;
    let mut command = machine.cargo(&["test", "--locked", "--no-fail-fast"]);
    if packages.is_empty() {
        command.arg("--workspace");
    }
    for package in packages {
        command.args(["--package", package]);
    }
    command
        .env("SHOPWRIGHT_TEST_POSTGRES_URL", &postgres.url)
        .env("SHOPWRIGHT_REQUIRE_POSTGRES", "1")
        .env("SHOPWRIGHT_REQUIRE_STRACE", "1")
        .env("SHOPWRIGHT_TEST_WEBDRIVER_URL", &browser.url)
        .env("SHOPWRIGHT_TEST_CHROMIUM", &browser.chromium)
        .env("SHOPWRIGHT_REQUIRE_BROWSER", "1")
        .env("SHOPWRIGHT_TEST_PYTHON", python)
        .env("SHOPWRIGHT_TEST_REDIS", redis)
        .env("SHOPWRIGHT_REQUIRE_CONTRACT", "1")
        .env("SHOPWRIGHT_ARTEFACTS", &machine.artefacts)
        // A snapshot that is missing or differs is a failure, not a new file.
        .env("INSTA_UPDATE", "no");
    machine.run(&mut command)?;
    Ok(format!("{}; {}", postgres.about, browser.about))
}

fn benches(machine: &Machine) -> Result<String> {
    let manifest = "benches/Cargo.toml";
    if !machine.root.join(manifest).is_file() {
        bail!("{manifest} is missing");
    }
    let arguments = ["check", "--manifest-path", manifest, "--all-targets", "--locked"];
    let mut command = machine.cargo(&arguments);
    if std::env::var_os("CARGO_TARGET_DIR").is_none() {
        command.env("CARGO_TARGET_DIR", machine.root.join("target"));
    }
    machine.run(&mut command)?;
    Ok(String::new())
}
