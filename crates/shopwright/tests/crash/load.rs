//! What a busy shop asks for. A new kind of write is one line in [`LOAD`] and two functions: one that
//! does it and writes down what was promised, one that looks at what is there.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::chance::Chance;
use crate::client::{Client, Lost};
use crate::harness::orders_text;
use crate::journal::Journal;

/// One kind of write.
pub struct Operation {
    /// Its keys in the journal begin with this and a space.
    pub name: &'static str,
    /// Does it once.
    pub act: fn(&mut Worker<'_>) -> Result<(), Lost>,
    /// Everything of this kind that is there, by journal key.
    pub seen: fn(&Client<'_>) -> BTreeMap<String, Json>,
    /// How often it is chosen.
    pub weight: u64,
}

/// Everything that is done while servers are killed.
pub const LOAD: &[Operation] = &[
    Operation { name: "promotion", act: promotion, seen: promotions, weight: 8 },
    Operation { name: "policy", act: policy, seen: policies, weight: 8 },
    Operation { name: "freeze", act: freeze, seen: frozen, weight: 2 },
    Operation { name: "key", act: key, seen: keys, weight: 1 },
    Operation { name: "import", act: import, seen: imports, weight: 1 },
];

/// Products of the shop under load.
pub const SKUS: &[&str] =
    &["85123A", "22633", "71053", "84406B", "84029G", "22752", "21730", "84879"];

/// A POST that was not answered. Sent again with its key, it must be done once in all.
#[derive(Clone, Debug)]
pub struct Unanswered {
    once: String,
    key: String,
    value: Json,
    path: String,
    body: Json,
}

impl Unanswered {
    /// Sends it twice more; both answers must be the one of a single effect.
    pub fn repeat(&self, client: &Client<'_>, journal: &mut Journal) {
        journal.asked(&self.key, self.value.clone());
        let send = || client.send_as(Some(&self.once), "POST", &self.path, &self.body).unwrap();
        let (first, second) = (send(), send());
        assert_eq!(first, second, "{} was done twice", self.once);
        journal.acknowledged(&self.key);
    }
}

/// One of several that work at once. What it changes is its own, so that it knows what must hold.
pub struct Worker<'s> {
    pub client: Client<'s>,
    pub journal: Journal,
    pub chance: Chance,
    /// From 0.
    pub number: usize,
    /// Workers beside it, and itself.
    pub of: usize,
    /// No two things made in one run have the same.
    pub serial: u64,
    /// Where it lies at its client: names of promotions with their ids.
    pub made: Vec<(String, String)>,
    /// To be sent again to the next server.
    pub unanswered: Vec<Unanswered>,
}

impl Worker<'_> {
    /// Does something by chance.
    pub fn act(&mut self) -> Result<(), Lost> {
        let total: u64 = LOAD.iter().map(|operation| operation.weight).sum();
        let mut left = self.chance.below(total);
        for operation in LOAD {
            if left < operation.weight {
                return (operation.act)(self);
            }
            left -= operation.weight;
        }
        unreachable!("the weights add up")
    }

    /// Asks for `value` under `key`, and writes down the promise when it is given.
    pub fn write(
        &mut self,
        (key, value): (&str, Json),
        method: &str,
        path: &str,
        body: &Json,
    ) -> Result<Json, Lost> {
        self.journal.asked(key, value.clone());
        let once = (method == "POST").then(|| format!("{key}:{path}").replace(' ', "-"));
        let sent = self.client.send_as(once.as_deref(), method, path, body);
        if let (Err(Lost), Some(once)) = (&sent, once) {
            let (key, path, body) = (key.to_owned(), path.to_owned(), body.clone());
            self.unanswered.push(Unanswered { once, key, value, path, body });
        }
        let answer = sent?;
        self.journal.acknowledged(key);
        Ok(answer)
    }

    /// A name nobody had before.
    fn name(&mut self) -> String {
        self.serial += 1;
        format!("w{}n{}", self.number, self.serial)
    }

    /// One of the products that are this worker's.
    fn sku(&mut self) -> &'static str {
        let own: Vec<&'static str> =
            SKUS.iter().skip(self.number).step_by(self.of).copied().collect();
        let picked: &&'static str = self.chance.pick(&own);
        picked
    }
}

const FAR: &str = "2099-01-01T00:00:00Z";

/// Starts a promotion, or ends one it started.
fn promotion(worker: &mut Worker<'_>) -> Result<(), Lost> {
    if !worker.made.is_empty() && worker.chance.below(3) == 0 {
        let place = usize::try_from(worker.chance.below(worker.made.len() as u64)).unwrap();
        let (key, id) = worker.made.swap_remove(place);
        let mut value = worker.journal.kept(&key).clone();
        value["ended"] = true.into();
        let path = format!("/v1/promotions/{id}/end");
        return worker.write((&key, value), "POST", &path, &Json::Null).map(drop);
    }
    let key = format!("promotion {}", worker.name());
    let factor = format!("0.{}", 5 + worker.chance.below(5));
    let body = json!({
        "name": key, "scope": "sku", "key": worker.sku(), "factor": factor,
        "starts_at": "2020-01-01T00:00:00Z", "ends_at": FAR,
    });
    let value = json!({ "factor": factor, "key": body["key"], "ended": false });
    let answer = worker.write((&key, value), "POST", "/v1/promotions", &body)?;
    worker.made.push((key, answer["id"].as_str().unwrap().to_owned()));
    Ok(())
}

