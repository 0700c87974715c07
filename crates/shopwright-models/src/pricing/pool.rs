//! What products of one category teach each other: how strongly their shoppers mind the price.
//!
//! Strengths of a category are log-normal around a centre that is itself learnt, shape by shape.
//! A product's prior is the category's belief from all its other products, so one with few sales
//! borrows and one with many does not count itself twice.

use super::belief::Belief;
use super::response::{SHAPES, STRENGTHS, strengths};

/// The median elasticity of meta-analyses (Bijmolt, van Heerde and Pieters 2005: −2.2).
pub const KNOWN: f64 = 2.2;
/// How far centres may be from what is known beforehand, in logarithms.
const AROUND: f64 = 0.55;
/// How far products are from their category's centre.
const APART: f64 = 0.3;

/// The table of log-normal weights of each strength around each centre.
fn kernel() -> Vec<[f64; STRENGTHS]> {
    let all = strengths();
    let rows = all.iter().map(|centre| {
        let mut row = all.map(|s| (-0.5 * ((s / centre).ln() / APART).powi(2)).exp());
        let sum: f64 = row.iter().sum();
        for weight in &mut row {
            *weight /= sum;
        }
        row
    });
    rows.collect()
}

/// Weighs the beliefs of one category. `centre` is the strength expected beforehand.
pub fn weigh(beliefs: &mut [&mut Belief], centre: f64) {
    let all = strengths();
    let Some(first) = beliefs.first() else { return };
    let groups = first.hypotheses.len() / STRENGTHS;
    let outside = all.map(|s| -0.5 * ((s / centre).ln() / AROUND).powi(2));
    let kernel = kernel();
    let tops: Vec<f64> = beliefs
        .iter()
        .map(|b| b.hypotheses.iter().map(|h| h.evidence).fold(f64::MIN, f64::max))
        .collect();
    // For each product, group and centre: the log evidence of its data.
    let mut marginal = vec![vec![[0.0_f64; STRENGTHS]; groups]; beliefs.len()];
    let mut centres = vec![outside; groups];
    for ((belief, top), rows) in beliefs.iter().zip(&tops).zip(&mut marginal) {
        for (group, row) in rows.iter_mut().enumerate() {
            let from = &belief.hypotheses[group * STRENGTHS..(group + 1) * STRENGTHS];
            let mut likely = [0.0; STRENGTHS];
            for (value, hypothesis) in likely.iter_mut().zip(from) {
                *value = (hypothesis.evidence - top).exp();
            }
            for ((value, weights), sum) in row.iter_mut().zip(&kernel).zip(&mut centres[group]) {
                let dot: f64 = weights.iter().zip(&likely).map(|(a, b)| a * b).sum();
                *value = dot.max(1e-30).ln();
                *sum += *value;
            }
        }
    }
    for (belief, rows) in beliefs.iter_mut().zip(&marginal) {
        let without: Vec<[f64; STRENGTHS]> = centres
            .iter()
            .zip(rows)
            .map(|(all, own)| {
                let mut rest = *all;
                rest.iter_mut().zip(own).for_each(|(value, own)| *value -= own);
                rest
            })
            .collect();
        let top = without.iter().flatten().copied().fold(f64::MIN, f64::max);
        let mut prior = vec![0.0; belief.hypotheses.len()];
        for (group, rest) in without.iter().enumerate() {
            for (centre, value) in rest.iter().enumerate() {
                let share = (value - top).exp();
                if share > 1e-9 {
                    for strength in 0..STRENGTHS {
                        prior[group * STRENGTHS + strength] += share * kernel[centre][strength];
                    }
                }
            }
        }
        debug_assert_eq!(groups % SHAPES.len(), 0);
        for weight in &mut prior {
            *weight = weight.max(1e-12).ln();
        }
        belief.weigh(&prior);
    }
}

/// The strength to expect: half of what studies say, half of what the shop's own margin says (at
/// a price that is best, elasticity is price over margin).
pub fn centre(price: f64, cost: f64) -> f64 {
    let margin = price - cost;
    let own = if margin > 0.0 { (price / margin).clamp(1.0, 6.0) } else { 6.0 };
    (KNOWN * own).sqrt()
}
