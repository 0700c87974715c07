//! Products: upserted by SKU, compared byte for byte.

mod editing;
mod listing;

use serde_json::Value as Json;
use shopwright_domain::catalog::{ProductKind, ProductStatus, Sku};
use shopwright_domain::money::Currency;
use shopwright_domain::time::Timestamp;

use crate::{Column, Row, StoreError, Tx, params};

pub use editing::{insert, lock, show_prices_again, update};
pub use listing::{ProductFilter, known, list, titles};

/// A product as the ledger keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct Product {
    /// The shop's own code.
    pub sku: Sku,
    /// What it is called.
    pub title: String,
    /// Category path, `Home/Candles`.
    pub category: Option<String>,
    /// What kind of thing it is.
    pub kind: ProductKind,
    /// The currency of its price and cost.
    pub currency: Currency,
    /// What the engines start from, minor units; `None` until history or the owner gives one.
    pub base_price_minor: Option<i64>,
    /// The rule and evidence the base price came from, or who set it.
    pub base_price_from: Option<Json>,
    /// What one piece costs the shop, minor units.
    pub cost_minor: Option<i64>,
    /// The price shown struck through, minor units.
    pub compare_at_minor: Option<i64>,
    /// Minimum advertised price, minor units.
    pub map_minor: Option<i64>,
    /// Where it is in its life.
    pub status: ProductStatus,
    /// Whatever else the shop keeps about it.
    pub attributes: Json,
    /// Where its images are.
    pub images: Vec<String>,
    /// The products it is an add-on of.
    pub add_on_of: Vec<Sku>,
    /// The class by which it is taxed.
    pub tax_class: Option<String>,
    /// When it was first written.
    pub created_at: Timestamp,
    /// When it was last written.
    pub updated_at: Timestamp,
    /// Goes up by one with each change.
    pub version: i64,
}

const COLUMNS: &str = "sku, title, category, kind, currency, base_price_minor, base_price_from, \
     cost_minor, map_minor, status, attributes, updated_at, compare_at_minor, images, add_on_of, tax_class, \
     created_at, version";

fn product(row: &Row<'_>) -> Result<Product, StoreError> {
    Ok(Product {
        sku: row.get(0)?,
        title: row.get(1)?,
        category: row.get(2)?,
        kind: row.parse(3, |kind: String| kind.parse())?,
        currency: row.parse(4, |code: String| code.parse())?,
        base_price_minor: row.get(5)?,
        base_price_from: row.get(6)?,
        cost_minor: row.get(7)?,
        map_minor: row.get(8)?,
        status: row.parse(9, |status: String| status.parse())?,
        attributes: row.get(10)?,
        updated_at: row.get(11)?,
        compare_at_minor: row.get(12)?,
        images: row.json(13)?,
        add_on_of: row.json(14)?,
        tax_class: row.get(15)?,
        created_at: row.get(16)?,
        version: row.get(17)?,
    })
}

/// The product with this SKU.
pub fn find(tx: &mut Tx<'_>, sku: &Sku) -> Result<Option<Product>, StoreError> {
    tx.find(&format!("SELECT {COLUMNS} FROM products WHERE sku = $1"), params![sku], product)
}

/// Adds products that are not there yet, with title only; gives the number added.
pub fn insert_missing(
    tx: &mut Tx<'_>,
    skus_and_titles: &[(&str, &str)],
    currency: Currency,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let count = skus_and_titles.len();
    tx.execute_rows(
        "INSERT INTO products (sku, title, kind, currency, status, attributes, created_at, updated_at)
         SELECT sku, title, 'physical', currency, 'active', attributes, now, now FROM {rows} AS r
         WHERE true ON CONFLICT (sku) DO NOTHING",
        &[
            ("sku", Column::Text(skus_and_titles.iter().map(|(sku, _)| *sku).collect())),
            ("title", Column::Text(skus_and_titles.iter().map(|(_, title)| *title).collect())),
            ("currency", Column::Text(vec![currency.code(); count])),
            ("attributes", Column::Json(vec!["{}".to_owned(); count])),
            ("now", Column::Time(vec![now; count])),
        ],
    )
}

/// What a catalogue file says about one SKU; `None` leaves what is there.
#[derive(Clone, Debug, PartialEq)]
pub struct ProductPatch {
    /// The product.
    pub sku: Sku,
    /// New title.
    pub title: Option<String>,
    /// New category path.
    pub category: Option<String>,
    /// Currency, for a product that is new.
    pub currency: Currency,
    /// Base price set by the owner, minor units.
    pub base_price_minor: Option<i64>,
    /// Cost, minor units.
    pub cost_minor: Option<i64>,
    /// Minimum advertised price, minor units.
    pub map_minor: Option<i64>,
    /// Columns without a field of their own, merged over what is there.
    pub attributes: Json,
}

