//! Exports of other shops: what they add up to, that a second run changes nothing, and what is refused.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::json;

use crate::harness::{Shop, gzip};

const ORDERS: &str = "\
Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Accepts Marketing,Currency,Subtotal,Shipping,Taxes,Total,Discount Code,Discount Amount,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Shipping Name,Shipping Zip,Shipping Country,Payment Method,Refunded Amount,Id,Colour
#1001,ada@example.com,paid,2026-03-15 10:15:00 -0400,fulfilled,2026-03-16 09:00:00 -0400,yes,EUR,25.00,4.90,0.00,29.90,SPRING,5.00,2026-03-15 10:14:00 -0400,2,\"Candle, \"\"big\"\"\nred\",10.00,K-1,Ada L,'01234,DE,stripe,0.00,5001,
#1001,ada@example.com,,,,,,,,,,,,,2026-03-15 10:14:00 -0400,1,Wick,10.00,K-2,,,,,,,
#1002,bob@example.com,partially_refunded,2026-03-15 11:15:00 -0400,,,no,EUR,10.00,0.00,1.90,11.90,,0.00,2026-03-15 11:14:00 -0400,1,Candle,10.00,K-1,,,,stripe,5.00,5002,
#1003,,voided,,,,no,EUR,10.00,0.00,0.00,10.00,,0.00,2026-03-15 12:14:00 -0400,1,Candle,10.00,K-1,,,,manual,0.00,5003,
";

const PRODUCTS: &str = "\
Handle,Title,Vendor,Variant SKU,Variant Inventory Tracker,Variant Inventory Qty,Variant Price,Cost per item,Image Src
candle,Candle,Acme,K-1,shopify,7,10.00,4.00,https://cdn.example/1.jpg
candle,,,,,,,,https://cdn.example/2.jpg
wick,Wick,Acme,K-2,,,10.00,,
";

fn rows(read: u64, written: u64, unchanged: u64, rejected: u64) -> serde_json::Value {
    json!({ "read": read, "written": written, "unchanged": unchanged, "rejected": rejected })
}

/// Imports twice: the second time everything is there already, and the books hold.
fn import_twice(shop: &Shop, arguments: &[&str], first: serde_json::Value) -> serde_json::Value {
    let arguments = [&["import"], arguments, &["--json"]].concat();
    let one = shop.run(&arguments).assert_code(0).json();
    assert_eq!(one["rows"], first, "{arguments:?}");
    let two = shop.run(&arguments).assert_code(0).json();
    let read = first["read"].as_u64().unwrap();
    let rejected = first["rejected"].as_u64().unwrap();
    assert_eq!(two["rows"], rows(read, 0, read - rejected, rejected), "{arguments:?}");
    assert_eq!(shop.run(&["verify", "--json"]).assert_code(0).json()["holds"], true);
    one
}

#[test]
fn orders_of_shopify_are_booked_once_with_their_payments_refunds_and_people() {
    let shop = Shop::new();
    shop.file("orders.csv", format!("\u{feff}{}", ORDERS.replace('\n', "\r\n")));
    let json = import_twice(&shop, &["shopify-orders", "orders.csv"], rows(4, 4, 0, 0));
    let check = |field: &str, value: serde_json::Value| assert_eq!(json[field], value, "{field}");
    check("invoices", 3.into());
    check("codes", 2.into());
    check("customers", 2.into());
    check("quantity", 5.into());
    check("amount", json!({ "EUR": "51.80" }));
    check("refunded", json!({ "EUR": "5.00" }));
    check("ignored_columns", json!(["Colour"]));
    assert_eq!(json["kinds"]["sale"], json!({ "lines": 4, "quantity": 5 }));
    assert_eq!(
        (&json["base_prices"]["found"], &json["prices"]["evaluated"]),
        (&2.into(), &2.into())
    );
    let price = shop.run(&["price", "show", "K-1", "--json"]).assert_code(0).json();
    assert_eq!(price["base_price"]["amount"], 1_000);
}

