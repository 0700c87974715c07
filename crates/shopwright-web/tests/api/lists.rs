//! Lists in pages: both ways, at the edges, stable while rows come in, and cursors that do not fit.

use serde_json::{Value, json};
use shopwright_domain::time::HOUR;

use crate::client::{Answer, escaped};
use crate::harness::{STILL, Shop, on_both, on_sqlite};
use crate::seed::product;

/// Gives `85123A` a history of this many prices by pinning it again and again.
fn history_of(shop: &Shop, changes: i64) {
    for change in 1..changes {
        shop.clock.advance(HOUR);
        shop.put("/v1/pricing/policies/sku/85123A")
            .json(&json!({ "pin_minor": 300 + change }))
            .send()
            .expect(200);
        shop.refresh(&shop.store);
    }
}

fn ids(list: &Value, field: &str) -> Vec<String> {
    list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row[field].as_str().unwrap().to_owned())
        .collect()
}

fn history(shop: &Shop, query: &str) -> Value {
    shop.get(&format!("/v1/prices/85123A/history{query}")).send().expect(200)
}

#[test]
fn a_history_starts_with_the_newest_change_and_chains_back_to_the_first() {
    on_both(STILL, |shop| {
        history_of(shop, 5);
        let list = history(shop, "");
        assert_eq!(
            (&list["object"], &list["has_more"], &list["url"]),
            (&json!("list"), &json!(false), &json!("/v1/prices/85123A/history"))
        );
        let rows = list["data"].as_array().unwrap();
        assert_eq!(rows.len(), 5);
        assert_eq!(rows[0]["to"], json!({ "amount": 304, "currency": "GBP" }));
        for (newer, older) in rows.iter().zip(&rows[1..]) {
            assert_eq!(newer["from"], older["to"]);
            assert!(newer["decided_at"].as_str() > older["decided_at"].as_str());
        }
        assert_eq!(rows[4]["from"], Value::Null);
        assert_eq!(rows[0]["object"], "price_change");
        assert_eq!(rows[0]["reasons"][0]["factor"], "pin", "{}", rows[0]);
        assert_eq!(
            rows[0]["decision_id"],
            shop.get("/v1/prices/85123A/explain").send().expect(200)["decision_id"]
        );
    });
}

#[test]
fn a_history_is_paged_in_both_directions() {
    on_both(STILL, |shop| {
        history_of(shop, 7);
        let all = ids(&history(shop, ""), "decision_id");
        let page = |query: String| {
            let list = history(shop, &query);
            (ids(&list, "decision_id"), list["has_more"].as_bool().unwrap())
        };
        let cut = |from: usize, until: usize| all[from..until].to_vec();
        assert_eq!(page("?limit=3".into()), (cut(0, 3), true));
        assert_eq!(page(format!("?limit=3&starting_after={}", all[2])), (cut(3, 6), true));
        assert_eq!(page(format!("?limit=3&starting_after={}", all[5])), (cut(6, 7), false));
        assert_eq!(page(format!("?limit=3&starting_after={}", all[6])), (Vec::new(), false));
        assert_eq!(page(format!("?limit=3&ending_before={}", all[6])), (cut(3, 6), true));
        assert_eq!(page(format!("?limit=3&ending_before={}", all[3])), (cut(0, 3), false));
        assert_eq!(page(format!("?limit=3&ending_before={}", all[0])), (Vec::new(), false));
        // New changes on top move nothing on a page that hangs on a cursor.
        let before = page(format!("?limit=2&starting_after={}", all[1]));
        history_of(shop, 2);
        assert_eq!(page(format!("?limit=2&starting_after={}", all[1])), before);
    });
}

#[test]
fn a_cursor_that_names_no_change_of_this_price_is_refused() {
    on_both(STILL, |shop| {
        let foreign = shop.get("/v1/prices/22423").send().expect(200)["decision_id"]
            .as_str()
            .unwrap()
            .to_owned();
        let missing = "dec_7zzzzzzzzzzzzzzzzzzzzzzzzz";
        let other_kind = foreign.replace("dec_", "prm_");
        for cursor in
            [foreign.as_str(), missing, other_kind.as_str(), "dec_", "", "85123A", "%00", "%ff"]
        {
            for way in ["starting_after", "ending_before"] {
                let path = format!("/v1/prices/85123A/history?{way}={cursor}");
                let problem = shop.get(&path).send().problem(400, "invalid_parameter");
                assert!(
                    cursor == "%ff" || problem["detail"].as_str().unwrap().contains(way),
                    "{problem}"
                );
            }
        }
        // Foreign and missing say the same, so that nothing can be probed with them.
        let told = |cursor: &str| {
            let path = format!("/v1/prices/85123A/history?starting_after={cursor}");
            shop.get(&path).send().json()["detail"].as_str().unwrap().replace(cursor, "X")
        };
        assert_eq!(told(&foreign), told(missing));
    });
}

