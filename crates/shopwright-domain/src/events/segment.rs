//! Segment's form of a message (track, page, screen, identify, group, alias) with the names of its
//! e-commerce specification, version 2 and the older ones of version 1.
//!
//! It is read with patience: unknown fields are passed over, an unknown event is one of kind `other`.

use super::check::Refusal;
use super::fields::{Fields, refusal};
use super::{EventItem, EventKind, Identified, Incoming, Shopper, ShopperEvent};
use crate::catalog::Sku;
use crate::time::Timestamp;

/// The most bytes of one event.
pub const EVENT_BYTES_MAX: usize = 32 << 10;
/// The most bytes of one batch.
pub const BATCH_BYTES_MAX: usize = 500 << 10;
/// The types of messages.
pub const TYPES: [&str; 6] = ["track", "page", "screen", "identify", "group", "alias"];

/// What an event's name means.
pub fn kind_of(name: &str) -> EventKind {
    match name {
        "Product Viewed" | "Viewed Product" => EventKind::ProductViewed,
        "Product Clicked" | "Clicked Product" => EventKind::ProductClicked,
        "Product Added" | "Added Product" => EventKind::ProductAdded,
        "Product Removed" | "Removed Product" => EventKind::ProductRemoved,
        "Product Added to Wishlist" => EventKind::ProductWished,
        "Cart Viewed" | "Viewed Cart" => EventKind::CartViewed,
        "Checkout Started" | "Started Order" | "Started Checkout" => EventKind::CheckoutStarted,
        "Checkout Step Viewed"
        | "Viewed Checkout Step"
        | "Checkout Step Completed"
        | "Completed Checkout Step"
        | "Payment Info Entered" => EventKind::CheckoutStep,
        "Order Completed" | "Completed Order" => EventKind::OrderCompleted,
        "Order Refunded" | "Refunded Order" => EventKind::OrderRefunded,
        "Order Cancelled" | "Order Canceled" | "Cancelled Order" => EventKind::OrderCanceled,
        "Product List Viewed" | "Product List Filtered" | "Viewed Product Category" => {
            EventKind::ListViewed
        }
        "Products Searched" | "Searched Products" => EventKind::Searched,
        _ => EventKind::Other,
    }
}

/// Reads one message. `sent_at` is the sender's clock when it sent, where we received it from the
/// sender at `now`: the difference of the clocks is taken out of the event's time, as Segment does
/// (`timestamp = receivedAt - (sentAt - originalTimestamp)`).
pub fn read(raw: &[u8], sent_at: Option<Timestamp>, now: Timestamp) -> Result<Incoming, Refusal> {
    if raw.len() > EVENT_BYTES_MAX {
        return Err(refusal("", "an event may have 32 kB; send less with it"));
    }
    let fields = Fields::read(raw, "")?;
    let message_id = fields
        .text("messageId")?
        .ok_or_else(|| refusal("/messageId", "is missing: send an id of your own"))?;
    let shopper = shopper(&fields)?;
    let at = time(&fields, sent_at, now)?;
    let of_kind = |kind| ShopperEvent {
        message_id: message_id.clone(),
        kind,
        shopper: shopper.clone(),
        at,
        items: Vec::new(),
        currency: None,
        order: None,
        recommendation: None,
    };
    let word = fields.text("type")?.unwrap_or_default();
    match word.as_str() {
        "track" => track(&fields, &of_kind).map(Incoming::Event),
        "page" | "screen" => Ok(Incoming::Event(of_kind(EventKind::PageViewed))),
        "group" => Ok(Incoming::Event(of_kind(EventKind::Other))),
        "identify" => match (&shopper.anonymous, &shopper.customer) {
            (Some(anonymous), Some(customer)) if anonymous != customer.as_str() => {
                let (anonymous, customer) = (anonymous.clone(), customer.clone());
                Ok(Incoming::Identified(Identified { message_id, anonymous, customer, at }))
            }
            // Traits of somebody who is known already: nothing is to be merged.
            _ => Ok(Incoming::Event(of_kind(EventKind::Other))),
        },
        "alias" => {
            let anonymous = fields.text("previousId")?.ok_or_else(|| {
                refusal("/previousId", "is missing: the id the visitor had before")
            })?;
            let customer = shopper.customer.ok_or_else(|| {
                refusal("/userId", "is missing: the customer that the visitor is")
            })?;
            Ok(Incoming::Identified(Identified { message_id, anonymous, customer, at }))
        }
        _ => Err(refusal("/type", format!("must be one of {}", TYPES.join(", ")))),
    }
}

