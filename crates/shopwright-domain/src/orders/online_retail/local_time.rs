//! The two ways the layout writes a local time.
//!
//! Hyphens mean year, month, day; slashes mean month, day, year, as the spreadsheet the data was
//! published in shows them. Nothing is guessed: any other shape is no time.

use jiff::civil::DateTime;

/// Reads `YYYY-MM-DD HH:MM[:SS]` or `M/D/YYYY H:MM[:SS]`; `None` for anything else and for dates
/// and times that do not exist.
pub(super) fn parse(text: &str) -> Option<DateTime> {
    let (date, clock) = text.trim().split_once(' ')?;
    let (year, month, day, hour_digits_min) = if date.contains('/') {
        let (month, rest) = date.split_once('/')?;
        let (day, year) = rest.split_once('/')?;
        (number(year, 4, 4)?, number(month, 1, 2)?, number(day, 1, 2)?, 1)
    } else {
        let (year, rest) = date.split_once('-')?;
        let (month, day) = rest.split_once('-')?;
        (number(year, 4, 4)?, number(month, 2, 2)?, number(day, 2, 2)?, 2)
    };
    let (hour, rest) = clock.split_once(':')?;
    let (minute, second) = rest.split_once(':').unwrap_or((rest, "00"));
    DateTime::new(
        year,
        i8::try_from(month).ok()?,
        i8::try_from(day).ok()?,
        i8::try_from(number(hour, hour_digits_min, 2)?).ok()?,
        i8::try_from(number(minute, 2, 2)?).ok()?,
        i8::try_from(number(second, 2, 2)?).ok()?,
        0,
    )
    .ok()
}

/// A run of `min` to `max` digits and nothing else; `max` is at most 4.
fn number(text: &str, min: usize, max: usize) -> Option<i16> {
    let fits = (min..=max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    fits.then(|| text.bytes().fold(0, |sum, digit| sum * 10 + i16::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_shapes_are_read_and_nothing_else() {
        let check = |text: &str, want: Option<[i8; 5]>| {
            let parts = parse(text).map(|at| {
                assert!([2010, 2012].contains(&at.year()), "{text}");
                [at.month(), at.day(), at.hour(), at.minute(), at.second()]
            });
            assert_eq!(parts, want, "{text}");
        };
        check("2010-12-01 08:26:00", Some([12, 1, 8, 26, 0]));
        check("2010-12-01 08:26", Some([12, 1, 8, 26, 0]));
        check(" 2012-02-29 23:59:59 ", Some([2, 29, 23, 59, 59]));
        check("12/1/2010 8:26", Some([12, 1, 8, 26, 0]));
        check("1/31/2010 18:05:09", Some([1, 31, 18, 5, 9]));
        check("31/1/2010 18:05", None);
        check("12/1/10 8:26", None);
        check("2010-12-1 08:26", None);
        check("2010-12-01 8:26", None);
        check("2010-12-01T08:26:00", None);
        check("2010-12-01", None);
        check("2010-12-01 08:26:00Z", None);
        check("2010-12-01 24:00", None);
        check("2010-02-29 08:00", None);
        check("2010-12-01 08:26:60", None);
        check("2010-12-01 08:-6", None);
        check("1.12.2010 08:26", None);
        check("", None);
    }
}
