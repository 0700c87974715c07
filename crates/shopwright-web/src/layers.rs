//! What surrounds every request: its id and trace, its limits, its count, and the headers of every answer.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use shopwright_domain::ids::IdSource;

use crate::admission::Admission;
use crate::origin::{Caller, Peer, answers_to};
use crate::problem::{ApiError, Code};
use crate::trace::{TRACEPARENT, Trace};
use crate::{Site, connections, cors, encoding};

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// A caller's own request id is kept up to this length.
const REQUEST_ID_BYTES_MAX: usize = 64;
/// A request slower than this is logged.
const SLOW_SECONDS: f64 = 0.5;
/// The longest path and query.
const TARGET_BYTES_MAX: usize = 8 << 10;

/// What the log calls a request.
#[derive(Clone, Debug)]
struct Named {
    id: HeaderValue,
    trace: Option<Trace>,
}

tokio::task_local! {
    static NAMED: Named;
}

/// The request that the calling task answers, as fields of a log line: its id, and its trace when the
/// caller sent one. `None` outside of requests.
pub fn current_request() -> Option<String> {
    NAMED
        .try_with(|named| {
            let id = named.id.to_str().unwrap_or_default();
            match named.trace {
                Some(trace) => format!("request={id} trace={:032x}", trace.id),
                None => format!("request={id}"),
            }
        })
        .ok()
}

/// The outermost layer.
pub async fn around(State(site): State<Arc<Site>>, mut request: Request, next: Next) -> Response {
    let id = request_id(request.headers(), site.ids.as_ref());
    let trace = Trace::read(request.headers(), || site.ids.next_uuid());
    // Pages that could not be made show it.
    request.headers_mut().insert(REQUEST_ID.clone(), id.clone());
    if let Some(trace) = trace {
        request.extensions_mut().insert(trace);
    }
    name_host(&mut request);
    let named = Named { id, trace };
    let accepted = encoding::accepted(request.headers());
    let response = NAMED.scope(named.clone(), answered(&site, request, next, named)).await;
    // Last of all: the request id has been written into problem documents by now.
    encoding::compress(accepted, response).await
}

async fn answered(site: &Site, mut request: Request, next: Next, named: Named) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
    let origin = request.headers().get(header::ORIGIN).cloned();
    let caller = caller(site, &request);
    let admission = Admission::new(caller.address);
    request.extensions_mut().insert(caller);
    request.extensions_mut().insert(admission.clone());
    let mut response = match refuse(site, &request) {
        Some(refusal) => refusal.into_response(),
        None => match site.browser_routes.preflight(&method, route, request.headers()) {
            Some(preflight) => preflight,
            None => next.run(request).await,
        },
    };
    if response.status() == StatusCode::REQUEST_TIMEOUT {
        // The layer that keeps the time knows no problem documents.
        response = ApiError::plain(Code::REQUEST_TIMEOUT).into_response();
    }
    say_what_is_left(site, &admission, &mut response);
    if site.browser_routes.has(route) {
        share(&admission, origin, &mut response);
    }
    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        let id = named.id.to_str().ok().map(ToOwned::to_owned);
        if let Ok(body) = serde_json::to_vec(&error.problem(id)) {
            response.headers_mut().remove(header::CONTENT_LENGTH);
            *response.body_mut() = body.into();
        }
    }
    let headers = response.headers_mut();
    if is_private(route) {
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Pages say what they may load; anything else, opened in a window, loads nothing.
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    if let Some(traceparent) = named.trace.and_then(Trace::header) {
        headers.insert(TRACEPARENT.clone(), traceparent);
    }
    headers.insert(REQUEST_ID.clone(), named.id);
    let took = started.elapsed();
    tracing::debug!(%method, status = %response.status(), "answered");
    if took.as_secs_f64() > SLOW_SECONDS {
        tracing::warn!(%method, route, millis = took.as_millis(), "slow request");
    }
    site.metrics.count(&method, route, response.status().as_u16(), took);
    response
}

