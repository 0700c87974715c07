//! Customers over HTTP: kept, found, merged, handed out, and erased without a trace.

use serde_json::{Value, json};
use shopwright_store::{StoreError, Tx, params};

use crate::client::escaped;
use crate::harness::{STILL, Shop, on_both};
use crate::orders::{place, post, pounds};

const PATH: &str = "/v1/customers";

fn jane() -> Value {
    json!({
        "email": "Jane@Example.com", "name": "Jane Doe", "locale": "en-GB", "country": "GB",
        "tags": ["vip"],
        "consent": { "marketing": true, "at": "2026-11-01T09:00:00Z", "source": "checkout" },
        "addresses": [{ "label": "home", "name": "Jane Doe", "line1": "1 Long Street", "country": "GB" }],
    })
}

#[test]
fn a_customer_is_put_read_and_guarded_by_its_version() {
    on_both(STILL, |shop| {
        let path = format!("{PATH}/{}", escaped("c 1/ä"));
        shop.get(&path).send().problem(404, "not_found");
        let made = shop.put(&path).json(&jane()).send();
        let view = made.expect(201);
        assert_eq!(made.header("location"), path);
        assert_eq!(
            (view["id"].as_str(), view["email"].as_str()),
            (Some("c 1/ä"), Some("Jane@Example.com"))
        );
        for field in ["name", "locale", "country", "tags", "consent", "addresses"] {
            assert_eq!(view[field], jane()[field], "{field}");
        }
        let read = shop.get(&path).send();
        assert_eq!(read.expect(200), view);
        let seen = read.header("etag").to_owned();
        assert_eq!(seen, made.header("etag"));
        let change =
            |tag: &str, body: Value| shop.put(&path).header("if-match", tag).json(&body).send();
        let next = change(&seen, json!({ "name": "J. Doe" }));
        assert_eq!(next.expect(200)["addresses"], json!([]), "replaced as a whole");
        change(&seen, jane()).problem(412, "precondition_failed");
        assert_eq!(shop.get(&path).send().expect(200)["name"], "J. Doe");
        let absent = shop.put(&format!("{PATH}/new")).header("if-match", "*").json(&jane());
        absent.send().problem(412, "precondition_failed");
    });
}

#[test]
fn what_does_not_fit_is_pointed_at() {
    on_both(STILL, |shop| {
        let check = |body: Value, pointers: &[&str]| {
            let answer = shop.put(&format!("{PATH}/c")).json(&body).send();
            assert_eq!(answer.pointers(), pointers, "{body}");
        };
        check(json!({ "email": "jane" }), &["/email"]);
        check(json!({ "locale": "en_GB", "country": "gb" }), &["/locale", "/country"]);
        check(json!({ "name": "a\u{0}b" }), &["/name"]);
        check(json!({ "tags": ["x", ""] }), &["/tags/1"]);
        check(json!({ "addresses": [{}] }), &["/addresses/0"]);
        check(json!({ "addresses": [{ "street": "x" }] }), &["/addresses/0/street"]);
        check(
            json!({ "consent": { "marketing": true, "at": "2030-01-01T00:00:00Z", "source": "x" } }),
            &["/consent/at"],
        );
        check(json!({ "age": 7 }), &["/age"]);
        shop.get(&format!("{PATH}/c")).send().problem(404, "not_found");
        for wrong in ["%00", &"x".repeat(201)] {
            shop.put(&format!("{PATH}/{wrong}")).json(&jane()).send().problem(404, "not_found");
        }
    });
}

#[test]
fn customers_are_listed_last_seen_first_and_found_by_address() {
    on_both(STILL, |shop| {
        for name in ["a", "b", "c"] {
            shop.put(&format!("{PATH}/{name}"))
                .json(&json!({ "country": "GB" }))
                .send()
                .expect(201);
            shop.clock.advance(1_000_000);
        }
        shop.put(&format!("{PATH}/jane")).json(&jane()).send().expect(201);
        let list = |query: &str| -> (Vec<String>, bool) {
            let list = shop.get(&format!("{PATH}?{query}")).send().expect(200);
            let data = list["data"].as_array().unwrap();
            let ids = data.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect();
            (ids, list["has_more"].as_bool().unwrap())
        };
        let named =
            |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(list(""), (named(&["jane", "c", "b", "a"]), false));
        assert_eq!(list("limit=2&starting_after=c"), (named(&["b", "a"]), false));
        assert_eq!(list("limit=2&ending_before=a"), (named(&["c", "b"]), true));
        assert_eq!(list("email=jane%40example.COM").0, ["jane"]);
        assert_eq!(list("email=nobody%40example.com").0, [""; 0]);
        assert_eq!(list("updated_since=2026-11-24T12:00:02Z").0, ["jane", "c"]);
        for wrong in ["starting_after=%00", "email=%00", "limit=0", "name=x"] {
            shop.get(&format!("{PATH}?{wrong}")).send().problem(400, "invalid_parameter");
        }
    });
}

