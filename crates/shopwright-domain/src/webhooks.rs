//! Rules of outgoing webhooks (Standard Webhooks, `standard-webhooks/standard-webhooks`
//! `spec/standard-webhooks.md`): names of events, what an endpoint asks for, when a delivery is tried
//! again, and when an endpoint is switched off.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::retry::with_jitter;
use crate::time::{DAY, SECOND, Timestamp};

/// Seconds between one try and the next, the first at once: 10 tries over 75 h 35 min 5 s.
const DELAYS_SECONDS: [i64; 10] = [0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// Tries of one delivery.
pub const TRIES_MAX: u32 = 10;
/// An endpoint that failed for this long without one success is switched off. Microseconds.
pub const FAILING_MAX: i64 = 5 * DAY;
/// A receiver that asks for more patience than this does not get it. Microseconds.
pub const PATIENCE_MAX: i64 = DAY;
/// How long an overloaded endpoint is left alone when it does not say for how long. Microseconds.
pub const THROTTLE: i64 = 60 * SECOND;
/// Bytes of an event's name.
const KIND_BYTES_MAX: usize = 100;
/// Filters of one endpoint.
pub const FILTERS_MAX: usize = 50;

/// What a receiver's answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// 2xx: taken.
    Taken,
    /// 410: it wants nothing any more.
    Gone,
    /// 429, 502, 504: it has too much to do.
    Overloaded,
    /// Anything else, a redirect too: not taken.
    Failed,
}

impl Answered {
    /// The meaning of an HTTP status.
    pub const fn of(status: u16) -> Self {
        match status {
            200..=299 => Self::Taken,
            410 => Self::Gone,
            429 | 502 | 504 => Self::Overloaded,
            _ => Self::Failed,
        }
    }
}

/// When a delivery whose try number `tries` (the first is 1) failed at `now` is tried again; `None`
/// when that was the last one. A `retry_after` later than the schedule holds, up to a day.
pub fn next_try(
    delivery: Uuid,
    tries: u32,
    now: Timestamp,
    retry_after: Option<Timestamp>,
) -> Option<Timestamp> {
    let delay = DELAYS_SECONDS.get(usize::try_from(tries).ok()?)?;
    let planned = now.plus_micros(with_jitter(delay * SECOND, delivery, tries));
    let asked = retry_after.map(|at| at.min(now.plus_micros(PATIENCE_MAX)));
    Some(asked.map_or(planned, |at| at.max(planned)))
}

/// Whether an endpoint that has failed since then is to be switched off.
pub fn failed_too_long(failing_since: Option<Timestamp>, now: Timestamp) -> bool {
    failing_since
        .is_some_and(|since| now.as_micros().saturating_sub(since.as_micros()) >= FAILING_MAX)
}

/// Whether this may be the name of an event: words of `[a-zA-Z0-9_]` with dots between them.
pub fn is_event_kind(text: &str) -> bool {
    let word = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    text.len() <= KIND_BYTES_MAX && text.split('.').all(word)
}

/// What events an endpoint asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventFilter {
    /// `*`: every event.
    All,
    /// `order.*`: every event whose name begins with `order.`.
    Below(String),
    /// `order.created`: this one.
    One(String),
}

/// A text that is no filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` names no events; write `*`, a name like `price.changed`, or a family like `order.*`"
)]
pub struct FilterError(pub String);

impl FromStr for EventFilter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        match text.strip_suffix(".*") {
            _ if text == "*" => Ok(Self::All),
            Some(family) if is_event_kind(family) => Ok(Self::Below(family.to_owned())),
            None if is_event_kind(text) => Ok(Self::One(text.to_owned())),
            _ => Err(FilterError(text.to_owned())),
        }
    }
}

impl fmt::Display for EventFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Below(family) => write!(f, "{family}.*"),
            Self::One(kind) => f.write_str(kind),
        }
    }
}

