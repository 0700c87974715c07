//! The proof's own tables and their first rows, the same on both engines.

use anyhow::Result;

use crate::chance::Chance;
use crate::session::{Column, Session};

/// How every SQLite contender opens its database; the store's own settings. The proof refuses to run
/// when the store's differ.
pub const PRAGMAS: [(&str, &str); 6] = [
    ("journal_mode", "WAL"),
    ("synchronous", "FULL"),
    ("foreign_keys", "ON"),
    ("temp_store", "MEMORY"),
    ("cache_size", "-16384"),
    ("wal_autocheckpoint", "8192"),
];

/// Tables for SQLite.
pub const CREATE_SQLITE: &[&str] = &[
    "CREATE TABLE proof_items (sku TEXT PRIMARY KEY, title TEXT NOT NULL, category TEXT NOT NULL,
        price_minor INTEGER NOT NULL, version INTEGER NOT NULL, attributes TEXT NOT NULL,
        updated_at INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE proof_stock (sku TEXT PRIMARY KEY, on_hand INTEGER NOT NULL,
        reserved INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE proof_reservations (order_id BLOB NOT NULL, sku TEXT NOT NULL,
        quantity INTEGER NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (order_id, sku))
        STRICT, WITHOUT ROWID",
    "CREATE TABLE proof_orders (order_id BLOB PRIMARY KEY, customer TEXT NOT NULL,
        placed_at INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE INDEX proof_orders_customer ON proof_orders (customer, placed_at)",
    "CREATE TABLE proof_lines (order_id BLOB NOT NULL, ordinal INTEGER NOT NULL, sku TEXT NOT NULL,
        quantity INTEGER NOT NULL, amount_minor INTEGER NOT NULL, PRIMARY KEY (order_id, ordinal))
        STRICT, WITHOUT ROWID",
    "CREATE INDEX proof_lines_sku ON proof_lines (sku)",
    "CREATE TABLE proof_events (event_id BLOB PRIMARY KEY, customer TEXT NOT NULL, kind TEXT NOT NULL,
        sku TEXT NOT NULL, at INTEGER NOT NULL, payload TEXT NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE INDEX proof_events_customer ON proof_events (customer, at)",
    "CREATE TABLE proof_outbox (outbox_id BLOB PRIMARY KEY, topic TEXT NOT NULL, payload TEXT NOT NULL,
        due_at INTEGER NOT NULL, leased_until INTEGER NOT NULL, lease INTEGER NOT NULL,
        state TEXT NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE INDEX proof_outbox_due ON proof_outbox (due_at) WHERE state = 'waiting'",
    "CREATE TABLE proof_counters (name TEXT PRIMARY KEY, used INTEGER NOT NULL,
        used_max INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE proof_commands (command_id BLOB PRIMARY KEY, outcome TEXT NOT NULL,
        at INTEGER NOT NULL) STRICT, WITHOUT ROWID",
];

/// Tables for PostgreSQL.
pub const CREATE_POSTGRES: &[&str] = &[
    "CREATE TABLE proof_items (sku text PRIMARY KEY, title text NOT NULL, category text NOT NULL,
        price_minor bigint NOT NULL, version bigint NOT NULL, attributes jsonb NOT NULL,
        updated_at timestamptz NOT NULL)",
    "CREATE TABLE proof_stock (sku text PRIMARY KEY, on_hand bigint NOT NULL,
        reserved bigint NOT NULL)",
    "CREATE TABLE proof_reservations (order_id uuid NOT NULL, sku text NOT NULL,
        quantity bigint NOT NULL, at timestamptz NOT NULL, PRIMARY KEY (order_id, sku))",
    "CREATE TABLE proof_orders (order_id uuid PRIMARY KEY, customer text NOT NULL,
        placed_at timestamptz NOT NULL)",
    "CREATE INDEX proof_orders_customer ON proof_orders (customer, placed_at)",
    "CREATE TABLE proof_lines (order_id uuid NOT NULL, ordinal bigint NOT NULL, sku text NOT NULL,
        quantity bigint NOT NULL, amount_minor bigint NOT NULL, PRIMARY KEY (order_id, ordinal))",
    "CREATE INDEX proof_lines_sku ON proof_lines (sku)",
    "CREATE TABLE proof_events (event_id uuid PRIMARY KEY, customer text NOT NULL, kind text NOT NULL,
        sku text NOT NULL, at timestamptz NOT NULL, payload jsonb NOT NULL)",
    "CREATE INDEX proof_events_customer ON proof_events (customer, at)",
    "CREATE TABLE proof_outbox (outbox_id uuid PRIMARY KEY, topic text NOT NULL, payload jsonb NOT NULL,
        due_at timestamptz NOT NULL, leased_until timestamptz NOT NULL, lease bigint NOT NULL,
        state text NOT NULL)",
    "CREATE INDEX proof_outbox_due ON proof_outbox (due_at) WHERE state = 'waiting'",
    "CREATE TABLE proof_counters (name text PRIMARY KEY, used bigint NOT NULL,
        used_max bigint NOT NULL)",
    "CREATE TABLE proof_commands (command_id uuid PRIMARY KEY, outcome text NOT NULL,
        at timestamptz NOT NULL)",
];

