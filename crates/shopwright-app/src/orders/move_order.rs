//! An order moves on: paid, shipped, closed, given up. Doing the same again changes nothing.

use serde_json::json;
use shopwright_domain::ids::{OrderId, PaymentId};
use shopwright_domain::invalid::{Findings, InvalidField, sentence};
use shopwright_domain::money::Money;
use shopwright_domain::orders::{IllegalActionError, OrderAction, OrderState, RefundError, Step};
use shopwright_store::audit::{self, Stamp};
use shopwright_store::orders::placed::{self, Order};
use shopwright_store::orders::refunded::{self, PaymentKind};
use shopwright_store::{Change, StoreError, Tx};

use super::order_events::{OrderEvent, tell};
use super::place_order::{PaymentMade, capture, check_past, check_payment};
use crate::inventory::{GiveBackError, StepError, release_in, ship_in};

/// Why an order did not move on.
#[derive(Debug, thiserror::Error)]
pub enum OrderChangeError {
    /// There is no such order.
    #[error("there is no order {0}")]
    NotFound(OrderId),
    /// The order came with an imported history.
    #[error("the order {0} is of an imported history; import what happened to it the same way")]
    History(OrderId),
    /// Its state does not allow it.
    #[error(transparent)]
    Illegal(#[from] IllegalActionError),
    /// It was paid, by another payment.
    #[error("the order was paid before, by another payment; refund it first")]
    PaidOtherwise,
    /// Fields that cannot be kept.
    #[error("{}", sentence(.0))]
    Invalid(Vec<InvalidField>),
    /// The stock does not allow it.
    #[error(transparent)]
    Stock(StepError),
    /// Pieces cannot come back.
    #[error(transparent)]
    GiveBack(GiveBackError),
    /// The refund cannot be made.
    #[error(transparent)]
    Refund(#[from] RefundError),
    /// More than is left of what was paid.
    #[error("{rest} is left of what was paid, {wanted} was to be given back")]
    ExceedsPaid {
        /// What is left.
        rest: Money,
        /// What was wanted.
        wanted: Money,
    },
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<StepError> for OrderChangeError {
    fn from(error: StepError) -> Self {
        match error {
            StepError::Store(error) => Self::Store(error),
            other => Self::Stock(other),
        }
    }
}

impl From<GiveBackError> for OrderChangeError {
    fn from(error: GiveBackError) -> Self {
        match error {
            GiveBackError::Store(error) => Self::Store(error),
            other => Self::GiveBack(other),
        }
    }
}

/// An order that can be changed, locked.
pub(super) fn locked(tx: &mut Tx<'_>, id: OrderId) -> Result<Order, OrderChangeError> {
    let order = placed::lock(tx, id)?.ok_or(OrderChangeError::NotFound(id))?;
    if order.fingerprint.is_none() {
        return Err(OrderChangeError::History(id));
    }
    Ok(order)
}

/// Writes the order's life and gives the order as it is kept now.
pub(super) fn settle(tx: &mut Tx<'_>, mut order: Order) -> Result<Order, StoreError> {
    placed::update_life(tx, &order)?;
    order.version += 1;
    tx.announce(Change::PriceInputs);
    Ok(order)
}

/// Writes a step of an order's life, tells webhooks and the audit log of it, and gives the order as it
/// is kept now. `before` is the state it was in.
fn settle_told(
    tx: &mut Tx<'_>,
    order: Order,
    before: OrderState,
    (event, action): (OrderEvent, &'static str),
    stamp: Stamp,
) -> Result<Order, StoreError> {
    let order = settle(tx, order)?;
    tell(tx, &[event], &order, stamp.at)?;
    let state = |state: OrderState| Some(json!({ "state": state.as_str() }));
    let object = order.order_id.to_string();
    audit::record(tx, &stamp.entry(action, object, state(before), state(order.state)))?;
    Ok(order)
}

/// Records that an order was paid in full.
pub fn pay_order(
    tx: &mut Tx<'_>,
    id: OrderId,
    (payment_id, paid): (PaymentId, &PaymentMade),
    stamp: Stamp,
) -> Result<Order, OrderChangeError> {
    let mut found = Findings::default();
    check_payment(paid, "", &mut found);
    check_past("/paid_at", paid.at, stamp.at, &mut found);
    found.into_result().map_err(OrderChangeError::Invalid)?;
    let mut order = locked(tx, id)?;
    match order.state.step(OrderAction::Pay)? {
        Step::Already => {
            let captured = refunded::payments_of(tx, id)?;
            let same = captured.iter().any(|payment| {
                payment.kind == PaymentKind::Capture
                    && (&payment.provider, &payment.reference) == (&paid.provider, &paid.reference)
            });
            if same { Ok(order) } else { Err(OrderChangeError::PaidOtherwise) }
        }
        Step::To(state) => {
            refunded::insert_payment(tx, &capture(payment_id, &order, paid), stamp.at)?;
            let before = std::mem::replace(&mut order.state, state);
            order.paid_at = Some(paid.at);
            Ok(settle_told(tx, order, before, (OrderEvent::Paid, "order.paid"), stamp)?)
        }
    }
}

/// Records that an order was shipped: its pieces leave the shelf.
pub fn fulfil_order(tx: &mut Tx<'_>, id: OrderId, stamp: Stamp) -> Result<Order, OrderChangeError> {
    let mut order = locked(tx, id)?;
    let step = order.state.step(OrderAction::Fulfil)?;
    let Step::To(state) = step else { return Ok(order) };
    if order.fulfilled_at.is_some() {
        return Ok(order);
    }
    if let Some(reservation) = order.reservation_id {
        ship_in(tx, reservation, stamp.at)?;
    }
    let before = std::mem::replace(&mut order.state, state);
    order.fulfilled_at = Some(stamp.at);
    Ok(settle_told(tx, order, before, (OrderEvent::Fulfilled, "order.fulfilled"), stamp)?)
}

/// Closes a shipped order.
pub fn complete_order(
    tx: &mut Tx<'_>,
    id: OrderId,
    stamp: Stamp,
) -> Result<Order, OrderChangeError> {
    let mut order = locked(tx, id)?;
    if let Step::To(state) = order.state.step(OrderAction::Complete)? {
        let before = std::mem::replace(&mut order.state, state);
        order.completed_at = Some(stamp.at);
        order = settle_told(tx, order, before, (OrderEvent::Completed, "order.completed"), stamp)?;
    }
    Ok(order)
}

/// Gives an unpaid order up and lets its stock go.
pub fn cancel_order(tx: &mut Tx<'_>, id: OrderId, stamp: Stamp) -> Result<Order, OrderChangeError> {
    let mut order = locked(tx, id)?;
    if let Step::To(state) = order.state.step(OrderAction::Cancel)? {
        if let Some(reservation) = order.reservation_id {
            release_in(tx, reservation, stamp.at)?;
        }
        let before = std::mem::replace(&mut order.state, state);
        order.canceled_at = Some(stamp.at);
        order = settle_told(tx, order, before, (OrderEvent::Canceled, "order.canceled"), stamp)?;
    }
    Ok(order)
}

/// Whether the pieces of an order still wait for their shipment.
pub(super) fn is_unshipped(order: &Order) -> bool {
    order.fulfilled_at.is_none() && order.state != OrderState::Canceled
}
