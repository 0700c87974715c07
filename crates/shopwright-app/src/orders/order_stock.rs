//! The stock of an order: committed when it is booked, shipped or let go with it.
//!
//! Only products that were counted have stock to commit; the others are sold without.

use std::collections::BTreeMap;

use shopwright_domain::catalog::Sku;
use shopwright_domain::ids::{OrderId, ReservationId};
use shopwright_domain::time::Timestamp;
use shopwright_store::inventory::{levels, reservations};
use shopwright_store::orders::placed::{self, Order};
use shopwright_store::{StoreError, Tx};

use crate::inventory::{
    HOLD_DEFAULT, Reserve, ReserveError, StepError, WantedLine, commit_in, sell_in,
};

/// Why an order got no stock.
#[derive(Debug, thiserror::Error)]
pub enum OrderStockError {
    /// Pieces are missing, or there are too many products.
    #[error(transparent)]
    Reserve(ReserveError),
    /// The named reservation cannot be committed.
    #[error(transparent)]
    Step(StepError),
    /// The named reservation holds other pieces.
    #[error("the reservation {0} holds other pieces than the order's lines")]
    Differs(ReservationId),
    /// Another order has the named reservation.
    #[error("the reservation {reservation} belongs to the order {order}")]
    Taken {
        /// The reservation.
        reservation: ReservationId,
        /// Whose it is.
        order: OrderId,
    },
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<ReserveError> for OrderStockError {
    fn from(error: ReserveError) -> Self {
        match error {
            ReserveError::Store(error) => Self::Store(error),
            other => Self::Reserve(other),
        }
    }
}

impl From<StepError> for OrderStockError {
    fn from(error: StepError) -> Self {
        match error {
            StepError::Store(error) => Self::Store(error),
            other => Self::Step(other),
        }
    }
}

/// Those of the pieces whose product was counted somewhere.
pub(super) fn tracked(
    tx: &mut Tx<'_>,
    pieces: &BTreeMap<Sku, i64>,
) -> Result<BTreeMap<Sku, i64>, StoreError> {
    let skus: Vec<&str> = pieces.keys().map(Sku::as_str).collect();
    let counted = levels::counted(tx, &skus)?;
    let is_counted = |(sku, _): &(&Sku, &i64)| counted.contains(sku.as_str());
    Ok(pieces.iter().filter(is_counted).map(|(sku, n)| (sku.clone(), *n)).collect())
}

/// Commits the pieces of an order: those of the named reservation, else under one of its own. Gives
/// the reservation; `None` when there is nothing to commit.
pub(super) fn take_stock(
    tx: &mut Tx<'_>,
    order: &Order,
    pieces: &BTreeMap<Sku, i64>,
    (named, fresh): (Option<ReservationId>, ReservationId),
    now: Timestamp,
) -> Result<Option<ReservationId>, OrderStockError> {
    if let Some(named) = named {
        let held = reservations::lock(tx, named)?.ok_or(StepError::NotFound(named))?;
        let mut sums: BTreeMap<Sku, i64> = BTreeMap::new();
        for line in &held.lines {
            *sums.entry(line.sku.clone()).or_insert(0) += line.quantity - line.released;
        }
        if sums != *pieces {
            return Err(OrderStockError::Differs(named));
        }
        if let Some(order) = placed::holder(tx, named)? {
            return Err(OrderStockError::Taken { reservation: named, order });
        }
        commit_in(tx, named, now)?;
        return Ok(Some(named));
    }
    if pieces.is_empty() {
        return Ok(None);
    }
    let line = |(sku, quantity): (&Sku, &i64)| WantedLine { sku: sku.clone(), quantity: *quantity };
    let wish = Reserve {
        reservation_id: fresh,
        reference: Some(order.order_id.to_string()),
        lines: pieces.iter().map(line).collect(),
        hold_micros: HOLD_DEFAULT,
    };
    let sold = sell_in(tx, &wish, now)?;
    Ok(Some(sold.reservation_id))
}
