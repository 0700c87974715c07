//! Money goes back for an order, and pieces come back with it: never more than was paid, whoever
//! asks at the same time.

use serde_json::json;
use shopwright_domain::catalog::Sku;
use shopwright_domain::ids::{OrderId, PaymentId, RefundId};
use shopwright_domain::invalid::Findings;
use shopwright_domain::money::{Money, UnitPrice};
use shopwright_domain::orders::{
    LineKind, OrderAction, REFERENCE_BYTES_MAX, RefundError, RefundPart, RefundPlan, RefundWish,
    RefundableLine, Step, refund,
};
use shopwright_domain::time::Timestamp;
use shopwright_store::audit::{self, Stamp};
use shopwright_store::orders::placed::{self, Order, OrderLine, line_stock};
use shopwright_store::orders::refunded::{self, Payment, PaymentKind, Refund, RefundLine};
use shopwright_store::{StoreError, Tx};

use super::move_order::{OrderChangeError, is_unshipped, locked, settle};
use super::order_events::tell_refund;
use super::place_order::check_past;
use crate::inventory::{GivenBack, give_back_in, release_in};

/// The longest reason of a refund, in bytes.
const REASON_BYTES_MAX: usize = 1_000;

/// Pieces of a line to give back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundedPieces {
    /// The line's place in the order.
    pub line: i64,
    /// Pieces.
    pub quantity: i64,
    /// Whether pieces that had shipped lie on the shelf again.
    pub restock: bool,
}

/// A refund to make. The ids are fixed before, so that a second run makes the same.
#[derive(Clone, Debug)]
pub struct RefundOrder {
    /// Its id.
    pub refund_id: RefundId,
    /// The id of its payment.
    pub payment_id: PaymentId,
    /// The order.
    pub order_id: OrderId,
    /// Pieces of lines.
    pub lines: Vec<RefundedPieces>,
    /// Whether all that is left of the shipping goes back too.
    pub shipping: bool,
    /// The money, when it is not what the lines are worth; in the order's currency.
    pub amount: Option<Money>,
    /// Who gave it back; that of the payment when left out.
    pub provider: Option<String>,
    /// The provider's number for it; empty when there is none.
    pub reference: String,
    /// Why, in the shop's words.
    pub reason: Option<String>,
    /// When the money went back.
    pub refunded_at: Timestamp,
}

/// A refund that was made.
#[derive(Clone, Debug)]
pub struct Refunded {
    /// The order as it is now.
    pub order: Order,
    /// The refund.
    pub refund: Refund,
    /// Its lines.
    pub lines: Vec<RefundLine>,
}

/// Gives money back for an order, with the pieces that are named.
pub fn refund_order(
    tx: &mut Tx<'_>,
    command: &RefundOrder,
    stamp: Stamp,
) -> Result<Refunded, OrderChangeError> {
    let now = stamp.at;
    let mut order = locked(tx, command.order_id)?;
    check(command, &order, now)?;
    // Refused here when nothing was paid, whatever is asked for.
    order.state.step(OrderAction::RefundPart)?;
    let lines = placed::lines_of(tx, order.order_id)?;
    let (paid, given) = refunded::sums_of(tx, order.order_id)?;
    let plan = plan(&lines, (paid, given), command, &order)?;
    let refund_lines = refund_lines(&plan, &lines, command, &order);
    let refund = Refund {
        refund_id: command.refund_id,
        order_id: Some(order.order_id),
        currency: order.currency,
        refunded_at: command.refunded_at,
        amount_minor: plan.amount_minor,
        reason: command.reason.clone(),
    };
    refunded::insert(tx, &order, &refund, &refund_lines, now)?;
    if plan.amount_minor > 0 {
        let payment = pay_back(tx, command, &order, plan.amount_minor)?;
        refunded::insert_payment(tx, &payment, now)?;
        let all = plan.rest_minor == 0;
        let action = if all { OrderAction::RefundRest } else { OrderAction::RefundPart };
        if let Step::To(state) = order.state.step(action)? {
            order.state = state;
        }
    }
    take_back(tx, &order, &refund, &refund_lines, now)?;
    let nothing_left = plan.amount_minor > 0 && plan.rest_minor == 0;
    if let Some(reservation) = order.reservation_id.filter(|_| nothing_left && is_unshipped(&order))
    {
        release_in(tx, reservation, now)?;
    }
    let order = settle(tx, order)?;
    tell_refund(tx, &refund, &order, now)?;
    let made = Refunded { order, refund, lines: refund_lines };
    record(tx, &made, stamp)?;
    Ok(made)
}

/// Tells the audit log: amounts and places of lines, and no words that somebody wrote about a person.
fn record(tx: &mut Tx<'_>, made: &Refunded, stamp: Stamp) -> Result<(), StoreError> {
    let line = |line: &RefundLine| {
        json!({
            "line": line.order_ordinal, "quantity": line.quantity, "amount_minor": line.amount_minor,
            "restocked": line.restocked,
        })
    };
    let after = json!({
        "state": made.order.state.as_str(),
        "refund": made.refund.refund_id.to_string(),
        "amount_minor": made.refund.amount_minor,
        "currency": made.refund.currency,
        "lines": made.lines.iter().map(line).collect::<Vec<_>>(),
    });
    let object = made.order.order_id.to_string();
    audit::record(tx, &stamp.entry("order.refunded", object, None, Some(after))).map(|_| ())
}

