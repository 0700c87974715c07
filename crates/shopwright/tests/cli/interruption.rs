//! A kill in the middle of an import, and the run after it.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::Stdio;

use flate2::read::GzDecoder;

use crate::harness::Shop;

/// The demo's orders, the first so many lines of them.
const LINES: usize = 60_000;
const IMPORT: &[&str] = &["import", "online-retail", "orders.csv"];

fn demo_orders() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/online_retail_excerpt.csv.gz");
    let mut text = String::new();
    GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    let end = text.match_indices('\n').nth(LINES).unwrap().0;
    text.truncate(end + 1);
    text
}

/// Imports until it says that rows are booked `lines` times, then kills it.
fn import_and_kill(shop: &Shop, lines: usize) {
    let mut child = shop.command(IMPORT).stdout(Stdio::null()).spawn().unwrap();
    let told = BufReader::new(child.stderr.take().unwrap()).lines();
    let booked = told.map_while(Result::ok).filter(|line| line.starts_with("rows:"));
    assert_eq!(booked.take(lines).count(), lines, "the import ended before it was killed");
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success());
}

#[test]
fn an_import_that_was_killed_twice_ends_with_the_books_of_one_that_was_not() {
    let (killed, whole) = (Shop::new(), Shop::new());
    let text = demo_orders();
    killed.file("orders.csv", &text);
    whole.file("orders.csv", &text);
    import_and_kill(&killed, 2);
    killed.run(&["verify"]).assert_code(0);
    import_and_kill(&killed, 1);
    let resumed = killed.run(&[IMPORT, &["--json"]].concat()).assert_code(0).json();
    let straight = whole.run(&[IMPORT, &["--json"]].concat()).assert_code(0).json();
    assert!(resumed["resumed_after_row"].as_u64().unwrap() > 0, "{resumed}");
    assert_eq!(straight["resumed_after_row"], 0);
    let same = [
        "invoices",
        "orders",
        "refunds",
        "adjustments",
        "codes",
        "customers",
        "quantity",
        "exact",
        "booked",
        "difference",
        "kinds",
        "ledger",
        "lines",
    ];
    for field in same {
        assert_eq!(resumed[field], straight[field], "{field}");
    }
    assert_eq!(resumed["rows"]["read"], straight["rows"]["read"]);
    let base = |json: &serde_json::Value| {
        (json["base_prices"]["found"].clone(), json["base_prices"]["no_base_price"].clone())
    };
    assert_eq!(base(&resumed), base(&straight));
    for shop in [&killed, &whole] {
        let books = shop.run(&["verify", "--json"]).assert_code(0).json();
        assert_eq!(books["holds"], true);
    }
    let price =
        |shop: &Shop| shop.run(&["price", "show", "85123A", "--json"]).assert_code(0).json();
    let (one, other) = (price(&killed), price(&whole));
    for field in ["price", "base_price", "base_price_from", "title", "reasons"] {
        assert_eq!(one[field], other[field], "{field}");
    }
}

#[cfg(unix)]
#[test]
fn an_import_that_is_asked_to_stop_keeps_whole_chunks_and_says_how_to_go_on() {
    use rustix::process::{Pid, Signal, kill_process};
    let shop = Shop::new();
    shop.file("orders.csv", demo_orders());
    for signal in [Signal::INT, Signal::TERM] {
        let mut child = shop.command(IMPORT).stdout(Stdio::null()).spawn().unwrap();
        let mut told = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        assert!(told.any(|line| line.starts_with("rows:")));
        kill_process(Pid::from_child(&child), signal).unwrap();
        let last = told.last().unwrap();
        assert!(last.starts_with("error: stopped after about"), "{last}");
        assert!(last.contains("run the same command again"), "{last}");
        assert_eq!(child.wait().unwrap().code(), Some(2));
    }
    shop.run(&["verify"]).assert_code(0);
}
