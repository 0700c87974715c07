//! Reservations over HTTP: held, extended, sold, shipped, and refused with what is missing.

use serde_json::{Value, json};
use shopwright_domain::time::{MINUTE, SECOND};

use crate::harness::{STILL, Shop, on_both};

const PATH: &str = "/v1/reservations";

fn wish(quantity: i64) -> Value {
    json!({ "lines": [{ "sku": "85123A", "quantity": quantity }] })
}

fn make(shop: &Shop, body: &Value) -> Value {
    shop.post(PATH).json(body).send().expect(201)
}

fn id_of(made: &Value) -> String {
    made["id"].as_str().unwrap().to_owned()
}

fn step(shop: &Shop, id: &str, step: &str) -> crate::client::Answer {
    shop.post(&format!("{PATH}/{id}/{step}")).send()
}

/// `on_hand`, `reserved`, `committed`, `available_to_sell` of `85123A`.
#[track_caller]
fn check_stock(shop: &Shop, expected: [i64; 4]) {
    let stock = shop.get("/v1/stock/85123A").send().expect(200);
    let found = ["on_hand", "reserved", "committed", "available_to_sell"].map(|f| stock[f].clone());
    assert_eq!(found, expected.map(Value::from), "{stock}");
}

#[test]
fn a_reservation_is_answered_as_it_is_kept() {
    on_both(STILL, |shop| {
        let body = json!({
            "reference": "cart-7",
            "lines": [{ "sku": "85123A", "quantity": 2 }, { "sku": "85123A", "quantity": 1 }],
            "hold": "PT1M30S",
        });
        let made = make(shop, &body);
        let id = id_of(&made);
        assert!(id.starts_with("res_"), "{id}");
        assert_eq!(
            made,
            json!({
                "object": "reservation",
                "id": id,
                "reference": "cart-7",
                "state": "open",
                "expires_at": "2026-11-24T12:01:30Z",
                "extended": false,
                "lines": [{
                    "sku": "85123A", "location": "main", "quantity": 3, "backordered": 0,
                    "promised_at": null, "released": 0, "restocked": 0,
                }],
                "created_at": "2026-11-24T12:00:00Z",
            })
        );
        assert_eq!(shop.get(&format!("{PATH}/{id}")).send().expect(200), made);
        assert_eq!(shop.post(PATH).json(&body).send().expect(200), made, "said again");
        check_stock(shop, [42, 3, 0, 39]);
        shop.clock.advance(90 * SECOND);
        assert_eq!(shop.get(&format!("{PATH}/{id}")).send().expect(200)["state"], "expired");
        check_stock(shop, [42, 0, 0, 42]);
    });
}

#[test]
fn each_step_shows_in_the_stock_and_may_be_sent_again() {
    on_both(STILL, |shop| {
        let id = id_of(&make(shop, &wish(5)));
        shop.clock.advance(5 * MINUTE);
        for _ in 0..2 {
            let extended = step(shop, &id, "extend").expect(200);
            assert_eq!(
                (&extended["expires_at"], &extended["extended"]),
                (&json!("2026-11-24T12:20:00Z"), &json!(true))
            );
        }
        check_stock(shop, [42, 5, 0, 37]);
        for _ in 0..2 {
            assert_eq!(step(shop, &id, "commit").expect(200)["state"], "committed");
            check_stock(shop, [42, 0, 5, 37]);
        }
        for _ in 0..2 {
            assert_eq!(step(shop, &id, "ship").expect(200)["state"], "shipped");
            check_stock(shop, [37, 0, 0, 37]);
        }
        step(shop, &id, "release").problem(409, "reservation_state");
        step(shop, &id, "extend").problem(409, "reservation_state");
        let other = id_of(&make(shop, &wish(2)));
        step(shop, &other, "ship").problem(409, "reservation_state");
        for _ in 0..2 {
            assert_eq!(step(shop, &other, "release").expect(200)["state"], "released");
        }
        step(shop, &other, "commit").problem(409, "reservation_state");
        check_stock(shop, [37, 0, 0, 37]);
    });
}

#[test]
fn a_list_shows_the_state_or_the_reference_that_is_asked_for() {
    on_both(STILL, |shop| {
        let mut named = wish(1);
        named["reference"] = json!("cart-7");
        let (first, sold) = (id_of(&make(shop, &named)), id_of(&make(shop, &wish(1))));
        step(shop, &sold, "commit").expect(200);
        shop.clock.advance(16 * 60 * 1_000_000);
        let open = id_of(&make(shop, &wish(1)));
        let check = |query: &str, expected: &[&String]| {
            let list = shop.get(&format!("{PATH}?{query}")).send().expect(200);
            let rows = list["data"].as_array().unwrap();
            let ids: Vec<String> = rows.iter().map(id_of).collect();
            assert_eq!(ids.iter().collect::<Vec<_>>(), expected, "{query}");
        };
        check("state=open", &[&open]);
        check("state=expired", &[&first]);
        check("state=committed", &[&sold]);
        check("state=shipped", &[]);
        check("reference=cart-7", &[&first]);
        check("state=open&reference=cart-7", &[]);
        check("", &[&open, &sold, &first]);
        shop.get(&format!("{PATH}?state=gone")).send().problem(400, "invalid_parameter");
    });
}

