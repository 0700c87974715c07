//! An order of a file is booked as its platform's, or moved on to what the file shows of it.
//!
//! A file has no time at which it was written, so it only moves orders forward: paid, sent, given back
//! as far as the sum it shows, called off. It never takes back what the ledger has learnt since.

use shopwright_domain::ids::{Id, derived_uuid};
use shopwright_domain::money::Money;
use shopwright_domain::orders::{OrderAction, OrderState, Step};
use shopwright_domain::platforms::stripe_payments_csv::StripePayment;
use shopwright_domain::platforms::{Platform, PlatformOrder, PlatformPayment};
use shopwright_store::audit::Stamp;
use shopwright_store::orders::placed::{self, Order};
use shopwright_store::orders::refunded;
use shopwright_store::{StoreError, Tx, customers, platforms};
use uuid::Uuid;

use super::applying::external_id;
use crate::orders::{
    PaymentMade, RefundOrder, cancel_order, fulfil_order, pay_order, refund_order,
};
use crate::platforms::{Applied, ApplyError, ApplyIds, apply_order, customer_id};

/// Salts of the ids that follow from the one fixed for an order, apart from those of [`ApplyIds`].
const PAYMENT: u128 = 1_001;
const REFUND: u128 = 1_003;
const REFUND_PAYMENT: u128 = 1_004;

/// A payment whose order is in the ledger belongs to it; any other is an order of its own.
pub(super) fn take_payment(
    tx: &mut Tx<'_>,
    payment: &StripePayment,
    (id, ids): (Uuid, &ApplyIds),
    stamp: Stamp,
) -> Result<Applied, ApplyError> {
    if let Some(number) = &payment.names_order {
        for platform in Platform::ALL {
            if let Some(order) = placed::find_external(tx, platform.as_str(), number)? {
                return pay(tx, &order, &payment.order, id, stamp);
            }
        }
    }
    take_order(tx, &payment.order, (id, ids), stamp)
}

/// Books an order that is new, and moves one that is known.
pub(super) fn take_order(
    tx: &mut Tx<'_>,
    order: &PlatformOrder,
    (id, ids): (Uuid, &ApplyIds),
    stamp: Stamp,
) -> Result<Applied, ApplyError> {
    if order.is_test {
        return Ok(Applied::Ignored("a test order"));
    }
    let external = &order.external_id;
    let refuse =
        |problem: &str| Err(ApplyError::Refused(format!("the order {external} {problem}")));
    let (kept, mut applied) = match placed::find_external(tx, &order.source, external)? {
        Some(kept) if kept.fingerprint.is_none() => {
            return refuse("is there from an imported history; use another --source");
        }
        Some(kept) if (kept.amount_minor, kept.currency) != (order.total_minor, order.currency) => {
            return refuse("is booked with another total; the books keep the first");
        }
        Some(kept) => (kept, Applied::Unchanged),
        None => {
            let said = as_said(tx, order)?;
            let applied = apply_order(tx, &said, ids, stamp)?;
            match placed::find_external(tx, &order.source, external)? {
                Some(kept) => {
                    platforms::note_from_file(tx, kept.order_id)?;
                    (kept, applied)
                }
                None => return Ok(applied),
            }
        }
    };
    for moved in [
        pay(tx, &kept, order, id, stamp)?,
        ship(tx, &kept, order, stamp)?,
        give_back(tx, &kept, order, id, stamp)?,
        call_off(tx, &kept, order, stamp)?,
    ] {
        if applied == Applied::Unchanged {
            applied = moved;
        }
    }
    Ok(applied)
}

/// The order with its buyer under an id. Its refunds are a sum and booked apart; a consent that is
/// known is not asked of an old order.
fn as_said(tx: &mut Tx<'_>, order: &PlatformOrder) -> Result<PlatformOrder, ApplyError> {
    let mut said = order.clone();
    said.refunds.clear();
    if let Some(person) = &mut said.customer {
        person.external_id = external_id(tx, &order.source, person)?;
        if let Some(external) = &person.external_id {
            let known = customers::find(tx, &customer_id(&order.source, external)?)?;
            if known.is_some_and(|known| known.fields.consent.is_some()) {
                person.consent = None;
            }
        }
    }
    Ok(said)
}

fn made(order: &PlatformOrder) -> Option<PaymentMade> {
    match &order.payment {
        PlatformPayment::Paid { provider, reference, at } => {
            Some(PaymentMade { provider: provider.clone(), reference: reference.clone(), at: *at })
        }
        PlatformPayment::Pending | PlatformPayment::Failed => None,
    }
}

fn now_of(tx: &mut Tx<'_>, order: &Order) -> Result<OrderState, StoreError> {
    Ok(placed::find(tx, order.order_id)?.map_or(order.state, |order| order.state))
}

fn allows(state: OrderState, action: OrderAction) -> bool {
    matches!(state.step(action), Ok(Step::To(_)))
}

fn pay(
    tx: &mut Tx<'_>,
    kept: &Order,
    order: &PlatformOrder,
    id: Uuid,
    stamp: Stamp,
) -> Result<Applied, ApplyError> {
    let Some(paid) = made(order).filter(|_| kept.state == OrderState::Pending) else {
        return Ok(Applied::Unchanged);
    };
    let payment_id = Id::from_uuid(derived_uuid(id, PAYMENT));
    pay_order(tx, kept.order_id, (payment_id, &paid), stamp)?;
    Ok(Applied::Updated)
}

fn ship(
    tx: &mut Tx<'_>,
    kept: &Order,
    order: &PlatformOrder,
    stamp: Stamp,
) -> Result<Applied, ApplyError> {
    let state = now_of(tx, kept)?;
    if order.fulfilled_at.is_none()
        || kept.fulfilled_at.is_some()
        || !allows(state, OrderAction::Fulfil)
    {
        return Ok(Applied::Unchanged);
    }
    fulfil_order(tx, kept.order_id, stamp)?;
    Ok(Applied::Updated)
}

/// A file knows the sum that went back; what of it the ledger does not know goes back now.
fn give_back(
    tx: &mut Tx<'_>,
    kept: &Order,
    order: &PlatformOrder,
    id: Uuid,
    stamp: Stamp,
) -> Result<Applied, ApplyError> {
    let wanted: i64 = order.refunds.iter().map(|refund| refund.amount_minor).sum();
    let (_, given) = refunded::sums_of(tx, kept.order_id)?;
    let Some(last) = order.refunds.last().filter(|_| wanted > given) else {
        return Ok(Applied::Unchanged);
    };
    let command = RefundOrder {
        refund_id: Id::from_uuid(derived_uuid(id, REFUND)),
        payment_id: Id::from_uuid(derived_uuid(id, REFUND_PAYMENT)),
        order_id: kept.order_id,
        lines: Vec::new(),
        shipping: false,
        amount: Some(Money { amount: wanted - given, currency: order.currency }),
        provider: None,
        reference: last.external_id.clone(),
        reason: last.reason.clone(),
        refunded_at: last.at,
    };
    refund_order(tx, &command, stamp)?;
    Ok(Applied::Updated)
}

fn call_off(
    tx: &mut Tx<'_>,
    kept: &Order,
    order: &PlatformOrder,
    stamp: Stamp,
) -> Result<Applied, ApplyError> {
    let ends = order.canceled_at.is_some() || order.payment == PlatformPayment::Failed;
    if !ends || !allows(now_of(tx, kept)?, OrderAction::Cancel) {
        return Ok(Applied::Unchanged);
    }
    cancel_order(tx, kept.order_id, stamp)?;
    Ok(Applied::Updated)
}
