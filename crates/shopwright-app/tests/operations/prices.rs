//! Prices kept by refreshes: decided, recorded, replayable, never lost between two deciders.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use shopwright_app::pricing::{
    LivePrices, PolicyScope, WantedPromotion, end_promotion, refresh_prices, replay, set_freeze,
    set_policy, start_promotion,
};
use shopwright_domain::catalog::Sku;
use shopwright_domain::ids::{IdSource, PromotionId};
use shopwright_domain::money::{Factor, Money};
use shopwright_domain::pricing::PolicyPatch;
use shopwright_domain::promotions::{PromotionEffect, PromotionScope};
use shopwright_store::params;
use shopwright_store::pricing::{self, CurrentPrice};
use uuid::Uuid;

use crate::harness::{CountingIds, HEADER, Shop, at, on_both};

fn sku(text: &str) -> Sku {
    Sku::parse(text).unwrap()
}

/// A product with cost, stock and a base price of 10.00; 70 pieces sold in the last week.
fn stocked(shop: &Shop) {
    let mut history = HEADER.to_owned();
    for line in 0..10 {
        let _ = write!(
            history,
            "53{line:04},A-1,LAMP,1,2011-12-09 1{line}:00:00,10.00,17850,United Kingdom\n\
             54{line:04},A-1,LAMP,6,2011-12-08 1{line}:00:00,10.00,17850,United Kingdom\n"
        );
    }
    shop.import_orders(&shop.file("orders.csv", history)).unwrap();
    shop.import_catalog(
        "sku,cost,opening_stock,counted_at\nA-1,4.00,40,2011-12-10T00:00:00Z\nA-2,1.00,,\n",
    )
    .unwrap();
}

fn policy(shop: &Shop, json: serde_json::Value) {
    let patch: PolicyPatch = serde_json::from_value(json).unwrap();
    let currency = "GBP".parse().unwrap();
    let now = shop.stamp();
    shop.run(
        shop.store.write(move |tx| set_policy(tx, &PolicyScope::Store, &patch, currency, now)),
    )
    .unwrap();
}

fn freeze(shop: &Shop, frozen: bool) {
    let now = shop.stamp();
    shop.write(move |tx| set_freeze(tx, frozen, now));
}

fn price(shop: &Shop) -> CurrentPrice {
    shop.read(|tx| pricing::find_current(tx, &sku("A-1"))).unwrap()
}

#[test]
fn a_decider_that_is_late_or_whose_clock_went_back_still_decides_after_the_one_before_it() {
    on_both(|shop| {
        stocked(shop);
        shop.refresh();
        for (time, pin) in [("10:00:02", 1_001), ("10:00:01", 1_002), ("09:00:00", 1_003)] {
            policy(shop, serde_json::json!({ "pin_minor": pin }));
            shop.set_clock(&format!("2011-12-10T{time}Z"));
            shop.refresh();
            assert_eq!(price(shop).amount_minor, pin);
            shop.assert_books_hold();
        }
        // Another node at the same microsecond, whose ids are smaller than those that stand.
        let last_at = price(shop).changed_at;
        let other: Arc<dyn IdSource> = Arc::new(CountingIds(AtomicU64::new(0)));
        policy(shop, serde_json::json!({ "pin_minor": 1_004 }));
        shop.run(refresh_prices(&shop.store, &shop.zone, last_at, &other)).unwrap();
        assert_eq!(price(shop).amount_minor, 1_004);
        shop.assert_books_hold();
        let changes = shop.read(|tx| pricing::list_decisions(tx, &sku("A-1"), None, None, 10));
        let amounts: Vec<i64> = changes.iter().map(|change| change.to_minor).collect();
        assert_eq!(amounts, [1_004, 1_003, 1_002, 1_001, 1_000]);
        for kept in &changes {
            let again = serde_json::to_value(replay(kept).unwrap()).unwrap();
            assert_eq!(again, kept.decision);
        }
    });
}

#[test]
fn a_refresh_records_every_change_with_what_it_was_decided_from() {
    on_both(|shop| {
        stocked(shop);
        let first = shop.refresh();
        assert_eq!((first.evaluated, first.changed, first.no_base_price), (2, 1, 1));
        assert_eq!(price(shop).amount_minor, 1_000, "fixed until the owner says otherwise");
        policy(
            shop,
            serde_json::json!({ "strategy": "rules", "preset": "playbook", "step_change_bps": 10_000,
            "step_day_bps": 10_000, "dwell_minutes": 0 }),
        );
        shop.set_clock("2011-12-10T10:00:00Z");
        assert_eq!(shop.refresh().changed, 1);
        // Demand 1 + 0.5 × 70/700 = 1.05, stock below 50: 1.2. 10.00 × 1.05 × 1.2 = 12.60.
        let now = price(shop);
        assert_eq!(now.amount_minor, 1_260);
        let changes = shop.read(|tx| pricing::list_decisions(tx, &sku("A-1"), None, None, 10));
        assert_eq!(changes.len(), 2);
        assert_eq!((changes[0].from_minor, changes[0].to_minor), (Some(1_000), 1_260));
        for kept in &changes {
            let again = serde_json::to_value(replay(kept).unwrap()).unwrap();
            assert_eq!(again, kept.decision, "the same bytes from the same inputs");
        }
        shop.assert_books_hold();
    });
}

