//! A request that does not end holds a stopping server up for a time and no longer.
//!
//! Debug builds can be told a shorter time; releases have no such switch.

#![cfg(debug_assertions)]

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;

use crate::harness::{Server, Shop, make_key, wait_until};

const STOP: Duration = Duration::from_millis(1_500);

#[test]
fn a_request_that_never_ends_is_cut_off_and_nothing_of_it_is_kept() {
    let mut shop = Shop::with_orders();
    let key = make_key(&shop);
    let millis = STOP.as_millis().to_string();
    shop.variables.push(("SHOPWRIGHT_TEST_STOP_MILLIS".into(), millis));
    let mut server = Server::start_logged(&shop, &["serve"]);
    let body = json!({
        "name": "Hanging", "scope": "store", "factor": "0.9",
        "starts_at": "2026-12-01T00:00:00Z", "ends_at": "2026-12-24T00:00:00Z",
    });
    let body = body.to_string();
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let (host, length) = (server.address(), body.len());
    let head = format!(
        "POST /v1/promotions HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&body.as_bytes()[..length - 1]).unwrap();
    // The server has read the head and waits for the rest.
    std::thread::sleep(Duration::from_millis(300));
    let asked = Instant::now();
    server.signal(Signal::TERM);
    wait_until("new connections are refused", || TcpStream::connect(server.address()).is_err());
    assert_eq!(server.wait(), Some(0));
    let took = asked.elapsed();
    assert!(took >= STOP, "it was not waited for: {took:?}");
    // Far below the time after which the request itself would be given up.
    assert!(took < Duration::from_secs(20), "it was waited for too long: {took:?}");
    let log = server.log();
    assert!(log.contains("did not end in time and were cut off"), "{log}");
    shop.run(&["verify"]).assert_code(0);
    let server = Server::start(&shop, &["serve"]);
    assert!(!server.get("/v1/promotions", &key).1.contains("Hanging"));
}
