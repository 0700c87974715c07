//! Who sends events, and how what was sent gets into the ledger: the same for every form.
//!
//! A key comes as a bearer, as the name of HTTP basic authentication (what Segment's libraries send),
//! in Firehose's header, or, when it is a publishable one, where `sendBeacon` can put it: in the
//! query or in the body.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use shopwright_app::events::{Batch, Message, Prepared, Taken, Trust, prepare, take_in};
use shopwright_app::identity::{KeyKind, KnownKey, Scope};
use shopwright_domain::events::bots::is_bot;
use shopwright_domain::events::{EventForm, Incoming, Unreadable};
use shopwright_domain::time::Timestamp;
use shopwright_store::StoreError;

use crate::Site;
use crate::auth::{let_in, need};
use crate::origin::Caller;
use crate::problem::{ApiError, Code};

/// Where everything that comes over HTTP comes from: an id is unique over all of its forms.
const SOURCE: &str = "http";
/// The most events of one call.
pub const EVENTS_MAX: usize = 1_000;

/// A sender that may send events, with what it sent.
#[derive(Clone, Debug)]
pub struct Sender {
    /// What may be said.
    pub trust: Trust,
    /// A browser that says it is no person's: answered, and nothing is taken.
    pub is_bot: bool,
    /// The customer that a token vouches for.
    pub customer: Option<String>,
    /// The headers.
    pub headers: HeaderMap,
    /// What was sent.
    pub body: Bytes,
}

/// Where a body names its key.
#[derive(Deserialize)]
struct KeyInBody {
    #[serde(alias = "writeKey")]
    key: Option<String>,
}

impl FromRequest<Arc<Site>> for Sender {
    type Rejection = ApiError;

    async fn from_request(request: Request, site: &Arc<Site>) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        let sent = key_in_head(&parts)?;
        let known = sent.as_deref().map(|text| checked(&mut parts, site, text)).transpose()?;
        let headers = parts.headers.clone();
        let body = read_body(Request::from_parts(parts.clone(), body), site).await?;
        let key = if let Some(key) = known {
            key
        } else {
            let found = serde_json::from_slice::<KeyInBody>(&body).ok();
            let text = found.and_then(|found| found.key);
            let text = text.ok_or_else(|| ApiError::plain(Code::UNAUTHORIZED))?;
            checked(&mut parts, site, &text)?
        };
        let trust = trust(&parts, site, &key);
        let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
        let is_bot = trust != Trust::Server && is_bot(agent.unwrap_or_default());
        let customer = crate::customer_token::Customer::from_request_parts(&mut parts, site);
        let customer = match trust {
            Trust::Browser { .. } => customer.await.ok().map(|customer| customer.id),
            Trust::Server => None,
        };
        Ok(Self { trust, is_bot, customer, headers, body })
    }
}

async fn read_body(request: Request, site: &Arc<Site>) -> Result<Bytes, ApiError> {
    Bytes::from_request(request, site).await.map_err(|rejection| {
        match rejection.into_response().status().as_u16() {
            413 => ApiError::plain(Code::BODY_TOO_LARGE),
            _ => ApiError::new(Code::MALFORMED_JSON, "the body could not be read to its end"),
        }
    })
}

fn checked(parts: &mut Parts, site: &Site, text: &str) -> Result<Arc<KnownKey>, ApiError> {
    let key = let_in(parts, site, text)?;
    parts.extensions.insert(Arc::clone(&key));
    need(&key, Scope::EventsWrite)?;
    Ok(key)
}

