//! What requests bring, read strictly: JSON bodies and query strings with no unknown fields.

use std::fmt;
use std::str::FromStr;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::header;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use shopwright_domain::catalog::Sku;
use shopwright_store::{Page, Place};

use crate::problem::{ApiError, Code, FieldProblem};
use crate::strict_json;

/// The largest body of an ordinary request.
pub const BODY_BYTES_MAX: usize = 1 << 20;

/// The largest body of a call that takes many things at once.
pub const BULK_BODY_BYTES_MAX: usize = 16 << 20;
/// The largest body of a webhook of a shop platform.
pub const INBOUND_BODY_BYTES_MAX: usize = 5 << 20;

/// A JSON body.
#[derive(Clone, Debug)]
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let content_type = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default();
        let essence =
            content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if essence != "application/json" && !essence.ends_with("+json") {
            return Err(ApiError::plain(Code::UNSUPPORTED_MEDIA_TYPE));
        }
        let bytes =
            Bytes::from_request(request, state).await.map_err(|rejection| {
                match rejection.into_response_status() {
                    413 => ApiError::plain(Code::BODY_TOO_LARGE),
                    _ => {
                        ApiError::new(Code::MALFORMED_JSON, "the body could not be read to its end")
                    }
                }
            })?;
        read_json(&bytes).map(Self)
    }
}

/// A body as it was sent, byte for byte.
pub struct RawBody(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for RawBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let read = Bytes::from_request(request, state).await;
        read.map(Self).map_err(|rejection| match rejection.into_response_status() {
            413 => ApiError::plain(Code::BODY_TOO_LARGE),
            _ => ApiError::new(Code::INVALID_PARAMETER, "the body could not be read to its end"),
        })
    }
}

trait RejectionStatus {
    fn into_response_status(self) -> u16;
}

impl<R: axum::response::IntoResponse> RejectionStatus for R {
    fn into_response_status(self) -> u16 {
        self.into_response().status().as_u16()
    }
}

fn read_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Err(not_an_object(bytes));
    }
    strict_json::check(bytes).map_err(|fault| ApiError::invalid(vec![fault]))?;
    // Only a body that does not fit is read again, slower, to say where.
    if let Ok(value) = serde_json::from_slice(bytes) {
        return Ok(value);
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let pointer = pointer_of(error.path());
        let cause = error.into_inner();
        let detail = match cause.classify() {
            serde_json::error::Category::Data => without_place(&cause),
            // serde calls a bare value where it looks for a variant bad syntax.
            _ if serde_json::from_slice::<serde_json::Value>(bytes).is_ok() => {
                "this value is not of the documented form".to_owned()
            }
            _ => return not_json(&cause),
        };
        ApiError::invalid(vec![FieldProblem { pointer, detail }])
    })?;
    reader.end().map_err(|error| {
        ApiError::new(Code::MALFORMED_JSON, format!("the body is not one JSON document: {error}"))
    })?;
    Ok(value)
}

/// Refused before serde sees it: serde takes a list for an object, its items for the fields in order.
fn not_an_object(bytes: &[u8]) -> ApiError {
    match serde_json::from_slice::<serde_json::Value>(bytes) {
        Ok(_) => ApiError::invalid(vec![FieldProblem {
            pointer: String::new(),
            detail: "the body must be a JSON object".to_owned(),
        }]),
        Err(error) => not_json(&error),
    }
}

fn not_json(error: &serde_json::Error) -> ApiError {
    ApiError::new(Code::MALFORMED_JSON, format!("the body is not JSON: {error}"))
}

/// The message without serde's "at line 1 column 9": the pointer says where.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(message, _)| message.to_owned())
}

/// One value of a body that was read as it came, such as a row of many.
pub fn read_value<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, FieldProblem> {
    serde_path_to_error::deserialize(value).map_err(|error| FieldProblem {
        pointer: pointer_of(error.path()),
        detail: error.into_inner().to_string(),
    })
}

