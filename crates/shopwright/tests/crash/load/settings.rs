//! Prices and what the command line does: promotions, settings, keys, imports of histories.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::{SKUS, Worker};
use crate::client::{Client, Lost};
use crate::harness::orders_text;

const FAR: &str = "2099-01-01T00:00:00Z";

/// Starts a promotion, or ends one it started.
pub fn promotion(worker: &mut Worker<'_>) -> Result<(), Lost> {
    if let Some((key, id)) = worker.take("promotion ", 3) {
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
    worker.keep(key, &answer);
    Ok(())
}

pub fn promotions(client: &Client<'_>) -> BTreeMap<String, Json> {
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
pub fn policy(worker: &mut Worker<'_>) -> Result<(), Lost> {
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

pub fn policies(client: &Client<'_>) -> BTreeMap<String, Json> {
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
pub fn freeze(worker: &mut Worker<'_>) -> Result<(), Lost> {
    if worker.number > 0 {
        return Ok(());
    }
    let frozen = worker.chance.below(2) == 0;
    let body = json!({ "frozen": frozen });
    worker.write(("freeze store", frozen.into()), "PUT", "/v1/pricing/freeze", &body).map(drop)
}

pub fn frozen(client: &Client<'_>) -> BTreeMap<String, Json> {
    let all = all_policies(client);
    let store = all.iter().find(|layer| layer["scope"] == "store");
    let frozen = store.and_then(|layer| layer["settings"].get("freeze")).cloned();
    frozen.map(|frozen| ("freeze store".to_owned(), frozen)).into_iter().collect()
}

/// Makes an API key on the command line.
pub fn key(worker: &mut Worker<'_>) -> Result<(), Lost> {
    let name = worker.name();
    let key = format!("key {name}");
    worker.journal.asked(&key, true.into());
    worker.client.run(&["keys", "create", "--kind", "publishable", "--name", &name])?;
    worker.journal.acknowledged(&key);
    Ok(())
}

pub fn keys(client: &Client<'_>) -> BTreeMap<String, Json> {
    let listed: Json =
        serde_json::from_str(&client.run(&["keys", "list", "--json"]).unwrap()).unwrap();
    let all = listed["data"].as_array().unwrap();
    let made = all.iter().filter(|key| key["kind"] == "publishable");
    made.map(|key| (format!("key {}", key["name"].as_str().unwrap()), true.into())).collect()
}

const IMPORTED_ORDERS: u64 = 25;

/// Imports a file of orders on the command line, while the server runs.
pub fn import(worker: &mut Worker<'_>) -> Result<(), Lost> {
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

pub fn imports(client: &Client<'_>) -> BTreeMap<String, Json> {
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
