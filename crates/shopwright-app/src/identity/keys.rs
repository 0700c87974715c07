//! Making a key and hashing it.

use std::fmt;
use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value as Json, json};
use sha2::Sha256;
use shopwright_domain::ids::KeyId;
use shopwright_domain::time::Timestamp;
use shopwright_store::audit::{self, Stamp};
use shopwright_store::identity::ApiKey;
use shopwright_store::{StoreError, Tx, identity};

use super::scopes::{Scope, ScopeSet};

/// Random bytes in a key: 160 bits.
pub const KEY_RANDOM_BYTES: usize = 20;
/// Characters of the random part that stay visible.
const SHOWN_CHARS: usize = 6;
const NAME_BYTES_MAX: usize = 100;
const ORIGINS_MAX: usize = 20;
const ORIGIN_BYTES_MAX: usize = 300;
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// What a key may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// `sk_…`: for servers; reads and writes everything.
    Secret,
    /// `rk_…`: for servers that need only part of it; does what its scopes name.
    Restricted,
    /// `pk_…`: for browsers; reads prices.
    Publishable,
}

impl KeyKind {
    /// The stored text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Restricted => "restricted",
            Self::Publishable => "publishable",
        }
    }

    /// Reads the stored text.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Secret, Self::Restricted, Self::Publishable]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }

    const fn prefix(self) -> &'static str {
        match self {
            Self::Secret => "sk_",
            Self::Restricted => "rk_",
            Self::Publishable => "pk_",
        }
    }

    /// What a key of this kind may do, given the scopes it was made with.
    pub fn scopes(self, named: impl Iterator<Item = Scope>) -> ScopeSet {
        match self {
            Self::Secret => ScopeSet::EVERYTHING,
            Self::Restricted => named.collect(),
            Self::Publishable => {
                [Scope::PricesRead, Scope::MeRead, Scope::EventsWrite].into_iter().collect()
            }
        }
    }
}

/// A key to make.
#[derive(Clone, Debug)]
pub struct WantedKey {
    /// What it may be used for.
    pub kind: KeyKind,
    /// What its owner calls it.
    pub name: String,
    /// What a restricted key may do.
    pub scopes: Vec<Scope>,
    /// Web origins a browser may use it from, like `https://shop.example`; none means any.
    pub origins: Vec<String>,
    /// From this moment on it opens nothing.
    pub expires_at: Option<Timestamp>,
}

impl From<(KeyKind, String)> for WantedKey {
    fn from((kind, name): (KeyKind, String)) -> Self {
        Self { kind, name, scopes: Vec::new(), origins: Vec::new(), expires_at: None }
    }
}

/// Why a key was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The name does not fit.
    #[error("the name must be a text of 1 to {NAME_BYTES_MAX} bytes")]
    Name,
    /// A restricted key that may do nothing, or scopes for a key that has its own.
    #[error(
        "a restricted key needs at least one scope, and only a restricted key has scopes of its own"
    )]
    Scopes,
    /// Something that is not an origin.
    #[error("`{0}` is not a web origin; write it like https://shop.example, without a path")]
    Origin(String),
    /// More origins than a shop has.
    #[error("a key may have {ORIGINS_MAX} origins at most")]
    Origins,
    /// It would be over before it began.
    #[error("the key must expire in the future")]
    Expiry,
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl WantedKey {
    /// Whether such a key can be made at `now`.
    pub fn check(&self, now: Timestamp) -> Result<(), KeyError> {
        let name = &self.name;
        if name.trim().is_empty() || name.len() > NAME_BYTES_MAX || name.contains(char::is_control)
        {
            return Err(KeyError::Name);
        }
        if (self.kind == KeyKind::Restricted) == self.scopes.is_empty() {
            return Err(KeyError::Scopes);
        }
        if self.origins.len() > ORIGINS_MAX {
            return Err(KeyError::Origins);
        }
        if let Some(wrong) = self.origins.iter().find(|origin| !is_origin(origin)) {
            return Err(KeyError::Origin(wrong.clone()));
        }
        if self.expires_at.is_some_and(|at| at <= now) {
            return Err(KeyError::Expiry);
        }
        Ok(())
    }
}

