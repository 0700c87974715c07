-- What other platforms call our products, and what they show of them.

CREATE TABLE listings (
    platform          text COLLATE "C" NOT NULL,
    variant_id        text COLLATE "C" NOT NULL,
    product_id        text COLLATE "C" NOT NULL,
    inventory_item_id text COLLATE "C",
    sku               text COLLATE "C" NOT NULL REFERENCES products (sku),
    currency          text COLLATE "C",
    shown_minor       bigint,
    shown_at          timestamptz,
    published_minor   bigint,
    published_at      timestamptz,
    publish_error     text COLLATE "C",
    seen_at           timestamptz NOT NULL,
    removed_at        timestamptz,
    PRIMARY KEY (platform, variant_id)
);
CREATE INDEX listings_sku ON listings (sku);
CREATE INDEX listings_inventory_item ON listings (platform, inventory_item_id);
