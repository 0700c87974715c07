//! Keys that come, go and are wrong. Who may call what is in `routes.rs`.

use shopwright_app::identity::KeyKind;
use shopwright_store::identity;

use crate::harness::{STILL, Shop, on_both, on_sqlite, soon};

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
            let key = shop.new_key(kind);
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
        let key = shop.new_key(KeyKind::Secret);
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
