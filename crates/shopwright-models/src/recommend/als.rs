//! Implicit matrix factorisation by alternating least squares (Hu, Koren and Volinsky 2008), each
//! step by a few rounds of conjugate gradient (Takács, Pilászy and Tikk 2011).
//!
//! A taken item counts 1 + α; x solves (YᵀY + αΣyyᵀ + λI) x = (1 + α) Σy over the items taken.

use super::rows::Rows;
use super::scores::Scores;
use crate::chance::Chance;

/// How a factorisation is fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Als {
    /// Numbers an item has.
    pub factors: usize,
    /// λ.
    pub lambda: f32,
    /// α.
    pub alpha: f32,
    /// Rounds over users and items.
    pub rounds: usize,
    /// Threads.
    pub threads: usize,
    /// For the first factors.
    pub seed: u64,
}

/// A fitted factorisation; users are folded in from their history.
#[derive(Clone, Debug)]
pub struct Factors {
    how: Als,
    items: Vec<f32>,
    square: Vec<f32>,
}

impl Als {
    /// Fits the items' factors.
    pub fn fit(&self, rows: &Rows) -> Factors {
        let turned = rows.turned();
        let mut chance = Chance::new(self.seed, 0xA15);
        let mut start = |count: usize| -> Vec<f32> {
            (0..count * self.factors).map(|_| 0.01 * chance.normal() as f32).collect()
        };
        let (mut users, mut items) = (start(rows.len()), start(rows.columns));
        for _ in 0..self.rounds {
            self.half(rows, &items, &mut users);
            self.half(&turned, &users, &mut items);
        }
        let square = square(&items, self.factors);
        Factors { how: *self, items, square }
    }

    fn half(&self, rows: &Rows, fixed: &[f32], solved: &mut [f32]) {
        let square = square(fixed, self.factors);
        let share = rows.len().div_ceil(self.threads.max(1)).max(1);
        std::thread::scope(|scope| {
            for (number, chunk) in solved.chunks_mut(share * self.factors).enumerate() {
                let square = &square;
                scope.spawn(move || {
                    for (offset, x) in chunk.chunks_mut(self.factors).enumerate() {
                        let row = rows.row(number * share + offset);
                        let taken = row.iter().map(|item| (*item, 1.0));
                        self.solve(taken, fixed, square, x, 3);
                    }
                });
            }
        });
    }

    fn solve(
        &self,
        taken: impl Iterator<Item = (u32, f32)> + Clone,
        fixed: &[f32],
        square: &[f32],
        x: &mut [f32],
        steps: usize,
    ) {
        let k = self.factors;
        let vector = |item: u32| &fixed[item as usize * k..(item as usize + 1) * k];
        let product = |v: &[f32], out: &mut [f32]| {
            for ((out, line), mine) in out.iter_mut().zip(square.chunks(k)).zip(v) {
                *out = dot(line, v) + self.lambda * mine;
            }
            for (item, weight) in taken.clone() {
                let y = vector(item);
                add(out, y, self.alpha * weight * dot(y, v));
            }
        };
        let mut residual = vec![0.0; k];
        product(x, &mut residual);
        for value in &mut residual {
            *value = -*value;
        }
        for (item, weight) in taken.clone() {
            add(&mut residual, vector(item), 1.0 + self.alpha * weight);
        }
        let mut direction = residual.clone();
        let mut image = vec![0.0; k];
        let mut old = dot(&residual, &residual);
        for _ in 0..steps {
            if old < 1e-12 {
                return;
            }
            product(&direction, &mut image);
            let step = old / dot(&direction, &image);
            add(x, &direction, step);
            add(&mut residual, &image, -step);
            let new = dot(&residual, &residual);
            for (value, rest) in direction.iter_mut().zip(&residual) {
                *value = rest + new / old * *value;
            }
            old = new;
        }
    }
}

impl Factors {
    /// Adds the scores of a weighted history.
    pub fn score(&self, history: &[(u32, f32)], into: &mut Scores) {
        let mut x = vec![0.0; self.how.factors];
        self.how.solve(history.iter().copied(), &self.items, &self.square, &mut x, 6);
        for (score, item) in into.all().iter_mut().zip(self.items.chunks(self.how.factors)) {
            *score += dot(item, &x);
        }
    }
}

fn square(vectors: &[f32], k: usize) -> Vec<f32> {
    let count = vectors.len() / k.max(1);
    let view = ndarray::ArrayView2::from_shape((count, k), vectors);
    view.map(|view| view.t().dot(&view).into_raw_vec_and_offset().0).unwrap_or_default()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 8];
    let (a8, b8) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a8.remainder().iter().zip(b8.remainder()).map(|(x, y)| x * y).sum();
    for (a, b) in a8.zip(b8) {
        for at in 0..8 {
            sums[at] += a[at] * b[at];
        }
    }
    sums.iter().sum::<f32>() + rest
}

fn add(to: &mut [f32], from: &[f32], weight: f32) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += weight * from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objective(how: &Als, rows: &Rows, rounds: usize) -> f32 {
        let fitted = Als { rounds, ..*how }.fit(rows);
        let mut sum: f32 = how.lambda * dot(&fitted.items, &fitted.items);
        for row in 0..rows.len() {
            let taken = rows.row(row);
            let mut x = vec![0.0; how.factors];
            let weighted = taken.iter().map(|item| (*item, 1.0));
            how.solve(weighted, &fitted.items, &fitted.square, &mut x, 20);
            sum += how.lambda * dot(&x, &x);
            for (item, y) in fitted.items.chunks(how.factors).enumerate() {
                let took = taken.contains(&(item as u32));
                let (weight, wish) = if took { (1.0 + how.alpha, 1.0) } else { (1.0, 0.0) };
                sum += weight * (wish - dot(y, &x)).powi(2);
            }
        }
        sum
    }

    #[test]
    fn more_rounds_never_fit_worse() {
        let mut chance = Chance::new(5, 0);
        let mut rows = Rows { starts: vec![0], columns: 30, ..Rows::default() };
        for row in 0..80_u32 {
            let taste = row % 3;
            let likes = |item: &u32| chance.uniform() < if item % 3 == taste { 0.4 } else { 0.05 };
            rows.items.extend((0..30).filter(likes));
            rows.starts.push(rows.items.len() as u32);
            rows.times.push(0);
        }
        let how = Als { factors: 9, lambda: 0.5, alpha: 5.0, rounds: 1, threads: 2, seed: 1 };
        let values: Vec<f32> =
            [1, 2, 4, 8, 16].iter().map(|rounds| objective(&how, &rows, *rounds)).collect();
        assert!(values.windows(2).all(|pair| pair[1] <= pair[0] * 1.0001), "{values:?}");
        assert!(values[4] < values[0] * 0.95, "{values:?}");
    }
}
