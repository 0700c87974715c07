//! Writes that may be sent again: with an `Idempotency-Key` the effect of a request happens once, and
//! every later one of the same key and body is given the first answer.
//!
//! The key is claimed in the transaction of the effect and the answer kept with it. What the operation
//! itself refuses is an answer too and is kept, its writes undone; what is refused before it (a body
//! that does not fit, a key without the scope) and our own faults are not.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use shopwright_app::identity::KnownKey;
use shopwright_store::Tx;
use shopwright_store::audit::{Actor, Stamp};
use shopwright_store::idempotency::{self, Claim, SentKey};

use crate::Site;
use crate::answer::Answer;
use crate::auth::AnyKey;
use crate::problem::{ApiError, Code, FieldProblem, ShortageProblem};

static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
static REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// The longest key.
const KEY_BYTES_MAX: usize = 255;

/// The key of a request, and a hash over what it was sent with: the body goes into it while the
/// handler reads it, within the handler's own limits and not before it has let the caller in.
#[derive(Clone)]
struct Sent {
    key: String,
    hash: Arc<Mutex<Sha256>>,
}

impl Sent {
    /// Over method, target and all of the body that the handler has read.
    fn fingerprint(&self) -> [u8; 32] {
        self.hash.lock().unwrap_or_else(PoisonError::into_inner).clone().finalize().into()
    }
}

/// The right to carry out a write of the calling key once.
#[derive(Clone)]
pub struct Once {
    site: Arc<Site>,
    caller: Arc<KnownKey>,
    sent: Option<Sent>,
}

/// What is kept of a request.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kept {
    Done(Answer),
    Refused {
        code: String,
        detail: String,
        errors: Vec<FieldProblem>,
        #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
        shortages: Box<[ShortageProblem]>,
    },
    /// Carried out; its answer showed a secret and is not kept.
    Secret,
    /// Carried out; its answer named a person that was erased.
    Erased,
}

enum Settled {
    Now(Answer),
    Refused(ApiError),
    Before(Kept),
}

impl Once {
    /// What this caller does now, for the operation and the audit log.
    pub fn stamp(&self) -> Stamp {
        Stamp::new(Actor::Key(self.caller.key_id), self.site.clock.now())
    }

    /// Refuses a request without a key: for calls that must never happen twice by mistake.
    pub fn required(self) -> Result<Self, ApiError> {
        match self.sent {
            Some(_) => Ok(self),
            None => Err(ApiError::plain(Code::IDEMPOTENCY_KEY_REQUIRED)),
        }
    }

