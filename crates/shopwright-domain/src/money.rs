//! Money in whole minor units, unit prices in millionths, factors as exact fractions.
//!
//! No floating point anywhere: a price is an `i64` of minor units, an imported unit price an `i64`
//! of 10⁻⁶ major units, a factor a fraction of two integers. Sums that leave the range are errors.

use std::fmt;
use std::str::FromStr;

use num_rational::Ratio;
use num_traits::{CheckedMul, ToPrimitive};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An ISO 4217 currency. Knows how many minor digits it has (JPY 0, EUR 2, KWD 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Currency(iso_currency::Currency);

/// Bad money in the input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not a currency code.
    #[error("`{0}` is not an ISO 4217 currency code; write one like EUR, GBP or USD")]
    UnknownCurrency(String),
    /// Not a plain decimal number.
    #[error("`{0}` is not a price; write a plain decimal number like 12.50")]
    NotANumber(String),
    /// More decimals than the amount can hold exactly.
    #[error("`{text}` has more than {max} decimal places")]
    TooFine {
        /// What was given.
        text: String,
        /// The most decimal places that are kept exactly.
        max: u32,
    },
    /// Beyond what an `i64` of minor units holds.
    #[error("the amount is too large to keep exactly")]
    TooLarge,
}

impl Currency {
    /// The three-letter code, as `EUR`.
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// Decimal places of the minor unit: 2 for EUR, 0 for JPY, 3 for KWD.
    pub fn minor_digits(self) -> u32 {
        u32::from(self.0.exponent().unwrap_or(2))
    }

    /// Minor units in one major unit: 100 for EUR, 1 for JPY, 1000 for KWD.
    pub fn minor_per_major(self) -> i64 {
        10_i64.pow(self.minor_digits())
    }
}

impl FromStr for Currency {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        iso_currency::Currency::from_code(text)
            .map(Self)
            .ok_or_else(|| MoneyError::UnknownCurrency(text.to_owned()))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// An amount of one currency in whole minor units; in JSON `{"amount": 1299, "currency": "EUR"}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// Minor units: cents, pence, yen.
    pub amount: i64,
    /// The currency.
    pub currency: Currency,
}

impl fmt::Display for Money {
    /// `12.99 EUR`, `-0.05 EUR`, `1299 JPY`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", format_minor(self.amount, self.currency), self.currency)
    }
}

/// The amount as a decimal text without the currency: `12.99`, `-0.05`, `1299` for yen.
pub fn format_minor(amount_minor: i64, currency: Currency) -> String {
    let sign = if amount_minor < 0 { "-" } else { "" };
    let per_major = currency.minor_per_major().unsigned_abs();
    let (major, minor) =
        (amount_minor.unsigned_abs() / per_major, amount_minor.unsigned_abs() % per_major);
    match currency.minor_digits() {
        0 => format!("{sign}{major}"),
        digits => format!("{sign}{major}.{minor:0width$}", width = digits as usize),
    }
}

/// A price for one piece in millionths of the major unit, as histories carry it (2.5500 → 2550000).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnitPrice(pub i64);

const MICROS_PER_MAJOR: i64 = 1_000_000;

impl UnitPrice {
    /// Reads a plain decimal (`2.55`, `-11062.06`, `0`), at most six decimal places.
    pub fn parse(text: &str) -> Result<Self, MoneyError> {
        parse_decimal(text, 6).map(Self)
    }

    /// Millionths of the major unit.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The exact product with a quantity, in millionths of the major unit.
    pub fn times(self, quantity: i64) -> i128 {
        i128::from(self.0) * i128::from(quantity)
    }

    /// What `quantity` pieces cost in minor units, rounded half away from zero.
    pub fn line_amount_minor(self, quantity: i64, currency: Currency) -> Result<i64, MoneyError> {
        let exact = Ratio::new(
            self.times(quantity)
                .checked_mul(i128::from(currency.minor_per_major()))
                .ok_or(MoneyError::TooLarge)?,
            i128::from(MICROS_PER_MAJOR),
        );
        round_half_away(exact).ok_or(MoneyError::TooLarge)
    }
}

impl fmt::Display for UnitPrice {
    /// The exact decimal with at least two places: `2.55`, `0.001`, `-11062.06`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format_micros(i128::from(self.0)))
    }
}

/// An exact sum of millionths as a decimal with two to six places: `9747747.934`.
pub fn format_micros(micros: i128) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let (major, rest) = (micros.unsigned_abs() / 1_000_000, micros.unsigned_abs() % 1_000_000);
    let mut places = format!("{rest:06}");
    while places.len() > 2 && places.ends_with('0') {
        places.pop();
    }
    format!("{sign}{major}.{places}")
}

