//! Backup from and restore into PostgreSQL.
//!
//! A backup is one REPEATABLE READ transaction and reads each table as a stream. A restore is one
//! transaction too, under the lock of migrations: a crash in the middle leaves the database as it was.

use std::io::{Read, Write};

use postgres::binary_copy::BinaryCopyInWriter;
use postgres::fallible_iterator::FallibleIterator;
use postgres::types::{ToSql, Type};
use shopwright_domain::time::Timestamp;
use uuid::Uuid;

use super::cell::Cell;
use super::format::{Reader, Writer};
use super::{
    BackupError, Books, Maker, Manifest, Restored, Table, header, in_sqlite, judge, known,
    none_left, quoted,
};
use crate::Value;
use crate::dialect::postgres_error;
use crate::error::StoreError;
use crate::migrate::{self, migrate_postgres_within, version_of_postgres};
use crate::postgres::{PostgresOptions, connect};
use crate::tx::{Engine, PgSession, Tx};
use crate::value::FromColumn;
use crate::verify::verify;

/// Tables that a server writes to by itself: rows in them are no business yet.
const WRITTEN_BY_ITSELF: [&str; 2] = ["feeds", "settings"];

/// The types the schema uses; the twin test keeps it to these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Int,
    Bool,
    Text,
    Json,
    Time,
    Uuid,
    Bytes,
}

impl Kind {
    fn parse(name: &str) -> Result<Self, BackupError> {
        Ok(match name {
            "bigint" => Self::Int,
            "boolean" => Self::Bool,
            "text" => Self::Text,
            "jsonb" => Self::Json,
            "timestamp with time zone" => Self::Time,
            "uuid" => Self::Uuid,
            "bytea" => Self::Bytes,
            other => {
                let why = format!("a column has the type {other}, which no backup can hold");
                return Err(StoreError::Bug(why).into());
            }
        })
    }

    fn wire(self) -> Type {
        match self {
            Self::Int => Type::INT8,
            Self::Bool => Type::BOOL,
            Self::Text => Type::TEXT,
            Self::Json => Type::JSONB,
            Self::Time => Type::TIMESTAMPTZ,
            Self::Uuid => Type::UUID,
            Self::Bytes => Type::BYTEA,
        }
    }

    fn read(self, row: &postgres::Row, place: usize) -> Result<Cell, String> {
        fn some<T: FromColumn>(
            read: Result<Option<T>, String>,
            cell: impl FnOnce(T) -> Cell,
        ) -> Result<Cell, String>
        where
            Option<T>: FromColumn,
        {
            Ok(read?.map_or(Cell::Null(()), cell))
        }
        match self {
            Self::Int => some(FromColumn::from_postgres(row, place), Cell::Int),
            Self::Bool => {
                some(FromColumn::from_postgres(row, place), |yes: bool| Cell::Int(yes.into()))
            }
            Self::Text | Self::Json => some(FromColumn::from_postgres(row, place), Cell::Text),
            Self::Time => some(FromColumn::from_postgres(row, place), |at: Timestamp| {
                Cell::Int(at.as_micros())
            }),
            Self::Uuid => {
                some(FromColumn::from_postgres(row, place), |id: Uuid| Cell::bytes(id.as_bytes()))
            }
            Self::Bytes => {
                some(FromColumn::from_postgres(row, place), |bytes: Vec<u8>| Cell::bytes(&bytes))
            }
        }
    }

    /// The value to load. `bytes` keeps what the cell holds as base64.
    fn value<'c>(self, cell: &'c Cell, bytes: &'c [u8]) -> Result<Value<'c>, String> {
        Ok(match (cell, self) {
            (Cell::Null(()), _) => Value::Null,
            (Cell::Int(number), Self::Int) => Value::Int(*number),
            (Cell::Int(0), Self::Bool) => Value::Bool(false),
            (Cell::Int(1), Self::Bool) => Value::Bool(true),
            (Cell::Int(micros), Self::Time) => Value::Time(Timestamp::from_micros(*micros)),
            (Cell::Text(text), Self::Text) => Value::Text(text),
            (Cell::Text(text), Self::Json) => Value::Json(text.clone()),
            (Cell::Bytes(_), Self::Bytes) => Value::Bytes(bytes),
            (Cell::Bytes(_), Self::Uuid) => {
                Value::Uuid(Uuid::from_slice(bytes).map_err(|error| error.to_string())?)
            }
            (_, kind) => return Err(format!("a value is not of the type {kind:?}")),
        })
    }
}

