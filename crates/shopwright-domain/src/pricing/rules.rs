//! Strategy `rules`: base × demand × velocity × inventory × time × competitor × promotion.
//!
//! The factors are exact fractions and the price is rounded once, half to even. A factor's effect
//! is the difference of two such roundings, with and without it, so the effects add up to the
//! price exactly. Unknown facts leave the price alone; no sales history at all gives the base.

use std::cmp::Reverse;

use serde_json::{Value, json};

use super::amounts::{Exact, exact, fraction, money_text, movement_text, round_half_even, whole};
use super::competitors::CompetitorReference;
use super::decide::{DecideError, PriceFacts, PromotionFact, Reason};
use super::tables::{DemandSignal, PromotionRule, RuleTables};
use crate::money::Factor;

/// Days behind `units_7d`.
const DAYS_RECENT: i64 = 7;
/// How many times longer the window behind `units_28d` is.
const WINDOWS_PER_USUAL: i64 = 4;

/// What the rules would charge.
pub(super) struct RulesPrice {
    pub(super) price_minor: i64,
    /// The effects sum to `price_minor` − base.
    pub(super) reasons: Vec<Reason>,
}

/// One factor that had something to say.
struct Applied {
    name: &'static str,
    factor: Exact,
    signal: Value,
    /// The fact, without its consequence: `38 sold in the last 7 days`.
    because: String,
}

/// The rules' result, held to the policy's bounds around the base price.
pub(super) fn rules_price(
    facts: &PriceFacts,
    tables: &RuleTables,
    base_minor: i64,
) -> Result<RulesPrice, DecideError> {
    let traffic = traffic(facts, tables.demand_signal);
    if facts.units_7d.is_none() && facts.units_28d.is_none() && traffic.is_none() {
        return Ok(RulesPrice { price_minor: base_minor, reasons: vec![no_data()] });
    }
    let applied = [
        demand(facts, tables),
        velocity(facts, tables),
        inventory(facts, tables),
        time(facts, tables),
        competitor(facts, tables, base_minor),
    ];
    let promoted = promotions(facts, tables).into_iter().map(Some);
    let base = whole(base_minor);
    let (mut product, mut price_minor) = (base.clone(), base_minor);
    let mut reasons = Vec::new();
    for Applied { name, factor, signal, because } in applied.into_iter().chain(promoted).flatten() {
        product *= &factor;
        let next = rounded(&product)?;
        reasons.push(Reason {
            factor: name.to_owned(),
            effect_minor: next - price_minor,
            signal,
            sentence: format!("{because}: {}.", movement_text(&factor)),
        });
        price_minor = next;
    }
    if let Some(reason) = hold_to_bounds(tables, &base, &product, &mut price_minor)? {
        reasons.push(reason);
    }
    if reasons.is_empty() {
        reasons.push(nothing_applies());
    }
    Ok(RulesPrice { price_minor, reasons })
}

/// What a signal of traffic says; `None` where demand is counted in units.
const fn traffic(facts: &PriceFacts, signal: DemandSignal) -> Option<i64> {
    match signal {
        DemandSignal::Units => None,
        DemandSignal::Views => facts.views_7d,
        DemandSignal::CartAdds => facts.adds_7d,
    }
}

/// Demand score = min(max(0, n) / 7 / full, 1) of what demand is counted in; factor = 1 + weight × score.
fn demand(facts: &PriceFacts, tables: &RuleTables) -> Option<Applied> {
    let weight = exact(tables.demand_weight);
    let net = match tables.demand_signal {
        DemandSignal::Units => facts.units_7d,
        signal => traffic(facts, signal),
    };
    let net = net.filter(|_| weight != whole(0))?;
    let counted = net.max(0);
    let at_full = whole(DAYS_RECENT) * whole(tables.demand_units_per_day_at_full);
    let score = (whole(counted) / at_full).min(whole(1));
    let factor = whole(1) + weight * score;
    let (name, none, some) = match tables.demand_signal {
        DemandSignal::Units => ("units_7d", "Nothing sold", "sold"),
        DemandSignal::Views => ("views_7d", "Not viewed", "views"),
        DemandSignal::CartAdds => ("adds_7d", "Not put into a cart", "put into carts"),
    };
    let because = match counted {
        0 => format!("{none} in the last 7 days"),
        n => format!("{n} {some} in the last 7 days"),
    };
    let mut signal = serde_json::Map::new();
    signal.insert(name.to_owned(), json!(net));
    Some(Applied { name: "demand", factor, signal: Value::Object(signal), because })
}

/// The last row whose `at_least` the ratio of the 7-day to the 28-day rate reaches.
fn velocity(facts: &PriceFacts, tables: &RuleTables) -> Option<Applied> {
    let (recent, usual) = (facts.units_7d?.max(0), facts.units_28d?.max(0));
    if usual == 0 || usual < tables.velocity_units_min {
        return None;
    }
    let ratio = fraction(recent, usual) * whole(WINDOWS_PER_USUAL);
    let row = tables.velocity.iter().rev().find(|row| ratio >= exact(row.at_least))?;
    Some(Applied {
        name: "velocity",
        factor: exact(row.factor),
        signal: json!({ "units_7d": recent, "units_28d": usual, "at_least": row.at_least }),
        because: format!("{recent} sold in 7 days against {usual} in 28"),
    })
}