/// Reads a decimal amount in the currency's own places: `12.99` EUR → 1299, `1299` JPY → 1299.
pub fn parse_minor(text: &str, currency: Currency) -> Result<i64, MoneyError> {
    parse_decimal(text, currency.minor_digits())
}

fn parse_decimal(text: &str, places: u32) -> Result<i64, MoneyError> {
    let not_a_number = || MoneyError::NotANumber(text.to_owned());
    let trimmed = text.trim();
    let (negative, digits) = match trimmed.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, trimmed),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) || digits.ends_with('.') {
        return Err(not_a_number());
    }
    let kept = fraction.trim_end_matches('0');
    if kept.len() > places as usize {
        return Err(MoneyError::TooFine { text: text.to_owned(), max: places });
    }
    let mut number: i64 = 0;
    let padding = std::iter::repeat_n(b'0', places as usize - kept.len());
    for digit in whole.bytes().chain(kept.bytes()).chain(padding) {
        number = number
            .checked_mul(10)
            .and_then(|n| n.checked_add(i64::from(digit - b'0')))
            .ok_or(MoneyError::TooLarge)?;
    }
    Ok(if negative { -number } else { number })
}

/// A multiplier of prices kept exactly. In JSON and configuration a decimal text such as `"1.25"`; a
/// factor with no short decimal, such as 1999/2599 of a promotion price, is written as that fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Factor(pub Ratio<i128>);

impl Factor {
    /// One: changes nothing.
    pub fn one() -> Self {
        Self(Ratio::from_integer(1))
    }

    /// `numerator / denominator`; the denominator is not zero.
    pub fn new(numerator: i128, denominator: i128) -> Self {
        assert!(denominator != 0, "a factor needs a denominator");
        Self(Ratio::new(numerator, denominator))
    }

    /// Reads a plain decimal with at most six places.
    pub fn parse(text: &str) -> Result<Self, MoneyError> {
        let micros = parse_decimal(text, 6)?;
        Ok(Self::new(i128::from(micros), i128::from(MICROS_PER_MAJOR)))
    }

    /// The text that [`Factor::parse_exact`] reads back equal: `1.25`, or `2/3` where no decimal of
    /// six places is exact.
    pub fn exact_text(self) -> String {
        let micros = self.0.checked_mul(&Ratio::from_integer(i128::from(MICROS_PER_MAJOR)));
        match micros.filter(Ratio::is_integer).and_then(|m| m.to_integer().to_i64()) {
            Some(micros) => {
                let text = format_micros(i128::from(micros));
                text.trim_end_matches('0').trim_end_matches('.').to_owned()
            }
            None => self.0.to_string(),
        }
    }

    /// Reads a plain decimal, or a fraction of two integers such as `1999/2599`.
    pub fn parse_exact(text: &str) -> Result<Self, MoneyError> {
        let Some((above, below)) = text.split_once('/') else {
            return Self::parse(text);
        };
        let whole = |part: &str| part.parse::<i128>().ok();
        match (whole(above), whole(below)) {
            (Some(above), Some(below)) if below > 0 && above > i128::MIN => {
                Ok(Self::new(above, below))
            }
            _ => Err(MoneyError::NotANumber(text.to_owned())),
        }
    }

    /// The product, or `TooLarge` when the exact fraction no longer fits.
    pub fn checked_mul(self, other: Self) -> Result<Self, MoneyError> {
        self.0.checked_mul(&other.0).map(Self).ok_or(MoneyError::TooLarge)
    }

    /// `amount_minor` times this factor, rounded half to even (the rule for prices).
    pub fn apply_half_even(self, amount_minor: i64) -> Result<i64, MoneyError> {
        let exact = self
            .0
            .checked_mul(&Ratio::from_integer(i128::from(amount_minor)))
            .ok_or(MoneyError::TooLarge)?;
        round_half_even(exact).ok_or(MoneyError::TooLarge)
    }
}

impl fmt::Display for Factor {
    /// The decimal rounded to four places without trailing zeros: `1.25`, `1.1071`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scaled = self.0.checked_mul(&Ratio::from_integer(10_000)).and_then(round_half_even);
        match scaled {
            Some(n) => {
                let text = format!(
                    "{}{}.{:04}",
                    if n < 0 { "-" } else { "" },
                    n.abs() / 10_000,
                    n.abs() % 10_000
                );
                f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
            }
            None => write!(f, "{}", self.0),
        }
    }
}

impl Serialize for Factor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.exact_text())
    }
}

