//! What tables a database has, read from each engine's own catalogue into one form that compares.

use std::collections::{BTreeMap, BTreeSet};

use postgres::Client;
use rusqlite::Connection;

/// The kind of value a column holds, as far as SQLite can tell kinds apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Integer,
    Text,
    Blob,
    /// A type the twin files must not use.
    Other(String),
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnOf {
    pub kind: Kind,
    pub nullable: bool,
    pub has_default: bool,
}

/// One foreign key: its columns, the table and columns it points to, what a deletion does.
pub type ForeignKey = (Vec<String>, String, Vec<String>, String);

/// One table. Names of keys are compared where both engines keep them: for plain indexes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    pub columns: BTreeMap<String, ColumnOf>,
    pub order: Vec<String>,
    pub primary_key: Vec<String>,
    pub unique: BTreeSet<Vec<String>>,
    /// Name, columns (with ` DESC` where so) and whether it covers only some rows.
    pub indexes: BTreeSet<(String, Vec<String>, bool)>,
    pub foreign_keys: BTreeSet<ForeignKey>,
    pub checks: usize,
}

pub type Schema = BTreeMap<String, Table>;

/// One line for everything in which the two differ.
pub fn differences(sqlite: &Schema, postgres: &Schema) -> Vec<String> {
    let mut found = Vec::new();
    let names: BTreeSet<&String> = sqlite.keys().chain(postgres.keys()).collect();
    for name in names {
        match (sqlite.get(name), postgres.get(name)) {
            (Some(one), Some(other)) => table_differences(name, one, other, &mut found),
            (Some(_), None) => found.push(format!("table {name} is on SQLite only")),
            (None, _) => found.push(format!("table {name} is on PostgreSQL only")),
        }
    }
    found
}

fn table_differences(name: &str, sqlite: &Table, postgres: &Table, found: &mut Vec<String>) {
    let mut compare = |what: &str, one: String, other: String| {
        if one != other {
            found.push(format!("{what} of {name}: SQLite {one}, PostgreSQL {other}"));
        }
    };
    compare("columns", format!("{:?}", sqlite.order), format!("{:?}", postgres.order));
    for (column, one) in &sqlite.columns {
        if let Some(other) = postgres.columns.get(column) {
            compare(&format!("column {column}"), format!("{one:?}"), format!("{other:?}"));
        }
    }
    compare(
        "primary key",
        format!("{:?}", sqlite.primary_key),
        format!("{:?}", postgres.primary_key),
    );
    compare("unique keys", format!("{:?}", sqlite.unique), format!("{:?}", postgres.unique));
    compare("indexes", format!("{:?}", sqlite.indexes), format!("{:?}", postgres.indexes));
    compare(
        "foreign keys",
        format!("{:?}", sqlite.foreign_keys),
        format!("{:?}", postgres.foreign_keys),
    );
    compare("checks", sqlite.checks.to_string(), postgres.checks.to_string());
}

/// Reads every table of a SQLite database.
pub fn of_sqlite(connection: &Connection) -> Schema {
    let tables: Vec<(String, String)> = rows(
        connection,
        "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
        |row| Ok((row.get(0)?, row.get(1)?)),
    );
    tables
        .into_iter()
        .map(|(name, sql)| (name.clone(), sqlite_table(connection, &name, &sql)))
        .collect()
}

fn rows<T>(
    connection: &Connection,
    sql: &str,
    map: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> Vec<T> {
    connection.prepare(sql).unwrap().query_map([], map).unwrap().collect::<Result<_, _>>().unwrap()
}

fn sqlite_table(connection: &Connection, name: &str, sql: &str) -> Table {
    let mut table =
        Table { checks: sql.to_uppercase().matches("CHECK (").count(), ..Table::default() };
    let mut keys = Vec::new();
    for (column, declared, not_null, default, key) in rows(
        connection,
        &format!(
            "SELECT name, type, \"notnull\", dflt_value IS NOT NULL, pk FROM pragma_table_xinfo('{name}') ORDER BY cid"
        ),
        |row| {
            let column: (String, String, bool, bool, i64) =
                (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
            Ok(column)
        },
    ) {
        let kind = match declared.as_str() {
            "INTEGER" => Kind::Integer,
            "TEXT" => Kind::Text,
            "BLOB" => Kind::Blob,
            _ => Kind::Other(declared),
        };
        if key > 0 {
            keys.push((key, column.clone()));
        }
        // STRICT tables, which `twins` insists on, refuse NULL in a primary key.
        let nullable = !not_null && key == 0;
        table.columns.insert(column.clone(), ColumnOf { kind, nullable, has_default: default });
        table.order.push(column);
    }
    keys.sort();
    table.primary_key = keys.into_iter().map(|(_, column)| column).collect();
    sqlite_indexes(connection, name, &mut table);
    table.foreign_keys = sqlite_foreign_keys(connection, name);
    table
}

fn sqlite_indexes(connection: &Connection, name: &str, table: &mut Table) {
    let indexes: Vec<(String, bool, String, bool)> = rows(
        connection,
        &format!("SELECT name, \"unique\", origin, partial FROM pragma_index_list('{name}')"),
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
    );
    for (index, unique, origin, partial) in indexes {
        let columns: Vec<String> = rows(
            connection,
            &format!(
                "SELECT COALESCE(name, '<expression>') || CASE \"desc\" WHEN 1 THEN ' DESC' ELSE '' END FROM pragma_index_xinfo('{index}') WHERE key = 1 ORDER BY seqno"
            ),
            |row| row.get(0),
        );
        match (origin.as_str(), unique && !partial) {
            ("pk", _) => {}
            (_, true) => {
                table.unique.insert(columns);
            }
            (_, false) => {
                table.indexes.insert((index, columns, partial));
            }
        }
    }
}

fn sqlite_foreign_keys(connection: &Connection, name: &str) -> BTreeSet<ForeignKey> {
    let mut keys: BTreeMap<i64, ForeignKey> = BTreeMap::new();
    let parts: Vec<(i64, String, String, String, String)> = rows(
        connection,
        &format!(
            "SELECT id, \"table\", \"from\", \"to\", on_delete FROM pragma_foreign_key_list('{name}') ORDER BY id, seq"
        ),
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)),
    );
    for (id, to_table, from, to, on_delete) in parts {
        let key = keys.entry(id).or_insert((Vec::new(), to_table, Vec::new(), on_delete));
        key.0.push(from);
        key.2.push(to);
    }
    keys.into_values().collect()
}

