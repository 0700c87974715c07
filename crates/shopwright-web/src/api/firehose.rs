//! Events in over the HTTP endpoint protocol of Amazon Data Firehose ("HTTP endpoint delivery request
//! and response specifications"). A delivery that comes again is taken once: a message without an id
//! has that of its place in the request.

use std::sync::Arc;

use axum::extract::{FromRequest, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shopwright_domain::events::check::Refusal;
use shopwright_domain::events::segment::EVENT_BYTES_MAX;
use shopwright_domain::events::{EventForm, formed, read_message, unreadable};
use shopwright_domain::time::Timestamp;
use utoipa::ToSchema;

use super::event_sender::{Read, Sender, take_all};
use crate::Site;
use crate::problem::{ApiError, Code, Problem};

const REQUEST_ID: &str = "x-amz-firehose-request-id";

/// One record.
#[derive(Debug, Deserialize, ToSchema)]
pub struct FirehoseRecord {
    /// Base64 of one event, or of several after each other, in our own form or Segment's.
    #[schema(example = "eyJpZCI6InZpZXctMSIsInR5cGUiOiJzZWFyY2hlZCJ9")]
    pub data: String,
}

/// A delivery.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FirehoseBody {
    /// The delivery's id, the same when it comes again.
    #[schema(example = "ed4acda5-034f-9f42-bba1-f29aea6d7d8f")]
    pub request_id: String,
    /// When it was sent, in milliseconds.
    #[schema(example = 1_578_090_901_599_i64)]
    pub timestamp: i64,
    /// The records.
    pub records: Vec<FirehoseRecord>,
}

/// What Firehose expects to be answered.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FirehoseAnswer {
    /// The delivery's id.
    #[schema(example = "ed4acda5-034f-9f42-bba1-f29aea6d7d8f")]
    pub request_id: String,
    /// When it was answered, in milliseconds.
    pub timestamp: i64,
    /// Why it was not taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
}

fn answer(request_id: String, now: Timestamp, refused: Option<ApiError>) -> Response {
    let status = refused.as_ref().map_or(StatusCode::OK, |error| {
        StatusCode::from_u16(error.code.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    });
    let timestamp = now.as_micros() / 1_000;
    let error_message = refused.map(|error| error.detail);
    (status, axum::Json(FirehoseAnswer { request_id, timestamp, error_message })).into_response()
}

/// Takes a delivery of Amazon Data Firehose. The key is sent as the delivery stream's access key.
#[utoipa::path(
    post, path = "/v1/events/firehose", tag = "Events", operation_id = "send_firehose",
    params(
        ("X-Amz-Firehose-Access-Key" = Option<String>, Header, description = "The key, where it is not sent as a bearer"),
        ("X-Amz-Firehose-Request-Id" = Option<String>, Header, description = "The delivery's id"),
    ),
    request_body(content = FirehoseBody, example = json!({
        "requestId": "ed4acda5-034f-9f42-bba1-f29aea6d7d8f", "timestamp": 1_578_090_901_599_i64,
        "records": [{ "data": "eyJpZCI6InZpZXctMSIsInR5cGUiOiJzZWFyY2hlZCJ9" }]
    })),
    responses(
        (status = 200, description = "Durable", body = FirehoseAnswer),
        (status = 400, description = "The body is no delivery", body = FirehoseAnswer),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = FirehoseAnswer),
        (status = 415, description = "The body is packed in a way that is not read", body = FirehoseAnswer),
        (status = 500, description = "Something went wrong on our side", body = FirehoseAnswer),
        (status = 503, description = "The ledger cannot be reached", body = FirehoseAnswer),
        (status = 507, description = "The ledger cannot grow", body = FirehoseAnswer),
    ),
    security(("key" = ["events:write"]))
)]
pub async fn send_firehose(State(site): State<Arc<Site>>, request: Request) -> Response {
    let header = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok());
    let request_id = header.unwrap_or_default().to_owned();
    let now = site.clock.now();
    let refused = match Sender::from_request(request, &site).await {
        Ok(sender) => match take(&site, &sender, now).await {
            Ok(id) => return answer(id, now, None),
            Err(error) => error,
        },
        // A caller without a key is told so like everywhere else.
        Err(error) if matches!(error.code.status, 401 | 403 | 429) => return error.into_response(),
        Err(error) => error,
    };
    answer(request_id, now, Some(refused))
}

async fn take(site: &Site, sender: &Sender, now: Timestamp) -> Result<String, ApiError> {
    let body: FirehoseBody = serde_json::from_slice(&sender.body).map_err(|error| {
        ApiError::new(Code::MALFORMED_JSON, format!("the body is no delivery of Firehose: {error}"))
    })?;
    let sent_id = sender.headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
    if sent_id.is_some_and(|id| id != body.request_id) {
        let detail = "requestId and X-Amz-Firehose-Request-Id differ";
        return Err(ApiError::new(Code::INVALID_PARAMETER, detail));
    }
    let mut read = Read::default();
    for (index, record) in body.records.iter().enumerate() {
        let Ok(data) = STANDARD.decode(&record.data) else {
            let reason = "is not base64".to_owned();
            let pointer = format!("/records/{index}/data");
            let raw = record.data.as_bytes();
            let refused = unreadable(index, Refusal { reason, pointer }, raw);
            read.add((index, EventForm::Own), raw, Err(refused));
            continue;
        };
        add_record(&mut read, (index, &body.request_id), &data, now);
    }
    take_all(site, sender, read, now).await?;
    Ok(body.request_id)
}

/// Reads the events of a record, which may stand after each other with or without line breaks.
fn add_record(read: &mut Read, (index, request_id): (usize, &str), data: &[u8], now: Timestamp) {
    let mut values = serde_json::Deserializer::from_slice(data).into_iter::<&RawValue>();
    let mut place = 0;
    loop {
        let begin = values.byte_offset();
        let raw: &[u8] = match values.next() {
            None => return,
            Some(Ok(value)) => value.get().as_bytes(),
            // What cannot be told apart is kept as a whole.
            Some(Err(_)) => &data[begin..],
        };
        let is_broken = values.byte_offset() == begin || raw.len() > EVENT_BYTES_MAX;
        let (form, text) = formed(raw, &format!("{request_id}/{index}/{place}"));
        let found = if raw.len() > EVENT_BYTES_MAX {
            let reason = "an event may have 32 kB; send less with it".to_owned();
            Err(unreadable(index, Refusal { reason, pointer: String::new() }, raw))
        } else {
            read_message(&text, form, now)
        };
        match found {
            Ok(incoming) => {
                for one in incoming {
                    read.add((index, form), &text, Ok(one));
                }
            }
            Err(refused) => read.add((index, form), &text, Err(refused)),
        }
        if is_broken {
            return;
        }
        place += 1;
    }
}