#[test]
fn limits_and_queries_that_do_not_fit_are_refused() {
    on_sqlite(STILL, |shop| {
        let check = |path: &str, query: &str| -> Answer {
            let answer = shop.get(&format!("{path}?{query}")).send();
            answer.problem(400, "invalid_parameter");
            answer
        };
        for path in
            ["/v1/prices/85123A/history", "/v1/products", "/v1/promotions", "/v1/pricing/policies"]
        {
            for limit in ["0", "101", "-1", "ten", "", "1.5", "99999999999999999999"] {
                check(path, &format!("limit={limit}"));
            }
            check(path, "page=2");
            check(path, "limit=1&limit=2");
            for limit in ["1", "100"] {
                shop.get(&format!("{path}?limit={limit}")).send().expect(200);
            }
        }
        check("/v1/products", "starting_after=85123A&ending_before=85123A");
        let decision = shop.get("/v1/prices/85123A").send().expect(200)["decision_id"]
            .as_str()
            .unwrap()
            .to_owned();
        check(
            "/v1/prices/85123A/history",
            &format!("starting_after={decision}&ending_before={decision}"),
        );
        shop.get("/v1/prices/nothing/history").send().problem(404, "unknown_sku");
    });
}

#[test]
fn products_are_paged_in_sku_order_both_ways_and_stay_stable() {
    on_both(STILL, |shop| {
        let all = ids(&shop.get("/v1/products?limit=100").send().expect(200), "sku");
        assert!(all.is_sorted() && all.len() > 12, "{all:?}");
        assert_eq!(ids(&shop.get("/v1/products").send().expect(200), "sku"), all[..10]);
        let (mut walked, mut query) = (Vec::new(), "?limit=4".to_owned());
        loop {
            let list = shop.get(&format!("/v1/products{query}")).send().expect(200);
            assert_eq!(list["url"], "/v1/products");
            walked.extend(ids(&list, "sku"));
            if list["has_more"] == false {
                break;
            }
            query = format!("?limit=4&starting_after={}", escaped(walked.last().unwrap()));
        }
        assert_eq!(walked, all);
        let back = |before: &str, limit: usize| {
            let list = shop
                .get(&format!("/v1/products?limit={limit}&ending_before={}", escaped(before)))
                .send()
                .expect(200);
            (ids(&list, "sku"), list["has_more"].as_bool().unwrap())
        };
        assert_eq!(back(&all[6], 4), (all[2..6].to_vec(), true));
        assert_eq!(back(&all[4], 4), (all[..4].to_vec(), false));
        // A product that comes in before the cursor moves nothing behind it.
        let after = || {
            ids(
                &shop
                    .get(&format!("/v1/products?limit=3&starting_after={}", escaped(&all[3])))
                    .send()
                    .expect(200),
                "sku",
            )
        };
        let before = after();
        let now = "2026-11-24T12:00:00Z".parse().unwrap();
        shop.write(move |tx| {
            shopwright_store::catalog::upsert(tx, &product("!first", Some(1)), now)
        });
        assert_eq!(after(), before);
        assert_eq!(ids(&shop.get("/v1/products?limit=1").send().expect(200), "sku"), ["!first"]);
    });
}

#[test]
fn a_product_cursor_need_not_exist_but_must_be_able_to() {
    on_both(STILL, |shop| {
        let list = shop.get("/v1/products?starting_after=85123B&limit=1").send().expect(200);
        assert!(ids(&list, "sku")[0].as_str() > "85123B");
        for cursor in ["%00", "a%00b", "", &"x".repeat(201)] {
            for way in ["starting_after", "ending_before"] {
                shop.get(&format!("/v1/products?{way}={cursor}"))
                    .send()
                    .problem(400, "invalid_parameter");
            }
        }
    });
}

#[test]
fn the_address_of_a_history_leads_to_it_whatever_the_sku() {
    on_sqlite(STILL, |shop| {
        for sku in crate::seed::odd_skus() {
            let list =
                shop.get(&format!("/v1/prices/{}/history", escaped(&sku))).send().expect(200);
            let again = shop.get(list["url"].as_str().unwrap()).send().expect(200);
            assert_eq!(again, list);
            assert_eq!(again["data"][0]["sku"], json!(sku));
        }
    });
}
