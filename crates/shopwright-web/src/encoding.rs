//! Compressed bodies, both ways.
//!
//! Answers of 1 KiB and more are compressed as the client likes, but never pages: what a page shows
//! may be chosen by somebody who counts its bytes to guess a secret beside it (the BREACH attack).
//! Requests may come in gzip; their limits hold for what is unpacked, so that a bomb is cut off
//! when it goes past. Zstandard is not taken in: a frame may ask its reader for 128 MiB at once.

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tower::ServiceExt;
use tower_http::CompressionLevel;
use tower_http::compression::Compression;
use tower_http::compression::predicate::SizeAbove;
use tower_http::decompression::{DecompressionBody, RequestDecompression};

use crate::once;
use crate::problem::{ApiError, Code};

/// Smaller answers fit into one packet as they are. The price of a product is one of them.
const COMPRESSED_FROM_BYTES: u64 = 1_024;
/// Quick ones: answers are made for one caller and sent once.
const LEVEL: i32 = 4;
/// Types that shrink and hold no secret beside foreign text.
const COMPRESSIBLE: [&str; 7] = [
    "application/json",
    "application/problem+json",
    "application/openmetrics-text",
    "image/svg+xml",
    "text/css",
    "text/javascript",
    "text/csv",
];

/// The codings that a client takes, as it sends them; `None` when it sends none.
pub fn accepted(headers: &HeaderMap) -> Option<HeaderMap> {
    let mut accepted = HeaderMap::new();
    for value in headers.get_all(header::ACCEPT_ENCODING) {
        accepted.append(header::ACCEPT_ENCODING, value.clone());
    }
    (!accepted.is_empty()).then_some(accepted)
}

/// Compresses an answer that is worth it; others pass for the price of a look.
pub async fn compress(accepted: Option<HeaderMap>, response: Response) -> Response {
    let Some(accepted) = accepted.filter(|_| is_worth_it(&response)) else { return response };
    let mut request = Request::new(());
    *request.headers_mut() = accepted;
    let mut response = Some(response);
    // The service is asked once.
    let answer = tower::service_fn(move |_: axum::http::Request<()>| {
        let response = response.take().unwrap_or_default();
        std::future::ready(Ok::<_, std::convert::Infallible>(response))
    });
    let compression = Compression::new(answer)
        .quality(CompressionLevel::Precise(LEVEL))
        .compress_when(SizeAbove::new(COMPRESSED_FROM_BYTES));
    match compression.oneshot(request).await {
        Ok(response) => response.map(Body::new),
        Err(never) => match never {},
    }
}

fn is_worth_it(response: &Response) -> bool {
    if response.body().size_hint().upper().is_some_and(|bytes| bytes < COMPRESSED_FROM_BYTES) {
        return false;
    }
    let value = response.headers().get(header::CONTENT_TYPE);
    let text = value.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = text.split(';').next().unwrap_or_default().trim();
    COMPRESSIBLE.contains(&essence)
}

/// The layer of bodies: what comes compressed is unpacked, then an idempotency key is read over it.
/// One layer and not two: each costs every request, whatever it brings.
pub async fn unpack(mut request: Request, next: Next) -> Response {
    match packing(request.headers()) {
        Packing::None => once::read_key(request, next).await,
        Packing::Other => ApiError::plain(Code::UNSUPPORTED_ENCODING).into_response(),
        Packing::Gzip => {
            // The layer below looks for the name as it is registered.
            let gzip = axum::http::HeaderValue::from_static("gzip");
            request.headers_mut().insert(header::CONTENT_ENCODING, gzip);
            let inner = tower::service_fn(move |unpacked: Request<DecompressionBody<Body>>| {
                let next = next.clone();
                let (mut parts, body) = unpacked.into_parts();
                parts.headers.remove(header::CONTENT_LENGTH);
                async move {
                    let request = Request::from_parts(parts, Body::new(body));
                    Ok::<_, std::convert::Infallible>(once::read_key(request, next).await)
                }
            });
            match RequestDecompression::new(inner).oneshot(request).await {
                Ok(response) => response.map(Body::new),
                Err(error) => {
                    tracing::error!(%error, "a body could not be given on for unpacking");
                    ApiError::plain(Code::INTERNAL).into_response()
                }
            }
        }
    }
}

enum Packing {
    None,
    Gzip,
    Other,
}

/// How a body is packed: once, or not at all.
fn packing(headers: &HeaderMap) -> Packing {
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    let Some(first) = codings.next() else { return Packing::None };
    let text = first.to_str().unwrap_or_default().trim();
    if codings.next().is_some() {
        return Packing::Other;
    }
    match text.to_ascii_lowercase().as_str() {
        "identity" => Packing::None,
        "gzip" | "x-gzip" => Packing::Gzip,
        _ => Packing::Other,
    }
}
