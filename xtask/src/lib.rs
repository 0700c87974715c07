//! What a maintainer runs: `tidy` reads the repository and names what breaks the house rules;
//! `checks` is the whole check on one machine, services included. The binary only parses arguments.

pub mod checks;
pub mod root;
pub mod tidy;
