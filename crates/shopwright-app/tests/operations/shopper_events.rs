//! What shoppers do, taken in: once each, counted within caps, moving prices, and forgotten with a person.

use std::sync::Arc;
use std::time::Duration;

use shopwright_app::customers::{erase_customer, export_customer, merge_customers, put_customer};
use shopwright_app::events::{
    Batch, Message, Replayed, Taken, Traffic, Trust, prepare, replay_dead, sweep_events, take,
    take_in,
};
use shopwright_app::pricing::{LivePrices, PolicyScope, keep_following_traffic, set_policy};
use shopwright_domain::catalog::Sku;
use shopwright_domain::customers::{CustomerFields, CustomerId};
use shopwright_domain::events::{
    EventForm, EventItem, EventKind, Identified, Incoming, Shopper, ShopperEvent, Unreadable,
};
use shopwright_domain::time::{Clock, DAY, HOUR, Timestamp};
use shopwright_store::Page;
use shopwright_store::events::dead_letters::{self, LetterFilter};
use shopwright_store::events::{self, demand};

use crate::harness::{Shop, finds_planted, on_both};
use crate::outside::{outside, wait_until};

const ADDRESS: Trust = Trust::Browser { address: [9; 16] };

fn stocked(shop: &Shop) {
    shop.set_clock("2026-01-15T12:30:00Z");
    shop.import_catalog("sku,base_price,cost\nA,10.00,2.00\nB,10.00,2.00\n").unwrap();
    shop.refresh();
}

fn now(shop: &Shop) -> Timestamp {
    shop.clock.now()
}

fn event(id: &str, kind: EventKind, sku: &str, at: Timestamp) -> ShopperEvent {
    ShopperEvent {
        message_id: id.to_owned(),
        kind,
        shopper: Shopper::default(),
        at,
        items: vec![EventItem { sku: Sku::parse(sku).unwrap(), quantity: 1, unit_price: None }],
        currency: None,
        order: None,
        recommendation: None,
    }
}

fn message(index: usize, incoming: Incoming) -> Message {
    Message { index, incoming, raw: b"{\"customer\": \"c-7\"}".to_vec() }
}

fn batch(trust: Trust, events: impl IntoIterator<Item = ShopperEvent>) -> Batch {
    let messages = events.into_iter().map(Incoming::Event).enumerate();
    Batch {
        source: "http".into(),
        trust,
        form: EventForm::Own,
        messages: messages.map(|(index, incoming)| message(index, incoming)).collect(),
        unreadable: Vec::new(),
    }
}

fn taken(shop: &Shop, batch: Batch) -> Taken {
    shop.run(take(&shop.store, batch, &outside(), &shop.ids, now(shop))).unwrap()
}

fn views(shop: &Shop, sku: &'static str) -> i64 {
    let (since, until) = (now(shop).plus_micros(-7 * DAY), now(shop));
    let found = shop.read(move |tx| demand::since(tx, Some(&[sku]), since, until));
    found.get(sku).map_or(0, |demand| demand.views)
}

#[test]
fn a_message_is_taken_once_however_often_and_in_how_many_batches_it_comes() {
    on_both(|shop| {
        stocked(shop);
        let seen = |n: usize| event(&format!("m{n}"), EventKind::ProductViewed, "A", now(shop));
        let first = taken(shop, batch(Trust::Server, [seen(1), seen(2), seen(2)]));
        assert_eq!((first.accepted, first.duplicates), (2, 1));
        assert_eq!(first.touched, [Sku::parse("A").unwrap()]);
        let again = taken(shop, batch(Trust::Server, [seen(2), seen(3)]));
        assert_eq!((again.accepted, again.duplicates, again.changed), (1, 1, 0));
        let other = ShopperEvent { kind: EventKind::ProductAdded, ..seen(3) };
        let changed = taken(shop, batch(Trust::Server, [other]));
        assert_eq!((changed.accepted, changed.duplicates, changed.changed), (0, 1, 1));
        let mut elsewhere = batch(Trust::Server, [seen(1)]);
        elsewhere.source = "kafka:clicks".into();
        assert_eq!(taken(shop, elsewhere).accepted, 1, "ids are those of a source");
        assert_eq!(views(shop, "A"), 4);
        assert_eq!(shop.number("SELECT COUNT(*) FROM events"), 4);
        shop.assert_books_hold();
    });
}

