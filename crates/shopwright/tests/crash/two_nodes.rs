//! Two real servers on one PostgreSQL: what is changed through one holds on the other, and starting
//! together makes the schema once.

use std::process::Stdio;
use std::sync::{Barrier, Mutex};
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

/// A shop with a product of which there are so many, served by two nodes.
fn scarce(schema: &Schema, pieces: i64) -> (Shop, Shop, String) {
    let shop = shop_on(schema);
    shop.orders("orders.csv", ORDERS);
    shop.run(&["import", "online-retail", "orders.csv"]).assert_code(0);
    let shelf = format!("sku,opening_stock,counted_at\n85123A,{pieces},2011-01-01T12:00:00Z\n");
    shop.file("catalog.csv", shelf);
    shop.run(&["import", "catalog", "catalog.csv", "--currency", "GBP"]).assert_code(0);
    let key = make_key(&shop);
    let other = second(&shop);
    (shop, other, key)
}

fn pounds(minor: i64) -> Json {
    json!({ "amount": minor, "currency": "GBP" })
}

/// A paid order of so many pieces at 2.95.
fn order(number: &str, pieces: i64) -> Json {
    json!({
        "source": "till", "external_id": number, "placed_at": "2024-03-01T10:00:00Z",
        "currency": "GBP", "total": pounds(295 * pieces),
        "lines": [{
            "kind": "sale", "sku": "85123A", "quantity": pieces, "unit_price": "2.95",
            "amount": pounds(295 * pieces),
        }],
        "payment": { "status": "paid", "provider": "cash", "reference": number },
    })
}

/// Sends until there is an answer that says yes or no.
fn ask(client: &Client<'_>, once: &str, path: &str, body: &Json) -> (u16, Json) {
    for _ in 0..20 {
        let (status, answer) = client.exchange_as(Some(once), "POST", path, body).unwrap();
        if status != 503 {
            return (status, answer);
        }
    }
    panic!("{path} was never answered");
}

/// Buys until there is nothing left, by order or by reservation; gives how many pieces it got.
fn buy(client: &Client<'_>, buyer: usize) -> i64 {
    for got in 0.. {
        let name = format!("buyer-{buyer}-{got}");
        let (status, answer) = if got % 2 == 0 {
            ask(client, &name, "/v1/orders", &order(&name, 1))
        } else {
            let lines = json!([{ "sku": "85123A", "quantity": 1 }]);
            let wish = json!({ "reference": name, "lines": lines });
            let (status, held) = ask(client, &name, "/v1/reservations", &wish);
            if status == 201 {
                let path = format!("/v1/reservations/{}/commit", held["id"].as_str().unwrap());
                assert_eq!(ask(client, &format!("{name}-commit"), &path, &Json::Null).0, 200);
            }
            (status, held)
        };
        if status == 409 {
            assert_eq!(answer["type"], "/docs/errors#insufficient_stock", "{answer}");
            return got;
        }
        assert_eq!(status, 201, "{answer}");
    }
    unreachable!("the shelf is empty in the end")
}

#[test]
fn buyers_on_both_nodes_get_every_piece_there_is_and_not_one_more() {
    const PIECES: i64 = 60;
    let Some(schema) = Schema::new() else { return };
    let (shop, other, key) = scarce(&schema, PIECES);
    let (a, b) = (Server::start(&shop, &["serve"]), Server::start(&other, &["serve"]));
    let commands = Mutex::new(Vec::new());
    // What the imported history sold was taken off the shelf before.
    let stock: Json = serde_json::from_str(&a.get("/v1/stock/85123A", &key).1).unwrap();
    let there = stock["available_to_sell"].as_i64().unwrap();
    assert!(there > 20, "{stock}");
    let got: Vec<i64> = std::thread::scope(|scope| {
        let start = |buyer: usize| {
            let node = if buyer.is_multiple_of(2) { &a } else { &b };
            let client = Client::new(&shop, node.address(), &key, &commands);
            scope.spawn(move || buy(&client, buyer))
        };
        let buyers: Vec<_> = (0..8).map(start).collect();
        buyers.into_iter().map(|buyer| buyer.join().unwrap()).collect()
    });
    assert_eq!(got.iter().sum::<i64>(), there, "{got:?}");
    for node in [&a, &b] {
        let stock: Json = serde_json::from_str(&node.get("/v1/stock/85123A", &key).1).unwrap();
        let seen = (&stock["available_to_sell"], &stock["reserved"], &stock["committed"]);
        assert_eq!(seen, (&json!(0), &json!(0), &json!(there)), "{stock}");
    }
    assert_eq!((a.stop(), b.stop()), (Some(0), Some(0)));
    shop.run(&["verify"]).assert_code(0);
}

