//! Item-to-item weights, dense or sparse: a history's scores are the sum of its items' rows.

use super::scores::Scores;

/// For each item, the items it speaks for and how loudly.
#[derive(Clone, Debug)]
pub enum Linear {
    /// Every pair.
    Dense {
        /// How many items.
        items: usize,
        /// Row by row.
        values: Vec<f32>,
    },
    /// The loudest of each row.
    Sparse {
        /// Where each row begins; one more than items.
        starts: Vec<u32>,
        /// The items spoken for.
        items: Vec<u32>,
        /// How loudly.
        values: Vec<f32>,
    },
}

impl Linear {
    /// From the neighbours of each item.
    pub fn sparse(rows: Vec<Vec<(u32, f32)>>) -> Self {
        let mut starts = Vec::with_capacity(rows.len() + 1);
        let total = rows.iter().map(Vec::len).sum();
        let (mut items, mut values) = (Vec::with_capacity(total), Vec::with_capacity(total));
        starts.push(0);
        for row in rows {
            items.extend(row.iter().map(|(item, _)| *item));
            values.extend(row.iter().map(|(_, value)| *value));
            starts.push(items.len() as u32);
        }
        Self::Sparse { starts, items, values }
    }

    /// Adds the scores of a weighted history.
    pub fn score(&self, history: &[(u32, f32)], into: &mut Scores) {
        match self {
            Self::Dense { items, values } => {
                let target = into.all();
                let row = |item: u32| &values[item as usize * items..(item as usize + 1) * items];
                // Four rows at a time, so that the scores are read and written a quarter as often.
                let fours = history.chunks_exact(4);
                for &(item, weight) in fours.remainder() {
                    for (score, value) in target.iter_mut().zip(row(item)) {
                        *score += weight * value;
                    }
                }
                for four in fours {
                    let [a, b, c, d] = [0, 1, 2, 3].map(|at| row(four[at].0));
                    let weights = [0, 1, 2, 3].map(|at| four[at].1);
                    let rows = a.iter().zip(b).zip(c.iter().zip(d));
                    for (score, ((a, b), (c, d))) in target.iter_mut().zip(rows) {
                        *score += weights[0] * a + weights[1] * b + weights[2] * c + weights[3] * d;
                    }
                }
            }
            Self::Sparse { starts, items, values } => {
                for &(item, weight) in history {
                    let row = starts[item as usize] as usize..starts[item as usize + 1] as usize;
                    for (item, value) in items[row.clone()].iter().zip(&values[row]) {
                        into.add(*item, weight * value);
                    }
                }
            }
        }
    }
}

/// The `most` loudest of a row, loudest first, ties by item.
pub fn loudest(mut row: Vec<(u32, f32)>, most: usize) -> Vec<(u32, f32)> {
    let order = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if row.len() > most {
        row.select_nth_unstable_by(most, order);
        row.truncate(most);
    }
    row.sort_unstable_by(order);
    row.shrink_to_fit();
    row
}
