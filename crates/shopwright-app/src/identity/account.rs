//! One's own account: changing the password.

use shopwright_domain::identity::{Email, PasswordError, check_password, retry_after_seconds};
use shopwright_domain::time::Timestamp;
use shopwright_store::audit::{self, Actor, Stamp};
use shopwright_store::operators::{self, Operator};
use shopwright_store::sign_in::{self, TryScope};
use shopwright_store::{Store, StoreError, sessions};

use super::keys::KeySecret;
use super::passwords::{HashError, Passwords, SALT_BYTES};
use super::sessions::{NewSession, begin};

/// Why a password was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangePasswordError {
    /// The present password is another.
    #[error("this is not your present password")]
    Wrong,
    /// Too many tries.
    #[error("too many tries; wait and try again")]
    TooMany {
        /// How long to wait.
        retry_after_seconds: i64,
    },
    /// The new one does not fit.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The password could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A change of one's own password.
#[derive(Clone)]
pub struct ChangePassword {
    /// Whose.
    pub operator: Operator,
    /// What was written as the present one.
    pub present: String,
    /// The new one.
    pub new: String,
    /// For its hash.
    pub salt: [u8; SALT_BYTES],
    /// The session that goes on; all others end.
    pub session: NewSession,
}

/// Changes one's own password. Every session ends; a new one goes on in this browser.
pub async fn change_password(
    (store, passwords): (&Store, &Passwords),
    secret: &KeySecret,
    command: ChangePassword,
    now: Timestamp,
) -> Result<(), ChangePasswordError> {
    let id = command.operator.operator_id;
    let email = Email::parse(&command.operator.email)
        .map_err(|_| StoreError::Bug("an operator's email is none".to_owned()))?;
    check_password(&command.new, &email)?;
    // Whoever finds a browser open must not try passwords here without end.
    let key = secret.hash_text(&format!("change of {id}"));
    let counted = key.clone();
    let tries = store.write(move |tx| sign_in::count(tx, TryScope::Account, &counted, now)).await?;
    if let Some(retry_after_seconds) = retry_after_seconds(now, tries.first_at, tries.tries) {
        return Err(ChangePasswordError::TooMany { retry_after_seconds });
    }
    let stored = command.operator.password_hash.clone();
    if !passwords.verify(&command.present, Some(stored.clone())).await?.matches {
        return Err(ChangePasswordError::Wrong);
    }
    let hash = passwords.hash(&command.new, command.salt).await?;
    store
        .write(move |tx| {
            audit::lock(tx)?;
            sign_in::reset(tx, TryScope::Account, &key)?;
            let unchanged = operators::find(tx, id)?
                .is_some_and(|o| o.disabled_at.is_none() && o.password_hash == stored);
            if !unchanged {
                return Err(ChangePasswordError::Wrong);
            }
            operators::set_password(tx, id, &hash)?;
            operators::end_links(tx, None, Some(id), now)?;
            sessions::revoke_all(tx, id, now)?;
            begin(tx, id, &command.session, now)?;
            let stamp = Stamp::new(Actor::Operator(id), now);
            audit::record(
                tx,
                &stamp.entry("operator.password_changed", id.to_string(), None, None),
            )?;
            Ok(())
        })
        .await
}
