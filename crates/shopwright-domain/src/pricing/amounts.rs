//! Exact arithmetic between money and fractions: products, rounding, limits as whole amounts.
//!
//! A product of factors is kept as a fraction of unbounded integers, so no combination of settings
//! can lose a digit; only the finished price must fit an `i64`. Lower limits round up and upper
//! limits round down, so a whole amount that meets the limit meets the exact one too.

use num_bigint::BigInt;
use num_rational::Ratio;
use num_traits::ToPrimitive;

use super::policy::Limit;
use crate::money::{Currency, Factor, format_minor};

/// Basis points in one.
pub(super) const BPS_PER_ONE: i64 = 10_000;

/// An exact fraction of any size.
pub(super) type Exact = Ratio<BigInt>;

/// The factor without its size limit.
pub(super) fn exact(factor: Factor) -> Exact {
    Ratio::new_raw(BigInt::from(*factor.0.numer()), BigInt::from(*factor.0.denom()))
}

/// A whole number as a fraction.
pub(super) fn whole(number: i64) -> Exact {
    Ratio::from_integer(BigInt::from(number))
}

/// `above / below` with `below` not zero.
pub(super) fn fraction(above: i64, below: i64) -> Exact {
    assert!(below != 0, "a fraction needs a denominator");
    Ratio::new(BigInt::from(above), BigInt::from(below))
}

/// The nearest integer, halves to the even one; `None` when it leaves `i64`.
pub(super) fn round_half_even(number: &Exact) -> Option<i64> {
    let floor = number.floor();
    let twice_rest = (number - &floor) * whole(2);
    let floor = floor.to_integer();
    let up = match twice_rest.cmp(&whole(1)) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => floor.bit(0),
    };
    (floor + BigInt::from(u8::from(up))).to_i64()
}

impl Limit {
    /// The limit as an exact amount of minor units for this base price.
    pub(super) fn exact_minor(self, base_minor: i64) -> Exact {
        match self {
            Self::Factor(factor) => exact(factor) * whole(base_minor),
            Self::AmountMinor(amount) => whole(amount),
        }
    }

    /// The lowest whole amount that is not under the limit; `None` when it leaves `i64`.
    pub(super) fn at_least(self, base_minor: i64) -> Option<i64> {
        self.exact_minor(base_minor).ceil().to_integer().to_i64()
    }

    /// The highest whole amount that is not over the limit; `None` when it leaves `i64`.
    pub(super) fn at_most(self, base_minor: i64) -> Option<i64> {
        self.exact_minor(base_minor).floor().to_integer().to_i64()
    }
}

/// The lowest whole price with (price − cost) / price ≥ margin, that is ⌈cost / (1 − margin)⌉;
/// `None` when it leaves `i64`. The margin is under 10,000 basis points.
pub(super) fn price_with_margin(cost_minor: i64, margin_bps: i64) -> Option<i64> {
    assert!(margin_bps < BPS_PER_ONE, "a margin is less than the whole price");
    let price = whole(cost_minor) * fraction(BPS_PER_ONE, BPS_PER_ONE - margin_bps);
    price.ceil().to_integer().to_i64()
}

/// `bps` of `amount_minor`, rounded down; past `i64` the largest amount.
pub(super) fn share_of(amount_minor: i64, bps: i64) -> i64 {
    let share = i128::from(amount_minor) * i128::from(bps) / i128::from(BPS_PER_ONE);
    i64::try_from(share).unwrap_or(i64::MAX)
}

/// An amount as owners read it: `12.99 EUR`.
pub(super) fn money_text(amount_minor: i64, currency: Currency) -> String {
    format!("{} {currency}", format_minor(amount_minor, currency))
}

/// Basis points as a percentage without idle zeros: `10 %`, `2.5 %`, `0.01 %`.
pub(super) fn percent_text(bps: i64) -> String {
    let sign = if bps < 0 { "-" } else { "" };
    let (ones, rest) = (bps.unsigned_abs() / 100, bps.unsigned_abs() % 100);
    let text = format!("{sign}{ones}.{rest:02}");
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

/// What a factor does to the price, in words: `the price rises 2.71 %`.
pub(super) fn movement_text(factor: &Exact) -> String {
    let change = (factor - whole(1)) * whole(BPS_PER_ONE);
    match round_half_even(&change) {
        Some(0) if *factor == whole(1) => "the price stays as it is".to_owned(),
        Some(0) => "the price barely moves".to_owned(),
        Some(bps) if bps < 0 => format!("the price falls {}", percent_text(-bps)),
        Some(bps) => format!("the price rises {}", percent_text(bps)),
        None => "the price changes".to_owned(),
    }
}
