//! The platforms' own example bodies: read, applied, and the books hold.

use serde_json::{Value, json};
use shopwright_app::platforms::{
    Applied, ApplyIds, apply_customer, apply_order, apply_refund, apply_variant,
};
use shopwright_domain::orders::OrderState;
use shopwright_domain::platforms::{Platform, PlatformOrder, shopify, shopify_things, woocommerce};
use shopwright_store::orders::placed::{self, Order};
use shopwright_store::{catalog, customers};

use crate::harness::{Shop, by_nobody, on_both};
use crate::sales::sku;

/// After every date in the samples.
const NOW: &str = "2026-11-24T12:00:00Z";

fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn book(shop: &Shop, order: PlatformOrder) -> Order {
    let (ids, stamp) = (ApplyIds::new(shop.ids.as_ref()), shop.stamp());
    let (source, number) = (order.source.clone(), order.external_id.clone());
    let applied = shop.run(shop.store.write(move |tx| apply_order(tx, &order, &ids, stamp)));
    assert_eq!(applied.unwrap(), Applied::Created);
    shop.read(move |tx| placed::find_external(tx, &source, &number)).unwrap()
}

#[test]
fn shopifys_example_orders_and_refunds_of_both_versions_are_booked_to_the_cent() {
    for (order, refund, total) in [
        (
            include_str!("samples/shopify/2024-10-orders-paid.json"),
            include_str!("samples/shopify/2024-10-refunds-create.json"),
            35_997,
        ),
        (
            include_str!("samples/shopify/2026-04-orders-paid.json"),
            include_str!("samples/shopify/2026-04-refunds-create.json"),
            40_495,
        ),
    ] {
        let mut body = read(order);
        assert!(shopify::order(&body).unwrap().is_test);
        body["test"] = json!(false);
        body["financial_status"] = json!("paid");
        body["cancelled_at"] = Value::Null;
        let refund = read(refund);
        on_both(|shop| {
            shop.set_clock(NOW);
            let booked = book(shop, shopify::order(&body).unwrap());
            assert_eq!((booked.amount_minor, booked.state), (total, OrderState::Paid));
            assert_eq!(booked.currency.code(), "USD");
            let lines = shop.read(move |tx| placed::lines_of(tx, booked.order_id));
            let paid: i64 = lines.iter().filter_map(|line| line.share_minor).sum();
            assert_eq!(paid, total);
            let dollars = "USD".parse().unwrap();
            let refund = shopify::lone_refund(&refund, dollars).unwrap().unwrap();
            assert_eq!(refund.amount_minor, 8_500);
            let (ids, stamp) = (ApplyIds::new(shop.ids.as_ref()), shop.stamp());
            let given =
                shop.store.write(move |tx| apply_refund(tx, "shopify", &refund, &ids, stamp));
            assert_eq!(shop.run(given).unwrap(), Applied::Created);
            let now = shop.read(move |tx| placed::find(tx, booked.order_id)).unwrap();
            assert_eq!(now.state, OrderState::PartiallyRefunded);
            shop.assert_books_hold();
        });
    }
}

#[test]
fn an_old_example_whose_lines_do_not_make_its_total_is_refused() {
    let body = read(include_str!("samples/shopify/order.json"));
    let order = body.get("order").unwrap_or(&body).clone();
    on_both(|shop| {
        shop.set_clock(NOW);
        let order = shopify::order(&order).unwrap();
        assert_eq!(order.total_minor, 40_994);
        let (ids, stamp) = (ApplyIds::new(shop.ids.as_ref()), shop.stamp());
        let refused = shop.store.write(move |tx| apply_order(tx, &order, &ids, stamp));
        let error = shop.run(refused).unwrap_err();
        assert!(error.to_string().contains("60894 minor units"), "{error}");
        shop.assert_books_hold();
    });
}

#[test]
fn shopifys_example_products_and_people_are_taken() {
    on_both(|shop| {
        shop.set_clock(NOW);
        let dollars = "USD".parse().unwrap();
        let body = read(include_str!("samples/shopify/product.json"));
        let old = body.get("product").unwrap_or(&body);
        let new = read(include_str!("samples/shopify/2026-04-products-update.json"));
        for body in [old, &new] {
            let variants = shopify_things::product(body, dollars).unwrap();
            assert!(variants.len() > 1);
            for variant in variants {
                let stamp = by_nobody(NOW.parse().unwrap());
                let seen = shop.store.write(move |tx| {
                    apply_variant(tx, Some(Platform::Shopify), &variant, dollars, stamp)
                });
                assert_eq!(shop.run(seen).unwrap(), Applied::Created);
            }
        }
        let green = shop.read(|tx| catalog::find(tx, &sku("IPOD2008GREEN"))).unwrap();
        assert_eq!(green.base_price_minor, Some(19_900));
        for text in [
            include_str!("samples/shopify/2024-10-customers-update.json"),
            include_str!("samples/shopify/2026-04-customers-update.json"),
            include_str!("samples/shopify/customer.json"),
        ] {
            let body = read(text);
            let person = shopify_things::customer(body.get("customer").unwrap_or(&body));
            let stamp = shop.stamp();
            let put = shop.store.write(move |tx| apply_customer(tx, "shopify", &person, stamp));
            assert!(matches!(shop.run(put).unwrap(), Applied::Created | Applied::Updated));
        }
        let bob =
            shop.read(|tx| customers::find(tx, &"shopify:207119551".parse().unwrap())).unwrap();
        assert!(bob.fields.email.is_some());
        shop.assert_books_hold();
    });
}

#[test]
fn woocommerces_example_order_and_customer_are_booked_to_the_cent() {
    on_both(|shop| {
        shop.set_clock(NOW);
        let body = read(include_str!("samples/woocommerce/orders.create-an-order.json"));
        let booked = book(shop, woocommerce::order(&body).unwrap());
        assert_eq!((booked.amount_minor, booked.state), (2_935, OrderState::Paid));
        let person = woocommerce::customer(&read(include_str!(
            "samples/woocommerce/customers.create-a-customer.json"
        )));
        let stamp = shop.stamp();
        let put = shop.store.write(move |tx| apply_customer(tx, "woocommerce", &person, stamp));
        assert_eq!(shop.run(put).unwrap(), Applied::Created);
        let dollars = "USD".parse().unwrap();
        // It only holds its variations, which come as products of their own.
        let parent = read(include_str!("samples/woocommerce/products.create-a-product.json"));
        assert_eq!(woocommerce::product(&parent, dollars).unwrap(), None);
        let body = read(include_str!("samples/woocommerce/products.retrieve-a-product.json"));
        let product = woocommerce::product(&body, dollars).unwrap().unwrap();
        assert_eq!(product.price_minor, Some(2_199));
        let seen = shop.store.write(move |tx| {
            apply_variant(tx, Some(Platform::Woocommerce), &product, dollars, stamp)
        });
        assert_eq!(shop.run(seen).unwrap(), Applied::Created);
        shop.assert_books_hold();
    });
}
