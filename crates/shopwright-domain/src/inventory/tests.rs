//! Tables of allocations and transitions, and what must hold for all of them.

use proptest::prelude::*;

use super::*;
use crate::catalog::Sku;
use crate::time::{MINUTE, Timestamp};

fn at(minute: i64) -> Timestamp {
    Timestamp::from_micros(minute * MINUTE)
}

fn line(sku: &str, quantity: i64) -> WantedLine {
    WantedLine { sku: Sku::parse(sku).unwrap(), quantity }
}

/// `sku location available`, with `+` for a SKU that allows backorder and the minute of a delivery.
fn level(text: &str) -> LevelFacts {
    let words: Vec<&str> = text.split(' ').collect();
    let available: i64 = words[2].trim_end_matches('+').parse().unwrap();
    LevelFacts {
        sku: Sku::parse(words[0]).unwrap(),
        location: words[1].to_owned(),
        priority: 0,
        on_hand: available + 5,
        reserved: 3,
        committed: 2,
        backorder: words[2].ends_with('+'),
        incoming_at: words.get(3).map(|minute| at(minute.parse().unwrap())),
    }
}

fn check(wanted: &[(&str, i64)], levels: &[&str], expected: &str) {
    let wanted: Vec<_> = wanted.iter().map(|(sku, quantity)| line(sku, *quantity)).collect();
    let levels: Vec<_> = levels.iter().map(|text| level(text)).collect();
    let shown = match allocate(&merge_lines(&wanted).unwrap(), &levels) {
        Ok(parts) => parts
            .iter()
            .map(|p| {
                let promised =
                    p.promised_at.map_or(String::new(), |t| format!("@{}", t.as_micros() / MINUTE));
                format!("{} {} {}/{}{promised}", p.sku, p.location, p.quantity, p.backordered)
            })
            .collect::<Vec<_>>()
            .join(", "),
        Err(short) => short
            .iter()
            .map(|s| format!("{} {} of {} {:?}", s.sku, s.available, s.wanted, s.reason))
            .collect::<Vec<_>>()
            .join(", "),
    };
    assert_eq!(shown, expected, "{wanted:?} from {levels:?}");
}

#[test]
fn one_location_ships_all_else_each_line_ships_whole_else_it_is_split() {
    check(&[("a", 3)], &["a main 3"], "a main 3/0");
    check(&[("a", 3)], &["a main 2", "a east 3"], "a east 3/0");
    check(&[("a", 3), ("b", 1)], &["a east 9", "a west 3", "b west 1"], "a west 3/0, b west 1/0");
    check(&[("a", 3), ("b", 1)], &["a east 3", "b west 1"], "a east 3/0, b west 1/0");
    check(&[("a", 5)], &["a east 2", "a west 3"], "a east 2/0, a west 3/0");
    check(&[("a", 5)], &["a east -2", "a west 5"], "a west 5/0");
}

#[test]
fn lines_of_one_sku_are_one_demand() {
    check(&[("a", 2), ("b", 1), ("a", 2)], &["a main 3", "b main 1"], "a 3 of 4 Insufficient");
    check(&[("b", 1), ("a", 2), ("a", 1)], &["a main 3", "b main 1"], "a main 3/0, b main 1/0");
}

#[test]
fn every_line_that_falls_short_is_named_and_nothing_is_promised() {
    check(
        &[("a", 1), ("b", 2), ("c", 1)],
        &["a main 1", "b main 1", "b east -4"],
        "b 1 of 2 Insufficient, c 0 of 1 NotCounted",
    );
}

#[test]
fn a_backorder_takes_the_shelf_first_and_is_promised_for_the_earliest_delivery() {
    check(&[("a", 3)], &["a main 5+"], "a main 3/0");
    check(&[("a", 3)], &["a main 1+ 60"], "a main 3/2@60");
    check(&[("a", 3)], &["a main 1+ 60", "a west 0+ 30"], "a main 1/0, a west 2/2@30");
    check(&[("a", 3)], &["a main 0+", "a west 0+ 30"], "a west 3/3@30");
    check(&[("a", 3)], &["a main -7+"], "a main 3/3");
}

#[test]
fn wishes_outside_their_limits_are_refused() {
    assert_eq!(merge_lines(&[]), Err(WantedError::Lines));
    assert_eq!(merge_lines(&vec![line("a", 1); LINES_MAX + 1]), Err(WantedError::Lines));
    for quantity in [0, -1, PIECES_MAX + 1, i64::MAX, i64::MIN] {
        let wish = [line("a", 1), line("b", quantity)];
        assert_eq!(merge_lines(&wish), Err(WantedError::Quantity(1)), "{quantity}");
    }
    let most = merge_lines(&vec![line("a", PIECES_MAX); LINES_MAX]).unwrap();
    assert_eq!(most, [line("a", PIECES_MAX * 100)]);
}

