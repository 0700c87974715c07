-- Products, customers, orders, payments, refunds and promotions as the API edits them.

ALTER TABLE products ADD COLUMN compare_at_minor bigint;
ALTER TABLE products ADD COLUMN images jsonb NOT NULL DEFAULT '[]';
ALTER TABLE products ADD COLUMN add_on_of jsonb NOT NULL DEFAULT '[]';
ALTER TABLE products ADD COLUMN tax_class text COLLATE "C";
ALTER TABLE products ADD COLUMN version bigint NOT NULL DEFAULT 1;

-- A customer row holds no person: that is in customer_details and customer_addresses alone.
ALTER TABLE customers ADD COLUMN version bigint NOT NULL DEFAULT 1;
ALTER TABLE customers ADD COLUMN updated_at timestamptz;
CREATE INDEX customers_created ON customers (created_at, customer_id);

CREATE TABLE customer_details (
    customer_id    text COLLATE "C" PRIMARY KEY REFERENCES customers (customer_id),
    email          text COLLATE "C",
    email_key      text COLLATE "C",
    name           text COLLATE "C",
    phone          text COLLATE "C",
    locale         text COLLATE "C",
    tags           jsonb NOT NULL,
    consent        boolean,
    consent_at     timestamptz,
    consent_source text COLLATE "C"
);
CREATE INDEX customer_details_email ON customer_details (email_key);

-- Of a customer, or where an order of nobody known is sent; the order's own address has its id.
CREATE TABLE customer_addresses (
    owner       text COLLATE "C" NOT NULL,
    ordinal     bigint NOT NULL,
    customer_id text COLLATE "C" REFERENCES customers (customer_id),
    order_id    uuid REFERENCES orders (order_id),
    address     jsonb NOT NULL,
    PRIMARY KEY (owner, ordinal)
);
CREATE INDEX customer_addresses_customer ON customer_addresses (customer_id);
CREATE INDEX customer_addresses_order ON customer_addresses (order_id);

CREATE TABLE customer_aliases (
    alias       text COLLATE "C" PRIMARY KEY,
    customer_id text COLLATE "C" NOT NULL REFERENCES customers (customer_id),
    merged_at   timestamptz NOT NULL
);
CREATE INDEX customer_aliases_customer ON customer_aliases (customer_id);

-- Who was erased must not come back with the next import. Only a hash of the id is kept.
CREATE TABLE erased_customers (
    id_hash   bytea PRIMARY KEY,
    erased_at timestamptz NOT NULL
);

-- Orders of imported histories have no fingerprint: nothing is done to them here.
ALTER TABLE orders ADD COLUMN fingerprint bytea;
ALTER TABLE orders ADD COLUMN version bigint NOT NULL DEFAULT 1;
ALTER TABLE orders ADD COLUMN tax_included boolean NOT NULL DEFAULT false;
ALTER TABLE orders ADD COLUMN reservation_id uuid;
ALTER TABLE orders ADD COLUMN paid_at timestamptz;
ALTER TABLE orders ADD COLUMN fulfilled_at timestamptz;
ALTER TABLE orders ADD COLUMN completed_at timestamptz;
ALTER TABLE orders ADD COLUMN canceled_at timestamptz;
ALTER TABLE orders ADD COLUMN created_at timestamptz;
CREATE UNIQUE INDEX orders_reservation_id_key ON orders (reservation_id);
CREATE INDEX orders_placed ON orders (placed_at, order_id);
CREATE INDEX orders_customer ON orders (customer_id, placed_at);

-- How a line moves stock: `line` when it is booked, `reservation` with its order's, or `none`.
ALTER TABLE order_lines ADD COLUMN discount_minor bigint NOT NULL DEFAULT 0;
ALTER TABLE order_lines ADD COLUMN tax_minor bigint NOT NULL DEFAULT 0;
ALTER TABLE order_lines ADD COLUMN share_minor bigint;
ALTER TABLE order_lines ADD COLUMN stock text COLLATE "C" NOT NULL DEFAULT 'line';

ALTER TABLE refunds ADD COLUMN reason text COLLATE "C";
ALTER TABLE refunds ADD COLUMN created_at timestamptz;
CREATE INDEX refunds_order ON refunds (order_id);
CREATE INDEX refunds_customer ON refunds (customer_id);

ALTER TABLE refund_lines ADD COLUMN order_ordinal bigint;
ALTER TABLE refund_lines ADD COLUMN restocked boolean NOT NULL DEFAULT false;
ALTER TABLE refund_lines ADD COLUMN stock text COLLATE "C" NOT NULL DEFAULT 'line';

-- Append-only: what came in for an order and what went back.
CREATE TABLE payments (
    payment_id   uuid PRIMARY KEY,
    order_id     uuid NOT NULL REFERENCES orders (order_id),
    refund_id    uuid REFERENCES refunds (refund_id),
    kind         text COLLATE "C" NOT NULL,
    provider     text COLLATE "C" NOT NULL,
    reference    text COLLATE "C" NOT NULL,
    currency     text COLLATE "C" NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
    at           timestamptz NOT NULL,
    created_at   timestamptz NOT NULL
);
CREATE INDEX payments_order ON payments (order_id, payment_id);
CREATE INDEX payments_reference ON payments (provider, reference);

-- `scope` is `several` where the lists below say what the promotion covers.
ALTER TABLE promotions ADD COLUMN skus jsonb NOT NULL DEFAULT '[]';
ALTER TABLE promotions ADD COLUMN categories jsonb NOT NULL DEFAULT '[]';
ALTER TABLE promotions ADD COLUMN effect text COLLATE "C" NOT NULL DEFAULT 'factor';
ALTER TABLE promotions ADD COLUMN amount_minor bigint;
ALTER TABLE promotions ADD COLUMN currency text COLLATE "C";
ALTER TABLE promotions ADD COLUMN announced boolean NOT NULL DEFAULT false;
ALTER TABLE promotions ADD COLUMN priority bigint NOT NULL DEFAULT 0;
ALTER TABLE promotions ADD COLUMN stackable boolean NOT NULL DEFAULT false;
ALTER TABLE promotions ADD COLUMN version bigint NOT NULL DEFAULT 1;
