//! Customer tokens at the door: whose data is shown, and that a wrong token tells nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use shopwright_app::identity::{rotate_signing, signing_secret};
use shopwright_domain::time::{Clock, HOUR, MINUTE};
use shopwright_store::Tx;
use shopwright_store::customers::{CustomerSeen, upsert_seen};

use crate::client::Answer;
use crate::harness::{STILL, Shop, key_secret, on_both, on_sqlite, soon};

/// Signs claims as the snippets of the documentation do.
pub fn sign(claims: &Value, secret: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&json!({ "alg": "HS256", "typ": "JWT" })), part(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

fn me(shop: &Shop, token: &str) -> Answer {
    let call = shop.get("/v1/me").key(&shop.publishable);
    call.header("x-customer-token", token).send()
}

#[test]
fn a_customer_sees_themselves_and_one_without_orders_is_answered_alike() {
    on_both(STILL, |shop| {
        let at = "2026-11-20T08:00:00Z".parse().unwrap();
        shop.write(move |tx| {
            let seen = CustomerSeen { customer_id: "17850", country: "France", at };
            upsert_seen(tx, &[seen], at)
        });
        let known = me(shop, &shop.customer_token("17850"));
        assert_eq!(
            known.expect(200),
            json!({
                "object": "customer", "id": "17850", "country": "France",
                "first_order_at": "2026-11-20T08:00:00Z",
            })
        );
        assert_eq!(known.header("cache-control"), "no-store");
        let strange = me(shop, &shop.customer_token("nobody yet"));
        assert_eq!(
            strange.expect(200),
            json!({ "object": "customer", "id": "nobody yet", "country": null, "first_order_at": null })
        );
    });
}

#[test]
fn every_token_that_is_not_good_is_refused_in_the_same_words() {
    on_sqlite(STILL, |shop| {
        let now = shop.clock.now().as_micros() / 1_000_000;
        let secret = signing_secret(&key_secret(), 1);
        let claims = |sub: &str| json!({ "sub": sub, "iat": now, "exp": now + 600 });
        let expired = json!({ "sub": "17850", "iat": now - 700, "exp": now - 100 });
        let long = json!({ "sub": "17850", "iat": now, "exp": now + 7_200 });
        let foreign = sign(&claims("17850"), "cs_of_another_shop");
        let mut told = Vec::new();
        for token in [
            "",
            "nonsense",
            "a.b.c",
            &foreign,
            &sign(&expired, &secret),
            &sign(&long, &secret),
            &sign(&claims(""), &secret),
            &sign(&claims("17850"), &shop.secret),
        ] {
            let answer = me(shop, token);
            let mut problem = answer.problem(401, "customer_token_invalid");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
            problem["request_id"] = Value::Null;
            told.push(problem);
        }
        let mut missing = shop.get("/v1/me").send().problem(401, "customer_token_invalid");
        missing["request_id"] = Value::Null;
        told.push(missing);
        told.dedup();
        assert_eq!(told.len(), 1, "{told:?}");
        // The key is looked at first, and a token opens nothing without one.
        let token = shop.customer_token("17850");
        let keyless = shop.get("/v1/me").no_key().header("x-customer-token", &token).send();
        keyless.problem(401, "unauthorized");
    });
}

#[test]
fn a_token_ends_at_its_time() {
    on_sqlite(STILL, |shop| {
        let token = shop.customer_token("17850");
        shop.clock.advance(10 * MINUTE - 1);
        me(shop, &token).expect(200);
        shop.clock.advance(1);
        me(shop, &token).problem(401, "customer_token_invalid");
    });
}

#[test]
fn after_a_rotation_by_another_process_old_tokens_run_out_and_new_ones_need_the_new_secret() {
    on_both(STILL, |shop| {
        let before = shop.customer_token("17850");
        shop.clock.advance(MINUTE);
        let now = shop.clock.now();
        let other = shop.another_process();
        let stamp = shop.stamp();
        let rotate = move |tx: &mut Tx<'_>| rotate_signing(tx, stamp);
        let signing = shop.wait(other.write(rotate)).unwrap();
        assert_eq!((signing.version, signing.since), (2, now));
        let fresh = |version: u32| {
            let now = shop.clock.now().as_micros() / 1_000_000;
            let claims = json!({ "sub": "17850", "iat": now, "exp": now + 3_600 });
            sign(&claims, &signing_secret(&key_secret(), version))
        };
        soon("the new secret holds", || me(shop, &fresh(2)).status == 200);
        me(shop, &before).expect(200);
        shop.clock.advance(2 * MINUTE);
        me(shop, &fresh(1)).problem(401, "customer_token_invalid");
        me(shop, &fresh(2)).expect(200);
        shop.clock.advance(HOUR);
        me(shop, &before).problem(401, "customer_token_invalid");
    });
}
