//! Locations, and deliveries on their way to them.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use shopwright_app::inventory::{
    CloseDeliveryError, ExpectDelivery, ExpectDeliveryError, LocationChangeError,
    cancel_delivery_in, expect_delivery_in, put_location_in, receive_delivery_in,
};
use shopwright_domain::catalog::Sku;
use shopwright_domain::ids::{DeliveryId, new_id};
use shopwright_domain::inventory::Authority;
use shopwright_domain::time::Timestamp;
use shopwright_store::inventory::places::{self, Delivery, Location};
use utoipa::{IntoParams, ToSchema};

use super::stock_movements::{main_location, shelf_error};
use super::view::ListView;
use crate::Site;
use crate::answer::Answer;
use crate::auth::{Allowed, needs};
use crate::input::{Cursor, JsonBody, PathText, Query};
use crate::once::Once;
use crate::problem::{ApiError, Code, Problem};

/// A place that ships.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LocationView {
    /// Always `stock_location`.
    #[schema(example = "stock_location")]
    pub object: &'static str,
    /// Its name.
    #[schema(example = "main")]
    pub location: String,
    /// `ours`: never oversold; or `external`: a mirror of what a shop platform says, a little late, so
    /// that a reservation there is no guarantee.
    #[schema(example = "ours")]
    pub authority: &'static str,
    /// Locations are asked in this order, smallest first, when one alone cannot ship everything.
    #[schema(example = 0)]
    pub priority: i64,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

impl From<Location> for LocationView {
    fn from(location: Location) -> Self {
        Self {
            object: "stock_location",
            location: location.location,
            authority: location.authority.as_str(),
            priority: location.priority,
            created_at: location.created_at,
        }
    }
}

/// All locations in the order they are asked in.
#[utoipa::path(
    get, path = "/v1/stock/locations", tag = "Stock", operation_id = "list_stock_locations",
    responses(
        (status = 200, description = "All locations, 100 at most", body = ListView<LocationView>),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["stock:read"]))
)]
pub async fn list_locations(
    _: Allowed<needs::StockRead>,
    State(site): State<Arc<Site>>,
) -> Result<axum::Json<ListView<LocationView>>, ApiError> {
    let rows = site.store.read(places::list_locations).await?;
    let data = rows.into_iter().map(LocationView::from).collect();
    let url = "/v1/stock/locations".to_owned();
    Ok(axum::Json(ListView { object: "list", data, has_more: false, url }))
}

/// One location.
#[utoipa::path(
    get, path = "/v1/stock/locations/{location}", tag = "Stock", operation_id = "get_stock_location",
    params(("location" = String, Path, description = "The name of the location", example = "main")),
    responses(
        (status = 200, description = "The location", body = LocationView),
        (status = 400, description = "The path is not UTF-8 text", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No location has this name", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["stock:read"]))
)]
pub async fn get_location(
    _: Allowed<needs::StockRead>,
    PathText(name): PathText<String>,
    State(site): State<Arc<Site>>,
) -> Result<axum::Json<LocationView>, ApiError> {
    let gone = || ApiError::new(Code::NOT_FOUND, format!("there is no location {name}"));
    let wanted = shopwright_domain::inventory::location_name(&name).map_err(|_| gone())?.to_owned();
    let found = site.store.read(move |tx| places::find_location(tx, &wanted)).await?;
    found.map(|row| axum::Json(row.into())).ok_or_else(gone)
}

/// The text of an authority in requests.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthorityText {
    /// This ledger says what lies there.
    Ours,
    /// A shop platform says so.
    External,
}

impl From<AuthorityText> for Authority {
    fn from(text: AuthorityText) -> Self {
        match text {
            AuthorityText::Ours => Self::Ours,
            AuthorityText::External => Self::External,
        }
    }
}

/// A location as it is to be.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutLocation {
    /// `ours` or `external`.
    #[schema(value_type = String, example = "ours", pattern = "^(ours|external)$")]
    pub authority: AuthorityText,
    /// Its place in the order locations are asked in, smallest first.
    #[schema(example = 10, minimum = 0, maximum = 1_000_000)]
    pub priority: i64,
}