impl EventFilter {
    /// Whether it asks for events of this name.
    pub fn matches(&self, kind: &str) -> bool {
        match self {
            Self::All => true,
            Self::One(one) => one == kind,
            Self::Below(family) => {
                kind.strip_prefix(family.as_str()).is_some_and(|rest| rest.starts_with('.'))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn filters_ask_for_all_for_one_or_for_a_family() {
        let check = |filter: &str, kind: &str, asks: bool| {
            let filter: EventFilter = filter.parse().unwrap();
            assert_eq!(filter.matches(kind), asks, "{filter} {kind}");
        };
        check("*", "price.changed", true);
        check("price.changed", "price.changed", true);
        check("price.changed", "price.changed.twice", false);
        check("price.*", "price.changed", true);
        check("price.*", "pricelist.changed", false);
        check("price.*", "price", false);
        check("pricing.freeze.*", "pricing.freeze.changed", true);
        for wrong in
            ["", ".", "*.*", "price.", ".price", "price.*.x", "pri ce", "price.**", "é", "**"]
        {
            assert_eq!(wrong.parse::<EventFilter>(), Err(FilterError(wrong.into())), "{wrong}");
        }
    }

    #[test]
    fn the_schedule_is_that_of_standard_webhooks() {
        let id = Uuid::from_u128(9);
        let (start, mut now) = (Timestamp::from_micros(0), Timestamp::from_micros(0));
        let mut tries = 1;
        while let Some(next) = next_try(id, tries, now, None) {
            let delay = DELAYS_SECONDS[tries as usize] * SECOND;
            let took = next.as_micros() - now.as_micros();
            assert!((delay..=delay * 11 / 10).contains(&took), "try {tries}: {took}");
            (now, tries) = (next, tries + 1);
        }
        assert_eq!(tries, TRIES_MAX);
        let whole = (75 * 3_600 + 35 * 60 + 5) * SECOND;
        assert!((whole..=whole * 11 / 10).contains(&(now.as_micros() - start.as_micros())));
    }

    #[test]
    fn a_receiver_may_ask_for_patience_but_not_for_ever() {
        let now = Timestamp::from_micros(0);
        let after =
            |micros: i64| next_try(Uuid::from_u128(9), 1, now, Some(now.plus_micros(micros)));
        assert_eq!(after(3_600 * SECOND), Some(now.plus_micros(3_600 * SECOND)));
        assert_eq!(after(400 * DAY), Some(now.plus_micros(DAY)));
        assert!(after(0).is_some_and(|at| at >= now.plus_micros(5 * SECOND)), "never sooner");
    }

    #[test]
    fn statuses_mean_what_the_standard_says() {
        let check =
            |status: u16, means: Answered| assert_eq!(Answered::of(status), means, "{status}");
        for taken in [200, 201, 202, 204, 299] {
            check(taken, Answered::Taken);
        }
        for failed in [100, 199, 300, 301, 302, 307, 308, 400, 401, 404, 409, 500, 501, 503] {
            check(failed, Answered::Failed);
        }
        check(410, Answered::Gone);
        for busy in [429, 502, 504] {
            check(busy, Answered::Overloaded);
        }
        assert!(!failed_too_long(None, Timestamp::from_micros(0)));
        assert!(failed_too_long(Some(Timestamp::from_micros(0)), Timestamp::from_micros(5 * DAY)));
        assert!(!failed_too_long(Some(Timestamp::from_micros(1)), Timestamp::from_micros(5 * DAY)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]
        #[test]
        fn a_family_asks_for_exactly_what_begins_with_it(
            family in "[a-z]{1,4}(\\.[a-z]{1,3})?", kind in "[a-z]{1,4}(\\.[a-z]{1,3}){0,2}"
        ) {
            let filter: EventFilter = format!("{family}.*").parse().unwrap();
            prop_assert_eq!(filter.matches(&kind), kind.starts_with(&format!("{family}.")));
            prop_assert_eq!(filter.to_string().parse(), Ok(filter));
        }
    }
}
