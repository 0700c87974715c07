//! One message of any form, read: what streams, files and dead letters are read with.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::check::Refusal;
use super::segment::TYPES;
use super::{EventForm, Incoming, Unreadable, own, segment};
use crate::time::Timestamp;

/// Reads one message. It was not received from its sender just now, so its time is believed.
pub fn read_message(
    raw: &[u8],
    form: EventForm,
    now: Timestamp,
) -> Result<Vec<Incoming>, Unreadable> {
    let read = match form {
        EventForm::Own => own::read(raw, now),
        EventForm::Segment => segment::read(raw, None, now),
    };
    read.map(|incoming| vec![incoming]).map_err(|refusal| unreadable(0, refusal, raw))
}

/// A refused message with its place in what was sent.
pub fn unreadable(index: usize, refusal: Refusal, raw: &[u8]) -> Unreadable {
    let Refusal { reason, pointer } = refusal;
    Unreadable { index, reason, pointer, raw: raw.to_vec() }
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(rename = "type", borrow, default)]
    word: Option<Cow<'a, str>>,
    id: Option<IgnoredAny>,
    #[serde(rename = "messageId")]
    message_id: Option<IgnoredAny>,
}

/// Tells the forms apart by the message's type, and gives one without an id the fallback's; the rest
/// of the text stays as it is, so that no number changes. What is no JSON object is left for its
/// reader to refuse.
pub fn formed<'a>(raw: &'a [u8], fallback_id: &str) -> (EventForm, Cow<'a, [u8]>) {
    // serde takes a list for an object.
    let is_object = raw.trim_ascii_start().starts_with(b"{");
    let head = serde_json::from_slice::<Head<'_>>(raw).ok().filter(|_| is_object);
    let Some(head) = head else {
        return (EventForm::Own, Cow::Borrowed(raw));
    };
    let is_segment = head.word.as_deref().is_some_and(|word| TYPES.contains(&word));
    let (form, name, has_id) = if is_segment {
        (EventForm::Segment, "messageId", head.message_id.is_some())
    } else {
        (EventForm::Own, "id", head.id.is_some())
    };
    if has_id { (form, Cow::Borrowed(raw)) } else { (form, with_field(raw, name, fallback_id)) }
}

/// The same object with one text field more at its front.
pub fn with_field<'a>(raw: &'a [u8], name: &str, text: &str) -> Cow<'a, [u8]> {
    let Some(open) = raw.iter().position(|byte| *byte == b'{') else { return Cow::Borrowed(raw) };
    let rest = &raw[open + 1..];
    let is_empty = rest.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'}');
    let pair = format!("\"{name}\":{}", serde_json::Value::from(text));
    let comma: &[u8] = if is_empty { b"" } else { b"," };
    Cow::Owned([&raw[..=open], pair.as_bytes(), comma, rest].concat())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_type_tells_the_form_and_a_missing_id_is_put_in_front() {
        let own = br#"{"type":"product_viewed","items":[{"sku":"A","price":19.990}]}"#;
        let (form, text) = formed(own, "f/1");
        assert_eq!(form, EventForm::Own);
        assert!(text.starts_with(br#"{"id":"f/1","type""#) && text.ends_with(b"19.990}]}"));
        let (form, text) = formed(br#"{"type":"track","messageId":"m"}"#, "f/2");
        assert_eq!(form, EventForm::Segment);
        assert!(matches!(text, Cow::Borrowed(_)));
        assert_eq!(formed(b"not json", "f").0, EventForm::Own);
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_map(|number| serde_json::json!(number)),
            ".{0,12}".prop_map(Into::into),
            "track|alias|identify|product_viewed|Product Added".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 48, 6, |inner| {
            let name = "type|event|messageId|id|userId|anonymousId|previousId|properties|products|sku|price|quantity|items|at|timestamp|context|[a-z]{1,3}";
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::hash_map(name, inner, 0..8)
                    .prop_map(|fields| fields.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_json_is_read_or_refused_and_what_is_refused_is_kept(json in json(), bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let now = Timestamp::from_micros(1_764_000_000_000_000);
            for raw in [json.to_string().into_bytes(), bytes] {
                for form in [EventForm::Own, EventForm::Segment] {
                    if let Err(unreadable) = read_message(&raw, form, now) {
                        prop_assert_eq!(&unreadable.raw, &raw);
                        prop_assert!(!unreadable.reason.is_empty());
                    }
                }
                let (form, text) = formed(&raw, "f/1");
                prop_assert!(text.len() >= raw.len() && matches!(form, EventForm::Own | EventForm::Segment));
            }
        }
    }
}
