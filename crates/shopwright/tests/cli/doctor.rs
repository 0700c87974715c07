//! `doctor`: silent about a healthy shop, and to the point about every planted illness.

use serde_json::Value as Json;

use crate::harness::{Run, Server, Shop, make_key};

/// Port 0 is always free; the configured one may be used by another test.
const LOOK: &[&str] = &["doctor", "--json"];
const ANY_PORT: (&str, &str) = ("SHOPWRIGHT_LISTEN", "127.0.0.1:0");

fn look(shop: &Shop) -> Run {
    shop.run_with(LOOK, &[ANY_PORT])
}

fn state(json: &Json, name: &str) -> String {
    let checks = json["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["name"] == name);
    let found = found.unwrap_or_else(|| panic!("no check {name} in {json}"));
    format!("{} {}", found["state"].as_str().unwrap(), found["says"].as_str().unwrap())
}

/// One check is as expected and nothing else is a problem.
fn check(run: Run, name: &str, parts: &[&str]) {
    let json = run.json();
    let told = state(&json, name);
    for part in parts {
        assert!(told.contains(part), "`{part}` is not in `{told}`");
    }
    let problems = json["checks"].as_array().unwrap().iter().filter(|c| c["state"] == "problem");
    let others: Vec<_> = problems.filter(|check| check["name"] != name).collect();
    assert!(others.is_empty(), "{others:?}");
    let problem = told.starts_with("problem");
    run.assert_code(i32::from(problem));
}

#[test]
fn a_healthy_shop_has_no_problem_and_its_backup_restores() {
    let shop = Shop::with_orders();
    make_key(&shop);
    check(look(&shop), "last_backup", &["warning never", "shopwright backup FILE"]);
    shop.run(&["backup", "b"]).assert_code(0);
    check(look(&shop), "last_backup", &["ok ", "/b"]);
    let run = shop.run_with(&[LOOK, &["--backup", "b"]].concat(), &[ANY_PORT]).assert_code(0);
    let json = run.json();
    assert_eq!(json["healthy"], true);
    assert!(state(&json, "backup").contains("the books hold"), "{json}");
    for name in ["config", "data_dir", "key_secret", "listen", "clock", "ledger", "schema", "books"]
    {
        assert!(state(&json, name).starts_with("ok "), "{name}: {json}");
    }
    // Looking leaves nothing behind.
    let left = std::fs::read_dir(shop.path("data")).unwrap();
    assert!(left.flatten().all(|entry| !entry.file_name().to_string_lossy().contains("doctor")));
    let text = shop.run_with(&["doctor"], &[ANY_PORT]).assert_code(0).out;
    assert!(text.contains("No problem was found."), "{text}");
}

#[test]
fn a_folder_without_a_ledger_is_no_problem_and_stays_without_one() {
    let shop = Shop::new();
    check(look(&shop), "ledger", &["warning there is no ledger"]);
    assert!(!shop.path("data").exists());
}

#[cfg(unix)]
#[test]
fn key_files_that_others_can_read_or_that_are_missing_are_named() {
    use std::os::unix::fs::PermissionsExt;
    let shop = Shop::with_orders();
    make_key(&shop);
    let path = shop.path("data/key.secret");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    check(look(&shop), "key_secret", &["problem", "chmod 600 ./data/key.secret"]);
    std::fs::write(&path, "short").unwrap();
    check(look(&shop), "key_secret", &["problem", "too short"]);
    std::fs::remove_file(&path).unwrap();
    check(look(&shop), "key_secret", &["problem 1 API key need", "missing"]);
    shop.file("data/seal.key", [7; 32]);
    std::fs::set_permissions(shop.path("data/seal.key"), PermissionsExt::from_mode(0o640)).unwrap();
    assert!(state(&look(&shop).json(), "seal_key").starts_with("problem others can read"));
}

#[test]
fn a_port_is_free_or_ours_or_taken() {
    let shop = Shop::with_orders();
    let server = Server::start(&shop, &["serve"]);
    let run = shop.run_with(LOOK, &[("SHOPWRIGHT_LISTEN", server.address())]);
    check(run, "listen", &["ok", "served by Shopwright"]);
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap().to_string();
    let answering = std::thread::spawn(move || drop(other.accept()));
    let run = shop.run_with(LOOK, &[("SHOPWRIGHT_LISTEN", &taken)]);
    check(run, "listen", &["problem", "taken by another program"]);
    answering.join().unwrap();
}

#[test]
fn broken_books_another_schema_and_a_damaged_file_are_problems() {
    let shop = Shop::with_orders();
    shop.tamper(|tx| {
        tx.execute("UPDATE orders SET amount_minor = 1 WHERE external_id = '536365'", &[]).map(drop)
    });
    check(look(&shop), "books", &["problem broken: order_amounts", "shopwright verify"]);

    let shop = Shop::with_orders();
    shop.tamper(|tx| tx.execute("DELETE FROM schema_migrations WHERE version > 1", &[]).map(drop));
    let json = look(&shop).assert_code(1).json();
    assert!(state(&json, "schema").contains("problem version 1"), "{json}");
    assert!(state(&json, "books").starts_with("unknown"), "{json}");
    // It was left as it is.
    assert!(state(&look(&shop).json(), "schema").contains("problem version 1"));

    let shop = Shop::with_orders();
    shop.run(&["verify"]).assert_code(0);
    let path = shop.path("data/shopwright.db");
    let mut bytes = std::fs::read(&path).unwrap();
    for page in bytes.chunks_mut(4_096).skip(8) {
        page.fill(0xa5);
    }
    std::fs::write(&path, bytes).unwrap();
    assert!(state(&look(&shop).assert_code(1).json(), "ledger").starts_with("problem"));
}

#[test]
fn a_ledger_from_the_future_is_a_problem() {
    let shop = Shop::with_orders();
    shop.tamper(|tx| {
        let later = 4_000_000_000_000_000_i64;
        let written =
            "INSERT INTO price_refreshes (first_at, last_at, refreshes, evaluated, changed)
                       VALUES ($1, $1, 1, 1, 0)";
        tx.execute(written, shopwright_store::params![later]).map(drop)
    });
    check(look(&shop), "ledger_clock", &["problem", "still to come"]);
}

#[test]
fn what_cannot_be_looked_at_is_neither_healthy_nor_a_problem() {
    let shop = Shop::with_orders();
    let run = shop.run_with(&[LOOK, &["--backup", "gone"]].concat(), &[ANY_PORT]);
    let run = run.assert_says(2, &["could not look at backup"]);
    assert!(state(&run.json(), "backup").starts_with("unknown"));
    let url = "postgres://x@127.0.0.1:1/x";
    let run = shop.run_with(&[LOOK, &["--database-url", url]].concat(), &[ANY_PORT]).assert_code(1);
    let json = run.json();
    assert!(state(&json, "ledger").contains("cannot connect"), "{json}");
    assert!(state(&json, "config").contains("warning database_url stands on the command line"));
    shop.file("shopwright.toml", "listne = \"x\"\n");
    look(&shop).assert_says(2, &["did you mean listen?"]);
}

#[test]
fn a_broker_that_does_not_answer_is_a_problem_and_its_password_is_not_told() {
    let shop = Shop::with_orders();
    make_key(&shop);
    let redis = ("SHOPWRIGHT_REDIS_URL", "redis://shop:hunter2@127.0.0.1:1/0");
    let run = shop.run_with(LOOK, &[ANY_PORT, redis]);
    assert!(!run.out.contains("hunter2"), "{run:?}");
    check(run, "redis", &["problem", "Redis does not answer", "start it"]);
    let kafka = [("SHOPWRIGHT_KAFKA_BROKERS", "127.0.0.1:1"), ("SHOPWRIGHT_KAFKA_TOPICS", "views")];
    let run = shop.run_with(LOOK, &[&[ANY_PORT], &kafka[..]].concat());
    check(run, "kafka", &["problem", "start it"]);
}
