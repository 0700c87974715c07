//! Who calls: a handler's parameter proves that the key it asks for was sent.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use shopwright_app::identity::{KeyKind, KnownKey};
use shopwright_store::audit::{Actor, Stamp};

use crate::Site;
use crate::problem::{ApiError, Code};

/// Any valid key: secret or publishable.
#[derive(Clone, Debug)]
pub struct AnyKey(pub Arc<KnownKey>);

/// A valid secret key.
#[derive(Clone, Debug)]
pub struct SecretKey(pub Arc<KnownKey>);

impl SecretKey {
    /// What this caller does now, for the operation and the audit log.
    pub fn stamp(&self, site: &Site) -> Stamp {
        Stamp::new(Actor::Key(self.0.key_id), site.clock.now())
    }
}

impl FromRequestParts<Arc<Site>> for AnyKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, ApiError> {
        let Some(header) = parts.headers.get(header::AUTHORIZATION) else {
            return Err(ApiError::plain(Code::UNAUTHORIZED));
        };
        let text = header.to_str().ok().and_then(bearer).ok_or_else(|| {
            ApiError::new(Code::UNAUTHORIZED, "the Authorization header must read `Bearer sk_…`")
        })?;
        site.keys.check(text, site.clock.now()).map(Self).ok_or_else(|| {
            ApiError::new(
                Code::UNAUTHORIZED,
                "this key is not known or was revoked; make one with `shopwright keys create`",
            )
        })
    }
}

impl FromRequestParts<Arc<Site>> for SecretKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, ApiError> {
        let AnyKey(key) = AnyKey::from_request_parts(parts, site).await?;
        match key.kind {
            KeyKind::Secret => Ok(Self(key)),
            KeyKind::Publishable => Err(ApiError::plain(Code::FORBIDDEN)),
        }
    }
}

/// The scheme is compared without case (RFC 9110, 11.1).
fn bearer(header: &str) -> Option<&str> {
    let (scheme, key) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}
