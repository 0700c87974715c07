//! Promotions: what they cover, what they do to prices, and when.

use serde_json::Value as Json;
use shopwright_domain::catalog::Sku;
use shopwright_domain::ids::PromotionId;
use shopwright_domain::money::{Factor, Money};
use shopwright_domain::promotions::{PromotionEffect, PromotionScope};
use shopwright_domain::time::Timestamp;

use crate::conditions::Conditions;
use crate::page::{Page, Place};
use crate::{Row, StoreError, Tx, Value, params};

/// A promotion as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Promotion {
    /// Its id.
    pub promotion_id: PromotionId,
    /// What the owner calls it.
    pub name: String,
    /// What it covers.
    pub scope: PromotionScope,
    /// What it does to prices.
    pub effect: PromotionEffect,
    /// Whether prices stand still while it runs.
    pub locks_price: bool,
    /// Whether it is shown to buyers as a reduction.
    pub announced: bool,
    /// Of several, the highest counts first.
    pub priority: i64,
    /// Whether it counts beside the first one.
    pub stackable: bool,
    /// From this moment on,
    pub starts_at: Timestamp,
    /// and until just before this one.
    pub ends_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// Goes up by one with each change.
    pub version: i64,
}

const COLUMNS: &str = "SELECT promotion_id, name, scope, scope_key, factor, locks_price, starts_at, ends_at, created_at, \
     skus, categories, effect, amount_minor, currency, announced, priority, stackable, version FROM promotions";

fn promotion(row: &Row<'_>) -> Result<Promotion, StoreError> {
    Ok(Promotion {
        promotion_id: row.get(0)?,
        name: row.get(1)?,
        scope: scope(row)?,
        effect: effect(row)?,
        locks_price: row.get(5)?,
        announced: row.get(14)?,
        priority: row.get(15)?,
        stackable: row.get(16)?,
        starts_at: row.get(6)?,
        ends_at: row.get(7)?,
        created_at: row.get(8)?,
        version: row.get(17)?,
    })
}

fn scope(row: &Row<'_>) -> Result<PromotionScope, StoreError> {
    let key: String = row.get(3)?;
    let name: String = row.get(2)?;
    match name.as_str() {
        "store" => Ok(PromotionScope::Store),
        "category" => Ok(PromotionScope::Category(key)),
        "sku" => row.parse(3, |key: String| Sku::parse(&key)).map(PromotionScope::Sku),
        "several" => Ok(PromotionScope::Several { skus: row.json(9)?, categories: row.json(10)? }),
        _ => row.parse(2, |name: String| Err(format!("`{name}` is no scope"))),
    }
}

fn effect(row: &Row<'_>) -> Result<PromotionEffect, StoreError> {
    let factor = || row.parse(4, |text: String| Factor::parse_exact(&text));
    let money = || {
        let currency = row.parse(13, |code: String| code.parse())?;
        Ok::<_, StoreError>(Money { amount: row.get(12)?, currency })
    };
    let name: String = row.get(11)?;
    match name.as_str() {
        "factor" => factor().map(PromotionEffect::Factor),
        "percent_off" => factor().map(PromotionEffect::PercentOff),
        "amount_off" => money().map(PromotionEffect::AmountOff),
        "price" => money().map(PromotionEffect::Price),
        _ => row.parse(11, |name: String| Err(format!("`{name}` is no effect"))),
    }
}

/// What the scope is stored as: its name, its key, and the two lists.
fn scope_parts(scope: &PromotionScope) -> (&'static str, &str, Json, Json) {
    let none = || Json::Array(Vec::new());
    match scope {
        PromotionScope::Store => ("store", "", none(), none()),
        PromotionScope::Category(path) => ("category", path, none(), none()),
        PromotionScope::Sku(sku) => ("sku", sku.as_str(), none(), none()),
        PromotionScope::Several { skus, categories } => {
            let skus: Vec<&str> = skus.iter().map(Sku::as_str).collect();
            ("several", "", skus.into(), categories.clone().into())
        }
    }
}

/// What the effect is stored as: its name, its factor, its money.
fn effect_parts(effect: PromotionEffect) -> (&'static str, Factor, Option<Money>) {
    match effect {
        PromotionEffect::Factor(factor) => ("factor", factor, None),
        PromotionEffect::PercentOff(percent) => ("percent_off", percent, None),
        PromotionEffect::AmountOff(money) => ("amount_off", Factor::one(), Some(money)),
        PromotionEffect::Price(money) => ("price", Factor::one(), Some(money)),
    }
}

