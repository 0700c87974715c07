//! One pricing decision: facts about a SKU and its policy in, a price with its reasons out.
//!
//! The effects of all reasons add up to the price minus the base price. The decision depends on
//! nothing but its two arguments, so a stored pair replays to the same bytes.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::amounts::BPS_PER_ONE;
use super::competitors::{CompetitorFact, stale_competitor};
use super::endings::{end_price, parse_ending};
use super::guardrails::{Constraint, allowed_range, place, whether};
use super::policy::{Limit, PricePolicy, Strategy};
use super::rules::{RulesPrice, rules_price};
use crate::catalog::Sku;
use crate::ids::PromotionId;
use crate::money::{Currency, Factor};
use crate::time::Timestamp;

/// Everything a price may depend on. There is no field for a person, a session or a device.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct PriceFacts {
    /// The SKU.
    pub sku: Sku,
    /// The currency of every amount here.
    pub currency: Currency,
    /// The price the factors multiply, minor units.
    pub base_minor: Option<i64>,
    /// What one unit costs the shop, minor units; `None` when nobody entered it.
    pub cost_minor: Option<i64>,
    /// Minimum advertised price, minor units.
    pub map_minor: Option<i64>,
    /// Units available to sell; `None` when stock is not tracked.
    pub available: Option<i64>,
    /// Net units sold in the last 7 days; `None` without any sales history.
    pub units_7d: Option<i64>,
    /// Net units sold in the last 28 days; `None` without any sales history.
    pub units_28d: Option<i64>,
    /// Views of its page in the last 7 days that count; `None` where nobody asks for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub views_7d: Option<i64>,
    /// Pieces put into carts in the last 7 days that count; `None` where nobody asks for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adds_7d: Option<i64>,
    /// The price that stands; `None` before the first one.
    pub current: Option<CurrentPrice>,
    /// Promotions active now.
    pub promotions: Vec<PromotionFact>,
    /// What competitors charge; `None` where no setting asks for it or nobody was ever seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub competitor: Option<CompetitorFact>,
    /// The time of the decision.
    pub now: Timestamp,
    /// Hour of the store-local day, 0 to 23.
    pub hour: u8,
    /// Store-local weekday, 1 for Monday to 7 for Sunday.
    pub weekday: u8,
}

/// The price that stands when a decision is made.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct CurrentPrice {
    /// Minor units.
    pub amount_minor: i64,
    /// When it last changed.
    pub changed_at: Timestamp,
    /// The price at the start of the store-local day, minor units.
    pub day_open_minor: i64,
}

/// A promotion that is active now.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct PromotionFact {
    /// Its id.
    pub id: PromotionId,
    /// Its name, shown in the reason.
    pub name: String,
    /// What it multiplies the price by.
    pub factor: Factor,
    /// Whether it forbids price changes while it runs.
    pub locks_price: bool,
    /// Of several, the highest counts first.
    #[serde(default)]
    pub priority: i64,
    /// Whether it counts beside the first one.
    #[serde(default)]
    pub stackable: bool,
}

/// A decided price and why.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct PriceDecision {
    /// The price, minor units.
    pub price_minor: i64,
    /// The base price it started from.
    pub base_minor: i64,
    /// What the rules charge (held to the policy's bounds, before guardrails), whatever the
    /// strategy; `None` when that amount cannot be kept exactly.
    pub playbook_price_minor: Option<i64>,
    /// The strategy that decided.
    pub strategy: Strategy,
    /// At least one; `base_minor` plus all effects is `price_minor`.
    pub reasons: Vec<Reason>,
    /// What the guardrails allow, before the price ending; `None` when one of them said that the
    /// price may not move.
    pub allowed: Option<AllowedInterval>,
    /// A guardrail kept the price that stood.
    pub held: bool,
}

/// The lowest and highest price the guardrails allow, both included.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllowedInterval {
    /// Minor units.
    pub min_minor: i64,
    /// Minor units.
    pub max_minor: i64,
}

/// One reason for a price.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Reason {
    /// Which rule or guardrail: `demand`, `inventory`, `floor`, `dwell` and so on.
    pub factor: String,
    /// What it added to the price, minor units.
    pub effect_minor: i64,
    /// The facts behind it. A broken guardrail has `broken_by`, the name of the stronger one.
    pub signal: Value,
    /// One sentence for the owner.
    pub sentence: String,
}

impl Reason {
    /// Whether this names a guardrail that had to give way to a stronger one.
    pub fn is_broken(&self) -> bool {
        self.signal.get("broken_by").is_some()
    }
}

/// Why no price can be decided. The old price stays.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecideError {
    /// The SKU has no base price.
    #[error("there is no base price to start from; set one, or import a history that shows one")]
    NoBasePrice,
    /// A fact or setting outside what a caller may pass.
    #[error("`{field}` is out of range; {valid}")]
    OutOfRange {
        /// The field.
        field: &'static str,
        /// What would be valid.
        valid: &'static str,
    },
    /// The price does not fit an `i64` of minor units.
    #[error("the price is too large to keep exactly")]
    TooLarge,
}

