//! Signatures of webhooks that come in: base64 of HMAC-SHA256 over the raw body, as Shopify and
//! WooCommerce write it.
//!
//! Several secrets may hold at once, so that one can be changed without losing a message. Comparing
//! takes the same time whatever differs.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use shopwright_domain::platforms::Platform;

/// The secrets that one platform may sign with; with none nothing is believed.
#[derive(Clone, Default)]
pub struct SenderSecrets(Vec<Vec<u8>>);

impl fmt::Debug for SenderSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SenderSecrets({})", self.0.len())
    }
}

impl SenderSecrets {
    /// Reads secrets with commas between them.
    pub fn parse(text: &str) -> Self {
        let secrets = text.split(',').map(str::trim).filter(|secret| !secret.is_empty());
        Self(secrets.map(|secret| secret.as_bytes().to_vec()).collect())
    }

    /// Whether there is any.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of the secrets signed this body.
    pub fn signed(&self, body: &[u8], signature: &str) -> bool {
        let Ok(signature) = STANDARD.decode(signature.trim()) else { return false };
        let by = |secret: &Vec<u8>| {
            Hmac::<Sha256>::new_from_slice(secret).is_ok_and(|mut mac| {
                mac.update(body);
                mac.verify_slice(&signature).is_ok()
            })
        };
        self.0.iter().any(by)
    }
}

/// The secrets of every platform.
#[derive(Clone, Debug, Default)]
pub struct InboundSecrets {
    /// Those of Shopify.
    pub shopify: SenderSecrets,
    /// Those of WooCommerce.
    pub woocommerce: SenderSecrets,
}

impl InboundSecrets {
    /// Those of a platform.
    pub const fn of(&self, platform: Platform) -> &SenderSecrets {
        match platform {
            Platform::Shopify => &self.shopify,
            Platform::Woocommerce => &self.woocommerce,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Python: `base64.b64encode(hmac.new(b"hush", b'{"id":1}', hashlib.sha256).digest())`.
    const SIGNED: &str = "VnKUjZsLuN5iZWjn5EntcBVCF9kMN43LglzCE1/GSeY=";

    #[test]
    fn a_body_signed_with_either_secret_is_believed_and_nothing_else() {
        let secrets = SenderSecrets::parse("other, hush");
        assert!(secrets.signed(br#"{"id":1}"#, SIGNED));
        assert!(!secrets.signed(br#"{"id":2}"#, SIGNED));
        assert!(!secrets.signed(br#"{"id":1}"#, ""));
        assert!(!secrets.signed(br#"{"id":1}"#, "no base64"));
        assert!(!SenderSecrets::parse("other").signed(br#"{"id":1}"#, SIGNED));
        assert!(!SenderSecrets::default().signed(br#"{"id":1}"#, SIGNED));
        assert!(SenderSecrets::parse(" , ").is_empty());
        assert_eq!(format!("{secrets:?}"), "SenderSecrets(2)");
    }
}
