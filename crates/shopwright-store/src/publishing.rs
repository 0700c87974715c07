//! Which of our prices a shop platform does not show yet, and what came of telling it.
//!
//! Nothing is queued: what is to be told follows from listings and current prices, so it is always the
//! price that stands now, and a change that never reached a queue is found all the same. A price that
//! was offered is not offered again by itself, whatever the platform said, until it changes.

use std::collections::HashSet;

use shopwright_domain::catalog::Sku;
use shopwright_domain::money::Currency;
use shopwright_domain::platforms::{Platform, VariantIds};
use shopwright_domain::time::Timestamp;

use crate::listings::{self, Listing};
use crate::{Place, Row, StoreError, Tx, params};

/// The kind of the effects that tell prices.
pub const PUBLISH: &str = "shop.publish";

/// Products that WooCommerce changes in one call: those that are their own variant.
const PLAIN: &str = "products";

const GROUP: &str = "CASE WHEN l.platform = 'woocommerce' AND l.product_id = l.variant_id THEN 'products' ELSE l.product_id END";
/// What the platform shows as far as we know: what it said last, or took last.
const STANDS_THERE: &str = "CASE WHEN l.published_at IS NULL OR l.shown_at > l.published_at THEN l.shown_minor ELSE l.published_minor END";
const OF_PRODUCTS_FOR_SALE: &str =
    "FROM listings l JOIN prices c ON c.sku = l.sku JOIN products p ON p.sku = l.sku
     WHERE l.platform = $1 AND l.removed_at IS NULL AND p.status = 'active'";

/// What an effect that tells prices of a group is about.
pub fn subject(platform: Platform, group: &str) -> String {
    format!("{}/{group}", platform.as_str())
}

/// The group of a subject.
pub fn group_of(subject: &str) -> Option<(Platform, &str)> {
    let (platform, group) = subject.split_once('/')?;
    Some((platform.parse().ok()?, group))
}

/// Groups of variants with a price that was not offered yet and for which nothing is on its way. One
/// call of the platform can take a group: a product with its variants, or products without variants.
pub fn due_groups(
    tx: &mut Tx<'_>,
    platform: Platform,
    limit: usize,
) -> Result<Vec<String>, StoreError> {
    let under_way: HashSet<String> = tx
        .query(
            "SELECT subject FROM effects WHERE state IN ('waiting', 'leased') AND kind = $1",
            params![PUBLISH],
            |row| row.get(0),
        )?
        .into_iter()
        .collect();
    let sql = format!(
        "SELECT DISTINCT {GROUP} {OF_PRODUCTS_FOR_SALE}
             AND (l.offered_at IS NULL OR l.offered_at <> c.changed_at)
             AND ({STANDS_THERE} IS NULL OR {STANDS_THERE} <> c.amount_minor) ORDER BY 1"
    );
    let groups = tx.query(&sql, params![platform.as_str()], |row| row.get::<String>(0))?;
    let free = groups.into_iter().filter(|group| !under_way.contains(&subject(platform, group)));
    Ok(free.take(limit).collect())
}

/// A price to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// What the platform calls the variant.
    pub ids: VariantIds,
    /// What we call it.
    pub sku: Sku,
    /// Its category path.
    pub category: Option<String>,
    /// The price that stands now, minor units.
    pub amount_minor: i64,
    /// Its currency.
    pub currency: Currency,
    /// The currency the platform prices it in, where it said so.
    pub shop_currency: Option<Currency>,
    /// Since when the price stands: which price was offered.
    pub changed_at: Timestamp,
}

