//! What is believed of one product's demand: every shape and strength with its weight.
//!
//! For each hypothesis sales are Poisson with a Gamma-distributed level, so its evidence has a
//! closed form and a sale is learnt by one pass over the hypotheses. Counts are divided by the
//! dispersion that is measured on the way (quasi-likelihood), so over-dispersed sales count for
//! less. A stock-out says only that demand was at least the sales: it enters by its survival
//! probability and its expected excess. When sales of the last periods cannot be explained
//! (a generalised likelihood ratio), all but those periods is forgotten.

use serde::{Deserialize, Serialize};

use super::response::{SHAPES, STRENGTHS, strengths};

/// How strongly a competitor's price moves the price that shoppers compare with.
pub const PULLS: [f64; 3] = [0.0, 0.5, 1.0];
/// Periods kept for looking back.
const WINDOW: usize = 48;
/// Gains of log likelihood over the belief that mean change rather than chance.
const ALARM: f64 = 8.0;

/// One period of one product.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// Price over the old price.
    pub x: f64,
    /// The competitor's price over its first one; 1 when there is none.
    pub rival: f64,
    /// Visits, or the season's factor: what demand is proportional to.
    pub exposure: f64,
    /// Units sold.
    pub sales: f64,
    /// Whether stock ended.
    pub stockout: bool,
}

/// One weighed hypothesis.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hypothesis {
    /// Which of the shapes.
    pub shape: usize,
    /// Which of the strengths.
    pub strength: usize,
    /// Which of the pulls.
    pub pull: usize,
    /// Log evidence of what was seen.
    pub evidence: f64,
    /// Exposure times the factor, summed: the rate of the level's Gamma distribution.
    pub exposed: f64,
}

/// The belief over one product.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Belief {
    /// All hypotheses.
    pub hypotheses: Vec<Hypothesis>,
    /// The shape of the level's Gamma distribution: units sold so far, over the dispersion.
    pub sold: f64,
    /// Variance of sales over their mean.
    pub dispersion: f64,
    /// Posterior weights, summing to 1; set by `weigh`.
    pub weights: Vec<f64>,
    squares: f64,
    residuals: f64,
    recent: Vec<Seen>,
    strengths: Vec<f64>,
    thin: f64,
}

impl Belief {
    /// Nothing seen yet. With `rivals`, how much a competitor's price matters is weighed too;
    /// `thin` is the exposure that the vague prior on the level is worth.
    pub fn new(rivals: bool, thin: f64) -> Self {
        let pulls = if rivals { PULLS.len() } else { 1 };
        let mut hypotheses = Vec::new();
        for shape in 0..SHAPES.len() {
            for pull in 0..pulls {
                for strength in 0..STRENGTHS {
                    hypotheses.push(Hypothesis {
                        shape,
                        strength,
                        pull,
                        evidence: 0.0,
                        exposed: thin,
                    });
                }
            }
        }
        let weights = vec![0.0; hypotheses.len()];
        Self {
            hypotheses,
            sold: 0.1,
            dispersion: 1.0,
            weights,
            squares: 10.0,
            residuals: 10.0,
            recent: Vec::new(),
            strengths: strengths().to_vec(),
            thin,
        }
    }

    /// Demand of a hypothesis at `x`, as a factor on its level.
    pub fn factor(&self, of: &Hypothesis, x: f64, rival: f64) -> f64 {
        let pull = PULLS[of.pull];
        let felt = if pull > 0.0 && rival > 0.0 { x * rival.powf(-pull) } else { x };
        SHAPES[of.shape].factor(self.strengths[of.strength], felt)
    }

    /// Expected demand of one exposure at `x`.
    pub fn expected(&self, x: f64, rival: f64) -> f64 {
        let mut mean = 0.0;
        for (hypothesis, weight) in self.hypotheses.iter().zip(&self.weights) {
            if *weight > 1e-6 {
                mean += weight * self.factor(hypothesis, x, rival) / hypothesis.exposed;
            }
        }
        mean * self.sold
    }

    /// Learns one period; weights must be set. Gives whether everything older was forgotten.
    pub fn learn(&mut self, seen: Seen) -> bool {
        if seen.exposure <= 0.0 || (seen.stockout && seen.sales <= 0.0) {
            return false;
        }
        let mean = self.expected(seen.x, seen.rival) * seen.exposure;
        if !seen.stockout && self.sold * self.dispersion > 8.0 {
            // What is not yet known of the level is no dispersion of sales.
            let known = mean * (1.0 + mean / (self.sold * self.dispersion).max(1.0));
            let square = (seen.sales - mean).powi(2) / known.max(0.05);
            self.squares = 0.99 * self.squares + square.min(25.0);
            self.residuals = 0.99 * self.residuals + 1.0;
            self.dispersion = (self.squares / self.residuals).clamp(0.1, 12.0);
        }
        self.take(seen, mean);
        if self.recent.len() == WINDOW {
            self.recent.remove(0);
        }
        self.recent.push(seen);
        self.watch()
    }

