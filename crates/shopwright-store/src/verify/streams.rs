//! Rules about shards of message streams: what is counted fits together, and a lease has an owner.

use super::Rule;

pub(super) const RULES: &[Rule] = &[Rule {
    name: "stream_shards",
    says: "a shard's owner has a lease and a token, its counts fit, and what was read has a position",
    sql: "SELECT broker || ' ' || stream || ' ' || CAST(shard AS text), wrong.expected, wrong.found
          FROM (SELECT broker, stream, shard,
                       CASE WHEN (owner IS NULL) <> (lease_until IS NULL) OR (owner IS NOT NULL AND lease_token < 1)
                                THEN 'an owner with a lease and a token, or neither'
                            WHEN dead > messages OR dead < 0
                                THEN 'at most ' || CAST(messages AS text) || ' dead letters'
                            WHEN lost < 0 OR passed < 0 OR COALESCE(behind, 0) < 0 THEN 'no count below zero'
                            WHEN messages > 0 AND (position = '' OR moved_at IS NULL) THEN 'a position and a time'
                            WHEN broker NOT IN ('redis', 'kafka') THEN 'a known broker'
                       END AS expected,
                       COALESCE(owner, 'nobody') || ' at ''' || position || ''', ' || CAST(dead AS text) || ' dead' AS found
                FROM stream_shards) AS wrong
          WHERE wrong.expected IS NOT NULL ORDER BY 1 LIMIT $1",
}];
