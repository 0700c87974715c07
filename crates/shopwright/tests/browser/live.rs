//! A list that stays open follows the shop by itself, and says when it cannot.

use std::time::Duration;

use serde_json::json;
use ureq::http::Method;

use crate::shop::wait_until;
use crate::window::{Look, Window, minor};

/// The page asks every five seconds; the rest is for a busy machine.
const FOLLOWS_WITHIN: Duration = Duration::from_secs(12);

/// A mark that a reload would wipe out.
fn mark(window: &Window<'_>) {
    window.session.script("window.isStillTheSamePage = true");
}

fn is_marked(window: &Window<'_>) -> bool {
    window.session.script("return window.isStillTheSamePage === true") == true
}

pub fn a_price_that_moves_is_shown_without_a_reload(window: &Window<'_>) {
    window.wear(Look::ALL[0]);
    // By SKU, so that the row keeps its place when its price moves.
    window.visit("/?filter=raised&sort=sku");
    mark(window);
    assert!(window.element("[data-live]").is_shown());
    assert_eq!(window.text("[data-live-text]"), "Live");
    let sku = window.text("[data-row] .sku");
    let cell = format!("[data-row='{sku}'] [data-cell=price]");
    let why = format!("[data-row='{sku}'] .why-text");
    let shown = || minor(&window.text(&format!("{cell} .price")));
    let before = shown();

    let path = format!("/v1/pricing/policies/sku/{sku}");
    let pinned = before + 123;
    let (status, answer) =
        window.shop.call(&Method::PUT, &path, Some(&json!({ "pin_minor": pinned })));
    assert_eq!(status, 200, "{answer}");
    wait_until("the pinned price is shown", FOLLOWS_WITHIN, || shown() == pinned);
    assert!(window.texts(&format!("{cell}.is-fresh")).len() == 1, "the moved price is marked");
    assert!(window.text(&why).contains("You pinned the price"), "{}", window.text(&why));
    assert!(is_marked(window), "the page was not loaded anew");

    let (status, _) = window.shop.call(&Method::DELETE, &path, None);
    assert_eq!(status, 204);
}

pub fn a_shop_that_does_not_answer_is_told_and_found_again(window: &Window<'_>) {
    window.visit("/");
    mark(window);
    let rows = window.texts("[data-row] .price");
    let connected = |is_connected: bool| {
        let conditions = json!({
            "offline": !is_connected, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1,
        });
        window.session.devtools("Network.enable", &json!({}));
        window.session.devtools("Network.emulateNetworkConditions", &conditions);
    };
    let says = |words: &str| window.text("[data-live-text]").contains(words);
    connected(false);
    wait_until("the page tells", FOLLOWS_WITHIN, || says("last known prices"));
    assert_eq!(window.texts("[data-row] .price"), rows, "the known prices stay");
    connected(true);
    // After a failure it waits twice as long, to leave a busy shop alone.
    wait_until("the shop is found again", FOLLOWS_WITHIN * 2, || !says("last known prices"));
    assert!(is_marked(window), "the page was not loaded anew");
    window.assert_quiet(&["net::ERR_INTERNET_DISCONNECTED"]);
}
