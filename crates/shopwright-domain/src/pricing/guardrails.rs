//! The guardrails: first whether a price may move, then where it may go.
//!
//! Both are lists of constraints, strongest first. [`place`] intersects them in that order. A
//! constraint that does not meet what the stronger ones left gives way: the price becomes the point
//! nearest to it, and it is named as broken together with the one it gave way to.

use serde_json::{Value, json};

use super::amounts::{money_text, percent_text, price_with_margin, share_of};
use super::competitors::corridor;
use super::decide::{CurrentPrice, DecideError, PriceFacts, Reason};
use super::policy::{Limit, PricePolicy, Strategy};
use crate::money::Currency;

const MICROS_PER_MINUTE: i64 = 60_000_000;

/// A range of prices that one guardrail allows, both ends included.
pub(super) struct Constraint {
    /// The `factor` of its reason.
    pub(super) name: &'static str,
    pub(super) min: i64,
    pub(super) max: i64,
    /// Its noun in a sentence, lower case: `your floor of 8.00 EUR`.
    pub(super) label: String,
    /// Said instead of the usual sentence when the constraint is kept, and then always said.
    pub(super) sentence: Option<String>,
}

/// Where the constraints left the price.
pub(super) struct Placed {
    pub(super) price_minor: i64,
    pub(super) min_minor: i64,
    pub(super) max_minor: i64,
    /// The effects sum to `price_minor` − the price the placing began with.
    pub(super) reasons: Vec<Reason>,
    /// The constraint that set the upper end, else the one that set the lower end.
    pub(super) narrowed_by: Option<&'static str>,
}

/// Brings `wanted_minor` into the constraints, strongest first.
pub(super) fn place(wanted_minor: i64, constraints: &[Constraint], currency: Currency) -> Placed {
    let (mut min, mut max) = (0, i64::MAX);
    let (mut min_by, mut max_by): (Option<&Constraint>, Option<&Constraint>) = (None, None);
    let mut price = wanted_minor;
    let mut reasons = Vec::new();
    for constraint in constraints {
        assert!(constraint.min <= constraint.max, "a constraint has room in itself");
        let broken_by = if constraint.max < min {
            max = min;
            max_by = min_by;
            min_by
        } else if constraint.min > max {
            min = max;
            min_by = max_by;
            max_by
        } else {
            if constraint.min > min {
                (min, min_by) = (constraint.min, Some(constraint));
            }
            if constraint.max < max {
                (max, max_by) = (constraint.max, Some(constraint));
            }
            None
        };
        let next = price.clamp(min, max);
        let effect = next - price;
        price = next;
        if effect != 0 || broken_by.is_some() || constraint.sentence.is_some() {
            reasons.push(constraint.reason(effect, broken_by, currency));
        }
    }
    let narrowed_by = max_by.or(min_by).map(|constraint| constraint.name);
    Placed { price_minor: price, min_minor: min, max_minor: max, reasons, narrowed_by }
}

impl Constraint {
    fn new(name: &'static str, (min, max): (i64, i64), label: String) -> Self {
        Self { name, min, max, label, sentence: None }
    }

    /// Keeps the price at exactly this amount and always says so.
    fn hold(name: &'static str, amount_minor: i64, label: String, sentence: String) -> Self {
        let range = (amount_minor, amount_minor);
        Self { sentence: Some(sentence), ..Self::new(name, range, label) }
    }

    /// Whether it only says that a move has to wait, and not where the price has to be.
    pub(super) fn only_waits(&self) -> bool {
        self.sentence.is_some() && matches!(self.name, "dwell" | "promotion_lock")
    }

    fn reason(&self, effect: i64, broken_by: Option<&Self>, currency: Currency) -> Reason {
        let amount = money_text(effect.saturating_abs(), currency);
        let sentence = match (broken_by, &self.sentence) {
            (Some(stronger), _) => {
                format!("{} gives way: {} comes first.", capital(&self.label), stronger.label)
            }
            (None, Some(sentence)) => sentence.clone(),
            (None, None) if effect < 0 => {
                format!("{} lowers the price by {amount}.", capital(&self.label))
            }
            (None, None) => format!("{} raises the price by {amount}.", capital(&self.label)),
        };
        Reason {
            factor: self.name.to_owned(),
            effect_minor: effect,
            signal: self.signal(broken_by),
            sentence,
        }
    }

    fn signal(&self, broken_by: Option<&Self>) -> Value {
        let mut signal = json!({});
        if self.min > 0 {
            signal["min_minor"] = json!(self.min);
        }
        if self.max < i64::MAX {
            signal["max_minor"] = json!(self.max);
        }
        if let Some(stronger) = broken_by {
            signal["broken_by"] = json!(stronger.name);
        }
        signal
    }
}

