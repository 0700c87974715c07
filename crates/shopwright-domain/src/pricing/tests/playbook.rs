//! The founding playbook to the cent, and where binary floating point would miss it.

use crate::pricing::{PriceFacts, decide};

use super::{facts, reasons, rules_policy};

/// What the playbook charges for this base price, net units of seven days and stock.
fn playbook_price(currency: &str, base: i64, units: i64, stock: Option<i64>) -> i64 {
    let facts = PriceFacts {
        currency: currency.parse().unwrap(),
        base_minor: Some(base),
        cost_minor: Some(0),
        units_7d: Some(units),
        units_28d: Some(units),
        available: stock,
        ..facts()
    };
    let decision = decide(&facts, &rules_policy("{}")).unwrap();
    decision.playbook_price_minor.unwrap()
}

fn check(currency: &str, base: i64, (units, stock): (i64, i64), want: i64) {
    let price = playbook_price(currency, base, units, Some(stock));
    assert_eq!(price, want, "{currency} {base}, {units} sold, {stock} left");
}

#[test]
fn the_playbook_is_reproduced_to_the_cent() {
    // No demand: only the stock speaks, with its steps below 10 and below 50.
    check("EUR", 1000, (0, 120), 1000);
    check("EUR", 1000, (0, 51), 1000);
    check("EUR", 1000, (0, 50), 1000);
    check("EUR", 1000, (0, 49), 1200);
    check("EUR", 1000, (0, 11), 1200);
    check("EUR", 1000, (0, 10), 1200);
    check("EUR", 1000, (0, 9), 1500);
    check("EUR", 1000, (0, 1), 1500);
    check("EUR", 1000, (0, 0), 1500);
    check("EUR", 1000, (0, -3), 1500);
    // Demand: a score of units / 700, at most 1, worth up to half the price.
    check("EUR", 1000, (7, 120), 1005);
    check("EUR", 1000, (70, 120), 1050);
    check("EUR", 1000, (350, 120), 1250);
    check("EUR", 1000, (699, 120), 1499);
    check("EUR", 1000, (700, 120), 1500);
    check("EUR", 1000, (701, 120), 1500);
    check("EUR", 1000, (1_000_000, 120), 1500);
    // More returned than sold counts as nothing sold.
    check("EUR", 1000, (-40, 120), 1000);
    check("EUR", 1000, (i64::MIN, 120), 1000);
    // Both, and the upper bound of twice the base.
    check("EUR", 1000, (350, 49), 1500);
    check("EUR", 1000, (350, 9), 1875);
    check("EUR", 1000, (700, 49), 1800);
    check("EUR", 1000, (466, 9), 1999);
    check("EUR", 1000, (467, 9), 2000);
    check("EUR", 1000, (700, 9), 2000);
    check("EUR", 1299, (38, 9), 2001);
    // Halves go to the even cent: 1498.5, 1873.5, 7.5 and 4.5 minor units.
    check("EUR", 999, (0, 9), 1498);
    check("EUR", 1249, (0, 9), 1874);
    check("EUR", 5, (0, 9), 8);
    check("EUR", 3, (0, 9), 4);
    check("EUR", 1, (0, 49), 1);
    check("EUR", 1, (0, 9), 2);
    // Yen have no minor unit, dinars three digits.
    check("JPY", 1999, (120, 120), 2170);
    check("JPY", 1999, (0, 9), 2998);
    check("JPY", 777, (33, 30), 954);
    check("KWD", 12_345, (38, 9), 19_020);
    check("KWD", 4_999, (250, 30), 7_070);
}

#[test]
fn untracked_stock_says_nothing() {
    assert_eq!(playbook_price("EUR", 1000, 70, None), 1050);
}

/// The table of `docs/pricing.md`: an IEEE 754 double in major units, rounded to two places, ends
/// on the other cent in every row.
#[test]
fn exact_decimals_keep_the_cent_that_binary_floats_lose() {
    check("EUR", 255, (140, 120), 280);
    check("EUR", 255, (420, 120), 332);
    check("EUR", 299, (0, 5), 448);
    check("EUR", 395, (140, 120), 434);
    check("EUR", 425, (28, 120), 434);
    check("EUR", 425, (224, 5), 740);
    check("EUR", 425, (490, 30), 688);
    check("EUR", 499, (700, 120), 748);
    check("EUR", 595, (450, 30), 944);
    check("EUR", 649, (0, 5), 974);
    check("EUR", 795, (0, 5), 1192);
    check("EUR", 850, (35, 30), 1046);
    check("EUR", 850, (364, 5), 1606);
    check("EUR", 1249, (350, 30), 1874);
}

#[test]
fn the_reasons_add_up_to_the_playbook_price_in_order() {
    let base =
        |units, stock| PriceFacts { units_7d: Some(units), available: Some(stock), ..facts() };
    let check = |facts: &PriceFacts, want: &[&str]| {
        assert_eq!(reasons(&decide(facts, &rules_policy("{}")).unwrap()), want);
    };
    check(&base(38, 9), &["demand 27", "inventory 514"]);
    check(&base(700, 9), &["demand 500", "inventory 750", "rules_bounds -250"]);
    check(&base(0, 120), &["demand 0", "inventory 0"]);
}

#[test]
fn a_reason_says_the_fact_and_what_it_does() {
    let facts = PriceFacts { units_7d: Some(38), available: Some(9), ..facts() };
    let decision = decide(&facts, &rules_policy("{}")).unwrap();
    let said: Vec<_> = decision.reasons.iter().map(|r| r.sentence.as_str()).collect();
    assert_eq!(
        said,
        [
            "38 sold in the last 7 days: the price rises 2.71 %.",
            "9 left to sell, fewer than 10: the price rises 50 %.",
        ]
    );
    assert_eq!(decision.reasons[0].signal, serde_json::json!({ "units_7d": 38 }));
}
