//! Shopify's JSON of orders and refunds, as its webhooks and its admin API write it, with and without
//! `…_set` amounts.
//!
//! Amounts are those in the shop's own currency. Lines are read as they were ordered; what was taken
//! off an order again is in its refunds.

use serde_json::Value;

use super::json::{
    AddressNames, BodyError, address, amount, as_price, currency, id, list, minor, needed_id, sum,
    text, time,
};
use super::{
    Platform, PlatformLine, PlatformOrder, PlatformPayment, PlatformRefund, PlatformRefundLine,
};
use crate::catalog::Sku;
use crate::money::{Currency, UnitPrice};
use crate::orders::LineKind;

pub(super) const NAMES: AddressNames = AddressNames {
    line1: "address1",
    line2: "address2",
    region: "province",
    postal_code: "zip",
    country: "country_code",
};

/// An order.
pub fn order(body: &Value) -> Result<PlatformOrder, BodyError> {
    let external_id = needed_id(body, "id")?;
    let currency = currency(body, "currency")?;
    let missing = |name: &str| BodyError(name.to_owned());
    let placed_at = time(body, "processed_at").or_else(|| time(body, "created_at"));
    let placed_at = placed_at.ok_or_else(|| missing("created_at"))?;
    let fulfilled = body["fulfillment_status"] == "fulfilled";
    let sent = list(body, "fulfillments").iter().filter_map(|sent| time(sent, "created_at")).max();
    let mut refunds = Vec::new();
    for one in list(body, "refunds") {
        refunds.extend(refund(one, &external_id, currency)?);
    }
    Ok(PlatformOrder {
        source: Platform::Shopify.as_str().to_owned(),
        number: text(body, "name"),
        placed_at,
        updated_at: time(body, "updated_at"),
        currency,
        tax_included: body["taxes_included"] == true,
        total_minor: minor(body, "total_price", currency)?.ok_or_else(|| missing("total_price"))?,
        lines: lines(body, currency)?,
        customer: super::shopify_things::buyer(body),
        ship_to: address(&body["shipping_address"], NAMES),
        payment: payment(body, placed_at),
        fulfilled_at: fulfilled
            .then(|| sent.or_else(|| time(body, "updated_at")).unwrap_or(placed_at)),
        canceled_at: time(body, "cancelled_at"),
        refunds,
        is_test: body["test"] == true,
        external_id,
    })
}

fn payment(body: &Value, placed_at: crate::time::Timestamp) -> PlatformPayment {
    match body["financial_status"].as_str().unwrap_or_default() {
        "paid" | "partially_refunded" | "refunded" => PlatformPayment::Paid {
            provider: list(body, "payment_gateway_names")
                .first()
                .and_then(Value::as_str)
                .filter(|name| !name.trim().is_empty())
                .unwrap_or("shopify")
                .to_owned(),
            reference: String::new(),
            at: placed_at,
        },
        "voided" | "expired" => PlatformPayment::Failed,
        _ => PlatformPayment::Pending,
    }
}

fn lines(body: &Value, currency: Currency) -> Result<Vec<PlatformLine>, BodyError> {
    let mut lines = Vec::new();
    let mut allocated = 0_i64;
    let sold = list(body, "line_items").iter().map(|line| (line, LineKind::Sale));
    let sent = list(body, "shipping_lines").iter().map(|line| (line, LineKind::Shipping));
    for (line, kind) in sold.chain(sent) {
        let read = one_line(line, kind, currency)?;
        allocated = allocated.saturating_add(read.discount_minor);
        lines.push(read);
    }
    // What was taken off the whole order and is on none of its lines.
    let discounts = minor(body, "total_discounts", currency)?.unwrap_or(0);
    if discounts > allocated {
        lines.push(extra(LineKind::Discount, "Discount", allocated - discounts, currency));
    }
    let taxed: i64 = lines.iter().map(|line| line.tax_minor).sum();
    let taxes = minor(body, "total_tax", currency)?.unwrap_or(0);
    // Older bodies say the tax of the whole order only.
    if body["taxes_included"] != true && taxed == 0 && taxes > 0 {
        lines.push(extra(LineKind::Fee, "Tax", taxes, currency));
    }
    let fees = [
        ("total_tip_received", "Tip"),
        ("original_total_duties", "Duties"),
        ("original_total_additional_fees", "Fees"),
    ];
    for (name, title) in fees {
        if let Some(fee) = minor(body, name, currency)?.filter(|fee| *fee > 0) {
            lines.push(extra(LineKind::Fee, title, fee, currency));
        }
    }
    Ok(lines)
}

