//! Who may call what: a table of every documented operation, and keys that come, go and are wrong.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use shopwright_app::identity::{KeyKind, Scope, WantedKey};
use shopwright_domain::time::{Clock, HOUR};
use shopwright_store::identity;

use crate::harness::{STILL, Shop, on_both, on_sqlite, soon};

/// What opens an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opens {
    Freely,
    /// No key: the body is signed.
    Signed,
    /// A key with this scope: every secret key, and restricted keys that have it.
    With(&'static str),
}
use Opens::{Freely, Signed, With};

/// Every operation of the description, with a request of its own.
#[rustfmt::skip]
pub const OPERATIONS: &[(&str, &str, &str, Opens)] = &[
    ("get",    "/livez",                               "/livez",                                Freely),
    ("get",    "/readyz",                              "/readyz",                               Freely),
    ("get",    "/metrics",                             "/metrics",                              Freely),
    ("get",    "/v1/prices/{sku}",                     "/v1/prices/85123A",                     With("prices:read")),
    ("post",   "/v1/prices/batch",                     "/v1/prices/batch",                      With("prices:read")),
    ("get",    "/v1/prices/{sku}/explain",             "/v1/prices/85123A/explain",             With("pricing:read")),
    ("get",    "/v1/prices/{sku}/history",             "/v1/prices/85123A/history",             With("pricing:read")),
    ("get",    "/v1/pricing/policies",                 "/v1/pricing/policies",                  With("pricing:read")),
    ("put",    "/v1/pricing/policies/store",           "/v1/pricing/policies/store",            With("pricing:write")),
    ("put",    "/v1/pricing/policies/{scope}/{key}",   "/v1/pricing/policies/sku/85123A",       With("pricing:write")),
    ("delete", "/v1/pricing/policies/{scope}/{key}",   "/v1/pricing/policies/sku/85123A",       With("pricing:write")),
    ("put",    "/v1/pricing/freeze",                   "/v1/pricing/freeze",                    With("pricing:write")),
    ("post",   "/v1/promotions",                       "/v1/promotions",                        With("promotions:write")),
    ("get",    "/v1/promotions",                       "/v1/promotions",                        With("promotions:read")),
    ("post",   "/v1/promotions/{id}/end",              "/v1/promotions/prm_01h455vb4pex5vsknk084sn02q/end", With("promotions:write")),
    ("get",    "/v1/promotions/{id}",                  "/v1/promotions/prm_01h455vb4pex5vsknk084sn02q", With("promotions:read")),
    ("put",    "/v1/promotions/{id}",                  "/v1/promotions/prm_01h455vb4pex5vsknk084sn02q", With("promotions:write")),
    ("get",    "/v1/feeds/prices.json",                "/v1/feeds/prices.json",                 With("prices:read")),
    ("get",    "/v1/feeds/prices.csv",                 "/v1/feeds/prices.csv",                  With("prices:read")),
    ("get",    "/v1/competitors",                      "/v1/competitors",                       With("pricing:read")),
    ("get",    "/v1/competitors/{code}",               "/v1/competitors/rival-candles",         With("pricing:read")),
    ("put",    "/v1/competitors/{code}",               "/v1/competitors/rival-candles",         With("pricing:write")),
    ("put",    "/v1/competitors/{code}/matches/{sku}", "/v1/competitors/rival-candles/matches/85123A", With("pricing:write")),
    ("get",    "/v1/competitor_prices/{sku}",          "/v1/competitor_prices/85123A",          With("pricing:read")),
    ("post",   "/v1/competitor_prices",                "/v1/competitor_prices",                 With("pricing:write")),
    ("get",    "/v1/shop/drift",                       "/v1/shop/drift",                        With("pricing:read")),
    ("post",   "/v1/shop/drift_check",                 "/v1/shop/drift_check",                  With("pricing:write")),
    ("post",   "/v1/shop/publish_again",               "/v1/shop/publish_again",                With("pricing:write")),
    ("put",    "/v1/products/{sku}",                   "/v1/products/85123A",                   With("catalog:write")),
    ("post",   "/v1/products/batch",                   "/v1/products/batch",                    With("catalog:write")),
    ("get",    "/v1/customers",                        "/v1/customers",                         With("customers:read")),
    ("get",    "/v1/customers/{id}",                   "/v1/customers/c-1",                     With("customers:read")),
    ("put",    "/v1/customers/{id}",                   "/v1/customers/c-1",                     With("customers:write")),
    ("delete", "/v1/customers/{id}",                   "/v1/customers/c-1",                     With("customers:write")),
    ("post",   "/v1/customers/{id}/merge",             "/v1/customers/c-1/merge",               With("customers:write")),
    ("get",    "/v1/customers/{id}/export",            "/v1/customers/c-1/export",              With("customers:read")),
    ("post",   "/v1/orders",                           "/v1/orders",                            With("orders:write")),
    ("get",    "/v1/orders",                           "/v1/orders",                            With("orders:read")),
    ("get",    "/v1/orders/{id}",                      "/v1/orders/ord_01h455vb4pex5vsknk084sn02q", With("orders:read")),
    ("post",   "/v1/orders/{id}/pay",                  "/v1/orders/ord_01h455vb4pex5vsknk084sn02q/pay", With("orders:write")),
    ("post",   "/v1/orders/{id}/fulfil",               "/v1/orders/ord_01h455vb4pex5vsknk084sn02q/fulfil", With("orders:write")),
    ("post",   "/v1/orders/{id}/complete",             "/v1/orders/ord_01h455vb4pex5vsknk084sn02q/complete", With("orders:write")),
    ("post",   "/v1/orders/{id}/cancel",               "/v1/orders/ord_01h455vb4pex5vsknk084sn02q/cancel", With("orders:write")),
    ("post",   "/v1/orders/{id}/refunds",              "/v1/orders/ord_01h455vb4pex5vsknk084sn02q/refunds", With("refunds:write")),
    ("get",    "/v1/orders/{id}/refunds",              "/v1/orders/ord_01h455vb4pex5vsknk084sn02q/refunds", With("orders:read")),
    ("post",   "/v1/inbound/shopify",                  "/v1/inbound/shopify",                   Signed),
    ("post",   "/v1/inbound/woocommerce",              "/v1/inbound/woocommerce",               Signed),
    ("get",    "/v1/inbound_webhooks",                 "/v1/inbound_webhooks",                  With("webhooks:read")),
    ("get",    "/v1/inbound_webhooks/{id}",            "/v1/inbound_webhooks/eff_01h455vb4pex5vsknk084sn02q", With("webhooks:read")),
    ("post",   "/v1/inbound_webhooks/{id}/retry",      "/v1/inbound_webhooks/eff_01h455vb4pex5vsknk084sn02q/retry", With("webhooks:write")),
    ("post",   "/v1/webhook_endpoints",                "/v1/webhook_endpoints",                 With("webhooks:write")),
    ("get",    "/v1/webhook_endpoints",                "/v1/webhook_endpoints",                 With("webhooks:read")),
    ("get",    "/v1/webhook_endpoints/{id}",           "/v1/webhook_endpoints/we_01h455vb4pex5vsknk084sn02q", With("webhooks:read")),
    ("patch",  "/v1/webhook_endpoints/{id}",           "/v1/webhook_endpoints/we_01h455vb4pex5vsknk084sn02q", With("webhooks:write")),
    ("delete", "/v1/webhook_endpoints/{id}",           "/v1/webhook_endpoints/we_01h455vb4pex5vsknk084sn02q", With("webhooks:write")),
    ("post",   "/v1/webhook_endpoints/{id}/rotate_secret", "/v1/webhook_endpoints/we_01h455vb4pex5vsknk084sn02q/rotate_secret", With("webhooks:write")),
    ("post",   "/v1/webhook_endpoints/{id}/test",      "/v1/webhook_endpoints/we_01h455vb4pex5vsknk084sn02q/test", With("webhooks:write")),
    ("get",    "/v1/webhook_endpoints/{id}/deliveries", "/v1/webhook_endpoints/we_01h455vb4pex5vsknk084sn02q/deliveries", With("webhooks:read")),
    ("post",   "/v1/webhook_endpoints/{id}/replay_failed", "/v1/webhook_endpoints/we_01h455vb4pex5vsknk084sn02q/replay_failed", With("webhooks:write")),
    ("get",    "/v1/webhook_events",                   "/v1/webhook_events",                    With("webhooks:read")),
    ("get",    "/v1/webhook_deliveries/{id}",          "/v1/webhook_deliveries/whd_01h455vb4pex5vsknk084sn02q", With("webhooks:read")),
    ("post",   "/v1/webhook_deliveries/{id}/replay",   "/v1/webhook_deliveries/whd_01h455vb4pex5vsknk084sn02q/replay", With("webhooks:write")),
    ("get",    "/v1/effects",                          "/v1/effects",                           With("effects:read")),
    ("get",    "/v1/effects/{id}",                     "/v1/effects/eff_01h455vb4pex5vsknk084sn02q", With("effects:read")),
    ("post",   "/v1/effects/{id}/retry",               "/v1/effects/eff_01h455vb4pex5vsknk084sn02q/retry", With("effects:write")),
    ("get",    "/v1/jobs",                             "/v1/jobs",                              With("effects:read")),
    ("get",    "/v1/streams",                          "/v1/streams",                           With("effects:read")),
    ("get",    "/v1/products",                         "/v1/products",                          With("catalog:read")),
    ("get",    "/v1/products/{sku}",                   "/v1/products/85123A",                   With("catalog:read")),
    ("get",    "/v1/stock/{sku}",                      "/v1/stock/85123A",                      With("stock:read")),
    ("get",    "/v1/me",                               "/v1/me",                                With("me:read")),
    ("put",    "/v1/stock/{sku}",                     "/v1/stock/85123A",                      With("stock:write")),
    ("post",   "/v1/stock/{sku}/counts",              "/v1/stock/85123A/counts",               With("stock:write")),
    ("post",   "/v1/stock/{sku}/movements",           "/v1/stock/85123A/movements",            With("stock:write")),
    ("get",    "/v1/stock/{sku}/movements",           "/v1/stock/85123A/movements",            With("stock:read")),
    ("get",    "/v1/stock/locations",                 "/v1/stock/locations",                   With("stock:read")),
    ("get",    "/v1/stock/locations/{location}",      "/v1/stock/locations/main",              With("stock:read")),
    ("put",    "/v1/stock/locations/{location}",      "/v1/stock/locations/main",              With("stock:write")),
    ("post",   "/v1/stock/deliveries",                "/v1/stock/deliveries",                  With("stock:write")),
    ("get",    "/v1/stock/deliveries",                "/v1/stock/deliveries",                  With("stock:read")),
    ("post",   "/v1/stock/deliveries/{id}/receive",   "/v1/stock/deliveries/dlv_01h455vb4pex5vsknk084sn02q/receive", With("stock:write")),
    ("post",   "/v1/stock/deliveries/{id}/cancel",    "/v1/stock/deliveries/dlv_01h455vb4pex5vsknk084sn02q/cancel", With("stock:write")),
    ("post",   "/v1/reservations",                    "/v1/reservations",                      With("stock:write")),
    ("get",    "/v1/reservations",                    "/v1/reservations",                      With("stock:read")),
    ("get",    "/v1/reservations/{id}",               "/v1/reservations/res_01h455vb4pex5vsknk084sn02q", With("stock:read")),
    ("post",   "/v1/reservations/{id}/extend",        "/v1/reservations/res_01h455vb4pex5vsknk084sn02q/extend", With("stock:write")),
    ("post",   "/v1/reservations/{id}/commit",        "/v1/reservations/res_01h455vb4pex5vsknk084sn02q/commit", With("stock:write")),
    ("post",   "/v1/reservations/{id}/release",       "/v1/reservations/res_01h455vb4pex5vsknk084sn02q/release", With("stock:write")),
    ("post",   "/v1/reservations/{id}/ship",          "/v1/reservations/res_01h455vb4pex5vsknk084sn02q/ship", With("stock:write")),
    ("post",   "/v1/keys",                             "/v1/keys",                              With("keys:write")),
    ("post",   "/v1/events", "/v1/events", With("events:write")),
    ("post",   "/v1/events/firehose", "/v1/events/firehose", With("events:write")),
    ("post",   "/v1/track", "/v1/track", With("events:write")),
    ("post",   "/v1/page", "/v1/page", With("events:write")),
    ("post",   "/v1/screen", "/v1/screen", With("events:write")),
    ("post",   "/v1/identify", "/v1/identify", With("events:write")),
    ("post",   "/v1/group", "/v1/group", With("events:write")),
    ("post",   "/v1/alias", "/v1/alias", With("events:write")),
    ("post",   "/v1/batch", "/v1/batch", With("events:write")),
    ("get",    "/v1/dead_letters", "/v1/dead_letters", With("events:read")),
    ("post",   "/v1/dead_letters/replay", "/v1/dead_letters/replay", With("events:replay")),
    ("get",    "/v1/dead_letters/{id}", "/v1/dead_letters/dl_01h455vb4pex5vsknk084sn02q", With("events:read")),
    ("delete", "/v1/dead_letters/{id}", "/v1/dead_letters/dl_01h455vb4pex5vsknk084sn02q", With("events:replay")),
    ("post",   "/v1/dead_letters/{id}/replay", "/v1/dead_letters/dl_01h455vb4pex5vsknk084sn02q/replay", With("events:replay")),
    ("get",    "/v1/keys",                             "/v1/keys",                              With("keys:read")),
    ("get",    "/v1/audit",                            "/v1/audit",                             With("audit:read")),
    ("post",   "/v1/keys/{id}/revoke",                 "/v1/keys/key_01h455vb4pex5vsknk084sn02q/revoke", With("keys:write")),
];

