//! What a pricing setting may be: the checks of one patch alone and of a whole policy.
//!
//! Every error names the field by JSON pointer and says what would be valid. A patch is checked
//! before it is stored; a whole policy is checked against the base price, cost and MAP it meets.

use serde::Serialize;

use super::amounts::{money_text, percent_text, price_with_margin};
use super::competitors::FRESH_HOURS_MAX;
use super::endings::{ending_digits_max, parse_ending};
use super::policy::{Limit, PolicyPatch, PricePolicy};
use crate::money::{Currency, Factor};

/// The largest amount a setting takes, minor units (10 billion EUR).
pub const AMOUNT_MINOR_MAX: i64 = 1_000_000_000_000;
/// The largest factor a setting takes.
pub const FACTOR_MAX: i64 = 10;
/// The largest number of units a setting takes.
pub const UNITS_MAX: i64 = 1_000_000;
/// The most rows a table takes.
pub const TABLE_ROWS_MAX: usize = 48;
/// The largest minimum margin, basis points of the price (99 %).
pub const MARGIN_BPS_MAX: i64 = 9_900;
/// The largest step, basis points; 100,000 (ten times the price) is as good as no limit.
pub const STEP_BPS_MAX: i64 = 100_000;
/// The longest time between changes: 366 days in minutes.
pub const DWELL_MINUTES_MAX: i64 = 527_040;
/// The most price endings.
pub const ENDINGS_MAX: usize = 20;

/// Decimal places a factor in a setting may have, as a power of ten.
const FACTOR_DENOMINATOR_MAX: i128 = 1_000_000;

/// One thing wrong with a setting.
#[derive(Serialize, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {detail}")]
pub struct PolicyError {
    /// JSON pointer into the patch, such as `/floor` or `/inventory/1/factor`.
    pub field: String,
    /// A code that never changes.
    pub code: &'static str,
    /// What would be valid, one sentence.
    pub detail: String,
}

/// What a whole policy is checked against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyFacts {
    /// Base price, minor units.
    pub base_minor: Option<i64>,
    /// Cost of one unit, minor units.
    pub cost_minor: Option<i64>,
    /// Minimum advertised price, minor units.
    pub map_minor: Option<i64>,
    /// The currency of the amounts.
    pub currency: Currency,
}

impl PolicyPatch {
    /// Checks this layer alone: ranges, tables in order, a floor that is not above a ceiling of
    /// the same kind. All errors, not only the first.
    pub fn validate(&self, currency: Currency) -> Result<(), Vec<PolicyError>> {
        let mut errors = Errors::default();
        self.check_coefficients(&mut errors);
        self.check_tables(&mut errors);
        self.check_guardrails(currency, &mut errors);
        if let (Some(floor), Some(ceiling)) = (self.floor, self.ceiling)
            && comparable_above(floor, ceiling)
        {
            errors.floor_above_ceiling();
        }
        if let (Some(min), Some(max)) = (self.rules_factor_min, self.rules_factor_max)
            && min > max
        {
            errors.bounds_crossed(max);
        }
        errors.into_result()
    }

    fn check_coefficients(&self, errors: &mut Errors) {
        let weight_ok = |w: Factor| w >= Factor::new(0, 1) && is_setting(w);
        if self.demand_weight.is_some_and(|w| !weight_ok(w)) {
            errors.add("/demand_weight", "factor_out_of_range", factor_range("0"));
        }
        errors.integer(
            "/demand_units_per_day_at_full",
            self.demand_units_per_day_at_full,
            (1, UNITS_MAX),
        );
        errors.integer("/velocity_units_min", self.velocity_units_min, (0, UNITS_MAX));
        if let Some(rule) = &self.competitor {
            errors.factor("/competitor/target", Some(rule.target));
            if !(Factor::new(0, 1)..=Factor::new(1, 1)).contains(&rule.weight)
                || !is_setting(rule.weight)
            {
                let detail = "write a decimal from \"0\" to \"1\" with at most six places";
                errors.add("/competitor/weight", "factor_out_of_range", detail);
            }
        }
        errors.factor("/rules_factor_min", self.rules_factor_min);
        errors.factor("/rules_factor_max", self.rules_factor_max);
    }

