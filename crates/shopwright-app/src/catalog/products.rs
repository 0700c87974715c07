//! Products edited by their owner: one whole product, or many at once.

use serde_json::{Map, Value as Json, json};
use shopwright_domain::catalog::{ProductFields, Sku};
use shopwright_domain::invalid::{InvalidField, sentence};
use shopwright_domain::money::Currency;
use shopwright_domain::time::Timestamp;
use shopwright_store::audit::{self, Stamp};
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

/// Where a base price comes from that a shop platform charges.
pub(crate) fn by_platform(source: &str) -> Json {
    serde_json::json!({ "rule": "from_platform", "source": source })
}

/// A product as it was and as it is kept now.
struct Written {
    put: Put,
    before: Option<ProductFields>,
    after: ProductFields,
    version: i64,
}

impl Written {
    /// Whether it came on sale or went off it, so that its price is to be shown or hidden.
    fn has_new_status(&self) -> bool {
        self.before.as_ref().is_some_and(|before| before.status != self.after.status)
    }
}

/// Creates a product, or replaces everything its owner edits. A base price that is left out takes
/// the owner's away; one that was found in the history stays until the owner sets another.
pub fn put_product(
    tx: &mut Tx<'_>,
    sku: &Sku,
    fields: &ProductFields,
    stamp: Stamp,
) -> Result<Put, PutProductError> {
    put_product_by(tx, sku, (fields, &by_owner()), stamp)
}

/// Like [`put_product`], and a base price that changes is kept as set by `by`.
pub(crate) fn put_product_by(
    tx: &mut Tx<'_>,
    sku: &Sku,
    (fields, by): (&ProductFields, &Json),
    stamp: Stamp,
) -> Result<Put, PutProductError> {
    let written = write_product(tx, sku, (fields, by), stamp.at)?;
    tell(tx, &[(sku, written.put, written.version)], stamp.at)?;
    let action = match written.put {
        Put::Unchanged => return Ok(Put::Unchanged),
        Put::Created => "product.created",
        Put::Updated => "product.changed",
    };
    if written.has_new_status() {
        catalog::show_prices_again(tx, &[sku.as_str()])?;
    }
    let (before, after) = differing(written.before.as_ref().map(audited), audited(&written.after));
    let entry = stamp.entry(action, format!("product/{sku}"), before, Some(after));
    audit::record(tx, &entry)?;
    Ok(written.put)
}

/// The editable fields in the words of the API.
fn audited(fields: &ProductFields) -> Json {
    json!({
        "title": fields.title,
        "category": fields.category,
        "kind": fields.kind,
        "currency": fields.currency,
        "base_price_minor": fields.base_price_minor,
        "cost_minor": fields.cost_minor,
        "compare_at_minor": fields.compare_at_minor,
        "map_minor": fields.map_minor,
        "status": fields.status,
        "attributes": fields.attributes,
        "images": fields.images,
        "add_on_of": fields.add_on_of,
        "tax_class": fields.tax_class,
    })
}

/// Only the fields that are not the same on both sides; all of them where there was nothing before.
fn differing(before: Option<Json>, mut after: Json) -> (Option<Json>, Json) {
    let Some(mut before) = before else { return (None, after) };
    if let (Json::Object(old), Json::Object(new)) = (&mut before, &mut after) {
        let same: Vec<String> = old
            .iter()
            .filter(|(name, was)| new.get(*name) == Some(was))
            .map(|(name, _)| name.clone())
            .collect();
        for name in same {
            old.remove(&name);
            new.remove(&name);
        }
    }
    (Some(before), after)
}

fn write_product(
    tx: &mut Tx<'_>,
    sku: &Sku,
    (fields, by): (&ProductFields, &Json),
    now: Timestamp,
) -> Result<Written, PutProductError> {
    fields.check(sku).map_err(PutProductError::Invalid)?;
    let owners = fields.base_price_minor.map(|_| by.clone());
    let Some(kept) = catalog::lock(tx, sku)? else {
        if catalog::insert(tx, sku, fields, owners.as_ref(), now)? {
            tx.announce(Change::PriceInputs);
            return Ok(Written {
                put: Put::Created,
                before: None,
                after: fields.clone(),
                version: 1,
            });
        }
        // A rival made it while we looked; it is there to be locked now.
        return match catalog::lock(tx, sku)? {
            Some(kept) => replace(tx, &kept, (fields, by), now),
            None => Err(StoreError::Busy.into()),
        };
    };
    replace(tx, &kept, (fields, by), now)
}

