//! The price list at `/`: every product, what it costs now, and why.
//!
//! Everything works as plain links and one GET form; the module only refreshes cells in place.
//! A table on a desktop, cards on a phone, the same markup for both.

use maud::{Markup, html};
use shopwright_domain::catalog::Sku;
use shopwright_domain::money::Currency;
use shopwright_domain::time::Timestamp;

use super::chart::{SparkPoint, spark_bars, sparkline};
use super::format;
use super::layout::{Frame, Nav, page};
use super::list_state::{Filter, ListState, Sort, product_url};

/// The price list.
#[derive(Clone, Debug)]
pub struct PriceListView {
    /// The currency of every amount on the page.
    pub currency: Currency,
    /// Search, order, filter and page as the address gave them.
    pub state: ListState,
    /// Which part of the result is shown.
    pub page: PageView,
    /// The rows of this page.
    pub rows: Vec<PriceRowView>,
    /// Counts over the whole store, whatever is searched for.
    pub summary: PriceSummaryView,
    /// What needs the owner, if anything.
    pub notice: Option<NoticeView>,
    /// The decisions are older than they should be; prices are still served.
    pub stale: bool,
}

/// Which part of a result is shown.
#[derive(Clone, Debug, Default)]
pub struct PageView {
    /// The number of the first row, from 1; 0 when there is none.
    pub from: i64,
    /// The number of the last row.
    pub to: i64,
    /// How many rows the search and filter leave.
    pub total: i64,
    /// The address of the page before.
    pub prev_url: Option<String>,
    /// The address of the page after.
    pub next_url: Option<String>,
}

/// Counts of products over the whole store.
#[derive(Clone, Copy, Debug, Default)]
pub struct PriceSummaryView {
    /// All products.
    pub products: i64,
    /// Those with a price.
    pub priced: i64,
    /// Priced above their base.
    pub raised: i64,
    /// Priced below their base.
    pub lowered: i64,
    /// Priced at their base.
    pub held: i64,
}

/// One thing the owner should know, at most one of them a page.
#[derive(Clone, Debug)]
pub struct NoticeView {
    /// What is the matter and what is safe, in one or two sentences.
    pub text: String,
    /// What to do: the verb with its object, and where.
    pub action: Option<(String, String)>,
}

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

/// The whole page.
pub fn price_list(frame: &Frame, view: &PriceListView) -> Markup {
    let body = html! {
        div.page-head {
            div {
                h1 { "Prices" }
                p.lede { (lede(&view.summary)) }
            }
            p.live data-live hidden role="status" { span.live-dot aria-hidden="true" {} span data-live-text { "Live" } }
        }
        (notices(view))
        @if view.summary.products == 0 {
            (no_products())
        } @else {
            section.card.list aria-label="Products and their prices" {
                (toolbar(view))
                @if view.rows.is_empty() {
                    (nothing_found(&view.state))
                } @else {
                    (table(frame.now, view))
                    (pager(&view.page))
                }
            }
        }
    };
    page(frame, "Prices", Nav::Prices, &body)
}

fn lede(summary: &PriceSummaryView) -> String {
    if summary.products == 0 {
        return "What each product costs now, and why.".to_owned();
    }
    let moved = summary.raised.saturating_add(summary.lowered);
    let products = format::counted(summary.products, "product", "products");
    match moved {
        0 => format!("{products}, all at their base price or without one."),
        _ => format!(
            "{products}: {} above their base price, {} below, {} held.",
            format::count(summary.raised),
            format::count(summary.lowered),
            format::count(summary.held)
        ),
    }
}

fn notices(view: &PriceListView) -> Markup {
    let unpriced = view.summary.products.saturating_sub(view.summary.priced);
    html! {
        @if view.stale {
            div.notice.notice-warn role="status" {
                p { b { "Prices are not moving." } " New decisions are late. The last decided prices are still served; nothing is lost." }
            }
        }
        @if let Some(notice) = &view.notice {
            div.notice role="status" {
                p dir="auto" { (notice.text) }
                @if let Some((label, href)) = &notice.action { a.button href=(href) { (label) } }
            }
        }
        @if unpriced > 0 && view.summary.products > 0 {
            p.aside { (format::counted(unpriced, "product has", "products have")) " no price yet, and none is invented." }
        }
    }
}

fn no_products() -> Markup {
    html! {
        section.card.empty {
            h2 { "No products yet" }
            p { "Prices are learned from what was sold. Import an order history and every product in it appears here." }
            pre { code { "shopwright import online-retail FILE" } }
            p.muted { "Importing twice is safe: an order that is already known is counted once." }
        }
    }
}