/// Whether a text is an origin as browsers send it (RFC 6454, 6.2): scheme, host and port in lower
/// case, nothing behind them.
fn is_origin(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
        return false;
    };
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (rest, None),
    };
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._[]:".contains(&b);
    !host.is_empty()
        && text.len() <= ORIGIN_BYTES_MAX
        && host.bytes().all(plain)
        && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
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
        "scopes": key.scopes,
        "origins": key.origins,
        "expires_at": key.expires_at,
        "revoked": key.revoked_at.is_some(),
    })
}

/// Revokes a key at once on every node. `false` when there is no such key; a key that was revoked
/// before stays so.
pub fn revoke_key(tx: &mut Tx<'_>, key_id: KeyId, stamp: Stamp) -> Result<bool, StoreError> {
    audit::lock(tx)?;
    let Some(before) = identity::find_key(tx, key_id)? else { return Ok(false) };
    if before.revoked_at.is_none() {
        identity::revoke_key(tx, key_id, stamp.at)?;
        let after = ApiKey { revoked_at: Some(stamp.at), ..before.clone() };
        let (before, after) = (Some(audited(&before)), Some(audited(&after)));
        audit::record(tx, &stamp.entry("key.revoked", key_id.to_string(), before, after))?;
    }
    Ok(true)
}

/// Makes a key from random bytes and keeps its hash.
pub fn create_key(
    tx: &mut Tx<'_>,
    wanted: &WantedKey,
    key_id: KeyId,
    random: [u8; KEY_RANDOM_BYTES],
    (secret, stamp): (&KeySecret, Stamp),
) -> Result<NewKey, KeyError> {
    wanted.check(stamp.at)?;
    let prefix = wanted.kind.prefix();
    let random_text: String = spell(&random);
    let text = format!("{prefix}{random_text}");
    let key = ApiKey {
        key_id,
        kind: wanted.kind.as_str().to_owned(),
        name: wanted.name.trim().to_owned(),
        shown_prefix: format!("{prefix}{}", &random_text[..SHOWN_CHARS]),
        hash: secret.hash(&text).to_vec(),
        created_at: stamp.at,
        last_used_at: None,
        revoked_at: None,
        scopes: wanted.scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
        origins: wanted.origins.clone(),
        expires_at: wanted.expires_at,
    };
    audit::lock(tx)?;
    identity::insert_key(tx, &key)?;
    let (object, after) = (key_id.to_string(), Some(audited(&key)));
    audit::record(tx, &stamp.entry("key.created", object, None, after))?;
    Ok(NewKey { key, text })
}

/// The part of a key that is kept in the clear, if the text is long enough to have one.
pub(super) fn shown_prefix(key: &str) -> Option<&str> {
    let (kind, _) = key.split_once('_')?;
    key.get(..kind.len() + 1 + SHOWN_CHARS)
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
    fn keys_that_make_no_sense_are_refused() {
        let now = Timestamp::from_micros(1_000);
        let good = WantedKey::from((KeyKind::Secret, "till".to_owned()));
        assert_eq!(good.check(now), Ok(()));
        let check = |change: fn(&mut WantedKey), expected: KeyError| {
            let mut wanted = good.clone();
            change(&mut wanted);
            assert_eq!(wanted.check(now), Err(expected));
        };
        check(|key| key.name = " ".into(), KeyError::Name);
        check(|key| key.name = "a\nb".into(), KeyError::Name);
        check(|key| key.kind = KeyKind::Restricted, KeyError::Scopes);
        check(|key| key.scopes = vec![Scope::StockRead], KeyError::Scopes);
        check(|key| key.expires_at = Some(Timestamp::from_micros(1_000)), KeyError::Expiry);
        check(|key| key.origins = vec!["https://a.example".into(); 21], KeyError::Origins);
    }

    #[test]
    fn origins_are_what_browsers_send() {
        let check = |text: &str, is: bool| assert_eq!(is_origin(text), is, "{text}");
        check("https://shop.example", true);
        check("http://localhost:3000", true);
        check("http://[::1]:8080", true);
        check("https://shop.example/", false);
        check("https://shop.example:0", false);
        check("https://Shop.example", false);
        check("https://", false);
        check("shop.example", false);
        check("null", false);
        check("*", false);
        check("https://shop.example\r\nx", false);
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
