-- Current prices, every decision that changed one, counted refreshes, policies, promotions.

CREATE TABLE prices (
    sku              text COLLATE "C" PRIMARY KEY REFERENCES products (sku),
    currency         text COLLATE "C" NOT NULL,
    amount_minor     bigint NOT NULL,
    base_minor       bigint NOT NULL,
    lowest_30d_minor bigint,
    strategy         text COLLATE "C" NOT NULL,
    decision_id      uuid NOT NULL,
    decision         jsonb NOT NULL,
    changed_at       timestamptz NOT NULL,
    feed_version     bigint NOT NULL
);
CREATE INDEX prices_feed_version ON prices (feed_version);

CREATE TABLE price_decisions (
    decision_id uuid PRIMARY KEY,
    sku         text COLLATE "C" NOT NULL REFERENCES products (sku),
    decided_at  timestamptz NOT NULL,
    from_minor  bigint,
    to_minor    bigint NOT NULL,
    currency    text COLLATE "C" NOT NULL,
    strategy    text COLLATE "C" NOT NULL,
    facts       jsonb NOT NULL,
    policy      jsonb NOT NULL,
    decision    jsonb NOT NULL
);
CREATE INDEX price_decisions_sku ON price_decisions (sku, decided_at, decision_id);

CREATE TABLE price_refreshes (
    first_at  timestamptz PRIMARY KEY,
    last_at   timestamptz NOT NULL,
    refreshes bigint NOT NULL,
    evaluated bigint NOT NULL,
    changed   bigint NOT NULL
);

CREATE TABLE pricing_policies (
    scope      text COLLATE "C" NOT NULL,
    scope_key  text COLLATE "C" NOT NULL,
    patch      jsonb NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (scope, scope_key)
);

CREATE TABLE promotions (
    promotion_id uuid PRIMARY KEY,
    name         text COLLATE "C" NOT NULL,
    scope        text COLLATE "C" NOT NULL,
    scope_key    text COLLATE "C" NOT NULL,
    factor       text COLLATE "C" NOT NULL,
    locks_price  boolean NOT NULL,
    starts_at    timestamptz NOT NULL,
    ends_at      timestamptz NOT NULL,
    created_at   timestamptz NOT NULL
);
