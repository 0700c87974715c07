//! What Shopwright learns: models that are fitted from plain data and give numbers.
//!
//! Everything here is a function of its input and a seed, to the bit on one machine: no clock, no
//! I/O, no chance of its own. The rules over these numbers are in `shopwright-domain`, which this
//! crate does not know.

pub mod chance;
pub mod pricing;
pub mod recommend;
