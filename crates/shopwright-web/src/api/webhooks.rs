//! Webhook endpoints: where events are sent, and the secrets that sign them.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use shopwright_app::webhooks::{
    self as operations, ChangeEndpoint, EndpointError, NewEndpoint as Command, NewSecret,
};
use shopwright_domain::ids::{WebhookEndpointId, new_id};
use shopwright_domain::time::Timestamp;
use shopwright_domain::webhooks::EventFilter;
use shopwright_store::webhooks::{self, Endpoint};
use utoipa::{IntoParams, ToSchema};

use super::view::ListView;
use super::webhook_log::{WebhookDeliveryView, delivery_view};
use crate::Site;
use crate::answer::Answer;
use crate::auth::{Allowed, needs};
use crate::input::{Cursor, JsonBody, PathText, Query};
use crate::once::Once;
use crate::problem::{ApiError, Code, FieldProblem, Problem};

/// An endpoint to make.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEndpoint {
    /// Where events are sent, `https://` or `http://`. Addresses inside a network are refused unless
    /// the operator allows them.
    #[schema(example = "https://shop.example.com/hooks/shopwright", max_length = 2000)]
    pub url: String,
    /// What it is called.
    #[serde(default)]
    #[schema(example = "Order desk", max_length = 500)]
    pub description: String,
    /// What events it asks for: names, families like `price.*`, or `*`. All when left out.
    #[serde(default = "every_event")]
    #[schema(example = json!(["price.changed", "promotion.*"]), min_items = 1, max_items = 50)]
    pub events: Vec<String>,
    /// Whether events are sent.
    #[serde(default = "yes")]
    pub enabled: bool,
}

fn every_event() -> Vec<String> {
    vec!["*".to_owned()]
}

const fn yes() -> bool {
    true
}

/// What to change of an endpoint; what is left out stays.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointChange {
    /// Where events are sent.
    #[schema(example = "https://shop.example.com/hooks/shopwright", max_length = 2000)]
    pub url: Option<String>,
    /// What it is called.
    #[schema(example = "Order desk", max_length = 500)]
    pub description: Option<String>,
    /// What events it asks for.
    #[schema(example = json!(["price.changed"]), min_items = 1, max_items = 50)]
    pub events: Option<Vec<String>>,
    /// Whether events are sent. Switching on forgets past failures.
    pub enabled: Option<bool>,
}

/// An endpoint.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WebhookEndpointView {
    /// Always `webhook_endpoint`.
    #[schema(example = "webhook_endpoint")]
    pub object: &'static str,
    /// Its id.
    #[schema(example = "we_01h455vb4pex5vsknk084sn02q")]
    pub id: String,
    /// Where events are sent.
    pub url: String,
    /// What it is called.
    pub description: String,
    /// What events it asks for.
    pub events: Vec<String>,
    /// Whether events are sent.
    pub enabled: bool,
    /// Why it was switched off by itself.
    pub disabled_reason: Option<String>,
    /// Since when it took nothing.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub failing_since: Option<Timestamp>,
    /// Until when the secret before the current one signs too.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub old_secret_until: Option<Timestamp>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When its owner changed it.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// The signing secret; only in the answer that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    pub secret: Option<String>,
}

fn view(endpoint: Endpoint, secret: Option<&NewSecret>) -> WebhookEndpointView {
    WebhookEndpointView {
        object: "webhook_endpoint",
        id: endpoint.endpoint_id.to_string(),
        url: endpoint.url,
        description: endpoint.description,
        events: endpoint.filters.iter().map(ToString::to_string).collect(),
        enabled: endpoint.enabled,
        disabled_reason: endpoint.disabled_reason,
        failing_since: endpoint.failing_since,
        old_secret_until: endpoint.old_secret_until,
        created_at: endpoint.created_at,
        updated_at: endpoint.updated_at,
        secret: secret.map(NewSecret::text),
    }
}

fn field(pointer: &str, detail: String) -> ApiError {
    ApiError::invalid(vec![FieldProblem { pointer: pointer.to_owned(), detail }])
}

fn refused(error: EndpointError) -> ApiError {
    let text = error.to_string();
    match error {
        EndpointError::Url(_) => field("/url", text),
        EndpointError::Filters => field("/events", text),
        EndpointError::Description => field("/description", text),
        EndpointError::TooMany => ApiError::new(Code::WRONG_STATE, text),
        EndpointError::NotFound(_) => ApiError::new(Code::NOT_FOUND, text),
        EndpointError::Store(error) => error.into(),
    }
}

