//! The readable API reference.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::visit::Visit;
use super::{frame, page};
use crate::Site;
use crate::pages::docs::{ProblemDoc, docs as docs_page, docs_errors};
use crate::problem::Code;

fn problems() -> Vec<ProblemDoc> {
    Code::ALL
        .iter()
        .map(|code| ProblemDoc {
            code: code.name.to_owned(),
            title: code.title.to_owned(),
            status: code.status,
            detail: code.help.to_owned(),
        })
        .collect()
}

/// `/docs`.
pub async fn docs(State(site): State<Arc<Site>>, visit: Visit) -> Response {
    page(StatusCode::OK, docs_page(&frame(&site, &visit), &site.description, &problems()))
}

/// `/docs/errors`: where the `type` of a problem points.
pub async fn errors(State(site): State<Arc<Site>>, visit: Visit) -> Response {
    page(StatusCode::OK, docs_errors(&frame(&site, &visit), &problems()))
}

/// `/openapi.json`.
pub async fn description(State(site): State<Arc<Site>>) -> Response {
    let mut response = axum::Json(&site.description).into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
