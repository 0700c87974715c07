//! Making a key and hashing it.

use std::fmt;
use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value as Json, json};
use sha2::Sha256;
use shopwright_domain::ids::KeyId;
use shopwright_store::audit::{self, Stamp};
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

    /// The same in hexadecimal.
    pub fn hash_text(&self, text: &str) -> String {
        self.hash(text).iter().fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }

    /// Whether `hex` is the hash of `text`; takes the same time wherever they differ.
    pub fn is_hash_text(&self, text: &str, hex: &str) -> bool {
        let digit = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let bytes: Option<Vec<u8>> = hex.as_bytes().chunks(2).map(digit).collect();
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            unreachable!("HMAC takes a key of any length")
        };
        mac.update(text.as_bytes());
        bytes.is_some_and(|bytes| mac.verify_slice(&bytes).is_ok())
    }
}

/// A key that was just made. The text is shown now and never again.
pub struct NewKey {
    /// What is kept.
    pub key: ApiKey,
    /// The key itself.
    pub text: String,
}

/// What the audit log says of a key: never its text or hash.
fn audited(key: &ApiKey) -> Json {
    json!({
        "kind": key.kind,
        "name": key.name,
        "prefix": key.shown_prefix,
        "revoked": key.revoked_at.is_some(),
    })
}

/// Revokes a key at once on every node. `false` when there is no such key; a key that was revoked
/// before stays so.
pub async fn revoke_key(store: &Store, key_id: KeyId, stamp: Stamp) -> Result<bool, StoreError> {
    store
        .write(move |tx| {
            audit::lock(tx)?;
            let Some(before) = identity::find_key(tx, key_id)? else { return Ok(false) };
            if before.revoked_at.is_none() {
                identity::revoke_key(tx, key_id, stamp.at)?;
                let after = ApiKey { revoked_at: Some(stamp.at), ..before.clone() };
                let (before, after) = (Some(audited(&before)), Some(audited(&after)));
                let object = key_id.to_string();
                audit::record(tx, &stamp.entry("key.revoked", object, before, after))?;
            }
            Ok(true)
        })
        .await
}

/// Makes a key from random bytes and keeps its hash.
pub async fn create_key(
    store: &Store,
    (kind, name): (KeyKind, String),
    key_id: KeyId,
    random: [u8; KEY_RANDOM_BYTES],
    (secret, stamp): (&KeySecret, Stamp),
) -> Result<NewKey, StoreError> {
    let random_text: String = spell(&random);
    let text = format!("{}{random_text}", kind.prefix());
    let key = ApiKey {
        key_id,
        kind: kind.as_str().to_owned(),
        name,
        shown_prefix: format!("{}{}", kind.prefix(), &random_text[..SHOWN_CHARS]),
        hash: secret.hash(&text).to_vec(),
        created_at: stamp.at,
        last_used_at: None,
        revoked_at: None,
    };
    let kept = key.clone();
    store
        .write(move |tx| {
            audit::lock(tx)?;
            identity::insert_key(tx, &kept)?;
            let (object, after) = (kept.key_id.to_string(), Some(audited(&kept)));
            audit::record(tx, &stamp.entry("key.created", object, None, after))
        })
        .await?;
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

    #[test]
    fn a_hash_in_hexadecimal_is_known_again_and_no_other_text_is() {
        let secret = KeySecret::new(vec![7; 32]).unwrap();
        let hex = secret.hash_text("a");
        let check =
            |text: &str, hex: &str, is: bool| assert_eq!(secret.is_hash_text(text, hex), is);
        check("a", &hex, true);
        check("b", &hex, false);
        for wrong in ["", "+a", "zz", &hex[2..], &hex[1..], &format!("{hex}00"), "é"] {
            check("a", wrong, false);
        }
    }
}
