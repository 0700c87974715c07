//! Imports: what is booked, what is refused and why, and that a second run changes nothing.

use serde_json::json;

use crate::harness::{ORDERS, Shop, gzip, orders_text};

const IMPORT: &[&str] = &["import", "online-retail", "orders.csv", "--json"];

#[test]
fn a_plain_and_a_compressed_file_give_the_same_summary() {
    for name in ["orders.csv", "orders.csv.gz"] {
        let shop = Shop::new();
        let text = orders_text(ORDERS);
        shop.file(name, if name.ends_with("gz") { gzip(&text) } else { text.into_bytes() });
        let json = shop.run(&["import", "online-retail", name, "--json"]).assert_code(0).json();
        assert_eq!(json["rows"], json!({ "read": 5, "written": 5, "unchanged": 0, "rejected": 0 }));
        let check =
            |field: &str, value: serde_json::Value| assert_eq!(json[field], value, "{field}");
        check("invoices", 4.into());
        check("orders", 3.into());
        check("refunds", 1.into());
        check("codes", 3.into());
        check("customers", 1.into());
        check("quantity", 15.into());
        check("exact", "34.89".into());
        check("booked", "34.89".into());
        check("difference", "0.00".into());
        check("currency", "GBP".into());
        check("anonymous_lines", 1.into());
        check("first_at", "2010-12-01T08:26:00Z".into());
        assert_eq!(json["ledger"]["amount_minor"], 3489);
        let kinds: Vec<_> =
            json["kinds"].as_array().unwrap().iter().map(|k| k["kind"].clone()).collect();
        assert_eq!(kinds, ["sale", "refund", "shipping"]);
        shop.run(&["verify"]).assert_code(0);
    }
}

#[test]
fn amounts_finer_than_a_penny_are_reconciled_and_explained() {
    let shop = Shop::new();
    let row = "540699,PADS,PADS TO MATCH ALL CUSHIONS,1,2011-01-11 09:32:00,0.001,14911,EIRE";
    shop.orders("orders.csv", &[ORDERS[0], row]);
    let json = shop.run(IMPORT).assert_code(0).json();
    assert_eq!((&json["exact"], &json["booked"]), (&"15.301".into(), &"15.30".into()));
    assert_eq!((&json["difference"], &json["rounded_lines"]), (&"-0.001".into(), &1.into()));
    assert!(json["difference_says"].as_str().unwrap().starts_with("1 line is finer"));
}

#[test]
fn importing_twice_changes_nothing() {
    let shop = Shop::with_orders();
    let json = shop.run(IMPORT).assert_code(0).json();
    assert_eq!(json["rows"], json!({ "read": 5, "written": 0, "unchanged": 5, "rejected": 0 }));
    assert_eq!((&json["ledger"]["lines"], &json["products_added"]), (&5.into(), &0.into()));
}

#[test]
fn a_refused_row_is_in_the_rejects_file_with_its_line_and_reason() {
    let shop = Shop::new();
    let bad = "536369,85123A,WHITE HANGING HEART,6,2010-12-04 08:26:00,abc,17850,United Kingdom";
    shop.orders("orders.csv", &[ORDERS[0], bad, ORDERS[2]]);
    let json = shop.run(IMPORT).assert_code(0).json();
    assert_eq!(json["rows"], json!({ "read": 3, "written": 2, "unchanged": 0, "rejected": 1 }));
    let rejects =
        std::fs::read_to_string(shop.path(json["rejects_file"].as_str().unwrap())).unwrap();
    let row = rejects.lines().nth(1).unwrap();
    assert!(row.starts_with("3,") && row.contains("abc"), "{rejects}");
    assert!(rejects.starts_with("line,reason,InvoiceNo"), "{rejects}");

    // Mended and imported again, only that row is new.
    let mended = bad.replace("abc", "2.55");
    shop.orders("orders.csv", &[ORDERS[0], &mended, ORDERS[2]]);
    let run = shop.run(&["import", "online-retail", "orders.csv", "--json", "--rejects", "r.csv"]);
    let json = run.assert_code(0).json();
    assert_eq!(json["rows"], json!({ "read": 3, "written": 1, "unchanged": 2, "rejected": 0 }));
    assert!(json["rejects_file"].is_null() && !shop.path("r.csv").exists());
}

#[test]
fn a_file_whose_every_row_is_refused_is_not_so() {
    let shop = Shop::new();
    shop.orders("orders.csv", &["x,85123A,HEART,1,2010-12-04 08:26:00,1,,France"]);
    let run = shop.run(IMPORT).assert_code(1);
    assert_eq!(run.json()["rows"]["rejected"], 1);
}

#[test]
fn a_file_that_cannot_be_imported_leaves_no_row_behind() {
    let shop = Shop::with_orders();
    let whole = gzip(&orders_text(&vec![ORDERS[3]; 5_000]));
    shop.file("cut.csv.gz", &whole[..whole.len() / 2]);
    shop.file("columns.csv", "InvoiceNo,StockCode,Quantity\n1,2,3\n");
    shop.file("empty.csv", "");
    let check = |file: &str, parts: &[&str]| {
        shop.run(&["import", "online-retail", file]).assert_says(2, parts);
    };
    check("cut.csv.gz", &["cut.csv.gz is not a whole gzip file", "nothing was imported"]);
    check("columns.csv", &["missing Description", "the first line must read InvoiceNo,StockCode"]);
    check("empty.csv", &["has no rows"]);
    check("gone.csv", &["cannot read gone.csv", "check the path"]);
    let json = shop.run(IMPORT).json();
    assert_eq!(json["ledger"]["lines"], 5);
}

