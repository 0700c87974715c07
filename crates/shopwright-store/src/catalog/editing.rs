//! Products as their owner edits them: whole fields, guarded by the version.

use serde_json::Value as Json;
use shopwright_domain::catalog::{ProductFields, Sku};
use shopwright_domain::time::Timestamp;

use super::{COLUMNS, Product, product};
use crate::{Change, Column, StoreError, Tx, Value, feed, params};

/// The product with this SKU, locked until the end of the transaction. A refresh that holds the
/// prices' feed goes on writing its prices meanwhile.
pub fn lock(tx: &mut Tx<'_>, sku: &Sku) -> Result<Option<Product>, StoreError> {
    let lock = tx.for_no_key_update();
    let sql = format!("SELECT {COLUMNS} FROM products WHERE sku = $1{lock}");
    tx.find(&sql, params![sku], product)
}

/// A JSON form that cannot fail: lists of texts and maps of JSON.
fn json_of(value: impl serde::Serialize) -> Json {
    serde_json::to_value(value).unwrap_or(Json::Null)
}

/// The columns of `fields`, in the order both statements below name them.
fn values<'a>(
    sku: &'a Sku,
    fields: &'a ProductFields,
    base_price_from: Option<&Json>,
    now: Timestamp,
) -> Vec<Value<'a>> {
    params![
        sku,
        &fields.title,
        fields.category.as_ref(),
        fields.kind.as_str(),
        fields.base_price_minor,
        base_price_from.cloned(),
        fields.cost_minor,
        fields.compare_at_minor,
        fields.map_minor,
        fields.status.as_str(),
        Json::Object(fields.attributes.clone()),
        json_of(&fields.images),
        json_of(&fields.add_on_of),
        fields.tax_class.as_ref(),
        now,
    ]
    .to_vec()
}

/// Adds a product. `false` when there is one with this SKU already, which stays as it is.
pub fn insert(
    tx: &mut Tx<'_>,
    sku: &Sku,
    fields: &ProductFields,
    base_price_from: Option<&Json>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let mut values = values(sku, fields, base_price_from, now);
    values.push(fields.currency.code().into());
    let written = tx.execute(
        "INSERT INTO products (sku, title, category, kind, base_price_minor, base_price_from, cost_minor,
             compare_at_minor, map_minor, status, attributes, images, add_on_of, tax_class, currency,
             created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $16, $15, $15)
         ON CONFLICT (sku) DO NOTHING",
        &values,
    )?;
    Ok(written > 0)
}

/// Replaces the fields of a product that the caller has locked. The currency stays.
pub fn update(
    tx: &mut Tx<'_>,
    sku: &Sku,
    fields: &ProductFields,
    base_price_from: Option<&Json>,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE products SET title = $2, category = $3, kind = $4, base_price_minor = $5, base_price_from = $6,
             cost_minor = $7, compare_at_minor = $8, map_minor = $9, status = $10, attributes = $11,
             images = $12, add_on_of = $13, tax_class = $14, updated_at = $15, version = version + 1
         WHERE sku = $1",
        &values(sku, fields, base_price_from, now),
    )?;
    Ok(())
}

/// Has every node take in the prices of these products again, whose status changed. Takes the lock of
/// the prices' feed: call it after the products are written.
pub fn show_prices_again(tx: &mut Tx<'_>, skus: &[&str]) -> Result<(), StoreError> {
    if skus.is_empty() {
        return Ok(());
    }
    let version = feed::advance(tx, Change::Prices)?;
    tx.execute_rows(
        "UPDATE prices SET feed_version = r.version FROM {rows} AS r WHERE prices.sku = r.sku",
        &[
            ("sku", Column::Text(skus.to_vec())),
            ("version", Column::Int(vec![version; skus.len()])),
        ],
    )?;
    Ok(())
}
