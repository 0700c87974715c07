//! Calls from scripts on web pages: preflights, origins, what a script may read, and what it may not.

use shopwright_app::identity::{KeyKind, WantedKey};

use crate::client::{Answer, Call};
use crate::harness::{STILL, Shop, on_sqlite, soon};

const SHOP: &str = "https://shop.example";

fn preflight(shop: &Shop, path: &str, method: &str) -> Answer {
    let call = shop.call("OPTIONS", path).no_key().header("origin", SHOP);
    call.header("access-control-request-method", method)
        .header("access-control-request-headers", "authorization,content-type")
        .send()
}

fn permission(answer: &Answer) -> &str {
    answer.header("access-control-allow-origin")
}

/// All values of a header that may come in several lines, each word by itself.
fn words(answer: &Answer, name: &str) -> Vec<String> {
    let lines = answer.headers.get_all(name).iter().map(|line| line.to_str().unwrap());
    let words = lines.flat_map(|line| line.split(',').map(|word| word.trim().to_lowercase()));
    words.collect()
}

fn key_of(shop: &Shop, origins: &[&str]) -> String {
    let origins = origins.iter().map(|&origin| origin.to_owned()).collect();
    let wanted = WantedKey { origins, ..(KeyKind::Publishable, "web".to_owned()).into() };
    let key = shop.new_key(wanted).text;
    soon("the key opens", || shop.get("/v1/prices/85123A").key(&key).send().status == 200);
    key
}

#[test]
fn a_preflight_is_answered_for_what_browsers_may_call_and_kept_for_a_while() {
    on_sqlite(STILL, |shop| {
        for (path, method) in [
            ("/v1/prices/85123A", "GET"),
            ("/price/85123A", "GET"),
            ("/v1/prices/batch", "POST"),
            ("/v1/me", "GET"),
        ] {
            let answer = preflight(shop, path, method);
            assert_eq!((answer.status, answer.text.as_str()), (204, ""), "{path}");
            assert_eq!(permission(&answer), SHOP, "{path}");
            assert_eq!(words(&answer, "access-control-allow-methods"), [method.to_lowercase()]);
            assert_eq!(answer.header("access-control-max-age"), "7200");
            let sent = words(&answer, "access-control-allow-headers");
            for name in ["authorization", "content-type", "x-customer-token", "idempotency-key"] {
                assert!(sent.iter().any(|word| word == name), "{sent:?}");
            }
            assert!(words(&answer, "vary").contains(&"origin".to_owned()), "{answer:?}");
            assert_eq!(answer.header("access-control-allow-credentials"), "");
            assert!(!answer.header("x-request-id").is_empty());
        }
    });
}

#[test]
fn a_preflight_for_what_no_browser_may_call_permits_nothing() {
    on_sqlite(STILL, |shop| {
        for (path, method) in [
            ("/v1/prices/85123A", "DELETE"),
            ("/v1/prices/85123A/explain", "GET"),
            ("/v1/products", "GET"),
            ("/v1/keys", "POST"),
            ("/livez", "GET"),
        ] {
            let answer = preflight(shop, path, method);
            answer.problem(405, "method_not_allowed");
            assert_eq!(answer.header("access-control-allow-methods"), "", "{path}");
            assert_eq!(answer.header("access-control-max-age"), "", "{path}");
        }
        assert_eq!(permission(&preflight(shop, "/v1/keys", "POST")), "");
        preflight(shop, "/nowhere", "GET").problem(404, "not_found");
    });
}

#[test]
fn a_publishable_key_is_held_to_its_origins() {
    on_sqlite(STILL, |shop| {
        let anywhere = &shop.publishable;
        let here = key_of(shop, &[SHOP, "http://localhost:3000"]);
        let ask = |key: &str, origin: &str| {
            shop.get("/v1/prices/85123A").key(key).header("origin", origin).send()
        };
        for (key, origin) in
            [(anywhere, SHOP), (anywhere, "null"), (&here, SHOP), (&here, "http://localhost:3000")]
        {
            let answer = ask(key, origin);
            assert_eq!((answer.status, permission(&answer)), (200, origin));
            let readable = words(&answer, "access-control-expose-headers");
            for name in ["x-request-id", "etag", "ratelimit-remaining", "idempotent-replayed"] {
                assert!(readable.iter().any(|word| word == name), "{readable:?}");
            }
            assert!(words(&answer, "vary").contains(&"origin".to_owned()), "{answer:?}");
            assert_eq!(answer.header("access-control-allow-credentials"), "");
        }
        for origin in [
            "https://evil.example",
            "https://shop.example.evil.example",
            "http://shop.example",
            "null",
            "",
        ] {
            let answer = ask(&here, origin);
            answer.problem(403, "origin_not_allowed");
            assert_eq!(permission(&answer), "", "{origin}");
        }
        // Without an origin it is no script of another page: a server, or the shop's own.
        let answer = shop.get("/v1/prices/85123A").key(&here).send();
        assert_eq!((answer.status, permission(&answer)), (200, ""));
        assert!(words(&answer, "vary").contains(&"origin".to_owned()), "{answer:?}");
    });
}

#[test]
fn a_script_can_read_why_it_is_refused() {
    on_sqlite(STILL, |shop| {
        let from_page = |call: Call| call.header("origin", SHOP).send();
        let missing = from_page(shop.get("/v1/prices/nothing").key(&shop.publishable));
        missing.problem(404, "unknown_sku");
        let keyless = from_page(shop.get("/v1/prices/85123A").no_key());
        keyless.problem(401, "unauthorized");
        let tokenless = from_page(shop.get("/v1/me").key(&shop.publishable));
        tokenless.problem(401, "customer_token_invalid");
        for answer in [missing, keyless, tokenless] {
            assert_eq!(permission(&answer), SHOP, "{answer:?}");
        }
    });
}

#[test]
fn a_secret_key_opens_nothing_to_a_script() {
    on_sqlite(STILL, |shop| {
        let get = || shop.get("/v1/prices/85123A").header("origin", SHOP);
        // A library on a server may send an origin; its answer is of no use to a browser.
        let server = get().send();
        assert_eq!((server.status, permission(&server)), (200, ""));
        let browser = get().header("sec-fetch-mode", "cors").send();
        let problem = browser.problem(403, "secret_key_in_browser");
        assert!(problem["detail"].as_str().unwrap().contains("revoke"), "{problem}");
        assert_eq!(permission(&browser), "");
    });
}
