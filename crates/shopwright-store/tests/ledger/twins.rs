//! The twin migration files of the two engines make the same tables, and the comparison that says
//! so finds every kind of difference.

use rusqlite::Connection;
use shopwright_store::StoreOptions;

use crate::harness::{
    SchemaGuard, on_postgres, on_sqlite, postgres_options, raw_postgres, raw_sqlite, sqlite_types,
};
use crate::schema::{Kind, differences, of_postgres, of_sqlite};

#[test]
fn the_twin_files_make_equal_tables() {
    on_postgres(|postgres| {
        let StoreOptions::Postgres(options) = &postgres.options else { unreachable!() };
        on_sqlite(|sqlite| {
            let one = of_sqlite(&raw_sqlite(&sqlite.path()));
            let other = of_postgres(&mut raw_postgres(options));
            assert!(one.len() > 10, "{} tables", one.len());
            assert!(
                one["orders"].unique.contains(&vec!["source".to_owned(), "external_id".to_owned()])
            );
            assert_eq!(differences(&one, &other), Vec::<String>::new());
        });
    });
}

#[test]
fn sqlite_tables_check_the_types_of_their_values_and_use_only_the_agreed_ones() {
    on_sqlite(|db| {
        let connection = raw_sqlite(&db.path());
        let loose: i64 = connection
            .query_row(
                "SELECT COUNT(*) FROM pragma_table_list WHERE schema = 'main' AND type = 'table'
                 AND name NOT LIKE 'sqlite_%' AND strict = 0",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(loose, 0, "every table is STRICT");
        for (name, table) in of_sqlite(&connection) {
            for (column, of) in table.columns {
                assert!(!matches!(of.kind, Kind::Other(_)), "{name}.{column}: {of:?}");
            }
        }
        let broken: i64 = connection
            .query_row("SELECT COUNT(*) FROM pragma_foreign_key_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(broken, 0);
    });
}

#[test]
fn postgresql_sorts_and_names_things_as_sqlite_does() {
    on_postgres(|db| {
        let mut raw = db.raw();
        // Byte order, on every column a list may be sorted or compared by.
        let other_order = "SELECT COUNT(*) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
             WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND a.attnum > 0
             AND c.relname <> 'schema_migrations' AND a.atttypid = 'text'::regtype
             AND a.attcollation <> '\"C\"'::regcollation";
        assert_eq!(raw.int(other_order), 0);
        // SQLite reports a unique key by its columns; the ledger makes the default name of that.
        let other_name = "SELECT COUNT(*) FROM pg_index i JOIN pg_class k ON k.oid = i.indexrelid
             JOIN pg_class t ON t.oid = i.indrelid
             WHERE t.relnamespace = current_schema()::regnamespace AND i.indisunique AND i.indpred IS NULL
             AND k.relname::text <> CASE WHEN i.indisprimary THEN t.relname || '_pkey' ELSE
                 t.relname || '_' || (SELECT string_agg(a.attname::text, '_' ORDER BY p.place)
                     FROM UNNEST(i.indkey::int2[]) WITH ORDINALITY AS p(n, place)
                     JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = p.n) || '_key' END";
        assert_eq!(raw.int(other_name), 0);
        let deferred = "SELECT COUNT(*) FROM pg_constraint
             WHERE connamespace = current_schema()::regnamespace AND condeferrable";
        assert_eq!(raw.int(deferred), 0);
    });
}

const PLAIN: &str = "CREATE TABLE a (id uuid PRIMARY KEY);
     CREATE TABLE b (x bigint NOT NULL, y text, at timestamptz, yes boolean, tree jsonb, raw bytea,
         a_id uuid REFERENCES a (id), PRIMARY KEY (x), UNIQUE (y, at));
     CREATE INDEX b_at ON b (at, y);";

/// Compares what two texts make, the first on SQLite, the second on PostgreSQL. Each expected part
/// is found in a difference of its own, and there are no others.
fn check(sqlite: &str, postgres: &str, expected: &[&str]) {
    let Some(options) = postgres_options(2) else { return };
    let _guard = SchemaGuard::new(&options);
    let schema = options.schema.clone().unwrap();
    let mut client = raw_postgres(&options);
    client
        .batch_execute(&format!("CREATE SCHEMA {schema}; SET search_path TO {schema}; {postgres}"))
        .unwrap();
    let connection = Connection::open_in_memory().unwrap();
    connection
        .execute_batch(
            &sqlite_types(sqlite).replace(");", ") STRICT;").replace("(at, y) STRICT", "(at, y)"),
        )
        .unwrap();
    let found = differences(&of_sqlite(&connection), &of_postgres(&mut client));
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.contains(expected), "`{expected}` in: {found}");
    }
}

#[test]
fn the_comparison_finds_every_kind_of_difference() {
    check(PLAIN, PLAIN, &[]);
    let changed = |from: &str, to: &str, expected: &[&str]| {
        assert!(PLAIN.contains(from), "{from}");
        check(PLAIN, &PLAIN.replace(from, to), expected);
    };
    changed(
        "CREATE TABLE a (id uuid PRIMARY KEY);",
        "CREATE TABLE a (id uuid PRIMARY KEY); CREATE TABLE c (n bigint);",
        &["table c is on PostgreSQL only"],
    );
    changed("yes boolean, ", "", &["columns of b"]);
    changed("yes boolean, tree jsonb", "tree jsonb, yes boolean", &["columns of b"]);
    changed("yes boolean", "yes text", &["column yes of b"]);
    changed("at timestamptz", "at timestamp", &["column at of b"]);
    changed("x bigint", "x integer", &["column x of b"]);
    changed("raw bytea", "raw bytea NOT NULL", &["column raw of b"]);
    changed("yes boolean", "yes boolean DEFAULT false", &["column yes of b"]);
    changed("PRIMARY KEY (x)", "PRIMARY KEY (x, y)", &["column y of b", "primary key of b"]);
    changed("UNIQUE (y, at)", "UNIQUE (at, y)", &["unique keys of b"]);
    changed(", UNIQUE (y, at)", "", &["unique keys of b"]);
    changed("CREATE INDEX b_at ON b (at, y);", "", &["indexes of b"]);
    changed("b_at ON b (at, y)", "b_at ON b (at)", &["indexes of b"]);
    changed("b_at ON b (at, y)", "b_at ON b (at DESC, y)", &["indexes of b"]);
    changed("b_at ON b (at, y)", "b_when ON b (at, y)", &["indexes of b"]);
    changed("b_at ON b (at, y)", "b_at ON b (at, y) WHERE yes", &["indexes of b"]);
    changed(" REFERENCES a (id)", "", &["foreign keys of b"]);
    changed("REFERENCES a (id)", "REFERENCES a (id) ON DELETE CASCADE", &["foreign keys of b"]);
    changed("x bigint NOT NULL", "x bigint NOT NULL CHECK (x > 0)", &["checks of b"]);
    check(&format!("{PLAIN} CREATE TABLE d (n bigint);"), PLAIN, &["table d is on SQLite only"]);
}
