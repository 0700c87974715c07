//! Splitting whole amounts without losing a minor unit.
//!
//! [`allocate`] splits at once by largest remainder; [`part`] splits piece by piece with cumulative
//! rounding, so that any sequence of parts sums to the whole.

use num_rational::Ratio;
use num_traits::ToPrimitive;

use crate::money::round_half_away;

/// Splits `total` in proportion to `weights` by largest remainder; equal remainders in order. The
/// parts sum to `total` exactly and have its sign. `None` when a weight is negative, or all are
/// zero while the total is not.
pub fn allocate(total: i64, weights: &[i64]) -> Option<Vec<i64>> {
    if weights.iter().any(|weight| *weight < 0) {
        return None;
    }
    let whole: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
    if whole == 0 {
        return (total == 0).then(|| vec![0; weights.len()]);
    }
    let size = i128::from(total).abs();
    let exact = |weight: &i64| size.checked_mul(i128::from(*weight));
    let mut parts = Vec::with_capacity(weights.len());
    let mut rests = Vec::with_capacity(weights.len());
    for (place, weight) in weights.iter().enumerate() {
        let product = exact(weight)?;
        parts.push(product / whole);
        rests.push((product % whole, place));
    }
    let missing = size - parts.iter().sum::<i128>();
    rests.sort_by(|(one, at), (other, place)| other.cmp(one).then(at.cmp(place)));
    for (_, place) in rests.iter().take(missing.to_usize()?) {
        parts[*place] += 1;
    }
    let sign = if total < 0 { -1 } else { 1 };
    parts.into_iter().map(|part| (part * sign).to_i64()).collect()
}

/// What `taken` of `whole` pieces are worth when `before` of them were taken already and all are
/// worth `amount`: R(amount × (before + taken) / whole) − R(amount × before / whole), R half away
/// from zero. `None` when the pieces are not there.
pub fn part(amount: i64, before: i64, taken: i64, whole: i64) -> Option<i64> {
    let after = before.checked_add(taken)?;
    if before < 0 || taken < 0 || whole <= 0 || after > whole {
        return None;
    }
    let share = |pieces: i64| {
        let product = i128::from(amount).checked_mul(i128::from(pieces))?;
        round_half_away(Ratio::new(product, i128::from(whole)))
    };
    share(after)?.checked_sub(share(before)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(total: i64, weights: &[i64], parts: Option<&[i64]>) {
        assert_eq!(allocate(total, weights).as_deref(), parts, "{total} over {weights:?}");
    }

    #[test]
    fn a_total_is_split_by_largest_remainder_and_ties_by_order() {
        check(9_999, &[4_500, 4_500, 3_000], Some(&[3_750, 3_749, 2_500]));
        check(8_999, &[4_500, 4_500, 3_000], Some(&[3_375, 3_374, 2_250]));
        check(1_000, &[1, 1, 1], Some(&[334, 333, 333]));
        check(-5, &[3, 1], Some(&[-4, -1]));
        check(0, &[0, 0], Some(&[0, 0]));
        check(0, &[], Some(&[]));
        check(1, &[0, 0], None);
        check(1, &[], None);
        check(1, &[-1, 2], None);
        check(i64::MAX, &[1, 1], Some(&[i64::MAX / 2 + 1, i64::MAX / 2]));
    }

    #[test]
    fn a_part_of_pieces_that_are_not_there_has_no_worth() {
        assert_eq!(part(100, 0, 1, 3), Some(33));
        assert_eq!(part(100, 1, 1, 3), Some(34));
        assert_eq!(part(100, 2, 1, 3), Some(33));
        assert_eq!(part(-5, 0, 1, 2), Some(-3));
        assert_eq!(part(100, 2, 2, 3), None);
        assert_eq!(part(100, -1, 1, 3), None);
        assert_eq!(part(100, 0, 1, 0), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn no_unit_is_lost_and_no_part_passes_its_weight(
            weights in proptest::collection::vec(0..1_000_000_i64, 1..8), percent in 0..=100_i64,
        ) {
            let whole: i64 = weights.iter().sum();
            let total = whole * percent / 100;
            let parts = allocate(total, &weights).unwrap();
            prop_assert_eq!(parts.iter().sum::<i64>(), total);
            for (part, weight) in parts.iter().zip(&weights) {
                prop_assert!(part <= weight);
            }
        }

        #[test]
        fn any_sequence_of_parts_sums_to_the_whole(
            amount in -1_000_000_i64..1_000_000, steps in proptest::collection::vec(0..50_i64, 1..8),
        ) {
            let whole: i64 = steps.iter().sum::<i64>().max(1);
            let (mut before, mut sum) = (0, 0);
            for step in steps.iter().copied().chain([whole - steps.iter().sum::<i64>()]) {
                sum += part(amount, before, step, whole).unwrap();
                before += step;
            }
            prop_assert_eq!(sum, amount);
        }
    }
}
