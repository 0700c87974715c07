//! A private PostgreSQL cluster for the tests: made in a temporary folder, reachable from this
//! machine only, gone when dropped. The cluster a machine may already run is never touched.
//!
//! For tests it runs without fsync: they ask whether the SQL is right, not whether PostgreSQL survives
//! a power cut, and they make and drop hundreds of databases. Benchmarks have it synced as by default.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use tempfile::TempDir;

use super::apt;
use super::machine::{Machine, Service, free_port, in_path, output};

/// The oldest major version the store supports.
const OLDEST_MAJOR: u32 = 15;
/// Where Debian and Ubuntu keep each major version's programs.
const DEBIAN_VERSIONS: &str = "/usr/lib/postgresql";
const SUPERUSER: &str = "shopwright";

/// A running cluster. Fields are dropped in this order: the server ends, then its folder goes.
pub struct Cluster {
    /// Where tests connect, as a superuser.
    pub url: String,
    /// For the summary.
    pub about: String,
    /// The folder of its programs, such as `pgbench`.
    pub programs: PathBuf,
    _server: Service,
    _folder: TempDir,
}

impl Cluster {
    /// Finds or installs PostgreSQL, makes a cluster and starts it.
    ///
    /// # Errors
    /// Fails when there is no PostgreSQL and none can be installed, or when it does not start.
    pub fn start(machine: &Machine) -> Result<Self> {
        Self::start_with(machine, &["fsync=off", "full_page_writes=off"], "fsync off")
    }

    /// The same, but every commit is on the disk before it is answered.
    ///
    /// # Errors
    /// As [`Cluster::start`].
    pub fn start_durable(machine: &Machine) -> Result<Self> {
        Self::start_with(machine, &[], "fsync on")
    }

    fn start_with(machine: &Machine, settings: &[&str], note: &str) -> Result<Self> {
        let found = if let Some(found) = newest() {
            found
        } else {
            apt::install(machine, &["postgresql"])?;
            newest().with_context(|| {
                format!("the installed PostgreSQL is older than version {OLDEST_MAJOR}")
            })?
        };
        let folder = tempfile::Builder::new().prefix("shopwright-postgres-").tempdir()?;
        let owner = Owner::choose()?;
        owner.own(folder.path())?;
        let data = folder.path().join("data");
        init(&found, &owner, &data)?;
        let (server, port) = serve(machine, &found, &owner, &data, settings)?;
        Ok(Self {
            url: format!("postgres://{SUPERUSER}@127.0.0.1:{port}/postgres"),
            about: format!("PostgreSQL {} on port {port}, {note}", found.major),
            programs: found.bin.clone(),
            _server: server,
            _folder: folder,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Installation {
    bin: PathBuf,
    major: u32,
}

/// The newest installation that is new enough.
fn newest() -> Option<Installation> {
    let versions = std::fs::read_dir(DEBIAN_VERSIONS).into_iter().flatten().flatten();
    let packaged = versions.map(|entry| entry.path().join("bin"));
    // The search path may hold links; the server finds its own files beside the real program.
    let on_path = in_path("postgres").and_then(|file| file.canonicalize().ok());
    let on_path = on_path.and_then(|file| file.parent().map(Path::to_owned));
    packaged
        .chain(on_path)
        .filter_map(installation)
        .filter(|found| found.major >= OLDEST_MAJOR)
        .max_by_key(|found| found.major)
}

fn installation(bin: PathBuf) -> Option<Installation> {
    if !["initdb", "postgres", "pg_isready"].iter().all(|name| bin.join(name).is_file()) {
        return None;
    }
    let version = output(Command::new(bin.join("postgres")).arg("--version")).ok()?;
    Some(Installation { bin, major: major(&version)? })
}

/// `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` is 15.
fn major(version: &str) -> Option<u32> {
    let number = version.split("(PostgreSQL)").nth(1)?.trim_start();
    let end = number.find(|digit: char| !digit.is_ascii_digit()).unwrap_or(number.len());
    number[..end].parse().ok()
}

/// Who runs the server: PostgreSQL refuses to run as root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Ourselves,
    Account { uid: u32, gid: u32 },
}

impl Owner {
    fn choose() -> Result<Self> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self::Ourselves);
        }
        let accounts = std::fs::read_to_string("/etc/passwd")?;
        match account(&accounts, "postgres").or_else(|| account(&accounts, "nobody")) {
            Some(owner) => Ok(owner),
            None => bail!("PostgreSQL refuses to run as root, and there is no other account"),
        }
    }

    fn own(self, path: &Path) -> Result<()> {
        match self {
            Self::Ourselves => Ok(()),
            Self::Account { uid, gid } => Ok(std::os::unix::fs::chown(path, Some(uid), Some(gid))?),
        }
    }

    fn command(self, program: PathBuf) -> Command {
        let mut command = Command::new(program);
        if let Self::Account { uid, gid } = self {
            command.uid(uid).gid(gid);
        }
        command
    }
}

fn account(accounts: &str, name: &str) -> Option<Owner> {
    let fields = accounts.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let found = fields.into_iter().find(|fields| fields.first() == Some(&name))?;
    let (uid, gid) = (found.get(2)?.parse().ok()?, found.get(3)?.parse().ok()?);
    Some(Owner::Account { uid, gid })
}

/// The folder that holds the data: the server's working folder and the home of its socket.
fn home(data: &Path) -> &Path {
    data.parent().unwrap_or(data)
}

fn init(found: &Installation, owner: &Owner, data: &Path) -> Result<()> {
    let mut command = owner.command(found.bin.join("initdb"));
    command
        .args(["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C", "--username"])
        .arg(SUPERUSER)
        .arg("--pgdata")
        .arg(data)
        .current_dir(home(data));
    output(&mut command).map(drop)
}

fn serve(
    machine: &Machine,
    found: &Installation,
    owner: &Owner,
    data: &Path,
    settings: &[&str],
) -> Result<(Service, u16)> {
    let port = free_port()?;
    let mut command = owner.command(found.bin.join("postgres"));
    command.arg("-D").arg(data).arg("-k").arg(home(data)).current_dir(home(data));
    command.args(["-h", "127.0.0.1", "-p", &port.to_string()]);
    for setting in settings.iter().chain(&["max_connections=200"]) {
        command.args(["-c", setting]);
    }
    let is_ready = || {
        let mut ask = Command::new(found.bin.join("pg_isready"));
        ask.args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]);
        output(&mut ask).is_ok()
    };
    // SIGINT is PostgreSQL's fast shutdown: it does not wait for clients to leave.
    let server = Service::start(machine, &mut command, "postgres.log", Signal::INT, is_ready)?;
    Ok((server, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_what_the_server_prints() {
        let check = |text: &str, expected| assert_eq!(major(text), expected, "{text}");
        check("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", Some(15));
        check("postgres (PostgreSQL) 18beta1", Some(18));
        check("postgres (PostgreSQL) 17", Some(17));
        check("postgres 9", None);
        check("", None);
    }

    #[test]
    fn an_account_is_found_by_its_whole_name() {
        let accounts =
            "root:x:0:0:r:/r:/bin/sh\npostgres2:x:7:7::/:\npostgres:x:101:103::/:/bin/sh";
        let expected = Some(Owner::Account { uid: 101, gid: 103 });
        assert_eq!(account(accounts, "postgres"), expected);
        assert_eq!(account(accounts, "nobody"), None);
    }
}
