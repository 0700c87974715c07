//! Prices: the current one of a SKU or of many, why it is what it is, and how it came to be.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use shopwright_app::identity::{KnownKey, Scope};
use shopwright_app::pricing::effective_policy;
use shopwright_domain::catalog::Sku;
use shopwright_domain::ids::DecisionId;
use shopwright_domain::pricing::PriceDecision;
use shopwright_domain::time::Timestamp;
use shopwright_store::pricing::{CurrentPrice, Decision};
use shopwright_store::{StoreError, Tx, catalog, pricing};
use utoipa::{IntoParams, ToSchema};

use super::live_body::{
    Moment, NoPrice, PriceView, ReasonView, json_response, reason_views, without_price,
};
use super::view::{ListView, MoneyView, path_segment};
use crate::Site;
use crate::auth::{Allowed, needs};
use crate::input::{JsonBody, PageLimit, Query, SkuPath, one_cursor};
use crate::problem::{ApiError, Code, FieldProblem, Problem};

/// SKUs in one batch at most.
pub const BATCH_SKUS_MAX: usize = 1_000;

/// The price of one product now, with the reasons for it. Served from memory.
///
/// All shoppers see the same price at the same moment. With a publishable key the reasons come
/// without the shop's figures.
#[utoipa::path(
    get, path = "/v1/prices/{sku}", tag = "Prices", operation_id = "get_price",
    params(("sku" = String, Path, description = "The shop's own code, byte for byte", example = "85123A")),
    responses(
        (status = 200, description = "The price; `price` is null when there is no base price, and when the product is not on sale", body = PriceView),
        (status = 400, description = "The path is not UTF-8 text", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 405, description = "The path of the batch call; escape a SKU of that name as `%62atch`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No product has this SKU", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["prices:read"]))
)]
pub async fn get_price(
    Allowed { key, .. }: Allowed<needs::PricesRead>,
    SkuPath(sku): SkuPath,
    State(site): State<Arc<Site>>,
) -> Result<Response, ApiError> {
    let moment = site.moment();
    let body = site.prices.with(sku.as_str(), |live| {
        let head = if sees_figures(&key) { &live.full } else { &live.public };
        let mut body = String::with_capacity(head.len() + moment.tail().len());
        body.push_str(head);
        body.push_str(moment.tail());
        body
    });
    if let Some(body) = body {
        return Ok(json_response(body));
    }
    let full = sees_figures(&key);
    let mut body: String = unpriced(&site, &sku, full).await?.into();
    body.push_str(moment.tail());
    Ok(json_response(body))
}

/// Whether the reasons of a price come with the shop's own figures.
fn sees_figures(key: &KnownKey) -> bool {
    key.scopes.contains(Scope::PricingRead)
}

/// A SKU that is not in memory: known without a price, or unknown.
async fn unpriced(site: &Site, sku: &Sku, full: bool) -> Result<Box<str>, ApiError> {
    let wanted = sku.clone();
    let product = site.store.read(move |tx| catalog::find(tx, &wanted)).await?;
    match product {
        Some(product) => {
            Ok(without_price(sku, product.currency, NoPrice::of(product.status), full))
        }
        None => Err(ApiError::unknown_sku(sku.as_str())),
    }
}

/// The SKUs whose prices are wanted.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchRequest {
    /// 1 to 1,000 SKUs; one named twice is answered twice.
    #[schema(example = json!(["85123A", "22423"]), min_items = 1, max_items = 1_000)]
    pub skus: Vec<String>,
}

/// An item of a batch that has no price because nothing has this SKU.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BatchError {
    /// Always `error`.
    #[schema(example = "error")]
    pub object: &'static str,
    /// The SKU as it was sent.
    pub sku: String,
    /// What is wrong.
    pub error: Problem,
}

/// One item of a batch.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum BatchItem {
    /// A price.
    Price(PriceView),
    /// No such product.
    Error(BatchError),
}

