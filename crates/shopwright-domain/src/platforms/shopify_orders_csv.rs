//! Shopify's export of orders: one row a line item, what is said of the whole order on the first.
//!
//! The order is what its total says. What the lines do not explain of the total, such as a tip or an
//! edit, stands on it as a line of its own, so that no amount is lost and none is made up.

use super::cells::{CellError, Formats, Row, one_line};
use super::{PlatformCustomer, PlatformLine, PlatformOrder, PlatformPayment, PlatformRefund};
use crate::catalog::Sku;
use crate::customers::{Address, Consent, is_country};
use crate::money::{Currency, UnitPrice};
use crate::orders::LineKind;
use crate::shares::allocate;
use crate::time::Timestamp;

/// Columns without which the file is no such export.
pub const NEEDED: [&str; 4] = ["Name", "Created at", "Lineitem quantity", "Lineitem price"];
/// Columns that are read.
pub const READ: &[&str] = &[
    "Name",
    "Email",
    "Financial Status",
    "Paid at",
    "Fulfillment Status",
    "Fulfilled at",
    "Accepts Marketing",
    "Currency",
    "Subtotal",
    "Shipping",
    "Taxes",
    "Total",
    "Discount Code",
    "Discount Amount",
    "Created at",
    "Lineitem quantity",
    "Lineitem name",
    "Lineitem price",
    "Lineitem sku",
    "Lineitem requires shipping",
    "Lineitem taxable",
    "Lineitem discount",
    "Billing Name",
    "Billing Phone",
    "Phone",
    "Shipping Name",
    "Shipping Address1",
    "Shipping Address2",
    "Shipping Company",
    "Shipping City",
    "Shipping Zip",
    "Shipping Province",
    "Shipping Country",
    "Shipping Phone",
    "Shipping Method",
    "Cancelled at",
    "Payment Method",
    "Payment Reference",
    "Payment ID",
    "Refunded Amount",
    "Id",
    "Tags",
    "Duties",
];