/// Sends two requests to two nodes at the same moment.
fn at_once(
    clients: [&Client<'_>; 2],
    keys: [&str; 2],
    path: &str,
    body: &Json,
) -> [(u16, Json); 2] {
    let start = Barrier::new(2);
    let send = |place: usize| {
        start.wait();
        ask(clients[place], keys[place], path, body)
    };
    std::thread::scope(|scope| {
        let first = scope.spawn(|| send(0));
        let second = send(1);
        [first.join().unwrap(), second]
    })
}

#[test]
fn one_request_sent_to_both_nodes_at_once_makes_one_order_and_one_refund() {
    const ROUNDS: i64 = 12;
    let Some(schema) = Schema::new() else { return };
    let (shop, other, key) = scarce(&schema, 1_000);
    let (a, b) = (Server::start(&shop, &["serve"]), Server::start(&other, &["serve"]));
    let commands = Mutex::new(Vec::new());
    let [one, two] = [&a, &b].map(|node| Client::new(&shop, node.address(), &key, &commands));
    let both = [&one, &two];
    for n in 0..ROUNDS {
        let name = format!("t-{n}");
        let [first, second] = at_once(both, [&name, &name], "/v1/orders", &order(&name, 3));
        assert_eq!((first.0, &first), (201, &second), "the same key");
        let path = format!("/v1/orders/{}/refunds", first.1["id"].as_str().unwrap());
        let piece = json!({ "lines": [{ "line": 0, "quantity": 1 }] });
        let key = format!("{name}-refund");
        let [first, second] = at_once(both, [&key, &key], &path, &piece);
        assert_eq!((first.0, &first), (201, &second), "the same key");

        // Meant twice, and there is only so much left: two pieces, three are asked for in all.
        let rest = json!({ "lines": [{ "line": 0, "quantity": 2 }] });
        let keys = [format!("{name}-a"), format!("{name}-b")];
        let answers = at_once(both, [&keys[0], &keys[1]], &path, &rest);
        let mut told = answers.map(|(status, _)| status);
        told.sort_unstable();
        assert!(told[0] == 201 && [409, 422].contains(&told[1]), "{told:?}");
        let refunds = one.send("GET", &path, &Json::Null).unwrap();
        assert_eq!(refunds["data"].as_array().unwrap().len(), 2, "{refunds}");

        // Another key, the same order of the same till: found, not made again.
        let number = format!("again-{n}");
        let keys = [format!("{number}-a"), format!("{number}-b")];
        let orders = at_once(both, [&keys[0], &keys[1]], "/v1/orders", &order(&number, 1));
        let mut told = [orders[0].0, orders[1].0];
        told.sort_unstable();
        assert_eq!((told, &orders[0].1["id"]), ([200, 201], &orders[1].1["id"]));
    }
    let orders = one.list("/v1/orders?source=till");
    assert_eq!(orders.len(), 2 * usize::try_from(ROUNDS).unwrap());
    let committed = |node: &Server| -> Json {
        let stock: Json = serde_json::from_str(&node.get("/v1/stock/85123A", &key).1).unwrap();
        stock["committed"].clone()
    };
    assert_eq!((committed(&a), committed(&b)), (json!(ROUNDS), json!(ROUNDS)));
    assert_eq!((a.stop(), b.stop()), (Some(0), Some(0)));
    shop.run(&["verify"]).assert_code(0);
}
