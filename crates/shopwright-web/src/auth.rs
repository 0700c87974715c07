//! Who calls: a handler's parameter proves that the key it asks for was sent.

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use shopwright_app::identity::{KnownKey, Scope};

use crate::Site;
use crate::admission::admit;
use crate::problem::{ApiError, Code};

/// Any valid key.
#[derive(Clone, Debug)]
pub struct AnyKey(pub Arc<KnownKey>);

/// A valid key that may do what `N` names.
#[derive(Clone, Debug)]
pub struct Allowed<N> {
    /// The key.
    pub key: Arc<KnownKey>,
    needs: PhantomData<fn() -> N>,
}

/// A scope as a type, for a handler's parameter.
pub trait Needs: Send + Sync + 'static {
    /// The scope.
    const SCOPE: Scope;
}

/// The scopes as types.
pub mod needs {
    use super::{Needs, Scope};

    macro_rules! needs {
        ($($name:ident)*) => {$(
            #[doc = concat!("`Scope::", stringify!($name), "`.")]
            #[derive(Clone, Copy, Debug)]
            #[allow(dead_code, reason = "a type that only names a scope is never made")]
            pub enum $name {}
            impl Needs for $name {
                const SCOPE: Scope = Scope::$name;
            }
        )*};
    }

    needs! {
        PricesRead PricingRead PricingWrite PromotionsRead PromotionsWrite CatalogRead CatalogWrite
        StockRead StockWrite CustomersRead CustomersWrite OrdersRead OrdersWrite RefundsWrite
        WebhooksRead WebhooksWrite EffectsRead EffectsWrite KeysRead KeysWrite EventsRead EventsWrite
        EventsReplay AuditRead MeRead
    }
}

impl FromRequestParts<Arc<Site>> for AnyKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, ApiError> {
        if let Some(key) = parts.extensions.get::<Arc<KnownKey>>() {
            return Ok(Self(Arc::clone(key)));
        }
        let Some(header) = parts.headers.get(header::AUTHORIZATION) else {
            return Err(ApiError::plain(Code::UNAUTHORIZED));
        };
        let text = header.to_str().ok().and_then(bearer).ok_or_else(|| {
            ApiError::new(Code::UNAUTHORIZED, "the Authorization header must read `Bearer sk_…`")
        })?;
        let key = let_in(parts, site, text)?;
        parts.extensions.insert(Arc::clone(&key));
        Ok(Self(key))
    }
}

/// Lets in whoever sends this key, within its rate and from where it may be used.
pub fn let_in(parts: &Parts, site: &Site, text: &str) -> Result<Arc<KnownKey>, ApiError> {
    let key = site.keys.check(text, site.clock.now()).ok_or_else(|| {
        ApiError::new(
            Code::UNAUTHORIZED,
            "this key is not known, was revoked or has expired; make one with `shopwright keys create`",
        )
    })?;
    admit(parts, site, &key)?;
    Ok(key)
}

/// Refuses a key without the scope.
pub fn need(key: &KnownKey, scope: Scope) -> Result<(), ApiError> {
    if key.scopes.contains(scope) {
        return Ok(());
    }
    Err(ApiError::new(
        Code::FORBIDDEN,
        format!(
            "this needs the scope `{scope}`: use a secret key (`sk_…`) from your server, or a \
             restricted key (`rk_…`) that has the scope"
        ),
    ))
}

impl<N: Needs> FromRequestParts<Arc<Site>> for Allowed<N> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, ApiError> {
        let AnyKey(key) = AnyKey::from_request_parts(parts, site).await?;
        need(&key, N::SCOPE)?;
        Ok(Self { key, needs: PhantomData })
    }
}

/// The scheme is compared without case (RFC 9110, 11.1).
fn bearer(header: &str) -> Option<&str> {
    let (scheme, key) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}
