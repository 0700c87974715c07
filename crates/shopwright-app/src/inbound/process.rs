//! A delivery is applied: once, in the transaction that notes that it was.

use serde_json::Value as Json;
use shopwright_domain::money::Currency;
use shopwright_domain::platforms::json::BodyError;
use shopwright_domain::platforms::{
    Platform, PlatformVariant, shopify, shopify_things, woocommerce,
};
use shopwright_domain::time::Timestamp;
use shopwright_store::Tx;
use shopwright_store::audit::{Actor, Stamp};
use shopwright_store::effects::{Effect, Outcome};
use shopwright_store::inbound::{self, Inbound, InboundState};

use crate::customers::{EraseError, erase_customer};
use crate::effects::{Performed, Performers, Record};
use crate::platforms::{
    Applied, ApplyError, ApplyIds, apply_customer, apply_order, apply_refund, apply_stock,
    apply_variant, customer_id, remove_product,
};

/// The kind of the effect.
pub const INBOUND: &str = "inbound";
/// Tries of one delivery: the last is about three hours after the first.
pub const TRIES_MAX: u32 = 13;

impl From<BodyError> for ApplyError {
    fn from(error: BodyError) -> Self {
        Self::Refused(error.to_string())
    }
}

/// Whether deliveries of this topic are applied.
pub(super) fn takes(platform: Platform, topic: &str) -> bool {
    let Some((thing, event)) = topic.split_once(['/', '.']) else { return false };
    match platform {
        Platform::Shopify => matches!(
            (thing, event),
            (
                "orders",
                "create" | "updated" | "paid" | "cancelled" | "fulfilled" | "partially_fulfilled"
            ) | ("refunds", "create")
                | ("products", "create" | "update" | "delete")
                | ("inventory_levels", "update" | "connect")
                | ("customers", "create" | "update" | "redact" | "data_request")
        ),
        Platform::Woocommerce => matches!(
            (thing, event),
            ("order", "created" | "updated" | "restored")
                | ("product", "created" | "updated" | "restored" | "deleted")
                | ("customer", "created" | "updated")
        ),
    }
}

/// Applies the delivery of an effect.
pub(crate) async fn process(performers: &Performers, effect: &Effect) -> Performed {
    let (id, now) = (effect.effect_id, performers.now());
    let found = performers.store.read(move |tx| inbound::find(tx, id)).await;
    let delivery = match found {
        Ok(Some(delivery)) if delivery.state == InboundState::Waiting => delivery,
        // Applied before; what was left was to say so.
        Ok(_) => return Performed::bare(Outcome::Done),
        Err(error) => return performers.failed(effect, error),
    };
    let Some(sealed) = &delivery.body else {
        return end(
            effect,
            (InboundState::Ignored, "its body was dropped with the person".into()),
            now,
        );
    };
    let body: Result<Json, String> = performers
        .outside
        .open(sealed, &id.to_string())
        .map_err(|error| error.to_string())
        .and_then(|body| serde_json::from_slice(&body).map_err(|error| error.to_string()));
    let body = match body {
        Ok(body) => body,
        Err(error) => return refused(effect, &error, now),
    };
    let currency = effect.payload["currency"].as_str().and_then(|code| code.parse().ok());
    let Some(currency) = currency else {
        return refused(effect, "the effect names no currency", now);
    };
    let applied = performers
        .store
        .write(move |tx| {
            let Some(kept) = inbound::lock(tx, id)? else { return Ok(()) };
            if kept.state != InboundState::Waiting {
                return Ok(());
            }
            let (state, outcome) = apply(tx, &kept, (&body, currency), now)?;
            Ok::<_, ApplyError>(inbound::finish(tx, id, (state, &outcome), now)?)
        })
        .await;
    match applied {
        Ok(()) => Performed::bare(Outcome::Done),
        Err(error) if error.may_pass() => {
            let text = error.to_string();
            let mut performed = performers.failed(effect, &text);
            if matches!(performed.outcome, Outcome::GivenUp { .. }) {
                performed.record = Some(given_up(effect, text, now));
            }
            performed
        }
        Err(error) => refused(effect, &error.to_string(), now),
    }
}

fn refused(effect: &Effect, error: &str, now: Timestamp) -> Performed {
    Performed {
        outcome: Outcome::GivenUp { error: error.to_owned() },
        record: Some(given_up(effect, error.to_owned(), now)),
    }
}

fn end(effect: &Effect, (state, outcome): (InboundState, String), now: Timestamp) -> Performed {
    let id = effect.effect_id;
    Performed::done(move |tx| inbound::finish(tx, id, (state, &outcome), now))
}

