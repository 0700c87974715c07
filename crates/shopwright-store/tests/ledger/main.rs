//! The ledger against real databases: each test body runs on SQLite, and on PostgreSQL when
//! `SHOPWRIGHT_TEST_POSTGRES_URL` names a server. `SHOPWRIGHT_REQUIRE_POSTGRES=1` turns a missing
//! server into a failure.

// Helpers of a test outside a `#[test]` function may unwrap too: a panic is how a test fails.
#![allow(clippy::unwrap_used)]

mod audit;
mod backups;
mod catalog;
mod corrupt;
mod documents;
mod effects;
mod failing_commit;
mod full_disk;
mod group_commit;
mod harness;
mod idempotency;
mod imports;
mod isolation;
mod keys_and_settings;
mod locked;
mod migrations;
mod notices;
mod outcomes;
mod postgres_retries;
mod postgres_tls;
mod queue;
mod rows;
mod schema;
mod stock;
mod twins;
mod values;
mod webhooks;
