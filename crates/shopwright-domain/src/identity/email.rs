//! An operator's email: what one signs in with. Kept in lower case, so that one address is one
//! account.

use std::fmt;

/// The longest address (RFC 5321, 4.5.3.1.3, without its angle brackets).
pub const EMAIL_BYTES_MAX: usize = 254;

/// An address in lower case with one `@`, something on both sides and no blanks. Whether anybody
/// reads mail there is not ours to say.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Email(String);

/// A text that is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write an email address like ada@shop.example")]
pub struct EmailError;

impl Email {
    /// Reads an address; blanks around it and capitals do not count.
    pub fn parse(text: &str) -> Result<Self, EmailError> {
        let text = text.trim().to_lowercase();
        let fits = text.len() <= EMAIL_BYTES_MAX
            && !text.contains(|c: char| c.is_whitespace() || c.is_control())
            && text.split_once('@').is_some_and(|(name, host)| {
                !name.is_empty()
                    && !host.contains('@')
                    && host.split('.').all(|label| !label.is_empty())
                    && !host.contains([',', ';', '<', '>', '"'])
            });
        if fits { Ok(Self(text)) } else { Err(EmailError) }
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the `@`.
    pub fn local_part(&self) -> &str {
        self.0.split_once('@').map_or("", |(name, _)| name)
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_is_one_account_and_what_is_none_is_refused() {
        let check = |text: &str, kept: Option<&str>| {
            assert_eq!(Email::parse(text).ok().as_ref().map(Email::as_str), kept, "{text:?}");
        };
        check(" Ada@Shop.Example ", Some("ada@shop.example"));
        check("zoë@münchen.example", Some("zoë@münchen.example"));
        check("a@localhost", Some("a@localhost"));
        for wrong in [
            "", "ada", "@shop", "ada@", "a@b@c", "a b@c", "a@b c", "a\0@b", "a@b..c", "a@b.",
            "a@b,c@d",
        ] {
            check(wrong, None);
        }
        check(&format!("a@{}", "b".repeat(253)), None);
    }
}
