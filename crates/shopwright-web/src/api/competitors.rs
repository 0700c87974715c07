//! Competitors, which of their products are ours, and what of their prices counts.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use shopwright_app::competitors::{
    CONFIDENCE_BPS_MAX, CompetitorError, Overview, WantedMatch, confidence_bps, overview,
    put_competitor as put_in, put_match as put_match_in,
};
use shopwright_domain::catalog::Sku;
use shopwright_domain::money::Factor;
use shopwright_domain::pricing::JudgedPrice;
use shopwright_domain::time::Timestamp;
use shopwright_store::Place;
use shopwright_store::competitors::{self as stored, Competitor, Match};
use utoipa::{IntoParams, ToSchema};

use super::view::{ListView, MoneyView, path_segment};
use crate::Site;
use crate::answer::Answer;
use crate::auth::{Allowed, needs};
use crate::input::{JsonBody, PageLimit, PathText, Query, SkuPath, no_nul, one_cursor};
use crate::once::Once;
use crate::problem::{ApiError, Code, Problem};

/// Somebody who sells what we sell.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CompetitorView {
    /// Always `competitor`.
    #[schema(example = "competitor")]
    pub object: &'static str,
    /// Your code for it.
    #[schema(example = "rival-candles")]
    pub code: String,
    /// What people call it.
    #[schema(example = "Rival Candles")]
    pub name: String,
    /// Whether its prices count.
    pub watched: bool,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

impl From<Competitor> for CompetitorView {
    fn from(competitor: Competitor) -> Self {
        Self {
            object: "competitor",
            code: competitor.competitor,
            name: competitor.name,
            watched: competitor.is_watched,
            created_at: competitor.created_at,
            updated_at: competitor.updated_at,
        }
    }
}

/// A page of competitors.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CompetitorsQuery {
    /// Rows, 1 to 100; 10 when left out.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<i64>,
    /// A code: the page after it.
    pub starting_after: Option<String>,
    /// A code: the page before it.
    pub ending_before: Option<String>,
}

/// Competitors by code.
#[utoipa::path(
    get, path = "/v1/competitors", tag = "Competitors", operation_id = "list_competitors",
    params(CompetitorsQuery),
    responses(
        (status = 200, description = "A page of competitors", body = ListView<CompetitorView>),
        (status = 400, description = "A parameter does not fit", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["pricing:read"]))
)]
pub async fn list_competitors(
    _: Allowed<needs::PricingRead>,
    Query(query): Query<CompetitorsQuery>,
    State(site): State<Arc<Site>>,
) -> Result<axum::Json<ListView<CompetitorView>>, ApiError> {
    let limit = PageLimit::read(query.limit)?.0;
    one_cursor(query.starting_after.as_deref(), query.ending_before.as_deref())?;
    let after = no_nul("starting_after", query.starting_after)?;
    let before = no_nul("ending_before", query.ending_before)?;
    let backwards = before.is_some();
    let place = match (after, before) {
        (Some(code), _) => Place::After(code),
        (_, Some(code)) => Place::Before(code),
        _ => Place::First,
    };
    let rows = site.store.read(move |tx| stored::list(tx, &place, limit + 1)).await?;
    let data = rows.into_iter().map(CompetitorView::from).collect();
    Ok(axum::Json(ListView::page(data, limit, backwards, "/v1/competitors".to_owned())))
}

fn unknown(code: &str) -> ApiError {
    ApiError::new(Code::NOT_FOUND, format!("there is no competitor {code}"))
}

/// One competitor.
#[utoipa::path(
    get, path = "/v1/competitors/{code}", tag = "Competitors", operation_id = "get_competitor",
    params(("code" = String, Path, description = "Your code for it", example = "rival-candles")),
    responses(
        (status = 200, description = "The competitor", body = CompetitorView),
        (status = 400, description = "The path is not UTF-8 text", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No competitor has this code", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["pricing:read"]))
)]
pub async fn get_competitor(
    _: Allowed<needs::PricingRead>,
    PathText(code): PathText<String>,
    State(site): State<Arc<Site>>,
) -> Result<axum::Json<CompetitorView>, ApiError> {
    let wanted = code.clone();
    if wanted.contains('\0') {
        return Err(unknown(&code));
    }
    let found = site.store.read(move |tx| stored::find(tx, &wanted)).await?;
    found.map(|row| axum::Json(row.into())).ok_or_else(|| unknown(&code))
}

/// A competitor as it is to be.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutCompetitor {
    /// What people call it.
    #[schema(example = "Rival Candles", min_length = 1, max_length = 100)]
    pub name: String,
    /// Whether its prices count; they do when left out.
    #[serde(default = "yes")]
    pub watched: bool,
}