/// What a browser's key may do.
pub const PUBLISHABLE: &[&str] = &["prices:read", "me:read", "events:write"];

#[test]
fn the_table_names_every_documented_operation_and_no_other() {
    on_sqlite(STILL, |shop| {
        let description = shop.get("/openapi.json").no_key().send().expect(200);
        let mut documented = BTreeSet::new();
        for (path, item) in description["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                documented.insert((method.clone(), path.clone()));
                check_documented_keys(method, path, operation);
            }
        }
        let listed = OPERATIONS
            .iter()
            .map(|(method, path, ..)| ((*method).to_owned(), (*path).to_owned()))
            .collect();
        assert_eq!(documented, listed, "each route needs a row in the table of who may call it");
    });
}

fn check_documented_keys(method: &str, path: &str, operation: &Value) {
    let Some((.., opens)) = OPERATIONS.iter().find(|row| (row.0, row.1) == (method, path)) else {
        return;
    };
    let says = |status: &str| operation["responses"].get(status).is_some();
    let security = match opens {
        Freely | Signed => Value::Null,
        With(scope) => json!([{ "key": [scope] }]),
    };
    assert_eq!(operation["security"], security, "{method} {path}");
    let scoped = !matches!(opens, Freely | Signed);
    assert_eq!((says("401"), says("403")), (*opens != Freely, scoped), "{method} {path}");
}

