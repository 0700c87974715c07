//! Tokens of sessions and one-time links: 256 random bits, of which only a hash is kept.

use std::fmt;
use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// Characters of a token.
const TOKEN_CHARS: usize = 64;

/// A token as its holder has it. Shown or sent once, kept nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Token {
    /// The token of these random bytes.
    pub fn from_random(random: [u8; 32]) -> Self {
        let mut text = String::with_capacity(TOKEN_CHARS);
        for byte in random {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Self(text)
    }

    /// A token that a visitor brought. `None` for what cannot be one.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = text.len() == TOKEN_CHARS && text.bytes().all(|b| b.is_ascii_hexdigit());
        fits.then(|| Self(text.to_owned()))
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// What is kept of it. A plain hash is enough: 256 random bits cannot be guessed from it.
    pub fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.0.as_bytes()).to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_back_as_it_was_written_and_nothing_else_is() {
        let token = Token::from_random([0xa5; 32]);
        assert_eq!(token.text(), "a5".repeat(32));
        assert_eq!(Token::parse(token.text()), Some(token.clone()));
        assert_eq!(Token::parse(&token.text()[1..]), None);
        assert_eq!(Token::parse(&"zz".repeat(32)), None);
        assert_eq!(format!("{token:?}"), "Token(…)");
        assert_ne!(token.hash(), Token::from_random([0xa4; 32]).hash());
    }
}
