//! The coefficients of the `rules` strategy and the two presets that fill them.
//!
//! Every number a rule multiplies by stands here, so that a preset is one value to read and an
//! owner can replace any of them. Factors are exact decimals.

use serde::{Deserialize, Serialize};

use super::competitors::{CompetitorReference, CompetitorRule};
use crate::money::Factor;

/// One row of the inventory table: with fewer than `below` units to sell, times `factor`.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct StockStep {
    /// The row holds for stock under this many units.
    pub below: i64,
    /// What the price is multiplied by.
    pub factor: Factor,
}

/// One row of the velocity table: selling at `at_least` times the usual pace, times `factor`.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct VelocityStep {
    /// The row holds from this ratio of the 7-day rate to the 28-day rate upwards.
    pub at_least: Factor,
    /// What the price is multiplied by.
    pub factor: Factor,
}

/// Hours of the store-local day with a factor of their own; other hours count 1.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct HourBand {
    /// First hour of the band, 0 to 23.
    pub from_hour: i64,
    /// The hour the band ends before, up to 24.
    pub until_hour: i64,
    /// What the price is multiplied by.
    pub factor: Factor,
}

/// A weekday with a factor of its own; other days count 1.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct WeekdayFactor {
    /// 1 for Monday to 7 for Sunday.
    pub weekday: i64,
    /// What the price is multiplied by.
    pub factor: Factor,
}

/// What active promotions do to the rules' result.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum PromotionRule {
    /// Nothing: promotions only lock the price.
    Ignore,
    /// The promotion of the highest priority counts, of equal ones the lowest factor. Only where it
    /// is stackable the other stackable ones multiply with it, so that two overlapping promotions
    /// cannot give a discount nobody planned.
    Lowest,
}

/// What the demand factor looks at.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum DemandSignal {
    /// Net units sold.
    #[default]
    Units,
    /// Views of the product's page that count.
    Views,
    /// Pieces put into carts that count.
    CartAdds,
}

impl DemandSignal {
    /// Whether it follows traffic, so that a price is to be looked at soon after an event.
    pub const fn is_traffic(self) -> bool {
        matches!(self, Self::Views | Self::CartAdds)
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
    fn is_units(&self) -> bool {
        *self == Self::Units
    }
}

/// Every coefficient of the `rules` strategy, none of them open.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct RuleTables {
    /// How much of the price full demand adds: 0.5 makes 150 %. Zero switches demand off.
    pub demand_weight: Factor,
    /// What demand is counted in.
    #[serde(default, skip_serializing_if = "DemandSignal::is_units")]
    pub demand_signal: DemandSignal,
    /// How many of `demand_signal` a day over the last seven days count as full demand.
    pub demand_units_per_day_at_full: i64,
    /// Velocity rows, `at_least` rising. Empty switches velocity off.
    pub velocity: Vec<VelocityStep>,
    /// Net units in 28 days under which velocity says nothing.
    pub velocity_units_min: i64,
    /// Inventory rows, `below` rising; the first that holds counts. Empty switches it off.
    pub inventory: Vec<StockStep>,
    /// Hour bands that do not overlap.
    pub hours: Vec<HourBand>,
    /// Weekday factors, each day at most once.
    pub weekdays: Vec<WeekdayFactor>,
    /// What active promotions do.
    pub promotions: PromotionRule,
    /// How the price follows competitors; `None` switches it off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub competitor: Option<CompetitorRule>,
    /// The rules' result is at least this times the base price.
    pub rules_factor_min: Factor,
    /// The rules' result is at most this times the base price.
    pub rules_factor_max: Factor,
}

impl RuleTables {
    /// The founding playbook: demand and inventory only, held to 0.8 to 2.0 × base.
    pub fn playbook() -> Self {
        Self {
            demand_weight: hundredths(50),
            demand_signal: DemandSignal::Units,
            demand_units_per_day_at_full: 100,
            velocity: Vec::new(),
            velocity_units_min: 0,
            inventory: vec![stock(10, 150), stock(50, 120)],
            hours: Vec::new(),
            weekdays: Vec::new(),
            promotions: PromotionRule::Ignore,
            competitor: None,
            rules_factor_min: hundredths(80),
            rules_factor_max: hundredths(200),
        }
    }

    /// The gentle preset: the SKU's own pace instead of a fixed number of units, small steps for
    /// scarce stock, a little for evening and weekend, a quarter of the way to what competitors charge in
    /// the middle, and promotions.
    pub fn standard() -> Self {
        Self {
            demand_weight: hundredths(0),
            demand_signal: DemandSignal::Units,
            demand_units_per_day_at_full: 100,
            velocity: vec![pace(0, 95), pace(50, 100), pace(150, 104), pace(200, 108)],
            velocity_units_min: 12,
            inventory: vec![stock(5, 110), stock(20, 104)],
            hours: vec![HourBand { from_hour: 18, until_hour: 22, factor: hundredths(101) }],
            weekdays: vec![
                WeekdayFactor { weekday: 6, factor: hundredths(101) },
                WeekdayFactor { weekday: 7, factor: hundredths(101) },
            ],
            promotions: PromotionRule::Lowest,
            competitor: Some(CompetitorRule {
                against: CompetitorReference::Median,
                target: hundredths(100),
                weight: hundredths(25),
            }),
            rules_factor_min: hundredths(80),
            rules_factor_max: hundredths(130),
        }
    }
}

fn hundredths(n: i128) -> Factor {
    Factor::new(n, 100)
}

fn stock(below: i64, factor_hundredths: i128) -> StockStep {
    StockStep { below, factor: hundredths(factor_hundredths) }
}

fn pace(at_least_hundredths: i128, factor_hundredths: i128) -> VelocityStep {
    VelocityStep {
        at_least: hundredths(at_least_hundredths),
        factor: hundredths(factor_hundredths),
    }
}
