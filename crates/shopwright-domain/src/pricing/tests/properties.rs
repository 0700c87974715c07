//! What holds for any facts and any policy.
//!
//! The limits are recomputed here with integers alone, apart from the code under test.

use proptest::option::of;
use proptest::prelude::*;
use serde_json::Value;

use crate::money::Factor;
use crate::pricing::{
    CompetitorCorridor, CompetitorFact, CompetitorReference, CompetitorRule, CurrentPrice,
    HourBand, Limit, PolicyPatch, Preset, PriceDecision, PriceFacts, PricePolicy, PromotionFact,
    PromotionRule, StockStep, Strategy as PriceStrategy, VelocityStep, WeekdayFactor, decide,
};
use crate::time::Timestamp;

use super::{NOON, facts, promotion};

fn amount() -> impl Strategy<Value = i64> {
    prop_oneof![8 => 1..3_000_i64, 2 => 1..=1_000_000_000_000_i64, 1 => 1..20_i64]
}

fn factor() -> impl Strategy<Value = Factor> {
    prop_oneof![
        4 => (1..300_i128).prop_map(|n| Factor::new(n, 100)),
        1 => (10_000..=10_000_000_i128).prop_map(|n| Factor::new(n, 1_000_000)),
    ]
}

fn limit() -> impl Strategy<Value = Limit> {
    prop_oneof![factor().prop_map(Limit::Factor), amount().prop_map(Limit::AmountMinor)]
}

/// Rising keys for the rows of a table, each with its factor.
fn rows(keys: std::ops::Range<i64>) -> impl Strategy<Value = Vec<(i64, Factor)>> {
    proptest::collection::btree_map(keys, factor(), 0..4).prop_map(|map| map.into_iter().collect())
}

prop_compose! {
    fn coefficients()(
        strategy in of(prop_oneof![3 => Just(PriceStrategy::Rules), 1 => Just(PriceStrategy::Fixed)]),
        preset in of(prop_oneof![Just(Preset::Playbook), Just(Preset::Standard)]),
        demand_weight in of((0..200_i128).prop_map(|n| Factor::new(n, 100))),
        demand_units_per_day_at_full in of(1..1_000_i64),
        velocity in of(rows(0..400)),
        velocity_units_min in of(0..50_i64),
        inventory in of(rows(1..200)),
        hours in of(rows(0..24)),
        weekdays in of(rows(1..8)),
        promotions in of(prop_oneof![Just(PromotionRule::Ignore), Just(PromotionRule::Lowest)]),
        bounds in of((factor(), factor())),
    ) -> PolicyPatch {
        let pace = |n: i64| Factor::new(i128::from(n), 100);
        let band = |(from_hour, factor)| HourBand { from_hour, until_hour: from_hour + 1, factor };
        PolicyPatch {
            strategy,
            preset,
            demand_weight,
            demand_units_per_day_at_full,
            velocity: velocity.map(|rows| rows.into_iter()
                .map(|(n, factor)| VelocityStep { at_least: pace(n), factor }).collect()),
            velocity_units_min,
            inventory: inventory.map(|rows| rows.into_iter()
                .map(|(below, factor)| StockStep { below, factor }).collect()),
            hours: hours.map(|rows| rows.into_iter().map(band).collect()),
            weekdays: weekdays.map(|rows| rows.into_iter()
                .map(|(weekday, factor)| WeekdayFactor { weekday, factor }).collect()),
            promotions,
            rules_factor_min: bounds.map(|(a, b)| a.min(b)),
            rules_factor_max: bounds.map(|(a, b)| a.max(b)),
            ..PolicyPatch::default()
        }
    }
}

fn reference() -> impl Strategy<Value = CompetitorReference> {
    prop_oneof![Just(CompetitorReference::Lowest), Just(CompetitorReference::Median)]
}

