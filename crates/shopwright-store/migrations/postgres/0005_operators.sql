-- People who run the shop, their sessions, one-time links, sign-in tries, and the audit log.

CREATE TABLE operators (
    operator_id     uuid PRIMARY KEY,
    email           text COLLATE "C" NOT NULL UNIQUE,
    name            text COLLATE "C" NOT NULL,
    role            text COLLATE "C" NOT NULL,
    password_hash   text COLLATE "C" NOT NULL,
    failed_sign_ins bigint NOT NULL,
    created_at      timestamptz NOT NULL,
    disabled_at     timestamptz
);

CREATE TABLE operator_sessions (
    session_id   uuid PRIMARY KEY,
    token_hash   bytea NOT NULL UNIQUE,
    operator_id  uuid NOT NULL REFERENCES operators (operator_id),
    created_at   timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    revoked_at   timestamptz,
    user_agent   text COLLATE "C" NOT NULL,
    address      text COLLATE "C" NOT NULL
);
CREATE INDEX operator_sessions_operator ON operator_sessions (operator_id, created_at);

CREATE TABLE setup_links (
    token_hash  bytea PRIMARY KEY,
    purpose     text COLLATE "C" NOT NULL,
    role        text COLLATE "C" NOT NULL,
    email       text COLLATE "C",
    operator_id uuid REFERENCES operators (operator_id),
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    used_at     timestamptz
);

CREATE TABLE sign_in_attempts (
    scope       text COLLATE "C" NOT NULL,
    attempt_key text COLLATE "C" NOT NULL,
    first_at    timestamptz NOT NULL,
    tries       bigint NOT NULL,
    PRIMARY KEY (scope, attempt_key)
);
CREATE INDEX sign_in_attempts_first_at ON sign_in_attempts (first_at);

-- What was hashed is kept as the very text that was hashed, so "before" and "after" are no JSON columns.
CREATE TABLE audit_log (
    seq            bigint PRIMARY KEY,
    at             timestamptz NOT NULL,
    actor_kind     text COLLATE "C" NOT NULL,
    actor_id       text COLLATE "C" NOT NULL,
    action         text COLLATE "C" NOT NULL,
    object         text COLLATE "C" NOT NULL,
    object_version bigint NOT NULL,
    before_json    text COLLATE "C",
    after_json     text COLLATE "C",
    previous_hash  bytea NOT NULL,
    hash           bytea NOT NULL,
    UNIQUE (object, object_version)
);
CREATE INDEX audit_log_actor ON audit_log (actor_id, seq);
CREATE INDEX audit_log_action ON audit_log (action, seq);

-- One row: the last entry. Its lock orders the entries; it also tells when the log's end is cut off.
CREATE TABLE audit_head (
    name text COLLATE "C" PRIMARY KEY,
    seq  bigint NOT NULL,
    hash bytea NOT NULL
);
INSERT INTO audit_head (name, seq, hash) VALUES ('audit', 0, '');
