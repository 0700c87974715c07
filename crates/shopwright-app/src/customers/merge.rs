//! Two ids of one person become one customer.

use shopwright_domain::customers::{CustomerFields, CustomerId};
use shopwright_domain::time::Timestamp;
use shopwright_store::audit::{self, Stamp};
use shopwright_store::customers::{self, Customer};
use shopwright_store::events;
use shopwright_store::{StoreError, Tx};

use super::customer_events::tell_merged;
use super::{Whose, audited_customer, whose};

/// Why two customers were not merged.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// Both ids are the same customer's.
    #[error("a customer is not merged into itself")]
    Itself,
    /// There is no customer to merge into.
    #[error("there is no customer {0}")]
    Unknown(CustomerId),
    /// One of them was erased.
    #[error("the customer {0} was erased")]
    Erased(CustomerId),
    /// The id was merged into another customer before.
    #[error("{from} was merged into the customer {into} before")]
    MergedElsewhere {
        /// The id.
        from: CustomerId,
        /// Whom it stands for.
        into: CustomerId,
    },
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Lets `from` stand for `into`: its orders and refunds move, what only it knew is kept, and later
/// orders under the old id are booked on the new one. Merging the same again changes nothing.
pub fn merge_customers(
    tx: &mut Tx<'_>,
    from: &CustomerId,
    into: &CustomerId,
    stamp: Stamp,
) -> Result<Customer, MergeError> {
    let now = stamp.at;
    let target = match whose(tx, into)? {
        Whose::Of(target) => target,
        Whose::Erased => return Err(MergeError::Erased(into.clone())),
    };
    if *from == target {
        return Err(MergeError::Itself);
    }
    let unknown = || MergeError::Unknown(into.clone());
    match whose(tx, from)? {
        Whose::Erased => return Err(MergeError::Erased(from.clone())),
        Whose::Of(of) if of == target => {
            return customers::find(tx, &target)?.ok_or_else(unknown);
        }
        Whose::Of(of) if of != *from => {
            return Err(MergeError::MergedElsewhere { from: from.clone(), into: of });
        }
        Whose::Of(_) => {}
    }
    // In key order, so that two merges cannot wait for each other.
    let mut both = [from, &target];
    both.sort();
    let there = [customers::lock(tx, both[0])?, customers::lock(tx, both[1])?];
    let is_there = |id: &CustomerId| there[usize::from(both[1] == id)];
    if !is_there(&target) {
        return Err(unknown());
    }
    let kept = customers::find(tx, &target)?.ok_or_else(unknown)?;
    if is_there(from)
        && let Some(other) = customers::find(tx, from)?
    {
        absorb(tx, &other, &kept, now)?;
    }
    events::merge_customers(tx, from.as_str(), target.as_str())?;
    customers::add_alias(tx, from, &target, now)?;
    tell_merged(tx, (from, &target), now)?;
    let merged = customers::find(tx, &target)?.ok_or_else(unknown)?;
    let after = serde_json::json!({ "from": audited_customer(from) });
    let object = audited_customer(&target);
    audit::record(tx, &stamp.entry("customer.merged", object, None, Some(after)))?;
    Ok(merged)
}

fn absorb(
    tx: &mut Tx<'_>,
    from: &Customer,
    into: &Customer,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (old, new) = (&from.customer_id, &into.customer_id);
    customers::repoint_documents(tx, old, Some(new))?;
    if let Some(at) = from.first_order_at {
        customers::note_order(tx, new, at)?;
    }
    let fields = joined(&into.fields, &from.fields);
    if fields != into.fields {
        customers::write_fields(tx, new, &fields, now)?;
    }
    // Ids that stood for the old one must not be lost with it.
    customers::add_alias(tx, old, new, now)?;
    customers::delete(tx, old)?;
    Ok(())
}

/// What is known of one, completed by the other. Of two consents the later one holds.
fn joined(one: &CustomerFields, other: &CustomerFields) -> CustomerFields {
    let mut fields = one.clone();
    let fill = |slot: &mut Option<String>, from: &Option<String>| {
        if slot.is_none() {
            slot.clone_from(from);
        }
    };
    fill(&mut fields.email, &other.email);
    fill(&mut fields.name, &other.name);
    fill(&mut fields.phone, &other.phone);
    fill(&mut fields.locale, &other.locale);
    fill(&mut fields.country, &other.country);
    let consents = [one.consent.clone(), other.consent.clone()];
    fields.consent = consents.into_iter().flatten().max_by_key(|consent| consent.at);
    let new_tags: Vec<_> =
        other.tags.iter().filter(|tag| !one.tags.contains(tag)).cloned().collect();
    fields.tags.extend(new_tags);
    let new_addresses = other.addresses.iter().filter(|a| !one.addresses.contains(a)).cloned();
    fields.addresses.extend(new_addresses);
    fields
}
