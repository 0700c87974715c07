//! What each price is worth from now on: profit a period under the belief, with stock that may
//! run out, and what trying it would teach.

use super::belief::{Belief, density, tail};

/// What holds in this period.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setting {
    /// What selling a unit costs: its cost and what it would be worth unsold.
    pub cost: f64,
    /// Exposure of a period.
    pub exposure: f64,
    /// Units that can be sold in `until` periods; none is without limit.
    pub stock: Option<f64>,
    /// Periods for which the stock must last.
    pub until: f64,
    /// Periods in which what is learnt is of use.
    pub left: f64,
    /// The competitor's price over its first one.
    pub rival: f64,
    /// Products that learn from this one, itself included.
    pub alike: f64,
}

/// The worth of one price.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Worth {
    /// Expected demand of a period.
    pub demand: f64,
    /// Expected profit of a period.
    pub profit: f64,
    /// Profit and the worth of what it teaches.
    pub score: f64,
}

/// How much of the expected loss one unit of information takes away.
const TEACHES: f64 = 0.05;

/// Units sold of uncertain demand (normal) when there are `stock`.
pub fn sold(mean: f64, dispersion: f64, stock: f64) -> f64 {
    let deviation = (mean * dispersion).max(1e-9).sqrt();
    let z = (mean - stock) / deviation;
    (mean - (mean - stock) * tail(-z) - deviation * density(z)).clamp(0.0, stock.min(mean))
}

/// The worth of every price. `prices` are in money, `relative` over the old price, `trusted` is
/// what sales at each price say beyond the shapes, as a factor.
pub fn worth(
    belief: &Belief,
    (prices, relative): (&[f64], &[f64]),
    trusted: &[f64],
    now: &Setting,
) -> Vec<Worth> {
    let mut worths = vec![Worth::default(); prices.len()];
    let mut squares = vec![0.0; prices.len()];
    let mut likely = Vec::new();
    for (hypothesis, weight) in belief.hypotheses.iter().zip(&belief.weights) {
        if *weight < 2e-4 {
            continue;
        }
        let level = belief.sold / hypothesis.exposed * now.exposure;
        let mut profits = Vec::with_capacity(prices.len());
        for at in 0..prices.len() {
            let factor = belief.factor(hypothesis, relative[at], now.rival);
            let demand = level * factor * trusted[at];
            let units = match now.stock {
                None => demand,
                Some(stock) => {
                    sold(demand * now.until, belief.dispersion, stock) / now.until.max(1.0)
                }
            };
            let profit = (prices[at] - now.cost) * units;
            worths[at].demand += weight * demand;
            worths[at].profit += weight * profit;
            squares[at] += weight * demand * demand;
            profits.push(profit);
        }
        likely.push((*weight, profits));
    }
    let best = best_of(&worths, |worth| worth.profit);
    let mut loss = 0.0;
    for (weight, profits) in &likely {
        let top = profits.iter().copied().fold(f64::MIN, f64::max);
        loss += weight * (top - profits[best]);
    }
    for (worth, square) in worths.iter_mut().zip(&squares) {
        let variance = (square - worth.demand * worth.demand).max(0.0);
        let noise = (worth.demand * belief.dispersion).max(0.05);
        let told = (1.0 + variance / noise).ln() * now.alike.sqrt();
        worth.score = worth.profit + loss * now.left * (1.0 - (-TEACHES * told).exp());
    }
    worths
}

/// Where the largest value is.
pub fn best_of(worths: &[Worth], value: impl Fn(&Worth) -> f64) -> usize {
    let mut best = 0;
    for at in 1..worths.len() {
        if value(&worths[at]) > value(&worths[best]) {
            best = at;
        }
    }
    best
}

/// Of a short menu with stock for `rate` units a period: the best plan mixes two prices (the fluid
/// optimum, Gallego and van Ryzin 1994); gives the one with the larger share. Solved anew in every
/// period, the share corrects itself.
pub fn mixed(worths: &[Worth], prices: &[f64], cost: f64, rate: f64) -> usize {
    let pick = |shadow: f64| {
        let mut best = 0;
        for at in 1..prices.len() {
            let value = |at: usize| (prices[at] - cost - shadow) * worths[at].demand;
            if value(at) > value(best) {
                best = at;
            }
        }
        best
    };
    let free = pick(0.0);
    if worths[free].demand <= rate {
        return free;
    }
    let (mut low, mut high) = (0.0, prices.iter().copied().fold(0.0, f64::max));
    for _ in 0..40 {
        let middle = f64::midpoint(low, high);
        if worths[pick(middle)].demand > rate { low = middle } else { high = middle }
    }
    let (fast, slow) = (pick(low), pick(high));
    let (quick, calm) = (worths[fast].demand, worths[slow].demand);
    if quick <= calm || (rate - calm) / (quick - calm) < 0.5 { slow } else { fast }
}
