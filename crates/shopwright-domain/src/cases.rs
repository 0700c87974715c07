//! How many cases the properties of this crate are tried with: ten thousand, or what `PROPTEST_CASES`
//! says (`cargo xtask torture` says a million).

use proptest::test_runner::Config;

const CASES: u32 = 10_000;

/// For `#![proptest_config(crate::cases::config())]`.
pub fn config() -> Config {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    Config { cases: cases.unwrap_or(CASES), failure_persistence: None, ..Config::default() }
}
