//! What a setting may be: refusals name the field and what would be valid.

use crate::pricing::{
    ENDINGS_MAX, Limit, PolicyError, PolicyFacts, PolicyPatch, Preset, PricePolicy, TABLE_ROWS_MAX,
};

use super::patch;

fn found(result: Result<(), Vec<PolicyError>>) -> Vec<String> {
    let errors = result.err().unwrap_or_default();
    assert!(errors.iter().all(|e| !e.detail.is_empty() && e.to_string().starts_with(&e.field)));
    errors.iter().map(|e| format!("{} {}", e.field, e.code)).collect()
}

/// The patch alone, in EUR.
fn check(json: &str, want: &[&str]) {
    check_in("EUR", json, want);
}

fn check_in(currency: &str, json: &str, want: &[&str]) {
    assert_eq!(found(patch(json).validate(currency.parse().unwrap())), want, "{json}");
}

#[test]
fn both_presets_written_out_are_valid_patches() {
    for preset in [Preset::Playbook, Preset::Standard] {
        let tables = serde_json::to_string(&preset.tables()).unwrap();
        check(&tables, &[]);
        let policy = PricePolicy::resolve([&patch(&tables)]);
        assert_eq!(policy.rules, preset.tables());
    }
}

#[test]
fn numbers_out_of_range_are_refused_by_field() {
    let integer = |field: &str, value: i64, valid: bool| {
        let error = format!("/{field} number_out_of_range");
        let want = if valid { vec![] } else { vec![error.as_str()] };
        check(&format!("{{\"{field}\": {value}}}"), &want);
    };
    for (field, valid, refused) in [
        ("pin_minor", [1, 1_000_000_000_000], [0, -5, 1_000_000_000_001]),
        ("margin_min_bps", [0, 9_900], [-1, 9_901, 10_000]),
        ("step_change_bps", [1, 100_000], [0, -1, 100_001]),
        ("step_day_bps", [1, 100_000], [0, -1, 100_001]),
        ("dwell_minutes", [0, 527_040], [-1, 527_041, i64::MAX]),
        ("demand_units_per_day_at_full", [1, 1_000_000], [0, -100, 1_000_001]),
        ("velocity_units_min", [0, 1_000_000], [-1, 1_000_001, i64::MIN]),
    ] {
        for value in valid {
            integer(field, value, true);
        }
        for value in refused {
            integer(field, value, false);
        }
    }
    check(r#"{"floor": {"amount_minor": 0}}"#, &["/floor/amount_minor number_out_of_range"]);
    check(r#"{"ceiling": {"factor": "-1"}}"#, &["/ceiling/factor factor_out_of_range"]);
    check(r#"{"legal_cap": {"factor": "1/3"}}"#, &["/legal_cap/factor factor_out_of_range"]);
    check(r#"{"rules_factor_max": "10.000001"}"#, &["/rules_factor_max factor_out_of_range"]);
    check(r#"{"rules_factor_min": "0.009"}"#, &["/rules_factor_min factor_out_of_range"]);
    check(r#"{"demand_weight": "-0.1"}"#, &["/demand_weight factor_out_of_range"]);
    check(r#"{"demand_weight": "0", "rules_factor_min": "0.01"}"#, &[]);
}

#[test]
fn tables_are_ordered_bounded_and_checked_row_by_row() {
    check(
        r#"{"inventory": [{"below": 50, "factor": "1.2"}, {"below": 10, "factor": "0"}]}"#,
        &["/inventory/1/factor factor_out_of_range", "/inventory rows_not_rising"],
    );
    check(
        r#"{"velocity": [{"at_least": "1", "factor": "1"}, {"at_least": "1", "factor": "2"}]}"#,
        &["/velocity rows_not_rising"],
    );
    check(
        r#"{"hours": [{"from_hour": 20, "until_hour": 20, "factor": "1"}]}"#,
        &["/hours/0/until_hour number_out_of_range"],
    );
    check(
        r#"{"hours": [{"from_hour": 8, "until_hour": 12, "factor": "1"},
                      {"from_hour": 11, "until_hour": 24, "factor": "1"}]}"#,
        &["/hours rows_not_rising"],
    );
    check(
        r#"{"weekdays": [{"weekday": 0, "factor": "1"}, {"weekday": 8, "factor": "1"}]}"#,
        &["/weekdays/0/weekday number_out_of_range", "/weekdays/1/weekday number_out_of_range"],
    );
    let rows: Vec<_> = (1..=TABLE_ROWS_MAX + 1)
        .map(|below| format!(r#"{{"below": {below}, "factor": "1"}}"#))
        .collect();
    check(&format!(r#"{{"inventory": [{}]}}"#, rows.join(",")), &["/inventory too_many_rows"]);
}

#[test]
fn endings_are_the_last_digits_of_a_price_in_the_currency() {
    check(r#"{"endings": ["99", "95", "00", "9"]}"#, &[]);
    check(r#"{"endings": ["99", "990"]}"#, &["/endings/1 not_an_ending"]);
    check(r#"{"endings": [""]}"#, &["/endings/0 not_an_ending"]);
    check(r#"{"endings": [".9"]}"#, &["/endings/0 not_an_ending"]);
    check_in("KWD", r#"{"endings": ["990"]}"#, &[]);
    check_in("JPY", r#"{"endings": ["80"]}"#, &[]);
    check_in("JPY", r#"{"endings": ["980"]}"#, &["/endings/0 not_an_ending"]);
    let many = vec!["\"99\""; ENDINGS_MAX + 1].join(",");
    check(&format!(r#"{{"endings": [{many}]}}"#), &["/endings too_many_endings"]);
}

#[test]
fn unknown_fields_names_and_types_never_become_a_patch() {
    for wrong in [
        r#"{"flor": {"factor": "0.8"}}"#,
        r#"{"strategy": "surge"}"#,
        r#"{"preset": "aggressive"}"#,
        r#"{"floor": 900}"#,
        r#"{"floor": {"amount_minor": 9.5}}"#,
        r#"{"floor": {"factor": 0.8}}"#,
        r#"{"floor": {"factor": "NaN"}}"#,
        r#"{"floor": {"factor": "1e9"}}"#,
        r#"{"floor": {"factor": "0.8", "amount_minor": 9}}"#,
        r#"{"pin_minor": "1299"}"#,
        r#"{"pin_minor": 99999999999999999999}"#,
        r#"{"freeze": "yes"}"#,
        r#"{"inventory": [{"below": 10, "factor": "1.5", "note": "x"}]}"#,
        r#"{"customer": "anna"}"#,
    ] {
        assert!(serde_json::from_str::<PolicyPatch>(wrong).is_err(), "{wrong}");
    }
    assert_eq!(patch(r#"{"floor": null}"#), PolicyPatch::default());
    assert_eq!(serde_json::to_string(&PolicyPatch::default()).unwrap(), "{}");
}

#[test]
fn a_whole_policy_is_checked_against_base_cost_and_map() {
    let facts = |base_minor, cost_minor, map_minor| PolicyFacts {
        base_minor,
        cost_minor,
        map_minor,
        currency: "EUR".parse().unwrap(),
    };
    let check = |json: &str, facts: PolicyFacts, want: &[&str]| {
        let policy = PricePolicy::resolve([&patch(json)]);
        assert_eq!(found(policy.validate(&facts)), want, "{json}");
    };
    let usual = facts(Some(1000), Some(400), None);
    check("{}", usual, &[]);
    check("{}", facts(None, None, None), &[]);
    check(r#"{"floor": {"amount_minor": 2001}}"#, usual, &["/floor floor_above_ceiling"]);
    check(r#"{"floor": {"amount_minor": 2000}}"#, usual, &[]);
    check(r#"{"ceiling": {"amount_minor": 799}}"#, usual, &["/floor floor_above_ceiling"]);
    check(
        r#"{"floor": {"factor": "2.1"}}"#,
        facts(None, None, None),
        &["/floor floor_above_ceiling"],
    );
    check(
        r#"{"rules_factor_min": "2.5"}"#,
        usual,
        &["/rules_factor_min rules_factor_min_above_max"],
    );
    check("{}", facts(Some(1000), Some(2001), None), &["/ceiling cost_above_ceiling"]);
    check("{}", facts(Some(1000), Some(2000), None), &[]);
    check(
        r#"{"margin_min_bps": 5000}"#,
        facts(Some(1000), Some(1001), None),
        &["/ceiling cost_margin_above_ceiling"],
    );
    check(r#"{"pin_minor": 399}"#, usual, &["/pin_minor pin_below_cost_margin"]);
    check(
        r#"{"pin_minor": 499, "margin_min_bps": 2000}"#,
        usual,
        &["/pin_minor pin_below_cost_margin"],
    );
    check(r#"{"pin_minor": 500, "margin_min_bps": 2000}"#, usual, &[]);
    check(
        r#"{"pin_minor": 899}"#,
        facts(Some(1000), None, Some(900)),
        &["/pin_minor pin_below_map"],
    );
    check(
        r#"{"pin_minor": 1101, "legal_cap": {"factor": "1.1"}}"#,
        usual,
        &["/pin_minor pin_above_legal_cap"],
    );
    check(
        r#"{"pin_minor": 5001, "legal_cap": {"amount_minor": 5000}}"#,
        facts(None, None, None),
        &["/pin_minor pin_above_legal_cap"],
    );
}

#[test]
fn a_refusal_reads_as_what_would_be_valid() {
    let policy = PricePolicy {
        pin_minor: Some(499),
        margin_min_bps: 2_000,
        ceiling: Limit::AmountMinor(1_500),
        ..PricePolicy::resolve([])
    };
    let facts = PolicyFacts {
        base_minor: Some(1_000),
        cost_minor: Some(400),
        map_minor: None,
        currency: "EUR".parse().unwrap(),
    };
    let errors = policy.validate(&facts).unwrap_err();
    assert_eq!(
        serde_json::to_string(&errors).unwrap(),
        r#"[{"field":"/pin_minor","code":"pin_below_cost_margin","detail":"pin at 5.00 EUR or more, which is the cost with the minimum margin of 20 %"}]"#
    );
}
