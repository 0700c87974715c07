//! API keys: shown once, kept as a keyed hash.

use shopwright_domain::ids::KeyId;
use shopwright_domain::time::Timestamp;

use crate::{Change, Column, Page, Row, StoreError, Tx, feed, params};

/// An API key without the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub key_id: KeyId,
    /// `secret`, `restricted` or `publishable`.
    pub kind: String,
    /// What the owner calls it.
    pub name: String,
    /// The first characters, to recognise it by.
    pub shown_prefix: String,
    /// HMAC-SHA-256 of the key under the store's secret.
    pub hash: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used, within a minute or so.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// What a restricted key may do; empty for the others.
    pub scopes: Vec<String>,
    /// The web origins a browser may use it from.
    pub origins: Vec<String>,
    /// From this moment on it opens nothing.
    pub expires_at: Option<Timestamp>,
}

fn api_key(row: &Row<'_>) -> Result<ApiKey, StoreError> {
    Ok(ApiKey {
        key_id: row.get(0)?,
        kind: row.get(1)?,
        name: row.get(2)?,
        shown_prefix: row.get(3)?,
        hash: row.get(4)?,
        created_at: row.get(5)?,
        last_used_at: row.get(6)?,
        revoked_at: row.get(7)?,
        scopes: row.json(8)?,
        origins: row.json(9)?,
        expires_at: row.get(10)?,
    })
}

const COLUMNS: &str = "SELECT key_id, kind, name, shown_prefix, hash, created_at, last_used_at,
    revoked_at, scopes, origins, expires_at FROM api_keys";

/// All keys, newest first, revoked ones too.
pub fn list_keys(tx: &mut Tx<'_>) -> Result<Vec<ApiKey>, StoreError> {
    let sql = format!("{COLUMNS} ORDER BY created_at DESC, key_id DESC");
    tx.query(&sql, params![], api_key)
}

/// A page of all keys, revoked ones too.
pub fn page_of_keys(tx: &mut Tx<'_>, page: &Page<KeyId>) -> Result<Vec<ApiKey>, StoreError> {
    let select = format!("{COLUMNS} WHERE true");
    page.newest_first(tx, (&select, "key_id"), Vec::new(), api_key)
}

/// The key with this id.
pub fn find_key(tx: &mut Tx<'_>, key_id: KeyId) -> Result<Option<ApiKey>, StoreError> {
    tx.find(&format!("{COLUMNS} WHERE key_id = $1"), params![key_id], api_key)
}

/// Adds a key.
pub fn insert_key(tx: &mut Tx<'_>, key: &ApiKey) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO api_keys
         (key_id, kind, name, shown_prefix, hash, created_at, scopes, origins, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        params![
            key.key_id,
            &key.kind,
            &key.name,
            &key.shown_prefix,
            &key.hash,
            key.created_at,
            serde_json::Value::from(key.scopes.as_slice()),
            serde_json::Value::from(key.origins.as_slice()),
            key.expires_at,
        ],
    )?;
    feed::advance(tx, Change::Keys)?;
    Ok(())
}

/// Revokes a key; `false` when there is none with this id. Revoking twice keeps the first time.
pub fn revoke_key(tx: &mut Tx<'_>, key_id: KeyId, now: Timestamp) -> Result<bool, StoreError> {
    let found = tx.execute(
        "UPDATE api_keys SET revoked_at = COALESCE(revoked_at, $2) WHERE key_id = $1",
        params![key_id, now],
    )?;
    feed::advance(tx, Change::Keys)?;
    Ok(found > 0)
}

/// Notes when keys were last used.
pub fn touch_keys(tx: &mut Tx<'_>, used: &[(KeyId, Timestamp)]) -> Result<(), StoreError> {
    tx.execute_rows(
        "UPDATE api_keys SET last_used_at = r.at FROM {rows} AS r WHERE api_keys.key_id = r.id
         AND (api_keys.last_used_at IS NULL OR api_keys.last_used_at < r.at)",
        &[
            ("id", Column::Uuid(used.iter().map(|(id, _)| id.uuid()).collect())),
            ("at", Column::Time(used.iter().map(|(_, at)| *at).collect())),
        ],
    )?;
    Ok(())
}