#[test]
fn refreshes_that_change_nothing_are_counted_in_one_range() {
    on_both(|shop| {
        stocked(shop);
        for minute in 0..5 {
            shop.set_clock(&format!("2011-12-10T10:0{minute}:00Z"));
            shop.refresh();
        }
        // The first one changed a price and stands alone; the four after it are one row.
        assert_eq!(shop.number("SELECT COUNT(*) FROM price_refreshes"), 2);
        assert_eq!(shop.number("SELECT MAX(refreshes) FROM price_refreshes"), 4);
        assert_eq!(shop.number("SELECT COUNT(*) FROM price_decisions"), 1);
        let (count, last) =
            shop.read(|tx| pricing::evaluations_since(tx, at("2011-12-10T10:00:00Z")));
        assert_eq!((count, last), (4, Some(at("2011-12-10T10:04:00Z"))));
    });
}

#[test]
fn a_reduction_shows_the_lowest_price_of_the_thirty_days_before_it() {
    on_both(|shop| {
        stocked(shop);
        let pin = |minor: i64, when: &str| {
            shop.set_clock(when);
            policy(shop, serde_json::json!({ "pin_minor": minor }));
            assert_eq!(shop.refresh().changed, 1);
            price(shop).lowest_30d_minor
        };
        shop.set_clock("2011-11-01T10:00:00Z");
        assert_eq!(pin(900, "2011-11-01T10:00:00Z"), None, "a first price is no reduction");
        assert_eq!(pin(1_200, "2011-11-10T10:00:00Z"), None, "a rise is no reduction");
        assert_eq!(pin(1_100, "2011-11-20T10:00:00Z"), Some(900), "9.00 stood until 10 November");
        assert_eq!(
            pin(1_000, "2011-12-30T10:00:00Z"),
            Some(1_100),
            "11.00 stood for all thirty days"
        );
    });
}

#[test]
fn promotions_and_freezes_reach_prices_at_the_next_refresh() {
    on_both(|shop| {
        stocked(shop);
        policy(
            shop,
            serde_json::json!({ "strategy": "rules", "preset": "standard", "step_change_bps": 10_000,
            "step_day_bps": 10_000, "dwell_minutes": 0, "inventory": [], "velocity": [] }),
        );
        shop.refresh();
        let before = price(shop).amount_minor;
        let id = PromotionId::from_uuid(Uuid::from_u128(7));
        let promotion = WantedPromotion {
            name: "Sale".to_owned(),
            scope: PromotionScope::Sku(sku("A-1")),
            effect: PromotionEffect::Factor(Factor::parse("0.9").unwrap()),
            locks_price: false,
            announced: true,
            priority: 0,
            stackable: false,
            starts_at: at("2011-12-10T10:00:00Z"),
            ends_at: at("2011-12-20T10:00:00Z"),
        };
        let stamp = shop.stamp();
        shop.run(shop.store.write(move |tx| start_promotion(tx, id, &promotion, stamp))).unwrap();
        shop.refresh();
        assert_eq!(price(shop).amount_minor, before, "not before it starts");
        shop.set_clock("2011-12-10T10:00:00Z");
        shop.refresh();
        assert_eq!(price(shop).amount_minor, before * 9 / 10);
        freeze(shop, true);
        shop.set_clock("2011-12-10T11:00:00Z");
        let now = shop.stamp();
        assert!(shop.write(move |tx| end_promotion(tx, id, now)));
        assert_eq!(shop.refresh().changed, 0, "frozen");
        freeze(shop, false);
        shop.refresh();
        assert_eq!(price(shop).amount_minor, before);
    });
}

