//! Shopify: what is sent, what is made of each answer, and that the last price wins.

use std::time::Duration;

use serde_json::{Value as Json, json};
use shopwright_app::pricing::set_freeze;
use shopwright_app::webhooks::retry_effect;
use shopwright_domain::ids::EffectId;
use shopwright_domain::platforms::Platform as Of;
use shopwright_domain::time::{Clock as _, HOUR};
use shopwright_gateways::shop::{Shop as On, Shopify};
use shopwright_store::params;

use super::platform::{Fault, Platform, Received, State};
use super::{effects_in, listed, listing, pin, published, schedule, work_with};
use crate::harness::{Shop, on_both};
use crate::outside::{outside, wait_until};
use crate::worker::run_out;

const FIRST: &str = "gid://shopify/ProductVariant/11";
const SECOND: &str = "gid://shopify/ProductVariant/12";

/// The two calls of the Admin API that we make, in version 2026-07.
pub fn shopify(state: &mut State, call: &Received) -> (u16, Json) {
    assert_eq!(
        (call.method.as_str(), call.target.as_str()),
        ("POST", "/admin/api/2026-07/graphql.json")
    );
    assert_eq!(call.header("x-shopify-access-token"), Some("shpat_test"));
    assert_eq!(call.header("content-type"), Some("application/json"));
    let (query, variables) = (call.body["query"].as_str().unwrap(), &call.body["variables"]);
    if query.starts_with("query") {
        let ids = variables["ids"].as_array().unwrap();
        let node = |id: &Json| {
            let price = state.prices.get(id.as_str().unwrap());
            price.map_or(Json::Null, |price| json!({ "id": id, "price": price }))
        };
        return (200, json!({ "data": { "nodes": ids.iter().map(node).collect::<Vec<_>>() } }));
    }
    assert!(query.contains("productVariantsBulkUpdate(productId: $productId, variants: $variants"));
    assert!(variables["productId"].as_str().unwrap().starts_with("gid://shopify/Product/"));
    let (mut changed, mut errors) = (Vec::new(), Vec::new());
    for (index, variant) in variables["variants"].as_array().unwrap().iter().enumerate() {
        let (id, price) = (variant["id"].as_str().unwrap(), variant["price"].as_str().unwrap());
        if let Some(why) = state.refused.get(id) {
            let field = json!(["variants", index.to_string(), "price"]);
            errors.push(json!({ "field": field, "message": why, "code": "INVALID" }));
        } else {
            state.prices.insert(id.to_owned(), price.to_owned());
            changed.push(json!({ "id": id, "price": price }));
        }
    }
    let done = json!({ "productVariants": changed, "userErrors": errors });
    (200, json!({ "data": { "productVariantsBulkUpdate": done } }))
}

fn platform() -> (Platform, On) {
    let platform = Platform::new(shopify, &[(FIRST, "9.00"), (SECOND, "9.00")]);
    let on = On::Shopify(Shopify::new(&platform.url(), "2026-07", "shpat_test".to_owned()));
    (platform, on)
}

/// Two variants of one product, decided at 10.00.
fn stocked(shop: &Shop) {
    listed(shop, "A-1", Of::Shopify, ("1", "11"));
    listed(shop, "A-2", Of::Shopify, ("1", "12"));
    shop.refresh();
}

fn throttled() -> String {
    let status =
        json!({ "maximumAvailable": 2000.0, "currentlyAvailable": 0, "restoreRate": 100.0 });
    json!({
        "errors": [{ "message": "Throttled", "extensions": { "code": "THROTTLED" } }],
        "extensions": { "cost": { "requestedQueryCost": 250, "throttleStatus": status } },
    })
    .to_string()
}

#[test]
fn a_changed_price_is_told_with_its_product_and_many_changes_are_told_as_the_last() {
    on_both(|shop| {
        stocked(shop);
        let (platform, on) = platform();
        for minor in [1_100, 1_150, 1_205] {
            pin(shop, "A-1", minor);
            schedule(shop, Of::Shopify);
        }
        assert_eq!(effects_in(shop, "waiting"), 1, "one product, one effect");
        let worker = work_with(shop, &shop.store, &outside(), &on);
        wait_until("it is told", || published(shop, Of::Shopify, "12") == Some(1_000));
        assert_eq!(
            (platform.price(FIRST), platform.price(SECOND)),
            ("12.05".into(), "10.00".into())
        );
        assert_eq!(platform.calls(), 1, "both variants in one call");
        wait_until("it is settled", || effects_in(shop, "done") == 1);
        assert_eq!(schedule(shop, Of::Shopify), 0, "nothing is left");
        pin(shop, "A-1", 1_300);
        assert_eq!(schedule(shop, Of::Shopify), 1);
        wait_until("the next is told", || published(shop, Of::Shopify, "11") == Some(1_300));
        let body = platform.with(|state| state.calls[1].body["variables"]["variants"].clone());
        assert_eq!(body, json!([{ "id": FIRST, "price": "13.00" }]), "only what changed");
        shop.assert_books_hold();
        drop(worker);
    });
}

