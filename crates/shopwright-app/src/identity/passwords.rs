//! Hashing passwords: Argon2id, two at a time, off the async threads.
//!
//! An account that does not exist costs the same work as one that does, so that neither the answer
//! nor its time tells which emails are accounts.

use std::sync::Arc;
use std::time::Duration;

use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier, Version};
use tokio::sync::Semaphore;

/// Hashes computed at once; each takes 19 MiB and a core for some tens of milliseconds.
const AT_ONCE: usize = 2;
/// How long a caller waits for its turn before it is told that the server is busy.
const TURN_WAIT_MAX: Duration = Duration::from_secs(10);
/// Argon2id with 19 MiB, two passes, one lane: the first choice of the OWASP Password Storage Cheat
/// Sheet, and what RFC 9106 calls memory-constrained. Stored hashes name their own parameters; one
/// with others is computed anew when its owner signs in.
const PARAMS: (u32, u32, u32) = (19 * 1_024, 2, 1);
/// Random bytes of a salt (RFC 9106, 3.1).
pub const SALT_BYTES: usize = 16;
/// The stored text of an account that no password opens.
pub const NO_PASSWORD: &str = "!";

/// Why no hash was computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// Too many wait for their turn.
    #[error("too many sign-ins at once; try again in a minute")]
    Busy,
    /// The algorithm refused, which its fixed parameters rule out.
    #[error("the password could not be hashed")]
    Failed,
}

/// Whether a password is the one of a stored hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// It is.
    pub matches: bool,
    /// The hash has other parameters than those in force.
    pub is_outdated: bool,
}

/// Computes hashes in turn.
#[derive(Clone)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    params: Params,
    /// A hash of nothing anybody knows, for accounts that do not exist.
    decoy: Arc<str>,
}

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passwords")
    }
}

impl Passwords {
    /// With the parameters in force. `decoy` is random and forgotten.
    pub fn new(decoy: &[u8; 32]) -> Result<Self, HashError> {
        let (memory, passes, lanes) = PARAMS;
        let params = Params::new(memory, passes, lanes, None).map_err(|_| HashError::Failed)?;
        let decoy = hash_now(&params, &decoy[SALT_BYTES..], &decoy[..SALT_BYTES])?;
        Ok(Self { turns: Arc::new(Semaphore::new(AT_ONCE)), params, decoy: decoy.into() })
    }

    /// The hash of a new password, in the PHC form.
    pub async fn hash(&self, password: &str, salt: [u8; SALT_BYTES]) -> Result<String, HashError> {
        let (password, params) = (password.to_owned(), self.params.clone());
        self.in_turn(move || hash_now(&params, password.as_bytes(), &salt)).await?
    }

    /// Compares a password with a stored hash, or with the decoy where there is none to compare.
    pub async fn verify(
        &self,
        password: &str,
        stored: Option<String>,
    ) -> Result<Verified, HashError> {
        let (password, params) = (password.to_owned(), self.params.clone());
        let decoy = Arc::clone(&self.decoy);
        self.in_turn(move || {
            let parsed = stored.as_deref().and_then(|text| PasswordHash::new(text).ok());
            let (hash, is_real) = match parsed {
                Some(hash) => (hash, true),
                None => (PasswordHash::new(&decoy).map_err(|_| HashError::Failed)?, false),
            };
            let opens = Argon2::default().verify_password(password.as_bytes(), &hash).is_ok();
            let current = Params::try_from(&hash).is_ok_and(|of| {
                (of.m_cost(), of.t_cost(), of.p_cost())
                    == (params.m_cost(), params.t_cost(), params.p_cost())
            });
            Ok(Verified { matches: opens && is_real, is_outdated: !current })
        })
        .await?
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let turn = tokio::time::timeout(TURN_WAIT_MAX, Arc::clone(&self.turns).acquire_owned());
        let turn = turn.await.map_err(|_| HashError::Busy)?.map_err(|_| HashError::Failed)?;
        let work = move || {
            // Held by the work itself: a caller that goes away frees no turn early.
            let _turn = turn;
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| HashError::Failed)
    }
}

fn hash_now(params: &Params, password: &[u8], salt: &[u8]) -> Result<String, HashError> {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
    let hash = argon2.hash_password_with_salt(password, salt).map_err(|_| HashError::Failed)?;
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(work)
    }

    #[test]
    fn a_password_opens_its_own_hash_and_no_other() {
        let passwords = Passwords::new(&[7; 32]).unwrap();
        run(async {
            let hash = passwords.hash("violet kettle sings", [1; SALT_BYTES]).await.unwrap();
            assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
            let other = passwords.hash("violet kettle sings", [2; SALT_BYTES]).await.unwrap();
            assert_ne!(hash, other);
            let check = async |password: &str, stored: Option<&str>, matches: bool| {
                let found = passwords.verify(password, stored.map(Into::into)).await.unwrap();
                assert_eq!(found, Verified { matches, is_outdated: false }, "{password}");
            };
            check("violet kettle sings", Some(&hash), true).await;
            check("violet kettle sing", Some(&hash), false).await;
            check("violet kettle sings", None, false).await;
            check("violet kettle sings", Some(NO_PASSWORD), false).await;
            check("!", Some(NO_PASSWORD), false).await;
        });
    }

    #[test]
    fn a_hash_of_other_parameters_still_opens_and_is_told_to_be_outdated() {
        let passwords = Passwords::new(&[7; 32]).unwrap();
        let weak = Params::new(64, 1, 1, None).unwrap();
        let stored = hash_now(&weak, b"violet kettle sings", &[3; SALT_BYTES]).unwrap();
        let found = run(passwords.verify("violet kettle sings", Some(stored))).unwrap();
        assert_eq!(found, Verified { matches: true, is_outdated: true });
    }
}
