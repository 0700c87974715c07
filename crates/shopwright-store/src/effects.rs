//! Effects on the outside: rows written with the change that causes them, claimed by workers under a
//! lease, and settled by whoever holds the lease's latest token.
//!
//! `due_at` is in the shop's time, which tests and the demo move; leases are in the ledger's own time,
//! which nobody moves, so that the clocks of two nodes do not matter. A token is raised at every
//! claim: who lost the lease settles nothing and is told so.

use std::time::Duration;

use serde_json::Value as Json;
use shopwright_domain::ids::EffectId;
use shopwright_domain::time::Timestamp;

use crate::{Change, Page, Row, StoreError, Tx, params};

/// Bytes of an error that are kept.
const ERROR_BYTES_MAX: usize = 1_000;

/// Something to be done outside.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEffect<'a> {
    /// Its id, which is its idempotency key at whoever receives it.
    pub effect_id: EffectId,
    /// What is to be done, like `mail.send`.
    pub kind: &'a str,
    /// What it is about, for people.
    pub subject: &'a str,
    /// What the handler needs.
    pub payload: Json,
    /// Not before this time.
    pub due_at: Timestamp,
    /// When it was caused.
    pub now: Timestamp,
}

/// Where an effect is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EffectState {
    /// To be done when due.
    Waiting,
    /// A worker is at it.
    Leased,
    /// Done.
    Done,
    /// Tried in vain as often as its kind allows; somebody has to look.
    GivenUp,
}

impl EffectState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Leased, Self::Done, Self::GivenUp];

    /// The stored text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Leased => "leased",
            Self::Done => "done",
            Self::GivenUp => "given_up",
        }
    }

    /// Reads the stored text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// An effect or a job as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Effect {
    /// Its id.
    pub effect_id: EffectId,
    /// What is to be done.
    pub kind: String,
    /// What it is about.
    pub subject: String,
    /// A job's unique key; effects have none.
    pub job_key: Option<String>,
    /// What the handler needs.
    pub payload: Json,
    /// Not before this time.
    pub due_at: Timestamp,
    /// Where it is.
    pub state: EffectState,
    /// How often it was claimed since it was made or retried.
    pub attempts: i64,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was done or given up.
    pub finished_at: Option<Timestamp>,
}

/// The right to settle a claimed effect: its id and the token of the claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The effect.
    pub effect_id: EffectId,
    /// Raised by one at every claim.
    pub token: i64,
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Done,
    /// It failed and is tried again.
    Again {
        /// Not before.
        at: Timestamp,
        /// Why it failed.
        error: String,
    },
    /// It was not tried, for a reason outside of it: the attempt does not count.
    Later {
        /// Not before.
        at: Timestamp,
    },
    /// It failed and is not tried again until somebody says so.
    GivenUp {
        /// Why.
        error: String,
    },
}

const COLUMNS: &str = "effect_id, kind, subject, job_key, payload, due_at, state, attempts, last_error, created_at, finished_at";

fn effect(row: &Row<'_>) -> Result<Effect, StoreError> {
    Ok(Effect {
        effect_id: row.get(0)?,
        kind: row.get(1)?,
        subject: row.get(2)?,
        job_key: row.get(3)?,
        payload: row.get(4)?,
        due_at: row.get(5)?,
        state: row.parse(6, |text: String| {
            EffectState::parse(&text).ok_or_else(|| format!("`{text}` is no state"))
        })?,
        attempts: row.get(7)?,
        last_error: row.get(8)?,
        created_at: row.get(9)?,
        finished_at: row.get(10)?,
    })
}

/// Adds an effect to the transaction that causes it. One that is there already stays as it is:
/// `false`.
pub fn add(tx: &mut Tx<'_>, new: &NewEffect<'_>) -> Result<bool, StoreError> {
    insert(tx, new, None)
}

pub(crate) fn insert(
    tx: &mut Tx<'_>,
    new: &NewEffect<'_>,
    job_key: Option<&str>,
) -> Result<bool, StoreError> {
    let added = tx.execute(
        "INSERT INTO effects (effect_id, kind, subject, job_key, payload, due_at, state, lease_token, attempts, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, 'waiting', 0, 0, $7) ON CONFLICT DO NOTHING",
        params![new.effect_id, new.kind, new.subject, job_key, &new.payload, new.due_at, new.now],
    )?;
    tx.announce(Change::Effects);
    Ok(added > 0)
}

