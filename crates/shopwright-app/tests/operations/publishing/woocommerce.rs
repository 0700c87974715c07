//! WooCommerce: plain products together, variations by their parent, errors item by item.

use serde_json::{Value as Json, json};
use shopwright_domain::platforms::Platform as Of;
use shopwright_gateways::shop::{Shop as On, Woocommerce};

use super::platform::{Platform, Received, State};
use super::{effects_in, listed, listing, published, schedule, work_with};
use crate::harness::on_both;
use crate::outside::{outside, wait_until};

/// The batch calls and lists of `wc/v3`.
pub fn woocommerce(state: &mut State, call: &Received) -> (u16, Json) {
    // ck_test:cs_test
    assert_eq!(call.header("authorization"), Some("Basic Y2tfdGVzdDpjc190ZXN0"));
    let path = call.target.strip_prefix("/wp-json/wc/v3/products").unwrap();
    if call.method == "GET" {
        let (_, query) = path.split_once("?include=").unwrap();
        let ids = query.split('&').next().unwrap().split(',');
        let item = |id: &str| {
            let price = state.prices.get(id)?;
            Some(
                json!({ "id": id.parse::<u64>().unwrap(), "price": price, "regular_price": price }),
            )
        };
        return (200, ids.filter_map(item).collect());
    }
    assert_eq!(call.method, "POST");
    assert!(path == "/batch" || path == "/20/variations/batch", "{path}");
    let items = call.body["update"].as_array().unwrap();
    assert!(items.len() <= 100);
    let updated: Vec<Json> = items
        .iter()
        .map(|item| {
            let (id, price) = (item["id"].as_u64().unwrap(), item["regular_price"].as_str().unwrap());
            if let Some(why) = state.refused.get(&id.to_string()) {
                let error = json!({ "code": "woocommerce_rest_invalid_id", "message": why, "data": { "status": 400 } });
                return json!({ "id": id, "error": error });
            }
            state.prices.insert(id.to_string(), price.to_owned());
            json!({ "id": id, "regular_price": price, "price": price })
        })
        .collect();
    (200, json!({ "update": updated }))
}

pub fn platform(prices: &[(&str, &str)]) -> (Platform, On) {
    let platform = Platform::new(woocommerce, prices);
    let on = On::Woocommerce(Woocommerce::new(&platform.url(), "ck_test", "cs_test"));
    (platform, on)
}

#[test]
fn plain_products_go_together_and_variations_with_their_parent() {
    on_both(|shop| {
        for number in 1..=5 {
            let (code, id) = (format!("P-{number}"), number.to_string());
            listed(shop, &code, Of::Woocommerce, (&id, &id));
        }
        listed(shop, "V-1", Of::Woocommerce, ("20", "21"));
        listed(shop, "V-2", Of::Woocommerce, ("20", "22"));
        shop.refresh();
        let (platform, on) = platform(&[]);
        platform.with(|state| state.refused.insert("3".into(), "Invalid ID.".into()));
        assert_eq!(schedule(shop, Of::Woocommerce), 2);
        let worker = work_with(shop, &shop.store, &outside(), &on);
        wait_until("all is told", || effects_in(shop, "done") == 2);
        assert_eq!(platform.calls(), 2);
        for variant in ["1", "2", "4", "5", "21", "22"] {
            assert_eq!(platform.price(variant), "10.00", "{variant}");
        }
        assert_eq!(published(shop, Of::Woocommerce, "22"), Some(1_000));
        let refused = listing(shop, Of::Woocommerce, "3");
        assert_eq!(refused.publish_error.as_deref(), Some("Invalid ID."));
        assert_eq!(schedule(shop, Of::Woocommerce), 0);
        drop(worker);
    });
}

#[test]
fn more_products_than_one_call_takes_are_told_by_calls_that_follow_each_other() {
    on_both(|shop| {
        for number in 1..=130 {
            let (code, id) = (format!("P-{number}"), number.to_string());
            listed(shop, &code, Of::Woocommerce, (&id, &id));
        }
        shop.refresh();
        let (platform, on) = platform(&[]);
        assert_eq!(schedule(shop, Of::Woocommerce), 1);
        let worker = work_with(shop, &shop.store, &outside(), &on);
        wait_until("all is told", || platform.with(|state| state.prices.len()) == 130);
        wait_until("all is settled", || effects_in(shop, "done") == 2);
        assert_eq!(platform.calls(), 2);
        drop(worker);
    });
}
