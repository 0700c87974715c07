//! Shopify's export of products: a row a variant, more rows for more images, under one handle.
//!
//! Both generations of column names are read: `Variant SKU` and `SKU`, `Handle` and `URL handle`.

use serde_json::{Map, Value as Json, json};

use super::cells::{CellError, Formats, Row};
use super::{PlatformVariant, VariantIds};
use crate::catalog::{IMAGES_MAX, ProductKind, ProductStatus, SHOP_ID_BYTES_MAX, Sku};

/// What a product is grouped by.
pub const HANDLE: [&str; 2] = ["Handle", "URL handle"];
const SKU: [&str; 2] = ["Variant SKU", "SKU"];
const PRICE: [&str; 2] = ["Variant Price", "Price"];
/// Columns that are read.
pub const READ: &[&str] = &[
    "Handle",
    "URL handle",
    "Title",
    "Vendor",
    "Type",
    "Product Category",
    "Tags",
    "Published",
    "Published on online store",
    "Status",
    "Option1 Name",
    "Option1 Value",
    "Option2 Name",
    "Option2 Value",
    "Option3 Name",
    "Option3 Value",
    "Variant SKU",
    "SKU",
    "Variant Inventory Tracker",
    "Inventory tracker",
    "Variant Inventory Qty",
    "Inventory quantity",
    "Variant Inventory Policy",
    "Continue selling when out of stock",
    "Variant Price",
    "Price",
    "Variant Compare At Price",
    "Compare-at price",
    "Cost per item",
    "Variant Requires Shipping",
    "Requires shipping",
    "Variant Barcode",
    "Barcode",
    "Image Src",
    "Product image URL",
    "Variant Image",
    "Variant image URL",
    "Gift Card",
];

/// A variant of the file with the row of its group that it stands on, or why that row is refused.
pub type ReadVariant = (usize, Result<PlatformVariant, CellError>);

