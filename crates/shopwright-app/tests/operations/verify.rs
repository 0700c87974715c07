//! `verify` finds what is wrong: corruptions planted with raw SQL, each named by its rule.

use std::collections::BTreeMap;
use std::path::Path;

use shopwright_store::verify;

use crate::harness::{HEADER, Shop, finds_planted, on_both};

fn books(shop: &Shop) {
    let history = format!(
        "{HEADER}\
536365,A-1,LAMP,6,2011-03-02 08:26:00,2.55,17850,United Kingdom
536366,A-1,LAMP,1,2011-03-02 09:26:00,2.55,17850,United Kingdom
C536367,A-1,LAMP,-2,2011-03-03 08:26:00,2.55,17850,United Kingdom
536368,A-1,damaged,-3,2011-03-04 08:26:00,0,,United Kingdom
"
    );
    shop.import_orders(&shop.file("orders.csv", history)).unwrap();
    shop.import_catalog("sku,cost,opening_stock,counted_at\nA-1,1.00,100,2011-03-01T12:00:00Z\n")
        .unwrap();
    shop.refresh();
    shop.assert_books_hold();
}

fn check(rule: &'static str, sql: &'static str, names: &str) {
    finds_planted(books, (rule, sql, names));
}

#[test]
fn planted_corruptions_of_stock_are_found() {
    check(
        "stock_levels",
        "UPDATE stock_levels SET on_hand = on_hand + 1",
        "A-1 @ main: expected 92, found 93",
    );
    check("stock_levels", "DELETE FROM stock_movements WHERE reason = 'write_off'", "A-1 @ main");
    check(
        "movements_after_count",
        "UPDATE stock_levels SET counted_at = (SELECT MAX(at) FROM order_lines)",
        "sale",
    );
    check(
        "movements_after_count",
        "UPDATE stock_levels SET counted_at = (SELECT MAX(at) FROM refund_lines)",
        "opening_count",
    );
    check(
        "lines_moved_stock",
        "UPDATE stock_movements SET quantity = quantity - 1 WHERE reason = 'sale'",
        "expected -6, found -7",
    );
    check(
        "lines_moved_stock",
        "DELETE FROM stock_movements WHERE reason = 'refund'",
        "expected 2, found nothing",
    );
}

#[test]
fn planted_corruptions_of_documents_are_found() {
    check(
        "order_amounts",
        "UPDATE orders SET amount_minor = amount_minor + 1 WHERE external_id = '536365'",
        "536365: expected 1530, found 1531",
    );
    check("order_amounts", "DELETE FROM order_lines WHERE quantity = 1", "536366");
    check(
        "refund_amounts",
        "UPDATE refunds SET amount_minor = 0",
        "C536367: expected -510, found 0",
    );
    check("refund_amounts", "UPDATE refund_lines SET amount_minor = -1", "expected -1, found -510");
}

#[test]
fn planted_corruptions_of_prices_are_found() {
    check(
        "prices_decided",
        "UPDATE prices SET amount_minor = amount_minor + 1",
        "A-1: expected 255, found 256",
    );
    check(
        "prices_decided",
        "UPDATE price_decisions SET to_minor = 1",
        "A-1: expected 1, found 255",
    );
    check(
        "decisions_chain",
        "UPDATE price_decisions SET from_minor = 7",
        "A-1 1: expected no price, found 7",
    );
    check("decisions_chain", "UPDATE price_decisions SET from_minor = 0", "A-1 1");
    check(
        "prices_positive",
        "UPDATE prices SET amount_minor = 0",
        "A-1: expected above 0, found 0",
    );
    check("prices_positive", "UPDATE prices SET amount_minor = -5", "A-1");
}

/// Counts the calls of `check` with a rule's name in the tests of all crates.
fn count_checks(folder: &Path, counts: &mut BTreeMap<String, usize>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            count_checks(&path, counts);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            for call in text.split("check(").skip(1) {
                let Some(name) = call.trim_start().strip_prefix('"') else { continue };
                let Some((name, rest)) = name.split_once('"') else { continue };
                if rest.starts_with(',') {
                    *counts.entry(name.to_owned()).or_default() += 1;
                }
            }
        }
    }
}

#[test]
fn every_rule_is_tested_by_two_planted_corruptions_or_more() {
    let mut counts = BTreeMap::new();
    for of in ["shopwright-app", "shopwright-store"] {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        count_checks(&crates.join(of).join("tests"), &mut counts);
    }
    on_both(|shop| {
        let rules = shop.read(verify::verify);
        assert!(rules.len() > 20, "{rules:?}");
        for rule in rules {
            let planted = counts.get(rule.rule).copied().unwrap_or_default();
            assert!(planted >= 2, "{} is tested by {planted} corruptions", rule.rule);
        }
    });
}
