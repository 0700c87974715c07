//! Rates: what a caller has left, the refusal past it, and who shares a bucket with whom.

use shopwright_app::identity::KeyKind;
use shopwright_web::limits::{Limits, Rate, Rates};

use crate::client::Answer;
use crate::harness::{STILL, Shop, Start, on_sqlite, soon};

/// Rates at which nothing comes back while a test runs.
fn slow() -> Limits {
    let rate = |burst| Rate { per_minute: 1, burst };
    let rates = Rates { secret: rate(5), publishable: rate(3), unauthenticated: rate(2) };
    Limits { rates, ..Limits::default() }
}

const SLOW: Start = Start { limits: slow, proxies: &["127.0.0.0/8"], ..STILL };

fn left(answer: &Answer) -> (String, String, String) {
    let header = |name: &str| answer.header(&format!("ratelimit-{name}")).to_owned();
    (header("limit"), header("remaining"), header("reset"))
}

fn refused(answer: &Answer) {
    answer.problem(429, "rate_limited");
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{answer:?}");
    assert_eq!(answer.header("ratelimit-remaining"), "0");
    assert_eq!(answer.header("www-authenticate"), "");
}

#[test]
fn a_secret_key_has_a_rate_of_its_own_whatever_is_called_from_wherever() {
    on_sqlite(SLOW, |shop| {
        let another = shop.new_key((KeyKind::Secret, "other".to_owned())).text;
        let calls = ["/v1/prices/85123A", "/v1/products", "/v1/prices/nothing", "/v1/keys?limit=0"];
        for (place, path) in calls.iter().enumerate() {
            let from = format!("198.51.100.{place}");
            let answer = shop.get(path).header("x-forwarded-for", &from).send();
            let remaining = 4 - place;
            let reset = 60 * (5 - remaining);
            let expected = ("5".into(), remaining.to_string(), reset.to_string());
            assert_eq!(left(&answer), expected, "{path}");
        }
        assert_eq!(shop.get("/v1/prices/85123A").send().status, 200);
        for _ in 0..3 {
            refused(&shop.get("/v1/prices/85123A").send());
        }
        refused(&shop.post("/v1/promotions").text("{").send());
        // What needs no key has no rate.
        for path in ["/livez", "/readyz", "/openapi.json"] {
            let answer = shop.get(path).send();
            assert_eq!((answer.status, left(&answer).0.as_str()), (200, ""), "{path}");
        }
        soon("the other key opens", || {
            shop.get("/v1/prices/85123A").key(&another).send().status == 200
        });
    });
}

#[test]
fn a_publishable_key_has_a_rate_for_each_address() {
    on_sqlite(SLOW, |shop| {
        let ask = |from: &str| {
            let call = shop.get("/v1/prices/85123A").key(&shop.publishable);
            call.header("x-forwarded-for", from).send()
        };
        for remaining in ["2", "1", "0"] {
            assert_eq!(left(&ask("198.51.100.1")).1, remaining);
        }
        refused(&ask("198.51.100.1"));
        // What the client itself wrote in front counts for nothing.
        refused(&ask("203.0.113.5, 198.51.100.1"));
        assert_eq!(left(&ask("198.51.100.2")).1, "2");
        assert_eq!(left(&ask("2001:db8::1")).1, "2");
        assert_eq!(left(&ask("2001:db8::2")).1, "1");
        assert_eq!(left(&ask("2001:db8:1::2")).1, "2");
    });
}

#[test]
fn the_header_of_a_client_that_is_no_trusted_proxy_is_not_believed() {
    on_sqlite(Start { proxies: &[], ..SLOW }, |shop| {
        let ask = |from: &str| {
            let call = shop.get("/v1/prices/85123A").key(&shop.publishable);
            call.header("x-forwarded-for", from).send()
        };
        for place in 0..3 {
            assert_eq!(ask(&format!("198.51.100.{place}")).status, 200);
        }
        refused(&ask("198.51.100.9"));
    });
}

#[test]
fn an_address_with_wrong_keys_is_made_to_wait_and_a_right_key_from_there_is_not() {
    on_sqlite(SLOW, |shop| {
        let from = |call: crate::client::Call, address: &str| {
            call.header("x-forwarded-for", address).send()
        };
        let wrong = |address: &str| {
            let like = format!("{}0123456789abcdefghjkmnpqrs", &shop.secret[..9]);
            from(shop.get("/v1/prices/85123A").key(&like), address)
        };
        let none = |address: &str| from(shop.get("/v1/prices/85123A").no_key(), address);
        let answer = wrong("198.51.100.1");
        answer.problem(401, "unauthorized");
        assert_eq!(left(&answer), ("2".into(), "1".into(), "60".into()));
        none("198.51.100.1").problem(401, "unauthorized");
        for _ in 0..3 {
            refused(&wrong("198.51.100.1"));
            refused(&none("198.51.100.1"));
        }
        assert_eq!(from(shop.get("/v1/prices/85123A"), "198.51.100.1").status, 200);
        wrong("198.51.100.2").problem(401, "unauthorized");
    });
}

#[test]
fn without_rates_nothing_is_counted_and_nothing_said() {
    on_sqlite(STILL, |shop: &Shop| {
        for _ in 0..50 {
            let answer = shop.get("/v1/prices/85123A").send();
            assert_eq!((answer.status, left(&answer).0.as_str()), (200, ""));
            assert_eq!(shop.get("/v1/prices/85123A").no_key().send().status, 401);
        }
    });
}
