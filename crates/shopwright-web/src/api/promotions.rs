//! Promotions: what they do to prices, and for how long.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use shopwright_app::pricing::{
    PromotionError, change_promotion as change_promotion_in, end_promotion, start_promotion,
};
use shopwright_domain::catalog::Sku;
use shopwright_domain::ids::{PromotionId, new_id};
use shopwright_domain::money::Factor;
use shopwright_domain::promotions::{PromotionEffect, PromotionScope};
use shopwright_domain::time::Timestamp;
use shopwright_store::promotions::{self, Promotion, PromotionFilter};
use utoipa::{IntoParams, ToSchema};

use super::promotion_body::NewPromotion;
use super::view::{ListView, MoneyView};
use crate::Site;
use crate::answer::Answer;
use crate::auth::{Allowed, needs};
use crate::etag::{EntityTag, IfMatch};
use crate::input::{Cursor, JsonBody, PathText, Query};
use crate::once::Once;
use crate::problem::{ApiError, Code, Problem};

/// What a promotion can cover.
const SCOPES: [&str; 4] = ["store", "category", "sku", "several"];

/// A promotion.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PromotionView {
    /// Always `promotion`.
    #[schema(example = "promotion")]
    pub object: &'static str,
    /// Its id.
    #[schema(example = "prm_01h455vb4pex5vsknk084sn02q")]
    pub id: String,
    /// What it is called.
    pub name: String,
    /// `store`, `category`, `sku`, or `several` with the lists below.
    pub scope: &'static str,
    /// The category path or the SKU.
    pub key: String,
    /// Products it covers, when several.
    pub skus: Vec<String>,
    /// Categories it covers, when several.
    pub categories: Vec<String>,
    /// What prices are multiplied with, if it says that.
    #[schema(value_type = Option<String>, example = "0.9")]
    pub factor: Option<Factor>,
    /// What is taken off in percent, if it says that.
    #[schema(value_type = Option<String>, example = "12.5")]
    pub percent_off: Option<Factor>,
    /// What is taken off each piece, if it says that.
    pub amount_off: Option<MoneyView>,
    /// What a piece costs instead, if it says that.
    pub price: Option<MoneyView>,
    /// Whether prices stand still while it runs.
    pub locks_price: bool,
    /// Whether it is shown to buyers as a reduction.
    pub announced: bool,
    /// Of several, the highest counts first.
    pub priority: i64,
    /// Whether it counts beside the first one.
    pub stackable: bool,
    /// From this moment on,
    #[schema(value_type = String, format = DateTime)]
    pub starts_at: Timestamp,
    /// and until just before this one.
    #[schema(value_type = String, format = DateTime)]
    pub ends_at: Timestamp,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

impl From<Promotion> for PromotionView {
    fn from(promotion: Promotion) -> Self {
        let texts = |skus: Vec<Sku>| skus.iter().map(|sku| sku.as_str().to_owned()).collect();
        let (scope, key, skus, categories) = match promotion.scope {
            PromotionScope::Store => ("store", String::new(), Vec::new(), Vec::new()),
            PromotionScope::Category(path) => ("category", path, Vec::new(), Vec::new()),
            PromotionScope::Sku(sku) => ("sku", sku.as_str().to_owned(), Vec::new(), Vec::new()),
            PromotionScope::Several { skus, categories } => {
                ("several", String::new(), texts(skus), categories)
            }
        };
        let mut view = Self {
            object: "promotion",
            id: promotion.promotion_id.to_string(),
            name: promotion.name,
            scope,
            key,
            skus,
            categories,
            factor: None,
            percent_off: None,
            amount_off: None,
            price: None,
            locks_price: promotion.locks_price,
            announced: promotion.announced,
            priority: promotion.priority,
            stackable: promotion.stackable,
            starts_at: promotion.starts_at,
            ends_at: promotion.ends_at,
            created_at: promotion.created_at,
        };
        match promotion.effect {
            PromotionEffect::Factor(factor) => view.factor = Some(factor),
            PromotionEffect::PercentOff(percent) => view.percent_off = Some(percent),
            PromotionEffect::AmountOff(money) => view.amount_off = Some(money.into()),
            PromotionEffect::Price(money) => view.price = Some(money.into()),
        }
        view
    }
}

