//! The outside world, each party behind a small enum or struct with limits on time and size: guarded
//! fetches, signed webhooks, mail, message streams in, and the seal on secrets at rest.
//! fetches, shop platforms, competitors' pages, signed webhooks, mail, and the seal on secrets at rest.
//!
//! Nothing here knows the ledger: an operation writes an effect, a worker hands it to a gateway.

pub mod address;
pub mod allowed;
pub mod guard;
pub mod inbound;
pub mod kafka;
pub mod mail;
pub mod redis;
pub mod resolver;
pub mod seal;
pub mod stream;
pub mod shop_database;
pub mod product_page;
pub mod resolver;
pub mod seal;
pub mod shop;
mod shop_shopify;
mod shop_woocommerce;
pub mod webhook;
