//! A disk that is full and a commit that fails, seen from outside: the client is told, nothing is
//! half done, and work goes on when there is room again.
//!
//! The size limit and the failing commit are planted; releases have no such switch.

#![cfg(debug_assertions)]

use std::sync::Mutex;

use serde_json::{Value as Json, json};
use shopwright_store::{Value, params};

use crate::client::Client;
use crate::harness::{Server, Shop, make_key};

fn promotion(name: &str) -> Json {
    json!({
        "name": name, "scope": "store", "factor": "0.9",
        "starts_at": "2026-12-01T00:00:00Z", "ends_at": "2026-12-24T00:00:00Z",
    })
}

fn names(client: &Client<'_>) -> Vec<String> {
    let all = client.list("/v1/promotions");
    let mut names: Vec<String> =
        all.iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_full_disk_is_answered_507_keeps_nothing_and_is_over_when_there_is_room() {
    let mut shop = Shop::with_orders();
    let key = make_key(&shop);
    let limit = std::fs::metadata(shop.path("data/shopwright.db")).unwrap().len() + 600_000;
    shop.variables.push(("SHOPWRIGHT_TEST_LEDGER_BYTES_MAX".into(), limit.to_string()));
    let server = Server::start_logged(&shop, &["serve"]);
    let commands = Mutex::new(Vec::new());
    let client = Client::new(&shop, server.address(), &key, &commands);
    client.send("POST", "/v1/promotions", &promotion("0000")).unwrap();

    // Another process fills the disk.
    let filling = json!("x".repeat(900_000)).to_string();
    shop.tamper(move |tx| {
        let sql = "INSERT INTO settings (name, value) VALUES ('filling', $1)";
        tx.execute(sql, &[Value::Json(filling.clone())]).map(drop)
    });
    let mut kept = vec!["0000".to_owned()];
    let told = (1..2_000).find_map(|n| {
        let name = format!("{n:04}{}", "w".repeat(190));
        match client.exchange("POST", "/v1/promotions", &promotion(&name)).unwrap() {
            (201, _) => {
                kept.push(name);
                None
            }
            other => Some(other),
        }
    });
    let (status, problem) = told.unwrap();
    assert_eq!((status, &problem["type"]), (507, &"/docs/errors#storage_full".into()), "{problem}");
    // Reading goes on; nothing of the refused request is there, and nothing else is missing.
    assert_eq!(names(&client), kept);
    assert_eq!(server.get("/v1/prices/85123A", &key).0, 200);
    let again = format!("again{}", "w".repeat(190));
    assert_eq!(client.exchange("POST", "/v1/promotions", &promotion(&again)).unwrap().0, 507);
    shop.run(&["verify"]).assert_code(0);

    shop.tamper(|tx| {
        tx.execute("DELETE FROM settings WHERE name = 'filling'", params![]).map(drop)
    });
    client.send("POST", "/v1/promotions", &promotion("zzzz")).unwrap();
    kept.push("zzzz".to_owned());
    assert_eq!(names(&client), kept);
    assert_eq!(server.stop(), Some(0));
    shop.run(&["verify"]).assert_code(0);
}

#[test]
fn a_failed_commit_is_told_keeps_nothing_and_is_over_when_its_cause_is() {
    let shop = Shop::with_orders();
    let key = make_key(&shop);
    let server = Server::start_logged(&shop, &["serve"]);
    let commands = Mutex::new(Vec::new());
    let client = Client::new(&shop, server.address(), &key, &commands);
    client.send("POST", "/v1/promotions", &promotion("before")).unwrap();
    // The insert itself works; its deferred reference is looked at by COMMIT and leads nowhere.
    shop.tamper(|tx| {
        for sql in [
            "CREATE TABLE late_parent (n INTEGER PRIMARY KEY) STRICT",
            "CREATE TABLE late (n INTEGER REFERENCES late_parent (n) DEFERRABLE INITIALLY DEFERRED) STRICT",
            "CREATE TRIGGER late_reference AFTER INSERT ON promotions BEGIN INSERT INTO late VALUES (99); END",
        ] {
            tx.execute(sql, params![])?;
        }
        Ok(())
    });
    let (status, problem) = client.exchange("POST", "/v1/promotions", &promotion("lost")).unwrap();
    assert!(status >= 500, "{status} {problem}");
    assert_eq!(names(&client), ["before"]);
    shop.tamper(|tx| tx.execute("DROP TRIGGER late_reference", params![]).map(drop));
    client.send("POST", "/v1/promotions", &promotion("then")).unwrap();
    assert_eq!(names(&client), ["before", "then"]);
    assert_eq!(server.stop(), Some(0));
    shop.run(&["verify"]).assert_code(0);
}
