//! Set-up shared by the pricing tests: one ordinary SKU and how to read a decision.
//!
//! Every test changes only what its sentence mentions.

mod competitors;
mod guardrails;
mod layers;
mod playbook;
mod properties;
mod rules;
mod settings;

use super::{CurrentPrice, PolicyPatch, PriceDecision, PriceFacts, PricePolicy, PromotionFact};
use crate::catalog::Sku;
use crate::ids::PromotionId;
use crate::money::Factor;
use crate::time::{HOUR, Timestamp};

/// 2026-11-24T12:00:00Z, a Tuesday.
const NOON: Timestamp = Timestamp::from_micros(1_795_521_600_000_000);

/// A SKU at 10.00 GBP that costs 4.00, with plenty of stock, no sales this month and no price yet.
fn facts() -> PriceFacts {
    PriceFacts {
        sku: Sku::parse("85123A").unwrap(),
        currency: "GBP".parse().unwrap(),
        base_minor: Some(1_000),
        cost_minor: Some(400),
        map_minor: None,
        available: Some(100),
        units_7d: Some(0),
        units_28d: Some(0),
        views_7d: None,
        adds_7d: None,
        current: None,
        promotions: Vec::new(),
        competitor: None,
        now: NOON,
        hour: 12,
        weekday: 2,
    }
}

/// The same SKU, its price standing at `amount_minor` since yesterday.
fn facts_at(amount_minor: i64) -> PriceFacts {
    let current = CurrentPrice {
        amount_minor,
        changed_at: NOON.plus_micros(-24 * HOUR),
        day_open_minor: amount_minor,
    };
    PriceFacts { current: Some(current), ..facts() }
}

fn promotion(number: u128, factor: &str, locks_price: bool) -> PromotionFact {
    PromotionFact {
        id: PromotionId::from_uuid(uuid::Uuid::from_u128(number)),
        name: "Spring sale".to_owned(),
        factor: Factor::parse_exact(factor).unwrap(),
        locks_price,
        priority: 0,
        stackable: false,
    }
}

/// A patch as the API gets it.
fn patch(json: &str) -> PolicyPatch {
    serde_json::from_str(json).unwrap()
}

/// The defaults with strategy `rules` and this patch over them.
fn rules_policy(json: &str) -> PricePolicy {
    let rules = patch(r#"{"strategy": "rules"}"#);
    PricePolicy::resolve([&rules, &patch(json)])
}

/// The reasons as `name effect`, a broken one with the name of the stronger.
fn reasons(decision: &PriceDecision) -> Vec<String> {
    let text = |r: &super::Reason| match r.signal.get("broken_by").and_then(|by| by.as_str()) {
        Some(by) => format!("{} {} broken by {by}", r.factor, r.effect_minor),
        None => format!("{} {}", r.factor, r.effect_minor),
    };
    decision.reasons.iter().map(text).collect()
}