/// Writes one patch. Gives whether anything changed.
pub fn upsert(tx: &mut Tx<'_>, patch: &ProductPatch, now: Timestamp) -> Result<bool, StoreError> {
    let before = find(tx, &patch.sku)?;
    let mut attributes = before
        .as_ref()
        .map_or_else(|| Json::Object(serde_json::Map::default()), |p| p.attributes.clone());
    if let (Json::Object(all), Json::Object(new)) = (&mut attributes, &patch.attributes) {
        all.extend(new.clone());
    }
    let mut next = before.clone().unwrap_or_else(|| new_product(patch, now));
    next.attributes = attributes;
    if let Some(title) = &patch.title {
        next.title.clone_from(title);
    }
    next.category = patch.category.clone().or(next.category);
    if let Some(base_price_minor) = patch.base_price_minor {
        next.base_price_minor = Some(base_price_minor);
        next.base_price_from = Some(serde_json::json!({ "rule": SET_BY_OWNER }));
    }
    next.cost_minor = patch.cost_minor.or(next.cost_minor);
    next.map_minor = patch.map_minor.or(next.map_minor);
    if before.as_ref() == Some(&next) {
        return Ok(false);
    }
    tx.execute(
        "INSERT INTO products (sku, title, category, kind, currency, base_price_minor, base_price_from,
             cost_minor, map_minor, status, attributes, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)
         ON CONFLICT (sku) DO UPDATE SET title = excluded.title, category = excluded.category,
             base_price_minor = excluded.base_price_minor, base_price_from = excluded.base_price_from,
             cost_minor = excluded.cost_minor, map_minor = excluded.map_minor,
             attributes = excluded.attributes, updated_at = excluded.updated_at, version = products.version + 1",
        params![
            &next.sku,
            &next.title,
            next.category.as_ref(),
            next.kind.as_str(),
            next.currency.code(),
            next.base_price_minor,
            next.base_price_from.as_ref(),
            next.cost_minor,
            next.map_minor,
            next.status.as_str(),
            &next.attributes,
            now,
        ],
    )?;
    Ok(true)
}

/// The rule that a base price set by the owner stands under, in [`Product::base_price_from`].
pub const SET_BY_OWNER: &str = "set_by_owner";

fn new_product(patch: &ProductPatch, now: Timestamp) -> Product {
    Product {
        sku: patch.sku.clone(),
        title: String::new(),
        category: None,
        kind: ProductKind::Physical,
        currency: patch.currency,
        base_price_minor: None,
        base_price_from: None,
        cost_minor: None,
        compare_at_minor: None,
        map_minor: None,
        status: ProductStatus::Active,
        attributes: Json::Null,
        images: Vec::new(),
        add_on_of: Vec::new(),
        tax_class: None,
        created_at: now,
        updated_at: now,
        version: 1,
    }
}

/// A base price found in history.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundBasePrice {
    /// The product.
    pub sku: Sku,
    /// Minor units.
    pub amount_minor: i64,
    /// Rule and evidence.
    pub from: Json,
}

/// Sets base prices found in history, except where the owner set one. Gives the number changed.
pub fn set_base_prices(
    tx: &mut Tx<'_>,
    found: &[FoundBasePrice],
    now: Timestamp,
) -> Result<u64, StoreError> {
    let by_owner = crate::dialect::json_text(tx.is_postgres(), "products.base_price_from", "rule");
    tx.execute_rows(
        &format!(
            "UPDATE products SET base_price_minor = r.amount, base_price_from = r.origin, updated_at = r.now, version = products.version + 1
             FROM {{rows}} AS r WHERE products.sku = r.sku
             AND COALESCE({by_owner}, '') <> 'set_by_owner'
             AND (products.base_price_minor IS NULL OR products.base_price_minor <> r.amount
                  OR products.base_price_from <> r.origin)"
        ),
        &[
            ("sku", Column::Text(found.iter().map(|f| f.sku.as_str()).collect())),
            ("amount", Column::Int(found.iter().map(|f| f.amount_minor).collect())),
            ("origin", Column::Json(found.iter().map(|f| f.from.to_string()).collect())),
            ("now", Column::Time(vec![now; found.len()])),
        ],
    )
}

/// Gives products other titles; gives how many changed.
pub fn retitle(
    tx: &mut Tx<'_>,
    skus_and_titles: &[(&str, &str)],
    now: Timestamp,
) -> Result<u64, StoreError> {
    tx.execute_rows(
        "UPDATE products SET title = r.title, updated_at = r.now, version = products.version + 1 FROM {rows} AS r
         WHERE products.sku = r.sku AND products.title <> r.title",
        &[
            ("sku", Column::Text(skus_and_titles.iter().map(|(sku, _)| *sku).collect())),
            ("title", Column::Text(skus_and_titles.iter().map(|(_, title)| *title).collect())),
            ("now", Column::Time(vec![now; skus_and_titles.len()])),
        ],
    )
}

/// Notes sales: each product keeps the time of its earliest.
pub fn note_sold(tx: &mut Tx<'_>, skus_and_times: &[(&str, Timestamp)]) -> Result<u64, StoreError> {
    tx.execute_rows(
        "UPDATE products SET first_sold_at = r.at FROM {rows} AS r WHERE products.sku = r.sku
         AND (products.first_sold_at IS NULL OR products.first_sold_at > r.at)",
        &[
            ("sku", Column::Text(skus_and_times.iter().map(|(sku, _)| *sku).collect())),
            ("at", Column::Time(skus_and_times.iter().map(|(_, at)| *at).collect())),
        ],
    )
}

/// The currency of every product.
pub fn currencies(
    tx: &mut Tx<'_>,
) -> Result<std::collections::HashMap<String, Currency>, StoreError> {
    let all = tx.query("SELECT sku, currency FROM products", params![], |row| {
        Ok((row.get(0)?, row.parse(1, |code: String| code.parse())?))
    })?;
    Ok(all.into_iter().collect())
}

/// How many active products have no base price.
pub fn count_without_base_price(tx: &mut Tx<'_>) -> Result<i64, StoreError> {
    tx.one(
        "SELECT COUNT(*) FROM products WHERE base_price_minor IS NULL AND status = 'active'",
        params![],
        |row| row.get(0),
    )
}
