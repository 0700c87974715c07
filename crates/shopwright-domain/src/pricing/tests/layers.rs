//! Store, category and SKU settings lie over each other field by field.

use crate::pricing::{Limit, Preset, PricePolicy, RuleTables, Strategy};

use super::patch;

fn resolved(layers: &[&str]) -> PricePolicy {
    let layers: Vec<_> = layers.iter().map(|json| patch(json)).collect();
    PricePolicy::resolve(&layers)
}

#[test]
fn without_settings_prices_are_fixed_and_the_documented_defaults_hold() {
    let policy = resolved(&[]);
    assert_eq!(policy, resolved(&["{}", "{}"]));
    assert_eq!((policy.strategy, policy.preset), (Strategy::Fixed, Preset::Playbook));
    assert_eq!(policy.rules, RuleTables::playbook());
    let written = serde_json::to_value(&policy).unwrap();
    assert_eq!(written["floor"], serde_json::json!({ "factor": "0.8" }));
    assert_eq!(written["ceiling"], serde_json::json!({ "factor": "2" }));
    assert_eq!(
        (policy.margin_min_bps, policy.step_change_bps, policy.step_day_bps, policy.dwell_minutes),
        (0, 1_000, 2_000, 60)
    );
    assert!(policy.endings.is_empty() && !policy.freeze);
    assert_eq!((policy.legal_cap, policy.pin_minor), (None, None));
}

#[test]
fn a_narrower_layer_wins_field_by_field() {
    let store = r#"{"strategy": "rules", "dwell_minutes": 30, "endings": ["99"]}"#;
    let sku = r#"{"dwell_minutes": 5, "floor": {"amount_minor": 900}}"#;
    let policy = resolved(&[store, "{}", sku]);
    assert_eq!((policy.strategy, policy.dwell_minutes), (Strategy::Rules, 5));
    assert_eq!((policy.floor, policy.endings), (Limit::AmountMinor(900), vec!["99".to_owned()]));
    assert_eq!(resolved(&[sku, store]).dwell_minutes, 30);
    // An empty table or list is a setting too.
    assert!(resolved(&[store, r#"{"endings": []}"#]).endings.is_empty());
}

#[test]
fn explicit_coefficients_override_the_preset_of_any_layer() {
    let policy = resolved(&[r#"{"demand_weight": "0.3"}"#, r#"{"preset": "standard"}"#]);
    assert_eq!(policy.rules.demand_weight, crate::money::Factor::new(3, 10));
    assert_eq!(policy.rules.inventory, RuleTables::standard().inventory);
    let back = resolved(&[r#"{"preset": "standard"}"#, r#"{"preset": "playbook"}"#]);
    assert_eq!(back.rules, RuleTables::playbook());
}

#[test]
fn no_narrower_layer_lifts_a_freeze() {
    assert!(resolved(&[r#"{"freeze": true}"#, r#"{"freeze": false}"#]).freeze);
    assert!(resolved(&[r#"{"freeze": false}"#, r#"{"freeze": true}"#]).freeze);
    assert!(!resolved(&[r#"{"freeze": false}"#, "{}"]).freeze);
}
