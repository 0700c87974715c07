//! Signing of webhooks as Standard Webhooks asks: HMAC-SHA256 over `id.timestamp.body`, every secret
//! that holds signing, so that a receiver that knows one of them is content.
//!
//! Written on the hash crates the house has: the `standardwebhooks` crate signs with one secret at
//! a time and brings a second calendar and a second base64 with it.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Random bytes of a new secret.
pub const SECRET_BYTES: usize = 32;
const PREFIX: &str = "whsec_";
/// The standard asks for 24 to 64 bytes.
const SECRET_BYTES_MIN: usize = 24;
const SECRET_BYTES_MAX: usize = 64;

/// A text that is no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a webhook secret is `whsec_` and 24 to 64 bytes in base64")]
pub struct SecretError;

/// A symmetric secret.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(Vec<u8>);

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(…)")
    }
}

impl WebhookSecret {
    /// The secret of these bytes.
    pub fn new(bytes: &[u8]) -> Result<Self, SecretError> {
        let fits = (SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&bytes.len());
        fits.then(|| Self(bytes.to_vec())).ok_or(SecretError)
    }

    /// Reads `whsec_…`, with or without the prefix.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let encoded = text.strip_prefix(PREFIX).unwrap_or(text);
        Self::new(&STANDARD.decode(encoded).map_err(|_| SecretError)?)
    }

    /// The form its owner is shown, once.
    pub fn text(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.0))
    }

    /// Its bytes, to be sealed.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn sign(&self, id: &str, seconds: i64, body: &[u8]) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            unreachable!("HMAC takes a key of any length")
        };
        mac.update(format!("{id}.{seconds}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// The three headers of a message; `seconds` is the Unix time of this attempt.
///
/// # Panics
/// When the id has a dot in it, which would make the signed bytes ambiguous.
pub fn headers(
    secrets: &[WebhookSecret],
    id: &str,
    seconds: i64,
    body: &[u8],
) -> Vec<(&'static str, String)> {
    assert!(!id.contains('.'), "a webhook id has no dot");
    let signatures: Vec<_> = secrets.iter().map(|secret| secret.sign(id, seconds, body)).collect();
    vec![
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", seconds.to_string()),
        ("webhook-signature", signatures.join(" ")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector of the standard's own libraries (`libraries/javascript/src/index.test.ts`, "sign
    /// function works").
    #[test]
    fn the_reference_vector_is_signed_as_the_standard_does() {
        let secret = WebhookSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        assert_eq!(WebhookSecret::parse("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), Ok(secret.clone()));
        let headers = headers(
            std::slice::from_ref(&secret),
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(
            headers,
            [
                ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek".to_owned()),
                ("webhook-timestamp", "1614265330".to_owned()),
                ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=".to_owned()),
            ]
        );
    }

    #[test]
    fn empty_short_and_bare_secrets_are_refused() {
        for wrong in
            ["", "whsec_", "whsec_AAAA", "whsec_!!!", &format!("whsec_{}", "A".repeat(120))]
        {
            assert_eq!(WebhookSecret::parse(wrong), Err(SecretError), "{wrong}");
        }
        let secret = WebhookSecret::new(&[5; SECRET_BYTES]).unwrap();
        assert_eq!(WebhookSecret::parse(&secret.text()), Ok(secret.clone()));
        assert_eq!(format!("{secret:?}"), "WebhookSecret(…)");
    }

    #[test]
    fn while_two_secrets_hold_both_sign() {
        let secrets = [1, 2].map(|byte| WebhookSecret::new(&[byte; SECRET_BYTES]).unwrap());
        let value = |secrets: &[WebhookSecret]| headers(secrets, "evt_1", 7, b"{}")[2].1.clone();
        assert_eq!(value(&secrets), format!("{} {}", value(&secrets[..1]), value(&secrets[1..])));
    }
}