/// The first row the stock is below. Oversold stock is below every row; untracked below none.
fn inventory(facts: &PriceFacts, tables: &RuleTables) -> Option<Applied> {
    let available = facts.available.filter(|_| !tables.inventory.is_empty())?;
    let row = tables.inventory.iter().find(|row| available < row.below);
    let (factor, signal) = match row {
        Some(row) => (exact(row.factor), json!({ "available": available, "below": row.below })),
        None => (whole(1), json!({ "available": available })),
    };
    let because = match (row, available) {
        (None, n) => format!("{n} left to sell, enough"),
        (Some(row), n) if n > 0 => format!("{n} left to sell, fewer than {}", row.below),
        (Some(_), _) => "None left to sell".to_owned(),
    };
    Some(Applied { name: "inventory", factor, signal, because })
}

/// Hour factor × weekday factor; says nothing where neither table has a row.
fn time(facts: &PriceFacts, tables: &RuleTables) -> Option<Applied> {
    let (hour, weekday) = (i64::from(facts.hour), i64::from(facts.weekday));
    let in_band = tables.hours.iter().find(|b| (b.from_hour..b.until_hour).contains(&hour));
    let of_day = tables.weekdays.iter().find(|d| d.weekday == weekday);
    if in_band.is_none() && of_day.is_none() {
        return None;
    }
    let factor_of = |found: Option<Factor>| found.map_or_else(|| whole(1), exact);
    Some(Applied {
        name: "time",
        factor: factor_of(in_band.map(|b| b.factor)) * factor_of(of_day.map(|d| d.factor)),
        signal: json!({ "hour": hour, "weekday": weekday }),
        because: format!("It is {} around {hour}:00", weekday_name(facts.weekday)),
    })
}

/// A part of the way from the base price to where the rule wants to stand beside the competitors:
/// factor = 1 + weight × (target × their price / base − 1).
fn competitor(facts: &PriceFacts, tables: &RuleTables, base_minor: i64) -> Option<Applied> {
    let rule = tables.competitor.as_ref().filter(|rule| exact(rule.weight) != whole(0))?;
    let (theirs, used) =
        (facts.competitor.as_ref()?.price_of(rule.against)?, facts.competitor.as_ref()?.used);
    let wanted = exact(rule.target) * fraction(theirs, base_minor);
    let factor = whole(1) + exact(rule.weight) * (wanted - whole(1));
    let text = money_text(theirs, facts.currency);
    let because = match (rule.against, used) {
        (_, 1) => format!("A competitor charges {text}"),
        (CompetitorReference::Lowest, _) => {
            format!("The cheapest of {used} competitors charges {text}")
        }
        (CompetitorReference::Median, _) => {
            format!("{used} competitors charge {text} in the middle")
        }
    };
    let signal = json!({ "against": rule.against, "price_minor": theirs, "competitors": used });
    Some(Applied { name: "competitor", factor, signal, because })
}

/// The promotions that count: the one of the highest priority (of equal ones the lowest factor, then
/// the first by id), and where it is stackable every other stackable one after it.
fn promotions(facts: &PriceFacts, tables: &RuleTables) -> Vec<Applied> {
    if tables.promotions == PromotionRule::Ignore {
        return Vec::new();
    }
    let mut ranked: Vec<_> = facts.promotions.iter().collect();
    ranked.sort_by_key(|p| (Reverse(p.priority), p.factor, p.id));
    let stacks = ranked.first().is_some_and(|first| first.stackable);
    let counts =
        |place: usize, promotion: &PromotionFact| place == 0 || (stacks && promotion.stackable);
    let counted = ranked.into_iter().enumerate().filter(|(place, p)| counts(*place, p));
    counted
        .map(|(_, promotion)| Applied {
            name: "promotion",
            factor: exact(promotion.factor),
            signal: json!({ "promotion": promotion.id, "factor": promotion.factor }),
            because: format!("\u{201c}{}\u{201d} is running", promotion.name),
        })
        .collect()
}

/// Holds the exact product to min × base and max × base, then rounds again.
fn hold_to_bounds(
    tables: &RuleTables,
    base: &Exact,
    product: &Exact,
    price_minor: &mut i64,
) -> Result<Option<Reason>, DecideError> {
    let lowest = base * exact(tables.rules_factor_min);
    let highest = base * exact(tables.rules_factor_max);
    // Layers that cross each other leave no room; then the lower bound is the safe one.
    let (held, side, factor) = if *product < lowest || highest < lowest {
        (lowest, "least", tables.rules_factor_min)
    } else if *product > highest {
        (highest, "most", tables.rules_factor_max)
    } else {
        return Ok(None);
    };
    let held_minor = rounded(&held)?;
    let reason = Reason {
        factor: "rules_bounds".to_owned(),
        effect_minor: held_minor - *price_minor,
        signal: json!({ "factor": factor }),
        sentence: format!("Rules charge at {side} {factor} times the base price."),
    };
    *price_minor = held_minor;
    Ok(Some(reason))
}

/// The one rounding of a price. Differences of two results cannot overflow: none is negative.
fn rounded(product: &Exact) -> Result<i64, DecideError> {
    match round_half_even(product).ok_or(DecideError::TooLarge)? {
        price if price >= 0 => Ok(price),
        _ => Err(DecideError::OutOfRange { field: "rules", valid: "no factor is negative" }),
    }
}

fn no_data() -> Reason {
    Reason {
        factor: "no_data".to_owned(),
        effect_minor: 0,
        signal: json!({}),
        sentence: "No sales are known yet, so the base price stands.".to_owned(),
    }
}

fn nothing_applies() -> Reason {
    Reason {
        factor: "rules".to_owned(),
        effect_minor: 0,
        signal: json!({}),
        sentence: "No rule has anything to say, so the base price stands.".to_owned(),
    }
}

fn weekday_name(weekday: u8) -> &'static str {
    match weekday {
        1 => "Monday",
        2 => "Tuesday",
        3 => "Wednesday",
        4 => "Thursday",
        5 => "Friday",
        6 => "Saturday",
        _ => "Sunday",
    }
}
