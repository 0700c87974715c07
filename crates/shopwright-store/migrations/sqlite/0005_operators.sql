-- People who run the shop, their sessions, one-time links, sign-in tries, and the audit log.

CREATE TABLE operators (
    operator_id     BLOB PRIMARY KEY,
    email           TEXT NOT NULL UNIQUE,
    name            TEXT NOT NULL,
    role            TEXT NOT NULL,
    password_hash   TEXT NOT NULL,
    failed_sign_ins INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    disabled_at     INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE operator_sessions (
    session_id   BLOB PRIMARY KEY,
    token_hash   BLOB NOT NULL UNIQUE,
    operator_id  BLOB NOT NULL REFERENCES operators (operator_id),
    created_at   INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    revoked_at   INTEGER,
    user_agent   TEXT NOT NULL,
    address      TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX operator_sessions_operator ON operator_sessions (operator_id, created_at);

CREATE TABLE setup_links (
    token_hash  BLOB PRIMARY KEY,
    purpose     TEXT NOT NULL,
    role        TEXT NOT NULL,
    email       TEXT,
    operator_id BLOB REFERENCES operators (operator_id),
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    used_at     INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE sign_in_attempts (
    scope       TEXT NOT NULL,
    attempt_key TEXT NOT NULL,
    first_at    INTEGER NOT NULL,
    tries       INTEGER NOT NULL,
    PRIMARY KEY (scope, attempt_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX sign_in_attempts_first_at ON sign_in_attempts (first_at);

-- What was hashed is kept as the very text that was hashed, so "before" and "after" are no JSON columns.
CREATE TABLE audit_log (
    seq            INTEGER PRIMARY KEY,
    at             INTEGER NOT NULL,
    actor_kind     TEXT NOT NULL,
    actor_id       TEXT NOT NULL,
    action         TEXT NOT NULL,
    object         TEXT NOT NULL,
    object_version INTEGER NOT NULL,
    before_json    TEXT,
    after_json     TEXT,
    previous_hash  BLOB NOT NULL,
    hash           BLOB NOT NULL,
    UNIQUE (object, object_version)
) STRICT;
CREATE INDEX audit_log_actor ON audit_log (actor_id, seq);
CREATE INDEX audit_log_action ON audit_log (action, seq);

-- One row: the last entry. Its lock orders the entries; it also tells when the log's end is cut off.
CREATE TABLE audit_head (
    name TEXT PRIMARY KEY,
    seq  INTEGER NOT NULL,
    hash BLOB NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO audit_head (name, seq, hash) VALUES ('audit', 0, x'');
