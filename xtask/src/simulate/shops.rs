//! Invented shops: families of demand, each with parameters drawn by seed from wide ranges, and the
//! profit that somebody who knew the demand would have made.

use shopwright_models::chance::Chance;
use shopwright_models::pricing::protocol::{ItemStart, Objective, Start};

/// How shoppers answer to price.
#[derive(Clone, Copy, Debug)]
pub enum Curve {
    /// a·exp(−b p/ref)
    Exponential(f64, f64),
    /// max(0, a − b p/ref)
    Linear(f64, f64),
    /// a / (1 + exp(b p/ref − c))
    Logit(f64, f64, f64),
    /// Probabilities of a sale at the menu's prices.
    Table([f64; 4]),
}

/// The families, in the order of the results.
pub const FAMILIES: [&str; 15] = [
    "logit",
    "linear",
    "exponential",
    "shift",
    "season",
    "deadline",
    "competitor",
    "many-skus",
    "cost-change",
    "censored",
    "memory",
    "menu-100",
    "linear-noise",
    "menu-4-T100",
    "menu-4-T1000",
];

/// One product's truth.
#[derive(Clone, Debug)]
pub struct Product {
    /// Demand at the beginning and, after `shift`, at the end.
    pub curves: [Curve; 2],
    /// Cost before and after the shift.
    pub costs: [f64; 2],
}

/// One shop.
#[derive(Clone, Debug)]
pub struct Shop {
    /// What the policy is told.
    pub start: Start,
    /// The truth.
    pub products: Vec<Product>,
    /// The period of the shift; beyond the horizon when there is none.
    pub shift: u32,
    /// Opening stock.
    pub stock: Option<f64>,
    /// Weekday and hour factors move demand.
    pub season: bool,
    /// A competitor is there and its price matters by this power.
    pub rival: Option<f64>,
    /// The strength of memory of past prices.
    pub memory: f64,
    /// Normal noise instead of Poisson sales.
    pub noise: Option<f64>,
}

fn between(chance: &mut Chance, low: f64, high: f64) -> f64 {
    low + (high - low) * chance.uniform()
}

/// Expected sales of an exposure at `x` times the reference price.
pub fn demand(curve: Curve, x: f64, slot: usize) -> f64 {
    match curve {
        Curve::Exponential(a, b) => a * (-b * x).exp(),
        Curve::Linear(a, b) => (a - b * x).max(0.0),
        Curve::Logit(a, b, c) => a / (1.0 + (b * x - c).exp()),
        Curve::Table(row) => row[slot.min(3)],
    }
}

/// A curve whose best price lies in the inner part of the limits (0.6 to 1.8 of the reference).
fn curve(chance: &mut Chance, family: &str, cost: f64) -> Curve {
    // A shop that has sold at its old price: demand ends no nearer than 1.3 times of it.
    let best = between(chance, 0.75, 1.45).max(f64::midpoint(cost, 1.3));
    let volume = (between(chance, 2.0_f64.ln(), 30.0_f64.ln())).exp();
    let pick = match family {
        "logit" => 0,
        "linear" | "linear-noise" => 1,
        "exponential" => 2,
        _ => chance.below(3),
    };
    match pick {
        0 => {
            let slope = between(chance, 2.0, 7.0).max(1.15 / (best - cost));
            // First order condition: slope (best − cost) (1 − share) = 1.
            let share = 1.0 - 1.0 / (slope * (best - cost));
            Curve::Logit(volume, slope, slope * best + (share / (1.0 - share)).ln())
        }
        1 => {
            let choke = 2.0 * best - cost;
            let slope = volume / (choke - 1.0).max(0.2);
            Curve::Linear(slope * choke, slope)
        }
        _ => {
            let slope = 1.0 / (best - cost);
            Curve::Exponential(volume * slope.exp(), slope)
        }
    }
}

/// The shop of a family and a seed.
pub fn shop(family: &str, seed: u64) -> Shop {
    let mut chance = Chance::new(seed, 900);
    let chance = &mut chance;
    let menu4 = family.starts_with("menu-4");
    let count = match family {
        "many-skus" => 100,
        "logit" | "linear" | "exponential" | "season" | "competitor" => 1 + chance.below(3),
        _ => 1,
    };
    let horizon = match family {
        "many-skus" => 60,
        "menu-4-T100" | "deadline" => 100,
        "menu-4-T1000" | "menu-100" => 1000,
        _ => 200,
    };
    let reference = between(chance, 5.0, 60.0);
    let share = if menu4 || family == "menu-100" { 0.0 } else { between(chance, 0.3, 0.65) };
    let mut products = Vec::new();
    let mut items = Vec::new();
    let alike = (between(chance, 0.0, 1.0), between(chance, 0.75, 1.4));
    for at in 0..count {
        let mut first = curve(chance, family, share);
        let mut second = first;
        if family == "many-skus" {
            let best = (alike.1 + 0.1 * chance.normal()).max(share * 1.25);
            let slope = 1.0 / (best - share);
            let volume = between(chance, 0.2, 2.0);
            first = Curve::Exponential(volume * slope.exp(), slope);
            second = first;
        }
        if family == "shift" {
            second = curve(chance, family, share);
        }
        if menu4 {
            first = Curve::Table([0.8, 0.6, 0.3, 0.1]);
            second = first;
        }
        let prices = match family {
            "menu-100" => Some((1..=100).map(|n| reference * 2.0 * f64::from(n) / 100.0).collect()),
            _ if menu4 => Some(vec![29.9, 34.9, 39.9, 44.9]),
            _ => None,
        };
        let (low, high, reference) = match family {
            "menu-100" => (reference * 0.02, reference * 2.0, reference),
            _ if menu4 => (29.9, 44.9, 34.9),
            _ => (reference * 0.6, reference * 1.8, reference),
        };
        let cost = share * reference;
        let later = if family == "cost-change" { cost * between(chance, 0.7, 1.5) } else { cost };
        products.push(Product { curves: [first, second], costs: [cost, later] });
        items.push(ItemStart {
            id: format!("i{at}"),
            category: "c".to_owned(),
            price_min: low,
            price_max: high,
            ref_price: reference,
            prices,
        });
    }
    let usual = demand(products[0].curves[0], 1.0, 1);
    let stock = match family {
        "deadline" => Some((usual * 100.0 * between(chance, 0.3, 1.1)).round().max(5.0)),
        "censored" => Some((usual * 7.0 * between(chance, 0.5, 1.2)).round().max(3.0)),
        _ if menu4 => {
            let alpha = if seed.is_multiple_of(2) { 0.25 } else { 0.5 };
            Some((alpha * f64::from(horizon)).round())
        }
        _ => None,
    };
    let moves = matches!(family, "shift" | "cost-change");
    let shift = if moves { 60 + u32::try_from(chance.below(80)).unwrap_or(0) } else { u32::MAX };
    Shop {
        start: Start {
            horizon,
            period_hours: if family == "season" { 1.0 + 23.0 * alike.0.round() } else { 24.0 },
            objective: if share > 0.0 { Objective::Profit } else { Objective::Revenue },
            visits_seen: false,
            salvage: 0.0,
            restock_every: if family == "censored" { 7 } else { 0 },
            items,
        },
        products,
        shift,
        stock,
        season: family == "season",
        rival: (family == "competitor").then(|| between(chance, 0.3, 1.0)),
        memory: if family == "memory" { between(chance, 0.3, 1.5) } else { 0.0 },
        noise: (family == "linear-noise").then(|| between(chance, 0.5, 3.0)),
    }
}
