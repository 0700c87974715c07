//! Taking in what shoppers do: one way for every door, durable before it is answered.
//!
//! A batch is prepared outside the transaction (ids, hashes, sealed letters) and taken in one: ids are
//! remembered, rows written, hours of demand moved, visitors linked, and what cannot be taken is kept
//! as a dead letter with its reason.

mod dead;
mod import_events;
mod prepare;
mod sweep;
mod take;
mod traffic;

pub use dead::{Reader, ReplayError, Replayed, open_dead, people_in, person_hash, replay_dead};
pub use import_events::{EventsImportError, EventsSummary, import_events};
pub use prepare::{Batch, Message, Prepared, Trust, prepare};
pub use sweep::sweep_events;
pub use take::{Taken, take, take_in};
pub use traffic::Traffic;
