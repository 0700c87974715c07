-- How far each shard of Redis streams and Kafka topics is taken in, and which node reads it.

CREATE TABLE stream_shards (
    broker      TEXT NOT NULL,
    stream      TEXT NOT NULL,
    shard       INTEGER NOT NULL,
    position    TEXT NOT NULL,
    passed      INTEGER NOT NULL,
    messages    INTEGER NOT NULL,
    dead        INTEGER NOT NULL,
    lost        INTEGER NOT NULL,
    behind      INTEGER,
    reached_at  INTEGER,
    moved_at    INTEGER,
    problem     TEXT,
    owner       TEXT,
    lease_token INTEGER NOT NULL,
    lease_until INTEGER,
    PRIMARY KEY (broker, stream, shard)
) STRICT, WITHOUT ROWID;

CREATE TABLE stream_nodes (
    node        TEXT PRIMARY KEY,
    alive_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
