//! Shards of Redis streams and Kafka topics: how far each is taken in, and which node reads it now.
//!
//! A position moves in the transaction that takes the messages before it, under the token of the lease
//! they were read with, so that every message is in the ledger once whatever dies. Leases are in the
//! ledger's own time: the clocks of two nodes do not matter.

use std::time::Duration;

use shopwright_domain::time::Timestamp;

use crate::{Row, StoreError, Tx, params};

/// Bytes of a problem that are kept.
const PROBLEM_BYTES_MAX: usize = 500;

/// Whose stream it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Broker {
    /// Redis Streams; a stream has the one shard 0.
    Redis,
    /// Kafka; a shard is a partition.
    Kafka,
}

impl Broker {
    /// Every broker.
    pub const ALL: [Self; 2] = [Self::Redis, Self::Kafka];

    /// The stored word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Kafka => "kafka",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|broker| broker.as_str() == text)
    }
}

/// What names a shard.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardKey {
    /// Whose it is.
    pub broker: Broker,
    /// The stream's or topic's name.
    pub stream: String,
    /// The partition; 0 for a Redis stream.
    pub shard: i64,
}

/// Where reading goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The id of the last Redis entry taken, or the next Kafka offset; empty when nothing was begun.
    pub text: String,
    /// Messages of the shard before the position, as its broker counts them.
    pub passed: i64,
}

/// A shard as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which one.
    pub key: ShardKey,
    /// Where reading goes on.
    pub position: Position,
    /// Messages taken so far, with those that were duplicates or dead letters.
    pub messages: i64,
    /// Of those: dead letters.
    pub dead: i64,
    /// Messages that the broker dropped before they were read.
    pub lost: i64,
    /// Messages that waited in the broker when it was last asked.
    pub behind: Option<i64>,
    /// The broker's time of the last message taken.
    pub reached_at: Option<Timestamp>,
    /// When the position last moved.
    pub moved_at: Option<Timestamp>,
    /// Why it is not read, if it is not.
    pub problem: Option<String>,
    /// The node that reads it, while its lease holds.
    pub owner: Option<String>,
}

/// The right to move a shard's position.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ShardLease {
    /// The shard.
    pub key: ShardKey,
    /// Raised at every claim.
    pub token: i64,
}

/// What a chunk moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The position after it.
    pub position: Position,
    /// Messages in it.
    pub messages: i64,
    /// Of those: dead letters.
    pub dead: i64,
    /// Messages the broker dropped before it.
    pub lost: i64,
    /// Messages that wait after it.
    pub behind: Option<i64>,
    /// The broker's time of its last message.
    pub reached_at: Option<Timestamp>,
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Says that a node is alive for so long, and forgets those that are not. Gives how many are.
pub fn beat(tx: &mut Tx<'_>, node: &str, lease: Duration) -> Result<i64, StoreError> {
    let until = tx.ledger_time_after("$2");
    tx.execute(
        &format!(
            "INSERT INTO stream_nodes (node, alive_until) VALUES ($1, {until})
             ON CONFLICT (node) DO UPDATE SET alive_until = excluded.alive_until"
        ),
        params![node, millis(lease)],
    )?;
    let now = tx.ledger_time();
    let skip = tx.for_update_skip_locked();
    tx.execute(
        &format!(
            "DELETE FROM stream_nodes WHERE node IN
                 (SELECT node FROM stream_nodes WHERE alive_until < {now} ORDER BY node{skip})"
        ),
        params![],
    )?;
    tx.one(
        &format!("SELECT COUNT(*) FROM stream_nodes WHERE alive_until >= {now}"),
        params![],
        |row| row.get(0),
    )
}

/// Takes a node off the list of those alive.
pub fn leave(tx: &mut Tx<'_>, node: &str) -> Result<(), StoreError> {
    tx.execute("DELETE FROM stream_nodes WHERE node = $1", params![node])?;
    Ok(())
}

