//! What the ledger says of itself: reachable, whole, of this program's schema, its books, its last
//! backup. Nothing here brings the schema up to date.

use std::path::{Path, PathBuf};

use shopwright_domain::time::{Clock, Timestamp};
use shopwright_store::backup::Books;
use shopwright_store::direct::{self, Condition};
use shopwright_store::verify::verify;
use shopwright_store::{SqliteOptions, StoreOptions, identity};

use super::Check;
use crate::config::Settings;
use crate::output::{count, local};
use crate::real::{RealClock, random};
use crate::{backup, ledger};

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;
/// A backup older than this is worth knowing.
const BACKUP_AGE_MAX: i64 = 7 * DAY;
/// Clocks that differ by more than this put one day's orders into another.
const SKEW_MAX: i64 = 60 * SECOND;
/// Clocks kept by NTP differ by less than this.
const SKEW_WANTED: i64 = 2 * SECOND;

/// Every check of the ledger; one alone where there is none.
pub fn all(settings: &Settings) -> Vec<Check> {
    let options = ledger::options(settings);
    if let Err(missing) = ledger::must_exist(settings) {
        return vec![Check::warning("ledger", missing.message)];
    }
    let condition = match direct::examine(&options, &RealClock) {
        Ok(condition) => condition,
        Err(error) => return vec![Check::problem("ledger", error.to_string())],
    };
    let mut checks = vec![reached(&condition), schema(&condition)];
    if let Some(server) = &condition.server {
        checks.push(durability(&server.unsafe_settings));
        checks.push(skew(server.clock_ahead_micros));
        checks.push(on_the_way(server.is_readable_on_the_way));
    }
    if condition.schema == condition.schema_wanted {
        checks.push(books(&options));
        checks.extend(written_later(&options, RealClock.now()));
        checks.extend(keys_without_secret(settings, &options));
    } else {
        checks.push(Check::unknown("books", "the schema is another one"));
    }
    checks.push(last_backup(settings, &options));
    checks
}

fn reached(condition: &Condition) -> Check {
    let name = "ledger";
    if let Some(first) = condition.damage.first() {
        let does = "stop the server, keep the file as it is, and restore a backup beside it";
        return Check::problem(name, format!("the database file is damaged: {first}; {does}"));
    }
    match &condition.server {
        Some(server) => Check::ok(name, format!("PostgreSQL {} answers", server.version)),
        None => Check::ok(name, "the database file is whole"),
    }
}

fn schema(condition: &Condition) -> Check {
    let (is, wanted) = (condition.schema, condition.schema_wanted);
    if is == wanted {
        return Check::ok("schema", format!("version {is}"));
    }
    Check::problem(
        "schema",
        format!(
            "version {is}, this program needs {wanted}; back up, then run `shopwright migrate`"
        ),
    )
}

fn durability(unsafe_settings: &[String]) -> Check {
    if unsafe_settings.is_empty() {
        return Check::ok("durability", "what the server acknowledges is on its disk");
    }
    let settings = unsafe_settings.join(", ");
    Check::problem(
        "durability",
        format!("the server loses acknowledged writes in a power cut: {settings}; switch them on"),
    )
}

fn skew(ahead: i64) -> Check {
    let name = "database_clock";
    let millis = ahead / 1_000;
    let says = match millis {
        ahead if ahead >= 0 => format!("{ahead} ms ahead of this machine's"),
        behind => format!("{} ms behind this machine's", -behind),
    };
    match ahead.saturating_abs() {
        skew if skew > SKEW_MAX => Check::problem(name, format!("{says}; set both by NTP")),
        skew if skew > SKEW_WANTED => Check::warning(name, format!("{says}; set both by NTP")),
        _ => Check::ok(name, says),
    }
}

fn on_the_way(is_readable: bool) -> Check {
    let name = "database_connection";
    if is_readable {
        let does =
            "add ?sslmode=verify-full to database_url, with sslrootcert=FILE for an own authority";
        return Check::warning(name, format!("it is not encrypted between two machines; {does}"));
    }
    Check::ok(name, "nobody reads along: it is encrypted, or stays on this machine")
}

fn books(options: &StoreOptions) -> Check {
    let rules = match direct::look(options, verify) {
        Ok(rules) => rules,
        Err(error) => return Check::unknown("books", error.to_string()),
    };
    let broken: Vec<&str> =
        rules.iter().filter(|rule| !rule.broken.is_empty()).map(|rule| rule.rule).collect();
    if broken.is_empty() {
        return Check::ok("books", count(rules.len() as u64, "rule holds", "rules hold"));
    }
    let broken = broken.join(", ");
    Check::problem("books", format!("broken: {broken}; `shopwright verify` lists the rows"))
}

