//! What was told to whom: events, deliveries with every attempt, and sending again.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use shopwright_app::webhooks::{self as operations, ReplayError};
use shopwright_domain::ids::{EventId, WebhookDeliveryId};
use shopwright_domain::time::Timestamp;
use shopwright_store::Tx;
use shopwright_store::webhook_deliveries::{self, Attempt, Delivery, DeliveryState};
use shopwright_store::webhooks::{self, Event};
use utoipa::{IntoParams, ToSchema};

use super::view::ListView;
use super::webhooks::endpoint_id;
use crate::Site;
use crate::answer::Answer;
use crate::auth::{Allowed, needs};
use crate::input::{Cursor, JsonBody, PathText, Query};
use crate::once::Once;
use crate::problem::{ApiError, Code, Problem};

/// Something that happened.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WebhookEventView {
    /// Always `webhook_event`.
    #[schema(example = "webhook_event")]
    pub object: &'static str,
    /// Its id: the `webhook-id` of every message about it.
    #[schema(example = "evt_01h455vb4pex5vsknk084sn02q")]
    pub id: String,
    /// Its name.
    #[schema(example = "price.changed")]
    pub r#type: String,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: Timestamp,
    /// What happened.
    pub data: serde_json::Value,
}

impl From<Event> for WebhookEventView {
    fn from(event: Event) -> Self {
        Self {
            object: "webhook_event",
            id: event.event_id.to_string(),
            r#type: event.kind,
            timestamp: event.at,
            data: event.data,
        }
    }
}

/// One attempt at a delivery.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WebhookAttemptView {
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: i64,
    /// The HTTP status, if there was an answer.
    pub status: Option<i64>,
    /// Why it counts as failed.
    pub error: Option<String>,
    /// The first bytes of the answer.
    pub answer: String,
}

impl From<Attempt> for WebhookAttemptView {
    fn from(attempt: Attempt) -> Self {
        Self {
            at: attempt.at,
            took_ms: attempt.took_ms,
            status: attempt.status,
            error: attempt.error,
            answer: attempt.answer,
        }
    }
}

/// One event on its way to one endpoint.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WebhookDeliveryView {
    /// Always `webhook_delivery`.
    #[schema(example = "webhook_delivery")]
    pub object: &'static str,
    /// Its id.
    #[schema(example = "whd_01h455vb4pex5vsknk084sn02q")]
    pub id: String,
    /// The endpoint.
    #[schema(example = "we_01h455vb4pex5vsknk084sn02q")]
    pub endpoint: String,
    /// `waiting`, `delivered` or `failed`.
    #[schema(example = "delivered", pattern = "^(waiting|delivered|failed)$")]
    pub state: String,
    /// Attempts so far.
    pub attempt_count: i64,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// When it was put on its way.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was taken or given up.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Timestamp>,
    /// What it is about.
    pub event: WebhookEventView,
    /// Every attempt, first to last; only where one delivery is looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<Vec<WebhookAttemptView>>,
}

fn view(delivery: Delivery, attempts: Option<Vec<Attempt>>) -> WebhookDeliveryView {
    WebhookDeliveryView {
        object: "webhook_delivery",
        id: delivery.delivery_id.to_string(),
        endpoint: delivery.endpoint_id.to_string(),
        state: delivery.state.as_str().to_owned(),
        attempt_count: delivery.attempts,
        last_error: delivery.last_error,
        created_at: delivery.created_at,
        finished_at: delivery.finished_at,
        event: delivery.event.into(),
        attempts: attempts.map(|all| all.into_iter().map(WebhookAttemptView::from).collect()),
    }
}

fn gone(id: &str) -> ApiError {
    ApiError::new(Code::NOT_FOUND, format!("there is no webhook delivery {id}"))
}

pub(super) fn delivery_view(
    tx: &mut Tx<'_>,
    id: WebhookDeliveryId,
) -> Result<WebhookDeliveryView, ApiError> {
    let delivery = webhook_deliveries::find(tx, id)?.ok_or_else(|| gone(&id.to_string()))?;
    Ok(view(delivery, Some(webhook_deliveries::attempts(tx, id)?)))
}

