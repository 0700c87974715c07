//! Backups: what is written comes back on either engine, one snapshot at a time, and anything that is
//! not a whole backup is refused without a trace.

use std::io::{Cursor, Read, Write};
use std::path::PathBuf;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use shopwright_domain::time::Timestamp;
use shopwright_store::backup::{
    BackupError, Books, Maker, Manifest, Restored, read_through, restore, write,
};
use shopwright_store::{SqliteOptions, StoreError, StoreOptions, Value, migrate, params};
use tempfile::TempDir;
use uuid::Uuid;

use crate::harness::{Db, SchemaGuard, cases, on_both, on_sqlite, postgres_options, raw_sqlite};

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_123_456);

fn maker() -> Maker {
    Maker { product: "0.0.1".into(), now: NOW }
}

/// A ledger with a row of every type of column, and the extremes of some.
fn fill(db: &Db) {
    db.write(|tx| {
        let json: serde_json::Value = serde_json::json!({ "a": [1, null, "é\n"], "bb": "1.50" });
        let earliest = Timestamp::from_micros(i64::MIN);
        tx.execute(
            "INSERT INTO products (sku, title, category, kind, currency, cost_minor, status, attributes, created_at, updated_at)
             VALUES ($1, $2, NULL, 'goods', 'EUR', $3, 'active', $4, $5, $6)",
            params!["Ä \"1\"", "two\nlines\t'", i64::MAX, &json, NOW, earliest],
        )?;
        for n in 0..40_u128 {
            tx.execute(
                "INSERT INTO api_keys (key_id, kind, name, shown_prefix, hash, created_at) VALUES ($1, 'secret', $2, 'sk', $3, $4)",
                params![Uuid::from_u128(n), "key", &[0, 255, u8::try_from(n).unwrap()][..], NOW],
            )?;
        }
        tx.execute(
            "INSERT INTO promotions (promotion_id, name, scope, scope_key, factor, locks_price, starts_at, ends_at, created_at)
             VALUES ($1, '', 'store', '', '0.9', $2, $3, $3, $3)",
            params![Uuid::from_u128(7), true, NOW],
        )?;
        tx.execute("UPDATE feeds SET version = 41 WHERE name = 'prices'", params![])?;
        order(tx, "1001", 500)
    })
    .unwrap();
}

/// An order over 500; with another amount its books do not hold.
fn order(
    tx: &mut shopwright_store::Tx<'_>,
    name: &str,
    amount_minor: i64,
) -> Result<(), StoreError> {
    let id = Uuid::from_u128(99);
    tx.execute(
        "INSERT INTO orders (order_id, source, external_id, state, currency, placed_at, amount_minor)
         VALUES ($1, 'shop', $2, 'placed', 'EUR', $3, $4)",
        params![id, name, NOW, amount_minor],
    )?;
    tx.execute(
        "INSERT INTO order_lines (order_id, ordinal, kind, code, title, quantity, unit_price_micros, amount_minor, at)
         VALUES ($1, 1, 'sale', 'x', 'X', 1, 5000000, 500, $2)",
        params![id, NOW],
    )?;
    Ok(())
}

fn backup(options: &StoreOptions) -> (Vec<u8>, Manifest) {
    let mut bytes = Vec::new();
    let manifest = write(options, &maker(), &mut bytes).unwrap();
    assert_eq!(read_through(&mut Cursor::new(&bytes)).unwrap(), manifest);
    (bytes, manifest)
}

/// A place that was never used.
struct Target {
    options: StoreOptions,
    _folder: Option<TempDir>,
    _schema: Option<SchemaGuard>,
}

impl Target {
    fn file() -> Self {
        let folder = TempDir::new().unwrap();
        let options = StoreOptions::Sqlite(SqliteOptions::new(folder.path().join("restored.db")));
        Self { options, _folder: Some(folder), _schema: None }
    }

    fn both() -> Vec<Self> {
        let schema = postgres_options(2).map(|options| Self {
            _schema: Some(SchemaGuard::new(&options)),
            options: StoreOptions::Postgres(options),
            _folder: None,
        });
        std::iter::once(Self::file()).chain(schema).collect()
    }