#[test]
fn names_of_locations_have_no_separators() {
    for good in ["main", "EU-1", "a", "x_y", &"n".repeat(60)] {
        assert_eq!(location_name(good), Ok(good));
    }
    for bad in ["", "a:b", "a b", "ä", "a/b", "a.b", "\0", &"n".repeat(61)] {
        assert_eq!(location_name(bad), Err(LocationError), "{bad}");
    }
}

fn held(state: ReservationState, extensions: i64) -> Held {
    Held { state, hold_micros: 15 * MINUTE, expires_at: at(15), extensions }
}

#[test]
fn every_state_answers_every_step() {
    use ReservationState::{Committed, Expired, Open, Released, Shipped};
    let table = [
        // extend, commit, release, ship
        (Open, ["go", "go", "go", "no"]),
        (Expired, ["expired", "recheck", "go", "no"]),
        (Committed, ["no", "done", "go", "go"]),
        (Released, ["no", "no", "done", "no"]),
        (Shipped, ["no", "done", "no", "done"]),
    ];
    for (state, row) in table {
        for (step, expected) in Transition::ALL.into_iter().zip(row) {
            let shown = match decide(&held(state, 0), step, at(1)) {
                Ok(Step::Done) => "done",
                Ok(Step::Go) => "go",
                Ok(Step::Recheck) => "recheck",
                Err(TransitionError::Expired) => "expired",
                Err(TransitionError::State { .. }) => "no",
            };
            assert_eq!(shown, expected, "{step:?} when {state}");
        }
    }
    assert_eq!(decide(&held(Open, 1), Transition::Extend, at(1)), Ok(Step::Done));
}

#[test]
fn an_open_reservation_holds_until_just_before_its_expiry() {
    let open = held(ReservationState::Open, 0);
    assert_eq!(open.state_at(at(15).plus_micros(-1)), ReservationState::Open);
    assert_eq!(open.state_at(at(15)), ReservationState::Expired);
    let sold = held(ReservationState::Committed, 0);
    assert_eq!(sold.state_at(at(99)), ReservationState::Committed);
}

#[test]
fn an_extension_holds_as_long_again_from_now() {
    let open = held(ReservationState::Open, 0);
    assert_eq!(extended_until(&open, at(10)), at(25));
    assert_eq!(extended_until(&open, at(0)), at(15));
    assert_eq!(extended_until(&open, at(-3)), at(15), "never shorter than before");
}

#[test]
fn time_is_the_latest_of_clock_and_decisions() {
    assert_eq!(latest(at(5), []), at(5));
    assert_eq!(latest(at(5), [at(3), at(9), at(4)]), at(9));
}

#[test]
fn movements_go_the_way_their_reason_says() {
    let check = |reason: MovementReason, fits: [bool; 3]| {
        assert_eq!([-1, 0, 1].map(|quantity| reason.fits(quantity)), fits, "{reason:?}");
    };
    check(MovementReason::Receipt, [false, false, true]);
    check(MovementReason::WrittenOff, [true, false, false]);
    check(MovementReason::Shipment, [true, false, false]);
    check(MovementReason::Correction, [true, false, true]);
    check(MovementReason::Recount, [true, false, true]);
    check(MovementReason::Restock, [false, false, true]);
    check(MovementReason::Delivery, [false, false, true]);
}

#[test]
fn references_are_short_texts_on_one_line() {
    for good in ["PO-1", " ", "Lieferung 茶", &"r".repeat(200)] {
        assert_eq!(reference_text(good), Ok(good));
    }
    for bad in ["", "a\nb", "\0", &"r".repeat(201)] {
        assert_eq!(reference_text(bad), Err(ReferenceError), "{bad:?}");
    }
}

