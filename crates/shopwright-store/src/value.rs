//! Values on their way into and out of a statement, in each engine's native form.
//!
//! | here | SQLite | PostgreSQL |
//! |---|---|---|
//! | `i64` | integer | bigint |
//! | `bool` | integer 0/1 | boolean |
//! | text | text | text |
//! | [`Timestamp`] | integer, microseconds | timestamptz |
//! | [`Uuid`] | 16-byte blob | uuid |
//! | JSON | text | jsonb |
//! | bytes | blob | bytea |

use std::error::Error;

use postgres::types::private::BytesMut;
use postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use rusqlite::types::{ToSqlOutput, Value as Owned, ValueRef};
use shopwright_domain::catalog::Sku;
use shopwright_domain::ids::Id;
use shopwright_domain::time::Timestamp;
use uuid::Uuid;

/// Microseconds between the Unix epoch and PostgreSQL's (2000-01-01).
const POSTGRES_EPOCH_MICROS: i64 = 946_684_800_000_000;

/// One bound parameter.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// SQL NULL of any type.
    Null,
    /// A whole number.
    Int(i64),
    /// True or false.
    Bool(bool),
    /// Text.
    Text(&'a str),
    /// A point in time.
    Time(Timestamp),
    /// A UUID.
    Uuid(Uuid),
    /// JSON, already written as text.
    Json(String),
    /// Bytes.
    Bytes(&'a [u8]),
}

macro_rules! value_from {
    ($($from:ty => |$v:ident| $to:expr;)*) => {$(
        impl<'a> From<$from> for Value<'a> {
            fn from($v: $from) -> Self { $to }
        }
    )*};
}

value_from! {
    i64 => |v| Value::Int(v);
    bool => |v| Value::Bool(v);
    &'a str => |v| Value::Text(v);
    &'a String => |v| Value::Text(v);
    &'a Sku => |v| Value::Text(v.as_str());
    Timestamp => |v| Value::Time(v);
    Uuid => |v| Value::Uuid(v);
    &'a serde_json::Value => |v| Value::Json(v.to_string());
    serde_json::Value => |v| Value::Json(v.to_string());
    &'a [u8] => |v| Value::Bytes(v);
    &'a Vec<u8> => |v| Value::Bytes(v);
}

impl<K> From<Id<K>> for Value<'_> {
    fn from(id: Id<K>) -> Self {
        Value::Uuid(id.uuid())
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

/// Parameters of a statement: `params![sku, now, amount_minor]`.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => { &[$($crate::Value::from($value)),*][..] };
}

impl rusqlite::ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Value::Null => ToSqlOutput::Owned(Owned::Null),
            Value::Int(v) => ToSqlOutput::Owned(Owned::Integer(*v)),
            Value::Bool(v) => ToSqlOutput::Owned(Owned::Integer(i64::from(*v))),
            Value::Text(v) => ToSqlOutput::Borrowed(ValueRef::Text(v.as_bytes())),
            Value::Time(v) => ToSqlOutput::Owned(Owned::Integer(v.as_micros())),
            Value::Uuid(v) => ToSqlOutput::Borrowed(ValueRef::Blob(v.as_bytes())),
            Value::Json(v) => ToSqlOutput::Borrowed(ValueRef::Text(v.as_bytes())),
            Value::Bytes(v) => ToSqlOutput::Borrowed(ValueRef::Blob(v)),
        })
    }
}

impl ToSql for Value<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        // Every kind checks the type itself: eight bytes of text must not pass for a number.
        match self {
            Value::Null => Ok(IsNull::Yes),
            Value::Int(v) => match *ty {
                Type::INT4 => i32::try_from(*v)?.to_sql(ty, out),
                Type::INT2 => i16::try_from(*v)?.to_sql(ty, out),
                _ => v.to_sql_checked(ty, out),
            },
            Value::Bool(v) => v.to_sql_checked(ty, out),
            Value::Text(v) => v.to_sql_checked(ty, out),
            Value::Time(v) => PgTime(*v).to_sql_checked(ty, out),
            Value::Uuid(v) => v.to_sql_checked(ty, out),
            Value::Json(v) => {
                if !matches!(*ty, Type::JSONB | Type::JSON | Type::TEXT) {
                    return Err(format!("JSON given where {ty} is wanted").into());
                }
                if *ty == Type::JSONB {
                    // The version byte of the jsonb wire form.
                    out.extend_from_slice(&[1]);
                }
                out.extend_from_slice(v.as_bytes());
                Ok(IsNull::No)
            }
            Value::Bytes(v) => v.to_sql_checked(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// A timestamptz on the wire: microseconds since PostgreSQL's epoch. The earliest `Timestamp` there
/// is becomes `-infinity`, so that it is before everything on both engines.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PgTime(pub Timestamp);

impl ToSql for PgTime {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        self.0.as_micros().saturating_sub(POSTGRES_EPOCH_MICROS).to_sql(ty, out)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::TIMESTAMPTZ
    }

    to_sql_checked!();
}

struct ReadTime(Timestamp);

impl<'a> postgres::types::FromSql<'a> for ReadTime {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let micros = match i64::from_sql(ty, raw)? {
            i64::MIN => i64::MIN,
            micros => micros.saturating_add(POSTGRES_EPOCH_MICROS),
        };
        Ok(Self(Timestamp::from_micros(micros)))
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::TIMESTAMPTZ
    }
}

