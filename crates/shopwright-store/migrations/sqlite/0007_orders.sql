-- Products, customers, orders, payments, refunds and promotions as the API edits them.

ALTER TABLE products ADD COLUMN compare_at_minor INTEGER;
ALTER TABLE products ADD COLUMN images TEXT NOT NULL DEFAULT '[]';
ALTER TABLE products ADD COLUMN add_on_of TEXT NOT NULL DEFAULT '[]';
ALTER TABLE products ADD COLUMN tax_class TEXT;
ALTER TABLE products ADD COLUMN version INTEGER NOT NULL DEFAULT 1;

-- A customer row holds no person: that is in customer_details and customer_addresses alone.
ALTER TABLE customers ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE customers ADD COLUMN updated_at INTEGER;
CREATE INDEX customers_created ON customers (created_at, customer_id);

CREATE TABLE customer_details (
    customer_id    TEXT PRIMARY KEY REFERENCES customers (customer_id),
    email          TEXT,
    email_key      TEXT,
    name           TEXT,
    phone          TEXT,
    locale         TEXT,
    tags           TEXT NOT NULL,
    consent        INTEGER,
    consent_at     INTEGER,
    consent_source TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX customer_details_email ON customer_details (email_key);

-- Of a customer, or where an order of nobody known is sent; the order's own address has its id.
CREATE TABLE customer_addresses (
    owner       TEXT NOT NULL,
    ordinal     INTEGER NOT NULL,
    customer_id TEXT REFERENCES customers (customer_id),
    order_id    BLOB REFERENCES orders (order_id),
    address     TEXT NOT NULL,
    PRIMARY KEY (owner, ordinal)
) STRICT, WITHOUT ROWID;
CREATE INDEX customer_addresses_customer ON customer_addresses (customer_id);
CREATE INDEX customer_addresses_order ON customer_addresses (order_id);

CREATE TABLE customer_aliases (
    alias       TEXT PRIMARY KEY,
    customer_id TEXT NOT NULL REFERENCES customers (customer_id),
    merged_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX customer_aliases_customer ON customer_aliases (customer_id);

-- Who was erased must not come back with the next import. Only a hash of the id is kept.
CREATE TABLE erased_customers (
    id_hash   BLOB PRIMARY KEY,
    erased_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Orders of imported histories have no fingerprint: nothing is done to them here.
ALTER TABLE orders ADD COLUMN fingerprint BLOB;
ALTER TABLE orders ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE orders ADD COLUMN tax_included INTEGER NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN reservation_id BLOB;
ALTER TABLE orders ADD COLUMN paid_at INTEGER;
ALTER TABLE orders ADD COLUMN fulfilled_at INTEGER;
ALTER TABLE orders ADD COLUMN completed_at INTEGER;
ALTER TABLE orders ADD COLUMN canceled_at INTEGER;
ALTER TABLE orders ADD COLUMN created_at INTEGER;
CREATE UNIQUE INDEX orders_reservation_id_key ON orders (reservation_id);
CREATE INDEX orders_placed ON orders (placed_at, order_id);
CREATE INDEX orders_customer ON orders (customer_id, placed_at);

-- How a line moves stock: `line` when it is booked, `reservation` with its order's, or `none`.
ALTER TABLE order_lines ADD COLUMN discount_minor INTEGER NOT NULL DEFAULT 0;
ALTER TABLE order_lines ADD COLUMN tax_minor INTEGER NOT NULL DEFAULT 0;
ALTER TABLE order_lines ADD COLUMN share_minor INTEGER;
ALTER TABLE order_lines ADD COLUMN stock TEXT NOT NULL DEFAULT 'line';

ALTER TABLE refunds ADD COLUMN reason TEXT;
ALTER TABLE refunds ADD COLUMN created_at INTEGER;
CREATE INDEX refunds_order ON refunds (order_id);
CREATE INDEX refunds_customer ON refunds (customer_id);

ALTER TABLE refund_lines ADD COLUMN order_ordinal INTEGER;
ALTER TABLE refund_lines ADD COLUMN restocked INTEGER NOT NULL DEFAULT 0;
ALTER TABLE refund_lines ADD COLUMN stock TEXT NOT NULL DEFAULT 'line';

-- Append-only: what came in for an order and what went back.
CREATE TABLE payments (
    payment_id   BLOB PRIMARY KEY,
    order_id     BLOB NOT NULL REFERENCES orders (order_id),
    refund_id    BLOB REFERENCES refunds (refund_id),
    kind         TEXT NOT NULL,
    provider     TEXT NOT NULL,
    reference    TEXT NOT NULL,
    currency     TEXT NOT NULL,
    amount_minor INTEGER NOT NULL CHECK (amount_minor >= 0),
    at           INTEGER NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX payments_order ON payments (order_id, payment_id);
CREATE INDEX payments_reference ON payments (provider, reference);

-- `scope` is `several` where the lists below say what the promotion covers.
ALTER TABLE promotions ADD COLUMN skus TEXT NOT NULL DEFAULT '[]';
ALTER TABLE promotions ADD COLUMN categories TEXT NOT NULL DEFAULT '[]';
ALTER TABLE promotions ADD COLUMN effect TEXT NOT NULL DEFAULT 'factor';
ALTER TABLE promotions ADD COLUMN amount_minor INTEGER;
ALTER TABLE promotions ADD COLUMN currency TEXT;
ALTER TABLE promotions ADD COLUMN announced INTEGER NOT NULL DEFAULT 0;
ALTER TABLE promotions ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
ALTER TABLE promotions ADD COLUMN stackable INTEGER NOT NULL DEFAULT 0;
ALTER TABLE promotions ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
