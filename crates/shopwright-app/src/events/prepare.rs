//! A batch with everything fixed that a transaction may not make: ids, hashes, sealed letters.

use std::collections::HashSet;

use sha2::{Digest, Sha256};
use shopwright_domain::events::caps::{Caps, moves_demand};
use shopwright_domain::events::check::check;
use shopwright_domain::events::{
    EventForm, EventKind, Identified, Incoming, ShopperEvent, Unreadable,
};
use shopwright_domain::ids::{DeadLetterId, IdSource, new_id};
use shopwright_domain::time::Timestamp;
use shopwright_store::events::dead_letters::DeadLetter;
use shopwright_store::events::demand::hour_of;
use shopwright_store::events::{EventRow, MessageId};
use uuid::Uuid;

use super::dead::{people_in, sealed};
use crate::customers::tombstone;
use crate::effects::Outside;

/// Who sends, and so what may be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// A server of the shop, or a file or stream of its own.
    Server,
    /// A shopper's browser with a publishable key.
    Browser {
        /// A keyed hash of its network address.
        address: [u8; 16],
    },
}

/// A message that could be read.
#[derive(Clone, Debug)]
pub struct Message {
    /// Where it was in what was sent.
    pub index: usize,
    /// What it says.
    pub incoming: Incoming,
    /// What was sent, for the case that it may not be said.
    pub raw: Vec<u8>,
}

/// Messages that were sent together.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Where they come from: `http`, `file`, `redis:{stream}`, `kafka:{topic}`. Ids are unique in it.
    pub source: String,
    /// Who sends.
    pub trust: Trust,
    /// How they are written.
    pub form: EventForm,
    /// Those that could be read.
    pub messages: Vec<Message>,
    /// Those that could not.
    pub unreadable: Vec<Unreadable>,
}

/// What a message becomes.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    /// An event.
    Event(WantedEvent),
    /// A visitor who turned out to be a customer.
    Identified(Identified),
}

/// An event: its rows, and how much of its hour it may be counted for.
#[derive(Clone, Debug)]
pub(super) struct WantedEvent {
    pub(super) kind: EventKind,
    pub(super) rows: Vec<EventRow>,
    /// For each row what it is counted in, and how much of it there is.
    pub(super) scopes: Vec<Vec<(Uuid, i64)>>,
    pub(super) pieces_max: i64,
    /// What an erasure would have left of its customer.
    pub(super) tombstone: Option<Vec<u8>>,
}

/// A batch that is ready to be taken.
#[derive(Clone, Debug)]
pub struct Prepared {
    pub(super) ids: Vec<MessageId>,
    pub(super) wanted: Vec<Wanted>,
    pub(super) letters: Vec<(usize, DeadLetter)>,
    pub(super) duplicates: u64,
}

/// Fixes what a batch needs. Of messages with one id in one batch the first is taken.
pub fn prepare(batch: Batch, outside: &Outside, ids: &dyn IdSource, now: Timestamp) -> Prepared {
    let mut prepared =
        Prepared { ids: Vec::new(), wanted: Vec::new(), letters: Vec::new(), duplicates: 0 };
    let mut seen = HashSet::new();
    let (source, form) = (batch.source, batch.form);
    let is_browser = batch.trust != Trust::Server;
    let letter = |unreadable: Unreadable| {
        let letter_id: DeadLetterId = new_id(ids);
        let letter = DeadLetter {
            letter_id,
            source: source.clone(),
            form,
            reason: unreadable.reason,
            pointer: unreadable.pointer,
            raw: sealed(outside, letter_id, &unreadable.raw),
            people: people_in(&unreadable.raw),
            received_at: now,
            is_browser,
            attempts: 0,
            replayed_at: None,
        };
        (unreadable.index, letter)
    };
    for Message { index, incoming, raw } in batch.messages {
        if let Err(refusal) = check(&incoming, is_browser, now) {
            let (reason, pointer) = (refusal.reason, refusal.pointer);
            prepared.letters.push(letter(Unreadable { index, reason, pointer, raw }));
            continue;
        }
        let id = message_id(&source, &incoming);
        if !seen.insert(id.message) {
            prepared.duplicates += 1;
            continue;
        }
        prepared.ids.push(id);
        prepared.wanted.push(match incoming {
            Incoming::Identified(identified) => Wanted::Identified(identified),
            Incoming::Event(event) => wanted(event, (&source, id.message), batch.trust, now),
        });
    }
    prepared.letters.extend(batch.unreadable.into_iter().map(letter));
    prepared
}

