//! What a row says is taken into the ledger: a product, a count, a person, an order with what became
//! of it. Taking the same in again changes nothing.
//!
//! A file is a picture of one moment. It makes what is not there and moves an order on to what it
//! shows; it never takes back what the ledger has learnt since.

use sha2::{Digest, Sha256};
use shopwright_domain::catalog::{ProductFields, SHOP_ID_BYTES_MAX};
use shopwright_domain::customers::{CustomerFields, CustomerId};
use shopwright_domain::ids::{ImportId, derived_uuid};
use shopwright_domain::inventory::Authority;
use shopwright_domain::money::Currency;
use shopwright_domain::platforms::layout::Item;
use shopwright_domain::platforms::{PlatformCustomer, PlatformStock, PlatformVariant};
use shopwright_store::audit::Stamp;
use shopwright_store::customers::{self, CustomerFilter};
use shopwright_store::inventory::{self, DEFAULT_LOCATION};
use shopwright_store::{Page, Place, StoreError, Tx, catalog};
use uuid::Uuid;

use super::applying_orders::{apply_order, apply_payment};
use crate::catalog::{Put, PutProductError, fields_of, put_product};
use crate::customers::{PutCustomerError, put_customer};
use crate::inventory::{
    CountStock, LocationChangeError, ShelfError, count_in, put_location_in, set_backorder_in,
};

/// Where a location that a file brings stands among those that are asked: behind the shop's own.
const NEW_PRIORITY: i64 = 1_000;

/// What became of a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Applied {
    /// It is in the ledger now.
    Written,
    /// The ledger said so already.
    Unchanged,
}

impl From<Put> for Applied {
    fn from(put: Put) -> Self {
        match put {
            Put::Created | Put::Updated => Self::Written,
            Put::Unchanged => Self::Unchanged,
        }
    }
}

/// Why a thing was not taken in.
#[derive(Debug)]
pub(super) enum ApplyError {
    /// It cannot be booked, in a sentence for the rejects file.
    Refused(String),
    /// The ledger failed.
    Store(StoreError),
}

impl From<StoreError> for ApplyError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Errors with a case for the ledger become that; all others are refusals.
macro_rules! refusals {
    ($($error:ident),*) => {$(
        impl From<$error> for ApplyError {
            fn from(error: $error) -> Self {
                match error {
                    $error::Store(error) => Self::Store(error),
                    other => Self::Refused(other.to_string()),
                }
            }
        }
    )*};
}
pub(super) use refusals;

refusals!(PutProductError, PutCustomerError, ShelfError, LocationChangeError);

/// Takes in what some rows say. `id` was fixed before, so that a second run makes the same.
pub(super) fn apply(
    tx: &mut Tx<'_>,
    item: &Item,
    (id, source, import_id): (Uuid, &str, ImportId),
    stamp: Stamp,
) -> Result<Applied, ApplyError> {
    match item {
        Item::Order(order) => apply_order(tx, order, id, stamp),
        Item::Payment(payment) => apply_payment(tx, payment, id, stamp),
        Item::Variant(variant) => apply_variant(tx, variant, import_id, stamp),
        Item::Stock(stock) => apply_stock(tx, stock, import_id, stamp),
        Item::Customer(person) => {
            let id = customer_of(tx, source, person)?;
            let Some(id) = id else {
                return Err(ApplyError::Refused("neither an id nor an address".to_owned()));
            };
            Ok(put_person(tx, &id, person, stamp)?)
        }
    }
}

/// What the platform says of a product is laid over what is kept: what it leaves out stays.
fn apply_variant(
    tx: &mut Tx<'_>,
    variant: &PlatformVariant,
    import_id: ImportId,
    stamp: Stamp,
) -> Result<Applied, ApplyError> {
    let Some(sku) = &variant.sku else {
        return Err(ApplyError::Refused("the product has no SKU".to_owned()));
    };
    let kept = catalog::lock(tx, sku)?.map(|product| fields_of(&product));
    let currency = variant.currency.or(kept.as_ref().map(|kept| kept.currency));
    let Some(currency) = currency else {
        return Err(ApplyError::Refused("no currency is said for its amounts".to_owned()));
    };
    let fields = laid_over(kept, variant, currency, sku.as_str());
    let mut applied = Applied::from(put_product(tx, sku, &fields, stamp)?);
    if let Some(quantity) = variant.quantity {
        // Opens the count; once there is one, stock files and counts correct it.
        if inventory::counted_at(tx, &[sku.as_str()])?.is_empty() && quantity >= 0 {
            count(tx, sku, DEFAULT_LOCATION, quantity, import_id, stamp)?;
            applied = Applied::Written;
        }
    }
    if let Some(backorder) = variant.backorder
        && inventory::shelf::backorder(tx, sku)?.is_some_and(|kept| kept != backorder)
    {
        set_backorder_in(tx, sku, backorder, stamp)?;
        applied = Applied::Written;
    }
    Ok(applied)
}

