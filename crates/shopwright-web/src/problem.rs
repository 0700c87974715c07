//! Errors as RFC 9457 problem documents, from one table of codes.
//!
//! A 5xx says nothing about its cause; that goes to the log with the request id.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use shopwright_store::StoreError;
use utoipa::ToSchema;

/// One public error code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// The name, last part of the `type` URL.
    pub name: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What kind of error it is.
    pub title: &'static str,
    /// What to do, in general.
    pub help: &'static str,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $ident:ident = $status:literal, $name:literal, $title:literal, $help:literal;)*) => {
        impl Code {
            $($(#[$doc])* pub const $ident: Self = Self { name: $name, status: $status, title: $title, help: $help };)*
            /// Every code, as `/docs` lists them.
            pub const ALL: &'static [Self] = &[$(Self::$ident),*];

            /// The code of this name.
            pub fn find(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|code| code.name == name)
            }
        }
    };
}

codes! {
    /// Bytes that are not JSON.
    MALFORMED_JSON = 400, "malformed_json", "The body is not JSON",
        "Send one JSON document in UTF-8; the detail names the line and column.";
    /// A path or query that cannot be read.
    INVALID_PARAMETER = 400, "invalid_parameter", "A parameter is not valid",
        "Look at the parameter the detail names and send a value of the documented form.";
    /// A write that needs an idempotency key came without one.
    IDEMPOTENCY_KEY_REQUIRED = 400, "idempotency_key_required", "An Idempotency-Key is needed",
        "Send an `Idempotency-Key` header with a new UUID for each thing you mean to do, and the same one when you try again.";
    /// An event or a batch of them past Segment's limits.
    EVENT_TOO_LARGE = 400, "event_too_large", "An event or a batch is too large",
        "An event may have 32 kB and a batch 500 kB; send less with each, or more batches.";
    /// No key, or one that is not known.
    UNAUTHORIZED = 401, "unauthorized", "A valid API key is needed",
        "Send `Authorization: Bearer sk_…`. Make a key with `shopwright keys create`.";
    /// A customer token that is missing or not good.
    CUSTOMER_TOKEN_INVALID = 401, "customer_token_invalid", "A valid customer token is needed",
        "Send `X-Customer-Token` with a token that your server signed within the last hour; docs/customer-tokens.md shows how.";
    /// A key that may not do this.
    FORBIDDEN = 403, "forbidden", "This key may not do that",
        "Use a secret key (`sk_…`) from your server, or a restricted key (`rk_…`) with the scope that the detail names.";
    /// A browser on a page that the key is not for.
    ORIGIN_NOT_ALLOWED = 403, "origin_not_allowed", "This key may not be used from this origin",
        "Make a publishable key with the page's origin, like https://shop.example, among its `origins`.";
    /// A secret key that everybody can read.
    SECRET_KEY_IN_BROWSER = 403, "secret_key_in_browser", "A secret key does not belong in a browser",
        "Whoever opens that page can read the key: revoke it now with `shopwright keys revoke`, and use a publishable key (`pk_…`) there.";
    /// No such resource.
    NOT_FOUND = 404, "not_found", "There is nothing here",
        "Check the path against the reference at /docs.";
    /// A SKU the catalogue does not have.
    UNKNOWN_SKU = 404, "unknown_sku", "There is no product with this SKU",
        "SKUs are compared byte for byte: check case and blanks, or import the product first.";
    /// A method the path does not know.
    METHOD_NOT_ALLOWED = 405, "method_not_allowed", "The method is not allowed here",
        "The `Allow` header lists what is.";
    /// Something that is not in a state for this.
    WRONG_STATE = 409, "wrong_state", "It is not in a state for this",
        "The detail says in which state it is; look at it again and decide anew.";
    /// Stock that is not there.
    INSUFFICIENT_STOCK = 409, "insufficient_stock", "The stock does not suffice",
        "`shortages` says for each SKU what is available and why; nothing was held. Want less, or try again later.";
    /// A reservation that let go, and whose stock is gone.
    RESERVATION_EXPIRED = 409, "reservation_expired", "The reservation has expired",
        "It holds nothing any more. Make a new reservation.";
    /// A step that the state of a reservation does not allow.
    RESERVATION_STATE = 409, "reservation_state", "The reservation cannot take this step",
        "The detail says where it stands and which steps it allows.";
    /// A reference that did something else before.
    REFERENCE_TAKEN = 409, "reference_taken", "The reference stands for something else",
        "A reference makes a repeated call safe: send the same data under it, or choose another one.";
    /// A SKU that was never counted at a location.
    NOT_COUNTED = 409, "not_counted", "The SKU was never counted there",
        "Count it with `POST /v1/stock/{sku}/counts`; 0 is a count.";
    /// Pieces the books do not have.
    NOT_ON_SHELF = 409, "not_on_shelf", "The books do not have these pieces on the shelf",
        "Book the delivery or the receipt first, or count the shelf with `POST /v1/stock/{sku}/counts`.";
    /// A delivery that was received or called off.
    DELIVERY_CLOSED = 409, "delivery_closed", "The delivery is closed",
        "What came in beyond it is a receipt: `POST /v1/stock/{sku}/movements`.";
    /// A request that took too long to arrive or to answer.
    REQUEST_TIMEOUT = 408, "request_timeout", "The request took too long",
        "Send smaller requests, or try again when the server is less busy.";
    /// A request sent again whose answer showed a secret.
    SECRET_SHOWN_ALREADY = 409, "secret_shown_already", "This was done, and its secret is not shown again",
        "The first answer held the secret and is not kept. If it was lost, revoke or rotate what was made and make another.";
    /// Another order under a number that is taken.
    EXTERNAL_ID_TAKEN = 409, "external_id_taken", "Another order has this number",
        "Source and external_id name one order; the one that is kept stays as it is. Send the same content to get it, or use another number.";
    /// A step that the state of an order does not allow.
    ORDER_STATE = 409, "order_state", "The order's state does not allow that",
        "The detail says where the order is and what can be done to it.";
    /// An order that came with an imported history.
    ORDER_OF_HISTORY = 409, "order_of_history", "The order came with an imported history",
        "Import what happened to it the same way as the order.";
    /// A refund of more than is left.
    REFUND_EXCEEDS_PAID = 409, "refund_exceeds_paid", "More than is left of what was paid",
        "The detail says how much is left to give back.";
    /// A customer that was erased.
    CUSTOMER_ERASED = 409, "customer_erased", "The customer was erased",
        "An erased person does not come back under the same id. Leave the customer out, or use a new id.";
    /// An id that stands for another customer.
    CUSTOMER_MERGED = 409, "customer_merged", "The id was merged into another customer",
        "The detail names the customer it stands for; use that id.";
    /// A promotion that has started.
    PROMOTION_STARTED = 409, "promotion_started", "The promotion has started",
        "Buyers have seen it. End it and make another.";
    /// A kept answer that went with an erased person.
    ANSWER_ERASED = 409, "answer_erased", "This was done; its answer was erased",
        "The request was carried out when it was sent first. Its answer named a person that was erased meanwhile.";
    /// A write that names a version which is not the current one.
    PRECONDITION_FAILED = 412, "precondition_failed", "It was changed meanwhile",
        "Read the thing again and send its `ETag` in `If-Match` with your change.";
    /// A body past the limit.
    BODY_TOO_LARGE = 413, "body_too_large", "The body is too large",
        "Bodies may have 1 MiB, those of bulk calls 16 MiB; split the request.";
    /// A path and query past the limit.
    URI_TOO_LONG = 414, "uri_too_long", "The path and query are too long",
        "They may have 8 KiB together; send long lists in the body of a batch call.";
    /// A body packed in a way that is not read.
    UNSUPPORTED_ENCODING = 415, "unsupported_encoding", "The body is packed in a way that is not read",
        "Send it as it is, or with `Content-Encoding: gzip`.";
    /// A body that does not say it is JSON.
    UNSUPPORTED_MEDIA_TYPE = 415, "unsupported_media_type", "The body must be JSON",
        "Send `Content-Type: application/json`.";
    /// JSON that does not fit.
    INVALID_BODY = 422, "invalid_body", "The body does not fit",
        "Each entry of `errors` points at a field and says what would be valid. Nothing was changed.";
    /// An idempotency key that another request used.
    IDEMPOTENCY_KEY_REUSED = 422, "idempotency_key_reused", "This Idempotency-Key belongs to another request",
        "The key was sent before with another method, path or body. Use a new key for a new request. Nothing was changed.";
    /// More requests than the rate allows.
    RATE_LIMITED = 429, "rate_limited", "Too many requests",
        "Wait for the seconds in `Retry-After`, then go on more slowly; `RateLimit-Remaining` says what is left.";
    /// Headers past the limit.
    HEADERS_TOO_LARGE = 431, "headers_too_large", "The headers are too large",
        "They may have 32 KiB together; look for a cookie or a token that has grown.";
    /// Our own fault.
    INTERNAL = 500, "internal", "Something went wrong on our side",
        "Try again; if it goes on, report the request id.";
    /// Too much at once.
    BUSY = 503, "busy", "The server is busy",
        "Try again after the seconds in `Retry-After`.";
    /// The ledger is away.
    UNAVAILABLE = 503, "unavailable", "The ledger cannot be reached",
        "Prices are still served; try other requests again later.";
    /// The disk is full.
    STORAGE_FULL = 507, "storage_full", "The ledger cannot grow",
        "Free disk space on the server. Nothing of the request was kept.";
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldProblem {
    /// JSON pointer (RFC 6901) to the field.
    #[schema(example = "/floor")]
    pub pointer: String,
    /// What would be valid.
    #[schema(example = "the floor is above the ceiling of 20.00; set one at or below it")]
    pub detail: String,
}

/// One SKU that falls short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShortageProblem {
    /// The SKU.
    #[schema(example = "85123A")]
    pub sku: String,
    /// Pieces wanted over all lines.
    #[schema(example = 5)]
    pub wanted: i64,
    /// Pieces that are there.
    #[schema(example = 3)]
    pub available: i64,
    /// `insufficient`, `not_counted` or `unknown_sku`.
    #[schema(example = "insufficient")]
    pub reason: String,
}

