//! Customer tokens: short-lived JWTs (RFC 7519) by which the shop's server vouches for one customer.
//!
//! They are signed with HMAC-SHA-256 and nothing else (RFC 8725, 3.1: the algorithm is fixed, the
//! token does not choose it) under a secret that is derived from the key secret and a version. A
//! rotation raises the version; tokens that were signed before it hold until they expire.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::Sha256;
use shopwright_domain::time::{HOUR, MINUTE, SECOND, Timestamp};
use shopwright_store::audit::{self, Stamp};
use shopwright_store::{Change, StoreError, Tx, feed, settings};

use super::keys::KeySecret;

/// The longest life of a token, in seconds.
pub const TOKEN_SECONDS_MAX: i64 = 3_600;
/// How far the clocks of two servers may be apart.
const CLOCK_SKEW: i64 = MINUTE;
/// The longest token that is looked at.
const TOKEN_BYTES_MAX: usize = 2_048;
/// The longest id of a customer.
const CUSTOMER_BYTES_MAX: usize = 200;
/// Where the version is kept.
const SETTING: &str = "customer_token_secret";

/// Which signing secret holds, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningVersion {
    /// 1 for the first.
    pub version: u32,
    /// When it took the place of the one before.
    pub since: Timestamp,
}

impl SigningVersion {
    const FIRST: Self = Self { version: 1, since: Timestamp::from_micros(0) };
}

/// The version that holds.
pub fn signing_version(tx: &mut Tx<'_>) -> Result<SigningVersion, StoreError> {
    Ok(settings::find(tx, SETTING)?.unwrap_or(SigningVersion::FIRST))
}

/// Raises the version: new tokens need the new secret, on every node, within a second.
pub fn rotate_signing(tx: &mut Tx<'_>, stamp: Stamp) -> Result<SigningVersion, StoreError> {
    // The lock lets one rotation follow the other.
    audit::lock(tx)?;
    let before = signing_version(tx)?;
    let next = SigningVersion { version: before.version + 1, since: stamp.at };
    let shown =
        |signing: SigningVersion| json!({ "version": signing.version, "since": signing.since });
    settings::set(tx, SETTING, &shown(next))?;
    feed::advance(tx, Change::Keys)?;
    let (object, before, after) = (SETTING.to_owned(), Some(shown(before)), Some(shown(next)));
    audit::record(tx, &stamp.entry("customer_token_secret.rotated", object, before, after))?;
    Ok(next)
}

/// The secret of a version, as the shop's server is given it.
pub fn signing_secret(secret: &KeySecret, version: u32) -> String {
    let derived = secret.hash(&format!("shopwright customer token secret, version {version}"));
    format!("cs_{}", URL_SAFE_NO_PAD.encode(derived))
}

/// The secrets that tokens are checked with.
#[derive(Clone)]
pub struct TokenSecrets {
    current: String,
    previous: Option<String>,
    version: SigningVersion,
}

impl TokenSecrets {
    /// Those of the version that holds and of the one before.
    pub fn new(secret: &KeySecret, version: SigningVersion) -> Self {
        let before = version.version.checked_sub(1).filter(|version| *version > 0);
        Self {
            current: signing_secret(secret, version.version),
            previous: before.map(|version| signing_secret(secret, version)),
            version,
        }
    }

    /// The customer that a good token is for; what is wrong with another is nobody's business.
    pub fn customer(&self, token: &str, now: Timestamp) -> Option<String> {
        if token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let is_current = is_signed(signed, &signature, &self.current);
        let previous = self.previous.as_deref();
        let is_previous = previous.is_some_and(|secret| is_signed(signed, &signature, secret));
        if !is_current && !is_previous {
            return None;
        }
        let header: Header = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
        if !header.is_ours() || !claims.hold_at(now) {
            return None;
        }
        // What the old secret signs after the rotation is not the shop's.
        let since = self.version.since.plus_micros(CLOCK_SKEW).as_micros() / SECOND;
        if !is_current && (claims.iat > since || now > self.version.since.plus_micros(HOUR)) {
            return None;
        }
        Some(claims.sub)
    }
}

/// In constant time.
fn is_signed(signed: &str, signature: &[u8], secret: &str) -> bool {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        unreachable!("HMAC takes a key of any length")
    };
    mac.update(signed.as_bytes());
    mac.verify_slice(signature).is_ok()
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    typ: Option<String>,
    /// Extensions that must be understood; we understand none.
    #[serde(default)]
    crit: Option<serde_json::Value>,
}

impl Header {
    fn is_ours(&self) -> bool {
        let typ = self.typ.as_deref().unwrap_or("JWT");
        self.alg == "HS256" && typ.eq_ignore_ascii_case("JWT") && self.crit.is_none()
    }
}

/// Times are whole seconds since 1970.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    iat: i64,
    exp: i64,
    #[serde(default)]
    nbf: Option<i64>,
}

