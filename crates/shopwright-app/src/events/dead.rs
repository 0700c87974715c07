//! Dead letters: sealed while they wait, found when a person in them is erased, sent through again.

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use shopwright_domain::events::{EventForm, Incoming, Unreadable};
use shopwright_domain::ids::{DeadLetterId, IdSource};
use shopwright_domain::time::Timestamp;
use shopwright_store::events::dead_letters::{self, DeadLetter};
use shopwright_store::{Store, StoreError};

use super::prepare::{Batch, Message, Trust, prepare};
use super::take::{Taken, take_in};
use crate::effects::Outside;

/// Fields that name a person, in any of the forms that are understood.
const PEOPLE: [&str; 9] = [
    "userId",
    "user_id",
    "customer",
    "customer_id",
    "anonymousId",
    "anonymous",
    "anonymous_id",
    "previousId",
    "email",
];
/// Hashes kept of one letter at most.
const PEOPLE_MAX: usize = 64;
/// How deep a message is looked through.
const DEPTH_MAX: usize = 16;

fn context(letter_id: DeadLetterId) -> String {
    format!("dead_letter/{letter_id}")
}

pub(super) fn sealed(outside: &Outside, letter_id: DeadLetterId, raw: &[u8]) -> Vec<u8> {
    outside.seal(raw, &context(letter_id))
}

/// What was sent; `None` when the key that sealed it is gone.
pub fn open_dead(outside: &Outside, letter: &DeadLetter) -> Option<Vec<u8>> {
    outside
        .open(&letter.raw, &context(letter.letter_id))
        .inspect_err(|error| tracing::error!(letter = %letter.letter_id, %error, "a dead letter cannot be opened"))
        .ok()
}

/// The hash by which a letter is found when the person of this id or address is erased.
pub fn person_hash(text: &str) -> String {
    let mut hex = String::with_capacity(16);
    for byte in &Sha256::digest(text.to_lowercase())[..8] {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

/// Hashes of the ids and addresses of people in a message, each between spaces. What is no JSON, is
/// too deep or names too many may hold anybody: it gets the hash of nobody, with which it goes whenever
/// somebody is erased.
pub fn people_in(raw: &[u8]) -> String {
    let mut found = Vec::new();
    let is_read =
        serde_json::from_slice::<Json>(raw).is_ok_and(|json| collect(&json, false, 0, &mut found));
    found.sort();
    found.dedup();
    if !is_read || found.len() > PEOPLE_MAX {
        found = vec![person_hash("")];
    }
    if found.is_empty() { String::new() } else { format!(" {} ", found.join(" ")) }
}

/// Gives whether all of it was looked at.
fn collect(json: &Json, is_person: bool, depth: usize, found: &mut Vec<String>) -> bool {
    if depth > DEPTH_MAX {
        return false;
    }
    match json {
        Json::String(text) if is_person => found.push(person_hash(text)),
        Json::Number(number) if is_person => found.push(person_hash(&number.to_string())),
        Json::Array(items) => {
            return items.iter().all(|item| collect(item, is_person, depth + 1, found));
        }
        Json::Object(fields) => {
            return fields.iter().all(|(name, value)| {
                collect(value, PEOPLE.contains(&name.as_str()), depth + 1, found)
            });
        }
        _ => {}
    }
    true
}

/// Reads one message of a form.
pub type Reader = fn(&[u8], EventForm, Timestamp) -> Result<Vec<Incoming>, Unreadable>;

/// Why a letter was not sent through again.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// There is none with this id.
    #[error("there is no dead letter {0}")]
    Unknown(DeadLetterId),
    /// The key that sealed it is gone.
    #[error("the letter cannot be opened: the key file it was sealed with is missing")]
    Sealed,
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What became of a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replayed {
    /// It was taken.
    Taken(Taken),
    /// It had been taken before; nothing changed.
    Before(Timestamp),
    /// It still cannot be taken, for this reason.
    Refused(String),
}

/// Sends a letter through again, with the same trust as before. It is taken once, however often it
/// is sent.
pub async fn replay_dead(
    store: &Store,
    id: DeadLetterId,
    read: Reader,
    (outside, ids): (&Outside, &Arc<dyn IdSource>),
    now: Timestamp,
) -> Result<Replayed, ReplayError> {
    let found = store.read(move |tx| dead_letters::find(tx, id)).await?;
    let letter = found.ok_or(ReplayError::Unknown(id))?;
    if let Some(before) = letter.replayed_at {
        return Ok(Replayed::Before(before));
    }
    let raw = open_dead(outside, &letter).ok_or(ReplayError::Sealed)?;
    let trust = if letter.is_browser { Trust::Browser { address: [0; 16] } } else { Trust::Server };
    let (messages, unreadable) = match read(&raw, letter.form, now) {
        Ok(messages) => (messages, Vec::new()),
        Err(unreadable) => (Vec::new(), vec![unreadable]),
    };
    let message = |mut incoming| {
        // Whether a token vouched for the customer is not known any more.
        if let (true, Incoming::Event(event)) = (letter.is_browser, &mut incoming) {
            event.shopper.customer = None;
        }
        Message { index: 0, incoming, raw: raw.clone() }
    };
    let batch = Batch {
        source: letter.source,
        trust,
        form: letter.form,
        messages: messages.into_iter().map(message).collect(),
        unreadable,
    };
    let mut prepared = prepare(batch, outside, ids.as_ref(), now);
    let refused = prepared.letters.pop().map(|(_, letter)| (letter.reason, letter.pointer));
    prepared.letters.clear();
    let outcome = store
        .write(move |tx| {
            // Two at once: the second waits here and finds it taken.
            let Some(letter) = dead_letters::lock(tx, id)? else { return Ok(None) };
            if let Some(before) = letter.replayed_at {
                return Ok(Some(Replayed::Before(before)));
            }
            if let Some((reason, pointer)) = &refused {
                dead_letters::refuse(tx, id, (reason, pointer))?;
                return Ok(Some(Replayed::Refused(reason.clone())));
            }
            let taken = take_in(tx, &prepared, now)?;
            dead_letters::settle(tx, id, now)?;
            Ok::<_, StoreError>(Some(Replayed::Taken(taken)))
        })
        .await?;
    outcome.ok_or(ReplayError::Unknown(id))
}

#[cfg(test)]
mod tests {
    use super::{people_in, person_hash};

    #[test]
    fn people_are_found_wherever_a_form_names_them() {
        let raw =
            br#"{"userId": 7, "context": {"traits": {"email": "Ann@Example.org"}}, "sku": "A"}"#;
        let people = people_in(raw);
        for person in ["7", "ann@example.org"] {
            assert!(people.contains(&format!(" {} ", person_hash(person))), "{person}");
        }
        assert!(!people.contains(&person_hash("A")));
        assert_eq!(people_in(b"{}"), "");
    }

    #[test]
    fn what_cannot_be_read_at_all_may_be_anybody() {
        assert_eq!(people_in(b"{\"userId\": \"c"), format!(" {} ", person_hash("")));
    }
}