/// What the platform does not show of a group: first what was not offered yet, then what it refused.
pub fn due(
    tx: &mut Tx<'_>,
    (platform, group): (Platform, &str),
    limit: usize,
) -> Result<Vec<Due>, StoreError> {
    let of_group = if platform == Platform::Woocommerce && group == PLAIN {
        "l.product_id = l.variant_id AND $2 = 'products'"
    } else {
        "l.product_id = $2"
    };
    let sql = format!(
        "SELECT l.product_id, l.variant_id, l.inventory_item_id, l.sku, p.category, c.amount_minor, c.currency,
             l.currency, c.changed_at
         {OF_PRODUCTS_FOR_SALE} AND {of_group}
             AND ({STANDS_THERE} IS NULL OR {STANDS_THERE} <> c.amount_minor)
         ORDER BY CASE WHEN l.offered_at = c.changed_at THEN 1 ELSE 0 END, l.variant_id LIMIT $3"
    );
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    tx.query(&sql, params![platform.as_str(), group, limit], |row| {
        Ok(Due {
            ids: ids(row)?,
            sku: row.get(3)?,
            category: row.get(4)?,
            amount_minor: row.get(5)?,
            currency: row.parse(6, |code: String| code.parse())?,
            shop_currency: currency(row, 7)?,
            changed_at: row.get(8)?,
        })
    })
}

/// Whether something of a group was not offered yet.
pub fn has_new(tx: &mut Tx<'_>, (platform, group): (Platform, &str)) -> Result<bool, StoreError> {
    let sql = format!(
        "SELECT COUNT(*) {OF_PRODUCTS_FOR_SALE} AND {GROUP} = $2
             AND (l.offered_at IS NULL OR l.offered_at <> c.changed_at)
             AND ({STANDS_THERE} IS NULL OR {STANDS_THERE} <> c.amount_minor)"
    );
    Ok(tx.one(&sql, params![platform.as_str(), group], |row| row.get::<i64>(0))? > 0)
}

/// The currency of a listing's amounts: the one its platform said, else the product's.
pub fn currency_of(tx: &mut Tx<'_>, listing: &Listing) -> Result<Option<Currency>, StoreError> {
    if listing.currency.is_some() {
        return Ok(listing.currency);
    }
    let sql = "SELECT currency FROM products WHERE sku = $1";
    tx.find(sql, params![&listing.sku], |row| row.parse(0, |code: String| code.parse()))
}

fn ids(row: &Row<'_>) -> Result<VariantIds, StoreError> {
    Ok(VariantIds {
        product_id: row.get(0)?,
        variant_id: row.get(1)?,
        inventory_item_id: row.get(2)?,
    })
}

fn currency(row: &Row<'_>, place: usize) -> Result<Option<Currency>, StoreError> {
    match row.get::<Option<String>>(place)? {
        Some(_) => Ok(Some(row.parse(place, |code: String| code.parse())?)),
        None => Ok(None),
    }
}

/// Whether another worker is telling prices of the same group right now.
pub fn is_under_way(
    tx: &mut Tx<'_>,
    subject: &str,
    but: shopwright_domain::ids::EffectId,
) -> Result<bool, StoreError> {
    let sql = format!(
        "SELECT COUNT(*) FROM effects WHERE state = 'leased' AND kind = $1 AND subject = $2
             AND effect_id <> $3 AND lease_until > {}",
        tx.ledger_time()
    );
    Ok(tx.one(&sql, params![PUBLISH, subject, but], |row| row.get::<i64>(0))? > 0)
}

/// Notes what came of offering a price.
pub fn note_offered(
    tx: &mut Tx<'_>,
    platform: Platform,
    offered: &Due,
    outcome: Result<(), &str>,
    at: Timestamp,
) -> Result<(), StoreError> {
    let variant_id = offered.ids.variant_id.as_str();
    let published = outcome.map(|()| offered.amount_minor);
    listings::note_published(tx, (platform, variant_id), published, at)?;
    let settled = if outcome.is_ok() { ", differs_since = NULL" } else { "" };
    tx.execute(
        &format!(
            "UPDATE listings SET offered_at = $3{settled} WHERE platform = $1 AND variant_id = $2"
        ),
        params![platform.as_str(), variant_id, offered.changed_at],
    )?;
    Ok(())
}

/// Has the price of a product offered again, whatever the platform was told before. Gives how many
/// variants that is.
pub fn offer_again(
    tx: &mut Tx<'_>,
    platform: Platform,
    sku: Option<&Sku>,
) -> Result<u64, StoreError> {
    tx.execute(
        "UPDATE listings SET offered_at = NULL, published_minor = NULL, published_at = NULL
         WHERE platform = $1 AND removed_at IS NULL AND ($2 = '' OR sku = $2)
             AND (differs_since IS NOT NULL OR publish_error IS NOT NULL)",
        params![platform.as_str(), sku.map_or("", Sku::as_str)],
    )
}

