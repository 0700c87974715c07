//! Signals to the real server: SIGTERM finishes what is under way, a second one does not, and SIGHUP
//! changes what can be changed.

#![cfg(unix)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::harness::{Server, Shop, make_key, wait_until};

const BODY: &str = r#"{"name": "Slow", "scope": "store", "factor": "0.9",
    "starts_at": "2026-12-01T00:00:00Z", "ends_at": "2026-12-24T00:00:00Z"}"#;

/// A request whose last byte has not been sent yet.
fn begin(server: &Server, key: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let (host, length) = (server.address(), BODY.len());
    let head = format!(
        "POST /v1/promotions HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&BODY.as_bytes()[..length - 1]).unwrap();
    // The server has read the head and waits for the rest.
    std::thread::sleep(Duration::from_millis(300));
    stream
}

fn open_shop() -> (Shop, Server, String) {
    let shop = Shop::with_orders();
    let key = make_key(&shop);
    let server = Server::start(&shop, &["serve"]);
    (shop, server, key)
}

#[test]
fn a_request_under_way_is_finished_after_the_first_signal_and_new_ones_are_not_taken() {
    let (shop, mut server, key) = open_shop();
    let mut stream = begin(&server, &key);
    server.signal(Signal::TERM);
    wait_until("new connections are refused", || TcpStream::connect(server.address()).is_err());
    assert_eq!(server.ended(), None, "it waits for the request");
    stream.write_all(b"}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert_eq!(server.wait(), Some(0));
    let server = Server::start(&shop, &["serve"]);
    assert!(server.get("/v1/promotions", &key).1.contains("Slow"));
}

#[test]
fn a_second_signal_ends_the_server_at_once_and_nothing_of_the_request_is_kept() {
    for second in [Signal::TERM, Signal::INT] {
        let (shop, mut server, key) = open_shop();
        let _stream = begin(&server, &key);
        server.signal(Signal::TERM);
        wait_until("it stops taking requests", || TcpStream::connect(server.address()).is_err());
        assert_eq!(server.ended(), None, "it waits for the request");
        let asked = Instant::now();
        server.signal(second);
        assert_eq!(server.wait(), Some(2));
        assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
        shop.run(&["verify"]).assert_code(0);
        let server = Server::start(&shop, &["serve"]);
        assert!(!server.get("/v1/promotions", &key).1.contains("Slow"));
    }
}

#[test]
fn a_hangup_changes_the_name_and_the_log_and_names_what_needs_a_restart() {
    let shop = Shop::with_orders();
    shop.file(
        "shopwright.toml",
        "store_name = \"Before\"\nlog = \"warn\"\ncurrency = \"EUR\"\nprice_refresh_seconds = 86400\n",
    );
    let mut server = Server::start_logged(&shop, &["serve"]);
    assert!(server.get("/docs", "").1.contains("Before"));
    shop.file(
        "shopwright.toml",
        "store_name = \"After\"\nlog = \"info\"\ncurrency = \"GBP\"\nprice_refresh_seconds = 1\n",
    );
    server.signal(Signal::HUP);
    wait_until("the new name is shown", || server.get("/docs", "").1.contains("After"));
    wait_until("the log is louder", || server.log().contains("the configuration was read again"));
    let log = server.log();
    assert!(log.contains("only a restart applies it") && log.contains("currency"), "{log}");
    // Prices are looked at every second now, and not once a day.
    let refreshes = || {
        shop.tamper(|tx| {
            let sum = "SELECT CAST(COALESCE(SUM(refreshes), 0) AS bigint) FROM price_refreshes";
            tx.one(sum, &[], |row| row.get::<i64>(0))
        })
    };
    let before = refreshes();
    wait_until("prices are looked at more often", || refreshes() >= before + 3);

    // A file with a mistake changes nothing, and says so.
    shop.file("shopwright.toml", "store_nam = \"Wrong\"\n");
    server.signal(Signal::HUP);
    wait_until("the mistake is told", || server.log().contains("did you mean store_name?"));
    assert!(server.get("/docs", "").1.contains("After"));
    server.signal(Signal::TERM);
    assert_eq!(server.wait(), Some(0));
}
