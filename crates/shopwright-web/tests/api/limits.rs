//! What is too much: long addresses and heads, deep, doubled and impossible bodies, slow senders.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;
use shopwright_web::limits::{Limits, Times};

use crate::client::raw;
use crate::harness::{STILL, Start, on_sqlite, unlimited};

#[test]
fn a_path_and_query_past_the_limit_are_told_so() {
    on_sqlite(STILL, |shop| {
        let fits = shop.get(&format!("/v1/products?limit={}", "0".repeat(8_000))).send();
        assert_eq!(fits.status, 400);
        for path in ["/v1/products?limit=", "/v1/products/", "/livez?x=", "/nowhere/"] {
            let answer = shop.get(&format!("{path}{}", "0".repeat(8_192))).send();
            let problem = answer.problem(414, "uri_too_long");
            assert!(problem["detail"].as_str().unwrap().contains("8 KiB"), "{problem}");
        }
    });
}

#[test]
fn a_head_past_the_limit_is_told_so() {
    on_sqlite(STILL, |shop| {
        let with = |bytes: usize| shop.get("/livez").header("x-more", &"h".repeat(bytes)).send();
        assert_eq!(with(30_000).status, 200);
        with(33_000).problem(431, "headers_too_large");
        // So much is not even read to its end.
        let huge =
            format!("GET /livez HTTP/1.1\r\nHost: x\r\nX-Huge: {}\r\n\r\n", "h".repeat(200_000));
        let answer = raw(shop.address, huge.as_bytes());
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
        let line =
            format!("GET /livez HTTP/1.1\r\nHost: x\r\nX-Huge: {}\r\n\r\n", "h".repeat(10 << 20));
        let answer = raw(shop.address, line.as_bytes());
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
        let many = (0..300).map(|n| format!("x-{n}: 1")).collect::<Vec<_>>().join("\r\n");
        let many = format!("GET /livez HTTP/1.1\r\nHost: x\r\n{many}\r\n\r\n");
        let answer = raw(shop.address, many.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
        assert_eq!(shop.get("/livez").send().status, 200);
    });
}

#[test]
fn bodies_that_mean_two_things_or_none_are_refused_at_the_place() {
    on_sqlite(STILL, |shop| {
        let check = |body: &str, pointer: &str| {
            let answer = shop.put("/v1/pricing/policies/sku/85123A").text(body).send();
            assert_eq!(answer.pointers(), [pointer], "{body}");
        };
        check(r#"{"pin_minor": 300, "pin_minor": 400}"#, "/pin_minor");
        check(r#"{"pin_minor": 1e999}"#, "/pin_minor");
        check(r#"{"pin_minor": 123456789012345678901234567890}"#, "/pin_minor");
        check(r#"{"no such field": {"a": 1, "a": 2}}"#, "/no such field/a");
        check(&format!(r#"{{"x": {}1{}}}"#, "[".repeat(70), "]".repeat(70)), "");
        check(&format!(r#"{{"x": {}"#, "[".repeat(90_000)), "");
        let promotion = json!({
            "name": "a\0b", "scope": "sku", "key": "22423", "factor": "0.9",
            "starts_at": "2026-11-24T12:00:00Z", "ends_at": "2026-11-25T12:00:00Z",
        });
        let answer = shop.post("/v1/promotions").json(&promotion).send();
        assert_eq!(answer.pointers(), ["/name"]);
        assert_eq!(shop.price_of("85123A"), crate::seed::HEART, "nothing was changed");
    });
}

/// Short enough to be waited for, and long enough for a busy machine to keep.
fn hasty() -> Limits {
    let times = Times {
        first_request: Duration::from_secs(2),
        idle: Duration::from_secs(5),
        answer: Duration::from_secs(2),
        stop: Duration::from_secs(2),
    };
    Limits { times, connections_max: 4, ..unlimited() }
}

const HASTY: Start = Start { limits: hasty, ..STILL };

/// How long the server keeps a connection open on which this was sent.
fn kept(stream: &mut TcpStream) -> (Duration, String) {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let (started, mut text) = (Instant::now(), Vec::new());
    // A reset is an end too.
    let _ = stream.read_to_end(&mut text);
    (started.elapsed(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn who_says_nothing_or_only_half_a_request_is_not_waited_for() {
    on_sqlite(HASTY, |shop| {
        for begun in ["", "PRI * HT", "GET /livez HT", "GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow:"]
        {
            let mut stream = TcpStream::connect(shop.address).unwrap();
            stream.write_all(begun.as_bytes()).unwrap();
            let (kept, said) = kept(&mut stream);
            assert!(kept < Duration::from_secs(15), "{begun}: {kept:?}");
            assert!(said.is_empty() || said.starts_with("HTTP/1.1 408"), "{begun}: {said}");
        }
    });
}

#[test]
fn who_sends_a_body_too_slowly_is_told_so() {
    on_sqlite(HASTY, |shop| {
        let mut stream = TcpStream::connect(shop.address).unwrap();
        let head = format!(
            "POST /v1/prices/batch HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{",
            shop.secret
        );
        stream.write_all(head.as_bytes()).unwrap();
        let (_, said) = kept(&mut stream);
        assert!(said.starts_with("HTTP/1.1 408"), "{said}");
        assert!(
            said.contains("/docs/errors#request_timeout") && said.contains("x-request-id"),
            "{said}"
        );
    });
}

#[test]
fn an_idle_connection_is_closed_and_one_in_use_is_not() {
    on_sqlite(HASTY, |shop| {
        let mut stream = TcpStream::connect(shop.address).unwrap();
        let ask = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";
        let mut answer = [0; 4_096];
        for _ in 0..6 {
            stream.write_all(ask).unwrap();
            assert!(stream.read(&mut answer).unwrap() > 0);
            std::thread::sleep(Duration::from_secs(1));
        }
        let (kept, said) = kept(&mut stream);
        assert!(kept < Duration::from_secs(15), "{kept:?}");
        assert_eq!(said, "");
    });
}

#[test]
fn who_drips_a_second_request_on_an_open_connection_is_cut_off() {
    on_sqlite(HASTY, |shop| {
        let mut stream = TcpStream::connect(shop.address).unwrap();
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        assert!(stream.read(&mut [0; 4_096]).unwrap() > 0);
        stream.write_all(b"GET /livez HTTP/1.1\r\nX-Slow: ").unwrap();
        let started = Instant::now();
        // Something always moves: the connection is never idle.
        while stream.write_all(b"s").is_ok() {
            assert!(started.elapsed() < Duration::from_secs(30), "it may drip for ever");
            std::thread::sleep(Duration::from_millis(200));
        }
    });
}

#[test]
fn more_connections_than_there_are_places_for_wait_for_one() {
    on_sqlite(HASTY, |shop| {
        // Each place is held for as long as the first request may take.
        let held: Vec<TcpStream> =
            (0..12).map(|_| TcpStream::connect(shop.address).unwrap()).collect();
        assert_eq!(shop.get("/livez").send().status, 200);
        drop(held);
    });
}
