//! Distributed traces: the `traceparent` of a request (W3C Trace Context, level 1) is kept in the log
//! and handed on; one that is not valid is as good as none.

use std::fmt;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The header, in and out.
pub static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The trace that a request belongs to; found in its extensions, for calls that follow from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    /// Names the whole trace.
    pub id: u128,
    /// Names this request within it.
    pub span: u64,
    /// As the caller sent them: bit 0 says that the trace is recorded.
    pub flags: u8,
}

impl Trace {
    /// The caller's trace with a span of our own, made of a new id.
    pub fn read(headers: &HeaderMap, new_id: impl FnOnce() -> Uuid) -> Option<Self> {
        let mut values = headers.get_all(&TRACEPARENT).iter();
        let (text, None) = (values.next()?.to_str().ok()?, values.next()) else { return None };
        let (id, flags) = parse(text)?;
        // The random half of the id.
        let (_, span) = new_id().as_u64_pair();
        Some(Self { id, span: span.max(1), flags })
    }

    /// What goes into the answer and into calls that follow.
    pub fn header(self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.to_string()).ok()
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, span, flags } = self;
        // Of the flags only "recorded" is known, and only what is known is handed on.
        write!(f, "00-{id:032x}-{span:016x}-{:02x}", flags & 1)
    }
}

fn parse(text: &str) -> Option<(u128, u8)> {
    let mut parts = text.splitn(5, '-');
    let mut hex = |length: usize| {
        let part = parts.next().filter(|part| part.len() == length)?;
        let lower = part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        lower.then(|| u128::from_str_radix(part, 16).ok()).flatten()
    };
    let (version, trace_id, parent_id, flags) = (hex(2)?, hex(32)?, hex(16)?, hex(2)?);
    // Later versions may add parts behind; the first knows no more.
    let more = parts.next().is_some();
    let valid = version != 0xff && (version != 0 || !more) && trace_id != 0 && parent_id != 0;
    valid.then_some((trace_id, u8::try_from(flags).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_taken_on_only_as_the_standard_writes_it() {
        let check = |text: &str, taken: bool| assert_eq!(parse(text).is_some(), taken, "{text}");
        check("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true);
        check("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", true);
        check("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", false);
        check("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false);
        check("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false);
        check("00-00000000000000000000000000000000-00f067aa0ba902b7-01", false);
        check("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false);
        check("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", false);
        check("00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01", false);
        check("00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false);
        check("", false);
    }

    #[test]
    fn a_trace_goes_on_under_the_same_id_with_a_span_of_our_own() {
        let mut headers = HeaderMap::new();
        let sent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03";
        headers.insert(TRACEPARENT.clone(), HeaderValue::from_static(sent));
        let trace = Trace::read(&headers, || Uuid::from_u128(0xabc)).unwrap();
        assert_eq!(trace.to_string(), "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000abc-01");
        headers.append(TRACEPARENT.clone(), HeaderValue::from_static(sent));
        assert_eq!(Trace::read(&headers, || Uuid::from_u128(1)), None);
    }
}
