-- What shoppers do: events once each, who turned out to be whom, demand by the hour, what could not be read.

-- Ids of messages that were taken, for as long as they are remembered: a hash over source and id.
CREATE TABLE event_ids (
    message     BLOB PRIMARY KEY,
    content     INTEGER NOT NULL,
    received_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX event_ids_received ON event_ids (received_at);

-- A row for each product of an event, or one without a product.
CREATE TABLE events (
    event_id          BLOB NOT NULL,
    ordinal           INTEGER NOT NULL,
    kind              TEXT NOT NULL,
    source            TEXT NOT NULL,
    customer_id       TEXT,
    anonymous_id      TEXT,
    session_id        TEXT,
    sku               TEXT,
    quantity          INTEGER NOT NULL,
    unit_price_micros INTEGER,
    currency          TEXT,
    order_number      TEXT,
    recommendation    TEXT,
    counted           INTEGER NOT NULL,
    at                INTEGER NOT NULL,
    received_at       INTEGER NOT NULL,
    PRIMARY KEY (event_id, ordinal)
) STRICT, WITHOUT ROWID;
CREATE INDEX events_customer ON events (customer_id, event_id) WHERE customer_id IS NOT NULL;
CREATE INDEX events_anonymous ON events (anonymous_id, event_id) WHERE anonymous_id IS NOT NULL;

CREATE TABLE visitors (
    anonymous_id TEXT PRIMARY KEY,
    customer_id  TEXT NOT NULL,
    since        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX visitors_customer ON visitors (customer_id);

CREATE TABLE demand_hours (
    hour      INTEGER NOT NULL,
    sku       TEXT NOT NULL,
    views     INTEGER NOT NULL CHECK (views >= 0),
    clicks    INTEGER NOT NULL CHECK (clicks >= 0),
    adds      INTEGER NOT NULL CHECK (adds >= 0),
    removes   INTEGER NOT NULL CHECK (removes >= 0),
    checkouts INTEGER NOT NULL CHECK (checkouts >= 0),
    PRIMARY KEY (hour, sku)
) STRICT, WITHOUT ROWID;
CREATE INDEX demand_hours_sku ON demand_hours (sku, hour);

-- How much of an hour's demand one browser or address has been counted for.
CREATE TABLE demand_caps (
    scope   BLOB PRIMARY KEY,
    hour    INTEGER NOT NULL,
    counted INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX demand_caps_hour ON demand_caps (hour);

CREATE TABLE dead_letters (
    letter_id   BLOB PRIMARY KEY,
    source      TEXT NOT NULL,
    form        TEXT NOT NULL,
    reason      TEXT NOT NULL,
    pointer     TEXT NOT NULL,
    raw         BLOB NOT NULL,
    people      TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    is_browser  INTEGER NOT NULL,
    attempts    INTEGER NOT NULL,
    replayed_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX dead_letters_received ON dead_letters (received_at);
