//! The messages of `shopwright price policy`: what a simulator tells and asks. Unknown fields are
//! let through, so that a simulator may say more than is understood.

use serde::{Deserialize, Serialize};

/// What the seller wants most of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Objective {
    /// Price less cost, times units.
    #[default]
    Profit,
    /// Price times units.
    Revenue,
}

/// One product at the start of an episode. Prices in one currency, in its major unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ItemStart {
    /// The product's id; no meaning is read from it.
    #[serde(default)]
    pub id: String,
    /// The category whose products may be alike.
    #[serde(default)]
    pub category: String,
    /// The lowest price.
    pub price_min: f64,
    /// The highest price.
    pub price_max: f64,
    /// The price the shop had so far.
    pub ref_price: f64,
    /// The only prices allowed, when there are such.
    #[serde(default)]
    pub prices: Option<Vec<f64>>,
}

/// The start of an episode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// Periods in the episode.
    pub horizon: u32,
    /// Hours in a period.
    #[serde(default = "day")]
    pub period_hours: f64,
    /// What counts.
    #[serde(default)]
    pub objective: Objective,
    /// Whether visits are told.
    #[serde(default)]
    pub visits_seen: bool,
    /// What an unsold unit is worth at the end.
    #[serde(default)]
    pub salvage: f64,
    /// Stock returns to its opening level every so many periods; 0 is never.
    #[serde(default)]
    pub restock_every: u32,
    /// The products, in the order in which prices are answered.
    pub items: Vec<ItemStart>,
}

fn day() -> f64 {
    24.0
}

/// What happened to one product in the last period.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Last {
    /// The price that was shown.
    pub price: f64,
    /// Units sold.
    pub sales: f64,
    /// Whether more may have been wanted than was there.
    #[serde(default)]
    pub stockout: bool,
    /// Visits, when seen.
    #[serde(default)]
    pub visits: Option<f64>,
}

/// One product at the beginning of a period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ItemStep {
    /// What a unit costs.
    #[serde(default)]
    pub cost: f64,
    /// Units in stock; none given is without limit.
    #[serde(default)]
    pub inventory: Option<f64>,
    /// A competitor's price, when seen.
    #[serde(default)]
    pub competitor: Option<f64>,
    /// The period before; absent in the first.
    #[serde(default)]
    pub last: Option<Last>,
}

/// A period begins: prices are wanted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The period's number from 0.
    pub t: u32,
    /// The hour of the day.
    #[serde(default)]
    pub hour: u32,
    /// The day of the week.
    #[serde(default)]
    pub dow: u32,
    /// The products in the order of the start.
    pub items: Vec<ItemStep>,
}