#[test]
fn rivals_with_one_batch_take_each_message_once() {
    on_both(|shop| {
        stocked(shop);
        let all: Vec<_> = (0..500)
            .map(|n| {
                let sku = if n % 3 == 0 { "A" } else { "B" };
                event(&format!("m{n}"), EventKind::ProductViewed, sku, now(shop))
            })
            .collect();
        let rivals: Vec<_> = (0..20)
            .map(|turn: usize| {
                let mut mine = all.clone();
                mine.rotate_left(turn * 25);
                let prepared =
                    prepare(batch(Trust::Server, mine), &outside(), shop.ids.as_ref(), now(shop));
                let at = now(shop);
                let store = shop.store.clone();
                shop.spawn(async move { store.write(move |tx| take_in(tx, &prepared, at)).await })
            })
            .collect();
        let accepted: u64 =
            rivals.into_iter().map(|rival| shop.run(rival).unwrap().unwrap().accepted).sum();
        assert_eq!(accepted, 500);
        assert_eq!((views(shop, "A"), views(shop, "B")), (167, 333));
        assert_eq!(shop.number("SELECT COUNT(*) FROM events"), 500);
        shop.assert_books_hold();
    });
}

#[test]
fn a_browser_is_counted_within_its_caps_and_a_server_without() {
    on_both(|shop| {
        stocked(shop);
        let seen = |session: usize, n: usize| {
            let mut seen =
                event(&format!("{session}-{n}"), EventKind::ProductViewed, "A", now(shop));
            seen.shopper.session = Some(format!("s{session}"));
            seen
        };
        let one_visit = taken(shop, batch(ADDRESS, (0..50).map(|n| seen(0, n))));
        assert_eq!((one_visit.accepted, one_visit.uncounted, views(shop, "A")), (50, 49, 1));
        let many = taken(shop, batch(ADDRESS, (1..200).map(|session| seen(session, 0))));
        assert_eq!((many.accepted, many.uncounted), (199, 170));
        assert_eq!(views(shop, "A"), 30, "what one address may move of one product in an hour");
        let office = Trust::Browser { address: [1; 16] };
        taken(shop, batch(office, [seen(500, 0)]));
        assert_eq!(views(shop, "A"), 31, "another address has its own");
        taken(shop, batch(Trust::Server, (600..650).map(|session| seen(session, 0))));
        assert_eq!(views(shop, "A"), 81);
        shop.set_time(now(shop).plus_micros(HOUR));
        taken(shop, batch(ADDRESS, [seen(700, 0)]));
        assert_eq!(views(shop, "A"), 82, "another hour has its own");
        let unknown = event("u", EventKind::ProductViewed, "NO-SUCH", now(shop));
        assert_eq!(taken(shop, batch(Trust::Server, [unknown])).uncounted, 1);
        shop.assert_books_hold();
    });
}

fn follow_views(shop: &Shop, full: i64) {
    let patch = serde_json::json!({
        "strategy": "rules", "demand_signal": "views", "demand_units_per_day_at_full": full,
    });
    let patch = serde_json::from_value(patch).unwrap();
    let (stamp, currency) = (shop.stamp(), "GBP".parse().unwrap());
    let set =
        shop.store.write(move |tx| set_policy(tx, &PolicyScope::Store, &patch, currency, stamp));
    shop.run(set).unwrap();
    shop.refresh();
}

#[test]
fn a_price_that_follows_views_moves_within_a_second_of_them() {
    on_both(|shop| {
        stocked(shop);
        follow_views(shop, 10);
        let live = shop.run(LivePrices::load(&shop.store, |price| price.amount_minor)).unwrap();
        let following = {
            let _inside = shop.enter();
            live.follow(shop.store.clone())
        };
        let traffic = Arc::new(Traffic::default());
        let follower = {
            let _inside = shop.enter();
            let (store, zone) = (shop.store.clone(), shop.zone.clone());
            let (clock, ids) = (shop.clock.clone(), Arc::clone(&shop.ids));
            keep_following_traffic(store, zone, clock, ids, Arc::clone(&traffic))
        };
        shop.set_time(now(shop).plus_micros(2 * HOUR));
        assert_eq!(live.with("A", |price| *price), Some(1_000));
        let began = std::time::Instant::now();
        let seen =
            (0..70).map(|n| event(&format!("v{n}"), EventKind::ProductViewed, "A", now(shop)));
        traffic.touch(taken(shop, batch(Trust::Server, seen)).touched);
        wait_until("the price has moved", || live.with("A", |price| *price) == Some(1_100));
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        assert_eq!(live.with("B", |price| *price), Some(1_000));
        follower.abort();
        following.abort();
    });
}

