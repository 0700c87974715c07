//! What a maintainer runs: `tidy` reads the repository and names what breaks the house rules;
//! `checks` is the whole check on one machine, services included; `demo_data` makes the demo's files;
//! `bench` measures; `simulate` plays invented shops; `torture` kills servers for as long as it is wanted.
//! The binary only parses arguments.

pub mod bench;
pub mod checks;
pub mod demo_data;
pub mod root;
pub mod simulate;
pub mod tidy;
pub mod torture;
