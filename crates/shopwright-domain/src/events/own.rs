//! Our own form of a message: strict, so that a typing error is told and not lost.
//!
//! `{"id","type","at"?,"customer"?,"anonymous"?,"session"?,"items":[{"sku","quantity"?,"price"?}]?,
//! "currency"?,"order"?,"recommendation"?}`; `identified` as the type says that a visitor is a customer.

use super::check::Refusal;
use super::fields::{Fields, refusal};
use super::{EventItem, EventKind, Identified, Incoming, Shopper, ShopperEvent};
use crate::catalog::Sku;
use crate::time::Timestamp;

const FIELDS: [&str; 10] = [
    "id",
    "type",
    "at",
    "customer",
    "anonymous",
    "session",
    "items",
    "currency",
    "order",
    "recommendation",
];
const ITEM_FIELDS: [&str; 3] = ["sku", "quantity", "price"];

fn no_stranger(fields: &Fields<'_>, known: &[&str]) -> Result<(), Refusal> {
    match fields.stranger(known) {
        None => Ok(()),
        Some(name) => {
            let reason = format!("`{name}` is no field here; known are {}", known.join(", "));
            Err(refusal(fields.at(name), reason))
        }
    }
}

/// Reads one message. A time that is left out is `now`.
pub fn read(raw: &[u8], now: Timestamp) -> Result<Incoming, Refusal> {
    let fields = Fields::read(raw, "")?;
    no_stranger(&fields, &FIELDS)?;
    let message_id = fields.text("id")?.ok_or_else(|| {
        refusal("/id", "is missing: send an id of your own, the same when you try again")
    })?;
    let word = fields.text("type")?.ok_or_else(|| refusal("/type", unknown_type("nothing")))?;
    let at = fields.parsed::<Timestamp>("at")?.unwrap_or(now);
    if word == "identified" {
        let anonymous = fields.text("anonymous")?;
        let anonymous = anonymous
            .ok_or_else(|| refusal("/anonymous", "is missing: the id the visitor had before"))?;
        let customer = fields
            .parsed("customer")?
            .ok_or_else(|| refusal("/customer", "is missing: the customer's own id"))?;
        return Ok(Incoming::Identified(Identified { message_id, anonymous, customer, at }));
    }
    let kind: EventKind = word.parse().map_err(|_| refusal("/type", unknown_type(&word)))?;
    let items = fields.objects("items")?.unwrap_or_default();
    Ok(Incoming::Event(ShopperEvent {
        message_id,
        kind,
        shopper: Shopper {
            customer: fields.parsed("customer")?,
            anonymous: fields.text("anonymous")?,
            session: fields.text("session")?,
        },
        at,
        items: items.iter().map(item).collect::<Result<_, _>>()?,
        currency: fields.parsed("currency")?,
        order: fields.text("order")?,
        recommendation: fields.text("recommendation")?,
    }))
}

fn unknown_type(word: &str) -> String {
    let known: Vec<&str> = EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
    format!("`{word}` is no type of event; known are {}, identified", known.join(", "))
}

fn item(fields: &Fields<'_>) -> Result<EventItem, Refusal> {
    no_stranger(fields, &ITEM_FIELDS)?;
    let text = fields.text("sku")?.ok_or_else(|| refusal(fields.at("sku"), "is missing"))?;
    let sku = Sku::parse(&text).map_err(|error| refusal(fields.at("sku"), error.to_string()))?;
    let (quantity, unit_price) = (fields.quantity("quantity")?, fields.price("price")?);
    Ok(EventItem { sku, quantity, unit_price })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_764_000_000_000_000);

    fn pointer(raw: &str) -> String {
        read(raw.as_bytes(), NOW).unwrap_err().pointer
    }

    #[test]
    fn a_message_keeps_every_digit_of_its_prices() {
        let raw =
            br#"{"id":"m1","type":"product_added","at":"2025-11-24T16:00:00Z","anonymous":"v1",
            "session":"s1","currency":"GBP",
            "items":[{"sku":"85123A","quantity":2,"price":19.9},{"sku":"22423","price":"0.855"}]}"#;
        let Incoming::Event(event) = read(raw, NOW).unwrap() else { panic!("an event") };
        let seen: Vec<_> = event
            .items
            .iter()
            .map(|item| (item.sku.as_str(), item.quantity, item.unit_price.unwrap().micros()))
            .collect();
        assert_eq!(seen, [("85123A", 2, 19_900_000), ("22423", 1, 855_000)]);
        assert_eq!(event.at.to_string(), "2025-11-24T16:00:00Z");
        assert_eq!(event.shopper.session.as_deref(), Some("s1"));
    }

    #[test]
    fn what_does_not_fit_is_named_by_its_pointer() {
        let cases = [
            ("[]", ""),
            ("{\"id\":", ""),
            (r#"{"type":"product_viewed"}"#, "/id"),
            (r#"{"id":"m"}"#, "/type"),
            (r#"{"id":"m","type":"viewed"}"#, "/type"),
            (r#"{"id":"m","type":"searched","custmer":"c"}"#, "/custmer"),
            (r#"{"id":"m","type":"searched","at":"soon"}"#, "/at"),
            (r#"{"id":"m","type":"product_added","items":{}}"#, "/items"),
            (r#"{"id":"m","type":"product_added","items":[{}]}"#, "/items/0/sku"),
            (r#"{"id":"m","type":"product_added","items":[{"sku":"A","qty":1}]}"#, "/items/0/qty"),
            (
                r#"{"id":"m","type":"product_added","items":[{"sku":"A","quantity":-1}]}"#,
                "/items/0/quantity",
            ),
            (
                r#"{"id":"m","type":"product_added","items":[{"sku":"A","price":"1,5"}]}"#,
                "/items/0/price",
            ),
            (r#"{"id":"m","type":"identified","customer":"c1"}"#, "/anonymous"),
        ];
        for (raw, expected) in cases {
            assert_eq!(pointer(raw), expected, "{raw}");
        }
    }

    #[test]
    fn a_visitor_becomes_a_customer() {
        let raw = br#"{"id":"m1","type":"identified","anonymous":"v1","customer":"c1"}"#;
        let Incoming::Identified(found) = read(raw, NOW).unwrap() else { panic!("who is who") };
        assert_eq!((found.anonymous.as_str(), found.customer.as_str()), ("v1", "c1"));
        assert_eq!(found.at, NOW);
    }
}
