//! The ledger: all SQL of Shopwright, one text for SQLite and PostgreSQL.
//!
//! An operation is a closure over a [`Tx`] that may run again; it runs on a database thread, so it
//! can await nothing and a caller that goes away leaves nothing open. Why this layer speaks
//! `rusqlite` and `postgres` and not a common driver is measured in `benches/RESULTS.md`.

pub mod audit;
pub mod backup;
pub mod catalog;
pub mod competitors;
mod conditions;
pub mod customers;
mod dialect;
pub mod direct;
pub mod effects;
mod error;
pub mod events;
pub mod feed;
pub mod idempotency;
pub mod identity;
pub mod imports;
pub mod inbound;
pub mod inventory;
mod job;
pub mod jobs;
pub mod listings;
mod migrate;
pub mod operators;
pub mod orders;
mod page;
pub mod platforms;
mod postgres;
mod postgres_tls;
pub mod price_list;
pub mod pricing;
pub mod promotions;
pub mod publishing;
pub mod sessions;
pub mod settings;
pub mod sign_in;
mod sqlite;
mod store;
pub mod streams;
mod tx;
mod value;
pub mod verify;
pub mod webhook_deliveries;
pub mod webhooks;

pub use dialect::Column;
pub use error::StoreError;
pub use migrate::{Migrated, migrate};
pub use page::{Page, Place};
pub use postgres::PostgresOptions;
pub use sqlite::SqliteOptions;
pub use store::{Store, StoreOptions};
pub use tx::{Change, Row, Tx};
pub use value::{FromColumn, Value};
