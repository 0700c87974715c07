-- Catalogue, customers, stock, orders, refunds, imports, keys. Times are microseconds since 1970.

CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE feeds (
    name    TEXT PRIMARY KEY,
    version INTEGER NOT NULL
) STRICT;
INSERT INTO feeds (name, version) VALUES ('keys', 0), ('prices', 0);

CREATE TABLE api_keys (
    key_id       BLOB PRIMARY KEY,
    kind         TEXT NOT NULL,
    name         TEXT NOT NULL,
    shown_prefix TEXT NOT NULL,
    hash         BLOB NOT NULL UNIQUE,
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER,
    revoked_at   INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE customers (
    customer_id TEXT PRIMARY KEY,
    country     TEXT,
    first_order_at INTEGER,
    created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE products (
    sku              TEXT PRIMARY KEY,
    title            TEXT NOT NULL,
    category         TEXT,
    kind             TEXT NOT NULL,
    currency         TEXT NOT NULL,
    base_price_minor INTEGER,
    base_price_from  TEXT,
    cost_minor       INTEGER,
    map_minor        INTEGER,
    status           TEXT NOT NULL,
    attributes       TEXT NOT NULL,
    first_sold_at    INTEGER,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE stock_levels (
    sku        TEXT NOT NULL REFERENCES products (sku),
    location   TEXT NOT NULL,
    on_hand    INTEGER NOT NULL,
    counted_at INTEGER NOT NULL,
    PRIMARY KEY (sku, location)
) STRICT, WITHOUT ROWID;

CREATE TABLE stock_movements (
    sku       TEXT NOT NULL,
    location  TEXT NOT NULL,
    reason    TEXT NOT NULL,
    reference TEXT NOT NULL,
    quantity  INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    PRIMARY KEY (sku, location, reason, reference),
    FOREIGN KEY (sku, location) REFERENCES stock_levels (sku, location)
) STRICT, WITHOUT ROWID;

CREATE INDEX stock_movements_sku_at ON stock_movements (sku, at, quantity);

CREATE TABLE orders (
    order_id     BLOB PRIMARY KEY,
    source       TEXT NOT NULL,
    external_id  TEXT NOT NULL,
    customer_id  TEXT REFERENCES customers (customer_id),
    state        TEXT NOT NULL,
    currency     TEXT NOT NULL,
    country      TEXT,
    placed_at    INTEGER NOT NULL,
    amount_minor INTEGER NOT NULL,
    UNIQUE (source, external_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE order_lines (
    order_id          BLOB NOT NULL REFERENCES orders (order_id),
    ordinal           INTEGER NOT NULL,
    kind              TEXT NOT NULL,
    code              TEXT NOT NULL,
    title             TEXT NOT NULL,
    quantity          INTEGER NOT NULL,
    unit_price_micros INTEGER NOT NULL,
    amount_minor      INTEGER NOT NULL,
    at                INTEGER NOT NULL,
    PRIMARY KEY (order_id, ordinal)
) STRICT, WITHOUT ROWID;
-- By time first: histories arrive in its order, so that the index grows at its end.
CREATE INDEX order_lines_at ON order_lines (at, code, kind, quantity);

CREATE TABLE refunds (
    refund_id    BLOB PRIMARY KEY,
    source       TEXT NOT NULL,
    external_id  TEXT NOT NULL,
    order_id     BLOB REFERENCES orders (order_id),
    customer_id  TEXT REFERENCES customers (customer_id),
    currency     TEXT NOT NULL,
    country      TEXT,
    refunded_at  INTEGER NOT NULL,
    amount_minor INTEGER NOT NULL,
    UNIQUE (source, external_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE refund_lines (
    refund_id         BLOB NOT NULL REFERENCES refunds (refund_id),
    ordinal           INTEGER NOT NULL,
    kind              TEXT NOT NULL,
    code              TEXT NOT NULL,
    title             TEXT NOT NULL,
    quantity          INTEGER NOT NULL,
    unit_price_micros INTEGER NOT NULL,
    amount_minor      INTEGER NOT NULL,
    at                INTEGER NOT NULL,
    PRIMARY KEY (refund_id, ordinal)
) STRICT, WITHOUT ROWID;
CREATE INDEX refund_lines_at ON refund_lines (at, code, kind, quantity);

CREATE TABLE adjustments (
    source            TEXT NOT NULL,
    external_id       TEXT NOT NULL,
    ordinal           INTEGER NOT NULL,
    kind              TEXT NOT NULL,
    code              TEXT NOT NULL,
    note              TEXT NOT NULL,
    currency          TEXT NOT NULL,
    quantity          INTEGER NOT NULL,
    unit_price_micros INTEGER NOT NULL,
    amount_minor      INTEGER NOT NULL,
    at                INTEGER NOT NULL,
    PRIMARY KEY (source, external_id, ordinal)
) STRICT, WITHOUT ROWID;
CREATE INDEX adjustments_at ON adjustments (at, code);

CREATE TABLE imports (
    import_id   BLOB PRIMARY KEY,
    layout      TEXT NOT NULL,
    source      TEXT NOT NULL,
    file_sha256 TEXT NOT NULL,
    rows_done   INTEGER NOT NULL,
    started_at  INTEGER NOT NULL,
    finished_at INTEGER,
    UNIQUE (layout, source, file_sha256)
) STRICT, WITHOUT ROWID;
