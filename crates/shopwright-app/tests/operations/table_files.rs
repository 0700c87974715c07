//! Exports of other shops on both databases: booked once, moved on by later files, refused in part.

use std::sync::Arc;

use shopwright_app::imports::{ImportTable, TableError, TableSummary, import_table};
use shopwright_domain::platforms::cells::{DateOrder, DecimalSign, Formats};
use shopwright_domain::platforms::layout::Layout;

use crate::harness::{Shop, on_both};

const ORDERS: &str = "\
Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Currency,Subtotal,Shipping,Taxes,Total,Discount Amount,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Cancelled at,Payment Method,Refunded Amount,Id
#1,ada@example.com,paid,2010-03-15 10:15:00 +0000,fulfilled,2010-03-16 09:00:00 +0000,EUR,25.00,4.90,0.00,29.90,5.00,2010-03-15 10:14:00 +0000,2,Candle,10.00,K-1,,stripe,0.00,51
#1,ada@example.com,,,,,,,,,,,2010-03-15 10:14:00 +0000,1,Wick,10.00,K-2,,,,
#2,ada@example.com,refunded,2010-03-15 11:15:00 +0000,,,EUR,10.00,0.00,1.90,11.90,0.00,2010-03-15 11:14:00 +0000,1,Candle,10.00,K-1,2010-03-17 00:00:00 +0000,stripe,11.90,52
#3,,pending,,,,EUR,10.00,0.00,0.00,10.00,0.00,2010-03-15 12:14:00 +0000,1,Candle,10.00,K-1,,manual,0.00,53
";

fn import(shop: &Shop, layout: Layout, text: &str) -> Result<TableSummary, TableError> {
    let path = shop.file("table.csv", text);
    let command = ImportTable {
        rejects: path.with_extension("rejects.csv"),
        path,
        layout,
        mapping: None,
        source: layout.source().to_owned(),
        formats: Formats {
            currency: "EUR".parse().unwrap(),
            zone: jiff::tz::TimeZone::UTC,
            decimal: DecimalSign::Point,
            dates: DateOrder::DayFirst,
        },
        dry_run: false,
    };
    let (clock, ids) = (Arc::clone(&shop.clock), Arc::clone(&shop.ids));
    shop.run(import_table(&shop.store, command, clock, ids, |_| {}))
}

fn told(summary: &TableSummary) -> [u64; 4] {
    let rows = summary.rows;
    [rows.read, rows.written, rows.unchanged, rows.rejected]
}

#[test]
fn orders_are_booked_once_and_moved_on_by_what_a_later_file_shows() {
    on_both(|shop| {
        let first = import(shop, Layout::ShopifyOrders, ORDERS).unwrap();
        assert_eq!(told(&first), [4, 4, 0, 0]);
        let count = |sql: &'static str| shop.number(sql);
        let states = || {
            [
                count("SELECT COUNT(*) FROM orders WHERE state = 'fulfilled'"),
                count("SELECT COUNT(*) FROM orders WHERE state = 'refunded'"),
                count("SELECT COUNT(*) FROM orders WHERE state = 'pending'"),
                count("SELECT COUNT(*) FROM orders WHERE state = 'canceled'"),
            ]
        };
        assert_eq!(states(), [1, 1, 1, 0]);
        let sums = || {
            [
                count("SELECT CAST(SUM(amount_minor) AS BIGINT) FROM orders"),
                count("SELECT CAST(SUM(amount_minor) AS BIGINT) FROM payments"),
                count("SELECT COUNT(*) FROM customers"),
                count("SELECT COUNT(*) FROM refunds"),
            ]
        };
        assert_eq!(sums(), [2_990 + 1_190 + 1_000, 2_990 + 1_190 + 1_190, 1, 1]);
        assert_eq!(told(&import(shop, Layout::ShopifyOrders, ORDERS).unwrap()), [4, 0, 4, 0]);
        assert_eq!(sums(), [5_180, 5_370, 1, 1]);

        let voided = ORDERS.replace("#3,,pending", "#3,,voided");
        assert_eq!(told(&import(shop, Layout::ShopifyOrders, &voided).unwrap()), [4, 1, 3, 0]);
        assert_eq!(states(), [1, 1, 0, 1]);
        shop.assert_books_hold();
    });
}

#[test]
fn a_refused_thing_leaves_nothing_and_its_neighbours_are_booked() {
    on_both(|shop| {
        let people = "Customer ID,Email,First Name,Accepts Email Marketing\n\
                      1,ada@example.com,Ada,yes\n2,no address,Bob,no\n3,cy@example.com,Cy,no\n";
        let summary = import(shop, Layout::ShopifyCustomers, people).unwrap();
        assert_eq!(told(&summary), [3, 2, 0, 1]);
        assert_eq!(shop.number("SELECT COUNT(*) FROM customers"), 2);
        assert_eq!(told(&import(shop, Layout::ShopifyCustomers, people).unwrap()), [3, 0, 2, 1]);
        let reasons = std::fs::read_to_string(summary.rejects_file.unwrap()).unwrap();
        assert!(reasons.contains("\n3,"), "{reasons}");
        shop.assert_books_hold();
    });
}

#[test]
fn products_keep_what_a_file_leaves_out_and_stock_is_counted_at_its_place() {
    on_both(|shop| {
        let products = "Handle,Title,Variant SKU,Variant Price,Cost per item,Variant Inventory Tracker,Variant Inventory Qty\n\
                        candle,Candle,K-1,10.00,4.00,shopify,7\n";
        assert_eq!(told(&import(shop, Layout::ShopifyProducts, products).unwrap()), [1, 1, 0, 0]);
        let without_cost = "Handle,Title,Variant SKU,Variant Price\ncandle,Candle,K-1,11.00\n";
        assert_eq!(
            told(&import(shop, Layout::ShopifyProducts, without_cost).unwrap()),
            [1, 1, 0, 0]
        );
        assert_eq!(shop.number("SELECT cost_minor FROM products"), 400);
        assert_eq!(shop.number("SELECT base_price_minor FROM products"), 1_100);
        // Counts of all locations together would stand beside those of each.
        assert_eq!(shop.number("SELECT COUNT(*) FROM stock_levels"), 0);
        let stock = "SKU,Location,On hand (current)\nK-1,Main Street,12\nK-9,Main Street,1\n";
        assert_eq!(told(&import(shop, Layout::ShopifyInventory, stock).unwrap()), [2, 1, 0, 1]);
        assert_eq!(told(&import(shop, Layout::ShopifyInventory, stock).unwrap()), [2, 0, 1, 1]);
        let on_hand = "SELECT on_hand FROM stock_levels WHERE location = 'shopify-Main-Street'";
        assert_eq!(shop.number(on_hand), 12);
        shop.assert_books_hold();
    });
}
