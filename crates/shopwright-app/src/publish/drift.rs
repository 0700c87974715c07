//! What the platform shows, looked at: prices that somebody changed there, and products it lost.

use std::collections::BTreeMap;

use serde_json::json;
use shopwright_domain::ids::EffectId;
use shopwright_domain::money::parse_minor;
use shopwright_domain::platforms::{Platform, VariantIds};
use shopwright_domain::time::Timestamp;
use shopwright_gateways::shop::{Shop, ShopError, Shown};
use shopwright_store::effects::{Effect, Outcome};
use shopwright_store::jobs::{self, NewJob};
use shopwright_store::listings::{self, Listing};
use shopwright_store::{StoreError, Tx, publishing};

use crate::effects::{CALL_TIME_MAX, Performed, Performers};

/// The kind of the job that looks.
pub const CHECK_DRIFT: &str = "shop.check_drift";
/// Listings of one page; on Shopify also of one call.
const PAGE: i64 = 100;

/// Has the platform looked at, once for each `occasion`. `false`: that was asked for before.
pub fn schedule_drift_check(
    tx: &mut Tx<'_>,
    platform: Platform,
    occasion: &str,
    effect_id: EffectId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let key = format!("{CHECK_DRIFT}:{}:{occasion}", platform.as_str());
    let payload = json!({ "platform": platform });
    let job = NewJob { effect_id, kind: CHECK_DRIFT, payload, due_at: now, now };
    jobs::schedule(tx, &key, job)
}

/// Looks at everything that is listed. What was found before a call failed is kept; looking again
/// begins anew and does no harm.
pub(crate) async fn check_drift(performers: &Performers, effect: &Effect) -> Performed {
    let Some(shop) = performers.shop() else {
        let error = "there is no shop to look at: see the setting publish".to_owned();
        return Performed::bare(Outcome::GivenUp { error });
    };
    let platform = shop.platform();
    let mut after = String::new();
    loop {
        let from = after.clone();
        let page = performers.store.read(move |tx| listings::page(tx, platform, &from, PAGE)).await;
        let page: Vec<Listing> = match page {
            Ok(page) => page,
            Err(error) => return performers.failed(effect, error),
        };
        let Some(last) = page.last() else { return Performed::bare(Outcome::Done) };
        after.clone_from(&last.ids.variant_id);
        for group in groups(shop, page) {
            let at = performers.now();
            let ids: Vec<VariantIds> = group.iter().map(|listing| listing.ids.clone()).collect();
            let shown = match shop.look(&performers.outside.guard, &ids, CALL_TIME_MAX).await {
                Ok(shown) => shown,
                Err(ShopError::Refused(error)) => {
                    return Performed::bare(Outcome::GivenUp { error });
                }
                Err(error) => return performers.failed(effect, error),
            };
            if let Err(error) = note(performers, platform, (group, shown), at).await {
                return performers.failed(effect, error);
            }
        }
    }
}

/// Listings that one call can ask for.
fn groups(shop: &Shop, page: Vec<Listing>) -> Vec<Vec<Listing>> {
    if matches!(shop, Shop::Shopify(_)) {
        return vec![page];
    }
    let mut by_parent: BTreeMap<String, Vec<Listing>> = BTreeMap::new();
    for listing in page {
        let is_plain = listing.ids.product_id == listing.ids.variant_id;
        let parent = if is_plain { String::new() } else { listing.ids.product_id.clone() };
        by_parent.entry(parent).or_default().push(listing);
    }
    by_parent.into_values().collect()
}

async fn note(
    performers: &Performers,
    platform: Platform,
    (group, shown): (Vec<Listing>, Vec<Shown>),
    at: Timestamp,
) -> Result<(), StoreError> {
    performers
        .store
        .write(move |tx| {
            for (listing, (variant_id, price)) in group.iter().zip(&shown) {
                let key = (platform, variant_id.as_str());
                let Some(text) = price else {
                    publishing::note_look(tx, key, None, at)?;
                    continue;
                };
                let Some(currency) = publishing::currency_of(tx, listing)? else { continue };
                match parse_minor(text, currency) {
                    Ok(minor) => publishing::note_look(tx, key, Some(minor), at)?,
                    Err(error) => tracing::warn!(
                        sku = %listing.sku, %error, "the shop shows a price that cannot be read"
                    ),
                }
            }
            Ok(())
        })
        .await
}