    fn check_tables(&self, errors: &mut Errors) {
        let inventory = self.inventory.as_deref().unwrap_or_default();
        errors.rows("/inventory", inventory.len());
        errors.factors("/inventory", inventory.iter().map(|row| row.factor));
        for (i, row) in inventory.iter().enumerate() {
            errors.integer(format!("/inventory/{i}/below"), Some(row.below), (1, UNITS_MAX));
        }
        errors.rising("/inventory", "below", inventory.is_sorted_by(|a, b| a.below < b.below));

        let velocity = self.velocity.as_deref().unwrap_or_default();
        errors.rows("/velocity", velocity.len());
        errors.factors("/velocity", velocity.iter().map(|row| row.factor));
        for (i, row) in velocity.iter().enumerate() {
            if row.at_least < Factor::new(0, 1) || !is_setting(row.at_least) {
                let field = format!("/velocity/{i}/at_least");
                errors.add(field, "factor_out_of_range", factor_range("0"));
            }
        }
        errors.rising(
            "/velocity",
            "at_least",
            velocity.is_sorted_by(|a, b| a.at_least < b.at_least),
        );

        let hours = self.hours.as_deref().unwrap_or_default();
        errors.rows("/hours", hours.len());
        errors.factors("/hours", hours.iter().map(|row| row.factor));
        for (i, row) in hours.iter().enumerate() {
            errors.integer(format!("/hours/{i}/from_hour"), Some(row.from_hour), (0, 23));
            let until = (row.from_hour.clamp(0, 23) + 1, 24);
            errors.integer(format!("/hours/{i}/until_hour"), Some(row.until_hour), until);
        }
        let apart = hours.is_sorted_by(|a, b| a.until_hour <= b.from_hour);
        errors.rising("/hours", "from_hour", apart);

        let weekdays = self.weekdays.as_deref().unwrap_or_default();
        errors.rows("/weekdays", weekdays.len());
        errors.factors("/weekdays", weekdays.iter().map(|row| row.factor));
        for (i, row) in weekdays.iter().enumerate() {
            errors.integer(format!("/weekdays/{i}/weekday"), Some(row.weekday), (1, 7));
        }
        errors.rising("/weekdays", "weekday", weekdays.is_sorted_by(|a, b| a.weekday < b.weekday));
    }

    fn check_competitors(&self, errors: &mut Errors) {
        let hours = (1, FRESH_HOURS_MAX);
        errors.integer("/competitor_fresh_hours", self.competitor_fresh_hours, hours);
        let Some(corridor) = &self.competitor_corridor else { return };
        errors.factor("/competitor_corridor/min", corridor.min);
        errors.factor("/competitor_corridor/max", corridor.max);
        if corridor.min.is_none() && corridor.max.is_none() {
            let detail = "give a `min`, a `max` or both, as \"0.95\"";
            errors.add("/competitor_corridor", "corridor_without_ends", detail);
        }
        if let (Some(min), Some(max)) = (corridor.min, corridor.max)
            && min > max
        {
            let detail = format!("write a factor of at most {max}, the `max`");
            errors.add("/competitor_corridor/min", "corridor_min_above_max", detail);
        }
    }

