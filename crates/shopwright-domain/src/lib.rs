//! The rules of Shopwright over plain data: no clock, no randomness, no I/O.
//!
//! Every engine has a module of its own name here. Engine modules do not import each other;
//! they share the words of this crate: money, time, ids, SKU.

#[cfg(test)]
mod cases;
pub mod catalog;
pub mod customers;
pub mod events;
pub mod identity;
pub mod ids;
pub mod invalid;
pub mod inventory;
pub mod money;
pub mod orders;
pub mod platforms;
pub mod pricing;
pub mod promotions;
pub mod retry;
pub mod shares;
pub mod time;
pub mod webhooks;
