//! The few places where SQLite and PostgreSQL differ, each with a name.

use std::fmt::Write as _;

use postgres::error::SqlState;
use postgres::types::ToSql;
use rusqlite::ErrorCode;
use shopwright_domain::time::Timestamp;
use uuid::Uuid;

use crate::Value;
use crate::error::StoreError;
use crate::tx::{Doom, Tx};
use crate::value::PgTime;

impl Tx<'_> {
    /// Locks the rows a SELECT finds until the end of the transaction. Nothing on SQLite, where one
    /// writer runs at a time. Select in key order, so that two operations cannot wait for each other.
    pub fn for_update(&self) -> &'static str {
        if self.is_postgres() { " FOR UPDATE" } else { "" }
    }

    /// Like [`Tx::for_update`] for rows whose key stays: others may go on writing rows that refer to
    /// them.
    pub fn for_no_key_update(&self) -> &'static str {
        if self.is_postgres() { " FOR NO KEY UPDATE" } else { "" }
    }

    /// Locks the rows a SELECT finds and passes over those another worker holds.
    pub fn for_update_skip_locked(&self) -> &'static str {
        if self.is_postgres() { " FOR UPDATE SKIP LOCKED" } else { "" }
    }

    /// The time on the ledger's own clock, as an expression: nodes agree on it, however wrong their
    /// clocks are. On SQLite that is the clock of the one machine that may open the file.
    pub fn ledger_time(&self) -> &'static str {
        if self.is_postgres() {
            "clock_timestamp()"
        } else {
            "(CAST(ROUND(unixepoch('subsec') * 1000) AS INTEGER) * 1000)"
        }
    }

    /// The ledger's time so many milliseconds from now, as an expression; `$n` holds the number.
    pub fn ledger_time_after(&self, millis: &str) -> String {
        let now = self.ledger_time();
        if self.is_postgres() {
            format!("({now} + {millis}::bigint * interval '1 millisecond')")
        } else {
            format!("({now} + {millis} * 1000)")
        }
    }
}

/// The text under a key of a JSON column.
pub(crate) fn json_text(postgres: bool, column: &str, key: &str) -> String {
    assert!(key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'), "a plain key");
    if postgres {
        format!("({column} ->> '{key}')")
    } else {
        format!("json_extract({column}, '$.{key}')")
    }
}

/// A JSON column with null under a key that it has.
pub(crate) fn json_without(postgres: bool, column: &str, key: &str) -> String {
    assert!(key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'), "a plain key");
    if postgres {
        format!("jsonb_set({column}, '{{{key}}}', 'null')")
    } else {
        format!("json_set({column}, '$.{key}', NULL)")
    }
}

/// The values of one column for [`Tx::execute_rows`].
#[derive(Clone, Debug)]
pub enum Column<'a> {
    /// Whole numbers.
    Int(Vec<i64>),
    /// Whole numbers or NULL.
    OptInt(Vec<Option<i64>>),
    /// Truth values.
    Bool(Vec<bool>),
    /// Texts.
    Text(Vec<&'a str>),
    /// Texts or NULL.
    OptText(Vec<Option<&'a str>>),
    /// Times.
    Time(Vec<Timestamp>),
    /// UUIDs.
    Uuid(Vec<Uuid>),
    /// JSON texts.
    Json(Vec<String>),
}

impl Column<'_> {
    /// How many rows the column has.
    pub fn len(&self) -> usize {
        match self {
            Self::Int(v) => v.len(),
            Self::OptInt(v) => v.len(),
            Self::Bool(v) => v.len(),
            Self::Text(v) => v.len(),
            Self::OptText(v) => v.len(),
            Self::Time(v) => v.len(),
            Self::Uuid(v) => v.len(),
            Self::Json(v) => v.len(),
        }
    }

    /// Whether the column has no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn value(&self, index: usize) -> Value<'_> {
        match self {
            Self::Int(v) => v[index].into(),
            Self::OptInt(v) => v[index].into(),
            Self::Bool(v) => v[index].into(),
            Self::Text(v) => v[index].into(),
            Self::OptText(v) => v[index].into(),
            Self::Time(v) => v[index].into(),
            Self::Uuid(v) => v[index].into(),
            Self::Json(v) => Value::Text(&v[index]),
        }
    }

    pub(crate) fn as_array(&self) -> Box<dyn ToSql + Sync + '_> {
        match self {
            Self::Int(v) => Box::new(v.as_slice()),
            Self::OptInt(v) => Box::new(v.as_slice()),
            Self::Bool(v) => Box::new(v.as_slice()),
            Self::Text(v) => Box::new(v.as_slice()),
            Self::OptText(v) => Box::new(v.as_slice()),
            Self::Time(v) => Box::new(v.iter().map(|at| PgTime(*at)).collect::<Vec<_>>()),
            Self::Uuid(v) => Box::new(v.as_slice()),
            // Sent as text and cast, so that no copy of the parsed tree is made.
            Self::Json(v) => Box::new(v.as_slice()),
        }
    }

    fn postgres_type(&self) -> &'static str {
        match self {
            Self::Int(_) | Self::OptInt(_) => "bigint",
            Self::Bool(_) => "boolean",
            Self::Text(_) | Self::OptText(_) | Self::Json(_) => "text",
            Self::Time(_) => "timestamptz",
            Self::Uuid(_) => "uuid",
        }
    }
}

