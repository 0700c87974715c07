//! The product's side: its own operations through the ledger, with many buyers in flight.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use ledger_cases::Chance;
use shopwright_app::inventory::{Reserve, reserve_in};
use shopwright_app::orders::{PaymentMade, PlaceOrder, StockChoice, place_order};
use shopwright_domain::catalog::Sku;
use shopwright_domain::ids::Id;
use shopwright_domain::inventory::{HOLD_DEFAULT, WantedLine};
use shopwright_domain::money::{Currency, UnitPrice};
use shopwright_domain::orders::{LineDraft, LineKind, OrderDraft};
use shopwright_store::{StoreError, Tx, params};
use tokio::task::JoinSet;

use crate::demand::{Demand, wanted};
use crate::shop::{NOW, Shop};

/// One run of a load.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Operations waiting for their answers at any time.
    pub in_flight: usize,
    /// How long new ones are sent.
    pub lasts: Duration,
    /// The seed of the buyers.
    pub salt: u64,
}

/// Keeps `in_flight` operations going for a while; gives answered operations a second.
fn run<F, E>(shop: &Shop, load: Load, operation: impl Fn(u64) -> F) -> Result<f64>
where
    F: FnMut(&mut Tx<'_>) -> Result<(), E> + Send + 'static,
    E: From<StoreError> + std::error::Error + Send + Sync + 'static,
{
    let next = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let done = shop.runtime.block_on(async {
        let mut buyers = JoinSet::new();
        let mut done = 0_u64;
        let send = |buyers: &mut JoinSet<_>| {
            let (store, n) = (shop.store.clone(), next.fetch_add(1, Ordering::Relaxed));
            let operation = operation(n);
            buyers.spawn(async move { store.write(operation).await });
        };
        for _ in 0..load.in_flight {
            send(&mut buyers);
        }
        while let Some(answered) = buyers.join_next().await {
            answered??;
            done += 1;
            if started.elapsed() < load.lasts {
                send(&mut buyers);
            }
        }
        anyhow::Ok(done)
    })?;
    #[expect(clippy::cast_precision_loss, reason = "a count far below 2^52")]
    Ok(done as f64 / started.elapsed().as_secs_f64())
}

/// Reservations of three SKUs, each durable before it is answered.
pub fn reservations(shop: &Shop, demand: Demand, load: Load) -> Result<f64> {
    run(shop, load, |n| {
        let lines = wanted(demand, shop.size.skus, load.salt, n).map(|text| Sku::parse(&text));
        let mut chance = Chance::new(load.salt ^ n);
        let id = Id::from_uuid(chance.id(1 << 40 | n));
        move |tx: &mut Tx<'_>| {
            let mut pieces = Vec::with_capacity(3);
            for line in &lines {
                let sku = line.clone().map_err(told)?;
                pieces.push(WantedLine { sku, quantity: 1 });
            }
            let wish = Reserve {
                reservation_id: id,
                reference: None,
                lines: pieces,
                hold_micros: HOLD_DEFAULT,
            };
            reserve_in(tx, &wish, NOW).map(|_| ())
        }
    })
}

fn told(error: impl std::fmt::Display) -> StoreError {
    StoreError::Bug(error.to_string())
}

/// Paid orders of three SKUs with their stock, each durable before it is answered.
pub fn orders(shop: &Shop, demand: Demand, load: Load) -> Result<f64> {
    run(shop, load, |n| {
        let skus = wanted(demand, shop.size.skus, load.salt, n);
        let mut chance = Chance::new(load.salt ^ n);
        let mut id = || chance.id(1 << 40 | n);
        let ids = (Id::from_uuid(id()), Id::from_uuid(id()), Id::from_uuid(id()));
        let external_id = format!("{}-{n}", load.salt);
        move |tx: &mut Tx<'_>| {
            let line = |sku: &String| {
                Ok::<_, StoreError>(LineDraft {
                    kind: LineKind::Sale,
                    sku: Some(Sku::parse(sku).map_err(told)?),
                    title: String::new(),
                    quantity: 1,
                    unit_price: UnitPrice::parse("9.99").map_err(told)?,
                    amount_minor: 999,
                    discount_minor: 0,
                    tax_minor: 0,
                })
            };
            let command = PlaceOrder {
                order_id: ids.0,
                payment_id: ids.1,
                reservation_id: ids.2,
                source: "bench".into(),
                external_id: external_id.clone(),
                customer: None,
                placed_at: NOW,
                country: None,
                ship_to: None,
                draft: OrderDraft {
                    currency: "EUR".parse::<Currency>().map_err(told)?,
                    tax_included: true,
                    total_minor: 2_997,
                    lines: skus.iter().map(line).collect::<Result<_, _>>()?,
                },
                payment: Some(PaymentMade {
                    provider: "cash".into(),
                    reference: String::new(),
                    at: NOW,
                }),
                stock: StockChoice::Commit(None),
            };
            place_order(tx, &command, NOW).map(|_| ())
        }
    })
}

/// Makes the table of counters with an exact limit each.
pub fn make_counters(shop: &Shop, counters: usize) -> Result<()> {
    shop.write(move |tx| {
        tx.execute(
            "CREATE TABLE bench_counters (name TEXT PRIMARY KEY, used INTEGER NOT NULL,
             used_max INTEGER NOT NULL) STRICT, WITHOUT ROWID",
            params![],
        )?;
        for number in 0..counters {
            tx.execute(
                "INSERT INTO bench_counters (name, used, used_max) VALUES ($1, 0, $2)",
                params![&format!("counter-{number:06}"), i64::MAX],
            )?;
        }
        Ok(())
    })
}

/// The statement that takes one unit if there is one.
pub const TAKE_ONE: &str = "UPDATE bench_counters SET used = used + 1
     WHERE name = $1 AND used < used_max RETURNING used";

/// Units taken from counters with an exact limit, durable before each answer.
pub fn counters(shop: &Shop, counters: usize, load: Load) -> Result<f64> {
    run(shop, load, |n| {
        let name = counter(counters, load.salt, n);
        move |tx: &mut Tx<'_>| {
            let taken = tx.find(TAKE_ONE, params![&name], |row| row.get::<i64>(0))?;
            assert!(taken.is_some(), "the limit is far away");
            Ok::<_, StoreError>(())
        }
    })
}

/// Which counter operation `n` takes from.
pub fn counter(counters: usize, salt: u64, n: u64) -> String {
    let mut chance = Chance::new(salt.wrapping_mul(0x1_0000_0001).wrapping_add(n));
    let counters = i64::try_from(counters).unwrap_or(1).max(1);
    format!("counter-{:06}", chance.below(counters))
}
