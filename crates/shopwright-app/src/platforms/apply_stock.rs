//! What a platform counts, mirrored at a place the platform owns.
//!
//! The pieces mirrored are those it says it can sell: Shopify leaves out what is sold and not sent.
//! A place of ours is never written over: what lies there is counted here.

use shopwright_domain::inventory::{Authority, location_name};
use shopwright_domain::platforms::{Platform, PlatformStock};
use shopwright_store::audit::Stamp;
use shopwright_store::inventory::places;
use shopwright_store::platforms::{Spoken, note_said};
use shopwright_store::{StoreError, Tx, listings};

use super::{Applied, ApplyError};
use crate::inventory::{CountStock, count_in, put_location_in};

/// Places of a platform are asked after every place of ours.
const PRIORITY: i64 = 1_000;

/// What we call a platform's place: `shopify-655441491`; the platform as a whole is `shopify`.
pub fn location_of(source: &str, place: Option<&str>) -> Result<String, ApplyError> {
    let name = match place {
        Some(place) => format!("{source}-{place}"),
        None => source.to_owned(),
    };
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let name: String = name.chars().map(plain).collect();
    location_name(&name).map_err(|error| ApplyError::Refused(error.to_string()))?;
    Ok(name)
}

/// Mirrors a count. A product that is not known yet is waited for; below zero is zero.
pub fn apply_stock(
    tx: &mut Tx<'_>,
    source: &str,
    stock: &PlatformStock,
    stamp: Stamp,
) -> Result<Applied, ApplyError> {
    let platform: Option<Platform> = source.parse().ok();
    let listed = match (platform, &stock.inventory_item_id) {
        (Some(platform), Some(item)) => listings::find_inventory_item(tx, platform, item)?,
        _ => None,
    };
    let Some(sku) = stock.sku.clone().or(listed.map(|listed| listed.sku)) else {
        let item = stock.inventory_item_id.as_deref().unwrap_or("nothing");
        return Err(ApplyError::Waits(format!(
            "no product is known that {source} counts as {item}; send its product"
        )));
    };
    let location = location_of(source, stock.location.as_deref())?;
    match places::find_location(tx, &location)? {
        Some(place) if place.authority == Authority::Ours => {
            return Ok(Applied::Ignored("the place is counted here, not by the platform"));
        }
        Some(_) => {}
        None => {
            put_location_in(tx, &location, Authority::External, PRIORITY, stamp)?;
        }
    }
    let counted = format!("{sku}@{location}");
    if !note_said(tx, (source, Spoken::Stock, &counted), stock.at)? {
        return Ok(Applied::Ignored("older than what is known"));
    }
    let quantity = stock.quantity.max(0);
    let reference = format!("{source}:{}:{quantity}", stock.at.as_micros());
    let count = CountStock { sku, location, quantity, reference };
    let change = count_in(tx, &count, stamp).map_err(|error| match error {
        crate::inventory::ShelfError::UnknownSku(sku) => {
            ApplyError::Waits(format!("there is no product {sku} yet; send it"))
        }
        other => other.into(),
    })?;
    let moved = change.new && change.movement.is_some();
    Ok(if moved { Applied::Updated } else { Applied::Unchanged })
}

/// When a platform last said how many pieces there are: how far the mirror is behind.
pub fn mirrored_at(
    tx: &mut Tx<'_>,
    source: &str,
    (sku, location): (&str, &str),
) -> Result<Option<shopwright_domain::time::Timestamp>, StoreError> {
    let counted = format!("{sku}@{location}");
    shopwright_store::platforms::last_said(tx, (source, Spoken::Stock, &counted))
}
