//! Events in, in our own form. The answer means that they are durable.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shopwright_app::events::Taken;
use shopwright_domain::events::segment::EVENT_BYTES_MAX;
use shopwright_domain::events::{EventForm, own, unreadable};
use utoipa::ToSchema;

use super::event_sender::{EVENTS_MAX, Read, Sender, take_all};
use crate::Site;
use crate::problem::{ApiError, Code, FieldProblem, Problem};

/// A product of an event.
#[derive(Clone, Debug, ToSchema)]
#[schema(as = EventItemBody)]
#[allow(
    dead_code,
    reason = "describes what is read message by message, so that one that does not fit is kept"
)]
pub struct EventItemBody {
    /// The SKU.
    #[schema(example = "85123A")]
    pub sku: String,
    /// Pieces, 1 when left out.
    #[schema(example = 1, minimum = 0)]
    pub quantity: Option<i64>,
    /// The price of one as the shopper saw it, a decimal in major units.
    #[schema(example = "12.99")]
    pub price: Option<String>,
}

/// One event.
#[derive(Clone, Debug, ToSchema)]
#[allow(
    dead_code,
    reason = "describes what is read message by message, so that one that does not fit is kept"
)]
pub struct EventBody {
    /// Your id of it: the same id again within 32 days changes nothing.
    #[schema(example = "0193b0d2-view-1")]
    pub id: String,
    /// What was done: `product_viewed`, `product_added`, `order_completed` and so on, or `identified`.
    #[schema(example = "product_viewed")]
    pub r#type: String,
    /// When; now when left out.
    #[schema(format = DateTime)]
    pub at: Option<String>,
    /// The shop's own id of a customer.
    pub customer: Option<String>,
    /// A visitor's id.
    #[schema(example = "visitor-1")]
    pub anonymous: Option<String>,
    /// The visit.
    pub session: Option<String>,
    /// The products.
    #[schema(max_items = 500)]
    pub items: Option<Vec<EventItemBody>>,
    /// ISO 4217, of the prices.
    #[schema(example = "GBP")]
    pub currency: Option<String>,
    /// The shop's number of the order.
    pub order: Option<String>,
    /// The recommendation it followed from.
    pub recommendation: Option<String>,
}

/// Events that are sent together.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventsBody {
    /// The events, 1 to 1,000.
    #[schema(value_type = Vec<EventBody>, min_items = 1, max_items = 1_000)]
    events: Vec<Box<RawValue>>,
    /// A publishable key, for senders that can set no header.
    #[serde(default, rename = "key")]
    _key: Option<String>,
}

/// An event that was kept as a dead letter.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RejectedView {
    /// Its place among the events.
    pub index: usize,
    /// The dead letter; it can be sent through again.
    #[schema(example = "dl_01h455vb4pex5vsknk084sn02q")]
    pub dead_letter: String,
    /// Why it could not be taken.
    pub reason: String,
}

/// What became of the events of one call.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EventsTakenView {
    /// Always `events_taken`.
    #[schema(example = "events_taken", pattern = "^events_taken$")]
    pub object: &'static str,
    /// New ones.
    #[schema(example = 1)]
    pub accepted: u64,
    /// Ones that were taken before.
    pub duplicates: u64,
    /// Rows that are kept and move nothing: over a browser's cap, or of a product that is not known.
    pub uncounted: u64,
    /// Ones that could not be taken, kept as dead letters.
    pub rejected: Vec<RejectedView>,
}

impl From<Taken> for EventsTakenView {
    fn from(taken: Taken) -> Self {
        let rejected =
            |(index, id, reason): (usize, shopwright_domain::ids::DeadLetterId, String)| {
                RejectedView { index, dead_letter: id.to_string(), reason }
            };
        Self {
            object: "events_taken",
            accepted: taken.accepted,
            duplicates: taken.duplicates,
            uncounted: taken.uncounted,
            rejected: taken.dead.into_iter().map(rejected).collect(),
        }
    }
}

/// Takes what shoppers did. The answer means that it is durable; an event that was sent before changes
/// nothing, one that does not fit is kept as a dead letter and the others are taken.
///
/// A publishable key says what browsers see: views and carts. Purchases and who is who come from servers.
#[utoipa::path(
    post, path = "/v1/events", tag = "Events", operation_id = "send_events",
    request_body(content = EventsBody, example = json!({"events": [{"id": "view-1", "type": "product_viewed", "anonymous": "visitor-1", "items": [{"sku": "85123A"}]}]})),
    responses(
        (status = 202, description = "Durable", body = EventsTakenView),
        (status = 400, description = "The body is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is packed in a way that is not read", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "No list of events", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["events:write"]))
)]
pub async fn send_events(
    State(site): State<Arc<Site>>,
    sender: Sender,
) -> Result<Response, ApiError> {
    let body = read_body(&sender.body)?;
    let now = site.clock.now();
    let mut read = Read::default();
    for (index, event) in body.events.iter().enumerate() {
        let raw = event.get().as_bytes();
        let found = own::read(raw, now).map_err(|refusal| unreadable(index, refusal, raw));
        read.add((index, EventForm::Own), raw, found);
    }
    let taken = take_all(&site, &sender, read, now).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(EventsTakenView::from(taken))).into_response())
}

fn read_body(bytes: &[u8]) -> Result<EventsBody, ApiError> {
    crate::strict_json::check(bytes).map_err(|fault| ApiError::invalid(vec![fault]))?;
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
        return Err(ApiError::field("", "must be an object with a list `events`"));
    }
    let body: EventsBody = serde_json::from_slice(bytes).map_err(|error| {
        let text = error.to_string();
        if error.is_data() {
            let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
            ApiError::field("", text)
        } else {
            ApiError::new(Code::MALFORMED_JSON, format!("the body is not JSON: {text}"))
        }
    })?;
    if body.events.is_empty() || body.events.len() > EVENTS_MAX {
        return Err(ApiError::field("/events", "must have 1 to 1,000 events"));
    }
    let large = body.events.iter().position(|event| event.get().len() > EVENT_BYTES_MAX);
    if let Some(place) = large {
        let pointer = format!("/events/{place}");
        let detail = "an event may have 32 kB; send less with it".to_owned();
        return Err(ApiError::invalid(vec![FieldProblem { pointer, detail }]));
    }
    Ok(body)
}