fn refused(error: ReplayError) -> ApiError {
    let text = error.to_string();
    match error {
        ReplayError::NoDelivery(_) | ReplayError::NoEndpoint(_) => {
            ApiError::new(Code::NOT_FOUND, text)
        }
        ReplayError::SwitchedOff(_) => ApiError::new(Code::WRONG_STATE, text),
        ReplayError::Store(error) => error.into(),
    }
}

/// A page of events.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventsQuery {
    /// Only events of this name.
    pub r#type: Option<String>,
    /// Rows, 1 to 100; 10 when left out.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<i64>,
    /// An event's id: the page after it (older).
    pub starting_after: Option<String>,
    /// An event's id: the page before it (newer).
    pub ending_before: Option<String>,
}

/// What happened, newest first, as far back as events are kept (`effects_kept_days`, 30 by default).
#[utoipa::path(
    get, path = "/v1/webhook_events", tag = "Webhooks", operation_id = "list_webhook_events",
    params(EventsQuery),
    responses(
        (status = 200, description = "A page of events", body = ListView<WebhookEventView>),
        (status = 400, description = "A parameter does not fit", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["webhooks:read"]))
)]
pub async fn list_events(
    _: Allowed<needs::WebhooksRead>,
    Query(query): Query<EventsQuery>,
    State(site): State<Arc<Site>>,
) -> Result<axum::Json<ListView<WebhookEventView>>, ApiError> {
    let cursor: Cursor<EventId> =
        Cursor::read(query.limit, query.starting_after, query.ending_before)?;
    let kind = query.r#type.unwrap_or_default();
    if kind.contains('\0') {
        return Err(ApiError::new(Code::INVALID_PARAMETER, "type: it names no event"));
    }
    let rows = site.store.read(move |tx| webhooks::list_events(tx, &kind, &cursor.page())).await?;
    let data = rows.into_iter().map(WebhookEventView::from).collect();
    let (limit, backwards) = (cursor.limit, cursor.is_backwards());
    Ok(axum::Json(ListView::page(data, limit, backwards, "/v1/webhook_events".to_owned())))
}

/// A page of deliveries.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeliveriesQuery {
    /// Only those in this state: `waiting`, `delivered` or `failed`.
    pub state: Option<String>,
    /// Rows, 1 to 100; 10 when left out.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<i64>,
    /// A delivery's id: the page after it (older).
    pub starting_after: Option<String>,
    /// A delivery's id: the page before it (newer).
    pub ending_before: Option<String>,
}

/// Deliveries to an endpoint, newest first.
#[utoipa::path(
    get, path = "/v1/webhook_endpoints/{id}/deliveries", tag = "Webhooks", operation_id = "list_webhook_deliveries",
    params(("id" = String, Path, description = "The endpoint", example = "we_01h455vb4pex5vsknk084sn02q"), DeliveriesQuery),
    responses(
        (status = 200, description = "A page of deliveries", body = ListView<WebhookDeliveryView>),
        (status = 400, description = "A parameter does not fit", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such endpoint", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["webhooks:read"]))
)]
pub async fn list_deliveries(
    _: Allowed<needs::WebhooksRead>,
    PathText(id): PathText<String>,
    Query(query): Query<DeliveriesQuery>,
    State(site): State<Arc<Site>>,
) -> Result<axum::Json<ListView<WebhookDeliveryView>>, ApiError> {
    let endpoint = endpoint_id(&id)?;
    let cursor: Cursor<WebhookDeliveryId> =
        Cursor::read(query.limit, query.starting_after, query.ending_before)?;
    let state = query.state.as_deref().map(|text| {
        DeliveryState::parse(text).ok_or_else(|| {
            ApiError::new(
                Code::INVALID_PARAMETER,
                format!("state: `{text}` is not waiting, delivered or failed"),
            )
        })
    });
    let state = state.transpose()?;
    let rows = site
        .store
        .read(move |tx| {
            let found = webhooks::find_endpoint(tx, endpoint)?;
            let rows = webhook_deliveries::list(tx, endpoint, state, &cursor.page())?;
            Ok::<_, shopwright_store::StoreError>(found.map(|_| rows))
        })
        .await?;
    let gone = || ApiError::new(Code::NOT_FOUND, format!("there is no webhook endpoint {id}"));
    let data = rows.ok_or_else(gone)?.into_iter().map(|row| view(row, None)).collect();
    let url = format!("/v1/webhook_endpoints/{endpoint}/deliveries");
    Ok(axum::Json(ListView::page(data, cursor.limit, cursor.is_backwards(), url)))
}