fn key_in_head(parts: &Parts) -> Result<Option<String>, ApiError> {
    if let Some(value) = parts.headers.get(header::AUTHORIZATION) {
        let key = value.to_str().ok().and_then(authorized).ok_or_else(|| {
            ApiError::new(
                Code::UNAUTHORIZED,
                "the Authorization header must read `Bearer sk_…`, or `Basic` with the key as its name",
            )
        })?;
        return Ok(Some(key));
    }
    if let Some(value) = parts.headers.get("x-amz-firehose-access-key") {
        return Ok(Some(value.to_str().unwrap_or_default().to_owned()));
    }
    let query = parts.uri.query().unwrap_or_default().as_bytes();
    let key = form_urlencoded::parse(query).find(|(name, _)| name == "key");
    match key {
        // An address is written into logs on its way; a secret does not belong there.
        Some((_, key)) if !key.starts_with("pk_") => Err(ApiError::new(
            Code::UNAUTHORIZED,
            "only a publishable key (`pk_…`) may stand in an address; send others in the Authorization header",
        )),
        key => Ok(key.map(|(_, key)| key.into_owned())),
    }
}

/// `Bearer KEY`, or `Basic` with the key as the name and any password.
fn authorized(value: &str) -> Option<String> {
    let (scheme, rest) = value.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.trim().to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
    Some(pair.split_once(':').map_or(pair.as_str(), |(name, _)| name).to_owned())
}

fn trust(parts: &Parts, site: &Site, key: &KnownKey) -> Trust {
    if key.kind != KeyKind::Publishable {
        return Trust::Server;
    }
    let counted = parts.extensions.get::<Caller>().map(Caller::counted_address);
    let hash = site.key_secret.hash(&format!("event address {}", counted.unwrap_or_default()));
    let mut address = [0; 16];
    address.copy_from_slice(&hash[..16]);
    Trust::Browser { address }
}

/// What was read of one call: in each form, what could be read and what could not.
#[derive(Clone, Debug, Default)]
pub struct Read {
    own: (Vec<Message>, Vec<Unreadable>),
    segment: (Vec<Message>, Vec<Unreadable>),
}

impl Read {
    /// Puts in what became of one message.
    pub fn add(
        &mut self,
        (index, form): (usize, EventForm),
        raw: &[u8],
        read: Result<Incoming, Unreadable>,
    ) {
        let (messages, unreadable) = match form {
            EventForm::Own => &mut self.own,
            EventForm::Segment => &mut self.segment,
        };
        match read {
            Ok(incoming) => messages.push(Message { index, incoming, raw: raw.to_vec() }),
            Err(refused) => unreadable.push(Unreadable { index, ..refused }),
        }
    }
}

/// A browser speaks of a customer only with the customer's token; else of a visitor.
fn unvouched(sender: &Sender, messages: &mut [Message]) {
    if sender.trust == Trust::Server {
        return;
    }
    for message in messages {
        if let Incoming::Event(event) = &mut message.incoming {
            let named = event
                .shopper
                .customer
                .as_ref()
                .map(shopwright_domain::customers::CustomerId::as_str);
            if named.is_some() && named != sender.customer.as_deref() {
                event.shopper.customer = None;
            }
        }
    }
}

/// Takes what one call brought in one durable write.
pub async fn take_all(
    site: &Site,
    sender: &Sender,
    read: Read,
    now: Timestamp,
) -> Result<Taken, ApiError> {
    if sender.is_bot {
        return Ok(Taken::default());
    }
    let batch = |form, (mut messages, unreadable): (Vec<Message>, Vec<Unreadable>)| {
        unvouched(sender, &mut messages);
        let source = SOURCE.to_owned();
        let batch = Batch { source, trust: sender.trust, form, messages, unreadable };
        prepare(batch, &site.outside, site.ids.as_ref(), now)
    };
    let prepared: [Prepared; 2] =
        [batch(EventForm::Own, read.own), batch(EventForm::Segment, read.segment)];
    let mut taken = site
        .store
        .write(move |tx| {
            let mut all = Taken::default();
            for one in &prepared {
                let taken = take_in(tx, one, now)?;
                all.accepted += taken.accepted;
                all.duplicates += taken.duplicates;
                all.changed += taken.changed;
                all.uncounted += taken.uncounted;
                all.dead.extend(taken.dead);
                all.touched.extend(taken.touched);
            }
            Ok::<_, StoreError>(all)
        })
        .await?;
    taken.dead.sort_by_key(|(index, ..)| *index);
    site.traffic.touch(std::mem::take(&mut taken.touched));
    Ok(taken)
}
