//! Which form a message of a stream is written in, and an id for one that names none.
//!
//! The text itself is kept: reading numbers and writing them again could change an amount.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use shopwright_domain::events::EventForm;

/// A message with its form and an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Formed<'a> {
    /// The form it is written in.
    pub form: EventForm,
    /// Its JSON, with an id.
    pub text: Cow<'a, [u8]>,
}

/// The keys that say which form it is and whether it has an id.
#[derive(Deserialize)]
struct Head {
    #[serde(rename = "type")]
    kind: Option<IgnoredAny>,
    #[serde(rename = "messageId")]
    segment_id: Option<IgnoredAny>,
    #[serde(rename = "message_id")]
    own_id: Option<IgnoredAny>,
}

/// Tells Segment's form, which has a `type`, from our own, and gives a message without an id this one.
/// What is no JSON object stays as it is, for its reader to refuse.
pub fn formed<'a>(raw: &'a [u8], fallback_id: &str) -> Formed<'a> {
    let Ok(head) = serde_json::from_slice::<Head>(raw) else {
        return Formed { form: EventForm::Own, text: Cow::Borrowed(raw) };
    };
    let (form, name, has_id) = if head.kind.is_some() {
        (EventForm::Segment, "messageId", head.segment_id.is_some())
    } else {
        (EventForm::Own, "message_id", head.own_id.is_some())
    };
    let text = if has_id { Cow::Borrowed(raw) } else { with_id(raw, name, fallback_id) };
    Formed { form, text }
}

fn with_id<'a>(raw: &'a [u8], name: &str, id: &str) -> Cow<'a, [u8]> {
    let Some(open) = raw.iter().position(|byte| *byte == b'{') else { return Cow::Borrowed(raw) };
    let rest = &raw[open + 1..];
    let is_empty = rest.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'}');
    let pair = format!("\"{name}\":{}", serde_json::Value::from(id));
    let comma: &[u8] = if is_empty { b"" } else { b"," };
    Cow::Owned([&raw[..=open], pair.as_bytes(), comma, rest].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: &str, form: EventForm, text: &str) {
        let found = formed(raw.as_bytes(), "views/0/7-1");
        assert_eq!(found.form, form, "{raw}");
        assert_eq!(String::from_utf8_lossy(&found.text), text);
    }

    #[test]
    fn a_message_without_an_id_gets_that_of_its_place_and_keeps_every_digit() {
        check(
            r#" {"kind":"product_viewed","price":19.990}"#,
            EventForm::Own,
            r#" {"message_id":"views/0/7-1","kind":"product_viewed","price":19.990}"#,
        );
        check(
            r#"{"type":"track"}"#,
            EventForm::Segment,
            r#"{"messageId":"views/0/7-1","type":"track"}"#,
        );
        check("{ }", EventForm::Own, r#"{"message_id":"views/0/7-1" }"#);
    }

    #[test]
    fn a_message_with_an_id_and_what_is_no_object_stay_as_they_are() {
        for raw in [r#"{"message_id":"m1"}"#, "[1]", "not json", "", "{"] {
            check(raw, EventForm::Own, raw);
        }
        let raw = r#"{"messageId":"m1","type":"track"}"#;
        check(raw, EventForm::Segment, raw);
    }
}
