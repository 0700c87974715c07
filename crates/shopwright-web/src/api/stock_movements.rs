//! How stock moves by hand: counts of a shelf, goods in and goods lost, and the list of it all.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use shopwright_app::inventory::{
    BookMovement, CountStock, ShelfChange, ShelfError, book_movement_in, count_in,
};
use shopwright_domain::inventory::MovementReason;
use shopwright_domain::time::Timestamp;
use shopwright_store::inventory::shelf::{self, MovementKey, MovementRow};
use shopwright_store::{Page, Place};
use utoipa::{IntoParams, ToSchema};

use super::inventory::StockLevelView;
use super::view::{ListView, path_segment};
use crate::Site;
use crate::answer::Answer;
use crate::auth::{Allowed, needs};
use crate::input::{JsonBody, PageLimit, Query, SkuPath, one_cursor};
use crate::once::Once;
use crate::problem::{ApiError, Code, Problem};

/// A count of one shelf.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCount {
    /// The location; `main` when left out.
    #[serde(default = "main_location")]
    #[schema(example = "main")]
    pub location: String,
    /// Pieces counted.
    #[schema(example = 42, minimum = 0, maximum = 1_000_000_000)]
    pub quantity: i64,
    /// What you call this count: the same again is the same count and changes nothing.
    #[schema(example = "stocktake-2026-11", min_length = 1, max_length = 200)]
    pub reference: String,
}

pub(super) fn main_location() -> String {
    shopwright_store::inventory::DEFAULT_LOCATION.to_owned()
}

/// A movement of stock.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MovementView {
    /// Always `stock_movement`.
    #[schema(example = "stock_movement")]
    pub object: &'static str,
    /// What tells it from the other movements of its SKU: location, reason and reference.
    #[schema(example = "main:receipt:PO-1001")]
    pub id: String,
    /// The SKU.
    #[schema(example = "85123A")]
    pub sku: String,
    /// The location.
    #[schema(example = "main")]
    pub location: String,
    /// Why: `opening_count`, `receipt`, `delivery`, `written_off`, `correction`, `recount`, `shipment`,
    /// `restock`, or the kind of a line of an imported history, such as `sale`.
    #[schema(example = "receipt")]
    pub reason: String,
    /// What caused it.
    #[schema(example = "PO-1001")]
    pub reference: String,
    /// Pieces onto the shelf; negative: off it.
    #[schema(example = 10)]
    pub quantity: i64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

impl From<MovementRow> for MovementView {
    fn from(row: MovementRow) -> Self {
        Self {
            object: "stock_movement",
            id: format!("{}:{}:{}", row.location, row.reason, row.reference),
            sku: row.sku.as_str().to_owned(),
            location: row.location,
            reason: row.reason,
            reference: row.reference,
            quantity: row.quantity,
            at: row.at,
        }
    }
}

/// What happened on a shelf.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StockChangeView {
    /// Always `stock_change`.
    #[schema(example = "stock_change")]
    pub object: &'static str,
    /// The movement; null where a count found what the books said.
    pub movement: Option<MovementView>,
    /// The level as it is now.
    pub level: StockLevelView,
}

fn answer(change: ShelfChange) -> Result<Answer, ApiError> {
    let status = if change.new { StatusCode::CREATED } else { StatusCode::OK };
    let view = StockChangeView {
        object: "stock_change",
        movement: change.movement.map(MovementView::from),
        level: change.level.into(),
    };
    Answer::with_body(status, &view)
}

/// The refusal in the words of HTTP.
pub(super) fn shelf_error(error: ShelfError) -> ApiError {
    let text = error.to_string();
    match error {
        ShelfError::UnknownSku(sku) => ApiError::unknown_sku(sku.as_str()),
        ShelfError::UnknownLocation(_) => ApiError::field("/location", text),
        ShelfError::Counted | ShelfError::Quantity => ApiError::field("/quantity", text),
        ShelfError::Reference(_) => ApiError::field("/reference", text),
        ShelfError::NotCounted(..) => ApiError::new(Code::NOT_COUNTED, text),
        ShelfError::ReferenceTaken(_) => ApiError::new(Code::REFERENCE_TAKEN, text),
        ShelfError::NotOnShelf { .. } => ApiError::new(Code::NOT_ON_SHELF, text),
        ShelfError::Store(error) => error.into(),
    }
}

/// Counts a shelf. The first count of a SKU at a location starts tracking it there; a later one books
/// what the books were wrong by, as of the moment it arrives.
#[utoipa::path(
    post, path = "/v1/stock/{sku}/counts", tag = "Stock", operation_id = "count_stock",
    params(("sku" = String, Path, description = "The shop's own code, byte for byte", example = "85123A")),
    request_body = NewCount,
    responses(
        (status = 200, description = "Counted before under this reference; nothing changed", body = StockChangeView),
        (status = 201, description = "Counted", body = StockChangeView),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No product has this SKU", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The reference stands for another count", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "More than 1 MiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not sent as JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field does not fit", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["stock:write"]))
)]
pub async fn count_stock(
    _: Allowed<needs::StockWrite>,
    once: Once,
    SkuPath(sku): SkuPath,
    JsonBody(new): JsonBody<NewCount>,
) -> Result<Response, ApiError> {
    let NewCount { location, quantity, reference } = new;
    let (command, stamp) = (CountStock { sku, location, quantity, reference }, once.stamp());
    once.write(move |tx| answer(count_in(tx, &command, stamp).map_err(shelf_error)?)).await
}

