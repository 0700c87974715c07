//! An order of a file is booked, or moved on to what the file shows of it.

use std::collections::BTreeMap;

use shopwright_domain::customers::is_country;
use shopwright_domain::ids::{Id, derived_uuid};
use shopwright_domain::money::Money;
use shopwright_domain::orders::{LineDraft, LineKind, OrderAction, OrderDraft, OrderState, Step};
use shopwright_domain::platforms::stripe_payments_csv::StripePayment;
use shopwright_domain::platforms::{PlatformLine, PlatformOrder, PlatformPayment};
use shopwright_store::audit::Stamp;
use shopwright_store::orders::placed::{self, Order};
use shopwright_store::orders::refunded;
use shopwright_store::{Tx, catalog};
use uuid::Uuid;

use super::applying::{Applied, ApplyError, customer_of, put_person, refusals};
use crate::orders::{
    OrderChangeError, PaymentMade, PlaceOrder, PlaceOrderError, RefundOrder, StockChoice,
    cancel_order, fulfil_order, pay_order, place_order, refund_order,
};

refusals!(PlaceOrderError, OrderChangeError);

/// Salts of the ids that follow from the one fixed for an order.
const PAYMENT: u128 = 1;
const RESERVATION: u128 = 2;
const REFUND: u128 = 3;
const REFUND_PAYMENT: u128 = 4;

/// A payment whose order is in the ledger belongs to it; any other is an order of its own.
pub(super) fn apply_payment(
    tx: &mut Tx<'_>,
    payment: &StripePayment,
    id: Uuid,
    stamp: Stamp,
) -> Result<Applied, ApplyError> {
    if let Some(number) = &payment.names_order {
        for source in ["shopify", "woocommerce"] {
            if let Some(order) = placed::find_external(tx, source, number)? {
                return pay(tx, &order, &payment.order, id, stamp);
            }
        }
    }
    apply_order(tx, &payment.order, id, stamp)
}

/// Books an order that is new, and moves one that is known.
pub(super) fn apply_order(
    tx: &mut Tx<'_>,
    order: &PlatformOrder,
    id: Uuid,
    stamp: Stamp,
) -> Result<Applied, ApplyError> {
    if order.is_test {
        return Ok(Applied::Unchanged);
    }
    let known = placed::find_external(tx, &order.source, &order.external_id)?;
    let (kept, mut applied) = match known {
        Some(kept) if kept.fingerprint.is_none() => {
            return Err(ApplyError::Refused(format!(
                "the order {} is there from an imported history; use another --source",
                order.external_id
            )));
        }
        Some(kept) if kept.amount_minor != order.total_minor || kept.currency != order.currency => {
            return Err(ApplyError::Refused(format!(
                "the order {} is booked with another total; the books keep the first",
                order.external_id
            )));
        }
        Some(kept) => (kept, Applied::Unchanged),
        None => (book(tx, order, id, stamp)?, Applied::Written),
    };
    for moved in [
        pay(tx, &kept, order, id, stamp)?,
        ship(tx, &kept, order, stamp)?,
        give_back(tx, &kept, order, id, stamp)?,
        call_off(tx, &kept, order, stamp)?,
    ] {
        if moved == Applied::Written {
            applied = Applied::Written;
        }
    }
    Ok(applied)
}

fn made(order: &PlatformOrder) -> Option<PaymentMade> {
    match &order.payment {
        PlatformPayment::Paid { provider, reference, at } => {
            Some(PaymentMade { provider: provider.clone(), reference: reference.clone(), at: *at })
        }
        PlatformPayment::Pending | PlatformPayment::Failed => None,
    }
}

fn book(
    tx: &mut Tx<'_>,
    order: &PlatformOrder,
    id: Uuid,
    stamp: Stamp,
) -> Result<Order, ApplyError> {
    let customer = match &order.customer {
        None => None,
        Some(person) => match customer_of(tx, &order.source, person)? {
            None => None,
            Some(id) => {
                put_person(tx, &id, person, stamp)?;
                Some(id)
            }
        },
    };
    let goods: BTreeMap<&str, &str> = order
        .lines
        .iter()
        .filter_map(|line| Some((line.sku.as_ref()?.as_str(), line.title.as_str())))
        .collect();
    catalog::insert_missing(tx, &goods.into_iter().collect::<Vec<_>>(), order.currency, stamp.at)?;
    let lines = order.lines.iter().map(|line| draft(line, order)).collect::<Result<_, _>>()?;
    let country = order.ship_to.as_ref().and_then(|address| address.country.clone());
    let command = PlaceOrder {
        order_id: Id::from_uuid(id),
        payment_id: Id::from_uuid(derived_uuid(id, PAYMENT)),
        reservation_id: Id::from_uuid(derived_uuid(id, RESERVATION)),
        source: order.source.clone(),
        external_id: order.external_id.clone(),
        customer,
        placed_at: order.placed_at,
        country: country.filter(|code| is_country(code)),
        ship_to: order.ship_to.clone(),
        draft: OrderDraft {
            currency: order.currency,
            tax_included: order.tax_included,
            total_minor: order.total_minor,
            lines,
        },
        payment: made(order),
        stock: StockChoice::None,
    };
    Ok(place_order(tx, &command, stamp.at)?.0)
}

fn draft(line: &PlatformLine, order: &PlatformOrder) -> Result<LineDraft, ApplyError> {
    let amount_minor = line
        .unit_price
        .line_amount_minor(line.quantity, order.currency)
        .map_err(|error| ApplyError::Refused(error.to_string()))?;
    // Goods without a code are a charge beside those that have one: nothing can be priced by them.
    let kind = match (line.kind, &line.sku) {
        (LineKind::Sale | LineKind::FreeGoods, None) => LineKind::Fee,
        (kind, _) => kind,
    };
    Ok(LineDraft {
        kind,
        sku: line.sku.clone(),
        title: line.title.clone(),
        quantity: line.quantity,
        unit_price: line.unit_price,
        amount_minor,
        discount_minor: line.discount_minor,
        tax_minor: line.tax_minor,
    })
}

fn now_of(tx: &mut Tx<'_>, order: &Order) -> Result<OrderState, ApplyError> {
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
    Ok(Applied::Written)
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
    Ok(Applied::Written)
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
    Ok(Applied::Written)
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
    Ok(Applied::Written)
}
