//! Making a key and hashing it.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use shopwright_domain::ids::KeyId;
use shopwright_domain::time::Timestamp;
use shopwright_store::identity::ApiKey;
use shopwright_store::{Store, StoreError, identity};

/// Random bytes in a key: 160 bits.
pub const KEY_RANDOM_BYTES: usize = 20;
/// Characters of the random part that stay visible.
const SHOWN_CHARS: usize = 6;
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// What a key may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// `sk_…`: for servers; reads and writes everything.
    Secret,
    /// `pk_…`: for browsers; reads prices.
    Publishable,
}

impl KeyKind {
    /// The stored text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Publishable => "publishable",
        }
    }

    /// Reads the stored text.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Secret, Self::Publishable].into_iter().find(|kind| kind.as_str() == text)
    }

    const fn prefix(self) -> &'static str {
        match self {
            Self::Secret => "sk_",
            Self::Publishable => "pk_",
        }
    }
}

/// The secret under which keys are hashed: without it a stolen database tells nothing about them.
#[derive(Clone)]
pub struct KeySecret(Vec<u8>);

impl fmt::Debug for KeySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeySecret(…)")
    }
}

impl KeySecret {
    /// At least 16 bytes that are kept outside the database.
    pub fn new(bytes: Vec<u8>) -> Option<Self> {
        (bytes.len() >= 16).then_some(Self(bytes))
    }

    /// HMAC-SHA-256 of a key.
    pub fn hash(&self, key: &str) -> [u8; 32] {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            unreachable!("HMAC takes a key of any length")
        };
        mac.update(key.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

/// A key that was just made. The text is shown now and never again.
pub struct NewKey {
    /// What is kept.
    pub key: ApiKey,
    /// The key itself.
    pub text: String,
}

/// Makes a key from random bytes and keeps its hash.
pub async fn create_key(
    store: &Store,
    (kind, name): (KeyKind, String),
    key_id: KeyId,
    random: [u8; KEY_RANDOM_BYTES],
    (secret, now): (&KeySecret, Timestamp),
) -> Result<NewKey, StoreError> {
    let random_text: String = spell(&random);
    let text = format!("{}{random_text}", kind.prefix());
    let key = ApiKey {
        key_id,
        kind: kind.as_str().to_owned(),
        name,
        shown_prefix: format!("{}{}", kind.prefix(), &random_text[..SHOWN_CHARS]),
        hash: secret.hash(&text).to_vec(),
        created_at: now,
        last_used_at: None,
        revoked_at: None,
    };
    let kept = key.clone();
    store.write(move |tx| identity::insert_key(tx, &kept)).await?;
    Ok(NewKey { key, text })
}

/// Crockford base 32, five bits a character.
fn spell(bytes: &[u8; KEY_RANDOM_BYTES]) -> String {
    let bit = |index: usize| (bytes[index / 8] >> (7 - index % 8)) & 1;
    (0..KEY_RANDOM_BYTES * 8 / 5)
        .map(|place| (0..5).fold(0u8, |value, offset| (value << 1) | bit(place * 5 + offset)))
        .map(|value| char::from(ALPHABET[usize::from(value)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_spells_all_its_random_bits() {
        assert_eq!(spell(&[0; KEY_RANDOM_BYTES]), "0".repeat(32));
        assert_eq!(spell(&[0xff; KEY_RANDOM_BYTES]), "z".repeat(32));
        let mut one = [0; KEY_RANDOM_BYTES];
        one[KEY_RANDOM_BYTES - 1] = 1;
        assert_eq!(spell(&one), format!("{}1", "0".repeat(31)));
    }

    #[test]
    fn hashes_depend_on_the_secret_and_the_secret_is_never_printed() {
        let secret = |byte| KeySecret::new(vec![byte; 32]).unwrap();
        assert_ne!(secret(1).hash("sk_a"), secret(2).hash("sk_a"));
        assert_ne!(secret(1).hash("sk_a"), secret(1).hash("sk_b"));
        assert_eq!(format!("{:?}", secret(7)), "KeySecret(…)");
        assert!(KeySecret::new(vec![0; 15]).is_none());
    }
}