fn any_corridor() -> impl Strategy<Value = CompetitorCorridor> {
    (reference(), of(factor()), factor()).prop_map(|(against, min, max)| CompetitorCorridor {
        against,
        min: min.map(|min| min.min(max)),
        max: Some(max),
    })
}

fn any_rule() -> impl Strategy<Value = CompetitorRule> {
    (reference(), factor(), 0..=100_i128).prop_map(|(against, target, n)| CompetitorRule {
        against,
        target,
        weight: Factor::new(n, 100),
    })
}

/// What competitors charge, however absurd.
fn any_competitors() -> impl Strategy<Value = CompetitorFact> {
    (of((amount(), amount())), 0..3_i64).prop_map(|(prices, stale)| CompetitorFact {
        lowest_minor: prices.map(|(a, b)| a.min(b)),
        median_minor: prices.map(|(a, b)| a.max(b)),
        used: prices.map_or(0, |_| 2),
        stale,
        ignored: 0,
    })
}

prop_compose! {
    fn any_patch()(
        coefficients in coefficients(),
        corridor in of(any_corridor()),
        competitor in of(any_rule()),
        legal_cap in proptest::option::weighted(0.2, limit()),
        margin_min_bps in of(0..=9_900_i64),
        floor in proptest::option::weighted(0.3, limit()),
        ceiling in proptest::option::weighted(0.3, limit()),
        steps in (of(1..5_000_i64), of(1..5_000_i64)),
        endings in of(proptest::sample::subsequence(vec!["99", "95", "00", "9", "49"], 0..4)),
        dwell_minutes in of(0..600_i64),
        freeze in proptest::option::weighted(0.1, any::<bool>()),
        pin_minor in proptest::option::weighted(0.1, amount()),
    ) -> PolicyPatch {
        PolicyPatch {
            legal_cap,
            margin_min_bps,
            floor,
            ceiling,
            step_change_bps: steps.0,
            step_day_bps: steps.1,
            endings: endings.map(|list| list.into_iter().map(str::to_owned).collect()),
            dwell_minutes,
            freeze,
            pin_minor,
            competitor,
            competitor_corridor: corridor,
            ..coefficients
        }
    }
}

fn any_promotion() -> impl Strategy<Value = PromotionFact> {
    (1..1_000_i128, 1..1_000_i128, 1..9_u128, proptest::bool::weighted(0.1)).prop_map(
        |(above, below, number, locks_price)| PromotionFact {
            factor: Factor::new(above, below),
            ..promotion(number, "1", locks_price)
        },
    )
}

prop_compose! {
    fn any_facts()(
        currency in prop_oneof![Just("EUR"), Just("JPY"), Just("KWD")],
        base in amount(),
        cost_share in proptest::option::weighted(0.8, 0..150_i64),
        map_share in proptest::option::weighted(0.2, 50..150_i64),
        available in of(-20..200_i64),
        units in of((-100..1_500_i64, -100..4_000_i64)),
        current_share in of((50..250_i64, 50..250_i64)),
        minutes_ago in -10..1_000_i64,
        promotions in proptest::collection::vec(any_promotion(), 0..3),
        (hour, weekday) in (0..24_u8, 1..8_u8),
        competitor in of(any_competitors()),
    ) -> PriceFacts {
        let share = |percent: i64| base * percent / 100;
        PriceFacts {
            currency: currency.parse().unwrap(),
            base_minor: Some(base),
            cost_minor: cost_share.map(share),
            map_minor: map_share.map(share),
            available,
            units_7d: units.map(|(week, _)| week),
            units_28d: units.map(|(_, month)| month),
            current: current_share.map(|(now, open)| CurrentPrice {
                amount_minor: share(now),
                changed_at: minutes_before_noon(minutes_ago),
                day_open_minor: share(open),
            }),
            promotions,
            competitor,
            hour,
            weekday,
            ..facts()
        }
    }
}

fn minutes_before_noon(minutes: i64) -> Timestamp {
    NOON.plus_micros(-minutes * 60_000_000)
}

