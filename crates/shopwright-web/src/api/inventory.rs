//! Stock, to read.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use shopwright_domain::time::Timestamp;
use shopwright_store::{StoreError, catalog, inventory};
use utoipa::ToSchema;

use crate::Site;
use crate::auth::{Allowed, needs};
use crate::input::SkuPath;
use crate::problem::{ApiError, Problem};

/// The stock of one product.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StockView {
    /// Always `stock`.
    #[schema(example = "stock")]
    pub object: &'static str,
    /// The SKU.
    #[schema(example = "85123A")]
    pub sku: String,
    /// Whether the SKU has an opening count; without one its stock is not known.
    pub tracked: bool,
    /// Pieces that can be sold now; null while untracked.
    #[schema(example = 42)]
    pub available_to_sell: Option<i64>,
    /// By location.
    pub levels: Vec<StockLevelView>,
}

/// The stock of one product at one location.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StockLevelView {
    /// The location.
    #[schema(example = "main")]
    pub location: String,
    /// Pieces on the shelf: the sum of all movements.
    #[schema(example = 42)]
    pub on_hand: i64,
    /// When the opening count was taken.
    #[schema(value_type = String, format = DateTime)]
    pub counted_at: Timestamp,
}

/// The stock of one product.
#[utoipa::path(
    get, path = "/v1/stock/{sku}", tag = "Stock", operation_id = "get_stock",
    params(("sku" = String, Path, description = "The shop's own code, byte for byte", example = "85123A")),
    responses(
        (status = 200, description = "The stock", body = StockView),
        (status = 400, description = "The path is not UTF-8 text", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No product has this SKU", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["stock:read"]))
)]
pub async fn get_stock(
    _: Allowed<needs::StockRead>,
    SkuPath(sku): SkuPath,
    State(site): State<Arc<Site>>,
) -> Result<axum::Json<StockView>, ApiError> {
    let wanted = sku.clone();
    let levels = site
        .store
        .read(move |tx| {
            if catalog::find(tx, &wanted)?.is_none() {
                return Ok::<_, StoreError>(None);
            }
            inventory::levels_of(tx, &wanted).map(Some)
        })
        .await?
        .ok_or_else(|| ApiError::unknown_sku(sku.as_str()))?;
    Ok(axum::Json(StockView {
        object: "stock",
        sku: sku.as_str().to_owned(),
        tracked: !levels.is_empty(),
        available_to_sell: (!levels.is_empty()).then(|| levels.iter().map(|l| l.on_hand).sum()),
        levels: levels
            .into_iter()
            .map(|l| StockLevelView {
                location: l.location,
                on_hand: l.on_hand,
                counted_at: l.counted_at,
            })
            .collect(),
    }))
}
