//! Cells of a table that somebody's shop exported: columns by name, decimals, times, yes and no.
//!
//! Nothing is guessed: a cell is read in a form that is known, or refused with its column, what it
//! holds and what was expected. Amounts go through decimal text, never through floating point.

use std::collections::HashMap;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};

use crate::money::{Currency, UnitPrice, parse_minor};
use crate::time::Timestamp;

/// The names of a table's columns. Case and blanks around them do not matter.
#[derive(Clone, Debug)]
pub struct Header {
    names: Vec<String>,
    places: HashMap<String, usize>,
}

impl Header {
    /// Of two columns with one name the first is read.
    pub fn new(names: Vec<String>) -> Self {
        let mut places = HashMap::new();
        for (place, name) in names.iter().enumerate() {
            places.entry(key(name)).or_insert(place);
        }
        Self { names, places }
    }

    /// The names as the file writes them.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether there is a column of this name.
    pub fn has(&self, name: &str) -> bool {
        self.places.contains_key(&key(name))
    }
}

fn key(name: &str) -> String {
    name.trim().to_lowercase()
}

/// Which sign stands before the decimals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecimalSign {
    /// `1,234.50`.
    #[default]
    Point,
    /// `1.234,50`.
    Comma,
}

/// Which comes first in dates with slashes or points.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DateOrder {
    /// `31.12.2026`.
    #[default]
    DayFirst,
    /// `12/31/2026`.
    MonthFirst,
}

/// How the cells of a file are written.
#[derive(Clone, Debug)]
pub struct Formats {
    /// The currency of amounts that name none.
    pub currency: Currency,
    /// The zone of times that name none.
    pub zone: TimeZone,
    /// The decimal sign.
    pub decimal: DecimalSign,
    /// The order of days and months.
    pub dates: DateOrder,
}

/// A cell that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{column} `{value}`: {problem}")]
pub struct CellError {
    /// The column.
    pub column: String,
    /// What it holds, the first 40 characters.
    pub value: String,
    /// What was expected.
    pub problem: String,
}

impl CellError {
    /// A cell with what is wrong with it.
    pub fn new(column: &str, value: &str, problem: impl Into<String>) -> Self {
        let value = value.chars().take(40).collect();
        Self { column: column.to_owned(), value, problem: problem.into() }
    }
}

/// One row under its header.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    header: &'a Header,
    fields: &'a [String],
}

impl<'a> Row<'a> {
    /// Fields past the header's columns are not read.
    pub const fn new(header: &'a Header, fields: &'a [String]) -> Self {
        Self { header, fields }
    }

