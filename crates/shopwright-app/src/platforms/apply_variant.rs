//! A variant of a platform's product, put as a product of ours with its listing.
//!
//! The platform's price is the base price only where the owner set none and we never told the platform
//! one: a price we told it comes back as an echo, and one it shows beside ours is drift, noted on the
//! listing.

use shopwright_domain::catalog::{ProductFields, ProductStatus, Sku};
use shopwright_domain::money::Currency;
use shopwright_domain::platforms::booking::title;
use shopwright_domain::platforms::{Platform, PlatformVariant};
use shopwright_domain::time::Timestamp;
use shopwright_store::audit::Stamp;
use shopwright_store::catalog::{Product, SET_BY_OWNER};
use shopwright_store::listings::{self, Listing, Seen};
use shopwright_store::{Tx, catalog};

use super::{Applied, ApplyError};
use crate::catalog::{Put, by_platform, fields_of, put_product_by};

/// The SKU of a variant the shop gave none: `shopify:39072856`.
pub fn made_up_sku(source: &str, variant_id: &str) -> Result<Sku, ApplyError> {
    Sku::parse(&format!("{source}:{variant_id}"))
        .map_err(|error| ApplyError::Refused(error.to_string()))
}

/// Puts what a platform, or a file of none, says of a variant; amounts are in `currency` where it names
/// none itself.
pub fn apply_variant(
    tx: &mut Tx<'_>,
    platform: Option<Platform>,
    variant: &PlatformVariant,
    currency: Currency,
    stamp: Stamp,
) -> Result<Applied, ApplyError> {
    let source = platform.map_or("file", Platform::as_str);
    let sku = match &variant.sku {
        Some(sku) => sku.clone(),
        None => made_up_sku(source, &variant.ids.variant_id)?,
    };
    let at = variant.updated_at.unwrap_or(stamp.at);
    let listed = match platform {
        Some(platform) => listings::find_variant(tx, platform, &variant.ids.variant_id)?,
        None => None,
    };
    if listed.as_ref().is_some_and(|listed| listed.seen_at > at) {
        return Ok(Applied::Ignored("older than what is known"));
    }
    let currency = variant.currency.unwrap_or(currency);
    let kept = catalog::lock(tx, &sku)?;
    let fields = fields(variant, currency, (kept.as_ref(), listed.as_ref()));
    let put = put_product_by(tx, &sku, (&fields, &by_platform(source)), stamp)?;
    let mut applied = match put {
        Put::Created => Applied::Created,
        Put::Updated => Applied::Updated,
        Put::Unchanged => Applied::Unchanged,
    };
    if let Some(platform) = platform {
        let shown = variant.price_minor.map(|minor| (minor, currency));
        listings::see(tx, &Seen { platform, ids: &variant.ids, sku: &sku, shown, at })?;
        let shown_before = listed.as_ref().and_then(|listed| listed.shown).map(|(minor, _)| minor);
        let is_news =
            listed.is_none() || shown.is_some_and(|(minor, _)| shown_before != Some(minor));
        if applied == Applied::Unchanged && is_news {
            applied = Applied::Updated;
        }
    }
    Ok(applied)
}

fn fields(
    variant: &PlatformVariant,
    currency: Currency,
    (kept, listed): (Option<&Product>, Option<&Listing>),
) -> ProductFields {
    let known = kept.map(fields_of);
    let of_known = |pick: fn(&ProductFields) -> Option<i64>| known.as_ref().and_then(pick);
    let mut attributes = known.as_ref().map(|k| k.attributes.clone()).unwrap_or_default();
    attributes.extend(variant.attributes.clone());
    let said = title(&variant.title);
    let known_title = known.as_ref().map(|k| k.title.clone());
    let kept_images = known.as_ref().map(|k| k.images.clone()).unwrap_or_default();
    ProductFields {
        title: if said.is_empty() {
            known_title.unwrap_or_else(|| "Untitled".into())
        } else {
            said
        },
        category: variant.category.clone().or_else(|| known.as_ref()?.category.clone()),
        kind: variant.kind,
        currency,
        base_price_minor: base_price(variant, kept, listed),
        cost_minor: variant.cost_minor.or_else(|| of_known(|k| k.cost_minor)),
        compare_at_minor: variant.compare_at_minor.or_else(|| of_known(|k| k.compare_at_minor)),
        map_minor: of_known(|k| k.map_minor),
        status: variant.status,
        attributes,
        images: if variant.images.is_empty() { kept_images } else { variant.images.clone() },
        add_on_of: known.as_ref().map(|k| k.add_on_of.clone()).unwrap_or_default(),
        tax_class: known.and_then(|k| k.tax_class),
    }
}

fn base_price(
    variant: &PlatformVariant,
    kept: Option<&Product>,
    listed: Option<&Listing>,
) -> Option<i64> {
    let base = kept.and_then(|kept| kept.base_price_minor);
    let by_owner = kept
        .and_then(|kept| kept.base_price_from.as_ref())
        .is_some_and(|from| from["rule"] == SET_BY_OWNER);
    let was_told = listed.is_some_and(|listed| listed.published.is_some());
    if base.is_some() && (by_owner || was_told) { base } else { variant.price_minor.or(base) }
}

/// Takes a product that a platform no longer has off: its listings, and each product of ours that no
/// platform shows any more.
pub fn remove_product(
    tx: &mut Tx<'_>,
    platform: Platform,
    product_id: &str,
    (said_at, stamp): (Timestamp, Stamp),
) -> Result<Applied, ApplyError> {
    let skus = listings::skus_of_product(tx, platform, product_id)?;
    listings::remove_others(tx, (platform, product_id), &[], said_at)?;
    let mut applied = Applied::Unchanged;
    for sku in skus {
        let mut listed = Vec::new();
        for platform in Platform::ALL {
            listed.extend(listings::of_skus(tx, platform, &[&sku])?);
        }
        let Some(kept) = catalog::lock(tx, &sku)?.filter(|_| listed.is_empty()) else { continue };
        let mut fields = fields_of(&kept);
        fields.status = ProductStatus::Archived;
        let by = kept.base_price_from.clone().unwrap_or_else(|| by_platform(platform.as_str()));
        if put_product_by(tx, &sku, (&fields, &by), stamp)? != Put::Unchanged {
            applied = Applied::Updated;
        }
    }
    Ok(applied)
}