fn promotions(client: &Client<'_>) -> BTreeMap<String, Json> {
    let mut seen = BTreeMap::new();
    for row in client.list("/v1/promotions") {
        let ended = row["ends_at"] != FAR;
        let value = json!({ "factor": row["factor"], "key": row["key"], "ended": ended });
        let name = row["name"].as_str().unwrap().to_owned();
        if seen.insert(name.clone(), value).is_some() {
            seen.insert(name, "there twice".into());
        }
    }
    seen
}

/// Sets or removes the settings of a product.
fn policy(worker: &mut Worker<'_>) -> Result<(), Lost> {
    let sku = worker.sku();
    let (key, path) = (format!("policy {sku}"), format!("/v1/pricing/policies/sku/{sku}"));
    if !worker.journal.kept(&key).is_null() && worker.chance.below(4) == 0 {
        worker.journal.asked(&key, Json::Null);
        // Gone already when an unanswered request before it did its work.
        worker.client.exchange("DELETE", &path, &Json::Null).and_then(|(status, _)| {
            if [204, 404].contains(&status) { Ok(()) } else { Err(Lost) }
        })?;
        worker.journal.acknowledged(&key);
        return Ok(());
    }
    // Near the price that stands, so that prices really move.
    let amount = i64::try_from(240 + worker.chance.below(30)).unwrap();
    let body = json!({ "strategy": "rules", "preset": "standard", "pin_minor": amount });
    worker.write((&key, amount.into()), "PUT", &path, &body).map(drop)
}

fn all_policies(client: &Client<'_>) -> Vec<Json> {
    let answer = client.send("GET", "/v1/pricing/policies", &Json::Null).unwrap();
    answer["data"].as_array().unwrap().clone()
}

fn policies(client: &Client<'_>) -> BTreeMap<String, Json> {
    let all = all_policies(client);
    let skus = all.iter().filter(|layer| layer["scope"] == "sku");
    let one = |layer: &Json| {
        let settings = &layer["settings"];
        assert_eq!(settings["strategy"], "rules", "half a layer: {layer}");
        let sku = layer["key"].as_str().unwrap();
        (format!("policy {sku}"), settings["pin_minor"].clone())
    };
    skus.map(one).collect()
}

/// Stops all prices or lets them go; one worker's alone.
fn freeze(worker: &mut Worker<'_>) -> Result<(), Lost> {
    if worker.number > 0 {
        return Ok(());
    }
    let frozen = worker.chance.below(2) == 0;
    let body = json!({ "frozen": frozen });
    worker.write(("freeze store", frozen.into()), "PUT", "/v1/pricing/freeze", &body).map(drop)
}

fn frozen(client: &Client<'_>) -> BTreeMap<String, Json> {
    let all = all_policies(client);
    let store = all.iter().find(|layer| layer["scope"] == "store");
    let frozen = store.and_then(|layer| layer["settings"].get("freeze")).cloned();
    frozen.map(|frozen| ("freeze store".to_owned(), frozen)).into_iter().collect()
}

/// Makes an API key on the command line.
fn key(worker: &mut Worker<'_>) -> Result<(), Lost> {
    let name = worker.name();
    let key = format!("key {name}");
    worker.journal.asked(&key, true.into());
    worker.client.run(&["keys", "create", "--kind", "publishable", "--name", &name])?;
    worker.journal.acknowledged(&key);
    Ok(())
}

fn keys(client: &Client<'_>) -> BTreeMap<String, Json> {
    let listed: Json =
        serde_json::from_str(&client.run(&["keys", "list", "--json"]).unwrap()).unwrap();
    let all = listed["data"].as_array().unwrap();
    let made = all.iter().filter(|key| key["kind"] == "publishable");
    made.map(|key| (format!("key {}", key["name"].as_str().unwrap()), true.into())).collect()
}

const IMPORTED_ORDERS: u64 = 25;

/// Imports a file of orders on the command line, while the server runs.
fn import(worker: &mut Worker<'_>) -> Result<(), Lost> {
    let name = worker.name();
    let key = format!("import {name}");
    let row = |n: u64| {
        let sku = worker.chance.pick(SKUS);
        format!("{n},{sku},TITLE,{},2011-03-01 10:00:00,2.50,,France", 1 + n % 7)
    };
    let rows: Vec<String> = (0..IMPORTED_ORDERS).map(|n| 700_000 + n).map(row).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let file = format!("{name}.csv");
    worker.client.shop.file(&file, orders_text(&rows));
    worker.journal.asked(&key, IMPORTED_ORDERS.into());
    worker.client.run(&["import", "online-retail", &file, "--source", &name])?;
    worker.journal.acknowledged(&key);
    Ok(())
}

fn imports(client: &Client<'_>) -> BTreeMap<String, Json> {
    client.shop.tamper(|tx| {
        let mut seen = BTreeMap::new();
        let count = "SELECT source, COUNT(*) FROM orders WHERE source LIKE 'w%n%' GROUP BY source";
        for (source, orders) in
            tx.query(count, &[], |row| Ok((row.get::<String>(0)?, row.get::<i64>(1)?)))?
        {
            seen.insert(format!("import {source}"), orders.into());
        }
        Ok(seen)
    })
}