    fn path(&self) -> Option<PathBuf> {
        match &self.options {
            StoreOptions::Sqlite(options) => Some(options.path.clone()),
            StoreOptions::Postgres(_) => None,
        }
    }

    fn restore(&self, bytes: &[u8]) -> Result<Restored, BackupError> {
        restore(&self.options, &mut Cursor::new(bytes), Books::MustHold)
    }

    /// Refused with these words, and a good backup still goes in.
    fn check_refused(&self, bytes: &[u8], words: &[&str], good: &[u8]) {
        let told = self.restore(bytes).unwrap_err().to_string();
        for word in words {
            assert!(told.contains(word), "`{word}` in: {told}");
        }
        if let Some(path) = self.path() {
            let _ = std::fs::remove_file(path);
        }
        self.restore(good).unwrap();
    }
}

fn lines(bytes: &[u8]) -> Vec<String> {
    let mut text = String::new();
    GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
    text.lines().map(ToOwned::to_owned).collect()
}

/// A backup of these lines, header first, with an end that fits.
fn packed(lines: &[String], rows: &serde_json::Value) -> Vec<u8> {
    let body = lines.join("\n") + "\n";
    let sum = Sha256::digest(body.as_bytes());
    let sum = sum.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    let end = serde_json::json!({ "end": { "rows": rows, "sha256": sum } });
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    out.write_all(format!("{body}{end}\n").as_bytes()).unwrap();
    out.finish().unwrap()
}

/// Rows and table heads, with JSON texts compared by what they say: PostgreSQL writes them its way.
fn content(bytes: &[u8]) -> Vec<serde_json::Value> {
    fn parsed(value: serde_json::Value) -> serde_json::Value {
        match value {
            serde_json::Value::String(text) if text.starts_with('{') => {
                serde_json::from_str(&text).unwrap()
            }
            serde_json::Value::Array(cells) => cells.into_iter().map(parsed).collect(),
            other => other,
        }
    }
    let all = lines(bytes);
    all[1..all.len() - 1].iter().map(|line| parsed(serde_json::from_str(line).unwrap())).collect()
}

#[test]
fn a_backup_comes_back_whole_on_either_engine() {
    on_both(|db| {
        fill(db);
        let (bytes, manifest) = backup(&db.options);
        assert_eq!((manifest.rows["api_keys"], manifest.rows["order_lines"]), (40, 1));
        for target in Target::both() {
            let restored = target.restore(&bytes).unwrap();
            assert_eq!(restored.manifest, manifest);
            assert_eq!(restored.migrated.from, restored.migrated.to);
            assert!(restored.rules.iter().all(|rule| rule.broken.is_empty()));
            let (again, _) = backup(&target.options);
            assert_eq!(content(&again), content(&bytes));
            // What was restored is an ordinary ledger.
            assert_eq!(migrate(&target.options).unwrap().to, manifest.header.schema);
        }
    });
}

#[test]
fn two_backups_of_one_state_are_the_same_bytes() {
    on_both(|db| {
        fill(db);
        assert_eq!(backup(&db.options), backup(&db.options));
    });
}

/// Writes into the ledger as soon as the backup writes its first byte.
struct Meddler<'d> {
    db: &'d Db,
    out: Vec<u8>,
}

impl Write for Meddler<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.out.is_empty() {
            let late = self.db.write(|tx| {
                tx.execute("DELETE FROM api_keys", params![])?;
                tx.execute(
                    "INSERT INTO settings (name, value) VALUES ('late', $1)",
                    &[Value::Json("1".into())],
                )
            });
            late.unwrap();
        }
        self.out.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_backup_is_one_snapshot_however_much_is_written_meanwhile() {
    on_both(|db| {
        fill(db);
        let mut meddler = Meddler { db, out: Vec::new() };
        let manifest = write(&db.options, &maker(), &mut meddler).unwrap();
        assert_eq!((manifest.rows["api_keys"], manifest.rows["settings"]), (40, 0));
        assert_eq!(read_through(&mut Cursor::new(&meddler.out)).unwrap(), manifest);
        assert_eq!(db.raw().int("SELECT COUNT(*) FROM api_keys"), 0);
    });
}