    fn take(&mut self, seen: Seen, mean: f64) {
        let spread = self.dispersion;
        let units = if seen.stockout { at_least(mean, seen.sales, spread) } else { seen.sales };
        let units = units / spread;
        for at in 0..self.hypotheses.len() {
            let factor = self.factor(&self.hypotheses[at], seen.x, seen.rival);
            let hypothesis = &mut self.hypotheses[at];
            let exposed = seen.exposure * factor / spread;
            let sum = hypothesis.exposed + exposed;
            if seen.stockout {
                let own = self.sold / hypothesis.exposed * seen.exposure * factor;
                hypothesis.evidence += survival(own, seen.sales, spread).ln() / spread;
            } else {
                hypothesis.evidence +=
                    self.sold * (hypothesis.exposed / sum).ln() + units * (exposed / sum).ln();
            }
            hypothesis.exposed = sum;
        }
        self.sold += units;
    }

    /// Whether the last periods sold otherwise than believed; then only they are kept.
    fn watch(&mut self) -> bool {
        let (mut sold, mut believed, mut best, mut length) = (0.0, 0.0, 0.0, 0);
        for (count, seen) in self.recent.iter().rev().enumerate().take(WINDOW / 2) {
            if !seen.stockout {
                sold += seen.sales;
                believed += self.expected(seen.x, seen.rival) * seen.exposure;
            }
            if count >= 2 && believed > 0.0 {
                let gain = sold * (sold.max(1e-9) / believed).ln() - (sold - believed);
                let gain = gain / self.dispersion.max(1.0);
                if gain > best {
                    (best, length) = (gain, count + 1);
                }
            }
        }
        if best < ALARM || length * 2 > self.recent.len() {
            return false;
        }
        let kept = self.recent.split_off(self.recent.len() - length);
        self.recent.clear();
        self.sold = 0.1;
        let top = self.hypotheses.iter().map(|h| h.evidence).fold(f64::MIN, f64::max);
        for hypothesis in &mut self.hypotheses {
            hypothesis.evidence = 0.25 * (hypothesis.evidence - top).max(-12.0);
            hypothesis.exposed = self.thin;
        }
        for seen in kept {
            let mean = seen.sales;
            self.take(seen, mean);
            self.recent.push(seen);
        }
        true
    }

    /// Sets the weights from the evidence and log prior weights, one for each hypothesis.
    pub fn weigh(&mut self, prior: &[f64]) {
        let mut top = f64::MIN;
        for ((weight, hypothesis), prior) in
            self.weights.iter_mut().zip(&self.hypotheses).zip(prior)
        {
            *weight = hypothesis.evidence + prior;
            top = top.max(*weight);
        }
        let mut sum = 0.0;
        for weight in &mut self.weights {
            *weight = (*weight - top).exp();
            sum += *weight;
        }
        for weight in &mut self.weights {
            *weight /= sum;
        }
    }
}

/// The standard normal tail above `z` (Abramowitz and Stegun 7.1.26; error under 2e-7).
pub fn tail(z: f64) -> f64 {
    let size = z.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * size);
    let series = 1.061_405_429_f64;
    let series = series * t - 1.453_152_027;
    let series = series * t + 1.421_413_741;
    let series = series * t - 0.284_496_736;
    let series = series * t + 0.254_829_592;
    let half = 0.5 * series * t * (-size * size).exp();
    if z >= 0.0 { half } else { 1.0 - half }
}

/// The standard normal density.
pub fn density(z: f64) -> f64 {
    (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt()
}

fn survival(mean: f64, units: f64, spread: f64) -> f64 {
    tail((units - 0.5 - mean) / (mean * spread).max(1e-6).sqrt()).max(1e-9)
}

/// Expected demand of which at least `units` were wanted.
fn at_least(mean: f64, units: f64, spread: f64) -> f64 {
    let deviation = (mean * spread).max(1e-6).sqrt();
    let z = (units - 0.5 - mean) / deviation;
    let expected = mean + deviation * density(z) / tail(z).max(1e-9);
    expected.clamp(units, units + 3.0 * deviation + 1.0)
}
