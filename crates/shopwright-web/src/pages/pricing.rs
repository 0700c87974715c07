//! The price list at `/`: every product, what it costs now, and why.
//!
//! Everything works as plain links and one GET form; the module only refreshes cells in place.
//! A table on a desktop, cards on a phone, the same markup for both.

use maud::{Markup, html};
use shopwright_domain::money::Currency;
use shopwright_domain::time::Timestamp;

use super::format;
use super::layout::{Frame, Nav, page};
use super::list_state::{Filter, ListState, Sort};
use super::price_row::{PriceRowView, price_row};

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

/// The whole page.
pub fn price_list(frame: &Frame, view: &PriceListView) -> Markup {
    let body = html! {
        div.page-head {
            div {
                h1 { "Prices" }
                p.lede { (lede(&view.summary)) }
            }
            p.live data-live hidden role="status" {
                span.live-dot aria-hidden="true" {}
                span data-live-text { "Live" }
            }
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
    let unpriced = summary.products.saturating_sub(summary.priced);
    let mut text = format!(
        "{}: {} above their base price, {} below, {} held",
        format::counted(summary.products, "product", "products"),
        format::count(summary.raised),
        format::count(summary.lowered),
        format::count(summary.held),
    );
    if unpriced > 0 {
        text.extend([", ", &format::count(unpriced), " still without a price"]);
    }
    text.push('.');
    text
}

fn notices(view: &PriceListView) -> Markup {
    html! {
        @if view.stale {
            div.notice.notice-warn role="status" {
                p {
                    b { "Prices are not moving." }
                    " New decisions are late. The last decided prices are still served; nothing is lost."
                }
            }
        }
        @if let Some(notice) = &view.notice {
            div.notice role="status" {
                p dir="auto" { (notice.text) }
                @if let Some((label, href)) = &notice.action { a.button href=(href) { (label) } }
            }
        }
    }
}

fn no_products() -> Markup {
    html! {
        section.card.empty {
            h2 { "No products yet" }
            p {
                "Prices are learned from what was sold. Import an order history and every product "
                "in it appears here."
            }
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
                @for row in &view.rows { (price_row(row, now, view.currency)) }
            }
        }
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