#[test]
fn a_variant_that_is_refused_keeps_nobody_from_the_others_and_says_why() {
    on_both(|shop| {
        stocked(shop);
        let (platform, on) = platform();
        platform.with(|s| s.refused.insert(FIRST.to_owned(), "Price is not allowed".to_owned()));
        schedule(shop, Of::Shopify);
        let worker = work_with(shop, &shop.store, &outside(), &on);
        wait_until("it is told", || published(shop, Of::Shopify, "12") == Some(1_000));
        let refused = listing(shop, Of::Shopify, "11");
        assert_eq!(refused.publish_error.as_deref(), Some("Price is not allowed"));
        assert_eq!(refused.published, None);
        assert_eq!(schedule(shop, Of::Shopify), 0, "it is not offered again by itself");
        platform.with(|state| state.refused.clear());
        pin(shop, "A-2", 1_100);
        schedule(shop, Of::Shopify);
        wait_until("both are told", || published(shop, Of::Shopify, "11") == Some(1_000));
        assert_eq!(listing(shop, Of::Shopify, "11").publish_error, None);
        drop(worker);
    });
}

#[test]
fn whatever_fails_on_the_way_the_shop_shows_the_same_price_in_the_end() {
    let check = |fault: Fault, wait: i64| {
        on_both(|shop| {
            stocked(shop);
            let (platform, on) = platform();
            platform.fail(std::slice::from_ref(&fault));
            schedule(shop, Of::Shopify);
            let worker = work_with(shop, &shop.store, &outside(), &on);
            wait_until("it failed", || {
                platform.calls() == 1
                    && shop.number(
                        "SELECT COUNT(*) FROM effects WHERE state = 'waiting' AND lease_token > 0",
                    ) == 1
            });
            shop.set_time(shop.clock.now().plus_micros((wait - 1) * 1_000_000));
            std::thread::sleep(Duration::from_millis(60));
            assert_eq!(platform.calls(), 1, "too early after {fault:?}");
            shop.set_time(shop.clock.now().plus_micros(2_000_000));
            wait_until("it is told", || published(shop, Of::Shopify, "11") == Some(1_000));
            assert_eq!(platform.price(FIRST), "10.00", "{fault:?}");
            assert_eq!(platform.calls(), 2, "{fault:?}");
            drop(worker);
        });
    };
    // What has no time of its own is tried again after two seconds and a tenth at most.
    check(Fault::Answer(500, "", "oops".into()), 2);
    check(Fault::Answer(200, "", "<html>".into()), 2);
    check(Fault::Answer(200, "", "{}".into()), 2);
    check(Fault::DoneThenBroken, 2);
    check(Fault::Answer(429, "Retry-After: 20.0\r\n", String::new()), 20);
    // 250 points are asked for, none are there, 100 come back a second.
    check(Fault::Answer(200, "", throttled()), 3);
}

