//! Products: what is written twice changes nothing, what the owner set stays, pages follow bytes.

use serde_json::{Value as Json, json};
use shopwright_domain::catalog::Sku;
use shopwright_domain::money::Currency;
use shopwright_domain::time::Timestamp;
use shopwright_store::catalog::{self, FoundBasePrice, Product, ProductFilter, ProductPatch};
use shopwright_store::{Page, Place, StoreError};

use crate::harness::{Db, on_both};

pub fn sku(text: &str) -> Sku {
    Sku::parse(text).unwrap()
}

pub fn euro() -> Currency {
    "EUR".parse().unwrap()
}

pub fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

fn patch(code: &str) -> ProductPatch {
    ProductPatch {
        sku: sku(code),
        title: None,
        category: None,
        currency: euro(),
        base_price_minor: None,
        cost_minor: None,
        map_minor: None,
        attributes: json!({}),
    }
}

fn upsert(db: &Db, patch: &ProductPatch, now: i64) -> bool {
    let patch = patch.clone();
    db.write(move |tx| catalog::upsert(tx, &patch, at(now))).unwrap()
}

fn find(db: &Db, code: &str) -> Option<Product> {
    let code = sku(code);
    db.read(move |tx| catalog::find(tx, &code)).unwrap()
}

/// Adds products with a title each.
pub fn add_products(db: &Db, codes: &'static [&'static str]) -> u64 {
    let titled: Vec<_> = codes.iter().map(|code| (*code, "title")).collect();
    db.write(move |tx| catalog::insert_missing(tx, &titled, euro(), at(1))).unwrap()
}

#[test]
fn a_patch_written_twice_changes_nothing_the_second_time() {
    on_both(|db| {
        let mut full = patch("tea");
        full.title = Some("Tee 🍵".to_owned());
        full.category = Some("Home/Tea".to_owned());
        full.base_price_minor = Some(499);
        full.cost_minor = Some(200);
        full.map_minor = Some(399);
        full.attributes = json!({ "colour": "green", "sizes": [1, 2.5, null] });
        assert!(upsert(db, &full, 10));
        let written = find(db, "tea").unwrap();
        assert!(!upsert(db, &full, 20));
        assert_eq!(find(db, "tea"), Some(written.clone()));
        assert_eq!(written.updated_at, at(10));
        assert_eq!(written.base_price_from, Some(json!({ "rule": "set_by_owner" })));
        assert_eq!((written.kind.as_str(), written.status.as_str()), ("physical", "active"));
        assert_eq!(find(db, "TEA"), None);
    });
}

#[test]
fn a_patch_changes_what_it_names_and_leaves_the_rest() {
    on_both(|db| {
        let mut first = patch("tea");
        first.title = Some("Tea".to_owned());
        first.cost_minor = Some(200);
        first.attributes = json!({ "colour": "green", "size": 1 });
        assert!(upsert(db, &first, 10));
        let mut second = patch("tea");
        second.map_minor = Some(300);
        second.currency = "USD".parse().unwrap();
        second.attributes = json!({ "size": 2, "origin": "Assam" });
        assert!(upsert(db, &second, 20));
        let product = find(db, "tea").unwrap();
        assert_eq!(
            (product.title.as_str(), product.cost_minor, product.map_minor),
            ("Tea", Some(200), Some(300))
        );
        assert_eq!(product.attributes, json!({ "colour": "green", "size": 2, "origin": "Assam" }));
        // The currency is for new products only: prices are already in the old one.
        assert_eq!((product.currency, product.updated_at), (euro(), at(20)));
        assert!(!upsert(db, &patch("tea"), 30));
    });
}

#[test]
fn missing_products_are_added_once_and_known_ones_keep_their_titles() {
    on_both(|db| {
        assert_eq!(add_products(db, &["tea", "Tea", "🧶"]), 3);
        assert_eq!(add_products(db, &["tea", "jam", "tea"]), 1);
        assert_eq!(add_products(db, &[]), 0);
        let again = db.write(|tx| catalog::insert_missing(tx, &[("tea", "other")], euro(), at(9)));
        assert_eq!(again, Ok(0));
        let tea = find(db, "tea").unwrap();
        assert_eq!(
            (tea.title.as_str(), tea.updated_at, tea.base_price_minor),
            ("title", at(1), None)
        );
    });
}

