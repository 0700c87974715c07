//! API keys: made, shown once, checked in memory, revoked at once on every node.

mod customer_tokens;
mod keys;
mod live_keys;
mod scopes;

pub use customer_tokens::{
    SigningVersion, TOKEN_SECONDS_MAX, TokenSecrets, rotate_signing, signing_secret,
    signing_version,
};
pub use keys::{KEY_RANDOM_BYTES, KeyError, KeyKind, KeySecret, NewKey, WantedKey, create_key};
pub use live_keys::{KnownKey, LiveKeys};
pub use scopes::{Scope, ScopeSet};
