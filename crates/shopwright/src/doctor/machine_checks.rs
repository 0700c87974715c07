//! What the machine gives: folder, space, key files, address, clock.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::Duration;

use shopwright_domain::time::{Clock, Timestamp};

use super::Check;
use crate::config::Settings;
use crate::output::grouped;
use crate::real::{RealClock, random};

/// Less free space than this and writes will soon fail.
const SPACE_NEEDED: u64 = 100 << 20;
/// Less than this is worth knowing.
const SPACE_WANTED: u64 = 1 << 30;
/// No clock that is right shows an earlier time: 2025-01-01.
const EARLIEST: Timestamp = Timestamp::from_micros(1_735_689_600_000_000);
/// How long another server may take to say who it is.
const PROBE_TIME_MAX: Duration = Duration::from_secs(3);
const PROBE_BYTES_MAX: u64 = 16_384;

/// Every check of the machine.
pub fn all(settings: &Settings) -> Vec<Check> {
    let mut checks = vec![data_dir(settings), space(settings)];
    checks.extend(key_files(settings));
    checks.push(address(settings));
    checks.push(clock(RealClock.now()));
    checks
}

fn data_dir(settings: &Settings) -> Check {
    let (folder, name) = (&settings.data_dir, "data_dir");
    let shown = folder.display();
    if !folder.exists() {
        return Check::warning(name, format!("{shown} is not there yet; the first write makes it"));
    }
    let probe = folder.join(format!("doctor-{:016x}", u64::from_be_bytes(random())));
    let tried = fs::File::create_new(&probe)
        .and_then(|mut file| file.write_all(b"doctor").and_then(|()| file.sync_all()));
    let _ = fs::remove_file(&probe);
    match tried {
        Ok(()) if open_to(folder, 0o002) => Check::problem(
            name,
            format!("every user of this machine can write in {shown}; run `chmod o-w {shown}`"),
        ),
        Ok(()) => Check::ok(name, format!("{shown} can be written")),
        Err(error) => Check::problem(
            name,
            format!("{shown} cannot be written: {error}; give it to the user who runs the server"),
        ),
    }
}

#[cfg(unix)]
fn space(settings: &Settings) -> Check {
    let name = "free_space";
    let folder = if settings.data_dir.exists() { &settings.data_dir } else { Path::new(".") };
    let free = match rustix::fs::statvfs(folder) {
        Ok(about) => about.f_bavail.saturating_mul(about.f_frsize),
        Err(error) => return Check::unknown(name, format!("not to be had: {error}")),
    };
    let says = format!("{} MiB beside {}", grouped(free >> 20), folder.display());
    match free {
        free if free < SPACE_NEEDED => {
            Check::problem(name, format!("{says}; free some before writes fail"))
        }
        free if free < SPACE_WANTED => Check::warning(name, says),
        _ => Check::ok(name, says),
    }
}

#[cfg(not(unix))]
fn space(_: &Settings) -> Check {
    Check::unknown("free_space", "not known how to ask this system")
}

fn key_files(settings: &Settings) -> Vec<Check> {
    let known = [("key_secret", &settings.key_secret_file), ("seal_key", &settings.seal_key_file)];
    known
        .into_iter()
        .filter(|(_, path)| path.exists())
        .map(|(name, path)| key(name, path))
        .collect()
}

fn key(name: &'static str, path: &Path) -> Check {
    let shown = path.display();
    match fs::read(path) {
        Err(error) => Check::problem(name, format!("{shown} cannot be read: {error}")),
        Ok(bytes) if bytes.len() < 16 => {
            Check::problem(name, format!("{shown} is too short for a secret; restore your copy"))
        }
        Ok(_) if open_to(path, 0o077) => {
            Check::problem(name, format!("others can read {shown}; run `chmod 600 {shown}`"))
        }
        Ok(_) => Check::ok(name, format!("{shown}; only its owner reads it")),
    }
}

#[cfg(unix)]
fn open_to(path: &Path, others: u32) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|about| about.permissions().mode() & others != 0)
}

#[cfg(not(unix))]
fn open_to(_: &Path, _: u32) -> bool {
    false
}

fn address(settings: &Settings) -> Check {
    let (name, listen) = ("listen", settings.listen.as_str());
    match TcpListener::bind(listen) {
        Ok(_) => Check::ok(name, format!("{listen} is free")),
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
            Check::problem(name, format!("{listen} cannot be used: {error}"))
        }
        Err(_) if answers_as_shopwright(listen) => {
            Check::ok(name, format!("{listen} is served by Shopwright"))
        }
        Err(_) => Check::problem(
            name,
            format!("{listen} is taken by another program; choose another with listen"),
        ),
    }
}

/// Whether the program behind an address describes itself as ours.
fn answers_as_shopwright(listen: &str) -> bool {
    let ask = || -> io::Result<String> {
        let mut address: SocketAddr =
            listen.to_socket_addrs()?.next().ok_or(io::ErrorKind::NotFound)?;
        if address.ip().is_unspecified() {
            address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        }
        let mut stream = TcpStream::connect_timeout(&address, PROBE_TIME_MAX)?;
        stream.set_read_timeout(Some(PROBE_TIME_MAX))?;
        let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.take(PROBE_BYTES_MAX).read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.contains("shopwright_"))
}

fn clock(now: Timestamp) -> Check {
    if now < EARLIEST {
        return Check::problem(
            "clock",
            format!("this machine believes it is {now}; set its clock"),
        );
    }
    Check::ok("clock", now.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn a_clock_before_this_program_was_written_is_wrong() {
        assert_eq!(clock(Timestamp::from_micros(0)).state, State::Problem);
        assert_eq!(clock(EARLIEST).state, State::Ok);
    }
}
