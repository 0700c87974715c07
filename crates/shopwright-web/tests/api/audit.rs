//! The audit log over HTTP: every change is in it, no secret is, and it is listed by pages.

use serde_json::{Value, json};
use shopwright_store::{params, verify};

use crate::harness::{STILL, Shop, on_both, on_sqlite};
use crate::people::{Browser, OWNER, PASSWORD};

fn entries(shop: &Shop, query: &str) -> Vec<Value> {
    let list = shop.get(&format!("/v1/audit{query}")).send().expect(200);
    list["data"].as_array().unwrap().clone()
}

fn actions(shop: &Shop, query: &str) -> Vec<String> {
    entries(shop, query).iter().map(|e| e["action"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_change_of_configuration_is_recorded_with_its_author() {
    on_both(STILL, |shop| {
        shop.put("/v1/pricing/policies/sku/85123A")
            .json(&json!({ "pin_minor": 300 }))
            .send()
            .expect(200);
        shop.put("/v1/pricing/policies/sku/85123A")
            .json(&json!({ "pin_minor": 310 }))
            .send()
            .expect(200);
        shop.call("DELETE", "/v1/pricing/policies/sku/85123A").send();
        shop.put("/v1/pricing/freeze").json(&json!({ "frozen": true })).send().expect(200);
        shop.put("/v1/pricing/freeze").json(&json!({ "frozen": false })).send().expect(200);
        let promotion = json!({
            "name": "Sale", "scope": "store", "factor": "0.9",
            "starts_at": "2026-11-24T12:00:00Z", "ends_at": "2026-11-25T12:00:00Z",
        });
        let made = shop.post("/v1/promotions").json(&promotion).send().expect(201);
        let id = made["id"].as_str().unwrap();
        assert_eq!(shop.post(&format!("/v1/promotions/{id}/end")).send().status, 204);
        // What changes nothing is not recorded.
        assert_eq!(shop.post(&format!("/v1/promotions/{id}/end")).send().status, 404);
        assert_eq!(shop.put("/v1/pricing/policies/sku/none").json(&json!({})).send().status, 404);

        assert_eq!(
            actions(shop, "?actor_kind=key&limit=100"),
            [
                "promotion.ended",
                "promotion.started",
                "prices.unfrozen",
                "prices.frozen",
                "price_policy.cleared",
                "price_policy.set",
                "price_policy.set",
            ]
        );
        let of_sku = entries(shop, "?target=price_policy/sku/85123A");
        assert_eq!(of_sku[1]["before"]["pin_minor"], 300);
        assert_eq!(of_sku[1]["after"]["pin_minor"], 310);
        assert_eq!((&of_sku[0]["after"], &of_sku[0]["target_version"]), (&Value::Null, &json!(3)));
        assert!(of_sku[0]["actor"]["id"].as_str().unwrap().starts_with("key_"), "{of_sku:?}");
        for rule in shop.read(verify::verify) {
            assert_eq!(rule.broken, Vec::<String>::new(), "{}", rule.rule);
        }
    });
}

#[test]
fn no_secret_is_in_the_log_or_anywhere_in_the_ledger() {
    on_both(STILL, |shop| {
        let owner = shop.owner();
        let visitor = Browser::new(shop);
        visitor.sign_in(OWNER, "an unlucky kettle");
        visitor.sign_in(OWNER, PASSWORD);
        let made = owner.fill("/keys", "/keys", &[("name", "api"), ("kind", "secret")]);
        let key = made.text.split_once("once-text\">").unwrap().1.split_once('<').unwrap().0;
        let invited = owner.fill(
            "/operators",
            "/operators/invite",
            &[("email", "bob@shop.example"), ("role", "staff")],
        );
        let link = invited.text.split_once("/setup/").unwrap().1.split_once('<').unwrap().0;
        let (session, other) = (owner.session().unwrap(), visitor.session().unwrap());
        let planted = [PASSWORD, "an unlucky kettle", key, link, &session, &other];
        for table in [
            "audit_log",
            "operators",
            "operator_sessions",
            "setup_links",
            "sign_in_attempts",
            "api_keys",
        ] {
            let rows = shop.read(move |tx| {
                let sql = match table {
                    "audit_log" => "SELECT object || ' ' || COALESCE(before_json, '') || ' ' || COALESCE(after_json, '') FROM audit_log",
                    "operators" => "SELECT email || ' ' || name || ' ' || password_hash FROM operators",
                    "operator_sessions" => "SELECT user_agent || ' ' || address FROM operator_sessions",
                    "setup_links" => "SELECT COALESCE(email, '') FROM setup_links",
                    "sign_in_attempts" => "SELECT attempt_key FROM sign_in_attempts",
                    _ => "SELECT name || ' ' || shown_prefix FROM api_keys",
                };
                tx.query(sql, params![], |row| row.get::<String>(0))
            });
            for secret in planted {
                assert!(!rows.iter().any(|row| row.contains(secret)), "{secret} is in {table}");
            }
        }
        let signed_in = entries(shop, "?action=operator.signed_in&limit=1");
        assert_eq!(signed_in[0]["after"], json!({ "failed_tries_before": 1 }));
    });
}

#[test]
fn the_log_is_listed_in_pages_both_ways_and_by_filter() {
    on_sqlite(STILL, |shop| {
        for pin in 0..5 {
            shop.put("/v1/pricing/policies/sku/85123A")
                .json(&json!({ "pin_minor": 300 + pin }))
                .send()
                .expect(200);
        }
        let seqs = |query: &str| -> Vec<i64> {
            entries(shop, query).iter().map(|e| e["seq"].as_i64().unwrap()).collect()
        };
        let all = seqs("?target=price_policy/sku/85123A");
        assert_eq!(all.len(), 5);
        let sku = "target=price_policy/sku/85123A";
        assert_eq!(seqs(&format!("?{sku}&limit=2")), all[..2]);
        assert_eq!(seqs(&format!("?{sku}&limit=2&starting_after={}", all[1])), all[2..4]);
        assert_eq!(seqs(&format!("?{sku}&limit=2&ending_before={}", all[3])), all[1..3]);
        assert_eq!(seqs("?action=price_policy.&actor_kind=key").len(), 5);
        assert_eq!(seqs("?action=key.created&actor_kind=operator"), Vec::<i64>::new());
        for wrong in [
            "?limit=0",
            "?starting_after=x",
            "?starting_after=1&ending_before=2",
            "?actor_kind=king",
            "?action=%00",
            "?object=x",
        ] {
            shop.get(&format!("/v1/audit{wrong}")).send().problem(400, "invalid_parameter");
        }
    });
}

#[test]
fn the_page_of_the_log_filters_and_turns_its_pages() {
    on_sqlite(STILL, |shop| {
        let owner = shop.owner();
        for pin in 0..60 {
            shop.put("/v1/pricing/policies/sku/85123A")
                .json(&json!({ "pin_minor": 300 + pin }))
                .send()
                .expect(200);
        }
        let rows = |path: &str| owner.get(path).text.matches("id=\"entry-").count();
        assert_eq!(rows("/audit"), 50);
        let page = owner.get("/audit?action=price_policy.").text;
        assert!(page.contains("rel=\"next\"") && !page.contains("rel=\"prev\""), "{page}");
        let older = page.split_once("rel=\"next\" href=\"").unwrap().1.split_once('"').unwrap().0;
        let older = older.replace("&amp;", "&");
        assert_eq!(rows(&older), 10);
        let page = owner.get(&older).text;
        assert!(page.contains("rel=\"prev\"") && !page.contains("rel=\"next\""), "{page}");
        let newer = page.split_once("rel=\"prev\" href=\"").unwrap().1.split_once('"').unwrap().0;
        assert_eq!(rows(&newer.replace("&amp;", "&")), 50);
        assert_eq!(rows("/audit?actor=cli"), 0);
        assert!(owner.get("/audit?actor=cli").text.contains("No entry fits"));
        assert!(rows("/audit?actor=operator") >= 2);
        assert_eq!(rows("/audit?older=zzz"), 50);
    });
}