fn replace(
    tx: &mut Tx<'_>,
    kept: &Product,
    (fields, by): (&ProductFields, &Json),
    now: Timestamp,
) -> Result<Written, PutProductError> {
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
        Some(_) => Some(by.clone()),
    };
    let before = fields_of(kept);
    if before == next && kept.base_price_from == from {
        return Ok(Written {
            put: Put::Unchanged,
            before: Some(before),
            after: next,
            version: kept.version,
        });
    }
    catalog::update(tx, &kept.sku, &next, from.as_ref(), now)?;
    tx.announce(Change::PriceInputs);
    Ok(Written { put: Put::Updated, before: Some(before), after: next, version: kept.version + 1 })
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

/// What one call did to many products, for the audit log.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    created: usize,
    updated: usize,
    unchanged: usize,
    refused: usize,
}

impl Counts {
    fn add(mut self, outcomes: &[RowOutcome]) -> Self {
        for (_, outcome) in outcomes {
            match outcome {
                Ok(Put::Created) => self.created += 1,
                Ok(Put::Updated) => self.updated += 1,
                Ok(Put::Unchanged) => self.unchanged += 1,
                Err(_) => self.refused += 1,
            }
        }
        self
    }
}

/// Puts many products, a part of them per transaction. When it fails midway, what was written before
/// is kept, and sending the same again changes nothing about it. The audit log has one entry with
/// counts in the last transaction; before several of them, another one that says that it begins.
pub async fn put_products(
    store: &Store,
    mut rows: Vec<ProductRow>,
    stamp: Stamp,
) -> Result<Vec<RowOutcome>, StoreError> {
    // In key order, so that two bulk calls cannot wait for each other.
    rows.sort_by(|one, other| one.sku.cmp(&other.sku));
    let (sent, parts) = (rows.len(), rows.len().div_ceil(CHUNK));
    let mut outcomes = Vec::with_capacity(rows.len());
    for (part, chunk) in (1..).zip(rows.chunks(CHUNK)) {
        let (chunk, before) = (chunk.to_vec(), Counts::default().add(&outcomes));
        let written = store.write(move |tx| {
            let outcomes = put_rows(tx, &chunk, stamp.at)?;
            let counts = before.add(&outcomes);
            if part == parts && counts.created + counts.updated > 0 {
                record_many(
                    tx,
                    stamp,
                    "products.put",
                    &json!({
                        "created": counts.created, "updated": counts.updated,
                        "unchanged": counts.unchanged, "refused": counts.refused,
                    }),
                )?;
            } else if part == 1 && parts > 1 {
                record_many(tx, stamp, "products.put_begun", &json!({ "products": sent }))?;
            }
            Ok::<_, StoreError>(outcomes)
        });
        outcomes.extend(written.await?);
    }
    outcomes.sort_by_key(|(place, _)| *place);
    Ok(outcomes)
}

fn record_many(
    tx: &mut Tx<'_>,
    stamp: Stamp,
    action: &'static str,
    after: &Json,
) -> Result<(), StoreError> {
    let entry = stamp.entry(action, "products".to_owned(), None, Some(after.clone()));
    audit::record(tx, &entry).map(|_| ())
}

fn put_rows(
    tx: &mut Tx<'_>,
    rows: &[ProductRow],
    now: Timestamp,
) -> Result<Vec<RowOutcome>, StoreError> {
    let mut outcomes = Vec::with_capacity(rows.len());
    let mut told = Vec::with_capacity(rows.len());
    let mut shown_or_hidden = Vec::new();
    for row in rows {
        let outcome = match write_product(tx, &row.sku, (&row.fields, &by_owner()), now) {
            Ok(written) => {
                if written.has_new_status() {
                    shown_or_hidden.push(row.sku.as_str());
                }
                told.push((&row.sku, written.put, written.version));
                Ok(written.put)
            }
            Err(PutProductError::Invalid(fields)) => Err(fields),
            Err(error @ PutProductError::Currency { .. }) => {
                Err(vec![InvalidField::new("/currency", error.to_string())])
            }
            Err(PutProductError::Store(error)) => return Err(error),
        };
        outcomes.push((row.place, outcome));
    }
    tell(tx, &told, now)?;
    catalog::show_prices_again(tx, &shown_or_hidden)?;
    Ok(outcomes)
}
