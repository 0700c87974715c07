//! The factors beyond the playbook, unknown facts, and the `fixed` strategy.

use crate::pricing::{DecideError, PriceFacts, PricePolicy, PromotionFact, Strategy, decide};

use super::{facts, facts_at, patch, promotion, reasons, rules_policy};

/// What the rules charge for the ordinary SKU with these facts under this patch.
fn check(facts: &PriceFacts, json: &str, want: i64) {
    let decision = decide(facts, &rules_policy(json)).unwrap();
    assert_eq!(decision.playbook_price_minor, Some(want), "{json} {:?}", reasons(&decision));
}

#[test]
fn velocity_compares_this_week_with_the_usual_pace() {
    let sold = |units_7d, units_28d| PriceFacts {
        units_7d: Some(units_7d),
        units_28d: Some(units_28d),
        ..facts()
    };
    let standard = r#"{"preset": "standard"}"#;
    check(&sold(10, 40), standard, 1000);
    check(&sold(0, 40), standard, 950);
    check(&sold(4, 40), standard, 950);
    check(&sold(5, 40), standard, 1000);
    check(&sold(14, 40), standard, 1000);
    check(&sold(15, 40), standard, 1040);
    check(&sold(20, 40), standard, 1080);
    check(&sold(40, 40), standard, 1080);
    // Fewer than 12 units in 28 days say nothing, and neither do net returns.
    check(&sold(11, 11), standard, 1000);
    check(&sold(12, 12), standard, 1080);
    check(&sold(-5, 40), standard, 950);
    check(&sold(5, -40), standard, 1000);
    check(&PriceFacts { units_28d: None, ..sold(5, 0) }, standard, 1000);
}

