//! Operations on a real ledger of their own, on SQLite and, where one is configured, PostgreSQL.

mod catalog_files;
mod harness;
mod order_files;
mod prices;
mod replayed_stock;
mod verify;
