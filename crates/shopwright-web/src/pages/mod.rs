//! The pages people look at: pure functions from view structs to HTML.
//!
//! No SQL, no handlers, no clock: a view carries everything, the present included. Escaping is
//! maud's alone, and nothing here writes an inline script or style, so the strict
//! Content-Security-Policy holds (`default-src 'none'` with our own
//! script, style, images, connections and forms is enough for every page).

pub mod account;
pub mod audit;
pub mod chart;
pub mod chart_axis;
mod competitors;
pub mod docs;
pub mod docs_schema;
pub mod error;
pub mod format;
pub mod forms;
pub mod keys;
pub mod layout;
pub mod list_state;
pub mod operators;
pub mod price_row;
pub mod pricing;
pub mod product;
pub mod settings;
pub mod setup;
pub mod shop;
pub mod sign_in;
pub mod user_agent;
pub mod waterfall;

#[cfg(test)]
mod tests;
