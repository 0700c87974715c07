//! The shapes that demand may take over price, each as a factor on demand at the shop's old price.
//!
//! `x` is the price over the old price, so every shape is 1 at x = 1 and has the elasticity
//! `−strength` there; shapes differ in what happens further away. Exponential is the log-linear
//! model; power has one elasticity everywhere; linear ends at a price nobody pays; logit is a
//! share of visitors who buy, told apart by that share at the old price.

/// Under this demand is taken as none, so that logarithms stay finite.
const LEAST: f64 = 1e-6;

/// One form of the price response.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// exp(−s (x − 1)).
    Exponential,
    /// x^−s.
    Power,
    /// 1 − s (x − 1), never under nothing.
    Linear,
    /// A logistic share of visitors; the number is the share at the old price.
    Logit(f64),
}

/// Every shape that is weighed.
pub const SHAPES: [Shape; 6] = [
    Shape::Exponential,
    Shape::Power,
    Shape::Linear,
    Shape::Logit(0.3),
    Shape::Logit(0.6),
    Shape::Logit(0.85),
];

/// How many strengths are weighed for each shape.
pub const STRENGTHS: usize = 22;

/// The strengths: from 0.3 to 9 in equal steps of the logarithm.
pub fn strengths() -> [f64; STRENGTHS] {
    let mut all = [0.0; STRENGTHS];
    let step = (9.0_f64 / 0.3).ln() / 21.0;
    let mut log = 0.3_f64.ln();
    for strength in &mut all {
        *strength = log.exp();
        log += step;
    }
    all
}

impl Shape {
    /// Demand at `x` times the old price, over demand at the old price; above 0.
    pub fn factor(self, strength: f64, x: f64) -> f64 {
        let factor = match self {
            Self::Exponential => (-strength * (x - 1.0)).exp(),
            Self::Power => x.max(1e-3).powf(-strength),
            Self::Linear => 1.0 - strength * (x - 1.0),
            Self::Logit(share) => {
                let slope = strength / (1.0 - share);
                let odds = (1.0 - share) / share;
                (1.0 + odds) / (1.0 + odds * (slope * (x - 1.0)).min(500.0).exp())
            }
        };
        if factor.is_finite() { factor.clamp(LEAST, 1e6) } else { LEAST }
    }
}

#[cfg(test)]
mod tests {
    use super::{SHAPES, strengths};

    #[test]
    fn every_shape_is_one_at_the_old_price_and_has_its_strength_as_elasticity_there() {
        for shape in SHAPES {
            for strength in strengths() {
                assert!((shape.factor(strength, 1.0) - 1.0).abs() < 1e-9);
                let (up, down) = (shape.factor(strength, 1.0001), shape.factor(strength, 0.9999));
                let slope = (up.ln() - down.ln()) / 0.0002;
                assert!((slope + strength).abs() < 1e-3 * strength.max(1.0), "{shape:?} {slope}");
            }
        }
    }

    #[test]
    fn demand_never_rises_with_price_and_stays_finite() {
        for shape in SHAPES {
            for strength in strengths() {
                let mut before = f64::INFINITY;
                for x in [0.01, 0.1, 0.5, 0.9, 1.0, 1.5, 3.0, 100.0] {
                    let now = shape.factor(strength, x);
                    assert!(now > 0.0 && now <= before && now.is_finite());
                    before = now;
                }
            }
        }
    }
}