/// A ledger from the future: this clock was set back, or another node's is ahead.
fn written_later(options: &StoreOptions, now: Timestamp) -> Option<Check> {
    let latest = direct::look(options, direct::latest_refresh).ok().flatten()?;
    (latest > now.plus_micros(SKEW_MAX)).then(|| {
        let says = format!("the ledger was written at {latest}, which is still to come");
        Check::problem("ledger_clock", format!("{says}; set the clocks of all nodes by NTP"))
    })
}

fn keys_without_secret(settings: &Settings, options: &StoreOptions) -> Option<Check> {
    let path = &settings.key_secret_file;
    if path.exists() {
        return None;
    }
    let keys = direct::look(options, identity::list_keys).ok()?;
    (!keys.is_empty()).then(|| {
        let (keys, shown) = (count(keys.len() as u64, "API key", "API keys"), path.display());
        Check::problem(
            "key_secret",
            format!("{keys} need {shown}, which is missing; restore your copy"),
        )
    })
}

fn last_backup(settings: &Settings, options: &StoreOptions) -> Check {
    let name = "last_backup";
    let last = match backup::last(options) {
        Ok(Some(last)) => last,
        Ok(None) => {
            return Check::warning(name, "never; `shopwright backup FILE` makes one");
        }
        Err(error) => return Check::unknown(name, error.message),
    };
    let says = format!("{}, to {}", local(last.made_at, &settings.zone), last.file);
    aged(RealClock.now().as_micros().saturating_sub(last.made_at.as_micros()), &says)
}

fn aged(age: i64, says: &str) -> Check {
    let name = "last_backup";
    if age > BACKUP_AGE_MAX {
        return Check::warning(
            name,
            format!("{} ago: {says}", count((age / DAY).unsigned_abs(), "day", "days")),
        );
    }
    Check::ok(name, says)
}

/// A folder that goes with everything in it.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Scratch {
    /// In the data folder, which has room for a ledger and is nobody else's to read.
    fn make(settings: &Settings) -> std::io::Result<Self> {
        let home = Some(settings.data_dir.clone()).filter(|folder| folder.exists());
        let home = home.unwrap_or_else(std::env::temp_dir);
        let folder = home.join(format!("doctor-{:016x}", u64::from_be_bytes(random())));
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&folder)?;
        Ok(Self(folder))
    }
}

/// Restores a backup of either engine into a scratch file and checks its books.
pub fn restorable(settings: &Settings, file: &Path) -> Check {
    let name = "backup";
    let scratch = match Scratch::make(settings) {
        Ok(scratch) => scratch,
        Err(error) => return Check::unknown(name, format!("no scratch folder: {error}")),
    };
    let options = StoreOptions::Sqlite(SqliteOptions::new(scratch.0.join("restored.db")));
    match backup::load(&options, file, Books::MustHold) {
        Ok(restored) => {
            let rows: u64 = restored.manifest.rows.values().sum();
            let made = local(restored.manifest.header.made_at, &settings.zone);
            let rows = count(rows, "row", "rows");
            Check::ok(
                name,
                format!("{} of {made} restores: {rows}, the books hold", file.display()),
            )
        }
        Err(failure) if failure.exit == 1 => Check::problem(name, failure.message),
        Err(failure) => Check::unknown(name, failure.message),
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn clocks_that_differ_by_seconds_are_told_and_by_minutes_are_a_problem() {
        let check = |ahead: i64, state: State, says: &str| {
            let found = skew(ahead);
            assert_eq!(found.state, state, "{ahead}: {}", found.says);
            assert!(found.says.contains(says), "{ahead}: {}", found.says);
        };
        check(0, State::Ok, "0 ms ahead");
        check(-2 * SECOND, State::Ok, "2000 ms behind");
        check(2 * SECOND + 1, State::Warning, "set both by NTP");
        check(-60 * SECOND, State::Warning, "60000 ms behind");
        check(60 * SECOND + 1, State::Problem, "set both by NTP");
        check(i64::MIN, State::Problem, "behind");
    }

    #[test]
    fn a_server_that_does_not_sync_is_a_problem_and_an_old_backup_a_warning() {
        assert_eq!(durability(&[]).state, State::Ok);
        let off = durability(&["fsync = off".into(), "full_page_writes = off".into()]);
        assert_eq!(off.state, State::Problem);
        assert!(off.says.contains("fsync = off, full_page_writes = off"), "{}", off.says);
        assert_eq!(aged(7 * DAY, "then").state, State::Ok);
        let old = aged(8 * DAY, "then");
        assert_eq!((old.state, old.says.as_str()), (State::Warning, "8 days ago: then"));
    }
}
