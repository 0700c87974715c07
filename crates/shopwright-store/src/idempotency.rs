//! Requests that may be sent again: the key of one is claimed in the transaction of its effect, and
//! its answer is kept with it. A rival with the same key waits for that transaction and then finds
//! the answer.

use shopwright_domain::time::{SECOND, Timestamp};

use crate::{StoreError, Tx, params};

/// How long an answer is kept: 24 hours.
pub const KEPT_MICROS: i64 = 24 * 3_600 * SECOND;

/// A key as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentKey {
    /// Whose key it is: keys of different callers never meet.
    pub caller: String,
    /// The text of the header.
    pub key: String,
    /// A hash over method, path and body.
    pub fingerprint: [u8; 32],
}

/// What claiming a key found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Nobody has used it: the effect is to be carried out, and its answer kept.
    New,
    /// The same request was answered: its answer.
    Answered(String),
    /// The key was used for another request.
    OtherRequest,
}

/// Claims a key. One that is past its time counts as never used.
pub fn claim(tx: &mut Tx<'_>, sent: &SentKey, now: Timestamp) -> Result<Claim, StoreError> {
    let claimed = tx.execute(
        "INSERT INTO idempotency_keys (caller, key, fingerprint, created_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (caller, key) DO UPDATE
         SET fingerprint = excluded.fingerprint, created_at = excluded.created_at, answer = NULL
         WHERE idempotency_keys.created_at <= $5",
        params![
            &sent.caller,
            &sent.key,
            &sent.fingerprint[..],
            now,
            now.plus_micros(-KEPT_MICROS),
        ],
    )?;
    if claimed > 0 {
        return Ok(Claim::New);
    }
    let (fingerprint, answer) = tx.one(
        "SELECT fingerprint, answer FROM idempotency_keys WHERE caller = $1 AND key = $2",
        params![&sent.caller, &sent.key],
        |row| Ok((row.get::<Vec<u8>>(0)?, row.get::<Option<String>>(1)?)),
    )?;
    if fingerprint != sent.fingerprint {
        return Ok(Claim::OtherRequest);
    }
    // Claim and answer are one transaction, so that a key without an answer is never seen.
    answer.map(Claim::Answered).ok_or_else(|| StoreError::Corrupt {
        table: "idempotency_keys".into(),
        column: "answer".into(),
        id: format!("{} {}", sent.caller, sent.key),
        problem: "is missing".into(),
    })
}

/// Keeps the answer of a claimed key.
pub fn keep_answer(tx: &mut Tx<'_>, sent: &SentKey, answer: &str) -> Result<(), StoreError> {
    let kept = tx.execute(
        "UPDATE idempotency_keys SET answer = $3 WHERE caller = $1 AND key = $2",
        params![&sent.caller, &sent.key, answer],
    )?;
    assert!(kept == 1, "the key was claimed in this transaction");
    Ok(())
}

/// Puts `other` where an answer has `text` in it: the request stays carried out, its answer goes.
pub fn replace_answers(tx: &mut Tx<'_>, text: &str, other: &str) -> Result<u64, StoreError> {
    let pattern = format!("%{}", crate::conditions::prefix_pattern(text));
    tx.execute(
        "UPDATE idempotency_keys SET answer = $2 WHERE LOWER(answer) LIKE $1 ESCAPE '!'",
        params![&pattern, other],
    )
}

/// Forgets at most `limit` answers past their time, oldest first; gives their number.
pub fn sweep(tx: &mut Tx<'_>, now: Timestamp, limit: i64) -> Result<u64, StoreError> {
    tx.execute(
        "DELETE FROM idempotency_keys WHERE (caller, key) IN
         (SELECT caller, key FROM idempotency_keys WHERE created_at <= $1
          ORDER BY created_at, caller, key LIMIT $2)",
        params![now.plus_micros(-KEPT_MICROS), limit],
    )
}
