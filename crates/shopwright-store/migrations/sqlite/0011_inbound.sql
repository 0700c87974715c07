-- What shop platforms say: when they last spoke of a thing, what of it was booked, and their webhooks.

CREATE TABLE platform_said (
    source      TEXT NOT NULL,
    kind        TEXT NOT NULL,
    external_id TEXT NOT NULL,
    said_at     INTEGER NOT NULL,
    PRIMARY KEY (source, kind, external_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE platform_orders (
    order_id   BLOB NOT NULL PRIMARY KEY REFERENCES orders (order_id),
    lines_hash BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE platform_order_lines (
    order_id         BLOB NOT NULL REFERENCES platform_orders (order_id),
    line_external_id TEXT NOT NULL,
    ordinal          INTEGER NOT NULL,
    PRIMARY KEY (order_id, line_external_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE platform_refunds (
    source      TEXT NOT NULL,
    external_id TEXT NOT NULL,
    refund_id   BLOB REFERENCES refunds (refund_id),
    PRIMARY KEY (source, external_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE inbound_webhooks (
    effect_id     BLOB NOT NULL PRIMARY KEY,
    platform      TEXT NOT NULL,
    delivery_id   TEXT NOT NULL,
    topic         TEXT NOT NULL,
    body          BLOB,
    received_at   INTEGER NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('waiting', 'done', 'ignored', 'given_up')),
    outcome       TEXT,
    finished_at   INTEGER,
    customer_hash BLOB,
    UNIQUE (platform, delivery_id)
) STRICT;
CREATE INDEX inbound_webhooks_received ON inbound_webhooks (received_at);
CREATE INDEX inbound_webhooks_customer ON inbound_webhooks (customer_hash);
