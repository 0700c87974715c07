//! The seal on secrets at rest: XChaCha20-Poly1305 under keys that are kept outside the database.
//!
//! A sealed secret says which key opens it. The first key seals, all of them open: a new key is put
//! first, and old ones stay until nothing is sealed under them. The context (whose secret it is) is
//! authenticated, so that a sealed secret moved to another row does not open.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;
/// Random bytes that each sealing needs.
pub const NONCE_BYTES: usize = 24;
const KEY_ID_BYTES: usize = 8;
/// The form of what [`Seal::seal`] makes.
const VERSION: u8 = 1;

/// Why something does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Not something this seal made.
    #[error("the secret is not in a form that this program seals")]
    Form,
    /// The key is gone.
    #[error(
        "the secret was sealed under a key that the seal key file does not have; restore the old file"
    )]
    UnknownKey,
    /// Damaged, or it belongs somewhere else.
    #[error("the sealed secret is damaged or belongs to another row")]
    Damaged,
}

/// A text that is no key file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {0} is not a key: each line holds 32 bytes in base64, the sealing key first")]
pub struct KeyFileError(pub usize);

struct Key {
    id: [u8; KEY_ID_BYTES],
    cipher: XChaCha20Poly1305,
}

/// The keys of one store.
pub struct Seal {
    keys: Vec<Key>,
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seal({} keys)", self.keys.len())
    }
}

impl Key {
    fn new(bytes: &[u8; KEY_BYTES]) -> Self {
        // The id tells which key it is and nothing about it.
        let digest =
            Sha256::new().chain_update(b"shopwright seal key id").chain_update(bytes).finalize();
        let mut id = [0; KEY_ID_BYTES];
        id.copy_from_slice(&digest[..KEY_ID_BYTES]);
        Self { id, cipher: XChaCha20Poly1305::new(bytes.into()) }
    }
}

impl Seal {
    /// One key.
    pub fn new(key: &[u8; KEY_BYTES]) -> Self {
        Self { keys: vec![Key::new(key)] }
    }

    /// The keys of a key file.
    pub fn read(text: &str) -> Result<Self, KeyFileError> {
        let mut keys = Vec::new();
        for (at, line) in text.lines().map(str::trim).enumerate().filter(|(_, l)| !l.is_empty()) {
            let bytes = STANDARD.decode(line).ok().and_then(|bytes| bytes.try_into().ok());
            keys.push(Key::new(&bytes.ok_or(KeyFileError(at + 1))?));
        }
        if keys.is_empty() { Err(KeyFileError(1)) } else { Ok(Self { keys }) }
    }

    /// A line of a key file.
    pub fn line(key: &[u8; KEY_BYTES]) -> String {
        format!("{}\n", STANDARD.encode(key))
    }

    /// Seals a secret of `context`. The nonce is random and never used again.
    pub fn seal(&self, secret: &[u8], context: &str, nonce: [u8; NONCE_BYTES]) -> Vec<u8> {
        let key = &self.keys[0];
        let payload = Payload { msg: secret, aad: context.as_bytes() };
        let Ok(body) = key.cipher.encrypt(&XNonce::from(nonce), payload) else {
            unreachable!("secrets are far shorter than what the cipher takes")
        };
        [&[VERSION], &key.id[..], &nonce, &body].concat()
    }

    /// Whether the newest key sealed this.
    pub fn is_newest(&self, sealed: &[u8]) -> bool {
        sealed.first() == Some(&VERSION) && sealed[1..].starts_with(&self.keys[0].id)
    }

    /// Opens what was sealed for `context`.
    pub fn open(&self, sealed: &[u8], context: &str) -> Result<Vec<u8>, SealError> {
        let (version, rest) = sealed.split_first().ok_or(SealError::Form)?;
        let (id, rest) = rest.split_at_checked(KEY_ID_BYTES).ok_or(SealError::Form)?;
        let (nonce, body) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(SealError::Form)?;
        if *version != VERSION {
            return Err(SealError::Form);
        }
        let key = self.keys.iter().find(|key| key.id == id).ok_or(SealError::UnknownKey)?;
        let payload = Payload { msg: body, aad: context.as_bytes() };
        key.cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| SealError::Damaged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OLD: [u8; KEY_BYTES] = [1; KEY_BYTES];
    const NEW: [u8; KEY_BYTES] = [2; KEY_BYTES];

    #[test]
    fn after_a_rotation_old_secrets_open_and_new_ones_are_sealed_under_the_new_key() {
        let before = Seal::new(&OLD);
        let rotated = Seal::read(&format!("{}{}\n", Seal::line(&NEW), Seal::line(&OLD))).unwrap();
        let sealed = before.seal(b"whsec", "we_1", [7; NONCE_BYTES]);
        assert_eq!(rotated.open(&sealed, "we_1").unwrap(), b"whsec");
        let sealed = rotated.seal(b"whsec", "we_1", [8; NONCE_BYTES]);
        assert_eq!(before.open(&sealed, "we_1"), Err(SealError::UnknownKey));
        assert_eq!(Seal::new(&NEW).open(&sealed, "we_1").unwrap(), b"whsec");
        assert!(rotated.is_newest(&sealed) && !before.is_newest(&sealed));
        assert!(!rotated.is_newest(&[]) && !rotated.is_newest(&sealed[..8]));
    }

    #[test]
    fn what_was_moved_damaged_or_cut_does_not_open() {
        let seal = Seal::new(&OLD);
        let sealed = seal.seal(b"whsec", "we_1", [7; NONCE_BYTES]);
        assert!(!sealed.windows(5).any(|part| part == b"whsec"));
        assert_eq!(seal.open(&sealed, "we_2"), Err(SealError::Damaged));
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert!(seal.open(&damaged, "we_1").is_err(), "byte {at}");
            assert!(seal.open(&sealed[..at], "we_1").is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_key_file_is_read_whole_or_refused_with_its_line() {
        let good = Seal::line(&OLD);
        let check = |text: &str, line: usize| {
            assert_eq!(Seal::read(text).err(), Some(KeyFileError(line)), "{text:?}");
        };
        check("", 1);
        check("\n\n", 1);
        check("short", 1);
        check(&format!("{good}\nbad\n"), 3);
        check(&good[1..], 1);
        assert_eq!(format!("{:?}", Seal::read(&good).unwrap()), "Seal(1 keys)");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]
        #[test]
        fn what_is_sealed_opens_again(
            secret in prop::collection::vec(any::<u8>(), 0..80), context in ".{0,20}", nonce in any::<[u8; NONCE_BYTES]>()
        ) {
            let seal = Seal::new(&OLD);
            let sealed = seal.seal(&secret, &context, nonce);
            prop_assert_eq!(seal.open(&sealed, &context), Ok(secret));
        }
    }
}
