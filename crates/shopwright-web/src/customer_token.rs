//! The customer that a call is about: proven by a token that the shop's server signed, beside the key.
//!
//! A token says whose data may be seen; whether there is any is not asked here. So a customer who is
//! not known and one who has nothing yet are answered alike, and a wrong token tells nothing.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderName;
use axum::http::request::Parts;

use crate::Site;
use crate::auth::AnyKey;
use crate::problem::{ApiError, Code};

static CUSTOMER_TOKEN: HeaderName = HeaderName::from_static("x-customer-token");

/// A customer of the shop, vouched for by its server.
#[derive(Clone, Debug)]
pub struct Customer {
    /// The shop's own id.
    pub id: String,
}

impl FromRequestParts<Arc<Site>> for Customer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, ApiError> {
        // The key comes first: without one nothing is looked at.
        let AnyKey(_) = AnyKey::from_request_parts(parts, site).await?;
        let mut tokens = parts.headers.get_all(&CUSTOMER_TOKEN).iter();
        let token = tokens.next().filter(|_| tokens.next().is_none());
        let token = token.and_then(|token| token.to_str().ok());
        token
            .and_then(|token| site.keys.customer(token, site.clock.now()))
            .map(|id| Self { id })
            .ok_or_else(|| ApiError::plain(Code::CUSTOMER_TOKEN_INVALID))
    }
}
