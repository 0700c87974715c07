//! WooCommerce's JSON of orders, products and people, as its webhooks and its REST API write it.
//!
//! Line amounts are net of discounts and without tax whatever the shop shows. Refunds of an order say
//! an id and an amount only.

use serde_json::{Map, Value, json};

use super::json::{
    AddressNames, BodyError, address, as_price, currency, id, list, minor, needed_id, text,
    time_gmt,
};
use super::shopify::extra;
use super::{
    Platform, PlatformCustomer, PlatformLine, PlatformOrder, PlatformPayment, PlatformRefund,
    PlatformVariant, VariantIds,
};
use crate::catalog::{ProductKind, ProductStatus, Sku};
use crate::money::{Currency, UnitPrice};
use crate::orders::LineKind;
use crate::time::Timestamp;

const NAMES: AddressNames = AddressNames {
    line1: "address_1",
    line2: "address_2",
    region: "state",
    postal_code: "postcode",
    country: "country",
};

/// An order.
pub fn order(body: &Value) -> Result<PlatformOrder, BodyError> {
    let external_id = needed_id(body, "id")?;
    let currency = currency(body, "currency")?;
    let missing = |name: &str| BodyError(name.to_owned());
    let placed_at =
        time_gmt(body, "date_created_gmt").ok_or_else(|| missing("date_created_gmt"))?;
    let updated_at = time_gmt(body, "date_modified_gmt");
    let status = body["status"].as_str().unwrap_or_default();
    let changed = updated_at.unwrap_or(placed_at);
    let paid_at = time_gmt(body, "date_paid_gmt");
    Ok(PlatformOrder {
        source: Platform::Woocommerce.as_str().to_owned(),
        number: text(body, "number"),
        placed_at,
        updated_at,
        currency,
        tax_included: false,
        total_minor: minor(body, "total", currency)?.ok_or_else(|| missing("total"))?,
        lines: lines(body, currency)?,
        customer: buyer(body),
        ship_to: address(&body["shipping"], NAMES).or_else(|| address(&body["billing"], NAMES)),
        payment: payment(body, status, paid_at),
        fulfilled_at: (status == "completed")
            .then(|| time_gmt(body, "date_completed_gmt").unwrap_or(changed)),
        canceled_at: (status == "cancelled").then_some(changed),
        refunds: refunds(body, (&external_id, changed), currency)?,
        is_test: false,
        external_id,
    })
}

fn payment(body: &Value, status: &str, paid_at: Option<Timestamp>) -> PlatformPayment {
    match (status, paid_at) {
        ("failed", _) => PlatformPayment::Failed,
        (_, Some(at)) => PlatformPayment::Paid {
            provider: text(body, "payment_method").unwrap_or_else(|| "woocommerce".to_owned()),
            reference: text(body, "transaction_id").unwrap_or_default(),
            at,
        },
        _ => PlatformPayment::Pending,
    }
}

fn lines(body: &Value, currency: Currency) -> Result<Vec<PlatformLine>, BodyError> {
    let mut lines = Vec::new();
    for one in list(body, "line_items") {
        lines.push(sale(one, currency)?);
    }
    for one in list(body, "shipping_lines") {
        let title = text(one, "method_title").unwrap_or_else(|| "Shipping".to_owned());
        lines.push(charge(one, LineKind::Shipping, &title, currency)?);
    }
    for one in list(body, "fee_lines") {
        let title = text(one, "name").unwrap_or_else(|| "Fee".to_owned());
        lines.push(charge(one, LineKind::Fee, &title, currency)?);
    }
    Ok(lines)
}

fn sale(line: &Value, currency: Currency) -> Result<PlatformLine, BodyError> {
    let missing = |name: &str| BodyError(name.to_owned());
    let quantity =
        line["quantity"].as_i64().filter(|q| *q > 0).ok_or_else(|| missing("quantity"))?;
    let full = minor(line, "subtotal", currency)?.ok_or_else(|| missing("subtotal"))?;
    let total = minor(line, "total", currency)?.unwrap_or(full);
    // The exact price of one piece, to a millionth: the amount is that of the line again.
    let all = as_price(full, currency).micros();
    let piece = UnitPrice((all + all.signum() * quantity / 2) / quantity);
    let variant =
        id(line, "variation_id").filter(|id| id != "0").or_else(|| id(line, "product_id"));
    Ok(PlatformLine {
        external_id: id(line, "id"),
        kind: LineKind::Sale,
        sku: text(line, "sku").and_then(|sku| Sku::parse(&sku).ok()),
        variant_id: variant.filter(|id| id != "0"),
        title: text(line, "name").unwrap_or_default(),
        quantity,
        unit_price: piece,
        discount_minor: (full - total).max(0),
        tax_minor: minor(line, "total_tax", currency)?.unwrap_or(0),
        is_physical: true,
    })
}