#[test]
fn a_later_export_moves_the_same_orders_on() {
    let shop = Shop::new();
    shop.file("first.csv", ORDERS);
    let later = ORDERS.replace("stripe,5.00,5002", "stripe,11.90,5002");
    shop.file("later.csv", later.replace("partially_refunded", "refunded"));
    shop.run(&["import", "shopify-orders", "first.csv"]).assert_code(0);
    let json = shop.run(&["import", "shopify-orders", "later.csv", "--json"]).assert_code(0).json();
    assert_eq!(json["rows"], rows(4, 1, 3, 0));
    // The older file once more takes nothing back.
    let json = shop.run(&["import", "shopify-orders", "first.csv", "--json"]).assert_code(0).json();
    assert_eq!(json["rows"], rows(4, 0, 4, 0));
    shop.file("other.csv", ORDERS.replace("0.00,10.00,,0.00", "0.00,12.00,,0.00"));
    let json = shop.run(&["import", "shopify-orders", "other.csv", "--json"]).assert_code(0).json();
    assert_eq!(json["rows"], rows(4, 0, 3, 1));
    let rejects =
        std::fs::read_to_string(shop.path(json["rejects_file"].as_str().unwrap())).unwrap();
    assert!(rejects.contains("booked with another total"), "{rejects}");
    shop.run(&["verify"]).assert_code(0);
}

#[test]
fn products_stock_and_customers_of_shopify_come_in_and_a_second_run_changes_nothing() {
    let shop = Shop::new();
    shop.file("products.csv", PRODUCTS);
    let json = import_twice(&shop, &["shopify-products", "products.csv"], rows(3, 2, 1, 0));
    assert_eq!(json["products"], 2);
    let price = shop.run(&["price", "show", "K-1", "--json"]).assert_code(0).json();
    assert_eq!(
        (&price["cost"]["amount"], &price["base_price"]["amount"]),
        (&400.into(), &1_000.into())
    );

    let stock = "Handle,Title,SKU,Location,On hand (current)\n\
                 candle,Candle,K-1,Main Street 5,12\nwick,Wick,K-2,Main Street 5,not stocked\n";
    shop.file("stock.csv", stock);
    let json = import_twice(&shop, &["shopify-inventory", "stock.csv"], rows(2, 1, 1, 0));
    assert_eq!(json["counts"], 1);
    let price = shop.run(&["price", "show", "K-1", "--json"]).assert_code(0).json();
    assert_eq!(price["on_hand"], 12);

    let people = "Customer ID,First Name,Last Name,Email,Accepts Email Marketing,Tags\n\
                  '71,Ada,L,ada@example.com,yes,vip\n'72,Bob,,not an address,no,\n";
    shop.file("people.csv", people);
    let json = import_twice(&shop, &["shopify-customers", "people.csv"], rows(2, 1, 0, 1));
    assert_eq!(json["people"], 2);
}

#[test]
fn products_of_woocommerce_and_payments_of_stripe_come_in_once() {
    let shop = Shop::new();
    let products = "ID,Type,SKU,Name,Published,Stock,Regular price,Sale price,Parent\n\
                    1,variable,T,Tee,1,,,,\n2,variation,T-S,Tee - S,1,4,20,15,id:1\n";
    shop.file("woo.csv.gz", gzip(products));
    import_twice(
        &shop,
        &["woocommerce-products", "woo.csv.gz", "--currency", "EUR"],
        rows(2, 1, 1, 0),
    );
    let payments = "id,Description,Created (UTC),Amount,Amount Refunded,Currency,Status,Customer Email\n\
                    ch_1,Candle,2026-03-15 10:14,12.00,2.00,eur,Paid,ada@example.com\n\
                    ch_2,Wick,2026-03-15 11:14,5.00,0.00,eur,Failed,\n";
    shop.file("stripe.csv", payments);
    let json = import_twice(&shop, &["stripe-payments", "stripe.csv"], rows(2, 1, 1, 0));
    assert_eq!(
        (&json["amount"]["EUR"], &json["refunded"]["EUR"]),
        (&"12.00".into(), &"2.00".into())
    );
}

#[test]
fn a_payment_that_names_an_order_belongs_to_it() {
    let shop = Shop::new();
    let pending = ORDERS.replace("voided", "pending");
    shop.file("orders.csv", pending);
    shop.run(&["import", "shopify-orders", "orders.csv"]).assert_code(0);
    let payments = "id,Created (UTC),Amount,Amount Refunded,Currency,Status,order_id (metadata)\n\
                    ch_1,2026-03-16 10:14,29.90,0.00,eur,Paid,5001\n\
                    ch_3,2026-03-16 10:14,10.00,0.00,eur,Paid,5003\n";
    shop.file("stripe.csv", payments);
    import_twice(&shop, &["stripe-payments", "stripe.csv"], rows(2, 1, 1, 0));
}