#[test]
fn a_shop_that_refuses_our_keys_is_given_up_at_once_and_a_retry_takes_it_up() {
    on_both(|shop| {
        stocked(shop);
        let (platform, on) = platform();
        platform.fail(&[Fault::Answer(401, "", r#"{"errors":"Invalid API key"}"#.into())]);
        schedule(shop, Of::Shopify);
        let worker = work_with(shop, &shop.store, &outside(), &on);
        wait_until("it is given up", || effects_in(shop, "given_up") == 1);
        let why = listing(shop, Of::Shopify, "11").publish_error.unwrap();
        assert!(why.contains("shopify_access_token") && !why.contains("shpat_test"), "{why}");
        assert_eq!(schedule(shop, Of::Shopify), 0);
        let id: EffectId =
            shop.read(|tx| tx.one("SELECT effect_id FROM effects", params![], |row| row.get(0)));
        let now = shop.clock.now();
        shop.write(move |tx| retry_effect(tx, id, now));
        wait_until("it is told", || published(shop, Of::Shopify, "11") == Some(1_000));
        assert_eq!(listing(shop, Of::Shopify, "11").publish_error, None);
        drop(worker);
    });
}

#[test]
fn a_node_that_dies_after_the_shop_was_told_tells_it_again_and_nothing_changes() {
    on_both(|shop| {
        stocked(shop);
        let (platform, on) = platform();
        platform.fail(&[Fault::DoneThenBroken, Fault::Hang]);
        schedule(shop, Of::Shopify);
        let worker = work_with(shop, &shop.store, &outside(), &on);
        wait_until("it is there", || platform.calls() == 1);
        wait_until("it waits", || effects_in(shop, "waiting") == 1);
        shop.set_time(shop.clock.now().plus_micros(3_000_000));
        wait_until("it hangs", || platform.calls() == 2);
        drop(worker);
        assert_eq!(published(shop, Of::Shopify, "11"), None, "nothing was settled");
        run_out(shop);
        let worker = work_with(shop, &shop.another_node(), &outside(), &on);
        wait_until("it is settled", || published(shop, Of::Shopify, "11") == Some(1_000));
        assert_eq!((platform.price(FIRST), platform.calls()), ("10.00".into(), 3));
        drop(worker);
    });
}

#[test]
fn a_slow_call_with_an_older_price_is_never_the_last_one() {
    on_both(|shop| {
        stocked(shop);
        let (platform, on) = platform();
        platform.fail(&[Fault::Slow(Duration::from_secs(2))]);
        schedule(shop, Of::Shopify);
        let worker = work_with(shop, &shop.store, &outside(), &on);
        wait_until("the older price is under way", || platform.calls() == 1);
        // The price changes meanwhile, and another node puts the same product on its way too.
        pin(shop, "A-1", 1_400);
        let effect_id = EffectId::from_uuid(uuid::Uuid::from_u128(u128::MAX));
        let now = shop.clock.now();
        shop.write(move |tx| {
            let new = shopwright_store::effects::NewEffect {
                effect_id,
                kind: "shop.publish",
                subject: "shopify/1",
                payload: json!({}),
                due_at: now,
                now,
            };
            shopwright_store::effects::add(tx, &new)
        });
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(platform.calls(), 1, "the second waits for the first");
        wait_until("one of them is taken", || published(shop, Of::Shopify, "11").is_some());
        wait_until("the newer is taken", || {
            shop.set_time(shop.clock.now().plus_micros(1_000_000));
            published(shop, Of::Shopify, "11") == Some(1_400)
        });
        assert_eq!(platform.price(FIRST), "14.00");
        wait_until("all is done", || {
            shop.set_time(shop.clock.now().plus_micros(1_000_000));
            effects_in(shop, "waiting") + effects_in(shop, "leased") == 0
        });
        assert_eq!(platform.price(FIRST), "14.00");
        drop(worker);
    });
}

#[test]
fn frozen_prices_and_products_off_the_platform_are_not_told() {
    on_both(|shop| {
        stocked(shop);
        listed(shop, "A-3", Of::Woocommerce, ("7", "7"));
        let (platform, on) = platform();
        let stamp = shop.stamp();
        shop.write(move |tx| set_freeze(tx, true, stamp));
        assert_eq!(schedule(shop, Of::Shopify), 0);
        shop.write(move |tx| set_freeze(tx, false, stamp));
        assert_eq!(schedule(shop, Of::Shopify), 1, "only what is on this platform");
        shop.write(move |tx| set_freeze(tx, true, stamp));
        let worker = work_with(shop, &shop.store, &outside(), &on);
        wait_until("it is put off", || {
            shop.number("SELECT COUNT(*) FROM effects WHERE state = 'waiting' AND lease_token > 0")
                == 1
        });
        assert_eq!(platform.calls(), 0);
        shop.write(move |tx| set_freeze(tx, false, stamp));
        shop.set_time(shop.clock.now().plus_micros(HOUR));
        wait_until("it is told", || published(shop, Of::Shopify, "11") == Some(1_000));
        drop(worker);
    });
}

#[test]
fn a_shop_in_another_currency_is_told_nothing_and_the_listing_says_so() {
    on_both(|shop| {
        stocked(shop);
        shop.write(|tx| {
            tx.execute("UPDATE listings SET currency = 'USD' WHERE variant_id = '11'", params![])
        });
        let (platform, on) = platform();
        schedule(shop, Of::Shopify);
        let worker = work_with(shop, &shop.store, &outside(), &on);
        wait_until("the other is told", || published(shop, Of::Shopify, "12") == Some(1_000));
        let why = listing(shop, Of::Shopify, "11").publish_error.unwrap();
        assert!(why.contains("USD") && why.contains("GBP"), "{why}");
        assert_eq!(platform.price(FIRST), "9.00");
        drop(worker);
    });
}