pub(super) fn write(
    options: &PostgresOptions,
    maker: &Maker,
    out: &mut dyn Write,
) -> Result<Manifest, BackupError> {
    let mut session = connect(options)?;
    let client = &mut session.client;
    client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").map_err(engine)?;
    let schema = version_of_postgres(client)?;
    let mut writer = Writer::new(out, header(maker, "postgres", schema))?;
    for table in tables(client)? {
        writer.table(&table.name, table.column_names())?;
        let picked = |(name, kind): &(String, Kind)| match kind {
            Kind::Json => format!("\"{name}\"::text"),
            _ => format!("\"{name}\""),
        };
        let columns: Vec<String> = table.columns.iter().map(picked).collect();
        let (columns, key) = (columns.join(", "), quoted(&table.key));
        let sql = format!("SELECT {columns} FROM \"{}\" ORDER BY {key}", table.name);
        let mut rows = client.query_raw(&sql, std::iter::empty::<i64>()).map_err(engine)?;
        let mut cells = Vec::with_capacity(table.columns.len());
        while let Some(row) = rows.next().map_err(engine)? {
            cells.clear();
            for (place, (column, kind)) in table.columns.iter().enumerate() {
                let odd = |why: String| {
                    BackupError::DamagedLedger(format!("{}.{column}: {why}", table.name))
                };
                cells.push(kind.read(&row, place).map_err(odd)?);
            }
            writer.row(&cells)?;
        }
    }
    writer.end()
}

pub(super) fn restore(
    options: &PostgresOptions,
    from: &mut dyn Read,
    books: Books,
) -> Result<Restored, BackupError> {
    let mut reader = Reader::new(from)?;
    let mut session = connect(options)?;
    // An error drops the session, and with it the transaction.
    session.client.batch_execute("BEGIN").map_err(engine)?;
    let schema = reader.header().schema;
    clear(&mut session.client, schema)?;
    load(&mut session.client, &mut reader)?;
    let manifest = reader.finish()?;
    let migrated = migrate_postgres_within(&mut session.client, migrate::latest());
    let migrated = migrated.map_err(StoreError::from)?;
    let rules = judge(books_of(&mut session)?, books)?;
    session.client.batch_execute("COMMIT").map_err(engine)?;
    Ok(Restored { manifest, migrated, rules })
}

fn books_of(session: &mut PgSession) -> Result<Vec<crate::verify::RuleResult>, StoreError> {
    verify(&mut Tx::new(Engine::Postgres(session)))
}

/// Refuses a ledger with rows beyond those of its migrations; leaves an empty one with the schema of
/// the backup.
fn clear(client: &mut postgres::Client, schema: i64) -> Result<(), BackupError> {
    let lock = "SELECT pg_advisory_xact_lock($1)";
    client.execute(lock, &[&migrate::POSTGRES_LOCK]).map_err(engine)?;
    let found = version_of_postgres(client)?;
    if found > 0 {
        let tables = tables(client)?;
        let first_rows = in_sqlite::first_rows(found)?;
        for table in &tables {
            let name = &table.name;
            // From here to the end of the transaction nobody else reads or writes the table.
            client
                .batch_execute(&format!("LOCK TABLE \"{name}\" IN ACCESS EXCLUSIVE MODE"))
                .map_err(engine)?;
            let first = first_rows.get(name).copied().unwrap_or_default();
            // One more than the migrations put there is enough to know.
            let count =
                format!("SELECT COUNT(*) FROM (SELECT 1 FROM \"{name}\" LIMIT $1) AS found");
            let rows: i64 = client.query_one(&count, &[&(first + 1)]).map_err(engine)?.get(0);
            if rows > first && !WRITTEN_BY_ITSELF.contains(&name.as_str()) {
                return Err(BackupError::Occupied(format!("the table {name} has rows")));
            }
        }
        if found != schema {
            let mut names: Vec<String> = tables.into_iter().map(|table| table.name).collect();
            names.push("schema_migrations".to_owned());
            client
                .batch_execute(&format!("DROP TABLE {} CASCADE", quoted(&names)))
                .map_err(engine)?;
        }
    }
    migrate_postgres_within(client, schema).map_err(StoreError::from)?;
    Ok(())
}

fn load(client: &mut postgres::Client, reader: &mut Reader<'_>) -> Result<(), BackupError> {
    let mut expected = tables(client)?;
    let references = take_references(client)?;
    for table in &expected {
        let name = &table.name;
        let sql = format!("ALTER TABLE \"{name}\" DISABLE TRIGGER USER; TRUNCATE \"{name}\"");
        client.batch_execute(&sql).map_err(engine)?;
    }
    let names: Vec<String> = expected.iter().map(|table| table.name.clone()).collect();
    while let Some(head) = reader.table()? {
        let table = known(&mut expected, &head)?;
        load_table(client, &table, reader)?;
    }
    none_left(&expected)?;
    for name in names {
        let sql = format!("ALTER TABLE \"{name}\" ENABLE TRIGGER USER");
        client.batch_execute(&sql).map_err(engine)?;
    }
    for reference in references {
        client.batch_execute(&reference).map_err(|error| match postgres_error(&error).error {
            StoreError::Conflict { constraint } => {
                BackupError::Damaged(format!("rows refer to rows that are missing: {constraint}"))
            }
            other => other.into(),
        })?;
    }
    Ok(())
}