/// Decides the price of one SKU.
pub fn decide(facts: &PriceFacts, policy: &PricePolicy) -> Result<PriceDecision, DecideError> {
    let base_minor = facts.base_minor.ok_or(DecideError::NoBasePrice)?;
    check_facts(facts, base_minor)?;
    check_policy(policy)?;
    let rules = rules_price(facts, &policy.rules, base_minor);
    let playbook_price_minor = rules.as_ref().ok().map(|rules| rules.price_minor);
    let no_data = no_data_of(&rules);
    let decision = |price_minor, reasons| PriceDecision {
        price_minor,
        base_minor,
        playbook_price_minor,
        strategy: policy.strategy,
        reasons,
        allowed: None,
        held: false,
    };
    let stood = facts.current.as_ref().map(|current| current.amount_minor);
    let constraints = whether(facts, policy, base_minor)?;
    let held = |constraints: &[Constraint]| {
        let placed = place(base_minor, constraints, facts.currency);
        let reasons = placed.reasons.into_iter().chain(no_data.clone()).collect();
        let held = stood == Some(placed.price_minor);
        PriceDecision { held, ..decision(placed.price_minor, reasons) }
    };
    if let Some(constraints) = &constraints
        && !constraints.iter().any(Constraint::only_waits)
    {
        return Ok(held(constraints));
    }
    let RulesPrice { price_minor: wanted_minor, mut reasons } = match policy.strategy {
        Strategy::Fixed => fixed(base_minor, no_data.clone()),
        Strategy::Rules => rules?,
    };
    let placed = place(wanted_minor, &allowed_range(facts, policy, base_minor)?, facts.currency);
    let (price_minor, ending) = end_price(&placed, &policy.endings, facts.currency);
    // Waiting is a reason only for a price that would move.
    if let Some(constraints) = constraints.filter(|_| stood != Some(price_minor)) {
        return Ok(held(&constraints));
    }
    let allowed =
        Some(AllowedInterval { min_minor: placed.min_minor, max_minor: placed.max_minor });
    reasons.extend(placed.reasons);
    reasons.extend(ending);
    reasons.extend(facts.competitor.as_ref().and_then(stale_competitor));
    Ok(PriceDecision { allowed, ..decision(price_minor, reasons) })
}

/// A held or fixed price still says that nothing is known about the SKU's sales.
fn no_data_of(rules: &Result<RulesPrice, DecideError>) -> Option<Reason> {
    let reasons = &rules.as_ref().ok()?.reasons;
    reasons.iter().find(|reason| reason.factor == "no_data").cloned()
}

fn fixed(base_minor: i64, no_data: Option<Reason>) -> RulesPrice {
    let reason = Reason {
        factor: "fixed".to_owned(),
        effect_minor: 0,
        signal: json!({}),
        sentence: "The price is fixed at the base price.".to_owned(),
    };
    let reasons = std::iter::once(reason).chain(no_data).collect();
    RulesPrice { price_minor: base_minor, reasons }
}

/// Refuses facts that no shop can mean, so that everything after this is total.
fn check_facts(facts: &PriceFacts, base_minor: i64) -> Result<(), DecideError> {
    let not_negative = "an amount is zero or more minor units";
    let current = facts.current.as_ref();
    let checks = [
        (base_minor >= 1, "base_minor", "a base price is at least one minor unit"),
        (facts.cost_minor.is_none_or(|cost| cost >= 0), "cost_minor", not_negative),
        (facts.map_minor.is_none_or(|map| map >= 0), "map_minor", not_negative),
        (current.is_none_or(|c| c.amount_minor >= 0), "current.amount_minor", not_negative),
        (current.is_none_or(|c| c.day_open_minor >= 0), "current.day_open_minor", not_negative),
        (facts.hour <= 23, "hour", "an hour is 0 to 23"),
        ((1..=7).contains(&facts.weekday), "weekday", "a weekday is 1 for Monday to 7 for Sunday"),
        (
            facts.promotions.iter().all(|p| p.factor > Factor::new(0, 1)),
            "promotions.factor",
            "a promotion's factor is above zero",
        ),
        (
            facts.competitor.as_ref().is_none_or(CompetitorFact::is_sound),
            "competitor",
            "a competitor's price is at least one minor unit",
        ),
    ];
    refuse_first(&checks)
}

/// The settings the arithmetic relies on. [`PricePolicy::validate`] is stricter and says more; this
/// keeps a stored policy that was never validated from doing harm.
fn check_policy(policy: &PricePolicy) -> Result<(), DecideError> {
    let above_zero = |limit: Limit| match limit {
        Limit::Factor(factor) => factor > Factor::new(0, 1),
        Limit::AmountMinor(amount) => amount > 0,
    };
    let checks = [
        (
            policy.rules.demand_units_per_day_at_full >= 1,
            "demand_units_per_day_at_full",
            "at least 1",
        ),
        ((0..BPS_PER_ONE).contains(&policy.margin_min_bps), "margin_min_bps", "0 to 9999"),
        (policy.step_change_bps >= 0, "step_change_bps", "zero or more"),
        (policy.step_day_bps >= 0, "step_day_bps", "zero or more"),
        (policy.dwell_minutes >= 0, "dwell_minutes", "zero or more"),
        (policy.pin_minor.is_none_or(|pin| pin > 0), "pin_minor", "above zero"),
        (policy.legal_cap.is_none_or(above_zero), "legal_cap", "above zero"),
        (above_zero(policy.floor), "floor", "above zero"),
        (above_zero(policy.ceiling), "ceiling", "above zero"),
        (policy.endings.iter().all(|e| parse_ending(e).is_some()), "endings", "one to four digits"),
    ];
    refuse_first(&checks)
}

fn refuse_first(checks: &[(bool, &'static str, &'static str)]) -> Result<(), DecideError> {
    match checks.iter().find(|(holds, ..)| !holds) {
        Some((_, field, valid)) => Err(DecideError::OutOfRange { field, valid }),
        None => Ok(()),
    }
}