fn check(command: &RefundOrder, order: &Order, now: Timestamp) -> Result<(), OrderChangeError> {
    let mut found = Findings::default();
    found.maybe_text("/reason", command.reason.as_deref(), REASON_BYTES_MAX);
    found.maybe_text("/provider", command.provider.as_deref(), REFERENCE_BYTES_MAX);
    if !command.reference.is_empty() {
        found.text("/reference", &command.reference, REFERENCE_BYTES_MAX);
    }
    check_past("/refunded_at", command.refunded_at, now, &mut found);
    if command.amount.is_some_and(|amount| amount.currency != order.currency) {
        found.add("/amount/currency", format!("the order is in {}", order.currency));
    }
    found.into_result().map_err(OrderChangeError::Invalid)
}

fn plan(
    lines: &[OrderLine],
    (paid_minor, given_minor): (i64, i64),
    command: &RefundOrder,
    order: &Order,
) -> Result<RefundPlan, OrderChangeError> {
    let refundable: Vec<_> = lines
        .iter()
        .map(|line| RefundableLine {
            ordinal: line.ordinal,
            kind: line.kind,
            quantity: line.quantity,
            share_minor: line.share_minor.unwrap_or(line.amount_minor),
            refunded_quantity: line.refunded_quantity,
            refunded_minor: line.refunded_minor,
        })
        .collect();
    let wish = RefundWish {
        lines: command.lines.iter().map(|pieces| (pieces.line, pieces.quantity)).collect(),
        shipping: command.shipping,
        amount_minor: command.amount.map(|money| money.amount),
    };
    let money = |amount| Money { amount, currency: order.currency };
    refund(&refundable, paid_minor, given_minor, &wish).map_err(|error| match error {
        RefundError::ExceedsPaid { rest_minor, wanted_minor } => {
            OrderChangeError::ExceedsPaid { rest: money(rest_minor), wanted: money(wanted_minor) }
        }
        other => OrderChangeError::Refund(other),
    })
}

fn refund_lines(
    plan: &RefundPlan,
    lines: &[OrderLine],
    command: &RefundOrder,
    order: &Order,
) -> Vec<RefundLine> {
    let of = |part: &RefundPart| {
        part.ordinal.and_then(|ordinal| lines.iter().find(|line| line.ordinal == ordinal))
    };
    let line = |(ordinal, part): (i64, &RefundPart)| match of(part) {
        Some(sold) => {
            let asked = command.lines.iter().find(|pieces| pieces.line == sold.ordinal);
            let tracked = sold.stock == line_stock::RESERVATION;
            let comes_back = is_unshipped(order) || asked.is_some_and(|pieces| pieces.restock);
            RefundLine {
                ordinal,
                order_ordinal: Some(sold.ordinal),
                kind: if sold.kind.is_goods() { LineKind::Refund } else { sold.kind },
                code: sold.code.clone(),
                title: sold.title.clone(),
                quantity: part.quantity,
                unit_price: sold.unit_price,
                amount_minor: part.amount_minor,
                restocked: tracked && comes_back,
            }
        }
        None => RefundLine {
            ordinal,
            order_ordinal: None,
            kind: LineKind::ManualAdjustment,
            code: "refund".to_owned(),
            title: "Refund".to_owned(),
            quantity: 1,
            unit_price: unit_price(part.amount_minor, order),
            amount_minor: part.amount_minor,
            restocked: false,
        },
    };
    (0..).zip(&plan.parts).map(line).collect()
}

/// An amount as the price of one piece. A currency has at most six places, and an amount is bounded.
fn unit_price(amount_minor: i64, order: &Order) -> UnitPrice {
    UnitPrice(amount_minor.saturating_mul(1_000_000 / order.currency.minor_per_major()))
}

fn pay_back(
    tx: &mut Tx<'_>,
    command: &RefundOrder,
    order: &Order,
    amount_minor: i64,
) -> Result<Payment, StoreError> {
    let provider = if let Some(provider) = &command.provider {
        provider.clone()
    } else {
        let payments = refunded::payments_of(tx, order.order_id)?;
        let capture = payments.into_iter().find(|p| p.kind == PaymentKind::Capture);
        capture.map(|payment| payment.provider).unwrap_or_default()
    };
    Ok(Payment {
        payment_id: command.payment_id,
        order_id: order.order_id,
        refund_id: Some(command.refund_id),
        kind: PaymentKind::Refund,
        provider,
        reference: command.reference.clone(),
        currency: order.currency,
        amount_minor,
        at: command.refunded_at,
    })
}

/// Unshipped pieces are free again; shipped ones go onto the shelf where that was asked for.
fn take_back(
    tx: &mut Tx<'_>,
    order: &Order,
    refund: &Refund,
    lines: &[RefundLine],
    now: Timestamp,
) -> Result<(), OrderChangeError> {
    let Some(reservation) = order.reservation_id else { return Ok(()) };
    let mut pieces = Vec::new();
    for line in lines.iter().filter(|line| line.restocked) {
        let sku = Sku::parse(&line.code).map_err(|error| StoreError::Bug(error.to_string()))?;
        pieces.push((sku, line.quantity));
    }
    if pieces.is_empty() {
        return Ok(());
    }
    let reference = refund.refund_id.to_string();
    let how = GivenBack { reference: &reference, restock: true };
    give_back_in(tx, reservation, &pieces, how, now)?;
    Ok(())
}