/// Takes up to `limit` effects of these kinds that are due at `now`, oldest due first, under a lease
/// of so long; one whose lease ran out is taken over. Kinds a node does not know stay for the others.
pub fn claim(
    tx: &mut Tx<'_>,
    kinds: &[&'static str],
    now: Timestamp,
    lease: Duration,
    limit: i64,
) -> Result<Vec<(Effect, Lease)>, StoreError> {
    let plain = |kind: &&str| kind.bytes().all(|b| b.is_ascii_alphanumeric() || b"._".contains(&b));
    assert!(kinds.iter().all(plain), "kinds are plain words");
    if kinds.is_empty() || limit <= 0 {
        return Ok(Vec::new());
    }
    let (ledger_now, until) = (tx.ledger_time(), tx.ledger_time_after("$2"));
    let sql = format!(
        "WITH picked AS MATERIALIZED (
             SELECT effect_id AS picked_id FROM effects
             WHERE ((state = 'waiting' AND due_at <= $1)
                    OR (state = 'leased' AND lease_until <= {ledger_now}))
               AND kind IN ('{}')
             ORDER BY due_at, effect_id LIMIT $3{})
         UPDATE effects SET state = 'leased', lease_token = lease_token + 1,
             attempts = attempts + 1, lease_until = {until}
         FROM picked WHERE effects.effect_id = picked.picked_id
         RETURNING {COLUMNS}, lease_token",
        kinds.join("', '"),
        tx.for_update_skip_locked(),
    );
    let mut claimed = tx.query(&sql, params![now, millis(lease), limit], |row| {
        let effect = effect(row)?;
        let lease = Lease { effect_id: effect.effect_id, token: row.get(11)? };
        Ok((effect, lease))
    })?;
    claimed.sort_by_key(|(effect, _)| (effect.due_at, effect.effect_id));
    Ok(claimed)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Makes a lease last so long from now. `false`: it is somebody else's now.
pub fn extend(tx: &mut Tx<'_>, held: Lease, lease: Duration) -> Result<bool, StoreError> {
    let sql = format!(
        "UPDATE effects SET lease_until = {}
         WHERE effect_id = $1 AND lease_token = $2 AND state = 'leased'",
        tx.ledger_time_after("$3"),
    );
    Ok(tx.execute(&sql, params![held.effect_id, held.token, millis(lease)])? > 0)
}

/// Writes what came of an attempt and ends the lease. `false`: the lease is somebody else's now, and
/// nothing was changed; the caller keeps nothing of what it did in this transaction.
pub fn settle(
    tx: &mut Tx<'_>,
    held: Lease,
    outcome: &Outcome,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const HELD: &str = "WHERE effect_id = $1 AND lease_token = $2 AND state = 'leased'";
    let (id, token) = (held.effect_id, held.token);
    let settled = match outcome {
        Outcome::Done => tx.execute(
            &format!("UPDATE effects SET state = 'done', lease_until = NULL, last_error = NULL, finished_at = $3 {HELD}"),
            params![id, token, now],
        )?,
        Outcome::Again { at, error } => tx.execute(
            &format!("UPDATE effects SET state = 'waiting', lease_until = NULL, due_at = $3, last_error = $4 {HELD}"),
            params![id, token, *at, cut(error)],
        )?,
        Outcome::Later { at } => tx.execute(
            &format!("UPDATE effects SET state = 'waiting', lease_until = NULL, due_at = $3, attempts = attempts - 1 {HELD}"),
            params![id, token, *at],
        )?,
        Outcome::GivenUp { error } => tx.execute(
            &format!("UPDATE effects SET state = 'given_up', lease_until = NULL, finished_at = $3, last_error = $4 {HELD}"),
            params![id, token, now, cut(error)],
        )?,
    };
    if matches!(outcome, Outcome::Again { .. } | Outcome::Later { .. }) {
        tx.announce(Change::Effects);
    }
    Ok(settled > 0)
}

/// Hands leases back at once, as a worker that stops does; what it had begun counts as not tried.
pub fn release(tx: &mut Tx<'_>, held: &[Lease]) -> Result<u64, StoreError> {
    let mut released = 0;
    for lease in held {
        released += tx.execute(
            "UPDATE effects SET state = 'waiting', lease_until = NULL, attempts = attempts - 1
             WHERE effect_id = $1 AND lease_token = $2 AND state = 'leased'",
            params![lease.effect_id, lease.token],
        )?;
    }
    tx.announce(Change::Effects);
    Ok(released)
}

/// Bytes of an error at a boundary of characters.
fn cut(error: &str) -> &str {
    &error[..error.floor_char_boundary(ERROR_BYTES_MAX)]
}

/// The effect or job with this id.
pub fn find(tx: &mut Tx<'_>, id: EffectId) -> Result<Option<Effect>, StoreError> {
    tx.find(&format!("SELECT {COLUMNS} FROM effects WHERE effect_id = $1"), params![id], effect)
}

/// Which rows a list shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EffectFilter {
    /// Only those in this state.
    pub state: Option<EffectState>,
    /// Only jobs, which have a key.
    pub jobs_only: bool,
}