fn yes() -> bool {
    true
}

/// Makes a competitor, or changes its name and whether its prices count.
#[utoipa::path(
    put, path = "/v1/competitors/{code}", tag = "Competitors", operation_id = "put_competitor",
    params(("code" = String, Path, description = "1 to 100 of a-z, A-Z, 0-9, `.`, `_` and `-`", example = "rival-candles")),
    request_body = PutCompetitor,
    responses(
        (status = 200, description = "Changed", body = CompetitorView),
        (status = 201, description = "Made", body = CompetitorView),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "This cannot be a code", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "More than 1 MiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not sent as JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field does not fit", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["pricing:write"]))
)]
pub async fn put_competitor(
    _: Allowed<needs::PricingWrite>,
    once: Once,
    PathText(code): PathText<String>,
    JsonBody(put): JsonBody<PutCompetitor>,
) -> Result<Response, ApiError> {
    let stamp = once.stamp();
    once.write(move |tx| {
        let (kept, new) = put_in(tx, &code, (&put.name, put.watched), stamp).map_err(refused)?;
        let view = CompetitorView::from(kept);
        if new {
            Answer::created(format!("/v1/competitors/{}", view.code), &view)
        } else {
            Answer::ok(&view)
        }
    })
    .await
}

/// The problem of something that is not kept, with the field at fault.
fn refused(error: CompetitorError) -> ApiError {
    let text = error.to_string();
    match error {
        CompetitorError::Code | CompetitorError::NotFound(_) => {
            ApiError::new(Code::NOT_FOUND, text)
        }
        CompetitorError::UnknownSku(sku) => ApiError::unknown_sku(sku.as_str()),
        CompetitorError::Store(error) => error.into(),
        other => ApiError::field(field_of(&other), text),
    }
}

/// The field that an error is about.
pub(super) fn field_of(error: &CompetitorError) -> &'static str {
    match error {
        CompetitorError::Code | CompetitorError::NotFound(_) => "/competitor",
        CompetitorError::Name => "/name",
        CompetitorError::UnknownSku(_) => "/sku",
        CompetitorError::Currency { .. } => "/price/currency",
        CompetitorError::Price | CompetitorError::FarOff { .. } => "/price/amount",
        CompetitorError::Shipping => "/shipping/amount",
        CompetitorError::Future => "/observed_at",
        CompetitorError::Url => "/url",
        CompetitorError::Confidence => "/confidence",
        CompetitorError::Store(_) => "",
    }
}

/// A competitor's product that is one of ours.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MatchView {
    /// Always `competitor_match`.
    #[schema(example = "competitor_match")]
    pub object: &'static str,
    /// The competitor.
    #[schema(example = "rival-candles")]
    pub competitor: String,
    /// Our product.
    #[schema(example = "85123A")]
    pub sku: String,
    /// Where the competitor shows it.
    #[schema(example = "https://rival.example/heart-holder")]
    pub url: Option<String>,
    /// How sure it is that the two are the same, 0 to 1. Below 0.8 its prices count only once it is
    /// confirmed.
    #[schema(value_type = String, example = "0.95")]
    pub confidence: Factor,
    /// Whether somebody said that they are.
    pub confirmed: bool,
    /// When.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub confirmed_at: Option<Timestamp>,
    /// When its page was last looked at.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub page_looked_at: Option<Timestamp>,
    /// Why its page told no price then.
    pub page_error: Option<String>,
}

impl From<Match> for MatchView {
    fn from(found: Match) -> Self {
        Self {
            object: "competitor_match",
            competitor: found.competitor,
            sku: found.sku.as_str().to_owned(),
            url: found.url,
            confidence: confidence(found.confidence_bps),
            confirmed: found.confirmed.is_some(),
            confirmed_at: found.confirmed.map(|(_, at)| at),
            page_looked_at: found.looked_at,
            page_error: found.page_error,
        }
    }
}

fn confidence(bps: i64) -> Factor {
    Factor::new(i128::from(bps), i128::from(CONFIDENCE_BPS_MAX))
}

/// A match as it is to be.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutMatch {
    /// Where the competitor shows it; the one that is known stays when left out.
    #[schema(example = "https://rival.example/heart-holder", max_length = 2_000)]
    #[serde(default)]
    pub url: Option<String>,
    /// How sure it is, 0 to 1.
    #[schema(value_type = String, example = "0.95", pattern = r"^(0(\.\d{1,4})?|1(\.0{1,4})?)$")]
    pub confidence: Factor,
    /// Whether you say that the two are the same. A confirmation stays until the address changes.
    #[serde(default)]
    pub confirmed: bool,
}

