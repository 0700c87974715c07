//! Listings: what a platform calls our products, what it shows of them, and what it was told.
//!
//! A listing is known by platform and variant. What is older never overwrites what is newer: messages
//! of a platform come in any order.

use shopwright_domain::catalog::Sku;
use shopwright_domain::money::Currency;
use shopwright_domain::platforms::{Platform, VariantIds};
use shopwright_domain::time::Timestamp;

use crate::{Row, StoreError, Tx, Value, params};

/// A product on a platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The platform.
    pub platform: Platform,
    /// What the platform calls it.
    pub ids: VariantIds,
    /// What we call it.
    pub sku: Sku,
    /// The currency the platform prices it in, where it said so.
    pub currency: Option<Currency>,
    /// The price the platform shows, minor units, and when it said so.
    pub shown: Option<(i64, Timestamp)>,
    /// The price the platform was told, minor units, and when it took it.
    pub published: Option<(i64, Timestamp)>,
    /// Why the last price it was told was not taken.
    pub publish_error: Option<String>,
    /// When the platform last spoke of it.
    pub seen_at: Timestamp,
    /// When the platform took it off.
    pub removed_at: Option<Timestamp>,
}

const COLUMNS: &str = "SELECT platform, variant_id, product_id, inventory_item_id, sku, currency, shown_minor, shown_at, \
     published_minor, published_at, publish_error, seen_at, removed_at FROM listings";

fn listing(row: &Row<'_>) -> Result<Listing, StoreError> {
    let currency: Option<String> = row.get(5)?;
    let currency = match currency {
        Some(_) => Some(row.parse(5, |code: String| code.parse())?),
        None => None,
    };
    Ok(Listing {
        platform: row.parse(0, |text: String| text.parse())?,
        ids: VariantIds {
            variant_id: row.get(1)?,
            product_id: row.get(2)?,
            inventory_item_id: row.get(3)?,
        },
        sku: row.get(4)?,
        currency,
        shown: row.get::<Option<i64>>(6)?.zip(row.get(7)?),
        published: row.get::<Option<i64>>(8)?.zip(row.get(9)?),
        publish_error: row.get(10)?,
        seen_at: row.get(11)?,
        removed_at: row.get(12)?,
    })
}

/// What a platform says of a variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen<'a> {
    /// The platform.
    pub platform: Platform,
    /// What it calls it.
    pub ids: &'a VariantIds,
    /// What we call it.
    pub sku: &'a Sku,
    /// Price and its currency, minor units, if it said one.
    pub shown: Option<(i64, Currency)>,
    /// When the platform said it.
    pub at: Timestamp,
}

/// Notes what a platform says of a variant. Gives whether it was news: what is older than what is
/// known changes nothing.
pub fn see(tx: &mut Tx<'_>, seen: &Seen<'_>) -> Result<bool, StoreError> {
    let (shown, currency) = match seen.shown {
        Some((minor, currency)) => (Some(minor), Some(currency.code())),
        None => (None, None),
    };
    let shown_at = shown.map(|_| seen.at);
    let changed = tx.execute(
        "INSERT INTO listings (platform, variant_id, product_id, inventory_item_id, sku, currency, shown_minor, shown_at, seen_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (platform, variant_id) DO UPDATE SET product_id = excluded.product_id,
             inventory_item_id = COALESCE(excluded.inventory_item_id, listings.inventory_item_id),
             sku = excluded.sku, currency = COALESCE(excluded.currency, listings.currency),
             shown_minor = COALESCE(excluded.shown_minor, listings.shown_minor),
             shown_at = COALESCE(excluded.shown_at, listings.shown_at),
             seen_at = excluded.seen_at, removed_at = NULL
         WHERE excluded.seen_at >= listings.seen_at",
        params![
            seen.platform.as_str(),
            &seen.ids.variant_id,
            &seen.ids.product_id,
            seen.ids.inventory_item_id.as_deref(),
            seen.sku,
            currency,
            shown,
            shown_at,
            seen.at
        ],
    )?;
    Ok(changed > 0)
}

