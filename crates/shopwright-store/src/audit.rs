//! The audit log: who changed what and when, append-only, chained by hashes.
//!
//! Each entry's hash covers the entry and the hash before it, so that an edited or removed entry
//! breaks the chain; the head row tells when the end was cut off. An entry is written in the
//! transaction of the change it tells of. The head's row lock orders entries: take it last, or call
//! [`lock`] before any other lock, so that two operations cannot wait for each other.
//!
//! Entries stay for good. Never put a secret, or a customer's personal data, into one.

use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use shopwright_domain::ids::{KeyId, OperatorId};
use shopwright_domain::time::Timestamp;

use crate::verify::RuleResult;
use crate::{Row, StoreError, Tx, Value, params};

/// Opens the hashed form, so that no other data can be taken for an entry.
const ENCODING: &[u8] = b"shopwright audit entry 1";
/// Entries read at once while the chain is checked.
const VERIFY_PAGE: i64 = 1_000;
/// Broken entries listed per rule.
const BROKEN_SHOWN_MAX: usize = 50;

/// Who does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A signed-in person.
    Operator(OperatorId),
    /// A program with an API key.
    Key(KeyId),
    /// Whoever may run commands on the server.
    Cli,
    /// Shopwright by itself, or a visitor who is not signed in.
    System,
}

impl Actor {
    /// The stored kind: `operator`, `key`, `cli` or `system`.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Operator(_) => "operator",
            Self::Key(_) => "key",
            Self::Cli => "cli",
            Self::System => "system",
        }
    }

    /// The operator's or key's id as text; empty for the others.
    pub fn id(self) -> String {
        match self {
            Self::Operator(id) => id.to_string(),
            Self::Key(id) => id.to_string(),
            Self::Cli | Self::System => String::new(),
        }
    }
}

/// Who does something, and when: what every operation that changes configuration is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Who.
    pub actor: Actor,
    /// When.
    pub at: Timestamp,
}

impl Stamp {
    /// An act of `actor` at `at`.
    pub const fn new(actor: Actor, at: Timestamp) -> Self {
        Self { actor, at }
    }

    /// The entry that tells of this act.
    pub fn entry(
        self,
        action: &'static str,
        object: String,
        before: Option<Json>,
        after: Option<Json>,
    ) -> AuditEntry {
        AuditEntry { at: self.at, actor: self.actor, action, object, before, after }
    }
}

/// One entry to record. `before` and `after` never hold a secret.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What was done, as `key.created`.
    pub action: &'static str,
    /// To what: a TypeID, or a path such as `price_policy/sku/85123A`.
    pub object: String,
    /// How it was; `None` for what was not there.
    pub before: Option<Json>,
    /// How it is now; `None` for what is gone.
    pub after: Option<Json>,
}

/// One entry as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Its place in the log, from 1 without gaps.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// `operator`, `key`, `cli` or `system`.
    pub actor_kind: String,
    /// The operator's or key's id; empty for the others.
    pub actor_id: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub object: String,
    /// The how-manieth entry of this object it is, from 1 without gaps.
    pub object_version: i64,
    /// How it was, as JSON text.
    pub before: Option<String>,
    /// How it is now, as JSON text.
    pub after: Option<String>,
    /// The hash of the entry before; empty for the first.
    pub previous_hash: Vec<u8>,
    /// The hash of this entry.
    pub hash: Vec<u8>,
}

impl Recorded {
    /// SHA-256 over the entry in its canonical form: numbers as eight bytes, texts behind their
    /// length, a missing text told apart from an empty one.
    fn computed_hash(&self) -> Vec<u8> {
        let mut hasher = Sha256::new();
        hasher.update(ENCODING);
        let mut bytes = |part: &[u8]| {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        };
        bytes(&self.previous_hash);
        for number in [self.seq, self.at.as_micros(), self.object_version] {
            bytes(&number.to_be_bytes());
        }
        for text in [&self.actor_kind, &self.actor_id, &self.action, &self.object] {
            bytes(text.as_bytes());
        }
        for text in [&self.before, &self.after] {
            bytes(if text.is_some() { b"some" } else { b"none" });
            bytes(text.as_deref().unwrap_or_default().as_bytes());
        }
        hasher.finalize().to_vec()
    }
}

/// Takes the log's lock without writing, for operations that need it before other locks.
pub fn lock(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    head(tx).map(|_| ())
}