/// An error document, `application/problem+json`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Where the code is documented.
    #[schema(example = "/docs/errors#unknown_sku")]
    pub r#type: String,
    /// What kind of error it is.
    #[schema(example = "There is no product with this SKU")]
    pub title: String,
    /// The HTTP status.
    #[schema(example = 404)]
    pub status: u16,
    /// What happened and what to do.
    #[schema(example = "there is no product with the SKU 85123B")]
    pub detail: String,
    /// The fields that do not fit, when there are any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
    /// The SKUs that fall short, when stock is the problem.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shortages: Vec<ShortageProblem>,
    /// The id of this request in our log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// An error on its way out. The request id is put in by the outermost layer.
#[derive(Clone, Debug)]
pub struct ApiError {
    /// Which code.
    pub code: Code,
    /// What happened.
    pub detail: String,
    /// The fields that do not fit.
    pub errors: Vec<FieldProblem>,
    /// The SKUs that fall short; a boxed slice keeps the error small.
    pub shortages: Box<[ShortageProblem]>,
}

impl ApiError {
    /// An error with the code's own help as its detail.
    pub fn plain(code: Code) -> Self {
        Self::new(code, code.help)
    }

    /// An error with a detail of its own.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), errors: Vec::new(), shortages: Box::default() }
    }

    /// A body that does not fit in these fields.
    pub fn invalid(errors: Vec<FieldProblem>) -> Self {
        let detail = match errors.as_slice() {
            [one] => one.detail.clone(),
            many => format!("{} fields do not fit; nothing was changed", many.len()),
        };
        Self { errors, ..Self::new(Code::INVALID_BODY, detail) }
    }

    /// A body with fields that a rule does not let through.
    pub fn fields(found: Vec<shopwright_domain::invalid::InvalidField>) -> Self {
        let field = |found: shopwright_domain::invalid::InvalidField| FieldProblem {
            pointer: found.pointer,
            detail: found.problem,
        };
        Self::invalid(found.into_iter().map(field).collect())
    }

    /// A body in which one field does not fit.
    pub fn field(pointer: &str, detail: impl Into<String>) -> Self {
        Self::invalid(vec![FieldProblem { pointer: pointer.to_owned(), detail: detail.into() }])
    }

    /// There is no product with this SKU.
    pub fn unknown_sku(sku: &str) -> Self {
        Self::new(Code::UNKNOWN_SKU, format!("there is no product with the SKU {sku}"))
    }

    /// The document of this error.
    pub fn problem(&self, request_id: Option<String>) -> Problem {
        Problem {
            r#type: format!("/docs/errors#{}", self.code.name),
            title: self.code.title.to_owned(),
            status: self.code.status,
            detail: self.detail.clone(),
            errors: self.errors.clone(),
            shortages: self.shortages.to_vec(),
            request_id,
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::Busy => Code::BUSY,
            StoreError::Unavailable(_) => Code::UNAVAILABLE,
            StoreError::Full(_) => Code::STORAGE_FULL,
            StoreError::Conflict { .. }
            | StoreError::Corrupt { .. }
            | StoreError::Schema(_)
            | StoreError::Bug(_) => Code::INTERNAL,
        };
        tracing::error!(%error, code = code.name, "the ledger failed a request");
        Self::plain(code)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.code.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self.problem(None)).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if matches!(self.code, Code::BUSY | Code::UNAVAILABLE) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if self.code.status == 401 {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        // The outermost layer writes the request id into the document, which it finds here.
        response.extensions_mut().insert(self);
        response
    }
}
