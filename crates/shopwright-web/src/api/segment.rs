//! Events in over Segment's HTTP API, so that its libraries and RudderStack's work by changing the
//! host. What is JSON is answered 200; a message that cannot be used is kept as a dead letter.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use shopwright_domain::events::segment::{self, BATCH_BYTES_MAX, EVENT_BYTES_MAX};
use shopwright_domain::events::{EventForm, unreadable, with_field};
use shopwright_domain::time::Timestamp;
use utoipa::ToSchema;

use super::event_sender::{Read, Sender, take_all};
use crate::Site;
use crate::problem::{ApiError, Code, Problem};

/// What Segment answers.
#[derive(Clone, Debug, serde::Serialize, ToSchema)]
pub struct SegmentAnswer {
    /// Always true.
    #[schema(example = true)]
    pub success: bool,
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(default)]
    batch: Vec<Box<RawValue>>,
    context: Option<Box<RawValue>>,
    #[serde(rename = "sentAt")]
    sent_at: Option<String>,
}

#[derive(Deserialize)]
struct Head {
    #[serde(rename = "type")]
    word: Option<Box<RawValue>>,
    #[serde(rename = "messageId")]
    message_id: Option<Box<RawValue>>,
    timestamp: Option<Box<RawValue>>,
    context: Option<Box<RawValue>>,
}

/// One message with what is around it put into it: its type, the batch's context, and an id. A message
/// without an id but with a time gets one from its content, so that it can be sent again; without
/// either it is taken as new.
fn completed<'a>(
    raw: &'a [u8],
    word: Option<&str>,
    context: Option<&RawValue>,
    site: &Site,
) -> Cow<'a, [u8]> {
    // serde takes a list for an object.
    let head = serde_json::from_slice::<Head>(raw).ok().filter(|_| raw.starts_with(b"{"));
    let Some(head) = head else { return Cow::Borrowed(raw) };
    let mut text = Cow::Borrowed(raw);
    if head.message_id.is_none() {
        let id = if head.timestamp.is_some() {
            Sha256::digest(raw)[..16].iter().fold(String::from("sha256-"), |mut text, byte| {
                use std::fmt::Write as _;
                // Writing to a string cannot fail.
                let _ = write!(text, "{byte:02x}");
                text
            })
        } else {
            site.ids.next_uuid().to_string()
        };
        text = Cow::Owned(with_field(&text, "messageId", &id).into_owned());
    }
    if let Some(word) = word.filter(|_| head.word.is_none()) {
        text = Cow::Owned(with_field(&text, "type", word).into_owned());
    }
    if let Some(context) = context.filter(|_| head.context.is_none()) {
        let with = [br#"{"context":"#, context.get().as_bytes(), b",", &text[1..]].concat();
        text = Cow::Owned(with);
    }
    text
}

fn parsed(body: &[u8]) -> Result<Envelope, ApiError> {
    if body.len() > BATCH_BYTES_MAX {
        return Err(ApiError::plain(Code::EVENT_TOO_LARGE));
    }
    crate::strict_json::check(body).map_err(|fault| {
        ApiError::new(Code::MALFORMED_JSON, format!("{}: {}", fault.pointer, fault.detail))
    })?;
    let is_object = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    let sent = serde_json::from_slice::<Envelope>(body);
    let not_json = |reason: String| {
        ApiError::new(
            Code::MALFORMED_JSON,
            format!("the body is no message of Segment's form: {reason}"),
        )
    };
    if !is_object {
        return Err(not_json("it must be a JSON object".to_owned()));
    }
    sent.map_err(|error| not_json(error.to_string()))
}

async fn take(
    site: &Site,
    sender: &Sender,
    word: Option<&str>,
) -> Result<axum::Json<SegmentAnswer>, ApiError> {
    let sent = parsed(&sender.body)?;
    let now = site.clock.now();
    let sent_at: Option<Timestamp> = sent.sent_at.as_deref().and_then(|text| text.parse().ok());
    let whole = sender.body.trim_ascii();
    let messages: Vec<&[u8]> = match word {
        Some(_) => vec![whole],
        None => sent.batch.iter().map(|message| message.get().as_bytes()).collect(),
    };
    if messages.iter().any(|message| message.len() > EVENT_BYTES_MAX) {
        return Err(ApiError::plain(Code::EVENT_TOO_LARGE));
    }
    let mut read = Read::default();
    let context = sent.context.as_deref().filter(|_| word.is_none());
    for (index, raw) in messages.into_iter().enumerate() {
        let text = completed(raw, word, context, site);
        let sent_at = segment::sent_at(&text).or(sent_at);
        let found = segment::read(&text, sent_at, now);
        let found = found.map_err(|refusal| unreadable(index, refusal, &text));
        read.add((index, EventForm::Segment), &text, found);
    }
    take_all(site, sender, read, now).await?;
    Ok(axum::Json(SegmentAnswer { success: true }))
}

macro_rules! doors {
    ($($(#[$doc:meta])* $name:ident $path:tt $id:tt $word:expr, $example:tt;)*) => {$(
        $(#[$doc])*
        #[utoipa::path(
            post, path = $path, tag = "Events", operation_id = $id,
            request_body(content = Object, description = "A message of Segment's form, with a `messageId` of the sender's", example = json!($example)),
            responses(
                (status = 200, description = "Durable", body = SegmentAnswer),
                (status = 400, description = "Not JSON, or too large", body = Problem, content_type = "application/problem+json"),
                (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
                (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
                (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
                (status = 415, description = "The body is packed in a way that is not read", body = Problem, content_type = "application/problem+json"),
            ),
            security(("key" = ["events:write"]))
        )]
        pub async fn $name(State(site): State<Arc<Site>>, sender: Sender) -> Result<Response, ApiError> {
            take(&site, &sender, $word).await.map(IntoResponse::into_response)
        }
    )*};
}

doors! {
    /// Segment: something was done.
    segment_track "/v1/track" "segment_track" Some("track"),
        {"messageId": "m-1", "anonymousId": "visitor-1", "event": "Product Viewed", "properties": {"sku": "85123A"}};
    /// Segment: a page was seen.
    segment_page "/v1/page" "segment_page" Some("page"), {"messageId": "m-2", "anonymousId": "visitor-1"};
    /// Segment: a screen of an app was seen.
    segment_screen "/v1/screen" "segment_screen" Some("screen"), {"messageId": "m-3", "anonymousId": "visitor-1"};
    /// Segment: a visitor is a customer.
    segment_identify "/v1/identify" "segment_identify" Some("identify"),
        {"messageId": "m-4", "anonymousId": "visitor-1", "userId": "c-1"};
    /// Segment: a customer belongs to a group. It is counted and its content is not kept.
    segment_group "/v1/group" "segment_group" Some("group"), {"messageId": "m-5", "userId": "c-1", "groupId": "g-1"};
    /// Segment: an id stands for a customer.
    segment_alias "/v1/alias" "segment_alias" Some("alias"),
        {"messageId": "m-6", "previousId": "visitor-1", "userId": "c-1"};
    /// Segment: many messages, each with its `type`; 500 kB together.
    segment_batch "/v1/batch" "segment_batch" None,
        {"batch": [{"type": "track", "messageId": "m-7", "anonymousId": "visitor-1", "event": "Product Added", "properties": {"sku": "85123A", "quantity": 1}}]};
}
