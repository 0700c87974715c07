//! One row of the price list: what a product costs now, against what, and why.
//!
//! A number that is not known shows a dash that says what is missing, never a zero.

use maud::{Markup, html};
use shopwright_domain::catalog::Sku;
use shopwright_domain::money::Currency;
use shopwright_domain::time::Timestamp;

use super::chart::{SparkPoint, spark_bars, sparkline};
use super::format;
use super::list_state::product_url;

/// One product of the list.
#[derive(Clone, Debug)]
pub struct PriceRowView {
    /// The shop's own code.
    pub sku: Sku,
    /// The name; empty shows the SKU alone.
    pub title: String,
    /// The price, or why there is none.
    pub price: PriceState,
    /// The last change, if the price ever moved.
    pub change: Option<ChangeView>,
    /// Why the price is what it is, one sentence; empty when there is no price.
    pub reason_sentence: String,
    /// How many more reasons the product's page has.
    pub more_reasons: usize,
    /// Pieces that can be sold now; `None` when stock is not known.
    pub available: Option<i64>,
    /// Pieces sold in seven days, net of returns; `None` when no order was ever seen.
    pub units_7d: Option<i64>,
    /// The lowest and highest price of thirty days.
    pub range_30d: Option<RangeView>,
    /// Price steps for the small line, oldest first; it ends at the present.
    pub spark: Vec<SparkPoint>,
    /// Pieces sold by week, oldest first, for the small bars.
    pub units_by_week: Vec<i64>,
}

/// A price, or why there is none.
#[derive(Clone, Debug)]
pub enum PriceState {
    /// The product has a price.
    Set {
        /// What is charged now, minor units.
        price_minor: i64,
        /// The base that the engine starts from, minor units.
        base_minor: i64,
    },
    /// The product has none.
    Missing {
        /// After "No base price: ": `no order with a price above 0 yet`.
        because: String,
    },
}

/// A price that moved.
#[derive(Clone, Copy, Debug)]
pub struct ChangeView {
    /// The price before, minor units.
    pub from_minor: i64,
    /// The price after, minor units.
    pub to_minor: i64,
    /// When it moved.
    pub at: Timestamp,
}

/// A lowest and a highest amount.
#[derive(Clone, Copy, Debug)]
pub struct RangeView {
    /// Minor units.
    pub lowest_minor: i64,
    /// Minor units.
    pub highest_minor: i64,
}

/// The row; each cell that can change while one looks carries its name for the module.
pub(super) fn price_row(row: &PriceRowView, now: Timestamp, currency: Currency) -> Markup {
    html! {
        tr role="row" data-row=(row.sku) {
            th.product scope="row" role="rowheader" {
                a href=(product_url(&row.sku)) {
                    span.product-title dir="auto" {
                        @if row.title.is_empty() { (row.sku) } @else { (row.title) }
                    }
                }
                span.sku dir="auto" { (row.sku) }
            }
            td.price-cell.number role="cell" data-cell="price" { (price_cell(row, currency)) }
            td.why role="cell" data-cell="why" { (why_cell(row, now)) }
            td.range.number role="cell" data-cell="range" data-label="30 days" {
                (sparkline(&row.spark, now, currency))
                span.range-text {
                    @if let Some(range) = row.range_30d {
                        (format::amount(range.lowest_minor, currency))
                        @if range.lowest_minor != range.highest_minor {
                            "–" (format::amount(range.highest_minor, currency))
                        }
                    } @else { (unknown("No price was set in 30 days")) }
                }
            }
            td.sold.number role="cell" data-cell="sold" data-label="Sold, 7 d" {
                (spark_bars(&row.units_by_week))
                span { (known_count(row.units_7d, "No order seen yet")) }
            }
            td.stock.number role="cell" data-cell="stock" data-label="Stock" {
                @match row.available {
                    Some(left @ ..=0) => {
                        span.word-down { (format::count(left)) }
                        span.sub { "sold out" }
                    }
                    _ => { (known_count(row.available, "Stock is not known: no stock was reported")) }
                }
            }
        }
    }
}

fn price_cell(row: &PriceRowView, currency: Currency) -> Markup {
    match &row.price {
        PriceState::Missing { .. } => unknown("No price"),
        PriceState::Set { price_minor, base_minor } => html! {
            span.price { (format::amount(*price_minor, currency)) }
            (versus_base(*base_minor, *price_minor))
        },
    }
}

/// How a price stands to its base: a sign, a percentage and a word for readers of the screen.
fn versus_base(base_minor: i64, price_minor: i64) -> Markup {
    let (class, arrow, word) = match price_minor.cmp(&base_minor) {
        std::cmp::Ordering::Greater => ("sub word-up", "▲", "above"),
        std::cmp::Ordering::Less => ("sub word-down", "▼", "below"),
        std::cmp::Ordering::Equal => return html! { span.sub { "at base" } },
    };
    html! {
        span class=(class) {
            span aria-hidden="true" { (arrow) " " }
            (format::percent_change(base_minor, price_minor).as_deref().unwrap_or("base is 0"))
            span.visually-hidden { " " (word) " base" }
        }
    }
}

fn why_cell(row: &PriceRowView, now: Timestamp) -> Markup {
    html! {
        @match &row.price {
            PriceState::Missing { because } => {
                span.why-text dir="auto" { "No base price: " (because) "." }
            }
            PriceState::Set { .. } => { span.why-text dir="auto" { (row.reason_sentence) } }
        }
        @if row.change.is_some() || row.more_reasons > 0 {
            span.sub {
                @if let Some(change) = row.change { "changed " (format::time(change.at, now)) }
                @if row.change.is_some() && row.more_reasons > 0 { " · " }
                @if row.more_reasons > 0 {
                    a href=(product_url(&row.sku)) {
                        (row.more_reasons) " more " (if row.more_reasons == 1 { "reason" } else { "reasons" })
                    }
                }
            }
        }
    }
}

/// A number, or a dash that says on hover what is missing.
fn known_count(number: Option<i64>, missing: &str) -> Markup {
    match number {
        Some(number) => html! { (format::count(number)) },
        None => unknown(missing),
    }
}

/// A dash for eyes, the missing thing on hover and for readers of the screen.
fn unknown(what_is_missing: &str) -> Markup {
    html! {
        span.muted title=(what_is_missing) {
            span aria-hidden="true" { "–" }
            span.visually-hidden { (what_is_missing) }
        }
    }
}