#[test]
fn hour_and_weekday_have_factors_of_their_own() {
    let at = |hour, weekday| PriceFacts { hour, weekday, ..facts() };
    let standard = r#"{"preset": "standard"}"#;
    check(&at(17, 5), standard, 1000);
    check(&at(18, 5), standard, 1010);
    check(&at(21, 5), standard, 1010);
    check(&at(22, 5), standard, 1000);
    check(&at(12, 6), standard, 1010);
    check(&at(18, 7), standard, 1020);
    check(&at(3, 1), r#"{"hours": [{"from_hour": 0, "until_hour": 6, "factor": "0.9"}]}"#, 900);
}

#[test]
fn the_lowest_factor_of_all_active_promotions_counts_once() {
    let promoted = |factors: &[&str]| PriceFacts {
        promotions: (1..).zip(factors).map(|(n, f)| promotion(n, f, false)).collect(),
        ..facts()
    };
    let standard = r#"{"preset": "standard"}"#;
    check(&promoted(&["0.9"]), standard, 900);
    check(&promoted(&["0.9", "0.85", "0.95"]), standard, 850);
    check(&promoted(&["5/6"]), standard, 833);
    check(&promoted(&["0.5"]), standard, 800);
    // The playbook knows no promotions.
    check(&promoted(&["0.9"]), "{}", 1000);
}

#[test]
fn the_highest_priority_counts_and_stackable_promotions_multiply_with_it() {
    // (factor, priority, stackable)
    let promoted = |rows: &[(&str, i64, bool)]| PriceFacts {
        promotions: (1..)
            .zip(rows)
            .map(|(n, (factor, priority, stackable))| PromotionFact {
                priority: *priority,
                stackable: *stackable,
                ..promotion(n, factor, false)
            })
            .collect(),
        ..facts()
    };
    let wide = r#"{"preset": "standard", "rules_factor_min": "0.1"}"#;
    check(&promoted(&[("0.9", 1, false), ("0.5", 0, false)]), wide, 900);
    check(&promoted(&[("0.9", 1, true), ("0.5", 0, false)]), wide, 900);
    check(&promoted(&[("0.9", 1, false), ("0.5", 0, true)]), wide, 900);
    check(&promoted(&[("0.9", 1, true), ("0.5", 0, true)]), wide, 450);
    check(&promoted(&[("0.5", -1, true), ("0.9", 0, true), ("0.8", 0, false)]), wide, 800);
    check(&promoted(&[("0.5", -1, true), ("0.9", 1, true), ("0.8", 0, false)]), wide, 450);
    let policy = rules_policy(wide);
    let decision = decide(&promoted(&[("0.9", 1, true), ("0.5", 0, true)]), &policy).unwrap();
    let shown = reasons(&decision);
    assert_eq!(
        shown.iter().filter(|reason| reason.starts_with("promotion")).collect::<Vec<_>>(),
        ["promotion -100", "promotion -450"],
        "{shown:?}"
    );
}

#[test]
fn facts_kept_before_promotions_had_priorities_still_decide_the_same() {
    let mut kept = serde_json::to_value(PriceFacts {
        promotions: vec![promotion(1, "0.9", false)],
        ..facts()
    })
    .unwrap();
    let fact = kept["promotions"][0].as_object_mut().unwrap();
    assert!(fact.remove("priority").is_some() && fact.remove("stackable").is_some());
    let read: PriceFacts = serde_json::from_value(kept).unwrap();
    check(&read, r#"{"preset": "standard"}"#, 900);
}

#[test]
fn every_coefficient_can_be_replaced() {
    let sold = PriceFacts { units_7d: Some(70), available: Some(30), ..facts() };
    check(&sold, r#"{"demand_weight": "1"}"#, 1320);
    check(&sold, r#"{"demand_weight": "0", "inventory": []}"#, 1000);
    check(&sold, r#"{"demand_units_per_day_at_full": 10}"#, 1800);
    check(&sold, r#"{"inventory": [{"below": 31, "factor": "0.95"}]}"#, 998);
    check(&sold, r#"{"rules_factor_max": "1.1"}"#, 1100);
    check(&sold, r#"{"rules_factor_min": "1.5"}"#, 1500);
    let standard = r#"{"preset": "standard", "velocity_units_min": 1, "velocity": []}"#;
    check(&sold, standard, 1000);
}

#[test]
fn a_sku_without_sales_history_keeps_its_base_price() {
    let unknown = PriceFacts { units_7d: None, units_28d: None, available: Some(2), ..facts() };
    let decision = decide(&unknown, &rules_policy("{}")).unwrap();
    assert_eq!(decision.price_minor, 1000);
    assert_eq!(reasons(&decision), ["no_data 0"]);
    assert_eq!(decision.playbook_price_minor, Some(1000));
    // A fixed or held price says so too.
    let fixed = decide(&unknown, &PricePolicy::resolve([])).unwrap();
    assert_eq!(reasons(&fixed), ["fixed 0", "no_data 0"]);
    let frozen = decide(&unknown, &rules_policy(r#"{"freeze": true}"#)).unwrap();
    assert_eq!(reasons(&frozen), ["freeze 0", "no_data 0"]);
    // With one of the two windows known there is data.
    check(&PriceFacts { units_7d: Some(0), ..unknown }, "{}", 1500);
}

#[test]
fn no_rule_with_anything_to_say_leaves_the_base_price_with_a_reason() {
    let json = r#"{"demand_weight": "0", "inventory": []}"#;
    let decision = decide(&facts(), &rules_policy(json)).unwrap();
    assert_eq!(reasons(&decision), ["rules 0"]);
}

#[test]
fn the_fixed_strategy_charges_the_base_price_and_still_shows_what_rules_would() {
    let scarce = PriceFacts { available: Some(3), cost_minor: None, ..facts_at(1000) };
    let decision = decide(&scarce, &PricePolicy::resolve([])).unwrap();
    assert_eq!(decision.strategy, Strategy::Fixed);
    assert_eq!((decision.price_minor, decision.playbook_price_minor), (1000, Some(1500)));
    assert_eq!(reasons(&decision), ["fixed 0"]);
    // A changed base price is followed in steps, like every other move, unless the floor or
    // ceiling of the new base is further away.
    let policy = PricePolicy::resolve([&patch(r#"{"strategy": "fixed"}"#)]);
    let dearer = PriceFacts { base_minor: Some(1200), ..facts_at(1000) };
    let decision = decide(&dearer, &policy).unwrap();
    assert_eq!(reasons(&decision), ["fixed 0", "step_change -100"]);
}

#[test]
fn what_no_shop_can_mean_is_refused_and_nothing_panics() {
    let refused = |facts: &PriceFacts, want: &str| {
        let error = decide(facts, &rules_policy("{}")).unwrap_err();
        assert!(error.to_string().contains(want), "{error}");
    };
    refused(&PriceFacts { base_minor: None, ..facts() }, "no base price");
    refused(&PriceFacts { base_minor: Some(0), ..facts() }, "base_minor");
    refused(&PriceFacts { base_minor: Some(-5), ..facts() }, "base_minor");
    refused(&PriceFacts { cost_minor: Some(-1), ..facts() }, "cost_minor");
    refused(&PriceFacts { map_minor: Some(i64::MIN), ..facts() }, "map_minor");
    refused(&PriceFacts { hour: 24, ..facts() }, "hour");
    refused(&PriceFacts { weekday: 0, ..facts() }, "weekday");
    refused(&PriceFacts { promotions: vec![promotion(1, "0", false)], ..facts() }, "promotion");
    refused(&facts_at(-1), "current.amount_minor");
    let huge = PriceFacts { base_minor: Some(i64::MAX), ..facts() };
    assert_eq!(decide(&huge, &rules_policy("{}")), Err(DecideError::TooLarge));
    let mut never_validated = rules_policy("{}");
    never_validated.rules.demand_units_per_day_at_full = 0;
    let error = decide(&facts(), &never_validated).unwrap_err();
    assert!(error.to_string().contains("demand_units_per_day_at_full"), "{error}");
    let negative = rules_policy(r#"{"inventory": [{"below": 1000, "factor": "-9000000000000"}]}"#);
    let error = decide(&facts(), &negative).unwrap_err();
    assert!(error.to_string().contains("no factor is negative"), "{error}");
}
