//! Customers: the shop's own id, and what may be known of a person.
//!
//! Only this module's words hold personal data; engines that decide prices never see them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::catalog::SHOP_ID_BYTES_MAX;
use crate::invalid::{Findings, InvalidField};
use crate::time::Timestamp;

/// The longest name, street or other text about a person, in bytes.
pub const PERSON_TEXT_BYTES_MAX: usize = 500;
/// The most tags of a customer.
pub const TAGS_MAX: usize = 100;
/// The most addresses of a customer.
pub const ADDRESSES_MAX: usize = 50;

/// The shop's own id of a customer, compared byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct CustomerId(String);

/// A text that cannot be a customer's id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a customer id has 1 to 200 bytes and no control characters")]
pub struct CustomerIdError;

impl CustomerId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CustomerId {
    type Err = CustomerIdError;

    fn from_str(text: &str) -> Result<Self, CustomerIdError> {
        let fits = !text.is_empty() && text.len() <= SHOP_ID_BYTES_MAX;
        if fits && !text.chars().any(char::is_control) {
            Ok(Self(text.to_owned()))
        } else {
            Err(CustomerIdError)
        }
    }
}

impl fmt::Display for CustomerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for CustomerId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Whether a person agreed to marketing, when, and where that was said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    /// Yes or no.
    pub marketing: bool,
    /// When it was given or withdrawn.
    pub at: Timestamp,
    /// Where: `checkout`, `newsletter form`.
    pub source: String,
}

/// A postal address. Every part may be missing; not all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Address {
    /// What the person calls it: `home`, `billing`.
    pub label: Option<String>,
    /// Who lives there.
    pub name: Option<String>,
    /// Company.
    pub company: Option<String>,
    /// Street and number.
    pub line1: Option<String>,
    /// Second line.
    pub line2: Option<String>,
    /// City.
    pub city: Option<String>,
    /// State or region.
    pub region: Option<String>,
    /// Postal code.
    pub postal_code: Option<String>,
    /// ISO 3166-1 alpha-2, `GB`.
    pub country: Option<String>,
    /// Telephone.
    pub phone: Option<String>,
}