/// The constraints of the strongest guardrail that says the price may not move, or `None` when it
/// may: freeze, pin, promotion lock, minimum time between changes, and last a missing cost.
pub(super) fn whether(
    facts: &PriceFacts,
    policy: &PricePolicy,
    base_minor: i64,
) -> Result<Option<Vec<Constraint>>, DecideError> {
    let cap = legal_cap(facts, policy, base_minor)?;
    let no_cost = no_cost(facts, policy, base_minor);
    let Some(current) = &facts.current else {
        // A first price moves nothing, so only a pin, a freeze or a missing cost has a say in it.
        let first = if policy.freeze {
            Some(freeze(base_minor, facts.currency))
        } else if let Some(pin_minor) = policy.pin_minor {
            Some(pin(pin_minor, facts.currency))
        } else {
            no_cost
        };
        let Some(hold) = first else { return Ok(None) };
        return hard_limits(facts, policy, base_minor).map(|hard| Some(followed_by(hard, hold)));
    };
    if policy.freeze {
        let hold = freeze(current.amount_minor, facts.currency);
        return Ok(Some([Some(hold), cap, no_cost].into_iter().flatten().collect()));
    }
    if let Some(pin_minor) = policy.pin_minor {
        let hard = hard_limits(facts, policy, base_minor)?;
        return Ok(Some(followed_by(hard, pin(pin_minor, facts.currency))));
    }
    let hold = promotion_lock(facts, current).or_else(|| dwell(facts, policy, current));
    if hold.is_none() && no_cost.is_none() {
        return Ok(None);
    }
    Ok(Some([cap, hold, no_cost].into_iter().flatten().collect()))
}

/// Everything that says where a price may go, strongest first. A constraint that is to rank
/// between two of these is added between them.
pub(super) fn allowed_range(
    facts: &PriceFacts,
    policy: &PricePolicy,
    base_minor: i64,
) -> Result<Vec<Constraint>, DecideError> {
    let mut constraints = hard_limits(facts, policy, base_minor)?;
    constraints.push(floor(facts, policy.floor, base_minor)?);
    constraints.push(ceiling(facts, policy.ceiling, base_minor)?);
    constraints.extend(competitor_corridor(facts, policy)?);
    if let Some(current) = &facts.current {
        constraints.push(step_change(current, policy.step_change_bps));
        constraints.push(step_day(current, policy.step_day_bps));
    }
    Ok(constraints)
}

/// Legal cap, cost with minimum margin, MAP: what even a pin must respect.
fn hard_limits(
    facts: &PriceFacts,
    policy: &PricePolicy,
    base_minor: i64,
) -> Result<Vec<Constraint>, DecideError> {
    let cost_margin = facts.cost_minor.map(|cost_minor| {
        let least = price_with_margin(cost_minor, policy.margin_min_bps);
        let least = least.ok_or(DecideError::TooLarge)?;
        let text = money_text(least, facts.currency);
        let label = format!("cost with your minimum margin, {text},");
        Ok(Constraint::new("cost_margin", (least, i64::MAX), label))
    });
    let map = facts.map_minor.map(|map_minor| {
        let text = money_text(map_minor, facts.currency);
        let label = format!("the minimum advertised price of {text}");
        Constraint::new("map", (map_minor, i64::MAX), label)
    });
    let cap = legal_cap(facts, policy, base_minor)?;
    Ok([cap, cost_margin.transpose()?, map].into_iter().flatten().collect())
}

fn legal_cap(
    facts: &PriceFacts,
    policy: &PricePolicy,
    base_minor: i64,
) -> Result<Option<Constraint>, DecideError> {
    let Some(cap) = policy.legal_cap else { return Ok(None) };
    let most = cap.at_most(base_minor).ok_or(DecideError::TooLarge)?;
    let label = format!("the legal cap of {}", money_text(most, facts.currency));
    Ok(Some(Constraint::new("legal_cap", (0, most), label)))
}

fn floor(facts: &PriceFacts, floor: Limit, base_minor: i64) -> Result<Constraint, DecideError> {
    let least = floor.at_least(base_minor).ok_or(DecideError::TooLarge)?;
    let label = format!("your floor of {}", money_text(least, facts.currency));
    Ok(Constraint::new("floor", (least, i64::MAX), label))
}

fn ceiling(facts: &PriceFacts, ceiling: Limit, base_minor: i64) -> Result<Constraint, DecideError> {
    let most = ceiling.at_most(base_minor).ok_or(DecideError::TooLarge)?;
    let label = format!("your ceiling of {}", money_text(most, facts.currency));
    Ok(Constraint::new("ceiling", (0, most), label))
}