fn load_table(
    client: &mut postgres::Client,
    table: &Table<Kind>,
    reader: &mut Reader<'_>,
) -> Result<(), BackupError> {
    let sql = format!(
        "COPY \"{}\" ({}) FROM STDIN WITH (FORMAT binary)",
        table.name,
        table.column_list()
    );
    let types: Vec<Type> = table.columns.iter().map(|(_, kind)| kind.wire()).collect();
    let mut copy = BinaryCopyInWriter::new(client.copy_in(&sql).map_err(engine)?, &types);
    while let Some(cells) = reader.row()? {
        if cells.len() != table.columns.len() {
            return Err(BackupError::Damaged(reader.place()));
        }
        let odd = |why: String| BackupError::Damaged(format!("{}: {why}", reader.place()));
        let decode = |cell: &Cell| match cell {
            Cell::Bytes(bytes) => bytes.decode(),
            _ => Ok(Vec::new()),
        };
        let bytes: Vec<Vec<u8>> =
            cells.iter().map(decode).collect::<Result<_, _>>().map_err(odd)?;
        let values = cells.iter().zip(&bytes).zip(&table.columns);
        let values: Vec<Value<'_>> = values
            .map(|((cell, bytes), (_, kind))| kind.value(cell, bytes))
            .collect::<Result<_, _>>()
            .map_err(odd)?;
        let row: Vec<&(dyn ToSql + Sync)> =
            values.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
        copy.write(&row).map_err(|error| refused(&error, reader))?;
    }
    copy.finish().map_err(|error| refused(&error, reader))?;
    Ok(())
}

/// A row that the schema does not take is a damaged backup; a lost connection is not.
fn refused(error: &postgres::Error, reader: &Reader<'_>) -> BackupError {
    match postgres_error(error).error {
        StoreError::Conflict { constraint } => {
            BackupError::Damaged(format!("{}: it breaks {constraint}", reader.place()))
        }
        StoreError::Bug(why) => BackupError::Damaged(format!("{}: {why}", reader.place())),
        other => other.into(),
    }
}

/// Removes every foreign key, so that tables load in any order, and gives the statements that put
/// them back and check all rows at once.
fn take_references(client: &mut postgres::Client) -> Result<Vec<String>, BackupError> {
    let rows = client
        .query(
            "SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname),
                    format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
             FROM pg_constraint WHERE contype = 'f' AND connamespace = current_schema()::regnamespace
             ORDER BY conrelid::regclass::text, conname",
            &[],
        )
        .map_err(engine)?;
    let mut back = Vec::new();
    for row in rows {
        client.batch_execute(row.get(0)).map_err(engine)?;
        back.push(row.get(1));
    }
    Ok(back)
}

/// Columns of a primary key with their places in it.
type KeyPlaces = Vec<(i32, String)>;

/// Every table of ours but the journal of migrations, which each engine writes for itself.
fn tables(client: &mut postgres::Client) -> Result<Vec<Table<Kind>>, BackupError> {
    let rows = client
        .query(
            "SELECT c.relname::text, a.attname::text, format_type(a.atttypid, NULL),
                    COALESCE(array_position(i.indkey::int2[], a.attnum), -1)
             FROM pg_class c
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                  AND a.attgenerated = ''
             LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
             WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
               AND NOT c.relispartition AND c.relname <> 'schema_migrations'
             ORDER BY c.relname::text COLLATE \"C\", a.attnum",
            &[],
        )
        .map_err(engine)?;
    let mut tables: Vec<(Table<Kind>, KeyPlaces)> = Vec::new();
    for row in rows {
        let (table, column): (String, String) = (row.get(0), row.get(1));
        if tables.last().is_none_or(|(last, _)| last.name != table) {
            let fresh = Table { name: table, columns: Vec::new(), key: Vec::new() };
            tables.push((fresh, Vec::new()));
        }
        if let Some((table, key)) = tables.last_mut() {
            let place: i32 = row.get(3);
            if place >= 0 {
                key.push((place, column.clone()));
            }
            table.columns.push((column, Kind::parse(row.get(2))?));
        }
    }
    let ordered = |(mut table, mut key): (Table<Kind>, KeyPlaces)| {
        key.sort();
        table.key = key.into_iter().map(|(_, column)| column).collect();
        if table.key.is_empty() {
            table.key = table.column_names();
        }
        table
    };
    Ok(tables.into_iter().map(ordered).collect())
}

fn engine(error: postgres::Error) -> BackupError {
    postgres_error(&error).error.into()
}