/// limit ⋚ amount with integers: both sides times the factor's denominator.
fn sides(limit: Limit, base: i64, amount: i64) -> (i128, i128) {
    match limit {
        Limit::AmountMinor(minor) => (i128::from(minor), i128::from(amount)),
        Limit::Factor(factor) => {
            let (above, below) = (*factor.0.numer(), *factor.0.denom());
            (above * i128::from(base), i128::from(amount) * below)
        }
    }
}

/// Whether the price is inside each guardrail that applies, by name.
fn guardrails(facts: &PriceFacts, policy: &PricePolicy, price: i64) -> Vec<(&'static str, bool)> {
    let base = facts.base_minor.unwrap();
    let within = |from: i64, bps: i64| {
        (i128::from(price) - i128::from(from)).abs() * 10_000 <= i128::from(from) * i128::from(bps)
    };
    let mut all = Vec::new();
    if let Some(cap) = policy.legal_cap {
        let (cap, price) = sides(cap, base, price);
        all.push(("legal_cap", price <= cap));
    }
    if let Some(cost) = facts.cost_minor {
        let kept = i128::from(price) * i128::from(10_000 - policy.margin_min_bps);
        all.push(("cost_margin", kept >= i128::from(cost) * 10_000));
    }
    if let Some(map) = facts.map_minor {
        all.push(("map", price >= map));
    }
    let (floor, at_floor) = sides(policy.floor, base, price);
    let (ceiling, at_ceiling) = sides(policy.ceiling, base, price);
    all.push(("floor", at_floor >= floor));
    all.push(("ceiling", at_ceiling <= ceiling));
    if let Some(current) = &facts.current {
        all.push(("step_change", within(current.amount_minor, policy.step_change_bps)));
        all.push(("step_day", within(current.day_open_minor, policy.step_day_bps)));
    }
    if !policy.endings.is_empty() {
        let digits = format!("{price:02}");
        all.push(("ending", policy.endings.iter().any(|ending| digits.ends_with(ending))));
    }
    all
}

fn broken(decision: &PriceDecision, name: &str) -> bool {
    decision.reasons.iter().any(|reason| reason.factor == name && reason.is_broken())
}

fn named(decision: &PriceDecision, name: &str) -> bool {
    decision.reasons.iter().any(|reason| reason.factor == name)
}

/// A moved price is inside every guardrail that is not named as broken, and outside every one that
/// is.
fn check_moved(facts: &PriceFacts, policy: &PricePolicy, decision: &PriceDecision) {
    let allowed = decision.allowed.unwrap();
    assert!(allowed.min_minor <= allowed.max_minor);
    assert!((allowed.min_minor..=allowed.max_minor).contains(&decision.price_minor));
    for (name, kept) in guardrails(facts, policy, decision.price_minor) {
        assert_eq!(kept, !broken(decision, name), "{name} in {decision:?}");
    }
    assert!(!broken(decision, "legal_cap"));
}

/// A price that may not move is the one that stands, but never above a legal cap without a freeze;
/// a pinned or first price is inside every hard limit that is not named as broken.
fn check_held(facts: &PriceFacts, policy: &PricePolicy, decision: &PriceDecision) {
    let price = decision.price_minor;
    let stood = facts.current.as_ref().map(|current| current.amount_minor);
    assert_eq!(decision.held, stood == Some(price));
    let hard = guardrails(facts, policy, price).into_iter().take_while(|g| g.0 != "floor");
    match stood {
        Some(stood) if !named(decision, "pin") => {
            let capped = named(decision, "legal_cap") || broken_by_cap(decision);
            assert!(price == stood || (price < stood && capped), "{decision:?}");
            let capped_now = hard.into_iter().all(|(name, kept)| name != "legal_cap" || kept);
            assert!(capped_now || policy.freeze, "{decision:?}");
        }
        _ => hard.for_each(|(name, kept)| assert_eq!(kept, !broken(decision, name), "{name}")),
    }
}

