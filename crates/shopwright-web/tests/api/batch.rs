//! Many prices at once: order, duplicates, unknown items, and bodies that are not what they should be.

use serde_json::{Value, json};

use crate::client::{Answer, raw};
use crate::harness::{STILL, Shop, on_both, on_sqlite};
use crate::seed::odd_skus;

const PATH: &str = "/v1/prices/batch";

fn ask(shop: &Shop, skus: &[&str]) -> Value {
    shop.post(PATH).json(&json!({ "skus": skus })).send().expect(200)
}

#[test]
fn items_come_in_the_order_they_were_asked_for_and_as_often() {
    on_both(STILL, |shop| {
        let odd = odd_skus();
        let mut skus =
            vec!["22423", "nothing", "85123A", "NOBASE", "22423", "nothing", "", "NOBASE"];
        skus.extend(odd.iter().map(String::as_str));
        let list = ask(shop, &skus);
        assert_eq!(
            (&list["object"], &list["has_more"], &list["url"]),
            (&json!("list"), &json!(false), &json!(PATH))
        );
        let items = list["data"].as_array().unwrap();
        let answered: Vec<&str> = items.iter().map(|item| item["sku"].as_str().unwrap()).collect();
        assert_eq!(answered, skus);
        for (item, sku) in items.iter().zip(&skus) {
            match *sku {
                "nothing" | "" => {
                    assert_eq!(item["object"], "error", "{item}");
                    assert_eq!(
                        (&item["error"]["type"], &item["error"]["status"]),
                        (&json!("/docs/errors#unknown_sku"), &json!(404))
                    );
                }
                "batch" => assert_eq!(item["object"], "price", "{item}"),
                sku => assert_eq!(
                    *item,
                    shop.get(&format!("/v1/prices/{}", crate::client::escaped(sku)))
                        .send()
                        .expect(200)
                ),
            }
        }
    });
}

#[test]
fn a_browser_gets_the_same_items_it_gets_one_by_one() {
    on_sqlite(STILL, |shop| {
        let body = json!({ "skus": ["85123A", "NOBASE"] });
        let list = shop.post(PATH).key(&shop.publishable).json(&body).send().expect(200);
        for (place, sku) in ["85123A", "NOBASE"].iter().enumerate() {
            let alone =
                shop.get(&format!("/v1/prices/{sku}")).key(&shop.publishable).send().expect(200);
            assert_eq!(list["data"][place], alone);
        }
    });
}

#[test]
fn one_to_a_thousand_skus_are_answered_and_no_other_number() {
    on_sqlite(STILL, |shop| {
        let many = |count: usize| vec!["85123A"; count];
        for count in [1, 1_000] {
            assert_eq!(ask(shop, &many(count))["data"].as_array().unwrap().len(), count);
        }
        let unknown: Vec<String> = (0..1_000).map(|n| format!("nothing-{n}")).collect();
        let list = shop.post(PATH).json(&json!({ "skus": unknown })).send().expect(200);
        assert!(list["data"].as_array().unwrap().iter().all(|item| item["object"] == "error"));
        for count in [0, 1_001] {
            let answer = shop.post(PATH).json(&json!({ "skus": many(count) })).send();
            assert_eq!(answer.pointers(), ["/skus"]);
            assert!(
                answer.json()["detail"].as_str().unwrap().contains(&count.to_string()),
                "{}",
                answer.text
            );
        }
    });
}

#[test]
fn what_is_not_one_json_document_is_refused_as_such() {
    on_sqlite(STILL, |shop| {
        let check = |body: &[u8]| {
            shop.post(PATH).text(body).send().problem(400, "malformed_json");
        };
        check(b"");
        check(b"skus=85123A");
        check(b"{\"skus\":[\"85123A\"");
        check(b"{\"skus\":[\"85123A\"]}}");
        check(b"{\"skus\":[\"85123A\"]} x");
        check(b"{\"skus\":[\"85123A\"]}{}");
        check(b"{\"skus\":[\"85\xff3A\"]}");
        check(b"\xef\xbb\xbf{\"skus\":[\"85123A\"]}");
        check(b"{'skus':[]}");
        check(b"{\"skus\":[\"\\ud800\"]}");
        // Deeper than any document of ours, closed or not.
        check("[".repeat(10_000).as_bytes());
        check(format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)).as_bytes());
    });
}

