//! One value in a backup: what SQLite would store, which is what both engines can be given.
//!
//! Times are microseconds, truth values 0 and 1, ids their sixteen bytes, JSON its text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rusqlite::types::{ToSqlOutput, ValueRef};
use serde::{Deserialize, Serialize};

/// A value as one JSON value: `null`, a number, a string, or `{"b": "…"}` for bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Cell {
    Null(()),
    Int(i64),
    Text(String),
    Bytes(Base64),
}

/// Bytes as base64 with padding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Base64 {
    #[serde(rename = "b")]
    text: String,
}

impl Cell {
    pub(super) fn bytes(bytes: &[u8]) -> Self {
        Self::Bytes(Base64 { text: STANDARD.encode(bytes) })
    }

    /// From SQLite; the error names what no column of ours holds.
    pub(super) fn from_sqlite(value: ValueRef<'_>) -> Result<Self, String> {
        Ok(match value {
            ValueRef::Null => Self::Null(()),
            ValueRef::Integer(number) => Self::Int(number),
            ValueRef::Text(text) => Self::Text(
                std::str::from_utf8(text).map_err(|_| "text that is not UTF-8")?.to_owned(),
            ),
            ValueRef::Blob(bytes) => Self::bytes(bytes),
            ValueRef::Real(_) => return Err("a number with a fraction".to_owned()),
        })
    }

    /// For SQLite, whose tables are STRICT and check the type.
    pub(super) fn to_sqlite(&self) -> Result<ToSqlOutput<'_>, String> {
        Ok(match self {
            Self::Null(()) => ToSqlOutput::Borrowed(ValueRef::Null),
            Self::Int(number) => ToSqlOutput::Borrowed(ValueRef::Integer(*number)),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::Bytes(bytes) => ToSqlOutput::Owned(bytes.decode()?.into()),
        })
    }
}

impl Base64 {
    pub(super) fn decode(&self) -> Result<Vec<u8>, String> {
        STANDARD.decode(&self.text).map_err(|_| "bytes that are not base64".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_comes_back_as_it_was_written() {
        let check = |cell: Cell, text: &str| {
            assert_eq!(serde_json::to_string(&cell).unwrap(), text);
            assert_eq!(serde_json::from_str::<Cell>(text).unwrap(), cell);
        };
        check(Cell::Null(()), "null");
        check(Cell::Int(i64::MIN), "-9223372036854775808");
        check(Cell::Int(i64::MAX), "9223372036854775807");
        check(Cell::Text("{\"b\": \"\u{0}\n\"}".into()), r#""{\"b\": \"\u0000\n\"}""#);
        check(Cell::bytes(&[0, 255, 10]), r#"{"b":"AP8K"}"#);
        check(Cell::bytes(&[]), r#"{"b":""}"#);
    }

    #[test]
    fn what_no_column_of_ours_holds_is_refused() {
        for text in ["1.5", "9223372036854775808", "[]", r#"{"b":"AA==","c":1}"#, "true"] {
            assert!(serde_json::from_str::<Cell>(text).is_err(), "{text}");
        }
        assert!(Cell::from_sqlite(ValueRef::Real(0.5)).is_err());
        assert!(Cell::from_sqlite(ValueRef::Text(&[0xff])).is_err());
        let odd: Cell = serde_json::from_str(r#"{"b":"?"}"#).unwrap();
        assert!(odd.to_sqlite().is_err());
    }
}
