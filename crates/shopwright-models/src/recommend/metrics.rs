//! How good a list is: hit rate, recall, NDCG, MRR and coverage, with intervals by bootstrap.

use crate::chance::Chance;

/// Whether any of the first `k` is wanted: 1 or 0.
pub fn hit(list: &[u32], truth: &[u32], k: usize) -> f64 {
    f64::from(u8::from(list.iter().take(k).any(|item| truth.contains(item))))
}

/// How many of the wanted are among the first `k`, of as many as could be: min(k, wanted).
pub fn recall(list: &[u32], truth: &[u32], k: usize) -> f64 {
    let found = list.iter().take(k).filter(|item| truth.contains(item)).count();
    found as f64 / truth.len().min(k).max(1) as f64
}

/// Normalised discounted cumulative gain (Järvelin and Kekäläinen 2002) with gains of 0 and 1.
pub fn ndcg(list: &[u32], truth: &[u32], k: usize) -> f64 {
    let gain = |at: usize| 1.0 / (at as f64 + 2.0).log2();
    let places = list.iter().take(k).enumerate();
    let sum: f64 = places.filter(|(_, item)| truth.contains(item)).map(|(at, _)| gain(at)).sum();
    let ideal: f64 = (0..truth.len().min(k)).map(gain).sum();
    if ideal > 0.0 { sum / ideal } else { 0.0 }
}

/// One over the place of the first wanted item among the first `k`, or 0.
pub fn mrr(list: &[u32], truth: &[u32], k: usize) -> f64 {
    let first = list.iter().take(k).position(|item| truth.contains(item));
    first.map_or(0.0, |at| 1.0 / (at as f64 + 1.0))
}

/// The share of the catalogue that appears in the first `k` of any list.
pub fn coverage(lists: &[Vec<u32>], items: usize, k: usize) -> f64 {
    let mut shown: Vec<u32> = lists.iter().flat_map(|list| list.iter().take(k).copied()).collect();
    shown.sort_unstable();
    shown.dedup();
    shown.len() as f64 / items.max(1) as f64
}

/// A mean with the middle 95 % of 500 bootstrap means (Efron 1979, percentile).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mean {
    /// The mean.
    pub mean: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// The mean of values and its interval; all 0 without values.
pub fn mean(values: &[f64], seed: u64) -> Mean {
    let count = values.len();
    if count == 0 {
        return Mean { mean: 0.0, low: 0.0, high: 0.0 };
    }
    let mut chance = Chance::new(seed, 0xB007);
    let mut draw = || {
        let picks = (0..count).map(|_| values[chance.below(count as u64) as usize]);
        picks.sum::<f64>() / count as f64
    };
    let mut means: Vec<f64> = (0..500).map(|_| draw()).collect();
    means.sort_unstable_by(f64::total_cmp);
    Mean { mean: values.iter().sum::<f64>() / count as f64, low: means[12], high: means[487] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_are_those_worked_out_by_hand() {
        let (list, truth) = ([5, 1, 7, 2], [1, 2, 9]);
        assert!((hit(&list, &truth, 1) - 0.0).abs() < 1e-12);
        assert!((hit(&list, &truth, 2) - 1.0).abs() < 1e-12);
        assert!((recall(&list, &truth, 4) - 2.0 / 3.0).abs() < 1e-12);
        assert!((recall(&list, &truth, 2) - 0.5).abs() < 1e-12);
        assert!((mrr(&list, &truth, 20) - 0.5).abs() < 1e-12);
        // (1/log2 3 + 1/log2 5) / (1 + 1/log2 3 + 1/2)
        assert!((ndcg(&list, &truth, 10) - 0.498_189).abs() < 1e-6);
        assert!((coverage(&[vec![1, 2], vec![2, 3]], 10, 1) - 0.2).abs() < 1e-12);
    }

    #[test]
    fn an_interval_holds_the_mean_and_repeats_under_its_seed() {
        let values: Vec<f64> = (0..400).map(|at| f64::from(at % 4) / 3.0).collect();
        let found = mean(&values, 7);
        assert!(found.low < 0.5 && found.high > 0.5 && found.high - found.low < 0.1, "{found:?}");
        assert_eq!(found, mean(&values, 7));
    }
}
