//! The HTTP API as its callers meet it: a real server on a free port, a real ledger, a real client.
//!
//! Bodies that reach the ledger run on SQLite, and on PostgreSQL when `SHOPWRIGHT_TEST_POSTGRES_URL`
//! names a server. `SHOPWRIGHT_REQUIRE_POSTGRES=1` turns a missing server into a failure.

// Helpers of a test outside a `#[test]` function may unwrap too: a panic is how a test fails.
#![allow(clippy::unwrap_used)]

mod access;
mod audit;
mod batch;
mod browsers;
mod client;
mod competitors;
mod connections;
mod customer_tokens;
mod customers;
mod description;
mod effects;
mod encodings;
mod events;
mod feeds;
mod following;
mod harness;
mod hygiene;
mod idempotency;
mod inbound;
mod ledger_away;
mod limits;
mod list_walks;
mod lists;
mod off_sale;
mod orders;
mod people;
mod policies;
mod prices;
mod products;
mod promotions;
mod proxy;
mod rates;
mod reading;
mod reservations;
mod routes;
mod seed;
mod settings_pages;
mod sign_in;
mod stock;
mod stock_places;
mod streams;
mod surface;
mod traces;
mod trail;
mod webhooks;