fn broken_by_cap(decision: &PriceDecision) -> bool {
    decision.reasons.iter().any(|reason| reason.signal["broken_by"] == "legal_cap")
}

proptest! {
    #![proptest_config(crate::cases::config())]

    #[test]
    fn any_decision_is_safe_reasoned_and_replays_to_the_same_bytes(
        facts in any_facts(),
        store in any_patch(),
        sku in any_patch(),
    ) {
        // Policies are in range; only their floors and ceilings may cross.
        let errors = store.validate(facts.currency).err().unwrap_or_default();
        prop_assert!(errors.iter().all(|error| error.code == "floor_above_ceiling"), "{errors:?}");
        let policy = PricePolicy::resolve([&store, &sku]);
        let decision = decide(&facts, &policy).unwrap();

        prop_assert!(!decision.reasons.is_empty());
        prop_assert!(decision.reasons.iter().all(|r| !r.sentence.is_empty()));
        let effects: i64 = decision.reasons.iter().map(|r| r.effect_minor).sum();
        prop_assert_eq!(decision.base_minor + effects, decision.price_minor);
        let at_zero = guardrails(&facts, &policy, 1).contains(&("legal_cap", false));
        let stood_at_zero = facts.current.as_ref().is_some_and(|c| c.amount_minor == 0);
        prop_assert!(decision.price_minor >= 1 || at_zero || stood_at_zero);

        if decision.allowed.is_some() {
            check_moved(&facts, &policy, &decision);
        } else {
            check_held(&facts, &policy, &decision);
        }
        if let (true, Some(current)) = (policy.freeze, &facts.current) {
            prop_assert_eq!(decision.price_minor, current.amount_minor);
        }

        let written = serde_json::to_string(&(&facts, &policy, &decision)).unwrap();
        let (facts, policy, stored): (PriceFacts, PricePolicy, PriceDecision) =
            serde_json::from_str(&written).unwrap();
        let again = decide(&facts, &policy).unwrap();
        prop_assert_eq!(&again, &stored);
        prop_assert_eq!(serde_json::to_string(&(&facts, &policy, &again)).unwrap(), written);
    }

    #[test]
    fn the_playbook_price_is_its_formula_in_integers(
        base in amount(),
        units in -100..1_500_i64,
        available in -20..100_i64,
    ) {
        let facts = PriceFacts {
            base_minor: Some(base),
            units_7d: Some(units),
            available: Some(available),
            ..facts()
        };
        let decision = decide(&facts, &PricePolicy::resolve([])).unwrap();
        // base × (1 + u / 1400) × (s / 10) over the common denominator 14,000, at most 2 × base.
        let tenths = if available < 10 { 15 } else if available < 50 { 12 } else { 10 };
        let scaled = i128::from(base) * (1_400 + i128::from(units.clamp(0, 700))) * tenths;
        let scaled = scaled.min(i128::from(base) * 28_000);
        let (whole, rest) = (scaled / 14_000, scaled % 14_000);
        let up = rest > 7_000 || (rest == 7_000 && whole % 2 == 1);
        let want = whole + i128::from(up);
        prop_assert_eq!(decision.playbook_price_minor.map(i128::from), Some(want));
    }

    #[test]
    fn layers_resolve_like_their_json_laid_over_each_other(a in any_patch(), b in any_patch()) {
        let mut merged = serde_json::to_value(&a).unwrap();
        let Value::Object(over) = serde_json::to_value(&b).unwrap() else { unreachable!() };
        for (field, value) in over {
            merged[field] = value;
        }
        if a.freeze == Some(true) {
            merged["freeze"] = Value::Bool(true);
        }
        let merged: PolicyPatch = serde_json::from_value(merged).unwrap();
        prop_assert_eq!(PricePolicy::resolve([&a, &b]), PricePolicy::resolve([&merged]));
    }
}
