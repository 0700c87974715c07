//! Handlers of the pages: they fetch what a page shows and hand it to `pages`.

pub mod docs;
pub mod pricing;

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use maud::Markup;

use crate::pages::error::{ErrorView, error};
use crate::pages::layout::{AttributionView, DemoView, Frame, Theme};
use crate::problem::{ApiError, Code};
use crate::{Site, assets};

/// No inline script or style, nothing from elsewhere, never in a frame.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'; object-src 'none'";

/// A page with the headers every page has.
fn page(status: StatusCode, markup: Markup) -> Response {
    let mut response = (status, markup.into_string()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers
        .insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What every page needs.
fn frame(site: &Site, headers: &HeaderMap) -> Frame {
    let cookies =
        headers.get(header::COOKIE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    Frame {
        store_name: site.store_name.load().as_ref().clone(),
        now: site.clock.now(),
        assets: assets::urls(),
        theme: Theme::from_cookie_header(cookies),
        demo: site.demo_clock_text.clone().map(|clock_text| DemoView { clock_text }),
        attribution: site.attribution.clone().map(|(text, url)| AttributionView { text, url }),
    }
}

fn error_page(site: &Site, headers: &HeaderMap, view: &ErrorView) -> Response {
    let status = StatusCode::from_u16(view.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    page(status, error(&frame(site, headers), view))
}

/// What no route knows: a problem for programs, a page for people.
pub async fn fallback(State(site): State<Arc<Site>>, uri: Uri, headers: HeaderMap) -> Response {
    let accepts = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if accepts.contains("text/html") && !uri.path().starts_with("/v1/") {
        return error_page(&site, &headers, &ErrorView::page_not_found(uri.path()));
    }
    ApiError::new(
        Code::NOT_FOUND,
        format!("there is nothing at {}; the reference is at /docs", uri.path()),
    )
    .into_response()
}