/// Replaces `{rows}` by the engine's table expression over the bound columns.
pub(crate) fn expand_rows(sql: &str, columns: &[(&str, Column<'_>)], postgres: bool) -> String {
    assert!(sql.contains("{rows}"), "a rows statement names {{rows}}");
    let mut table = String::new();
    if postgres {
        let list = |part: &mut dyn FnMut(usize, &str, &Column<'_>) -> String| {
            let parts: Vec<_> =
                columns.iter().enumerate().map(|(i, (n, c))| part(i, n, c)).collect();
            parts.join(", ")
        };
        let picked = list(&mut |_, name, column| match column {
            Column::Json(_) => format!("{name}::jsonb AS {name}"),
            _ => name.to_owned(),
        });
        let arrays = list(&mut |i, _, column| format!("${}::{}[]", i + 1, column.postgres_type()));
        let names = list(&mut |_, name, _| name.to_owned());
        let _ = write!(table, "(SELECT {picked} FROM UNNEST({arrays}) AS u({names}))");
    } else {
        let parts: Vec<_> = columns
            .iter()
            .enumerate()
            .map(|(i, (name, _))| format!("${} AS {name}", i + 1))
            .collect();
        let _ = write!(table, "(SELECT {})", parts.join(", "));
    }
    sql.replace("{rows}", &table)
}

/// The first table a statement names; only used to say where a corrupt value was read.
pub(crate) fn first_table(sql: &str) -> String {
    let mut words = sql.split_whitespace();
    while let Some(word) = words.next() {
        if ["FROM", "JOIN", "INTO", "UPDATE"].iter().any(|key| word.eq_ignore_ascii_case(key)) {
            let name = words.next().unwrap_or_default();
            // `{rows}` stands expanded here and is no table: go on to the one it is joined with.
            if name.starts_with('(') || name.starts_with("UNNEST(") {
                continue;
            }
            return name.trim_matches(|c: char| !c.is_alphanumeric() && c != '_').to_owned();
        }
    }
    String::new()
}

pub(crate) fn sqlite_error(error: &rusqlite::Error) -> Doom {
    let text = error.to_string();
    let code = error.sqlite_error().map(|e| (e.code, e.extended_code));
    let (error, fatal) = match code {
        // A value of the wrong type, or a sum beyond 64 bits: PostgreSQL calls it no constraint either.
        Some((ErrorCode::ConstraintViolation, rusqlite::ffi::SQLITE_CONSTRAINT_DATATYPE)) => {
            (StoreError::Bug(text), false)
        }
        Some((ErrorCode::ConstraintViolation, extended)) => {
            (StoreError::Conflict { constraint: sqlite_constraint(&text, extended) }, false)
        }
        Some((ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked, _)) => (StoreError::Busy, false),
        Some((ErrorCode::DiskFull, _)) => (StoreError::Full(text), true),
        Some((
            ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::ReadOnly
            | ErrorCode::OutOfMemory,
            _,
        )) => (StoreError::Unavailable(text), true),
        _ => (StoreError::Bug(text), false),
    };
    Doom { error, retry: false, fatal }
}

/// PostgreSQL's default name of the constraint that SQLite describes by its columns.
fn sqlite_constraint(text: &str, extended: i32) -> String {
    let described = text.rsplit_once("failed: ").map_or("", |(_, what)| what);
    if extended == rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY {
        return "foreign_key".to_owned();
    }
    let Some((table, _)) = described.split_once('.') else {
        return described.to_owned();
    };
    if extended == rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY {
        return format!("{table}_pkey");
    }
    let columns: Vec<_> =
        described.split(", ").map(|c| c.rsplit('.').next().unwrap_or_default()).collect();
    let suffix =
        if extended == rusqlite::ffi::SQLITE_CONSTRAINT_NOTNULL { "not_null" } else { "key" };
    format!("{table}_{}_{suffix}", columns.join("_"))
}

pub(crate) fn postgres_error(error: &postgres::Error) -> Doom {
    let Some(db) = error.as_db_error() else {
        let closed = error.is_closed()
            || std::error::Error::source(error)
                .is_some_and(<dyn std::error::Error>::is::<std::io::Error>);
        let text =
            std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
        let error = if closed { StoreError::Unavailable(text) } else { StoreError::Bug(text) };
        return Doom { error, retry: false, fatal: closed };
    };
    let code = db.code();
    let retry =
        *code == SqlState::T_R_SERIALIZATION_FAILURE || *code == SqlState::T_R_DEADLOCK_DETECTED;
    let class = &code.code()[..2];
    let error = match class {
        "23" if *code == SqlState::NOT_NULL_VIOLATION => StoreError::Conflict {
            constraint: format!(
                "{}_{}_not_null",
                db.table().unwrap_or_default(),
                db.column().unwrap_or_default()
            ),
        },
        "23" if *code == SqlState::FOREIGN_KEY_VIOLATION => {
            StoreError::Conflict { constraint: "foreign_key".to_owned() }
        }
        "23" => StoreError::Conflict { constraint: db.constraint().unwrap_or_default().to_owned() },
        "53" => StoreError::Full(db.message().to_owned()),
        "08" if *code == SqlState::PROTOCOL_VIOLATION => {
            StoreError::Bug(format!("{} ({})", db.message(), code.code()))
        }
        "08" | "57" | "58" | "28" | "3D" => StoreError::Unavailable(db.message().to_owned()),
        _ if retry => StoreError::Busy,
        "55" => StoreError::Busy,
        _ => StoreError::Bug(format!("{} ({})", db.message(), code.code())),
    };
    let fatal = matches!(error, StoreError::Unavailable(_));
    Doom { error, retry, fatal }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_expand_to_each_engines_table_expression() {
        let columns =
            [("sku", Column::Text(vec!["a"])), ("inputs", Column::Json(vec!["{}".into()]))];
        let sql = "INSERT INTO t (sku, inputs) SELECT sku, inputs FROM {rows} AS r WHERE true";
        assert!(
            expand_rows(sql, &columns, false)
                .contains("FROM (SELECT $1 AS sku, $2 AS inputs) AS r")
        );
        assert!(expand_rows(sql, &columns, true).contains(
            "(SELECT sku, inputs::jsonb AS inputs FROM UNNEST($1::text[], $2::text[]) AS u(sku, inputs))"
        ));
    }

    #[test]
    fn the_table_of_a_statement_is_found() {
        assert_eq!(first_table("SELECT a FROM prices WHERE x = 1"), "prices");
        assert_eq!(first_table("insert into orders (id) values ($1)"), "orders");
        assert_eq!(
            first_table("SELECT l.a FROM (SELECT $1 AS a) AS r JOIN levels l ON l.a = r.a"),
            "levels"
        );
        let unnested =
            "SELECT a FROM (SELECT a FROM UNNEST($1::text[]) AS u(a)) AS r JOIN levels l";
        assert_eq!(first_table(unnested), "levels");
        assert_eq!(first_table("SELECT 1"), "");
    }
}
