//! Stripe's export of payments. For a shop that sells through Stripe alone they are its orders: each
//! paid payment becomes an order of one line without a product. One that names the order of another
//! source in its metadata belongs to that order and makes none.

use super::cells::{CellError, Formats, Row};
use super::shopify_orders_csv::{currency_of, refund_of, side_line};
use super::{PlatformCustomer, PlatformOrder, PlatformPayment};
use crate::orders::LineKind;

/// Columns without which a file is no such export.
pub const NEEDED: [&str; 4] = ["id", "Amount", "Currency", "Status"];
/// Columns that are read.
pub const READ: &[&str] = &[
    "id",
    "Description",
    "Created (UTC)",
    "Created date (UTC)",
    "Amount",
    "Amount Refunded",
    "Currency",
    "Status",
    "Customer ID",
    "Customer Email",
    "Captured",
    "Disputed Amount",
    "order_id (metadata)",
    "order (metadata)",
    "order_number (metadata)",
    "Order ID (metadata)",
];

/// A payment, with the order its metadata names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StripePayment {
    /// The payment as an order of its own.
    pub order: PlatformOrder,
    /// The number of the order it was made for, where the metadata has one.
    pub names_order: Option<String>,
    /// Whether the buyer's bank asked for it back.
    pub is_disputed: bool,
}

/// Reads a payment; `None` for one that never came: failed, canceled, not captured.
pub fn read(
    row: &Row<'_>,
    source: &str,
    formats: &Formats,
) -> Result<Option<StripePayment>, CellError> {
    let missing = |column: &str| CellError::new(column, "", "is empty");
    let status = row.text("Status").ok_or_else(|| missing("Status"))?;
    match status.to_ascii_lowercase().as_str() {
        "paid" | "succeeded" | "refunded" | "partially refunded" | "disputed" => {}
        "failed"
        | "canceled"
        | "cancelled"
        | "requires_payment_method"
        | "incomplete"
        | "requires_action"
        | "processing"
        | "pending"
        | "uncaptured"
        | "requires_capture"
        | "blocked"
        | "early fraud warning" => return Ok(None),
        _ => return Err(CellError::new("Status", status, "not a status of payments")),
    }
    if row.yes(&["Captured"])? == Some(false) {
        return Ok(None);
    }
    let id = row.line(&["id"]).ok_or_else(|| missing("id"))?;
    let currency = currency_of(row, formats)?;
    let amount = |name: &str| -> Result<Option<i64>, CellError> {
        match row.minor(&[name], currency, formats)? {
            Some(minor) if minor < 0 => {
                Err(CellError::new(name, row.text(name).unwrap_or_default(), "is below 0"))
            }
            minor => Ok(minor),
        }
    };
    let total_minor = amount("Amount")?.ok_or_else(|| missing("Amount"))?;
    let refunded = amount("Amount Refunded")?.unwrap_or(0);
    if refunded > total_minor {
        let value = row.text("Amount Refunded").unwrap_or_default();
        return Err(CellError::new("Amount Refunded", value, "is more than the amount"));
    }
    // The column's own name says its zone, whatever the import was told.
    let utc = Formats { zone: jiff::tz::TimeZone::UTC, ..formats.clone() };
    let placed_at = row
        .time(&["Created (UTC)", "Created date (UTC)"], &utc)?
        .ok_or_else(|| missing("Created (UTC)"))?;
    let title = row.line(&["Description"]).unwrap_or_else(|| "Payment".to_owned());
    let title: String = title.chars().take(200).collect();
    let email = row.line(&["Customer Email"]);
    let person = row.line(&["Customer ID"]);
    let customer = (email.is_some() || person.is_some()).then(|| PlatformCustomer {
        external_id: person,
        email,
        ..PlatformCustomer::default()
    });
    let refunds = if refunded > 0 { vec![refund_of(&id, refunded, placed_at)] } else { Vec::new() };
    let order = PlatformOrder {
        source: source.to_owned(),
        external_id: id.clone(),
        number: None,
        placed_at,
        updated_at: None,
        currency,
        tax_included: true,
        total_minor,
        lines: vec![side_line(LineKind::Fee, &title, total_minor, currency)?],
        customer,
        ship_to: None,
        payment: PlatformPayment::Paid {
            provider: "stripe".to_owned(),
            reference: id,
            at: placed_at,
        },
        fulfilled_at: Some(placed_at),
        canceled_at: None,
        refunds,
        is_test: false,
    };
    let names_order = row.line(&[
        "order_id (metadata)",
        "order (metadata)",
        "order_number (metadata)",
        "Order ID (metadata)",
    ]);
    let is_disputed = amount("Disputed Amount")?.is_some_and(|minor| minor > 0);
    Ok(Some(StripePayment { order, names_order, is_disputed }))
}