/// Marks the variants of a product that the platform no longer has: all of them, or all but `kept`.
pub fn remove_others(
    tx: &mut Tx<'_>,
    (platform, product_id): (Platform, &str),
    kept: &[&str],
    at: Timestamp,
) -> Result<(), StoreError> {
    let of_product = tx.query(
        "SELECT variant_id FROM listings WHERE platform = $1 AND product_id = $2 AND removed_at IS NULL AND seen_at <= $3",
        params![platform.as_str(), product_id, at],
        |row| row.get::<String>(0),
    )?;
    for variant_id in of_product.iter().filter(|id| !kept.contains(&id.as_str())) {
        tx.execute(
            "UPDATE listings SET removed_at = $3, seen_at = $3 WHERE platform = $1 AND variant_id = $2",
            params![platform.as_str(), variant_id, at],
        )?;
    }
    Ok(())
}

/// The listing of a variant.
pub fn find_variant(
    tx: &mut Tx<'_>,
    platform: Platform,
    variant_id: &str,
) -> Result<Option<Listing>, StoreError> {
    let sql = format!("{COLUMNS} WHERE platform = $1 AND variant_id = $2");
    tx.find(&sql, params![platform.as_str(), variant_id], listing)
}

/// The listing whose stock a platform counts under this id.
pub fn find_inventory_item(
    tx: &mut Tx<'_>,
    platform: Platform,
    inventory_item_id: &str,
) -> Result<Option<Listing>, StoreError> {
    let sql = format!(
        "{COLUMNS} WHERE platform = $1 AND inventory_item_id = $2 ORDER BY removed_at IS NOT NULL, variant_id LIMIT 1"
    );
    tx.find(&sql, params![platform.as_str(), inventory_item_id], listing)
}

/// What a platform still shows of these products, by SKU and variant.
pub fn of_skus(
    tx: &mut Tx<'_>,
    platform: Platform,
    skus: &[&Sku],
) -> Result<Vec<Listing>, StoreError> {
    let sql = format!(
        "{COLUMNS} WHERE platform = $1 AND removed_at IS NULL AND sku = $2 ORDER BY variant_id"
    );
    let mut found = Vec::new();
    for sku in skus {
        found.extend(tx.query(&sql, params![platform.as_str(), *sku], listing)?);
    }
    Ok(found)
}

/// A page of what a platform still shows, by variant after `after`.
pub fn page(
    tx: &mut Tx<'_>,
    platform: Platform,
    after: &str,
    limit: i64,
) -> Result<Vec<Listing>, StoreError> {
    let sql = format!(
        "{COLUMNS} WHERE platform = $1 AND variant_id > $2 AND removed_at IS NULL ORDER BY variant_id LIMIT $3"
    );
    tx.query(&sql, params![platform.as_str(), after, limit], listing)
}

/// Notes that a platform took a price, or why it did not.
pub fn note_published(
    tx: &mut Tx<'_>,
    (platform, variant_id): (Platform, &str),
    outcome: Result<i64, &str>,
    at: Timestamp,
) -> Result<(), StoreError> {
    let (published, error): (Option<i64>, Option<&str>) = match outcome {
        Ok(minor) => (Some(minor), None),
        Err(error) => (None, Some(error)),
    };
    let published_at: Value<'_> = published.map(|_| at).into();
    tx.execute(
        "UPDATE listings SET published_minor = COALESCE($3, published_minor),
             published_at = COALESCE($4, published_at), publish_error = $5
         WHERE platform = $1 AND variant_id = $2",
        &[
            platform.as_str().into(),
            variant_id.into(),
            published.into(),
            published_at,
            error.into(),
        ],
    )?;
    Ok(())
}

/// The products that a platform's product still shows, in key order.
pub fn skus_of_product(
    tx: &mut Tx<'_>,
    platform: Platform,
    product_id: &str,
) -> Result<Vec<Sku>, StoreError> {
    tx.query(
        "SELECT DISTINCT sku FROM listings WHERE platform = $1 AND product_id = $2 AND removed_at IS NULL ORDER BY sku",
        params![platform.as_str(), product_id],
        |row| row.get(0),
    )
}
