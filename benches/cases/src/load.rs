//! The three-SKU reservation, all or nothing, and the load that sends many at once.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::audit::Audit;
use crate::chance::Chance;
use crate::schema::{EPOCH, STOCKED, sku};
use crate::session::{Arg, Column, Session};

/// SKUs that sell out during a load, so that refusing is tested and not only promised.
const SCARCE: i64 = 10;
const SCARCE_PIECES: i64 = 20;
/// One order in this many wants a scarce SKU.
const SCARCE_EVERY: u64 = 20;

/// Which SKUs the orders want.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Demand {
    /// Any three.
    Spread,
    /// One SKU that every order wants, and any two.
    Hot,
}

/// Reservations for a while.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Load {
    /// Operations waiting for their answer at any time.
    pub in_flight: usize,
    /// Which SKUs they want.
    pub demand: Demand,
    /// How long new ones are sent, milliseconds.
    pub millis: u64,
    /// The seed of the orders.
    pub salt: u64,
}

/// What a load did.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct LoadResult {
    /// Orders reserved and durable.
    pub reserved: u64,
    /// Orders refused for lack of stock.
    pub refused: u64,
    /// From the first order to the last answer, nanoseconds.
    pub nanos: u64,
    /// What the tables said afterwards.
    pub audit: Audit,
}

impl LoadResult {
    /// Reservations a second.
    pub fn per_second(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
        let (count, seconds) = (self.reserved as f64, self.nanos as f64 / 1e9);
        count / seconds
    }

    /// What is wrong with it, if anything: every acknowledged order is in the tables exactly once.
    pub fn problem(&self) -> Option<String> {
        let Audit { oversold, unequal, pieces, announced } = self.audit;
        let reserved = i64::try_from(self.reserved).unwrap_or(i64::MAX);
        let holds =
            oversold == 0 && unequal == 0 && pieces == reserved * 3 && announced == reserved;
        (!holds)
            .then(|| format!("{reserved} orders acknowledged, but the tables say {:?}", self.audit))
    }
}

/// One order's reservation.
#[derive(Clone, Debug)]
pub struct Reservation {
    order_id: Uuid,
    skus: [String; 3],
}

impl Reservation {
    /// The order number `n` of a load; different salts give different orders.
    pub fn of(demand: Demand, salt: u64, n: u64) -> Self {
        let mut chance = Chance::new(salt.wrapping_mul(0x1_0000_0001).wrapping_add(n));
        let mut numbers: [i64; 3] = [0; 3];
        for place in 0..3 {
            let mut wanted = match (demand, place) {
                (Demand::Hot, 0) => SCARCE,
                (_, 2) if n.is_multiple_of(SCARCE_EVERY) => chance.below(SCARCE),
                _ => SCARCE + 1 + chance.below(STOCKED - SCARCE - 3),
            };
            while numbers[..place].contains(&wanted) {
                wanted += 1;
            }
            numbers[place] = wanted;
        }
        Self { order_id: chance.id(n), skus: numbers.map(sku) }
    }

    /// An order that can be filled but for its last SKU, which has no stock.
    pub(crate) fn unfillable(salt: u64, n: u64) -> Self {
        let mut order = Self::of(Demand::Spread, salt | 1 << 40, n * SCARCE_EVERY + 1);
        NO_STOCK.clone_into(&mut order.skus[2]);
        order
    }
}

/// A SKU that nobody can have.
pub(crate) const NO_STOCK: &str = "SKU-99999";

/// Whether an order was filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reserved {
    /// All three SKUs.
    All,
    /// None: one of them lacks stock. What was written before must be undone.
    Refused,
}

const SELECT_LEVELS: &str = "SELECT sku, on_hand - reserved FROM proof_stock
     WHERE sku IN ($1, $2, $3) ORDER BY sku";