fn filters(texts: &[String]) -> Result<Vec<EventFilter>, ApiError> {
    let mut problems = Vec::new();
    let mut all = Vec::new();
    for (at, text) in texts.iter().enumerate() {
        match text.parse() {
            Ok(filter) => all.push(filter),
            Err(error) => {
                let error: shopwright_domain::webhooks::FilterError = error;
                let (pointer, detail) = (format!("/events/{at}"), error.to_string());
                problems.push(FieldProblem { pointer, detail });
            }
        }
    }
    if problems.is_empty() { Ok(all) } else { Err(ApiError::invalid(problems)) }
}

fn gone(id: &str) -> ApiError {
    ApiError::new(Code::NOT_FOUND, format!("there is no webhook endpoint {id}"))
}

pub(super) fn endpoint_id(id: &str) -> Result<WebhookEndpointId, ApiError> {
    id.parse().map_err(|_| gone(id))
}

/// Makes an endpoint. The answer shows its signing secret, once.
#[utoipa::path(
    post, path = "/v1/webhook_endpoints", tag = "Webhooks", operation_id = "create_webhook_endpoint",
    request_body = NewEndpoint,
    responses(
        (status = 201, description = "Made", body = WebhookEndpointView),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "There are 100 endpoints already", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "More than 1 MiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not sent as JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field does not fit", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["webhooks:write"]))
)]
pub async fn create_endpoint(
    _: Allowed<needs::WebhooksWrite>,
    once: Once,
    State(site): State<Arc<Site>>,
    JsonBody(new): JsonBody<NewEndpoint>,
) -> Result<Response, ApiError> {
    let command = Command {
        endpoint_id: new_id(site.ids.as_ref()),
        url: new.url,
        description: new.description,
        filters: filters(&new.events)?,
        enabled: new.enabled,
    };
    let secret = NewSecret::new(&site.outside, command.endpoint_id);
    let (outside, stamp) = (Arc::clone(&site.outside), once.stamp());
    once.write_secret(move |tx| {
        let made = operations::create_endpoint(tx, &outside, &command, &secret, stamp);
        let endpoint = made.map_err(refused)?;
        let location = format!("/v1/webhook_endpoints/{}", endpoint.endpoint_id);
        Answer::created(location, &view(endpoint, Some(&secret)))
    })
    .await
}

/// A page of endpoints.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EndpointsQuery {
    /// Rows, 1 to 100; 10 when left out.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<i64>,
    /// An endpoint's id: the page after it (older).
    pub starting_after: Option<String>,
    /// An endpoint's id: the page before it (newer).
    pub ending_before: Option<String>,
}

/// All endpoints, newest first.
#[utoipa::path(
    get, path = "/v1/webhook_endpoints", tag = "Webhooks", operation_id = "list_webhook_endpoints",
    params(EndpointsQuery),
    responses(
        (status = 200, description = "A page of endpoints", body = ListView<WebhookEndpointView>),
        (status = 400, description = "A parameter does not fit", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["webhooks:read"]))
)]
pub async fn list_endpoints(
    _: Allowed<needs::WebhooksRead>,
    Query(query): Query<EndpointsQuery>,
    State(site): State<Arc<Site>>,
) -> Result<axum::Json<ListView<WebhookEndpointView>>, ApiError> {
    let cursor: Cursor<WebhookEndpointId> =
        Cursor::read(query.limit, query.starting_after, query.ending_before)?;
    let rows = site.store.read(move |tx| webhooks::list_endpoints(tx, &cursor.page())).await?;
    let data = rows.into_iter().map(|endpoint| view(endpoint, None)).collect();
    let (limit, backwards) = (cursor.limit, cursor.is_backwards());
    Ok(axum::Json(ListView::page(data, limit, backwards, "/v1/webhook_endpoints".to_owned())))
}

