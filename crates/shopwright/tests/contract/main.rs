//! Contracts with the outside, held against third-party software: the official verifier of Standard
//! Webhooks and a real mail server meet the real binary.
//!
//! They run when `SHOPWRIGHT_TEST_PYTHON` names a Python with the packages of `requirements.txt`;
//! `SHOPWRIGHT_REQUIRE_CONTRACT=1` turns its absence into a failure.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../cli/harness.rs"]
#[allow(dead_code, reason = "these tests need a part of it")]
mod harness;
mod mail;
mod python;
mod webhooks;

use serde_json::Value as Json;

use crate::harness::{Server, Shop};

/// A shop with a key whose webhooks and mail may reach this machine.
fn shop(more: &str) -> (Shop, String) {
    let shop = Shop::new();
    shop.file("shopwright.toml", format!("outbound_allow = \"127.0.0.1\"\n{more}"));
    let made = shop.run(&["keys", "create", "--kind", "secret", "--name", "api", "--json"]);
    let key = made.assert_code(0).json()["key"].as_str().unwrap().to_owned();
    (shop, key)
}

fn post(server: &Server, path: &str, key: &str, body: &Json) -> Json {
    let url = format!("http://{}{path}", server.address());
    let mut answer = ureq::post(&url)
        .header("authorization", &format!("Bearer {key}"))
        .header("content-type", "application/json")
        .send(body.to_string())
        .unwrap();
    serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap()
}
