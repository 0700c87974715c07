//! Prices that learn and earn: what demand does at each price, and the price that is worth most.
//!
//! `response` holds the shapes demand may have, `belief` weighs them by what was sold, `pool` lets
//! products of one category share what they know, `plan` turns belief, stock and time into worth,
//! and `policy` decides, item by item, through the messages of `protocol`.

pub mod belief;
pub mod plan;
pub mod policy;
pub mod pool;
pub mod protocol;
pub mod response;
