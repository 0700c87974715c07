//! The table of every route and who may call it, called by each with each credential. A route that
//! is not in the table fails the test.

use std::collections::BTreeSet;

use serde_json::json;
use shopwright_app::identity::{KeySecret, Token};
use shopwright_domain::identity::Role;
use shopwright_domain::ids::OperatorId;

use crate::access::{self, OPERATIONS, PUBLISHABLE};
use crate::client::{Answer, Call};
use crate::harness::{STILL, Shop, on_sqlite};

/// What callers carry: nothing, a publishable key, a secret key, the session of a read-only
/// operator, of staff, of an owner.
const CALLERS: [&str; 6] = ["nothing", "pk", "sk", "read_only", "staff", "owner"];

type Opens = [bool; 6];
const Y: bool = true;
const N: bool = false;

type Row = (String, &'static str, &'static str, Opens);

/// Each route: method, pattern, a path of it, and who may call it in the order of `CALLERS`.
fn routes() -> Vec<Row> {
    // The API takes keys and nothing else: a cookie opens none of it.
    let api = OPERATIONS.iter().map(|(method, pattern, path, opens)| {
        let opens = match opens {
            access::Opens::Freely => [Y; 6],
            access::Opens::Signed => [N; 6],
            access::Opens::With(scope) => [N, PUBLISHABLE.contains(scope), Y, N, N, N],
        };
        (method.to_ascii_uppercase(), *pattern, *path, opens)
    });
    let pages = PAGES
        .iter()
        .map(|(method, pattern, path, opens)| ((*method).to_owned(), *pattern, *path, *opens));
    api.chain(pages).collect()
}

/// The routes beside the documented API.
#[rustfmt::skip]
const PAGES: &[(&str, &str, &str, Opens)] = &[
    ("GET",    "/price/{sku}",                       "/price/85123A",                   [N, Y, Y, N, N, N]),
    // What everybody may see.
    ("GET",    "/openapi.json",                      "/openapi.json",                   [Y, Y, Y, Y, Y, Y]),
    ("GET",    "/docs",                              "/docs",                           [Y, Y, Y, Y, Y, Y]),
    ("GET",    "/docs/errors",                       "/docs/errors",                    [Y, Y, Y, Y, Y, Y]),
    ("GET",    "/assets/{name}",                     "/assets/shopwright.css",          [Y, Y, Y, Y, Y, Y]),
    ("GET",    "/sign-in",                           "/sign-in",                        [Y, Y, Y, Y, Y, Y]),
    ("POST",   "/sign-in",                           "/sign-in",                        [Y, Y, Y, Y, Y, Y]),
    ("GET",    "/setup",                             "/setup",                          [Y, Y, Y, Y, Y, Y]),
    ("GET",    "/setup/{token}",                     "/setup/none",                     [Y, Y, Y, Y, Y, Y]),
    ("POST",   "/setup/{token}",                     "/setup/none",                     [Y, Y, Y, Y, Y, Y]),
    // The demo's door: in a shop there is nothing behind it.
    ("GET",    "/demo/enter",                        "/demo/enter",                     [Y, Y, Y, Y, Y, Y]),
    ("POST",   "/demo/enter",                        "/demo/enter",                     [Y, Y, Y, Y, Y, Y]),
    // Pages take sessions and nothing else: no key opens them.
    ("GET",    "/",                                  "/",                               [N, N, N, Y, Y, Y]),
    ("GET",    "/products/",                         "/products/?sku=85123A",           [N, N, N, Y, Y, Y]),
    ("GET",    "/products/{sku}",                    "/products/85123A",                [N, N, N, Y, Y, Y]),
    ("GET",    "/account",                           "/account",                        [N, N, N, Y, Y, Y]),
    ("POST",   "/account/password",                  "/account/password",               [N, N, N, Y, Y, Y]),
    ("POST",   "/account/sessions/{id}/end",         "/account/sessions/ses_01h455vb4pex5vsknk084sn02q/end", [N, N, N, Y, Y, Y]),
    ("POST",   "/sign-out",                          "/sign-out",                       [N, N, N, Y, Y, Y]),
    ("GET",    "/shop",                              "/shop",                           [N, N, N, Y, Y, Y]),
    ("POST",   "/shop/drift-check",                  "/shop/drift-check",               [N, N, N, N, Y, Y]),
    ("POST",   "/shop/publish-again",                "/shop/publish-again",             [N, N, N, N, Y, Y]),
    ("GET",    "/operators",                         "/operators",                      [N, N, N, N, N, Y]),
    ("POST",   "/operators/invite",                  "/operators/invite",               [N, N, N, N, N, Y]),
    ("POST",   "/operators/{id}/role",               "/operators/opr_01h455vb4pex5vsknk084sn02q/role", [N, N, N, N, N, Y]),
    ("POST",   "/operators/{id}/disable",            "/operators/opr_01h455vb4pex5vsknk084sn02q/disable", [N, N, N, N, N, Y]),
    ("POST",   "/operators/{id}/enable",             "/operators/opr_01h455vb4pex5vsknk084sn02q/enable", [N, N, N, N, N, Y]),
    ("POST",   "/operators/{id}/sessions",           "/operators/opr_01h455vb4pex5vsknk084sn02q/sessions", [N, N, N, N, N, Y]),
    ("POST",   "/operators/{id}/reset",              "/operators/opr_01h455vb4pex5vsknk084sn02q/reset", [N, N, N, N, N, Y]),
    ("GET",    "/keys",                              "/keys",                           [N, N, N, N, N, Y]),
    ("POST",   "/keys",                              "/keys",                           [N, N, N, N, N, Y]),
    ("POST",   "/keys/{id}/revoke",                  "/keys/key_01h455vb4pex5vsknk084sn02q/revoke", [N, N, N, N, N, Y]),
    ("GET",    "/audit",                             "/audit",                          [N, N, N, N, N, Y]),
];

