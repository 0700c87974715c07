//! Small named values of the store as a whole.

use crate::{StoreError, Tx, Value, params};

/// The value under `name`.
pub fn find<T: serde::de::DeserializeOwned>(
    tx: &mut Tx<'_>,
    name: &str,
) -> Result<Option<T>, StoreError> {
    tx.find("SELECT value FROM settings WHERE name = $1", params![name], |row| row.json(0))
}

/// Writes the value under `name`.
pub fn set(tx: &mut Tx<'_>, name: &str, value: &serde_json::Value) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO settings (name, value) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        &[Value::from(name), Value::from(value)],
    )?;
    Ok(())
}
