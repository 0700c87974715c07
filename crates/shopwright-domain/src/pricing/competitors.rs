//! What competitors charge, and how much of it counts.
//!
//! Prices that are too old, far from everything, of an uncertain match, in another currency or of a
//! product that is sold out do not count, and are said not to. What counts is reduced to the lowest and
//! the middle price: no single competitor pulls the price further than the corridor and the step allow.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::amounts::{exact, whole};
use super::decide::{DecideError, PriceFacts, Reason};
use super::policy::PricePolicy;
use crate::money::{Currency, Factor};
use crate::time::{HOUR, Timestamp};
use num_traits::ToPrimitive;

/// Hours after which a price is too old, unless a setting says otherwise.
pub const FRESH_HOURS: i64 = 48;
/// The most hours a setting takes: a year.
pub const FRESH_HOURS_MAX: i64 = 8_784;
/// A match below this needs somebody to confirm it, basis points.
pub const CONFIDENCE_BPS_MIN: i64 = 8_000;
/// Competitors of one product that are looked at.
pub const COMPETITORS_MAX: usize = 50;

/// A price this many times the base price, or this part of it, is taken for a mistake.
const FAR_OFF_TIMES: i128 = 10;
/// So many deviations from the middle of the others are taken for a mistake,
const DEVIATIONS_MAX: i64 = 3;
/// where there are at least so many others,
const OTHERS_MIN: usize = 3;
/// and the distance is more than this part of their middle, so that equal prices do not make every
/// other price a mistake.
const CLOSE_PART: i64 = 20;

/// Which of the competitors' prices is looked at.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum CompetitorReference {
    /// The lowest.
    Lowest,
    /// The middle one; of an even number the lower of the two.
    Median,
}

/// How the rules follow competitors.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct CompetitorRule {
    /// Whom to look at.
    pub against: CompetitorReference,
    /// Where to stand: 0.98 is two per cent below them.
    pub target: Factor,
    /// How much of the way from the base price to go, 0 to 1.
    pub weight: Factor,
}

/// A range around competitors' prices.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct CompetitorCorridor {
    /// Whom to look at.
    pub against: CompetitorReference,
    /// At least this times their price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<Factor>,
    /// At most this times their price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Factor>,
}

/// The latest price of one competitor for a product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompetitorPrice {
    /// Whose.
    pub competitor: String,
    /// When it was seen.
    pub observed_at: Timestamp,
    /// Minor units.
    pub price_minor: i64,
    /// What sending it costs, where that is known.
    pub shipping_minor: Option<i64>,
    /// The currency of both.
    pub currency: Currency,
    /// Whether they have it.
    pub in_stock: bool,
    /// Somebody insisted that it is no mistake.
    pub is_forced: bool,
    /// How sure it is that it is the same product, basis points.
    pub confidence_bps: i64,
    /// Somebody said that it is.
    pub is_confirmed: bool,
}

/// Whether a price counts, or why not.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It counts.
    Used,
    /// It is too old.
    Stale,
    /// They have none to sell.
    OutOfStock,
    /// It is not sure that it is the same product.
    Unconfirmed,
    /// It is in another currency than the product's.
    OtherCurrency,
    /// It is far from everything and taken for a mistake.
    Outlier,
}

impl Verdict {
    /// Every one.
    pub const ALL: [Self; 6] = [
        Self::Used,
        Self::Stale,
        Self::OutOfStock,
        Self::Unconfirmed,
        Self::OtherCurrency,
        Self::Outlier,
    ];

    /// The text in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Used => "used",
            Self::Stale => "stale",
            Self::OutOfStock => "out_of_stock",
            Self::Unconfirmed => "unconfirmed",
            Self::OtherCurrency => "other_currency",
            Self::Outlier => "outlier",
        }
    }
}

/// A price with what was made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgedPrice {
    /// The price.
    pub price: CompetitorPrice,
    /// Whether it counts.
    pub verdict: Verdict,
}

/// What is left of the competitors' prices when a price is decided.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct CompetitorFact {
    /// The lowest that counts, minor units.
    pub lowest_minor: Option<i64>,
    /// The middle one of those that count, minor units.
    pub median_minor: Option<i64>,
    /// How many count.
    pub used: i64,
    /// How many would, were they not too old.
    pub stale: i64,
    /// How many do not count for another reason.
    pub ignored: i64,
}

impl CompetitorFact {
    /// The price that is looked at; `None` when none counts.
    pub fn price_of(&self, reference: CompetitorReference) -> Option<i64> {
        match reference {
            CompetitorReference::Lowest => self.lowest_minor,
            CompetitorReference::Median => self.median_minor,
        }
    }

    /// Whether prices can be reckoned with it.
    pub(super) fn is_sound(&self) -> bool {
        [self.lowest_minor, self.median_minor].iter().flatten().all(|price| *price >= 1)
    }
}

/// Whether a price is ten times the base price or more, or a tenth of it or less.
pub fn is_far_off(price_minor: i64, base_minor: i64) -> bool {
    let (price, base) = (i128::from(price_minor), i128::from(base_minor));
    price >= base * FAR_OFF_TIMES || price * FAR_OFF_TIMES <= base
}

