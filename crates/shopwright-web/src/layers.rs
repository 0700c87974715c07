//! What surrounds every request: its id, its limits, its count, and the headers of every answer.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use shopwright_domain::ids::IdSource;

use crate::Site;
use crate::origin::{Caller, Peer, answers_to};
use crate::problem::{ApiError, Code};

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// A caller's own request id is kept up to this length.
const REQUEST_ID_BYTES_MAX: usize = 64;
/// A request slower than this is logged.
const SLOW_SECONDS: f64 = 0.5;

/// The outermost layer.
pub async fn around(State(site): State<Arc<Site>>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(request.headers(), site.ids.as_ref());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    // Pages that could not be made show it.
    request.headers_mut().insert(REQUEST_ID.clone(), id.clone());
    let caller = caller(&site, &request);
    request.extensions_mut().insert(caller);
    let is_probe = matches!(request.uri().path(), "/livez" | "/readyz" | "/metrics");
    let public_url = site.public_url.as_ref();
    let mut response = if !answers_to(request.headers(), site.loopback_only, public_url)
        && (site.loopback_only || !is_probe)
    {
        let does = if site.loopback_only {
            "this server only answers to localhost; name it with public_url, or start it with --listen, to be reached by other names"
        } else {
            "this server only answers to the name in its public_url"
        };
        ApiError::new(Code::FORBIDDEN, does).into_response()
    } else {
        next.run(request).await
    };
    if response.status() == StatusCode::REQUEST_TIMEOUT {
        // The layer that keeps the time knows no problem documents.
        response = ApiError::plain(Code::REQUEST_TIMEOUT).into_response();
    }
    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        let body = serde_json::to_vec(&error.problem(id.to_str().ok().map(ToOwned::to_owned)));
        if let Ok(body) = body {
            response.headers_mut().remove(header::CONTENT_LENGTH);
            *response.body_mut() = body.into();
        }
    }
    tracing::debug!(id = ?id, %method, status = %response.status(), "answered");
    response.headers_mut().insert(REQUEST_ID.clone(), id.clone());
    response
        .headers_mut()
        .insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Pages say what they may load; anything else, opened in a window, loads nothing.
    response
        .headers_mut()
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    let took = started.elapsed();
    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
    if took.as_secs_f64() > SLOW_SECONDS {
        tracing::warn!(id = ?id, %method, route, millis = took.as_millis(), "slow request");
    }
    site.metrics.count(&method, route, response.status().as_u16(), took);
    response
}

/// Whom the request comes from. Without a connection, as in a test of the routes alone, nobody.
fn caller(site: &Site, request: &Request) -> Caller {
    let peer = request.extensions().get::<ConnectInfo<Peer>>();
    let address = peer.map_or(IpAddr::from([0, 0, 0, 0]), |info| info.0.0.ip());
    Caller::of(address, request.headers(), site.public_url.as_ref(), &site.trusted_proxies)
}

/// The caller's id when it is harmless to repeat, else a new one.
fn request_id(headers: &HeaderMap, ids: &dyn IdSource) -> HeaderValue {
    let harmless = |value: &&HeaderValue| {
        let bytes = value.as_bytes();
        !bytes.is_empty()
            && bytes.len() <= REQUEST_ID_BYTES_MAX
            && bytes
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':'))
    };
    if let Some(value) = headers.get(&REQUEST_ID).filter(harmless) {
        return value.clone();
    }
    let mut text = [0; uuid::fmt::Simple::LENGTH];
    let text = ids.next_uuid().simple().encode_lower(&mut text);
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("unknown"))
}
