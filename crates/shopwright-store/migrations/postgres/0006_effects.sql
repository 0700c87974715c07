-- Effects on the outside and jobs, webhook endpoints, their events, deliveries and attempts.

CREATE TABLE effects (
    effect_id   uuid PRIMARY KEY,
    kind        text COLLATE "C" NOT NULL,
    subject     text COLLATE "C" NOT NULL,
    job_key     text COLLATE "C" UNIQUE,
    payload     jsonb NOT NULL,
    due_at      timestamptz NOT NULL,
    state       text COLLATE "C" NOT NULL,
    lease_until timestamptz,
    lease_token bigint NOT NULL,
    attempts    bigint NOT NULL,
    last_error  text COLLATE "C",
    created_at  timestamptz NOT NULL,
    finished_at timestamptz
);
CREATE INDEX effects_due ON effects (state, due_at, effect_id);

CREATE TABLE webhook_endpoints (
    endpoint_id      uuid PRIMARY KEY,
    url              text COLLATE "C" NOT NULL,
    description      text COLLATE "C" NOT NULL,
    filters          jsonb NOT NULL,
    enabled          boolean NOT NULL,
    disabled_reason  text COLLATE "C",
    secret           bytea NOT NULL,
    old_secret       bytea,
    old_secret_until timestamptz,
    failing_since    timestamptz,
    throttled_until  timestamptz,
    asks_since       timestamptz NOT NULL,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    deleted_at       timestamptz
);

CREATE TABLE webhook_events (
    event_id uuid PRIMARY KEY,
    kind     text COLLATE "C" NOT NULL,
    data     jsonb NOT NULL,
    at       timestamptz NOT NULL
);
-- Found when a person is erased, without reading what is told of anything else.
CREATE INDEX webhook_events_customers ON webhook_events (event_id) WHERE kind >= 'customer.' AND kind < 'customer/';

CREATE TABLE webhook_deliveries (
    delivery_id uuid PRIMARY KEY,
    event_id    uuid NOT NULL REFERENCES webhook_events (event_id),
    endpoint_id uuid NOT NULL REFERENCES webhook_endpoints (endpoint_id),
    state       text COLLATE "C" NOT NULL,
    tries       bigint NOT NULL,
    attempts    bigint NOT NULL,
    replays     bigint NOT NULL,
    last_error  text COLLATE "C",
    created_at  timestamptz NOT NULL,
    finished_at timestamptz,
    UNIQUE (event_id, endpoint_id)
);
CREATE INDEX webhook_deliveries_endpoint ON webhook_deliveries (endpoint_id, delivery_id);

CREATE TABLE webhook_attempts (
    delivery_id uuid NOT NULL REFERENCES webhook_deliveries (delivery_id),
    number      bigint NOT NULL,
    at          timestamptz NOT NULL,
    took_ms     bigint NOT NULL,
    status      bigint,
    error       text COLLATE "C",
    answer      text COLLATE "C" NOT NULL,
    PRIMARY KEY (delivery_id, number)
);
