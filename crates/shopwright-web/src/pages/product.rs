//! One product at `/products/{sku}`: the price, why, its past, and the record of the decision.
//!
//! Numbers that nobody can know yet say what is missing instead of showing a zero.

use maud::{Markup, html};
use shopwright_domain::catalog::Sku;
use shopwright_domain::ids::DecisionId;
use shopwright_domain::money::Currency;
use shopwright_domain::pricing::JudgedPrice;
use shopwright_domain::time::Timestamp;

use super::chart::{PriceChartView, price_chart};
use super::competitors::competitors_card;
use super::format;
use super::layout::{Frame, Nav, page};
use super::price_row::{PriceState, RangeView};
use super::waterfall::{ReasonView, waterfall};

/// A product and everything known about its price.
#[derive(Clone, Debug)]
pub struct ProductView {
    /// The shop's own code.
    pub sku: Sku,
    /// The name; empty shows the SKU.
    pub title: String,
    /// Where the shop files it.
    pub category: Option<String>,
    /// The currency of every amount on the page.
    pub currency: Currency,
    /// The price, or why there is none.
    pub price: PriceState,
    /// How the base price came about, one sentence.
    pub base_rule: String,
    /// What a piece costs the shop, minor units.
    pub cost_minor: Option<i64>,
    /// Pieces that can be sold now.
    pub available: Option<i64>,
    /// Pieces sold in 7 days, net of returns.
    pub units_7d: Option<i64>,
    /// Pieces sold in 28 days, net of returns.
    pub units_28d: Option<i64>,
    /// The lowest price of the 30 days before a reduction, as its announcement has to show it;
    /// `None` when the price is not reduced.
    pub lowest_30d_minor: Option<i64>,
    /// The decision behind the price; `None` while the base price holds undecided.
    pub decision: Option<DecisionView>,
    /// Past changes, newest first.
    pub history: Vec<HistoryRow>,
    /// Price steps and weekly sales.
    pub chart: PriceChartView,
    /// What competitors charge for it; empty where nobody is known.
    pub competitors: Vec<JudgedPrice>,
    /// The decision is older than it should be.
    pub stale: bool,
}

/// The decision behind a price.
#[derive(Clone, Debug)]
pub struct DecisionView {
    /// Its record; `None` when the decision changed nothing.
    pub decision_id: Option<DecisionId>,
    /// When it was decided.
    pub decided_at: Timestamp,
    /// The strategy's name: `rules: playbook`.
    pub strategy: String,
    /// The price before, minor units; `None` for the first price.
    pub from_minor: Option<i64>,
    /// The decided price, minor units.
    pub to_minor: i64,
    /// Why, in the order the factors were applied.
    pub reasons: Vec<ReasonView>,
    /// What the founding playbook alone would charge, minor units.
    pub playbook_price_minor: Option<i64>,
    /// The interval the guardrails left.
    pub allowed: Option<RangeView>,
}

/// One past change.
#[derive(Clone, Debug)]
pub struct HistoryRow {
    /// When.
    pub at: Timestamp,
    /// The price before, minor units; `None` for the first price.
    pub from_minor: Option<i64>,
    /// The price after, minor units.
    pub to_minor: i64,
    /// The strategy's name.
    pub strategy: String,
    /// Why, one sentence.
    pub sentence: String,
    /// The record.
    pub decision_id: Option<DecisionId>,
}

/// The whole page.
pub fn product(frame: &Frame, view: &ProductView) -> Markup {
    let name = if view.title.is_empty() { view.sku.as_str() } else { &view.title };
    let body = html! {
        nav.crumbs aria-label="You are here" {
            a href="/" { "Prices" } span aria-hidden="true" { "/" } bdi { (view.sku) }
        }
        div.page-head {
            div {
                h1 dir="auto" { (name) }
                p.lede {
                    "SKU " bdi { (view.sku) }
                    @if let Some(category) = &view.category { " · " bdi { (category) } }
                }
            }
        }
        @if view.stale {
            div.notice.notice-warn role="status" {
                p {
                    b { "This price is not moving." }
                    " A new decision is late. The last decided price is still served."
                }
            }
        }
        div.columns {
            div.column-main {
                (price_card(frame.now, view))
                (why_card(view))
                (chart_card(view))
                @if !view.competitors.is_empty() {
                    (competitors_card(frame.now, &view.competitors))
                }
                (history_card(frame.now, view))
            }
            aside.column-side aria-label="Facts" {
                (facts_card(view))
                @if let Some(decision) = &view.decision { (decision_card(frame.now, view, decision)) }
            }
        }
    };
    page(frame, name, Nav::Prices, &body)
}

