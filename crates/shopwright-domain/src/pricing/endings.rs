//! Price endings: the last digits an owner wants prices to have, such as `.99`, `.95`, `.00`.
//!
//! The weakest guardrail. An ending is text of the last digits of the minor-unit amount: `99` makes
//! 12.99 EUR and `990` makes 1.990 KWD. In a currency without minor units the digits are those of the
//! major unit: `80` makes 1280 JPY.

use serde_json::json;

use super::amounts::money_text;
use super::decide::Reason;
use super::guardrails::Placed;
use crate::money::Currency;

/// Digits an ending has at most where the currency has fewer minor digits than that.
const ENDING_DIGITS: u32 = 2;

/// The most digits an ending may have in this currency: its minor digits, at least two.
pub(super) fn ending_digits_max(currency: Currency) -> usize {
    currency.minor_digits().max(ENDING_DIGITS) as usize
}

/// The value and the power of ten an ending stands for, `None` when it is not 1 to 4 digits.
pub(super) fn parse_ending(ending: &str) -> Option<(i64, i64)> {
    let digits = u32::try_from(ending.len()).ok().filter(|n| (1..=4).contains(n))?;
    let all_digits = ending.bytes().all(|byte| byte.is_ascii_digit());
    let value = ending.parse().ok().filter(|_| all_digits)?;
    Some((value, 10_i64.pow(digits)))
}

/// The price with the nearest ending inside the range the guardrails left (ties: the lower), and
/// the reason if that moved the price or no ending fits.
pub(super) fn end_price(
    placed: &Placed,
    endings: &[String],
    currency: Currency,
) -> (i64, Option<Reason>) {
    let price = placed.price_minor;
    let candidates =
        endings.iter().filter_map(|ending| parse_ending(ending)).flat_map(|(value, modulus)| {
            let below = price - (price - value).rem_euclid(modulus);
            let above = if below == price { Some(price) } else { below.checked_add(modulus) };
            [Some(below), above].into_iter().flatten()
        });
    let nearest = candidates
        .filter(|candidate| (placed.min_minor..=placed.max_minor).contains(candidate))
        .min_by_key(|candidate| (candidate.abs_diff(price), *candidate));
    match nearest {
        _ if endings.is_empty() => (price, None),
        Some(ended) if ended == price => (price, None),
        Some(ended) => (ended, Some(moved(price, ended, endings, currency))),
        None => (price, Some(broken(placed, endings))),
    }
}

fn moved(price: i64, ended: i64, endings: &[String], currency: Currency) -> Reason {
    Reason {
        factor: "ending".to_owned(),
        effect_minor: ended - price,
        signal: json!({ "endings": endings }),
        sentence: format!(
            "{} is the nearest price that ends as you wish.",
            money_text(ended, currency)
        ),
    }
}

fn broken(placed: &Placed, endings: &[String]) -> Reason {
    Reason {
        factor: "ending".to_owned(),
        effect_minor: 0,
        signal: json!({ "endings": endings, "broken_by": placed.narrowed_by }),
        sentence: "No price that ends as you wish lies inside the other limits.".to_owned(),
    }
}
