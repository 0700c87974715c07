//! Calls from browsers (the Fetch standard, CORS protocol): publishable keys only, from the origins of
//! the key.
//!
//! A preflight comes without the key, so it is answered for every origin; the request itself is held
//! to the key's origins. Answers for secret keys carry no permission, so no script can read them.

use std::collections::HashMap;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use shopwright_app::identity::{KeyKind, KnownKey, Scope};

use crate::problem::{ApiError, Code};

/// What a script may send.
const ALLOWED_HEADERS: &str = "authorization, content-type, idempotency-key, if-match, traceparent, \
     x-customer-token, x-request-id";
/// What a script may read.
const EXPOSED_HEADERS: &str = "etag, idempotent-replayed, ratelimit-limit, ratelimit-remaining, \
     ratelimit-reset, retry-after, traceparent, x-request-id";
/// Two hours: the longest that any browser keeps one.
const PREFLIGHT_SECONDS: &str = "7200";
/// Sent by browsers alone, and out of the reach of scripts (Fetch Metadata).
static FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// The routes that browsers may call, by pattern, with their methods.
#[derive(Debug, Default)]
pub struct BrowserRoutes(HashMap<String, Vec<String>>);

impl BrowserRoutes {
    /// Every operation of the description that a publishable key's scopes open.
    pub fn of(description: &Value) -> Self {
        let open = KeyKind::Publishable.scopes(std::iter::empty());
        let may = |operation: &Value| {
            let scopes = operation["security"][0]["key"].as_array();
            scopes.is_some_and(|scopes| {
                let each = scopes.iter().map(|scope| scope.as_str().and_then(Scope::parse));
                each.into_iter().all(|scope| scope.is_some_and(|scope| open.contains(scope)))
            })
        };
        let mut routes = HashMap::new();
        for (path, item) in description["paths"].as_object().into_iter().flatten() {
            let operations = item.as_object().into_iter().flatten();
            let methods: Vec<String> = operations
                .filter(|(_, operation)| may(operation))
                .map(|(method, _)| method.to_ascii_uppercase())
                .collect();
            if !methods.is_empty() {
                routes.insert(path.clone(), methods);
            }
        }
        // The undocumented short form.
        if let Some(methods) = routes.get("/v1/prices/{sku}").cloned() {
            routes.insert("/price/{sku}".to_owned(), methods);
        }
        Self(routes)
    }

    /// Whether browsers may call something at this route.
    pub fn has(&self, route: &str) -> bool {
        self.0.contains_key(route)
    }

    /// The answer to a preflight; `None` when the request is none, or of what no browser may call.
    pub fn preflight(&self, method: &Method, route: &str, headers: &HeaderMap) -> Option<Response> {
        if *method != Method::OPTIONS || !headers.contains_key(header::ORIGIN) {
            return None;
        }
        let wanted = headers.get(header::ACCESS_CONTROL_REQUEST_METHOD)?;
        let methods = self.0.get(route)?;
        if !methods.iter().any(|method| method.as_bytes() == wanted.as_bytes()) {
            return None;
        }
        let mut response = StatusCode::NO_CONTENT.into_response();
        let answer = response.headers_mut();
        let methods = HeaderValue::from_str(&methods.join(", ")).ok()?;
        answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        let fixed = [
            (header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS),
            (header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS),
            (header::VARY, "access-control-request-method, access-control-request-headers"),
        ];
        for (name, value) in fixed {
            answer.append(name, HeaderValue::from_static(value));
        }
        Some(response)
    }
}

/// Whether the key may be used from where the request comes.
pub fn check_origin(headers: &HeaderMap, key: &KnownKey) -> Result<(), ApiError> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    if key.kind == KeyKind::Publishable {
        let named = |known: &String| known.as_bytes() == origin.as_bytes();
        if key.origins.is_empty() || key.origins.iter().any(named) {
            return Ok(());
        }
        let shown: String = String::from_utf8_lossy(origin.as_bytes()).chars().take(255).collect();
        let detail = format!(
            "this key may not be used from {shown}; make one with that origin, or use it from where it belongs"
        );
        return Err(ApiError::new(Code::ORIGIN_NOT_ALLOWED, detail));
    }
    // An Origin alone is no proof: some libraries for servers send one.
    if headers.contains_key(&FETCH_MODE) {
        tracing::warn!(key = %key.key_id, "a secret key is used in a browser and must be revoked");
        return Err(ApiError::plain(Code::SECRET_KEY_IN_BROWSER));
    }
    Ok(())
}

/// Lets the script of this origin read the answer. Never with credentials: keys are no cookies.
pub fn share(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    let exposed = HeaderValue::from_static(EXPOSED_HEADERS);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
}

/// Says that the answer depends on the origin, to caches.
pub fn vary(headers: &mut HeaderMap) {
    headers.append(header::VARY, HeaderValue::from_static("origin"));
}