/// Makes a promotion. Prices follow when it starts and when it ends.
#[utoipa::path(
    post, path = "/v1/promotions", tag = "Promotions", operation_id = "create_promotion",
    request_body = NewPromotion,
    responses(
        (status = 201, description = "Made", body = PromotionView),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No product has this SKU", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "More than 1 MiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not sent as JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field does not fit", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["promotions:write"]))
)]
pub async fn create_promotion(
    _: Allowed<needs::PromotionsWrite>,
    once: Once,
    State(site): State<Arc<Site>>,
    JsonBody(new): JsonBody<NewPromotion>,
) -> Result<Response, ApiError> {
    let wanted = new.wanted()?;
    let id: PromotionId = new_id(site.ids.as_ref());
    let stamp = once.stamp();
    once.write(move |tx| {
        let made = start_promotion(tx, id, &wanted, stamp).map_err(promotion_error)?;
        let tag = EntityTag::version(made.version);
        let location = format!("/v1/promotions/{}", made.promotion_id);
        Ok(Answer::created(location, &PromotionView::from(made))?.tagged(&tag))
    })
    .await
}

fn promotion_error(error: PromotionError) -> ApiError {
    let text = error.to_string();
    match error {
        PromotionError::Name => ApiError::field("/name", text),
        PromotionError::Scope => ApiError::field("/skus", text),
        PromotionError::Factor => ApiError::field("/factor", text),
        PromotionError::Percent => ApiError::field("/percent_off", text),
        PromotionError::Amount => ApiError::field("/amount_off", text),
        PromotionError::Priority => ApiError::field("/priority", text),
        PromotionError::NotFound(_) => ApiError::new(Code::NOT_FOUND, text),
        PromotionError::Started(_) => ApiError::new(Code::PROMOTION_STARTED, text),
        PromotionError::Times => ApiError::field("/ends_at", text),
        PromotionError::UnknownSku(sku) => ApiError::unknown_sku(sku.as_str()),
        PromotionError::Store(error) => error.into(),
    }
}

/// A page of promotions.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PromotionsQuery {
    /// Rows, 1 to 100; 10 when left out.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<i64>,
    /// A promotion id: the page after it (older).
    pub starting_after: Option<String>,
    /// A promotion id: the page before it (newer).
    pub ending_before: Option<String>,
    /// Only those that run at this time.
    #[param(value_type = Option<String>, format = DateTime)]
    pub active_at: Option<Timestamp>,
    /// Only `store`, `category`, `sku` or `several`.
    #[param(pattern = "^(store|category|sku|several)$")]
    pub scope: Option<String>,
}

/// All promotions, newest first.
#[utoipa::path(
    get, path = "/v1/promotions", tag = "Promotions", operation_id = "list_promotions",
    params(PromotionsQuery),
    responses(
        (status = 200, description = "A page of promotions", body = ListView<PromotionView>),
        (status = 400, description = "A parameter does not fit", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["promotions:read"]))
)]
pub async fn list_promotions(
    _: Allowed<needs::PromotionsRead>,
    Query(query): Query<PromotionsQuery>,
    State(site): State<Arc<Site>>,
) -> Result<axum::Json<ListView<PromotionView>>, ApiError> {
    let cursor: Cursor<PromotionId> =
        Cursor::read(query.limit, query.starting_after, query.ending_before)?;
    if query.scope.as_deref().is_some_and(|scope| !SCOPES.contains(&scope)) {
        let detail = format!("scope must be one of {}", SCOPES.join(", "));
        return Err(ApiError::new(Code::INVALID_PARAMETER, detail));
    }
    let filter = PromotionFilter { active_at: query.active_at, scope: query.scope };
    let (limit, backwards, page) = (cursor.limit, cursor.is_backwards(), cursor.page());
    let rows = site.store.read(move |tx| promotions::list(tx, &filter, &page)).await?;
    let data = rows.into_iter().map(PromotionView::from).collect();
    Ok(axum::Json(ListView::page(data, limit, backwards, "/v1/promotions".to_owned())))
}

