//! What happens to an order: paid, shipped, closed, given up. Sent again it changes nothing.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use shopwright_app::inventory::StepError;
use shopwright_app::orders::{self as operations, OrderChangeError, PaymentMade};
use shopwright_domain::ids::{OrderId, PaymentId, new_id};
use shopwright_domain::orders::RefundError;
use shopwright_domain::time::Timestamp;
use shopwright_store::Tx;
use shopwright_store::orders::placed::Order;
use utoipa::ToSchema;

use super::order_views::OrderView;
use super::orders::{unknown, whole};
use super::reservations::shortage_problems;
use crate::Site;
use crate::answer::Answer;
use crate::auth::{Allowed, needs};
use crate::etag::EntityTag;
use crate::input::{JsonBody, PathText};
use crate::once::Once;
use crate::problem::{ApiError, Code, Problem};

/// Takes a step in one transaction and answers the order as it is then.
async fn step(
    once: Once,
    id: &str,
    mut take: impl FnMut(&mut Tx<'_>, OrderId) -> Result<Order, OrderChangeError> + Send + 'static,
) -> Result<Response, ApiError> {
    let id: OrderId = id.parse().map_err(|_| unknown(id))?;
    once.write(move |tx| {
        let order = take(tx, id).map_err(change_error)?;
        let tag = EntityTag::version(order.version);
        Ok(Answer::ok(&whole(tx, order)?)?.tagged(&tag))
    })
    .await
}

pub(super) fn change_error(error: OrderChangeError) -> ApiError {
    let text = error.to_string();
    let code = match error {
        OrderChangeError::NotFound(_) => Code::NOT_FOUND,
        OrderChangeError::History(_) => Code::ORDER_OF_HISTORY,
        OrderChangeError::Illegal(_) | OrderChangeError::PaidOtherwise => Code::ORDER_STATE,
        OrderChangeError::Invalid(found) => return ApiError::fields(found),
        OrderChangeError::Stock(StepError::NotOnShelf(missing)) => {
            let shortages = shortage_problems(&missing);
            return ApiError { shortages, ..ApiError::new(Code::NOT_ON_SHELF, text) };
        }
        OrderChangeError::Stock(StepError::Store(error)) | OrderChangeError::Store(error) => {
            return error.into();
        }
        OrderChangeError::Stock(_) | OrderChangeError::GiveBack(_) => Code::RESERVATION_STATE,
        OrderChangeError::Refund(refusal) => {
            let pointer = match refusal {
                RefundError::Amount | RefundError::AboveWorth { .. } => "/amount",
                RefundError::Nothing => "",
                _ => "/lines",
            };
            return ApiError::field(pointer, text);
        }
        OrderChangeError::ExceedsPaid { .. } => Code::REFUND_EXCEEDS_PAID,
    };
    ApiError::new(code, text)
}

/// A payment that was made elsewhere, in full.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PayBody {
    /// Who took it.
    #[schema(example = "stripe", min_length = 1, max_length = 200)]
    pub provider: String,
    /// The provider's number for it.
    #[serde(default)]
    #[schema(example = "pi_3abc", max_length = 200)]
    pub reference: String,
    /// When; now if left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub paid_at: Option<Timestamp>,
}

/// Records that an order was paid in full.
#[utoipa::path(
    post, path = "/v1/orders/{id}/pay", tag = "Orders", operation_id = "pay_order",
    params(("id" = String, Path, description = "The order", example = "ord_01h455vb4pex5vsknk084sn02q")),
    request_body = PayBody,
    responses(
        (status = 200, description = "The order, paid", body = OrderView),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No order has this id", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Its state does not allow it, or another payment paid it", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "More than 1 MiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not sent as JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field does not fit", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["orders:write"]))
)]
pub async fn pay_order(
    _: Allowed<needs::OrdersWrite>,
    once: Once,
    PathText(id): PathText<String>,
    State(site): State<Arc<Site>>,
    JsonBody(body): JsonBody<PayBody>,
) -> Result<Response, ApiError> {
    let stamp = once.stamp();
    let payment_id: PaymentId = new_id(site.ids.as_ref());
    let (provider, reference) = (body.provider, body.reference);
    let paid = PaymentMade { provider, reference, at: body.paid_at.unwrap_or(stamp.at) };
    step(once, &id, move |tx, id| operations::pay_order(tx, id, (payment_id, &paid), stamp)).await
}

macro_rules! plain_steps {
    ($($(#[$doc:meta])* $name:ident, $path:literal, $done:literal;)*) => {$(
        $(#[$doc])*
        #[utoipa::path(
            post, path = $path, tag = "Orders",
            params(("id" = String, Path, description = "The order", example = "ord_01h455vb4pex5vsknk084sn02q")),
            responses(
                (status = 200, description = $done, body = OrderView),
                (status = 400, description = "The path is not UTF-8 text", body = Problem, content_type = "application/problem+json"),
                (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
                (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
                (status = 404, description = "No order has this id", body = Problem, content_type = "application/problem+json"),
                (status = 409, description = "Its state or its stock does not allow it", body = Problem, content_type = "application/problem+json"),
            ),
            security(("key" = ["orders:write"]))
        )]
        pub async fn $name(
            _: Allowed<needs::OrdersWrite>,
            once: Once,
            PathText(id): PathText<String>,
        ) -> Result<Response, ApiError> {
            let stamp = once.stamp();
            step(once, &id, move |tx, id| operations::$name(tx, id, stamp)).await
        }
    )*};
}

plain_steps! {
    /// Records that an order was shipped: its pieces leave the shelf.
    fulfil_order, "/v1/orders/{id}/fulfil", "The order, shipped";
    /// Closes a shipped order.
    complete_order, "/v1/orders/{id}/complete", "The order, closed";
    /// Gives an unpaid order up and lets its stock go; a paid one is refunded instead.
    cancel_order, "/v1/orders/{id}/cancel", "The order, given up";
}
