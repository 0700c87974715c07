//! What the price engine tells outside: changed prices, many in one event, and the emergency stop.

use serde_json::{Value as Json, json};
use shopwright_domain::ids::{EventId, derived_uuid_at};
use shopwright_domain::time::Timestamp;
use shopwright_store::pricing::NewDecision;
use shopwright_store::webhooks::{self, NewEvent};
use shopwright_store::{Page, StoreError, Tx};
use uuid::Uuid;

const FREEZE_CHANGED: &str = "pricing.freeze.changed";
/// Prices in one event: it stays below the 20 kB that Standard Webhooks advises.
const PRICES_MAX: usize = 50;

/// Tells which prices changed. The decisions' ids make the event's id.
pub(super) fn changed(
    tx: &mut Tx<'_>,
    decisions: &[NewDecision],
    at: Timestamp,
) -> Result<(), StoreError> {
    for part in decisions.chunks(PRICES_MAX) {
        let event_id = EventId::from_uuid(derived_uuid_at(at, part[0].decision_id.uuid(), 1));
        let prices: Vec<Json> = part.iter().map(price).collect();
        let data = json!({ "prices": prices });
        webhooks::record_event(tx, &NewEvent { event_id, kind: "price.changed", data, at })?;
    }
    Ok(())
}

fn price(decision: &NewDecision) -> Json {
    let money = |minor: i64| json!({ "amount": minor, "currency": decision.currency });
    json!({
        "sku": decision.sku.as_str(),
        "from": decision.from_minor.map(money),
        "to": money(decision.to_minor),
        "decision": decision.decision_id,
    })
}

/// Tells that all prices were stopped or let go. Each change's id comes after that of the change
/// before, so that two at one moment differ and a closure that runs again tells the same.
pub(super) fn freeze_changed(
    tx: &mut Tx<'_>,
    (before, frozen): (bool, bool),
    at: Timestamp,
) -> Result<(), StoreError> {
    if before == frozen {
        return Ok(());
    }
    let last = webhooks::list_events(tx, FREEZE_CHANGED, &Page::first(1))?;
    let fresh = derived_uuid_at(at, Uuid::nil(), u128::from(frozen));
    let after = last.first().map_or(0, |event| event.event_id.uuid().as_u128().saturating_add(1));
    let event_id = EventId::from_uuid(fresh.max(Uuid::from_u128(after)));
    let data = json!({ "frozen": frozen });
    webhooks::record_event(tx, &NewEvent { event_id, kind: FREEZE_CHANGED, data, at })?;
    Ok(())
}