fn laid_over(
    kept: Option<ProductFields>,
    variant: &PlatformVariant,
    currency: Currency,
    sku: &str,
) -> ProductFields {
    let mut fields = kept.unwrap_or_else(|| ProductFields {
        title: sku.to_owned(),
        category: None,
        kind: variant.kind,
        currency,
        base_price_minor: None,
        cost_minor: None,
        compare_at_minor: None,
        map_minor: None,
        status: variant.status,
        attributes: serde_json::Map::new(),
        images: Vec::new(),
        add_on_of: Vec::new(),
        tax_class: None,
    });
    fields.currency = currency;
    fields.kind = variant.kind;
    fields.status = variant.status;
    if !variant.title.is_empty() {
        fields.title.clone_from(&variant.title);
    }
    if variant.category.is_some() {
        fields.category.clone_from(&variant.category);
    }
    fields.base_price_minor = variant.price_minor.or(fields.base_price_minor);
    fields.compare_at_minor = variant.compare_at_minor.or(fields.compare_at_minor);
    fields.cost_minor = variant.cost_minor.or(fields.cost_minor);
    if !variant.images.is_empty() {
        fields.images.clone_from(&variant.images);
    }
    for (name, value) in &variant.attributes {
        fields.attributes.insert(name.clone(), value.clone());
    }
    fields
}

fn apply_stock(
    tx: &mut Tx<'_>,
    stock: &PlatformStock,
    import_id: ImportId,
    stamp: Stamp,
) -> Result<Applied, ApplyError> {
    let Some(sku) = &stock.sku else {
        return Err(ApplyError::Refused("the product has no SKU".to_owned()));
    };
    let location =
        stock.location.as_deref().map_or_else(|| DEFAULT_LOCATION.to_owned(), place_name);
    if inventory::places::find_location(tx, &location)?.is_none() {
        put_location_in(tx, &location, Authority::External, NEW_PRIORITY, stamp)?;
    }
    let level = inventory::levels_of(tx, sku)?.into_iter().find(|l| l.location == location);
    let shown = |level: &inventory::StockLevel| level.on_hand;
    if level.as_ref().map(shown) == Some(stock.quantity) {
        return Ok(Applied::Unchanged);
    }
    count(tx, sku, &location, stock.quantity, import_id, stamp)?;
    Ok(Applied::Written)
}

/// A place's name as the ledger writes such: `Main Street 1` is `main-street-1`.
fn place_name(name: &str) -> String {
    let parts = name
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("-").to_lowercase()
}

fn count(
    tx: &mut Tx<'_>,
    sku: &shopwright_domain::catalog::Sku,
    location: &str,
    quantity: i64,
    import_id: ImportId,
    stamp: Stamp,
) -> Result<(), ApplyError> {
    let reference = format!("{import_id}:{}:{quantity}", stamp.at.as_micros());
    let command =
        CountStock { sku: sku.clone(), location: location.to_owned(), quantity, reference };
    count_in(tx, &command, stamp)?;
    Ok(())
}

/// Under which id a person is known: who has the mail address already, else the id of the source,
/// else one that follows from the address.
pub(super) fn customer_of(
    tx: &mut Tx<'_>,
    source: &str,
    person: &PlatformCustomer,
) -> Result<Option<CustomerId>, ApplyError> {
    if let Some(email) = &person.email {
        let filter = CustomerFilter { email: Some(email.clone()), ..CustomerFilter::default() };
        let found = customers::list(tx, &filter, &Page { place: Place::First, limit: 1 })?;
        if let Some(known) = found.into_iter().next() {
            return Ok(Some(known.customer_id));
        }
    }
    let id = match (&person.external_id, &person.email) {
        (Some(id), _) => format!("{source}:{id}"),
        (None, Some(email)) => {
            let hash = Sha256::digest(format!("{source}\0{}", email.to_lowercase()));
            let base = u128::from_be_bytes(std::array::from_fn(|place| hash[place]));
            format!("{source}:guest:{}", derived_uuid(Uuid::from_u128(base), 0).simple())
        }
        (None, None) => return Ok(None),
    };
    if id.len() > SHOP_ID_BYTES_MAX {
        return Err(ApplyError::Refused("the customer's id is longer than 200 bytes".to_owned()));
    }
    id.parse().map(Some).map_err(|_| ApplyError::Refused(format!("`{id}` is no customer id")))
}

/// What is said of a person is laid over what is kept; a consent that is kept stays as it was given.
pub(super) fn put_person(
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
    let new_addresses = person.addresses.iter().filter(|new| !kept.addresses.contains(new));
    let mut addresses = kept.addresses.clone();
    addresses.extend(new_addresses.cloned());
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
    put_customer(tx, id, &fields, stamp.at).map(|(_, put)| put.into())
}
