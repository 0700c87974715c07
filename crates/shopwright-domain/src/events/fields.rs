//! Fields of a message as they were written: numbers keep every digit, and what does not fit is named
//! by its pointer.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use serde_json::value::RawValue;

use super::check::Refusal;
use crate::money::UnitPrice;

/// The fields of one JSON object.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    pointer: String,
    found: BTreeMap<String, &'a RawValue>,
}

pub(super) fn refusal(pointer: impl Into<String>, reason: impl Into<String>) -> Refusal {
    Refusal { pointer: pointer.into(), reason: reason.into() }
}

impl<'a> Fields<'a> {
    /// Reads an object that stands at `pointer`.
    pub(super) fn read(raw: &'a [u8], pointer: &str) -> Result<Self, Refusal> {
        // serde says "line 1 column 9" of what is no JSON, and that is what helps then.
        if raw.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
            return Err(refusal(pointer, "must be a JSON object"));
        }
        let found = serde_json::from_slice(raw)
            .map_err(|error| refusal(pointer, format!("is not JSON: {error}")))?;
        Ok(Self { pointer: pointer.to_owned(), found })
    }

    /// The pointer of a field.
    pub(super) fn at(&self, name: &str) -> String {
        format!("{}/{}", self.pointer, name.replace('~', "~0").replace('/', "~1"))
    }

    /// The first field that none of these names is.
    pub(super) fn stranger(&self, known: &[&str]) -> Option<&str> {
        self.found.keys().map(String::as_str).find(|name| !known.contains(name))
    }

    fn raw(&self, name: &str) -> Option<&'a str> {
        self.found.get(name).map(|raw| raw.get()).filter(|raw| *raw != "null")
    }

    /// A text; a number is taken as it is written. `None` when it is left out, null or empty.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Refusal> {
        let Some(raw) = self.raw(name) else { return Ok(None) };
        let text = match raw.as_bytes().first() {
            Some(b'"') => serde_json::from_str(raw)
                .map_err(|error| refusal(self.at(name), format!("is not a text: {error}")))?,
            Some(b'-' | b'0'..=b'9') => raw.to_owned(),
            _ => return Err(refusal(self.at(name), "must be a text")),
        };
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    /// The first of several names that is there.
    pub(super) fn first_text(&self, names: &[&str]) -> Result<Option<String>, Refusal> {
        for name in names {
            if let Some(text) = self.text(name)? {
                return Ok(Some(text));
            }
        }
        Ok(None)
    }

    /// A text in the form of `T`.
    pub(super) fn parsed<T: FromStr<Err: Display>>(
        &self,
        name: &str,
    ) -> Result<Option<T>, Refusal> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        text.parse().map(Some).map_err(|error: T::Err| refusal(self.at(name), error.to_string()))
    }

    /// Pieces: a whole number, 1 when it is left out, never negative.
    pub(super) fn quantity(&self, name: &str) -> Result<i64, Refusal> {
        let Some(text) = self.text(name)? else { return Ok(1) };
        let whole = text.split_once('.').map_or(text.as_str(), |(whole, rest)| {
            if rest.bytes().all(|byte| byte == b'0') { whole } else { "" }
        });
        match whole.parse::<i64>() {
            Ok(quantity) if quantity >= 0 => Ok(quantity),
            _ => Err(refusal(self.at(name), "must be a whole number of at least 0")),
        }
    }

    /// A price, read from its digits.
    pub(super) fn price(&self, name: &str) -> Result<Option<UnitPrice>, Refusal> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        match UnitPrice::parse(&text) {
            Ok(price) if price.micros() >= 0 => Ok(Some(price)),
            Ok(_) => Err(refusal(self.at(name), "must not be below 0")),
            Err(error) => Err(refusal(self.at(name), error.to_string())),
        }
    }

    /// An object among the fields.
    pub(super) fn object(&self, name: &str) -> Result<Option<Fields<'a>>, Refusal> {
        let Some(raw) = self.raw(name) else { return Ok(None) };
        Fields::read(raw.as_bytes(), &self.at(name)).map(Some)
    }

    /// A list of objects among the fields.
    pub(super) fn objects(&self, name: &str) -> Result<Option<Vec<Fields<'a>>>, Refusal> {
        let Some(raw) = self.raw(name) else { return Ok(None) };
        let pointer = self.at(name);
        let items: Vec<&'a RawValue> = serde_json::from_str(raw)
            .map_err(|_| refusal(pointer.as_str(), "must be a list of objects"))?;
        let read = |(place, item): (usize, &&'a RawValue)| {
            Fields::read(item.get().as_bytes(), &format!("{pointer}/{place}"))
        };
        items.iter().enumerate().map(read).collect::<Result<_, _>>().map(Some)
    }
}