/// Makes a location or changes it. What is promised from it already stays there.
#[utoipa::path(
    put, path = "/v1/stock/locations/{location}", tag = "Stock", operation_id = "put_stock_location",
    params(("location" = String, Path, description = "1 to 60 of a-z, A-Z, 0-9, `_` and `-`", example = "main")),
    request_body = PutLocation,
    responses(
        (status = 200, description = "Changed", body = LocationView),
        (status = 201, description = "Made", body = LocationView),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "This cannot be a name", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "More than 1 MiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not sent as JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field does not fit", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["stock:write"]))
)]
pub async fn put_location(
    _: Allowed<needs::StockWrite>,
    once: Once,
    PathText(name): PathText<String>,
    JsonBody(put): JsonBody<PutLocation>,
) -> Result<Response, ApiError> {
    let stamp = once.stamp();
    once.write(move |tx| {
        let (authority, priority) = (put.authority.into(), put.priority);
        let made = put_location_in(tx, &name, authority, priority, stamp);
        let (kept, new) = made.map_err(location_error)?;
        let view = LocationView::from(kept);
        if new {
            Answer::created(format!("/v1/stock/locations/{}", view.location), &view)
        } else {
            Answer::ok(&view)
        }
    })
    .await
}

fn location_error(error: LocationChangeError) -> ApiError {
    let text = error.to_string();
    match error {
        LocationChangeError::Name(_) => ApiError::new(Code::NOT_FOUND, text),
        LocationChangeError::Priority => ApiError::field("/priority", text),
        LocationChangeError::TooMany => ApiError::field("", text),
        LocationChangeError::Store(error) => error.into(),
    }
}

/// A delivery to announce.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDelivery {
    /// The SKU.
    #[schema(value_type = String, example = "85123A")]
    pub sku: Sku,
    /// Where it will arrive; `main` when left out.
    #[serde(default = "main_location")]
    #[schema(example = "main")]
    pub location: String,
    /// Pieces expected.
    #[schema(example = 100, minimum = 1, maximum = 1_000_000_000)]
    pub quantity: i64,
    /// When it is due.
    #[schema(value_type = String, format = DateTime, example = "2026-12-01T09:00:00Z")]
    pub due_at: Timestamp,
}

/// A delivery.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DeliveryView {
    /// Always `stock_delivery`.
    #[schema(example = "stock_delivery")]
    pub object: &'static str,
    /// Its id.
    #[schema(example = "dlv_01h455vb4pex5vsknk084sn02q")]
    pub id: String,
    /// The SKU.
    #[schema(example = "85123A")]
    pub sku: String,
    /// Where it arrives.
    #[schema(example = "main")]
    pub location: String,
    /// Pieces expected.
    #[schema(example = 100)]
    pub quantity: i64,
    /// When it is due.
    #[schema(value_type = String, format = DateTime)]
    pub due_at: Timestamp,
    /// `expected`, `received` or `canceled`.
    #[schema(example = "expected")]
    pub state: String,
    /// Pieces that came, once received.
    pub received: Option<i64>,
    /// When it was announced.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was received or canceled.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub closed_at: Option<Timestamp>,
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        Self {
            object: "stock_delivery",
            id: delivery.delivery_id.to_string(),
            sku: delivery.sku.as_str().to_owned(),
            location: delivery.location,
            quantity: delivery.quantity,
            due_at: delivery.due_at,
            state: delivery.state,
            received: delivery.received,
            created_at: delivery.created_at,
            closed_at: delivery.closed_at,
        }
    }
}

/// Announces a delivery. What is backordered is promised for the earliest one that is due.
#[utoipa::path(
    post, path = "/v1/stock/deliveries", tag = "Stock", operation_id = "create_stock_delivery",
    request_body = NewDelivery,
    responses(
        (status = 201, description = "Announced", body = DeliveryView),
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
pub async fn create_delivery(
    _: Allowed<needs::StockWrite>,
    once: Once,
    State(site): State<Arc<Site>>,
    JsonBody(new): JsonBody<NewDelivery>,
) -> Result<Response, ApiError> {
    if new.due_at < super::promotion_body::YEAR_0 {
        return Err(ApiError::field("/due_at", "write a time in the years 0000 to 9999"));
    }
    let command = ExpectDelivery {
        delivery_id: new_id(site.ids.as_ref()),
        sku: new.sku,
        location: new.location,
        quantity: new.quantity,
        due_at: new.due_at,
    };
    let now = site.clock.now();
    once.write(move |tx| {
        let made = expect_delivery_in(tx, &command, now).map_err(|error| match error {
            ExpectDeliveryError::Quantity => ApiError::field("/quantity", error.to_string()),
            ExpectDeliveryError::Shelf(error) => shelf_error(error),
            ExpectDeliveryError::Store(error) => error.into(),
        })?;
        Answer::with_body(StatusCode::CREATED, &DeliveryView::from(made))
    })
    .await
}

/// A page of deliveries.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeliveriesQuery {
    /// Rows, 1 to 100; 10 when left out.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<i64>,
    /// A delivery id: the page after it (older).
    pub starting_after: Option<String>,
    /// A delivery id: the page before it (newer).
    pub ending_before: Option<String>,
}