fn toolbar(view: &PriceListView) -> Markup {
    let state = &view.state;
    let counted = |filter| match filter {
        Filter::All => view.summary.products,
        Filter::Raised => view.summary.raised,
        Filter::Lowered => view.summary.lowered,
        Filter::Held => view.summary.held,
    };
    html! {
        div.toolbar {
            nav.tabs aria-label="Filter by price" {
                @for filter in Filter::ALL {
                    a href=(state.filtered(filter).url())
                        aria-current=[(filter == state.filter).then_some("true")] {
                        (filter.label()) " " span.tab-count { (format::count(counted(filter))) }
                    }
                }
            }
            form.search action="/" method="get" role="search" {
                @if state.filter != Filter::default() {
                    input type="hidden" name="filter" value=(state.filter.param());
                }
                label.field {
                    span.visually-hidden { "Search by name or SKU" }
                    input type="search" name="q" value=(state.query) placeholder="Search name or SKU"
                        autocomplete="off" spellcheck="false" dir="auto" data-search;
                }
                label.field {
                    span.visually-hidden { "Order by" }
                    select name="sort" data-autosubmit {
                        @for sort in Sort::ALL {
                            option value=(sort.param()) selected[sort == state.sort] { (sort.label()) }
                        }
                    }
                }
                button.button type="submit" { "Search" }
            }
        }
    }
}

fn nothing_found(state: &ListState) -> Markup {
    let everything = ListState { sort: state.sort, ..ListState::default() };
    html! {
        div.empty {
            @if state.query.is_empty() {
                h2 { "No product is " (state.filter.label().to_lowercase()) " right now" }
                p { "That changes by itself as demand and stock move." }
            } @else {
                h2 { "Nothing found for “" bdi { (state.query) } "”" }
                p { "Search looks at names and SKUs. Try fewer letters, or another filter." }
            }
            p { a.button href=(everything.url()) { "Show all products" } }
        }
    }
}

fn table(now: Timestamp, view: &PriceListView) -> Markup {
    let code = view.currency.code();
    html! {
        table.prices role="table" {
            caption.visually-hidden { "Products, their prices in " (code) ", and why" }
            thead role="rowgroup" {
                tr role="row" {
                    th scope="col" role="columnheader" { "Product" }
                    th.number scope="col" role="columnheader" { "Price, " (code) }
                    th scope="col" role="columnheader" { "Why" }
                    th.number scope="col" role="columnheader" { "30 days, " (code) }
                    th.number scope="col" role="columnheader" { "Sold, 7 d" }
                    th.number scope="col" role="columnheader" { "Stock" }
                }
            }
            tbody role="rowgroup" {
                @for row in &view.rows { (row_markup(row, now, view.currency)) }
            }
        }
    }
}

fn row_markup(row: &PriceRowView, now: Timestamp, currency: Currency) -> Markup {
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
                    Some(..=0) => { span.word-down { (format::count(row.available.unwrap_or(0))) } span.sub { "sold out" } }
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
            @if let Some(percent) = format::percent_change(base_minor, price_minor) { (percent) } @else { "was 0" }
            span.visually-hidden { " " (word) " base" }
        }
    }
}

fn why_cell(row: &PriceRowView, now: Timestamp) -> Markup {
    html! {
        @match &row.price {
            PriceState::Missing { because } => { span.why-text dir="auto" { "No base price: " (because) "." } }
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
pub(super) fn known_count(number: Option<i64>, missing: &str) -> Markup {
    match number {
        Some(number) => html! { (format::count(number)) },
        None => unknown(missing),
    }
}

pub(super) fn unknown(what_is_missing: &str) -> Markup {
    html! {
        span.muted title=(what_is_missing) { span aria-hidden="true" { "–" } span.visually-hidden { (what_is_missing) } }
    }
}

fn pager(page: &PageView) -> Markup {
    html! {
        nav.pager aria-label="Pages" {
            p { (format::count(page.from)) "–" (format::count(page.to)) " of " (format::count(page.total)) }
            div {
                @match &page.prev_url {
                    Some(url) => { a.button rel="prev" href=(url) { "Previous" } }
                    None => { span.button aria-disabled="true" { "Previous" } }
                }
                @match &page.next_url {
                    Some(url) => { a.button rel="next" href=(url) { "Next" } }
                    None => { span.button aria-disabled="true" { "Next" } }
                }
            }
        }
    }
}
