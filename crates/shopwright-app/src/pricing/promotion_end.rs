//! The end of a promotion is told when it comes: at once when somebody ends it, else by a job.

use serde_json::{Value as Json, json};
use shopwright_domain::ids::{EffectId, EventId, PromotionId, derived_uuid, derived_uuid_at};
use shopwright_domain::time::Timestamp;
use shopwright_store::effects::{Effect, Outcome};
use shopwright_store::jobs::{self, NewJob};
use shopwright_store::promotions::{self, Promotion};
use shopwright_store::webhooks::{self, NewEvent};
use shopwright_store::{StoreError, Tx};

use crate::effects::{Performed, Performers};

/// The kind of the job and the name of the event.
pub(crate) const PROMOTION_ENDED: &str = "promotion.ended";
const PROMOTION_CREATED: &str = "promotion.created";
const PROMOTION_CHANGED: &str = "promotion.changed";

fn data(promotion: &Promotion) -> Json {
    json!({
        "id": promotion.promotion_id,
        "name": promotion.name,
        "scope": promotion.scope,
        "effect": promotion.effect,
        "announced": promotion.announced,
        "starts_at": promotion.starts_at,
        "ends_at": promotion.ends_at,
    })
}

/// Tells that a promotion was made, and sees to it that its end is told.
pub(super) fn created(tx: &mut Tx<'_>, promotion: &Promotion) -> Result<(), StoreError> {
    let (id, at) = (promotion.promotion_id, promotion.created_at);
    let event_id = EventId::from_uuid(derived_uuid_at(at, id.uuid(), 1));
    let event = NewEvent { event_id, kind: PROMOTION_CREATED, data: data(promotion), at };
    webhooks::record_event(tx, &event)?;
    plan_end(tx, promotion, at)
}

/// Tells that a promotion was changed before it started. Its version makes the event's id.
pub(super) fn changed(
    tx: &mut Tx<'_>,
    promotion: &Promotion,
    at: Timestamp,
) -> Result<(), StoreError> {
    let version = u128::from(promotion.version.unsigned_abs());
    let event_id = derived_uuid_at(at, promotion.promotion_id.uuid(), 16 + version);
    let event_id = EventId::from_uuid(event_id);
    let event = NewEvent { event_id, kind: PROMOTION_CHANGED, data: data(promotion), at };
    webhooks::record_event(tx, &event)?;
    plan_end(tx, promotion, at)
}

/// One job for each end a promotion was ever planned to have; those that do not hold any more tell
/// nothing.
fn plan_end(tx: &mut Tx<'_>, promotion: &Promotion, now: Timestamp) -> Result<(), StoreError> {
    let (id, due_at) = (promotion.promotion_id, promotion.ends_at);
    let end = due_at.as_micros();
    let job = NewJob {
        effect_id: EffectId::from_uuid(derived_uuid(id.uuid(), u128::from(end.unsigned_abs()))),
        kind: PROMOTION_ENDED,
        payload: json!({ "promotion": id }),
        due_at,
        now,
    };
    jobs::schedule(tx, &format!("{PROMOTION_ENDED}:{id}:{end}"), job)?;
    Ok(())
}

/// Tells that a promotion is over. Its id and the time of its end make the event's id, so that it is
/// told once, whoever is first.
pub(super) fn ended(tx: &mut Tx<'_>, id: PromotionId, now: Timestamp) -> Result<(), StoreError> {
    let Some(promotion) = promotions::find(tx, id)? else { return Ok(()) };
    if promotion.ends_at > now {
        return Ok(());
    }
    let at = promotion.ends_at;
    let event_id = EventId::from_uuid(derived_uuid_at(at, id.uuid(), 3));
    let event = NewEvent { event_id, kind: PROMOTION_ENDED, data: data(&promotion), at };
    webhooks::record_event(tx, &event)?;
    Ok(())
}

/// The job at the planned end.
pub(crate) fn tell(performers: &Performers, effect: &Effect) -> Performed {
    let (now, due_at) = (performers.now(), effect.due_at);
    let id = effect.payload["promotion"].as_str().and_then(|text| text.parse().ok());
    let Some(id) = id else {
        let error = "the job names no promotion".to_owned();
        return Performed::bare(Outcome::GivenUp { error });
    };
    Performed::done(move |tx| {
        // One that was ended early was told then, perhaps so long ago that the event is forgotten.
        let planned = promotions::find(tx, id)?.is_some_and(|p| p.ends_at >= due_at);
        if planned { ended(tx, id, now) } else { Ok(()) }
    })
}
