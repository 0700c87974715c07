//! Backup from and restore into the embedded database.
//!
//! A backup reads one WAL snapshot on a connection of its own: a server that writes meanwhile is
//! neither stopped nor seen. A restore fills a new file; nobody opens it before it is complete.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::cell::Cell;
use super::format::{Reader, Writer};
use super::quoted;
use super::{
    BackupError, Books, Maker, Manifest, Restored, Table, header, judge, known, none_left,
};
use crate::dialect::sqlite_error;
use crate::direct::damage;
use crate::error::StoreError;
use crate::migrate::{self, migrate_sqlite, version_of_sqlite};
use crate::sqlite::{SqliteOptions, open_reader};
use crate::tx::{Engine, Tx};
use crate::verify::verify;

pub(super) fn write(
    options: &SqliteOptions,
    maker: &Maker,
    out: &mut dyn Write,
) -> Result<Manifest, BackupError> {
    let connection = open_reader(&options.path)?;
    connection.execute_batch("BEGIN").map_err(engine)?;
    if let Some(first) = damage(&connection)?.first() {
        return Err(BackupError::DamagedLedger(first.clone()));
    }
    let schema = version_of_sqlite(&connection)?;
    let mut writer = Writer::new(out, header(maker, "sqlite", schema))?;
    for table in tables(&connection)? {
        writer.table(&table.name, table.column_names())?;
        let sql = format!(
            "SELECT {} FROM \"{}\" ORDER BY {}",
            table.column_list(),
            table.name,
            quoted(&table.key)
        );
        let mut statement = connection.prepare(&sql).map_err(engine)?;
        let mut rows = statement.query([]).map_err(engine)?;
        let mut cells = Vec::with_capacity(table.columns.len());
        while let Some(row) = rows.next().map_err(engine)? {
            cells.clear();
            for place in 0..table.columns.len() {
                let value = row.get_ref(place).map_err(engine)?;
                let odd = |what: String| {
                    let (table, column) = (&table.name, &table.columns[place].0);
                    BackupError::DamagedLedger(format!("{table}.{column} holds {what}"))
                };
                cells.push(Cell::from_sqlite(value).map_err(odd)?);
            }
            writer.row(&cells)?;
        }
    }
    writer.end()
}

pub(super) fn restore(
    path: &Path,
    from: &mut dyn Read,
    books: Books,
) -> Result<Restored, BackupError> {
    if path.exists() {
        return Err(BackupError::Occupied(format!("{} is there", path.display())));
    }
    let mut reader = Reader::new(from)?;
    let mut connection = Connection::open(path).map_err(engine)?;
    // A file that is not complete is thrown away: its journal would protect nothing. The caller
    // syncs it before anybody relies on it.
    connection
        .execute_batch("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF")
        .map_err(engine)?;
    let schema = reader.header().schema;
    migrate_sqlite(&mut connection, schema).map_err(StoreError::from)?;
    load(&connection, &mut reader)?;
    let manifest = reader.finish()?;
    let migrated = migrate_sqlite(&mut connection, migrate::latest()).map_err(StoreError::from)?;
    connection.execute_batch("BEGIN").map_err(engine)?;
    let rules = judge(verify(&mut Tx::new(Engine::Sqlite(&connection)))?, books)?;
    connection.execute_batch("ROLLBACK").map_err(engine)?;
    connection.close().map_err(|(_, error)| engine(error))?;
    Ok(Restored { manifest, migrated, rules })
}

