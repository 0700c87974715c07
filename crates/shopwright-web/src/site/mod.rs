//! Handlers of the pages: they fetch what a page shows and hand it to `pages`.

mod account;
mod audit;
mod demo;
pub mod docs;
mod form;
mod keys;
mod operators;
pub mod pricing;
pub mod routes;
mod setup;
mod shop;
mod sign_in;
mod visit;

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use maud::Markup;
use shopwright_store::StoreError;
use visit::Visit;

use crate::pages::error::{ErrorView, error};
use crate::pages::layout::{AttributionView, DemoView, Frame, OperatorView, Theme};
use crate::problem::{ApiError, Code};
use crate::{Site, assets};

/// No inline script or style, nothing from elsewhere, never in a frame.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

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
fn frame(site: &Site, visit: &Visit) -> Frame {
    let operator = visit.signed_in.as_ref().map(|signed_in| OperatorView {
        name: signed_in.operator.name.clone(),
        role: signed_in.operator.role,
        csrf: visit.csrf(site),
    });
    Frame {
        store_name: site.store_name.load().as_ref().clone(),
        now: site.clock.now(),
        assets: assets::urls(),
        theme: Theme::from_cookie_header(visit.cookies()),
        demo: site.demo_clock_text.clone().map(|clock_text| DemoView { clock_text }),
        attribution: site.attribution.clone().map(|(text, url)| AttributionView { text, url }),
        operator,
    }
}

fn error_page(site: &Site, visit: &Visit, view: &ErrorView) -> Response {
    let status = StatusCode::from_u16(view.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    page(status, error(&frame(site, visit), view))
}

/// The page for a ledger that failed.
fn failed(site: &Site, visit: &Visit, error: &StoreError) -> Response {
    tracing::error!(%error, "a page could not be made");
    let id = visit.request_id();
    let view =
        if error.is_transient() { ErrorView::unavailable(id) } else { ErrorView::internal(id) };
    error_page(site, visit, &view)
}

/// Leads on with a GET, as every form that did its work does.
fn see_other(path: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let location = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/"));
    response.headers_mut().insert(header::LOCATION, location);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What no route knows: a problem for programs, a page for people.
pub async fn fallback(State(site): State<Arc<Site>>, uri: Uri, visit: Visit) -> Response {
    let accepts =
        visit.headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if accepts.contains("text/html") && !uri.path().starts_with("/v1/") {
        return error_page(&site, &visit, &ErrorView::page_not_found(uri.path()));
    }
    ApiError::new(
        Code::NOT_FOUND,
        format!("there is nothing at {}; the reference is at /docs", uri.path()),
    )
    .into_response()
}
