//! Events from Redis Streams and Kafka: every message is taken into the ledger once, in the transaction
//! that moves the position of its shard.
//!
//! Nodes share the shards by leases in the ledger. A reader is never more than one chunk ahead of it, so
//! that a ledger that is busy or away slows reading down and nothing piles up in memory.

mod brokers;
mod intake;
mod ledger_signals;
mod node;
mod pause;
mod reader;
mod signals;
mod taking;

pub use brokers::Brokers;
pub use intake::{Intake, Received, StreamBatch, TakenChunk};
pub use ledger_signals::LedgerSignals;
pub use node::{Consuming, StreamOptions, keep_consuming};
pub use signals::{DemandSignals, SharedSignals, SignalSource, Stale};
pub use taking::EventIntake;
