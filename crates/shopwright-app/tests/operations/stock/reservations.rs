//! What becomes of a reservation, step by step, sent once and sent again.

use shopwright_app::inventory::{ReserveError, StepError, sweep_expired};
use shopwright_domain::ids::{ReservationId, new_id};
use shopwright_domain::inventory::{ReservationState, ShortageReason, Transition, WantedError};
use shopwright_domain::time::SECOND;

use super::{
    HOLD, allow_backorder, at, check_level, count, found, level, lines, reserve, reserve_as, step,
    stocked, wish,
};
use crate::harness::{Shop, on_both};

fn must(shop: &Shop, of: Transition, id: ReservationId, minute: i64) -> ReservationState {
    step(shop, of, id, at(minute)).unwrap().state_at(at(minute))
}

#[test]
fn a_reservation_holds_then_sells_then_ships_and_each_step_twice_is_once() {
    on_both(|shop| {
        stocked(shop, &["tea 10"]);
        let made = reserve(shop, &[("tea", 3)], 0).unwrap();
        let id = made.reservation_id;
        assert_eq!(found(shop, id), made);
        check_level(shop, "tea", 0, [10, 3, 0]);
        for _ in 0..3 {
            assert_eq!(must(shop, Transition::Commit, id, 1), ReservationState::Committed);
            check_level(shop, "tea", 1, [10, 0, 3]);
        }
        for _ in 0..3 {
            assert_eq!(must(shop, Transition::Ship, id, 2), ReservationState::Shipped);
            check_level(shop, "tea", 2, [7, 0, 0]);
        }
        assert_eq!(must(shop, Transition::Commit, id, 3), ReservationState::Shipped);
        for refused in [Transition::Extend, Transition::Release] {
            let failed = step(shop, refused, id, at(3));
            assert!(matches!(failed, Err(StepError::Refused(_))), "{failed:?}");
        }
        check_level(shop, "tea", 3, [7, 0, 0]);
        assert_eq!(
            shop.number("SELECT COUNT(*) FROM stock_movements WHERE reason = 'shipment'"),
            1
        );
        shop.assert_books_hold();
    });
}

#[test]
fn a_release_gives_everything_back_from_every_state_that_has_not_shipped() {
    on_both(|shop| {
        stocked(shop, &["tea 10"]);
        let held = reserve(shop, &[("tea", 3)], 0).unwrap().reservation_id;
        let sold = reserve(shop, &[("tea", 4)], 0).unwrap().reservation_id;
        let expired = reserve(shop, &[("tea", 1)], 0).unwrap().reservation_id;
        must(shop, Transition::Commit, sold, 1);
        check_level(shop, "tea", 1, [10, 4, 4]);
        for (id, minute, expected) in
            [(held, 2, [10, 1, 4]), (sold, 3, [10, 1, 0]), (expired, 20, [10, 0, 0])]
        {
            for _ in 0..2 {
                assert_eq!(must(shop, Transition::Release, id, minute), ReservationState::Released);
                check_level(shop, "tea", minute, expected);
            }
            for refused in [Transition::Extend, Transition::Commit, Transition::Ship] {
                let failed = step(shop, refused, id, at(minute));
                assert!(matches!(failed, Err(StepError::Refused(_))), "{refused:?} {failed:?}");
            }
        }
        shop.assert_books_hold();
    });
}

#[test]
fn it_lets_go_at_the_instant_it_expires_whether_or_not_that_is_written_down() {
    on_both(|shop| {
        stocked(shop, &["tea 3"]);
        let made = reserve(shop, &[("tea", 3)], 0).unwrap();
        assert_eq!(made.held.expires_at, at(15));
        let just_before = at(15).plus_micros(-1);
        assert_eq!(level(shop, "tea", just_before).facts.available(), 0);
        assert_eq!(level(shop, "tea", at(15)).facts.available(), 3);
        assert_eq!(found(shop, made.reservation_id).state_at(just_before), ReservationState::Open);
        assert_eq!(found(shop, made.reservation_id).state_at(at(15)), ReservationState::Expired);
        let early = wish(shop, None, &[("tea", 1)]);
        let early = shop.run(
            shop.store
                .write(move |tx| shopwright_app::inventory::reserve_in(tx, &early, just_before)),
        );
        assert!(matches!(early, Err(ReserveError::Short(_))), "{early:?}");
        assert_eq!(shop.run(sweep_expired(&shop.store, just_before)), Ok(0));
        reserve(shop, &[("tea", 3)], 15).unwrap();
        check_level(shop, "tea", 15, [3, 3, 0]);
        assert_eq!(shop.run(sweep_expired(&shop.store, at(15))), Ok(1));
        assert_eq!(shop.run(sweep_expired(&shop.store, at(15))), Ok(0));
        check_level(shop, "tea", 15, [3, 3, 0]);
        shop.assert_books_hold();
    });
}

