//! Products put by their owner: whole, many at once, and beside what files and histories say.

use shopwright_app::catalog::{ProductRow, Put, PutProductError, put_product, put_products};
use shopwright_domain::catalog::{ProductFields, ProductKind, ProductStatus, Sku};
use shopwright_domain::time::Clock as _;
use shopwright_store::catalog::{self, FoundBasePrice, Product};

use crate::harness::{Shop, on_both};

fn sku(text: &str) -> Sku {
    Sku::parse(text).unwrap()
}

fn lamp() -> ProductFields {
    ProductFields {
        title: "Lamp".to_owned(),
        category: Some("Home/Lamps".to_owned()),
        kind: ProductKind::Physical,
        currency: "GBP".parse().unwrap(),
        base_price_minor: Some(999),
        cost_minor: Some(400),
        compare_at_minor: Some(1_299),
        map_minor: None,
        status: ProductStatus::Active,
        attributes: serde_json::from_str(r#"{"watts": 40.0, "colours": ["red", {"x": null}]}"#)
            .unwrap(),
        images: vec!["https://shop.example/lamp.jpg".to_owned()],
        add_on_of: vec![sku("BASE")],
        tax_class: Some("standard".to_owned()),
    }
}

fn put(shop: &Shop, fields: &ProductFields) -> Result<Put, PutProductError> {
    let (fields, stamp) = (fields.clone(), shop.stamp());
    shop.run(shop.store.write(move |tx| put_product(tx, &sku("L-1"), &fields, stamp)))
}

fn kept(shop: &Shop) -> Product {
    shop.read(|tx| catalog::find(tx, &sku("L-1"))).unwrap()
}

#[test]
fn a_product_put_again_is_unchanged_and_each_change_counts_its_version() {
    on_both(|shop| {
        assert_eq!(put(shop, &lamp()).unwrap(), Put::Created);
        assert_eq!(put(shop, &lamp()).unwrap(), Put::Unchanged);
        assert_eq!((kept(shop).version, kept(shop).tax_class.as_deref()), (1, Some("standard")));
        let archived = ProductFields { status: ProductStatus::Archived, ..lamp() };
        assert_eq!(put(shop, &archived).unwrap(), Put::Updated);
        assert_eq!(put(shop, &lamp()).unwrap(), Put::Updated);
        let bare = ProductFields {
            category: None,
            cost_minor: None,
            compare_at_minor: None,
            attributes: serde_json::Map::new(),
            images: Vec::new(),
            add_on_of: Vec::new(),
            tax_class: None,
            ..lamp()
        };
        assert_eq!(put(shop, &bare).unwrap(), Put::Updated);
        let now = kept(shop);
        assert_eq!((now.version, now.cost_minor, now.images.len()), (4, None, 0));
        let euros = ProductFields { currency: "EUR".parse().unwrap(), ..lamp() };
        assert!(matches!(put(shop, &euros), Err(PutProductError::Currency { .. })));
    });
}

#[test]
fn a_base_price_of_the_owner_goes_with_him_and_one_of_the_history_stays() {
    on_both(|shop| {
        let without = ProductFields { base_price_minor: None, ..lamp() };
        put(shop, &lamp()).unwrap();
        put(shop, &without).unwrap();
        assert_eq!((kept(shop).base_price_minor, kept(shop).base_price_from), (None, None));
        let now = shop.clock.now();
        let from = serde_json::json!({ "rule": "modal_unit_price" });
        let found = FoundBasePrice { sku: sku("L-1"), amount_minor: 850, from: from.clone() };
        shop.write(move |tx| catalog::set_base_prices(tx, std::slice::from_ref(&found), now));
        assert_eq!(put(shop, &without).unwrap(), Put::Unchanged);
        // Sent back as it was read, it stays the history's.
        let as_read = ProductFields { base_price_minor: Some(850), ..lamp() };
        assert_eq!(put(shop, &as_read).unwrap(), Put::Unchanged);
        assert_eq!(kept(shop).base_price_from, Some(from));
        put(shop, &lamp()).unwrap();
        assert_eq!(kept(shop).base_price_from.unwrap()["rule"], "set_by_owner");
    });
}

#[test]
fn a_catalogue_file_leaves_alone_what_it_does_not_name() {
    on_both(|shop| {
        put(shop, &lamp()).unwrap();
        shop.import_catalog("sku,cost,watts\nL-1,5.00,60\n").unwrap();
        let now = kept(shop);
        assert_eq!((now.cost_minor, now.compare_at_minor), (Some(500), Some(1_299)));
        assert_eq!((now.images, now.version), (lamp().images, 2));
        assert_eq!(now.attributes["watts"], "60");
    });
}

#[test]
fn many_products_are_put_in_parts_and_the_bad_ones_are_named() {
    on_both(|shop| {
        let rows = |price: i64| -> Vec<ProductRow> {
            (0..600)
                .map(|place| {
                    let mut fields = ProductFields { base_price_minor: Some(price), ..lamp() };
                    if place % 100 == 7 {
                        fields.title = String::new();
                    }
                    // Out of order on purpose.
                    ProductRow { place, sku: sku(&format!("P-{:03}", 599 - place)), fields }
                })
                .collect()
        };
        let put =
            |price: i64| shop.run(put_products(&shop.store, rows(price), shop.stamp())).unwrap();
        let outcomes = put(500);
        assert!(outcomes.iter().map(|(place, _)| *place).eq(0..600));
        let bad: Vec<_> = outcomes.iter().filter(|(_, o)| o.is_err()).map(|(at, _)| *at).collect();
        assert_eq!(bad, [7, 107, 207, 307, 407, 507]);
        let all = |wanted: Put, outcomes: &[(usize, Result<Put, _>)]| {
            outcomes.iter().filter_map(|(_, o)| o.as_ref().ok()).all(|put| *put == wanted)
        };
        assert!(all(Put::Created, &outcomes));
        assert!(all(Put::Unchanged, &put(500)));
        assert!(all(Put::Updated, &put(501)));
        assert_eq!(shop.number("SELECT COUNT(*) FROM products"), 594);
    });
}

#[test]
fn two_who_put_the_same_products_at_once_do_not_stand_in_each_others_way() {
    on_both(|shop| {
        let stamp = shop.stamp();
        let tasks: Vec<_> = (0..4_i64)
            .map(|turn| {
                let store = shop.store.clone();
                let mut rows: Vec<ProductRow> = (0..100)
                    .map(|place| ProductRow {
                        place,
                        sku: sku(&format!("P-{place:03}")),
                        fields: ProductFields { base_price_minor: Some(100 + turn), ..lamp() },
                    })
                    .collect();
                if turn % 2 == 0 {
                    rows.reverse();
                }
                shop.spawn(async move { put_products(&store, rows, stamp).await })
            })
            .collect();
        let mut created = 0;
        for task in tasks {
            for (_, outcome) in shop.run(task).unwrap().unwrap() {
                created += usize::from(outcome.unwrap() == Put::Created);
            }
        }
        assert_eq!(created, 100);
    });
}
