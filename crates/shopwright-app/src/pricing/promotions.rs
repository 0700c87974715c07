//! Promotions: started, changed before they start, ended.

use serde_json::{Value as Json, json};
use shopwright_domain::catalog::{SHOP_ID_BYTES_MAX, Sku};
use shopwright_domain::ids::PromotionId;
use shopwright_domain::money::Factor;
use shopwright_domain::pricing::{AMOUNT_MINOR_MAX, FACTOR_MAX};
use shopwright_domain::promotions::{PromotionEffect, PromotionScope};
use shopwright_domain::time::Timestamp;
use shopwright_store::audit::{self, Stamp};
use shopwright_store::promotions::{self, Promotion};
use shopwright_store::{Change, StoreError, Tx, catalog};

use super::promotion_end;

const NAME_BYTES_MAX: usize = 200;
/// Products and categories of one promotion at most.
const SCOPE_MAX: usize = 1_000;
/// The highest priority; the lowest is its negative.
pub const PRIORITY_MAX: i64 = 1_000;

/// A promotion as its owner wants it.
#[derive(Clone, Debug)]
pub struct WantedPromotion {
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
    /// From,
    pub starts_at: Timestamp,
    /// and until just before.
    pub ends_at: Timestamp,
}

/// Why a promotion was refused.
#[derive(Debug, thiserror::Error)]
pub enum PromotionError {
    /// The name is empty or too long.
    #[error("the name must have 1 to {NAME_BYTES_MAX} bytes")]
    Name,
    /// The lists are empty, too long, or hold what cannot be a category.
    #[error("name 1 to {SCOPE_MAX} products and categories, each category with 1 to 200 bytes")]
    Scope,
    /// The factor is not usable.
    #[error("the factor must be above 0 and at most {FACTOR_MAX}; write it like \"0.9\"")]
    Factor,
    /// The percentage is not usable.
    #[error("percent_off must be above 0 and below 100; write it like \"15\" or \"12.5\"")]
    Percent,
    /// The amount is not usable.
    #[error("the amount must be from 1 to {AMOUNT_MINOR_MAX} minor units")]
    Amount,
    /// The priority is out of range.
    #[error("the priority must be from -{PRIORITY_MAX} to {PRIORITY_MAX}")]
    Priority,
    /// It ends before it starts, or is over already.
    #[error("ends_at must be after starts_at and in the future")]
    Times,
    /// There is no such product.
    #[error("there is no product {0}")]
    UnknownSku(Sku),
    /// There is no such promotion.
    #[error("there is no promotion {0}")]
    NotFound(PromotionId),
    /// It has started, and buyers have seen it.
    #[error("the promotion started at {0} and is not changed any more; end it and make another")]
    Started(Timestamp),
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn check(tx: &mut Tx<'_>, wanted: &WantedPromotion, now: Timestamp) -> Result<(), PromotionError> {
    let name = wanted.name.trim();
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.contains('\0') {
        return Err(PromotionError::Name);
    }
    check_effect(wanted.effect)?;
    if !(-PRIORITY_MAX..=PRIORITY_MAX).contains(&wanted.priority) {
        return Err(PromotionError::Priority);
    }
    if wanted.ends_at <= wanted.starts_at || wanted.ends_at <= now {
        return Err(PromotionError::Times);
    }
    check_scope(tx, &wanted.scope)
}

fn check_effect(effect: PromotionEffect) -> Result<(), PromotionError> {
    let between = |factor: Factor, most: i64| {
        factor > Factor::new(0, 1) && factor <= Factor::new(i128::from(most), 1)
    };
    match effect {
        PromotionEffect::Factor(factor) if !between(factor, FACTOR_MAX) => {
            Err(PromotionError::Factor)
        }
        PromotionEffect::PercentOff(percent)
            if !between(percent, 100) || percent == Factor::new(100, 1) =>
        {
            Err(PromotionError::Percent)
        }
        PromotionEffect::AmountOff(money) | PromotionEffect::Price(money)
            if !(1..=AMOUNT_MINOR_MAX).contains(&money.amount) =>
        {
            Err(PromotionError::Amount)
        }
        _ => Ok(()),
    }
}

fn check_scope(tx: &mut Tx<'_>, scope: &PromotionScope) -> Result<(), PromotionError> {
    let skus: Vec<&Sku> = match scope {
        PromotionScope::Store | PromotionScope::Category(_) => Vec::new(),
        PromotionScope::Sku(sku) => vec![sku],
        PromotionScope::Several { skus, categories } => {
            let path = |path: &String| {
                (1..=SHOP_ID_BYTES_MAX).contains(&path.len()) && !path.contains('\0')
            };
            let named = skus.len() + categories.len();
            if !(1..=SCOPE_MAX).contains(&named) || !categories.iter().all(path) {
                return Err(PromotionError::Scope);
            }
            skus.iter().collect()
        }
    };
    let known = catalog::titles(tx, &skus)?;
    let is_known = |sku: &Sku| known.iter().any(|(known, _)| known == sku.as_str());
    match skus.into_iter().find(|sku| !is_known(sku)) {
        Some(unknown) => Err(PromotionError::UnknownSku(unknown.clone())),
        None => Ok(()),
    }
}

fn promotion(id: PromotionId, wanted: &WantedPromotion, created_at: Timestamp) -> Promotion {
    Promotion {
        promotion_id: id,
        name: wanted.name.trim().to_owned(),
        scope: wanted.scope.clone(),
        effect: wanted.effect,
        locks_price: wanted.locks_price,
        announced: wanted.announced,
        priority: wanted.priority,
        stackable: wanted.stackable,
        starts_at: wanted.starts_at,
        ends_at: wanted.ends_at,
        created_at,
        version: 1,
    }
}

/// Adds a promotion.
pub fn start_promotion(
    tx: &mut Tx<'_>,
    id: PromotionId,
    wanted: &WantedPromotion,
    stamp: Stamp,
) -> Result<Promotion, PromotionError> {
    check(tx, wanted, stamp.at)?;
    let made = promotion(id, wanted, stamp.at);
    audit::lock(tx)?;
    promotions::insert(tx, &made)?;
    promotion_end::created(tx, &made)?;
    tx.announce(Change::PriceInputs);
    record(tx, stamp, "promotion.started", (None, &made))?;
    Ok(made)
}

fn record(
    tx: &mut Tx<'_>,
    stamp: Stamp,
    action: &'static str,
    (before, after): (Option<&Promotion>, &Promotion),
) -> Result<(), StoreError> {
    let object = after.promotion_id.to_string();
    let entry = stamp.entry(action, object, before.map(audited), Some(audited(after)));
    audit::record(tx, &entry).map(|_| ())
}

fn audited(promotion: &Promotion) -> Json {
    json!({
        "name": promotion.name,
        "scope": promotion.scope,
        "effect": promotion.effect,
        "locks_price": promotion.locks_price,
        "announced": promotion.announced,
        "priority": promotion.priority,
        "stackable": promotion.stackable,
        "starts_at": promotion.starts_at,
        "ends_at": promotion.ends_at,
    })
}

/// Replaces a promotion that has not started.
pub fn change_promotion(
    tx: &mut Tx<'_>,
    id: PromotionId,
    wanted: &WantedPromotion,
    stamp: Stamp,
) -> Result<Promotion, PromotionError> {
    let now = stamp.at;
    audit::lock(tx)?;
    let kept = promotions::lock(tx, id)?.ok_or(PromotionError::NotFound(id))?;
    if kept.starts_at <= now {
        return Err(PromotionError::Started(kept.starts_at));
    }
    check(tx, wanted, now)?;
    let next = Promotion { version: kept.version, ..promotion(id, wanted, kept.created_at) };
    if next == kept {
        return Ok(kept);
    }
    promotions::update(tx, &next)?;
    tx.announce(Change::PriceInputs);
    record(tx, stamp, "promotion.changed", (Some(&kept), &next))?;
    let next = Promotion { version: kept.version + 1, ..next };
    promotion_end::changed(tx, &next, now)?;
    Ok(next)
}

/// Ends a promotion now. `false` when there is none that runs or is to come.
pub fn end_promotion(tx: &mut Tx<'_>, id: PromotionId, stamp: Stamp) -> Result<bool, StoreError> {
    audit::lock(tx)?;
    let before = promotions::find(tx, id)?;
    tx.announce(Change::PriceInputs);
    let ended = promotions::end(tx, id, stamp.at)?;
    if ended && let Some(after) = promotions::find(tx, id)? {
        record(tx, stamp, "promotion.ended", (before.as_ref(), &after))?;
        promotion_end::ended(tx, &after)?;
    }
    Ok(ended)
}
