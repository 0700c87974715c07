//! Pricing settings: patches in layers (store, category, SKU) and the policy they resolve to.
//!
//! A patch says only what its layer wants to change and is what the API takes and the ledger
//! keeps. A later, narrower layer wins field by field; only a freeze cannot be lifted by a narrower
//! layer, because it is the one switch that must stop the whole store.

use serde::{Deserialize, Serialize};

use super::competitors::{CompetitorCorridor, CompetitorRule, FRESH_HOURS};
use super::tables::{
    DemandSignal, HourBand, PromotionRule, RuleTables, StockStep, VelocityStep, WeekdayFactor,
};
use crate::money::Factor;

/// How a price is found before the guardrails.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// The base price.
    Fixed,
    /// The base price times the factors of [`RuleTables`].
    Rules,
}

/// A named filling of all coefficients.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// [`RuleTables::playbook`].
    Playbook,
    /// [`RuleTables::standard`].
    Standard,
}

impl Preset {
    /// The coefficients this preset stands for.
    pub fn tables(self) -> RuleTables {
        match self {
            Self::Playbook => RuleTables::playbook(),
            Self::Standard => RuleTables::standard(),
        }
    }
}

/// One end of the price range: relative to the base price or an absolute amount. In JSON
/// `{"factor": "0.8"}` or `{"amount_minor": 900}`. Setting one replaces the other.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Times the base price.
    Factor(Factor),
    /// Minor units.
    AmountMinor(i64),
}

/// What one layer sets. A field that is absent (or null) keeps what broader layers say.
#[derive(Serialize, Deserialize, Default, Clone, Debug, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct PolicyPatch {
    /// How the price is found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<Strategy>,
    /// Coefficients to start from; every coefficient field below overrides the preset's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    /// See [`RuleTables::demand_weight`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub demand_weight: Option<Factor>,
    /// See [`RuleTables::demand_signal`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub demand_signal: Option<DemandSignal>,
    /// See [`RuleTables::demand_units_per_day_at_full`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub demand_units_per_day_at_full: Option<i64>,
    /// See [`RuleTables::velocity`]. A table is replaced as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub velocity: Option<Vec<VelocityStep>>,
    /// See [`RuleTables::velocity_units_min`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub velocity_units_min: Option<i64>,
    /// See [`RuleTables::inventory`]. A table is replaced as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inventory: Option<Vec<StockStep>>,
    /// See [`RuleTables::hours`]. A table is replaced as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hours: Option<Vec<HourBand>>,
    /// See [`RuleTables::weekdays`]. A table is replaced as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weekdays: Option<Vec<WeekdayFactor>>,
    /// See [`RuleTables::promotions`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promotions: Option<PromotionRule>,
    /// See [`RuleTables::competitor`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub competitor: Option<CompetitorRule>,
    /// See [`PricePolicy::competitor_corridor`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub competitor_corridor: Option<CompetitorCorridor>,
    /// See [`PricePolicy::competitor_fresh_hours`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub competitor_fresh_hours: Option<i64>,
    /// See [`RuleTables::rules_factor_min`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules_factor_min: Option<Factor>,
    /// See [`RuleTables::rules_factor_max`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules_factor_max: Option<Factor>,
    /// See [`PricePolicy::legal_cap`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub legal_cap: Option<Limit>,
    /// See [`PricePolicy::margin_min_bps`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub margin_min_bps: Option<i64>,
    /// See [`PricePolicy::floor`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub floor: Option<Limit>,
    /// See [`PricePolicy::ceiling`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ceiling: Option<Limit>,
    /// See [`PricePolicy::step_change_bps`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_change_bps: Option<i64>,
    /// See [`PricePolicy::step_day_bps`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_day_bps: Option<i64>,
    /// See [`PricePolicy::endings`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endings: Option<Vec<String>>,
    /// See [`PricePolicy::dwell_minutes`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dwell_minutes: Option<i64>,
    /// See [`PricePolicy::freeze`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freeze: Option<bool>,
    /// See [`PricePolicy::pin_minor`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pin_minor: Option<i64>,
}

/// The settings that hold for one SKU, all layers applied.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct PricePolicy {
    /// How the price is found. Default `fixed`: no price moves before its owner says so.
    pub strategy: Strategy,
    /// The preset the coefficients started from. Default `playbook`.
    pub preset: Preset,
    /// The coefficients, overrides applied.
    pub rules: RuleTables,
    /// The highest price the law allows. Wins over everything but a freeze. Default none.
    pub legal_cap: Option<Limit>,
    /// Minimum margin in basis points of the price: 2,000 keeps (price − cost) / price ≥ 20 %.
    /// Default 0, which keeps the price at or above cost.
    pub margin_min_bps: i64,
    /// The owner's lowest price. Default 0.8 × base.
    pub floor: Limit,
    /// The owner's highest price. Default 2.0 × base.
    pub ceiling: Limit,
    /// The range around competitors' prices. Gives way to floor and ceiling. Default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub competitor_corridor: Option<CompetitorCorridor>,
    /// Hours after which a competitor's price is too old to count. Default 48.
    #[serde(default = "fresh_hours", skip_serializing_if = "is_fresh_hours")]
    pub competitor_fresh_hours: i64,
    /// Largest move per change, basis points of the current price. Default 1,000 (10 %).
    pub step_change_bps: i64,
    /// Largest distance from the day's opening price, basis points of it. Default 2,000 (20 %).
    pub step_day_bps: i64,
    /// Last digits a price may have, such as `99`, `95`, `00`. Default none: any digits.
    pub endings: Vec<String>,
    /// Shortest time between two changes, in minutes. Default 60.
    pub dwell_minutes: i64,
    /// Emergency stop: whatever price stands, stays.
    pub freeze: bool,
    /// The price the owner fixed, minor units.
    pub pin_minor: Option<i64>,
}