#[test]
fn wrong_currencies_zones_and_databases_are_refused_before_anything_is_read() {
    let shop = Shop::new();
    shop.orders("orders.csv", ORDERS);
    let check = |more: &[&str], parts: &[&str]| {
        shop.run(&[IMPORT, more].concat()).assert_says(2, parts);
    };
    check(&["--currency", "POUND"], &["`POUND` is not a currency"]);
    check(&["--zone", "Europe/Londn"], &["Europe/London"]);
    check(&["--database-url", "mysql://localhost/shop"], &["postgres://"]);
    check(&["--database-url", "postgres://x@127.0.0.1:1/x"], &["unavailable", "database_url"]);
    shop.file("file", "");
    check(&["--data-dir", "file/data"], &["cannot make the data folder", "--data-dir"]);
}

#[test]
fn the_configured_currency_and_zone_hold_for_an_import_that_names_none() {
    let shop = Shop::new();
    shop.orders("orders.csv", ORDERS);
    shop.file("shopwright.toml", "currency = \"EUR\"\nzone = \"Europe/Berlin\"\n");
    let json = shop.run(IMPORT).assert_code(0).json();
    assert_eq!(
        (&json["currency"], &json["first_at"]),
        (&"EUR".into(), &"2010-12-01T07:26:00Z".into())
    );
}

#[test]
fn a_catalogue_brings_costs_and_counts_and_keeps_other_columns() {
    let shop = Shop::with_orders();
    let text = "sku,cost,opening_stock,counted_at,shelf\n\
                85123A,1.20,50,2010-12-02T00:00:00Z,A7\n22633,abc,1,,B1\n";
    shop.file("products.csv", text);
    let run = shop.run(&["import", "catalog", "products.csv", "--currency", "GBP", "--json"]);
    let json = run.assert_code(0).json();
    assert_eq!(json["rows"], json!({ "read": 2, "written": 1, "unchanged": 0, "rejected": 1 }));
    assert_eq!(json["attribute_columns"], json!(["shelf"]));
    let price = shop.run(&["price", "show", "85123A", "--json"]).assert_code(0).json();
    assert_eq!((&price["cost"]["amount"], &price["on_hand"]), (&120.into(), &48.into()));
    shop.run(&["verify"]).assert_code(0);
}

#[test]
fn competitors_prices_come_in_from_a_file_once() {
    let shop = Shop::with_orders();
    let text = "competitor,sku,price,observed_at\n\
        rival,85123A,2.40,2026-01-02T03:04:05Z\n\
        rival,NONE,2.40,2026-01-02T03:04:05Z\n";
    shop.file("theirs.csv", text);
    let import = ["import", "competitor-prices", "theirs.csv", "--currency", "GBP", "--json"];
    let first = shop.run(&import).assert_code(0).json();
    assert_eq!(first["rows"], json!({ "read": 2, "written": 1, "unchanged": 0, "rejected": 1 }));
    let again = shop.run(&import).assert_code(0).json();
    assert_eq!(again["rows"], json!({ "read": 2, "written": 0, "unchanged": 1, "rejected": 1 }));
    shop.run(&["verify"]).assert_code(0);
}

#[test]
fn events_of_a_file_are_taken_once_and_lines_that_do_not_fit_are_named() {
    let shop = Shop::new();
    let lines = [
        r#"{"id":"m1","type":"product_viewed","at":"2026-01-01T00:00:00Z","items":[{"sku":"85123A"}]}"#,
        r#"{"type":"track","messageId":"m2","event":"Product Added","userId":"c1","properties":{"sku":"85123A"}}"#,
        "",
        r#"{"type":"searched","anonymous":"v1"}"#,
        r#"{"id":"m5","type":"glanced"}"#,
        "\0\0",
    ];
    let text = lines.join("\n");
    for (name, content, written) in [
        ("events.ndjson", text.clone().into_bytes(), 3),
        ("events.ndjson", text.clone().into_bytes(), 0),
        ("events.ndjson.gz", gzip(&text), 0),
    ] {
        shop.file(name, content);
        let run = ["import", "events", name, "--json", "--rejects", "refused.csv"];
        let json = shop.run(&run).assert_code(0).json();
        let unchanged = 3 - written;
        let rows = json!({ "read": 5, "written": written, "unchanged": unchanged, "rejected": 2 });
        assert_eq!(json["rows"], rows, "{name}");
    }
    let refused = std::fs::read_to_string(shop.path("refused.csv")).unwrap();
    assert!(refused.contains("\n5,\"/type `glanced` is no type of event"), "{refused}");
    assert!(refused.contains("\n6,must be a JSON object,"), "{refused}");
    shop.run(&["verify"]).assert_code(0);
}

#[test]
fn a_damaged_archive_of_events_changes_nothing() {
    let shop = Shop::new();
    let line = "{\"id\":\"m1\",\"type\":\"searched\",\"anonymous\":\"v1\"}\n";
    let mut whole = gzip(line);
    whole.truncate(whole.len() - 6);
    shop.file("events.gz", whole);
    let failed = shop.run(&["import", "events", "events.gz", "--json"]).assert_code(2);
    assert!(failed.err.contains("at line"), "{}", failed.err);
    shop.file("events.gz", gzip(line));
    let json = shop.run(&["import", "events", "events.gz", "--json"]).assert_code(0).json();
    assert_eq!(json["rows"]["written"], 1);
}
