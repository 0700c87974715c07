-- What competitors charge, and how far our own prices have reached the shop's platform.

-- Since when the price stands that the platform was last offered, whatever it said to it.
ALTER TABLE listings ADD COLUMN offered_at timestamptz;
-- Since when the platform has been seen to show another price than ours.
ALTER TABLE listings ADD COLUMN differs_since timestamptz;

CREATE TABLE competitors (
    competitor text COLLATE "C" PRIMARY KEY,
    name       text COLLATE "C" NOT NULL,
    is_watched boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

-- Which of a competitor's products is ours, and how sure that is.
CREATE TABLE competitor_matches (
    competitor     text COLLATE "C" NOT NULL REFERENCES competitors (competitor),
    sku            text COLLATE "C" NOT NULL REFERENCES products (sku),
    url            text COLLATE "C",
    confidence_bps bigint NOT NULL CHECK (confidence_bps BETWEEN 0 AND 10000),
    confirmed_by   text COLLATE "C",
    confirmed_at   timestamptz,
    page_error     text COLLATE "C",
    looked_at      timestamptz,
    created_at     timestamptz NOT NULL,
    PRIMARY KEY (competitor, sku)
);
CREATE INDEX competitor_matches_sku ON competitor_matches (sku, competitor);

-- Append-only: what was seen, when.
CREATE TABLE competitor_prices (
    competitor     text COLLATE "C" NOT NULL,
    sku            text COLLATE "C" NOT NULL,
    observed_at    timestamptz NOT NULL,
    price_minor    bigint NOT NULL CHECK (price_minor > 0),
    shipping_minor bigint CHECK (shipping_minor >= 0),
    currency       text COLLATE "C" NOT NULL,
    in_stock       boolean NOT NULL,
    source         text COLLATE "C" NOT NULL,
    is_forced      boolean NOT NULL,
    received_at    timestamptz NOT NULL,
    PRIMARY KEY (competitor, sku, observed_at),
    FOREIGN KEY (competitor, sku) REFERENCES competitor_matches (competitor, sku)
);
CREATE INDEX competitor_prices_sku ON competitor_prices (sku, observed_at);
