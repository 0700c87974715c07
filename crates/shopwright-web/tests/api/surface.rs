//! What surrounds the operations: host names, methods, unknown paths, health, metrics, documents.

use serde_json::json;
use shopwright_domain::identity::Role;

use crate::client::{Answer, raw};
use crate::harness::{LOOPBACK, STILL, Shop, Start, on_both, on_sqlite};
use crate::people::Browser;

/// What a bare request with these header lines is answered.
fn bare(shop: &Shop, request_line: &str, header_lines: &str) -> String {
    raw(
        shop.address,
        format!("{request_line}\r\n{header_lines}Connection: close\r\n\r\n").as_bytes(),
    )
}

#[test]
fn a_server_on_loopback_answers_to_loopback_names_only() {
    on_sqlite(LOOPBACK, |shop| {
        for path in ["/livez", "/", "/v1/prices/85123A", "/openapi.json", "/nowhere"] {
            let status = |host: &str| {
                let key = format!("Authorization: Bearer {}\r\n", shop.secret);
                bare(shop, &format!("GET {path} HTTP/1.1"), &format!("Host: {host}\r\n{key}"))
            };
            for name in [
                "localhost",
                "LOCALHOST:8080",
                "127.0.0.1",
                "127.0.0.1:80",
                "127.1.2.3",
                "[::1]:8080",
            ] {
                assert!(!status(name).starts_with("HTTP/1.1 403"), "{path} {name}");
            }
            for name in [
                "evil.example",
                "localhost.evil.example",
                "127.0.0.1.evil.example:80",
                "10.0.0.1",
                "[::2]",
                "0.0.0.0",
                "é",
            ] {
                let answer = status(name);
                assert!(answer.starts_with("HTTP/1.1 403"), "{path} {name}: {answer}");
                assert!(
                    answer.contains("/docs/errors#forbidden") && !answer.contains("amount"),
                    "{answer}"
                );
            }
        }
        assert!(bare(shop, "GET /livez HTTP/1.0", "").starts_with("HTTP/1.0 200"));
    });
}

#[test]
fn a_server_on_other_addresses_answers_to_any_name_until_it_is_told_its_own() {
    let answers = |shop: &Shop, path: &str, host: &str| {
        let answer = bare(shop, &format!("GET {path} HTTP/1.1"), &format!("Host: {host}\r\n"));
        answer.split(' ').nth(1).unwrap_or_default().to_owned()
    };
    on_sqlite(STILL, |shop| {
        assert_eq!(answers(shop, "/docs", "shop.example"), "200");
        assert_eq!(answers(shop, "/docs", "10.0.0.1"), "200");
    });
    on_sqlite(Start { public_url: Some("https://shop.example"), ..STILL }, |shop| {
        assert_eq!(answers(shop, "/docs", "shop.example"), "200");
        for (path, host) in [("/docs", "evil.example"), ("/v1/prices/85123A", "localhost")] {
            assert_eq!(answers(shop, path, host), "403", "{host}");
        }
        // Probes come by address.
        for path in ["/livez", "/readyz", "/metrics"] {
            assert_eq!(answers(shop, path, "10.0.0.1:8080"), "200", "{path}");
        }
    });
    on_sqlite(Start { public_url: Some("https://shop.example"), ..LOOPBACK }, |shop| {
        assert_eq!(answers(shop, "/docs", "shop.example"), "200");
        assert_eq!(answers(shop, "/docs", "localhost:1"), "200");
        assert_eq!(answers(shop, "/docs", "evil.example"), "403");
    });
}

#[test]
fn pages_are_served_on_any_address_to_whoever_is_signed_in() {
    for start in [STILL, LOOPBACK] {
        on_sqlite(start, |shop| {
            let owner = shop.browser_of(shop.operator("a@b", Role::Owner));
            for path in ["/", "/products/85123A", "/products/?sku=85123A"] {
                assert_eq!(owner.get(path).status, 200, "{path}");
                assert_eq!(Browser::new(shop).get(path).status, 303, "{path}");
            }
        });
    }
}