/// Notes what a look at the platform found: its price, minor units, or that it has no such variant.
pub fn note_look(
    tx: &mut Tx<'_>,
    (platform, variant_id): (Platform, &str),
    shown_minor: Option<i64>,
    at: Timestamp,
) -> Result<(), StoreError> {
    let Some(shown) = shown_minor else {
        tx.execute(
            "UPDATE listings SET removed_at = $3, seen_at = $3
             WHERE platform = $1 AND variant_id = $2 AND seen_at <= $3",
            params![platform.as_str(), variant_id, at],
        )?;
        return Ok(());
    };
    tx.execute(
        "UPDATE listings SET shown_minor = $3, shown_at = $4, seen_at = $4,
             differs_since = CASE WHEN $3 = (SELECT c.amount_minor FROM prices c WHERE c.sku = listings.sku)
                 THEN NULL ELSE COALESCE(differs_since, $4) END
         WHERE platform = $1 AND variant_id = $2 AND seen_at <= $4
             AND (published_at IS NULL OR published_at < $4)",
        params![platform.as_str(), variant_id, shown, at],
    )?;
    Ok(())
}

/// A variant whose platform shows something else than our price, or refused it, or lost it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// What the platform calls it.
    pub ids: VariantIds,
    /// What we call it.
    pub sku: Sku,
    /// Our price, minor units.
    pub amount_minor: i64,
    /// Its currency.
    pub currency: Currency,
    /// What the platform showed, minor units, and when it said so.
    pub shown: Option<(i64, Timestamp)>,
    /// Since when it was seen to differ.
    pub differs_since: Option<Timestamp>,
    /// Why the platform did not take our price.
    pub publish_error: Option<String>,
    /// When the platform was found not to have it any more.
    pub removed_at: Option<Timestamp>,
}

/// Variants that differ, by the platform's id of them.
pub fn drifting(
    tx: &mut Tx<'_>,
    platform: Platform,
    place: &Place<String>,
    limit: i64,
) -> Result<Vec<Drift>, StoreError> {
    let (key, compare, order) = match place {
        Place::First => ("", ">", "ASC"),
        Place::After(key) => (key.as_str(), ">", "ASC"),
        Place::Before(key) => (key.as_str(), "<", "DESC"),
    };
    let sql = format!(
        "SELECT l.product_id, l.variant_id, l.inventory_item_id, l.sku, c.amount_minor, c.currency, l.shown_minor,
             l.shown_at, l.differs_since, l.publish_error, l.removed_at
         FROM listings l JOIN prices c ON c.sku = l.sku JOIN products p ON p.sku = l.sku
         WHERE l.platform = $1 AND p.status = 'active' AND l.variant_id {compare} $2
             AND (l.removed_at IS NOT NULL OR l.publish_error IS NOT NULL
                  OR {STANDS_THERE} <> c.amount_minor)
         ORDER BY l.variant_id {order} LIMIT $3"
    );
    let mut rows = tx.query(&sql, params![platform.as_str(), key, limit], |row| {
        Ok(Drift {
            ids: ids(row)?,
            sku: row.get(3)?,
            amount_minor: row.get(4)?,
            currency: row.parse(5, |code: String| code.parse())?,
            shown: row.get::<Option<i64>>(6)?.zip(row.get(7)?),
            differs_since: row.get(8)?,
            publish_error: row.get(9)?,
            removed_at: row.get(10)?,
        })
    })?;
    if order == "DESC" {
        rows.reverse();
    }
    Ok(rows)
}

/// How many variants a platform shows, and how many of them differ.
pub fn count(tx: &mut Tx<'_>, platform: Platform) -> Result<(i64, i64), StoreError> {
    let sql = format!(
        "SELECT COUNT(*), COUNT(CASE WHEN l.publish_error IS NOT NULL OR {STANDS_THERE} <> c.amount_minor THEN 1 END)
         {OF_PRODUCTS_FOR_SALE}"
    );
    tx.one(&sql, params![platform.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
}