/// Whether answers of a route may show a person or what is the shop's own. Prices do not; whatever
/// else is added is taken for private.
fn is_private(route: &str) -> bool {
    route.starts_with("/v1/") && !route.starts_with("/v1/prices")
}

/// Whom the request comes from. Without a connection, as in a test of the routes alone, nobody.
fn caller(site: &Site, request: &Request) -> Caller {
    let peer = request.extensions().get::<Peer>();
    let address = peer.map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0.ip());
    Caller::of(address, request.headers(), site.public_url.as_ref(), &site.trusted_proxies)
}

/// What is refused before anything is done for it.
fn refuse(site: &Site, request: &Request) -> Option<ApiError> {
    let is_probe = matches!(request.uri().path(), "/livez" | "/readyz" | "/metrics");
    if !answers_to(request.headers(), site.loopback_only, site.public_url.as_ref())
        && (site.loopback_only || !is_probe)
    {
        let does = if site.loopback_only {
            "this server only answers to localhost; name it with public_url, or start it with --listen, to be reached by other names"
        } else {
            "this server only answers to the name in its public_url"
        };
        return Some(ApiError::new(Code::FORBIDDEN, does));
    }
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if target > TARGET_BYTES_MAX {
        return Some(ApiError::plain(Code::URI_TOO_LONG));
    }
    let head = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    if head.sum::<usize>() > connections::head_bytes_max() {
        return Some(ApiError::plain(Code::HEADERS_TOO_LARGE));
    }
    None
}

/// Rate headers on every answer that a key or its absence counts for. Refused keys have a rate of their
/// own, by address: past it they are told nothing but to wait.
fn say_what_is_left(site: &Site, admission: &Admission, response: &mut Response) {
    let spent = match admission.caller() {
        Some(caller) => caller.spent,
        None => match response.extensions().get::<ApiError>() {
            Some(error) if error.code == Code::UNAUTHORIZED => {
                match site.rates.take_refused(admission.address()) {
                    Ok(spent) => spent,
                    Err(spent) => {
                        let refusal = ApiError::new(Code::RATE_LIMITED, spent.detail());
                        *response = refusal.into_response();
                        Some(spent)
                    }
                }
            }
            _ => None,
        },
    };
    if let Some(spent) = spent {
        spent.write(response.headers_mut());
    }
}

/// Lets a script read the answer, unless its key is a secret one or not for its origin.
fn share(admission: &Admission, origin: Option<HeaderValue>, response: &mut Response) {
    cors::vary(response.headers_mut());
    let is_shared = admission.caller().is_none_or(|caller| caller.is_shared);
    if let Some(origin) = origin.filter(|_| is_shared) {
        cors::share(response.headers_mut(), origin);
    }
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

/// HTTP/2, and a target that is a whole address, name the host there; then that is what counts
/// (RFC 9112, 3.2.2).
fn name_host(request: &mut Request) {
    let named = request.uri().authority().and_then(|authority| authority.as_str().parse().ok());
    if let Some(host) = named {
        request.headers_mut().insert(header::HOST, host);
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn the_name_in_the_target_is_the_one_that_counts() {
        let check = |uri: &str, sent: Option<&str>, host: Option<&str>| {
            let mut request = Request::builder().uri(uri).body(Body::empty()).unwrap();
            if let Some(sent) = sent {
                request.headers_mut().insert(header::HOST, sent.parse().unwrap());
            }
            name_host(&mut request);
            let found = request.headers().get(header::HOST).map(|host| host.to_str().unwrap());
            assert_eq!(found, host, "{uri} {sent:?}");
        };
        check("/", Some("localhost:8080"), Some("localhost:8080"));
        check("/", None, None);
        check("http://evil.example/", None, Some("evil.example"));
        check("http://evil.example/", Some("localhost"), Some("evil.example"));
        check("http://localhost:8080/", None, Some("localhost:8080"));
    }

    #[test]
    fn there_is_no_current_request_outside_of_one() {
        assert_eq!(current_request(), None);
    }
}
