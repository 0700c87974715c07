//! `backup` and `restore`: the file around what the store reads and writes.
//!
//! A backup appears under its name only when it is complete, read back and on the disk; a restored
//! ledger appears only when its books were checked. A crash before leaves a draft beside it and
//! nothing else.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::json;
use shopwright_domain::time::{Clock, Timestamp};
use shopwright_store::backup::{self, BackupError, Books, Maker, Manifest, Restored};
use shopwright_store::{SqliteOptions, StoreOptions, direct, settings as kept};

use crate::cli::{BackupArgs, RestoreArgs};
use crate::config::Settings;
use crate::failure::Failure;
use crate::output::{Answer, Page, count, grouped, local};
use crate::real::{RealClock, random};
use crate::{key_file, ledger};

/// The name of the last backup in the ledger's settings.
const LAST: &str = "last_backup";

/// The last backup that succeeded, as the ledger remembers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastBackup {
    /// When it was begun: later writes are not in it.
    pub made_at: Timestamp,
    /// Where it was written to.
    pub file: String,
    /// SHA-256 of its content.
    pub sha256: String,
}

/// When the ledger was last backed up, as far as it knows.
pub fn last(options: &StoreOptions) -> Result<Option<LastBackup>, Failure> {
    Ok(direct::look(options, |tx| kept::find(tx, LAST))?)
}

/// `backup`.
pub fn make(settings: &Settings, args: &BackupArgs) -> Result<Answer, Failure> {
    ledger::must_exist(settings)?;
    let (path, shown) = (&args.file, args.file.display());
    if path.exists() && !args.force {
        let does = "name another file, or say --force to replace it";
        return Err(Failure::new("exists", format!("{shown} is there already; {does}")));
    }
    let options = ledger::options(settings);
    let maker = Maker { product: env!("CARGO_PKG_VERSION").into(), now: RealClock.now() };
    let draft = beside(path, "part");
    let written = write_checked(&options, &maker, &draft).and_then(|manifest| {
        put_in_place(&draft, path, args.force).map_err(|error| unwritable(path, &error))?;
        Ok(manifest)
    });
    let manifest = written.inspect_err(|_| drop(fs::remove_file(&draft)))?;
    let bytes = fs::metadata(path).map_or(0, |about| about.len());
    let remembered = remember(&options, &manifest, path);
    Ok(made(settings, path, &manifest, (bytes, remembered)))
}

/// Writes the draft, brings it to the disk, and reads it back.
fn write_checked(options: &StoreOptions, maker: &Maker, draft: &Path) -> Result<Manifest, Failure> {
    let failed = |error: io::Error| unwritable(draft, &error);
    let mut out = BufWriter::new(key_file::create_private(draft).map_err(failed)?);
    let manifest =
        backup::write(options, maker, &mut out).map_err(|error| failure(draft, error))?;
    out.flush().and_then(|()| out.get_ref().sync_all()).map_err(failed)?;
    let read = backup::read_through(&mut File::open(draft).map_err(failed)?);
    if read.map_err(|error| failure(draft, error))? != manifest {
        let message = format!("{} does not read back as it was written", draft.display());
        return Err(Failure::new("backup", format!("{message}; check the disk")));
    }
    Ok(manifest)
}

/// Lets the ledger remember the backup. A ledger that cannot be written is backed up all the same.
fn remember(options: &StoreOptions, manifest: &Manifest, path: &Path) -> bool {
    let file = std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string();
    let (made_at, sha256) = (manifest.header.made_at, manifest.sha256.clone());
    let value = json!(LastBackup { made_at, file, sha256 });
    let written = direct::write(options, |tx| kept::set(tx, LAST, &value));
    written.inspect_err(|error| tracing::warn!(%error, "the backup was not remembered")).is_ok()
}