/// Reads the rows of one order. An error names the row of the group, from 0.
pub fn read(
    rows: &[Row<'_>],
    source: &str,
    formats: &Formats,
) -> Result<PlatformOrder, (usize, CellError)> {
    let Some(head) = rows.first() else {
        return Err((0, CellError::new("Name", "", "no row")));
    };
    let on_head = |error| (0, error);
    let currency = currency_of(head, formats).map_err(on_head)?;
    let lines = rows
        .iter()
        .enumerate()
        .map(|(place, row)| read_line(row, currency, formats).map_err(|error| (place, error)))
        .collect::<Result<Vec<_>, _>>()?;
    read_order(head, lines, source, currency, formats).map_err(on_head)
}

/// The file's currency code, or what the import was told.
pub(super) fn currency_of(row: &Row<'_>, formats: &Formats) -> Result<Currency, CellError> {
    match row.text("Currency") {
        None => Ok(formats.currency),
        Some(code) => code
            .to_ascii_uppercase()
            .parse()
            .map_err(|_| CellError::new("Currency", code, "not a currency; write a code like EUR")),
    }
}

struct GoodsLine {
    line: PlatformLine,
    amount: i64,
    taxable: bool,
}

fn read_line(row: &Row<'_>, currency: Currency, formats: &Formats) -> Result<GoodsLine, CellError> {
    let missing = |column: &str| CellError::new(column, "", "is empty");
    let quantity =
        row.whole(&["Lineitem quantity"], formats)?.ok_or_else(|| missing("Lineitem quantity"))?;
    let unit_price =
        row.unit_price(&["Lineitem price"], formats)?.ok_or_else(|| missing("Lineitem price"))?;
    let amount = unit_price.line_amount_minor(quantity, currency).map_err(|error| {
        CellError::new("Lineitem price", &unit_price.to_string(), error.to_string())
    })?;
    if quantity < 1 {
        return Err(CellError::new("Lineitem quantity", &quantity.to_string(), "must be above 0"));
    }
    let sku = match row.text("Lineitem sku") {
        None => None,
        Some(text) => Some(
            Sku::parse(text)
                .map_err(|error| CellError::new("Lineitem sku", text, error.to_string()))?,
        ),
    };
    let discount_minor = row.minor(&["Lineitem discount"], currency, formats)?.unwrap_or(0);
    if !(0..=amount.max(0)).contains(&discount_minor) {
        let problem = "must be from 0 to what the line costs";
        return Err(CellError::new("Lineitem discount", &discount_minor.to_string(), problem));
    }
    let line = PlatformLine {
        external_id: None,
        kind: if amount == 0 && unit_price.micros() == 0 {
            LineKind::FreeGoods
        } else {
            LineKind::Sale
        },
        sku,
        variant_id: None,
        title: row.line(&["Lineitem name"]).unwrap_or_default(),
        quantity,
        unit_price,
        discount_minor,
        tax_minor: 0,
        is_physical: row.yes(&["Lineitem requires shipping"])?.unwrap_or(true),
    };
    Ok(GoodsLine { line, amount, taxable: row.yes(&["Lineitem taxable"])?.unwrap_or(true) })
}

/// What the file says of the whole order, minor units.
struct Sums {
    subtotal: Option<i64>,
    shipping: i64,
    taxes: i64,
    duties: i64,
    total: Option<i64>,
    discount: i64,
}

impl Sums {
    fn read(row: &Row<'_>, currency: Currency, formats: &Formats) -> Result<Self, CellError> {
        let amount = |name: &str| -> Result<Option<i64>, CellError> {
            match row.minor(&[name], currency, formats)? {
                Some(minor) if minor < 0 => {
                    Err(CellError::new(name, row.text(name).unwrap_or_default(), "is below 0"))
                }
                minor => Ok(minor),
            }
        };
        Ok(Self {
            subtotal: amount("Subtotal")?,
            shipping: amount("Shipping")?.unwrap_or(0),
            taxes: amount("Taxes")?.unwrap_or(0),
            duties: amount("Duties")?.unwrap_or(0),
            total: amount("Total")?,
            discount: amount("Discount Amount")?.unwrap_or(0),
        })
    }
}

/// A line that is no goods.
pub(super) fn side_line(
    kind: LineKind,
    title: &str,
    amount_minor: i64,
    currency: Currency,
) -> Result<PlatformLine, CellError> {
    let micros = amount_minor.checked_mul(1_000_000 / currency.minor_per_major());
    let too_large = || CellError::new("Total", &amount_minor.to_string(), "is too large");
    Ok(PlatformLine {
        external_id: None,
        kind,
        sku: None,
        variant_id: None,
        title: title.to_owned(),
        quantity: 1,
        unit_price: UnitPrice(micros.ok_or_else(too_large)?),
        discount_minor: 0,
        tax_minor: 0,
        is_physical: false,
    })
}

/// The lines of the order, and whether its amounts include tax. They add up to `Total`.
fn book_sums(
    goods: Vec<GoodsLine>,
    sums: &Sums,
    row: &Row<'_>,
    currency: Currency,
) -> Result<(Vec<PlatformLine>, bool, i64), CellError> {
    let off_lines: i64 = goods.iter().map(|g| g.line.discount_minor).sum();
    let gross: i64 = goods.iter().map(|g| g.amount).sum();
    let net = gross - off_lines;
    // The subtotal is what the goods cost after every discount on them.
    let off_goods = sums.subtotal.map_or(sums.discount.min(net), |subtotal| net - subtotal).max(0);
    let off_shipping = (sums.discount - off_goods - off_lines).clamp(0, sums.shipping);
    let before_tax = net - off_goods + sums.shipping + sums.duties;
    let total = sums.total.unwrap_or(before_tax + sums.taxes);
    let apart = |taxes: i64, off: i64| (before_tax + taxes - off - total).abs();
    let included = sums.taxes != 0
        && apart(0, 0).min(apart(0, off_shipping))
            < apart(sums.taxes, 0).min(apart(sums.taxes, off_shipping));
    let added_tax = if included { 0 } else { sums.taxes };
    let off_shipping =
        if apart(added_tax, off_shipping) < apart(added_tax, 0) { off_shipping } else { 0 };
    let rest = total - (before_tax + added_tax - off_shipping);

    let weights: Vec<i64> = goods
        .iter()
        .map(|g| if g.taxable { g.amount - g.line.discount_minor } else { 0 })
        .collect();
    let taxes = allocate(sums.taxes, &weights);
    let untaxed = sums.taxes != 0 && taxes.is_none();
    let mut lines: Vec<PlatformLine> = goods.into_iter().map(|g| g.line).collect();
    for (line, tax) in lines.iter_mut().zip(taxes.unwrap_or_default()) {
        line.tax_minor = tax;
    }
    let mut add = |kind: LineKind, title: &str, amount: i64| -> Result<(), CellError> {
        if amount != 0 {
            lines.push(side_line(kind, title, amount, currency)?);
        }
        Ok(())
    };
    let code = row.line(&["Discount Code"]).unwrap_or_else(|| "Discount".to_owned());
    let method = row.line(&["Shipping Method"]).unwrap_or_else(|| "Shipping".to_owned());
    add(LineKind::Shipping, &method, sums.shipping)?;
    add(LineKind::Fee, "Duties", sums.duties)?;
    add(LineKind::Discount, &code, -(off_goods + off_shipping))?;
    if untaxed && !included {
        add(LineKind::Fee, "Taxes", sums.taxes)?;
    }
    let kind = if rest > 0 { LineKind::Fee } else { LineKind::Discount };
    add(kind, "Not itemised in the export", rest)?;
    Ok((lines, included, total))
}

fn read_order(
    row: &Row<'_>,
    goods: Vec<GoodsLine>,
    source: &str,
    currency: Currency,
    formats: &Formats,
) -> Result<PlatformOrder, CellError> {
    let missing = |column: &str| CellError::new(column, "", "is empty");
    let number = row.line(&["Name"]).ok_or_else(|| missing("Name"))?;
    let placed_at = row.time(&["Created at"], formats)?.ok_or_else(|| missing("Created at"))?;
    if row.header().has("Total") && row.text("Total").is_none() {
        let problem = "is empty: the order's first row is missing, or its rows are not together";
        return Err(CellError::new("Total", "", problem));
    }
    let sums = Sums::read(row, currency, formats)?;
    let (lines, tax_included, total_minor) = book_sums(goods, &sums, row, currency)?;
    let external_id = row.text("Id").map_or_else(|| number.clone(), one_line);
    let canceled_at = row.time(&["Cancelled at"], formats)?;
    let fulfilled_at = match row.text("Fulfillment Status") {
        Some(status) if status.eq_ignore_ascii_case("fulfilled") => {
            Some(row.time(&["Fulfilled at"], formats)?.unwrap_or(placed_at))
        }
        _ => None,
    };
    let payment = payment(row, placed_at, formats)?;
    let refunded = row.minor(&["Refunded Amount"], currency, formats)?.unwrap_or(0);
    if !(0..=total_minor).contains(&refunded) {
        let value = row.text("Refunded Amount").unwrap_or_default();
        return Err(CellError::new("Refunded Amount", value, "must be from 0 to the total"));
    }
    let last = [canceled_at, fulfilled_at].into_iter().flatten().fold(placed_at, Timestamp::max);
    let refunds = if refunded > 0 && matches!(payment, PlatformPayment::Paid { .. }) {
        vec![refund_of(&external_id, refunded, last)]
    } else {
        Vec::new()
    };
    let is_test = row.text("Payment Method").is_some_and(|m| m.to_lowercase().contains("bogus"));
    Ok(PlatformOrder {
        source: source.to_owned(),
        external_id,
        number: Some(number),
        placed_at,
        updated_at: None,
        currency,
        tax_included,
        total_minor,
        lines,
        customer: customer(row, placed_at)?,
        ship_to: ship_to(row),
        payment,
        fulfilled_at,
        canceled_at,
        refunds,
        is_test,
    })
}

/// A file knows how much went back for an order in all, not in how many steps.
pub(super) fn refund_of(order: &str, amount_minor: i64, at: Timestamp) -> PlatformRefund {
    PlatformRefund {
        external_id: format!("{order}:refunded:{amount_minor}"),
        order_external_id: order.to_owned(),
        at,
        amount_minor,
        lines: Vec::new(),
        reason: None,
    }
}

fn payment(
    row: &Row<'_>,
    placed_at: Timestamp,
    formats: &Formats,
) -> Result<PlatformPayment, CellError> {
    let status = row.text("Financial Status").unwrap_or("pending");
    let paid = || -> Result<PlatformPayment, CellError> {
        Ok(PlatformPayment::Paid {
            provider: row.line(&["Payment Method"]).unwrap_or_else(|| "shopify".to_owned()),
            reference: row.line(&["Payment Reference", "Payment ID"]).unwrap_or_default(),
            at: row.time(&["Paid at"], formats)?.unwrap_or(placed_at),
        })
    };
    match status.to_ascii_lowercase().replace(' ', "_").as_str() {
        "paid" | "partially_refunded" | "refunded" => paid(),
        "pending" | "authorized" | "partially_paid" | "unpaid" => Ok(PlatformPayment::Pending),
        "voided" | "expired" => Ok(PlatformPayment::Failed),
        _ => Err(CellError::new(
            "Financial Status",
            status,
            "not one of paid, partially_refunded, refunded, pending, authorized, partially_paid, voided, expired",
        )),
    }
}

fn customer(row: &Row<'_>, at: Timestamp) -> Result<Option<PlatformCustomer>, CellError> {
    let Some(email) = row.text("Email") else { return Ok(None) };
    let consent = row.yes(&["Accepts Marketing"])?;
    Ok(Some(PlatformCustomer {
        email: Some(email.to_owned()),
        name: row.line(&["Billing Name", "Shipping Name"]),
        phone: row.line(&["Phone", "Billing Phone"]),
        consent: consent.map(|marketing| Consent { marketing, at, source: "checkout".to_owned() }),
        ..PlatformCustomer::default()
    }))
}

fn ship_to(row: &Row<'_>) -> Option<Address> {
    let part = |name: &str| row.line(&[&format!("Shipping {name}")]);
    let address = Address {
        label: None,
        name: part("Name"),
        company: part("Company"),
        line1: part("Address1"),
        line2: part("Address2"),
        city: part("City"),
        region: part("Province"),
        postal_code: part("Zip"),
        country: part("Country").filter(|code| is_country(code)),
        phone: part("Phone"),
    };
    address.parts().iter().any(|(_, part)| part.is_some()).then_some(address)
}
