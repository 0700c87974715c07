//! Everything that is told outside, against the examples of `docs/webhooks.md`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use shopwright_app::catalog::{ProductRow, fields_of, put_product, put_products};
use shopwright_app::customers::{erase_customer, merge_customers, put_customer};
use shopwright_app::orders::{
    PaymentMade, PlaceOrder, cancel_order, complete_order, fulfil_order, pay_order,
};
use shopwright_app::pricing::{change_promotion, end_promotion, set_freeze, start_promotion};
use shopwright_domain::catalog::Sku;
use shopwright_domain::customers::{CustomerFields, CustomerId};
use shopwright_domain::ids::{PromotionId, new_id};
use shopwright_domain::time::Clock as _;
use shopwright_store::webhooks::{self, Event};
use shopwright_store::{Page, catalog, params};

use crate::events::sale as promotion_of;
use crate::harness::{Shop, at, on_both};
use crate::outside::outside;
use crate::sales::{make as refund_now, order, place, refund, sale, step, stocked, unpaid};
use crate::webhooks as webhooks_tests;

const DOCUMENT: &str = include_str!("../../../../docs/webhooks.md");

fn events(shop: &Shop) -> Vec<Event> {
    shop.read(|tx| webhooks::list_events(tx, "", &Page::first(200))).into_iter().rev().collect()
}

fn told(shop: &Shop) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for event in events(shop) {
        *counts.entry(event.kind).or_insert(0) += 1;
    }
    counts
}

fn customer(shop: &Shop, who: &str, name: &str) {
    let (id, now) = (who.parse::<CustomerId>().unwrap(), shop.clock.now());
    let fields = CustomerFields { name: Some(name.to_owned()), ..CustomerFields::default() };
    shop.run(shop.store.write(move |tx| put_customer(tx, &id, &fields, now))).unwrap();
}

/// Every order event, each twice over where that changes nothing.
fn sell(shop: &Shop) {
    let buyer = Some("c-1".parse().unwrap());
    let paid = PlaceOrder { customer: buyer, ..order(shop, "1", vec![sale("tea", 2, 250)]) };
    for _ in 0..2 {
        place(shop, &paid).unwrap();
    }
    let id = paid.order_id;
    for _ in 0..2 {
        step(shop, id, fulfil_order).unwrap();
    }
    for _ in 0..2 {
        step(shop, id, complete_order).unwrap();
    }
    refund_now(shop, &refund(shop, id, &[(0, 1, true)])).unwrap();
    let pending = unpaid(order(shop, "2", vec![sale("jam", 1, 300)]));
    place(shop, &pending).unwrap();
    for _ in 0..2 {
        step(shop, pending.order_id, cancel_order).unwrap();
    }
    let late = unpaid(order(shop, "3", vec![sale("jam", 1, 300)]));
    place(shop, &late).unwrap();
    let made =
        PaymentMade { provider: "stripe".into(), reference: "pi_3".into(), at: shop.clock.now() };
    for _ in 0..2 {
        let (id, made, stamp) = (late.order_id, made.clone(), shop.stamp());
        let payment = new_id(shop.ids.as_ref());
        shop.run(shop.store.write(move |tx| pay_order(tx, id, (payment, &made), stamp))).unwrap();
    }
}

fn edit_catalogue(shop: &Shop, sku: &'static str) {
    let sku = Sku::parse(sku).unwrap();
    let known = shop.read({
        let sku = sku.clone();
        move |tx| catalog::find(tx, &sku)
    });
    let mut fields = fields_of(&known.unwrap());
    for title in ["Better", "Best", "Best"] {
        title.clone_into(&mut fields.title);
        let (sku, fields, stamp) = (sku.clone(), fields.clone(), shop.stamp());
        shop.run(shop.store.write(move |tx| put_product(tx, &sku, &fields, stamp))).unwrap();
    }
    let rows = (0..120).map(|place| ProductRow {
        place,
        sku: Sku::parse(&format!("bulk-{place:03}")).unwrap(),
        fields: fields.clone(),
    });
    let rows: Vec<_> = rows.collect();
    for _ in 0..2 {
        shop.run(put_products(&shop.store, rows.clone(), shop.stamp())).unwrap();
    }
}

fn price(shop: &Shop) {
    shop.import_catalog("sku,base_price\nA-1,5.00\n").unwrap();
    shop.refresh();
    let (id, stamp): (PromotionId, _) = (new_id(shop.ids.as_ref()), shop.stamp());
    let starts_at = at("2011-12-11T00:00:00Z");
    let first = promotion_of(starts_at, "2011-12-14T00:00:00Z");
    let next = promotion_of(starts_at, "2011-12-15T00:00:00Z");
    shop.run(shop.store.write(move |tx| start_promotion(tx, id, &first, stamp))).unwrap();
    shop.run(shop.store.write(move |tx| change_promotion(tx, id, &next, stamp))).unwrap();
    shop.write(move |tx| end_promotion(tx, id, stamp));
    shop.write(move |tx| set_freeze(tx, true, stamp));
}

