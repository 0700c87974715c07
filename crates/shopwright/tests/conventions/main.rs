//! The conventions of the API as integrators meet them: the documents' commands are run as they stand,
//! the log names its requests, and a fuzzer goes over the whole description.
//!
//! What needs `curl`, Node or Python runs where they are; `SHOPWRIGHT_REQUIRE_CONTRACT=1` turns the
//! absence of curl and Python into a failure.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod commands;
#[path = "../cli/harness.rs"]
#[allow(dead_code, reason = "these tests need a part of it")]
mod harness;
mod log_lines;
mod schemathesis;
mod secrets;
mod tokens;

use std::path::{Path, PathBuf};

use crate::harness::Shop;

const CATALOG: &str = "sku,title,category,currency,base_price,cost,opening_stock\n\
    85123A,WHITE HANGING HEART T-LIGHT HOLDER,Home/Candles,GBP,2.95,1.50,42\n\
    22423,REGENCY CAKESTAND 3 TIER,Home,GBP,12.75,6.00,10\n";

/// A shop with products and orders, its secret key, its publishable key, and its signing secret.
struct Stocked {
    shop: Shop,
    secret: String,
    publishable: String,
    signing: String,
}

fn stocked() -> Stocked {
    let shop = Shop::with_orders();
    shop.file("catalog.csv", CATALOG);
    shop.run(&["import", "catalog", "catalog.csv"]).assert_code(0);
    let key = |kind: &str| {
        let made = shop.run(&["keys", "create", "--kind", kind, "--name", kind, "--json"]);
        made.assert_code(0).json()["key"].as_str().unwrap().to_owned()
    };
    let (secret, publishable) = (key("secret"), key("publishable"));
    let made = shop.run(&["keys", "customer-secret", "--json"]).assert_code(0).json();
    let signing = made["secret"].as_str().unwrap().to_owned();
    Stocked { shop, secret, publishable, signing }
}

/// A document of the repository.
fn document(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    std::fs::read_to_string(path).unwrap()
}

/// The fenced blocks of this language.
fn blocks(document: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let blocks = document.split(&fence).skip(1);
    blocks.map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

/// A program on the search path; `None`, or a failure where it is required, when it is not there.
fn program(name: &str, required: bool) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|p| p.is_file());
    let must = required && std::env::var("SHOPWRIGHT_REQUIRE_CONTRACT").is_ok_and(|v| v == "1");
    assert!(found.is_some() || !must, "{name} is not on the search path");
    found
}
