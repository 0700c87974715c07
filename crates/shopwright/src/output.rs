//! What a command says: a heading, aligned columns, and a last line with what to do next; or JSON.
//!
//! Colour only on a terminal and never under `NO_COLOR`. Texts from files are shown without their
//! control characters, so that a product's title cannot steer the terminal.

use std::io::{self, IsTerminal, Write};

use jiff::tz::TimeZone;
use serde_json::Value as Json;
use shopwright_domain::time::Timestamp;

/// What a command found out.
#[derive(Debug)]
pub struct Answer {
    /// Under `--json`.
    pub json: Json,
    /// Otherwise.
    pub text: String,
    /// `false` exits with 1: the thing asked for is not so.
    pub holds: bool,
}

impl Answer {
    /// An answer that holds.
    pub fn new(json: Json, page: Page) -> Self {
        Self { json, text: page.text, holds: true }
    }

    /// Writes it to the output. A reader that went away is no error.
    pub fn print(&self, as_json: bool) {
        print_text(&if as_json { format!("{:#}\n", self.json) } else { self.text.clone() });
    }
}

/// Writes to the output. A reader that went away (`| head`) is no error.
pub fn print_text(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Whether the output may be coloured.
fn may_colour() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    io::stdout().is_terminal() && !refused
}

/// How a column is aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Texts.
    Left,
    /// Numbers.
    Right,
}

/// A page of text under construction.
#[derive(Debug)]
pub struct Page {
    text: String,
    colour: bool,
}

impl Page {
    /// A page that opens with a heading.
    pub fn new(heading: &str) -> Self {
        let mut page = Self { text: String::new(), colour: may_colour() };
        page.text += &page.bold(&shown(heading));
        page.text.push('\n');
        page
    }

    /// The whole page.
    pub fn into_text(self) -> String {
        self.text
    }

    fn bold(&self, text: &str) -> String {
        if self.colour { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// A heading inside the page.
    pub fn section(&mut self, heading: &str) -> &mut Self {
        self.text.push('\n');
        self.text += &self.bold(&shown(heading));
        self.text.push('\n');
        self
    }

    /// One line.
    pub fn line(&mut self, text: &str) -> &mut Self {
        self.text += &shown(text);
        self.text.push('\n');
        self
    }

    /// An empty line.
    pub fn gap(&mut self) -> &mut Self {
        self.text.push('\n');
        self
    }

    /// Names and values in two columns.
    pub fn pairs(&mut self, pairs: &[(&str, String)]) -> &mut Self {
        let rows: Vec<Vec<String>> =
            pairs.iter().map(|(name, value)| vec![(*name).to_owned(), value.clone()]).collect();
        self.rows(&rows, &[Align::Left, Align::Left]);
        self
    }

    /// A table with a head. Nothing at all without rows.
    pub fn table(&mut self, head: &[(&str, Align)], rows: Vec<Vec<String>>) -> &mut Self {
        if rows.is_empty() {
            return self;
        }
        let aligns: Vec<Align> = head.iter().map(|(_, align)| *align).collect();
        let mut all = vec![head.iter().map(|(name, _)| (*name).to_owned()).collect()];
        all.extend(rows);
        self.rows(&all, &aligns);
        self
    }

    fn rows(&mut self, rows: &[Vec<String>], aligns: &[Align]) {
        let rows: Vec<Vec<String>> =
            rows.iter().map(|row| row.iter().map(|cell| shown(cell)).collect()).collect();
        let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..aligns.len()).map(width).collect();
        for row in &rows {
            let cells =
                row.iter().zip(&widths).zip(aligns).map(|((cell, width), align)| match align {
                    Align::Left => format!("{cell:<width$}"),
                    Align::Right => format!("{cell:>width$}"),
                });
            let line = cells.collect::<Vec<_>>().join("  ");
            self.text += line.trim_end();
            self.text.push('\n');
        }
    }
}

/// A text without its control characters.
fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{b7}' } else { c }).collect()
}

/// A whole number with a comma every three digits.
pub fn grouped(number: impl Into<i128>) -> String {
    let number: i128 = number.into();
    let digits = number.unsigned_abs().to_string();
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}", group_digits(&digits))
}

/// A decimal text with a comma every three digits before the point.
pub fn grouped_decimal(text: &str) -> String {
    let (sign, rest) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    match rest.split_once('.') {
        Some((whole, part)) => format!("{sign}{}.{part}", group_digits(whole)),
        None => format!("{sign}{}", group_digits(rest)),
    }
}

fn group_digits(digits: &str) -> String {
    let first = digits.len() % 3;
    let (head, tail) = digits.split_at(first);
    let mut groups: Vec<&str> = if head.is_empty() { Vec::new() } else { vec![head] };
    groups.extend(tail.as_bytes().chunks(3).filter_map(|chunk| std::str::from_utf8(chunk).ok()));
    groups.join(",")
}

/// A time in the shop's zone, to the minute.
pub fn local(at: Timestamp, zone: &TimeZone) -> String {
    let zoned = jiff::ZonedDateTime::new(at.to_jiff(), zone.clone());
    zoned.strftime("%Y-%m-%d %H:%M %Z").to_string()
}

/// `1 row`, `2 rows`.
pub fn count(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_three_digits() {
        let check = |number: i64, text: &str| assert_eq!(grouped(number), text);
        check(0, "0");
        check(999, "999");
        check(1_000, "1,000");
        check(-541_909, "-541,909");
        assert_eq!(grouped_decimal("9747747.934"), "9,747,747.934");
        assert_eq!(grouped_decimal("-0.004"), "-0.004");
        assert_eq!(count(1, "row", "rows"), "1 row");
    }

    #[test]
    fn columns_line_up_and_a_title_cannot_steer_the_terminal() {
        let mut page = Page { text: String::new(), colour: false };
        page.table(
            &[("name", Align::Left), ("pieces", Align::Right)],
            vec![vec!["é\x1b[2J".into(), "7".into()], vec!["candles".into(), "1,200".into()]],
        );
        assert_eq!(page.text, "name     pieces\né·[2J         7\ncandles   1,200\n");
    }
}