#[test]
fn a_clock_that_goes_back_brings_no_expired_reservation_back_to_life() {
    on_both(|shop| {
        stocked(shop, &["tea 3"]);
        let first = reserve(shop, &[("tea", 3)], 0).unwrap().reservation_id;
        let second = reserve(shop, &[("tea", 2)], 20).unwrap();
        // Back to a time at which the first still held.
        assert_eq!(found(shop, first).state_at(at(5)), ReservationState::Expired);
        check_level(shop, "tea", 5, [3, 2, 0]);
        assert!(matches!(step(shop, Transition::Extend, first, at(5)), Err(StepError::Refused(_))));
        assert!(matches!(step(shop, Transition::Commit, first, at(5)), Err(StepError::Expired(_))));
        assert!(matches!(reserve(shop, &[("tea", 2)], 5), Err(ReserveError::Short(_))));
        let third = reserve(shop, &[("tea", 1)], 5).unwrap();
        assert_eq!((third.created_at, third.held.expires_at), (at(20), at(35)));
        assert_eq!(second.held.expires_at, at(35));
        shop.assert_books_hold();
    });
}

#[test]
fn an_expired_reservation_sells_if_its_pieces_are_still_there_and_is_refused_if_not() {
    on_both(|shop| {
        stocked(shop, &["tea 3", "jam 1"]);
        let lucky = reserve(shop, &[("tea", 2)], 0).unwrap().reservation_id;
        let unlucky = reserve(shop, &[("jam", 1), ("tea", 1)], 0).unwrap().reservation_id;
        assert_eq!(must(shop, Transition::Commit, lucky, 30), ReservationState::Committed);
        reserve(shop, &[("jam", 1)], 30).unwrap();
        let refused = step(shop, Transition::Commit, unlucky, at(31));
        let Err(StepError::Expired(short)) = refused else { panic!("{refused:?}") };
        assert_eq!((short.len(), short[0].sku.as_str(), short[0].available), (1, "jam", 0));
        check_level(shop, "tea", 31, [3, 0, 2]);
        // Also after the sweep wrote it down; and once the rival has let go, it sells.
        shop.run(sweep_expired(&shop.store, at(31))).unwrap();
        assert!(matches!(
            step(shop, Transition::Commit, unlucky, at(32)),
            Err(StepError::Expired(_))
        ));
        assert_eq!(must(shop, Transition::Commit, unlucky, 60), ReservationState::Committed);
        shop.assert_books_hold();
    });
}

#[test]
fn a_hold_is_extended_once_by_as_long_again() {
    on_both(|shop| {
        stocked(shop, &["tea 3"]);
        let id = reserve(shop, &[("tea", 3)], 0).unwrap().reservation_id;
        for minute in [10, 12] {
            let extended = step(shop, Transition::Extend, id, at(minute)).unwrap();
            assert_eq!((extended.held.expires_at, extended.held.extensions), (at(25), 1));
            assert_eq!(found(shop, id).held, extended.held);
        }
        check_level(shop, "tea", 24, [3, 3, 0]);
        check_level(shop, "tea", 25, [3, 0, 0]);
        assert!(matches!(step(shop, Transition::Extend, id, at(25)), Err(StepError::Refused(_))));
        shop.assert_books_hold();
    });
}

#[test]
fn a_reference_is_one_reservation_of_the_same_pieces_whatever_became_of_it() {
    on_both(|shop| {
        stocked(shop, &["tea 10", "jam 10"]);
        let first = wish(shop, Some("cart-1"), &[("tea", 1), ("jam", 2), ("tea", 1)]);
        let made = reserve_as(shop, &first, 0).unwrap();
        assert_eq!(lines(&made), "jam main 2/0, tea main 2/0");
        let again = wish(shop, Some("cart-1"), &[("jam", 2), ("tea", 2)]);
        assert_eq!(reserve_as(shop, &again, 1).unwrap().reservation_id, made.reservation_id);
        let other = wish(shop, Some("cart-1"), &[("jam", 2), ("tea", 3)]);
        let refused = reserve_as(shop, &other, 1);
        assert!(matches!(refused, Err(ReserveError::ReferenceTaken(_))), "{refused:?}");
        must(shop, Transition::Release, made.reservation_id, 2);
        let kept = reserve_as(shop, &again, 3).unwrap();
        assert_eq!(kept.held.state, ReservationState::Released);
        // Without a reference the id tells a repeated call.
        let nameless = wish(shop, None, &[("tea", 1)]);
        reserve_as(shop, &nameless, 4).unwrap();
        reserve_as(shop, &nameless, 4).unwrap();
        check_level(shop, "tea", 4, [10, 1, 0]);
        shop.assert_books_hold();
    });
}

