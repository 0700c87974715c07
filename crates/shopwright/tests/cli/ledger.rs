//! `migrate` and `verify`.

use shopwright_store::StoreError;

use crate::harness::Shop;

#[test]
fn a_new_ledger_migrates_once() {
    let shop = Shop::new();
    let first = shop.run(&["migrate", "--json"]).assert_code(0).json();
    let second = shop.run(&["migrate", "--json"]).assert_code(0).json();
    assert_eq!(first["from"], 0);
    assert_eq!((&second["from"], &second["to"]), (&first["to"], &first["to"]));
    shop.run(&["verify"]).assert_code(0);
}

#[test]
fn a_command_that_asks_makes_no_ledger() {
    let shop = Shop::new();
    for arguments in [["verify", "--json"], ["keys", "list"]] {
        shop.run(&arguments).assert_says(2, &["there is no ledger in ./data"]);
    }
    shop.run(&["price", "show", "85123A"]).assert_says(2, &["shopwright import"]);
    assert!(!shop.path("data").exists());
}

#[test]
fn broken_books_are_named_row_by_row_and_exit_with_1() {
    let shop = Shop::with_orders();
    shop.run(&["verify"]).assert_code(0);
    shop.tamper(|tx| {
        let changed = tx.execute(
            "UPDATE orders SET amount_minor = amount_minor + 1 WHERE external_id = '536365'",
            &[],
        )?;
        assert_eq!(changed, 1);
        Ok::<_, StoreError>(())
    });
    let json = shop.run(&["verify", "--json"]).assert_code(1).json();
    assert_eq!(json["holds"], false);
    let broken: Vec<_> = json["rules"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|rule| rule["broken"] != serde_json::json!([]))
        .collect();
    assert_eq!((broken.len(), &broken[0]["rule"]), (1, &"order_amounts".into()));
    assert!(broken[0]["broken"][0].as_str().unwrap().contains("536365: expected 1869, found 1870"));
    let text = shop.run(&["verify"]).assert_code(1).out;
    assert!(text.contains("BROKEN 1 row") && text.contains("The books do not hold."), "{text}");
}

#[test]
fn a_price_that_nobody_decided_breaks_the_books() {
    let shop = Shop::with_orders();
    shop.tamper(|tx| {
        tx.execute("UPDATE prices SET amount_minor = 1 WHERE sku = '85123A'", &[]).map(drop)
    });
    let json = shop.run(&["verify", "--json"]).assert_code(1).json();
    let rule = |name: &str| {
        let rules = json["rules"].as_array().unwrap();
        rules.iter().find(|rule| rule["rule"] == name).unwrap()["broken"].clone()
    };
    assert_eq!(rule("prices_decided"), serde_json::json!(["85123A: expected 255, found 1"]));
}