#[test]
fn a_body_that_does_not_fit_is_pointed_at() {
    on_sqlite(STILL, |shop| {
        let check = |body: &str, pointer: &str| {
            let answer = shop.post(PATH).text(body).send();
            assert_eq!(answer.pointers(), [pointer], "{}", answer.text);
            assert!(
                !answer.json()["detail"].as_str().unwrap().contains(" at line "),
                "{}",
                answer.text
            );
        };
        check(r#"{"skus":["a","b","c",7]}"#, "/skus/3");
        check(r#"{"skus":["a",null]}"#, "/skus/1");
        check(r#"{"skus":"85123A"}"#, "/skus");
        check(r#"{"skus":{}}"#, "/skus");
        check(r#"{"skus":["a"],"currency":"EUR"}"#, "/currency");
        check(r#"{"skus":["a"],"a/b~c":1}"#, "/a~1b~0c");
        check(r#"{"skus":["a"],"skus":["b"]}"#, "/skus");
        check(r#"{"skus":["a","b\u0000"]}"#, "/skus/1");
        check("{}", "");
        // Neither a list in place of the object nor any other JSON is an object.
        check(r#"[["85123A"]]"#, "");
        check("null", "");
        check("\"85123A\"", "");
        check("7", "");
    });
}

#[test]
fn deep_nesting_ends_in_a_refusal_and_not_in_a_crash() {
    on_sqlite(STILL, |shop| {
        let deep =
            |open: &str, close: &str| format!("{}{}", open.repeat(10_000), close.repeat(10_000));
        let bodies = [
            deep("[", "]"),
            deep("{\"a\":", "}"),
            format!("{{\"skus\":{}}}", deep("[", "]")),
            format!("{{\"skus\":[{}", "[".repeat(10_000)),
            format!("{{\"unknown\":{}}}", deep("[", "]")),
        ];
        for (path, method) in
            [(PATH, "POST"), ("/v1/promotions", "POST"), ("/v1/pricing/policies/store", "PUT")]
        {
            for body in &bodies {
                let answer = shop.call(method, path).text(body.as_str()).send();
                assert!(matches!(answer.status, 400 | 422), "{answer:?}");
            }
        }
        assert_eq!(shop.get("/livez").send().status, 200);
    });
}

#[test]
fn only_json_is_taken_for_json() {
    on_sqlite(STILL, |shop| {
        let body = br#"{"skus":["85123A"]}"#;
        let send = |content_type: &str| shop.post(PATH).body(content_type, *body).send();
        for json in [
            "application/json",
            "application/json; charset=utf-8",
            "APPLICATION/JSON",
            "application/vnd.shop+json",
        ] {
            send(json).expect(200);
        }
        for other in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/jsonp",
            "",
        ] {
            send(other).problem(415, "unsupported_media_type");
        }
        let bare = format!(
            "POST {PATH} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}",
            shop.secret,
            body.len(),
            String::from_utf8_lossy(body)
        );
        assert!(raw(shop.address, bare.as_bytes()).starts_with("HTTP/1.1 415 "));
    });
}

#[test]
fn a_mebibyte_is_read_and_a_byte_more_is_not() {
    on_sqlite(STILL, |shop| {
        let padded = |length: usize| -> Answer {
            let mut body = br#"{"skus":["85123A"]}"#.to_vec();
            body.resize(length, b' ');
            shop.post(PATH).text(body).send()
        };
        padded(1 << 20).expect(200);
        padded((1 << 20) + 1).problem(413, "body_too_large");
    });
}