/// The prices of up to 1,000 products, in the order they were asked for. Each item is a price or
/// an error of its own; the whole is 200.
#[utoipa::path(
    post, path = "/v1/prices/batch", tag = "Prices", operation_id = "get_prices",
    request_body = BatchRequest,
    responses(
        (status = 200, description = "One item per SKU", body = ListView<BatchItem>),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "More than 1 MiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not sent as JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "No SKUs, or more than 1,000", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["prices:read"]))
)]
pub async fn get_prices(
    Allowed { key, .. }: Allowed<needs::PricesRead>,
    State(site): State<Arc<Site>>,
    JsonBody(request): JsonBody<BatchRequest>,
) -> Result<Response, ApiError> {
    if request.skus.is_empty() || request.skus.len() > BATCH_SKUS_MAX {
        return Err(ApiError::invalid(vec![FieldProblem {
            pointer: "/skus".to_owned(),
            detail: format!("send 1 to {BATCH_SKUS_MAX} SKUs; {} were sent", request.skus.len()),
        }]));
    }
    let moment = site.moment();
    let full = sees_figures(&key);
    let prices = site.prices.moment();
    let heads: Vec<Option<&str>> = request
        .skus
        .iter()
        .map(|sku| prices.get(sku).map(|live| if full { &*live.full } else { &*live.public }))
        .collect();
    let missing = heads.iter().zip(&request.skus).filter(|(head, _)| head.is_none());
    let missing: Vec<String> = missing.map(|(_, sku)| sku.clone()).collect();
    let mut unpriced = unpriced_items(&site, missing, full).await?.into_iter();
    let known: usize =
        heads.iter().flatten().map(|head| head.len() + moment.tail().len() + 1).sum();
    let mut body = String::with_capacity(known + unpriced.len() * 500 + 100);
    body.push_str("{\"object\":\"list\",\"data\":[");
    for (place, head) in heads.iter().enumerate() {
        if place > 0 {
            body.push(',');
        }
        if let Some(head) = head {
            body.push_str(head);
            body.push_str(moment.tail());
        } else if let Some(item) = unpriced.next() {
            match item {
                Unpriced::Known(head) => {
                    body.push_str(&head);
                    body.push_str(moment.tail());
                }
                Unpriced::Unknown(item) => body.push_str(&item),
            }
        }
    }
    body.push_str("],\"has_more\":false,\"url\":\"/v1/prices/batch\"}");
    Ok(json_response(body))
}

/// The item of a SKU that is not in memory.
enum Unpriced {
    /// A product without a price: the item up to what its moment adds.
    Known(Box<str>),
    /// No product: the whole item.
    Unknown(Box<str>),
}

/// One item for each SKU that is not in memory, in order.
async fn unpriced_items(
    site: &Site,
    missing: Vec<String>,
    full: bool,
) -> Result<Vec<Unpriced>, ApiError> {
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let found = site
        .store
        .read(move |tx| {
            missing
                .iter()
                .map(|text| {
                    let product = match Sku::parse(text) {
                        Ok(sku) => catalog::find(tx, &sku)?,
                        Err(_) => None,
                    };
                    Ok::<_, StoreError>(match product {
                        Some(product) => {
                            let why = NoPrice::of(product.status);
                            Unpriced::Known(without_price(
                                &product.sku,
                                product.currency,
                                why,
                                full,
                            ))
                        }
                        None => Unpriced::Unknown(error_item(text)),
                    })
                })
                .collect::<Result<Vec<_>, _>>()
        })
        .await?;
    Ok(found)
}

fn error_item(sku: &str) -> Box<str> {
    let item = BatchError {
        object: "error",
        sku: sku.to_owned(),
        error: ApiError::unknown_sku(sku).problem(None),
    };
    serde_json::to_string(&item).unwrap_or_default().into()
}

