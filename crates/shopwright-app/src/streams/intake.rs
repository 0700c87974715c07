//! What the readers hand messages to: the operation that takes events into the ledger.

use shopwright_domain::catalog::Sku;
use shopwright_domain::time::Timestamp;
use shopwright_store::{StoreError, Tx};

/// One message as its broker gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The id it has when it names none itself: `{stream}/{shard}/{position}`.
    pub fallback_id: String,
    /// What was sent.
    pub raw: Vec<u8>,
    /// Why it cannot be an event, where the broker's form already says so.
    pub unfit: Option<String>,
}

/// Messages of one shard in their order; tombstones are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamBatch {
    /// Where they come from: `redis:{stream}` or `kafka:{topic}`.
    pub source: String,
    /// The messages.
    pub messages: Vec<Received>,
}

/// What came of a chunk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TakenChunk {
    /// Messages kept as dead letters.
    pub dead: i64,
    /// Products whose demand moved.
    pub touched: Vec<Sku>,
}

/// Takes messages into the ledger.
pub trait Intake: Send + Sync + 'static {
    /// A batch with everything fixed that a transaction may not make: ids, hashes, sealed letters.
    type Prepared: Send + Sync + 'static;

    /// Reads a batch and fixes what it needs; what cannot be read becomes a dead letter.
    fn prepare(&self, batch: StreamBatch, now: Timestamp) -> Self::Prepared;

    /// Takes it in the caller's transaction, which may run again. A message that is there already
    /// changes nothing.
    fn take_in(
        &self,
        tx: &mut Tx<'_>,
        batch: &Self::Prepared,
        now: Timestamp,
    ) -> Result<TakenChunk, StoreError>;

    /// Told of products whose demand moved, after the commit that moved it.
    fn committed(&self, _touched: Vec<Sku>) {}
}
