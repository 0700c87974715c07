//! What may be said by whom, and when it can have been.

use super::{AHEAD_MAX, EVENT_ID_BYTES_MAX, ITEMS_MAX, Incoming, ShopperEvent};
use crate::time::{DAY, HOUR, Timestamp};

/// The oldest time a message may name: clocks and histories do not go further back.
const OLDEST_DAYS: i64 = 20 * 365;
/// How late a browser's word may come: a phone that was in a tunnel. Older ones would count in hours
/// whose caps are over.
const BROWSER_LATE_MAX: i64 = HOUR;
/// The most pieces of one product in one event.
pub const PIECES_MAX: i64 = 1_000_000;

/// Why a message is not taken, and the field it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// A sentence that says what would be right.
    pub reason: String,
    /// A JSON pointer into our own form of the message; empty for all of it.
    pub pointer: String,
}

fn refuse(pointer: &str, reason: impl Into<String>) -> Result<(), Refusal> {
    Err(Refusal { reason: reason.into(), pointer: pointer.to_owned() })
}

/// Checks a message that could be read. A browser may say what it looked at and put into its cart;
/// purchases, refunds and who is who come from servers.
pub fn check(incoming: &Incoming, is_browser: bool, now: Timestamp) -> Result<(), Refusal> {
    check_text("/id", Some(incoming.message_id()))?;
    let at = match incoming {
        Incoming::Event(event) => event.at,
        Incoming::Identified(identified) => identified.at,
    };
    if at > now.plus_micros(AHEAD_MAX) {
        return refuse("/at", "is more than 5 minutes ahead; set the sender's clock");
    }
    if at < now.plus_micros(-OLDEST_DAYS * DAY) {
        return refuse("/at", "is more than 20 years ago; send the time it happened");
    }
    if is_browser && at < now.plus_micros(-BROWSER_LATE_MAX) {
        return refuse("/at", "is more than an hour ago; a browser sends what happens now");
    }
    match incoming {
        Incoming::Identified(_) if is_browser => {
            refuse("", "who a visitor is comes from a server with a secret key, not from a browser")
        }
        Incoming::Identified(identified) => {
            check_text("/anonymous", Some(&identified.anonymous))?;
            if identified.anonymous == identified.customer.as_str() {
                return refuse("/anonymous", "is the customer's own id; nothing is to be merged");
            }
            Ok(())
        }
        Incoming::Event(event) if is_browser && !event.kind.is_for_browsers() => refuse(
            "/type",
            format!("`{}` comes from a server with a secret key, not from a browser", event.kind),
        ),
        Incoming::Event(event) => check_event(event),
    }
}

fn check_event(event: &ShopperEvent) -> Result<(), Refusal> {
    check_text("/anonymous", event.shopper.anonymous.as_deref())?;
    check_text("/session", event.shopper.session.as_deref())?;
    check_text("/order", event.order.as_deref())?;
    check_text("/recommendation", event.recommendation.as_deref())?;
    if event.items.len() > ITEMS_MAX {
        return refuse("/items", format!("an event names at most {ITEMS_MAX} products"));
    }
    for (place, item) in event.items.iter().enumerate() {
        if !(0..=PIECES_MAX).contains(&item.quantity) {
            let pointer = format!("/items/{place}/quantity");
            return refuse(&pointer, format!("must be from 0 to {PIECES_MAX}"));
        }
        if item.unit_price.is_some_and(|price| price.micros() < 0) {
            return refuse(&format!("/items/{place}/price"), "must not be below 0");
        }
    }
    Ok(())
}

fn check_text(pointer: &str, text: Option<&str>) -> Result<(), Refusal> {
    let Some(text) = text else { return Ok(()) };
    if text.is_empty() || text.len() > EVENT_ID_BYTES_MAX || text.chars().any(char::is_control) {
        let reason = format!("must have 1 to {EVENT_ID_BYTES_MAX} bytes and no control characters");
        return refuse(pointer, reason);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::events::{EventItem, EventKind, Identified, Incoming, Shopper, ShopperEvent};
    use crate::time::{DAY, HOUR, MINUTE, Timestamp};

    const NOW: Timestamp = Timestamp::from_micros(1_764_000_000_000_000);

    fn event(kind: EventKind, at: Timestamp, quantity: i64) -> Incoming {
        let sku = crate::catalog::Sku::parse("A").unwrap();
        Incoming::Event(ShopperEvent {
            message_id: "m1".into(),
            kind,
            shopper: Shopper::default(),
            at,
            items: vec![EventItem { sku, quantity, unit_price: None }],
            currency: None,
            order: None,
            recommendation: None,
        })
    }

    fn pointer(incoming: &Incoming, is_browser: bool) -> Option<String> {
        check(incoming, is_browser, NOW).err().map(|refusal| refusal.pointer)
    }

    #[test]
    fn browsers_say_what_they_look_at_and_servers_what_was_bought() {
        let seen = event(EventKind::ProductViewed, NOW, 1);
        let bought = event(EventKind::OrderCompleted, NOW, 1);
        let known = Incoming::Identified(Identified {
            message_id: "m".into(),
            anonymous: "v1".into(),
            customer: "c1".parse().unwrap(),
            at: NOW,
        });
        assert_eq!([pointer(&seen, true), pointer(&seen, false)], [None, None]);
        assert_eq!(pointer(&bought, true).as_deref(), Some("/type"));
        assert_eq!(pointer(&known, true).as_deref(), Some(""));
        assert_eq!([pointer(&bought, false), pointer(&known, false)], [None, None]);
    }

    #[test]
    fn times_and_amounts_have_bounds() {
        let at = |micros| event(EventKind::ProductViewed, NOW.plus_micros(micros), 1);
        assert_eq!(pointer(&at(5 * MINUTE), false), None);
        assert_eq!(pointer(&at(5 * MINUTE + 1), false).as_deref(), Some("/at"));
        assert_eq!(pointer(&at(-400 * DAY - HOUR), false), None);
        assert_eq!(pointer(&at(-8_000 * DAY), false).as_deref(), Some("/at"));
        assert_eq!(pointer(&at(-HOUR), true), None);
        assert_eq!(pointer(&at(-HOUR - 1), true).as_deref(), Some("/at"));
        let many = event(EventKind::ProductAdded, NOW, -1);
        assert_eq!(pointer(&many, false).as_deref(), Some("/items/0/quantity"));
    }
}