impl Claims {
    fn hold_at(&self, now: Timestamp) -> bool {
        let latest = now.plus_micros(CLOCK_SKEW).as_micros() / SECOND;
        let life = self.exp.checked_sub(self.iat);
        let named = (1..=CUSTOMER_BYTES_MAX).contains(&self.sub.len());
        named
            && !self.sub.contains(char::is_control)
            && life.is_some_and(|life| (1..=TOKEN_SECONDS_MAX).contains(&life))
            && self.exp > now.as_micros().div_euclid(SECOND)
            && self.iat <= latest
            && self.nbf.is_none_or(|from| from <= latest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn now() -> Timestamp {
        Timestamp::from_micros(NOW * SECOND)
    }

    fn key_secret() -> KeySecret {
        KeySecret::new(vec![7; 32]).unwrap()
    }

    fn sign(header: &serde_json::Value, claims: &serde_json::Value, secret: &str) -> String {
        let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }

    fn hs256() -> serde_json::Value {
        json!({ "alg": "HS256", "typ": "JWT" })
    }

    #[test]
    fn a_token_names_its_customer_only_while_everything_about_it_is_right() {
        let secrets = TokenSecrets::new(&key_secret(), SigningVersion::FIRST);
        let secret = signing_secret(&key_secret(), 1);
        let check = |header: serde_json::Value, claims: serde_json::Value, good: bool| {
            let token = sign(&header, &claims, &secret);
            let customer = secrets.customer(&token, now());
            let expected = good.then(|| claims["sub"].as_str().unwrap().to_owned());
            assert_eq!(customer, expected, "{header} {claims}");
        };
        let claims = |sub: &str, iat: i64, exp: i64| json!({ "sub": sub, "iat": NOW + iat, "exp": NOW + exp });
        check(hs256(), claims("17850", -10, 600), true);
        check(json!({ "alg": "HS256" }), claims("17850", 0, 3_600), true);
        check(json!({ "alg": "HS256", "kid": "v1" }), claims("Zoë 茶", 0, 1), true);
        check(hs256(), claims("17850", 60, 61), true);
        check(hs256(), claims("17850", 61, 62), false);
        check(hs256(), claims("17850", 0, 3_601), false);
        check(hs256(), claims("17850", -3_600, 0), false);
        check(hs256(), claims("17850", 10, 10), false);
        check(hs256(), claims("", 0, 600), false);
        check(hs256(), claims("a\nb", 0, 600), false);
        check(hs256(), claims(&"x".repeat(201), 0, 600), false);
        check(hs256(), json!({ "sub": "17850", "exp": NOW + 600 }), false);
        check(hs256(), json!({ "sub": "17850", "iat": NOW }), false);
        check(hs256(), json!({ "sub": "17850", "iat": i64::MIN, "exp": i64::MAX }), false);
        let mut later = claims("17850", 0, 600);
        later["nbf"] = json!(NOW + 100);
        check(hs256(), later, false);
        for alg in ["none", "None", "HS384", "RS256", "hs256", ""] {
            check(json!({ "alg": alg }), claims("17850", 0, 600), false);
        }
        check(json!({ "alg": "HS256", "crit": ["b64"] }), claims("17850", 0, 600), false);
        check(json!({ "alg": "HS256", "typ": "at+jwt" }), claims("17850", 0, 600), false);
        check(json!({ "typ": "JWT" }), claims("17850", 0, 600), false);
    }

    #[test]
    fn a_token_that_was_touched_or_signed_by_another_is_worth_nothing() {
        let secrets = TokenSecrets::new(&key_secret(), SigningVersion::FIRST);
        let claims = json!({ "sub": "17850", "iat": NOW, "exp": NOW + 600 });
        let good = sign(&hs256(), &claims, &signing_secret(&key_secret(), 1));
        assert_eq!(secrets.customer(&good, now()).as_deref(), Some("17850"));
        for place in 0..good.len() {
            let mut touched = good.clone().into_bytes();
            touched[place] = if touched[place] == b'A' { b'B' } else { b'A' };
            assert_eq!(secrets.customer(&String::from_utf8(touched).unwrap(), now()), None);
        }
        let unsigned = &good[..=good.rfind('.').unwrap()];
        for wrong in ["", ".", "..", "a.b.c", unsigned, &format!("{good}="), &format!("{good}.x")] {
            assert_eq!(secrets.customer(wrong, now()), None, "{wrong}");
        }
        for other in [KeySecret::new(vec![8; 32]).unwrap(), key_secret()] {
            let version = if other.hash("x") == key_secret().hash("x") { 2 } else { 1 };
            let token = sign(&hs256(), &claims, &signing_secret(&other, version));
            assert_eq!(secrets.customer(&token, now()), None);
        }
        assert_eq!(secrets.customer(&"x".repeat(3_000), now()), None);
    }

    #[test]
    fn after_a_rotation_old_tokens_run_out_and_new_ones_need_the_new_secret() {
        let since = Timestamp::from_micros(NOW * SECOND);
        let secrets = TokenSecrets::new(&key_secret(), SigningVersion { version: 3, since });
        let check = |version: u32, iat: i64, at: i64, good: bool| {
            let claims = json!({ "sub": "17850", "iat": NOW + iat, "exp": NOW + iat + 3_600 });
            let token = sign(&hs256(), &claims, &signing_secret(&key_secret(), version));
            let at = Timestamp::from_micros((NOW + at) * SECOND);
            assert_eq!(secrets.customer(&token, at).is_some(), good, "{version} {iat}");
        };
        check(3, 100, 200, true);
        check(2, -100, 200, true);
        check(2, -100, 3_499, true);
        check(2, -100, 3_500, false);
        check(2, 61, 200, false);
        check(1, -100, 200, false);
        check(4, -100, 200, false);
    }
}