fn merge_and_erase(shop: &Shop) {
    let stamp = shop.stamp();
    let [one, other]: [CustomerId; 2] = ["c-2", "c-3"].map(|id| id.parse().unwrap());
    let (from, into) = (one.clone(), other.clone());
    shop.run(shop.store.write(move |tx| merge_customers(tx, &from, &into, stamp))).unwrap();
    shop.run(shop.store.write(move |tx| merge_customers(tx, &one, &other, stamp))).unwrap();
    let gone: CustomerId = "c-1".parse().unwrap();
    for _ in 0..2 {
        let gone = gone.clone();
        shop.run(shop.store.write(move |tx| erase_customer(tx, &gone, stamp))).unwrap();
    }
}

/// The same fields with values of the same kinds; ids have the same prefix.
fn same_shape(one: &Json, other: &Json) -> bool {
    match (one, other) {
        (Json::Object(one), Json::Object(other)) => {
            one.keys().collect::<BTreeSet<_>>() == other.keys().collect()
                && one.iter().all(|(key, value)| same_shape(value, &other[key]))
        }
        (Json::Array(one), Json::Array(other)) => match (one.first(), other.first()) {
            (Some(one), Some(other)) => same_shape(one, other),
            (one, other) => one.is_none() && other.is_none(),
        },
        (Json::String(one), Json::String(other)) => prefix(one) == prefix(other),
        (Json::Number(_), Json::Number(_)) | (Json::Bool(_), Json::Bool(_)) => true,
        (one, other) => one.is_null() && other.is_null(),
    }
}

fn digit(nibble: u8) -> char {
    char::from_digit(u32::from(nibble), 16).unwrap()
}

fn prefix(text: &str) -> Option<&str> {
    let (prefix, rest) = text.split_once('_')?;
    (rest.len() == 26).then_some(prefix)
}

#[test]
fn what_is_told_is_what_the_document_shows_and_each_thing_is_told_once() {
    on_both(|shop| {
        stocked(shop);
        customer(shop, "c-1", "Jane");
        customer(shop, "c-1", "Jane Doe");
        customer(shop, "c-1", "Jane Doe");
        customer(shop, "c-2", "Joan");
        customer(shop, "c-3", "Joan");
        sell(shop);
        edit_catalogue(shop, "tea");
        price(shop);
        merge_and_erase(shop);
        let (desk, _) =
            webhooks_tests::make(shop, &outside(), "http://127.0.0.1:1/".into(), &["none.such"]);
        webhooks_tests::test(shop, desk).unwrap();

        let examples: Vec<Json> = DOCUMENT
            .lines()
            .filter(|line| line.starts_with("{\"type\""))
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let real: Vec<Json> = events(shop)
            .into_iter()
            .map(|e| serde_json::json!({ "type": e.kind, "timestamp": e.at, "data": e.data }))
            .collect();
        let shown: BTreeSet<_> = examples.iter().map(|e| e["type"].as_str().unwrap()).collect();
        let happened: BTreeSet<_> = real.iter().map(|e| e["type"].as_str().unwrap()).collect();
        let lines = || real.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert_eq!(shown, happened, "{}", lines());
        for example in &examples {
            assert!(real.iter().any(|event| same_shape(example, event)), "{example}\n{}", lines());
        }
        let counts = told(shop);
        let expected = [
            ("order.created", 3),
            ("order.paid", 2),
            ("order.fulfilled", 1),
            ("order.completed", 1),
            ("order.canceled", 1),
            ("refund.created", 1),
            ("product.created", 3),
            ("product.updated", 2),
            ("customer.created", 3),
            ("customer.updated", 1),
            ("customer.merged", 1),
            ("customer.erased", 1),
        ];
        for (kind, count) in expected {
            assert_eq!(counts.get(kind), Some(&count), "{kind}: {counts:?}");
        }
        let private = |text: &str| real.iter().any(|event| event.to_string().contains(text));
        assert!(!private("Jane") && !private("Joan") && !private("pi_3"));
        let named = real.iter().filter(|event| event.to_string().contains("c-1"));
        let named: Vec<_> = named.map(|event| event["type"].clone()).collect();
        assert!(named.is_empty(), "an erased person is named nowhere: {named:?}");
        let gone = real.iter().find(|event| event["type"] == "customer.erased").unwrap();
        let hash = Sha256::digest(b"shopwright customer\0c-1");
        let hash: String = hash.iter().flat_map(|b| [b >> 4, b & 15]).map(digit).collect();
        assert_eq!(gone["data"]["customer_hashes"], serde_json::json!([hash]));
        assert_eq!(shop.number("SELECT COUNT(*) FROM webhook_deliveries"), 1, "that of the test");
        shop.assert_books_hold();
    });
}

#[test]
fn a_product_changed_twice_at_one_moment_is_told_twice_and_an_order_that_is_refused_never() {
    on_both(|shop| {
        stocked(shop);
        edit_catalogue(shop, "jam");
        assert_eq!(told(shop)["product.updated"], 2);
        let too_many = order(shop, "9", vec![sale("tea", 11, 250)]);
        assert!(place(shop, &too_many).is_err());
        assert!(!told(shop).contains_key("order.created"));
        shop.write(|tx| tx.execute("DELETE FROM webhook_events", params![]));
        place(shop, &order(shop, "10", vec![sale("tea", 1, 250)])).unwrap();
        let states: Vec<_> =
            events(shop).into_iter().map(|event| event.data["state"].clone()).collect();
        assert_eq!(states, ["paid", "paid"], "created as paid");
    });
}