/// The last entry's place and hash, locked.
fn head(tx: &mut Tx<'_>) -> Result<(i64, Vec<u8>), StoreError> {
    let lock = tx.for_update();
    tx.one(
        &format!("SELECT seq, hash FROM audit_head WHERE name = 'audit'{lock}"),
        params![],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// Appends an entry in the transaction of the change it tells of; gives its place in the log.
pub fn record(tx: &mut Tx<'_>, entry: &AuditEntry) -> Result<i64, StoreError> {
    let (last, previous_hash) = head(tx)?;
    let object_version = tx.one(
        "SELECT COALESCE(MAX(object_version), 0) + 1 FROM audit_log WHERE object = $1",
        params![&entry.object],
        |row| row.get(0),
    )?;
    let text = |json: &Option<Json>| json.as_ref().map(ToString::to_string);
    let mut row = Recorded {
        seq: last + 1,
        at: entry.at,
        actor_kind: entry.actor.kind().to_owned(),
        actor_id: entry.actor.id(),
        action: entry.action.to_owned(),
        object: entry.object.clone(),
        object_version,
        before: text(&entry.before),
        after: text(&entry.after),
        previous_hash,
        hash: Vec::new(),
    };
    row.hash = row.computed_hash();
    tx.execute(
        "INSERT INTO audit_log (seq, at, actor_kind, actor_id, action, object, object_version,
                                before_json, after_json, previous_hash, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        params![
            row.seq,
            row.at,
            &row.actor_kind,
            &row.actor_id,
            &row.action,
            &row.object,
            row.object_version,
            row.before.as_deref(),
            row.after.as_deref(),
            &row.previous_hash,
            &row.hash,
        ],
    )?;
    tx.execute(
        "UPDATE audit_head SET seq = $1, hash = $2 WHERE name = 'audit'",
        params![row.seq, &row.hash],
    )?;
    Ok(row.seq)
}

const COLUMNS: &str = "SELECT seq, at, actor_kind, actor_id, action, object, object_version, before_json, after_json, previous_hash, hash FROM audit_log";

fn recorded(row: &Row<'_>) -> Result<Recorded, StoreError> {
    Ok(Recorded {
        seq: row.get(0)?,
        at: row.get(1)?,
        actor_kind: row.get(2)?,
        actor_id: row.get(3)?,
        action: row.get(4)?,
        object: row.get(5)?,
        object_version: row.get(6)?,
        before: row.get(7)?,
        after: row.get(8)?,
        previous_hash: row.get(9)?,
        hash: row.get(10)?,
    })
}

/// Which entries are asked for; an empty text asks for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// `operator`, `key`, `cli` or `system`.
    pub actor_kind: String,
    /// An operator's or key's id.
    pub actor_id: String,
    /// An action, as `key.created`; or its first word with the dot, as `key.`, for all of them.
    pub action: String,
    /// An object.
    pub object: String,
}

/// Which page of the entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditPage {
    /// The newest.
    Newest,
    /// The newest of those before this place.
    OlderThan(i64),
    /// The oldest of those after this place, still newest first.
    NewerThan(i64),
}

/// A page of entries, newest first.
pub fn list(
    tx: &mut Tx<'_>,
    filter: &AuditFilter,
    page: AuditPage,
    limit: i64,
) -> Result<Vec<Recorded>, StoreError> {
    // The prefix `key.` ends before `key/`, the next character after the dot.
    let action_end = filter.action.strip_suffix('.').map(|word| format!("{word}/"));
    let (edge, bound, order) = match page {
        AuditPage::Newest => (i64::MAX, "seq < $1", "DESC"),
        AuditPage::OlderThan(seq) => (seq, "seq < $1", "DESC"),
        AuditPage::NewerThan(seq) => (seq, "seq > $1", "ASC"),
    };
    let action: &str = &filter.action;
    let (exactly, from) = if action_end.is_some() { ("", action) } else { (action, "") };
    let asked: [(&str, &str); 6] = [
        ("actor_kind =", &filter.actor_kind),
        ("actor_id =", &filter.actor_id),
        ("object =", &filter.object),
        ("action =", exactly),
        ("action >=", from),
        ("action <", action_end.as_deref().unwrap_or_default()),
    ];
    let mut sql = format!("{COLUMNS} WHERE {bound}");
    let mut values: Vec<Value<'_>> = vec![Value::from(edge)];
    for (condition, value) in asked.into_iter().filter(|(_, value)| !value.is_empty()) {
        values.push(Value::Text(value));
        sql.extend([" AND ", condition, &format!(" ${}", values.len())]);
    }
    values.push(Value::from(limit));
    sql.extend([" ORDER BY seq ", order, &format!(" LIMIT ${}", values.len())]);
    let mut rows = tx.query(&sql, &values, recorded)?;
    if matches!(page, AuditPage::NewerThan(_)) {
        rows.reverse();
    }
    Ok(rows)
}

