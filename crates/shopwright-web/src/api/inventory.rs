//! Stock of one SKU: what can be sold and what lies where.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use shopwright_app::inventory::set_backorder_in;
use shopwright_domain::catalog::Sku;
use shopwright_domain::time::Timestamp;
use shopwright_store::Tx;
use shopwright_store::inventory::levels::{self, Level};
use shopwright_store::inventory::shelf;
use utoipa::ToSchema;

use crate::Site;
use crate::answer::Answer;
use crate::auth::{Allowed, needs};
use crate::input::{JsonBody, SkuPath};
use crate::once::Once;
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
    /// Pieces on all shelves; null while untracked.
    #[schema(example = 42)]
    pub on_hand: Option<i64>,
    /// Pieces held by reservations that have not expired.
    #[schema(example = 2)]
    pub reserved: Option<i64>,
    /// Pieces sold and not shipped.
    #[schema(example = 3)]
    pub committed: Option<i64>,
    /// Pieces that can be sold from the shelves now; a location that is oversold takes none of
    /// another's. Null while untracked.
    #[schema(example = 37)]
    pub available_to_sell: Option<i64>,
    /// Whether more may be sold than can be shipped now.
    pub backorder: bool,
    /// When the next delivery is due anywhere; what is backordered is promised for it.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_delivery_at: Option<Timestamp>,
    /// By location.
    pub levels: Vec<StockLevelView>,
}

/// The stock of one product at one location.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StockLevelView {
    /// The location.
    #[schema(example = "main")]
    pub location: String,
    /// `ours`: never oversold; or `external`: a mirror of what a shop platform says, a little late.
    #[schema(example = "ours")]
    pub authority: &'static str,
    /// Pieces on the shelf: the sum of all movements.
    #[schema(example = 42)]
    pub on_hand: i64,
    /// Pieces held by reservations that have not expired.
    #[schema(example = 2)]
    pub reserved: i64,
    /// Pieces sold and not shipped.
    #[schema(example = 3)]
    pub committed: i64,
    /// On hand less reserved less committed; below zero where more is promised than lies there.
    #[schema(example = 37)]
    pub available_to_sell: i64,
    /// Pieces that were promised from the shelf and are lost; 0 where a backorder is allowed.
    #[schema(example = 0)]
    pub oversold_by: i64,
    /// When the next delivery to this location is due.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_delivery_at: Option<Timestamp>,
    /// When the opening count was taken.
    #[schema(value_type = String, format = DateTime)]
    pub counted_at: Timestamp,
}

impl From<Level> for StockLevelView {
    fn from(level: Level) -> Self {
        let available = level.facts.available();
        Self {
            authority: level.authority.as_str(),
            on_hand: level.facts.on_hand,
            reserved: level.facts.reserved,
            committed: level.facts.committed,
            available_to_sell: available,
            oversold_by: if level.facts.backorder { 0 } else { (-available).max(0) },
            next_delivery_at: level.facts.incoming_at,
            counted_at: level.counted_at,
            location: level.facts.location,
        }
    }
}

fn stock_view(sku: &Sku, backorder: bool, levels: Vec<Level>) -> StockView {
    let sum = |of: fn(&Level) -> i64| (!levels.is_empty()).then(|| levels.iter().map(of).sum());
    StockView {
        object: "stock",
        sku: sku.as_str().to_owned(),
        tracked: !levels.is_empty(),
        on_hand: sum(|level| level.facts.on_hand),
        reserved: sum(|level| level.facts.reserved),
        committed: sum(|level| level.facts.committed),
        available_to_sell: sum(|level| level.facts.available().max(0)),
        backorder,
        next_delivery_at: levels.iter().filter_map(|level| level.facts.incoming_at).min(),
        levels: levels.into_iter().map(StockLevelView::from).collect(),
    }
}

fn read_stock(tx: &mut Tx<'_>, sku: &Sku, now: Timestamp) -> Result<StockView, ApiError> {
    let unknown = || ApiError::unknown_sku(sku.as_str());
    let backorder = shelf::backorder(tx, sku)?.ok_or_else(unknown)?;
    Ok(stock_view(sku, backorder, levels::read(tx, &[sku.as_str()], now)?))
}

/// The stock of one product. A SKU named like another path below `/v1/stock`, such as `locations`,
/// is reached with a letter escaped: `%6cocations`.
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
    let now = site.clock.now();
    site.store.read(move |tx| read_stock(tx, &sku, now)).await.map(axum::Json)
}

/// How the stock of one product is sold.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StockSettings {
    /// Whether more may be sold than can be shipped now. What is promised already stays promised.
    #[schema(example = true)]
    pub backorder: bool,
}

/// Allows or forbids selling beyond the shelf.
#[utoipa::path(
    put, path = "/v1/stock/{sku}", tag = "Stock", operation_id = "set_stock_settings",
    params(("sku" = String, Path, description = "The shop's own code, byte for byte", example = "85123A")),
    request_body = StockSettings,
    responses(
        (status = 200, description = "The stock as it is sold from now on", body = StockView),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No product has this SKU", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "More than 1 MiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not sent as JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field does not fit", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["stock:write"]))
)]
pub async fn set_stock_settings(
    _: Allowed<needs::StockWrite>,
    once: Once,
    SkuPath(sku): SkuPath,
    JsonBody(settings): JsonBody<StockSettings>,
) -> Result<Response, ApiError> {
    let stamp = once.stamp();
    once.write(move |tx| {
        if !set_backorder_in(tx, &sku, settings.backorder, stamp)? {
            return Err(ApiError::unknown_sku(sku.as_str()));
        }
        Answer::ok(&read_stock(tx, &sku, stamp.at)?)
    })
    .await
}