#[test]
fn each_operation_opens_to_the_keys_of_the_table_and_no_others() {
    on_sqlite(STILL, |shop| {
        let restricted = |scopes: Vec<Scope>| {
            let wanted = WantedKey { scopes, ..(KeyKind::Restricted, "part".to_owned()).into() };
            shop.new_key(wanted).text
        };
        let with: BTreeMap<&str, (String, String)> = Scope::ALL
            .iter()
            .map(|scope| {
                let others = Scope::ALL.iter().copied().filter(|other| other != scope).collect();
                (scope.as_str(), (restricted(vec![*scope]), restricted(others)))
            })
            .collect();
        let last = restricted(vec![Scope::CatalogRead]);
        soon("the keys open", || shop.get("/v1/products").key(&last).send().status == 200);
        for (method, _, path, opens) in OPERATIONS {
            let call = |key: Option<&str>| {
                let method = method.to_ascii_uppercase();
                let call = shop.call(&method, path).no_key();
                let call = call.header("x-customer-token", &shop.customer_token("17850"));
                // Read only when the key is let in: then the body is a problem of its own.
                let call = if method == "GET" || method == "DELETE" {
                    call
                } else {
                    call.json(&json!({ "no such field": 1 }))
                };
                match key {
                    Some(key) => call.key(key).send(),
                    None => call.send(),
                }
            };
            let lets_in = |key: Option<&str>| !matches!(call(key).status, 401 | 403);
            if *opens == Signed {
                assert!(!lets_in(None) && !lets_in(Some(&shop.secret)), "{method} {path}");
                continue;
            }
            assert!(lets_in(Some(&shop.secret)), "{method} {path}");
            let With(scope) = opens else {
                assert!(lets_in(None), "{method} {path}");
                continue;
            };
            call(None).problem(401, "unauthorized");
            call(Some("sk_0123456789abcdefghjkmnpqrstvwxyz")).problem(401, "unauthorized");
            let (only, all_but) = &with[scope];
            assert!(lets_in(Some(only)), "{method} {path} with {scope} alone");
            let refused = call(Some(all_but)).problem(403, "forbidden");
            assert!(refused["detail"].as_str().unwrap().contains(scope), "{refused}");
            assert_eq!(
                lets_in(Some(&shop.publishable)),
                PUBLISHABLE.contains(scope),
                "{method} {path} with a publishable key"
            );
        }
    });
}