fn made(
    settings: &Settings,
    path: &Path,
    manifest: &Manifest,
    (bytes, remembered): (u64, bool),
) -> Answer {
    let not_in_it = key_files(settings);
    let rows: u64 = manifest.rows.values().sum();
    let mut page = Page::new(&format!("Backup {}", path.display()));
    page.pairs(&[
        ("of", manifest.header.engine.clone()),
        ("made at", local(manifest.header.made_at, &settings.zone)),
        ("schema", manifest.header.schema.to_string()),
        ("rows", grouped(rows)),
        ("bytes", grouped(bytes)),
        ("sha256", manifest.sha256.clone()),
    ]);
    page.gap().line("Not in it, on purpose: the key files. Keep copies of them in another place:");
    for file in &not_in_it {
        page.line(&format!("  {file}"));
    }
    page.line("Without key.secret no API key of this ledger opens anything after a restore.");
    page.gap().line(&format!(
        "Next: `shopwright doctor --backup {}` restores it in a scratch folder and checks it.",
        path.display()
    ));
    let json = json!({
        "file": path, "bytes": bytes, "manifest": manifest, "remembered": remembered,
        "not_in_it": not_in_it,
    });
    Answer::new(json, page)
}

/// The files that a restored ledger needs and no backup holds.
fn key_files(settings: &Settings) -> Vec<String> {
    let seal = &settings.seal_key_file;
    let seal = seal.exists().then(|| seal.display().to_string());
    std::iter::once(settings.key_secret_file.display().to_string()).chain(seal).collect()
}

/// `restore`.
pub fn restore(mut settings: Settings, args: &RestoreArgs) -> Result<Answer, Failure> {
    if let Some(folder) = &args.into {
        settings.data_dir.clone_from(folder);
        settings.key_secret_file = folder.join("key.secret");
        settings.seal_key_file = folder.join("seal.key");
        settings.database_url = None;
    }
    let books = if args.accept_broken { Books::MayBeBroken } else { Books::MustHold };
    let (restored, place) = match ledger::options(&settings) {
        StoreOptions::Sqlite(options) => {
            ledger::make_data_dir(&settings)?;
            let place = options.path.display().to_string();
            (restore_file(&args.file, &options.path, books)?, place)
        }
        options @ StoreOptions::Postgres(_) => {
            (load(&options, &args.file, books)?, "PostgreSQL".to_owned())
        }
    };
    Ok(done(&settings, &args.file, &restored, &place))
}

/// Restores beside the place and puts the whole ledger there in one step.
fn restore_file(from: &Path, to: &Path, books: Books) -> Result<Restored, Failure> {
    for end in ["", "-wal", "-shm", "-journal"] {
        let mut taken = to.as_os_str().to_owned();
        taken.push(end);
        if Path::new(&taken).exists() {
            let taken = Path::new(&taken).display();
            let does = "move it away, or name another folder with --into";
            return Err(Failure::new("not_empty", format!("{taken} is there; {does}")));
        }
    }
    let draft = beside(to, "restoring");
    // Made by us before SQLite opens it, so that nobody else may read it for a moment.
    let restored = load(&StoreOptions::Sqlite(SqliteOptions::new(&draft)), from, books);
    let restored = restored.and_then(|restored| {
        let synced = make_private(&draft).and_then(|()| File::open(&draft)?.sync_all());
        synced
            .and_then(|()| put_in_place(&draft, to, false))
            .map_err(|error| unwritable(to, &error))?;
        Ok(restored)
    });
    restored.inspect_err(|_| drop(fs::remove_file(&draft)))
}

/// Restores into `options`, which must be empty.
pub fn load(options: &StoreOptions, from: &Path, books: Books) -> Result<Restored, Failure> {
    let file = File::open(from).map_err(|error| {
        let shown = from.display();
        Failure::new("backup", format!("cannot read {shown}: {error}; check the path"))
    })?;
    backup::restore(options, &mut BufReader::new(file), books).map_err(|error| failure(from, error))
}

