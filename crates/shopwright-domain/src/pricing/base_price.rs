//! The base price a history gives: the modal unit price of single-piece-like lines.
//!
//! A shop's order lines carry quantity breaks and one-off prices; the price most small lines were
//! sold at is the list price. The rule is a value that is stored and shown with the price it gave.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::money::{Currency, UnitPrice, round_half_even};
use crate::time::{DAY, Timestamp};

/// Which lines of a history count towards the base price.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct BasePriceRule {
    /// Days of 24 hours before the end of the history that count.
    pub window_days: i64,
    /// Lines of 1 to this many pieces count.
    pub quantity_max: i64,
}

impl Default for BasePriceRule {
    /// Ninety days, one to six pieces. In the Online Retail history prices below the list price
    /// are as rare on lines of 6 pieces as on single ones (3 %) and grow from 8 pieces on (6 % at
    /// 8, 8 % at 12, 16 % at 24); fewer than 6 would leave marketplace prices, which are sold by
    /// the single piece, as the mode of many products.
    fn default() -> Self {
        Self { window_days: 90, quantity_max: 6 }
    }
}

/// One sold line of a SKU's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryLine {
    /// When it was sold.
    pub at: Timestamp,
    /// Pieces; lines below one piece do not count.
    pub quantity: i64,
    /// Price of one piece.
    pub unit_price: UnitPrice,
}

/// A base price and what it rests on.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct BasePrice {
    /// The price, minor units, above zero.
    pub amount_minor: i64,
    /// The modal unit price before rounding.
    pub unit_price: UnitPrice,
    /// Lines sold at exactly that unit price.
    pub lines: u64,
    /// All lines that counted.
    pub lines_counted: u64,
    /// When it was last sold at that price.
    pub last_sold_at: Timestamp,
    /// The rule that chose the lines.
    pub rule: BasePriceRule,
}

/// The unit price most lines of the window were sold at, rounded half-even to the minor unit.
/// Equally frequent prices: the one sold more recently, then the lower. `None` when no line with a
/// price above zero counts, or when the price rounds to zero.
pub fn modal_base_price(
    lines: impl Iterator<Item = HistoryLine>,
    rule: BasePriceRule,
    history_end: Timestamp,
    currency: Currency,
) -> Option<BasePrice> {
    let window_start =
        history_end.plus_micros(rule.window_days.saturating_mul(DAY).saturating_neg());
    let mut by_price: HashMap<UnitPrice, (u64, Timestamp)> = HashMap::new();
    let mut lines_counted = 0;
    for line in lines {
        let in_window = line.at > window_start && line.at <= history_end;
        let few_pieces = (1..=rule.quantity_max).contains(&line.quantity);
        if !in_window || !few_pieces || line.unit_price <= UnitPrice(0) {
            continue;
        }
        lines_counted += 1;
        let (count, last) = by_price.entry(line.unit_price).or_insert((0, line.at));
        *count += 1;
        *last = line.at.max(*last);
    }
    let (unit_price, (count, last_sold_at)) = by_price
        .into_iter()
        .max_by_key(|(price, (count, last))| (*count, *last, std::cmp::Reverse(*price)))?;
    let exact = num_rational::Ratio::new(
        i128::from(unit_price.micros()) * i128::from(currency.minor_per_major()),
        1_000_000,
    );
    let amount_minor = round_half_even(exact).filter(|amount| *amount > 0)?;
    Some(BasePrice { amount_minor, unit_price, lines: count, lines_counted, last_sold_at, rule })
}

#[cfg(test)]
mod tests {
    use super::*;

    const END_MICROS: i64 = 1_323_435_000_000_000;

    /// Lines as (days before the end, quantity, unit price).
    fn check(lines: &[(i64, i64, &str)], currency: &str, want: Option<(i64, u64, u64)>) {
        let end = Timestamp::from_micros(END_MICROS);
        let history = lines.iter().map(|(days, quantity, price)| HistoryLine {
            at: end.plus_micros(-days * DAY),
            quantity: *quantity,
            unit_price: UnitPrice::parse(price).unwrap(),
        });
        let found =
            modal_base_price(history, BasePriceRule::default(), end, currency.parse().unwrap());
        let seen = found.map(|p| (p.amount_minor, p.lines, p.lines_counted));
        assert_eq!(seen, want, "{lines:?}");
    }

    #[test]
    fn the_most_frequent_price_of_small_recent_lines_is_the_base_price() {
        check(&[], "GBP", None);
        check(&[(0, 1, "2.55")], "GBP", Some((255, 1, 1)));
        check(&[(3, 1, "2.55"), (2, 6, "2.55"), (1, 1, "4.95")], "GBP", Some((255, 2, 3)));
        // Seven pieces are a quantity break, 90 days ago is outside the window, 89 inside.
        check(&[(1, 7, "1.95"), (1, 7, "1.95"), (2, 1, "2.55")], "GBP", Some((255, 1, 1)));
        check(&[(90, 1, "1.95"), (89, 1, "2.55")], "GBP", Some((255, 1, 1)));
        // After the end, returns, gifts and bad-debt lines never count.
        check(&[(-1, 1, "1.95"), (1, -1, "1.95"), (1, 0, "1.95")], "GBP", None);
        check(&[(1, 1, "0"), (1, 1, "-11062.06")], "GBP", None);
    }

    #[test]
    fn ties_go_to_the_more_recent_price_then_to_the_lower() {
        check(&[(5, 1, "2.55"), (4, 1, "4.95")], "GBP", Some((495, 1, 2)));
        check(&[(4, 1, "4.95"), (4, 1, "2.55")], "GBP", Some((255, 1, 2)));
        check(&[(4, 1, "2.55"), (4, 1, "4.95")], "GBP", Some((255, 1, 2)));
    }

    #[test]
    fn the_price_is_rounded_half_even_to_the_minor_unit_and_zero_is_no_price() {
        check(&[(1, 1, "0.001")], "GBP", None);
        check(&[(1, 1, "0.005")], "GBP", None);
        check(&[(1, 1, "0.015")], "GBP", Some((2, 1, 1)));
        check(&[(1, 1, "0.025")], "GBP", Some((2, 1, 1)));
        check(&[(1, 1, "120.5")], "JPY", Some((120, 1, 1)));
        check(&[(1, 1, "1.2345")], "KWD", Some((1234, 1, 1)));
    }
}
