//! Axes: round ticks for numbers, calendar ticks for time, and the mapping from value to place.
//!
//! All integers. A place is counted in tenths of a drawing unit, so no coordinate can be NaN, and
//! every mapped value is held inside its axis, whatever the value is.

use std::fmt;

use jiff::civil::{Date, Time};
use jiff::tz::Offset;
use shopwright_domain::time::Timestamp;

/// A place or a length in the drawing, in tenths of a unit; prints as `12.5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Px(pub i64);

impl Px {
    /// A whole number of units.
    pub const fn units(units: i64) -> Self {
        Self(units * 10)
    }
}

impl fmt::Display for Px {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        match (self.0.unsigned_abs() / 10, self.0.unsigned_abs() % 10) {
            (whole, 0) => write!(f, "{sign}{whole}"),
            (whole, tenth) => write!(f, "{sign}{whole}.{tenth}"),
        }
    }
}

/// Maps the values from `low` to `high` onto the places from `start` to `end`.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    low: i64,
    high: i64,
    start: Px,
    end: Px,
}

impl Scale {
    /// A scale; `start` may lie after `end`, as it does for heights on a screen.
    pub const fn new((low, high): (i64, i64), (start, end): (Px, Px)) -> Self {
        Self { low, high, start, end }
    }

    /// Where a value stands. Values outside are held at the nearer end; when all values are one,
    /// that one stands in the middle.
    pub fn at(self, value: i64) -> Px {
        let span = i128::from(self.high) - i128::from(self.low);
        let room = i128::from(self.end.0) - i128::from(self.start.0);
        if span <= 0 {
            return Px(i64::midpoint(self.start.0, self.end.0));
        }
        let offset = (i128::from(value) - i128::from(self.low)).clamp(0, span);
        let place = i128::from(self.start.0) + offset * room / span;
        // Between the two ends, which are `i64`.
        Px(i64::try_from(place).unwrap_or(self.start.0))
    }
}

/// Round values that cover `low` to `high`: steps of 1, 2 or 5 times a power of ten, never finer
/// than one, about `target` of them, at least two, the first at or below `low` and the last at or
/// above `high`. Only at the very ends of `i64` is the outermost tick cut to the end.
pub fn ticks(low: i64, high: i64, target: u8) -> Vec<i64> {
    let (low, high) = (i128::from(low.min(high)), i128::from(low.max(high)));
    let (low, high) = if low == high { widened(low) } else { (low, high) };
    let gaps = i128::from(target.max(2)) - 1;
    // Rounded up: at most one gap more than wanted, where the range straddles a step.
    let step = round_step((high - low + gaps - 1) / gaps);
    let first = low.div_euclid(step) * step;
    let steps = (high - first).div_euclid(step) + i128::from((high - first).rem_euclid(step) != 0);
    (0..=steps)
        .map(|n| first + n * step)
        .map(|tick| i64::try_from(tick).unwrap_or(if tick < 0 { i64::MIN } else { i64::MAX }))
        .collect()
}

/// One value alone gets a tenth of itself as room on both sides.
fn widened(value: i128) -> (i128, i128) {
    let room = (value.abs() / 10).max(1);
    (value - room, value + room)
}

/// The smallest of 1, 2, 5 × 10ⁿ that is at least `rough`.
fn round_step(rough: i128) -> i128 {
    let mut magnitude: i128 = 1;
    while magnitude * 10 <= rough {
        magnitude *= 10;
    }
    [1, 2, 5, 10].into_iter().map(|n| n * magnitude).find(|step| *step >= rough).unwrap_or(rough)
}

/// A mark on the time axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeTick {
    /// Midnight UTC of the first day of the marked day, month or year.
    pub at: Timestamp,
    /// `9 Dec`, `Dec`, or the year where one begins.
    pub label: String,
}

/// How far apart calendar ticks may be.
#[derive(Clone, Copy)]
enum CalendarStep {
    Days(i32),
    Months(i32),
}

/// Calendar ticks inside `from` to `until`: as fine as leaves at most `most` of them. A range
/// without any midnight in it has none.
pub fn time_ticks(from: Timestamp, until: Timestamp, most: usize) -> Vec<TimeTick> {
    let days = [1, 2, 7, 14].map(CalendarStep::Days);
    let months = [1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1_200, 12_000].map(CalendarStep::Months);
    days.into_iter()
        .chain(months)
        .find_map(|step| ticks_at_step(from, until, step, most))
        .unwrap_or_default()
}

/// The ticks of one step, or `None` when there are more than `most`.
fn ticks_at_step(
    from: Timestamp,
    until: Timestamp,
    step: CalendarStep,
    most: usize,
) -> Option<Vec<TimeTick>> {
    let first_day = Offset::UTC.to_datetime(from.to_jiff()).date();
    let mut found: Vec<TimeTick> = Vec::new();
    for n in 0.. {
        let Some(date) = step.date(first_day, n) else { break };
        let Some(at) = midnight(date) else { break };
        if at > until {
            break;
        }
        if at >= from {
            if found.len() == most {
                return None;
            }
            let label = step.label(date, found.is_empty());
            found.push(TimeTick { at, label });
        }
    }
    Some(found)
}