fn price_card(now: Timestamp, view: &ProductView) -> Markup {
    let currency = view.currency;
    let price_minor = match &view.price {
        PriceState::Set { price_minor, .. } => *price_minor,
        PriceState::Missing { because } => {
            return html! {
                section.card.hero aria-label="Price" {
                    p.hero-price { "No price" }
                    p.hero-change dir="auto" {
                        "No base price: " (because)
                        ". No price is invented; one appears as soon as there is a base."
                    }
                }
            };
        }
    };
    html! {
        section.card.hero aria-label="Price" {
            p.hero-price {
                (format::amount(price_minor, currency)) " "
                span.hero-currency { (currency.code()) }
            }
            @match &view.decision {
                Some(decision) => {
                    p.hero-change {
                        (change_sentence(decision, currency)) " "
                        (format::time(decision.decided_at, now)) "."
                    }
                    @if let Some(reason) = decision.reasons.first() {
                        p.hero-why dir="auto" { (reason.sentence) }
                    }
                }
                None => { p.hero-change { "At its base price; no decision has moved it yet." } }
            }
        }
    }
}

fn change_sentence(decision: &DecisionView, currency: Currency) -> Markup {
    let to_minor = decision.to_minor;
    let Some(from_minor) = decision.from_minor else {
        return html! { "First price, decided" };
    };
    let (class, arrow, word) = match to_minor.cmp(&from_minor) {
        std::cmp::Ordering::Greater => ("word-up", "▲", "Raised"),
        std::cmp::Ordering::Less => ("word-down", "▼", "Lowered"),
        std::cmp::Ordering::Equal => return html! { "Held, checked" },
    };
    html! {
        span class=(class) {
            span aria-hidden="true" { (arrow) " " } (word)
            @if let Some(percent) = format::percent_change(from_minor, to_minor) {
                " by " (percent.trim_start_matches(['+', '−']))
            }
        }
        ", " (format::amount(from_minor, currency)) " → " (format::amount(to_minor, currency)) ","
    }
}

fn why_card(view: &ProductView) -> Markup {
    let (PriceState::Set { price_minor, base_minor }, Some(decision)) =
        (&view.price, &view.decision)
    else {
        return html! {};
    };
    html! {
        section.card #why {
            h2 { "Why this price" }
            p.muted dir="auto" { (view.base_rule) }
            (waterfall(*base_minor, &decision.reasons, *price_minor, view.currency))
        }
    }
}

