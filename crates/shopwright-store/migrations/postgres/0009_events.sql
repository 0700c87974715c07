-- What shoppers do: events once each, who turned out to be whom, demand by the hour, what could not be read.

-- Ids of messages that were taken, for as long as they are remembered: a hash over source and id.
CREATE TABLE event_ids (
    message     uuid PRIMARY KEY,
    content     bigint NOT NULL,
    received_at timestamptz NOT NULL
);
CREATE INDEX event_ids_received ON event_ids (received_at);

-- A row for each product of an event, or one without a product.
CREATE TABLE events (
    event_id          uuid NOT NULL,
    ordinal           bigint NOT NULL,
    kind              text COLLATE "C" NOT NULL,
    source            text COLLATE "C" NOT NULL,
    customer_id       text COLLATE "C",
    anonymous_id      text COLLATE "C",
    session_id        text COLLATE "C",
    sku               text COLLATE "C",
    quantity          bigint NOT NULL,
    unit_price_micros bigint,
    currency          text COLLATE "C",
    order_number      text COLLATE "C",
    recommendation    text COLLATE "C",
    counted           boolean NOT NULL,
    at                timestamptz NOT NULL,
    received_at       timestamptz NOT NULL,
    PRIMARY KEY (event_id, ordinal)
);
CREATE INDEX events_customer ON events (customer_id, event_id) WHERE customer_id IS NOT NULL;
CREATE INDEX events_anonymous ON events (anonymous_id, event_id) WHERE anonymous_id IS NOT NULL;

CREATE TABLE visitors (
    anonymous_id text COLLATE "C" PRIMARY KEY,
    customer_id  text COLLATE "C" NOT NULL,
    since        timestamptz NOT NULL
);
CREATE INDEX visitors_customer ON visitors (customer_id);

CREATE TABLE demand_hours (
    hour      timestamptz NOT NULL,
    sku       text COLLATE "C" NOT NULL,
    views     bigint NOT NULL CHECK (views >= 0),
    clicks    bigint NOT NULL CHECK (clicks >= 0),
    adds      bigint NOT NULL CHECK (adds >= 0),
    removes   bigint NOT NULL CHECK (removes >= 0),
    checkouts bigint NOT NULL CHECK (checkouts >= 0),
    PRIMARY KEY (hour, sku)
);
CREATE INDEX demand_hours_sku ON demand_hours (sku, hour);

-- How much of an hour's demand one browser or address has been counted for.
CREATE TABLE demand_caps (
    scope   uuid PRIMARY KEY,
    hour    timestamptz NOT NULL,
    counted bigint NOT NULL
);
CREATE INDEX demand_caps_hour ON demand_caps (hour);

CREATE TABLE dead_letters (
    letter_id   uuid PRIMARY KEY,
    source      text COLLATE "C" NOT NULL,
    form        text COLLATE "C" NOT NULL,
    reason      text COLLATE "C" NOT NULL,
    pointer     text COLLATE "C" NOT NULL,
    raw         bytea NOT NULL,
    people      text COLLATE "C" NOT NULL,
    received_at timestamptz NOT NULL,
    is_browser  boolean NOT NULL,
    attempts    bigint NOT NULL,
    replayed_at timestamptz
);
CREATE INDEX dead_letters_received ON dead_letters (received_at);
