//! The command line as a user has it: the real binary in a folder of its own.

// The harness may unwrap outside a `#[test]` function too: a panic is how a test fails.
#![allow(clippy::unwrap_used)]

mod backups;
mod configuration;
mod demo;
mod doctor;
#[allow(dead_code, reason = "shared with the crash tests, which use the rest")]
mod harness;
mod imports;
mod interruption;
mod keys;
mod ledger;
mod operators;
mod policy;
mod prices;
mod recommends;
mod serving;
mod signals;
mod tables;
mod takeover;
