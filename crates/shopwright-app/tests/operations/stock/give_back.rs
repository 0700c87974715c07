//! Pieces that come back for refunds: before they shipped and after, once each.

use shopwright_app::inventory::{GiveBackError, Reservation};
use shopwright_domain::inventory::{ReservationState, Transition};

use super::{allow_backorder, at, check_level, found, give_back, lines, reserve, step, stocked};
use crate::harness::{Shop, on_both};

fn sold(shop: &Shop, wanted: &[(&str, i64)]) -> Reservation {
    let id = reserve(shop, wanted, 0).unwrap().reservation_id;
    step(shop, Transition::Commit, id, at(1)).unwrap()
}

#[test]
fn pieces_that_have_not_shipped_are_free_again_and_the_rest_ships() {
    on_both(|shop| {
        stocked(shop, &["tea 10", "jam 5"]);
        let id = sold(shop, &[("tea", 4), ("jam", 2)]).reservation_id;
        for _ in 0..2 {
            give_back(shop, id, &[("tea", 1), ("jam", 2)], ("refund-1", true), 2).unwrap();
            check_level(shop, "tea", 2, [10, 0, 3]);
            check_level(shop, "jam", 2, [5, 0, 0]);
        }
        give_back(shop, id, &[("tea", 1)], ("refund-2", false), 3).unwrap();
        let shipped = step(shop, Transition::Ship, id, at(4)).unwrap();
        assert_eq!(found(shop, id), shipped);
        check_level(shop, "tea", 4, [8, 0, 0]);
        check_level(shop, "jam", 4, [5, 0, 0]);
        shop.assert_books_hold();
    });
}

#[test]
fn when_all_pieces_came_back_the_reservation_is_released() {
    on_both(|shop| {
        stocked(shop, &["tea 10"]);
        let id = sold(shop, &[("tea", 2)]).reservation_id;
        give_back(shop, id, &[("tea", 2)], ("all", false), 2).unwrap();
        assert_eq!(found(shop, id).held.state, ReservationState::Released);
        assert!(give_back(shop, id, &[("tea", 2)], ("all", false), 2).is_ok(), "said again");
        let more = give_back(shop, id, &[("tea", 1)], ("more", false), 2);
        assert!(matches!(more, Err(GiveBackError::Refused(_))), "{more:?}");
        check_level(shop, "tea", 2, [10, 0, 0]);
        shop.assert_books_hold();
    });
}

#[test]
fn shipped_pieces_go_back_onto_the_shelf_they_came_from_only_when_asked() {
    on_both(|shop| {
        stocked(shop, &["tea 2", "tea@west 3"]);
        let id = sold(shop, &[("tea", 5)]).reservation_id;
        step(shop, Transition::Ship, id, at(2)).unwrap();
        give_back(shop, id, &[("tea", 5)], ("damaged", false), 3).unwrap();
        check_level(shop, "tea", 3, [0, 0, 0]);
        for _ in 0..2 {
            give_back(shop, id, &[("tea", 3)], ("refund-1", true), 4).unwrap();
            check_level(shop, "tea", 4, [2, 0, 0]);
            check_level(shop, "tea@west", 4, [1, 0, 0]);
        }
        let other = give_back(shop, id, &[("tea", 2)], ("refund-1", true), 5);
        assert!(matches!(other, Err(GiveBackError::ReferenceTaken(_))), "{other:?}");
        let too_many = give_back(shop, id, &[("tea", 3)], ("refund-2", true), 5);
        assert!(
            matches!(too_many, Err(GiveBackError::TooMany { wanted: 3, left: 2, .. })),
            "{too_many:?}"
        );
        give_back(shop, id, &[("tea", 2)], ("refund-2", true), 6).unwrap();
        check_level(shop, "tea@west", 6, [3, 0, 0]);
        shop.assert_books_hold();
    });
}

#[test]
fn pieces_that_wait_for_a_delivery_come_back_first() {
    on_both(|shop| {
        stocked(shop, &["tea 2"]);
        allow_backorder(shop, "tea", true);
        let id = sold(shop, &[("tea", 5)]).reservation_id;
        let rest = give_back(shop, id, &[("tea", 2)], ("refund-1", false), 2).unwrap();
        assert_eq!((lines(&rest).as_str(), rest.lines[0].kept()), ("tea main 5/1", 3));
        assert_eq!(found(shop, id), rest);
        shop.assert_books_hold();
    });
}

#[test]
fn what_cannot_come_back_is_refused_and_changes_nothing() {
    on_both(|shop| {
        stocked(shop, &["tea 9"]);
        let held = reserve(shop, &[("tea", 2)], 0).unwrap().reservation_id;
        let refused = give_back(shop, held, &[("tea", 1)], ("r", false), 1);
        assert!(matches!(refused, Err(GiveBackError::Refused(_))), "{refused:?}");
        let id = sold(shop, &[("tea", 2)]).reservation_id;
        let check = |pieces: &[(&str, i64)], reference: &str| {
            let refused = give_back(shop, id, pieces, (reference, false), 1);
            assert!(refused.is_err(), "{pieces:?} {reference}");
        };
        check(&[("tea", 3)], "r");
        check(&[("tea", 2), ("tea", 1)], "r");
        check(&[("jam", 1)], "r");
        check(&[("tea", 0)], "r");
        check(&[("tea", -1)], "r");
        check(&[("tea", i64::MAX)], "r");
        check(&[("tea", 1)], "");
        check_level(shop, "tea", 1, [9, 2, 2]);
        shop.assert_books_hold();
    });
}