/// One endpoint.
#[utoipa::path(
    get, path = "/v1/webhook_endpoints/{id}", tag = "Webhooks", operation_id = "get_webhook_endpoint",
    params(("id" = String, Path, description = "The endpoint", example = "we_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 200, description = "The endpoint", body = WebhookEndpointView),
        (status = 400, description = "The path is not UTF-8 text", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such endpoint", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["webhooks:read"]))
)]
pub async fn get_endpoint(
    _: Allowed<needs::WebhooksRead>,
    PathText(id): PathText<String>,
    State(site): State<Arc<Site>>,
) -> Result<axum::Json<WebhookEndpointView>, ApiError> {
    let parsed = endpoint_id(&id)?;
    let found = site.store.read(move |tx| webhooks::find_endpoint(tx, parsed)).await?;
    Ok(axum::Json(view(found.ok_or_else(|| gone(&id))?, None)))
}

/// Changes an endpoint.
#[utoipa::path(
    patch, path = "/v1/webhook_endpoints/{id}", tag = "Webhooks", operation_id = "update_webhook_endpoint",
    params(("id" = String, Path, description = "The endpoint", example = "we_01h455vb4pex5vsknk084sn02q")),
    request_body = EndpointChange,
    responses(
        (status = 200, description = "The endpoint as it is now", body = WebhookEndpointView),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such endpoint", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "More than 1 MiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not sent as JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field does not fit", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["webhooks:write"]))
)]
pub async fn update_endpoint(
    _: Allowed<needs::WebhooksWrite>,
    once: Once,
    PathText(id): PathText<String>,
    State(site): State<Arc<Site>>,
    JsonBody(change): JsonBody<EndpointChange>,
) -> Result<Response, ApiError> {
    let change = ChangeEndpoint {
        url: change.url,
        description: change.description,
        filters: change.events.as_deref().map(filters).transpose()?,
        enabled: change.enabled,
    };
    let (id, stamp, outside) = (endpoint_id(&id)?, once.stamp(), Arc::clone(&site.outside));
    once.write(move |tx| {
        let changed = operations::change_endpoint(tx, &outside, id, &change, stamp);
        Answer::ok(&view(changed.map_err(refused)?, None))
    })
    .await
}

/// Removes an endpoint and its log. What is on its way to it is not sent any more.
#[utoipa::path(
    delete, path = "/v1/webhook_endpoints/{id}", tag = "Webhooks", operation_id = "delete_webhook_endpoint",
    params(("id" = String, Path, description = "The endpoint", example = "we_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 204, description = "Removed"),
        (status = 400, description = "The path is not UTF-8 text", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such endpoint", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["webhooks:write"]))
)]
pub async fn delete_endpoint(
    _: Allowed<needs::WebhooksWrite>,
    once: Once,
    PathText(id): PathText<String>,
) -> Result<Response, ApiError> {
    let (id, stamp) = (endpoint_id(&id)?, once.stamp());
    once.write(move |tx| {
        operations::delete_endpoint(tx, id, stamp).map_err(refused)?;
        Ok(Answer::no_content())
    })
    .await
}

/// Gives an endpoint a new secret, shown once. The one before signs beside it for a day.
#[utoipa::path(
    post, path = "/v1/webhook_endpoints/{id}/rotate_secret", tag = "Webhooks", operation_id = "rotate_webhook_secret",
    params(("id" = String, Path, description = "The endpoint", example = "we_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 200, description = "The endpoint with its new secret", body = WebhookEndpointView),
        (status = 400, description = "The path is not UTF-8 text", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such endpoint", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["webhooks:write"]))
)]
pub async fn rotate_endpoint_secret(
    _: Allowed<needs::WebhooksWrite>,
    once: Once,
    PathText(id): PathText<String>,
    State(site): State<Arc<Site>>,
) -> Result<Response, ApiError> {
    let (id, stamp) = (endpoint_id(&id)?, once.stamp());
    let secret = NewSecret::new(&site.outside, id);
    once.write_secret(move |tx| {
        let endpoint = operations::rotate_secret(tx, id, &secret, stamp).map_err(refused)?;
        Answer::ok(&view(endpoint, Some(&secret)))
    })
    .await
}

/// Sends an endpoint a `webhook.test` event, whatever it asks for and also when it is switched off.
#[utoipa::path(
    post, path = "/v1/webhook_endpoints/{id}/test", tag = "Webhooks", operation_id = "test_webhook_endpoint",
    params(("id" = String, Path, description = "The endpoint", example = "we_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 202, description = "On its way", body = WebhookDeliveryView),
        (status = 400, description = "The path is not UTF-8 text", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such endpoint", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["webhooks:write"]))
)]
pub async fn test_webhook_endpoint(
    _: Allowed<needs::WebhooksWrite>,
    once: Once,
    PathText(id): PathText<String>,
    State(site): State<Arc<Site>>,
) -> Result<Response, ApiError> {
    let (id, now) = (endpoint_id(&id)?, site.clock.now());
    let event_id = new_id(site.ids.as_ref());
    once.write(move |tx| {
        let delivery = operations::test_endpoint(tx, id, event_id, now).map_err(refused)?;
        Answer::with_body(StatusCode::ACCEPTED, &delivery_view(tx, delivery)?)
    })
    .await
}