    /// The names over it.
    pub const fn header(&self) -> &'a Header {
        self.header
    }

    /// The cell without blanks around it and without the apostrophe that keeps a spreadsheet from
    /// reading it as a number or formula; `None` when nothing is in it.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        let cell = self.fields.get(*self.header.places.get(&key(name))?)?.trim();
        let cell = match cell.strip_prefix('\'') {
            Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit() || "=+-@".contains(c)) => {
                rest.trim()
            }
            _ => cell,
        };
        (!cell.is_empty()).then_some(cell)
    }

    /// The first of several columns that has something in it.
    pub fn any(&self, names: &[&str]) -> Option<&'a str> {
        names.iter().find_map(|name| self.text(name))
    }

    /// The name and text of the first of several columns that has something in it.
    fn found<'n>(&self, names: &[&'n str]) -> Option<(&'n str, &'a str)> {
        names.iter().find_map(|name| Some((*name, self.text(name)?)))
    }

    /// A text in one line: breaks become blanks.
    pub fn line(&self, names: &[&str]) -> Option<String> {
        self.any(names).map(one_line)
    }

    /// An amount in minor units.
    pub fn minor(
        &self,
        names: &[&str],
        currency: Currency,
        formats: &Formats,
    ) -> Result<Option<i64>, CellError> {
        let Some((name, text)) = self.found(names) else { return Ok(None) };
        let plain = decimal(text, formats.decimal);
        let read = plain.as_deref().map(|plain| parse_minor(plain, currency));
        match read {
            Some(Ok(minor)) => Ok(Some(minor)),
            Some(Err(error)) => Err(CellError::new(name, text, error.to_string())),
            None => Err(CellError::new(name, text, NOT_DECIMAL)),
        }
    }

    /// An exact price of one piece.
    pub fn unit_price(
        &self,
        names: &[&str],
        formats: &Formats,
    ) -> Result<Option<UnitPrice>, CellError> {
        let Some((name, text)) = self.found(names) else { return Ok(None) };
        match decimal(text, formats.decimal).as_deref().map(UnitPrice::parse) {
            Some(Ok(price)) => Ok(Some(price)),
            Some(Err(error)) => Err(CellError::new(name, text, error.to_string())),
            None => Err(CellError::new(name, text, NOT_DECIMAL)),
        }
    }

    /// A whole number; `12.0` is one.
    pub fn whole(&self, names: &[&str], formats: &Formats) -> Result<Option<i64>, CellError> {
        let Some((name, text)) = self.found(names) else { return Ok(None) };
        let plain = decimal(text, formats.decimal);
        let read = plain.as_deref().and_then(|plain| UnitPrice::parse(plain).ok());
        match read.map(UnitPrice::micros) {
            Some(micros) if micros % 1_000_000 == 0 => Ok(Some(micros / 1_000_000)),
            _ => Err(CellError::new(name, text, "not a whole number")),
        }
    }

    /// A point in time.
    pub fn time(&self, names: &[&str], formats: &Formats) -> Result<Option<Timestamp>, CellError> {
        let Some((name, text)) = self.found(names) else { return Ok(None) };
        match parse_time(text, formats) {
            Some(at) => Ok(Some(at)),
            None => Err(CellError::new(
                name,
                text,
                "not a time; write it like 2026-03-15 10:14:00 -0400",
            )),
        }
    }

    /// Yes or no.
    pub fn yes(&self, names: &[&str]) -> Result<Option<bool>, CellError> {
        let Some((name, text)) = self.found(names) else { return Ok(None) };
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" | "y" | "ja" | "oui" | "si" | "sí" => Ok(Some(true)),
            "false" | "no" | "0" | "n" | "nein" | "non" => Ok(Some(false)),
            _ => Err(CellError::new(name, text, "neither yes nor no")),
        }
    }
}

const NOT_DECIMAL: &str = "not a decimal number";

