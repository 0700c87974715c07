//! API keys: made, shown once, checked in memory, revoked at once on every node.

mod keys;
mod live_keys;

pub use keys::{KeyKind, KeySecret, NewKey, create_key};
pub use live_keys::{KnownKey, LiveKeys};
