//! Competitors' pages: looked at in turn, politely, and what they tell counts.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use shopwright_app::competitors::schedule_pages;
use shopwright_domain::time::{Clock as _, SECOND};
use shopwright_store::competitors::{self as stored, Match};

use super::{following, later, price, seen, sku, take};
use crate::harness::{Shop, on_both};
use crate::outside::{outside, wait_until, work};

const OFFER: &str = r#"<script type="application/ld+json">{"@type":"Product","offers":{"@type":"Offer",
    "price":"8.80","priceCurrency":"GBP","availability":"https://schema.org/InStock"}}</script>"#;

/// A site that answers paths by what it is told, and keeps what was asked.
struct Site {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

fn site(robots: &'static str, page: &'static str) -> Site {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut bytes = [0; 4_096];
            let read = stream.read(&mut bytes).unwrap();
            let head = String::from_utf8_lossy(&bytes[..read]).into_owned();
            assert!(head.to_lowercase().contains("user-agent: shopwright/"), "{head}");
            let path = head.split(' ').nth(1).unwrap().to_owned();
            let (status, body) = match path.as_str() {
                "/robots.txt" if robots.is_empty() => (404, ""),
                "/robots.txt" => (200, robots),
                _ => (200, page),
            };
            log.lock().unwrap().push(path);
            let length = body.len();
            let _ = write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n{body}");
        }
    });
    Site { url, asked }
}

/// A match with a page whose last price is an hour old.
fn matched(shop: &Shop, url: String) {
    following(shop);
    let mut first = seen(shop, "rival", 1_100);
    first.url = Some(url);
    take(shop, first).unwrap();
    later(shop, 1);
}

fn schedule(shop: &Shop) -> usize {
    let now = shop.clock.now();
    shop.run(schedule_pages(&shop.store, now, &shop.ids, Duration::from_hours(6))).unwrap()
}

fn known(shop: &Shop) -> Match {
    shop.read(|tx| stored::find_match(tx, "rival", &sku("A-1"))).unwrap()
}

#[test]
fn a_page_is_looked_at_in_its_turn_and_its_price_counts() {
    on_both(|shop| {
        let site = site("User-agent: *\nDisallow: /cart\n", OFFER);
        matched(shop, format!("{}/lamp", site.url));
        assert_eq!((schedule(shop), schedule(shop)), (1, 1), "the second finds the first's job");
        let worker = work(shop, &shop.store, &outside());
        wait_until("it is looked at", || known(shop).looked_at.is_some());
        assert_eq!(*site.asked.lock().unwrap(), ["/robots.txt", "/lamp"]);
        assert_eq!(known(shop).page_error, None);
        later(shop, 1);
        assert_eq!(price(shop), 924, "1.05 × 8.80");
        assert_eq!(schedule(shop), 0, "not before six hours have passed");
        later(shop, 6);
        assert_eq!(schedule(shop), 1);
        drop(worker);
    });
}

#[test]
fn a_page_that_is_closed_empty_or_inside_says_why_and_leaves_what_is_known() {
    let check = |robots: &'static str, page: &'static str, part: &str| {
        on_both(|shop| {
            let site = site(robots, page);
            matched(shop, format!("{}/lamp", site.url));
            schedule(shop);
            let worker = work(shop, &shop.store, &outside());
            wait_until("it is looked at", || known(shop).looked_at.is_some());
            let why = known(shop).page_error.unwrap_or_default();
            assert!(why.contains(part), "{why}");
            assert_eq!(shop.number("SELECT COUNT(*) FROM competitor_prices"), 1);
            drop(worker);
        });
    };
    check("User-agent: Shopwright\nDisallow: /\n", OFFER, "robots.txt");
    check("", "<p>8.80</p>", "no schema.org Offer");
    check(
        "",
        r#"<script type="application/ld+json">{"@type":"Offer","price":"880","priceCurrency":"GBP"}</script>"#,
        "ten times or more",
    );
    on_both(|shop| {
        matched(shop, "http://10.0.0.1/lamp".into());
        schedule(shop);
        let worker = work(shop, &shop.store, &outside());
        wait_until("it is refused", || known(shop).looked_at.is_some());
        assert!(known(shop).page_error.unwrap().contains("private"));
        drop(worker);
    });
}

#[test]
fn a_host_is_asked_at_most_every_ten_seconds() {
    on_both(|shop| {
        following(shop);
        for number in 0..9 {
            let name = format!("rival-{number}");
            let mut price = seen(shop, &name, 1_100);
            price.url = Some(format!("https://one.example/{number}"));
            take(shop, price).unwrap();
        }
        assert_eq!(schedule(shop), 6, "as many as fit into a minute");
        let apart = shop.number(
            "SELECT COUNT(DISTINCT due_at) FROM effects WHERE kind = 'competitor.look_at_page'",
        );
        assert_eq!(apart, 6);
        let now = shop.clock.now();
        let last = shop.read(move |tx| {
            let sql = "SELECT COUNT(*) FROM effects WHERE due_at = $1";
            tx.one(sql, shopwright_store::params![now.plus_micros(50 * SECOND)], |row| {
                row.get::<i64>(0)
            })
        });
        assert_eq!(last, 1);
    });
}