#[test]
fn a_hundred_thousand_forged_views_move_no_price_past_one_step() {
    on_both(|shop| {
        stocked(shop);
        follow_views(shop, 1);
        shop.set_time(now(shop).plus_micros(2 * HOUR));
        // From ten thousand addresses, ten visits each: more than any one cap holds back.
        for wave in 0..100_u8 {
            let forged = (0..1_000_usize).map(|n| {
                let id = format!("f{wave}-{n}");
                let mut seen = event(&id, EventKind::ProductViewed, "A", now(shop));
                seen.shopper.session = Some(id);
                seen
            });
            let address = Trust::Browser { address: [wave; 16] };
            taken(shop, batch(address, forged));
            shop.refresh();
        }
        assert_eq!(shop.number("SELECT COUNT(*) FROM events"), 100_000);
        assert_eq!(views(shop, "A"), 3_000);
        let price = shop.number("SELECT amount_minor FROM prices WHERE sku = 'A'");
        assert_eq!(price, 1_100, "one step of ten per cent");
    });
}

#[test]
fn what_may_not_be_said_waits_sealed_and_is_sent_through_again_once() {
    on_both(|shop| {
        stocked(shop);
        let bought = event("b1", EventKind::OrderCompleted, "A", now(shop));
        let refused = taken(shop, batch(ADDRESS, [bought.clone()]));
        assert_eq!(refused.accepted, 0);
        let (index, letter_id, reason) = refused.dead.first().cloned().unwrap();
        assert_eq!(index, 0);
        assert!(reason.contains("comes from a server"), "{reason}");
        let letter = shop.read(move |tx| dead_letters::find(tx, letter_id)).unwrap();
        assert!(!letter.raw.windows(3).any(|part| part == b"c-7"), "it is sealed");
        let replay = |read| {
            let (outside, at) = (outside(), now(shop));
            shop.run(replay_dead(&shop.store, letter_id, read, (&outside, &shop.ids), at)).unwrap()
        };
        let forged = |_: &[u8], _, at| {
            Ok(vec![Incoming::Event(event("b1", EventKind::OrderCompleted, "A", at))])
        };
        assert!(matches!(replay(forged), Replayed::Refused(_)), "a browser stays a browser");
        let unread = |_: &[u8], _, _| {
            let reason = "is no JSON".to_owned();
            Err(Unreadable { index: 0, reason, pointer: String::new(), raw: Vec::new() })
        };
        assert_eq!(replay(unread), Replayed::Refused("is no JSON".into()));
        let mended = |raw: &[u8], form, at| {
            assert_eq!((raw, form), (b"{\"customer\": \"c-7\"}".as_slice(), EventForm::Own));
            Ok(vec![Incoming::Event(event("b1", EventKind::ProductViewed, "A", at))])
        };
        let Replayed::Taken(taken) = replay(mended) else { panic!("not taken") };
        assert_eq!(taken.accepted, 1);
        assert_eq!(replay(mended), Replayed::Before(now(shop)));
        assert_eq!(views(shop, "A"), 1);
        let waiting = LetterFilter { is_waiting: true, ..LetterFilter::default() };
        let list = shop.read(move |tx| dead_letters::list(tx, &waiting, &Page::first(10)));
        assert!(list.is_empty());
    });
}

fn person(id: &str) -> CustomerId {
    id.parse().unwrap()
}

fn known(shop: &Shop, id: &str, email: &str) {
    let fields = CustomerFields { email: Some(email.into()), ..CustomerFields::default() };
    let (id, at) = (person(id), now(shop));
    shop.run(shop.store.write(move |tx| put_customer(tx, &id, &fields, at))).unwrap();
}

