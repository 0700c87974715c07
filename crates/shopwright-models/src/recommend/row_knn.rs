//! Neighbours among rows: users like this one (cosine, the nearest hundred), and sessions like this
//! one (V-SKNN of Ludewig and Jannach 2018, VMIS-kNN of Kersbergen et al. 2022: only the most
//! recent sessions of each item are looked at).
//!
//! A query costs the rows its items are in, bounded for each item.

use super::neighbours::decay;
use super::rows::Rows;
use super::scores::Scores;

/// How rows are compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RowKnn {
    /// Rows that speak.
    pub nearest: usize,
    /// The most recent rows of an item that are looked at.
    pub per_item: usize,
    /// Days after which a row counts half.
    pub half_life: Option<f32>,
    /// Whether later items of the row count more when they match: sessions.
    pub in_order: bool,
}

/// Rows ready to be compared.
#[derive(Clone, Debug)]
pub struct NearRows {
    how: RowKnn,
    rows: Rows,
    starts: Vec<u32>,
    latest: Vec<u32>,
    rarity: Vec<f32>,
    norms: Vec<f32>,
}

impl RowKnn {
    /// Indexes the rows.
    pub fn fit(&self, rows: Rows) -> NearRows {
        let turned = rows.turned();
        let (mut starts, mut latest) = (vec![0], Vec::new());
        let mut rarity = Vec::with_capacity(rows.columns);
        for item in 0..rows.columns {
            let mut all = turned.row(item).to_vec();
            rarity.push(((1.0 + rows.len() as f32) / (1.0 + all.len() as f32)).ln().max(0.01));
            all.sort_unstable_by_key(|row| (std::cmp::Reverse(rows.times[*row as usize]), *row));
            all.truncate(self.per_item);
            latest.extend(all);
            starts.push(latest.len() as u32);
        }
        let now = rows.times.iter().copied().max().unwrap_or(0);
        let norm = |row: usize| {
            let length: f32 = rows.row(row).iter().map(|item| rarity[*item as usize]).sum();
            decay(now - rows.times[row], self.half_life) / length.max(0.01).sqrt()
        };
        let norms = (0..rows.len()).map(norm).collect();
        NearRows { how: *self, rows, starts, latest, rarity, norms }
    }
}

impl NearRows {
    /// Adds the scores of a weighted history. `near` is scratch for as many rows as there are.
    pub fn score(&self, history: &[(u32, f32)], near: &mut Scores, into: &mut Scores) {
        near.clear();
        for &(item, weight) in history {
            let range =
                self.starts[item as usize] as usize..self.starts[item as usize + 1] as usize;
            let weight = weight * self.rarity[item as usize];
            for &row in &self.latest[range] {
                near.add(row, weight * self.norms[row as usize]);
            }
        }
        for (row, likeness) in near.best(self.how.nearest, &[]) {
            let items = self.rows.row(row as usize);
            let share =
                if self.how.in_order { likeness * match_weight(items, history) } else { likeness };
            for &item in items {
                into.add(item, share);
            }
        }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// VMIS weighs a session by how late in the visitor's session its last common item is.
fn match_weight(items: &[u32], history: &[(u32, f32)]) -> f32 {
    let common = history.iter().filter(|(item, _)| items.contains(item));
    common.map(|(_, weight)| *weight).fold(0.0, f32::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_rows_speak_and_others_do_not() {
        let rows = Rows {
            starts: vec![0, 3, 6, 8],
            items: vec![0, 1, 2, 0, 1, 3, 4, 5],
            times: vec![1, 2, 3],
            columns: 6,
        };
        let knn = RowKnn { nearest: 2, per_item: 10, half_life: None, in_order: false };
        let model = knn.fit(rows);
        let (mut near, mut scores) = (Scores::new(3), Scores::new(6));
        model.score(&[(0, 1.0), (1, 1.0)], &mut near, &mut scores);
        assert!(scores.of(2) > 0.0 && scores.of(3) > 0.0);
        assert!(scores.of(4) == 0.0 && scores.of(5) == 0.0);
    }
}