/// Puts a delivery onto the list of those somebody has to look at.
pub(crate) fn given_up(effect: &Effect, error: String, now: Timestamp) -> Record {
    let id = effect.effect_id;
    Box::new(move |tx| inbound::finish(tx, id, (InboundState::GivenUp, &error), now))
}

/// What a delivery says, applied; gives what became of it.
fn apply(
    tx: &mut Tx<'_>,
    delivery: &Inbound,
    (body, currency): (&Json, Currency),
    now: Timestamp,
) -> Result<(InboundState, String), ApplyError> {
    let (stamp, topic) = (Stamp::new(Actor::System, now), delivery.topic.as_str());
    let ids = ApplyIds::of_delivery(delivery.effect_id);
    let platform = delivery.platform;
    let source = platform.as_str();
    let applied = match (platform, topic) {
        (_, "customers/data_request") => {
            let text = "the platform asks for this person's data: export it and send it to them";
            return Ok((InboundState::Done, text.to_owned()));
        }
        (_, "customers/redact") => redact(tx, body, stamp)?,
        (_, "products/delete" | "product.deleted") => {
            let id = body["id"].as_u64().ok_or_else(|| BodyError("id".to_owned()))?;
            let at = (delivery.received_at, stamp);
            remove_product(tx, platform, &id.to_string(), at)?
        }
        (Platform::Shopify, topic) if topic.starts_with("orders/") => {
            apply_order(tx, &shopify::order(body)?, &ids, stamp)?
        }
        (Platform::Shopify, "refunds/create") => match shopify::lone_refund(body, currency)? {
            Some(refund) => apply_refund(tx, source, &refund, &ids, stamp)?,
            None => Applied::Ignored("the money is on its way; the order will say when it went"),
        },
        (Platform::Shopify, topic) if topic.starts_with("inventory_levels/") => {
            match shopify_things::stock(body)? {
                Some(stock) => apply_stock(tx, source, &stock, stamp)?,
                None => Applied::Ignored("the platform does not count this"),
            }
        }
        (Platform::Shopify, topic) if topic.starts_with("customers/") => {
            apply_customer(tx, source, &shopify_things::customer(body), stamp)?
        }
        (Platform::Shopify, _) => {
            let variants = shopify_things::product(body, currency)?;
            apply_variants(tx, platform, (&variants, currency), stamp)?
        }
        (Platform::Woocommerce, topic) if topic.starts_with("order.") => {
            apply_order(tx, &woocommerce::order(body)?, &ids, stamp)?
        }
        (Platform::Woocommerce, topic) if topic.starts_with("customer.") => {
            apply_customer(tx, source, &woocommerce::customer(body), stamp)?
        }
        (Platform::Woocommerce, _) => {
            let variants: Vec<_> = woocommerce::product(body, currency)?.into_iter().collect();
            apply_variants(tx, platform, (&variants, currency), stamp)?
        }
    };
    Ok(match applied {
        Applied::Created => (InboundState::Done, "created".to_owned()),
        Applied::Updated => (InboundState::Done, "updated".to_owned()),
        Applied::Unchanged => (InboundState::Done, "unchanged".to_owned()),
        Applied::Ignored(why) => (InboundState::Ignored, why.to_owned()),
    })
}

/// Every variant of one product, in the order of their SKUs.
fn apply_variants(
    tx: &mut Tx<'_>,
    platform: Platform,
    (variants, currency): (&[PlatformVariant], Currency),
    stamp: Stamp,
) -> Result<Applied, ApplyError> {
    let mut sorted: Vec<_> = variants.iter().collect();
    sorted.sort_by(|one, other| one.sku.cmp(&other.sku));
    let mut all = Applied::Ignored("it has no variant of its own");
    for variant in sorted {
        let applied = apply_variant(tx, Some(platform), variant, currency, stamp)?;
        all = match (all, applied) {
            (Applied::Ignored(_), applied) => applied,
            (all, Applied::Ignored(_) | Applied::Unchanged) => all,
            (Applied::Created, _) | (_, Applied::Created) => Applied::Created,
            _ => Applied::Updated,
        };
    }
    Ok(all)
}

/// The platform asks that a person be dropped.
fn redact(tx: &mut Tx<'_>, body: &Json, stamp: Stamp) -> Result<Applied, ApplyError> {
    let id = body["customer"]["id"].as_u64();
    let id = id.ok_or_else(|| BodyError("customer/id".to_owned()))?;
    match erase_customer(tx, &customer_id("shopify", &id.to_string())?, stamp) {
        Ok(_) => Ok(Applied::Updated),
        Err(EraseError::Unknown(_)) => Ok(Applied::Ignored("the person is not known here")),
        Err(EraseError::Store(error)) => Err(error.into()),
    }
}
