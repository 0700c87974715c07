//! What a customer may see of themselves, from the shop's own pages.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use shopwright_domain::time::Timestamp;
use shopwright_store::customers;
use utoipa::ToSchema;

use crate::Site;
use crate::auth::{Allowed, needs};
use crate::customer_token::Customer;
use crate::problem::{ApiError, Problem};

/// A customer, seen by themselves.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MeView {
    /// Always `customer`.
    #[schema(example = "customer")]
    pub object: &'static str,
    /// The shop's own id.
    #[schema(example = "17850")]
    pub id: String,
    /// Where the first order went; null before it.
    #[schema(example = "United Kingdom")]
    pub country: Option<String>,
    /// When the first order was placed; null before it.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub first_order_at: Option<Timestamp>,
}

/// The customer whose token is sent. One who has not ordered yet is answered in the same shape.
///
/// The token is a JWT that your server signs; docs/customer-tokens.md shows how.
#[utoipa::path(
    get, path = "/v1/me", tag = "Customers", operation_id = "get_me",
    params(("X-Customer-Token" = String, Header, description = "A JWT for one customer, signed by the shop's server, at most an hour old")),
    responses(
        (status = 200, description = "The customer", body = MeView),
        (status = 401, description = "No valid key, or no valid customer token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["me:read"]))
)]
pub async fn get_me(
    _: Allowed<needs::MeRead>,
    Customer { id }: Customer,
    State(site): State<Arc<Site>>,
) -> Result<Response, ApiError> {
    let wanted = id.clone();
    let known = site.store.read(move |tx| customers::facts(tx, &wanted)).await?;
    let (country, first_order_at) =
        known.map_or((None, None), |known| (known.country, known.first_order_at));
    let view = MeView { object: "customer", id, country, first_order_at };
    Ok(axum::Json(view).into_response())
}
