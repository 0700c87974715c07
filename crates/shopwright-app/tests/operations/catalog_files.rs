//! Catalogue files: costs, counts and whatever else a shop's sheet has.

use std::fs;

use shopwright_domain::catalog::Sku;
use shopwright_store::{catalog, inventory};

use crate::harness::on_both;

fn sku(text: &str) -> Sku {
    Sku::parse(text).unwrap()
}

#[test]
fn columns_are_found_by_name_and_unknown_ones_are_kept_as_attributes() {
    on_both(|shop| {
        let summary = shop
            .import_catalog("colour,sku,cost,title,base_price,category\nred,A-1,2.50,Lamp,9.99,Home/Lamps\n,A-2,,Cup,,\n")
            .unwrap();
        assert_eq!((summary.read, summary.written, summary.rejected), (2, 2, 0));
        assert_eq!(summary.attribute_columns, ["colour"]);
        let lamp = shop.read(|tx| catalog::find(tx, &sku("A-1"))).unwrap();
        assert_eq!((lamp.base_price_minor, lamp.cost_minor), (Some(999), Some(250)));
        assert_eq!(lamp.category.as_deref(), Some("Home/Lamps"));
        assert_eq!(lamp.attributes["colour"], "red");
        let again = shop.import_catalog("sku,cost\nA-1,2.50\n").unwrap();
        assert_eq!((again.written, again.unchanged), (0, 1));
    });
}

#[test]
fn rows_that_cannot_hold_are_rejected_and_change_nothing() {
    on_both(|shop| {
        let summary = shop
            .import_catalog(
                "sku,cost,opening_stock,currency\nA,0,,\nB,-1,,\nC,abc,,\nD,1.234,,\nE,1,-5,\nF,1,2.5,\nG,1,,EURO\n,1,,\nH,1,5,\n",
            )
            .unwrap();
        assert_eq!((summary.written, summary.rejected), (1, 8));
        let rejects = fs::read_to_string(summary.rejects_file.unwrap()).unwrap();
        for says in [
            "2,cost: `0` is not above 0",
            "3,cost: `-1` is not above 0",
            "4,cost: `abc` is not a price",
            "5,cost: `1.234` has more than 2 decimal places",
            "6,opening_stock: `-5` is not a whole number",
            "7,opening_stock: `2.5` is not a whole number",
            "8,\"currency: `EURO` is not an ISO 4217 currency",
            "9,the SKU is empty",
        ] {
            assert!(rejects.contains(says), "{says}\n{rejects}");
        }
        assert_eq!(shop.number("SELECT COUNT(*) FROM products"), 1);
        assert!(
            shop.import_catalog("cost,title\n1,x\n")
                .unwrap_err()
                .to_string()
                .contains("missing sku")
        );
    });
}

#[test]
fn a_second_opening_count_is_refused_unless_it_says_the_same() {
    on_both(|shop| {
        let opened = shop.import_catalog("sku,opening_stock\nA,5\n").unwrap();
        assert_eq!((opened.counts_opened, opened.stock_movements), (1, 1));
        let same = shop.import_catalog("sku,opening_stock\nA,5\n").unwrap();
        assert_eq!((same.unchanged, same.counts_opened, same.rejected), (1, 0, 0));
        let other = shop.import_catalog("sku,opening_stock,cost\nA,6,1.00\n").unwrap();
        assert_eq!((other.written, other.rejected), (0, 1));
        let level = &shop.read(|tx| inventory::levels_of(tx, &sku("A")))[0];
        assert_eq!(level.on_hand, 5);
        // The refused row changed nothing at all, its cost included.
        assert_eq!(shop.read(|tx| catalog::find(tx, &sku("A"))).unwrap().cost_minor, None);
    });
}

#[test]
fn what_a_spreadsheet_would_run_is_text_in_the_rejects() {
    on_both(|shop| {
        let sheet = "sku,title,=cmd\nA,\"=HYPERLINK(\"\"http://evil.example\"\")\",-2,more\nB,@SUM(1),+1+1,more\n";
        let rejects = fs::read_to_string(shop.import_catalog(sheet).unwrap().rejects_file.unwrap());
        let rejects = rejects.unwrap();
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(rejects.as_bytes());
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(&rows[0], vec!["line", "reason", "sku", "title", "'=cmd"]);
        let cells = |row: usize| rows[row].iter().skip(2).collect::<Vec<_>>();
        assert_eq!(cells(1), ["A", "'=HYPERLINK(\"http://evil.example\")", "-2", "more"]);
        assert_eq!(cells(2), ["B", "'@SUM(1)", "'+1+1", "more"]);
    });
}

#[test]
fn a_head_or_row_that_is_none_is_refused_before_anything_is_written() {
    on_both(|shop| {
        let check = |sheet: &str, says: &str| {
            let error = shop.import_catalog(sheet).unwrap_err().to_string();
            assert!(error.contains(says) && error.len() < 1_000, "{says}: {error:.300}");
        };
        let long = "h".repeat(10 << 20);
        check(&format!("sku,{long}\nA,1\n"), "row 0 of");
        check(&format!("sku,{}\nA,1\n", &long[..1_000]), "column 2 is longer than 200 bytes");
        check(&format!("sku{}\nA\n", ",x".repeat(200)), "201 columns, 200 at most");
        check("sku,a\0b\nA,1\n", "column 2 has a control character");
        check(&format!("sku,title\nA,x\nB,\"{long}\n"), "row 2 of");
        check(&format!("sku,title\nA,x\nB,\"{long}\n"), "is a quote left open?");
        assert_eq!(shop.number("SELECT COUNT(*) FROM products"), 0);
    });
}