fn documented(shop: &Shop) -> Vec<(String, String)> {
    let description = shop.get("/openapi.json").no_key().send().expect(200);
    let mut all = Vec::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            all.push((method.to_ascii_uppercase(), path.clone()));
        }
    }
    all
}

#[test]
fn the_table_names_every_route_and_no_other() {
    on_sqlite(STILL, |shop| {
        let pages = shopwright_web::page_routes()
            .map(|(method, path)| (method.to_owned(), path.to_owned()));
        let served: BTreeSet<_> = documented(shop).into_iter().chain(pages).collect();
        let routes = routes();
        let listed: BTreeSet<_> =
            routes.iter().map(|(m, pattern, ..)| (m.clone(), (*pattern).to_owned())).collect();
        assert_eq!(served, listed, "each route needs a row in the table of who may call it");
        assert_eq!(routes.len(), listed.len(), "one row for each route");
        // Both lists come out of the code that serves them; a route added past them is found here.
        for file in [include_str!("../../src/lib.rs"), include_str!("../../src/site/mod.rs")] {
            assert!(!file.contains(".route("), "routes are added to the description or to PAGES");
        }
    });
}

/// One call as `caller`, with everything a form needs.
fn call_as(shop: &Shop, caller: &str, operators: [OperatorId; 3], row: (&str, &str)) -> Answer {
    let (method, path) = row;
    let call = Call::new(shop.address, method, path);
    let session = |place: usize| Some(shop.session_of(operators[place]));
    let (key, session) = match caller {
        "pk" => (Some(&shop.publishable), None),
        "sk" => (Some(&shop.secret), None),
        "read_only" => (None, session(0)),
        "staff" => (None, session(1)),
        "owner" => (None, session(2)),
        _ => (None, None),
    };
    let call = key.iter().fold(call, |call, key| call.key(key));
    // Beside a key, what concerns a customer needs one; it opens nothing by itself.
    let call = call.header("x-customer-token", &shop.customer_token("17850"));
    let is_api = path.starts_with("/v1/");
    let form_token = shop.new_token();
    let cookies = match &session {
        Some(token) => format!("shopwright_session={}; ", token.text()),
        None => String::new(),
    };
    let call = call.header("cookie", &format!("{cookies}shopwright_form={}", form_token.text()));
    if method == "GET" || method == "DELETE" {
        return call.header("accept", if is_api { "*/*" } else { "text/html" }).send();
    }
    if is_api {
        return call.json(&json!({})).send();
    }
    // Before the door a form is bound to the visitor's cookie, behind it to the session.
    let is_public = ["/sign-in", "/setup/", "/demo/"].iter().any(|p| path.starts_with(p));
    let bound_to = session.filter(|_| !is_public).unwrap_or(form_token);
    let body = format!("csrf={}", csrf_for(&bound_to));
    call.body("application/x-www-form-urlencoded", body).send()
}

fn csrf_for(token: &Token) -> String {
    let secret = KeySecret::new(b"a secret of these tests".to_vec()).unwrap();
    secret.hash_text(&format!("form {}", token.text()))
}

fn is_let_in(answer: &Answer) -> bool {
    let led_away = answer.status == 303
        && ["/sign-in?", "/setup"].iter().any(|p| answer.header("location").starts_with(p));
    let led_to_sign_in = answer.status == 303
        && answer.header("location") == "/sign-in"
        && answer.header("set-cookie").is_empty();
    !(matches!(answer.status, 401 | 403) || led_away || led_to_sign_in)
}

#[test]
fn each_route_opens_to_the_callers_of_the_table_and_to_no_others() {
    on_sqlite(STILL, |shop| {
        let operators = [
            shop.operator("read@shop.example", Role::ReadOnly),
            shop.operator("staff@shop.example", Role::Staff),
            shop.operator("owner@shop.example", Role::Owner),
        ];
        for (method, pattern, path, opens) in routes() {
            for (caller, opens) in CALLERS.into_iter().zip(opens) {
                let answer = call_as(shop, caller, operators, (&method, path));
                // The bare `/setup` leads to sign-in once there is an owner: that is its answer.
                let is_open = is_let_in(&answer) || pattern == "/setup";
                assert_eq!(is_open, opens, "{caller} {method} {path}: {}", answer.status);
                assert!(answer.status < 500, "{caller} {method} {path}: {}", answer.text);
            }
        }
    });
}
