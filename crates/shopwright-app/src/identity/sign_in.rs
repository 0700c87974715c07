//! Signing in.
//!
//! A try is counted before the password is looked at, in the ledger, so that tries at once, on other
//! nodes or after a restart count as well. Every refusal reads the same and costs the same work.

use serde_json::json;
use shopwright_domain::identity::{Email, SIGN_IN_TRIES_MAX, retry_after_seconds};
use shopwright_domain::ids::OperatorId;
use shopwright_domain::time::Timestamp;
use shopwright_store::audit::{self, Actor, Stamp};
use shopwright_store::operators::{self, Operator};
use shopwright_store::sign_in::{self, TryScope};
use shopwright_store::{Store, StoreError, Tx};

use super::keys::KeySecret;
use super::passwords::{HashError, Passwords, SALT_BYTES};
use super::sessions::{NewSession, begin};

/// A try to sign in.
#[derive(Clone)]
pub struct SignIn {
    /// What was written as the email.
    pub email: String,
    /// What was written as the password.
    pub password: String,
    /// What tries from one place are counted under.
    pub counted_address: String,
    /// The session it begins.
    pub session: NewSession,
    /// For a hash that is computed anew.
    pub salt: [u8; SALT_BYTES],
}

/// Why nobody is signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// No account has this email and password. Says no more, on purpose.
    #[error("the email or the password is wrong")]
    Refused,
    /// Too many tries.
    #[error("too many tries; wait and try again")]
    TooMany {
        /// How long to wait.
        retry_after_seconds: i64,
    },
    /// The password could not be looked at.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The names under which one try is counted.
#[derive(Clone)]
struct Counted {
    account: String,
    address: String,
    email: String,
}

/// Signs in: counts the try, looks at the password, begins a session.
pub async fn sign_in(
    (store, passwords): (&Store, &Passwords),
    secret: &KeySecret,
    command: SignIn,
    now: Timestamp,
) -> Result<OperatorId, SignInError> {
    let email = Email::parse(&command.email).map(|email| email.as_str().to_owned());
    // People type passwords into the wrong field: what is counted under is no text of theirs.
    let counted = Counted {
        account: secret.hash_text(&format!("account {}", command.email.trim().to_lowercase())),
        address: secret.hash_text(&format!("address {}", command.counted_address)),
        email: email.unwrap_or_default(),
    };
    let known = {
        let counted = counted.clone();
        store.write(move |tx| count_try(tx, &counted, now)).await?
    };
    let known =
        known.map_err(|retry_after_seconds| SignInError::TooMany { retry_after_seconds })?;
    let stored = known.as_ref().map(|operator| operator.password_hash.clone());
    let verified = passwords.verify(&command.password, stored).await?;
    let known = known.filter(|_| verified.matches).ok_or(SignInError::Refused)?;
    let renewed = if verified.is_outdated {
        Some(passwords.hash(&command.password, command.salt).await?)
    } else {
        None
    };
    let id = known.operator_id;
    let seen_hash = known.password_hash;
    store
        .write(move |tx| {
            audit::lock(tx)?;
            sign_in::reset(tx, TryScope::Account, &counted.account)?;
            sign_in::reset(tx, TryScope::Address, &counted.address)?;
            // Disabled or with a new password meanwhile: what was looked at holds no more.
            let operator = operators::find(tx, id)?
                .filter(|o| o.disabled_at.is_none() && o.password_hash == seen_hash)
                .ok_or(SignInError::Refused)?;
            if let Some(hash) = &renewed {
                operators::set_password(tx, id, hash)?;
            }
            operators::clear_tries(tx, id)?;
            begin(tx, id, &command.session, now)?;
            let failed = (operator.failed_sign_ins - 1).max(0);
            let after = json!({ "failed_tries_before": failed });
            let stamp = Stamp::new(Actor::Operator(id), now);
            let object = id.to_string();
            audit::record(tx, &stamp.entry("operator.signed_in", object, None, Some(after)))?;
            Ok(id)
        })
        .await
}

/// Counts a try. Gives the account, if there is one; or the seconds to wait, which is no error here,
/// since the count is to be kept.
fn count_try(
    tx: &mut Tx<'_>,
    counted: &Counted,
    now: Timestamp,
) -> Result<Result<Option<Operator>, i64>, StoreError> {
    audit::lock(tx)?;
    sign_in::forget_old(tx, now)?;
    let scopes = [(TryScope::Account, &counted.account), (TryScope::Address, &counted.address)];
    let mut wait = None;
    for (scope, key) in scopes {
        let found = sign_in::count(tx, scope, key, now)?;
        if found.tries == SIGN_IN_TRIES_MAX + 1 {
            let after = json!({ "counted_by": scope.as_str() });
            let stamp = Stamp::new(Actor::System, now);
            let entry = stamp.entry("sign_in.throttled", "sign_in".to_owned(), None, Some(after));
            audit::record(tx, &entry)?;
        }
        wait = wait.max(retry_after_seconds(now, found.first_at, found.tries));
    }
    if let Some(seconds) = wait {
        return Ok(Err(seconds));
    }
    operators::count_try(tx, &counted.email)?;
    Ok(Ok(operators::find_by_email(tx, &counted.email)?.filter(|o| o.disabled_at.is_none())))
}
