//! Operations on a real ledger of their own, on SQLite and, where one is configured, PostgreSQL.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod catalog_files;
mod customers;
mod events;
mod harness;
mod operators;
mod order_files;
mod outside;
mod prices;
mod products;
mod replayed_stock;
mod sales;
mod shopper_events;
mod stock;
mod told;
mod trail;
mod verify;
mod webhook_books;
mod webhook_crashes;
mod webhook_upkeep;
mod webhooks;
mod worker;