/// A ledger that only the first migration ever ran on, with one key in it.
fn of_the_first_schema() -> (TempDir, StoreOptions) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("old.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    let script = include_str!("../../migrations/sqlite/0001_ledger.sql");
    let journal = "CREATE TABLE schema_migrations
        (version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL) STRICT;";
    connection.execute_batch(&format!("PRAGMA journal_mode = WAL; {journal} {script}")).unwrap();
    let new = Db::sqlite(|_| {});
    let read = "SELECT checksum FROM schema_migrations WHERE version = 1";
    let sum: String = raw_sqlite(&new.path()).query_row(read, [], |row| row.get(0)).unwrap();
    connection
        .execute("INSERT INTO schema_migrations VALUES (1, '0001_ledger', $1)", [sum])
        .unwrap();
    connection
        .execute_batch(
            "INSERT INTO api_keys (key_id, kind, name, shown_prefix, hash, created_at)
             VALUES (x'00112233445566778899aabbccddeeff', 'secret', 'old', 'sk', x'01', 5)",
        )
        .unwrap();
    (folder, StoreOptions::Sqlite(SqliteOptions::new(path)))
}

#[test]
fn a_backup_of_an_older_schema_is_brought_forward_and_its_ledger_left_as_it_was() {
    let (_folder, old) = of_the_first_schema();
    let (older, manifest) = backup(&old);
    assert_eq!((manifest.header.schema, manifest.rows["api_keys"]), (1, 1));
    assert_eq!(backup(&old).1, manifest, "a backup migrates nothing");
    for (target, ready) in Target::both().into_iter().zip([false, true]) {
        if ready {
            // Tables of a later schema without rows make way for those of the backup.
            migrate(&target.options).unwrap();
        }
        let restored = target.restore(&older).unwrap();
        assert_eq!((restored.migrated.from, &restored.manifest), (1, &manifest));
        assert!(restored.migrated.to > 1);
        let (_, again) = backup(&target.options);
        assert_eq!(again.header.schema, restored.migrated.to);
        assert_eq!((again.rows["api_keys"], again.rows["promotions"]), (1, 0));
    }
}

#[test]
fn a_newer_or_foreign_backup_is_refused() {
    on_sqlite(|db| {
        fill(db);
        let (good, manifest) = backup(&db.options);
        let all = lines(&good);
        let rows = serde_json::to_value(&manifest.rows).unwrap();
        let edited = |from: &str, to: &str| {
            let mut edited = all[..all.len() - 1].to_vec();
            assert!(edited[0].contains(from), "{}", edited[0]);
            edited[0] = edited[0].replace(from, to);
            packed(&edited, &rows)
        };
        let schema = format!("\"schema\":{}", manifest.header.schema);
        let newer = edited(&schema, "\"schema\":9001");
        let version = edited("\"format_version\":1", "\"format_version\":2");
        let unknown = edited("\"0001_ledger\"", "\"0001_other\"");
        for target in Target::both() {
            target.check_refused(&newer, &["0.0.1", "9001", "later one"], &good);
        }
        for bytes in [&version, &unknown] {
            Target::file().check_refused(bytes, &["does not know"], &good);
        }
        let mut plain = GzEncoder::new(Vec::new(), Compression::fast());
        plain.write_all(b"InvoiceNo,StockCode\n1,2\n").unwrap();
        let database = std::fs::read(db.path()).unwrap();
        for bytes in [&plain.finish().unwrap()[..], b"", b"hello", &database] {
            Target::file().check_refused(bytes, &["not a backup"], &good);
        }
    });
}