    /// Runs the operation in one transaction with the claim of the key, or answers what was answered
    /// before. The operation may run again, like every closure that is given to the ledger.
    pub async fn write(
        self,
        operation: impl FnMut(&mut Tx<'_>) -> Result<Answer, ApiError> + Send + 'static,
    ) -> Result<Response, ApiError> {
        self.run(operation, Kept::Done).await
    }

    /// Like [`Once::write`] for an operation whose answer shows a secret: the answer is not kept, and
    /// the same request sent again is told so.
    pub async fn write_secret(
        self,
        operation: impl FnMut(&mut Tx<'_>) -> Result<Answer, ApiError> + Send + 'static,
    ) -> Result<Response, ApiError> {
        self.run(operation, |_| Kept::Secret).await
    }

    async fn run(
        self,
        mut operation: impl FnMut(&mut Tx<'_>) -> Result<Answer, ApiError> + Send + 'static,
        keep: fn(Answer) -> Kept,
    ) -> Result<Response, ApiError> {
        let Some(sent) = self.sent else {
            return Ok(self.site.store.write(operation).await?.into_response());
        };
        let now = self.site.clock.now();
        let caller = self.caller.key_id.to_string();
        let sent = SentKey { caller, fingerprint: sent.fingerprint(), key: sent.key };
        let settled = self
            .site
            .store
            .write(move |tx| match idempotency::claim(tx, &sent, now)? {
                Claim::Answered(answer) => read(&answer).map(Settled::Before),
                Claim::OtherRequest => Err(ApiError::plain(Code::IDEMPOTENCY_KEY_REUSED)),
                Claim::New => match tx.attempt(&mut operation)? {
                    Ok(answer) => {
                        idempotency::keep_answer(tx, &sent, &write(&keep(answer.clone()))?)?;
                        Ok(Settled::Now(answer))
                    }
                    Err(error) if error.code.status < 500 => {
                        let kept = Kept::Refused {
                            code: error.code.name.to_owned(),
                            detail: error.detail.clone(),
                            errors: error.errors.clone(),
                            shortages: error.shortages.clone(),
                        };
                        idempotency::keep_answer(tx, &sent, &write(&kept)?)?;
                        Ok(Settled::Refused(error))
                    }
                    Err(ours) => Err(ours),
                },
            })
            .await?;
        match settled {
            Settled::Now(answer) => Ok(answer.into_response()),
            Settled::Refused(error) => Err(error),
            Settled::Before(kept) => Ok(replay(kept)),
        }
    }
}

/// Forgets every kept answer that names one of `ids`: a customer's, or that of an order.
pub fn forget_answers(tx: &mut Tx<'_>, ids: &[String]) -> Result<(), ApiError> {
    for id in ids {
        // A body is JSON text inside the JSON of what is kept.
        let inner = serde_json::Value::from(id.as_str()).to_string();
        let outer = serde_json::Value::from(inner).to_string();
        let text = &outer[1..outer.len() - 1];
        idempotency::replace_answers(tx, text, &write(&Kept::Erased)?)?;
    }
    Ok(())
}

fn replay(kept: Kept) -> Response {
    let mut response = match kept {
        Kept::Done(answer) => answer.into_response(),
        Kept::Refused { code, detail, errors, shortages } => {
            let code = Code::find(&code).unwrap_or(Code::INTERNAL);
            ApiError { code, detail, errors, shortages }.into_response()
        }
        Kept::Secret => ApiError::plain(Code::SECRET_SHOWN_ALREADY).into_response(),
        Kept::Erased => ApiError::plain(Code::ANSWER_ERASED).into_response(),
    };
    response.headers_mut().insert(REPLAYED.clone(), HeaderValue::from_static("true"));
    response
}

fn read(text: &str) -> Result<Kept, ApiError> {
    serde_json::from_str(text).map_err(|error| {
        tracing::error!(%error, "a kept answer cannot be read");
        ApiError::plain(Code::INTERNAL)
    })
}

fn write(kept: &Kept) -> Result<String, ApiError> {
    serde_json::to_string(kept).map_err(|error| {
        tracing::error!(%error, "an answer has no JSON form to keep");
        ApiError::plain(Code::INTERNAL)
    })
}

impl FromRequestParts<Arc<Site>> for Once {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, ApiError> {
        let AnyKey(caller) = AnyKey::from_request_parts(parts, site).await?;
        let sent = parts.extensions.get::<Sent>().cloned();
        Ok(Self { site: Arc::clone(site), caller, sent })
    }
}

/// The layer that reads the key of a write and sees to the fingerprint of what comes with it.
pub async fn read_key(mut request: Request, next: Next) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return next.run(request).await;
    }
    let Some(value) = request.headers().get(&IDEMPOTENCY_KEY) else {
        return next.run(request).await;
    };
    let good = |text: &&str| {
        (1..=KEY_BYTES_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
    };
    let Some(key) = value.to_str().ok().filter(good).map(ToOwned::to_owned) else {
        let what = format!(
            "Idempotency-Key must be 1 to {KEY_BYTES_MAX} printable ASCII characters without blanks, such as a UUID"
        );
        return ApiError::new(Code::INVALID_PARAMETER, what).into_response();
    };
    let target = request.uri().path_and_query().map_or("", |target| target.as_str());
    let mut hash = Sha256::new();
    for part in [request.method().as_str(), target] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let hash = Arc::new(Mutex::new(hash));
    let read = Arc::clone(&hash);
    let body = std::mem::replace(request.body_mut(), Body::empty());
    *request.body_mut() = Body::new(body.map_frame(move |frame| {
        if let Some(bytes) = frame.data_ref() {
            read.lock().unwrap_or_else(PoisonError::into_inner).update(bytes);
        }
        frame
    }));
    request.extensions_mut().insert(Sent { key, hash });
    next.run(request).await
}
