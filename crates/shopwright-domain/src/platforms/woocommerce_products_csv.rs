//! WooCommerce's own export of products: one row a product or variation.

use serde_json::{Map, Value as Json, json};

use super::cells::{CellError, Formats, Row};
use super::shopify_products_csv::{positive, sku_of};
use super::{PlatformVariant, VariantIds};
use crate::catalog::{IMAGES_MAX, ProductKind, ProductStatus, SHOP_ID_BYTES_MAX};

/// Columns without which a file is no such export.
pub const NEEDED: [&str; 4] = ["ID", "Type", "SKU", "Name"];
/// Columns that are read.
pub const READ: &[&str] = &[
    "ID",
    "Type",
    "SKU",
    "Name",
    "Published",
    "In stock?",
    "Stock",
    "Backorders allowed?",
    "Sale price",
    "Regular price",
    "Categories",
    "Tags",
    "Images",
    "Parent",
    "Attribute 1 name",
    "Attribute 1 value(s)",
    "Attribute 2 name",
    "Attribute 2 value(s)",
    "Attribute 3 name",
    "Attribute 3 value(s)",
];

/// Reads a row; `None` for a row that is only a heading over others: a variable or grouped product.
pub fn read(row: &Row<'_>, formats: &Formats) -> Result<Option<PlatformVariant>, CellError> {
    let types = row.text("Type").unwrap_or("simple").to_ascii_lowercase();
    let is = |word: &str| types.split(',').any(|part| part.trim() == word);
    if is("variable") || is("grouped") {
        return Ok(None);
    }
    let sku = sku_of(row, &["SKU"])?;
    let regular = positive(row, &["Regular price"], formats)?;
    let reduced = positive(row, &["Sale price"], formats)?;
    let id = row.line(&["ID"]).unwrap_or_default();
    let parent = row.text("Parent").and_then(|parent| parent.strip_prefix("id:"));
    let status = match row.text("Published").unwrap_or("1") {
        "1" => ProductStatus::Active,
        "0" | "-1" => ProductStatus::Draft,
        other => return Err(CellError::new("Published", other, "not one of 1, 0, -1")),
    };
    let backorder = match row.text("Backorders allowed?") {
        Some("notify") => Some(true),
        _ => row.yes(&["Backorders allowed?"])?,
    };
    let images = row.text("Images").unwrap_or_default();
    Ok(Some(PlatformVariant {
        ids: VariantIds {
            product_id: parent.unwrap_or(&id).to_owned(),
            variant_id: id.clone(),
            inventory_item_id: None,
        },
        sku: Some(sku),
        title: row.line(&["Name"]).unwrap_or_default(),
        category: category(row),
        kind: if is("virtual") || is("downloadable") {
            ProductKind::Digital
        } else {
            ProductKind::Physical
        },
        status,
        currency: Some(formats.currency),
        price_minor: reduced.or(regular),
        compare_at_minor: regular.filter(|_| reduced.is_some()),
        cost_minor: None,
        images: images
            .split(',')
            .map(str::trim)
            .filter(|image| !image.is_empty())
            .take(IMAGES_MAX)
            .map(ToOwned::to_owned)
            .collect(),
        attributes: attributes(row),
        // A word such as `parent` says that the pieces are counted elsewhere.
        quantity: row.whole(&["Stock"], formats).unwrap_or(None),
        backorder,
        updated_at: None,
    }))
}

/// The first of `Home > Candles, Sale` as `Home/Candles`.
fn category(row: &Row<'_>) -> Option<String> {
    let all = row.line(&["Categories"])?;
    let path = all.split(',').next()?.split('>').map(str::trim).collect::<Vec<_>>().join("/");
    (!path.is_empty() && path.len() <= SHOP_ID_BYTES_MAX).then_some(path)
}

fn attributes(row: &Row<'_>) -> Map<String, Json> {
    let mut kept = Map::new();
    if let Some(tags) = row.line(&["Tags"]) {
        let tags: Vec<&str> = tags.split(',').map(str::trim).filter(|t| !t.is_empty()).collect();
        kept.insert("tags".to_owned(), json!(tags));
    }
    let options: Map<String, Json> = (1..=3)
        .filter_map(|place| {
            let name = row.line(&[&format!("Attribute {place} name")])?;
            let value = row.line(&[&format!("Attribute {place} value(s)")])?;
            Some((name, Json::String(value)))
        })
        .collect();
    if !options.is_empty() {
        kept.insert("options".to_owned(), Json::Object(options));
    }
    kept
}