#[test]
fn a_backup_whose_content_does_not_fit_is_refused() {
    on_sqlite(|db| {
        fill(db);
        let (good, manifest) = backup(&db.options);
        let all = lines(&good);
        let body = &all[..all.len() - 1];
        let rows = serde_json::to_value(&manifest.rows).unwrap();
        let at = |start: &str| body.iter().position(|line| line.starts_with(start)).unwrap();
        let check = |change: &dyn Fn(&mut Vec<String>), words: &[&str]| {
            let mut changed = body.to_vec();
            change(&mut changed);
            let bytes = packed(&changed, &rows);
            for target in Target::both() {
                target.check_refused(&bytes, words, &good);
            }
        };
        let key = at("{\"table\":\"api_keys\"") + 1;
        check(&|all| drop(all.remove(key)), &["damaged", "checksum"]);
        check(&|all| all[key] = all[key + 1].clone(), &["damaged"]);
        check(&|all| all[key] = "[1]".into(), &["damaged", "api_keys"]);
        check(&|all| all[key] = all[key].replacen("{\"b\"", "{\"c\"", 1), &["damaged"]);
        check(&|all| all[key - 1] = all[key - 1].replace("api_keys", "api_kezs"), &["unknown"]);
        check(&|all| all[key - 1] = all[key - 1].replace("shown_prefix", "x"), &["other columns"]);
        check(&|all| all.truncate(key - 1), &["damaged"]);
        let product = at("{\"table\":\"orders\"") + 1;
        check(&|all| drop(all.remove(product)), &["damaged"]);
        let mut long = good.clone();
        long.extend_from_slice(&good);
        Target::file().check_refused(&long, &["follows its end"], &good);
    });
}

#[test]
fn a_backup_that_was_cut_or_changed_anywhere_is_never_taken_for_another() {
    on_sqlite(|db| {
        fill(db);
        let (good, manifest) = backup(&db.options);
        let size = good.len();
        cases(2_000)
            .run(&(0..size, 1..=255_u8), |(place, flip)| {
                let cut = read_through(&mut Cursor::new(&good[..place]));
                prop_assert!(
                    matches!(cut, Err(BackupError::Cut(_) | BackupError::Foreign)),
                    "{place}: {cut:?}"
                );
                let mut changed = good.clone();
                changed[place] ^= flip;
                // Some bits of gzip's header and padding mean nothing for the content.
                if let Ok(read) = read_through(&mut Cursor::new(&changed)) {
                    prop_assert_eq!(&read, &manifest);
                }
                Ok(())
            })
            .unwrap();
    });
}

#[test]
fn nothing_is_restored_over_a_ledger_with_rows() {
    on_both(|db| {
        fill(db);
        let (bytes, _) = backup(&db.options);
        let refused = restore(&db.options, &mut Cursor::new(&bytes), Books::MustHold);
        assert!(matches!(refused, Err(BackupError::Occupied(_))), "{refused:?}");
        assert_eq!(db.raw().int("SELECT COUNT(*) FROM api_keys"), 40);
    });
    // A schema that was only migrated is empty.
    for target in Target::both().into_iter().filter(|target| target.path().is_none()) {
        migrate(&target.options).unwrap();
        let other = Db::sqlite(|_| {});
        fill(&other);
        let restored = target.restore(&backup(&other.options).0).unwrap();
        assert_eq!(restored.manifest.rows["orders"], 1);
    }
}

#[test]
fn broken_books_are_restored_only_when_asked_for() {
    on_both(|db| {
        db.write(|tx| order(tx, "1002", 501)).unwrap();
        let (bytes, _) = backup(&db.options);
        for target in Target::both() {
            let Err(BackupError::Broken(rules)) = target.restore(&bytes) else { panic!() };
            let broken: Vec<_> = rules.iter().filter(|rule| !rule.broken.is_empty()).collect();
            assert_eq!(broken[0].rule, "order_amounts");
            if let Some(path) = target.path() {
                std::fs::remove_file(path).unwrap();
            }
            let kept = restore(&target.options, &mut Cursor::new(&bytes), Books::MayBeBroken);
            assert_eq!(kept.unwrap().rules, rules);
        }
    });
}

#[test]
fn a_damaged_database_file_is_not_backed_up() {
    on_sqlite(|db| {
        fill(db);
        db.raw().ints("PRAGMA wal_checkpoint(TRUNCATE)");
        let mut bytes = std::fs::read(db.path()).unwrap();
        let half = bytes.len() / 2 / 4_096 * 4_096;
        bytes[half..half + 4_096].fill(0xa5);
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("damaged.db");
        std::fs::write(&path, &bytes).unwrap();
        let options = StoreOptions::Sqlite(SqliteOptions::new(path));
        let refused = write(&options, &maker(), &mut Vec::new());
        assert!(matches!(refused, Err(BackupError::DamagedLedger(_))), "{refused:?}");
    });
}