/// Writes down shards that nobody has seen before; those known stay as they are. Keys are in order.
pub fn note(tx: &mut Tx<'_>, keys: &[ShardKey]) -> Result<(), StoreError> {
    for key in keys {
        tx.execute(
            "INSERT INTO stream_shards (broker, stream, shard, position, passed, messages, dead, lost, lease_token)
             VALUES ($1, $2, $3, '', 0, 0, 0, 0, 0) ON CONFLICT (broker, stream, shard) DO NOTHING",
            params![key.broker.as_str(), &key.stream, key.shard],
        )?;
    }
    Ok(())
}

/// Takes up to `limit` of these shards that no living lease holds, in order.
pub fn claim(
    tx: &mut Tx<'_>,
    node: &str,
    keys: &[ShardKey],
    lease: Duration,
    limit: usize,
) -> Result<Vec<(Shard, ShardLease)>, StoreError> {
    let (now, until) = (tx.ledger_time(), tx.ledger_time_after("$5"));
    // A row that somebody has locked is being moved or claimed: nobody waits for it.
    let skip = tx.for_update_skip_locked();
    let sql = format!(
        "WITH picked AS MATERIALIZED (
             SELECT broker AS picked_broker, stream AS picked_stream, shard AS picked_shard FROM stream_shards
             WHERE broker = $1 AND stream = $2 AND shard = $3 AND (owner IS NULL OR lease_until <= {now}){skip})
         UPDATE stream_shards SET owner = $4, lease_token = lease_token + 1, lease_until = {until}
         FROM picked WHERE broker = picked_broker AND stream = picked_stream AND shard = picked_shard
         RETURNING {COLUMNS}, lease_token"
    );
    let mut claimed = Vec::new();
    for key in keys {
        if claimed.len() >= limit {
            break;
        }
        let params = params![key.broker.as_str(), &key.stream, key.shard, node, millis(lease)];
        claimed.extend(tx.query(&sql, params, |row| {
            let shard = shard(row)?;
            let lease = ShardLease { key: shard.key.clone(), token: row.get(11)? };
            Ok((shard, lease))
        })?);
    }
    Ok(claimed)
}

/// Keeps the leases of a node for so long from now; gives those that are still its own.
pub fn extend(
    tx: &mut Tx<'_>,
    node: &str,
    held: &[ShardLease],
    lease: Duration,
) -> Result<Vec<ShardLease>, StoreError> {
    let sql = format!(
        "UPDATE stream_shards SET lease_until = {}
         WHERE broker = $1 AND stream = $2 AND shard = $3 AND lease_token = $4 AND owner = $5",
        tx.ledger_time_after("$6"),
    );
    let mut kept = Vec::new();
    for own in held {
        let key = &own.key;
        let params =
            params![key.broker.as_str(), &key.stream, key.shard, own.token, node, millis(lease)];
        if tx.execute(&sql, params)? > 0 {
            kept.push(own.clone());
        }
    }
    Ok(kept)
}

/// Hands leases back, so that others need not wait for them to run out.
pub fn release(tx: &mut Tx<'_>, held: &[ShardLease]) -> Result<(), StoreError> {
    for own in held {
        let key = &own.key;
        tx.execute(
            "UPDATE stream_shards SET owner = NULL, lease_until = NULL
             WHERE broker = $1 AND stream = $2 AND shard = $3 AND lease_token = $4",
            params![key.broker.as_str(), &key.stream, key.shard, own.token],
        )?;
    }
    Ok(())
}

