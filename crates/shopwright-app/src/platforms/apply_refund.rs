//! A refund a platform made, booked once on the order it is for.

use std::collections::BTreeMap;

use shopwright_domain::ids::OrderId;
use shopwright_domain::money::Money;
use shopwright_domain::orders::{OrderState, RefundError};
use shopwright_domain::platforms::{PlatformRefund, PlatformRefundLine};
use shopwright_store::audit::Stamp;
use shopwright_store::orders::placed::{self, Order, OrderLine};
use shopwright_store::{StoreError, Tx, platforms};

use super::{Applied, ApplyError, ApplyIds, For};
use crate::orders::{OrderChangeError, RefundOrder, RefundedPieces, refund_order};

/// Books a refund of `source`. One whose order is not here yet, or not paid yet, is waited for.
pub fn apply_refund(
    tx: &mut Tx<'_>,
    source: &str,
    refund: &PlatformRefund,
    ids: &ApplyIds,
    stamp: Stamp,
) -> Result<Applied, ApplyError> {
    apply_nth(tx, source, refund, (ids, 0), stamp)
}

/// Books the refund at `place` of several under the same ids.
pub(super) fn apply_nth(
    tx: &mut Tx<'_>,
    source: &str,
    refund: &PlatformRefund,
    (ids, place): (&ApplyIds, u128),
    stamp: Stamp,
) -> Result<Applied, ApplyError> {
    if platforms::knows_refund(tx, source, &refund.external_id)? {
        return Ok(Applied::Unchanged);
    }
    let external = &refund.order_external_id;
    let Some(found) = placed::find_external(tx, source, external)? else {
        return Err(ApplyError::Waits(format!(
            "the order {external} of {source} is not here yet; send it again"
        )));
    };
    // Whoever holds the order books its refunds: a rival that did has noted this one by now.
    let gone = || StoreError::Bug("an order was there and is not".into());
    let order = placed::lock(tx, found.order_id)?.ok_or_else(gone)?;
    if platforms::knows_refund(tx, source, &refund.external_id)? {
        return Ok(Applied::Unchanged);
    }
    let named = (source, refund.external_id.as_str());
    if refund.amount_minor == 0 {
        platforms::note_refund(tx, named, None)?;
        return Ok(Applied::Ignored("no money went back"));
    }
    if order.state == OrderState::Pending {
        return Err(ApplyError::Waits(format!("the order {external} is not paid yet")));
    }
    let mut command = RefundOrder {
        refund_id: ids.of(For::Refunds, place * 2),
        payment_id: ids.of(For::Refunds, place * 2 + 1),
        order_id: order.order_id,
        lines: pieces(tx, &order, refund)?,
        shipping: false,
        amount: Some(Money { amount: refund.amount_minor, currency: order.currency }),
        provider: None,
        reference: refund.external_id.clone(),
        reason: refund.reason.clone().filter(|reason| !reason.trim().is_empty()),
        refunded_at: refund.at,
    };
    book(tx, &mut command, stamp)?;
    platforms::note_refund(tx, named, Some(command.refund_id))?;
    Ok(Applied::Created)
}

/// More than the lines are worth goes back for the shipping too; still more, and it is an amount
/// beside them. Each is refused, where it is, before anything is written.
fn book(tx: &mut Tx<'_>, command: &mut RefundOrder, stamp: Stamp) -> Result<(), ApplyError> {
    let above = |error: &OrderChangeError| {
        matches!(error, OrderChangeError::Refund(RefundError::AboveWorth { .. }))
    };
    match refund_order(tx, command, stamp) {
        Err(error) if above(&error) => command.shipping = true,
        other => return Ok(other.map(|_| ())?),
    }
    match refund_order(tx, command, stamp) {
        Err(error) if above(&error) => {}
        other => return Ok(other.map(|_| ())?),
    }
    if command.lines.iter().any(|line| line.restock) {
        return Err(ApplyError::Refused(
            "more goes back than the lines and the shipping are worth, and pieces with it; book it by hand"
                .to_owned(),
        ));
    }
    command.lines.clear();
    command.shipping = false;
    Ok(refund_order(tx, command, stamp).map(|_| ())?)
}

/// The pieces that came back, by our lines.
fn pieces(
    tx: &mut Tx<'_>,
    order: &Order,
    refund: &PlatformRefund,
) -> Result<Vec<RefundedPieces>, ApplyError> {
    let lines = placed::lines_of(tx, order.order_id)?;
    let mut pieces: BTreeMap<i64, RefundedPieces> = BTreeMap::new();
    for line in refund.lines.iter().filter(|line| line.quantity > 0) {
        let Some(ordinal) = ordinal(tx, order.order_id, line, &lines)? else {
            return Err(ApplyError::Refused(format!(
                "the refund {} names a line that the order {} does not have",
                refund.external_id, refund.order_external_id
            )));
        };
        let sum = pieces.entry(ordinal).or_insert(RefundedPieces {
            line: ordinal,
            quantity: 0,
            restock: false,
        });
        sum.quantity += line.quantity;
        sum.restock |= line.restock;
    }
    Ok(pieces.into_values().collect())
}

fn ordinal(
    tx: &mut Tx<'_>,
    id: OrderId,
    line: &PlatformRefundLine,
    lines: &[OrderLine],
) -> Result<Option<i64>, StoreError> {
    if let Some(external) = &line.line_external_id
        && let Some(ordinal) = platforms::line_ordinal(tx, id, external)?
    {
        return Ok(Some(ordinal));
    }
    let Some(sku) = &line.sku else { return Ok(None) };
    Ok(lines.iter().find(|of| of.kind.is_goods() && of.code == sku.as_str()).map(|of| of.ordinal))
}
