//! What performers reach of the outside world.

use std::sync::Arc;
use std::time::Duration;

use shopwright_domain::ids::Entropy;
use shopwright_gateways::guard::Guard;
use shopwright_gateways::mail::Mail;
use shopwright_gateways::seal::{NONCE_BYTES, Seal, SealError};

/// How long a claimed effect is one worker's. A killed worker's effects are taken over after this
/// long and a look at most: well within 30 seconds.
pub const LEASE: Duration = Duration::from_secs(27);
/// How long a call outside may take: at most a third of the lease, so that a call that nobody waits
/// for any more has ended before another worker makes it again.
pub const CALL_TIME_MAX: Duration = Duration::from_secs(9);

const _: () = assert!(CALL_TIME_MAX.as_millis() * 3 <= LEASE.as_millis());

/// The gateways of one store, and what they need.
pub struct Outside {
    /// The guarded way to addresses that somebody names.
    pub guard: Guard,
    /// How mail leaves.
    pub mail: Mail,
    /// Whom mail comes from.
    pub mail_from: String,
    /// Who is told when something needs an operator; nobody when not set.
    pub operator: Option<String>,
    /// What seals secrets at rest.
    pub seal: Seal,
    /// Where secrets and nonces come from.
    pub random: Arc<dyn Entropy>,
}

impl std::fmt::Debug for Outside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outside").field("mail", &self.mail).finish_non_exhaustive()
    }
}

impl Outside {
    /// Seals a secret of `context`.
    pub fn seal(&self, secret: &[u8], context: &str) -> Vec<u8> {
        let mut nonce = [0; NONCE_BYTES];
        self.random.fill(&mut nonce);
        self.seal.seal(secret, context, nonce)
    }

    /// Opens a secret of `context`.
    pub fn open(&self, sealed: &[u8], context: &str) -> Result<Vec<u8>, SealError> {
        self.seal.open(sealed, context)
    }
}
