//! A person is dropped everywhere; amounts, and what the law makes a shop keep, stay.

use shopwright_domain::customers::CustomerId;
use shopwright_domain::ids::OrderId;
use shopwright_store::audit::{self, Stamp};
use shopwright_store::events::dead_letters;
use shopwright_store::{StoreError, Tx, customers, events, inbound, orders};

use super::customer_events::tell_erased;
use super::whose::tombstone;
use super::{Whose, audited_customer, whose};
use crate::events::person_hash;

/// Why nobody was erased.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// There is no such customer.
    #[error("there is no customer {0}")]
    Unknown(CustomerId),
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What was erased, so that copies outside the ledger's own tables can follow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Every id the person had; empty when it was erased before.
    pub ids: Vec<CustomerId>,
    /// The orders that stay, with nobody behind them.
    pub orders: Vec<OrderId>,
}

/// Erases the person an id stands for: details, addresses, other ids, names on orders. Orders and
/// refunds stay without a customer. A hash of each id stays behind, so that no import brings the
/// person back. Erasing again changes nothing.
pub fn erase_customer(
    tx: &mut Tx<'_>,
    id: &CustomerId,
    stamp: Stamp,
) -> Result<Erased, EraseError> {
    let Whose::Of(whose) = whose(tx, id)? else { return Ok(Erased::default()) };
    if !customers::lock(tx, &whose)? {
        return if customers::is_erased(tx, &tombstone(&whose))? {
            Ok(Erased::default())
        } else if forget_events(tx, std::slice::from_ref(&whose), None)? {
            // A visitor who never bought: known by what they looked at alone.
            customers::add_tombstone(tx, &tombstone(&whose), stamp.at)?;
            let object = audited_customer(&whose);
            audit::record(tx, &stamp.entry("customer.erased", object, None, None))?;
            Ok(Erased { ids: vec![whose], orders: Vec::new() })
        } else {
            Err(EraseError::Unknown(id.clone()))
        };
    }
    let orders = orders::placed::of_customer(tx, &whose)?;
    let mut ids = customers::aliases_of(tx, &whose)?;
    ids.push(whose.clone());
    let email = customers::find(tx, &whose)?.and_then(|customer| customer.fields.email);
    forget_events(tx, &ids, email.as_deref())?;
    customers::scrub_documents(tx, &whose)?;
    customers::repoint_documents(tx, &whose, None)?;
    customers::delete(tx, &whose)?;
    for id in &ids {
        customers::add_tombstone(tx, &tombstone(id), stamp.at)?;
        inbound::forget_customer(tx, &tombstone(id))?;
    }
    tell_erased(tx, &ids, stamp.at)?;
    let after = serde_json::json!({ "ids": ids.len(), "orders": orders.len() });
    let object = audited_customer(&whose);
    audit::record(tx, &stamp.entry("customer.erased", object, None, Some(after)))?;
    Ok(Erased { ids, orders: orders.into_iter().map(|order| order.order_id).collect() })
}

/// Takes a person off events and visitors, and throws away letters that name them. Gives whether there
/// was anything.
fn forget_events(
    tx: &mut Tx<'_>,
    ids: &[CustomerId],
    email: Option<&str>,
) -> Result<bool, StoreError> {
    // What could not be read at all may hold anybody.
    let mut hashes = vec![person_hash("")];
    hashes.extend(email.map(person_hash));
    let mut freed = 0;
    for id in ids {
        hashes.push(person_hash(id.as_str()));
        let visitors = events::visitors_of(tx, id.as_str())?;
        freed += u64::try_from(visitors.len()).unwrap_or(u64::MAX);
        hashes.extend(visitors.iter().map(|visitor| person_hash(visitor)));
        freed += events::forget_customer(tx, id.as_str())?;
    }
    dead_letters::forget_people(tx, &hashes)?;
    Ok(freed > 0)
}
