//! Webhooks of shop platforms come in, and what became of them.
//!
//! The signature over the raw body is checked before anything of it is read or kept. A delivery is
//! answered 200 once it is kept; sent again it is answered 200 and changes nothing.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use shopwright_app::inbound::{Arrived, Received, ReopenError, receive, reopen};
use shopwright_domain::ids::{EffectId, new_id};
use shopwright_domain::platforms::Platform;
use shopwright_domain::time::Timestamp;
use shopwright_store::inbound::{self, Inbound, InboundState};
use utoipa::{IntoParams, ToSchema};

use super::view::ListView;
use crate::Site;
use crate::answer::Answer;
use crate::auth::{Allowed, needs};
use crate::input::{Cursor, PathText, Query, RawBody};
use crate::once::Once;
use crate::problem::{ApiError, Code, Problem};

/// The longest id or topic of a delivery.
const NAME_BYTES_MAX: usize = 200;

/// What became of a webhook that was sent.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct ReceivedView {
    /// `kept`, `ignored` for a topic that is not taken, or `again` when it came before.
    #[schema(example = "kept", pattern = "^(kept|ignored|again)$")]
    pub received: &'static str,
}

/// A webhook of a shop platform. Its body is not shown: it is about a person.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct InboundWebhookView {
    /// Always `inbound_webhook`.
    #[schema(example = "inbound_webhook")]
    pub object: &'static str,
    /// Its id.
    #[schema(example = "eff_01h455vb4pex5vsknk084sn02q")]
    pub id: String,
    /// `shopify` or `woocommerce`.
    #[schema(example = "shopify")]
    pub platform: String,
    /// What the platform calls the delivery.
    pub delivery_id: String,
    /// What it is about.
    #[schema(example = "orders/paid")]
    pub topic: String,
    /// `waiting`, `done`, `ignored` or `given_up`.
    #[schema(example = "done", pattern = "^(waiting|done|ignored|given_up)$")]
    pub state: String,
    /// What came of it, in words.
    pub outcome: Option<String>,
    /// When it came.
    #[schema(value_type = String, format = DateTime)]
    pub received_at: Timestamp,
    /// When it was applied or given up.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Timestamp>,
}

impl From<Inbound> for InboundWebhookView {
    fn from(kept: Inbound) -> Self {
        Self {
            object: "inbound_webhook",
            id: kept.effect_id.to_string(),
            platform: kept.platform.as_str().to_owned(),
            delivery_id: kept.delivery_id,
            topic: kept.topic,
            state: kept.state.as_str().to_owned(),
            outcome: kept.outcome,
            received_at: kept.received_at,
            finished_at: kept.finished_at,
        }
    }
}

/// Takes a webhook of Shopify as Shopify sends it, signed in `X-Shopify-Hmac-Sha256`.
#[utoipa::path(
    post, path = "/v1/inbound/shopify", tag = "Webhooks in", operation_id = "receive_shopify_webhook",
    responses(
        (status = 200, description = "It is kept", body = ReceivedView),
        (status = 400, description = "It names no delivery or topic", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "The signature does not hold", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger does not answer; send it again", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn receive_shopify(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Result<axum::Json<ReceivedView>, ApiError> {
    let names = Names {
        signature: "x-shopify-hmac-sha256",
        delivery: "x-shopify-webhook-id",
        topic: "x-shopify-topic",
    };
    take(&site, Platform::Shopify, &names, (&headers, &body)).await
}

/// Takes a webhook of WooCommerce as it sends it, signed in `X-WC-Webhook-Signature`. The ping that WooCommerce sends
/// when a webhook is made is answered 200 and kept nowhere.
#[utoipa::path(
    post, path = "/v1/inbound/woocommerce", tag = "Webhooks in", operation_id = "receive_woocommerce_webhook",
    responses(
        (status = 200, description = "It is kept", body = ReceivedView),
        (status = 400, description = "It names no delivery or topic", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "The signature does not hold", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger does not answer; send it again", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn receive_woocommerce(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Result<axum::Json<ReceivedView>, ApiError> {
    let is_ping = headers.get("x-wc-webhook-topic").is_none() && body.starts_with(b"webhook_id=");
    if is_ping {
        return Ok(axum::Json(ReceivedView { received: "ignored" }));
    }
    let names = Names {
        signature: "x-wc-webhook-signature",
        delivery: "x-wc-webhook-delivery-id",
        topic: "x-wc-webhook-topic",
    };
    take(&site, Platform::Woocommerce, &names, (&headers, &body)).await
}

/// What a platform calls its headers.
struct Names {
    signature: &'static str,
    delivery: &'static str,
    topic: &'static str,
}

async fn take(
    site: &Site,
    platform: Platform,
    names: &Names,
    (headers, body): (&HeaderMap, &Bytes),
) -> Result<axum::Json<ReceivedView>, ApiError> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let secrets = &site.inbound_secrets.of(platform);
    if !header(names.signature).is_some_and(|signature| secrets.signed(body, signature)) {
        let detail = if secrets.is_empty() {
            format!("set {}_webhook_secret to take these webhooks", platform.as_str())
        } else {
            format!("{} does not hold the signature of this body", names.signature)
        };
        return Err(ApiError::new(Code::UNAUTHORIZED, detail));
    }
    let named = |name: &str| {
        let text = header(name).filter(|text| !text.is_empty() && text.len() <= NAME_BYTES_MAX);
        let missing = || ApiError::new(Code::INVALID_PARAMETER, format!("{name}: send it"));
        text.map(ToOwned::to_owned).ok_or_else(missing)
    };
    let arrived = Arrived {
        effect_id: new_id(site.ids.as_ref()),
        platform,
        delivery_id: named(names.delivery)?,
        topic: named(names.topic)?,
        body: body.to_vec(),
        currency: site.currency,
    };
    let received = receive(&site.store, arrived, &site.outside, site.clock.now()).await?;
    let received = match received {
        Received::Kept => "kept",
        Received::Ignored => "ignored",
        Received::Again => "again",
    };
    Ok(axum::Json(ReceivedView { received }))
}

/// A page of webhooks.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct InboundQuery {
    /// Only those in this state: `waiting`, `done`, `ignored` or `given_up`.
    pub state: Option<String>,
    /// Rows, 1 to 100; 10 when left out.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<i64>,
    /// A webhook's id: the page after it (older).
    pub starting_after: Option<String>,
    /// A webhook's id: the page before it (newer).
    pub ending_before: Option<String>,
}

