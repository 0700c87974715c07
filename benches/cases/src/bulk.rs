//! The queries over many rows at once: bulk writes, update from a list, the outbox.

use anyhow::{Result, ensure};

use crate::chance::Chance;
use crate::schema::{CUSTOMERS, EPOCH, ITEMS, customer, sku};
use crate::session::{Arg, Column, Session};

const INSERT_EVENTS: &str = "INSERT INTO proof_events (event_id, customer, kind, sku, at, payload)
     SELECT event_id, customer, kind, sku, at, payload FROM {rows} AS r WHERE true";
const INSERT_EVENTS_OR_KEEP: &str =
    "INSERT INTO proof_events (event_id, customer, kind, sku, at, payload)
     SELECT event_id, customer, kind, sku, at, payload FROM {rows} AS r WHERE true
     ON CONFLICT (event_id) DO NOTHING";

struct Events {
    customers: Vec<String>,
    skus: Vec<String>,
    ids: Vec<uuid::Uuid>,
}

impl Events {
    fn new(chance: &mut Chance, orders: std::ops::Range<u64>) -> Self {
        Self {
            customers: orders.clone().map(|_| customer(chance.below(CUSTOMERS))).collect(),
            skus: orders.clone().map(|_| sku(chance.below(ITEMS))).collect(),
            ids: orders.map(|order| Chance::new(order).id(order)).collect(),
        }
    }

    fn columns(&self) -> Vec<(&'static str, Column<'_>)> {
        let count = self.ids.len();
        let payload = r#"{"page":"/candles","referrer":"search","position":4}"#;
        vec![
            ("event_id", Column::Uuid(self.ids.clone())),
            ("customer", Column::Text(self.customers.iter().map(String::as_str).collect())),
            ("kind", Column::Text(vec!["product_viewed"; count])),
            ("sku", Column::Text(self.skus.iter().map(String::as_str).collect())),
            ("at", Column::Time(vec![EPOCH; count])),
            ("payload", Column::Json(vec![payload.to_owned(); count])),
        ]
    }
}

/// `count` events, all new; ids continue where the round before ended.
pub(crate) async fn insert(
    session: &mut impl Session,
    chance: &mut Chance,
    order: u64,
    count: u64,
) -> Result<()> {
    let first = (order << 12) | (u64::from(count > 200) << 11);
    let events = Events::new(chance, first..first + count);
    let written = session.rows(INSERT_EVENTS, events.columns()).await?;
    ensure!(written == count, "{count} rows, not {written}");
    Ok(())
}

/// 200 events of which the batch before had the first 100.
pub(crate) async fn insert_or_keep(session: &mut impl Session, salt: u64, n: u64) -> Result<()> {
    let first = (1 << 60) | (salt * 10_000 + n * 100);
    let events = Events::new(&mut Chance::new(first), first..first + 200);
    let written = session.rows(INSERT_EVENTS_OR_KEEP, events.columns()).await?;
    let new = if n == 0 { 200 } else { 100 };
    ensure!(written == new, "{new} rows, not {written}");
    Ok(())
}

/// New prices for 200 neighbouring products.
pub(crate) async fn update_from(session: &mut impl Session, chance: &mut Chance) -> Result<()> {
    let first = chance.below(ITEMS - 200);
    let skus: Vec<_> = (first..first + 200).map(sku).collect();
    let written = session
        .rows(
            "UPDATE proof_items SET price_minor = r.price, version = proof_items.version + 1
             FROM {rows} AS r WHERE proof_items.sku = r.sku",
            vec![
                ("sku", Column::Text(skus.iter().map(String::as_str).collect())),
                ("price", Column::Int(skus.iter().map(|_| 100 + chance.below(9_900)).collect())),
            ],
        )
        .await?;
    ensure!(written == 200, "200 rows, not {written}");
    Ok(())
}

const CLAIM_SQLITE: &str = "SELECT outbox_id, payload FROM proof_outbox
     WHERE state = 'waiting' AND due_at <= $1 AND leased_until <= $1 ORDER BY due_at LIMIT $2";
const CLAIM_POSTGRES: &str = "SELECT outbox_id, payload FROM proof_outbox
     WHERE state = 'waiting' AND due_at <= $1 AND leased_until <= $1 ORDER BY due_at LIMIT $2
     FOR UPDATE SKIP LOCKED";

/// Adds 20 rows, leases the 20 that are due first, and marks those done with the lease's token.
pub(crate) async fn claim(
    session: &mut impl Session,
    chance: &mut Chance,
    order: u64,
) -> Result<()> {
    let ids: Vec<_> = (0..20).map(|n| chance.id(order * 32 + n)).collect();
    session
        .rows(
            "INSERT INTO proof_outbox (outbox_id, topic, payload, due_at, leased_until, lease, state)
             SELECT outbox_id, topic, payload, due_at, due_at, 0, 'waiting' FROM {rows} AS r WHERE true",
            vec![
                ("outbox_id", Column::Uuid(ids)),
                ("topic", Column::Text(vec!["price.published"; 20])),
                ("payload", Column::Json(vec![r#"{"sku":"SKU-00001"}"#.to_owned(); 20])),
                ("due_at", Column::Time(vec![EPOCH; 20])),
            ],
        )
        .await?;
    let mut claimed = Vec::with_capacity(20);
    let sql = session.dialect().pick(CLAIM_SQLITE, CLAIM_POSTGRES);
    session
        .each(sql, &[Arg::Time(EPOCH + 1), Arg::Int(20)], &mut |row| {
            ensure!(row.json(1)?.is_object(), "a payload");
            claimed.push(row.uuid(0)?);
            Ok(())
        })
        .await?;
    ensure!(claimed.len() == 20, "twenty claimed, not {}", claimed.len());
    let token = i64::try_from(order)?;
    session
        .rows(
            "UPDATE proof_outbox SET leased_until = r.until, lease = r.token FROM {rows} AS r
             WHERE proof_outbox.outbox_id = r.id",
            vec![
                ("id", Column::Uuid(claimed.clone())),
                ("until", Column::Time(vec![EPOCH + 30_000_000; 20])),
                ("token", Column::Int(vec![token; 20])),
            ],
        )
        .await?;
    let done = session
        .rows(
            "UPDATE proof_outbox SET state = 'done' FROM {rows} AS r
             WHERE proof_outbox.outbox_id = r.id AND proof_outbox.lease = r.token",
            vec![("id", Column::Uuid(claimed)), ("token", Column::Int(vec![token; 20]))],
        )
        .await?;
    ensure!(done == 20, "twenty done, not {done}");
    Ok(())
}
