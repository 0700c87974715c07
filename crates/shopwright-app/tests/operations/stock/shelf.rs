//! Counts, movements and deliveries: facts about the shelf, each booked once.

use shopwright_app::inventory::{
    CloseDeliveryError, ExpectDelivery, ShelfError, cancel_delivery_in, expect_delivery_in,
    receive_delivery_in,
};
use shopwright_domain::ids::{DeliveryId, new_id};
use shopwright_domain::inventory::MovementReason::{Correction, Receipt, WrittenOff};
use shopwright_domain::inventory::Transition;
use shopwright_store::inventory::places::Delivery;

use super::{allow_backorder, at, book, check_level, count, level, reserve, sku, step, stocked};
use crate::harness::{HEADER, Shop, by_nobody, on_both};

#[test]
fn a_movement_is_booked_once_by_its_reason_and_reference() {
    on_both(|shop| {
        stocked(shop, &["tea 10"]);
        for new in [true, false, false] {
            let booked = book(shop, "tea", (Receipt, 5), "PO-1", 1).unwrap();
            assert_eq!((booked.new, booked.level.facts.on_hand), (new, 15));
        }
        let other = book(shop, "tea", (Receipt, 6), "PO-1", 1);
        assert!(matches!(other, Err(ShelfError::ReferenceTaken(_))), "{other:?}");
        book(shop, "tea", (WrittenOff, -2), "PO-1", 2).unwrap();
        book(shop, "tea", (Correction, 1), "PO-1", 2).unwrap();
        check_level(shop, "tea", 2, [14, 0, 0]);
        shop.assert_books_hold();
    });
}

#[test]
fn a_loss_of_promised_pieces_is_booked_and_said_and_no_more_is_promised() {
    on_both(|shop| {
        stocked(shop, &["tea 5"]);
        let sold = reserve(shop, &[("tea", 5)], 0).unwrap().reservation_id;
        step(shop, Transition::Commit, sold, at(1)).unwrap();
        let lost = book(shop, "tea", (WrittenOff, -2), "broken", 2).unwrap();
        assert_eq!(lost.level.facts.available(), -2);
        shop.assert_books_hold();
        assert!(step(shop, Transition::Ship, sold, at(3)).is_err());
        assert!(reserve(shop, &[("tea", 1)], 3).is_err());
        book(shop, "tea", (Receipt, 2), "PO-1", 4).unwrap();
        step(shop, Transition::Ship, sold, at(5)).unwrap();
        check_level(shop, "tea", 5, [0, 0, 0]);
        let more = book(shop, "tea", (WrittenOff, -1), "more", 6);
        assert!(matches!(more, Err(ShelfError::NotOnShelf { on_hand: 0, .. })), "{more:?}");
        shop.assert_books_hold();
    });
}

#[test]
fn quantities_that_do_not_go_with_their_reason_are_refused() {
    on_both(|shop| {
        stocked(shop, &["tea 5"]);
        let check = |reason, quantity| {
            let refused = book(shop, "tea", (reason, quantity), "x", 1);
            assert!(matches!(refused, Err(ShelfError::Quantity)), "{reason:?} {quantity}");
        };
        check(Receipt, -1);
        check(Receipt, 0);
        check(WrittenOff, 1);
        check(Correction, 0);
        check(Receipt, 1_000_000_001);
        check(Correction, i64::MIN);
        let unknown = book(shop, "nothing", (Receipt, 1), "x", 1);
        assert!(matches!(unknown, Err(ShelfError::UnknownSku(_))), "{unknown:?}");
        let nowhere = book(shop, "tea@moon", (Receipt, 1), "x", 1);
        assert!(matches!(nowhere, Err(ShelfError::UnknownLocation(_))), "{nowhere:?}");
        let uncounted = book(shop, "tea@west", (Receipt, 1), "x", 1);
        assert!(matches!(uncounted, Err(ShelfError::NotCounted(..))), "{uncounted:?}");
    });
}

#[test]
fn a_count_is_the_truth_once_and_never_undoes_what_came_after() {
    on_both(|shop| {
        stocked(shop, &["tea 10"]);
        let same = count(shop, "tea", 10, "monday", 1).unwrap();
        assert!(same.movement.is_none() && same.new);
        book(shop, "tea", (WrittenOff, -4), "broken", 2).unwrap();
        // The answer of the first call was lost: it is sent again.
        assert!(!count(shop, "tea", 10, "monday", 3).unwrap().new);
        check_level(shop, "tea", 3, [6, 0, 0]);
        for _ in 0..2 {
            let recount = count(shop, "tea", 8, "tuesday", 4).unwrap();
            assert_eq!(recount.movement.unwrap().quantity, 2);
            check_level(shop, "tea", 4, [8, 0, 0]);
        }
        let other = count(shop, "tea", 9, "tuesday", 4);
        assert!(matches!(other, Err(ShelfError::ReferenceTaken(_))), "{other:?}");
        let opening = count(shop, "tea", 10, "opening", 5).unwrap();
        assert_eq!((opening.new, opening.movement.unwrap().quantity), (false, 10));
        assert!(matches!(count(shop, "tea", -1, "x", 5), Err(ShelfError::Counted)));
        count(shop, "jam", 0, "opening", 5).unwrap();
        check_level(shop, "jam", 5, [0, 0, 0]);
        shop.assert_books_hold();
    });
}

