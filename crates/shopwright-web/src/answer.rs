//! An answer as data: made inside the transaction of its effect, kept with it when the request may
//! be sent again, and turned into bytes only outside.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use crate::etag::EntityTag;
use crate::problem::{ApiError, Code};

/// A successful answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    status: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    /// The JSON text, byte for byte as it is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
}

impl Answer {
    /// 200 with a body.
    pub fn ok(view: &impl Serialize) -> Result<Self, ApiError> {
        Self::with_body(StatusCode::OK, view)
    }

    /// 201 with a body and where the new thing is.
    pub fn created(location: String, view: &impl Serialize) -> Result<Self, ApiError> {
        Ok(Self { location: Some(location), ..Self::with_body(StatusCode::CREATED, view)? })
    }

    /// 204.
    pub fn no_content() -> Self {
        let status = StatusCode::NO_CONTENT.as_u16();
        Self { status, location: None, etag: None, body: None }
    }

    /// Any status with a body.
    pub fn with_body(status: StatusCode, view: &impl Serialize) -> Result<Self, ApiError> {
        let body = serde_json::to_string(view).map_err(|error| {
            tracing::error!(%error, "an answer has no JSON form");
            ApiError::plain(Code::INTERNAL)
        })?;
        Ok(Self { status: status.as_u16(), location: None, etag: None, body: Some(body) })
    }

    /// The same answer with the version of the thing it shows.
    pub fn tagged(self, tag: &EntityTag) -> Self {
        Self { etag: Some(tag.to_string()), ..self }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = match self.body {
            Some(body) => {
                let json = HeaderValue::from_static("application/json");
                (status, [(header::CONTENT_TYPE, json)], body).into_response()
            }
            None => status.into_response(),
        };
        let mut set = |name: HeaderName, value: Option<String>| {
            if let Some(value) = value.and_then(|text| HeaderValue::from_str(&text).ok()) {
                response.headers_mut().insert(name, value);
            }
        };
        set(header::LOCATION, self.location);
        set(header::ETAG, self.etag);
        response
    }
}