#[test]
fn a_merged_customer_brings_its_orders_and_both_ids_show_it() {
    on_both(STILL, |shop| {
        shop.put(&format!("{PATH}/jane")).json(&jane()).send().expect(201);
        place(shop, "1", &json!({ "customer": "anon-1" }));
        let merge = |into: &str, from: &str| {
            shop.post(&format!("{PATH}/{into}/merge")).json(&json!({ "from": from })).send()
        };
        for _ in 0..2 {
            assert_eq!(merge("jane", "anon-1").expect(200)["id"], "jane");
        }
        let orders = shop.get("/v1/orders?customer=anon-1").send().expect(200);
        assert_eq!(orders["data"][0]["customer"], "jane");
        assert_eq!(shop.get(&format!("{PATH}/anon-1")).send().expect(200)["id"], "jane");
        shop.put(&format!("{PATH}/anon-1")).json(&jane()).send().problem(409, "customer_merged");
        assert_eq!(merge("jane", "jane").pointers(), ["/from"]);
        merge("nobody", "jane").problem(404, "not_found");
        shop.put(&format!("{PATH}/other")).json(&json!({})).send().expect(201);
        merge("other", "anon-1").problem(409, "customer_merged");
        let export = shop.get(&format!("{PATH}/anon-1/export")).send().expect(200);
        assert_eq!(export["other_ids"], json!(["anon-1"]));
        assert_eq!(export["orders"][0]["order"]["external_id"], "1");
        shop.get(&format!("{PATH}/nobody/export")).send().problem(404, "not_found");
    });
}

/// Every value of every table, as text.
fn dump(shop: &Shop) -> String {
    shop.read(|tx| {
        let mut text = String::new();
        for table in tables(tx)? {
            let all = if is_postgres(tx) {
                format!("SELECT CAST(ROW(t.*) AS text) FROM {table} t")
            } else {
                columns_as_text(tx, &table)?
            };
            tx.for_each(&all, params![], |row| {
                text.push_str(&row.get::<String>(0)?);
                text.push('\n');
                Ok(())
            })?;
        }
        Ok(text)
    })
}

fn is_postgres(tx: &mut Tx<'_>) -> bool {
    !tx.for_update().is_empty()
}

fn tables(tx: &mut Tx<'_>) -> Result<Vec<String>, StoreError> {
    let sql = if is_postgres(tx) {
        "SELECT CAST(tablename AS text) FROM pg_tables WHERE schemaname = current_schema()"
    } else {
        "SELECT name FROM sqlite_schema WHERE type = 'table'"
    };
    tx.query(sql, params![], |row| row.get(0))
}

fn columns_as_text(tx: &mut Tx<'_>, table: &str) -> Result<String, StoreError> {
    let names: Vec<String> =
        tx.query(&format!("SELECT name FROM pragma_table_info('{table}')"), params![], |row| {
            row.get(0)
        })?;
    let texts: Vec<_> = names.iter().map(|name| format!("QUOTE({name})")).collect();
    Ok(format!("SELECT {} FROM {table}", texts.join(" || '|' || ")))
}

#[test]
fn after_an_erasure_nothing_in_the_ledger_names_the_person() {
    on_both(STILL, |shop| {
        let planted = [
            "xq-cust-1",
            "xq-anon-2",
            "xqmail",
            "Xqname",
            "xq-phone",
            "xqtag",
            "xqsource",
            "Xqstreet",
            "Xqcity",
            "xqreason",
            "Xqreceiver",
        ];
        let person = json!({
            "email": "xqmail@example.com", "name": "Xqname Doe", "phone": "xq-phone",
            "tags": ["xqtag"],
            "consent": { "marketing": true, "at": "2026-11-01T09:00:00Z", "source": "xqsource" },
            "addresses": [{ "line1": "Xqstreet", "city": "Xqcity" }],
        });
        let path = format!("{PATH}/xq-cust-1");
        shop.put(&path).header("idempotency-key", "put").json(&person).send().expect(201);
        let first = json!({ "customer": "xq-cust-1", "ship_to": { "name": "Xqreceiver" } });
        let order = place(shop, "1", &first);
        place(shop, "2", &json!({ "customer": "xq-anon-2" }));
        shop.post(&format!("{path}/merge"))
            .json(&json!({ "from": "xq-anon-2" }))
            .send()
            .expect(200);
        let refund = json!({ "amount": pounds(100), "reason": "xqreason" });
        let refunds = format!("/v1/orders/{order}/refunds");
        let keyed = shop.post(&refunds).header("idempotency-key", "refund").json(&refund);
        keyed.clone().send().expect(201);
        let before = dump(shop);
        for word in planted {
            assert!(before.contains(word), "{word} was planted");
        }
        assert_eq!(shop.call("DELETE", &path).send().status, 204);
        let after = dump(shop);
        for word in planted {
            let line = after.lines().find(|line| line.contains(word));
            assert_eq!(line, None, "{word} is still there");
        }
        assert_eq!(shop.call("DELETE", &path).send().status, 204, "again");
        // Amounts stay, and what was done is not done again.
        let kept = shop.get(&format!("/v1/orders/{order}")).send().expect(200);
        assert_eq!((&kept["customer"], &kept["total"]), (&Value::Null, &pounds(1_080)));
        keyed.send().problem(409, "answer_erased");
        let made = shop.get(&refunds).send().expect(200);
        assert_eq!(made["data"].as_array().unwrap().len(), 1);
        shop.get(&path).send().problem(404, "not_found");
        shop.put(&path).json(&person).send().problem(409, "customer_erased");
        let body = crate::orders::hearts("3", &json!({ "customer": "xq-anon-2" }));
        post(shop, "/v1/orders", &body).problem(409, "customer_erased");
        shop.call("DELETE", &format!("{PATH}/nobody")).send().problem(404, "not_found");
    });
}