#[test]
fn a_table_of_any_origin_is_guessed_mapped_and_booked() {
    let shop = Shop::new();
    let sales = "Bestellnummer;Datum;Artikelnummer;Menge;Einzelpreis;Bezeichnung\n\
                 A-1;24.12.2025 18:00;K7;2;1.299,50;Kerze\n\
                 A-1;24.12.2025 18:00;K8;1;3,20;Docht\n\
                 A-2;25.12.2025 09:00;K8;1;3,20;Docht\n";
    shop.file("sales.csv", sales);
    let json = shop.run(&["import", "csv", "sales.csv", "--guess", "--json"]).assert_code(0).json();
    assert_eq!((&json["kind"], &json["columns"]["at"]), (&"orders".into(), &"Datum".into()));
    assert_eq!(json["formats"]["decimal"], "comma");
    let arguments = ["csv", "sales.csv", "--mapping", "sales.csv.mapping.toml"];
    let dry = shop.run(&[&["import"], &arguments[..], &["--dry-run", "--json"]].concat());
    let dry = dry.assert_code(0).json();
    assert_eq!((&dry["rows"], &dry["dry_run"]), (&rows(3, 0, 3, 0), &true.into()));
    let json = import_twice(&shop, &arguments, rows(3, 3, 0, 0));
    assert_eq!(json["amount"].as_object().unwrap().values().next().unwrap(), "2605.40");
    shop.file("bad.toml", "kind = \"orders\"\n[columns]\nsku = \"Nummer\"\n");
    shop.run(&["import", "csv", "sales.csv", "--mapping", "bad.toml"])
        .assert_says(2, &["nothing says what is the `order_id`", "nothing was imported"]);
    shop.file("bad.toml", "kind = \"tulips\"\n");
    shop.run(&["import", "csv", "sales.csv", "--mapping", "bad.toml"])
        .assert_says(2, &["cannot read bad.toml", "tulips"]);
}

#[test]
fn refused_rows_are_in_a_file_that_no_spreadsheet_runs_with_their_line_and_reason() {
    let shop = Shop::new();
    let bad = "Handle,Title,Variant SKU,Variant Price\n\
               a,=1+1,K-1,ten\nb,Nul\0,K-2,1.00\nc,Short\nd,Good,K-3,1.00\n";
    shop.file("products.csv", bad);
    let json =
        shop.run(&["import", "shopify-products", "products.csv", "--json"]).assert_code(0).json();
    assert_eq!(json["rows"], rows(4, 1, 0, 3));
    let rejects =
        std::fs::read_to_string(shop.path(json["rejects_file"].as_str().unwrap())).unwrap();
    let lines: Vec<&str> = rejects.lines().collect();
    assert!(lines[0].starts_with("line,reason,Handle"), "{rejects}");
    assert!(lines[1].starts_with("2,") && lines[1].contains("'=1+1"), "{rejects}");
    assert!(lines[2].starts_with("3,") && lines[2].contains("NUL"), "{rejects}");
    assert!(lines[3].starts_with("4,") && lines[3].contains("2 fields where 4"), "{rejects}");
    shop.run(&["verify"]).assert_code(0);
}

#[test]
fn a_file_that_is_no_such_export_is_refused_before_anything_is_booked() {
    let shop = Shop::new();
    shop.file("wrong.csv", "a,b\n1,2\n");
    let check = |layout: &str, part: &str| {
        shop.run(&["import", layout, "wrong.csv"]).assert_says(
            2,
            &["does not have the columns of this layout", part, "nothing was imported"],
        );
    };
    check("shopify-orders", "missing Name, Created at");
    check("shopify-products", "missing Handle, Variant SKU, Title");
    check("shopify-customers", "missing Email");
    check("shopify-inventory", "missing SKU, Location");
    check("woocommerce-products", "missing ID, Type, SKU, Name");
    check("stripe-payments", "missing id, Amount");
    shop.file("wide.csv", format!("{}\n1\n", "x".repeat(10 << 20)));
    shop.run(&["import", "shopify-orders", "wide.csv"]).assert_says(2, &["longer than 1 MiB"]);
    let bomb = gzip(&format!("Name,Email\n\"{}\"\n", " ".repeat(4 << 20)));
    shop.file("bomb.csv.gz", bomb);
    shop.run(&["import", "shopify-orders", "bomb.csv.gz"]).assert_says(2, &["longer than 1 MiB"]);
}

