//! What serde lets pass and a strict reader must not: objects that name a field twice, documents
//! nested without end, text with NUL characters, which PostgreSQL cannot hold, and numbers that no
//! field can take.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt::{self, Write as _};

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};

use crate::problem::FieldProblem;

/// Objects and lists within each other, at most.
pub const DEPTH_MAX: usize = 64;

/// What is wrong with a document that is JSON; one that is not is not judged here.
pub fn check(bytes: &[u8]) -> Result<(), FieldProblem> {
    let place = RefCell::new(Place::default());
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let Err(error) = (Value { place: &place, depth: 0 }).deserialize(&mut reader) else {
        return Ok(());
    };
    let Place { mut pointer, fault } = place.into_inner();
    let detail = match fault {
        Some(detail) => detail,
        None if error.to_string().starts_with("number out of range") => {
            "this number is out of range".to_owned()
        }
        None => return Ok(()),
    };
    if pointer.len() > POINTER_BYTES_MAX {
        pointer.clear();
    }
    Err(FieldProblem { pointer, detail })
}

/// A longer pointer helps nobody.
const POINTER_BYTES_MAX: usize = 1_024;

/// Where the reader is, and what it found there.
#[derive(Default)]
struct Place {
    pointer: String,
    fault: Option<String>,
}

#[derive(Clone, Copy)]
struct Value<'a> {
    place: &'a RefCell<Place>,
    depth: usize,
}

impl Value<'_> {
    fn fail<E: Error>(self, detail: impl Into<String>) -> E {
        self.place.borrow_mut().fault = Some(detail.into());
        E::custom("refused")
    }

    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth >= DEPTH_MAX {
            self.place.borrow_mut().pointer.clear();
            return Err(self.fail(format!("the body is nested deeper than {DEPTH_MAX} levels")));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }

    fn text<E: Error>(self, text: &str) -> Result<(), E> {
        if text.contains('\0') {
            return Err(self.fail("text must not contain NUL characters"));
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.text(text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        let here = self.place.borrow().pointer.len();
        for index in 0.. {
            let _ = write!(self.place.borrow_mut().pointer, "/{index}");
            if items.next_element_seed(inner)?.is_none() {
                break;
            }
            self.place.borrow_mut().pointer.truncate(here);
        }
        self.place.borrow_mut().pointer.truncate(here);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        let here = self.place.borrow().pointer.len();
        let mut seen = HashSet::new();
        while let Some(name) = fields.next_key::<String>()? {
            let escaped = name.replace('~', "~0").replace('/', "~1");
            let _ = write!(self.place.borrow_mut().pointer, "/{escaped}");
            self.text(&name)?;
            if !seen.insert(name) {
                return Err(self.fail("this field stands here twice"));
            }
            fields.next_value_seed(inner)?;
            self.place.borrow_mut().pointer.truncate(here);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_that_mean_two_things_are_refused_where_they_do() {
        let check = |text: &str, fault: Option<(&str, &str)>| {
            let found = check(text.as_bytes()).err();
            match (&found, fault) {
                (None, None) => {}
                (Some(found), Some((pointer, part))) => {
                    assert_eq!(found.pointer, pointer, "{text}");
                    assert!(found.detail.contains(part), "{text}: {found:?}");
                }
                _ => panic!("{text}: {found:?}"),
            }
        };
        check(r#"{"a": 1, "b": {"a": [1, 2.5, null, true, "x"]}}"#, None);
        check(r#"{"a": 1, "a": 1}"#, Some(("/a", "twice")));
        check(r#"{"a": [{}, {"b": 1, "\u0062": 2}]}"#, Some(("/a/1/b", "twice")));
        check(r#"{"a/b~": {"c": 1, "c": 1}}"#, Some(("/a~1b~0/c", "twice")));
        check(r#"{"a": ["x", "y\u0000"]}"#, Some(("/a/1", "NUL")));
        check(r#"{"a\u0000": 1}"#, Some(("/a\0", "NUL")));
        check(r#"{"a": 1e999}"#, Some(("/a", "out of range")));
        check(r#"{"a": -1e999}"#, Some(("/a", "out of range")));
        check(r#"{"a": 123456789012345678901234567890}"#, None);
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        check(&nested(DEPTH_MAX), None);
        check(&nested(DEPTH_MAX + 1), Some(("", "64 levels")));
        check(&"[".repeat(100_000), Some(("", "64 levels")));
        // What is no JSON is told so by the reader that comes after.
        check("{", None);
        check(r#"{"a": 1,}"#, None);
    }
}
