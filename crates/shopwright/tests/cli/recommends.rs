//! `recommend batch` and `evaluate recommend`: files in, files out, no shop needed.

use std::fmt::Write as _;
use std::fs;

use crate::harness::Shop;

/// Two tastes of ten items each; users come five times and take four.
fn train(shop: &Shop) -> String {
    let mut text = String::new();
    for user in 0..60_u64 {
        for visit in 0..5_u64 {
            for pick in 0..4_u64 {
                let item = (user * 7 + visit * 3 + pick * pick) % 10 + 10 * (user % 2);
                let time = 1_700_000_000 + (visit * 9 + user % 3) * 86_400;
                let _ = writeln!(text, "u{user}\ti{item}\tpurchase\t{time}");
            }
        }
    }
    fs::write(shop.path("train.tsv"), &text).unwrap();
    text
}

const BATCH: [&str; 8] =
    ["recommend", "batch", "--train", "train.tsv", "--queries", "q.tsv", "--out", "r.tsv"];

#[test]
fn a_batch_answers_every_query_alike_on_every_run_and_in_any_order_of_lines() {
    let shop = Shop::new();
    let text = train(&shop);
    fs::write(
        shop.path("q.tsv"),
        "a\tnobody\ti1:purchase:1700000000 i2:view:1700000000\nb\tu1\t\nc\tnew\tno-such:view:0\n",
    )
    .unwrap();
    let arguments = [&BATCH[..], &["--top", "6"]].concat();
    let said = shop.run(&arguments).assert_code(0);
    assert_eq!(said.out.lines().count(), 1, "{said:?}");
    let json = said.json();
    assert_eq!((json["queries"].as_u64(), json["items"].as_u64()), (Some(3), Some(20)));
    assert!(json["fit_seconds"].is_f64() && json["p99_us"].is_f64(), "{json}");
    let first = fs::read_to_string(shop.path("r.tsv")).unwrap();
    let lines: Vec<(&str, Vec<&str>)> = first
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(id, items)| (id, items.split(',').collect()))
        .collect();
    assert_eq!(lines.iter().map(|(id, _)| *id).collect::<Vec<_>>(), ["a", "b", "c"]);
    assert!(lines.iter().all(|(_, items)| items.len() == 6), "{first}");
    assert!(!lines[0].1.contains(&"i1") && !lines[0].1.contains(&"i2"), "{first}");

    let backwards: Vec<&str> = text.lines().rev().collect();
    fs::write(shop.path("train.tsv"), backwards.join("\n")).unwrap();
    shop.run(&arguments).assert_code(0);
    assert_eq!(first, fs::read_to_string(shop.path("r.tsv")).unwrap());
    assert!(!shop.path("data").exists(), "no ledger is made");
}

#[test]
fn a_wrong_line_is_named_with_what_to_write_and_nothing_is_written() {
    let shop = Shop::new();
    let check = |train: &str, queries: &str, parts: &[&str]| {
        fs::write(shop.path("train.tsv"), train).unwrap();
        fs::write(shop.path("q.tsv"), queries).unwrap();
        shop.run(&BATCH).assert_says(2, parts);
        assert!(!shop.path("r.tsv").exists());
    };
    let good = "u\ti\tview\t0\n";
    check("u\ti\tview\t0\nu\ti\tview\n", "", &["train.tsv: line 2", "separated by tabs"]);
    check("u\ti\tlooked\t0\n", "", &["line 1", "`looked` is no event"]);
    check("u\ti\tview\tnoon\n", "", &["line 1", "`noon` is no time"]);
    check("u\ta,b\tview\t0\n", "", &["line 1", "without commas"]);
    check("", "", &["train.tsv: no events"]);
    check(good, "q\n", &["q.tsv: line 1", "query id, user and history"]);
    check(good, "q\tu\ti:view:0\nq\tu\ti:view\n", &["q.tsv: line 2", "item:event:seconds"]);
}

#[test]
fn an_evaluation_has_a_row_a_model_and_the_blend_is_among_them() {
    let shop = Shop::new();
    train(&shop);
    let arguments = ["evaluate", "recommend", "--train", "train.tsv", "--last-days", "10"];
    let arguments = [&arguments[..], &["--report", "report.json"]].concat();
    let said = shop.run(&arguments).assert_code(0);
    assert!(said.out.contains("next basket, repeats in, 60 tasks"), "{said:?}");
    let report = fs::read_to_string(shop.path("report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let rows = report["rows"].as_array().unwrap();
    let named = |name: &str| {
        rows.iter()
            .find(|row| row["model"] == name && row["kind"] == "next basket, repeats in")
            .unwrap_or_else(|| panic!("{name} is not in {report}"))
    };
    for name in ["popularity", "EASE", "ALS", "user-kNN", "decayed counter", "blend"] {
        let row = named(name);
        let (mean, low, high) =
            (&row["ndcg@10"]["mean"], &row["ndcg@10"]["low"], &row["ndcg@10"]["high"]);
        assert!(low.as_f64() <= mean.as_f64() && mean.as_f64() <= high.as_f64(), "{row}");
        assert!(mean.as_f64() > Some(0.0), "{row}");
    }
}
