//! Reservations, and orders with their payments, shipments and refunds. Products are everybody's here,
//! so that workers meet at the same levels.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::{SKUS, Worker};
use crate::client::{Client, Lost};

/// Outlives every run.
const HOLD: &str = "PT24H";
const SOURCE: &str = "load";
/// Of one piece, and of the shipping.
const PIECE_MINOR: u64 = 250;
const SHIPPING_MINOR: u64 = 490;

/// Holds pieces of several products, or takes the next step of a reservation.
pub fn reservation(worker: &mut Worker<'_>) -> Result<(), Lost> {
    if let Some((key, id)) = worker.take("reservation ", 2) {
        let mut value = worker.journal.kept(&key).clone();
        let step = match (value["state"].as_str().unwrap(), worker.chance.below(3)) {
            ("open", 0) if value["extended"] == false => "extend",
            ("open", 1) | ("committed", 0) => "release",
            ("open", _) => "commit",
            _ => "ship",
        };
        match step {
            "extend" => value["extended"] = true.into(),
            "commit" => value["state"] = "committed".into(),
            "ship" => value["state"] = "shipped".into(),
            _ => value["state"] = "released".into(),
        }
        let path = format!("/v1/reservations/{id}/{step}");
        worker.write((&key, value), "POST", &path, &Json::Null)?;
        if ["extend", "commit"].contains(&step) {
            worker.made.push((key, id));
        }
        return Ok(());
    }
    let key = format!("reservation {}", worker.name());
    let mut pieces: BTreeMap<&str, u64> = BTreeMap::new();
    for _ in 0..=worker.chance.below(3) {
        let sku: &&str = worker.chance.pick(SKUS);
        *pieces.entry(sku).or_default() += 1 + worker.chance.below(3);
    }
    let line = |(sku, quantity): (&&str, &u64)| json!({ "sku": sku, "quantity": quantity });
    let lines: Vec<Json> = pieces.iter().map(line).collect();
    let body = json!({ "reference": key, "lines": lines, "hold": HOLD });
    let value = json!({ "state": "open", "extended": false, "pieces": pieces });
    let answer = worker.write((&key, value), "POST", "/v1/reservations", &body)?;
    worker.keep(key, &answer);
    Ok(())
}

pub fn reservations(client: &Client<'_>) -> BTreeMap<String, Json> {
    let mut seen = BTreeMap::new();
    for row in client.list("/v1/reservations") {
        let Some(reference) = row["reference"].as_str().filter(|r| r.starts_with("reservation "))
        else {
            continue;
        };
        let mut pieces: BTreeMap<&str, i64> = BTreeMap::new();
        for line in row["lines"].as_array().unwrap() {
            *pieces.entry(line["sku"].as_str().unwrap()).or_default() +=
                line["quantity"].as_i64().unwrap();
        }
        let value = json!({ "state": row["state"], "extended": row["extended"], "pieces": pieces });
        if seen.insert(reference.to_owned(), value).is_some() {
            seen.insert(reference.to_owned(), "there twice".into());
        }
    }
    seen
}

/// Places an order, or does to one what comes next: payment, shipment, refund, end.
pub fn order(worker: &mut Worker<'_>) -> Result<(), Lost> {
    let Some((key, id)) = worker.take("order ", 2) else { return place(worker) };
    let mut value = worker.journal.kept(&key).clone();
    let refunds = value["refunds"].as_i64().unwrap();
    let (step, next, body) = match (value["state"].as_str().unwrap(), worker.chance.below(3)) {
        ("pending", 0) => ("cancel", "canceled", Json::Null),
        ("pending", _) => ("pay", "paid", json!({ "provider": "cash", "reference": key })),
        ("paid", 0 | 1) => ("fulfil", "fulfilled", Json::Null),
        ("fulfilled", 0) => ("complete", "completed", Json::Null),
        ("partially_refunded", 0) => ("fulfil", "partially_refunded", Json::Null),
        _ if refunds == 0 => {
            let pieces = json!([{ "line": 0, "quantity": 1, "restock": true }]);
            ("refunds", "partially_refunded", json!({ "lines": pieces, "reason": key }))
        }
        _ => ("refunds", "partially_refunded", json!({ "shipping": true, "reason": key })),
    };
    value["state"] = next.into();
    if step == "refunds" {
        let back = if refunds == 0 { PIECE_MINOR } else { SHIPPING_MINOR };
        value["refunds"] = (refunds + 1).into();
        value["refunded"] = (value["refunded"].as_u64().unwrap() + back).into();
    }
    let over = ["canceled", "completed"].contains(&next) || value["refunds"] == 2;
    worker.write((&key, value), "POST", &format!("/v1/orders/{id}/{step}"), &body)?;
    if !over {
        worker.made.push((key, id));
    }
    Ok(())
}