#[test]
fn a_person_is_exported_merged_and_erased_with_what_they_looked_at() {
    on_both(|shop| {
        stocked(shop);
        known(shop, "c-7", "ann@example.org");
        known(shop, "c-8", "ann.two@example.org");
        let by = |id: &str, shopper: Shopper| ShopperEvent {
            shopper,
            ..event(id, EventKind::ProductViewed, "A", now(shop))
        };
        let anonymous = Shopper { anonymous: Some("visitor-1".into()), ..Shopper::default() };
        let customer = |id| Shopper { customer: Some(person(id)), ..Shopper::default() };
        let mut sent = batch(
            Trust::Server,
            [by("1", anonymous), by("2", customer("c-7")), by("3", customer("c-9"))],
        );
        let link = Identified {
            message_id: "4".into(),
            anonymous: "visitor-1".into(),
            customer: person("c-7"),
            at: now(shop),
        };
        sent.messages.push(message(3, Incoming::Identified(link)));
        let raw = br#"{"type": "odd", "userId": "c-7"}"#.to_vec();
        let reason = "unknown".to_owned();
        sent.unreadable.push(Unreadable { index: 4, reason, pointer: String::new(), raw });
        assert_eq!(taken(shop, sent).accepted, 4);
        let (from, into, stamp) = (person("c-7"), person("c-8"), shop.stamp());
        shop.run(shop.store.write(move |tx| merge_customers(tx, &from, &into, stamp))).unwrap();
        let export = shop.read(|tx| export_customer(tx, &person("c-8"))).unwrap();
        assert_eq!(export.events.len(), 2, "before they were known and after");
        taken(shop, batch(Trust::Server, [by("2b", customer("c-7"))]));
        let export = shop.read(|tx| export_customer(tx, &person("c-8"))).unwrap();
        assert_eq!(export.events.len(), 3, "also by an id that was merged");
        for id in ["c-8", "c-9"] {
            let (id, stamp) = (person(id), shop.stamp());
            shop.run(shop.store.write(move |tx| erase_customer(tx, &id, stamp))).unwrap();
        }
        let who =
            "SELECT COUNT(*) FROM events WHERE customer_id IS NOT NULL OR anonymous_id IS NOT NULL";
        assert_eq!(shop.number(who), 0);
        assert_eq!(shop.number("SELECT COUNT(*) FROM events"), 4);
        assert_eq!(shop.number("SELECT COUNT(*) FROM visitors"), 0);
        assert_eq!(shop.number("SELECT COUNT(*) FROM dead_letters"), 0);
        taken(shop, batch(Trust::Server, [by("5", customer("c-8"))]));
        assert_eq!(shop.number(who), 0, "the erased do not come back");
        shop.assert_books_hold();
    });
}

#[test]
fn ids_are_remembered_for_32_days_and_events_as_long_as_the_shop_wants() {
    on_both(|shop| {
        stocked(shop);
        let seen = |id: &str| event(id, EventKind::ProductViewed, "A", now(shop));
        taken(shop, batch(Trust::Server, [seen("m1")]));
        let start = now(shop);
        let sweep = |days| {
            shop.set_time(start.plus_micros(days * DAY + HOUR));
            shop.run(sweep_events(&shop.store, now(shop), 40)).unwrap();
        };
        sweep(31);
        assert_eq!(taken(shop, batch(Trust::Server, [seen("m1")])).duplicates, 1);
        sweep(32);
        assert_eq!(taken(shop, batch(Trust::Server, [seen("m1")])).accepted, 1);
        assert_eq!(shop.number("SELECT COUNT(*) FROM events"), 2);
        sweep(41);
        assert_eq!(shop.number("SELECT COUNT(*) FROM events"), 1);
        assert_eq!(shop.number("SELECT CAST(SUM(views) AS BIGINT) FROM demand_hours"), 2);
        let counts = shop.read(move |tx| events::counts_since(tx, start.plus_micros(30 * DAY)));
        assert_eq!(counts.values().sum::<i64>(), 1);
        shop.assert_books_hold();
    });
}

fn books(shop: &Shop) {
    stocked(shop);
    let seen = |id: &str, kind| event(id, kind, "A", now(shop));
    let sent = [
        seen("v1", EventKind::ProductViewed),
        seen("v2", EventKind::ProductViewed),
        seen("c1", EventKind::ProductClicked),
    ];
    taken(shop, batch(Trust::Server, sent));
    shop.assert_books_hold();
}

#[test]
fn planted_corruptions_of_events_are_found() {
    let check = |rule: &'static str, sql: &'static str, names: &str| {
        finds_planted(books, (rule, sql, names));
    };
    let bought = "UPDATE events SET kind = 'order_completed' WHERE kind = 'product_clicked'";
    check("counted_events", bought, "order_completed of A");
    let nothing = "UPDATE events SET sku = NULL WHERE kind = 'product_clicked'";
    check("counted_events", nothing, "product_clicked of no product");
    let fewer = "UPDATE demand_hours SET views = 1";
    check("demand_hours", fewer, "A: expected 2 views and 1 clicks or more, found 1 and 1");
    check("demand_hours", "DELETE FROM demand_hours", "found 0 and 0");
}
