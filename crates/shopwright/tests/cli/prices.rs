//! `price show` and `price explain`.

use crate::harness::Shop;

#[test]
fn a_price_is_shown_with_its_reasons_and_its_decision_replays() {
    let shop = Shop::with_orders();
    let json = shop.run(&["price", "show", "85123A", "--json"]).assert_code(0).json();
    assert_eq!(json["price"], serde_json::json!({ "amount": 255, "currency": "GBP" }));
    assert_eq!(json["history"].as_array().unwrap().len(), 1);
    assert!(!json["reasons"].as_array().unwrap().is_empty());
    let text = shop.run(&["price", "show", "85123A"]).assert_code(0).out;
    for part in ["WHITE HANGING HEART", "2.55 GBP", "Why", "--replay"] {
        assert!(text.contains(part), "{part}: {text}");
    }

    let id = json["decision_id"].as_str().unwrap();
    let json = shop.run(&["price", "explain", id, "--replay", "--json"]).assert_code(0).json();
    assert_eq!((&json["replay"]["equal"], &json["sku"]), (&true.into(), &"85123A".into()));
    assert!(shop.run(&["price", "explain", id]).assert_code(0).out.contains("Decided from"));
}

#[test]
fn a_decision_that_was_changed_afterwards_does_not_replay() {
    let shop = Shop::with_orders();
    let json = shop.run(&["price", "show", "85123A", "--json"]).assert_code(0).json();
    let id = json["decision_id"].as_str().unwrap();
    shop.tamper(|tx| {
        let sql = "UPDATE price_decisions SET decision = REPLACE(decision, '\"price_minor\":255', '\"price_minor\":254')";
        tx.execute(sql, &[]).map(drop)
    });
    let run = shop.run(&["price", "explain", id, "--replay", "--json"]).assert_code(1);
    assert_eq!(run.json()["replay"]["equal"], false);
}

#[test]
fn what_is_not_there_is_not_so_and_what_is_no_id_is_bad_input() {
    let shop = Shop::with_orders();
    let check = |arguments: &[&str], code: i32, parts: &[&str]| {
        shop.run(&[&["price"], arguments].concat()).assert_says(code, parts);
    };
    check(&["show", "85123B"], 1, &["there is no product 85123B", "did you mean 85123A?"]);
    check(&["show", "85123a"], 1, &["did you mean 85123A?"]);
    check(&["show", ""], 2, &[]);
    check(&["explain", "dec_01h455vb4pex5vsknk084sn02q"], 1, &["there is no decision"]);
    check(&["explain", "85123A"], 2, &["dec_01h455vb4pex5vsknk084sn02q"]);
}

#[test]
fn a_product_without_a_base_price_has_no_price_and_says_how_to_give_it_one() {
    let shop = Shop::with_orders();
    shop.file("products.csv", "sku,title\nNEW-1,New candle\n");
    shop.run(&["import", "catalog", "products.csv"]).assert_code(0);
    shop.run(&["price", "show", "NEW-1"]).assert_says(1, &["no price yet", "import catalog"]);
}