/// What shop platforms sent in the last 30 days, newest first; with `state=given_up` what could not be
/// applied, and why.
#[utoipa::path(
    get, path = "/v1/inbound_webhooks", tag = "Webhooks in", operation_id = "list_inbound_webhooks",
    params(InboundQuery),
    responses(
        (status = 200, description = "A page of webhooks", body = ListView<InboundWebhookView>),
        (status = 400, description = "A parameter does not fit", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["webhooks:read"]))
)]
pub async fn list_inbound_webhooks(
    _: Allowed<needs::WebhooksRead>,
    Query(query): Query<InboundQuery>,
    State(site): State<Arc<Site>>,
) -> Result<axum::Json<ListView<InboundWebhookView>>, ApiError> {
    let cursor: Cursor<EffectId> =
        Cursor::read(query.limit, query.starting_after, query.ending_before)?;
    let state = query.state.as_deref().map(|text| {
        InboundState::parse(text).ok_or_else(|| {
            let detail = format!("state: `{text}` is not waiting, done, ignored or given_up");
            ApiError::new(Code::INVALID_PARAMETER, detail)
        })
    });
    let state = state.transpose()?;
    let rows = site.store.read(move |tx| inbound::list(tx, state, &cursor.page())).await?;
    let data = rows.into_iter().map(InboundWebhookView::from).collect();
    let (limit, backwards) = (cursor.limit, cursor.is_backwards());
    Ok(axum::Json(ListView::page(data, limit, backwards, "/v1/inbound_webhooks".to_owned())))
}

fn gone(id: &str) -> ApiError {
    ApiError::new(Code::NOT_FOUND, format!("there is no inbound webhook {id}"))
}

/// One webhook, and what came of it.
#[utoipa::path(
    get, path = "/v1/inbound_webhooks/{id}", tag = "Webhooks in", operation_id = "get_inbound_webhook",
    params(("id" = String, Path, description = "The webhook", example = "eff_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 200, description = "The webhook", body = InboundWebhookView),
        (status = 400, description = "The path is not UTF-8 text", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such webhook", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["webhooks:read"]))
)]
pub async fn get_inbound_webhook(
    _: Allowed<needs::WebhooksRead>,
    PathText(id): PathText<String>,
    State(site): State<Arc<Site>>,
) -> Result<axum::Json<InboundWebhookView>, ApiError> {
    let parsed: EffectId = id.parse().map_err(|_| gone(&id))?;
    let found = site.store.read(move |tx| inbound::find(tx, parsed)).await?;
    Ok(axum::Json(found.ok_or_else(|| gone(&id))?.into()))
}

/// Has a webhook that was given up applied again, from its first try.
#[utoipa::path(
    post, path = "/v1/inbound_webhooks/{id}/retry", tag = "Webhooks in", operation_id = "retry_inbound_webhook",
    params(("id" = String, Path, description = "The webhook", example = "eff_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 202, description = "It waits to be applied", body = InboundWebhookView),
        (status = 400, description = "The path is not UTF-8 text", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such webhook", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It was applied, or its body is gone", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["webhooks:write"]))
)]
pub async fn retry_inbound_webhook(
    _: Allowed<needs::WebhooksWrite>,
    once: Once,
    PathText(id): PathText<String>,
    State(site): State<Arc<Site>>,
) -> Result<Response, ApiError> {
    let parsed: EffectId = id.parse().map_err(|_| gone(&id))?;
    let (now, currency) = (site.clock.now(), site.currency);
    once.write(move |tx| {
        let kept = reopen(tx, parsed, currency, now).map_err(|error| match error {
            ReopenError::NotFound(_) => gone(&id),
            ReopenError::NotGivenUp => ApiError::new(Code::WRONG_STATE, error.to_string()),
            ReopenError::Store(error) => error.into(),
        })?;
        Answer::with_body(StatusCode::ACCEPTED, &InboundWebhookView::from(kept))
    })
    .await
}