/// Why stock moved, where the shop says so itself.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HandReason {
    /// Goods came in.
    Receipt,
    /// Goods are gone unsold.
    WrittenOff,
    /// The books were wrong.
    Correction,
}

impl From<HandReason> for MovementReason {
    fn from(reason: HandReason) -> Self {
        match reason {
            HandReason::Receipt => Self::Receipt,
            HandReason::WrittenOff => Self::WrittenOff,
            HandReason::Correction => Self::Correction,
        }
    }
}

/// A movement to book.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMovement {
    /// The location; `main` when left out.
    #[serde(default = "main_location")]
    #[schema(example = "main")]
    pub location: String,
    /// `receipt` (above 0), `written_off` (below 0) or `correction` (either).
    #[schema(value_type = String, example = "receipt", pattern = "^(receipt|written_off|correction)$")]
    pub reason: HandReason,
    /// Pieces onto the shelf; negative: off it.
    #[schema(example = 10, minimum = -1_000_000_000, maximum = 1_000_000_000)]
    pub quantity: i64,
    /// What you call it: the same reason and reference again is the same movement.
    #[schema(example = "PO-1001", min_length = 1, max_length = 200)]
    pub reference: String,
}

/// Books a movement. A loss is booked even where the pieces were promised: the level then says by how
/// many it is oversold. What the books do not have cannot go.
#[utoipa::path(
    post, path = "/v1/stock/{sku}/movements", tag = "Stock", operation_id = "book_stock_movement",
    params(("sku" = String, Path, description = "The shop's own code, byte for byte", example = "85123A")),
    request_body = NewMovement,
    responses(
        (status = 200, description = "Booked before under this reference; nothing changed", body = StockChangeView),
        (status = 201, description = "Booked", body = StockChangeView),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No product has this SKU", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Never counted there, not on the shelf, or the reference is taken", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "More than 1 MiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not sent as JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field does not fit", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["stock:write"]))
)]
pub async fn book_stock_movement(
    _: Allowed<needs::StockWrite>,
    once: Once,
    SkuPath(sku): SkuPath,
    JsonBody(new): JsonBody<NewMovement>,
) -> Result<Response, ApiError> {
    let NewMovement { location, reason, quantity, reference } = new;
    let reason = reason.into();
    let command = BookMovement { sku, location, reason, quantity, reference };
    let stamp = once.stamp();
    once.write(move |tx| answer(book_movement_in(tx, &command, stamp).map_err(shelf_error)?)).await
}

/// A page of movements.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MovementsQuery {
    /// Rows, 1 to 100; 10 when left out.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<i64>,
    /// The id of a movement: the page after it (older).
    pub starting_after: Option<String>,
    /// The id of a movement: the page before it (newer).
    pub ending_before: Option<String>,
}

/// How the stock of a product came to be, newest first.
#[utoipa::path(
    get, path = "/v1/stock/{sku}/movements", tag = "Stock", operation_id = "list_stock_movements",
    params(
        ("sku" = String, Path, description = "The shop's own code, byte for byte", example = "85123A"),
        MovementsQuery,
    ),
    responses(
        (status = 200, description = "A page of movements", body = ListView<MovementView>),
        (status = 400, description = "A parameter does not fit", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No product has this SKU", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["stock:read"]))
)]
pub async fn list_stock_movements(
    _: Allowed<needs::StockRead>,
    SkuPath(sku): SkuPath,
    Query(query): Query<MovementsQuery>,
    State(site): State<Arc<Site>>,
) -> Result<axum::Json<ListView<MovementView>>, ApiError> {
    let limit = PageLimit::read(query.limit)?.0;
    one_cursor(query.starting_after.as_deref(), query.ending_before.as_deref())?;
    let backwards = query.ending_before.is_some();
    let cursor = query.starting_after.or(query.ending_before);
    let key = cursor.as_deref().map(movement_key).transpose()?;
    let of = sku.clone();
    let read = move |tx: &mut shopwright_store::Tx<'_>| {
        if shelf::backorder(tx, &of)?.is_none() {
            return Err(ApiError::unknown_sku(of.as_str()));
        }
        let from = match &key {
            None => None,
            Some(key) => Some(shelf::find_movement(tx, &of, key)?.ok_or_else(no_movement)?),
        };
        let place = match &from {
            None => Place::First,
            Some(from) if backwards => Place::Before(from),
            Some(from) => Place::After(from),
        };
        let page = Page { place, limit: limit + 1 };
        Ok(shelf::list_movements(tx, &of, &page)?)
    };
    let rows = site.store.read(read).await?;
    let data = rows.into_iter().map(MovementView::from).collect();
    let url = format!("/v1/stock/{}/movements", path_segment(sku.as_str()));
    Ok(axum::Json(ListView::page(data, limit, backwards, url)))
}

fn no_movement() -> ApiError {
    ApiError::new(
        Code::INVALID_PARAMETER,
        "starting_after and ending_before take the id of a movement of this SKU, like main:receipt:PO-1001",
    )
}

/// Locations and reasons have no colon in them.
fn movement_key(id: &str) -> Result<MovementKey, ApiError> {
    let mut parts = id.splitn(3, ':').map(ToOwned::to_owned);
    let mut part = || parts.next().filter(|part| !part.contains('\0')).ok_or_else(no_movement);
    Ok(MovementKey { location: part()?, reason: part()?, reference: part()? })
}