/// Reads every table of the first schema in the connection's search path.
pub fn of_postgres(client: &mut Client) -> Schema {
    let mut schema = Schema::new();
    let tables = client
        .query("SELECT table_name::text FROM information_schema.tables WHERE table_schema = current_schema()", &[])
        .unwrap();
    for row in tables {
        let name: String = row.get(0);
        let mut table = Table::default();
        postgres_columns(client, &name, &mut table);
        postgres_indexes(client, &name, &mut table);
        table.foreign_keys = postgres_foreign_keys(client, &name);
        let checks =
            "SELECT COUNT(*) FROM pg_constraint WHERE contype = 'c' AND conrelid = to_regclass($1)";
        table.checks =
            usize::try_from(client.query_one(checks, &[&name]).unwrap().get::<_, i64>(0)).unwrap();
        schema.insert(name, table);
    }
    schema
}

fn postgres_columns(client: &mut Client, name: &str, table: &mut Table) {
    let columns =
        "SELECT column_name::text, data_type::text, is_nullable = 'YES', column_default IS NOT NULL
         FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = $1
         ORDER BY ordinal_position";
    for row in client.query(columns, &[&name]).unwrap() {
        let (column, declared): (String, String) = (row.get(0), row.get(1));
        let kind = match declared.as_str() {
            "bigint" | "boolean" | "timestamp with time zone" => Kind::Integer,
            "text" | "jsonb" => Kind::Text,
            "uuid" | "bytea" => Kind::Blob,
            _ => Kind::Other(declared),
        };
        let of = ColumnOf { kind, nullable: row.get(2), has_default: row.get(3) };
        table.columns.insert(column.clone(), of);
        table.order.push(column);
    }
}

fn postgres_indexes(client: &mut Client, name: &str, table: &mut Table) {
    let indexes = "SELECT c.relname::text, i.indisprimary, i.indisunique, i.indpred IS NOT NULL,
             ARRAY(SELECT COALESCE((SELECT a.attname::text FROM pg_attribute a
                                    WHERE a.attrelid = i.indrelid AND a.attnum = k.column), '<expression>')
                          || CASE WHEN i.indoption[k.place - 1] & 1 = 1 THEN ' DESC' ELSE '' END
                   FROM UNNEST(i.indkey::int2[]) WITH ORDINALITY AS k(\"column\", place)
                   WHERE k.place <= i.indnkeyatts ORDER BY k.place)
         FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = to_regclass($1)";
    for row in client.query(indexes, &[&name]).unwrap() {
        let columns: Vec<String> = row.get(4);
        let (primary, unique, partial): (bool, bool, bool) = (row.get(1), row.get(2), row.get(3));
        if primary {
            table.primary_key = columns;
        } else if unique && !partial {
            table.unique.insert(columns);
        } else {
            table.indexes.insert((row.get(0), columns, partial));
        }
    }
}

fn postgres_foreign_keys(client: &mut Client, name: &str) -> BTreeSet<ForeignKey> {
    let keys = "SELECT
             ARRAY(SELECT a.attname::text FROM UNNEST(c.conkey) WITH ORDINALITY AS k(n, place)
                   JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.n ORDER BY k.place),
             t.relname::text,
             ARRAY(SELECT a.attname::text FROM UNNEST(c.confkey) WITH ORDINALITY AS k(n, place)
                   JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.n ORDER BY k.place),
             CASE c.confdeltype WHEN 'a' THEN 'NO ACTION' WHEN 'r' THEN 'RESTRICT' WHEN 'c' THEN 'CASCADE'
                  WHEN 'n' THEN 'SET NULL' ELSE 'SET DEFAULT' END
         FROM pg_constraint c JOIN pg_class t ON t.oid = c.confrelid
         WHERE c.contype = 'f' AND c.conrelid = to_regclass($1)";
    let rows = client.query(keys, &[&name]).unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect()
}
