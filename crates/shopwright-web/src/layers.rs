//! What surrounds every request: its id, its limits, its count, and the headers of every answer.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use shopwright_domain::ids::IdSource;

use crate::Site;
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
    let mut response = if site.loopback_only && !names_loopback(request.headers()) {
        // A page of another site must not reach this server under a name of its own (DNS rebinding).
        ApiError::new(Code::FORBIDDEN, "this server only answers to localhost; start it with --listen to be reached by other names")
            .into_response()
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
    let took = started.elapsed();
    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
    if took.as_secs_f64() > SLOW_SECONDS {
        tracing::warn!(id = ?id, %method, route, millis = took.as_millis(), "slow request");
    }
    site.metrics.count(&method, route, response.status().as_u16(), took);
    response
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

fn names_loopback(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST) else { return true };
    let host = host.to_str().unwrap_or_default();
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_pass_the_host_check() {
        let check = |host: &str, passes: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            assert_eq!(names_loopback(&headers), passes, "{host}");
        };
        check("localhost:8080", true);
        check("LOCALHOST", true);
        check("127.0.0.1:8080", true);
        check("[::1]:8080", true);
        check("evil.example:8080", false);
        check("127.0.0.1.evil.example", false);
        check("10.0.0.1", false);
        assert!(names_loopback(&HeaderMap::new()));
    }
}