#[test]
fn pages_follow_the_bytes_of_the_sku_in_both_directions() {
    on_both(|db| {
        const SORTED: [&str; 9] = ["-1", "10", "9", "A", "B b", "Z", "a", "é", "🧶"];
        add_products(db, &["🧶", "é", "a", "Z", "B b", "A", "9", "10", "-1"]);
        let page = |after: Option<&'static str>,
                    before: Option<&'static str>,
                    limit: i64|
         -> Vec<String> {
            let place = match (after, before) {
                (Some(sku), _) => Place::After(sku.to_owned()),
                (_, Some(sku)) => Place::Before(sku.to_owned()),
                _ => Place::First,
            };
            let page = Page { place, limit };
            let all = ProductFilter::default();
            let products = db.read(move |tx| catalog::list(tx, &all, &page)).unwrap();
            products.into_iter().map(|product| product.sku.to_string()).collect()
        };
        assert_eq!(page(None, None, 100), SORTED);
        assert_eq!(page(None, None, 4), SORTED[..4]);
        assert_eq!(page(Some("A"), None, 3), SORTED[4..7]);
        assert_eq!(page(Some("🧶"), None, 3), [""; 0]);
        assert_eq!(page(None, Some("Z"), 2), SORTED[3..5]);
        assert_eq!(page(None, Some("-1"), 2), [""; 0]);
        // Every page of two, forwards, is the whole list.
        let (mut all, mut last) = (Vec::new(), None);
        loop {
            let next = db.read({
                let place = last.clone().map_or(Place::First, Place::After);
                let page = Page { place, limit: 2 };
                move |tx| catalog::list(tx, &ProductFilter::default(), &page)
            });
            let codes: Vec<String> =
                next.unwrap().into_iter().map(|product| product.sku.to_string()).collect();
            let Some(end) = codes.last() else { break };
            last = Some(end.clone());
            all.extend(codes);
        }
        assert_eq!(all, SORTED);
    });
}

fn found(code: &str, amount_minor: i64, from: Json) -> FoundBasePrice {
    FoundBasePrice { sku: sku(code), amount_minor, from }
}

#[test]
fn base_prices_from_history_are_set_once_and_never_over_the_owners() {
    on_both(|db| {
        add_products(db, &["tea", "jam", "owned"]);
        let mut owned = patch("owned");
        owned.base_price_minor = Some(1_000);
        assert!(upsert(db, &owned, 2));
        let set = |prices: Vec<FoundBasePrice>, now: i64| {
            db.write(move |tx| catalog::set_base_prices(tx, &prices, at(now))).unwrap()
        };
        let evidence = json!({ "rule": "mode", "sales": 7, "weeks": { "b": 1, "a": 2 } });
        let prices = || {
            vec![
                found("tea", 250, evidence.clone()),
                found("jam", 300, evidence.clone()),
                found("owned", 1, evidence.clone()),
                found("unknown", 5, evidence.clone()),
            ]
        };
        assert_eq!(set(prices(), 5), 2);
        assert_eq!(set(prices(), 6), 0);
        let tea = find(db, "tea").unwrap();
        assert_eq!(
            (tea.base_price_minor, tea.base_price_from, tea.updated_at),
            (Some(250), Some(evidence.clone()), at(5))
        );
        assert_eq!(find(db, "owned").unwrap().base_price_minor, Some(1_000));
        // New evidence for the same price is written, and a new price is.
        assert_eq!(set(vec![found("tea", 250, json!({ "rule": "mode", "sales": 8 }))], 7), 1);
        assert_eq!(set(vec![found("tea", 260, json!({ "rule": "mode", "sales": 8 }))], 8), 1);
        assert_eq!(set(vec![], 9), 0);
        let mut owned = patch("tea");
        owned.base_price_minor = Some(900);
        assert!(upsert(db, &owned, 10));
        assert_eq!(set(prices(), 11), 0);
    });
}

#[test]
fn a_batch_that_fails_adds_no_product() {
    on_both(|db| {
        let failed: Result<u64, StoreError> = db.write(|tx| {
            catalog::insert_missing(tx, &[("tea", "t")], euro(), at(1))?;
            Err(StoreError::Busy)
        });
        assert_eq!(failed, Err(StoreError::Busy));
        assert_eq!(find(db, "tea"), None);
    });
}