pub(super) fn extra(
    kind: LineKind,
    title: &str,
    amount_minor: i64,
    currency: Currency,
) -> PlatformLine {
    PlatformLine {
        external_id: None,
        kind,
        sku: None,
        variant_id: None,
        title: title.to_owned(),
        quantity: 1,
        unit_price: as_price(amount_minor, currency),
        discount_minor: 0,
        tax_minor: 0,
        is_physical: false,
    }
}

fn one_line(line: &Value, kind: LineKind, currency: Currency) -> Result<PlatformLine, BodyError> {
    let unreadable = || BodyError("price".to_owned());
    let price = amount(line, "price").ok_or_else(unreadable)?;
    let is_sale = kind == LineKind::Sale;
    let title = text(line, "name").or_else(|| text(line, "title")).unwrap_or_default();
    let sku = text(line, "sku").and_then(|sku| Sku::parse(&sku).ok()).filter(|_| is_sale);
    Ok(PlatformLine {
        external_id: id(line, "id"),
        kind,
        sku,
        variant_id: id(line, "variant_id").or_else(|| id(line, "product_id")).filter(|_| is_sale),
        title,
        quantity: if is_sale {
            line["quantity"].as_i64().ok_or_else(|| BodyError("quantity".to_owned()))?
        } else {
            1
        },
        unit_price: UnitPrice::parse(price).map_err(|_| unreadable())?,
        discount_minor: sum(list(line, "discount_allocations"), "amount", currency)?,
        tax_minor: sum(list(line, "tax_lines"), "price", currency)?,
        is_physical: line["requires_shipping"] == true,
    })
}

/// A refund of the order with this id; `None` while its money is still on its way.
pub fn refund(
    body: &Value,
    order: &str,
    currency: Currency,
) -> Result<Option<PlatformRefund>, BodyError> {
    let paid_back: Vec<&Value> =
        list(body, "transactions").iter().filter(|one| one["kind"] == "refund").collect();
    if paid_back.iter().any(|one| one["status"] == "pending") {
        return Ok(None);
    }
    let done = paid_back.into_iter().filter(|one| one["status"] == "success").cloned();
    let amount_minor = sum(&done.collect::<Vec<_>>(), "amount", currency)?;
    let missing = || BodyError("created_at".to_owned());
    let line = |line: &Value| {
        let net = minor(line, "subtotal", currency)?.unwrap_or(0);
        let tax = minor(line, "total_tax", currency)?.unwrap_or(0);
        let kind = line["restock_type"].as_str();
        let back =
            kind.map_or(body["restock"] == true, |kind| kind == "return" || kind == "cancel");
        Ok(PlatformRefundLine {
            line_external_id: id(line, "line_item_id"),
            sku: text(&line["line_item"], "sku").and_then(|sku| Sku::parse(&sku).ok()),
            quantity: line["quantity"].as_i64().unwrap_or(0),
            restock: back,
            amount_minor: net.saturating_add(tax),
        })
    };
    Ok(Some(PlatformRefund {
        external_id: needed_id(body, "id")?,
        order_external_id: order.to_owned(),
        at: time(body, "processed_at").or_else(|| time(body, "created_at")).ok_or_else(missing)?,
        amount_minor,
        lines: list(body, "refund_line_items")
            .iter()
            .map(line)
            .collect::<Result<_, BodyError>>()?,
        reason: text(body, "note"),
    }))
}

/// A refund as a webhook sends it alone, with the currency its amounts say; `None` while its money is
/// still on its way.
pub fn lone_refund(body: &Value, shop: Currency) -> Result<Option<PlatformRefund>, BodyError> {
    let said = list(body, "transactions").iter().find_map(|one| currency(one, "currency").ok());
    refund(body, &needed_id(body, "order_id")?, said.unwrap_or(shop))
}