/// Says which of a competitor's products is ours, or confirms it.
#[utoipa::path(
    put, path = "/v1/competitors/{code}/matches/{sku}", tag = "Competitors", operation_id = "put_competitor_match",
    params(
        ("code" = String, Path, description = "Your code for the competitor", example = "rival-candles"),
        ("sku" = String, Path, description = "Our product", example = "85123A"),
    ),
    request_body = PutMatch,
    responses(
        (status = 200, description = "Changed", body = MatchView),
        (status = 201, description = "Made", body = MatchView),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No competitor has this code, or no product this SKU", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "More than 1 MiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not sent as JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field does not fit", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["pricing:write"]))
)]
pub async fn put_match(
    _: Allowed<needs::PricingWrite>,
    once: Once,
    PathText((code, sku)): PathText<(String, String)>,
    JsonBody(put): JsonBody<PutMatch>,
) -> Result<Response, ApiError> {
    let sku = Sku::parse(&sku).map_err(|_| ApiError::unknown_sku(&sku))?;
    if code.contains('\0') {
        return Err(unknown(&code));
    }
    let wanted = WantedMatch {
        url: put.url,
        confidence_bps: confidence_bps(put.confidence).map_err(refused)?,
        confirmed: put.confirmed,
    };
    let stamp = once.stamp();
    once.write(move |tx| {
        let (kept, new) = put_match_in(tx, (&code, &sku), &wanted, stamp).map_err(refused)?;
        let view = MatchView::from(kept);
        if new {
            let sku = path_segment(&view.sku);
            Answer::created(format!("/v1/competitors/{}/matches/{sku}", view.competitor), &view)
        } else {
            Answer::ok(&view)
        }
    })
    .await
}

/// The latest price of a competitor, and whether it counts.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CompetitorPriceView {
    /// The competitor.
    #[schema(example = "rival-candles")]
    pub competitor: String,
    /// What they charge.
    pub price: MoneyView,
    /// What they charge for sending it, where that is known. It is shown and does not count.
    pub shipping: Option<MoneyView>,
    /// Whether they have it.
    pub in_stock: bool,
    /// When it was seen.
    #[schema(value_type = String, format = DateTime)]
    pub observed_at: Timestamp,
    /// `used`, or why it does not count: `stale`, `out_of_stock`, `unconfirmed`, `other_currency`, `outlier`.
    #[schema(
        example = "used",
        pattern = "^(used|stale|out_of_stock|unconfirmed|other_currency|outlier)$"
    )]
    pub verdict: &'static str,
}

impl From<JudgedPrice> for CompetitorPriceView {
    fn from(judged: JudgedPrice) -> Self {
        let JudgedPrice { price, verdict } = judged;
        let currency = price.currency;
        let money = |amount| MoneyView { amount, currency };
        Self {
            competitor: price.competitor,
            price: money(price.price_minor),
            shipping: price.shipping_minor.map(money),
            in_stock: price.in_stock,
            observed_at: price.observed_at,
            verdict: verdict.as_str(),
        }
    }
}

/// What is known of a product's competitors.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CompetitorPricesView {
    /// Always `competitor_prices`.
    #[schema(example = "competitor_prices")]
    pub object: &'static str,
    /// The product.
    #[schema(example = "85123A")]
    pub sku: String,
    /// The latest price of each watched competitor, as a decision at this moment takes it.
    pub prices: Vec<CompetitorPriceView>,
    /// Which of their products it is.
    pub matches: Vec<MatchView>,
}

/// The latest price of each competitor for a product, with what counts and why the rest does not.
#[utoipa::path(
    get, path = "/v1/competitor_prices/{sku}", tag = "Competitors", operation_id = "get_competitor_prices",
    params(("sku" = String, Path, description = "The shop's own code, byte for byte", example = "85123A")),
    responses(
        (status = 200, description = "What is known", body = CompetitorPricesView),
        (status = 400, description = "The path is not UTF-8 text", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No product has this SKU", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["pricing:read"]))
)]
pub async fn get_prices(
    _: Allowed<needs::PricingRead>,
    SkuPath(sku): SkuPath,
    State(site): State<Arc<Site>>,
) -> Result<axum::Json<CompetitorPricesView>, ApiError> {
    let (wanted, now) = (sku.clone(), site.clock.now());
    let found: Option<Overview> = site.store.read(move |tx| overview(tx, &wanted, now)).await?;
    let found = found.ok_or_else(|| ApiError::unknown_sku(sku.as_str()))?;
    Ok(axum::Json(CompetitorPricesView {
        object: "competitor_prices",
        sku: sku.as_str().to_owned(),
        prices: found.prices.into_iter().map(CompetitorPriceView::from).collect(),
        matches: found.matches.into_iter().map(MatchView::from).collect(),
    }))
}
