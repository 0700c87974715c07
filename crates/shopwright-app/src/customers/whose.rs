//! Whom a customer's id stands for today.

use sha2::{Digest, Sha256};
use shopwright_domain::customers::CustomerId;
use shopwright_domain::time::Timestamp;
use shopwright_store::customers::{self, Resolution};
use shopwright_store::{StoreError, Tx};

use super::customer_events::tell_put;
use crate::catalog::Put;

/// How often a customer is looked up again when it is merged or erased while we wait for its row.
const LOOKS_MAX: usize = 4;

/// Whom an id stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// This customer, known or not: the id itself, or the one it was merged into.
    Of(CustomerId),
    /// Nobody: the person was erased.
    Erased,
}

/// What an erasure leaves of an id. Not keyed: an id that could be guessed names no person by itself.
pub(crate) fn tombstone(id: &CustomerId) -> Vec<u8> {
    let mut hash = Sha256::new();
    hash.update(b"shopwright customer\0");
    hash.update(id.as_str());
    hash.finalize().to_vec()
}

/// Whom an id stands for.
pub fn whose(tx: &mut Tx<'_>, id: &CustomerId) -> Result<Whose, StoreError> {
    Ok(match customers::resolve(tx, id, &tombstone(id))? {
        Resolution::Itself => Whose::Of(id.clone()),
        Resolution::Merged(into) => Whose::Of(into),
        Resolution::Erased => Whose::Erased,
    })
}

/// Why there is no such buyer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BuyerError {
    /// The person was erased.
    #[error("the customer {0} was erased; leave the customer out, or use a new id")]
    Erased(CustomerId),
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The customer an order is booked on: made when nobody knew it, locked so that it is not merged or
/// erased before the order is booked.
pub(crate) fn buyer(
    tx: &mut Tx<'_>,
    id: &CustomerId,
    country: Option<&str>,
    (placed_at, now): (Timestamp, Timestamp),
) -> Result<CustomerId, BuyerError> {
    for _ in 0..LOOKS_MAX {
        let Whose::Of(whose) = whose(tx, id)? else { return Err(BuyerError::Erased(id.clone())) };
        if customers::insert(tx, &whose, country, now)? {
            tell_put(tx, (&whose, 1), Put::Created, now)?;
        }
        if customers::lock(tx, &whose)? {
            customers::note_order(tx, &whose, placed_at)?;
            return Ok(whose);
        }
    }
    Err(StoreError::Busy.into())
}
