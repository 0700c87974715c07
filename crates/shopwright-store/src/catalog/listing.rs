//! The catalogue in pages: in SKU order, filtered.

use shopwright_domain::catalog::{ProductKind, ProductStatus, Sku};
use shopwright_domain::time::Timestamp;

use super::{COLUMNS, Product, product};
use crate::conditions::{Conditions, prefix_pattern};
use crate::page::{Page, Place};
use crate::{StoreError, Tx};

/// Which products a list shows; nothing set shows all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProductFilter {
    /// This category and everything below it.
    pub category: Option<String>,
    /// Only this status.
    pub status: Option<ProductStatus>,
    /// Only this kind.
    pub kind: Option<ProductKind>,
    /// Written at this time or later.
    pub updated_since: Option<Timestamp>,
    /// How the SKU or the title begins, any case.
    pub begins: Option<String>,
}

/// A page of products in SKU order.
pub fn list(
    tx: &mut Tx<'_>,
    filter: &ProductFilter,
    page: &Page<String>,
) -> Result<Vec<Product>, StoreError> {
    let below = filter.category.as_ref().map(|path| format!("{path}/"));
    let begins = filter.begins.as_deref().map(prefix_pattern);
    let mut conditions = Conditions::default();
    match &page.place {
        Place::First => {}
        Place::After(sku) => conditions.compare("sku", ">", Some(sku)),
        Place::Before(sku) => conditions.compare("sku", "<", Some(sku)),
    }
    if let (Some(path), Some(below)) = (&filter.category, &below) {
        let (path, below) = (conditions.bind(path), conditions.bind(below));
        conditions
            .add(format!("(category = {path} OR SUBSTR(category, 1, LENGTH({below})) = {below})"));
    }
    conditions.compare("status", "=", filter.status.map(ProductStatus::as_str));
    conditions.compare("kind", "=", filter.kind.map(ProductKind::as_str));
    conditions.compare("updated_at", ">=", filter.updated_since);
    if let Some(begins) = &begins {
        let like = conditions.bind(begins);
        conditions.add(format!(
            "(LOWER(sku) LIKE {like} ESCAPE '!' OR LOWER(title) LIKE {like} ESCAPE '!')"
        ));
    }
    let order = if page.is_backwards() { "sku DESC" } else { "sku" };
    let limit = conditions.bind(page.limit);
    let clause = conditions.clause();
    let sql = format!("SELECT {COLUMNS} FROM products {clause} ORDER BY {order} LIMIT {limit}");
    let mut rows = tx.query(&sql, conditions.values(), product)?;
    if page.is_backwards() {
        rows.reverse();
    }
    Ok(rows)
}

/// Which of `skus` the catalogue has, with their titles.
pub fn titles(tx: &mut Tx<'_>, skus: &[&Sku]) -> Result<Vec<(String, String)>, StoreError> {
    tx.query_rows(
        "SELECT p.sku, p.title FROM {rows} AS r JOIN products p ON p.sku = r.sku",
        &[("sku", crate::Column::Text(skus.iter().map(|sku| sku.as_str()).collect()))],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// Those of `skus` that are in the catalogue.
pub fn known(
    tx: &mut Tx<'_>,
    skus: &[&str],
) -> Result<std::collections::HashSet<String>, StoreError> {
    let known = tx.query_rows(
        "SELECT p.sku FROM {rows} AS r JOIN products p ON p.sku = r.sku",
        &[("sku", crate::Column::Text(skus.to_vec()))],
        |row| row.get(0),
    )?;
    Ok(known.into_iter().collect())
}
