//! What a crash can and cannot do to a real server: killed in the middle of its work, out of disk,
//! cut off from its sync, and beside another one on the same PostgreSQL.
//!
//! `SHOPWRIGHT_TEST_KILLS` and `SHOPWRIGHT_TEST_SEED` make the run longer or repeat one;
//! `cargo xtask torture` sets them.

#![cfg(unix)]
// The harness may unwrap outside a `#[test]` function too: a panic is how a test fails.
#![allow(clippy::unwrap_used)]

mod chance;
mod client;
mod full_disk;
#[allow(dead_code, reason = "shared with the tests of the command line, which use the rest")]
#[path = "../cli/harness.rs"]
mod harness;
mod journal;
mod kills;
mod load;
mod moves;
mod places;
mod promises;
mod receiver;
mod stopping;
mod sync_proof;
mod told;
mod trace;
mod two_nodes;
