//! A person as a platform knows them, put as a customer of ours.

use shopwright_domain::customers::{CustomerFields, CustomerId};
use shopwright_domain::platforms::PlatformCustomer;
use shopwright_store::audit::Stamp;
use shopwright_store::platforms::{Spoken, note_said};
use shopwright_store::{Tx, customers};

use super::{Applied, ApplyError};
use crate::catalog::Put;
use crate::customers::{Whose, put_customer, whose};

/// What we call a platform's person: `shopify:207119551`. Two platforms may count from the same
/// number, so the source is part of it.
pub fn customer_id(source: &str, external_id: &str) -> Result<CustomerId, ApplyError> {
    let id = format!("{source}:{external_id}").parse();
    id.map_err(|_| ApplyError::Refused(format!("`{external_id}` cannot be a customer's id")))
}

/// Puts what a platform says of a person. Guests are nobody; who was erased does not come back; what
/// is older than what is known changes nothing.
pub fn apply_customer(
    tx: &mut Tx<'_>,
    source: &str,
    customer: &PlatformCustomer,
    stamp: Stamp,
) -> Result<Applied, ApplyError> {
    let Some(external_id) = &customer.external_id else {
        return Ok(Applied::Ignored("a guest has no id to be kept under"));
    };
    let id = match whose(tx, &customer_id(source, external_id)?)? {
        Whose::Of(id) => id,
        Whose::Erased => return Ok(Applied::Ignored("the person was erased")),
    };
    let said = customer.updated_at.or(customer.created_at);
    if let Some(at) = said
        && !note_said(tx, (source, Spoken::Customer, external_id), at)?
    {
        return Ok(Applied::Ignored("older than what is known"));
    }
    let known = customers::find(tx, &id)?.map(|known| known.fields);
    let fields = fields(customer, known.unwrap_or_default());
    Ok(match put_customer(tx, &id, &fields, stamp.at)?.1 {
        Put::Created => Applied::Created,
        Put::Updated => Applied::Updated,
        Put::Unchanged => Applied::Unchanged,
    })
}

/// What the platform does not say stays as it is known.
fn fields(customer: &PlatformCustomer, known: CustomerFields) -> CustomerFields {
    let some = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    let country = customer.addresses.iter().find_map(|address| address.country.clone());
    CustomerFields {
        email: some(&customer.email).or(known.email),
        name: some(&customer.name).or(known.name),
        phone: some(&customer.phone).or(known.phone),
        locale: some(&customer.locale).or(known.locale),
        country: country.or(known.country),
        tags: if customer.tags.is_empty() { known.tags } else { customer.tags.clone() },
        consent: customer.consent.clone().or(known.consent),
        addresses: if customer.addresses.is_empty() {
            known.addresses
        } else {
            customer.addresses.clone()
        },
    }
}
