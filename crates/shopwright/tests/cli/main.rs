//! The command line as a user has it: the real binary in a folder of its own.

// The harness may unwrap outside a `#[test]` function too: a panic is how a test fails.
#![allow(clippy::unwrap_used)]

mod configuration;
mod demo;
mod harness;
mod imports;
mod interruption;
mod keys;
mod ledger;
mod prices;
mod serving;
mod takeover;