/// A Rust value that a column can hold.
pub trait FromColumn: Sized {
    /// From SQLite's value; the error says what was found.
    fn from_sqlite(value: ValueRef<'_>) -> Result<Self, String>;
    /// From PostgreSQL's column.
    fn from_postgres(row: &postgres::Row, index: usize) -> Result<Self, String>;
}

fn found(value: ValueRef<'_>, wanted: &str) -> String {
    format!("expected {wanted}, found {}", value.data_type())
}

macro_rules! from_column {
    ($($ty:ty, $wanted:literal, |$v:ident| $sqlite:expr, $pg:ty => |$p:ident| $map:expr;)*) => {$(
        impl FromColumn for $ty {
            fn from_sqlite($v: ValueRef<'_>) -> Result<Self, String> {
                let read: Option<Result<Self, String>> = $sqlite;
                read.unwrap_or_else(|| Err(found($v, $wanted)))
            }

            fn from_postgres(row: &postgres::Row, index: usize) -> Result<Self, String> {
                row.try_get::<_, $pg>(index).map(|$p| $map).map_err(|error| error.to_string())
            }
        }

        impl FromColumn for Option<$ty> {
            fn from_sqlite(value: ValueRef<'_>) -> Result<Self, String> {
                match value {
                    ValueRef::Null => Ok(None),
                    value => <$ty>::from_sqlite(value).map(Some),
                }
            }

            fn from_postgres(row: &postgres::Row, index: usize) -> Result<Self, String> {
                row.try_get::<_, Option<$pg>>(index)
                    .map(|value| value.map(|$p| $map))
                    .map_err(|error| error.to_string())
            }
        }
    )*};
}

fn text(value: ValueRef<'_>) -> Option<Result<&str, String>> {
    match value {
        ValueRef::Text(bytes) => Some(std::str::from_utf8(bytes).map_err(|e| e.to_string())),
        _ => None,
    }
}

from_column! {
    i64, "a whole number",
        |v| if let ValueRef::Integer(n) = v { Some(Ok(n)) } else { None },
        i64 => |p| p;
    bool, "0 or 1",
        |v| match v { ValueRef::Integer(0) => Some(Ok(false)), ValueRef::Integer(1) => Some(Ok(true)), _ => None },
        bool => |p| p;
    String, "text",
        |v| text(v).map(|t| t.map(ToOwned::to_owned)),
        String => |p| p;
    Timestamp, "a time",
        |v| if let ValueRef::Integer(n) = v { Some(Ok(Timestamp::from_micros(n))) } else { None },
        ReadTime => |p| p.0;
    Uuid, "a 16-byte id",
        |v| if let ValueRef::Blob(b) = v { Uuid::from_slice(b).ok().map(Ok) } else { None },
        Uuid => |p| p;
    serde_json::Value, "JSON",
        |v| text(v).map(|t| t.and_then(|t| serde_json::from_str(t).map_err(|e| e.to_string()))),
        serde_json::Value => |p| p;
    Vec<u8>, "bytes",
        |v| if let ValueRef::Blob(b) = v { Some(Ok(b.to_vec())) } else { None },
        Vec<u8> => |p| p;
}

impl<K> FromColumn for Id<K> {
    fn from_sqlite(value: ValueRef<'_>) -> Result<Self, String> {
        Uuid::from_sqlite(value).map(Self::from_uuid)
    }

    fn from_postgres(row: &postgres::Row, index: usize) -> Result<Self, String> {
        Uuid::from_postgres(row, index).map(Self::from_uuid)
    }
}

impl<K> FromColumn for Option<Id<K>> {
    fn from_sqlite(value: ValueRef<'_>) -> Result<Self, String> {
        Option::<Uuid>::from_sqlite(value).map(|id| id.map(Id::from_uuid))
    }

    fn from_postgres(row: &postgres::Row, index: usize) -> Result<Self, String> {
        Option::<Uuid>::from_postgres(row, index).map(|id| id.map(Id::from_uuid))
    }
}

impl FromColumn for Sku {
    fn from_sqlite(value: ValueRef<'_>) -> Result<Self, String> {
        Self::parse(&String::from_sqlite(value)?).map_err(|e| e.to_string())
    }

    fn from_postgres(row: &postgres::Row, index: usize) -> Result<Self, String> {
        Self::parse(&String::from_postgres(row, index)?).map_err(|e| e.to_string())
    }
}
