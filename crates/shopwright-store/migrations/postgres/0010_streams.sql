-- How far each shard of Redis streams and Kafka topics is taken in, and which node reads it.

CREATE TABLE stream_shards (
    broker      text COLLATE "C" NOT NULL,
    stream      text COLLATE "C" NOT NULL,
    shard       bigint NOT NULL,
    position    text COLLATE "C" NOT NULL,
    passed      bigint NOT NULL,
    messages    bigint NOT NULL,
    dead        bigint NOT NULL,
    lost        bigint NOT NULL,
    behind      bigint,
    reached_at  timestamptz,
    moved_at    timestamptz,
    problem     text COLLATE "C",
    owner       text COLLATE "C",
    lease_token bigint NOT NULL,
    lease_until timestamptz,
    PRIMARY KEY (broker, stream, shard)
);

CREATE TABLE stream_nodes (
    node        text COLLATE "C" PRIMARY KEY,
    alive_until timestamptz NOT NULL
);