fn place(worker: &mut Worker<'_>) -> Result<(), Lost> {
    let name = worker.name();
    let pounds = |minor: u64| json!({ "amount": minor, "currency": "GBP" });
    let mut total = SHIPPING_MINOR;
    let mut lines = Vec::new();
    for _ in 0..2 {
        let quantity = 2 + worker.chance.below(3);
        let sku: &&str = worker.chance.pick(SKUS);
        total += quantity * PIECE_MINOR;
        lines.push(json!({
            "kind": "sale", "sku": sku, "quantity": quantity, "unit_price": "2.50",
            "amount": pounds(quantity * PIECE_MINOR),
        }));
    }
    let shipping = pounds(SHIPPING_MINOR);
    lines.push(json!({ "kind": "shipping", "unit_price": "4.90", "amount": shipping }));
    let paid = worker.chance.below(2) == 0;
    let payment = if paid {
        json!({ "status": "paid", "provider": "stripe", "reference": name })
    } else {
        json!({ "status": "pending" })
    };
    let body = json!({
        "source": SOURCE, "external_id": name, "placed_at": "2024-03-01T10:00:00Z",
        "customer": format!("buyer-{}", worker.number % 2), "currency": "GBP",
        "total": pounds(total), "lines": lines, "payment": payment,
    });
    let (key, state) = (format!("order {name}"), if paid { "paid" } else { "pending" });
    let value = json!({ "state": state, "total": total, "refunds": 0, "refunded": 0, "lines": 3 });
    let answer = worker.write((&key, value), "POST", "/v1/orders", &body)?;
    worker.keep(key, &answer);
    Ok(())
}

pub fn orders(client: &Client<'_>) -> BTreeMap<String, Json> {
    // What the lists do not show: how many lines there are, and what went back.
    let parts = client.shop.tamper(|tx| {
        let sql = "SELECT o.external_id,
                          (SELECT COUNT(*) FROM order_lines l WHERE l.order_id = o.order_id),
                          (SELECT COUNT(*) FROM refunds r WHERE r.order_id = o.order_id),
                          (SELECT CAST(COALESCE(-SUM(r.amount_minor), 0) AS bigint)
                           FROM refunds r WHERE r.order_id = o.order_id)
                   FROM orders o WHERE o.source = 'load'";
        tx.query(sql, &[], |row| {
            let number: String = row.get(0)?;
            Ok((number, [row.get::<i64>(1)?, row.get::<i64>(2)?, row.get::<i64>(3)?]))
        })
    });
    let parts: BTreeMap<String, [i64; 3]> = parts.into_iter().collect();
    let mut seen = BTreeMap::new();
    for row in client.list(&format!("/v1/orders?source={SOURCE}")) {
        let name = row["external_id"].as_str().unwrap();
        let [lines, refunds, refunded] = parts[name];
        let value = json!({
            "state": row["state"], "total": row["total"]["amount"],
            "refunds": refunds, "refunded": refunded, "lines": lines,
        });
        if seen.insert(format!("order {name}"), value).is_some() {
            seen.insert(format!("order {name}"), "there twice".into());
        }
    }
    seen
}