#[test]
fn opening_counts_at_once_open_the_level_once() {
    on_both(|shop| {
        stocked(shop, &[]);
        let commands = ["a", "b", "c", "d"].map(|reference| super::CountStock {
            sku: sku("tea"),
            location: "main".into(),
            quantity: 7,
            reference: reference.into(),
        });
        let tasks = commands.map(|command| {
            let store = shop.store.clone();
            shop.spawn(async move {
                store.write(move |tx| super::count_in(tx, &command, by_nobody(at(1)))).await
            })
        });
        for task in tasks {
            shop.run(task).unwrap().unwrap();
        }
        check_level(shop, "tea", 1, [7, 0, 0]);
        assert_eq!(shop.number("SELECT COUNT(*) FROM stock_movements"), 1);
        shop.assert_books_hold();
    });
}

#[test]
fn an_opening_count_takes_in_lines_that_were_booked_for_later() {
    on_both(|shop| {
        let history =
            format!("{HEADER}536365,tea,TEA,6,2011-12-09 08:26:00,2.55,17850,United Kingdom\n");
        shop.import_orders(&shop.file("orders.csv", history)).unwrap();
        let command = super::CountStock {
            sku: sku("tea"),
            location: "main".into(),
            quantity: 10,
            reference: "first".into(),
        };
        let early = "2011-12-01T00:00:00Z".parse().unwrap();
        let counted =
            shop.run(shop.store.write(move |tx| super::count_in(tx, &command, by_nobody(early))));
        assert_eq!(counted.unwrap().level.facts.on_hand, 4);
        shop.assert_books_hold();
    });
}

fn expect(shop: &Shop, quantity: i64, due: i64) -> DeliveryId {
    let command = ExpectDelivery {
        delivery_id: new_id(shop.ids.as_ref()),
        sku: sku("tea"),
        location: "main".into(),
        quantity,
        due_at: at(due),
    };
    let made = shop.run(shop.store.write(move |tx| expect_delivery_in(tx, &command, at(0))));
    made.unwrap().delivery_id
}

fn receive(
    shop: &Shop,
    id: DeliveryId,
    quantity: Option<i64>,
) -> Result<Delivery, CloseDeliveryError> {
    shop.run(shop.store.write(move |tx| receive_delivery_in(tx, id, quantity, by_nobody(at(5)))))
}

fn cancel(shop: &Shop, id: DeliveryId) -> Result<Delivery, CloseDeliveryError> {
    shop.run(shop.store.write(move |tx| cancel_delivery_in(tx, id, by_nobody(at(5)))))
}

#[test]
fn a_delivery_is_received_once_or_called_off() {
    on_both(|shop| {
        stocked(shop, &["tea 1"]);
        let (whole, part, off) = (expect(shop, 10, 60), expect(shop, 10, 90), expect(shop, 5, 30));
        for _ in 0..2 {
            receive(shop, whole, None).unwrap();
            receive(shop, part, Some(4)).unwrap();
            cancel(shop, off).unwrap();
            check_level(shop, "tea", 5, [15, 0, 0]);
        }
        for failed in [receive(shop, part, Some(5)), receive(shop, off, None), cancel(shop, whole)]
        {
            assert!(matches!(failed, Err(CloseDeliveryError::Closed { .. })), "{failed:?}");
        }
        for odd in [0, -1, i64::MAX] {
            let failed = receive(shop, expect(shop, 1, 1), Some(odd));
            assert!(matches!(failed, Err(CloseDeliveryError::Quantity)), "{failed:?}");
        }
        let nobody = new_id(shop.ids.as_ref());
        assert!(matches!(receive(shop, nobody, None), Err(CloseDeliveryError::NotFound(_))));
        check_level(shop, "tea", 6, [15, 0, 0]);
        shop.assert_books_hold();
    });
}

#[test]
fn a_backorder_is_promised_for_the_earliest_delivery_that_is_still_ahead() {
    on_both(|shop| {
        stocked(shop, &["tea 1"]);
        allow_backorder(shop, "tea", true);
        let promised = |minute| {
            let made = reserve(shop, &[("tea", 3)], minute).unwrap();
            step(shop, Transition::Release, made.reservation_id, at(minute)).unwrap();
            made.lines[0].promised_at
        };
        assert_eq!(promised(0), None);
        let (soon, _later) = (expect(shop, 5, 60), expect(shop, 5, 90));
        assert_eq!(promised(1), Some(at(60)));
        assert_eq!(promised(60), Some(at(90)), "the first one is late");
        cancel(shop, soon).unwrap();
        assert_eq!(level(shop, "tea", at(61)).facts.incoming_at, Some(at(90)));
        shop.assert_books_hold();
    });
}
