//! Migrations run once, in order, under a lock, and refuse a database they do not fit.

use std::sync::Barrier;

use shopwright_store::{Migrated, SqliteOptions, Store, StoreError, StoreOptions, migrate};
use tempfile::TempDir;

use crate::harness::{Raw, SchemaGuard, on_both, postgres_options, raw_postgres, raw_sqlite};

const VERSIONS: &str = "SELECT version FROM schema_migrations ORDER BY version";

/// Runs a test body on places no ledger has been in: a new file, and a schema that does not exist.
fn on_both_empty(body: impl Fn(&StoreOptions)) {
    let folder = TempDir::new().unwrap();
    body(&StoreOptions::Sqlite(SqliteOptions::new(folder.path().join("ledger.db"))));
    if let Some(options) = postgres_options(2) {
        let _guard = SchemaGuard::new(&options);
        body(&StoreOptions::Postgres(options));
    }
}

fn raw(options: &StoreOptions) -> Raw {
    match options {
        StoreOptions::Sqlite(options) => Raw::Sqlite(raw_sqlite(&options.path)),
        StoreOptions::Postgres(options) => Raw::Postgres(raw_postgres(options)),
    }
}

#[test]
fn the_first_run_makes_everything_and_a_second_changes_nothing() {
    on_both_empty(|options| {
        let first = migrate(options).unwrap();
        assert_eq!(first.from, 0);
        assert!(first.to >= 2, "{first:?}");
        let versions = raw(options).ints(VERSIONS);
        assert!(versions.is_sorted() && versions.last() == Some(&first.to), "{versions:?}");
        raw(options).run("UPDATE feeds SET version = 7");
        for _ in 0..2 {
            assert_eq!(migrate(options), Ok(Migrated { from: first.to, to: first.to }));
        }
        assert_eq!(raw(options).ints(VERSIONS), versions);
        assert_eq!(raw(options).ints("SELECT version FROM feeds"), [7, 7]);
    });
}

#[test]
fn several_that_migrate_at_once_do_it_once() {
    on_both_empty(|options| {
        const AT_ONCE: usize = 4;
        let start = Barrier::new(AT_ONCE);
        let done: Vec<_> = std::thread::scope(|scope| {
            let run = || {
                scope.spawn(|| {
                    start.wait();
                    migrate(options)
                })
            };
            let threads: Vec<_> = (0..AT_ONCE).map(|_| run()).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let done: Vec<Migrated> = done.into_iter().collect::<Result<_, StoreError>>().unwrap();
        assert_eq!(done.iter().filter(|migrated| migrated.from == 0).count(), 1, "{done:?}");
        assert!(done.iter().all(|migrated| migrated.to == done[0].to));
        let versions = raw(options).ints(VERSIONS);
        assert!(versions.is_sorted_by(|a, b| a < b), "each once: {versions:?}");
        assert_eq!(versions.last(), Some(&done[0].to));
    });
}

/// Whether opening is refused with a schema error that says all of `words`.
fn check_refused(options: &StoreOptions, words: &[&str]) {
    for refused in [migrate(options).map(|_| ()), Store::open(options).map(|_| ())] {
        let Err(StoreError::Schema(told)) = refused else { panic!("{refused:?}") };
        for word in words {
            assert!(told.contains(word), "`{word}` in: {told}");
        }
    }
}

#[test]
fn a_migration_that_was_edited_after_it_ran_is_refused() {
    on_both(|db| {
        db.raw()
            .run("UPDATE schema_migrations SET checksum = '0123456789abcdef' WHERE version = 1");
        check_refused(&db.options, &["0001_ledger", "differs", "unmodified release"]);
        // Nothing was touched while refusing.
        let edited = "SELECT version FROM schema_migrations WHERE checksum = '0123456789abcdef'";
        assert_eq!(db.raw().ints(edited), [1]);
    });
}

#[test]
fn a_database_of_a_newer_program_is_refused() {
    on_both(|db| {
        db.raw().run("INSERT INTO schema_migrations VALUES (9001, '9001_from_the_future', 'ffff')");
        check_refused(&db.options, &["9001_from_the_future", "does not know", "newer version"]);
    });
}

#[test]
fn a_migration_that_cannot_run_leaves_the_database_as_it_was() {
    on_both_empty(|options| {
        // Someone else's table stands where the second migration wants to put its own.
        if let StoreOptions::Postgres(postgres) = options {
            let schema = postgres.schema.clone().unwrap();
            raw(options).run(&format!("CREATE SCHEMA {schema}; SET search_path TO {schema}; CREATE TABLE prices (x bigint)"));
        } else {
            raw(options).run("CREATE TABLE prices (x bigint)");
        }
        let failed = migrate(options);
        assert!(failed.is_err(), "{failed:?}");
        let mut raw = raw(options);
        let (kept, journal) = match &raw {
            Raw::Sqlite(_) => (
                "SELECT COUNT(*) FROM sqlite_schema WHERE name IN ('orders', 'products')",
                "SELECT COUNT(*) FROM sqlite_schema WHERE name = 'schema_migrations'",
            ),
            Raw::Postgres(_) => (
                "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = current_schema() AND table_name IN ('orders', 'products')",
                "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = 'schema_migrations'",
            ),
        };
        assert_eq!((raw.int(kept), raw.int(journal)), (0, 0));
        raw.run("DROP TABLE prices");
        assert_eq!(migrate(options).map(|migrated| migrated.from), Ok(0));
    });
}
