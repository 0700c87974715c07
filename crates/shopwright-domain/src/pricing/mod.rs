//! Engine 1, the rules: factors, guardrails, and the decision that joins them.
//!
//! [`decide`] turns facts about one SKU and its resolved policy into a price and the reasons for
//! it. The same facts and policy give the same decision byte for byte, whoever the shopper is:
//! nothing here can take a person. `docs/pricing.md` states every factor, default and limit.

mod amounts;
mod base_price;
mod checks;
mod competitors;
mod decide;
mod endings;
mod guardrails;
mod policy;
mod rules;
mod tables;

#[cfg(test)]
mod tests;

pub use base_price::{BasePrice, BasePriceRule, HistoryLine, modal_base_price};
pub use checks::{
    AMOUNT_MINOR_MAX, DWELL_MINUTES_MAX, ENDINGS_MAX, FACTOR_MAX, MARGIN_BPS_MAX, PolicyError,
    PolicyFacts, STEP_BPS_MAX, TABLE_ROWS_MAX, UNITS_MAX,
};
pub use competitors::{
    COMPETITORS_MAX, CONFIDENCE_BPS_MIN, CompetitorCorridor, CompetitorFact, CompetitorPrice,
    CompetitorReference, CompetitorRule, FRESH_HOURS, FRESH_HOURS_MAX, JudgedPrice, Verdict,
    is_far_off, judge_prices,
};
pub use decide::{
    AllowedInterval, CurrentPrice, DecideError, PriceDecision, PriceFacts, PromotionFact, Reason,
    decide,
};
pub use policy::{Limit, PolicyPatch, Preset, PricePolicy, Strategy};
pub use tables::{
    DemandSignal, HourBand, PromotionRule, RuleTables, StockStep, VelocityStep, WeekdayFactor,
};