/// One delivery with all its attempts.
#[utoipa::path(
    get, path = "/v1/webhook_deliveries/{id}", tag = "Webhooks", operation_id = "get_webhook_delivery",
    params(("id" = String, Path, description = "The delivery", example = "whd_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 200, description = "The delivery", body = WebhookDeliveryView),
        (status = 400, description = "The path is not UTF-8 text", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such delivery", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["webhooks:read"]))
)]
pub async fn get_delivery(
    _: Allowed<needs::WebhooksRead>,
    PathText(id): PathText<String>,
    State(site): State<Arc<Site>>,
) -> Result<axum::Json<WebhookDeliveryView>, ApiError> {
    let parsed = id.parse().map_err(|_| gone(&id))?;
    Ok(axum::Json(site.store.read(move |tx| delivery_view(tx, parsed)).await?))
}

/// Sends a delivery again from its first try, whatever came of it. The `webhook-id` stays the same.
#[utoipa::path(
    post, path = "/v1/webhook_deliveries/{id}/replay", tag = "Webhooks", operation_id = "replay_webhook_delivery",
    params(("id" = String, Path, description = "The delivery", example = "whd_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 202, description = "On its way again", body = WebhookDeliveryView),
        (status = 400, description = "The path is not UTF-8 text", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such delivery", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The endpoint is switched off", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["webhooks:write"]))
)]
pub async fn replay_delivery(
    _: Allowed<needs::WebhooksWrite>,
    once: Once,
    PathText(id): PathText<String>,
    State(site): State<Arc<Site>>,
) -> Result<Response, ApiError> {
    let id: WebhookDeliveryId = id.parse().map_err(|_| gone(&id))?;
    let now = site.clock.now();
    once.write(move |tx| {
        operations::replay_delivery(tx, id, now).map_err(refused)?;
        Answer::with_body(StatusCode::ACCEPTED, &delivery_view(tx, id)?)
    })
    .await
}

/// Which failed deliveries are sent again.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayFailed {
    /// Those that were put on their way at or after this moment.
    #[schema(value_type = String, format = DateTime, example = "2026-12-01T00:00:00Z")]
    pub since: Timestamp,
}

/// How many were put on their way again.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct ReplayedView {
    /// How many.
    #[schema(example = 0)]
    pub replayed: u64,
    /// Whether there may be more: the same call again goes on with them.
    pub has_more: bool,
}

/// Sends again what failed for an endpoint since a moment, oldest first, up to 500 messages a call.
#[utoipa::path(
    post, path = "/v1/webhook_endpoints/{id}/replay_failed", tag = "Webhooks", operation_id = "replay_failed_webhooks",
    params(("id" = String, Path, description = "The endpoint", example = "we_01h455vb4pex5vsknk084sn02q")),
    request_body = ReplayFailed,
    responses(
        (status = 202, description = "On their way again", body = ReplayedView),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such endpoint", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The endpoint is switched off", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "More than 1 MiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not sent as JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field does not fit", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["webhooks:write"]))
)]
pub async fn replay_failed_deliveries(
    _: Allowed<needs::WebhooksWrite>,
    once: Once,
    PathText(id): PathText<String>,
    State(site): State<Arc<Site>>,
    JsonBody(which): JsonBody<ReplayFailed>,
) -> Result<Response, ApiError> {
    let (endpoint, now) = (endpoint_id(&id)?, site.clock.now());
    let since = which.since.max(super::promotion_body::YEAR_0);
    once.write(move |tx| {
        let done = operations::replay_failed(tx, endpoint, since, now).map_err(refused)?;
        let view = ReplayedView { replayed: done.count, has_more: done.has_more };
        Answer::with_body(StatusCode::ACCEPTED, &view)
    })
    .await
}
