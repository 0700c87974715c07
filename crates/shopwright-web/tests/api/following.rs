//! What another process writes into the same ledger is served within a second.

use shopwright_app::pricing::{PolicyScope, clear_policy, set_policy};
use shopwright_domain::catalog::Sku;
use shopwright_domain::pricing::PolicyPatch;
use shopwright_domain::time::HOUR;
use shopwright_store::catalog::{FoundBasePrice, insert_missing, set_base_prices};
use shopwright_store::{Store, StoreError};

use crate::harness::{STILL, Shop, currency, on_both, soon};
use crate::seed::sku;

const BULK: i64 = 10_000;
/// Products written in one transaction.
const CHUNK: usize = 1_000;

fn pin(shop: &Shop, store: &Store, amount_minor: i64) {
    let patch = PolicyPatch { pin_minor: Some(amount_minor), ..PolicyPatch::default() };
    let scope = PolicyScope::Sku(sku("85123A"));
    let now = shop.stamp();
    let put = store.write(move |tx| set_policy(tx, &scope, &patch, currency(), now));
    shop.wait(put).unwrap();
    shop.refresh(store);
}

#[test]
fn a_price_that_another_process_decides_is_served_within_a_second() {
    on_both(STILL, |shop| {
        let other = shop.another_process();
        for amount in [310, 320, 330] {
            shop.clock.advance(HOUR);
            pin(shop, &other, amount);
            soon("the other process's price", || shop.price_of("85123A") == amount);
        }
        shop.clock.advance(HOUR);
        let (scope, stamp) = (PolicyScope::Sku(sku("85123A")), shop.stamp());
        assert_eq!(shop.wait(other.write(move |tx| clear_policy(tx, &scope, stamp))), Ok(true));
        shop.refresh(&other);
        // From 330 the base price of 295 is more than a step of 10 % away.
        soon("a step towards the base price", || shop.price_of("85123A") == 297);
    });
}

#[test]
fn two_processes_that_decide_in_turns_serve_the_last_decision() {
    on_both(STILL, |shop| {
        let other = shop.another_process();
        for round in 0..4 {
            shop.clock.advance(HOUR);
            let store = if round % 2 == 0 { &other } else { &shop.store };
            pin(shop, store, 310 + round);
            soon("the last decision", || shop.price_of("85123A") == 310 + round);
        }
        let history = shop.get("/v1/prices/85123A/history").send().expect(200);
        assert_eq!(history["data"].as_array().unwrap().len(), 5);
    });
}

#[test]
fn a_catalogue_that_another_process_brings_in_is_served_within_a_second() {
    on_both(STILL, |shop| {
        let other = shop.another_process();
        let skus: Vec<String> = (0..BULK).map(|n| format!("bulk-{n:05}")).collect();
        for chunk in skus.chunks(CHUNK) {
            shop.wait(bring_in(&other, chunk.to_vec())).unwrap();
        }
        let refreshed = shop.refresh(&other);
        assert_eq!(refreshed.changed, BULK.unsigned_abs());
        let served = |place: i64| {
            let price = shop.get(&format!("/v1/prices/bulk-{place:05}")).send().expect(200);
            price["price"]["amount"].clone()
        };
        soon("the last of many prices", || served(BULK - 1) == 100 + BULK - 1);
        for place in (0..BULK).step_by(997) {
            assert_eq!(served(place), 100 + place);
        }
        let list = shop
            .post("/v1/prices/batch")
            .json(&serde_json::json!({ "skus": skus[..1_000] }))
            .send()
            .expect(200);
        assert!(
            list["data"].as_array().unwrap().iter().all(|item| item["price"]["amount"].is_i64())
        );
    });
}

/// Products with a base price of 100 and their number.
async fn bring_in(store: &Store, skus: Vec<String>) -> Result<(), StoreError> {
    let now = crate::harness::START.parse().unwrap();
    store
        .write(move |tx| {
            let titled: Vec<(&str, &str)> =
                skus.iter().map(|sku| (sku.as_str(), "One of many")).collect();
            insert_missing(tx, &titled, currency(), now)?;
            let found: Vec<FoundBasePrice> = skus
                .iter()
                .map(|sku| FoundBasePrice {
                    sku: Sku::parse(sku).unwrap(),
                    amount_minor: 100 + sku[5..].parse::<i64>().unwrap(),
                    from: serde_json::json!({ "rule": "modal_unit_price" }),
                })
                .collect();
            set_base_prices(tx, &found, now)?;
            Ok(())
        })
        .await
}
