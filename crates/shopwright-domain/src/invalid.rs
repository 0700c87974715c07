//! One field of a request that cannot be kept, and what would be valid.
//!
//! Checks give all of them at once, so that a caller corrects a body in one go.

use std::fmt;

/// A field that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidField {
    /// JSON pointer (RFC 6901) to the field, seen from the object that was checked.
    pub pointer: String,
    /// What is wrong and what would be valid.
    pub problem: String,
}

impl InvalidField {
    /// A finding about the field at `pointer`.
    pub fn new(pointer: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), problem: problem.into() }
    }
}

impl fmt::Display for InvalidField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.pointer, self.problem)
    }
}

/// Findings as one sentence, for errors that have no place for a list.
pub fn sentence(fields: &[InvalidField]) -> String {
    fields.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Collects findings about texts: bounded, and without the character no database keeps.
#[derive(Debug, Default)]
pub struct Findings(pub Vec<InvalidField>);

impl Findings {
    /// Notes a finding.
    pub fn add(&mut self, pointer: impl Into<String>, problem: impl Into<String>) {
        self.0.push(InvalidField::new(pointer, problem));
    }

    /// A text that must be there.
    pub fn text(&mut self, pointer: &str, text: &str, bytes_max: usize) {
        if text.trim().is_empty() || text.len() > bytes_max {
            self.add(pointer, format!("write 1 to {bytes_max} bytes of text"));
        } else if text.chars().any(char::is_control) {
            self.add(pointer, "contains a control character, such as a line break; remove it");
        }
    }

    /// A text that may be missing, but not empty.
    pub fn maybe_text(&mut self, pointer: &str, text: Option<&str>, bytes_max: usize) {
        if let Some(text) = text {
            self.text(pointer, text, bytes_max);
        }
    }

    /// An amount that may be missing, between two ends that are both allowed.
    pub fn maybe_amount(&mut self, pointer: &str, amount: Option<i64>, ends: (i64, i64)) {
        if amount.is_some_and(|amount| !(ends.0..=ends.1).contains(&amount)) {
            self.add(pointer, format!("must be from {} to {} minor units", ends.0, ends.1));
        }
    }

    /// Nothing, or everything that was found.
    pub fn into_result(self) -> Result<(), Vec<InvalidField>> {
        if self.0.is_empty() { Ok(()) } else { Err(self.0) }
    }
}
