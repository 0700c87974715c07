-- Current prices, every decision that changed one, counted refreshes, policies, promotions.

CREATE TABLE prices (
    sku              TEXT PRIMARY KEY REFERENCES products (sku),
    currency         TEXT NOT NULL,
    amount_minor     INTEGER NOT NULL,
    base_minor       INTEGER NOT NULL,
    lowest_30d_minor INTEGER,
    strategy         TEXT NOT NULL,
    decision_id      BLOB NOT NULL,
    decision         TEXT NOT NULL,
    changed_at       INTEGER NOT NULL,
    feed_version     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX prices_feed_version ON prices (feed_version);

CREATE TABLE price_decisions (
    decision_id BLOB PRIMARY KEY,
    sku         TEXT NOT NULL REFERENCES products (sku),
    decided_at  INTEGER NOT NULL,
    from_minor  INTEGER,
    to_minor    INTEGER NOT NULL,
    currency    TEXT NOT NULL,
    strategy    TEXT NOT NULL,
    facts       TEXT NOT NULL,
    policy      TEXT NOT NULL,
    decision    TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX price_decisions_sku ON price_decisions (sku, decided_at, decision_id);

CREATE TABLE price_refreshes (
    first_at  INTEGER PRIMARY KEY,
    last_at   INTEGER NOT NULL,
    refreshes INTEGER NOT NULL,
    evaluated INTEGER NOT NULL,
    changed   INTEGER NOT NULL
) STRICT;

CREATE TABLE pricing_policies (
    scope      TEXT NOT NULL,
    scope_key  TEXT NOT NULL,
    patch      TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (scope, scope_key)
) STRICT, WITHOUT ROWID;

CREATE TABLE promotions (
    promotion_id BLOB PRIMARY KEY,
    name         TEXT NOT NULL,
    scope        TEXT NOT NULL,
    scope_key    TEXT NOT NULL,
    factor       TEXT NOT NULL,
    locks_price  INTEGER NOT NULL,
    starts_at    INTEGER NOT NULL,
    ends_at      INTEGER NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
