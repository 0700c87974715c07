//! What a row says is taken into the ledger: a product, a count, a person, an order with what became
//! of it. Taking the same in again changes nothing.
//!
//! What platforms say is applied in one way, by webhook or by file ([`crate::platforms`]). Here is what
//! only files need: they name people by mail address, and a table of the shop's own counts its own
//! shelves.

use sha2::{Digest, Sha256};
use shopwright_domain::catalog::Sku;
use shopwright_domain::customers::{CustomerFields, CustomerId};
use shopwright_domain::ids::{IdSource, ImportId, derived_uuid};
use shopwright_domain::inventory::Authority;
use shopwright_domain::money::Currency;
use shopwright_domain::platforms::layout::Item;
use shopwright_domain::platforms::{Platform, PlatformCustomer, PlatformStock, PlatformVariant};
use shopwright_store::audit::Stamp;
use shopwright_store::customers::{self, CustomerFilter};
use shopwright_store::inventory::{self, DEFAULT_LOCATION};
use shopwright_store::{Page, StoreError, Tx};
use uuid::Uuid;

use super::applying_orders::{take_order, take_payment};
use crate::customers::{PutCustomerError, put_customer};
use crate::inventory::{CountStock, count_in, put_location_in, set_backorder_in};
use crate::platforms::{
    Applied, ApplyError, ApplyIds, apply_stock, apply_variant, customer_id, location_of,
};

/// Where a location that a table brings stands among those that are asked: behind the shop's own.
const NEW_PRIORITY: i64 = 1_000;

/// The one id that is fixed for a thing.
struct Fixed(Uuid);

impl IdSource for Fixed {
    fn next_uuid(&self) -> Uuid {
        self.0
    }
}

/// What everything of one run shares.
#[derive(Clone, Debug)]
pub(super) struct TakeWith {
    /// The platform whose export it is.
    pub(super) platform: Option<Platform>,
    /// The name under which orders and people are unique.
    pub(super) source: String,
    /// For amounts that name no currency.
    pub(super) currency: Currency,
    /// The run.
    pub(super) import_id: ImportId,
    /// Who imports, when.
    pub(super) stamp: Stamp,
}

/// Takes in what some rows say. `id` was fixed before, so that a second run makes the same.
pub(super) fn take(
    tx: &mut Tx<'_>,
    item: &Item,
    id: Uuid,
    with: &TakeWith,
) -> Result<Applied, ApplyError> {
    let ids = ApplyIds::new(&Fixed(id));
    match item {
        Item::Order(order) => take_order(tx, order, (id, &ids), with.stamp),
        Item::Payment(payment) => take_payment(tx, payment, (id, &ids), with.stamp),
        Item::Variant(variant) => take_variant(tx, variant, with),
        Item::Stock(stock) => take_stock(tx, stock, with),
        Item::Customer(person) => {
            let external = external_id(tx, &with.source, person)?;
            let Some(external) = external else {
                return Err(ApplyError::Refused("neither an id nor an address".to_owned()));
            };
            let id = customer_id(&with.source, &external)?;
            Ok(put_person(tx, &id, person, with.stamp)?)
        }
    }
}

fn either(one: Applied, other: Applied) -> Applied {
    if matches!(other, Applied::Created | Applied::Updated) { other } else { one }
}

/// WooCommerce has no other export of its stock. Shopify has: its count of all locations together would
/// stand beside them. A table of the shop's own opens the count of what is not counted yet.
fn take_variant(
    tx: &mut Tx<'_>,
    variant: &PlatformVariant,
    with: &TakeWith,
) -> Result<Applied, ApplyError> {
    let Some(sku) = &variant.sku else {
        return Err(ApplyError::Refused("the product has no SKU".to_owned()));
    };
    // Shopify's export has no ids of variants, so there is nothing to list.
    let platform = with.platform.filter(|_| !variant.ids.variant_id.is_empty());
    let mut applied = apply_variant(tx, platform, variant, with.currency, with.stamp)?;
    match (variant.quantity, with.platform) {
        (Some(quantity), Some(Platform::Woocommerce)) => {
            let stock = PlatformStock {
                sku: Some(sku.clone()),
                inventory_item_id: None,
                location: None,
                quantity,
                counts_sold: false,
                at: with.stamp.at,
            };
            applied = either(applied, take_stock(tx, &stock, with)?);
        }
        (Some(quantity), None) if quantity >= 0 && inventory::levels_of(tx, sku)?.is_empty() => {
            count(tx, sku, DEFAULT_LOCATION, quantity, with)?;
            applied = either(applied, Applied::Updated);
        }
        _ => {}
    }
    if let Some(backorder) = variant.backorder
        && inventory::shelf::backorder(tx, sku)?.is_some_and(|kept| kept != backorder)
    {
        set_backorder_in(tx, sku, backorder, with.stamp)?;
        applied = either(applied, Applied::Updated);
    }
    Ok(applied)
}