impl CalendarStep {
    /// The `n`th date of this step counted from a round one at or before `first_day`.
    fn date(self, first_day: Date, n: i32) -> Option<Date> {
        match self {
            Self::Days(step) => {
                let span = jiff::Span::new().try_days(i64::from(n) * i64::from(step)).ok()?;
                first_day.checked_add(span).ok()
            }
            Self::Months(step) => {
                let months = i32::from(first_day.year()) * 12 + i32::from(first_day.month()) - 1;
                let month = months.div_euclid(step) * step + n * step;
                let year = i16::try_from(month.div_euclid(12)).ok()?;
                let month = i8::try_from(month.rem_euclid(12) + 1).ok()?;
                Date::new(year, month, 1).ok()
            }
        }
    }

    fn label(self, date: Date, is_first: bool) -> String {
        match self {
            Self::Days(_) => date.strftime("%-d %b").to_string(),
            Self::Months(step) if step >= 12 => date.year().to_string(),
            Self::Months(_) if date.month() == 1 => date.year().to_string(),
            Self::Months(_) if is_first => date.strftime("%b %Y").to_string(),
            Self::Months(_) => date.strftime("%b").to_string(),
        }
    }
}

fn midnight(date: Date) -> Option<Timestamp> {
    let at = Offset::UTC.to_timestamp(date.to_datetime(Time::midnight())).ok()?;
    Some(Timestamp::from_jiff(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn ticks_are_round_and_cover_the_range() {
        let check = |low, high, want: &[i64]| assert_eq!(ticks(low, high, 5), want);
        check(0, 100, &[0, 50, 100]);
        check(0, 80, &[0, 20, 40, 60, 80]);
        check(199, 305, &[150, 200, 250, 300, 350]);
        check(-30, 12, &[-40, -20, 0, 20]);
        check(0, 0, &[-1, 0, 1]);
        check(0, 1, &[0, 1]);
        check(1_000, 1_000, &[900, 950, 1_000, 1_050, 1_100]);
        check(3, -3, &[-4, -2, 0, 2, 4]);
    }

    #[test]
    fn ticks_hold_at_the_ends_of_the_range() {
        for (low, high) in [(i64::MIN, i64::MAX), (i64::MAX, i64::MAX), (i64::MIN, i64::MIN)] {
            let found = ticks(low, high, 5);
            assert!(found.len() >= 2 && found.len() < 12, "{found:?}");
            assert!(found.is_sorted());
            assert!(found.first() <= Some(&low) && found.last() >= Some(&high));
        }
    }

    #[test]
    fn a_scale_never_leaves_its_axis() {
        let scale = Scale::new((100, 200), (Px::units(90), Px::units(10)));
        for (value, want) in [(100, 900), (150, 500), (200, 100), (i64::MAX, 100), (i64::MIN, 900)]
        {
            assert_eq!(scale.at(value), Px(want), "{value}");
        }
        let flat = Scale::new((7, 7), (Px::units(0), Px::units(10)));
        assert_eq!(flat.at(7), Px::units(5));
        let wide = Scale::new((i64::MIN, i64::MAX), (Px::units(0), Px::units(10)));
        assert_eq!((wide.at(i64::MIN), wide.at(i64::MAX)), (Px(0), Px(100)));
        assert_eq!((Px(-5).to_string(), Px(120).to_string()), ("-0.5".to_owned(), "12".to_owned()));
    }

    #[test]
    fn time_ticks_fall_on_the_calendar() {
        let check = |from: &str, until: &str, most, want: &[&str]| {
            let found = time_ticks(at(from), at(until), most);
            let labels: Vec<&str> = found.iter().map(|tick| tick.label.as_str()).collect();
            assert_eq!(labels, want, "{from} to {until}");
        };
        check(
            "2011-12-05T08:00:00Z",
            "2011-12-09T12:00:00Z",
            6,
            &["6 Dec", "7 Dec", "8 Dec", "9 Dec"],
        );
        check("2011-12-05T08:00:00Z", "2011-12-05T20:00:00Z", 6, &[]);
        check(
            "2010-12-01T08:26:00Z",
            "2011-12-09T12:50:00Z",
            7,
            &["2011", "Mar", "May", "Jul", "Sep", "Nov"],
        );
        check(
            "2011-08-20T00:00:00Z",
            "2011-12-09T00:00:00Z",
            6,
            &["Sep 2011", "Oct", "Nov", "Dec"],
        );
        check(
            "1995-03-01T00:00:00Z",
            "2026-03-01T00:00:00Z",
            8,
            &["2000", "2005", "2010", "2015", "2020", "2025"],
        );
    }

    #[test]
    fn time_ticks_survive_impossible_ranges() {
        let (first, last) = (Timestamp::from_micros(i64::MIN), Timestamp::from_micros(i64::MAX));
        assert!(time_ticks(first, last, 8).len() <= 8);
        assert!(time_ticks(last, first, 8).is_empty());
    }
}
