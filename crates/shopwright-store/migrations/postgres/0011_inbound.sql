-- What shop platforms say: when they last spoke of a thing, what of it was booked, and their webhooks.

CREATE TABLE platform_said (
    source      text COLLATE "C" NOT NULL,
    kind        text COLLATE "C" NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    said_at     timestamptz NOT NULL,
    PRIMARY KEY (source, kind, external_id)
);

CREATE TABLE platform_orders (
    order_id   uuid NOT NULL PRIMARY KEY REFERENCES orders (order_id),
    lines_hash bytea NOT NULL
);

CREATE TABLE platform_order_lines (
    order_id         uuid NOT NULL REFERENCES platform_orders (order_id),
    line_external_id text COLLATE "C" NOT NULL,
    ordinal          bigint NOT NULL,
    PRIMARY KEY (order_id, line_external_id)
);

CREATE TABLE platform_refunds (
    source      text COLLATE "C" NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    refund_id   uuid REFERENCES refunds (refund_id),
    PRIMARY KEY (source, external_id)
);

CREATE TABLE inbound_webhooks (
    effect_id     uuid NOT NULL PRIMARY KEY,
    platform      text COLLATE "C" NOT NULL,
    delivery_id   text COLLATE "C" NOT NULL,
    topic         text COLLATE "C" NOT NULL,
    body          bytea,
    received_at   timestamptz NOT NULL,
    state         text COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'done', 'ignored', 'given_up')),
    outcome       text COLLATE "C",
    finished_at   timestamptz,
    customer_hash bytea,
    UNIQUE (platform, delivery_id)
);
CREATE INDEX inbound_webhooks_received ON inbound_webhooks (received_at);
CREATE INDEX inbound_webhooks_customer ON inbound_webhooks (customer_hash);