fn done(settings: &Settings, from: &Path, restored: &Restored, place: &str) -> Answer {
    let manifest = &restored.manifest;
    let rows: u64 = manifest.rows.values().sum();
    let broken: u64 = restored.rules.iter().map(|rule| rule.broken.len() as u64).sum();
    let mut page = Page::new(&format!("Restored {}", from.display()));
    let (was, is) = (restored.migrated.from, restored.migrated.to);
    let schema = if was == is { is.to_string() } else { format!("{was}, brought to {is}") };
    page.pairs(&[
        ("into", place.to_owned()),
        ("of", local(manifest.header.made_at, &settings.zone)),
        ("schema", schema),
        ("rows", grouped(rows)),
        (
            "books",
            if broken == 0 { "hold".into() } else { count(broken, "broken row", "broken rows") },
        ),
    ]);
    let keys = manifest.rows.get("api_keys").copied().unwrap_or_default();
    let key_missing = keys > 0 && !settings.key_secret_file.exists();
    let endpoints = manifest.rows.get("webhook_endpoints").copied().unwrap_or_default();
    let seal_missing = endpoints > 0 && !settings.seal_key_file.exists();
    if key_missing || seal_missing {
        page.gap();
    }
    if key_missing {
        let (shown, keys) =
            (settings.key_secret_file.display(), count(keys, "API key", "API keys"));
        page.line(&format!("Next: put your copy of key.secret at {shown}; {keys} need it."));
    }
    if seal_missing {
        let shown = settings.seal_key_file.display();
        let endpoints = count(endpoints, "webhook endpoint", "webhook endpoints");
        page.line(&format!("Next: put your copy of seal.key at {shown}; {endpoints} need it."));
    }
    if !key_missing && !seal_missing {
        page.gap().line("Next: `shopwright doctor`, then `shopwright serve`.");
    }
    let json = json!({
        "into": place, "manifest": manifest, "schema_from": was, "schema_to": is,
        "holds": broken == 0, "rules": restored.rules, "key_secret_missing": key_missing,
        "seal_key_missing": seal_missing,
    });
    Answer::new(json, page)
}

/// A name in the same folder that nobody else uses.
fn beside(path: &Path, end: &str) -> PathBuf {
    let unique = u64::from_be_bytes(random());
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{unique:016x}.{end}"));
    path.with_file_name(name)
}

/// Gives the draft its name, whole or not at all; without `replace` never over another file.
fn put_in_place(draft: &Path, path: &Path, replace: bool) -> io::Result<()> {
    if replace {
        fs::rename(draft, path)?;
    } else {
        // A link, unlike a rename, refuses to replace what another process put there meanwhile.
        fs::hard_link(draft, path)?;
        fs::remove_file(draft)?;
    }
    // The name is on the disk only when its folder is.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn make_private(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(())
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    let shown = path.display();
    let does = "check its folder, its permissions and the free space";
    Failure::new("backup", format!("cannot write {shown}: {error}; {does}"))
}

/// What is wrong with a backup is the answer to a question (1) when its file was read, and a failure
/// (2) otherwise.
fn failure(path: &Path, error: BackupError) -> Failure {
    let message = format!("{}: {error}", path.display());
    match error {
        BackupError::Ledger(error) => error.into(),
        BackupError::Occupied(_) => Failure::new("not_empty", message),
        BackupError::Io(_) => Failure::new("backup", message),
        BackupError::DamagedLedger(_) => Failure::not_so("damaged_ledger", message),
        BackupError::Broken(rules) => {
            let broken = rules.iter().filter(|rule| !rule.broken.is_empty());
            let told: Vec<String> =
                broken.map(|rule| format!("{} ({})", rule.rule, rule.broken.join("; "))).collect();
            let does = "restore an earlier backup, or say --accept-broken to keep these books";
            Failure::not_so("broken_books", format!("{message}: {}; {does}", told.join(", ")))
        }
        BackupError::Foreign
        | BackupError::Cut(_)
        | BackupError::Damaged(_)
        | BackupError::Newer { .. } => Failure::not_so("bad_backup", message),
    }
}