/// Locks a shard for the transaction that takes its next chunk. `None`: the lease is somebody else's
/// now, or the position is not the one the chunk was read from; nothing of the chunk may be taken.
pub fn lock(
    tx: &mut Tx<'_>,
    own: &ShardLease,
    read_from: &Position,
) -> Result<Option<()>, StoreError> {
    let sql = format!(
        "SELECT lease_token, position, passed FROM stream_shards
         WHERE broker = $1 AND stream = $2 AND shard = $3{}",
        tx.for_update()
    );
    let key = &own.key;
    let params = params![key.broker.as_str(), &key.stream, key.shard];
    let found = tx.find(&sql, params, |row| {
        let position = Position { text: row.get(1)?, passed: row.get(2)? };
        Ok((row.get::<i64>(0)?, position))
    })?;
    Ok(found.filter(|(token, at)| *token == own.token && at == read_from).map(|_| ()))
}

/// Where a shard stands, if the lease is still the holder's.
pub fn held(tx: &mut Tx<'_>, own: &ShardLease) -> Result<Option<Position>, StoreError> {
    let key = &own.key;
    tx.find(
        "SELECT position, passed FROM stream_shards
         WHERE broker = $1 AND stream = $2 AND shard = $3 AND lease_token = $4 AND owner IS NOT NULL",
        params![key.broker.as_str(), &key.stream, key.shard, own.token],
        |row| Ok(Position { text: row.get(0)?, passed: row.get(1)? }),
    )
}

/// Moves the position of a shard that [`lock`] has locked.
pub fn advance(
    tx: &mut Tx<'_>,
    own: &ShardLease,
    moved: &Moved,
    now: Timestamp,
) -> Result<(), StoreError> {
    let key = &own.key;
    tx.execute(
        "UPDATE stream_shards SET position = $5, passed = $6, messages = messages + $7, dead = dead + $8,
             lost = lost + $9, behind = $10, reached_at = COALESCE($11, reached_at), moved_at = $12, problem = NULL
         WHERE broker = $1 AND stream = $2 AND shard = $3 AND lease_token = $4",
        params![
            key.broker.as_str(),
            &key.stream,
            key.shard,
            own.token,
            &moved.position.text,
            moved.position.passed,
            moved.messages,
            moved.dead,
            moved.lost,
            moved.behind,
            moved.reached_at,
            now
        ],
    )?;
    Ok(())
}

/// Writes down how far a shard is behind, and why it is not read, if it is not.
pub fn report(
    tx: &mut Tx<'_>,
    own: &ShardLease,
    behind: Option<i64>,
    problem: Option<&str>,
) -> Result<(), StoreError> {
    let key = &own.key;
    let problem = problem.map(|text| &text[..text.floor_char_boundary(PROBLEM_BYTES_MAX)]);
    tx.execute(
        "UPDATE stream_shards SET behind = COALESCE($5, behind), problem = $6
         WHERE broker = $1 AND stream = $2 AND shard = $3 AND lease_token = $4",
        params![key.broker.as_str(), &key.stream, key.shard, own.token, behind, problem],
    )?;
    Ok(())
}

const COLUMNS: &str =
    "broker, stream, shard, position, passed, messages, dead, lost, behind, reached_at, moved_at";

fn shard(row: &Row<'_>) -> Result<Shard, StoreError> {
    let broker = row.parse(0, |text: String| {
        Broker::parse(&text).ok_or_else(|| format!("`{text}` is no broker"))
    })?;
    Ok(Shard {
        key: ShardKey { broker, stream: row.get(1)?, shard: row.get(2)? },
        position: Position { text: row.get(3)?, passed: row.get(4)? },
        messages: row.get(5)?,
        dead: row.get(6)?,
        lost: row.get(7)?,
        behind: row.get(8)?,
        reached_at: row.get(9)?,
        moved_at: row.get(10)?,
        problem: None,
        owner: None,
    })
}

/// Every shard that was ever read, by broker, stream and shard.
pub fn list(tx: &mut Tx<'_>) -> Result<Vec<Shard>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS}, problem, CASE WHEN lease_until > {} THEN owner END
         FROM stream_shards ORDER BY broker, stream, shard",
        tx.ledger_time()
    );
    tx.query(&sql, params![], |row| {
        Ok(Shard { problem: row.get(11)?, owner: row.get(12)?, ..shard(row)? })
    })
}
