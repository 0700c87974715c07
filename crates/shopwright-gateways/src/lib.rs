//! The outside world, each party behind a small enum or struct with limits on time and size: guarded
//! fetches, shop platforms, competitors' pages, signed webhooks, mail, message streams in, and the seal
//! on secrets at rest.
//!
//! Nothing here knows the ledger: an operation writes an effect, a worker hands it to a gateway.

pub mod address;
pub mod allowed;
pub mod guard;
pub mod inbound;
pub mod kafka;
pub mod mail;
pub mod product_page;
pub mod redis;
pub mod resolver;
pub mod seal;
pub mod shop;
pub mod shop_database;
mod shop_shopify;
mod shop_woocommerce;
pub mod stream;
pub mod webhook;
