//! What happens on the shelves: movements by hand, counts, deliveries.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::{SKUS, Worker};
use crate::client::{Client, Lost};

/// About what every shelf starts with: nobody runs short.
const PLENTY: u64 = 1_000_000;

/// Books goods that came or went.
pub fn movement(worker: &mut Worker<'_>) -> Result<(), Lost> {
    let name = worker.name();
    let sku: &&str = worker.chance.pick(SKUS);
    let pieces = i64::try_from(1 + worker.chance.below(5)).unwrap();
    let (reason, quantity) =
        if worker.chance.below(2) == 0 { ("receipt", pieces) } else { ("written_off", -pieces) };
    let body = json!({ "reason": reason, "quantity": quantity, "reference": name });
    let (key, path) = (format!("movement {name}"), format!("/v1/stock/{sku}/movements"));
    worker.write((&key, json!([sku, quantity])), "POST", &path, &body).map(drop)
}

/// Rows of three columns, a name, a SKU and a number, by journal key.
fn rows(client: &Client<'_>, kind: &str, sql: &'static str) -> BTreeMap<String, Json> {
    let rows = client.shop.tamper(move |tx| {
        tx.query(sql, &[], |row| {
            Ok((row.get::<String>(0)?, row.get::<String>(1)?, row.get::<i64>(2)?))
        })
    });
    let mut seen = BTreeMap::new();
    for (name, sku, quantity) in rows {
        let key = format!("{kind} {name}");
        if seen.insert(key.clone(), json!([sku, quantity])).is_some() {
            seen.insert(key, "there twice".into());
        }
    }
    seen
}

pub fn movements(client: &Client<'_>) -> BTreeMap<String, Json> {
    let sql = "SELECT reference, sku, quantity FROM stock_movements
               WHERE reason IN ('receipt', 'written_off')";
    rows(client, "movement", sql)
}

/// Counts a shelf while others sell from it.
pub fn count(worker: &mut Worker<'_>) -> Result<(), Lost> {
    let name = worker.name();
    let sku: &&str = worker.chance.pick(SKUS);
    let quantity = PLENTY + worker.chance.below(1_000);
    let body = json!({ "quantity": quantity, "reference": name });
    let (key, path) = (format!("count {name}"), format!("/v1/stock/{sku}/counts"));
    worker.write((&key, json!([sku, quantity])), "POST", &path, &body).map(drop)
}

pub fn counts(client: &Client<'_>) -> BTreeMap<String, Json> {
    let sql = "SELECT reference, sku, quantity FROM stock_counts WHERE reference LIKE 'w%n%'";
    rows(client, "count", sql)
}

/// Announces a delivery, or receives or cancels one.
pub fn delivery(worker: &mut Worker<'_>) -> Result<(), Lost> {
    if let Some((key, id)) = worker.take("delivery ", 2) {
        let mut value = worker.journal.kept(&key).clone();
        let came = 1 + worker.chance.below(9);
        let (step, body) = if worker.chance.below(3) == 0 {
            value["state"] = "canceled".into();
            ("cancel", Json::Null)
        } else {
            value["state"] = "received".into();
            value["received"] = came.into();
            ("receive", json!({ "quantity": came }))
        };
        let path = format!("/v1/stock/deliveries/{id}/{step}");
        return worker.write((&key, value), "POST", &path, &body).map(drop);
    }
    // A delivery has no name of its own; nobody else expects just so many pieces.
    worker.serial += 1;
    let quantity = worker.serial * 10 + u64::try_from(worker.number).unwrap() + 1;
    let sku: &&str = worker.chance.pick(SKUS);
    let body = json!({ "sku": sku, "quantity": quantity, "due_at": "2098-01-01T00:00:00Z" });
    let key = format!("delivery {quantity}");
    let value = json!({ "sku": sku, "state": "expected", "received": null });
    let answer = worker.write((&key, value), "POST", "/v1/stock/deliveries", &body)?;
    worker.keep(key, &answer);
    Ok(())
}

pub fn deliveries(client: &Client<'_>) -> BTreeMap<String, Json> {
    let mut seen = BTreeMap::new();
    for row in client.list("/v1/stock/deliveries") {
        let key = format!("delivery {}", row["quantity"]);
        let value =
            json!({ "sku": row["sku"], "state": row["state"], "received": row["received"] });
        if seen.insert(key.clone(), value).is_some() {
            seen.insert(key, "there twice".into());
        }
    }
    seen
}
