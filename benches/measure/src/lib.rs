//! How rounds become figures. Contenders take turns, so the ratio of two is taken within each round
//! and the middle one reported: a slow minute of the machine then weighs on both or on neither.

/// The middle value, or the mean of the two in the middle.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    assert!(!values.is_empty(), "at least one round");
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        f64::midpoint(values[middle - 1], values[middle])
    }
}

/// The median of `of / to`, round by round.
pub fn ratio(of: impl IntoIterator<Item = f64>, to: impl IntoIterator<Item = f64>) -> f64 {
    median(of.into_iter().zip(to).map(|(of, to)| of / to))
}

/// A whole number with its thousands apart.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive rate")]
pub fn grouped(value: f64) -> String {
    let digits = (value.round() as u64).to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_of_the_sorted_values() {
        let check = |values: &[f64], expected: f64| {
            assert!((median(values.iter().copied()) - expected).abs() < 1e-9, "{values:?}");
        };
        check(&[3.0, 1.0, 2.0], 2.0);
        check(&[4.0, 1.0, 3.0, 2.0], 2.5);
        check(&[7.0], 7.0);
    }

    #[test]
    fn a_ratio_pairs_the_rounds() {
        assert!((ratio([2.0, 40.0, 6.0], [1.0, 10.0, 3.0]) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn large_numbers_are_shown_with_thousands_apart() {
        let check = |value, expected: &str| assert_eq!(grouped(value), expected);
        check(7.4, "7");
        check(999.6, "1,000");
        check(1_234_567.0, "1,234,567");
    }
}
