//! Numbers, money and times as people read them.
//!
//! Integers in, text out; a minus is U+2212 so that columns line up, and a unit never breaks away
//! from its number. Nothing here divides by zero or loses a digit of an amount.

use maud::{Markup, html};
use shopwright_domain::money::{Currency, format_minor};
use shopwright_domain::time::{DAY, HOUR, SECOND, Timestamp};

const NO_BREAK_SPACE: char = '\u{a0}';
const MINUS: char = '\u{2212}';
const MINUTE: i64 = 60 * SECOND;

/// A whole number with thousands separators: `12,480`, `−3`.
pub fn count(number: i64) -> String {
    with_separators(&number.to_string())
}

/// An amount in its currency's places without the currency: `1,234.50`, `−0.05`.
pub fn amount(amount_minor: i64, currency: Currency) -> String {
    with_separators(&format_minor(amount_minor, currency))
}

/// An amount that always says its direction: `+0.15`, `−0.15`, `±0.00`.
pub fn signed_amount(amount_minor: i64, currency: Currency) -> String {
    let sign = match amount_minor {
        1.. => "+",
        0 => "±",
        _ => "",
    };
    format!("{sign}{}", amount(amount_minor, currency))
}

/// By how much an amount moved, `+4.0 %`; `None` when it started at zero.
pub fn percent_change(from_minor: i64, to_minor: i64) -> Option<String> {
    let change = i128::from(to_minor) - i128::from(from_minor);
    let tenths = rounded_ratio(change * 1_000, i128::from(from_minor).abs())?;
    let sign = if tenths > 0 { "+" } else { "" };
    Some(format!("{sign}{}", percent_of_tenths(tenths)))
}

/// What part of `whole` the `part` is, `38.5 %`; `None` when the whole is zero or less.
pub fn percent_share(part_minor: i64, whole_minor: i64) -> Option<String> {
    if whole_minor <= 0 {
        return None;
    }
    rounded_ratio(i128::from(part_minor) * 1_000, i128::from(whole_minor)).map(percent_of_tenths)
}

/// The day in UTC: `9 Dec 2011`.
pub fn day(at: Timestamp) -> String {
    at.to_jiff().strftime("%-d %b %Y").to_string()
}

/// The minute in UTC: `9 Dec 2011, 12:50 UTC`.
pub fn exact_time(at: Timestamp) -> String {
    at.to_jiff().strftime("%-d %b %Y, %H:%M UTC").to_string()
}

/// How long ago (or ahead) a time is, `2 h ago`; past thirty days the date itself.
pub fn relative(at: Timestamp, now: Timestamp) -> String {
    let distance = i128::from(now.as_micros()) - i128::from(at.as_micros());
    let away = distance.unsigned_abs();
    let (size, unit) = match i64::try_from(away) {
        Ok(micros) if micros < MINUTE => return "just now".to_owned(),
        Ok(micros) if micros < HOUR => (micros / MINUTE, "min"),
        Ok(micros) if micros < DAY => (micros / HOUR, "h"),
        Ok(micros) if micros <= 30 * DAY => (micros / DAY, "d"),
        _ => return day(at),
    };
    if distance < 0 {
        format!("in {size}{NO_BREAK_SPACE}{unit}")
    } else {
        format!("{size}{NO_BREAK_SPACE}{unit} ago")
    }
}

/// A relative time whose exact one shows on hover and is readable by machines.
pub fn time(at: Timestamp, now: Timestamp) -> Markup {
    html! {
        time datetime=(at.to_string()) title=(exact_time(at)) { (relative(at, now)) }
    }
}

/// `one` or `many` with its number in front: `1 product`, `1,204 products`.
pub fn counted(number: i64, one: &str, many: &str) -> String {
    format!("{}{NO_BREAK_SPACE}{}", count(number), if number == 1 { one } else { many })
}

fn percent_of_tenths(tenths: i128) -> String {
    let sign = if tenths < 0 { "-" } else { "" };
    let plain = format!("{sign}{}.{}", tenths.unsigned_abs() / 10, tenths.unsigned_abs() % 10);
    format!("{}{NO_BREAK_SPACE}%", with_separators(&plain))
}

/// The nearest integer to `numerator / denominator`, halves away from zero.
fn rounded_ratio(numerator: i128, denominator: i128) -> Option<i128> {
    if denominator <= 0 {
        return None;
    }
    let half = denominator / 2;
    let shifted = if numerator < 0 { numerator - half } else { numerator + half };
    Some(shifted / denominator)
}

fn with_separators(plain: &str) -> String {
    let (negative, digits) = match plain.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, plain),
    };
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(w, f)| (w, Some(f)));
    let mut text = String::with_capacity(plain.len() + plain.len() / 3 + 3);
    if negative {
        text.push(MINUS);
    }
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if let Some(fraction) = fraction {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn currency(code: &str) -> Currency {
        code.parse().unwrap()
    }

    #[test]
    fn amounts_carry_separators_a_true_minus_and_every_digit() {
        let check = |minor, code: &str, want: &str| assert_eq!(amount(minor, currency(code)), want);
        check(0, "EUR", "0.00");
        check(-5, "EUR", "−0.05");
        check(123_456, "GBP", "1,234.56");
        check(1_234_567, "JPY", "1,234,567");
        check(1_000, "KWD", "1.000");
        check(i64::MAX, "USD", "92,233,720,368,547,758.07");
        check(i64::MIN, "USD", "−92,233,720,368,547,758.08");
        assert_eq!(count(100), "100");
        assert_eq!(count(-1_000), "−1,000");
        assert_eq!(signed_amount(15, currency("EUR")), "+0.15");
        assert_eq!(signed_amount(-15, currency("EUR")), "−0.15");
        assert_eq!(signed_amount(0, currency("EUR")), "±0.00");
    }

    #[test]
    fn a_change_from_nothing_has_no_percentage() {
        let check = |from, to, want: Option<&str>| {
            assert_eq!(percent_change(from, to).as_deref(), want, "{from} to {to}");
        };
        check(1299, 1499, Some("+15.4\u{a0}%"));
        check(1499, 1299, Some("−13.3\u{a0}%"));
        check(100, 100, Some("0.0\u{a0}%"));
        check(0, 100, None);
        check(-100, -50, Some("+50.0\u{a0}%"));
        check(1, i64::MAX, Some("+922,337,203,685,477,580,600.0\u{a0}%"));
        assert_eq!(percent_share(385, 1000).as_deref(), Some("38.5\u{a0}%"));
        assert_eq!(percent_share(1, 0), None);
    }

    #[test]
    fn times_are_relative_until_a_month_has_passed() {
        let now: Timestamp = "2011-12-09T12:50:00Z".parse().unwrap();
        let check = |text: &str, want: &str| {
            assert_eq!(relative(text.parse().unwrap(), now), want);
        };
        check("2011-12-09T12:49:30Z", "just now");
        check("2011-12-09T12:10:00Z", "40\u{a0}min ago");
        check("2011-12-09T10:50:00Z", "2\u{a0}h ago");
        check("2011-12-02T12:50:00Z", "7\u{a0}d ago");
        check("2011-12-12T12:50:00Z", "in 3\u{a0}d");
        check("2010-12-01T08:26:00Z", "1 Dec 2010");
        relative(Timestamp::from_micros(i64::MIN), Timestamp::from_micros(i64::MAX));
    }
}