/// Why a price is what it is: the latest evaluation, what it was concluded from and under which settings.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ExplanationView {
    /// Always `price_explanation`.
    #[schema(example = "price_explanation")]
    pub object: &'static str,
    /// The SKU.
    pub sku: String,
    /// What the product costs now.
    pub price: MoneyView,
    /// What it was decided from.
    pub base_price: MoneyView,
    /// The rule or person the base price came from.
    #[schema(value_type = Option<Object>)]
    pub base_price_from: Option<serde_json::Value>,
    /// What the rules alone would charge, before guardrails.
    pub playbook_price: Option<MoneyView>,
    /// The strategy.
    pub strategy: String,
    /// Why, factor by factor. Base price plus all effects is the price.
    pub reasons: Vec<ReasonView>,
    /// What the guardrails allow, minor units, before the price ending; null when the price may not move.
    pub allowed: Option<AllowedView>,
    /// Whether a guardrail kept the old price.
    pub held: bool,
    /// The decision that set this price.
    pub decision_id: String,
    /// The price before it, minor units.
    pub from_minor: Option<i64>,
    /// When it was decided.
    #[schema(value_type = String, format = DateTime)]
    pub decided_at: Timestamp,
    /// Everything that decision was made from.
    #[schema(value_type = Object)]
    pub facts: serde_json::Value,
    /// The settings it was made under.
    #[schema(value_type = Object)]
    pub policy: serde_json::Value,
    /// The settings that hold now.
    #[schema(value_type = Option<Object>)]
    pub current_policy: Option<serde_json::Value>,
    /// Refreshes since then, whatever they changed elsewhere.
    pub refreshes_since: i64,
    /// The latest of them.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub refreshed_at: Option<Timestamp>,
}

/// An interval of prices.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct AllowedView {
    /// The lowest, minor units.
    pub min_minor: i64,
    /// The highest, minor units.
    pub max_minor: i64,
}

/// Why the price is what it is: the reasons, everything behind them, and the settings.
#[utoipa::path(
    get, path = "/v1/prices/{sku}/explain", tag = "Prices", operation_id = "explain_price",
    params(("sku" = String, Path, description = "The shop's own code, byte for byte", example = "85123A")),
    responses(
        (status = 200, description = "The explanation", body = ExplanationView),
        (status = 400, description = "The path is not UTF-8 text", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No product has this SKU, or it has no price yet", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["pricing:read"]))
)]
pub async fn explain_price(
    _: Allowed<needs::PricingRead>,
    SkuPath(sku): SkuPath,
    State(site): State<Arc<Site>>,
) -> Result<axum::Json<ExplanationView>, ApiError> {
    let wanted = sku.clone();
    let found = site
        .store
        .read(move |tx| {
            let Some(product) = catalog::find(tx, &wanted)? else { return Ok(None) };
            let Some(current) = pricing::find_current(tx, &wanted)? else {
                return Ok(Some((product, None)));
            };
            let kept = pricing::find_decision(tx, current.decision_id)?;
            let since = pricing::evaluations_since(tx, current.changed_at)?;
            Ok::<_, StoreError>(Some((product, kept.map(|kept| (current, kept, since)))))
        })
        .await?;
    let (product, decided) = found.ok_or_else(|| ApiError::unknown_sku(sku.as_str()))?;
    let Some((current, kept, since)) = decided else {
        return Err(ApiError::new(
            Code::NOT_FOUND,
            format!("{sku} has no price yet: there is no base price to decide from"),
        ));
    };
    let policy = effective_policy(&site.store, sku).await?;
    Ok(axum::Json(explanation(
        product,
        current,
        kept,
        since,
        policy.and_then(|p| serde_json::to_value(p).ok()),
    )?))
}

fn explanation(
    product: catalog::Product,
    current: CurrentPrice,
    kept: Decision,
    (refreshes_since, refreshed_at): (i64, Option<Timestamp>),
    current_policy: Option<serde_json::Value>,
) -> Result<ExplanationView, ApiError> {
    let money = |amount| MoneyView { amount, currency: current.currency };
    let decision: PriceDecision =
        serde_json::from_value(current.decision.clone()).map_err(|error| {
            ApiError::from(StoreError::Corrupt {
                table: "prices".into(),
                column: "decision".into(),
                id: current.sku.as_str().to_owned(),
                problem: error.to_string(),
            })
        })?;
    Ok(ExplanationView {
        object: "price_explanation",
        sku: current.sku.as_str().to_owned(),
        price: money(current.amount_minor),
        base_price: money(current.base_minor),
        base_price_from: product.base_price_from,
        playbook_price: decision.playbook_price_minor.map(money),
        strategy: current.strategy,
        reasons: reason_views(&decision.reasons, true),
        allowed: decision
            .allowed
            .map(|a| AllowedView { min_minor: a.min_minor, max_minor: a.max_minor }),
        held: decision.held,
        decision_id: current.decision_id.to_string(),
        from_minor: kept.from_minor,
        decided_at: kept.decided_at,
        facts: kept.facts,
        policy: kept.policy,
        current_policy,
        refreshes_since,
        refreshed_at,
    })
}

