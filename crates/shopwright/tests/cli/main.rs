//! The command line as a user has it: the real binary in a folder of its own.

mod configuration;
mod demo;
mod harness;
mod imports;
mod interruption;
mod keys;
mod ledger;
mod prices;
mod serving;