#[test]
fn a_key_stops_at_the_instant_it_expires() {
    on_sqlite(STILL, |shop| {
        let expires_at = Some(shop.clock.now().plus_micros(HOUR));
        let wanted = WantedKey { expires_at, ..(KeyKind::Secret, "short".to_owned()).into() };
        let key = shop.new_key(wanted);
        soon("the new key opens", || opens(shop, &key.text));
        shop.clock.advance(HOUR - 1);
        assert!(opens(shop, &key.text));
        shop.clock.advance(1);
        assert!(!opens(shop, &key.text));
    });
}

#[test]
fn a_wrong_authorization_is_told_what_is_right() {
    on_sqlite(STILL, |shop| {
        let check = |authorization: &str| {
            let answer =
                shop.get("/v1/prices/85123A").header("authorization", authorization).send();
            let problem = answer.problem(401, "unauthorized");
            assert!(
                problem["detail"].as_str().unwrap().contains("sk_")
                    || problem["detail"].as_str().unwrap().contains("keys create")
            );
            assert_eq!(answer.header("www-authenticate"), "Bearer");
            // A wrong key is not repeated to whoever reads the answer or a log of it.
            assert!(!answer.text.contains("hunter2"), "{}", answer.text);
        };
        let secret = &shop.secret;
        for wrong in [
            String::new(),
            "Bearer".into(),
            "Bearer ".into(),
            secret.clone(),
            format!("Basic {secret}"),
            format!("Bearer{secret}"),
            format!("Bearer x{secret}"),
            format!("Bearer {secret}x"),
            format!("Bearer {}", secret.to_uppercase()),
            format!("Bearer {}", secret.replacen("sk_", "pk_", 1)),
            "Bearer hunter2".into(),
            format!("Bearer {}", "k".repeat(10_000)),
        ] {
            check(&wrong);
        }
        for right in
            [format!("bearer {secret}"), format!("BEARER {secret}"), format!("Bearer   {secret}")]
        {
            shop.get("/v1/prices/85123A").header("authorization", &right).send().expect(200);
        }
    });
}

