//! Jobs: the same machine as effects, with a due time and a key that makes scheduling idempotent.

use serde_json::Value as Json;
use shopwright_domain::ids::EffectId;
use shopwright_domain::time::Timestamp;

use crate::effects::{self, NewEffect};
use crate::{StoreError, Tx};

/// A job to be done once for its key.
#[derive(Clone, Debug, PartialEq)]
pub struct NewJob<'a> {
    /// Its id, should it be made.
    pub effect_id: EffectId,
    /// What is to be done.
    pub kind: &'a str,
    /// What the handler needs.
    pub payload: Json,
    /// Not before this time.
    pub due_at: Timestamp,
    /// When it is scheduled.
    pub now: Timestamp,
}

/// Schedules a job under `key`. `false`: one was scheduled under it before, whatever came of it, and
/// nothing was changed.
pub fn schedule(tx: &mut Tx<'_>, key: &str, new: NewJob<'_>) -> Result<bool, StoreError> {
    let effect = NewEffect {
        effect_id: new.effect_id,
        kind: new.kind,
        subject: key,
        payload: new.payload,
        due_at: new.due_at,
        now: new.now,
    };
    effects::insert(tx, &effect, Some(key))
}
