//! The inverse of a symmetric positive definite matrix, blockwise in single precision.
//!
//! The sweep operator (Beaton 1964; Goodnight 1979) by blocks: with P the inverse of the block K,
//! A_RR loses A_RK P A_KR, A_RK becomes A_RK P and A_KK becomes −P; after all blocks A is minus its
//! inverse. Only the lower half is computed, by strips of rows that threads share.

use std::ops::Range;

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, Slice};

use super::RecommendError;

const BLOCK: usize = 128;

/// Replaces the matrix by its inverse. Reads its lower half only.
pub fn invert(matrix: &mut Array2<f32>, threads: usize) -> Result<(), RecommendError> {
    let size = matrix.nrows();
    for from in (0..size).step_by(BLOCK) {
        sweep(matrix, from, (from + BLOCK).min(size), threads)?;
    }
    for row in 0..size {
        for column in 0..=row {
            let value = -matrix[[row, column]];
            matrix[[row, column]] = value;
            matrix[[column, row]] = value;
        }
    }
    Ok(())
}

fn sweep(
    matrix: &mut Array2<f32>,
    from: usize,
    to: usize,
    threads: usize,
) -> Result<(), RecommendError> {
    let (size, width) = (matrix.nrows(), to - from);
    let pivot = small_inverse(part(matrix, from..to, from..to))?;
    let mut panel = Array2::<f32>::zeros((size, width));
    part_mut(panel.view_mut(), to..size, 0..width).assign(&part(matrix, to..size, from..to));
    part_mut(panel.view_mut(), 0..from, 0..width).assign(&part(matrix, from..to, 0..from).t());
    let scaled = panel.dot(&pivot);
    let strips: Vec<(usize, ArrayViewMut2<'_, f32>)> =
        matrix.axis_chunks_iter_mut(Axis(0), BLOCK).enumerate().collect();
    let mut shares: Vec<Vec<_>> = (0..threads.max(1)).map(|_| Vec::new()).collect();
    let count = shares.len();
    for (number, strip) in strips {
        shares[number % count].push((number * BLOCK, strip));
    }
    std::thread::scope(|scope| {
        for share in shares {
            let (panel, scaled) = (&panel, &scaled);
            scope.spawn(move || {
                for (top, strip) in share {
                    let end = top + strip.nrows();
                    let left = part(scaled, top..end, 0..width);
                    let right = part(panel, 0..end, 0..width);
                    let rows = 0..strip.nrows();
                    let mut target = part_mut(strip, rows, 0..end);
                    general_mat_mul(-1.0, &left, &right.t(), 1.0, &mut target);
                }
            });
        }
    });
    part_mut(matrix.view_mut(), to..size, from..to).assign(&part(&scaled, to..size, 0..width));
    part_mut(matrix.view_mut(), from..to, 0..from).assign(&part(&scaled, 0..from, 0..width).t());
    part_mut(matrix.view_mut(), from..to, from..to).assign(&pivot.mapv(|value| -value));
    Ok(())
}

/// A part of a matrix.
fn part(matrix: &Array2<f32>, rows: Range<usize>, columns: Range<usize>) -> ArrayView2<'_, f32> {
    let mut view = matrix.view();
    view.slice_axis_inplace(Axis(0), Slice::from(rows));
    view.slice_axis_inplace(Axis(1), Slice::from(columns));
    view
}

/// A part of a matrix, to be written.
fn part_mut(
    mut view: ArrayViewMut2<'_, f32>,
    rows: Range<usize>,
    columns: Range<usize>,
) -> ArrayViewMut2<'_, f32> {
    view.slice_axis_inplace(Axis(0), Slice::from(rows));
    view.slice_axis_inplace(Axis(1), Slice::from(columns));
    view
}

/// The inverse of a small block, in double precision, by the same sweep one row at a time.
fn small_inverse(block: ArrayView2<'_, f32>) -> Result<Array2<f32>, RecommendError> {
    let size = block.nrows();
    let mut work = Array2::from_shape_fn((size, size), |(row, column)| {
        f64::from(if row >= column { block[[row, column]] } else { block[[column, row]] })
    });
    for at in 0..size {
        let pivot = work[[at, at]];
        if !(pivot > 0.0 && pivot.is_finite()) {
            return Err(RecommendError::Singular);
        }
        let line = work.row(at).to_owned();
        for row in 0..size {
            if row != at {
                let factor = line[row] / pivot;
                work.row_mut(row).scaled_add(-factor, &line);
                work[[row, at]] = factor;
                work[[at, row]] = factor;
            }
        }
        work[[at, at]] = -1.0 / pivot;
    }
    Ok(work.mapv(|value| -value as f32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    #[test]
    fn the_inverse_times_the_matrix_is_the_identity_across_blocks() {
        for size in [1, 5, 128, 300] {
            let mut chance = Chance::new(size as u64, 0);
            let half = Array2::from_shape_fn((size, size), |_| chance.normal() as f32);
            let matrix = half.dot(&half.t()) + Array2::<f32>::eye(size) * (size as f32);
            let mut inverse = matrix.clone();
            invert(&mut inverse, 2).unwrap();
            let product = matrix.dot(&inverse);
            for ((row, column), value) in product.indexed_iter() {
                let expected = if row == column { 1.0 } else { 0.0 };
                assert!((value - expected).abs() < 2e-4, "{size} {row} {column} {value}");
            }
        }
    }

    #[test]
    fn a_singular_matrix_is_refused() {
        let mut matrix = Array2::<f32>::zeros((3, 3));
        assert_eq!(invert(&mut matrix, 1), Err(RecommendError::Singular));
    }
}