/// Decisions kept before competitors counted say nothing of it.
fn fresh_hours() -> i64 {
    FRESH_HOURS
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_fresh_hours(hours: &i64) -> bool {
    *hours == FRESH_HOURS
}

impl PricePolicy {
    /// The policy of these layers, broad to narrow: later layers win field by field, and a freeze
    /// in any layer holds. No layers at all give the defaults.
    pub fn resolve<'a>(layers: impl IntoIterator<Item = &'a PolicyPatch>) -> Self {
        let set = layers.into_iter().fold(PolicyPatch::default(), PolicyPatch::under);
        let preset = set.preset.unwrap_or(Preset::Playbook);
        let of_preset = preset.tables();
        let rules = RuleTables {
            demand_weight: set.demand_weight.unwrap_or(of_preset.demand_weight),
            demand_signal: set.demand_signal.unwrap_or(of_preset.demand_signal),
            demand_units_per_day_at_full: set
                .demand_units_per_day_at_full
                .unwrap_or(of_preset.demand_units_per_day_at_full),
            velocity: set.velocity.unwrap_or(of_preset.velocity),
            velocity_units_min: set.velocity_units_min.unwrap_or(of_preset.velocity_units_min),
            inventory: set.inventory.unwrap_or(of_preset.inventory),
            hours: set.hours.unwrap_or(of_preset.hours),
            weekdays: set.weekdays.unwrap_or(of_preset.weekdays),
            promotions: set.promotions.unwrap_or(of_preset.promotions),
            competitor: set.competitor.or(of_preset.competitor),
            rules_factor_min: set.rules_factor_min.unwrap_or(of_preset.rules_factor_min),
            rules_factor_max: set.rules_factor_max.unwrap_or(of_preset.rules_factor_max),
        };
        Self {
            strategy: set.strategy.unwrap_or(Strategy::Fixed),
            preset,
            rules,
            legal_cap: set.legal_cap,
            margin_min_bps: set.margin_min_bps.unwrap_or(0),
            floor: set.floor.unwrap_or(Limit::Factor(Factor::new(4, 5))),
            ceiling: set.ceiling.unwrap_or(Limit::Factor(Factor::new(2, 1))),
            competitor_corridor: set.competitor_corridor,
            competitor_fresh_hours: set.competitor_fresh_hours.unwrap_or(FRESH_HOURS),
            step_change_bps: set.step_change_bps.unwrap_or(1_000),
            step_day_bps: set.step_day_bps.unwrap_or(2_000),
            endings: set.endings.unwrap_or_default(),
            dwell_minutes: set.dwell_minutes.unwrap_or(60),
            freeze: set.freeze.unwrap_or(false),
            pin_minor: set.pin_minor,
        }
    }
}

impl PolicyPatch {
    /// This patch with a narrower one laid over it.
    fn under(self, over: &Self) -> Self {
        let frozen = self.freeze == Some(true) || over.freeze == Some(true);
        Self {
            strategy: over.strategy.or(self.strategy),
            preset: over.preset.or(self.preset),
            demand_weight: over.demand_weight.or(self.demand_weight),
            demand_signal: over.demand_signal.or(self.demand_signal),
            demand_units_per_day_at_full: over
                .demand_units_per_day_at_full
                .or(self.demand_units_per_day_at_full),
            velocity: over.velocity.clone().or(self.velocity),
            velocity_units_min: over.velocity_units_min.or(self.velocity_units_min),
            inventory: over.inventory.clone().or(self.inventory),
            hours: over.hours.clone().or(self.hours),
            weekdays: over.weekdays.clone().or(self.weekdays),
            promotions: over.promotions.or(self.promotions),
            competitor: over.competitor.clone().or(self.competitor),
            competitor_corridor: over.competitor_corridor.clone().or(self.competitor_corridor),
            competitor_fresh_hours: over.competitor_fresh_hours.or(self.competitor_fresh_hours),
            rules_factor_min: over.rules_factor_min.or(self.rules_factor_min),
            rules_factor_max: over.rules_factor_max.or(self.rules_factor_max),
            legal_cap: over.legal_cap.or(self.legal_cap),
            margin_min_bps: over.margin_min_bps.or(self.margin_min_bps),
            floor: over.floor.or(self.floor),
            ceiling: over.ceiling.or(self.ceiling),
            step_change_bps: over.step_change_bps.or(self.step_change_bps),
            step_day_bps: over.step_day_bps.or(self.step_day_bps),
            endings: over.endings.clone().or(self.endings),
            dwell_minutes: over.dwell_minutes.or(self.dwell_minutes),
            freeze: if frozen { Some(true) } else { over.freeze.or(self.freeze) },
            pin_minor: over.pin_minor.or(self.pin_minor),
        }
    }
}