/// Products in the catalogue.
pub(crate) const ITEMS: i64 = 2_000;
/// SKUs with stock.
pub(crate) const STOCKED: i64 = 200;
/// Orders with five lines each.
pub(crate) const ORDERS: i64 = 1_000;
/// Customers, each with the same share of the orders.
pub(crate) const CUSTOMERS: i64 = 100;
pub(crate) const COLOURS: [&str; 8] =
    ["amber", "black", "blue", "green", "ivory", "red", "teal", "white"];
/// 2026-01-01, microseconds since 1970.
pub(crate) const EPOCH: i64 = 1_767_225_600_000_000;

pub(crate) fn sku(number: i64) -> String {
    format!("SKU-{number:05}")
}

pub(crate) fn customer(number: i64) -> String {
    format!("customer-{number:04}")
}

pub(crate) fn attributes(chance: &mut Chance) -> String {
    let colour = COLOURS[usize::try_from(chance.below(8)).unwrap_or(0)];
    let weight = chance.below(5_000);
    format!(r#"{{"colour":"{colour}","weight_g":{weight},"tags":["gift","home"],"origin":"PT"}}"#)
}

/// Fills the tables; the session's transaction is committed by its owner.
pub async fn seed(session: &mut impl Session) -> Result<()> {
    let mut chance = Chance::new(1);
    let skus: Vec<_> = (0..ITEMS).map(sku).collect();
    let titles: Vec<_> = (0..ITEMS).map(|n| format!("Hand-poured candle no. {n}")).collect();
    let categories: Vec<_> = (0..ITEMS).map(|n| format!("Home/Shelf {}", n % 40)).collect();
    let items = vec![
        ("sku", Column::Text(skus.iter().map(String::as_str).collect())),
        ("title", Column::Text(titles.iter().map(String::as_str).collect())),
        ("category", Column::Text(categories.iter().map(String::as_str).collect())),
        ("price_minor", Column::Int((0..ITEMS).map(|_| 100 + chance.below(9_900)).collect())),
        ("version", Column::Int(skus.iter().map(|_| 1).collect())),
        ("attributes", Column::Json(skus.iter().map(|_| attributes(&mut chance)).collect())),
        ("updated_at", Column::Time(skus.iter().map(|_| EPOCH).collect())),
    ];
    session
        .rows(
            "INSERT INTO proof_items (sku, title, category, price_minor, version, attributes, updated_at)
             SELECT sku, title, category, price_minor, version, attributes, updated_at
             FROM {rows} AS r WHERE true",
            items,
        )
        .await?;
    let stocked = &skus[..usize::try_from(STOCKED)?];
    session
        .rows(
            "INSERT INTO proof_stock (sku, on_hand, reserved)
             SELECT sku, on_hand, reserved FROM {rows} AS r WHERE true",
            vec![
                ("sku", Column::Text(stocked.iter().map(String::as_str).collect())),
                ("on_hand", Column::Int(stocked.iter().map(|_| i64::from(u32::MAX)).collect())),
                ("reserved", Column::Int(vec![0; stocked.len()])),
            ],
        )
        .await?;
    for name in (0..CUSTOMERS).map(customer) {
        let counter = [crate::Arg::Text(&name), crate::Arg::Int(0), crate::Arg::Int(i64::MAX / 2)];
        session
            .execute(
                "INSERT INTO proof_counters (name, used, used_max) VALUES ($1, $2, $3)",
                &counter,
            )
            .await?;
    }
    seed_orders(session, &mut chance, &skus).await
}

async fn seed_orders(
    session: &mut impl Session,
    chance: &mut Chance,
    skus: &[String],
) -> Result<()> {
    let orders: Vec<_> = (0..ORDERS).map(|n| chance.id(n.unsigned_abs())).collect();
    let buyers: Vec<_> = (0..ORDERS).map(|n| customer(n % CUSTOMERS)).collect();
    session
        .rows(
            "INSERT INTO proof_orders (order_id, customer, placed_at)
             SELECT order_id, customer, placed_at FROM {rows} AS r WHERE true",
            vec![
                ("order_id", Column::Uuid(orders.clone())),
                ("customer", Column::Text(buyers.iter().map(String::as_str).collect())),
                ("placed_at", Column::Time((0..ORDERS).map(|n| EPOCH + n * 1_000_000).collect())),
            ],
        )
        .await?;
    let lines = orders.len() * 5;
    let mut picks = Vec::with_capacity(lines);
    let mut amounts = Vec::with_capacity(lines);
    for _ in 0..lines {
        // Half the catalogue never sells, so that "never sold" has an answer.
        picks.push(skus[usize::try_from(chance.below(ITEMS / 2))?].as_str());
        amounts.push(100 + chance.below(20_000));
    }
    session
        .rows(
            "INSERT INTO proof_lines (order_id, ordinal, sku, quantity, amount_minor)
             SELECT order_id, ordinal, sku, quantity, amount_minor FROM {rows} AS r WHERE true",
            vec![
                ("order_id", Column::Uuid(orders.iter().flat_map(|id| [*id; 5]).collect())),
                ("ordinal", Column::Int(orders.iter().flat_map(|_| 1..=5).collect())),
                ("sku", Column::Text(picks)),
                ("quantity", Column::Int(vec![2; lines])),
                ("amount_minor", Column::Int(amounts)),
            ],
        )
        .await?;
    Ok(())
}