/// The first 16 bytes of SHA-256 over the parts, each with its length before it.
fn hash(parts: &[&[u8]]) -> [u8; 16] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let mut short = [0; 16];
    short.copy_from_slice(&hasher.finalize()[..16]);
    short
}

/// What is remembered of a message. Its time is no content: senders that lost an answer may send the
/// same message with a new one.
fn message_id(source: &str, incoming: &Incoming) -> MessageId {
    let message = Uuid::from_bytes(hash(&[source.as_bytes(), incoming.message_id().as_bytes()]));
    let mut said = Sha256::new();
    let mut part = |text: &str| {
        said.update((text.len() as u64).to_le_bytes());
        said.update(text);
    };
    match incoming {
        Incoming::Event(event) => {
            part(event.kind.as_str());
            for item in &event.items {
                part(item.sku.as_str());
                part(&item.quantity.to_string());
            }
            part(event.order.as_deref().unwrap_or_default());
        }
        Incoming::Identified(identified) => {
            part(&identified.anonymous);
            part(identified.customer.as_str());
        }
    }
    let mut content = [0; 8];
    content.copy_from_slice(&said.finalize()[..8]);
    MessageId { message, content: i64::from_le_bytes(content) }
}

/// An id that rises with the time of receipt and is the same whenever the batch is prepared then.
fn event_id(message: Uuid, now: Timestamp) -> Uuid {
    let millis = u64::try_from(now.as_micros() / 1_000).unwrap_or(0);
    let mut low = [0; 10];
    low.copy_from_slice(&message.as_bytes()[..10]);
    uuid::Builder::from_unix_timestamp_millis(millis, &low).into_uuid()
}

fn wanted(
    event: ShopperEvent,
    (source, message): (&str, Uuid),
    trust: Trust,
    now: Timestamp,
) -> Wanted {
    let event_id = event_id(message, now);
    let kind = event.kind;
    let at = event.at.min(now);
    let shopper = event.shopper;
    let tombstone = shopper.customer.as_ref().map(tombstone);
    let row = |ordinal: usize, sku: Option<String>, quantity: i64, price: Option<i64>| EventRow {
        event_id,
        ordinal: i64::try_from(ordinal).unwrap_or(i64::MAX),
        kind: kind.as_str().to_owned(),
        source: source.to_owned(),
        customer_id: shopper.customer.as_ref().map(|id| id.as_str().to_owned()),
        anonymous_id: shopper.anonymous.clone(),
        session_id: shopper.session.clone(),
        sku,
        quantity,
        unit_price_micros: price,
        currency: event.currency.map(|currency| currency.code().to_owned()),
        order_number: event.order.clone(),
        recommendation: event.recommendation.clone(),
        counted: false,
        at,
        received_at: now,
    };
    let mut rows: Vec<EventRow> = event
        .items
        .iter()
        .enumerate()
        .map(|(ordinal, item)| {
            let sku = item.sku.as_str().to_owned();
            row(
                ordinal,
                Some(sku),
                item.quantity,
                item.unit_price.map(shopwright_domain::money::UnitPrice::micros),
            )
        })
        .collect();
    if rows.is_empty() {
        rows.push(row(0, None, 0, None));
    }
    let scopes = match trust {
        Trust::Browser { address } if moves_demand(kind) => {
            rows.iter().map(|row| scopes(row, kind, address)).collect()
        }
        _ => vec![Vec::new(); rows.len()],
    };
    let pieces_max = match trust {
        Trust::Server => i64::MAX,
        Trust::Browser { .. } => Caps::STANDARD.pieces,
    };
    Wanted::Event(WantedEvent { kind, rows, scopes, pieces_max, tombstone })
}

/// What a row of a browser is counted in, and how much of it there is.
fn scopes(row: &EventRow, kind: EventKind, address: [u8; 16]) -> Vec<(Uuid, i64)> {
    let caps = Caps::STANDARD;
    // Of the hour it is received in: what it says of itself opens no other hour.
    let hour = hour_of(row.received_at).as_micros().to_le_bytes();
    let sku = row.sku.as_deref().unwrap_or_default().as_bytes();
    let session = row.session_id.as_deref().or(row.anonymous_id.as_deref()).unwrap_or_default();
    let scope = |parts: &[&[u8]]| Uuid::from_bytes(hash(parts));
    // A visit is one of its address: a made-up session does not use up anybody else's.
    let visit =
        scope(&[b"visit", &hour, &address, session.as_bytes(), sku, kind.as_str().as_bytes()]);
    vec![
        (visit, caps.session_product),
        (scope(&[b"product", &hour, &address, sku]), caps.address_product),
        (scope(&[b"address", &hour, &address]), caps.address),
    ]
}
