//! `verify` finds what is wrong with promised stock: corruptions planted with raw SQL, two per rule.

use shopwright_app::inventory::{ExpectDelivery, expect_delivery_in, receive_delivery_in};
use shopwright_domain::ids::new_id;
use shopwright_domain::inventory::Transition;

use super::{at, count, give_back, reserve, sku, step, stocked};
use crate::harness::{Shop, by_nobody, finds_planted};

/// Something of everything: held, sold, shipped and partly returned, counted, received.
fn books(shop: &Shop) {
    stocked(shop, &["tea 20", "jam 5", "tea@west 0"]);
    reserve(shop, &[("tea", 2)], 0).unwrap();
    let sold = reserve(shop, &[("tea", 3), ("jam", 1)], 0).unwrap().reservation_id;
    step(shop, Transition::Commit, sold, at(1)).unwrap();
    give_back(shop, sold, &[("tea", 1)], ("refund-1", false), 2).unwrap();
    let gone = reserve(shop, &[("tea", 4)], 0).unwrap().reservation_id;
    step(shop, Transition::Commit, gone, at(1)).unwrap();
    step(shop, Transition::Ship, gone, at(2)).unwrap();
    give_back(shop, gone, &[("tea", 1)], ("refund-2", true), 3).unwrap();
    count(shop, "jam", 7, "monday", 4).unwrap();
    let command = ExpectDelivery {
        delivery_id: new_id(shop.ids.as_ref()),
        sku: sku("tea"),
        location: "main".into(),
        quantity: 6,
        due_at: at(60),
    };
    let id = command.delivery_id;
    shop.run(shop.store.write(move |tx| expect_delivery_in(tx, &command, at(0)))).unwrap();
    shop.run(shop.store.write(move |tx| receive_delivery_in(tx, id, None, by_nobody(at(5)))))
        .unwrap();
    shop.assert_books_hold();
}

fn check(rule: &'static str, sql: &'static str, names: &str) {
    finds_planted(books, (rule, sql, names));
}

#[test]
fn planted_corruptions_of_promises_are_found() {
    check(
        "committed_stock",
        "UPDATE stock_levels SET committed = committed + 1 WHERE sku = 'tea'",
        "tea @ main: expected 2, found 3",
    );
    check(
        "committed_stock",
        "UPDATE reservation_lines SET released = 0 WHERE released = 1",
        "tea @ main: expected 3, found 2",
    );
    check(
        "held_stock",
        "UPDATE stock_levels SET held = held + 1 WHERE sku = 'tea'",
        "tea @ main: expected 2, found 3",
    );
    check(
        "held_stock",
        "DELETE FROM reservation_lines WHERE held_until IS NOT NULL",
        "tea @ main: expected 0, found 2",
    );
    check(
        "promised_stock",
        "UPDATE reservation_lines SET quantity = quantity + 100 WHERE held_until IS NOT NULL",
        "tea @ main: expected at most 23 promised, found 104",
    );
    check(
        "promised_stock",
        "UPDATE stock_levels SET on_hand = 3 WHERE sku = 'tea'",
        "tea @ main: expected at most 3 promised, found 4",
    );
    check(
        "held_lines",
        "UPDATE reservation_lines SET held_until = NULL WHERE held_until IS NOT NULL",
        "tea @ main of open: expected held, found not held",
    );
    check(
        "held_lines",
        "UPDATE reservation_lines SET held_until = (SELECT MAX(expires_at) FROM reservations) WHERE sku = 'jam'",
        "jam @ main of committed: expected not held",
    );
    check(
        "reservations_have_lines",
        "DELETE FROM reservation_lines WHERE held_until IS NOT NULL",
        "open : expected a known state and lines, found 0 lines",
    );
    check(
        "reservations_have_lines",
        "UPDATE reservations SET state = 'lost' WHERE state = 'shipped'",
        "lost : expected a known state and lines, found 1 lines",
    );
}

#[test]
fn planted_corruptions_of_what_shipped_and_came_back_are_found() {
    check(
        "shipped_lines_moved",
        "DELETE FROM stock_movements WHERE reason = 'shipment'",
        "tea @ main: expected 4 shipped, found 0",
    );
    check(
        "shipped_lines_moved",
        "UPDATE reservations SET state = 'shipped' WHERE state = 'committed'",
        "jam @ main: expected 1 shipped, found 0",
    );
    check(
        "given_back_pieces",
        "UPDATE reservation_lines SET released = 2 WHERE released = 1",
        "tea @ main: expected 1 freed, 0 restocked, found 2 and 0 of 3",
    );
    check(
        "given_back_pieces",
        "DELETE FROM reservation_give_backs WHERE reference = 'refund-2'",
        "tea @ main: expected 0 freed, 0 restocked, found 0 and 1 of 4",
    );
    check(
        "restocks_moved",
        "UPDATE stock_movements SET quantity = 2 WHERE reason = 'restock'",
        "tea @ main: expected 1 restocked, found 2",
    );
    check(
        "restocks_moved",
        "DELETE FROM stock_movements WHERE reason = 'restock'",
        "tea @ main: expected 1 restocked, found 0",
    );
}

#[test]
fn planted_corruptions_of_counts_deliveries_and_places_are_found() {
    check(
        "counts_moved",
        "UPDATE stock_counts SET quantity = 9 WHERE reference = 'monday'",
        "jam @ main monday: expected 4, found 2",
    );
    check(
        "counts_moved",
        "DELETE FROM stock_movements WHERE reason = 'opening_count' AND sku = 'tea'",
        "tea @ main opening: expected 20, found nothing",
    );
    check(
        "deliveries_received",
        "UPDATE stock_deliveries SET received = 7",
        "tea @ main: expected 7 received, found 6",
    );
    check(
        "deliveries_received",
        "UPDATE stock_deliveries SET state = 'expected'",
        "tea @ main: expected 0 received, found 6",
    );
    check(
        "levels_have_locations",
        "DELETE FROM locations WHERE location = 'west'",
        "tea @ west: expected a location, found none",
    );
    check(
        "levels_have_locations",
        "INSERT INTO stock_levels (sku, location, on_hand, counted_at)
         SELECT sku, 'moon', 0, counted_at FROM stock_levels WHERE sku = 'jam'",
        "jam @ moon: expected a location, found none",
    );
}
