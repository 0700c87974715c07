//! Products, customers, API keys and webhook endpoints: what is kept about things and people.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::Worker;
use crate::client::{Client, Lost};

/// Leftovers of killed rounds at most; there is a limit to endpoints.
const ENDPOINTS_KEPT_MAX: usize = 20;

fn product_body(title: &str) -> Json {
    let price = json!({ "amount": 999, "currency": "GBP" });
    json!({ "title": title, "category": "Load", "currency": "GBP", "base_price": price })
}

/// Puts a product, new or made before, or several at once.
pub fn product(worker: &mut Worker<'_>) -> Result<(), Lost> {
    if worker.chance.below(3) == 0 {
        return products_at_once(worker);
    }
    let sku = match worker.take("product ", 2) {
        Some((_, sku)) => sku,
        None => worker.name(),
    };
    let (key, title) = (format!("product {sku}"), worker.name());
    let path = format!("/v1/products/{sku}");
    worker.write((&key, title.as_str().into()), "PUT", &path, &product_body(&title))?;
    worker.made.push((key, sku));
    Ok(())
}

fn products_at_once(worker: &mut Worker<'_>) -> Result<(), Lost> {
    let mut rows = Vec::new();
    let mut keys = Vec::new();
    for _ in 0..=1 + worker.chance.below(4) {
        let sku = worker.name();
        let mut row = product_body(&sku);
        row["sku"] = sku.as_str().into();
        let key = format!("product {sku}");
        worker.journal.asked(&key, sku.into());
        keys.push(key);
        rows.push(row);
    }
    let body = json!({ "products": rows });
    let answer = worker.client.send("POST", "/v1/products/batch", &body)?;
    assert_eq!(answer["created"], rows.len(), "{answer}");
    for key in keys {
        worker.journal.acknowledged(&key);
    }
    Ok(())
}

pub fn products(client: &Client<'_>) -> BTreeMap<String, Json> {
    let rows = client.shop.tamper(|tx| {
        let sql = "SELECT sku, title FROM products WHERE category = 'Load'";
        tx.query(sql, &[], |row| Ok((row.get::<String>(0)?, row.get::<String>(1)?)))
    });
    rows.into_iter().map(|(sku, title)| (format!("product {sku}"), title.into())).collect()
}

/// Puts a customer, new or made before, or merges one into another.
pub fn customer(worker: &mut Worker<'_>) -> Result<(), Lost> {
    if worker.chance.below(3) == 0
        && let Some((key, from)) = worker.take("customer ", 1)
    {
        let Some((into_key, into)) = worker.take("customer ", 1) else {
            worker.made.push((key, from));
            return Ok(());
        };
        let path = format!("/v1/customers/{into}/merge");
        worker.write((&key, Json::Null), "POST", &path, &json!({ "from": from }))?;
        worker.made.push((into_key, into));
        return Ok(());
    }
    let id = match worker.take("customer ", 3) {
        Some((_, id)) => id,
        None => worker.name(),
    };
    let (key, name) = (format!("customer {id}"), worker.name());
    let body = json!({ "name": name, "email": format!("{name}@example.com"), "country": "GB" });
    let path = format!("/v1/customers/{id}");
    worker.write((&key, name.into()), "PUT", &path, &body)?;
    worker.made.push((key, id));
    Ok(())
}

pub fn customers(client: &Client<'_>) -> BTreeMap<String, Json> {
    let all = client.list("/v1/customers?country=GB");
    let made = all.iter().filter(|row| row["id"].as_str().unwrap().starts_with('w'));
    let one =
        |row: &Json| (format!("customer {}", row["id"].as_str().unwrap()), row["name"].clone());
    made.map(one).collect()
}

/// Makes an API key over HTTP, or revokes one.
pub fn api_key(worker: &mut Worker<'_>) -> Result<(), Lost> {
    if let Some((key, id)) = worker.take("api_key ", 2) {
        let path = format!("/v1/keys/{id}/revoke");
        return worker.write((&key, "revoked".into()), "POST", &path, &Json::Null).map(drop);
    }
    let key = format!("api_key {}", worker.name());
    let body = json!({ "kind": "restricted", "name": key, "scopes": ["stock:read"] });
    let answer = worker.write((&key, "good".into()), "POST", "/v1/keys", &body)?;
    worker.keep(key, &answer);
    Ok(())
}

pub fn api_keys(client: &Client<'_>) -> BTreeMap<String, Json> {
    let mut seen = BTreeMap::new();
    for row in client.list("/v1/keys") {
        if row["kind"] == "restricted" {
            let key = row["name"].as_str().unwrap().to_owned();
            let value = if row["revoked_at"].is_null() { "good" } else { "revoked" };
            let before = seen.insert(key.clone(), value.into());
            if before.is_some() {
                seen.insert(key, "there twice".into());
            }
        }
    }
    seen
}

/// Makes, changes and removes endpoints that hear of little; one worker's alone.
pub fn endpoint(worker: &mut Worker<'_>) -> Result<(), Lost> {
    if worker.number > 0 {
        return Ok(());
    }
    if let Some((key, id)) = worker.take("endpoint ", 1) {
        let path = format!("/v1/webhook_endpoints/{id}");
        if worker.chance.below(2) == 0 {
            let change = json!({ "enabled": false });
            worker.write((&key, false.into()), "PATCH", &path, &change)?;
            worker.made.push((key, id));
            return Ok(());
        }
        return worker.write((&key, Json::Null), "DELETE", &path, &Json::Null).map(drop);
    }
    let there = |key: &&String| !worker.journal.kept(key).is_null();
    if worker.journal.keys("endpoint ").filter(there).count() >= ENDPOINTS_KEPT_MAX {
        return Ok(());
    }
    let key = format!("endpoint {}", worker.name());
    let body = json!({
        "url": "http://127.0.0.1:9/nobody", "description": key, "events": ["webhook.none"],
    });
    let answer = worker.write((&key, true.into()), "POST", "/v1/webhook_endpoints", &body)?;
    worker.keep(key, &answer);
    Ok(())
}

pub fn endpoints(client: &Client<'_>) -> BTreeMap<String, Json> {
    let mut seen = BTreeMap::new();
    for row in client.list("/v1/webhook_endpoints") {
        let key = row["description"].as_str().unwrap().to_owned();
        if key.starts_with("endpoint ")
            && seen.insert(key.clone(), row["enabled"].clone()).is_some()
        {
            seen.insert(key, "there twice".into());
        }
    }
    seen
}
