//! Optimistic concurrency: an editable thing carries a strong `ETag`, and a write that names one in
//! `If-Match` is refused when the thing has changed since (RFC 9110, 8.8.3 and 13.1.1).

use std::convert::Infallible;
use std::fmt::{self, Write as _};

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::problem::{ApiError, Code};

/// The version of a thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityTag(String);

impl EntityTag {
    /// Of a thing that counts its versions.
    pub fn version(version: i64) -> Self {
        Self(format!("v{version}"))
    }

    /// Of a thing that is known by its content alone: a hash over its JSON form.
    pub fn content(view: &impl Serialize) -> Self {
        let text = serde_json::to_vec(view).unwrap_or_default();
        let mut tag = String::from("h");
        for byte in &Sha256::digest(text)[..16] {
            let _ = write!(tag, "{byte:02x}");
        }
        Self(tag)
    }
}

impl fmt::Display for EntityTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0)
    }
}

/// The condition of a write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum IfMatch {
    /// None: the write goes ahead.
    #[default]
    Always,
    /// The thing must be there.
    Exists,
    /// The thing must have one of these tags.
    OneOf(Vec<String>),
}

impl IfMatch {
    /// Whether the thing, which has this tag or is not there, is what the caller has seen.
    pub fn check(&self, current: Option<&EntityTag>) -> Result<(), ApiError> {
        let holds = match (self, current) {
            (Self::Always, _) | (Self::Exists, Some(_)) => true,
            (Self::OneOf(tags), Some(current)) => tags.contains(&current.0),
            (Self::Exists | Self::OneOf(_), None) => false,
        };
        if holds {
            return Ok(());
        }
        let detail = match current {
            Some(tag) => format!(
                "it was changed meanwhile and is now {tag}; read it again, and send that with your change"
            ),
            None => "it is not there any more; leave If-Match out to make it".to_owned(),
        };
        Err(ApiError::new(Code::PRECONDITION_FAILED, detail))
    }

    fn parse(text: &str) -> Self {
        if text.trim() == "*" {
            return Self::Exists;
        }
        // A weak tag never matches a strong one; our tags have no commas.
        let strong = |tag: &str| {
            let inner = tag.trim().strip_prefix('"')?.strip_suffix('"')?;
            Some(inner.to_owned())
        };
        Self::OneOf(text.split(',').filter_map(strong).collect())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let mut values = parts.headers.get_all(header::IF_MATCH).iter().peekable();
        if values.peek().is_none() {
            return Ok(Self::Always);
        }
        let texts: Vec<&str> = values.map(|value| value.to_str().unwrap_or_default()).collect();
        Ok(Self::parse(&texts.join(",")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_goes_ahead_only_for_what_the_caller_has_seen() {
        let check = |header: &str, current: Option<i64>, passes: bool| {
            let current = current.map(EntityTag::version);
            let outcome = IfMatch::parse(header).check(current.as_ref());
            assert_eq!(outcome.is_ok(), passes, "{header} {current:?}");
        };
        check("\"v3\"", Some(3), true);
        check("\"v2\", \"v3\"", Some(3), true);
        check("*", Some(3), true);
        check("*", None, false);
        check("\"v2\"", Some(3), false);
        check("\"v3\"", None, false);
        check("W/\"v3\"", Some(3), false);
        check("v3", Some(3), false);
        check("", Some(3), false);
        assert!(IfMatch::Always.check(None).is_ok());
    }

    #[test]
    fn tags_of_content_differ_with_it() {
        assert_eq!(EntityTag::content(&[1, 2]), EntityTag::content(&[1, 2]));
        assert_ne!(EntityTag::content(&[1, 2]), EntityTag::content(&[2, 1]));
        assert_eq!(EntityTag::version(7).to_string(), "\"v7\"");
    }
}
