//! The sections whose figures come from the benchmarks' own programs, which write their tables.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::Bench;
use crate::checks::postgres::Cluster;

impl Bench<'_> {
    /// The benchmarks' two workspaces, into one target folder.
    pub(super) fn build_benches(&self) -> Result<()> {
        for folder in ["benches", "benches/sqlx"] {
            let mut cargo = self.machine.cargo(&["build", "--release", "--locked"]);
            cargo
                .current_dir(self.machine.root.join(folder))
                .env("CARGO_TARGET_DIR", self.bench_target());
            self.machine.run(&mut cargo)?;
        }
        Ok(())
    }

    /// The product in its release profile.
    pub(super) fn build_product(&self) -> Result<()> {
        let arguments = ["build", "--release", "--locked", "--package", "shopwright"];
        self.machine.run(&mut self.machine.cargo(&arguments))
    }

    /// The store layer against raw drivers and sqlx. Its cluster syncs: durable figures are the point.
    pub(super) fn ledger(&self) -> Result<String> {
        let cluster = Cluster::start_durable(&self.machine)?;
        let mut proof = Command::new(self.bench_program("ledger-proof"));
        proof.arg("--sqlx").arg(self.bench_program("sqlx-contender"));
        proof.arg("--folder").arg(self.data_folder()?);
        proof.args(["--postgres", &cluster.url]);
        let tables = report(&mut proof)?;
        Ok(format!(
            "Every contender runs the same SQL on the same rows: a raw driver on the caller's thread, the store's \
             closures on its database threads, and sqlx 0.9 in a process of its own. SQLite files have the store's \
             settings (WAL, `synchronous=FULL`); {}. Raw bulk writes use a `VALUES` list of up to 200 rows on SQLite and \
             `UNNEST` on PostgreSQL.\n\n{tables}",
            cluster.about
        ))
    }

    /// The product's own writes against raw SQLite.
    pub(super) fn floor(&self) -> Result<String> {
        let cluster = Cluster::start_durable(&self.machine)?;
        let mut load = Command::new(self.bench_program("floor-load"));
        load.arg("--folder").arg(self.data_folder()?);
        load.args(["--postgres", &cluster.url]);
        load.arg("--pgbench").arg(cluster.programs.join("pgbench"));
        Ok(format!("{}.\n\n{}", cluster.about, report(&mut load)?))
    }

    /// Prices over HTTP against a bare server.
    pub(super) fn prices(&self) -> Result<String> {
        let mut harness = Command::new(self.bench_program("price-get"));
        harness.arg("compare").arg("--shopwright").arg(self.product());
        harness.arg("--folder").arg(self.data_folder()?);
        report(&mut harness)
    }

    /// Where the product's release binary is built.
    pub(super) fn product(&self) -> PathBuf {
        let given = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
        let target = given.unwrap_or_else(|| self.machine.root.join("target"));
        self.machine.root.join(target).join("release/shopwright")
    }

    /// A folder on the same disk as the build, not one that may be in memory.
    pub(super) fn data_folder(&self) -> Result<PathBuf> {
        let folder = self.bench_target().join("data");
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    fn bench_target(&self) -> PathBuf {
        self.machine.root.join("benches/target")
    }

    fn bench_program(&self, name: &str) -> PathBuf {
        self.bench_target().join("release").join(name)
    }
}

/// What a program writes on its standard output; its progress is passed through.
fn report(command: &mut Command) -> Result<String> {
    let name = Path::new(command.get_program()).file_name().unwrap_or_default().to_owned();
    let name = name.to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run {name}"))?;
    ensure!(output.status.success(), "{name} ended with {}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}
