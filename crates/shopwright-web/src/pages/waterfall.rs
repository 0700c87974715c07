//! From the base price to the price, one row for each factor, readable as a table.
//!
//! The rows always add up: what the given effects leave unexplained is a row of its own, so the
//! page never shows a sum that is not one.

use maud::{Markup, html};
use shopwright_domain::money::Currency;

use super::chart_axis::{Px, Scale};
use super::format;

/// Why a price is what it is: one factor.
#[derive(Clone, Debug)]
pub struct ReasonView {
    /// The factor's name: `Demand`, `Low stock`, `Ceiling`.
    pub label: String,
    /// What it did to the price in minor units; `None` for what only guards or informs.
    pub effect_minor: Option<i64>,
    /// The signal behind it: `38 sold in 7 days`.
    pub signal: Option<String>,
    /// One sentence for people.
    pub sentence: String,
}

/// One drawn row: a bar from `before` to `after`.
struct Row<'a> {
    label: &'a str,
    sentence: &'a str,
    signal: Option<&'a str>,
    effect_minor: Option<i64>,
    before: i64,
    after: i64,
}

/// The table from `base_minor` over each reason to `price_minor`.
pub fn waterfall(
    base_minor: i64,
    reasons: &[ReasonView],
    price_minor: i64,
    currency: Currency,
) -> Markup {
    let rows = rows(base_minor, reasons, price_minor);
    let ends = rows.iter().flat_map(|row| [row.before, row.after]).chain([base_minor, price_minor]);
    let range = (ends.clone().min().unwrap_or(0).min(0), ends.max().unwrap_or(0).max(1));
    let x = Scale::new(range, (Px::units(1), Px::units(159)));
    html! {
        table.waterfall role="table" {
            thead role="rowgroup" {
                tr role="row" {
                    th scope="col" role="columnheader" { "Step" }
                    th.number scope="col" role="columnheader" { "Effect" }
                    th.bar-column scope="col" role="columnheader" {
                        span.visually-hidden { "Drawn to scale" }
                    }
                    th.number scope="col" role="columnheader" { "Price, " (currency.code()) }
                }
            }
            tbody role="rowgroup" {
                (end_row("Base price", base_minor, currency, x))
                @for row in &rows { (reason_row(row, currency, x)) }
                (end_row("Price now", price_minor, currency, x))
            }
        }
    }
}

fn rows<'a>(base_minor: i64, reasons: &'a [ReasonView], price_minor: i64) -> Vec<Row<'a>> {
    let mut running = base_minor;
    let mut rows: Vec<Row<'a>> = Vec::with_capacity(reasons.len() + 1);
    for reason in reasons {
        let before = running;
        running = running.saturating_add(reason.effect_minor.unwrap_or(0));
        rows.push(Row {
            label: &reason.label,
            sentence: &reason.sentence,
            signal: reason.signal.as_deref(),
            effect_minor: reason.effect_minor,
            before,
            after: running,
        });
    }
    let rest = price_minor.saturating_sub(running);
    if rest != 0 {
        rows.push(Row {
            label: "Rounding and earlier decisions",
            sentence: "What the steps above leave open.",
            signal: None,
            effect_minor: Some(rest),
            before: running,
            after: price_minor,
        });
    }
    rows
}

fn reason_row(row: &Row<'_>, currency: Currency, x: Scale) -> Markup {
    let (before, after) = (x.at(row.before), x.at(row.after));
    let class = match row.effect_minor {
        Some(1..) => "effect effect-up",
        Some(..=-1) => "effect effect-down",
        _ => "effect",
    };
    html! {
        tr role="row" {
            th.step-name scope="row" role="rowheader" {
                span.step-label { (row.label) }
                @if let Some(signal) = row.signal { " " span.signal dir="auto" { (signal) } }
                span.step-sentence dir="auto" { (row.sentence) }
            }
            td role="cell" class={ "number " (class) } data-label="Effect" {
                @match row.effect_minor {
                    Some(effect) => { (format::signed_amount(effect, currency)) }
                    None => { span.muted { "no effect" } }
                }
            }
            td.bar-column role="cell" {
                svg.row-bar viewBox="0 0 160 16" aria-hidden="true" {
                    line.grid-zero x1=(x.at(0)) x2=(x.at(0)) y1="0" y2="16" {}
                    rect class=(class) x=(Px(before.0.min(after.0))) y="3" height="10"
                        width=(Px((after.0 - before.0).abs().max(15))) {}
                }
            }
            td.number role="cell" data-label="Price" { (format::amount(row.after, currency)) }
        }
    }
}

fn end_row(label: &str, amount_minor: i64, currency: Currency, x: Scale) -> Markup {
    let (zero, tip) = (x.at(0), x.at(amount_minor));
    html! {
        tr.end-row role="row" {
            th.step-name scope="row" role="rowheader" { (label) }
            td.number role="cell" {}
            td.bar-column role="cell" {
                svg.row-bar viewBox="0 0 160 16" aria-hidden="true" {
                    rect.bar-total x=(Px(zero.0.min(tip.0))) y="3" height="10"
                        width=(Px((tip.0 - zero.0).abs())) {}
                }
            }
            td.number role="cell" data-label="Price" { b { (format::amount(amount_minor, currency)) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(label: &str, effect_minor: Option<i64>) -> ReasonView {
        ReasonView { label: label.to_owned(), effect_minor, signal: None, sentence: String::new() }
    }

    #[test]
    fn the_rows_add_up_whatever_the_effects_leave_open() {
        let check = |base, effects: &[Option<i64>], price, want_rows| {
            let reasons: Vec<_> = effects.iter().map(|e| reason("x", *e)).collect();
            let rows = rows(base, &reasons, price);
            assert_eq!(rows.len(), want_rows);
            assert_eq!(rows.last().map_or(base, |row| row.after), price);
        };
        check(1_000, &[], 1_000, 0);
        check(1_000, &[Some(200), Some(-50)], 1_150, 2);
        check(1_000, &[Some(200), None], 1_199, 3);
        check(0, &[Some(i64::MAX), Some(i64::MAX)], 5, 3);
    }
}