    fn check_guardrails(&self, currency: Currency, errors: &mut Errors) {
        errors.limit("/legal_cap", self.legal_cap);
        errors.limit("/floor", self.floor);
        errors.limit("/ceiling", self.ceiling);
        self.check_competitors(errors);
        errors.integer("/margin_min_bps", self.margin_min_bps, (0, MARGIN_BPS_MAX));
        errors.integer("/step_change_bps", self.step_change_bps, (1, STEP_BPS_MAX));
        errors.integer("/step_day_bps", self.step_day_bps, (1, STEP_BPS_MAX));
        errors.integer("/dwell_minutes", self.dwell_minutes, (0, DWELL_MINUTES_MAX));
        errors.integer("/pin_minor", self.pin_minor, (1, AMOUNT_MINOR_MAX));
        let endings = self.endings.as_deref().unwrap_or_default();
        if endings.len() > ENDINGS_MAX {
            let detail = format!("give at most {ENDINGS_MAX} endings");
            errors.add("/endings", "too_many_endings", detail);
        }
        let digits_max = ending_digits_max(currency);
        for (i, ending) in endings.iter().enumerate() {
            if ending.len() > digits_max || parse_ending(ending).is_none() {
                let detail = format!(
                    "write the last digits of a price in {currency}, 1 to {digits_max} of them, \
                     such as \"99\""
                );
                errors.add(format!("/endings/{i}"), "not_an_ending", detail);
            }
        }
    }
}

impl PricePolicy {
    /// Checks the whole policy against the SKU it is for. All errors, not only the first. What the
    /// facts do not know is not checked.
    pub fn validate(&self, facts: &PolicyFacts) -> Result<(), Vec<PolicyError>> {
        let mut errors = Errors::default();
        if self.rules.rules_factor_min > self.rules.rules_factor_max {
            errors.bounds_crossed(self.rules.rules_factor_max);
        }
        self.check_floor_and_ceiling(facts, &mut errors);
        self.check_cost(facts, &mut errors);
        self.check_pin(facts, &mut errors);
        errors.into_result()
    }

    fn check_floor_and_ceiling(&self, facts: &PolicyFacts, errors: &mut Errors) {
        let above = match facts.base_minor {
            Some(base) => self.floor.exact_minor(base) > self.ceiling.exact_minor(base),
            None => comparable_above(self.floor, self.ceiling),
        };
        if above {
            errors.floor_above_ceiling();
        }
    }

    /// A ceiling under the cost, or under cost and minimum margin, would sell at a loss or never.
    fn check_cost(&self, facts: &PolicyFacts, errors: &mut Errors) {
        let (Some(least), Some(ceiling)) = (self.price_least(facts), self.ceiling_of(facts)) else {
            return;
        };
        if least <= ceiling {
            return;
        }
        let least_text = money_text(least, facts.currency);
        let code = match facts.cost_minor {
            Some(cost) if cost > ceiling => "cost_above_ceiling",
            _ => "cost_margin_above_ceiling",
        };
        let detail = format!(
            "set a ceiling of at least {least_text}, which is the cost with the minimum margin of {}",
            percent_text(self.margin_min_bps)
        );
        errors.add("/ceiling", code, detail);
    }

    fn check_pin(&self, facts: &PolicyFacts, errors: &mut Errors) {
        let Some(pin) = self.pin_minor else { return };
        if let Some(least) = self.price_least(facts).filter(|least| pin < *least) {
            let detail = format!(
                "pin at {} or more, which is the cost with the minimum margin of {}",
                money_text(least, facts.currency),
                percent_text(self.margin_min_bps)
            );
            errors.add("/pin_minor", "pin_below_cost_margin", detail);
        }
        if let Some(map) = facts.map_minor.filter(|map| pin < *map) {
            let text = money_text(map, facts.currency);
            let detail = format!("pin at {text} or more, the minimum advertised price");
            errors.add("/pin_minor", "pin_below_map", detail);
        }
        let cap = match (self.legal_cap, facts.base_minor) {
            (Some(Limit::AmountMinor(amount)), _) => Some(amount),
            (Some(cap), Some(base)) => cap.at_most(base),
            _ => None,
        };
        if let Some(cap) = cap.filter(|cap| pin > *cap) {
            let text = money_text(cap, facts.currency);
            let detail = format!("pin at {text} or less, the legal cap");
            errors.add("/pin_minor", "pin_above_legal_cap", detail);
        }
    }