/// The parts of a policy that keep scripts, frames and forms of others out.
fn assert_strict(answer: &Answer, path: &str) {
    let policy = answer.header("content-security-policy");
    for part in ["default-src 'none'", "frame-ancestors 'none'"] {
        assert!(policy.contains(part), "{path}: {policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains("http"), "{path}: {policy}");
}

#[test]
fn every_answer_has_a_strict_policy_and_pages_are_kept_by_nobody() {
    on_sqlite(STILL, |shop| {
        let owner = shop.browser_of(shop.operator("a@b", Role::Owner));
        let nobody = Browser::new(shop);
        for path in ["/v1/prices/85123A", "/livez", "/openapi.json", "/assets/shopwright.css"] {
            assert_strict(&nobody.get(path), path);
        }
        let pages = [
            "/",
            "/products/85123A",
            "/account",
            "/operators",
            "/keys",
            "/audit",
            "/docs",
            "/nowhere",
        ];
        for (browser, path) in pages
            .map(|path| (&owner, path))
            .into_iter()
            .chain([(&nobody, "/sign-in"), (&nobody, "/")])
        {
            let answer = browser.get(path);
            assert_strict(&answer, path);
            assert_eq!(answer.header("cache-control"), "no-store", "{path}");
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
            if answer.status != 303 {
                let policy = answer.header("content-security-policy");
                assert!(policy.contains("form-action 'self'; base-uri 'none'"), "{path}: {policy}");
                assert_eq!(answer.header("referrer-policy"), "same-origin", "{path}");
                for inline in ["<style", " style=", "onclick", "<script>"] {
                    assert!(!answer.text.contains(inline), "{path} has {inline}");
                }
            }
        }
    });
}

#[test]
fn a_head_is_answered_like_its_get_without_a_body() {
    on_sqlite(STILL, |shop| {
        for path in ["/v1/prices/85123A", "/v1/prices/nothing", "/livez", "/nowhere", "/docs"] {
            let ask = |method: &str| {
                bare(
                    shop,
                    &format!("{method} {path} HTTP/1.1"),
                    &format!(
                        "Host: x\r\nX-Request-Id: same\r\nAuthorization: Bearer {}\r\n",
                        shop.secret
                    ),
                )
            };
            let (head, get) = (ask("HEAD"), ask("GET"));
            let (head_lines, head_body) = head.split_once("\r\n\r\n").unwrap();
            let (get_lines, get_body) = get.split_once("\r\n\r\n").unwrap();
            assert_eq!((head_body, get_body.is_empty()), ("", false), "{path}");
            assert_eq!(head_lines.lines().next(), get_lines.lines().next(), "{path}");
            let length = |lines: &str| {
                lines.lines().find(|l| l.starts_with("content-length")).map(ToOwned::to_owned)
            };
            assert_eq!(length(head_lines), length(get_lines), "{path}");
        }
    });
}

#[test]
fn a_method_that_a_path_does_not_know_is_told_which_it_does() {
    on_sqlite(STILL, |shop| {
        let check = |method: &str, path: &str, allowed: &str| {
            let answer = shop.call(method, path).send();
            answer.problem(405, "method_not_allowed");
            let mut allow: Vec<&str> = answer.header("allow").split(',').collect();
            allow.sort_unstable();
            assert_eq!(allow.join(","), allowed, "{method} {path}");
        };
        check("DELETE", "/v1/prices/85123A", "GET,HEAD");
        check("GET", "/v1/prices/batch", "POST");
        check("PATCH", "/v1/promotions", "GET,HEAD,POST");
        check("OPTIONS", "/v1/pricing/freeze", "PUT");
        check("GET", "/v1/pricing/policies/sku/85123A", "DELETE,PUT");
        check("DELETE", "/livez", "GET,HEAD");
        check("PURGE", "/openapi.json", "GET,HEAD");
    });
}

#[test]
fn an_unknown_path_is_a_problem_for_programs_and_a_page_for_people() {
    on_sqlite(STILL, |shop| {
        let ask = |path: &str, accept: &str| shop.get(path).header("accept", accept).send();
        for accept in ["*/*", "application/json", ""] {
            let problem = ask("/nowhere", accept).problem(404, "not_found");
            assert!(problem["detail"].as_str().unwrap().contains("/nowhere"), "{problem}");
        }
        let page = ask("/no%3Cb%3Ewhere", "text/html,application/xhtml+xml,*/*;q=0.8");
        assert_eq!((page.status, page.header("content-type")), (404, "text/html; charset=utf-8"));
        assert!(
            page.header("content-security-policy").contains("frame-ancestors 'none'"),
            "{page:?}"
        );
        assert!(!page.text.contains("<b>where"), "{}", page.text);
        // Below /v1 nobody looks with a browser.
        ask("/v1/nowhere", "text/html").problem(404, "not_found");
        for path in [
            "/v1",
            "/v1/",
            "/v1/prices/",
            "/v1/prices/85123A/",
            "/v2/prices/85123A",
            "//v1/prices/85123A",
        ] {
            assert_eq!(ask(path, "*/*").status, 404, "{path}");
        }
    });
}

#[test]
fn every_answer_forbids_sniffing_and_names_its_request() {
    on_sqlite(STILL, |shop| {
        for (path, status) in [
            ("/livez", 200),
            ("/docs", 200),
            ("/nowhere", 404),
            ("/v1/prices/85123A", 200),
            ("/assets/nothing", 404),
        ] {
            let answer = shop.get(path).send();
            assert_eq!(answer.status, status, "{path}");
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
            assert!(!answer.header("x-request-id").is_empty(), "{path}");
        }
    });
}

#[test]
fn health_says_ok() {
    on_both(STILL, |shop| {
        for path in ["/livez", "/readyz"] {
            assert_eq!(shop.get(path).no_key().send().expect(200), json!({ "status": "ok" }));
        }
    });
}

#[test]
fn metrics_count_route_patterns_and_never_what_was_asked_for() {
    on_sqlite(STILL, |shop| {
        for path in [
            "/v1/prices/85123A",
            "/v1/prices/85123A",
            "/v1/prices/secret-sku",
            "/secret-path",
            "/v1/products/85123A",
        ] {
            shop.get(path).send();
        }
        shop.call("BREW", "/secret-pot").send();
        let answer = shop.get("/metrics").no_key().send();
        assert!(
            answer
                .header("content-type")
                .starts_with("application/openmetrics-text; version=1.0.0")
        );
        let text = answer.text;
        let check =
            |line: &str| assert!(text.lines().any(|l| l == line), "{line} is not in:\n{text}");
        check(
            r#"shopwright_http_requests_total{method="GET",route="/v1/prices/{sku}",status="200"} 2"#,
        );
        check(
            r#"shopwright_http_requests_total{method="GET",route="/v1/prices/{sku}",status="404"} 1"#,
        );
        check(
            r#"shopwright_http_requests_total{method="GET",route="/v1/products/{sku}",status="200"} 1"#,
        );
        check(r#"shopwright_http_requests_total{method="GET",route="unmatched",status="404"} 1"#);
        check(r#"shopwright_http_requests_total{method="other",route="unmatched",status="404"} 1"#);
        check("shopwright_prices_stale 0");
        check(&format!("shopwright_live_prices {}", 2 + crate::seed::odd_skus().len()));
        check("# TYPE shopwright_http_request_seconds histogram");
        check("shopwright_http_request_seconds_count 6");
        check("# EOF");
        for asked in ["85123A", "secret", "BREW", &shop.secret] {
            assert!(!text.contains(asked), "{asked} is in:\n{text}");
        }
    });
}

#[test]
fn the_reference_lists_every_operation_and_every_error() {
    on_sqlite(STILL, |shop| {
        let (docs, errors) =
            (shop.get("/docs").no_key().send(), shop.get("/docs/errors").no_key().send());
        for page in [&docs, &errors] {
            assert_eq!(
                (page.status, page.header("content-type")),
                (200, "text/html; charset=utf-8")
            );
        }
        for code in shopwright_web::problem::Code::ALL {
            assert!(
                errors.text.contains(&format!("id=\"{}\"", code.name)),
                "{} is not in /docs/errors",
                code.name
            );
            assert!(docs.text.contains(code.name), "{} is not in /docs", code.name);
        }
        let description = shop.get("/openapi.json").no_key().send().expect(200);
        // Where a long path may break is marked.
        let text = docs.text.replace("<wbr>", "");
        for path in description["paths"].as_object().unwrap().keys() {
            assert!(text.contains(path), "{path} is not in /docs");
        }
    });
}

#[test]
fn a_huge_header_is_refused_and_the_server_lives() {
    on_sqlite(STILL, |shop| {
        let huge = format!("X-Huge: {}\r\n", "h".repeat(2_000_000));
        let answer = bare(shop, "GET /livez HTTP/1.1", &format!("Host: x\r\n{huge}"));
        assert!(
            answer.is_empty()
                || answer.starts_with("HTTP/1.1 431")
                || answer.starts_with("HTTP/1.1 400"),
            "{answer}"
        );
        assert_eq!(shop.get("/livez").send().status, 200);
    });
}