/// All deliveries, newest first.
#[utoipa::path(
    get, path = "/v1/stock/deliveries", tag = "Stock", operation_id = "list_stock_deliveries",
    params(DeliveriesQuery),
    responses(
        (status = 200, description = "A page of deliveries", body = ListView<DeliveryView>),
        (status = 400, description = "A parameter does not fit", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["stock:read"]))
)]
pub async fn list_deliveries(
    _: Allowed<needs::StockRead>,
    Query(query): Query<DeliveriesQuery>,
    State(site): State<Arc<Site>>,
) -> Result<axum::Json<ListView<DeliveryView>>, ApiError> {
    let cursor: Cursor<DeliveryId> =
        Cursor::read(query.limit, query.starting_after, query.ending_before)?;
    let rows = site.store.read(move |tx| places::list_deliveries(tx, &cursor.page())).await?;
    let (limit, backwards) = (cursor.limit, cursor.is_backwards());
    let data = rows.into_iter().map(DeliveryView::from).collect();
    Ok(axum::Json(ListView::page(data, limit, backwards, "/v1/stock/deliveries".to_owned())))
}

fn gone(id: &str) -> ApiError {
    ApiError::new(Code::NOT_FOUND, format!("there is no delivery {id}"))
}

fn read_id(id: &str) -> Result<DeliveryId, ApiError> {
    id.parse().map_err(|_| gone(id))
}

fn close_error(error: CloseDeliveryError) -> ApiError {
    match error {
        CloseDeliveryError::NotFound(id) => gone(&id.to_string()),
        CloseDeliveryError::Closed { .. } => {
            ApiError::new(Code::DELIVERY_CLOSED, error.to_string())
        }
        CloseDeliveryError::Quantity => ApiError::field("/quantity", error.to_string()),
        CloseDeliveryError::Shelf(error) => shelf_error(error),
        CloseDeliveryError::Store(error) => error.into(),
    }
}

/// What came.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceiveDelivery {
    /// Pieces that came; as many as were expected when left out.
    #[serde(default)]
    #[schema(example = 98, minimum = 1, maximum = 1_000_000_000)]
    pub quantity: Option<i64>,
}

/// Puts a delivery onto the shelf, once. Sent again it changes nothing.
#[utoipa::path(
    post, path = "/v1/stock/deliveries/{id}/receive", tag = "Stock", operation_id = "receive_stock_delivery",
    params(("id" = String, Path, description = "The delivery", example = "dlv_01h455vb4pex5vsknk084sn02q")),
    request_body = ReceiveDelivery,
    responses(
        (status = 200, description = "On the shelf", body = DeliveryView),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No delivery has this id", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is closed, or the SKU was never counted there", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "More than 1 MiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not sent as JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field does not fit", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["stock:write"]))
)]
pub async fn receive_delivery(
    _: Allowed<needs::StockWrite>,
    once: Once,
    PathText(id): PathText<String>,
    JsonBody(came): JsonBody<ReceiveDelivery>,
) -> Result<Response, ApiError> {
    let (id, stamp) = (read_id(&id)?, once.stamp());
    once.write(move |tx| {
        let received = receive_delivery_in(tx, id, came.quantity, stamp).map_err(close_error)?;
        Answer::ok(&DeliveryView::from(received))
    })
    .await
}

/// Calls a delivery off. Sent again it changes nothing.
#[utoipa::path(
    post, path = "/v1/stock/deliveries/{id}/cancel", tag = "Stock", operation_id = "cancel_stock_delivery",
    params(("id" = String, Path, description = "The delivery", example = "dlv_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 200, description = "Called off", body = DeliveryView),
        (status = 400, description = "The path is not UTF-8 text", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No delivery has this id", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It was received", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["stock:write"]))
)]
pub async fn cancel_delivery(
    _: Allowed<needs::StockWrite>,
    once: Once,
    PathText(id): PathText<String>,
) -> Result<Response, ApiError> {
    let (id, stamp) = (read_id(&id)?, once.stamp());
    once.write(move |tx| {
        let canceled = cancel_delivery_in(tx, id, stamp).map_err(close_error)?;
        Answer::ok(&DeliveryView::from(canceled))
    })
    .await
}