/// A page of effects and jobs, newest first.
pub fn list(
    tx: &mut Tx<'_>,
    filter: EffectFilter,
    page: &Page<EffectId>,
) -> Result<Vec<Effect>, StoreError> {
    let state = filter.state.map_or("", EffectState::as_str);
    let jobs = if filter.jobs_only { " AND job_key IS NOT NULL" } else { "" };
    let select = format!("SELECT {COLUMNS} FROM effects WHERE ($1 = '' OR state = $1){jobs}");
    page.newest_first(tx, (&select, "effect_id"), vec![state.into()], effect)
}

/// Has an effect done again from its first try, now. `None` when there is none; else the state it
/// was in: one that is leased or done stays as it is.
pub fn retry(
    tx: &mut Tx<'_>,
    id: EffectId,
    now: Timestamp,
) -> Result<Option<EffectState>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM effects WHERE effect_id = $1{}", tx.for_update());
    let Some(found) = tx.find(&sql, params![id], effect)? else { return Ok(None) };
    if matches!(found.state, EffectState::Waiting | EffectState::GivenUp) {
        restart(tx, id, now)?;
    }
    Ok(Some(found.state))
}

/// Puts an effect back to its start, due now, unless a worker is at it.
pub(crate) fn restart(tx: &mut Tx<'_>, id: EffectId, now: Timestamp) -> Result<bool, StoreError> {
    tx.announce(Change::Effects);
    let restarted = tx.execute(
        "UPDATE effects SET state = 'waiting', due_at = $2, attempts = 0, finished_at = NULL
         WHERE effect_id = $1 AND state <> 'leased'",
        params![id, now],
    )?;
    Ok(restarted > 0)
}

/// How much is left to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Waiting or being done.
    pub waiting: i64,
    /// When the oldest of the waiting was due.
    pub oldest_due_at: Option<Timestamp>,
    /// Given up, until somebody looks.
    pub given_up: i64,
}

/// Counts what is left to do.
pub fn backlog(tx: &mut Tx<'_>) -> Result<Backlog, StoreError> {
    tx.one(
        "SELECT (SELECT COUNT(*) FROM effects WHERE state IN ('waiting', 'leased')),
                (SELECT MIN(due_at) FROM effects WHERE state = 'waiting'),
                (SELECT COUNT(*) FROM effects WHERE state = 'given_up')",
        params![],
        |row| {
            Ok(Backlog { waiting: row.get(0)?, oldest_due_at: row.get(1)?, given_up: row.get(2)? })
        },
    )
}

/// Effects of a kind that wait or were given up, after `after`: (id, what they carry).
pub fn list_unfinished(
    tx: &mut Tx<'_>,
    kind: &str,
    after: EffectId,
    limit: i64,
) -> Result<Vec<(EffectId, Json)>, StoreError> {
    tx.query(
        "SELECT effect_id, payload FROM effects
         WHERE state IN ('waiting', 'given_up') AND kind = $1 AND effect_id > $2
         ORDER BY effect_id LIMIT $3",
        params![kind, after, limit],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// Replaces what an effect carries, unless a worker is at it or it is done.
pub fn replace_payload(tx: &mut Tx<'_>, id: EffectId, payload: &Json) -> Result<bool, StoreError> {
    let replaced = tx.execute(
        "UPDATE effects SET payload = $2 WHERE effect_id = $1 AND state IN ('waiting', 'given_up')",
        params![id, payload],
    )?;
    Ok(replaced > 0)
}

/// Forgets what an effect carried, once it is done.
pub fn forget_payload(tx: &mut Tx<'_>, id: EffectId) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE effects SET payload = $2 WHERE effect_id = $1 AND state = 'done'",
        params![id, &Json::Object(serde_json::Map::new())],
    )?;
    Ok(())
}

/// Forgets up to `limit` effects of each outcome that were finished before then. Those of deliveries
/// stay as long as their deliveries do.
pub fn delete_finished(tx: &mut Tx<'_>, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    let mut gone = 0;
    for state in [EffectState::Done, EffectState::GivenUp] {
        // Nothing is finished before it is due, so that the young part is not read.
        let sql = format!(
            "DELETE FROM effects WHERE effect_id IN (SELECT effect_id FROM effects
             WHERE state = $1 AND due_at < $2 AND finished_at < $2 AND NOT EXISTS
                 (SELECT 1 FROM webhook_deliveries d WHERE d.delivery_id = effects.effect_id)
             ORDER BY due_at, effect_id LIMIT $3{})",
            tx.for_update_skip_locked(),
        );
        gone += tx.execute(&sql, params![state.as_str(), before, limit])?;
    }
    Ok(gone)
}
