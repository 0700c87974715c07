//! The demo: its first start survives a kill, its examples work, its clock goes on over restarts.

use std::io::{BufRead, BufReader};

use crate::harness::{Server, Shop};

#[test]
fn a_first_start_that_was_killed_is_finished_by_the_next_and_the_clock_goes_on() {
    let shop = Shop::new();
    let mut child = shop.command(&["demo", "--listen", "127.0.0.1:0"]).spawn().unwrap();
    let told = BufReader::new(child.stderr.take().unwrap()).lines();
    let decided =
        told.map_while(Result::ok).filter(|line| line.starts_with("deciding prices by day:"));
    assert_eq!(decided.take(2).count(), 2, "the demo was filled before it was killed");
    child.kill().unwrap();
    child.wait().unwrap();

    let server = Server::start(&shop, &["demo"]);
    let key = server.started["key"].as_str().unwrap().to_owned();
    let sku = server.started["skus"][0].as_str().unwrap().to_owned();
    for path in
        ["/readyz", "/docs", &format!("/v1/prices/{sku}"), &format!("/v1/prices/{sku}/explain")]
    {
        assert_eq!(server.get(path, &key).0, 200, "{path}");
    }
    // The first look takes one command: the pages let this machine's user in.
    assert_eq!(server.get("/", "").0, 303);
    let (status, head) = server.head_of("/demo/enter");
    assert!(status == 303 && head.contains("shopwright_session="), "{head}");
    let demo = ["--data-dir", "data/demo", "--json"];
    shop.run(&[&demo[..], &["verify"]].concat()).assert_code(0);
    let shown = shop.run(&[&demo[..], &["price", "show", &sku]].concat()).assert_code(0).json();
    let history = shown["history"].as_array().unwrap();
    assert!(history.len() > 1 && shown["on_hand"].is_i64(), "{shown}");
    let latest = shown["since"].as_str().unwrap().to_owned();
    assert!(latest.starts_with("2011-1"), "{latest}");
    shop.run(&["demo", "--listen", "127.0.0.1:0"]).assert_says(2, &["another demo is running"]);
    assert_eq!(server.stop(), Some(0));
    shop.run(&["verify"]).assert_says(2, &["there is no ledger"]);

    let again = Server::start(&shop, &["demo"]);
    assert_eq!(again.started["key"], key.as_str());
    let shown = shop.run(&[&demo[..], &["price", "show", &sku]].concat()).json();
    assert!(shown["since"].as_str().unwrap() >= latest.as_str(), "{shown}");
    assert_eq!(again.stop(), Some(0));
}