fn chart_card(view: &ProductView) -> Markup {
    let chart = &view.chart;
    if chart.prices.is_empty() && chart.weeks.is_empty() {
        return html! {
            section.card #sales {
                h2 { "No price and no sales yet" }
                p.muted { "The chart begins with the first order or the first price." }
            }
        };
    }
    html! {
        section.card #sales {
            h2 { (chart_title(chart)) }
            (price_chart(chart))
            details {
                summary { "The numbers as a table" }
                div.two-tables {
                    table.plain {
                        thead {
                            tr {
                                th scope="col" { "Price since" }
                                th.number scope="col" { (chart.currency.code()) }
                            }
                        }
                        tbody {
                            @for point in &chart.prices {
                                tr {
                                    td { (format::exact_time(point.at)) }
                                    td.number { (format::amount(point.amount_minor, chart.currency)) }
                                }
                            }
                        }
                    }
                    table.plain {
                        thead { tr { th scope="col" { "Week of" } th.number scope="col" { "Sold" } } }
                        tbody {
                            @for week in &chart.weeks {
                                tr {
                                    td { (format::day(week.starts_at)) }
                                    td.number { (format::count(week.units)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The message of the chart: what the price did, and what was sold at the end of it.
fn chart_title(chart: &PriceChartView) -> String {
    let sold = chart
        .weeks
        .last()
        .map(|week| format!("{} sold in the last week", format::count(week.units)));
    let price = chart.prices.first().zip(chart.prices.last()).map(|(first, last)| {
        let since = format::day(first.at.max(chart.from));
        let percent = format::percent_change(first.amount_minor, last.amount_minor);
        let percent = percent.as_deref().unwrap_or("from nothing");
        let percent = percent.trim_start_matches(['+', '−']);
        match last.amount_minor.cmp(&first.amount_minor) {
            std::cmp::Ordering::Greater => format!("Price rose {percent} since {since}"),
            std::cmp::Ordering::Less => format!("Price fell {percent} since {since}"),
            std::cmp::Ordering::Equal => format!("Price is where it was on {since}"),
        }
    });
    price.into_iter().chain(sold).collect::<Vec<_>>().join("; ")
}

fn facts_card(view: &ProductView) -> Markup {
    let currency = view.currency;
    let (price_minor, base_minor) = match &view.price {
        PriceState::Set { price_minor, base_minor } => (Some(*price_minor), Some(*base_minor)),
        PriceState::Missing { .. } => (None, None),
    };
    let margin = price_minor.zip(view.cost_minor).map(|(price, cost)| price.saturating_sub(cost));
    let margin_share =
        margin.zip(price_minor).and_then(|(m, price)| format::percent_share(m, price));
    let amount = |minor: Option<i64>| minor.map(|minor| format::amount(minor, currency));
    let count = |number: Option<i64>| number.map(format::count);
    html! {
        section.card {
            h2 { "Facts" }
            dl.facts {
                (fact("Base price", amount(base_minor), "not known yet"))
                (fact("Lowest, 30 days before", amount(view.lowest_30d_minor), "not reduced"))
                (fact("Cost", amount(view.cost_minor), "not given"))
                (fact("Margin", amount(margin), "needs the cost"))
                @if let Some(share) = margin_share {
                    (fact("Margin share", Some(share), ""))
                }
                (fact("In stock", count(view.available), "no stock reported"))
                (fact("Sold in 7 days", count(view.units_7d), "no order seen"))
                (fact("Sold in 28 days", count(view.units_28d), "no order seen"))
            }
            p.muted { "Amounts in " (currency.code()) "." }
        }
    }
}

/// A named number, or what is missing for it.
fn fact(name: &str, value: Option<String>, missing: &str) -> Markup {
    html! {
        div {
            dt { (name) }
            dd { @if let Some(value) = value { (value) } @else { span.muted { (missing) } } }
        }
    }
}

fn decision_card(now: Timestamp, view: &ProductView, decision: &DecisionView) -> Markup {
    let amount = |minor: i64| format::amount(minor, view.currency);
    let allowed = decision
        .allowed
        .map(|range| format!("{}–{}", amount(range.lowest_minor), amount(range.highest_minor)));
    html! {
        section.card #decision {
            h2 { "Decision" }
            dl.facts {
                div { dt { "Strategy" } dd { bdi { (decision.strategy) } } }
                div { dt { "Decided" } dd { (format::time(decision.decided_at, now)) } }
                (fact("Allowed", allowed, "not computed"))
                (fact("Playbook price", decision.playbook_price_minor.map(amount), "does not apply"))
            }
            @if let Some(id) = decision.decision_id {
                p.record { span.muted { "Recorded as" } code { (id) } }
            } @else {
                p.muted { "It changed nothing, so it is counted, not recorded." }
            }
        }
    }
}

fn history_card(now: Timestamp, view: &ProductView) -> Markup {
    let currency = view.currency;
    html! {
        section.card #history {
            h2 { "Price history" }
            @if view.history.is_empty() {
                p.muted { "No change yet. The first one appears here with its reason." }
            } @else {
                table.history role="table" {
                    thead role="rowgroup" {
                        tr role="row" {
                            th scope="col" role="columnheader" { "When" }
                            th.number scope="col" role="columnheader" { "From → to, " (currency.code()) }
                            th scope="col" role="columnheader" { "Why" }
                        }
                    }
                    tbody role="rowgroup" {
                        @for row in &view.history { (history_row(row, now, currency)) }
                    }
                }
            }
        }
    }
}

fn history_row(row: &HistoryRow, now: Timestamp, currency: Currency) -> Markup {
    let moved_from = row.from_minor.filter(|from| *from != row.to_minor);
    let percent = moved_from.and_then(|from| format::percent_change(from, row.to_minor));
    html! {
        tr role="row" id=[row.decision_id.map(|id| id.to_string())] {
            td.when role="cell" { (format::time(row.at, now)) }
            td.moved.number role="cell" {
                @if let Some(from) = row.from_minor {
                    span.muted { (format::amount(from, currency)) " → " }
                }
                b { (format::amount(row.to_minor, currency)) }
                @if let Some(percent) = percent {
                    span.sub { (percent) }
                }
            }
            td.why role="cell" {
                span dir="auto" { (row.sentence) }
                span.sub {
                    bdi { (row.strategy) }
                    @if let Some(id) = row.decision_id { " · " code { (id) } }
                }
            }
        }
    }
}
