//! Prices told to the shop's platform: once they change, the latest one, whatever fails on the way.

mod drift;
mod platform;
mod shopify;
mod woocommerce;

use std::sync::Arc;

use shopwright_app::catalog::put_product;
use shopwright_app::effects::{Outside, Performers, WorkOptions, Working, keep_working};
use shopwright_app::pricing::{PolicyScope, set_policy};
use shopwright_app::publish::schedule_publishing;
use shopwright_domain::catalog::{ProductFields, ProductKind, ProductStatus, Sku};
use shopwright_domain::platforms::{Platform, VariantIds};
use shopwright_domain::pricing::PolicyPatch;
use shopwright_domain::time::{Clock as _, DAY};
use shopwright_gateways::shop;
use shopwright_store::Store;
use shopwright_store::listings::{self, Listing, Seen};

use crate::harness::Shop;

pub fn sku(text: &str) -> Sku {
    Sku::parse(text).unwrap()
}

/// A product at 10.00 GBP that the platform shows as this variant of that product.
pub fn listed(shop: &Shop, code: &str, platform: Platform, (product, variant): (&str, &str)) {
    let fields = ProductFields {
        title: code.to_owned(),
        category: None,
        kind: ProductKind::Physical,
        currency: "GBP".parse().unwrap(),
        base_price_minor: Some(1_000),
        cost_minor: Some(400),
        compare_at_minor: None,
        map_minor: None,
        status: ProductStatus::Active,
        attributes: serde_json::Map::new(),
        images: Vec::new(),
        add_on_of: Vec::new(),
        tax_class: None,
    };
    let (sku, stamp) = (sku(code), shop.stamp());
    let ids = VariantIds {
        product_id: product.to_owned(),
        variant_id: variant.to_owned(),
        inventory_item_id: None,
    };
    shop.run(shop.store.write(move |tx| {
        put_product(tx, &sku, &fields, stamp)?;
        let shown = Some((900, "GBP".parse().unwrap()));
        let seen = Seen { platform, ids: &ids, sku: &sku, shown, at: stamp.at.plus_micros(-DAY) };
        listings::see(tx, &seen)?;
        Ok::<_, shopwright_app::catalog::PutProductError>(())
    }))
    .unwrap();
}

/// Has the owner fix the price of a product.
pub fn pin(shop: &Shop, code: &str, minor: i64) {
    shop.set_time(shop.clock.now().plus_micros(1_000_000));
    let patch: PolicyPatch =
        serde_json::from_value(serde_json::json!({ "pin_minor": minor })).unwrap();
    let (scope, stamp) = (PolicyScope::Sku(sku(code)), shop.stamp());
    let currency = "GBP".parse().unwrap();
    shop.run(shop.store.write(move |tx| set_policy(tx, &scope, &patch, currency, stamp))).unwrap();
    shop.refresh();
}

/// Puts on its way what is to be told; gives how many groups of variants that are.
pub fn schedule(shop: &Shop, platform: Platform) -> usize {
    shop.run(schedule_publishing(&shop.store, platform, shop.clock.now(), &shop.ids)).unwrap()
}

/// A worker that reaches the platform.
pub fn work_with(shop: &Shop, store: &Store, outside: &Arc<Outside>, on: &shop::Shop) -> Working {
    let performers = Performers::new(store.clone(), shop.clock.clone(), Arc::clone(outside))
        .publishing_to(Some(on.clone()));
    let poll = std::time::Duration::from_millis(20);
    let options = WorkOptions { poll, ..WorkOptions::default() };
    shop.run(async {
        keep_working(store.clone(), shop.clock.clone(), Arc::new(performers), options)
    })
}

pub fn listing(shop: &Shop, platform: Platform, variant: &'static str) -> Listing {
    shop.read(move |tx| listings::find_variant(tx, platform, variant)).unwrap()
}

/// The price the platform took last, minor units.
pub fn published(shop: &Shop, platform: Platform, variant: &'static str) -> Option<i64> {
    listing(shop, platform, variant).published.map(|(minor, _)| minor)
}

pub fn effects_in(shop: &Shop, state: &'static str) -> i64 {
    shop.read(move |tx| {
        let sql = "SELECT COUNT(*) FROM effects WHERE state = $1";
        tx.one(sql, shopwright_store::params![state], |row| row.get(0))
    })
}
