//! Our prices on the shop's platform: what it shows beside them, and telling it again.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use shopwright_app::publish::{publish_again as publish_again_in, schedule_drift_check};
use shopwright_domain::catalog::Sku;
use shopwright_domain::ids::{EffectId, new_id};
use shopwright_domain::platforms::Platform;
use shopwright_domain::time::Timestamp;
use shopwright_store::publishing::{self, Drift};
use shopwright_store::{Place, StoreError, catalog, effects};
use utoipa::{IntoParams, ToSchema};

use super::effects::EffectView;
use super::view::{ListView, MoneyView};
use crate::Site;
use crate::answer::Answer;
use crate::auth::{Allowed, needs};
use crate::input::{JsonBody, PageLimit, Query, no_nul, one_cursor};
use crate::once::Once;
use crate::problem::{ApiError, Code, Problem};

fn platform(site: &Site) -> Result<Platform, ApiError> {
    site.publishes_to.ok_or_else(|| {
        let detail =
            "prices are published nowhere; set `publish` to shopify or woocommerce and restart";
        ApiError::new(Code::WRONG_STATE, detail)
    })
}

/// A variant whose platform shows another price than ours, did not take it, or has lost it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DriftView {
    /// Always `price_drift`.
    #[schema(example = "price_drift")]
    pub object: &'static str,
    /// What the platform calls the variant.
    #[schema(example = "44000000000011")]
    pub id: String,
    /// What the platform calls its product.
    #[schema(example = "8000000000001")]
    pub product_id: String,
    /// Our product.
    #[schema(example = "85123A")]
    pub sku: String,
    /// `different`, `refused` or `missing`.
    #[schema(example = "different", pattern = "^(different|refused|missing)$")]
    pub problem: &'static str,
    /// Our price.
    pub ours: MoneyView,
    /// What the platform showed when it was last heard of.
    pub shown: Option<MoneyView>,
    /// When that was.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub shown_at: Option<Timestamp>,
    /// Since when it was seen to show another price.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub differs_since: Option<Timestamp>,
    /// Why it did not take our price.
    pub error: Option<String>,
}

impl From<Drift> for DriftView {
    fn from(drift: Drift) -> Self {
        let money = |amount| MoneyView { amount, currency: drift.currency };
        let problem = if drift.removed_at.is_some() {
            "missing"
        } else if drift.publish_error.is_some() {
            "refused"
        } else {
            "different"
        };
        Self {
            object: "price_drift",
            id: drift.ids.variant_id,
            product_id: drift.ids.product_id,
            sku: drift.sku.as_str().to_owned(),
            problem,
            ours: money(drift.amount_minor),
            shown: drift.shown.map(|(amount, _)| money(amount)),
            shown_at: drift.shown.map(|(_, at)| at),
            differs_since: drift.differs_since,
            error: drift.publish_error,
        }
    }
}

/// A page of what differs.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DriftQuery {
    /// Rows, 1 to 100; 10 when left out.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<i64>,
    /// A variant's id: the page after it.
    pub starting_after: Option<String>,
    /// A variant's id: the page before it.
    pub ending_before: Option<String>,
}

/// Where the shop's platform does not show our price, by its ids of variants. It is looked at every
/// `drift_check_minutes`, and when somebody asks.
#[utoipa::path(
    get, path = "/v1/shop/drift", tag = "Shop platform", operation_id = "list_price_drift",
    params(DriftQuery),
    responses(
        (status = 200, description = "A page of variants that differ", body = ListView<DriftView>),
        (status = 400, description = "A parameter does not fit", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Prices are published nowhere", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["pricing:read"]))
)]
pub async fn list_drift(
    _: Allowed<needs::PricingRead>,
    Query(query): Query<DriftQuery>,
    State(site): State<Arc<Site>>,
) -> Result<axum::Json<ListView<DriftView>>, ApiError> {
    let limit = PageLimit::read(query.limit)?.0;
    one_cursor(query.starting_after.as_deref(), query.ending_before.as_deref())?;
    let after = no_nul("starting_after", query.starting_after)?;
    let before = no_nul("ending_before", query.ending_before)?;
    let platform = platform(&site)?;
    let backwards = before.is_some();
    let place = match (after, before) {
        (Some(id), _) => Place::After(id),
        (_, Some(id)) => Place::Before(id),
        _ => Place::First,
    };
    let rows =
        site.store.read(move |tx| publishing::drifting(tx, platform, &place, limit + 1)).await?;
    let data = rows.into_iter().map(DriftView::from).collect();
    Ok(axum::Json(ListView::page(data, limit, backwards, "/v1/shop/drift".to_owned())))
}

/// Has the shop's platform looked at now. The job shows when it is done.
#[utoipa::path(
    post, path = "/v1/shop/drift_check", tag = "Shop platform", operation_id = "check_price_drift",
    responses(
        (status = 202, description = "On its way: the job that looks", body = EffectView),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Prices are published nowhere", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["pricing:write"]))
)]
pub async fn check_drift(
    _: Allowed<needs::PricingWrite>,
    once: Once,
    State(site): State<Arc<Site>>,
) -> Result<Response, ApiError> {
    let platform = platform(&site)?;
    let id: EffectId = new_id(site.ids.as_ref());
    let now = site.clock.now();
    once.write(move |tx| {
        schedule_drift_check(tx, platform, &id.to_string(), id, now)?;
        let job = effects::find(tx, id)?
            .ok_or_else(|| StoreError::Bug("a job was not kept".to_owned()))?;
        Answer::with_body(StatusCode::ACCEPTED, &EffectView::from(job))
    })
    .await
}

/// Whose price is told again.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishAgainBody {
    /// One product; everything that differs when left out.
    #[schema(value_type = Option<String>, example = "85123A")]
    #[serde(default)]
    pub sku: Option<Sku>,
}

/// How much is told again.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PublishAgainView {
    /// Always `publish_again`.
    #[schema(example = "publish_again")]
    pub object: &'static str,
    /// Variants that were seen to differ or were refused, and are told their price again.
    #[schema(example = 1)]
    pub variants: u64,
}

/// Tells the platform our price again where it was seen to show another one, or refused ours. What
/// somebody changed there by hand is overwritten.
#[utoipa::path(
    post, path = "/v1/shop/publish_again", tag = "Shop platform", operation_id = "publish_prices_again",
    request_body = PublishAgainBody,
    responses(
        (status = 200, description = "How many variants", body = PublishAgainView),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No product has this SKU", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Prices are published nowhere", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "More than 1 MiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not sent as JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field does not fit", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["pricing:write"]))
)]
pub async fn publish_again(
    _: Allowed<needs::PricingWrite>,
    once: Once,
    State(site): State<Arc<Site>>,
    JsonBody(body): JsonBody<PublishAgainBody>,
) -> Result<Response, ApiError> {
    let platform = platform(&site)?;
    once.write(move |tx| {
        if let Some(sku) = &body.sku
            && catalog::find(tx, sku)?.is_none()
        {
            return Err(ApiError::unknown_sku(sku.as_str()));
        }
        let variants = publish_again_in(tx, platform, body.sku.as_ref())?;
        Answer::ok(&PublishAgainView { object: "publish_again", variants })
    })
    .await
}