/// Reads the rows of one product.
pub fn read(rows: &[Row<'_>], formats: &Formats) -> Vec<ReadVariant> {
    let Some(head) = rows.first() else { return Vec::new() };
    let images: Vec<String> = rows
        .iter()
        .filter_map(|row| row.any(&["Image Src", "Product image URL"]))
        .take(IMAGES_MAX)
        .map(ToOwned::to_owned)
        .collect();
    let sold = |row: &Row<'_>| row.any(&SKU).is_some() || row.any(&PRICE).is_some();
    let variants = rows.iter().enumerate().filter(|(_, row)| sold(row));
    variants.map(|(place, row)| (place, variant(head, row, &images, formats))).collect()
}

fn variant(
    head: &Row<'_>,
    row: &Row<'_>,
    images: &[String],
    formats: &Formats,
) -> Result<PlatformVariant, CellError> {
    let sku = sku_of(row, &SKU)?;
    let currency = formats.currency;
    let options = options(head, row);
    let product = head.line(&["Title"]).unwrap_or_default();
    let values: Vec<&str> = options.iter().map(|(_, value)| value.as_str()).collect();
    let title = match values.join(" / ") {
        values if values.is_empty() || values == "Default Title" => product,
        values => format!("{product} - {values}"),
    };
    let mut images = images.to_vec();
    if let Some(own) = row.any(&["Variant Image", "Variant image URL"]) {
        images.retain(|image| image != own);
        images.insert(0, own.to_owned());
        images.truncate(IMAGES_MAX);
    }
    let is_tracked = row.any(&["Variant Inventory Tracker", "Inventory tracker"]).is_some();
    let counted = row.whole(&["Variant Inventory Qty", "Inventory quantity"], formats)?;
    let policy = row.text("Variant Inventory Policy").map(|p| p.eq_ignore_ascii_case("continue"));
    let backorder = row.text("Continue selling when out of stock");
    Ok(PlatformVariant {
        ids: VariantIds::default(),
        sku: Some(sku),
        title,
        category: category(head),
        kind: kind(head, row)?,
        status: status(head)?,
        currency: Some(currency),
        price_minor: positive(row, &PRICE, formats)?,
        compare_at_minor: positive(
            row,
            &["Variant Compare At Price", "Compare-at price"],
            formats,
        )?,
        cost_minor: positive(row, &["Cost per item"], formats)?,
        images,
        attributes: attributes(head, row, &options),
        quantity: counted.filter(|_| is_tracked),
        backorder: policy.or(backorder.map(|word| {
            word.eq_ignore_ascii_case("continue") || word.eq_ignore_ascii_case("true")
        })),
        updated_at: None,
    })
}

/// The SKU of a row; one without is refused, since everything here is known by it.
pub(super) fn sku_of(row: &Row<'_>, names: &[&str]) -> Result<Sku, CellError> {
    let column = names.first().copied().unwrap_or("SKU");
    let Some(text) = row.any(names) else {
        let problem = "is empty; give the product a SKU in the shop and export it again";
        return Err(CellError::new(column, "", problem));
    };
    Sku::parse(text).map_err(|error| CellError::new(column, text, error.to_string()))
}

/// An amount above 0; 0 and nothing mean that it is not known.
pub(super) fn positive(
    row: &Row<'_>,
    names: &[&str],
    formats: &Formats,
) -> Result<Option<i64>, CellError> {
    match row.minor(names, formats.currency, formats)? {
        Some(minor) if minor < 0 => {
            let value = row.any(names).unwrap_or_default();
            Err(CellError::new(names.first().copied().unwrap_or_default(), value, "is below 0"))
        }
        minor => Ok(minor.filter(|minor| *minor > 0)),
    }
}

fn options(head: &Row<'_>, row: &Row<'_>) -> Vec<(String, String)> {
    (1..=3)
        .filter_map(|place| {
            let value = row.line(&[&format!("Option{place} Value")])?;
            let name = head.line(&[&format!("Option{place} Name")]);
            Some((name.unwrap_or_else(|| format!("Option{place}")), value))
        })
        .collect()
}

fn category(head: &Row<'_>) -> Option<String> {
    let path = head.line(&["Product Category", "Type"])?;
    let path = path.split('>').map(str::trim).collect::<Vec<_>>().join("/");
    (path.len() <= SHOP_ID_BYTES_MAX).then_some(path)
}

fn kind(head: &Row<'_>, row: &Row<'_>) -> Result<ProductKind, CellError> {
    let is_card = head.yes(&["Gift Card"])?.unwrap_or(false);
    let is_sent = row.yes(&["Variant Requires Shipping", "Requires shipping"])?.unwrap_or(true);
    Ok(if is_card || !is_sent { ProductKind::Digital } else { ProductKind::Physical })
}

fn status(head: &Row<'_>) -> Result<ProductStatus, CellError> {
    if let Some(word) = head.text("Status") {
        return match word.to_ascii_lowercase().as_str() {
            "unlisted" => Ok(ProductStatus::Active),
            word => word
                .parse()
                .map_err(|_| CellError::new("Status", word, "not one of active, draft, archived")),
        };
    }
    let shown = head.yes(&["Published", "Published on online store"])?.unwrap_or(true);
    Ok(if shown { ProductStatus::Active } else { ProductStatus::Draft })
}

fn attributes(head: &Row<'_>, row: &Row<'_>, options: &[(String, String)]) -> Map<String, Json> {
    let mut kept = Map::new();
    let mut keep = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            kept.insert(name.to_owned(), Json::String(value));
        }
    };
    keep("handle", head.line(&HANDLE));
    keep("vendor", head.line(&["Vendor"]));
    keep("type", head.line(&["Type"]));
    keep("barcode", row.line(&["Variant Barcode", "Barcode"]));
    if let Some(tags) = head.line(&["Tags"]) {
        let tags: Vec<&str> = tags.split(',').map(str::trim).filter(|t| !t.is_empty()).collect();
        kept.insert("tags".to_owned(), json!(tags));
    }
    let options: Map<String, Json> = options
        .iter()
        .filter(|(_, value)| value != "Default Title")
        .map(|(name, value)| (name.clone(), Json::String(value.clone())))
        .collect();
    if !options.is_empty() {
        kept.insert("options".to_owned(), Json::Object(options));
    }
    kept
}
