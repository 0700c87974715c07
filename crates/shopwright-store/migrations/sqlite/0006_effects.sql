-- Effects on the outside and jobs, webhook endpoints, their events, deliveries and attempts.

CREATE TABLE effects (
    effect_id   BLOB PRIMARY KEY,
    kind        TEXT NOT NULL,
    subject     TEXT NOT NULL,
    job_key     TEXT UNIQUE,
    payload     TEXT NOT NULL,
    due_at      INTEGER NOT NULL,
    state       TEXT NOT NULL,
    lease_until INTEGER,
    lease_token INTEGER NOT NULL,
    attempts    INTEGER NOT NULL,
    last_error  TEXT,
    created_at  INTEGER NOT NULL,
    finished_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX effects_due ON effects (state, due_at, effect_id);

CREATE TABLE webhook_endpoints (
    endpoint_id      BLOB PRIMARY KEY,
    url              TEXT NOT NULL,
    description      TEXT NOT NULL,
    filters          TEXT NOT NULL,
    enabled          INTEGER NOT NULL,
    disabled_reason  TEXT,
    secret           BLOB NOT NULL,
    old_secret       BLOB,
    old_secret_until INTEGER,
    failing_since    INTEGER,
    throttled_until  INTEGER,
    asks_since       INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    deleted_at       INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE webhook_events (
    event_id BLOB PRIMARY KEY,
    kind     TEXT NOT NULL,
    data     TEXT NOT NULL,
    at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- Found when a person is erased, without reading what is told of anything else.
CREATE INDEX webhook_events_customers ON webhook_events (event_id) WHERE kind >= 'customer.' AND kind < 'customer/';

CREATE TABLE webhook_deliveries (
    delivery_id BLOB PRIMARY KEY,
    event_id    BLOB NOT NULL REFERENCES webhook_events (event_id),
    endpoint_id BLOB NOT NULL REFERENCES webhook_endpoints (endpoint_id),
    state       TEXT NOT NULL,
    tries       INTEGER NOT NULL,
    attempts    INTEGER NOT NULL,
    replays     INTEGER NOT NULL,
    last_error  TEXT,
    created_at  INTEGER NOT NULL,
    finished_at INTEGER,
    UNIQUE (event_id, endpoint_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX webhook_deliveries_endpoint ON webhook_deliveries (endpoint_id, delivery_id);

CREATE TABLE webhook_attempts (
    delivery_id BLOB NOT NULL REFERENCES webhook_deliveries (delivery_id),
    number      INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    took_ms     INTEGER NOT NULL,
    status      INTEGER,
    error       TEXT,
    answer      TEXT NOT NULL,
    PRIMARY KEY (delivery_id, number)
) STRICT, WITHOUT ROWID;
