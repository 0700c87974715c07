//! Competitors' prices taken in, many in a call, with an answer for each.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use shopwright_app::competitors::{CompetitorError, SeenPrice, confidence_bps, take_price};
use shopwright_domain::catalog::Sku;
use shopwright_domain::invalid::InvalidField;
use shopwright_domain::money::Factor;
use shopwright_domain::time::Timestamp;
use shopwright_store::competitors::Observation;
use utoipa::ToSchema;

use super::competitors::field_of;
use super::view::MoneyBody;
use crate::Site;
use crate::answer::Answer;
use crate::auth::{Allowed, needs};
use crate::input::JsonBody;
use crate::once::Once;
use crate::problem::{ApiError, FieldProblem, Problem};

/// Prices in one call.
const PRICES_MAX: usize = 1_000;

/// A price of a competitor as it was seen.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCompetitorPrice {
    /// Your code for the competitor; one that is not known yet is made.
    #[schema(example = "rival-candles", min_length = 1, max_length = 100)]
    pub competitor: String,
    /// Our product.
    #[schema(value_type = String, example = "85123A")]
    pub sku: Sku,
    /// What they charge, in our product's currency.
    pub price: MoneyBody,
    /// What they charge for sending it.
    #[serde(default)]
    pub shipping: Option<MoneyBody>,
    /// Whether they have it; they do when left out.
    #[serde(default = "yes")]
    pub in_stock: bool,
    /// When it was seen; now when left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(default)]
    pub observed_at: Option<Timestamp>,
    /// Where they show it.
    #[schema(max_length = 2_000)]
    #[serde(default)]
    pub url: Option<String>,
    /// How sure it is that it is the same product, 0 to 1; sure when left out.
    #[schema(value_type = Option<String>, example = "0.95", pattern = r"^(0(\.\d{1,4})?|1(\.0{1,4})?)$")]
    #[serde(default)]
    pub confidence: Option<Factor>,
    /// Take it also when it is ten times the base price or a tenth of it.
    #[serde(default)]
    pub force: bool,
}

fn yes() -> bool {
    true
}

/// Prices that were seen.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CompetitorPricesBody {
    /// 1 to 1,000 prices.
    #[schema(min_items = 1, max_items = 1_000)]
    pub prices: Vec<NewCompetitorPrice>,
}

/// What became of one price.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CompetitorPriceTaken {
    /// `taken`, `known` when that moment of that competitor was known, or `error`.
    #[schema(example = "taken", pattern = "^(taken|known|error)$")]
    pub result: &'static str,
    /// What does not fit.
    pub errors: Vec<FieldProblem>,
}

/// What became of each.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CompetitorPricesTaken {
    /// Always `competitor_prices_taken`.
    #[schema(example = "competitor_prices_taken")]
    pub object: &'static str,
    /// How many were taken.
    pub taken: usize,
    /// How many were known.
    pub known: usize,
    /// How many do not fit.
    pub failed: usize,
    /// One for each price, in their order.
    pub data: Vec<CompetitorPriceTaken>,
}

/// Takes in competitors' prices. Prices of ours that look at them follow within a second. Where not one
/// of them fits the answer is 422.
#[utoipa::path(
    post, path = "/v1/competitor_prices", tag = "Competitors", operation_id = "take_competitor_prices",
    request_body(content = CompetitorPricesBody, example = json!({"prices": [
        {"competitor": "rival-candles", "sku": "85123A", "price": {"amount": 289, "currency": "GBP"}},
    ]})),
    responses(
        (status = 200, description = "What became of each", body = CompetitorPricesTaken),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "More than 1 MiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not sent as JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "None fits, or none or more than 1,000 prices", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["pricing:write"]))
)]
pub async fn take_prices(
    _: Allowed<needs::PricingWrite>,
    once: Once,
    State(site): State<Arc<Site>>,
    JsonBody(body): JsonBody<CompetitorPricesBody>,
) -> Result<Response, ApiError> {
    if !(1..=PRICES_MAX).contains(&body.prices.len()) {
        return Err(ApiError::field("/prices", format!("send 1 to {PRICES_MAX} prices")));
    }
    let now = site.clock.now();
    let read: Vec<Result<SeenPrice, FieldProblem>> =
        body.prices.into_iter().map(|price| read(price, now)).collect();
    // Rows are touched in the order of their keys, whatever order they were sent in.
    let mut order: Vec<usize> = (0..read.len()).collect();
    order.sort_by_key(|place| {
        read[*place].as_ref().ok().map(|p| (p.seen.competitor.clone(), p.seen.sku.clone()))
    });
    once.write(move |tx| {
        let mut data: Vec<Option<CompetitorPriceTaken>> = vec![None; read.len()];
        for place in &order {
            let outcome = match &read[*place] {
                Err(problem) => Err(problem.clone()),
                Ok(price) => match take_price(tx, price, now) {
                    Ok(new) => Ok(if new { "taken" } else { "known" }),
                    Err(CompetitorError::Store(error)) => return Err(error.into()),
                    Err(error) => Err(problem(&error)),
                },
            };
            data[*place] = Some(match outcome {
                Ok(result) => CompetitorPriceTaken { result, errors: Vec::new() },
                Err(problem) => CompetitorPriceTaken { result: "error", errors: vec![problem] },
            });
        }
        answer(data.into_iter().flatten().collect())
    })
    .await
}

fn answer(data: Vec<CompetitorPriceTaken>) -> Result<Answer, ApiError> {
    let count = |result: &str| data.iter().filter(|row| row.result == result).count();
    let (taken, known, failed) = (count("taken"), count("known"), count("error"));
    if failed == data.len() {
        let errors = data.into_iter().enumerate().flat_map(|(place, row)| {
            row.errors.into_iter().map(move |error| FieldProblem {
                pointer: format!("/prices/{place}{}", error.pointer),
                detail: error.detail,
            })
        });
        return Err(ApiError::invalid(errors.collect()));
    }
    let object = "competitor_prices_taken";
    Answer::ok(&CompetitorPricesTaken { object, taken, known, failed, data })
}

fn problem(error: &CompetitorError) -> FieldProblem {
    FieldProblem { pointer: field_of(error).to_owned(), detail: error.to_string() }
}

fn read(price: NewCompetitorPrice, now: Timestamp) -> Result<SeenPrice, FieldProblem> {
    let currency = price.price.currency;
    let mut found: Vec<InvalidField> = Vec::new();
    let shipping = price.shipping.map(|money| money.within(currency, "/shipping", &mut found));
    if let Some(first) = found.into_iter().next() {
        return Err(FieldProblem { pointer: first.pointer, detail: first.problem });
    }
    let confidence = price.confidence.map(confidence_bps).transpose().map_err(|e| problem(&e))?;
    Ok(SeenPrice {
        seen: Observation {
            competitor: price.competitor,
            sku: price.sku,
            observed_at: price.observed_at.unwrap_or(now),
            price_minor: price.price.amount,
            shipping_minor: shipping,
            currency,
            in_stock: price.in_stock,
            source: "api".to_owned(),
            is_forced: price.force,
        },
        url: price.url,
        confidence_bps: confidence,
    })
}
