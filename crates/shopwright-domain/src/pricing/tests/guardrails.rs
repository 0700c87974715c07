//! Whether a price moves, and where it may go: one row per guardrail and per collision of two.

use crate::pricing::{AllowedInterval, CurrentPrice, PriceFacts, decide};
use crate::time::{HOUR, Timestamp};

use super::{NOON, facts, facts_at, promotion, reasons, rules_policy};

/// The price and the reasons, without the two of demand and inventory that do nothing here.
fn check(facts: &PriceFacts, json: &str, price: i64, want: &[&str]) {
    let decision = decide(facts, &rules_policy(json)).unwrap();
    let said: Vec<_> = reasons(&decision)
        .into_iter()
        .filter(|r| !["demand 0", "inventory 0"].contains(&r.as_str()))
        .collect();
    assert_eq!(
        (decision.price_minor, said),
        (price, want.iter().map(ToString::to_string).collect())
    );
}

/// The SKU with 9 left, so that rules want 15.00.
fn scarce_at(amount_minor: i64) -> PriceFacts {
    PriceFacts { available: Some(9), ..facts_at(amount_minor) }
}

fn changed(facts: PriceFacts, changed_at: Timestamp) -> PriceFacts {
    let current = facts.current.map(|current| CurrentPrice { changed_at, ..current });
    PriceFacts { current, ..facts }
}

