//! A platform's order as an order of ours: its lines, and a line for what its rounding left over.
//!
//! The total is the platform's, to the minor unit. Where its own lines do not add up to it by at most
//! one minor unit a line, the difference is a line that says so; where they differ by more, something
//! is missing and the order is refused.

use super::PlatformOrder;
use crate::catalog::{Sku, TITLE_BYTES_MAX};
use crate::money::UnitPrice;
use crate::orders::{LineDraft, LineKind, OrderDraft};

/// What the line says that a platform's rounding left over.
pub const ROUNDING_TITLE: &str = "Rounding of the platform";

/// An order that cannot be booked, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BookingError(pub String);

/// The order as it is booked. `skus` has the product of each line in their order; a sale without one
/// is booked as a fee. The lines keep their places.
pub fn draft(order: &PlatformOrder, skus: &[Option<Sku>]) -> Result<OrderDraft, BookingError> {
    let mut lines = Vec::with_capacity(order.lines.len() + 1);
    for (line, sku) in order.lines.iter().zip(skus) {
        let amount = line.unit_price.line_amount_minor(line.quantity, order.currency);
        let amount_minor = amount.map_err(|error| BookingError(error.to_string()))?;
        let kind = match line.kind {
            LineKind::Sale | LineKind::FreeGoods if sku.is_none() => LineKind::Fee,
            kind => kind,
        };
        let sku = sku.clone().filter(|_| matches!(kind, LineKind::Sale | LineKind::FreeGoods));
        lines.push(LineDraft {
            kind,
            sku,
            title: title(&line.title),
            quantity: line.quantity,
            unit_price: line.unit_price,
            amount_minor,
            discount_minor: line.discount_minor,
            tax_minor: line.tax_minor,
        });
    }
    let payable = |line: &LineDraft| {
        let tax = if order.tax_included { 0 } else { i128::from(line.tax_minor) };
        i128::from(line.amount_minor) - i128::from(line.discount_minor) + tax
    };
    let sum: i128 = lines.iter().map(payable).sum();
    let apart = i128::from(order.total_minor) - sum;
    if apart != 0 {
        let allowed = i128::try_from(order.lines.len()).unwrap_or(i128::MAX);
        if apart.abs() > allowed {
            return Err(BookingError(format!(
                "the lines of the order {} add up to {sum} minor units, its total says {}; something \
                 of it is missing, send it again whole",
                order.external_id, order.total_minor
            )));
        }
        lines.push(rounding(i64::try_from(apart).unwrap_or_default(), order));
    }
    Ok(OrderDraft {
        currency: order.currency,
        tax_included: order.tax_included,
        total_minor: order.total_minor,
        lines,
    })
}

fn rounding(apart_minor: i64, order: &PlatformOrder) -> LineDraft {
    let kind = if apart_minor < 0 { LineKind::Discount } else { LineKind::Fee };
    LineDraft {
        kind,
        sku: None,
        title: ROUNDING_TITLE.to_owned(),
        quantity: 1,
        unit_price: UnitPrice(
            apart_minor.saturating_mul(1_000_000 / order.currency.minor_per_major()),
        ),
        amount_minor: apart_minor,
        discount_minor: 0,
        tax_minor: 0,
    }
}

/// A text of a platform as one line that fits a title.
pub fn title(text: &str) -> String {
    let mut line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect::<String>()
        .trim()
        .to_owned();
    let mut end = line.len().min(TITLE_BYTES_MAX);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    line.truncate(end);
    line
}
