-- Restricted keys, and the answers of requests that may be sent again.

ALTER TABLE api_keys ADD COLUMN scopes jsonb NOT NULL DEFAULT '[]';
ALTER TABLE api_keys ADD COLUMN origins jsonb NOT NULL DEFAULT '[]';
ALTER TABLE api_keys ADD COLUMN expires_at timestamptz;

CREATE TABLE idempotency_keys (
    caller      text COLLATE "C" NOT NULL,
    key         text COLLATE "C" NOT NULL,
    fingerprint bytea NOT NULL,
    answer      text COLLATE "C",
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (caller, key)
);
CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);