#[test]
fn what_is_missing_is_said_for_each_line_and_each_sku() {
    on_both(STILL, |shop| {
        let body = json!({ "lines": [
            { "sku": "85123A", "quantity": 40 },
            { "sku": "22423", "quantity": 1 },
            { "sku": "85123A", "quantity": 3 },
            { "sku": "nothing", "quantity": 1 },
        ]});
        let problem = shop.post(PATH).json(&body).send().problem(409, "insufficient_stock");
        let pointers: Vec<&str> = problem["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| error["pointer"].as_str().unwrap())
            .collect();
        assert_eq!(pointers, ["/lines/0", "/lines/1", "/lines/2", "/lines/3"]);
        assert_eq!(
            problem["shortages"],
            json!([
                { "sku": "22423", "wanted": 1, "available": 0, "reason": "not_counted" },
                { "sku": "85123A", "wanted": 43, "available": 42, "reason": "insufficient" },
                { "sku": "nothing", "wanted": 1, "available": 0, "reason": "unknown_sku" },
            ])
        );
        check_stock(shop, [42, 0, 0, 42]);
    });
}

#[test]
fn an_expired_reservation_whose_stock_is_gone_says_so() {
    on_both(STILL, |shop| {
        let id = id_of(&make(shop, &wish(42)));
        shop.clock.advance(15 * MINUTE);
        step(shop, &id, "extend").problem(409, "reservation_expired");
        let rival = id_of(&make(shop, &wish(1)));
        let problem = step(shop, &id, "commit").problem(409, "reservation_expired");
        assert_eq!(
            problem["shortages"],
            json!([{ "sku": "85123A", "wanted": 42, "available": 41, "reason": "insufficient" }])
        );
        step(shop, &rival, "release").expect(200);
        assert_eq!(step(shop, &id, "commit").expect(200)["state"], "committed");
        check_stock(shop, [42, 0, 42, 0]);
    });
}

#[test]
fn what_is_not_on_the_shelf_does_not_ship() {
    on_both(STILL, |shop| {
        shop.put("/v1/stock/85123A").json(&json!({ "backorder": true })).send().expect(200);
        shop.post("/v1/stock/deliveries")
            .json(&json!({ "sku": "85123A", "quantity": 9, "due_at": "2026-12-01T09:00:00Z" }))
            .send()
            .expect(201);
        let made = make(shop, &wish(45));
        let line = &made["lines"][0];
        assert_eq!(
            (&line["backordered"], &line["promised_at"]),
            (&json!(3), &json!("2026-12-01T09:00:00Z"))
        );
        let id = id_of(&made);
        step(shop, &id, "commit").expect(200);
        let problem = step(shop, &id, "ship").problem(409, "not_on_shelf");
        assert_eq!(
            problem["shortages"],
            json!([{ "sku": "85123A", "wanted": 45, "available": 42, "reason": "insufficient" }])
        );
        check_stock(shop, [42, 0, 45, 0]);
    });
}

#[test]
fn a_reference_of_other_pieces_is_taken() {
    on_both(STILL, |shop| {
        let with = |quantity: i64| {
            let mut body = wish(quantity);
            body["reference"] = json!("cart-9");
            body
        };
        make(shop, &with(1));
        shop.post(PATH).json(&with(2)).send().problem(409, "reference_taken");
        check_stock(shop, [42, 1, 0, 41]);
    });
}

#[test]
fn what_does_not_fit_is_pointed_at_and_nothing_is_held() {
    on_both(STILL, |shop| {
        let check = |body: Value, pointer: &str| {
            let answer = shop.post(PATH).json(&body).send();
            assert_eq!(answer.pointers(), [pointer], "{body}: {}", answer.text);
        };
        check(json!({ "lines": [] }), "/lines");
        let line = json!({ "sku": "85123A", "quantity": 1 });
        check(json!({ "lines": vec![line.clone(); 101] }), "/lines");
        for quantity in [json!(0), json!(-1), json!(1_000_000_001), json!(1.5), json!("1")] {
            check(
                json!({ "lines": [line, { "sku": "85123A", "quantity": quantity }] }),
                "/lines/1/quantity",
            );
        }
        check(json!({ "lines": [{ "sku": "", "quantity": 1 }] }), "/lines/0/sku");
        check(json!({ "lines": [{ "sku": "a", "quantity": 1, "at": "x" }] }), "/lines/0/at");
        for hold in ["PT0S", "-PT5M", "PT25H", "15", "15m", "P1D", "", "PT0.5S", "P"] {
            check(json!({ "lines": [line], "hold": hold }), "/hold");
        }
        for reference in ["", "a\nb", &"r".repeat(201)] {
            check(json!({ "lines": [line], "reference": reference }), "/reference");
        }
        check(json!({ "lines": [line], "note": "x" }), "/note");
        check_stock(shop, [42, 0, 0, 42]);
        for odd in ["res_01h455vb4pex5vsknk084sn02q", "dlv_01h455vb4pex5vsknk084sn02q", "1", "%00"]
        {
            shop.get(&format!("{PATH}/{odd}")).send().problem(404, "not_found");
            for of in ["extend", "commit", "release", "ship"] {
                step(shop, odd, of).problem(404, "not_found");
            }
        }
    });
}

#[test]
fn reservations_are_listed_newest_first_in_pages_both_ways() {
    on_both(STILL, |shop| {
        let made: Vec<String> = (0..5).map(|_| id_of(&make(shop, &wish(1)))).collect();
        let newest: Vec<&String> = made.iter().rev().collect();
        let page = |query: &str| {
            let list = shop.get(&format!("{PATH}{query}")).send().expect(200);
            let ids: Vec<String> = list["data"].as_array().unwrap().iter().map(id_of).collect();
            (ids, list["has_more"].as_bool().unwrap())
        };
        let cut = |from: usize, until: usize| {
            newest[from..until].iter().map(|id| (*id).clone()).collect::<Vec<_>>()
        };
        assert_eq!(page(""), (cut(0, 5), false));
        assert_eq!(page("?limit=2"), (cut(0, 2), true));
        let after = |place: usize| format!("?limit=2&starting_after={}", newest[place]);
        assert_eq!(page(&after(1)), (cut(2, 4), true));
        assert_eq!(page(&after(3)), (cut(4, 5), false));
        let before = |place: usize| format!("?limit=2&ending_before={}", newest[place]);
        assert_eq!(page(&before(4)), (cut(2, 4), true));
        assert_eq!(page(&before(1)), (cut(0, 1), false));
        let both = format!("{}&ending_before={}", after(1), newest[3]);
        for query in [both.as_str(), "?starting_after=x", "?limit=0", "?limit=101", "?stat=open"] {
            shop.get(&format!("{PATH}{query}")).send().problem(400, "invalid_parameter");
        }
    });
}

#[test]
fn a_sold_out_product_counts_as_sold_out_for_its_price() {
    on_both(STILL, |shop| {
        let facts = |shop: &Shop| {
            let (now, heart) = (shop.clock_now(), crate::seed::sku("85123A"));
            let rows = shop.read(move |tx| {
                shopwright_store::pricing::facts(
                    tx,
                    shopwright_store::pricing::FactsOf::One(&heart),
                    now,
                    now,
                )
            });
            rows[0].available
        };
        assert_eq!(facts(shop), Some(42));
        let id = id_of(&make(shop, &wish(40)));
        assert_eq!(facts(shop), Some(2));
        step(shop, &id, "commit").expect(200);
        assert_eq!(facts(shop), Some(2));
        step(shop, &id, "ship").expect(200);
        assert_eq!(facts(shop), Some(2));
        make(shop, &wish(1));
        shop.clock.advance(15 * MINUTE);
        assert_eq!(facts(shop), Some(2), "a hold that expired counts no more");
    });
}

#[test]
fn a_reservation_sent_again_under_its_idempotency_key_is_one_also_when_it_was_refused() {
    on_both(STILL, |shop| {
        let send = |quantity: i64, key: &str| {
            shop.post(PATH).header("idempotency-key", key).json(&wish(quantity)).send()
        };
        let made = send(40, "first").expect(201);
        let again = send(40, "first");
        assert_eq!(again.header("idempotent-replayed"), "true");
        assert_eq!(again.expect(201), made);
        check_stock(shop, [42, 40, 0, 2]);
        let refused = send(3, "second").problem(409, "insufficient_stock");
        shop.clock.advance(15 * MINUTE);
        let replayed = send(3, "second");
        assert_eq!(replayed.header("idempotent-replayed"), "true");
        let replayed = replayed.problem(409, "insufficient_stock");
        assert_eq!(replayed["shortages"], refused["shortages"], "{replayed}");
        assert_eq!(replayed["errors"], refused["errors"]);
        check_stock(shop, [42, 0, 0, 42]);
    });
}
