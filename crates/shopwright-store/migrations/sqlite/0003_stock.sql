-- Locations, reservations, counts and deliveries: stock that is safe to sell from.

CREATE TABLE locations (
    location   TEXT PRIMARY KEY,
    authority  TEXT NOT NULL,
    priority   INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO locations (location, authority, priority, created_at) VALUES ('main', 'ours', 0, 0);

ALTER TABLE products ADD COLUMN backorder INTEGER NOT NULL DEFAULT 0;

-- The time of an operation is never before the last one that decided on the same level.
ALTER TABLE stock_levels ADD COLUMN committed INTEGER NOT NULL DEFAULT 0 CHECK (committed >= 0);
ALTER TABLE stock_levels ADD COLUMN held INTEGER NOT NULL DEFAULT 0 CHECK (held >= 0);
ALTER TABLE stock_levels ADD COLUMN decided_at INTEGER;

CREATE TABLE reservations (
    reservation_id BLOB PRIMARY KEY,
    reference      TEXT UNIQUE,
    state          TEXT NOT NULL,
    hold_micros    INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL,
    extensions     INTEGER NOT NULL,
    created_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX reservations_state_expires_at ON reservations (state, expires_at);

-- held_until is set only while the reservation is open. What a level holds at a time is its `held`, the
-- sum of all such lines, less those past their time that no sweep has met yet: over this index.
CREATE TABLE reservation_lines (
    reservation_id BLOB NOT NULL REFERENCES reservations (reservation_id),
    sku            TEXT NOT NULL,
    location       TEXT NOT NULL,
    quantity       INTEGER NOT NULL CHECK (quantity > 0),
    backordered    INTEGER NOT NULL,
    promised_at    INTEGER,
    held_until     INTEGER,
    released       INTEGER NOT NULL DEFAULT 0,
    restocked      INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (reservation_id, sku, location),
    FOREIGN KEY (sku, location) REFERENCES stock_levels (sku, location)
) STRICT, WITHOUT ROWID;
CREATE INDEX reservation_lines_held ON reservation_lines (sku, location, held_until, quantity);

-- Pieces that came back: freed before they shipped, or restocked afterwards. An empty reference is
-- the release of the whole reservation.
CREATE TABLE reservation_give_backs (
    reservation_id BLOB NOT NULL,
    reference      TEXT NOT NULL,
    sku            TEXT NOT NULL,
    location       TEXT NOT NULL,
    quantity       INTEGER NOT NULL CHECK (quantity > 0),
    restocked      INTEGER NOT NULL,
    at             INTEGER NOT NULL,
    PRIMARY KEY (reservation_id, reference, sku, location),
    FOREIGN KEY (reservation_id, sku, location) REFERENCES reservation_lines (reservation_id, sku, location)
) STRICT, WITHOUT ROWID;

-- Every count, also one that found what the books said: a count sent twice must not undo what
-- happened in between. The books had `found` pieces; NULL at the opening count.
CREATE TABLE stock_counts (
    sku       TEXT NOT NULL,
    location  TEXT NOT NULL,
    reference TEXT NOT NULL,
    quantity  INTEGER NOT NULL CHECK (quantity >= 0),
    found     INTEGER,
    at        INTEGER NOT NULL,
    PRIMARY KEY (sku, location, reference),
    FOREIGN KEY (sku, location) REFERENCES stock_levels (sku, location)
) STRICT, WITHOUT ROWID;

CREATE TABLE stock_deliveries (
    delivery_id BLOB PRIMARY KEY,
    sku         TEXT NOT NULL REFERENCES products (sku),
    location    TEXT NOT NULL REFERENCES locations (location),
    quantity    INTEGER NOT NULL CHECK (quantity > 0),
    due_at      INTEGER NOT NULL,
    state       TEXT NOT NULL,
    received    INTEGER,
    created_at  INTEGER NOT NULL,
    closed_at   INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX stock_deliveries_expected ON stock_deliveries (sku, location, state, due_at);