fn opens(shop: &Shop, key: &str) -> bool {
    match shop.get("/v1/prices/85123A").key(key).send().status {
        200 => true,
        401 => false,
        other => panic!("{other}"),
    }
}

#[test]
fn a_new_key_opens_and_a_revoked_one_stops_within_a_second() {
    on_both(STILL, |shop| {
        for kind in [KeyKind::Secret, KeyKind::Publishable] {
            let key = shop.new_key((kind, "test".to_owned()));
            soon("the new key opens", || opens(shop, &key.text));
            let (id, now) = (key.id, "2026-11-24T12:00:01Z".parse().unwrap());
            assert!(shop.write(move |tx| identity::revoke_key(tx, id, now)));
            soon("the revoked key is refused", || !opens(shop, &key.text));
        }
        assert!(opens(shop, &shop.secret));
    });
}

#[test]
fn a_key_that_another_process_revokes_stops_within_a_second() {
    on_both(STILL, |shop| {
        let key = shop.new_key((KeyKind::Secret, "test".to_owned()));
        soon("the new key opens", || opens(shop, &key.text));
        let other = shop.another_process();
        let (id, now) = (key.id, "2026-11-24T12:00:01Z".parse().unwrap());
        assert_eq!(shop.wait(other.write(move |tx| identity::revoke_key(tx, id, now))), Ok(true));
        soon("the revoked key is refused", || !opens(shop, &key.text));
        assert!(opens(shop, &shop.secret));
    });
}

#[test]
fn a_server_that_stops_has_written_down_when_keys_were_used() {
    Shop::on_sqlite_owned(STILL, |mut shop| {
        shop.clock.advance(90 * shopwright_domain::time::SECOND);
        shop.get("/v1/prices/85123A").send().expect(200);
        shop.close();
        let keys = shop.read(identity::list_keys);
        let used = |kind: &str| keys.iter().find(|key| key.kind == kind).unwrap().last_used_at;
        assert_eq!(used("secret"), Some("2026-11-24T12:01:30Z".parse().unwrap()));
        assert_eq!(used("publishable"), None);
    });
}