/// Checks the whole log: the chain, its end, and that no object's entry is missing.
pub(crate) fn verify(tx: &mut Tx<'_>) -> Result<Vec<RuleResult>, StoreError> {
    let mut chain = Vec::new();
    let mut versions = Vec::new();
    let mut last_of: std::collections::HashMap<String, i64> = std::collections::HashMap::new();
    let (mut last, mut last_hash) = (0, Vec::new());
    loop {
        let page = tx.query(
            &format!("{COLUMNS} WHERE seq > $1 ORDER BY seq LIMIT $2"),
            params![last, VERIFY_PAGE],
            recorded,
        )?;
        for row in &page {
            if row.seq != last + 1 {
                chain.push(format!("{}: expected entry {}, found {}", row.seq, last + 1, row.seq));
            }
            if row.previous_hash != last_hash {
                chain.push(format!(
                    "{}: expected the hash of the entry before, found another",
                    row.seq
                ));
            }
            if row.hash != row.computed_hash() {
                chain.push(format!(
                    "{}: expected the entry that was hashed, found another",
                    row.seq
                ));
            }
            let version = last_of.entry(row.object.clone()).or_insert(0);
            if row.object_version != *version + 1 {
                versions.push(format!(
                    "{} {}: expected version {}, found {}",
                    row.seq,
                    row.object,
                    *version + 1,
                    row.object_version
                ));
            }
            *version = row.object_version;
            (last, last_hash) = (row.seq, row.hash.clone());
        }
        if page.len() < usize::try_from(VERIFY_PAGE).unwrap_or(usize::MAX) {
            break;
        }
    }
    let end =
        tx.find("SELECT seq, hash FROM audit_head WHERE name = 'audit'", params![], |row| {
            Ok((row.get::<i64>(0)?, row.get::<Vec<u8>>(1)?))
        })?;
    let end_is = |seq: i64| format!("end: expected entry {seq} to be the last, found {last}");
    match end {
        None => chain.push("end: expected to know the last entry, found nothing".to_owned()),
        Some((seq, _)) if seq != last => chain.push(end_is(seq)),
        Some((_, hash)) if hash != last_hash => {
            chain.push(format!("end: expected the hash of entry {last}, found another"));
        }
        Some(_) => {}
    }
    chain.truncate(BROKEN_SHOWN_MAX);
    versions.truncate(BROKEN_SHOWN_MAX);
    Ok(vec![
        RuleResult {
            rule: "audit_chain",
            says: "the audit log is whole: each entry's hash covers it and the one before",
            broken: chain,
        },
        RuleResult {
            rule: "audit_versions",
            says: "no entry of any object is missing from the audit log",
            broken: versions,
        },
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Recorded {
        Recorded {
            seq: 1,
            at: Timestamp::from_micros(5),
            actor_kind: "cli".into(),
            actor_id: String::new(),
            action: "key.created".into(),
            object: "key_1".into(),
            object_version: 1,
            before: None,
            after: Some("{}".into()),
            previous_hash: Vec::new(),
            hash: Vec::new(),
        }
    }

    #[test]
    fn every_field_of_an_entry_changes_its_hash() {
        let whole = entry().computed_hash();
        assert_eq!(whole, entry().computed_hash());
        let check = |what: &str, change: fn(&mut Recorded)| {
            let mut other = entry();
            change(&mut other);
            assert_ne!(other.computed_hash(), whole, "{what}");
        };
        check("seq", |e| e.seq = 2);
        check("at", |e| e.at = Timestamp::from_micros(6));
        check("actor kind", |e| e.actor_kind = "key".into());
        check("actor", |e| e.actor_id = "key_1".into());
        check("action", |e| e.action = "key.revoked".into());
        check("object", |e| e.object = "key_2".into());
        check("version", |e| e.object_version = 2);
        check("before", |e| e.before = Some(String::new()));
        check("after", |e| e.after = None);
        check("previous", |e| e.previous_hash = vec![1]);
        check("a shifted border", |e| {
            e.action = "key.createdk".into();
            e.object = "ey_1".into();
        });
        check("sides", |e| (e.before, e.after) = (e.after.take(), None));
    }
}
