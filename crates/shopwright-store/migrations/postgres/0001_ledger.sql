-- Catalogue, customers, stock, orders, refunds, imports, keys.

CREATE TABLE settings (
    name  text COLLATE "C" PRIMARY KEY,
    value jsonb NOT NULL
);

CREATE TABLE feeds (
    name    text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL
);
INSERT INTO feeds (name, version) VALUES ('keys', 0), ('prices', 0);

CREATE TABLE api_keys (
    key_id       uuid PRIMARY KEY,
    kind         text COLLATE "C" NOT NULL,
    name         text COLLATE "C" NOT NULL,
    shown_prefix text COLLATE "C" NOT NULL,
    hash         bytea NOT NULL UNIQUE,
    created_at   timestamptz NOT NULL,
    last_used_at timestamptz,
    revoked_at   timestamptz
);

CREATE TABLE customers (
    customer_id text COLLATE "C" PRIMARY KEY,
    country     text COLLATE "C",
    first_order_at timestamptz,
    created_at  timestamptz NOT NULL
);

CREATE TABLE products (
    sku              text COLLATE "C" PRIMARY KEY,
    title            text COLLATE "C" NOT NULL,
    category         text COLLATE "C",
    kind             text COLLATE "C" NOT NULL,
    currency         text COLLATE "C" NOT NULL,
    base_price_minor bigint,
    base_price_from  jsonb,
    cost_minor       bigint,
    map_minor        bigint,
    status           text COLLATE "C" NOT NULL,
    attributes       jsonb NOT NULL,
    first_sold_at    timestamptz,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL
);

CREATE TABLE stock_levels (
    sku        text COLLATE "C" NOT NULL REFERENCES products (sku),
    location   text COLLATE "C" NOT NULL,
    on_hand    bigint NOT NULL,
    counted_at timestamptz NOT NULL,
    PRIMARY KEY (sku, location)
);

CREATE TABLE stock_movements (
    sku       text COLLATE "C" NOT NULL,
    location  text COLLATE "C" NOT NULL,
    reason    text COLLATE "C" NOT NULL,
    reference text COLLATE "C" NOT NULL,
    quantity  bigint NOT NULL,
    at        timestamptz NOT NULL,
    PRIMARY KEY (sku, location, reason, reference),
    FOREIGN KEY (sku, location) REFERENCES stock_levels (sku, location)
);

CREATE INDEX stock_movements_sku_at ON stock_movements (sku, at, quantity);

CREATE TABLE orders (
    order_id     uuid PRIMARY KEY,
    source       text COLLATE "C" NOT NULL,
    external_id  text COLLATE "C" NOT NULL,
    customer_id  text COLLATE "C" REFERENCES customers (customer_id),
    state        text COLLATE "C" NOT NULL,
    currency     text COLLATE "C" NOT NULL,
    country      text COLLATE "C",
    placed_at    timestamptz NOT NULL,
    amount_minor bigint NOT NULL,
    UNIQUE (source, external_id)
);

CREATE TABLE order_lines (
    order_id          uuid NOT NULL REFERENCES orders (order_id),
    ordinal           bigint NOT NULL,
    kind              text COLLATE "C" NOT NULL,
    code              text COLLATE "C" NOT NULL,
    title             text COLLATE "C" NOT NULL,
    quantity          bigint NOT NULL,
    unit_price_micros bigint NOT NULL,
    amount_minor      bigint NOT NULL,
    at                timestamptz NOT NULL,
    PRIMARY KEY (order_id, ordinal)
);
-- By time first: histories arrive in its order, so that the index grows at its end.
CREATE INDEX order_lines_at ON order_lines (at, code, kind, quantity);

CREATE TABLE refunds (
    refund_id    uuid PRIMARY KEY,
    source       text COLLATE "C" NOT NULL,
    external_id  text COLLATE "C" NOT NULL,
    order_id     uuid REFERENCES orders (order_id),
    customer_id  text COLLATE "C" REFERENCES customers (customer_id),
    currency     text COLLATE "C" NOT NULL,
    country      text COLLATE "C",
    refunded_at  timestamptz NOT NULL,
    amount_minor bigint NOT NULL,
    UNIQUE (source, external_id)
);

CREATE TABLE refund_lines (
    refund_id         uuid NOT NULL REFERENCES refunds (refund_id),
    ordinal           bigint NOT NULL,
    kind              text COLLATE "C" NOT NULL,
    code              text COLLATE "C" NOT NULL,
    title             text COLLATE "C" NOT NULL,
    quantity          bigint NOT NULL,
    unit_price_micros bigint NOT NULL,
    amount_minor      bigint NOT NULL,
    at                timestamptz NOT NULL,
    PRIMARY KEY (refund_id, ordinal)
);
CREATE INDEX refund_lines_at ON refund_lines (at, code, kind, quantity);

CREATE TABLE adjustments (
    source            text COLLATE "C" NOT NULL,
    external_id       text COLLATE "C" NOT NULL,
    ordinal           bigint NOT NULL,
    kind              text COLLATE "C" NOT NULL,
    code              text COLLATE "C" NOT NULL,
    note              text COLLATE "C" NOT NULL,
    currency          text COLLATE "C" NOT NULL,
    quantity          bigint NOT NULL,
    unit_price_micros bigint NOT NULL,
    amount_minor      bigint NOT NULL,
    at                timestamptz NOT NULL,
    PRIMARY KEY (source, external_id, ordinal)
);
CREATE INDEX adjustments_at ON adjustments (at, code);

CREATE TABLE imports (
    import_id   uuid PRIMARY KEY,
    layout      text COLLATE "C" NOT NULL,
    source      text COLLATE "C" NOT NULL,
    file_sha256 text COLLATE "C" NOT NULL,
    rows_done   bigint NOT NULL,
    started_at  timestamptz NOT NULL,
    finished_at timestamptz,
    UNIQUE (layout, source, file_sha256)
);
