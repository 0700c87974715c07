//! API keys and operators: keys are made, shown once, checked in memory, revoked at once on every
//! node; operators are invited, sign in with a password, and are looked up at every request.

mod account;
mod customer_tokens;
mod demo;
mod keys;
mod links;
mod live_keys;
mod operators;
mod passwords;
mod scopes;
mod sessions;
mod sign_in;
mod token;

pub use account::{ChangePassword, ChangePasswordError, change_password};
pub use customer_tokens::{
    SigningVersion, TOKEN_SECONDS_MAX, TokenSecrets, rotate_signing, signing_secret,
    signing_version,
};
pub use demo::demo_owner;
pub use keys::{
    KEY_RANDOM_BYTES, KeyError, KeyKind, KeySecret, NewKey, WantedKey, create_key, revoke_key,
};
pub use links::{
    LinkError, LinkForm, OpenLink, UseLinkError, find_link, invite, make_first_link,
    make_reset_link, use_link,
};
pub use live_keys::{KnownKey, LiveKeys};
pub use operators::{OperatorError, change_role, disable, enable, end_sessions, has_owner};
pub use passwords::{HashError, NO_PASSWORD, Passwords, SALT_BYTES, Verified};
pub use scopes::{Scope, ScopeSet};
pub use sessions::{NewSession, begin_session, end_session, find_session};
pub use sign_in::{SignIn, SignInError, sign_in};
pub use token::Token;