/// A text in one line, its runs of blanks and breaks as one blank.
pub fn one_line(text: &str) -> String {
    let parts = text.split(|c: char| c.is_whitespace() || c.is_control());
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The number as plain digits with a point: `1.234,50 €` → `1234.50`. `None` where a sign for
/// thousands does not stand before three digits.
pub fn decimal(text: &str, sign: DecimalSign) -> Option<String> {
    let (point, group) = match sign {
        DecimalSign::Point => ('.', ','),
        DecimalSign::Comma => (',', '.'),
    };
    let text: String = text
        .trim_matches(|c: char| c.is_whitespace() || "$€£¥".contains(c))
        .replace(['\u{a0}', '\u{202f}', ' ', '\'', '’'], "");
    let (negative, digits) = match text.strip_prefix(['-', '−']) {
        Some(rest) => (true, rest.trim_start_matches(['$', '€', '£', '¥'])),
        None => (false, text.strip_prefix('+').unwrap_or(&text)),
    };
    let (whole, fraction) = match digits.split_once(point) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (digits, None),
    };
    if fraction.is_some_and(|f| f.is_empty() || !f.bytes().all(|b| b.is_ascii_digit())) {
        return None;
    }
    let mut groups = whole.split(group);
    let first = groups.next()?;
    let mut plain = if negative { "-".to_owned() } else { String::new() };
    plain.push_str(if first.is_empty() && fraction.is_some() { "0" } else { first });
    for part in groups {
        if part.len() != 3 || first.is_empty() || first.len() > 3 {
            return None;
        }
        plain.push_str(part);
    }
    if let Some(fraction) = fraction {
        plain.push('.');
        plain.push_str(fraction);
    }
    let digits = plain.strip_prefix('-').unwrap_or(&plain);
    let whole = digits.split('.').next().unwrap_or_default();
    (!whole.is_empty() && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')).then_some(plain)
}

/// Reads `2026-03-15 10:14:00 -0400`, the same with `T`, `Z`, `UTC` or no zone, `15.03.2026 10:14`,
/// `3/15/2026 10:14` by the order of the file, and dates alone, which are their first moment. A local
/// time that a change of the clocks skips or repeats is the earlier of what it can be.
pub fn parse_time(text: &str, formats: &Formats) -> Option<Timestamp> {
    let text = text.trim();
    let (date, rest) = match text.find(['T', ' ']) {
        Some(at) => (&text[..at], text[at + 1..].trim()),
        None => (text, ""),
    };
    let date = parse_date(date, formats.dates)?;
    let (clock, zone) = match rest.find([' ', '+', '-', 'Z']) {
        Some(at) => (&rest[..at], rest[at..].trim()),
        None => (rest, ""),
    };
    let (clock, zone, noon) = match zone.to_ascii_uppercase().as_str() {
        "AM" => (clock, "", Some(false)),
        "PM" => (clock, "", Some(true)),
        _ => (clock, zone, None),
    };
    let at = DateTime::from_parts(date, parse_clock(clock, noon)?);
    let zone = match zone {
        "" => formats.zone.clone(),
        "Z" | "UTC" | "GMT" => TimeZone::UTC,
        offset => TimeZone::fixed(parse_offset(offset)?),
    };
    Some(Timestamp::from_jiff(zone.to_ambiguous_timestamp(at).compatible().ok()?))
}

fn parse_date(text: &str, order: DateOrder) -> Option<Date> {
    let sign = ['-', '/', '.'].into_iter().find(|sign| text.contains(*sign))?;
    let parts: Vec<&str> = text.split(sign).collect();
    let [a, b, c] = parts.as_slice() else { return None };
    let (year, month, day) = match (a.len(), order) {
        (4, _) => (a, b, c),
        (_, DateOrder::DayFirst) => (c, b, a),
        (_, DateOrder::MonthFirst) => (c, a, b),
    };
    if year.len() != 4 {
        return None;
    }
    let part = |text: &str| -> Option<i8> { number(text)?.try_into().ok() };
    Date::new(number(year)?, part(month)?, part(day)?).ok()
}

fn parse_clock(text: &str, noon: Option<bool>) -> Option<Time> {
    if text.is_empty() {
        return noon.is_none().then(Time::midnight);
    }
    let parts: Vec<&str> = text.split(':').collect();
    let (hour, minute, second) = match parts.as_slice() {
        [hour, minute] => (*hour, *minute, "0"),
        [hour, minute, second] => (*hour, *minute, second.split('.').next().unwrap_or("0")),
        _ => return None,
    };
    let part = |text: &str| -> Option<i8> { number(text)?.try_into().ok() };
    let hour = match (part(hour)?, noon) {
        (hour, None) => hour,
        (12, Some(false)) => 0,
        (12, Some(true)) => 12,
        (hour @ 1..=11, Some(after)) => hour + if after { 12 } else { 0 },
        _ => return None,
    };
    Time::new(hour, part(minute)?, part(second)?, 0).ok()
}

fn parse_offset(text: &str) -> Option<Offset> {
    let (sign, rest) = match text.as_bytes().first()? {
        b'+' => (1, &text[1..]),
        b'-' => (-1, &text[1..]),
        _ => return None,
    };
    let digits = rest.replace(':', "");
    let (hours, minutes) = match digits.len() {
        2 => (number(&digits)?, 0),
        4 if digits.is_ascii() => (number(&digits[..2])?, number(&digits[2..])?),
        _ => return None,
    };
    let seconds = sign * (i32::from(hours) * 3_600 + i32::from(minutes) * 60);
    (minutes < 60).then_some(seconds).and_then(|seconds| Offset::from_seconds(seconds).ok())
}

/// One to four digits and nothing else.
fn number(text: &str) -> Option<i16> {
    let fits = (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    fits.then(|| text.bytes().fold(0, |sum, digit| sum * 10 + i16::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formats(dates: DateOrder) -> Formats {
        Formats {
            currency: "EUR".parse().unwrap(),
            zone: TimeZone::get("Europe/Berlin").unwrap(),
            decimal: DecimalSign::Point,
            dates,
        }
    }

    #[test]
    fn times_are_read_in_the_forms_that_exports_have_and_no_other() {
        let check = |text: &str, dates: DateOrder, want: Option<&str>| {
            let read = parse_time(text, &formats(dates)).map(|at| at.to_string());
            assert_eq!(read.as_deref(), want, "{text:?}");
        };
        let (day, month) = (DateOrder::DayFirst, DateOrder::MonthFirst);
        check("2026-03-15 10:14:00 -0400", day, Some("2026-03-15T14:14:00Z"));
        check("2026-03-15T10:14:00+05:30", day, Some("2026-03-15T04:44:00Z"));
        check("2026-03-15T10:14:00Z", day, Some("2026-03-15T10:14:00Z"));
        check("2026-03-15 10:14:00 UTC", day, Some("2026-03-15T10:14:00Z"));
        check("2026-03-15 10:14", day, Some("2026-03-15T09:14:00Z"));
        check("2026-03-15", day, Some("2026-03-14T23:00:00Z"));
        check("15.03.2026 10:14", day, Some("2026-03-15T09:14:00Z"));
        check("3/15/2026 2:05 PM", month, Some("2026-03-15T13:05:00Z"));
        check("12/3/2026 12:05 am", day, Some("2026-03-11T23:05:00Z"));
        check("2026-03-15T10:14:00.250Z", day, Some("2026-03-15T10:14:00Z"));
        // Skipped by the clocks, then repeated.
        check("2026-03-29 02:30", day, Some("2026-03-29T01:30:00Z"));
        check("2026-10-25 02:30", day, Some("2026-10-25T00:30:00Z"));
        for wrong in [
            "",
            "yesterday",
            "2026-02-30",
            "2026-13-01",
            "15.03.26",
            "3/15/2026",
            "2026-03-15 25:00",
            "2026-03-15 10",
            "2026-03-15 10:14 EST",
            "2026-03-15 10:14 +9",
            "2026-03-15 10:14 +12:75",
            "２０２６-03-15",
            "2026-03-15 13:00 PM",
            "2026-03",
            "46096",
            "T",
            " ",
        ] {
            check(wrong, day, None);
        }
    }

    #[test]
    fn decimals_are_read_by_the_sign_of_the_file() {
        use DecimalSign::{Comma, Point};

        let check = |text: &str, sign: DecimalSign, want: Option<&str>| {
            assert_eq!(decimal(text, sign).as_deref(), want, "{text:?}");
        };
        check("1,234.50", Point, Some("1234.50"));
        check("1.234,50 €", Comma, Some("1234.50"));
        check("$12", Point, Some("12"));
        check("-$12.00", Point, Some("-12.00"));
        check("−3,5", Comma, Some("-3.5"));
        check("1 234,50", Comma, Some("1234.50"));
        check("1'234.50", Point, Some("1234.50"));
        check(".50", Point, Some("0.50"));
        check("+7", Point, Some("7"));
        for wrong in
            ["", "-", "12,50", "1,23,456", "1.2.3", "12.", "abc", "1e3", "--1", "NaN", "1,234,5"]
        {
            check(wrong, Point, None);
        }
        check("12.50", Comma, None);
    }

    #[test]
    fn a_cell_loses_the_apostrophe_of_a_spreadsheet_and_keeps_one_of_a_name() {
        let header = Header::new(vec![" Zip ".into(), "Name".into(), "zip".into()]);
        let fields = ["'01234".to_owned(), " 't Hooft ".to_owned(), "9".to_owned()];
        let row = Row::new(&header, &fields);
        assert_eq!(row.text("ZIP"), Some("01234"));
        assert_eq!(row.text("name"), Some("'t Hooft"));
        assert_eq!(row.text("city"), None);
        assert_eq!(one_line(" a\r\n b\0c "), "a b c");
    }
}