fn pointer_of(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let part = |segment: &Segment| match segment {
        Segment::Seq { index } => format!("/{index}"),
        // A variant is written as the one key of an object, as in `{"factor": "0.8"}`.
        Segment::Map { key } | Segment::Enum { variant: key } => {
            format!("/{}", key.replace('~', "~0").replace('/', "~1"))
        }
        Segment::Unknown => String::new(),
    };
    path.iter().map(part).collect()
}

/// A query string.
#[derive(Clone, Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        axum::extract::Query::<T>::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Query(value)| Self(value))
            .map_err(|rejection| {
                let text = rejection.body_text();
                let text =
                    text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
                ApiError::new(
                    Code::INVALID_PARAMETER,
                    format!("the query string does not fit: {text}"),
                )
            })
    }
}

/// The variable parts of the path, percent-decoded: one text or a tuple of them.
#[derive(Clone, Debug)]
pub struct PathText<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for PathText<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        Path::<T>::from_request_parts(parts, state)
            .await
            .map(|Path(text)| Self(text))
            .map_err(|_| ApiError::new(Code::INVALID_PARAMETER, "the path is not UTF-8 text"))
    }
}

/// A SKU in the path. One that cannot exist is simply unknown.
#[derive(Clone, Debug)]
pub struct SkuPath(pub Sku);

impl<S: Send + Sync> FromRequestParts<S> for SkuPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let PathText(text) = PathText::<String>::from_request_parts(parts, state).await?;
        Sku::parse(&text).map(Self).map_err(|_| ApiError::unknown_sku(&text))
    }
}

/// Rows on a page of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageLimit(pub i64);

impl PageLimit {
    /// Rows when the caller does not say.
    pub const DEFAULT: i64 = 10;
    /// Rows at most.
    pub const MAX: i64 = 100;

    /// Checks what the caller asked for.
    pub fn read(asked: Option<i64>) -> Result<Self, ApiError> {
        match asked {
            None => Ok(Self(Self::DEFAULT)),
            Some(limit @ 1..=Self::MAX) => Ok(Self(limit)),
            Some(_) => Err(ApiError::new(Code::INVALID_PARAMETER, "limit must be from 1 to 100")),
        }
    }
}

/// Which page of a list is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<K> {
    /// Rows.
    pub limit: i64,
    /// Where the page begins.
    pub place: Place<K>,
}

impl<K: FromStr<Err: fmt::Display> + Clone> Cursor<K> {
    /// Reads the parameters that every list has.
    pub fn read(
        limit: Option<i64>,
        after: Option<String>,
        before: Option<String>,
    ) -> Result<Self, ApiError> {
        let limit = PageLimit::read(limit)?.0;
        one_cursor(after.as_deref(), before.as_deref())?;
        let id = |name: &str, text: &str| {
            text.parse()
                .map_err(|error| ApiError::new(Code::INVALID_PARAMETER, format!("{name}: {error}")))
        };
        let place = match (after, before) {
            (Some(text), _) => Place::After(id("starting_after", &text)?),
            (_, Some(text)) => Place::Before(id("ending_before", &text)?),
            _ => Place::First,
        };
        Ok(Self { limit, place })
    }

    /// The page with one row more, which only tells that there are more.
    pub fn page(&self) -> Page<K> {
        Page { place: self.place.clone(), limit: self.limit + 1 }
    }

    /// Whether the page is read towards newer rows.
    pub fn is_backwards(&self) -> bool {
        matches!(self.place, Place::Before(_))
    }
}

/// A text of the query string that a database can compare with.
pub fn no_nul(name: &str, text: Option<String>) -> Result<Option<String>, ApiError> {
    match text {
        Some(text) if text.contains('\0') => {
            Err(ApiError::new(Code::INVALID_PARAMETER, format!("{name} contains a NUL character")))
        }
        text => Ok(text),
    }
}

/// `starting_after` and `ending_before` exclude each other.
pub fn one_cursor(after: Option<&str>, before: Option<&str>) -> Result<(), ApiError> {
    if after.is_some() && before.is_some() {
        return Err(ApiError::new(
            Code::INVALID_PARAMETER,
            "send starting_after or ending_before, not both",
        ));
    }
    Ok(())
}