/// A page of a price's history.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HistoryQuery {
    /// Rows, 1 to 100; 10 when left out.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<i64>,
    /// A decision id: the page after it (older).
    pub starting_after: Option<String>,
    /// A decision id: the page before it (newer).
    pub ending_before: Option<String>,
}

/// A decision that changed a price.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PriceChangeView {
    /// Always `price_change`.
    #[schema(example = "price_change")]
    pub object: &'static str,
    /// The decision.
    pub decision_id: String,
    /// The SKU.
    pub sku: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub decided_at: Timestamp,
    /// The price before; null for the first one.
    pub from: Option<MoneyView>,
    /// The price from then on.
    pub to: MoneyView,
    /// The strategy.
    pub strategy: String,
    /// Why.
    pub reasons: Vec<ReasonView>,
}

/// Every change of a product's price, newest first.
#[utoipa::path(
    get, path = "/v1/prices/{sku}/history", tag = "Prices", operation_id = "list_price_changes",
    params(("sku" = String, Path, description = "The shop's own code, byte for byte", example = "85123A"), HistoryQuery),
    responses(
        (status = 200, description = "A page of changes", body = ListView<PriceChangeView>),
        (status = 400, description = "A parameter does not fit", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No product has this SKU", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["pricing:read"]))
)]
pub async fn list_price_changes(
    _: Allowed<needs::PricingRead>,
    SkuPath(sku): SkuPath,
    Query(query): Query<HistoryQuery>,
    State(site): State<Arc<Site>>,
) -> Result<axum::Json<ListView<PriceChangeView>>, ApiError> {
    let limit = PageLimit::read(query.limit)?.0;
    one_cursor(query.starting_after.as_deref(), query.ending_before.as_deref())?;
    let after = read_decision_id("starting_after", query.starting_after.as_deref())?;
    let before = read_decision_id("ending_before", query.ending_before.as_deref())?;
    let wanted = sku.clone();
    let rows = site
        .store
        .read(move |tx| {
            if catalog::find(tx, &wanted)?.is_none() {
                return Err(ApiError::unknown_sku(wanted.as_str()));
            }
            for (name, cursor) in [("starting_after", after), ("ending_before", before)] {
                check_cursor(tx, &wanted, name, cursor)?;
            }
            Ok(pricing::list_decisions(tx, &wanted, after, before, limit + 1)?)
        })
        .await?;
    let url = format!("/v1/prices/{}/history", path_segment(sku.as_str()));
    let changes = rows.into_iter().map(change_view).collect();
    Ok(axum::Json(ListView::page(changes, limit, before.is_some(), url)))
}

/// A decision of another product and one that never was are refused alike.
fn check_cursor(
    tx: &mut Tx<'_>,
    sku: &Sku,
    name: &str,
    cursor: Option<DecisionId>,
) -> Result<(), ApiError> {
    let Some(id) = cursor else { return Ok(()) };
    match pricing::find_decision(tx, id)? {
        Some(decision) if decision.sku == *sku => Ok(()),
        _ => Err(ApiError::new(
            Code::INVALID_PARAMETER,
            format!("{name}: {id} is no change of the price of {sku}"),
        )),
    }
}

fn read_decision_id(name: &str, text: Option<&str>) -> Result<Option<DecisionId>, ApiError> {
    text.map(str::parse)
        .transpose()
        .map_err(|error| ApiError::new(Code::INVALID_PARAMETER, format!("{name}: {error}")))
}

fn change_view(kept: Decision) -> PriceChangeView {
    let money = |amount| MoneyView { amount, currency: kept.currency };
    let decision: Option<PriceDecision> = serde_json::from_value(kept.decision).ok();
    PriceChangeView {
        object: "price_change",
        decision_id: kept.decision_id.to_string(),
        sku: kept.sku.as_str().to_owned(),
        decided_at: kept.decided_at,
        from: kept.from_minor.map(money),
        to: money(kept.to_minor),
        strategy: kept.strategy,
        reasons: reason_views(decision.as_ref().map_or(&[], |d| &d.reasons), true),
    }
}

impl Site {
    /// What this moment adds to every price.
    pub fn moment(&self) -> Moment {
        Moment::new(self.clock.now(), self.prices.is_stale())
    }
}
