-- What other platforms call our products, and what they show of them.

CREATE TABLE listings (
    platform          TEXT NOT NULL,
    variant_id        TEXT NOT NULL,
    product_id        TEXT NOT NULL,
    inventory_item_id TEXT,
    sku               TEXT NOT NULL REFERENCES products (sku),
    currency          TEXT,
    shown_minor       INTEGER,
    shown_at          INTEGER,
    published_minor   INTEGER,
    published_at      INTEGER,
    publish_error     TEXT,
    seen_at           INTEGER NOT NULL,
    removed_at        INTEGER,
    PRIMARY KEY (platform, variant_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX listings_sku ON listings (sku);
CREATE INDEX listings_inventory_item ON listings (platform, inventory_item_id);