fn unknown(id: &str) -> ApiError {
    ApiError::new(Code::NOT_FOUND, format!("there is no promotion {id}"))
}

fn shown(promotion: Promotion) -> Result<Answer, ApiError> {
    let tag = EntityTag::version(promotion.version);
    Ok(Answer::ok(&PromotionView::from(promotion))?.tagged(&tag))
}

/// One promotion.
#[utoipa::path(
    get, path = "/v1/promotions/{id}", tag = "Promotions", operation_id = "get_promotion",
    params(("id" = String, Path, description = "The promotion", example = "prm_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 200, description = "The promotion; `ETag` is its version", body = PromotionView),
        (status = 400, description = "The path is not UTF-8 text", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No promotion has this id", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["promotions:read"]))
)]
pub async fn get_promotion(
    _: Allowed<needs::PromotionsRead>,
    PathText(id): PathText<String>,
    State(site): State<Arc<Site>>,
) -> Result<Answer, ApiError> {
    let wanted: PromotionId = id.parse().map_err(|_| unknown(&id))?;
    let found = site.store.read(move |tx| promotions::find(tx, wanted)).await?;
    shown(found.ok_or_else(|| unknown(&id))?)
}

/// Replaces a promotion that has not started.
#[utoipa::path(
    put, path = "/v1/promotions/{id}", tag = "Promotions", operation_id = "change_promotion",
    params(("id" = String, Path, description = "The promotion", example = "prm_01h455vb4pex5vsknk084sn02q")),
    request_body = NewPromotion,
    responses(
        (status = 200, description = "The promotion as it is kept", body = PromotionView),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No promotion has this id, or no product a SKU", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It has started", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "It was changed since the version in `If-Match`", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "More than 1 MiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not sent as JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field does not fit", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["promotions:write"]))
)]
pub async fn change_promotion(
    _: Allowed<needs::PromotionsWrite>,
    once: Once,
    if_match: IfMatch,
    PathText(id): PathText<String>,
    JsonBody(body): JsonBody<NewPromotion>,
) -> Result<Response, ApiError> {
    let id: PromotionId = id.parse().map_err(|_| unknown(&id))?;
    let wanted = body.wanted()?;
    let stamp = once.stamp();
    once.write(move |tx| {
        let kept = promotions::lock(tx, id)?.ok_or_else(|| unknown(&id.to_string()))?;
        if_match.check(Some(&EntityTag::version(kept.version)))?;
        shown(change_promotion_in(tx, id, &wanted, stamp).map_err(promotion_error)?)
    })
    .await
}

/// Ends a promotion now, or cancels one that has not started.
#[utoipa::path(
    post, path = "/v1/promotions/{id}/end", tag = "Promotions", operation_id = "end_promotion",
    params(("id" = String, Path, description = "The promotion", example = "prm_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 204, description = "Ended"),
        (status = 400, description = "The path is not UTF-8 text", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No promotion with this id runs or is to come", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["promotions:write"]))
)]
pub async fn end_promotion_now(
    _: Allowed<needs::PromotionsWrite>,
    once: Once,
    PathText(id): PathText<String>,
) -> Result<Response, ApiError> {
    let gone =
        |id: &str| ApiError::new(Code::NOT_FOUND, format!("no promotion {id} runs or is to come"));
    let parsed: PromotionId = id.parse().map_err(|_| gone(&id))?;
    let stamp = once.stamp();
    once.write(move |tx| {
        if end_promotion(tx, parsed, stamp)? { Ok(Answer::no_content()) } else { Err(gone(&id)) }
    })
    .await
}
