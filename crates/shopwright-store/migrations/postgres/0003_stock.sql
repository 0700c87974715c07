-- Locations, reservations, counts and deliveries: stock that is safe to sell from.

CREATE TABLE locations (
    location   text COLLATE "C" PRIMARY KEY,
    authority  text COLLATE "C" NOT NULL,
    priority   bigint NOT NULL,
    created_at timestamptz NOT NULL
);
INSERT INTO locations (location, authority, priority, created_at) VALUES ('main', 'ours', 0, to_timestamp(0));

ALTER TABLE products ADD COLUMN backorder boolean NOT NULL DEFAULT false;

-- The time of an operation is never before the last one that decided on the same level.
ALTER TABLE stock_levels ADD COLUMN committed bigint NOT NULL DEFAULT 0 CHECK (committed >= 0);
ALTER TABLE stock_levels ADD COLUMN held bigint NOT NULL DEFAULT 0 CHECK (held >= 0);
ALTER TABLE stock_levels ADD COLUMN decided_at timestamptz;

CREATE TABLE reservations (
    reservation_id uuid PRIMARY KEY,
    reference      text COLLATE "C" UNIQUE,
    state          text COLLATE "C" NOT NULL,
    hold_micros    bigint NOT NULL,
    expires_at     timestamptz NOT NULL,
    extensions     bigint NOT NULL,
    created_at     timestamptz NOT NULL
);
CREATE INDEX reservations_state_expires_at ON reservations (state, expires_at);

-- held_until is set only while the reservation is open. What a level holds at a time is its `held`, the
-- sum of all such lines, less those past their time that no sweep has met yet: over this index.
CREATE TABLE reservation_lines (
    reservation_id uuid NOT NULL REFERENCES reservations (reservation_id),
    sku            text COLLATE "C" NOT NULL,
    location       text COLLATE "C" NOT NULL,
    quantity       bigint NOT NULL CHECK (quantity > 0),
    backordered    bigint NOT NULL,
    promised_at    timestamptz,
    held_until     timestamptz,
    released       bigint NOT NULL DEFAULT 0,
    restocked      bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (reservation_id, sku, location),
    FOREIGN KEY (sku, location) REFERENCES stock_levels (sku, location)
);
CREATE INDEX reservation_lines_held ON reservation_lines (sku, location, held_until, quantity);

-- Pieces that came back: freed before they shipped, or restocked afterwards. An empty reference is
-- the release of the whole reservation.
CREATE TABLE reservation_give_backs (
    reservation_id uuid NOT NULL,
    reference      text COLLATE "C" NOT NULL,
    sku            text COLLATE "C" NOT NULL,
    location       text COLLATE "C" NOT NULL,
    quantity       bigint NOT NULL CHECK (quantity > 0),
    restocked      boolean NOT NULL,
    at             timestamptz NOT NULL,
    PRIMARY KEY (reservation_id, reference, sku, location),
    FOREIGN KEY (reservation_id, sku, location) REFERENCES reservation_lines (reservation_id, sku, location)
);

-- Every count, also one that found what the books said: a count sent twice must not undo what
-- happened in between. The books had `found` pieces; NULL at the opening count.
CREATE TABLE stock_counts (
    sku       text COLLATE "C" NOT NULL,
    location  text COLLATE "C" NOT NULL,
    reference text COLLATE "C" NOT NULL,
    quantity  bigint NOT NULL CHECK (quantity >= 0),
    found     bigint,
    at        timestamptz NOT NULL,
    PRIMARY KEY (sku, location, reference),
    FOREIGN KEY (sku, location) REFERENCES stock_levels (sku, location)
);

CREATE TABLE stock_deliveries (
    delivery_id uuid PRIMARY KEY,
    sku         text COLLATE "C" NOT NULL REFERENCES products (sku),
    location    text COLLATE "C" NOT NULL REFERENCES locations (location),
    quantity    bigint NOT NULL CHECK (quantity > 0),
    due_at      timestamptz NOT NULL,
    state       text COLLATE "C" NOT NULL,
    received    bigint,
    created_at  timestamptz NOT NULL,
    closed_at   timestamptz
);
CREATE INDEX stock_deliveries_expected ON stock_deliveries (sku, location, state, due_at);