impl Address {
    /// The parts with their names, in the order they are written.
    pub fn parts(&self) -> [(&'static str, Option<&str>); 10] {
        [
            ("label", self.label.as_deref()),
            ("name", self.name.as_deref()),
            ("company", self.company.as_deref()),
            ("line1", self.line1.as_deref()),
            ("line2", self.line2.as_deref()),
            ("city", self.city.as_deref()),
            ("region", self.region.as_deref()),
            ("postal_code", self.postal_code.as_deref()),
            ("country", self.country.as_deref()),
            ("phone", self.phone.as_deref()),
        ]
    }

    /// Notes what cannot be kept, under `pointer`.
    pub fn check(&self, pointer: &str, found: &mut Findings) {
        if self.parts().iter().all(|(_, part)| part.is_none()) {
            found.add(pointer, "the address is empty; give at least one part or leave it out");
        }
        for (name, part) in self.parts() {
            let pointer = format!("{pointer}/{name}");
            match (name, part) {
                ("country", Some(code)) if !is_country(code) => {
                    found.add(pointer, COUNTRY_HELP);
                }
                _ => found.maybe_text(&pointer, part, PERSON_TEXT_BYTES_MAX),
            }
        }
    }
}

const COUNTRY_HELP: &str = "write the two letters of ISO 3166-1, such as GB";

/// Two capital letters, as ISO 3166-1 alpha-2 codes are.
pub fn is_country(code: &str) -> bool {
    code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// What an owner says about a customer. What is `None` is not set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CustomerFields {
    /// E-mail address.
    pub email: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// Telephone.
    pub phone: Option<String>,
    /// BCP 47, `en-GB`.
    pub locale: Option<String>,
    /// ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// The shop's own labels.
    pub tags: Vec<String>,
    /// Consent to marketing; `None` when nobody asked.
    pub consent: Option<Consent>,
    /// Postal addresses, the main one first.
    pub addresses: Vec<Address>,
}

impl CustomerFields {
    /// Everything that cannot be kept.
    pub fn check(&self, now: Timestamp) -> Result<(), Vec<InvalidField>> {
        let mut found = Findings::default();
        let bad_email = |email: &String| !email_address::EmailAddress::is_valid(email);
        if self.email.as_ref().is_some_and(bad_email) {
            found.add("/email", "write an address like jane@example.com");
        }
        found.maybe_text("/name", self.name.as_deref(), PERSON_TEXT_BYTES_MAX);
        found.maybe_text("/phone", self.phone.as_deref(), PERSON_TEXT_BYTES_MAX);
        if self.locale.as_ref().is_some_and(|locale| !is_locale(locale)) {
            found.add("/locale", "write a language tag like en-GB");
        }
        if self.country.as_ref().is_some_and(|code| !is_country(code)) {
            found.add("/country", COUNTRY_HELP);
        }
        if self.tags.len() > TAGS_MAX {
            found.add("/tags", format!("at most {TAGS_MAX} tags are kept"));
        }
        for (place, tag) in self.tags.iter().take(TAGS_MAX).enumerate() {
            found.text(&format!("/tags/{place}"), tag, SHOP_ID_BYTES_MAX);
        }
        if let Some(consent) = &self.consent {
            found.text("/consent/source", &consent.source, PERSON_TEXT_BYTES_MAX);
            if consent.at > now {
                found.add("/consent/at", "consent cannot be from the future");
            }
        }
        if self.addresses.len() > ADDRESSES_MAX {
            found.add("/addresses", format!("at most {ADDRESSES_MAX} addresses are kept"));
        }
        for (place, address) in self.addresses.iter().take(ADDRESSES_MAX).enumerate() {
            address.check(&format!("/addresses/{place}"), &mut found);
        }
        found.into_result()
    }
}

/// The form of a BCP 47 tag: a language of letters, then parts of letters and digits.
fn is_locale(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let language = parts.next().unwrap_or_default();
    (2..=8).contains(&language.len())
        && language.bytes().all(|byte| byte.is_ascii_alphabetic())
        && tag.len() <= 35
        && parts.all(|part| {
            (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(10);

    fn check(change: impl Fn(&mut CustomerFields), pointers: &[&str]) {
        let mut fields = CustomerFields::default();
        change(&mut fields);
        let found = fields.check(NOW).err().unwrap_or_default();
        let found: Vec<_> = found.iter().map(|field| field.pointer.as_str()).collect();
        assert_eq!(found, pointers, "{fields:?}");
    }

    #[test]
    fn each_field_is_held_to_what_can_be_kept() {
        check(|_| (), &[]);
        check(|f| f.email = Some("jane@example.com".into()), &[]);
        for wrong in ["", "jane", "jane@", "@example.com", "a b@example.com", "a@b\n.c"] {
            check(|f| f.email = Some(wrong.to_owned()), &["/email"]);
        }
        check(|f| f.name = Some("\u{202e}Jane".into()), &[]);
        check(|f| f.name = Some(String::new()), &["/name"]);
        check(|f| f.phone = Some("1\0".into()), &["/phone"]);
        for right in ["en", "en-GB", "zh-Hant-TW", "de-1996"] {
            check(|f| f.locale = Some(right.to_owned()), &[]);
        }
        for wrong in ["", "e", "en_GB", "en-", "12", "en-toolongpart"] {
            check(|f| f.locale = Some(wrong.to_owned()), &["/locale"]);
        }
        check(|f| f.country = Some("gb".into()), &["/country"]);
        check(|f| f.tags = vec!["vip".into(), String::new()], &["/tags/1"]);
        check(|f| f.tags = vec!["t".into(); 101], &["/tags"]);
        let consent = |at, source: &str| {
            let at = Timestamp::from_micros(at);
            Some(Consent { marketing: true, at, source: source.to_owned() })
        };
        check(|f| f.consent = consent(10, "checkout"), &[]);
        check(|f| f.consent = consent(11, ""), &["/consent/source", "/consent/at"]);
        check(|f| f.addresses = vec![Address::default()], &["/addresses/0"]);
        let in_country = |code: &str| Address { country: Some(code.into()), ..Address::default() };
        check(
            |f| f.addresses = vec![in_country("GB"), in_country("UK1")],
            &["/addresses/1/country"],
        );
    }

    #[test]
    fn an_id_is_kept_byte_for_byte() {
        assert_eq!("jane@x".parse::<CustomerId>().unwrap().as_str(), "jane@x");
        for wrong in ["", "a\0b", &"x".repeat(201)] {
            assert_eq!(wrong.parse::<CustomerId>(), Err(CustomerIdError));
        }
    }
}
