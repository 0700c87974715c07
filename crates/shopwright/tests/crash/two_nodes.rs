//! Two real servers on one PostgreSQL: what is changed through one holds on the other, and starting
//! together makes the schema once.

use std::process::Stdio;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::client::Client;
use crate::harness::{ORDERS, Server, Shop, make_key, wait_until};
use crate::places::{Schema, shop_on};

/// Nodes agree within this.
const WITHIN: Duration = Duration::from_secs(1);
/// A busy machine may miss it, but not so often.
const TRIES: u32 = 6;

/// How long something takes to become so; fails after ten seconds.
fn time_until(what: &str, so: impl FnMut() -> bool) -> Duration {
    let started = Instant::now();
    wait_until(what, so);
    started.elapsed()
}

fn assert_within(what: &str, took: &[Duration]) {
    let best = took.iter().min().unwrap();
    println!("{what}: {took:?}");
    assert!(*best < WITHIN, "{what} took at least {best:?} in {} tries", took.len());
}

fn second(shop: &Shop) -> Shop {
    let mut other = Shop::new();
    other.variables.clone_from(&shop.variables);
    // Nodes share the secret that keys are hashed under.
    let secret = shop.path("data/key.secret").display().to_string();
    other.variables.push(("SHOPWRIGHT_KEY_SECRET_FILE".into(), secret));
    other
}

#[test]
fn prices_and_keys_changed_on_one_node_hold_on_the_other_within_a_second() {
    let Some(schema) = Schema::new() else { return };
    let shop = shop_on(&schema);
    shop.orders("orders.csv", ORDERS);
    shop.run(&["import", "online-retail", "orders.csv"]).assert_code(0);
    let key = make_key(&shop);
    let other = second(&shop);
    let (a, b) = (Server::start(&shop, &["serve"]), Server::start(&other, &["serve"]));
    let commands = Mutex::new(Vec::new());
    let client = Client::new(&shop, a.address(), &key, &commands);

    let mut took = Vec::new();
    for n in 0..i64::from(TRIES) {
        // Steps that no guardrail stands in the way of.
        let amount = 256 + n;
        let pin = json!({ "pin_minor": amount });
        client.send("PUT", "/v1/pricing/policies/sku/85123A", &pin).unwrap();
        let served = format!("\"amount\":{amount}");
        took.push(time_until("the other node serves the new price", || {
            b.get("/v1/prices/85123A", &key).1.contains(&served)
        }));
    }
    assert_within("a price on the other node", &took);

    let mut took = Vec::new();
    for _ in 0..TRIES {
        let fresh = make_key(&shop);
        wait_until("the new key opens", || b.get("/v1/prices/85123A", &fresh).0 == 200);
        let listed: Json = shop.run(&["keys", "list", "--json"]).json();
        let id = listed["data"][0]["key_id"].as_str().unwrap().to_owned();
        shop.run(&["keys", "revoke", &id]).assert_code(0);
        took.push(time_until("the revoked key opens nothing", || {
            b.get("/v1/prices/85123A", &fresh).0 == 401
        }));
    }
    assert_within("a revoked key on the other node", &took);

    assert_eq!((a.stop(), b.stop()), (Some(0), Some(0)));
    for shop in [&shop, &other] {
        shop.run(&["verify"]).assert_code(0);
    }
}

#[test]
fn a_node_that_is_killed_does_not_hold_the_other_up() {
    let Some(schema) = Schema::new() else { return };
    let shop = shop_on(&schema);
    shop.orders("orders.csv", ORDERS);
    shop.run(&["import", "online-retail", "orders.csv"]).assert_code(0);
    let key = make_key(&shop);
    let other = second(&shop);
    let (a, b) = (Server::start(&shop, &["serve"]), Server::start(&other, &["serve"]));
    a.kill();
    let commands = Mutex::new(Vec::new());
    let client = Client::new(&other, b.address(), &key, &commands);
    let body = json!({ "pin_minor": 256 });
    client.send("PUT", "/v1/pricing/policies/sku/85123A", &body).unwrap();
    wait_until("the living node decides the price", || {
        b.get("/v1/prices/85123A", &key).1.contains("\"amount\":256")
    });
    assert_eq!(b.stop(), Some(0));
    other.run(&["verify"]).assert_code(0);
}

#[test]
fn nodes_that_start_together_on_an_empty_database_make_the_schema_once() {
    let Some(schema) = Schema::new() else { return };
    let shops: Vec<Shop> = (0..3).map(|_| shop_on(&schema)).collect();
    let start =
        |shop: &Shop| shop.command(&["migrate", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    let started: Vec<_> = shops.iter().map(start).collect();
    let done: Vec<Json> = started
        .into_iter()
        .map(|child| {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{output:?}");
            serde_json::from_slice(&output.stdout).unwrap()
        })
        .collect();
    let first = done.iter().filter(|answer| answer["from"] == 0).count();
    assert_eq!(first, 1, "{done:?}");
    assert!(done.iter().all(|answer| answer["to"] == done[0]["to"]), "{done:?}");
    let servers: Vec<_> = shops.iter().map(|shop| Server::start(shop, &["serve"])).collect();
    assert!(servers.iter().all(|server| server.get("/readyz", "").0 == 200));
    for server in servers {
        assert_eq!(server.stop(), Some(0));
    }
    shops[0].run(&["verify"]).assert_code(0);
}
