//! Item neighbours by what is taken together (Sarwar et al. 2001; shrinkage as Bell and Koren 2007)
//! and by what follows (sequential rules, Ludewig and Jannach 2018).
//!
//! One item's row at a time, so that memory is the neighbours kept and one row of sums a thread.

use super::linear::{Linear, loudest};
use super::rows::Rows;
use super::{DAY, Event};

/// How a count c of two items taken n and m times becomes a weight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Similarity {
    /// c / (√(n m) + shrinkage).
    Cosine {
        /// Holds rare pairs down.
        shrink: f32,
    },
    /// c / (n + shrinkage) / m^damp: the chance of the other, less for what everybody takes.
    Rule {
        /// Holds rare items down.
        shrink: f32,
        /// 0 to 1.
        damp: f32,
    },
}

impl Similarity {
    fn of(self, common: f32, mine: f32, other: f32) -> f32 {
        match self {
            Self::Cosine { shrink } => common / ((mine * other).sqrt() + shrink),
            Self::Rule { shrink, damp } => common / (mine + shrink) / other.max(1e-6).powf(damp),
        }
    }
}

/// How neighbours are found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbours {
    /// How they are weighed.
    pub similarity: Similarity,
    /// Days after which a row counts half.
    pub half_life: Option<f32>,
    /// Whether a long row counts less: BM25's b = 0.75 (Robertson and Zaragoza 2009).
    pub by_length: bool,
    /// How many an item keeps.
    pub most: usize,
    /// Threads.
    pub threads: usize,
}

impl Neighbours {
    /// Finds the neighbours of every item.
    pub fn fit(&self, rows: &Rows) -> Linear {
        let weights = self.row_weights(rows);
        let turned = rows.turned();
        let sums: Vec<f32> = (0..rows.columns)
            .map(|item| turned.row(item).iter().map(|row| weights[*row as usize]).sum())
            .collect();
        let found = by_item(rows.columns, self.threads, |item, sum, touched| {
            for &row in turned.row(item) {
                for &other in rows.row(row as usize) {
                    if sum[other as usize] == 0.0 {
                        touched.push(other);
                    }
                    sum[other as usize] += weights[row as usize];
                }
            }
            let mut pairs = Vec::with_capacity(touched.len());
            for other in touched.drain(..) {
                let common = std::mem::take(&mut sum[other as usize]);
                if other as usize != item {
                    let weight = self.similarity.of(common, sums[item], sums[other as usize]);
                    pairs.push((other, weight));
                }
            }
            loudest(pairs, self.most)
        });
        Linear::sparse(found)
    }

    fn row_weights(&self, rows: &Rows) -> Vec<f32> {
        let now = rows.times.iter().copied().max().unwrap_or(0);
        let average = rows.items.len() as f32 / rows.len().max(1) as f32;
        let weight = |row: usize| {
            let length = rows.row(row).len() as f32;
            let short = if self.by_length { 1.0 / (0.25 + 0.75 * length / average) } else { 1.0 };
            short * decay(now - rows.times[row], self.half_life)
        };
        // A row never counts nothing, so that what is touched has a sum.
        (0..rows.len()).map(|row| weight(row).max(1e-12)).collect()
    }
}

/// What remains of a weight after so many seconds.
pub fn decay(age: i64, half_life_days: Option<f32>) -> f32 {
    half_life_days.map_or(1.0, |days| (-(age.max(0) as f32) / DAY / days).exp2())
}

/// Neighbours by what follows within one user's visits: each of the next three items, by 1 / steps.
pub fn followers(events: &[Event], columns: usize, most: usize, half_life: Option<f32>) -> Linear {
    let now = events.iter().map(|event| event.time).max().unwrap_or(0);
    let mut pairs: Vec<(u32, u32, f32)> = Vec::new();
    for (at, event) in events.iter().enumerate() {
        let next = events[at + 1..].iter().take_while(|next| next.user == event.user);
        let mut steps = 0.0;
        for next in next.take(3) {
            steps += 1.0;
            if next.item != event.item {
                pairs.push((event.item, next.item, decay(now - event.time, half_life) / steps));
            }
        }
    }
    pairs.sort_unstable_by_key(|(from, to, _)| (*from, *to));
    let mut rows = vec![Vec::new(); columns];
    for same in pairs.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
        let mut weights: Vec<f32> = same.iter().map(|pair| pair.2).collect();
        weights.sort_unstable_by(f32::total_cmp);
        rows[same[0].0 as usize].push((same[0].1, weights.iter().sum()));
    }
    for row in &mut rows {
        let total: f32 = row.iter().map(|(_, weight)| weight).sum();
        let shares = row.iter().map(|(item, weight)| (*item, weight / (total + 1.0)));
        *row = loudest(shares.collect(), most);
    }
    Linear::sparse(rows)
}

/// Runs `work` for every item with a row of zeros to sum in, on several threads.
fn by_item(
    items: usize,
    threads: usize,
    work: impl Fn(usize, &mut [f32], &mut Vec<u32>) -> Vec<(u32, f32)> + Sync,
) -> Vec<Vec<(u32, f32)>> {
    let mut found = vec![Vec::new(); items];
    let share = items.div_ceil(threads.max(1) * 8).max(1);
    let chunks = std::sync::Mutex::new(found.chunks_mut(share).enumerate());
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                let (mut sum, mut touched) = (vec![0.0; items], Vec::new());
                loop {
                    let Some((number, chunk)) = chunks.lock().ok().and_then(|mut all| all.next())
                    else {
                        return;
                    };
                    for (offset, slot) in chunk.iter_mut().enumerate() {
                        *slot = work(number * share + offset, &mut sum, &mut touched);
                    }
                }
            });
        }
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;
    use crate::recommend::scores::Scores;

    #[test]
    fn cosine_neighbours_are_those_of_brute_force() {
        let mut chance = Chance::new(3, 0);
        let mut rows = Rows { starts: vec![0], columns: 20, ..Rows::default() };
        for _ in 0..60 {
            rows.items.extend((0..20).filter(|_| chance.uniform() < 0.2));
            rows.starts.push(rows.items.len() as u32);
            rows.times.push(0);
        }
        let has = |row: usize, item: u32| rows.row(row).contains(&item);
        let count = |a: u32, b: u32| (0..60).filter(|row| has(*row, a) && has(*row, b)).count();
        let model = Neighbours {
            similarity: Similarity::Cosine { shrink: 1.5 },
            half_life: None,
            by_length: false,
            most: 20,
            threads: 2,
        }
        .fit(&rows);
        for a in 0..20 {
            let mut scores = Scores::new(20);
            model.score(&[(a, 1.0)], &mut scores);
            for b in (0..20).filter(|b| *b != a) {
                let norm = ((count(a, a) * count(b, b)) as f32).sqrt() + 1.5;
                assert!((scores.of(b) - count(a, b) as f32 / norm).abs() < 1e-5, "{a} {b}");
            }
        }
    }
}
