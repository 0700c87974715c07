//! A person is dropped everywhere; amounts, and what the law makes a shop keep, stay.

use shopwright_domain::customers::CustomerId;
use shopwright_domain::ids::OrderId;
use shopwright_store::audit::{self, Stamp};
use shopwright_store::{StoreError, Tx, customers, inbound, orders};

use super::customer_events::tell_erased;
use super::whose::tombstone;
use super::{Whose, audited_customer, whose};

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
        } else {
            Err(EraseError::Unknown(id.clone()))
        };
    }
    let orders = orders::placed::of_customer(tx, &whose)?;
    let mut ids = customers::aliases_of(tx, &whose)?;
    ids.push(whose.clone());
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
