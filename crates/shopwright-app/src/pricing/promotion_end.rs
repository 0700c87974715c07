//! The end of a promotion is told when it comes: at once when somebody ends it, else by a job.

use serde_json::{Value as Json, json};
use shopwright_domain::ids::{EffectId, EventId, PromotionId, derived_uuid, derived_uuid_at};
use shopwright_domain::time::Timestamp;
use shopwright_store::effects::{Effect, Outcome};
use shopwright_store::jobs::{self, NewJob};
use shopwright_store::promotions::{self, Promotion};
use shopwright_store::webhooks::{self, NewEvent};
use shopwright_store::{StoreError, Tx};

use crate::effects::Performed;

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
    planned(tx, promotion, at)
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
    planned(tx, promotion, at)
}

/// Sees to it that the end of a promotion is told; again when its end was moved.
fn planned(tx: &mut Tx<'_>, promotion: &Promotion, now: Timestamp) -> Result<(), StoreError> {
    let (id, ends_at) = (promotion.promotion_id, promotion.ends_at);
    let salt = u128::from(ends_at.as_micros().unsigned_abs());
    let job = NewJob {
        effect_id: EffectId::from_uuid(derived_uuid(id.uuid(), salt)),
        kind: PROMOTION_ENDED,
        payload: json!({ "promotion": id, "ends_at": ends_at }),
        due_at: ends_at,
        now,
    };
    jobs::schedule(tx, &format!("{PROMOTION_ENDED}:{id}:{ends_at}"), job)?;
    Ok(())
}

/// Tells that a promotion is over. Its id and the time of its end make the event's id, so that it is
/// told once, whoever is first.
pub(super) fn ended(tx: &mut Tx<'_>, promotion: &Promotion) -> Result<(), StoreError> {
    let at = promotion.ends_at;
    let event_id = EventId::from_uuid(derived_uuid_at(at, promotion.promotion_id.uuid(), 3));
    let event = NewEvent { event_id, kind: PROMOTION_ENDED, data: data(promotion), at };
    webhooks::record_event(tx, &event)?;
    Ok(())
}

/// The job at a planned end. One whose end was moved since, or that was ended early, has told or will
/// tell it then.
pub(crate) fn tell(effect: &Effect) -> Performed {
    let text = |name: &str| effect.payload[name].as_str().unwrap_or_default();
    let (id, ends_at) = (text("promotion").parse(), text("ends_at").parse());
    let (Ok(id), Ok(ends_at)): (Result<PromotionId, _>, Result<Timestamp, _>) = (id, ends_at)
    else {
        let error = "the job names no promotion with an end".to_owned();
        return Performed::bare(Outcome::GivenUp { error });
    };
    Performed::done(move |tx| match promotions::find(tx, id)? {
        Some(promotion) if promotion.ends_at == ends_at => ended(tx, &promotion),
        _ => Ok(()),
    })
}
