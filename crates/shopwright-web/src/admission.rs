//! What is found out about a caller on the way in and said about it on the way out: the handler's
//! parameters know the key, the outermost layer writes the headers.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use axum::http::request::Parts;
use shopwright_app::identity::{KeyKind, KnownKey};

use crate::Site;
use crate::cors;
use crate::problem::{ApiError, Code};
use crate::rates::Spent;

/// One request's caller, in the request's extensions.
#[derive(Clone, Debug)]
pub struct Admission(Arc<Found>);

#[derive(Debug)]
struct Found {
    address: IpAddr,
    caller: OnceLock<Caller>,
}

/// What is known of a caller whose key is.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// Whether a browser's script may read the answer.
    pub is_shared: bool,
    /// What is left of the rate, when there is one.
    pub spent: Option<Spent>,
}

impl Admission {
    /// Of a client at this address.
    pub fn new(address: IpAddr) -> Self {
        Self(Arc::new(Found { address, caller: OnceLock::new() }))
    }

    /// Where the client is.
    pub fn address(&self) -> IpAddr {
        self.0.address
    }

    /// The caller, once its key was read and known.
    pub fn caller(&self) -> Option<Caller> {
        self.0.caller.get().copied()
    }
}

/// Lets a known key in: within its rate, and from where it may be used.
pub fn admit(parts: &Parts, site: &Site, key: &KnownKey) -> Result<(), ApiError> {
    let Some(admission) = parts.extensions.get::<Admission>() else {
        // Every route lies under the layer that puts it there.
        tracing::error!("a request came past the layer that knows its client");
        return Err(ApiError::plain(Code::INTERNAL));
    };
    let asked = site.rates.take(key, admission.address());
    let origin = cors::check_origin(&parts.headers, key);
    let is_shared = key.kind == KeyKind::Publishable && origin.is_ok();
    let (Ok(spent) | Err(spent)) = asked.map_err(Some);
    // A second look at the key of one request changes nothing.
    let _ = admission.0.caller.set(Caller { is_shared, spent });
    match asked {
        Err(spent) => Err(ApiError::new(Code::RATE_LIMITED, spent.detail())),
        Ok(_) => origin,
    }
}
