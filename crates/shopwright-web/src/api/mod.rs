//! The JSON API under `/v1`. Each module is a word of the house; its handlers call an operation or
//! a store query and turn the outcome into a view.

pub mod audit;
pub mod catalog;
pub mod catalog_edit;
pub mod customer_views;
pub mod customers;
pub mod dead_letters;
pub mod effects;
pub mod event_sender;
pub mod events;
pub mod firehose;
pub mod inventory;
pub mod keys;
pub mod live_body;
pub mod me;
pub mod order_steps;
pub mod order_views;
pub mod orders;
mod policy_schema;
pub mod pricing;
pub mod pricing_settings;
pub mod promotion_body;
pub mod promotions;
pub mod refunds;
pub mod reservations;
pub mod segment;
pub mod stock_movements;
pub mod stock_places;
pub mod system;
pub mod view;
pub mod webhook_log;
pub mod webhooks;