fn load(connection: &Connection, reader: &mut Reader<'_>) -> Result<(), BackupError> {
    // The rows were checked when they were written; triggers would do their effects once more, and
    // references are looked at when all tables are there.
    let off = |config| connection.set_db_config(config, false).map(|_| ());
    off(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER).map_err(engine)?;
    off(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY).map_err(engine)?;
    connection.execute_batch("BEGIN IMMEDIATE").map_err(engine)?;
    let mut expected = tables(connection)?;
    for table in &expected {
        // Migrations leave first rows behind; the backup has its own.
        connection.execute_batch(&format!("DELETE FROM \"{}\"", table.name)).map_err(engine)?;
    }
    while let Some(head) = reader.table()? {
        let table = known(&mut expected, &head)?;
        let places: Vec<String> = (1..=table.columns.len()).map(|n| format!("?{n}")).collect();
        let (name, columns, places) = (&table.name, table.column_list(), places.join(", "));
        let sql = format!("INSERT INTO \"{name}\" ({columns}) VALUES ({places})");
        let mut insert = connection.prepare(&sql).map_err(engine)?;
        while let Some(cells) = reader.row()? {
            if cells.len() != table.columns.len() {
                return Err(BackupError::Damaged(reader.place()));
            }
            for (place, cell) in (1..).zip(&cells) {
                let value = cell.to_sqlite().map_err(BackupError::Damaged)?;
                insert.raw_bind_parameter(place, value).map_err(engine)?;
            }
            insert.raw_execute().map_err(|error| refused(&error, reader))?;
        }
    }
    none_left(&expected)?;
    connection.execute_batch("COMMIT").map_err(engine)?;
    let dangling: i64 = connection
        .query_row("SELECT COUNT(*) FROM pragma_foreign_key_check", [], |row| row.get(0))
        .map_err(engine)?;
    if dangling > 0 {
        return Err(BackupError::Damaged(format!(
            "{dangling} rows refer to rows that are missing"
        )));
    }
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, true)
        .and_then(|_| connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true))
        .map(|_| ())
        .map_err(engine)
}

/// A row that the schema does not take is a damaged backup; a full disk is not.
fn refused(error: &rusqlite::Error, reader: &Reader<'_>) -> BackupError {
    match sqlite_error(error).error {
        StoreError::Conflict { constraint } => {
            BackupError::Damaged(format!("{}: it breaks {constraint}", reader.place()))
        }
        StoreError::Bug(why) => BackupError::Damaged(format!("{}: {why}", reader.place())),
        other => other.into(),
    }
}

/// How many rows the migrations up to this version leave in each table, which is the same on both
/// engines: what a new ledger has before anybody uses it.
pub(super) fn first_rows(schema: i64) -> Result<BTreeMap<String, i64>, BackupError> {
    let mut connection = Connection::open_in_memory().map_err(engine)?;
    migrate_sqlite(&mut connection, schema).map_err(StoreError::from)?;
    let count = |table: Table<()>| {
        let sql = format!("SELECT COUNT(*) FROM \"{}\"", table.name);
        let rows = connection.query_row(&sql, [], |row| row.get(0)).map_err(engine)?;
        Ok((table.name, rows))
    };
    tables(&connection)?.into_iter().map(count).collect()
}

/// Every table of ours but the journal of migrations, which each engine writes for itself.
fn tables(connection: &Connection) -> Result<Vec<Table<()>>, BackupError> {
    let read = || -> rusqlite::Result<Vec<Table<()>>> {
        let mut list = connection.prepare(
            "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'
             AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name <> 'schema_migrations' ORDER BY name",
        )?;
        let names: Vec<String> =
            list.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        names.into_iter().map(|name| table(connection, name)).collect()
    };
    read().map_err(engine)
}

fn table(connection: &Connection, name: String) -> rusqlite::Result<Table<()>> {
    let mut info =
        connection.prepare_cached("SELECT name, pk FROM pragma_table_info($1) ORDER BY cid")?;
    let columns: Vec<(String, i64)> = info
        .query_map([&name], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut key: Vec<&(String, i64)> = columns.iter().filter(|(_, place)| *place > 0).collect();
    key.sort_by_key(|(_, place)| *place);
    if key.is_empty() {
        key = columns.iter().collect();
    }
    let key = key.into_iter().map(|(column, _)| column.clone()).collect();
    let columns = columns.into_iter().map(|(column, _)| (column, ())).collect();
    Ok(Table { name, columns, key })
}

fn engine(error: rusqlite::Error) -> BackupError {
    sqlite_error(&error).error.into()
}
