//! Any sequence of steps against the plainest model of stock there is: one number per question.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use shopwright_app::inventory::{StepError, sweep_expired};
use shopwright_domain::ids::ReservationId;
use shopwright_domain::inventory::MovementReason::{Correction, Receipt, WrittenOff};
use shopwright_domain::inventory::{ReservationState, Transition};

use super::{at, book, count, give_back, level, reserve, step, stocked};
use crate::harness::{Shop, on_both};

const CODES: [&str; 2] = ["tea", "jam"];

#[derive(Clone, Debug)]
enum Act {
    Reserve(i64, i64),
    Step(Transition, usize),
    GiveBack(usize, usize, i64),
    Move(usize, i64),
    Count(usize, i64),
    Wait(i64),
    Sweep,
}

fn any_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (0..4_i64, 0..4_i64).prop_map(|(tea, jam)| Act::Reserve(tea, jam)),
        5 => (0..4_usize, 0..6_usize).prop_map(|(of, which)| Act::Step(Transition::ALL[of], which)),
        2 => (0..6_usize, 0..2_usize, 1..4_i64).prop_map(|(which, of, n)| Act::GiveBack(which, of, n)),
        1 => (0..2_usize, -4..5_i64).prop_map(|(of, n)| Act::Move(of, n)),
        1 => (0..2_usize, 0..9_i64).prop_map(|(of, n)| Act::Count(of, n)),
        2 => (-9..12_i64).prop_map(Act::Wait),
        1 => Just(Act::Sweep),
    ]
}

/// One reservation of the model.
struct Held {
    id: ReservationId,
    state: ReservationState,
    expires: i64,
    extended: bool,
    /// Pieces per code: kept, and of these restocked.
    pieces: [(i64, i64); 2],
}

/// The whole model: a shelf per code and what was promised from it.
struct Model {
    clock: i64,
    /// The latest minute each code was decided on.
    decided: [i64; 2],
    on_hand: [i64; 2],
    held: Vec<Held>,
}

impl Model {
    fn committed(&self, of: usize) -> i64 {
        let sold = self.held.iter().filter(|h| h.state == ReservationState::Committed);
        sold.map(|h| h.pieces[of].0).sum()
    }

    fn reserved(&self, of: usize, now: i64) -> i64 {
        let open =
            self.held.iter().filter(|h| h.state == ReservationState::Open && h.expires > now);
        open.map(|h| h.pieces[of].0).sum()
    }

    fn available(&self, of: usize, now: i64) -> i64 {
        self.on_hand[of] - self.committed(of) - self.reserved(of, now)
    }

    /// The time of a step that touches these codes.
    fn now(&self, touched: [bool; 2]) -> i64 {
        let decided = (0..2).filter(|of| touched[*of]).map(|of| self.decided[of]);
        decided.fold(self.clock, i64::max)
    }

    fn decide(&mut self, touched: [bool; 2], now: i64) {
        (0..2).filter(|of| touched[*of]).for_each(|of| self.decided[of] = now);
    }
}

fn reserve_both(shop: &Shop, model: &mut Model, wanted: [i64; 2]) {
    let touched = wanted.map(|n| n > 0);
    let lines: Vec<_> = CODES.into_iter().zip(wanted).filter(|(_, n)| *n > 0).collect();
    if lines.is_empty() {
        return;
    }
    let now = model.now(touched);
    let fits = (0..2).all(|of| wanted[of] == 0 || model.available(of, now) >= wanted[of]);
    let made = reserve(shop, &lines, model.clock);
    assert_eq!(made.is_ok(), fits, "{wanted:?} {made:?}");
    let Ok(made) = made else { return };
    assert_eq!(made.held.expires_at, at(now + 15), "no time before the last decision");
    model.decide(touched, now);
    model.held.push(Held {
        id: made.reservation_id,
        state: ReservationState::Open,
        expires: now + 15,
        extended: false,
        pieces: wanted.map(|n| (n, 0)),
    });
}

fn take_step(shop: &Shop, model: &mut Model, of: Transition, which: usize) {
    use ReservationState::{Committed, Expired, Open, Released, Shipped};
    if model.held.is_empty() {
        return;
    }
    let which = which % model.held.len();
    let all = model.held[which].pieces;
    // A line whose pieces all came back is still a line: its level is locked.
    let lines = super::found(shop, model.held[which].id).lines;
    let touched = CODES.map(|code| lines.iter().any(|line| line.sku.as_str() == code));
    let now = model.now(touched);
    let held = &model.held[which];
    let state = if held.state == Open && held.expires <= now { Expired } else { held.state };
    let there = (0..2).all(|c| model.available(c, now) >= all[c].0 || all[c].0 == 0);
    let shelf = (0..2).all(|c| model.on_hand[c] >= all[c].0 || all[c].0 == 0);
    let next = match (of, state) {
        (Transition::Extend, Open) => Some(Open),
        (Transition::Commit, Open) => Some(Committed),
        (Transition::Commit, Expired) if there => Some(Committed),
        (Transition::Commit, Committed | Shipped) | (Transition::Release, Released) => Some(state),
        (Transition::Release, Open | Expired | Committed) => Some(Released),
        (Transition::Ship, Committed) if shelf => Some(Shipped),
        (Transition::Ship, Shipped) => Some(Shipped),
        _ => None,
    };
    let taken = step(shop, of, model.held[which].id, at(model.clock));
    assert_eq!(taken.is_ok(), next.is_some(), "{of:?} when {state}: {taken:?}");
    if let Err(StepError::Store(error)) = taken {
        panic!("{error}");
    }
    let Some(next) = next else { return };
    let again = of == Transition::Extend && model.held[which].extended;
    if again || (next == state && of != Transition::Extend) {
        return;
    }
    model.decide(touched, now);
    let held = &mut model.held[which];
    held.state = next;
    match of {
        Transition::Extend => (held.extended, held.expires) = (true, held.expires.max(now + 15)),
        Transition::Release => held.pieces = [(0, 0); 2],
        Transition::Ship => (0..2).for_each(|c| model.on_hand[c] -= all[c].0),
        Transition::Commit => {}
    }
}

