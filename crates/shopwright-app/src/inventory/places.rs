//! The places stock lies at, and whether a product may be sold beyond its shelf.

use serde_json::json;
use shopwright_domain::catalog::Sku;
use shopwright_domain::inventory::{Authority, LocationError, location_name};
use shopwright_store::audit::{self, Stamp};
use shopwright_store::inventory::places::{self, Location};
use shopwright_store::inventory::shelf;
use shopwright_store::{Change, StoreError, Tx, catalog};

/// Locations of a store at most.
const LOCATIONS_MAX: i64 = 100;

/// Why a location was refused.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LocationChangeError {
    /// The name cannot be one.
    #[error(transparent)]
    Name(#[from] LocationError),
    /// The priority is outside its range.
    #[error("the priority must be a whole number from 0 to 1000000")]
    Priority,
    /// There are enough.
    #[error("a store has {LOCATIONS_MAX} locations at most")]
    TooMany,
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a location, or changes who owns the truth about it and when it is asked. Gives it, and
/// whether it is new. What is promised already stays where it is.
pub fn put_location_in(
    tx: &mut Tx<'_>,
    name: &str,
    authority: Authority,
    priority: i64,
    stamp: Stamp,
) -> Result<(Location, bool), LocationChangeError> {
    location_name(name)?;
    if !(0..=1_000_000).contains(&priority) {
        return Err(LocationChangeError::Priority);
    }
    let known = places::find_location(tx, name)?;
    if known.is_none() && places::count_locations(tx)? >= LOCATIONS_MAX {
        return Err(LocationChangeError::TooMany);
    }
    let created_at = known.as_ref().map_or(stamp.at, |known| known.created_at);
    let put = Location { location: name.to_owned(), authority, priority, created_at };
    if known.as_ref() == Some(&put) {
        return Ok((put, false));
    }
    places::put_location(tx, &put)?;
    let audited = |location: &Location| json!({ "authority": location.authority.as_str(), "priority": location.priority });
    let action = if known.is_none() { "stock_location.created" } else { "stock_location.changed" };
    let object = format!("stock_location/{name}");
    let entry = stamp.entry(action, object, known.as_ref().map(audited), Some(audited(&put)));
    audit::record(tx, &entry)?;
    Ok((put, known.is_none()))
}

/// Allows or forbids selling a product beyond its shelf. `false` when there is no such product. What
/// is promised already stays promised.
pub fn set_backorder_in(
    tx: &mut Tx<'_>,
    sku: &Sku,
    allowed: bool,
    stamp: Stamp,
) -> Result<bool, StoreError> {
    catalog::lock(tx, sku)?;
    let Some(before) = shelf::backorder(tx, sku)? else { return Ok(false) };
    if before == allowed {
        return Ok(true);
    }
    shelf::set_backorder(tx, sku, allowed, stamp.at)?;
    tx.announce(Change::PriceInputs);
    let as_json = |backorder: bool| Some(json!({ "backorder": backorder }));
    let object = format!("stock/{sku}");
    let entry = stamp.entry("stock.backorder_set", object, as_json(before), as_json(allowed));
    audit::record(tx, &entry)?;
    Ok(true)
}
