//! The events that the price engine tells.

use serde_json::{Value as Json, json};
use shopwright_app::pricing::{
    PolicyScope, WantedPromotion, change_promotion, end_promotion, set_freeze, set_policy,
    start_promotion,
};
use shopwright_domain::ids::{PromotionId, new_id};
use shopwright_domain::money::Factor;
use shopwright_domain::promotions::{PromotionEffect, PromotionScope};
use shopwright_domain::time::{Clock, Timestamp};
use shopwright_store::Page;
use shopwright_store::webhooks;

use crate::harness::{Shop, at, on_both};
use crate::outside::{outside, wait_until, work};

/// What was told under a name, oldest first.
fn told(shop: &Shop, kind: &'static str) -> Vec<Json> {
    let events = shop.read(move |tx| webhooks::list_events(tx, kind, &Page::first(100)));
    events.into_iter().rev().map(|event| event.data).collect()
}

#[test]
fn a_refresh_tells_changed_prices_many_in_one_event_and_only_those() {
    on_both(|shop| {
        let rows: Vec<_> = (0..120).map(|n| format!("A-{n:03},5.00")).collect();
        shop.import_catalog(&format!("sku,base_price\n{}\n", rows.join("\n"))).unwrap();
        shop.refresh();
        let events = told(shop, "price.changed");
        let sizes: Vec<_> = events.iter().map(|e| e["prices"].as_array().unwrap().len()).collect();
        assert_eq!(sizes.iter().sum::<usize>(), 120);
        assert_eq!(sizes.len(), 3);
        for event in &events {
            assert!(event.to_string().len() < 20_000);
        }
        let first = events
            .iter()
            .flat_map(|e| e["prices"].as_array().unwrap())
            .find(|p| p["sku"] == "A-000");
        let first = first.unwrap();
        assert_eq!(first["to"], json!({ "amount": 500, "currency": "GBP" }));
        assert!(first["from"].is_null() && first["decision"].as_str().unwrap().starts_with("dec_"));
        shop.refresh();
        assert_eq!(told(shop, "price.changed").len(), 3, "what stands is not told");
    });
}

#[test]
fn the_emergency_stop_is_told_when_it_changes_and_only_then() {
    on_both(|shop| {
        let stamp = shop.stamp();
        let freeze = |frozen| shop.write(move |tx| set_freeze(tx, frozen, stamp));
        for frozen in [true, true, false, false, true] {
            freeze(frozen);
        }
        let policy = |json: Json| {
            let patch = serde_json::from_value(json).unwrap();
            let (scope, currency) = (PolicyScope::Store, "GBP".parse().unwrap());
            let put = shop.store.write(move |tx| set_policy(tx, &scope, &patch, currency, stamp));
            shop.run(put).unwrap();
        };
        policy(json!({}));
        policy(json!({ "freeze": false }));
        freeze(true);
        freeze(false);
        let states: Vec<_> =
            told(shop, "pricing.freeze.changed").iter().map(|e| e["frozen"] == true).collect();
        assert_eq!(states.iter().filter(|frozen| **frozen).count(), 3, "{states:?}");
        assert_eq!(states.len(), 6);
    });
}

pub fn sale(starts_at: Timestamp, ends_at: &str) -> WantedPromotion {
    WantedPromotion {
        name: "Sale".into(),
        scope: PromotionScope::Store,
        effect: PromotionEffect::Factor(Factor::parse("0.9").unwrap()),
        locks_price: false,
        announced: false,
        priority: 0,
        stackable: false,
        starts_at,
        ends_at: at(ends_at),
    }
}

fn promotion(shop: &Shop, wanted: WantedPromotion) -> PromotionId {
    let (id, stamp) = (new_id(shop.ids.as_ref()), shop.stamp());
    let started = shop.store.write(move |tx| start_promotion(tx, id, &wanted, stamp));
    shop.run(started).unwrap().promotion_id
}

#[test]
fn a_promotion_whose_end_was_moved_ends_where_it_was_moved_to() {
    on_both(|shop| {
        let worker = work(shop, &shop.store, &outside());
        let starts_at = at("2011-12-11T00:00:00Z");
        let id = promotion(shop, sale(starts_at, "2011-12-14T00:00:00Z"));
        for ends_at in ["2011-12-12T00:00:00Z", "2011-12-16T00:00:00Z", "2011-12-15T00:00:00Z"] {
            let (wanted, stamp) = (sale(starts_at, ends_at), shop.stamp());
            let put = shop.store.write(move |tx| change_promotion(tx, id, &wanted, stamp));
            shop.run(put).unwrap();
        }
        assert_eq!(told(shop, "promotion.changed").len(), 3);
        let idle = |due: i64| {
            wait_until("due jobs are done", || {
                shop.number("SELECT COUNT(*) FROM effects WHERE state = 'done'") == due
            });
        };
        shop.set_clock("2011-12-14T12:00:00Z");
        idle(2);
        assert_eq!(told(shop, "promotion.ended").len(), 0);
        shop.set_clock("2011-12-15T00:00:00Z");
        idle(3);
        assert_eq!(told(shop, "promotion.ended").len(), 1);
        shop.set_clock("2011-12-17T00:00:00Z");
        idle(4);
        assert_eq!(told(shop, "promotion.ended").len(), 1);
        drop(worker);
    });
}

#[test]
fn the_end_of_a_promotion_is_told_once_at_its_time_or_when_somebody_ends_it() {
    on_both(|shop| {
        let worker = work(shop, &shop.store, &outside());
        let planned = promotion(shop, sale(shop.clock.now(), "2011-12-12T00:00:00Z"));
        let ended = promotion(shop, sale(shop.clock.now(), "2011-12-13T00:00:00Z"));
        assert_eq!(told(shop, "promotion.created").len(), 2);
        shop.set_clock("2011-12-11T00:00:00Z");
        let stamp = shop.stamp();
        assert!(shop.write(move |tx| end_promotion(tx, ended, stamp)));
        let ends = || told(shop, "promotion.ended");
        assert_eq!((ends().len(), &ends()[0]["id"]), (1, &json!(ended)));
        shop.set_clock("2011-12-12T00:00:00Z");
        wait_until("the planned end is told", || ends().len() == 2);
        assert_eq!(ends()[1]["id"], json!(planned));
        shop.set_clock("2011-12-14T00:00:00Z");
        wait_until("every job is done", || {
            shop.number("SELECT COUNT(*) FROM effects WHERE state <> 'done'") == 0
        });
        assert_eq!(ends().len(), 2, "no end is told twice");
        drop(worker);
    });
}
