//! What is known of a customer, replaced as a whole.

use shopwright_domain::customers::{CustomerFields, CustomerId};
use shopwright_domain::invalid::{InvalidField, sentence};
use shopwright_domain::time::Timestamp;
use shopwright_store::customers::{self, Customer};
use shopwright_store::{StoreError, Tx};

use super::customer_events::tell_put;
use super::{Whose, whose};
use crate::catalog::Put;

/// Why a customer was refused.
#[derive(Debug, thiserror::Error)]
pub enum PutCustomerError {
    /// Fields that cannot be kept.
    #[error("{}", sentence(.0))]
    Invalid(Vec<InvalidField>),
    /// The person was erased.
    #[error("the customer {0} was erased and does not come back under this id; use a new one")]
    Erased(CustomerId),
    /// The id was merged into another customer.
    #[error("this id was merged into the customer {0}; change that one")]
    Merged(CustomerId),
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The customer an id stands for.
pub fn find_customer(tx: &mut Tx<'_>, id: &CustomerId) -> Result<Option<Customer>, StoreError> {
    match whose(tx, id)? {
        Whose::Of(id) => customers::find(tx, &id),
        Whose::Erased => Ok(None),
    }
}

/// Creates a customer, or replaces everything that is known of one.
pub fn put_customer(
    tx: &mut Tx<'_>,
    id: &CustomerId,
    fields: &CustomerFields,
    now: Timestamp,
) -> Result<(Customer, Put), PutCustomerError> {
    fields.check(now).map_err(PutCustomerError::Invalid)?;
    let is_new = match whose(tx, id)? {
        Whose::Erased => return Err(PutCustomerError::Erased(id.clone())),
        Whose::Of(other) if other != *id => return Err(PutCustomerError::Merged(other)),
        Whose::Of(_) => customers::insert(tx, id, fields.country.as_deref(), now)?,
    };
    if !customers::lock(tx, id)? {
        // Merged or erased while we waited for the row.
        return Err(StoreError::Busy.into());
    }
    let gone = || StoreError::Bug(format!("the customer {id} is locked and not there"));
    let kept = customers::find(tx, id)?.ok_or_else(gone)?;
    let known = kept.updated_at.is_some();
    if known && kept.fields == *fields {
        return Ok((kept, Put::Unchanged));
    }
    customers::write_fields(tx, id, fields, now)?;
    let written = customers::find(tx, id)?.ok_or_else(gone)?;
    let put = if is_new { Put::Created } else { Put::Updated };
    tell_put(tx, (id, written.version), put, now)?;
    Ok((written, put))
}