#[test]
fn every_limit_moves_the_price_to_itself_and_is_named() {
    let f = facts();
    check(&f, "{}", 1000, &[]);
    check(&f, r#"{"legal_cap": {"amount_minor": 950}}"#, 950, &["legal_cap -50"]);
    check(&f, r#"{"legal_cap": {"factor": "0.9"}}"#, 900, &["legal_cap -100"]);
    check(&f, r#"{"margin_min_bps": 6500}"#, 1143, &["cost_margin 143"]);
    let advertised = PriceFacts { map_minor: Some(1100), ..f.clone() };
    check(&advertised, "{}", 1100, &["map 100"]);
    check(&f, r#"{"floor": {"amount_minor": 1050}}"#, 1050, &["floor 50"]);
    check(&f, r#"{"floor": {"factor": "1.1"}}"#, 1100, &["floor 100"]);
    check(&f, r#"{"ceiling": {"amount_minor": 990}}"#, 990, &["ceiling -10"]);
    check(&f, r#"{"endings": ["99", "95"]}"#, 999, &["ending -1"]);
    let up = scarce_at(1000);
    check(&up, "{}", 1100, &["inventory 500", "step_change -400"]);
    check(
        &up,
        r#"{"step_change_bps": 4000}"#,
        1200,
        &["inventory 500", "step_change -100", "step_day -200"],
    );
    check(&facts_at(1500), "{}", 1350, &["step_change 350"]);
}

#[test]
fn limits_round_so_that_the_exact_limit_is_never_passed() {
    let f = PriceFacts { base_minor: Some(999), ..facts() };
    check(&f, r#"{"floor": {"factor": "1.0001"}}"#, 1000, &["floor 1"]);
    check(&f, r#"{"ceiling": {"factor": "0.9999"}}"#, 998, &["ceiling -1"]);
    check(&f, r#"{"legal_cap": {"factor": "0.999"}}"#, 998, &["legal_cap -1"]);
    // 400 / 0.7 = 571.43 and 400 / (1 - 0.6) = 1000 exactly.
    let cheap = PriceFacts { base_minor: Some(500), ..facts() };
    check(&cheap, r#"{"margin_min_bps": 3000}"#, 572, &["cost_margin 72"]);
    check(&facts(), r#"{"margin_min_bps": 6000}"#, 1000, &[]);
    // Ten per cent of 1.05 is ten cents, of 0.09 nothing.
    let up = |base, current| PriceFacts { base_minor: Some(base), ..scarce_at(current) };
    let costless = PriceFacts { cost_minor: Some(0), ..up(105, 105) };
    check(&costless, "{}", 115, &["inventory 53", "step_change -43"]);
    let tiny = PriceFacts { cost_minor: Some(0), ..up(9, 9) };
    check(&tiny, "{}", 9, &["inventory 5", "step_change -5"]);
}

#[test]
fn the_stronger_limit_wins_and_the_broken_one_is_named() {
    let f = facts();
    // Legal cap over cost, MAP and floor.
    let bound = PriceFacts { cost_minor: Some(1000), map_minor: Some(950), ..f.clone() };
    check(
        &bound,
        r#"{"legal_cap": {"amount_minor": 900}}"#,
        900,
        &["legal_cap -100", "cost_margin 0 broken by legal_cap", "map 0 broken by legal_cap"],
    );
    let capped = r#"{"legal_cap": {"amount_minor": 700}}"#;
    check(&f, capped, 700, &["legal_cap -300", "floor 0 broken by legal_cap"]);
    // Cost over the ceiling, MAP over the ceiling, floor over the ceiling.
    let costly = PriceFacts { cost_minor: Some(1100), ..f.clone() };
    let ceiling = r#"{"ceiling": {"amount_minor": 1050}}"#;
    check(&costly, ceiling, 1100, &["cost_margin 100", "ceiling 0 broken by cost_margin"]);
    let advertised = PriceFacts { map_minor: Some(1100), ..f.clone() };
    check(&advertised, ceiling, 1100, &["map 100", "ceiling 0 broken by map"]);
    let crossed = r#"{"floor": {"amount_minor": 1100}, "ceiling": {"amount_minor": 1050}}"#;
    check(&f, crossed, 1100, &["floor 100", "ceiling 0 broken by floor"]);
    // A floor further away than a step.
    check(
        &facts_at(500),
        "{}",
        800,
        &["step_change -200 broken by floor", "step_day 0 broken by floor"],
    );
    // The step of this change over the step of the day.
    let mut moved_today = scarce_at(1300);
    if let Some(current) = &mut moved_today.current {
        current.day_open_minor = 1000;
    }
    check(
        &moved_today,
        r#"{"step_change_bps": 500}"#,
        1235,
        &["inventory 500", "step_change -135", "step_day -130 broken by step_change"],
    );
    // No ending inside the step.
    check(
        &facts_at(1050),
        r#"{"endings": ["99"], "step_change_bps": 200}"#,
        1029,
        &["step_change 29", "ending 0 broken by step_change"],
    );
}

#[test]
fn the_nearest_ending_inside_the_limits_is_taken_and_ties_go_down() {
    let priced = |currency: &str, base| PriceFacts {
        currency: currency.parse().unwrap(),
        base_minor: Some(base),
        cost_minor: Some(0),
        ..facts()
    };
    let check = |facts: &PriceFacts, json: &str, want: i64| {
        assert_eq!(decide(facts, &rules_policy(json)).unwrap().price_minor, want, "{json}");
    };
    check(&priced("EUR", 1397), r#"{"endings": ["99", "95", "00"]}"#, 1395);
    check(&priced("EUR", 1350), r#"{"endings": ["00"]}"#, 1300);
    check(&priced("EUR", 1351), r#"{"endings": ["00"]}"#, 1400);
    check(&priced("EUR", 1395), r#"{"endings": ["99", "95", "00"]}"#, 1395);
    check(&priced("EUR", 1304), r#"{"endings": ["9"]}"#, 1299);
    check(&priced("EUR", 1350), r#"{"endings": ["00"], "floor": {"amount_minor": 1301}}"#, 1400);
    check(&priced("EUR", 60), r#"{"endings": ["99"]}"#, 99);
    check(&priced("EUR", 40), r#"{"endings": ["99"]}"#, 40);
    check(&priced("JPY", 1272), r#"{"endings": ["80", "00"]}"#, 1280);
    check(&priced("KWD", 1234), r#"{"endings": ["990", "500"]}"#, 990);
}

#[test]
fn freeze_comes_before_pin_before_lock_before_dwell() {
    let mut f = changed(scarce_at(1000), NOON);
    check(&f, "{}", 1000, &["dwell 0"]);
    f.promotions = vec![promotion(1, "0.9", true)];
    check(&f, "{}", 1000, &["promotion_lock 0"]);
    check(&f, r#"{"pin_minor": 1234}"#, 1234, &["pin 234"]);
    check(&f, r#"{"pin_minor": 1234, "freeze": true}"#, 1000, &["freeze 0"]);
    // A promotion that does not lock, and a dwell that is over, let the price move.
    f.promotions = vec![promotion(1, "0.9", false)];
    let moved = ["inventory 500", "step_change -400"];
    check(&changed(f.clone(), NOON.plus_micros(-HOUR)), "{}", 1100, &moved);
    check(&changed(f.clone(), NOON.plus_micros(-HOUR + 1)), "{}", 1000, &["dwell 0"]);
    check(&f, r#"{"dwell_minutes": 0}"#, 1100, &moved);
    // A clock that ran ahead holds rather than moves.
    check(&changed(f, NOON.plus_micros(HOUR)), "{}", 1000, &["dwell 0"]);
}

#[test]
fn waiting_is_a_reason_only_for_a_price_that_would_move() {
    let just_now = |facts: PriceFacts| changed(facts, NOON);
    check(&just_now(facts_at(1000)), "{}", 1000, &[]);
    check(&just_now(scarce_at(1000)), "{}", 1000, &["dwell 0"]);
    let locked = PriceFacts { promotions: vec![promotion(1, "1", true)], ..facts_at(1000) };
    check(&locked, "{}", 1000, &[]);
    // What the owner ordered is always said.
    check(&just_now(facts_at(1000)), r#"{"freeze": true}"#, 1000, &["freeze 0"]);
    check(&just_now(facts_at(1000)), r#"{"pin_minor": 1000}"#, 1000, &["pin 0"]);
}

#[test]
fn a_held_price_is_the_one_that_stands_whatever_the_base() {
    let f = changed(scarce_at(1300), NOON);
    let decision = decide(&f, &rules_policy("{}")).unwrap();
    assert!(decision.held);
    assert_eq!((decision.price_minor, decision.allowed), (1300, None));
    assert_eq!(decision.playbook_price_minor, Some(1500));
    assert_eq!(reasons(&decision), ["dwell 300"]);
    let decision = decide(&scarce_at(1000), &rules_policy("{}")).unwrap();
    assert!(!decision.held);
    let allowed = AllowedInterval { min_minor: 900, max_minor: 1100 };
    assert_eq!(decision.allowed, Some(allowed));
}

#[test]
fn a_legal_cap_below_the_standing_price_overrides_lock_dwell_and_pin_but_not_a_freeze() {
    let cap = r#""legal_cap": {"amount_minor": 1200}"#;
    let with = |more: &str| format!("{{{cap}{more}}}");
    let mut f = changed(scarce_at(1300), NOON);
    check(&f, &with(""), 1200, &["dwell 200 broken by legal_cap"]);
    check(&f, &with(r#", "pin_minor": 1250"#), 1200, &["pin 200 broken by legal_cap"]);
    check(&f, &with(r#", "freeze": true"#), 1300, &["freeze 300", "legal_cap 0 broken by freeze"]);
    f.promotions = vec![promotion(1, "0.9", true)];
    check(&f, &with(""), 1200, &["promotion_lock 200 broken by legal_cap"]);
}

#[test]
fn a_pin_ignores_floor_steps_and_endings_but_not_cap_cost_and_map() {
    let f = facts_at(1000);
    check(&f, r#"{"pin_minor": 600, "endings": ["99"]}"#, 600, &["pin -400"]);
    check(&f, r#"{"pin_minor": 5000}"#, 5000, &["pin 4000"]);
    check(&f, r#"{"pin_minor": 300}"#, 400, &["pin -600 broken by cost_margin"]);
    let advertised = PriceFacts { map_minor: Some(900), ..f };
    check(&advertised, r#"{"pin_minor": 600}"#, 900, &["pin -100 broken by map"]);
    // Pinned without a cost: the owner set it, so it holds.
    let costless = PriceFacts { cost_minor: None, ..facts() };
    check(&costless, r#"{"pin_minor": 600}"#, 600, &["pin -400"]);
}

#[test]
fn without_a_cost_rules_move_no_price() {
    let first = PriceFacts { cost_minor: None, available: Some(9), ..facts() };
    let decision = decide(&first, &rules_policy("{}")).unwrap();
    assert_eq!((decision.price_minor, decision.playbook_price_minor), (1000, Some(1500)));
    check(&first, "{}", 1000, &["no_cost 0"]);
    let later = PriceFacts { cost_minor: None, ..scarce_at(1040) };
    check(&later, r#"{"endings": ["99"]}"#, 1040, &["no_cost 40"]);
    // It is said beside every other reason to hold.
    check(&changed(later.clone(), NOON), "{}", 1040, &["dwell 40", "no_cost 0"]);
    check(&later, r#"{"freeze": true}"#, 1040, &["freeze 40", "no_cost 0"]);
    // The law and the minimum advertised price hold without a cost.
    let advertised = PriceFacts { map_minor: Some(1100), ..first.clone() };
    check(&advertised, "{}", 1100, &["map 100", "no_cost 0 broken by map"]);
    let cap = r#"{"legal_cap": {"amount_minor": 900}}"#;
    check(&first, cap, 900, &["legal_cap -100", "no_cost 0 broken by legal_cap"]);
    check(&later, cap, 900, &["legal_cap -100", "no_cost 0 broken by legal_cap"]);
}

#[test]
fn a_first_price_under_a_freeze_is_the_base_price_inside_the_hard_limits() {
    let first = PriceFacts { available: Some(9), ..facts() };
    check(&first, r#"{"freeze": true}"#, 1000, &["freeze 0"]);
    let costly = PriceFacts { cost_minor: Some(1100), ..first };
    check(
        &costly,
        r#"{"freeze": true}"#,
        1100,
        &["cost_margin 100", "freeze 0 broken by cost_margin"],
    );
}

#[test]
fn guardrails_speak_in_the_owners_words() {
    let said = |facts: &PriceFacts, json: &str| {
        let decision = decide(facts, &rules_policy(json)).unwrap();
        decision.reasons.last().unwrap().sentence.clone()
    };
    let held = changed(facts_at(1300), NOON);
    for (sentence, want) in [
        (
            said(&facts(), r#"{"floor": {"amount_minor": 1050}}"#),
            "Your floor of 10.50 GBP raises the price by 0.50 GBP.",
        ),
        (
            said(&facts(), r#"{"legal_cap": {"amount_minor": 700}}"#),
            "Your floor of 8.00 GBP gives way: the legal cap of 7.00 GBP comes first.",
        ),
        (
            said(&scarce_at(1000), "{}"),
            "Your largest step of 10 % per change lowers the price by 4.00 GBP.",
        ),
        (
            said(&held, "{}"),
            "13.00 GBP stands until 2026-11-24 13:00 UTC: the price changes at most once in \
             60 minutes.",
        ),
        (
            said(&facts(), r#"{"pin_minor": 399}"#),
            "Your pinned price of 3.99 GBP gives way: cost with your minimum margin, 4.00 GBP, \
             comes first.",
        ),
        (
            said(&PriceFacts { cost_minor: None, ..facts() }, "{}"),
            "No cost is known, so 10.00 GBP stands: enter the cost to let it move.",
        ),
    ] {
        assert_eq!(sentence, want);
    }
}