impl<'de> Deserialize<'de> for Factor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse_exact(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// The nearest integer, halves away from zero; `None` when it leaves `i64`.
pub fn round_half_away(exact: Ratio<i128>) -> Option<i64> {
    exact.round().to_integer().to_i64()
}

/// The nearest integer, halves to the even one; `None` when it leaves `i64`.
pub fn round_half_even(exact: Ratio<i128>) -> Option<i64> {
    let floor = exact.floor();
    let fraction = exact - floor;
    let floor = floor.to_integer();
    let up = match fraction.cmp(&Ratio::new_raw(1, 2)) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => (floor % 2).abs() == 1,
    };
    (floor + i128::from(up)).to_i64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn currency(code: &str) -> Currency {
        code.parse().unwrap()
    }

    #[test]
    fn decimals_are_read_exactly_or_refused() {
        assert_eq!(UnitPrice::parse("2.55"), Ok(UnitPrice(2_550_000)));
        assert_eq!(UnitPrice::parse("0.001"), Ok(UnitPrice(1_000)));
        assert_eq!(UnitPrice::parse("-11062.06"), Ok(UnitPrice(-11_062_060_000)));
        assert_eq!(UnitPrice::parse("4.250000000"), Ok(UnitPrice(4_250_000)));
        for wrong in
            ["abc", "", "-", "1,5", "1.", ".5", "1e3", "NaN", "inf", "+1", "0x1", "1.2.3", "١"]
        {
            assert!(matches!(UnitPrice::parse(wrong), Err(MoneyError::NotANumber(_))), "{wrong}");
        }
        assert!(matches!(UnitPrice::parse("1.2345678"), Err(MoneyError::TooFine { .. })));
        assert_eq!(UnitPrice::parse("99999999999999"), Err(MoneyError::TooLarge));
        assert_eq!(parse_minor("12.99", currency("EUR")), Ok(1299));
        assert_eq!(parse_minor("1299", currency("JPY")), Ok(1299));
        assert_eq!(parse_minor("1.234", currency("KWD")), Ok(1234));
        assert!(parse_minor("1.5", currency("JPY")).is_err());
        assert!("XYZ".parse::<Currency>().is_err());
    }

    #[test]
    fn line_amounts_round_half_away_from_zero() {
        let gbp = currency("GBP");
        let check = |price: &str, quantity, minor| {
            assert_eq!(
                UnitPrice::parse(price).unwrap().line_amount_minor(quantity, gbp),
                Ok(minor)
            );
        };
        check("0.001", 5, 1);
        check("0.001", 4, 0);
        check("0.001", -5, -1);
        check("2.55", 6, 1530);
        assert_eq!(UnitPrice(i64::MAX).line_amount_minor(i64::MAX, gbp), Err(MoneyError::TooLarge));
    }

    #[test]
    fn halves_round_to_even_for_prices() {
        for (numerator, want) in [(1, 0), (3, 2), (5, 2), (7, 4), (-1, 0), (-3, -2), (-5, -2)] {
            assert_eq!(round_half_even(Ratio::new(numerator, 2)), Some(want), "{numerator}/2");
        }
    }

    #[test]
    fn money_is_printed_in_its_own_places() {
        assert_eq!(format_minor(-5, currency("EUR")), "-0.05");
        assert_eq!(format_minor(1299, currency("JPY")), "1299");
        assert_eq!(format_minor(1299, currency("KWD")), "1.299");
        assert_eq!(format_micros(9_747_747_934_000), "9747747.934");
        assert_eq!(format_micros(-500_000), "-0.50");
        assert_eq!(Factor::new(1_550, 1_400).to_string(), "1.1071");
        assert_eq!(Factor::parse("1.250").unwrap().to_string(), "1.25");
        assert_eq!(Factor::one().to_string(), "1");
    }

    #[test]
    fn a_factor_survives_its_json_form_exactly() {
        for (factor, json) in [
            (Factor::parse("1.234567").unwrap(), r#""1.234567""#),
            (Factor::parse("100").unwrap(), r#""100""#),
            (Factor::parse("-0.5").unwrap(), r#""-0.5""#),
            (Factor::new(1_999, 2_599), r#""1999/2599""#),
            (Factor::new(0, 7), r#""0""#),
        ] {
            assert_eq!(serde_json::to_string(&factor).unwrap(), json);
            assert_eq!(serde_json::from_str::<Factor>(json).unwrap(), factor);
        }
        for wrong in ["1/0", "1/-2", "/2", "1/", "1.5/2", "1/2/3"] {
            assert!(Factor::parse_exact(wrong).is_err(), "{wrong}");
        }
    }
}
