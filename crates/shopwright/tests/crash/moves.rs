//! Backups of a shop at work, and moves between the two databases, with the real binary.

use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value as Json;

use crate::chance::Chance;
use crate::client::Client;
use crate::harness::{Server, Shop};
use crate::journal::Journal;
use crate::kills::{WORKERS, open};
use crate::load::Worker;
use crate::places::{Schema, on_postgres, on_sqlite, shop_on};

const BACKUPS: u64 = 4;

/// Backups are made while others write; each is one moment of the shop whose books hold.
fn back_up_at_work(shop: &Shop) {
    let key = open(shop);
    let server = Server::start(shop, &["serve"]);
    let commands = Mutex::new(Vec::new());
    let over = AtomicBool::new(false);
    let acknowledged = std::thread::scope(|scope| {
        let mut worker = Worker {
            client: Client::new(shop, server.address(), &key, &commands),
            journal: Journal::default(),
            chance: Chance::new(11),
            number: 0,
            of: WORKERS,
            serial: 0,
            made: Vec::new(),
            unanswered: Vec::new(),
        };
        let over = &over;
        let busy = scope.spawn(move || {
            while !over.load(Ordering::Relaxed) {
                let _ = worker.act();
            }
            worker.journal.acknowledged
        });
        for n in 0..BACKUPS {
            std::thread::sleep(Duration::from_millis(100));
            let made = shop.run(&["backup", &format!("b{n}"), "--json"]).assert_code(0).json();
            assert_eq!(made["remembered"], true);
        }
        over.store(true, Ordering::Relaxed);
        busy.join().unwrap()
    });
    assert!(acknowledged > BACKUPS, "{acknowledged}");
    assert_eq!(server.stop(), Some(0));
    let mut promotions = Vec::new();
    for n in 0..BACKUPS {
        let (file, folder) = (format!("b{n}"), format!("r{n}"));
        let restored = shop.run(&["restore", &file, "--into", &folder, "--json"]).assert_code(0);
        promotions.push(restored.json()["manifest"]["rows"]["promotions"].as_u64().unwrap());
    }
    assert!(promotions.is_sorted() && promotions.first() < promotions.last(), "{promotions:?}");
}

#[test]
fn a_backup_made_under_load_restores_to_books_that_hold() {
    on_sqlite(back_up_at_work);
    on_postgres(back_up_at_work);
}

/// The state of one check of `doctor`.
fn doctor(shop: &Shop, name: &str) -> String {
    let run = shop.run_with(&["doctor", "--json"], &[("SHOPWRIGHT_LISTEN", "127.0.0.1:0")]);
    let json = run.json();
    let checks = json["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["name"] == name);
    let found = found.unwrap_or_else(|| panic!("no check {name} in {json}"));
    found["state"].as_str().unwrap().to_owned()
}

#[test]
fn a_shop_moves_to_postgresql_and_back_without_losing_a_row() {
    let Some(schema) = Schema::new() else { return };
    let there = shop_on(&schema);
    let here = Shop::with_orders();
    let file = here.path("moving").display().to_string();
    let rows = |json: &Json| json["manifest"]["rows"].clone();
    let before = rows(&here.run(&["backup", &file, "--json"]).assert_code(0).json());
    assert_eq!(before["orders"], 3);
    let moved = there.run(&["restore", &file, "--json"]).assert_code(0).json();
    assert_eq!((rows(&moved), &moved["into"]), (before.clone(), &"PostgreSQL".into()));
    there.run(&["restore", &file]).assert_says(2, &["not empty", "has rows"]);
    for name in ["ledger", "schema", "books", "database_clock"] {
        assert_eq!(doctor(&there, name), "ok", "{name}");
    }
    // Whether the server of the tests keeps what it acknowledges is its own affair.
    assert!(["ok", "problem"].contains(&doctor(&there, "durability").as_str()));
    let server = Server::start(&there, &["serve"]);
    assert_eq!(server.get("/readyz", "").0, 200);
    assert_eq!(server.stop(), Some(0));

    let back = there.path("back").display().to_string();
    let again = rows(&there.run(&["backup", &back, "--json"]).assert_code(0).json());
    // The last backup is remembered, and the server has looked at the prices.
    for table in ["orders", "order_lines", "refunds", "products", "prices", "price_decisions"] {
        assert_eq!(again[table], before[table], "{table}");
    }
    there.run(&["restore", &back, "--into", "home"]).assert_code(0);
    let home = ["price", "show", "85123A", "--json"];
    let price = |shop: &Shop, more: &[&str]| {
        // A configured PostgreSQL would win over the folder.
        let mut command = shop.command(&[&home[..], more].concat());
        let output = command.env_remove("SHOPWRIGHT_DATABASE_URL").output().unwrap();
        let json: Json = serde_json::from_slice(&output.stdout).unwrap();
        json["price"].clone()
    };
    assert_eq!(price(&there, &["--data-dir", "home"]), price(&here, &[]));
}

#[test]
fn a_restore_into_postgresql_that_is_killed_leaves_it_empty_or_whole() {
    let Some(schema) = Schema::new() else { return };
    let (here, there) = (Shop::with_orders(), shop_on(&schema));
    let file = here.path("moving").display().to_string();
    here.run(&["backup", &file]).assert_code(0);
    for round in 0..40_u64 {
        let mut child = there.command(&["restore", &file]).stdout(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(6 * round));
        let ended = child.try_wait().unwrap().is_some();
        child.kill().unwrap();
        child.wait().unwrap();
        if ended {
            break;
        }
    }
    let last = there.run(&["restore", &file]);
    assert!(last.code == Some(0) || last.err.contains("has rows"), "{last:?}");
    there.run(&["verify"]).assert_code(0);
    let orders: i64 =
        there.tamper(|tx| tx.one("SELECT COUNT(*) FROM orders", &[], |row| row.get(0)));
    assert_eq!(orders, 3);
}