/// Promotions that run at `now`.
pub fn running(tx: &mut Tx<'_>, now: Timestamp) -> Result<Vec<Promotion>, StoreError> {
    tx.query(
        &format!("{COLUMNS} WHERE starts_at <= $1 AND ends_at > $1 ORDER BY promotion_id"),
        params![now],
        promotion,
    )
}

/// One promotion.
pub fn find(tx: &mut Tx<'_>, id: PromotionId) -> Result<Option<Promotion>, StoreError> {
    tx.find(&format!("{COLUMNS} WHERE promotion_id = $1"), params![id], promotion)
}

/// One promotion, locked until the end of the transaction.
pub fn lock(tx: &mut Tx<'_>, id: PromotionId) -> Result<Option<Promotion>, StoreError> {
    let lock = tx.for_update();
    tx.find(&format!("{COLUMNS} WHERE promotion_id = $1{lock}"), params![id], promotion)
}

/// Which promotions a list shows; nothing set shows all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PromotionFilter {
    /// Running at this time.
    pub active_at: Option<Timestamp>,
    /// `store`, `category`, `sku` or `several`.
    pub scope: Option<String>,
}

/// A page of promotions, newest first.
pub fn list(
    tx: &mut Tx<'_>,
    filter: &PromotionFilter,
    page: &Page<PromotionId>,
) -> Result<Vec<Promotion>, StoreError> {
    let mut conditions = Conditions::default();
    conditions.compare("starts_at", "<=", filter.active_at);
    conditions.compare("ends_at", ">", filter.active_at);
    conditions.compare("scope", "=", filter.scope.as_ref());
    match page.place {
        Place::First => {}
        Place::After(id) => conditions.compare("promotion_id", "<", Some(id)),
        Place::Before(id) => conditions.compare("promotion_id", ">", Some(id)),
    }
    let order = if page.is_backwards() { "" } else { " DESC" };
    let limit = conditions.bind(page.limit);
    let clause = conditions.clause();
    let sql = format!("{COLUMNS} {clause} ORDER BY promotion_id{order} LIMIT {limit}");
    let mut rows = tx.query(&sql, conditions.values(), promotion)?;
    if page.is_backwards() {
        rows.reverse();
    }
    Ok(rows)
}

/// Adds a promotion.
pub fn insert(tx: &mut Tx<'_>, promotion: &Promotion) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO promotions (promotion_id, name, scope, scope_key, skus, categories, effect, factor, amount_minor,
             currency, locks_price, announced, priority, stackable, starts_at, ends_at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
        &values(promotion, &effect_parts(promotion.effect).1.exact_text(), true),
    )?;
    Ok(())
}

/// Replaces everything about a promotion but its id and the time it was made.
pub fn update(tx: &mut Tx<'_>, promotion: &Promotion) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE promotions SET name = $2, scope = $3, scope_key = $4, skus = $5, categories = $6, effect = $7,
             factor = $8, amount_minor = $9, currency = $10, locks_price = $11, announced = $12, priority = $13,
             stackable = $14, starts_at = $15, ends_at = $16, version = version + 1
         WHERE promotion_id = $1",
        &values(promotion, &effect_parts(promotion.effect).1.exact_text(), false),
    )?;
    Ok(())
}

fn values<'a>(promotion: &'a Promotion, factor: &'a String, with_made: bool) -> Vec<Value<'a>> {
    let (scope, key, skus, categories) = scope_parts(&promotion.scope);
    let (effect, _, money) = effect_parts(promotion.effect);
    let mut values = params![
        promotion.promotion_id,
        &promotion.name,
        scope,
        key,
        skus,
        categories,
        effect,
        factor,
        money.map(|money| money.amount),
        money.map(|money| money.currency.code()),
        promotion.locks_price,
        promotion.announced,
        promotion.priority,
        promotion.stackable,
        promotion.starts_at,
        promotion.ends_at,
    ]
    .to_vec();
    values.extend(with_made.then_some(Value::Time(promotion.created_at)));
    values
}

/// Ends a running promotion now, or cancels one to come. `false` when there is none or it is over.
pub fn end(tx: &mut Tx<'_>, id: PromotionId, now: Timestamp) -> Result<bool, StoreError> {
    let ended = tx.execute(
        "UPDATE promotions SET ends_at = $2, starts_at = CASE WHEN starts_at > $2 THEN $2 ELSE starts_at END,
             version = version + 1
         WHERE promotion_id = $1 AND ends_at > $2",
        params![id, now],
    )?;
    Ok(ended > 0)
}
