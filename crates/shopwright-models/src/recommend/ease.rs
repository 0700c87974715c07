//! EASE^R (Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", 2019): the item weights B
//! that rebuild the rows X best, ‖X − XB‖² + λ‖B‖², with a zero diagonal. With P the inverse of
//! XᵀX + λI, B_ij = −P_ij / P_jj.
//!
//! Dense and exact up to a bound of items. Beyond, it is fitted on the most frequent items alone
//! and each keeps its loudest weights, so that memory does not grow with the catalogue.

use ndarray::{Array2, Axis};

use super::RecommendError;
use super::inverse::invert;
use super::linear::{Linear, loudest};
use super::rows::Rows;

/// How an EASE model is fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ease {
    /// λ.
    pub lambda: f32,
    /// The most items the dense matrix may have.
    pub most_items: usize,
    /// Threads.
    pub threads: usize,
}

/// Items that keep all their weights; a larger catalogue keeps the loudest.
const KEPT_WHOLE: usize = 6_000;
const LOUDEST: usize = 300;

impl Ease {
    /// Fits the weights.
    pub fn fit(&self, rows: &Rows) -> Result<Linear, RecommendError> {
        let turned = rows.turned();
        let mut chosen: Vec<u32> = (0..rows.columns as u32).collect();
        if chosen.len() > self.most_items {
            let count = |item: u32| turned.row(item as usize).len();
            chosen.sort_by_key(|item| (std::cmp::Reverse(count(*item)), *item));
            chosen.truncate(self.most_items);
            chosen.sort_unstable();
        }
        let mut matrix = gram(rows, &turned, &chosen, self.lambda, self.threads);
        drop(turned);
        invert(&mut matrix, self.threads)?;
        let scale: Vec<f32> = matrix.diag().iter().map(|value| -1.0 / value).collect();
        for (at, mut row) in matrix.rows_mut().into_iter().enumerate() {
            for (value, scale) in row.iter_mut().zip(&scale) {
                *value *= scale;
            }
            row[at] = 0.0;
        }
        Ok(kept(matrix, &chosen, rows.columns))
    }
}

fn kept(matrix: Array2<f32>, chosen: &[u32], columns: usize) -> Linear {
    if chosen.len() == columns && columns <= KEPT_WHOLE {
        return Linear::Dense { items: columns, values: matrix.into_raw_vec_and_offset().0 };
    }
    let mut all = vec![Vec::new(); columns];
    for (at, &item) in chosen.iter().enumerate() {
        let row = matrix.row(at);
        let sizes = (0..).zip(row).map(|(other, value)| (other, value.abs()));
        let large = loudest(sizes.filter(|(_, size)| *size > 0.0).collect(), LOUDEST);
        let signed = large.iter().map(|(other, _)| (chosen[*other as usize], row[*other as usize]));
        all[item as usize] = signed.collect();
    }
    Linear::sparse(all)
}

/// The lower half of XᵀX + λI over the chosen items.
fn gram(rows: &Rows, turned: &Rows, chosen: &[u32], lambda: f32, threads: usize) -> Array2<f32> {
    let mut place = vec![u32::MAX; rows.columns];
    for (at, &item) in chosen.iter().enumerate() {
        place[item as usize] = at as u32;
    }
    let size = chosen.len();
    let mut matrix = Array2::<f32>::zeros((size, size));
    let mut shares: Vec<Vec<_>> = (0..threads.max(1)).map(|_| Vec::new()).collect();
    let count = shares.len();
    for (number, strip) in matrix.axis_chunks_iter_mut(Axis(0), 64).enumerate() {
        shares[number % count].push((number * 64, strip));
    }
    std::thread::scope(|scope| {
        for share in shares {
            let place = &place;
            scope.spawn(move || {
                for (top, mut strip) in share {
                    for (offset, mut line) in strip.rows_mut().into_iter().enumerate() {
                        let at = top + offset;
                        for &row in turned.row(chosen[at] as usize) {
                            for &item in rows.row(row as usize) {
                                let other = place[item as usize] as usize;
                                if other <= at {
                                    line[other] += 1.0;
                                }
                            }
                        }
                        line[at] += lambda;
                    }
                }
            });
        }
    });
    matrix
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recommend::scores::Scores;

    /// Three users over three items; P worked out by hand for λ = 1.
    #[test]
    fn weights_are_those_of_the_closed_form() {
        // X = [[1,1,0],[1,1,0],[0,1,1]]: XᵀX + I = [[3,2,0],[2,4,1],[0,1,2]], det 13.
        // Its inverse is [[7,-4,2],[-4,6,-3],[2,-3,8]] / 13.
        let rows = Rows {
            starts: vec![0, 2, 4, 6],
            items: vec![0, 1, 0, 1, 1, 2],
            times: vec![0; 3],
            columns: 3,
        };
        let ease = Ease { lambda: 1.0, most_items: 10, threads: 2 };
        let expected = [[0.0, 4.0 / 6.0, -2.0 / 8.0], [4.0 / 7.0, 0.0, 3.0 / 8.0]];
        let model = ease.fit(&rows).unwrap();
        for (item, row) in expected.iter().enumerate() {
            let mut scores = Scores::new(3);
            model.score(&[(item as u32, 1.0)], &mut scores);
            for (other, value) in row.iter().enumerate() {
                assert!((scores.of(other as u32) - value).abs() < 1e-6, "{item} {other}");
            }
        }
    }

    #[test]
    fn beyond_the_bound_the_frequent_items_are_fitted() {
        let rows = Rows {
            starts: vec![0, 2, 4, 7],
            items: vec![0, 1, 0, 1, 0, 1, 2],
            times: vec![0; 3],
            columns: 3,
        };
        let model = Ease { lambda: 1.0, most_items: 2, threads: 1 }.fit(&rows).unwrap();
        let mut scores = Scores::new(3);
        model.score(&[(0, 1.0), (2, 1.0)], &mut scores);
        assert!(scores.of(1) > 0.0);
        assert_eq!(scores.items(), [1]);
    }
}
