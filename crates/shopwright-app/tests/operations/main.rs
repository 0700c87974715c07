//! Operations on a real ledger of their own, on SQLite and, where one is configured, PostgreSQL.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod catalog_files;
mod harness;
mod operators;
mod order_files;
mod prices;
mod replayed_stock;
mod stock;
mod verify;
