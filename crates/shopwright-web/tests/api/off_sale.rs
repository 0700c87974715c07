//! Products that are not on sale show no price, on every node at once, and show it again.

use serde_json::{Value, json};
use shopwright_app::catalog::{fields_of, put_product, put_products};
use shopwright_domain::catalog::ProductStatus;
use shopwright_store::{Store, catalog};

use crate::harness::{STILL, Shop, on_both, soon};
use crate::seed::{HEART, sku};

/// Puts the heart into a status, by one call or as one row of many.
fn set(shop: &Shop, store: &Store, status: ProductStatus, in_bulk: bool) {
    let kept = shop.read(|tx| catalog::find(tx, &sku("85123A"))).unwrap();
    let mut fields = fields_of(&kept);
    fields.status = status;
    let stamp = shop.stamp();
    if in_bulk {
        let row = shopwright_app::catalog::ProductRow { place: 0, sku: sku("85123A"), fields };
        shop.wait(put_products(store, vec![row], stamp)).unwrap();
    } else {
        let put = store.write(move |tx| put_product(tx, &sku("85123A"), &fields, stamp));
        shop.wait(put).unwrap();
    }
}

fn shown(shop: &Shop, key: &str) -> Value {
    shop.get("/v1/prices/85123A").key(key).send().expect(200)
}

fn is_hidden(shop: &Shop) -> bool {
    let batch = json!({ "skus": ["85123A", "22423"] });
    let batch = shop.post("/v1/prices/batch").json(&batch).send().expect(200);
    let (one, of_many) = (shown(shop, &shop.secret), &batch["data"][0]);
    assert!(batch["data"][1]["price"]["amount"].is_i64(), "{batch}");
    [&one, of_many]
        .into_iter()
        .all(|price| price["price"].is_null() && price["reasons"][0]["factor"] == "not_for_sale")
}

#[test]
fn a_product_off_sale_shows_no_price_at_once_and_its_price_when_it_is_back() {
    on_both(STILL, |shop| {
        let other = shop.another_process();
        for (status, in_bulk) in [
            (ProductStatus::Archived, false),
            (ProductStatus::Draft, false),
            (ProductStatus::Archived, true),
        ] {
            for store in [&shop.store, &other] {
                assert_eq!(shop.price_of("85123A"), HEART);
                set(shop, store, status, in_bulk);
                soon("the price is gone", || is_hidden(shop));
                // A refresh looks at active products only and brings nothing back.
                shop.refresh(&other);
                assert!(is_hidden(shop));
                set(shop, store, ProductStatus::Active, in_bulk);
                soon("the price is back", || !is_hidden(shop));
            }
        }
    });
}

#[test]
fn a_browser_is_told_no_more_than_that_it_is_not_on_sale() {
    on_both(STILL, |shop| {
        set(shop, &shop.store, ProductStatus::Archived, false);
        soon("the price is gone", || is_hidden(shop));
        let told = shown(shop, &shop.publishable);
        let reason = json!([{ "factor": "not_for_sale", "effect_minor": 0 }]);
        assert_eq!((&told["price"], &told["reasons"]), (&Value::Null, &reason));
        assert_eq!((&told["decision_id"], &told["lowest_30d"]), (&Value::Null, &Value::Null));
        assert!(shown(shop, &shop.secret)["reasons"][0]["sentence"].is_string());
    });
}

#[test]
fn a_draft_that_never_had_a_price_says_the_same() {
    on_both(STILL, |shop| {
        let draft = json!({
            "title": "Lamp", "currency": "GBP", "status": "draft",
            "base_price": { "amount": 900, "currency": "GBP" },
        });
        shop.put("/v1/products/lamp").json(&draft).send().expect(201);
        let told = shop.get("/v1/prices/lamp").send().expect(200);
        assert_eq!(
            (&told["price"], &told["reasons"][0]["factor"]),
            (&Value::Null, &json!("not_for_sale"))
        );
        let bare = shop.get("/v1/prices/NOBASE").send().expect(200);
        assert_eq!(bare["reasons"][0]["factor"], "no_base_price");
    });
}