const SELECT_LEVELS_LOCKED: &str = "SELECT sku, on_hand - reserved FROM proof_stock
     WHERE sku IN ($1, $2, $3) ORDER BY sku FOR UPDATE";

/// Locks three levels in key order and gives what each has left.
pub(crate) async fn lock_levels(
    session: &mut impl Session,
    skus: [&str; 3],
) -> Result<Vec<(String, i64)>> {
    let sql = session.dialect().pick(SELECT_LEVELS, SELECT_LEVELS_LOCKED);
    let mut levels = Vec::with_capacity(3);
    session
        .each(sql, &skus.map(Arg::Text), &mut |row| {
            levels.push((row.text(0)?, row.int(1)?));
            Ok(())
        })
        .await?;
    Ok(levels)
}

/// Reserves one piece of each SKU, with the reservation's rows and its outbox row.
pub async fn reserve(session: &mut impl Session, order: &Reservation) -> Result<Reserved> {
    let [a, b, c] = &order.skus;
    let levels = lock_levels(session, [a, b, c]).await?;
    if levels.len() < 3 || levels.iter().any(|(_, left)| *left < 1) {
        return Ok(Reserved::Refused);
    }
    let skus = || Column::Text(levels.iter().map(|(sku, _)| sku.as_str()).collect());
    session
        .rows(
            "UPDATE proof_stock SET reserved = proof_stock.reserved + r.quantity FROM {rows} AS r
             WHERE proof_stock.sku = r.sku",
            vec![("sku", skus()), ("quantity", Column::Int(vec![1; 3]))],
        )
        .await?;
    session
        .rows(
            "INSERT INTO proof_reservations (order_id, sku, quantity, at)
             SELECT order_id, sku, quantity, at FROM {rows} AS r WHERE true",
            vec![
                ("order_id", Column::Uuid(vec![order.order_id; 3])),
                ("sku", skus()),
                ("quantity", Column::Int(vec![1; 3])),
                ("at", Column::Time(vec![EPOCH; 3])),
            ],
        )
        .await?;
    announce(session, order.order_id).await?;
    Ok(Reserved::All)
}

pub(crate) async fn announce(session: &mut impl Session, order_id: Uuid) -> Result<()> {
    session
        .execute(
            "INSERT INTO proof_outbox (outbox_id, topic, payload, due_at, leased_until, lease, state)
             VALUES ($1, $2, $3, $4, $4, 0, 'waiting')",
            &[
                Arg::Uuid(order_id),
                Arg::Text("stock.reserved"),
                Arg::Json(r#"{"lines":3,"source":"proof"}"#),
                Arg::Time(EPOCH),
            ],
        )
        .await?;
    Ok(())
}

/// Writes first and finds out afterwards that the order cannot be filled, so that there is
/// something to undo.
pub(crate) async fn reserve_late(
    session: &mut impl Session,
    order: &Reservation,
) -> Result<Reserved> {
    announce(session, order.order_id).await?;
    for sku in &order.skus {
        let taken = session
            .execute(
                "UPDATE proof_stock SET reserved = reserved + 1 WHERE sku = $1 AND on_hand > reserved",
                &[Arg::Text(sku)],
            )
            .await?;
        if taken == 0 {
            return Ok(Reserved::Refused);
        }
    }
    Ok(Reserved::All)
}

/// Empties the reservations and gives every SKU its stock back.
pub async fn reset_stock(session: &mut impl Session) -> Result<()> {
    session.execute("DELETE FROM proof_reservations", &[]).await?;
    session.execute("DELETE FROM proof_outbox", &[]).await?;
    session
        .execute(
            "UPDATE proof_stock SET reserved = 0, on_hand = CASE WHEN sku < $1
                THEN CAST($2 AS bigint) ELSE CAST($3 AS bigint) END",
            &[Arg::Text(&sku(SCARCE)), Arg::Int(SCARCE_PIECES), Arg::Int(i64::from(u32::MAX))],
        )
        .await?;
    Ok(())
}