/// A charge, or with a negative amount a discount, of the whole order.
fn charge(
    line: &Value,
    kind: LineKind,
    title: &str,
    currency: Currency,
) -> Result<PlatformLine, BodyError> {
    let amount = minor(line, "total", currency)?.unwrap_or(0);
    let kind = if amount < 0 { LineKind::Discount } else { kind };
    let mut read = extra(kind, title, amount, currency);
    read.external_id = id(line, "id");
    read.tax_minor = minor(line, "total_tax", currency)?.unwrap_or(0);
    Ok(read)
}

fn refunds(
    body: &Value,
    (order, at): (&str, Timestamp),
    currency: Currency,
) -> Result<Vec<PlatformRefund>, BodyError> {
    let refund = |one: &Value| {
        Ok(PlatformRefund {
            external_id: needed_id(one, "id")?,
            order_external_id: order.to_owned(),
            at,
            amount_minor: minor(one, "total", currency)?.unwrap_or(0).saturating_abs(),
            lines: Vec::new(),
            reason: text(one, "reason"),
        })
    };
    list(body, "refunds").iter().map(refund).collect()
}

fn buyer(order: &Value) -> Option<PlatformCustomer> {
    let billing = address(&order["billing"], NAMES);
    let buyer = PlatformCustomer {
        external_id: id(order, "customer_id").filter(|id| id != "0"),
        email: text(&order["billing"], "email"),
        name: billing.as_ref().and_then(|to| to.name.clone()),
        phone: text(&order["billing"], "phone"),
        addresses: billing.into_iter().collect(),
        ..PlatformCustomer::default()
    };
    (buyer.external_id.is_some() || buyer.email.is_some()).then_some(buyer)
}

/// A person.
pub fn customer(body: &Value) -> PlatformCustomer {
    let names = [text(body, "first_name"), text(body, "last_name")];
    let name = names.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let addresses = ["billing", "shipping"].into_iter().filter_map(|of| address(&body[of], NAMES));
    PlatformCustomer {
        external_id: id(body, "id").filter(|id| id != "0"),
        email: text(body, "email"),
        name: (!name.is_empty()).then_some(name),
        phone: text(&body["billing"], "phone"),
        addresses: addresses.collect(),
        created_at: time_gmt(body, "date_created_gmt"),
        updated_at: time_gmt(body, "date_modified_gmt"),
        ..PlatformCustomer::default()
    }
}

/// A product, which is its own variant; `None` for one that only holds variations.
pub fn product(body: &Value, currency: Currency) -> Result<Option<PlatformVariant>, BodyError> {
    let own = needed_id(body, "id")?;
    if body["type"] == "variable" || body["type"] == "grouped" {
        return Ok(None);
    }
    let parent = id(body, "parent_id").filter(|id| id != "0");
    let regular = minor(body, "regular_price", currency)?;
    let price = minor(body, "price", currency)?.or(regular);
    let mut attributes = Map::new();
    if let Some(slug) = text(body, "slug") {
        attributes.insert("handle".to_owned(), json!(slug));
    }
    let categories = list(body, "categories").iter().find_map(|one| text(one, "name"));
    Ok(Some(PlatformVariant {
        ids: VariantIds {
            product_id: parent.unwrap_or_else(|| own.clone()),
            variant_id: own,
            inventory_item_id: None,
        },
        sku: text(body, "sku").and_then(|sku| Sku::parse(&sku).ok()),
        title: text(body, "name").unwrap_or_default(),
        category: categories,
        kind: if body["virtual"] == true || body["downloadable"] == true {
            ProductKind::Digital
        } else {
            ProductKind::Physical
        },
        status: match body["status"].as_str() {
            Some("publish") | None => ProductStatus::Active,
            Some("trash") => ProductStatus::Archived,
            Some(_) => ProductStatus::Draft,
        },
        currency: None,
        price_minor: price,
        compare_at_minor: regular.filter(|regular| Some(*regular) > price),
        cost_minor: None,
        images: list(body, "images")
            .iter()
            .filter_map(|image| text(image, "src"))
            .take(50)
            .collect(),
        attributes,
        quantity: body["stock_quantity"].as_i64().filter(|_| body["manage_stock"] == true),
        backorder: body["backorders_allowed"].as_bool(),
        updated_at: time_gmt(body, "date_modified_gmt"),
    }))
}