    /// Cost with minimum margin, where the cost is known and the margin in range.
    fn price_least(&self, facts: &PolicyFacts) -> Option<i64> {
        let margin = Some(self.margin_min_bps).filter(|bps| (0..=MARGIN_BPS_MAX).contains(bps))?;
        price_with_margin(facts.cost_minor?, margin)
    }

    fn ceiling_of(&self, facts: &PolicyFacts) -> Option<i64> {
        match self.ceiling {
            Limit::AmountMinor(amount) => Some(amount),
            ceiling @ Limit::Factor(_) => ceiling.at_most(facts.base_minor?),
        }
    }
}

/// Errors as they are found.
#[derive(Default)]
struct Errors(Vec<PolicyError>);

impl Errors {
    fn add(&mut self, field: impl Into<String>, code: &'static str, detail: impl Into<String>) {
        self.0.push(PolicyError { field: field.into(), code, detail: detail.into() });
    }

    fn integer(&mut self, field: impl Into<String>, value: Option<i64>, (min, max): (i64, i64)) {
        if value.is_some_and(|value| !(min..=max).contains(&value)) {
            let detail = format!("write a whole number from {min} to {max}");
            self.add(field, "number_out_of_range", detail);
        }
    }

    fn factor(&mut self, field: impl Into<String>, value: Option<Factor>) {
        if value.is_some_and(|f| f < Factor::new(1, 100) || !is_setting(f)) {
            self.add(field, "factor_out_of_range", factor_range("0.01"));
        }
    }

    fn factors(&mut self, table: &str, factors: impl Iterator<Item = Factor>) {
        for (i, factor) in factors.enumerate() {
            self.factor(format!("{table}/{i}/factor"), Some(factor));
        }
    }

    fn limit(&mut self, field: &str, limit: Option<Limit>) {
        match limit {
            Some(Limit::Factor(factor)) => self.factor(format!("{field}/factor"), Some(factor)),
            Some(Limit::AmountMinor(amount)) => {
                let field = format!("{field}/amount_minor");
                self.integer(field, Some(amount), (1, AMOUNT_MINOR_MAX));
            }
            None => {}
        }
    }

    fn rows(&mut self, table: &str, rows: usize) {
        if rows > TABLE_ROWS_MAX {
            self.add(table, "too_many_rows", format!("give at most {TABLE_ROWS_MAX} rows"));
        }
    }

    fn rising(&mut self, table: &str, key: &str, in_order: bool) {
        if !in_order {
            let detail = format!("order the rows by rising `{key}`, without overlap");
            self.add(table, "rows_not_rising", detail);
        }
    }

    fn floor_above_ceiling(&mut self) {
        self.add("/floor", "floor_above_ceiling", "set a floor at or below the ceiling");
    }

    fn bounds_crossed(&mut self, max: Factor) {
        let detail = format!("write a factor of at most {max}, the `rules_factor_max`");
        self.add("/rules_factor_min", "rules_factor_min_above_max", detail);
    }

    fn into_result(self) -> Result<(), Vec<PolicyError>> {
        if self.0.is_empty() { Ok(()) } else { Err(self.0) }
    }
}

/// At most [`FACTOR_MAX`], and a decimal of at most six places.
fn is_setting(factor: Factor) -> bool {
    factor <= Factor::new(i128::from(FACTOR_MAX), 1)
        && FACTOR_DENOMINATOR_MAX % *factor.0.denom() == 0
}

fn factor_range(min: &str) -> String {
    format!("write a decimal from \"{min}\" to \"{FACTOR_MAX}\" with at most six places")
}

/// Whether the floor is above the ceiling for every base price.
fn comparable_above(floor: Limit, ceiling: Limit) -> bool {
    match (floor, ceiling) {
        (Limit::Factor(floor), Limit::Factor(ceiling)) => floor > ceiling,
        (Limit::AmountMinor(floor), Limit::AmountMinor(ceiling)) => floor > ceiling,
        _ => false,
    }
}