/// The sender's clock when it sent, if the message or the batch around it says so.
pub fn sent_at(raw: &[u8]) -> Option<Timestamp> {
    Fields::read(raw, "").ok()?.parsed("sentAt").ok()?
}

fn shopper(fields: &Fields<'_>) -> Result<Shopper, Refusal> {
    // A context of another form says nothing that is used.
    let context = fields.object("context").ok().flatten();
    let session = context.and_then(|context| context.text("sessionId").ok().flatten());
    let customer = fields.parsed("userId")?;
    Ok(Shopper { customer, anonymous: fields.text("anonymousId")?, session })
}

fn time(
    fields: &Fields<'_>,
    sent_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<Timestamp, Refusal> {
    let said = match fields.parsed("originalTimestamp")? {
        None => fields.parsed::<Timestamp>("timestamp")?,
        said => said,
    };
    let Some(said) = said else { return Ok(now) };
    Ok(sent_at
        .map_or(said, |sent| now.plus_micros(said.as_micros().saturating_sub(sent.as_micros()))))
}

fn track(
    fields: &Fields<'_>,
    of_kind: &dyn Fn(EventKind) -> ShopperEvent,
) -> Result<ShopperEvent, Refusal> {
    let name = fields.text("event")?;
    let name = name.ok_or_else(|| refusal("/event", "is missing: the event's name"))?;
    let mut event = of_kind(kind_of(&name));
    let Some(properties) = fields.object("properties")? else {
        return named(event);
    };
    if event.kind == EventKind::Other {
        return Ok(event);
    }
    event.items = match properties.objects("products")? {
        Some(products) => products.iter().map(product).collect::<Result<_, _>>()?,
        None => match properties.first_text(&["sku", "product_id"])? {
            Some(_) => vec![product(&properties)?],
            None => Vec::new(),
        },
    };
    event.currency = properties.parsed("currency")?;
    event.order = properties.first_text(&["order_id", "orderId"])?;
    event.recommendation = properties.text("recommendation_id")?;
    named(event)
}

/// What was done to a product names the product.
fn named(event: ShopperEvent) -> Result<ShopperEvent, Refusal> {
    let is_of_product = matches!(
        event.kind,
        EventKind::ProductViewed
            | EventKind::ProductClicked
            | EventKind::ProductAdded
            | EventKind::ProductRemoved
            | EventKind::ProductWished
    );
    if is_of_product && event.items.is_empty() {
        return Err(refusal("/properties/sku", "is missing: send sku or product_id"));
    }
    Ok(event)
}

fn product(fields: &Fields<'_>) -> Result<EventItem, Refusal> {
    let text = fields
        .first_text(&["sku", "product_id"])?
        .ok_or_else(|| refusal(fields.at("sku"), "is missing: send sku or product_id"))?;
    let sku = Sku::parse(&text).map_err(|error| refusal(fields.at("sku"), error.to_string()))?;
    let (quantity, unit_price) = (fields.quantity("quantity")?, fields.price("price")?);
    Ok(EventItem { sku, quantity, unit_price })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_764_000_000_000_000);

    fn event(raw: &str) -> ShopperEvent {
        match read(raw.as_bytes(), None, NOW).unwrap() {
            Incoming::Event(event) => event,
            Incoming::Identified(_) => panic!("{raw} is an event"),
        }
    }

    fn track_of(name: &str, properties: &str) -> String {
        format!(
            r#"{{"type":"track","messageId":"m","event":"{name}","userId":7,"properties":{properties}}}"#
        )
    }

    #[test]
    fn both_versions_of_a_name_mean_the_same() {
        for (new, old) in [
            ("Product Viewed", "Viewed Product"),
            ("Product Added", "Added Product"),
            ("Product Removed", "Removed Product"),
            ("Order Completed", "Completed Order"),
        ] {
            let [new, old] = [new, old].map(|name| event(&track_of(name, r#"{"sku":"A"}"#)));
            assert_eq!(new, old);
            assert_ne!(new.kind, EventKind::Other);
        }
    }

    #[test]
    fn a_sku_goes_before_a_product_id_and_prices_are_read_from_their_digits() {
        let raw = track_of(
            "Order Completed",
            r#"{"order_id":50314,"currency":"USD","products":[
                {"product_id":"507f","sku":"45790-32","price":19,"quantity":1},
                {"product_id":505,"price":"3.005"}]}"#,
        );
        let event = event(&raw);
        let seen: Vec<_> = event
            .items
            .iter()
            .map(|item| (item.sku.as_str(), item.quantity, item.unit_price.unwrap().micros()))
            .collect();
        assert_eq!(seen, [("45790-32", 1, 19_000_000), ("505", 1, 3_005_000)]);
        assert_eq!(event.order.as_deref(), Some("50314"));
        assert_eq!(event.shopper.customer.unwrap().as_str(), "7");
    }

    #[test]
    fn a_wrong_clock_is_taken_out_of_the_time() {
        let raw = br#"{"type":"page","messageId":"m","timestamp":"2031-01-01T00:00:00Z"}"#;
        let sent = "2031-01-01T00:00:10Z".parse().unwrap();
        let Incoming::Event(event) = read(raw, Some(sent), NOW).unwrap() else { panic!() };
        assert_eq!(event.at, NOW.plus_micros(-10_000_000));
    }

    #[test]
    fn who_is_who_comes_from_identify_and_alias() {
        let both = r#"{"type":"identify","messageId":"m","userId":"c1","anonymousId":"v1"}"#;
        let alias = r#"{"type":"alias","messageId":"m","userId":"c1","previousId":"v1"}"#;
        for raw in [both, alias] {
            let Incoming::Identified(found) = read(raw.as_bytes(), None, NOW).unwrap() else {
                panic!("{raw}")
            };
            assert_eq!((found.anonymous.as_str(), found.customer.as_str()), ("v1", "c1"));
        }
        let known = event(r#"{"type":"identify","messageId":"m","userId":"c1","traits":{}}"#);
        assert_eq!(known.kind, EventKind::Other);
        assert_eq!(
            event(r#"{"type":"group","messageId":"m","groupId":"g"}"#).kind,
            EventKind::Other
        );
        assert_eq!(event(r#"{"type":"screen","messageId":"m"}"#).kind, EventKind::PageViewed);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_its_pointer() {
        let cases = [
            (track_of("Product Added", r#"{"sku":"A","quantity":-2}"#), "/properties/quantity"),
            (track_of("Product Viewed", r#"{"name":"Mug"}"#), "/properties/sku"),
            (track_of("Product Viewed", r#"{"sku":"A","price":{}}"#), "/properties/price"),
            (
                track_of("Order Completed", r#"{"products":[{"sku":"A"},{"name":"B"}]}"#),
                "/properties/products/1/sku",
            ),
            (r#"{"type":"track","messageId":"m"}"#.to_owned(), "/event"),
            (r#"{"type":"track"}"#.to_owned(), "/messageId"),
            (r#"{"type":"sold","messageId":"m"}"#.to_owned(), "/type"),
            (r#"{"type":"alias","messageId":"m","userId":"c"}"#.to_owned(), "/previousId"),
            (format!(r#"{{"messageId":"{}"}}"#, "m".repeat(EVENT_BYTES_MAX)), ""),
        ];
        for (raw, pointer) in cases {
            assert_eq!(read(raw.as_bytes(), None, NOW).unwrap_err().pointer, pointer, "{raw}");
        }
    }
}
