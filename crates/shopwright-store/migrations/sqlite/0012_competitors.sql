-- What competitors charge, and how far our own prices have reached the shop's platform.

-- Since when the price stands that the platform was last offered, whatever it said to it.
ALTER TABLE listings ADD COLUMN offered_at INTEGER;
-- Since when the platform has been seen to show another price than ours.
ALTER TABLE listings ADD COLUMN differs_since INTEGER;

CREATE TABLE competitors (
    competitor TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    is_watched INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Which of a competitor's products is ours, and how sure that is.
CREATE TABLE competitor_matches (
    competitor     TEXT NOT NULL REFERENCES competitors (competitor),
    sku            TEXT NOT NULL REFERENCES products (sku),
    url            TEXT,
    confidence_bps INTEGER NOT NULL CHECK (confidence_bps BETWEEN 0 AND 10000),
    confirmed_by   TEXT,
    confirmed_at   INTEGER,
    page_error     TEXT,
    looked_at      INTEGER,
    created_at     INTEGER NOT NULL,
    PRIMARY KEY (competitor, sku)
) STRICT, WITHOUT ROWID;
CREATE INDEX competitor_matches_sku ON competitor_matches (sku, competitor);

-- Append-only: what was seen, when.
CREATE TABLE competitor_prices (
    competitor     TEXT NOT NULL,
    sku            TEXT NOT NULL,
    observed_at    INTEGER NOT NULL,
    price_minor    INTEGER NOT NULL CHECK (price_minor > 0),
    shipping_minor INTEGER CHECK (shipping_minor >= 0),
    currency       TEXT NOT NULL,
    in_stock       INTEGER NOT NULL,
    source         TEXT NOT NULL,
    is_forced      INTEGER NOT NULL,
    received_at    INTEGER NOT NULL,
    PRIMARY KEY (competitor, sku, observed_at),
    FOREIGN KEY (competitor, sku) REFERENCES competitor_matches (competitor, sku)
) STRICT, WITHOUT ROWID;
CREATE INDEX competitor_prices_sku ON competitor_prices (sku, observed_at);
