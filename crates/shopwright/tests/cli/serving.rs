//! `serve`: where it listens, what it follows, and how it stops.

use crate::harness::{ORDERS, Server, Shop, make_key, wait_until};

#[test]
fn a_server_follows_imports_and_keys_of_other_processes_and_stops_when_asked() {
    let shop = Shop::new();
    let server = Server::start(&shop, &["serve"]);
    assert_eq!(server.started["keys"], 0);
    assert_eq!(server.get("/readyz", "").0, 200);
    assert_eq!(server.get("/v1/prices/85123A", "sk_none").0, 401);

    let key = make_key(&shop);
    wait_until("the new key opens", || server.get("/v1/prices/85123A", &key).0 == 404);
    shop.orders("orders.csv", ORDERS);
    shop.run(&["import", "online-retail", "orders.csv"]).assert_code(0);
    wait_until("the imported price is served", || {
        let (status, body) = server.get("/v1/prices/85123A", &key);
        status == 200 && body.contains(r#""amount":255"#)
    });
    let id = shop.run(&["keys", "list", "--json"]).json()["data"][0]["key_id"].clone();
    let other = make_key(&shop);
    wait_until("the other key opens", || server.get("/v1/prices/85123A", &other).0 == 200);
    shop.run(&["keys", "revoke", id.as_str().unwrap()]).assert_code(0);
    wait_until("the revoked key opens nothing", || server.get("/v1/prices/85123A", &key).0 == 401);
    assert_eq!(server.stop(), Some(0));

    let json = shop.run(&["keys", "list", "--json"]).json();
    assert!(json["data"][0]["last_used_at"].is_string(), "{json}");
    shop.run(&["verify"]).assert_code(0);
}

#[test]
fn a_taken_port_is_told_before_a_ledger_is_made() {
    let (shop, other) = (Shop::new(), Shop::new());
    let server = Server::start(&shop, &["serve"]);
    for command in ["serve", "demo"] {
        other
            .run(&[command, "--listen", server.address()])
            .assert_says(2, &["is taken by another program", "--listen"]);
    }
    assert!(!other.path("data").exists());
    other.run(&["serve", "--listen", "nowhere"]).assert_says(2, &["an address like"]);
}

#[test]
fn a_server_that_cannot_work_says_why_and_what_to_do() {
    let shop = Shop::new();
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    let check = |more: &[&str], parts: &[&str]| {
        shop.run(&[&serve, more].concat()).assert_says(2, parts);
    };
    shop.file("file", "");
    check(&["--data-dir", "file/data"], &["cannot make the data folder"]);
    check(&["--database-url", "postgres://x@127.0.0.1:1/x"], &["unavailable", "database_url"]);
    std::fs::create_dir_all(shop.path("data")).unwrap();
    shop.file("data/key.secret", "short");
    check(&[], &["not a key secret"]);
    std::fs::create_dir_all(shop.path("folder/shopwright.db")).unwrap();
    check(&["--data-dir", "folder"], &["error: ", "--data-dir"]);
}

#[test]
fn the_api_description_is_printed_without_a_ledger() {
    let shop = Shop::new();
    let json = shop.run(&["openapi"]).assert_code(0).json();
    assert!(json["openapi"].as_str().unwrap().starts_with("3.1"));
    assert!(json["paths"]["/v1/prices/{sku}"].is_object());
}
