//! Promotions: a factor on the prices of a scope for a time.

use shopwright_domain::ids::PromotionId;
use shopwright_domain::money::Factor;
use shopwright_domain::time::Timestamp;

use crate::{Page, Row, StoreError, Tx, params};

/// A promotion as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Promotion {
    /// Its id.
    pub promotion_id: PromotionId,
    /// What the owner calls it.
    pub name: String,
    /// `store`, `category` or `sku`.
    pub scope: String,
    /// Empty for the store, else the category path or the SKU.
    pub scope_key: String,
    /// What prices are multiplied with.
    pub factor: Factor,
    /// Whether prices stand still while it runs.
    pub locks_price: bool,
    /// From this moment on,
    pub starts_at: Timestamp,
    /// and until just before this one.
    pub ends_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
}

const COLUMNS: &str = "SELECT promotion_id, name, scope, scope_key, factor, locks_price, starts_at, ends_at, created_at FROM promotions";

fn promotion(row: &Row<'_>) -> Result<Promotion, StoreError> {
    Ok(Promotion {
        promotion_id: row.get(0)?,
        name: row.get(1)?,
        scope: row.get(2)?,
        scope_key: row.get(3)?,
        factor: row.parse(4, |text: String| Factor::parse_exact(&text))?,
        locks_price: row.get(5)?,
        starts_at: row.get(6)?,
        ends_at: row.get(7)?,
        created_at: row.get(8)?,
    })
}

/// Promotions that run at `now`.
pub fn running(tx: &mut Tx<'_>, now: Timestamp) -> Result<Vec<Promotion>, StoreError> {
    tx.query(
        &format!("{COLUMNS} WHERE starts_at <= $1 AND ends_at > $1 ORDER BY promotion_id"),
        params![now],
        promotion,
    )
}

/// All promotions, newest first, after `older_than`.
pub fn list(tx: &mut Tx<'_>, page: &Page<PromotionId>) -> Result<Vec<Promotion>, StoreError> {
    let select = format!("{COLUMNS} WHERE true");
    page.newest_first(tx, (&select, "promotion_id"), Vec::new(), promotion)
}

/// The promotion with this id.
pub fn find(tx: &mut Tx<'_>, id: PromotionId) -> Result<Option<Promotion>, StoreError> {
    tx.find(&format!("{COLUMNS} WHERE promotion_id = $1"), params![id], promotion)
}

/// Adds a promotion.
pub fn insert(tx: &mut Tx<'_>, promotion: &Promotion) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO promotions (promotion_id, name, scope, scope_key, factor, locks_price, starts_at, ends_at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        params![
            promotion.promotion_id,
            &promotion.name,
            &promotion.scope,
            &promotion.scope_key,
            &promotion.factor.exact_text(),
            promotion.locks_price,
            promotion.starts_at,
            promotion.ends_at,
            promotion.created_at,
        ],
    )?;
    Ok(())
}

/// Ends a running promotion now, or cancels one to come. `false` when there is none or it is over.
pub fn end(tx: &mut Tx<'_>, id: PromotionId, now: Timestamp) -> Result<bool, StoreError> {
    let ended = tx.execute(
        "UPDATE promotions SET ends_at = $2, starts_at = CASE WHEN starts_at > $2 THEN $2 ELSE starts_at END
         WHERE promotion_id = $1 AND ends_at > $2",
        params![id, now],
    )?;
    Ok(ended > 0)
}