fn take_stock(
    tx: &mut Tx<'_>,
    stock: &PlatformStock,
    with: &TakeWith,
) -> Result<Applied, ApplyError> {
    let Some(sku) = &stock.sku else {
        return Err(ApplyError::Refused("the product has no SKU".to_owned()));
    };
    let location = match with.platform {
        Some(_) => location_of(&with.source, stock.location.as_deref())?,
        None => stock.location.as_deref().map_or_else(|| DEFAULT_LOCATION.to_owned(), place_name),
    };
    let level = inventory::levels_of(tx, sku)?.into_iter().find(|l| l.location == location);
    if level.is_some_and(|level| level.on_hand == stock.quantity) {
        return Ok(Applied::Unchanged);
    }
    if with.platform.is_some() {
        return apply_stock(tx, &with.source, stock, with.stamp);
    }
    if inventory::places::find_location(tx, &location)?.is_none() {
        put_location_in(tx, &location, Authority::Ours, NEW_PRIORITY, with.stamp)?;
    }
    count(tx, sku, &location, stock.quantity, with)?;
    Ok(Applied::Updated)
}

/// A place's name as the ledger writes such: `Main Street 5` is `main-street-5`.
fn place_name(name: &str) -> String {
    let parts = name.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-").to_lowercase()
}

fn count(
    tx: &mut Tx<'_>,
    sku: &Sku,
    location: &str,
    quantity: i64,
    with: &TakeWith,
) -> Result<(), ApplyError> {
    let reference = format!("{}:{}:{quantity}", with.import_id, with.stamp.at.as_micros());
    let command =
        CountStock { sku: sku.clone(), location: location.to_owned(), quantity, reference };
    count_in(tx, &command, with.stamp)?;
    Ok(())
}

/// What the source calls a person. Files name guests by mail address alone: whoever of this source has
/// that address already, else an id that follows from it.
pub(super) fn external_id(
    tx: &mut Tx<'_>,
    source: &str,
    person: &PlatformCustomer,
) -> Result<Option<String>, StoreError> {
    if let Some(email) = &person.email {
        let filter = CustomerFilter { email: Some(email.clone()), ..CustomerFilter::default() };
        let found = customers::list(tx, &filter, &Page::first(20))?;
        let prefix = format!("{source}:");
        let of_source = |id: &CustomerId| id.as_str().strip_prefix(&prefix).map(ToOwned::to_owned);
        let mut known = found.iter().filter_map(|customer| of_source(&customer.customer_id));
        if let Some(known) = known.next() {
            return Ok(Some(known));
        }
    }
    Ok(match (&person.external_id, &person.email) {
        (Some(id), _) => Some(id.clone()),
        (None, Some(email)) => {
            let hash = Sha256::digest(format!("{source}\0{}", email.to_lowercase()));
            let base = u128::from_be_bytes(std::array::from_fn(|place| hash[place]));
            Some(format!("guest:{}", derived_uuid(Uuid::from_u128(base), 0).simple()))
        }
        (None, None) => None,
    })
}

/// What is said of a person is laid over what is kept; a consent that is kept stays as it was given.
fn put_person(
    tx: &mut Tx<'_>,
    id: &CustomerId,
    person: &PlatformCustomer,
    stamp: Stamp,
) -> Result<Applied, PutCustomerError> {
    let kept = customers::find(tx, id)?.map(|customer| customer.fields).unwrap_or_default();
    let lay = |new: &Option<String>, kept: &Option<String>| new.clone().or_else(|| kept.clone());
    let mut tags = kept.tags.clone();
    tags.extend(person.tags.iter().filter(|tag| !kept.tags.contains(tag)).cloned());
    let consent = match (&kept.consent, &person.consent) {
        (Some(kept), Some(new)) if kept.marketing == new.marketing => Some(kept.clone()),
        (Some(kept), Some(new)) if kept.at > new.at => Some(kept.clone()),
        (kept, new) => new.clone().or_else(|| kept.clone()),
    };
    let mut addresses = kept.addresses.clone();
    addresses.extend(person.addresses.iter().filter(|a| !kept.addresses.contains(a)).cloned());
    let country = person.addresses.iter().find_map(|address| address.country.clone());
    let fields = CustomerFields {
        email: lay(&person.email, &kept.email),
        name: lay(&person.name, &kept.name),
        phone: lay(&person.phone, &kept.phone),
        locale: lay(&person.locale, &kept.locale),
        country: kept.country.clone().or(country),
        tags,
        consent,
        addresses,
    };
    let (_, put) = put_customer(tx, id, &fields, stamp.at)?;
    Ok(match put {
        crate::catalog::Put::Created => Applied::Created,
        crate::catalog::Put::Updated => Applied::Updated,
        crate::catalog::Put::Unchanged => Applied::Unchanged,
    })
}
