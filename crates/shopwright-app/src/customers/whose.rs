//! Whom a customer's id stands for today.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};
use shopwright_domain::customers::CustomerId;
use shopwright_domain::time::Timestamp;
use shopwright_store::customers::{self, Resolution};
use shopwright_store::{StoreError, Tx};

use super::customer_events::tell_put;
use crate::catalog::Put;

/// How often a customer is looked up again when it is merged or erased while we wait for its row.
const LOOKS_MAX: usize = 4;
/// Bytes of the hash that the audit log shows: no two customers share so many.
const AUDITED_BYTES: usize = 16;

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

/// What the audit log calls a customer: the start of the hash, so that the log, which nothing is taken
/// out of, names nobody when the person is erased. Who knows an id finds its entries by it.
pub fn audited_customer(id: &CustomerId) -> String {
    tombstone(id).iter().take(AUDITED_BYTES).fold("customer/".to_owned(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
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
