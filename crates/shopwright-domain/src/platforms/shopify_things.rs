//! Shopify's JSON of products, counts and people.

use serde_json::{Map, Value, json};

use super::json::{BodyError, address, id, list, minor, needed_id, text, time};
use super::shopify::NAMES;
use super::{PlatformCustomer, PlatformStock, PlatformVariant, VariantIds};
use crate::catalog::{ProductKind, ProductStatus, Sku};
use crate::customers::Consent;
use crate::money::Currency;

/// The variants of a product; amounts are in the shop's currency.
pub fn product(body: &Value, currency: Currency) -> Result<Vec<PlatformVariant>, BodyError> {
    let product_id = needed_id(body, "id")?;
    let status = match body["status"].as_str() {
        Some("archived") => ProductStatus::Archived,
        Some("draft") => ProductStatus::Draft,
        _ => ProductStatus::Active,
    };
    let title = text(body, "title").unwrap_or_default();
    let images: Vec<String> =
        list(body, "images").iter().filter_map(|image| text(image, "src")).take(50).collect();
    let mut shared = Map::new();
    for name in ["vendor", "tags", "handle"] {
        if let Some(said) = text(body, name) {
            shared.insert(name.to_owned(), json!(said));
        }
    }
    let variant = |one: &Value| {
        let named = text(one, "title").filter(|named| named != "Default Title");
        let mut attributes = shared.clone();
        for name in ["barcode", "option1", "option2", "option3"] {
            if let Some(said) = text(one, name).filter(|said| said != "Default Title") {
                attributes.insert(name.to_owned(), json!(said));
            }
        }
        Ok(PlatformVariant {
            ids: VariantIds {
                product_id: product_id.clone(),
                variant_id: needed_id(one, "id")?,
                inventory_item_id: id(one, "inventory_item_id"),
            },
            sku: text(one, "sku").and_then(|sku| Sku::parse(&sku).ok()),
            title: named.map_or_else(|| title.clone(), |named| format!("{title} - {named}")),
            category: text(body, "product_type"),
            kind: if one["requires_shipping"] == false {
                ProductKind::Digital
            } else {
                ProductKind::Physical
            },
            status,
            currency: None,
            price_minor: minor(one, "price", currency)?,
            compare_at_minor: minor(one, "compare_at_price", currency)?,
            cost_minor: None,
            images: images.clone(),
            attributes,
            quantity: one["inventory_quantity"].as_i64(),
            backorder: one["inventory_policy"].as_str().map(|policy| policy == "continue"),
            updated_at: time(body, "updated_at").max(time(one, "updated_at")),
        })
    };
    list(body, "variants").iter().map(variant).collect()
}

/// A count at a location; `None` where the platform does not count.
pub fn stock(body: &Value) -> Result<Option<PlatformStock>, BodyError> {
    let Some(quantity) = body["available"].as_i64() else { return Ok(None) };
    Ok(Some(PlatformStock {
        sku: None,
        inventory_item_id: Some(needed_id(body, "inventory_item_id")?),
        location: Some(needed_id(body, "location_id")?),
        quantity,
        counts_sold: false,
        at: time(body, "updated_at").ok_or_else(|| BodyError("updated_at".to_owned()))?,
    }))
}

/// Who bought: the customer of the order, or a guest by their mail address.
pub(super) fn buyer(order: &Value) -> Option<PlatformCustomer> {
    let mut buyer = customer(&order["customer"]);
    if buyer.external_id.is_none() && buyer.email.is_none() {
        buyer.email = text(order, "email");
    }
    buyer.locale = buyer.locale.or_else(|| text(order, "customer_locale"));
    (buyer.external_id.is_some() || buyer.email.is_some()).then_some(buyer)
}

/// A person.
pub fn customer(body: &Value) -> PlatformCustomer {
    let names = [text(body, "first_name"), text(body, "last_name")];
    let name = names.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let default = address(&body["default_address"], NAMES);
    let others = list(body, "addresses").iter().filter(|one| one["default"] != true);
    let others = others.filter_map(|one| address(one, NAMES));
    let asked = &body["email_marketing_consent"];
    let consent = time(asked, "consent_updated_at").map(|at| Consent {
        marketing: asked["state"] == "subscribed",
        at,
        source: "shopify".to_owned(),
    });
    let tags = text(body, "tags").unwrap_or_default();
    PlatformCustomer {
        external_id: id(body, "id"),
        email: text(body, "email"),
        name: (!name.is_empty()).then_some(name),
        phone: text(body, "phone"),
        locale: None,
        tags: tags
            .split(',')
            .map(str::trim)
            .filter(|tag| !tag.is_empty())
            .map(ToOwned::to_owned)
            .collect(),
        consent,
        addresses: default.into_iter().chain(others).take(50).collect(),
        created_at: time(body, "created_at"),
        updated_at: time(body, "updated_at"),
    }
}