/// Judges the latest price of each competitor, and says what is left of them. `None` when there are
/// no prices at all.
pub fn judge_prices(
    prices: &[CompetitorPrice],
    (base_minor, currency): (Option<i64>, Currency),
    fresh_hours: i64,
    now: Timestamp,
) -> (Vec<JudgedPrice>, Option<CompetitorFact>) {
    let oldest = now.plus_micros(fresh_hours.saturating_mul(HOUR).saturating_neg());
    let alone = |price: &CompetitorPrice| {
        if price.currency != currency {
            Verdict::OtherCurrency
        } else if !price.is_confirmed && price.confidence_bps < CONFIDENCE_BPS_MIN {
            Verdict::Unconfirmed
        } else if !price.in_stock {
            Verdict::OutOfStock
        } else if !price.is_forced
            && base_minor.is_some_and(|base| is_far_off(price.price_minor, base))
        {
            Verdict::Outlier
        } else if price.observed_at < oldest {
            Verdict::Stale
        } else {
            Verdict::Used
        }
    };
    let mut judged: Vec<JudgedPrice> = prices
        .iter()
        .take(COMPETITORS_MAX)
        .map(|price| JudgedPrice { verdict: alone(price), price: price.clone() })
        .collect();
    let standing: Vec<i64> = amounts(&judged);
    let used = judged.iter_mut().filter(|judged| judged.verdict == Verdict::Used);
    for (at, judged) in used.enumerate() {
        let mut others = standing.clone();
        others.remove(at);
        if !judged.price.is_forced && is_apart(judged.price.price_minor, &others) {
            judged.verdict = Verdict::Outlier;
        }
    }
    let fact = (!judged.is_empty()).then(|| fact_of(&judged));
    (judged, fact)
}

fn amounts(judged: &[JudgedPrice]) -> Vec<i64> {
    let used = judged.iter().filter(|judged| judged.verdict == Verdict::Used);
    used.map(|judged| judged.price.price_minor).collect()
}

fn fact_of(judged: &[JudgedPrice]) -> CompetitorFact {
    let used = amounts(judged);
    let count = |wanted: fn(Verdict) -> bool| {
        i64::try_from(judged.iter().filter(|judged| wanted(judged.verdict)).count())
            .unwrap_or(i64::MAX)
    };
    CompetitorFact {
        lowest_minor: used.iter().min().copied(),
        median_minor: median(used),
        used: count(|verdict| verdict == Verdict::Used),
        stale: count(|verdict| verdict == Verdict::Stale),
        ignored: count(|verdict| !matches!(verdict, Verdict::Used | Verdict::Stale)),
    }
}

/// Whether an amount is further from the middle of the others than three of their median absolute
/// deviations.
fn is_apart(amount: i64, others: &[i64]) -> bool {
    if others.len() < OTHERS_MIN {
        return false;
    }
    let Some(middle) = median(others.to_vec()) else { return false };
    let deviations: Vec<i64> =
        others.iter().map(|other| other.abs_diff(middle).cast_signed()).collect();
    let usual = median(deviations).unwrap_or(0);
    let most = usual.saturating_mul(DEVIATIONS_MAX).max(middle / CLOSE_PART);
    amount.abs_diff(middle) > most.unsigned_abs()
}

/// The middle amount; of an even number the lower of the two.
fn median(mut amounts: Vec<i64>) -> Option<i64> {
    amounts.sort_unstable();
    let last = amounts.len().checked_sub(1)?;
    amounts.get(last / 2).copied()
}

/// Both ends of the corridor, 0 and `i64::MAX` where it is open; `None` without one, or when no
/// competitor's price counts.
pub(super) fn corridor(
    facts: &PriceFacts,
    policy: &PricePolicy,
) -> Result<Option<(i64, i64)>, DecideError> {
    let Some(corridor) = &policy.competitor_corridor else { return Ok(None) };
    let Some(theirs) = facts.competitor.as_ref().and_then(|fact| fact.price_of(corridor.against))
    else {
        return Ok(None);
    };
    let times = |factor: Factor| exact(factor) * whole(theirs);
    let whole_minor =
        |number: super::amounts::Exact| number.to_integer().to_i64().ok_or(DecideError::TooLarge);
    let min = corridor.min.map(|min| whole_minor(times(min).ceil())).transpose()?.unwrap_or(0);
    let max = corridor.max.map(|max| whole_minor(times(max).floor())).transpose()?;
    Ok(Some((min, max.unwrap_or(i64::MAX).max(min))))
}

/// Says that competitors' prices would count and are too old.
pub(super) fn stale_competitor(fact: &CompetitorFact) -> Option<Reason> {
    if fact.used > 0 || fact.stale == 0 {
        return None;
    }
    let sentence = match fact.stale {
        1 => "The only competitor's price is too old, so it does not count.".to_owned(),
        n => format!("The prices of {n} competitors are too old, so they do not count."),
    };
    Some(Reason {
        factor: "stale_competitor".to_owned(),
        effect_minor: 0,
        signal: json!({ "stale": fact.stale }),
        sentence,
    })
}