fn bring_back(shop: &Shop, model: &mut Model, (which, of, n): (usize, usize, i64), name: &str) {
    if model.held.is_empty() {
        return;
    }
    let which = which % model.held.len();
    let lines = super::found(shop, model.held[which].id).lines;
    let touched = CODES.map(|code| lines.iter().any(|line| line.sku.as_str() == code));
    let now = model.now(touched);
    let held = &mut model.held[which];
    let (kept, restocked) = held.pieces[of];
    let fits = match held.state {
        ReservationState::Committed => kept >= n,
        ReservationState::Shipped => kept - restocked >= n,
        _ => false,
    };
    let back = give_back(shop, held.id, &[(CODES[of], n)], (name, true), model.clock);
    assert_eq!(back.is_ok(), fits, "{n} of {kept} back: {back:?}");
    if !fits {
        return;
    }
    if held.state == ReservationState::Shipped {
        held.pieces[of].1 += n;
        model.on_hand[of] += n;
    } else {
        held.pieces[of].0 -= n;
        if held.pieces.iter().all(|(kept, _)| *kept == 0) {
            held.state = ReservationState::Released;
        }
    }
    model.decide(touched, now);
}

fn act(shop: &Shop, model: &mut Model, act: &Act, name: &str) {
    match *act {
        Act::Reserve(tea, jam) => reserve_both(shop, model, [tea, jam]),
        Act::Step(of, which) => take_step(shop, model, of, which),
        Act::GiveBack(which, of, n) => bring_back(shop, model, (which, of, n), name),
        Act::Wait(minutes) => model.clock += minutes,
        Act::Sweep => {
            shop.run(sweep_expired(&shop.store, at(model.clock))).unwrap();
            // What the sweep writes down stays so, also when the clock goes back.
            let due = model.held.iter_mut().filter(|h| h.expires <= model.clock);
            due.filter(|h| h.state == ReservationState::Open)
                .for_each(|h| h.state = ReservationState::Expired);
        }
        Act::Move(of, n) => {
            let reason = if n > 2 {
                Receipt
            } else if n < -2 {
                WrittenOff
            } else {
                Correction
            };
            let moved = book(shop, CODES[of], (reason, n), name, model.clock);
            let fits = n != 0 && (n > 0 || model.on_hand[of] + n >= 0);
            assert_eq!(moved.is_ok(), fits, "{n}: {moved:?}");
            if fits {
                let mut touched = [false; 2];
                touched[of] = true;
                let now = model.now(touched);
                model.decide(touched, now);
                model.on_hand[of] += n;
            }
        }
        Act::Count(of, n) => {
            count(shop, CODES[of], n, name, model.clock).unwrap();
            let mut touched = [false; 2];
            touched[of] = model.on_hand[of] != n;
            let now = model.now(touched);
            model.decide(touched, now);
            model.on_hand[of] = n;
        }
    }
}

#[test]
fn any_sequence_of_steps_keeps_the_books_equal_to_a_plain_model() {
    on_both(|shop| {
        stocked(shop, &["tea 0", "jam 0"]);
        let config = Config { cases: 24, failure_persistence: None, ..Config::default() };
        let runs = Cell::new(0_u32);
        let outcome =
            TestRunner::new(config).run(&prop::collection::vec(any_act(), 1..24), |acts| {
                let run = runs.get() + 1;
                runs.set(run);
                // Every run starts a day later, on a shelf counted anew.
                let clock = i64::from(run) * 1_440;
                let mut model =
                    Model { clock, decided: [clock; 2], on_hand: [8, 6], held: Vec::new() };
                for (of, code) in CODES.into_iter().enumerate() {
                    let left = level(shop, code, at(clock)).facts;
                    assert_eq!((left.committed, left.reserved), (0, 0), "the last run let go");
                    count(shop, code, model.on_hand[of], &format!("start {run}"), clock).unwrap();
                    book(shop, code, (Receipt, 1), &format!("start {run}"), clock).unwrap();
                    model.on_hand[of] += 1;
                }
                for (number, one) in acts.iter().enumerate() {
                    check_against(shop, &mut model, one, &format!("{run} {number}"));
                }
                // Nothing is left behind that the next run would have to know.
                for held in &model.held {
                    let _ = step(shop, Transition::Release, held.id, at(model.clock));
                }
                Ok(())
            });
        outcome.unwrap();
        shop.assert_books_hold();
    });
}

fn check_against(shop: &Shop, model: &mut Model, one: &Act, name: &str) {
    act(shop, model, one, name);
    for (of, code) in CODES.into_iter().enumerate() {
        let now = model.decided[of].max(model.clock);
        let facts = level(shop, code, at(model.clock)).facts;
        assert_eq!(
            [facts.on_hand, facts.reserved, facts.committed],
            [model.on_hand[of], model.reserved(of, now), model.committed(of)],
            "{code} after {one:?} ({name})"
        );
        assert!(facts.on_hand >= 0);
    }
    for rule in shop.read(shopwright_store::verify::verify) {
        assert_eq!(rule.broken, Vec::<String>::new(), "{} after {one:?}", rule.says);
    }
}
