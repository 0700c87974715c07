//! Competitors' prices from the moment they are seen to the price that follows them.

mod pages;

use shopwright_app::competitors::{
    CompetitorError, ImportCompetitorPrices, SeenPrice, WantedMatch, import_competitor_prices,
    overview, put_competitor, put_match, take_price,
};
use shopwright_app::pricing::{PolicyScope, replay, set_policy};
use shopwright_domain::platforms::Platform;
use shopwright_domain::pricing::{PolicyPatch, Verdict};
use shopwright_domain::time::{Clock as _, HOUR};
use shopwright_store::competitors::Observation;
use shopwright_store::pricing;

use crate::harness::{Shop, finds_planted, on_both};
use crate::publishing::{listed, sku};

fn seen(shop: &Shop, competitor: &str, price_minor: i64) -> SeenPrice {
    SeenPrice {
        seen: Observation {
            competitor: competitor.to_owned(),
            sku: sku("A-1"),
            observed_at: shop.clock.now(),
            price_minor,
            shipping_minor: Some(300),
            currency: "GBP".parse().unwrap(),
            in_stock: true,
            source: "api".to_owned(),
            is_forced: false,
        },
        url: None,
        confidence_bps: None,
    }
}

fn take(shop: &Shop, price: SeenPrice) -> Result<bool, CompetitorError> {
    let now = shop.clock.now();
    shop.run(shop.store.write(move |tx| take_price(tx, &price, now)))
}

/// A product at 10.00 that costs 4.00 and follows the cheapest competitor within 5 %.
fn following(shop: &Shop) {
    listed(shop, "A-1", Platform::Shopify, ("1", "11"));
    let patch: PolicyPatch = serde_json::from_value(serde_json::json!({
        "strategy": "rules", "dwell_minutes": 0,
        "competitor_corridor": { "against": "lowest", "max": "1.05" },
    }))
    .unwrap();
    let (stamp, currency) = (shop.stamp(), "GBP".parse().unwrap());
    let scope = PolicyScope::Store;
    shop.run(shop.store.write(move |tx| set_policy(tx, &scope, &patch, currency, stamp))).unwrap();
    shop.refresh();
}

fn price(shop: &Shop) -> i64 {
    shop.read(|tx| pricing::find_current(tx, &sku("A-1"))).unwrap().amount_minor
}

fn later(shop: &Shop, hours: i64) {
    shop.set_time(shop.clock.now().plus_micros(hours * HOUR));
    shop.refresh();
}

fn verdicts(shop: &Shop) -> Vec<(String, Verdict)> {
    let now = shop.clock.now();
    let found = shop.read(move |tx| overview(tx, &sku("A-1"), now)).unwrap();
    found.prices.into_iter().map(|judged| (judged.price.competitor, judged.verdict)).collect()
}

#[test]
fn a_price_that_is_seen_moves_ours_and_the_decision_replays_byte_for_byte() {
    on_both(|shop| {
        following(shop);
        assert_eq!(price(shop), 1_000);
        assert!(take(shop, seen(shop, "rival", 880)).unwrap());
        assert!(!take(shop, seen(shop, "rival", 870)).unwrap(), "that moment is known");
        later(shop, 1);
        assert_eq!(price(shop), 924, "1.05 × 8.80");
        let kept =
            shop.read(|tx| pricing::list_decisions(tx, &sku("A-1"), None, None, 1)).remove(0);
        assert_eq!(kept.facts["competitor"]["lowest_minor"], 880);
        assert_eq!(serde_json::to_value(replay(&kept).unwrap()).unwrap(), kept.decision);
        // Dearer ones and those that nobody watches change nothing.
        take(shop, seen(shop, "dear", 1_200)).unwrap();
        take(shop, seen(shop, "cheap", 700)).unwrap();
        let stamp = shop.stamp();
        let quiet =
            shop.store.write(move |tx| put_competitor(tx, "cheap", ("Cheap", false), stamp));
        assert!(!shop.run(quiet).unwrap().1, "it was made by its first price");
        later(shop, 1);
        assert_eq!(price(shop), 924);
        let used = |name: &str| (name.to_owned(), Verdict::Used);
        assert_eq!(verdicts(shop), [used("dear"), used("rival")]);
        shop.assert_books_hold();
    });
}

#[test]
fn a_price_too_old_to_count_lets_ours_go_and_says_so() {
    on_both(|shop| {
        following(shop);
        take(shop, seen(shop, "rival", 880)).unwrap();
        later(shop, 48);
        assert_eq!(price(shop), 924);
        later(shop, 1);
        assert_eq!(price(shop), 1_000, "within a step of the base price again");
        let current = shop.read(|tx| pricing::find_current(tx, &sku("A-1"))).unwrap();
        assert!(current.decision.to_string().contains("stale_competitor"), "{}", current.decision);
        assert_eq!(verdicts(shop), [("rival".to_owned(), Verdict::Stale)]);
    });
}

