//! All prices in one answer, for shops and price portals that fetch a feed.
//!
//! The prices are those of `GET /v1/prices/{sku}` at the same moment, from the same memory; only what is
//! available is asked of the ledger. While the ledger is away the feed goes on without that, and says so.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use shopwright_domain::money::format_minor;
use shopwright_domain::time::Timestamp;
use shopwright_store::pricing::{self, FactsOf};
use shopwright_store::{StoreError, Tx};
use utoipa::ToSchema;

use super::live_body::ShownPrice;
use super::view::MoneyView;
use crate::Site;
use crate::auth::{Allowed, needs};
use crate::etag::EntityTag;
use crate::problem::{ApiError, Problem};

/// Products asked about at once.
const PAGE: i64 = 1_000;

/// One product's price in a feed.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FeedRow {
    /// The SKU.
    #[schema(example = "85123A")]
    pub sku: String,
    /// What it costs now.
    pub price: MoneyView,
    /// The lowest price of the 30 days before the reduction to this price; null when it was not reduced.
    pub lowest_30d: Option<MoneyView>,
    /// `in_stock`, `out_of_stock`, or null where stock is not tracked or not known now.
    #[schema(example = "in_stock", pattern = "^(in_stock|out_of_stock)$")]
    pub availability: Option<&'static str>,
    /// The decision that set this price.
    #[schema(example = "dec_01h455vb4pex5vsknk084sn02q")]
    pub decision_id: String,
    /// Since when it stands.
    #[schema(value_type = String, format = DateTime)]
    pub changed_at: Timestamp,
}

/// All prices.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PriceFeed {
    /// Always `price_feed`.
    #[schema(example = "price_feed")]
    pub object: &'static str,
    /// Whether the ledger is away, so that prices may be out of date.
    pub stale: bool,
    /// Every product for sale that has a price, by SKU.
    pub prices: Vec<FeedRow>,
}

/// Pieces left to sell, by SKU, where stock is tracked.
fn available(tx: &mut Tx<'_>, now: Timestamp) -> Result<HashMap<String, i64>, StoreError> {
    let (mut found, mut after) = (HashMap::new(), String::new());
    loop {
        let page = pricing::facts(tx, FactsOf::Page { after: &after, limit: PAGE }, now, now)?;
        let Some(last) = page.last() else { return Ok(found) };
        last.sku.as_str().clone_into(&mut after);
        let tracked =
            page.iter().filter_map(|row| Some((row.sku.as_str().to_owned(), row.available?)));
        found.extend(tracked);
    }
}

async fn feed(site: &Site) -> PriceFeed {
    let now = site.clock.now();
    let stock = site.store.read(move |tx| available(tx, now)).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "the price feed goes out without what is available");
        HashMap::new()
    });
    let row = |sku: &str, price: &ShownPrice| {
        let money = |amount| MoneyView { amount, currency: price.currency };
        let availability =
            stock.get(sku).map(|pieces| if *pieces > 0 { "in_stock" } else { "out_of_stock" });
        FeedRow {
            sku: sku.to_owned(),
            price: money(price.amount_minor),
            lowest_30d: price.lowest_30d_minor.map(money),
            availability,
            decision_id: price.decision_id.to_string(),
            changed_at: price.changed_at,
        }
    };
    let moment = site.prices.moment();
    let shown = moment.iter().filter_map(|(sku, live)| Some((sku, live.shown.as_ref()?)));
    let mut prices: Vec<FeedRow> = shown.map(|(sku, price)| row(sku, price)).collect();
    prices.sort_by(|a, b| a.sku.cmp(&b.sku));
    PriceFeed { object: "price_feed", stale: site.prices.is_stale(), prices }
}

/// The answer with its tag, or 304 when the caller has it.
fn tagged(feed: &PriceFeed, sent: &HeaderMap, body: impl FnOnce() -> Response) -> Response {
    let tag = EntityTag::content(feed).to_string();
    let known = sent.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let is_known = known.is_some_and(|known| {
        known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag)
    });
    let mut response = if is_known { StatusCode::NOT_MODIFIED.into_response() } else { body() };
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    response
}

/// Every price as JSON. With `If-None-Match` a feed that did not change is answered 304.
#[utoipa::path(
    get, path = "/v1/feeds/prices.json", tag = "Prices", operation_id = "get_price_feed",
    responses(
        (status = 200, description = "All prices; `ETag` is their hash", body = PriceFeed),
        (status = 304, description = "Nothing changed since the tag in `If-None-Match`"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["prices:read"]))
)]
pub async fn prices_json(
    _: Allowed<needs::PricesRead>,
    State(site): State<Arc<Site>>,
    sent: HeaderMap,
) -> Result<Response, ApiError> {
    let feed = feed(&site).await;
    Ok(tagged(&feed, &sent, || axum::Json(&feed).into_response()))
}

/// Every price as CSV with a header line. Amounts are decimals; cells that a spreadsheet would run as a
/// formula begin with an apostrophe.
#[utoipa::path(
    get, path = "/v1/feeds/prices.csv", tag = "Prices", operation_id = "get_price_feed_csv",
    responses(
        (status = 200, description = "All prices; `ETag` is their hash", body = String, content_type = "text/csv"),
        (status = 304, description = "Nothing changed since the tag in `If-None-Match`"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["prices:read"]))
)]
pub async fn prices_csv(
    _: Allowed<needs::PricesRead>,
    State(site): State<Arc<Site>>,
    sent: HeaderMap,
) -> Result<Response, ApiError> {
    let feed = feed(&site).await;
    Ok(tagged(&feed, &sent, || {
        let kind = [(header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present")];
        (kind, csv(&feed)).into_response()
    }))
}

fn csv(feed: &PriceFeed) -> String {
    let mut out =
        String::from("sku,price,currency,lowest_30d,availability,decision_id,changed_at,stale\r\n");
    let amount = |money: &MoneyView| format_minor(money.amount, money.currency);
    for row in &feed.prices {
        let cells = [
            cell(&row.sku),
            amount(&row.price),
            row.price.currency.code().to_owned(),
            row.lowest_30d.as_ref().map(amount).unwrap_or_default(),
            row.availability.unwrap_or_default().to_owned(),
            row.decision_id.clone(),
            row.changed_at.to_string(),
            feed.stale.to_string(),
        ];
        out.push_str(&cells.join(","));
        out.push_str("\r\n");
    }
    out
}

/// A text as a cell: quoted where it must be, and never a formula (OWASP, "CSV Injection").
fn cell(text: &str) -> String {
    let formula = text.starts_with(|first: char| "=+-@\t\r\n＝＋－＠".contains(first));
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn a_cell_is_quoted_where_it_must_be_and_is_never_a_formula() {
        assert_eq!(cell("85123A"), "85123A");
        assert_eq!(cell("=1+1"), "'=1+1");
        assert_eq!(cell("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(cell("-x\ny"), "\"'-x\ny\"");
    }
}
