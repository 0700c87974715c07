//! What is told of orders and refunds: ids, state and amounts; whose order it is, is not told.

use serde_json::json;
use shopwright_domain::ids::{EventId, derived_uuid_at};
use shopwright_domain::money::Money;
use shopwright_domain::time::Timestamp;
use shopwright_store::orders::placed::Order;
use shopwright_store::orders::refunded::Refund;
use shopwright_store::webhooks::{self, NewEvent};
use shopwright_store::{StoreError, Tx};

/// What happens to an order once at most; the number is part of the event's id.
#[derive(Clone, Copy, Debug)]
pub(super) enum OrderEvent {
    Created = 1,
    Paid = 2,
    Fulfilled = 3,
    Completed = 4,
    Canceled = 5,
}

impl OrderEvent {
    const fn kind(self) -> &'static str {
        match self {
            Self::Created => "order.created",
            Self::Paid => "order.paid",
            Self::Fulfilled => "order.fulfilled",
            Self::Completed => "order.completed",
            Self::Canceled => "order.canceled",
        }
    }
}

/// Tells what happened to an order.
pub(super) fn tell(
    tx: &mut Tx<'_>,
    events: &[OrderEvent],
    order: &Order,
    at: Timestamp,
) -> Result<(), StoreError> {
    let data = json!({
        "order": order.order_id,
        "source": order.source,
        "external_id": order.external_id,
        "state": order.state.as_str(),
        "total": Money { amount: order.amount_minor, currency: order.currency },
    });
    let told = |event: &OrderEvent| {
        let event_id = derived_uuid_at(at, order.order_id.uuid(), *event as u128);
        let event_id = EventId::from_uuid(event_id);
        NewEvent { event_id, kind: event.kind(), data: data.clone(), at }
    };
    webhooks::record_events(tx, &events.iter().map(told).collect::<Vec<_>>())?;
    Ok(())
}

/// Tells that a refund was made, and what was given back.
pub(super) fn tell_refund(
    tx: &mut Tx<'_>,
    refund: &Refund,
    order: &Order,
    at: Timestamp,
) -> Result<(), StoreError> {
    let data = json!({
        "refund": refund.refund_id,
        "order": order.order_id,
        "order_state": order.state.as_str(),
        "amount": Money { amount: refund.amount_minor, currency: refund.currency },
    });
    let event_id = EventId::from_uuid(derived_uuid_at(at, refund.refund_id.uuid(), 1));
    webhooks::record_event(tx, &NewEvent { event_id, kind: "refund.created", data, at })?;
    Ok(())
}
