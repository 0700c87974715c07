//! Our prices on the shop's platform: told when they change, and looked at now and then.
//!
//! What is to be told is never queued: it follows from the ledger (`shopwright_store::publishing`), so
//! whoever sends reads what stands at that moment. An effect only says that a group of variants is to
//! be looked after; two of one group never send at once, so an older price cannot overtake a newer one.

mod drift;
mod prices;
mod schedule;

pub(crate) use drift::check_drift;
pub use drift::{CHECK_DRIFT, schedule_drift_check};
pub(crate) use prices::{given_up, publish};
pub use schedule::{keep_publishing, publish_again, schedule_publishing};