#[test]
fn an_order_of_more_rows_than_any_order_has_is_refused_and_the_rest_is_booked() {
    let shop = Shop::new();
    let mut text = ORDERS.to_owned();
    for _ in 0..2_500 {
        text.push_str(
            "#9,x@example.com,,,,,,,,,,,,,2026-03-15 10:14:00 -0400,1,Wick,10.00,K-2,,,,,,,\n",
        );
    }
    shop.file("orders.csv", text);
    let json =
        shop.run(&["import", "shopify-orders", "orders.csv", "--json"]).assert_code(0).json();
    assert_eq!((&json["rows"]["written"], &json["rows"]["rejected"]), (&4.into(), &2_500.into()));
    shop.run(&["verify"]).assert_code(0);
}

#[test]
fn an_import_that_was_killed_goes_on_and_ends_with_the_books_of_one_that_was_not() {
    let header = ORDERS.lines().next().unwrap();
    let mut text = format!("{header}\n");
    for number in 0..600 {
        let total = if number % 50 == 7 { "abc" } else { "10.00" };
        writeln!(
            text,
            "#{number},p{number}@example.com,paid,,,,no,EUR,10.00,0.00,0.00,{total},,0.00,2026-03-15 11:14:00 -0400,1,Candle,10.00,K-{},,,,stripe,0.00,{number},",
            number % 40
        )
        .unwrap();
    }
    let (killed, whole) = (Shop::new(), Shop::new());
    killed.file("orders.csv", &text);
    whole.file("orders.csv", &text);
    let arguments = ["import", "shopify-orders", "orders.csv"];
    let mut child = killed.command(&arguments).stdout(Stdio::null()).spawn().unwrap();
    let told = BufReader::new(child.stderr.take().unwrap()).lines();
    let booked = told.map_while(Result::ok).filter(|line| line.starts_with("rows:"));
    assert_eq!(booked.take(2).count(), 2, "the import ended before it was killed");
    child.kill().unwrap();
    child.wait().unwrap();
    killed.run(&["verify"]).assert_code(0);
    let json =
        |shop: &Shop| shop.run(&[&arguments[..], &["--json"]].concat()).assert_code(0).json();
    let (resumed, straight) = (json(&killed), json(&whole));
    for field in ["invoices", "codes", "customers", "quantity", "amount", "kinds"] {
        assert_eq!(resumed[field], straight[field], "{field}");
    }
    assert_eq!(straight["rows"], rows(600, 588, 0, 12));
    let sum = ["written", "unchanged"].map(|n| resumed["rows"][n].as_u64().unwrap());
    assert_eq!(sum.iter().sum::<u64>(), 588, "{resumed}");
    let again = json(&killed);
    assert_eq!(again["rows"], rows(600, 0, 588, 12));
    killed.run(&["verify"]).assert_code(0);
}

#[test]
fn a_query_of_the_shops_own_database_comes_in_like_a_file() {
    let shop = Shop::new();
    // An empty file is an empty database.
    shop.file("shop.db", "");
    let query = "SELECT column1 AS order_id, column2 AS at, column3 AS sku, column4 AS quantity,
                        column5 AS unit_price
                 FROM (VALUES ('1', '2026-03-15 10:14:00', 'K-1', 2, '10.50'),
                              ('1', '2026-03-15 10:14:00', 'K-2', 1, 3.25),
                              ('2', '2026-03-16', 'K-1', 1, 'ten'))";
    let json = import_twice(
        &shop,
        &["sql", "--url", "sqlite:shop.db", "--query", query],
        rows(3, 2, 0, 1),
    );
    assert_eq!((&json["source"], &json["quantity"]), (&"sql".into(), &3.into()));
    let left = std::fs::read_dir(shop.path("data")).unwrap();
    let kept = left.flatten().any(|file| file.file_name().to_string_lossy().starts_with("query-"));
    assert!(!kept, "the rows of the query stay in the data folder");
    let stock = "SELECT 'K-1' AS sku, 5 AS quantity UNION ALL SELECT 'K-2', 6";
    let arguments = ["sql", "--url", "sqlite:shop.db", "--kind", "inventory", "--query", stock];
    import_twice(&shop, &arguments, rows(2, 2, 0, 0));
    let check = |url: &str, query: &str, parts: &[&str]| {
        shop.run(&["import", "sql", "--url", url, "--query", query]).assert_says(2, parts);
    };
    check("sqlite:shop.db", "CREATE TABLE sales (sku TEXT)", &["only reads"]);
    check("sqlite:shop.db", "SELECT 'K-1' AS sku", &["missing order_id, at, quantity, unit_price"]);
    check("sqlite:none.db", "SELECT 1", &["cannot open the shop's database"]);
    check("mysql://x", "SELECT 1", &["postgres://user@host/name or sqlite:path"]);
}
