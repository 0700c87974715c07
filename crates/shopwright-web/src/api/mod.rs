//! The JSON API under `/v1`. Each module is a word of the house; its handlers call an operation or
//! a store query and turn the outcome into a view.

pub mod audit;
pub mod catalog;
pub mod inventory;
pub mod keys;
pub mod live_body;
pub mod me;
mod policy_schema;
pub mod pricing;
pub mod pricing_settings;
pub mod promotions;
pub mod reservations;
pub mod stock_movements;
pub mod stock_places;
pub mod system;
pub mod view;