#[test]
fn promotions_of_several_products_and_of_money_count_by_priority_and_stack() {
    on_both(|shop| {
        stocked(shop);
        policy(
            shop,
            serde_json::json!({ "strategy": "rules", "preset": "standard", "step_change_bps": 10_000,
            "step_day_bps": 10_000, "dwell_minutes": 0, "inventory": [], "velocity": [],
            "rules_factor_min": "0.1", "floor": { "factor": "0.1" }, "hours": [], "weekdays": [] }),
        );
        shop.refresh();
        let before = price(shop).amount_minor;
        let now = shop.stamp();
        let start = |number: u128, effect: PromotionEffect, priority: i64, stackable: bool| {
            let wanted = WantedPromotion {
                name: format!("Sale {number}"),
                scope: PromotionScope::Several {
                    skus: vec![sku("A-1")],
                    categories: vec!["Nothing/Here".to_owned()],
                },
                effect,
                locks_price: false,
                announced: false,
                priority,
                stackable,
                starts_at: now.at,
                ends_at: at("2011-12-20T10:00:00Z"),
            };
            let id = PromotionId::from_uuid(Uuid::from_u128(number));
            shop.run(shop.store.write(move |tx| start_promotion(tx, id, &wanted, now))).unwrap();
            shop.refresh();
            price(shop).amount_minor
        };
        let pounds = |amount| Money { amount, currency: "GBP".parse().unwrap() };
        let percent = PromotionEffect::PercentOff(Factor::parse("50").unwrap());
        assert_eq!(start(1, PromotionEffect::AmountOff(pounds(55)), 0, true), before - 55);
        let euros = Money { amount: 1, currency: "EUR".parse().unwrap() };
        assert_eq!(start(2, PromotionEffect::Price(euros), 9, false), before - 55, "no pounds");
        let stacked = start(3, percent, 0, true);
        assert_eq!(stacked, (before - 55) / 2, "both stack");
        assert_eq!(start(4, PromotionEffect::Price(pounds(700)), 5, false), 700, "alone on top");
        let shown = price(shop).decision;
        let applied: Vec<_> = shown["reasons"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|reason| reason["factor"] == "promotion")
            .collect();
        assert_eq!(applied.len(), 1, "{shown}");
        assert_eq!(
            applied[0]["signal"]["promotion"],
            PromotionId::from_uuid(Uuid::from_u128(4)).to_string()
        );
    });
}

#[test]
fn settings_that_cannot_hold_are_refused_and_the_price_stays() {
    on_both(|shop| {
        stocked(shop);
        shop.refresh();
        let check = |json: serde_json::Value, field: &str| {
            let patch: PolicyPatch = serde_json::from_value(json).unwrap();
            let now = shop.stamp();
            let (scope, currency) = (PolicyScope::Sku(sku("A-1")), "GBP".parse().unwrap());
            let put = shop.store.write(move |tx| set_policy(tx, &scope, &patch, currency, now));
            let error = shop.run(put).unwrap_err();
            assert!(format!("{error:?}").contains(field), "{error:?}");
        };
        check(
            serde_json::json!({ "floor": { "amount_minor": 2_000 }, "ceiling": { "amount_minor": 1_500 } }),
            "/floor",
        );
        check(serde_json::json!({ "pin_minor": 399 }), "/pin_minor");
        check(serde_json::json!({ "margin_min_bps": -1 }), "/margin_min_bps");
        assert_eq!(shop.number("SELECT COUNT(*) FROM pricing_policies"), 0);
        assert_eq!(shop.refresh().changed, 0);
    });
}

#[test]
fn two_deciders_at_once_decide_each_price_once() {
    on_both(|shop| {
        stocked(shop);
        let now = shop.stamp();
        let both = shop.run(async {
            tokio::join!(
                refresh_prices(&shop.store, &shop.zone, now.at, &shop.ids),
                refresh_prices(&shop.store, &shop.zone, now.at, &shop.ids),
            )
        });
        assert_eq!(both.0.unwrap().changed + both.1.unwrap().changed, 1);
        assert_eq!(shop.number("SELECT COUNT(*) FROM price_decisions"), 1);
        shop.assert_books_hold();
    });
}

#[test]
fn settings_that_say_nothing_of_a_freeze_do_not_lift_it() {
    on_both(|shop| {
        stocked(shop);
        shop.refresh();
        freeze(shop, true);
        policy(shop, serde_json::json!({ "pin_minor": 1_500 }));
        assert_eq!(shop.refresh().changed, 0, "still frozen");
        policy(shop, serde_json::json!({ "pin_minor": 1_500, "freeze": false }));
        assert_eq!(shop.refresh().changed, 1);
    });
}

#[test]
fn a_price_that_cannot_be_read_does_not_stop_the_others() {
    on_both(|shop| {
        stocked(shop);
        shop.import_catalog("sku,base_price\nB-1,5.00\nB-2,6.00\n").unwrap();
        shop.refresh();
        shop.write(|tx| {
            tx.execute("UPDATE prices SET currency = '???' WHERE sku = 'B-1'", params![])
        });
        let live = shop.run(LivePrices::load(&shop.store, |price| price.amount_minor)).unwrap();
        assert_eq!(live.len(), 2);
        assert_eq!(live.with("B-2", |price| *price), Some(600));
        assert_eq!(live.with("B-1", |price| *price), None);
    });
}
