//! Forms as they come in: from our own pages, with the token of the session or of the visitor, small.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header;
use axum::response::Response;

use super::error_page;
use super::visit::{SignedIn, Visit, is_csrf_of};
use crate::Site;
use crate::origin::is_own_origin;
use crate::pages::error::ErrorView;

/// The largest form.
const FORM_BYTES_MAX: usize = 64 << 10;
/// The field that carries the form's token.
pub const CSRF_FIELD: &str = "csrf";

/// A form that one of our pages sent, for this visitor.
pub struct Form {
    /// Who sent it.
    pub visit: Visit,
    fields: HashMap<String, String>,
}

impl Form {
    /// A field; empty when it was not sent.
    pub fn get(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    /// A field of one line, without blanks around it or NUL, which no ledger keeps.
    pub fn line(&self, name: &str) -> String {
        self.get(name).replace('\0', "").trim().to_owned()
    }
}

impl FromRequest<Arc<Site>> for Form {
    type Rejection = Response;

    async fn from_request(request: Request, site: &Arc<Site>) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let behind_door = parts.extensions.get::<SignedIn>().cloned();
        let Ok(visit) = Visit::from_request_parts(&mut parts, site).await;
        let refused = |view: ErrorView| error_page(site, &visit, &view);
        if !is_own_origin(&parts.headers, site.public_url.as_ref()) {
            return Err(refused(ErrorView::foreign_form()));
        }
        let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
        let is_form = kind.is_some_and(|kind| {
            let essence = kind.split(';').next().unwrap_or_default().trim();
            essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
        });
        let bytes = Bytes::from_request(Request::from_parts(parts, body), site).await;
        let bytes = match bytes {
            Ok(bytes) if is_form && bytes.len() <= FORM_BYTES_MAX => bytes,
            _ => return Err(refused(ErrorView::not_a_form())),
        };
        let fields: HashMap<String, String> = form_urlencoded::parse(&bytes).into_owned().collect();
        // Behind the door the session vouches for the form, before it the visitor's own cookie.
        let bound_to = behind_door.map(|of| of.token).or_else(|| visit.form_token());
        let given = fields.get(CSRF_FIELD).map_or("", String::as_str);
        if !bound_to.is_some_and(|token| is_csrf_of(site, &token, given)) {
            return Err(refused(ErrorView::foreign_form()));
        }
        Ok(Self { visit, fields })
    }
}
