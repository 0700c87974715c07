//! Products edited by their owner: one whole product, or many at once.

use serde_json::{Map, Value as Json};
use shopwright_domain::catalog::{ProductFields, Sku};
use shopwright_domain::invalid::{InvalidField, sentence};
use shopwright_domain::money::Currency;
use shopwright_domain::time::Timestamp;
use shopwright_store::catalog::{self, Product, SET_BY_OWNER};
use shopwright_store::{Change, Store, StoreError, Tx};

use super::product_events::tell;

/// Products written in one transaction.
const CHUNK: usize = 250;

/// What became of a thing that was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is new.
    Created,
    /// It changed.
    Updated,
    /// It was so already; nothing was written.
    Unchanged,
}

/// Why a product was refused.
#[derive(Debug, thiserror::Error)]
pub enum PutProductError {
    /// Fields that cannot be kept.
    #[error("{}", sentence(.0))]
    Invalid(Vec<InvalidField>),
    /// A product keeps its currency: its prices and sales are in it.
    #[error("the product is kept in {kept}, not {sent}; a product keeps its currency")]
    Currency {
        /// What it is kept in.
        kept: Currency,
        /// What was sent.
        sent: Currency,
    },
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The editable fields of a product as it is kept.
pub fn fields_of(product: &Product) -> ProductFields {
    let attributes = match &product.attributes {
        Json::Object(fields) => fields.clone(),
        _ => Map::new(),
    };
    ProductFields {
        title: product.title.clone(),
        category: product.category.clone(),
        kind: product.kind,
        currency: product.currency,
        base_price_minor: product.base_price_minor,
        cost_minor: product.cost_minor,
        compare_at_minor: product.compare_at_minor,
        map_minor: product.map_minor,
        status: product.status,
        attributes,
        images: product.images.clone(),
        add_on_of: product.add_on_of.clone(),
        tax_class: product.tax_class.clone(),
    }
}

fn by_owner() -> Json {
    serde_json::json!({ "rule": SET_BY_OWNER })
}

/// Creates a product, or replaces everything its owner edits. A base price that is left out takes
/// the owner's away; one that was found in the history stays until the owner sets another.
pub fn put_product(
    tx: &mut Tx<'_>,
    sku: &Sku,
    fields: &ProductFields,
    now: Timestamp,
) -> Result<Put, PutProductError> {
    let (put, version) = put_untold(tx, sku, fields, now)?;
    tell(tx, &[(sku, put, version)], now)?;
    Ok(put)
}

/// Gives what was done and the version the product has now.
fn put_untold(
    tx: &mut Tx<'_>,
    sku: &Sku,
    fields: &ProductFields,
    now: Timestamp,
) -> Result<(Put, i64), PutProductError> {
    fields.check(sku).map_err(PutProductError::Invalid)?;
    let owners = fields.base_price_minor.map(|_| by_owner());
    let Some(kept) = catalog::lock(tx, sku)? else {
        if catalog::insert(tx, sku, fields, owners.as_ref(), now)? {
            tx.announce(Change::PriceInputs);
            return Ok((Put::Created, 1));
        }
        // A rival made it while we looked; it is there to be locked now.
        return match catalog::lock(tx, sku)? {
            Some(kept) => replace(tx, &kept, fields, now),
            None => Err(StoreError::Busy.into()),
        };
    };
    replace(tx, &kept, fields, now)
}

fn replace(
    tx: &mut Tx<'_>,
    kept: &Product,
    fields: &ProductFields,
    now: Timestamp,
) -> Result<(Put, i64), PutProductError> {
    if kept.currency != fields.currency {
        return Err(PutProductError::Currency { kept: kept.currency, sent: fields.currency });
    }
    let mut next = fields.clone();
    let kept_by_owner =
        kept.base_price_from.as_ref().is_none_or(|from| from["rule"] == SET_BY_OWNER);
    if next.base_price_minor.is_none() && !kept_by_owner {
        next.base_price_minor = kept.base_price_minor;
    }
    let from = match next.base_price_minor {
        None => None,
        same if same == kept.base_price_minor => kept.base_price_from.clone(),
        Some(_) => Some(by_owner()),
    };
    if fields_of(kept) == next && kept.base_price_from == from {
        return Ok((Put::Unchanged, kept.version));
    }
    catalog::update(tx, &kept.sku, &next, from.as_ref(), now)?;
    tx.announce(Change::PriceInputs);
    Ok((Put::Updated, kept.version + 1))
}

/// One row of many.
#[derive(Clone, Debug)]
pub struct ProductRow {
    /// Its place in what was sent.
    pub place: usize,
    /// The product.
    pub sku: Sku,
    /// Its fields.
    pub fields: ProductFields,
}

/// What became of a row: the good ones are kept whatever the others say.
pub type RowOutcome = (usize, Result<Put, Vec<InvalidField>>);

/// Puts many products, a part of them per transaction. When it fails midway, what was written before
/// is kept, and sending the same again changes nothing about it.
pub async fn put_products(
    store: &Store,
    mut rows: Vec<ProductRow>,
    now: Timestamp,
) -> Result<Vec<RowOutcome>, StoreError> {
    // In key order, so that two bulk calls cannot wait for each other.
    rows.sort_by(|one, other| one.sku.cmp(&other.sku));
    let mut outcomes = Vec::with_capacity(rows.len());
    for chunk in rows.chunks(CHUNK) {
        let chunk = chunk.to_vec();
        let written = store.write(move |tx| put_rows(tx, &chunk, now)).await?;
        outcomes.extend(written);
    }
    outcomes.sort_by_key(|(place, _)| *place);
    Ok(outcomes)
}

fn put_rows(
    tx: &mut Tx<'_>,
    rows: &[ProductRow],
    now: Timestamp,
) -> Result<Vec<RowOutcome>, StoreError> {
    let mut outcomes = Vec::with_capacity(rows.len());
    let mut written = Vec::with_capacity(rows.len());
    for row in rows {
        let outcome = match put_untold(tx, &row.sku, &row.fields, now) {
            Ok((put, version)) => {
                written.push((&row.sku, put, version));
                Ok(put)
            }
            Err(PutProductError::Invalid(fields)) => Err(fields),
            Err(error @ PutProductError::Currency { .. }) => {
                Err(vec![InvalidField::new("/currency", error.to_string())])
            }
            Err(PutProductError::Store(error)) => return Err(error),
        };
        outcomes.push((row.place, outcome));
    }
    tell(tx, &written, now)?;
    Ok(outcomes)
}
