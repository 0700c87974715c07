//! Events reach the shop's own server, however often ours is killed: each at least once, under one id.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::Client;
use crate::harness::{Server, Shop};
use crate::journal::Journal;
use crate::receiver::{Message, Receiver};

/// The leases of the last killed server run out, and what was refused comes again.
const WITHIN: Duration = Duration::from_mins(2);

/// One endpoint for everything that happens while servers are killed.
pub struct Told {
    receiver: Receiver,
    /// What happened before.
    before: BTreeSet<String>,
}

fn events(client: &Client<'_>) -> BTreeSet<String> {
    let all = client.list("/v1/webhook_events");
    all.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}

impl Told {
    pub fn begin(shop: &Shop, key: &str) -> Self {
        let receiver = Receiver::start();
        let server = Server::start(shop, &["serve"]);
        let commands = Mutex::new(Vec::new());
        let client = Client::new(shop, server.address(), key, &commands);
        let body = json!({ "url": receiver.url, "description": "all that happens" });
        client.send("POST", "/v1/webhook_endpoints", &body).unwrap();
        let before = events(&client);
        drop(client);
        assert_eq!(server.stop(), Some(0));
        Self { receiver, before }
    }

    /// Serves until everything was told; gives how many events that are and how many came again.
    pub fn settle(&self, shop: &Shop, key: &str, journal: &Journal) -> (usize, usize) {
        let server = Server::start(shop, &["serve"]);
        let commands = Mutex::new(Vec::new());
        let client = Client::new(shop, server.address(), key, &commands);
        let started = Instant::now();
        let messages = loop {
            let messages = self.receiver.messages();
            let taken = |id: &&String| messages.get(*id).is_none_or(|message| message.taken == 0);
            let happened = events(&client);
            let missing: Vec<_> = happened.difference(&self.before).filter(taken).collect();
            if missing.is_empty() && open_deliveries(shop) == 0 {
                break messages;
            }
            let open = open_deliveries(shop);
            assert!(
                started.elapsed() < WITHIN,
                "{} events were never taken, {open} deliveries are open: {missing:?}",
                missing.len()
            );
            std::thread::sleep(Duration::from_millis(500));
        };
        let happened = events(&client);
        for (id, message) in &messages {
            assert!(happened.contains(id), "{id} was told and never happened: {message:?}");
            assert_eq!(message.bodies.len(), 1, "{id} was told in different words: {message:?}");
        }
        promotions_told_once(journal, &messages);
        assert_eq!(server.stop(), Some(0));
        let again = messages.values().filter(|message| message.taken + message.refused > 1);
        (messages.len(), again.count())
    }
}

/// Deliveries that are neither taken nor given up.
fn open_deliveries(shop: &Shop) -> i64 {
    shop.tamper(|tx| {
        let sql = "SELECT COUNT(*) FROM webhook_deliveries WHERE state <> 'delivered'";
        tx.one(sql, &[], |row| row.get(0))
    })
}

/// Every promotion that stands in the books was told under just one id.
fn promotions_told_once(journal: &Journal, messages: &BTreeMap<String, Message>) {
    let mut ids: BTreeMap<&str, Vec<&String>> = BTreeMap::new();
    for (id, message) in messages {
        let body = &message.bodies[0];
        if body["type"] == "promotion.created" {
            ids.entry(body["data"]["name"].as_str().unwrap()).or_default().push(id);
        }
    }
    for key in journal.keys("promotion ").filter(|key| !journal.kept(key).is_null()) {
        let under = ids.remove(key.as_str()).unwrap_or_default();
        assert_eq!(under.len(), 1, "{key} was told under {under:?}");
    }
    assert!(ids.is_empty(), "told, and not in the books: {ids:?}");
}
