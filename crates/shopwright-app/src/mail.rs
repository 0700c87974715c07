//! Mail as an effect: written sealed with the change that causes it, sent by the worker.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use shopwright_domain::ids::EffectId;
use shopwright_domain::time::Timestamp;
use shopwright_gateways::mail::{Letter, MailError};
use shopwright_store::effects::{self, Effect, NewEffect, Outcome};
use shopwright_store::{StoreError, Tx};

use crate::effects::{Outside, Performed, Performers};

/// The kind of the effect.
pub const SEND_MAIL: &str = "mail.send";

/// What is written to whom; the sender is the store's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewMail {
    /// The receiver.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The text.
    pub text: String,
}

/// A mail that is sealed and only has to be added to a transaction.
#[derive(Clone, Debug)]
pub struct SealedMail {
    effect_id: EffectId,
    sealed: Vec<u8>,
}

impl SealedMail {
    /// Seals a mail under its effect's id, outside the transaction: sealing takes randomness.
    pub fn new(outside: &Outside, effect_id: EffectId, mail: &NewMail) -> Self {
        let text = json!(mail).to_string();
        Self { effect_id, sealed: outside.seal(text.as_bytes(), &effect_id.to_string()) }
    }

    /// Has it sent once the transaction is committed. Adding it twice sends it once.
    pub fn add(&self, tx: &mut Tx<'_>, now: Timestamp) -> Result<bool, StoreError> {
        let effect = NewEffect {
            effect_id: self.effect_id,
            kind: SEND_MAIL,
            subject: "",
            payload: payload(&self.sealed),
            due_at: now,
            now,
        };
        effects::add(tx, &effect)
    }
}

fn payload(sealed: &[u8]) -> Json {
    json!({ "sealed": STANDARD.encode(sealed) })
}

/// What a mail's effect carries, sealed anew; `None` when the newest key sealed it or it does not open.
pub(crate) fn resealed(outside: &Outside, id: EffectId, carried: &Json) -> Option<Json> {
    let sealed = STANDARD.decode(carried["sealed"].as_str()?).ok()?;
    if outside.seal.is_newest(&sealed) {
        return None;
    }
    let context = id.to_string();
    match outside.open(&sealed, &context) {
        Ok(text) => Some(payload(&outside.seal(&text, &context))),
        Err(error) => {
            tracing::error!(effect = context, %error, "a mail that waits or was given up does not open");
            None
        }
    }
}

/// Sends a mail. Its `Message-ID` is the effect's id, so that one sent twice is shown once.
pub(crate) async fn send(performers: &Performers, effect: &Effect) -> Performed {
    let outside = &performers.outside;
    let mail = match open(outside, effect) {
        Ok(mail) => mail,
        Err(error) => return Performed::bare(Outcome::GivenUp { error }),
    };
    let letter = Letter {
        id: effect.effect_id.to_string(),
        at: effect.created_at,
        from: outside.mail_from.clone(),
        to: mail.to,
        subject: mail.subject,
        text: mail.text,
    };
    match outside.mail.send(&letter).await {
        Ok(()) => {
            // Nobody reads it again: what it said is not kept.
            let id = effect.effect_id;
            Performed::done(move |tx| effects::forget_payload(tx, id))
        }
        Err(error @ MailError::Unfit(_)) => {
            Performed::bare(Outcome::GivenUp { error: error.to_string() })
        }
        Err(error) => performers.failed(effect, error),
    }
}

fn open(outside: &Outside, effect: &Effect) -> Result<NewMail, String> {
    let sealed = effect.payload["sealed"].as_str().unwrap_or_default();
    let sealed = STANDARD.decode(sealed).map_err(|error| error.to_string())?;
    let text = outside.open(&sealed, &effect.effect_id.to_string()).map_err(|e| e.to_string())?;
    serde_json::from_slice(&text).map_err(|error| error.to_string())
}
