//! Refunds of orders: made, listed.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use shopwright_app::orders::{self as operations, RefundOrder, RefundedPieces};
use shopwright_domain::ids::{OrderId, RefundId, new_id};
use shopwright_domain::time::Timestamp;
use shopwright_store::StoreError;
use shopwright_store::orders::{placed, refunded};
use utoipa::{IntoParams, ToSchema};

use super::order_steps::change_error;
use super::order_views::RefundView;
use super::orders::unknown;
use super::view::{ListView, MoneyBody};
use crate::Site;
use crate::answer::Answer;
use crate::auth::{Allowed, needs};
use crate::input::{Cursor, JsonBody, PathText, Query};
use crate::once::Once;
use crate::problem::{ApiError, Problem};

/// What to give back: pieces of lines, the shipping, or an amount of its own.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRefund {
    /// Pieces of lines. Their worth follows from what was paid for the line, discounts taken off.
    #[serde(default)]
    #[schema(max_items = 1000, example = json!([{"line": 0, "quantity": 1, "restock": true}]))]
    pub lines: Vec<RefundedLineBody>,
    /// Whether all that is left of the shipping goes back too.
    #[serde(default)]
    pub shipping: bool,
    /// With lines or shipping: less than they are worth. Alone: an amount that belongs to no line.
    pub amount: Option<MoneyBody>,
    /// Why, in the shop's words.
    #[schema(example = "arrived broken", max_length = 1000)]
    pub reason: Option<String>,
    /// Who gave it back; that of the payment when left out.
    #[schema(max_length = 200)]
    pub provider: Option<String>,
    /// The provider's number for it.
    #[serde(default)]
    #[schema(example = "re_3abc", max_length = 200)]
    pub reference: String,
    /// When the money went back; now if left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub refunded_at: Option<Timestamp>,
}

/// Pieces of a line to give back.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefundedLineBody {
    /// The line's place in the order, from 0.
    #[schema(example = 0, minimum = 0)]
    pub line: i64,
    /// Pieces.
    #[schema(example = 1, minimum = 1)]
    pub quantity: i64,
    /// Whether pieces that had shipped lie on the shelf again. Unshipped ones are free again anyway.
    #[serde(default)]
    #[schema(example = true)]
    pub restock: bool,
}

/// Gives money back for an order, never more than is left of what was paid.
#[utoipa::path(
    post, path = "/v1/orders/{id}/refunds", tag = "Refunds", operation_id = "refund_order",
    params(
        ("id" = String, Path, description = "The order", example = "ord_01h455vb4pex5vsknk084sn02q"),
        ("Idempotency-Key" = String, Header, description = "A new UUID for each refund you mean to make", example = "7d9f6a3e-refund"),
    ),
    request_body = NewRefund,
    responses(
        (status = 201, description = "Made", body = RefundView),
        (status = 400, description = "Not JSON, or no Idempotency-Key", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No order has this id", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "More than is left, or the order's state does not allow it", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "More than 1 MiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not sent as JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field does not fit", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["refunds:write"]))
)]
pub async fn refund_order(
    _: Allowed<needs::RefundsWrite>,
    once: Once,
    PathText(id): PathText<String>,
    State(site): State<Arc<Site>>,
    JsonBody(new): JsonBody<NewRefund>,
) -> Result<Response, ApiError> {
    let once = once.required()?;
    let order_id: OrderId = id.parse().map_err(|_| unknown(&id))?;
    let stamp = once.stamp();
    let pieces = |line: RefundedLineBody| RefundedPieces {
        line: line.line,
        quantity: line.quantity,
        restock: line.restock,
    };
    let command = RefundOrder {
        refund_id: new_id(site.ids.as_ref()),
        payment_id: new_id(site.ids.as_ref()),
        order_id,
        lines: new.lines.into_iter().map(pieces).collect(),
        shipping: new.shipping,
        amount: new.amount.map(MoneyBody::money),
        provider: new.provider,
        reference: new.reference,
        reason: new.reason,
        refunded_at: new.refunded_at.unwrap_or(stamp.at),
    };
    once.write(move |tx| {
        let made = operations::refund_order(tx, &command, stamp).map_err(change_error)?;
        let location = format!("/v1/orders/{order_id}/refunds");
        Answer::created(location, &RefundView::new(made.refund, made.lines))
    })
    .await
}

/// A page of an order's refunds.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RefundsQuery {
    /// Rows, 1 to 100; 10 when left out.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<i64>,
    /// A refund's id: the page after it (older).
    pub starting_after: Option<String>,
    /// A refund's id: the page before it (newer).
    pub ending_before: Option<String>,
}

/// The refunds of an order, newest first.
#[utoipa::path(
    get, path = "/v1/orders/{id}/refunds", tag = "Refunds", operation_id = "list_refunds",
    params(("id" = String, Path, description = "The order", example = "ord_01h455vb4pex5vsknk084sn02q"), RefundsQuery),
    responses(
        (status = 200, description = "A page of refunds", body = ListView<RefundView>),
        (status = 400, description = "A parameter does not fit", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No order has this id", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["orders:read"]))
)]
pub async fn list_refunds(
    _: Allowed<needs::OrdersRead>,
    PathText(id): PathText<String>,
    Query(query): Query<RefundsQuery>,
    State(site): State<Arc<Site>>,
) -> Result<axum::Json<ListView<RefundView>>, ApiError> {
    let order: OrderId = id.parse().map_err(|_| unknown(&id))?;
    let cursor: Cursor<RefundId> =
        Cursor::read(query.limit, query.starting_after, query.ending_before)?;
    let found = site
        .store
        .read(move |tx| {
            if placed::find(tx, order)?.is_none() {
                return Ok::<_, StoreError>(None);
            }
            let mut all = Vec::new();
            for refund in refunded::page_of_order(tx, order, &cursor.page())? {
                let lines = refunded::lines_of(tx, refund.refund_id)?;
                all.push(RefundView::new(refund, lines));
            }
            Ok(Some(all))
        })
        .await?;
    let data = found.ok_or_else(|| unknown(&id))?;
    let url = format!("/v1/orders/{order}/refunds");
    Ok(axum::Json(ListView::page(data, cursor.limit, cursor.is_backwards(), url)))
}
