//! Promotions: a factor on prices for a time.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use shopwright_app::pricing::{
    PolicyScope, PromotionError, StartPromotion, end_promotion, start_promotion,
};
use shopwright_domain::ids::{PromotionId, new_id};
use shopwright_domain::money::Factor;
use shopwright_domain::time::{SECOND, Timestamp};
use shopwright_store::promotions::{self, Promotion};
use utoipa::{IntoParams, ToSchema};

use super::view::ListView;
use crate::Site;
use crate::answer::Answer;
use crate::auth::{Allowed, needs};
use crate::input::{Cursor, JsonBody, PathText, Query};
use crate::once::Once;
use crate::problem::{ApiError, Code, Problem};

/// RFC 3339 knows no earlier year, and PostgreSQL keeps no times much earlier.
const YEAR_0: Timestamp = Timestamp::from_micros(-62_167_219_200 * SECOND);

/// A promotion to make.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPromotion {
    /// What it is called.
    #[schema(example = "Winter sale", min_length = 1, max_length = 200)]
    pub name: String,
    /// `store`, `category` or `sku`.
    #[schema(example = "store", pattern = "^(store|category|sku)$")]
    pub scope: String,
    /// The category path or the SKU; left out for the store.
    #[serde(default)]
    #[schema(max_length = 200)]
    pub key: String,
    /// What prices are multiplied with, a decimal above 0.
    #[schema(value_type = String, example = "0.9", pattern = r"^\d{1,2}(\.\d{1,6})?$")]
    pub factor: Factor,
    /// Whether prices stand still while it runs.
    #[serde(default)]
    pub locks_price: bool,
    /// From this moment on,
    #[schema(value_type = String, format = DateTime, example = "2026-12-01T00:00:00Z")]
    pub starts_at: Timestamp,
    /// and until just before this one.
    #[schema(value_type = String, format = DateTime, example = "2026-12-24T00:00:00Z")]
    pub ends_at: Timestamp,
}

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
    /// `store`, `category` or `sku`.
    pub scope: String,
    /// The category path or the SKU.
    pub key: String,
    /// What prices are multiplied with.
    #[schema(value_type = String, example = "0.9")]
    pub factor: Factor,
    /// Whether prices stand still while it runs.
    pub locks_price: bool,
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
        Self {
            object: "promotion",
            id: promotion.promotion_id.to_string(),
            name: promotion.name,
            scope: promotion.scope,
            key: promotion.scope_key,
            factor: promotion.factor,
            locks_price: promotion.locks_price,
            starts_at: promotion.starts_at,
            ends_at: promotion.ends_at,
            created_at: promotion.created_at,
        }
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
    if new.starts_at < YEAR_0 {
        return Err(ApiError::field("/starts_at", "write a time in the years 0000 to 9999"));
    }
    let scope = PolicyScope::parse(&new.scope, &new.key).ok_or_else(|| {
        ApiError::field(
            "/scope",
            "use store without a key, category with a path, or sku with a SKU",
        )
    })?;
    let command = StartPromotion {
        promotion_id: new_id(site.ids.as_ref()),
        name: new.name,
        scope,
        factor: new.factor,
        locks_price: new.locks_price,
        starts_at: new.starts_at,
        ends_at: new.ends_at,
    };
    let stamp = once.stamp();
    once.write(move |tx| {
        let made = start_promotion(tx, &command, stamp).map_err(promotion_error)?;
        let location = format!("/v1/promotions/{}", made.promotion_id);
        Answer::created(location, &PromotionView::from(made))
    })
    .await
}

fn promotion_error(error: PromotionError) -> ApiError {
    let text = error.to_string();
    match error {
        PromotionError::Name => ApiError::field("/name", text),
        PromotionError::Factor => ApiError::field("/factor", text),
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
    let rows = site.store.read(move |tx| promotions::list(tx, &cursor.page())).await?;
    let data = rows.into_iter().map(PromotionView::from).collect();
    let (limit, backwards) = (cursor.limit, cursor.is_backwards());
    Ok(axum::Json(ListView::page(data, limit, backwards, "/v1/promotions".to_owned())))
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