/// The range around what competitors charge. It asks for no more than one step: where they run to the
/// bottom, or to the moon, the price follows slowly or not at all.
fn competitor_corridor(
    facts: &PriceFacts,
    policy: &PricePolicy,
) -> Result<Option<Constraint>, DecideError> {
    let Some((min, max)) = corridor(facts, policy)? else { return Ok(None) };
    let steps = facts.current.as_ref().map(|current| {
        let change = around(current.amount_minor, policy.step_change_bps);
        let day = around(current.day_open_minor, policy.step_day_bps);
        (change.0.max(day.0).min(change.1), change.1.min(day.1).max(change.0))
    });
    let (lowest, highest) = steps.unwrap_or((0, i64::MAX));
    let highest = highest.max(lowest);
    // An open end stays open.
    let min = if min == 0 { 0 } else { min.clamp(lowest, highest) };
    let max = if max == i64::MAX { max } else { max.clamp(lowest, highest) };
    let label = "the corridor around your competitors' prices".to_owned();
    Ok(Some(Constraint::new("competitor_corridor", (min, max.max(min)), label)))
}

fn step_change(current: &CurrentPrice, bps: i64) -> Constraint {
    let label = format!("your largest step of {} per change", percent_text(bps));
    Constraint::new("step_change", around(current.amount_minor, bps), label)
}

fn step_day(current: &CurrentPrice, bps: i64) -> Constraint {
    let label = format!("your largest step of {} per day", percent_text(bps));
    Constraint::new("step_day", around(current.day_open_minor, bps), label)
}

/// Both ends at most `bps` away from the amount, rounded towards it.
fn around(amount_minor: i64, bps: i64) -> (i64, i64) {
    let step = share_of(amount_minor, bps);
    ((amount_minor - step).max(0), amount_minor.saturating_add(step))
}

fn freeze(amount_minor: i64, currency: Currency) -> Constraint {
    let text = money_text(amount_minor, currency);
    let sentence = format!("Prices are frozen: {text} stands until you lift the freeze.");
    Constraint::hold("freeze", amount_minor, "the freeze".to_owned(), sentence)
}

fn pin(amount_minor: i64, currency: Currency) -> Constraint {
    let text = money_text(amount_minor, currency);
    let sentence = format!("You pinned the price at {text}.");
    Constraint::hold("pin", amount_minor, format!("your pinned price of {text}"), sentence)
}

fn promotion_lock(facts: &PriceFacts, current: &CurrentPrice) -> Option<Constraint> {
    let locking = facts.promotions.iter().filter(|p| p.locks_price).min_by_key(|p| p.id)?;
    let text = money_text(current.amount_minor, facts.currency);
    let label = format!("the lock of \u{201c}{}\u{201d}", locking.name);
    let sentence =
        format!("\u{201c}{}\u{201d} keeps the price at {text} while it runs.", locking.name);
    Some(Constraint::hold("promotion_lock", current.amount_minor, label, sentence))
}

fn dwell(facts: &PriceFacts, policy: &PricePolicy, current: &CurrentPrice) -> Option<Constraint> {
    let wait_micros = policy.dwell_minutes.saturating_mul(MICROS_PER_MINUTE);
    let free_at = current.changed_at.plus_micros(wait_micros);
    if wait_micros == 0 || facts.now >= free_at {
        return None;
    }
    let text = money_text(current.amount_minor, facts.currency);
    let minutes = policy.dwell_minutes;
    let free_at = free_at.to_jiff().strftime("%Y-%m-%d %H:%M UTC");
    let label = format!("the wait of {minutes} minutes between changes");
    let sentence = format!(
        "{text} stands until {free_at}: the price changes at most once in {minutes} minutes."
    );
    Some(Constraint::hold("dwell", current.amount_minor, label, sentence))
}

/// Without a cost nothing shows whether a move loses money, so rules move no price.
fn no_cost(facts: &PriceFacts, policy: &PricePolicy, base_minor: i64) -> Option<Constraint> {
    if facts.cost_minor.is_some() || policy.strategy != Strategy::Rules {
        return None;
    }
    let amount_minor = facts.current.as_ref().map_or(base_minor, |current| current.amount_minor);
    let text = money_text(amount_minor, facts.currency);
    let sentence = format!("No cost is known, so {text} stands: enter the cost to let it move.");
    Some(Constraint::hold("no_cost", amount_minor, "the missing cost".to_owned(), sentence))
}

fn followed_by(mut constraints: Vec<Constraint>, last: Constraint) -> Vec<Constraint> {
    constraints.push(last);
    constraints
}

fn capital(label: &str) -> String {
    let mut letters = label.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}