#[test]
fn what_falls_short_is_named_line_by_line_and_nothing_is_held() {
    on_both(|shop| {
        stocked(shop, &["tea 3", "tea@west 1"]);
        let refused = reserve(shop, &[("tea", 2), ("oil", 1), ("nothing", 1), ("tea", 3)], 0);
        let Err(ReserveError::Short(short)) = refused else { panic!("{refused:?}") };
        let shown: Vec<_> =
            short.iter().map(|s| (s.sku.as_str(), s.wanted, s.available, s.reason)).collect();
        assert_eq!(
            shown,
            [
                ("nothing", 1, 0, ShortageReason::UnknownSku),
                ("oil", 1, 0, ShortageReason::NotCounted),
                ("tea", 5, 4, ShortageReason::Insufficient),
            ]
        );
        check_level(shop, "tea", 0, [3, 0, 0]);
        assert_eq!(shop.number("SELECT COUNT(*) FROM reservations"), 0);
        let check = |hold: i64| {
            let mut odd = wish(shop, None, &[("tea", 1)]);
            odd.hold_micros = hold;
            assert!(matches!(reserve_as(shop, &odd, 0), Err(ReserveError::Hold)), "{hold}");
        };
        [0, -HOLD, SECOND - 1, 25 * 4 * HOLD, i64::MAX].into_iter().for_each(check);
        let none = reserve(shop, &[], 0);
        assert!(matches!(none, Err(ReserveError::Wanted(WantedError::Lines))), "{none:?}");
        let odd = reserve_as(shop, &wish(shop, Some("a\nb"), &[("tea", 1)]), 0);
        assert!(matches!(odd, Err(ReserveError::Reference(_))), "{odd:?}");
    });
}

#[test]
fn lines_ship_from_one_location_where_one_has_them_and_are_split_where_none_has() {
    on_both(|shop| {
        stocked(shop, &["tea 3", "tea@west 5", "jam@west 2"]);
        let west = reserve(shop, &[("tea", 2), ("jam", 1)], 0).unwrap();
        assert_eq!(lines(&west), "jam west 1/0, tea west 2/0");
        let split = reserve(shop, &[("tea", 5)], 0).unwrap();
        assert_eq!(lines(&split), "tea main 3/0, tea west 2/0");
        check_level(shop, "tea@west", 0, [5, 4, 0]);
        for id in [west.reservation_id, split.reservation_id] {
            must(shop, Transition::Commit, id, 1);
            must(shop, Transition::Ship, id, 2);
        }
        check_level(shop, "tea", 2, [0, 0, 0]);
        check_level(shop, "tea@west", 2, [1, 0, 0]);
        shop.assert_books_hold();
    });
}

#[test]
fn a_backorder_is_taken_only_where_it_is_allowed_and_ships_once_the_goods_are_there() {
    on_both(|shop| {
        stocked(shop, &["tea 1"]);
        assert!(matches!(reserve(shop, &[("tea", 3)], 0), Err(ReserveError::Short(_))));
        allow_backorder(shop, "tea", true);
        let late = reserve(shop, &[("tea", 3)], 0).unwrap();
        assert_eq!(lines(&late), "tea main 3/2");
        must(shop, Transition::Commit, late.reservation_id, 1);
        let refused = step(shop, Transition::Ship, late.reservation_id, at(2));
        assert!(matches!(refused, Err(StepError::NotOnShelf(_))), "{refused:?}");
        shop.assert_books_hold();
        count(shop, "tea", 3, "found two", 3).unwrap();
        must(shop, Transition::Ship, late.reservation_id, 4);
        check_level(shop, "tea", 4, [0, 0, 0]);
        shop.assert_books_hold();
    });
}

#[test]
fn a_backorder_that_expired_is_promised_anew_when_it_is_sold() {
    on_both(|shop| {
        stocked(shop, &["tea 2"]);
        let first = reserve(shop, &[("tea", 2)], 0).unwrap();
        assert_eq!(lines(&first), "tea main 2/0");
        allow_backorder(shop, "tea", true);
        let rival = reserve(shop, &[("tea", 1)], 20).unwrap();
        assert_eq!(lines(&rival), "tea main 1/0");
        let sold = step(shop, Transition::Commit, first.reservation_id, at(21)).unwrap();
        assert_eq!(lines(&sold), "tea main 2/1");
        assert_eq!(lines(&found(shop, first.reservation_id)), "tea main 2/1");
        shop.assert_books_hold();
    });
}

#[test]
fn a_step_of_nothing_is_not_found() {
    on_both(|shop| {
        stocked(shop, &[]);
        let nobody = new_id(shop.ids.as_ref());
        for of in Transition::ALL {
            let failed = step(shop, of, nobody, at(0));
            assert!(matches!(failed, Err(StepError::NotFound(id)) if id == nobody), "{failed:?}");
        }
    });
}
