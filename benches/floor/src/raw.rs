//! Raw SQLite on the caller's thread: the same rows in the same tables, 64 operations a commit, with
//! the fewest statements that keep the promise.

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, ensure};
use ledger_cases::{Chance, PRAGMAS};
use rusqlite::{Connection, params};
use shopwright_domain::inventory::HOLD_DEFAULT;

use crate::demand::{Demand, wanted};
use crate::product::{Load, TAKE_ONE, counter};
use crate::shop::{NOW, Size};

/// Operations in one commit at most.
pub const GROUP: usize = 64;

/// Opens a shop's file with the store's settings.
pub fn open(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path)?;
    connection.set_prepared_statement_cache_capacity(64);
    for (name, value) in PRAGMAS {
        connection.pragma_update(None, name, value)?;
    }
    Ok(connection)
}

fn run(
    connection: &Connection,
    load: Load,
    mut operation: impl FnMut(&Connection, u64) -> Result<()>,
) -> Result<f64> {
    let group = GROUP.min(load.in_flight) as u64;
    let started = Instant::now();
    let mut next = 0;
    while started.elapsed() < load.lasts {
        connection.prepare_cached("BEGIN IMMEDIATE")?.raw_execute()?;
        for n in next..next + group {
            operation(connection, n)?;
        }
        connection.prepare_cached("COMMIT")?.raw_execute()?;
        next += group;
    }
    #[expect(clippy::cast_precision_loss, reason = "a count far below 2^52")]
    Ok(next as f64 / started.elapsed().as_secs_f64())
}

/// Reservations of three SKUs.
pub fn reservations(
    connection: &Connection,
    size: Size,
    demand: Demand,
    load: Load,
) -> Result<f64> {
    run(connection, load, |connection, n| {
        reserve(connection, &wanted(demand, size.skus, load.salt, n), load.salt, n)
    })
}

fn reserve(connection: &Connection, skus: &[String; 3], salt: u64, n: u64) -> Result<()> {
    let now = NOW.as_micros();
    let mut chance = Chance::new(salt ^ n);
    let id = chance.id(1 << 40 | n);
    let mut levels = connection.prepare_cached(
        "SELECT l.sku, l.on_hand - l.committed - l.held + COALESCE((SELECT SUM(h.quantity)
             FROM reservation_lines h WHERE h.sku = l.sku AND h.location = l.location
             AND h.held_until <= ?4), 0)
         FROM stock_levels l WHERE l.sku IN (?1, ?2, ?3) ORDER BY l.sku",
    )?;
    let mut rows = levels.query(params![skus[0], skus[1], skus[2], now])?;
    let mut found = 0;
    while let Some(row) = rows.next()? {
        ensure!(row.get::<_, i64>(1)? >= 1, "the shelves are full");
        found += 1;
    }
    ensure!(found == 3, "three SKUs");
    let until = now + HOLD_DEFAULT;
    connection
        .prepare_cached(
            "INSERT INTO reservations (reservation_id, state, hold_micros, expires_at, extensions, created_at)
             VALUES (?1, 'open', ?2, ?3, 0, ?4)",
        )?
        .execute(params![id.as_bytes(), HOLD_DEFAULT, until, now])?;
    for sku in skus {
        connection
            .prepare_cached(
                "INSERT INTO reservation_lines (reservation_id, sku, location, quantity, backordered, held_until)
                 VALUES (?1, ?2, 'main', 1, 0, ?3)",
            )?
            .execute(params![id.as_bytes(), sku, until])?;
        connection
            .prepare_cached(
                "UPDATE stock_levels SET decided_at = ?2, held = held + 1
                 WHERE sku = ?1 AND location = 'main'",
            )?
            .execute(params![sku, now])?;
    }
    Ok(())
}

/// Paid orders of three SKUs with their stock.
pub fn orders(connection: &Connection, size: Size, demand: Demand, load: Load) -> Result<f64> {
    run(connection, load, |connection, n| {
        order(connection, &wanted(demand, size.skus, load.salt, n), load.salt, n)
    })
}

fn order(connection: &Connection, skus: &[String; 3], salt: u64, n: u64) -> Result<()> {
    let now = NOW.as_micros();
    let mut chance = Chance::new(salt ^ n);
    let mut id = || chance.id(1 << 40 | n);
    let (order, payment, reservation) = (id(), id(), id());
    let left = connection
        .prepare_cached(
            "SELECT MIN(l.on_hand - l.committed - l.held + COALESCE((SELECT SUM(h.quantity)
                 FROM reservation_lines h WHERE h.sku = l.sku AND h.location = l.location
                 AND h.held_until <= ?4), 0))
             FROM stock_levels l WHERE l.sku IN (?1, ?2, ?3)",
        )?
        .query_row(params![skus[0], skus[1], skus[2], now], |row| row.get::<_, i64>(0))?;
    ensure!(left >= 1, "the shelves are full");
    let write = |sql: &str, values: &[&dyn rusqlite::ToSql]| {
        connection.prepare_cached(sql)?.execute(values)
    };
    write(
        "INSERT INTO reservations (reservation_id, reference, state, hold_micros, expires_at, extensions, created_at)
         VALUES (?1, ?2, 'committed', ?3, ?4, 0, ?5)",
        &[&reservation.as_bytes(), &order.to_string(), &HOLD_DEFAULT, &(now + HOLD_DEFAULT), &now],
    )?;
    write(
        "INSERT INTO orders (order_id, source, external_id, state, currency, placed_at, amount_minor,
             fingerprint, tax_included, reservation_id, paid_at, created_at)
         VALUES (?1, 'bench', ?2, 'paid', 'EUR', ?3, 2997, ?4, 1, ?5, ?3, ?3)",
        &[&order.as_bytes(), &format!("{salt}-{n}"), &now, &[7_u8; 32], &reservation.as_bytes()],
    )?;
    for (ordinal, sku) in (1_i64..).zip(skus) {
        write(
            "INSERT INTO reservation_lines (reservation_id, sku, location, quantity, backordered)
             VALUES (?1, ?2, 'main', 1, 0)",
            &[&reservation.as_bytes(), sku],
        )?;
        write(
            "UPDATE stock_levels SET decided_at = ?2, committed = committed + 1
             WHERE sku = ?1 AND location = 'main'",
            &[sku, &now],
        )?;
        write(
            "INSERT INTO order_lines (order_id, ordinal, kind, code, title, quantity, unit_price_micros,
                 amount_minor, at, discount_minor, tax_minor, share_minor, stock)
             VALUES (?1, ?2, 'sale', ?3, ?3, 1, 9990000, 999, ?4, 0, 0, 999, 'reservation')",
            &[&order.as_bytes(), &ordinal, sku, &now],
        )?;
    }
    write(
        "INSERT INTO payments (payment_id, order_id, kind, provider, reference, currency, amount_minor, at, created_at)
         VALUES (?1, ?2, 'capture', 'cash', '', 'EUR', 2997, ?3, ?3)",
        &[&payment.as_bytes(), &order.as_bytes(), &now],
    )?;
    Ok(())
}

/// Units taken from counters.
pub fn counters(connection: &Connection, counters: usize, load: Load) -> Result<f64> {
    run(connection, load, |connection, n| {
        let name = counter(counters, load.salt, n);
        let mut take = connection.prepare_cached(TAKE_ONE)?;
        let _: i64 = take.query_row([&name], |row| row.get(0))?;
        Ok(())
    })
}