#[test]
fn what_cannot_be_a_price_is_refused_by_field_and_keeps_nothing() {
    on_both(|shop| {
        following(shop);
        let check = |change: fn(&mut SeenPrice), part: &str| {
            let mut price = seen(shop, "rival", 880);
            change(&mut price);
            let error = take(shop, price).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        };
        check(|p| p.seen.price_minor = 10_000, "ten times or more the base price of 10.00 GBP");
        check(|p| p.seen.price_minor = 100, "a tenth or less of the base price");
        check(|p| p.seen.price_minor = 0, "1 to");
        check(|p| p.seen.currency = "EUR".parse().unwrap(), "GBP");
        check(|p| p.seen.shipping_minor = Some(-1), "shipping");
        check(|p| p.seen.observed_at = p.seen.observed_at.plus_micros(HOUR), "future");
        check(|p| p.seen.competitor = "a/b".into(), "code");
        check(|p| p.url = Some("ftp://rival.example".into()), "https://");
        check(|p| p.seen.sku = sku("NONE"), "no product NONE");
        check(|p| p.confidence_bps = Some(10_001), "confidence");
        assert_eq!(shop.number("SELECT COUNT(*) FROM competitors"), 0);
        let mut forced = seen(shop, "rival", 10_000);
        forced.seen.is_forced = true;
        assert!(take(shop, forced).unwrap());
        assert_eq!(verdicts(shop), [("rival".to_owned(), Verdict::Used)]);
    });
}

#[test]
fn an_uncertain_match_counts_once_somebody_confirmed_it_and_not_after_its_address_changed() {
    on_both(|shop| {
        following(shop);
        let mut unsure = seen(shop, "rival", 880);
        unsure.confidence_bps = Some(6_000);
        unsure.url = Some("https://rival.example/1".into());
        take(shop, unsure.clone()).unwrap();
        later(shop, 1);
        assert_eq!(price(shop), 1_000);
        assert_eq!(verdicts(shop), [("rival".to_owned(), Verdict::Unconfirmed)]);
        let stamp = shop.stamp();
        let wanted = WantedMatch { url: None, confidence_bps: 6_000, confirmed: true };
        let confirm =
            shop.store.write(move |tx| put_match(tx, ("rival", &sku("A-1")), &wanted, stamp));
        let (kept, _) = shop.run(confirm).unwrap();
        assert_eq!(kept.url.as_deref(), Some("https://rival.example/1"));
        later(shop, 1);
        assert_eq!(price(shop), 924);
        unsure.url = Some("https://rival.example/2".into());
        unsure.seen.observed_at = shop.clock.now();
        take(shop, unsure).unwrap();
        assert_eq!(verdicts(shop), [("rival".to_owned(), Verdict::Unconfirmed)]);
    });
}

#[test]
fn a_file_of_prices_is_taken_once_and_rows_that_do_not_fit_are_given_back() {
    on_both(|shop| {
        following(shop);
        let path = shop.file(
            "theirs.csv",
            "competitor,sku,price,in_stock,observed_at,url,confidence\n\
             rival,A-1,8.80,yes,2011-12-10T08:00:00Z,https://rival.example/1,0.95\n\
             other,A-1,9.50,out of stock,2011-12-10T08:00:00Z,,\n\
             rival,A-1,100.00,yes,2011-12-10T08:30:00Z,,\n\
             rival,NONE,8.80,,,,\n\
             rival,A-1,8.8O,,,,\n\
             rival,A-1,9.00,maybe,,,\n",
        );
        let import = || {
            let command = ImportCompetitorPrices {
                path: path.clone(),
                currency: "GBP".parse().unwrap(),
                rejects: shop.folder.path().join("rejects.csv"),
            };
            shop.run(import_competitor_prices(&shop.store, command, shop.clock.now())).unwrap()
        };
        let first = import();
        assert_eq!((first.read, first.taken, first.known, first.rejected), (6, 2, 0, 4));
        let rejects = std::fs::read_to_string(first.rejects_file.unwrap()).unwrap();
        for part in ["ten times or more", "no product NONE", "price: ", "`maybe` is not yes or no"]
        {
            assert!(rejects.contains(part), "{part} in {rejects}");
        }
        let again = import();
        assert_eq!((again.taken, again.known), (0, 2));
        later(shop, 1);
        assert_eq!(price(shop), 924);
    });
}

/// A product with the price of one competitor, whose match somebody confirmed.
fn books(shop: &Shop) {
    following(shop);
    take(shop, seen(shop, "rival", 880)).unwrap();
    let stamp = shop.stamp();
    let wanted = WantedMatch { url: None, confidence_bps: 10_000, confirmed: true };
    shop.run(shop.store.write(move |tx| put_match(tx, ("rival", &sku("A-1")), &wanted, stamp)))
        .unwrap();
    shop.assert_books_hold();
}

#[test]
fn planted_corruptions_of_competitors_are_found() {
    let check = |rule: &'static str, sql: &'static str, names: &str| {
        finds_planted(books, (rule, sql, names));
    };
    let theirs = "UPDATE competitor_prices SET currency = 'EUR'";
    check("competitor_currency", theirs, "rival A-1: expected GBP, found EUR");
    let ours = "UPDATE products SET currency = 'USD' WHERE sku = 'A-1'";
    check("competitor_currency", ours, "rival A-1: expected USD, found GBP");
    let by = "UPDATE competitor_matches SET confirmed_by = NULL";
    check("competitor_confirmed", by, "found nobody");
    let at = "UPDATE competitor_matches SET confirmed_at = NULL";
    check("competitor_confirmed", at, "rival A-1: expected both");
}