#[test]
fn what_was_promised_is_promised_again_at_the_same_places_or_named_short() {
    let check = |before: &[&str], levels: &[&str], expected: &str| {
        let before: Vec<_> = before
            .iter()
            .map(|text| {
                let words: Vec<&str> = text.split(' ').collect();
                Allocation {
                    sku: Sku::parse(words[0]).unwrap(),
                    location: words[1].to_owned(),
                    quantity: words[2].parse().unwrap(),
                    backordered: 0,
                    promised_at: None,
                }
            })
            .collect();
        let levels: Vec<_> = levels.iter().map(|text| level(text)).collect();
        let shown = match promise_again(&before, &levels) {
            Ok(parts) => {
                parts.iter().map(|p| format!("{}/{}", p.quantity, p.backordered)).collect()
            }
            Err(short) => short.iter().map(|s| format!("{} {}", s.sku, s.available)).collect(),
        };
        let shown: Vec<String> = shown;
        assert_eq!(shown.join(", "), expected, "{before:?} from {levels:?}");
    };
    check(&["a main 3"], &["a main 3"], "3/0");
    check(&["a main 3"], &["a main 2", "a east 9"], "a 2");
    check(&["a main 3", "b main 1"], &["a main -2", "b main 0"], "a 0, b 0");
    check(&["a main 3"], &["a main 2+ 60"], "3/1");
    check(&["a main 3"], &[], "a 0");
}

fn any_levels() -> impl Strategy<Value = Vec<LevelFacts>> {
    let one = (0..3_usize, 0..3_usize, -5..20_i64, prop::option::of(0..9_i64));
    (prop::collection::vec(one, 0..9), any::<[bool; 3]>()).prop_map(|(rows, backorder)| {
        let mut levels: Vec<LevelFacts> = rows
            .into_iter()
            .map(|(sku, place, available, due)| LevelFacts {
                sku: Sku::parse(["a", "b", "c"][sku]).unwrap(),
                location: ["east", "main", "west"][place].to_owned(),
                priority: 0,
                on_hand: available,
                reserved: 0,
                committed: 0,
                backorder: backorder[sku],
                incoming_at: due.map(at),
            })
            .collect();
        levels.sort_by(|x, y| (&x.sku, &x.location).cmp(&(&y.sku, &y.location)));
        levels.dedup_by(|x, y| (&x.sku, &x.location) == (&y.sku, &y.location));
        levels
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn all_lines_are_promised_exactly_or_none(
        wish in prop::collection::vec((0..3_usize, 1..12_i64), 1..6),
        levels in any_levels(),
    ) {
        let wanted: Vec<_> = wish.iter().map(|(sku, n)| line(["a", "b", "c"][*sku], *n)).collect();
        let wanted = merge_lines(&wanted).unwrap();
        prop_assert!(wanted.windows(2).all(|pair| pair[0].sku < pair[1].sku), "in key order");
        let shelf = |sku: &Sku| -> i64 {
            levels.iter().filter(|l| l.sku == *sku).map(|l| l.available().max(0)).sum()
        };
        let can = |w: &WantedLine| {
            let backorder = levels.iter().any(|l| l.sku == w.sku && l.backorder);
            backorder || shelf(&w.sku) >= w.quantity
        };
        match allocate(&wanted, &levels) {
            Err(short) => {
                prop_assert_eq!(short.len(), wanted.iter().filter(|w| !can(w)).count());
            }
            Ok(parts) => {
                prop_assert!(wanted.iter().all(can));
                for w in &wanted {
                    let sum: i64 = parts.iter().filter(|p| p.sku == w.sku).map(|p| p.quantity).sum();
                    prop_assert_eq!(sum, w.quantity);
                }
                for part in &parts {
                    let level = levels
                        .iter()
                        .find(|l| l.sku == part.sku && l.location == part.location)
                        .unwrap();
                    prop_assert!(part.quantity > 0);
                    prop_assert!(part.quantity - part.backordered <= level.available().max(0));
                    prop_assert!(part.backordered == 0 || level.backorder);
                }
                let again = promise_again(&parts, &levels).unwrap();
                let firm = |parts: &[Allocation]| -> Vec<(String, i64)> {
                    parts.iter().map(|p| (p.location.clone(), p.quantity)).collect()
                };
                prop_assert_eq!(firm(&again), firm(&parts));
            }
        }
    }

    #[test]
    fn a_step_sent_twice_is_done_once(state in 0..5_usize, extensions in 0..2_i64, minute in -5..40_i64) {
        let before = held(ReservationState::ALL[state], extensions);
        for step in Transition::ALL {
            if decide(&before, step, at(minute)).is_ok() {
                let after = match step {
                    Transition::Extend => Held {
                        extensions: 1,
                        expires_at: extended_until(&before, at(minute)),
                        ..before
                    },
                    Transition::Commit => held(ReservationState::Committed, extensions),
                    Transition::Release => held(ReservationState::Released, extensions),
                    Transition::Ship => held(ReservationState::Shipped, extensions),
                };
                prop_assert_eq!(decide(&after, step, at(minute)), Ok(Step::Done));
            }
        }
    }
}
