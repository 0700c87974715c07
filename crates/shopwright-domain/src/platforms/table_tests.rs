//! Rows as exports have them, good and bad, and what they are read as.

use jiff::tz::TimeZone;

use super::cells::{DateOrder, DecimalSign, Formats, Header, Row};
use super::layout::{Item, Layout, ReadWith, TaxIn};
use super::mapped_csv::{Mapping, MappingError, TableKind};
use super::{PlatformOrder, PlatformPayment, PlatformVariant};
use crate::catalog::{ProductKind, ProductStatus};
use crate::orders::LineKind;
use crate::time::Timestamp;

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

fn with(source: &str) -> ReadWith {
    ReadWith {
        source: source.to_owned(),
        formats: Formats {
            currency: "EUR".parse().unwrap(),
            zone: TimeZone::UTC,
            decimal: DecimalSign::Point,
            dates: DateOrder::DayFirst,
        },
        now: NOW,
    }
}

/// Reads rows of one group, given as `column=value` pairs; every column of any row is in the header.
fn read(layout: Layout, rows: &[&[(&str, &str)]]) -> Vec<Result<Option<Item>, String>> {
    let mut names: Vec<String> = Vec::new();
    for (name, _) in rows.iter().flat_map(|row| row.iter()) {
        if !names.iter().any(|known| known == name) {
            names.push((*name).to_owned());
        }
    }
    let fields: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let cell = |name: &String| row.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v);
            names.iter().map(|name| cell(name).to_owned()).collect()
        })
        .collect();
    let header = Header::new(names);
    let rows: Vec<Row<'_>> = fields.iter().map(|fields| Row::new(&header, fields)).collect();
    layout.read(&rows, &with("shop")).into_iter().map(|reading| reading.says).collect()
}

const ORDER: &[(&str, &str)] = &[
    ("Name", "#1001"),
    ("Created at", "2026-03-15 10:14:00 -0400"),
    ("Financial Status", "paid"),
    ("Currency", "EUR"),
    ("Subtotal", "20.00"),
    ("Shipping", "4.90"),
    ("Taxes", "0.00"),
    ("Total", "24.90"),
    ("Discount Amount", "0.00"),
    ("Lineitem quantity", "2"),
    ("Lineitem name", "Candle"),
    ("Lineitem price", "10.00"),
    ("Lineitem sku", "K-1"),
    ("Lineitem discount", "0.00"),
    ("Refunded Amount", "0.00"),
    ("Id", "5001"),
    ("Email", "ada@example.com"),
];

/// The order above with some cells changed.
fn changed<'a>(
    base: &[(&'a str, &'a str)],
    changes: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    let mut row: Vec<_> =
        base.iter().filter(|(n, _)| !changes.iter().any(|(c, _)| c == n)).copied().collect();
    row.extend_from_slice(changes);
    row
}

fn order(changes: &[(&str, &str)]) -> PlatformOrder {
    match read(Layout::ShopifyOrders, &[&changed(ORDER, changes)]).remove(0) {
        Ok(Some(Item::Order(order))) => *order,
        other => panic!("{changes:?}: {other:?}"),
    }
}

/// What the lines come to, as the ledger adds them.
fn added_up(order: &PlatformOrder) -> i64 {
    let line = |line: &super::PlatformLine| {
        let amount = line.unit_price.line_amount_minor(line.quantity, order.currency).unwrap();
        amount - line.discount_minor + if order.tax_included { 0 } else { line.tax_minor }
    };
    order.lines.iter().map(line).sum()
}

#[test]
fn an_order_adds_up_to_its_total_however_discounts_and_taxes_are_written() {
    let check = |changes: &[(&str, &str)], total: i64, tax_included: bool| {
        let order = order(changes);
        assert_eq!((order.total_minor, order.tax_included), (total, tax_included), "{changes:?}");
        assert_eq!(added_up(&order), total, "{changes:?}");
    };
    check(&[], 2_490, false);
    // Tax on top, tax inside.
    check(&[("Taxes", "3.80"), ("Total", "28.70")], 2_870, false);
    check(&[("Taxes", "3.19")], 2_490, true);
    // Off the order, off the line, off the shipping.
    check(&[("Subtotal", "15.00"), ("Discount Amount", "5.00"), ("Total", "19.90")], 1_990, false);
    check(
        &[("Subtotal", "17.00"), ("Lineitem discount", "3.00"), ("Total", "21.90")],
        2_190,
        false,
    );
    check(&[("Discount Amount", "4.90"), ("Total", "20.00")], 2_000, false);
    check(&[("Subtotal", "0.00"), ("Discount Amount", "20.00"), ("Total", "4.90")], 490, false);
    // A tip, and duties.
    check(&[("Total", "26.90")], 2_690, false);
    check(&[("Duties", "7.00"), ("Total", "31.90")], 3_190, false);
    // Columns that some files do not have.
    check(&[("Subtotal", ""), ("Shipping", ""), ("Taxes", ""), ("Total", "20.00")], 2_000, false);
    check(
        &[
            ("Currency", "JPY"),
            ("Lineitem price", "10"),
            ("Subtotal", "20"),
            ("Shipping", "0"),
            ("Taxes", "0"),
            ("Total", "20"),
            ("Discount Amount", "0"),
            ("Lineitem discount", "0"),
            ("Refunded Amount", "0"),
        ],
        20,
        false,
    );
    let tip = order(&[("Total", "26.90")]);
    let last = tip.lines.last().unwrap();
    assert_eq!((last.kind, last.title.as_str()), (LineKind::Fee, "Not itemised in the export"));
}

#[test]
fn rows_of_an_order_are_one_order_and_its_state_is_what_the_file_shows() {
    let second: &[(&str, &str)] = &[
        ("Name", "#1001"),
        ("Created at", "2026-03-15 10:14:00 -0400"),
        ("Lineitem quantity", "1"),
        ("Lineitem name", "Wick\nlong"),
        ("Lineitem price", "5.00"),
    ];
    let first = changed(ORDER, &[("Subtotal", "25.00"), ("Total", "29.90")]);
    let Ok(Some(Item::Order(order))) = read(Layout::ShopifyOrders, &[&first, second]).remove(0)
    else {
        panic!("not an order");
    };
    assert_eq!((order.external_id.as_str(), order.number.as_deref()), ("5001", Some("#1001")));
    assert_eq!(order.placed_at.to_string(), "2026-03-15T14:14:00Z");
    assert_eq!((order.lines.len(), added_up(&order)), (3, 2_990));
    assert_eq!((&order.lines[1].sku, order.lines[1].title.as_str()), (&None, "Wick long"));

    let payment = |status: &str| self::order(&[("Financial Status", status)]).payment;
    for status in ["paid", "refunded", "partially_refunded", "Paid"] {
        assert!(matches!(payment(status), PlatformPayment::Paid { .. }), "{status}");
    }
    for status in ["pending", "authorized", "partially_paid"] {
        assert_eq!(payment(status), PlatformPayment::Pending);
    }
    assert_eq!(payment("voided"), PlatformPayment::Failed);
    let refunded = self::order(&[("Refunded Amount", "5.00"), ("Financial Status", "refunded")]);
    assert_eq!(refunded.refunds[0].amount_minor, 500);
    assert_eq!(refunded.refunds[0].order_external_id, "5001");
    assert!(self::order(&[("Payment Method", "(for testing) Bogus Gateway")]).is_test);
    let sent = self::order(&[
        ("Fulfillment Status", "fulfilled"),
        ("Fulfilled at", "2026-03-16 00:00:00 +0000"),
    ]);
    assert_eq!(sent.fulfilled_at.unwrap().to_string(), "2026-03-16T00:00:00Z");
    assert_eq!(self::order(&[("Id", "")]).external_id, "#1001");
}

#[test]
fn a_row_that_cannot_be_booked_says_its_column_and_what_was_expected() {
    let refuse = |layout: Layout, base: &[(&str, &str)], changes: &[(&str, &str)], part: &str| {
        let says = read(layout, &[&changed(base, changes)]).remove(0);
        let reason = says.err().unwrap_or_else(|| panic!("{changes:?} was read"));
        assert!(reason.contains(part), "{changes:?}: {reason}");
    };
    let orders = |changes: &[(&str, &str)], part: &str| {
        refuse(Layout::ShopifyOrders, ORDER, changes, part);
    };
    orders(&[("Created at", "")], "Created at");
    orders(&[("Created at", "yesterday")], "not a time");
    orders(&[("Created at", "2026-02-30 10:00:00 +0000")], "not a time");
    orders(&[("Lineitem quantity", "")], "Lineitem quantity");
    orders(&[("Lineitem quantity", "0")], "must be above 0");
    orders(&[("Lineitem quantity", "-1")], "must be above 0");
    orders(&[("Lineitem quantity", "1.5")], "not a whole number");
    orders(&[("Lineitem quantity", "9999999999999999999")], "not a whole number");
    orders(&[("Lineitem price", "")], "Lineitem price");
    orders(&[("Lineitem price", "12,50")], "not a decimal number");
    orders(&[("Lineitem price", "1e3")], "not a decimal number");
    orders(&[("Lineitem price", "NaN")], "not a decimal number");
    orders(&[("Lineitem price", "1.0000001")], "decimal places");
    orders(&[("Lineitem price", "99999999999999999999")], "too large");
    orders(&[("Lineitem sku", "a\u{7}b")], "control character");
    orders(&[("Lineitem sku", &"x".repeat(201))], "at most 200");
    orders(&[("Lineitem discount", "-1.00")], "must be from 0");
    orders(&[("Lineitem discount", "21.00")], "must be from 0");
    orders(&[("Lineitem taxable", "perhaps")], "neither yes nor no");
    orders(&[("Currency", "POUND")], "not a currency");
    orders(&[("Total", "")], "rows are not together");
    orders(&[("Total", "-5.00")], "is below 0");
    orders(&[("Total", "24.905")], "decimal places");
    orders(&[("Shipping", "free")], "not a decimal number");
    orders(&[("Financial Status", "gone")], "not one of paid");
    orders(&[("Refunded Amount", "25.00")], "from 0 to the total");
    orders(&[("Cancelled at", "soon")], "not a time");
    orders(&[("Accepts Marketing", "maybe")], "neither yes nor no");

    let product: &[(&str, &str)] = &[
        ("Handle", "candle"),
        ("Title", "Candle"),
        ("Variant SKU", "K-1"),
        ("Variant Price", "10.00"),
    ];
    let products = |changes: &[(&str, &str)], part: &str| {
        refuse(Layout::ShopifyProducts, product, changes, part);
    };
    products(&[("Variant SKU", "")], "give the product a SKU");
    products(&[("Variant Price", "ten")], "not a decimal number");
    products(&[("Variant Price", "-1")], "is below 0");
    products(&[("Cost per item", "3.999")], "decimal places");
    products(&[("Status", "sleeping")], "not one of active");
    products(&[("Published", "?")], "neither yes nor no");
    products(&[("Variant Inventory Qty", "many")], "not a whole number");

    let woo: &[(&str, &str)] =
        &[("ID", "7"), ("Type", "simple"), ("SKU", "W-1"), ("Name", "Wool"), ("Published", "1")];
    let woos = |changes: &[(&str, &str)], part: &str| {
        refuse(Layout::WoocommerceProducts, woo, changes, part);
    };
    woos(&[("SKU", "")], "give the product a SKU");
    woos(&[("Published", "2")], "not one of 1, 0, -1");
    woos(&[("Regular price", "1,5")], "not a decimal number");

    let pay: &[(&str, &str)] = &[
        ("id", "ch_1"),
        ("Created (UTC)", "2026-03-15 10:14"),
        ("Amount", "12.00"),
        ("Currency", "eur"),
        ("Status", "Paid"),
    ];
    let pays = |changes: &[(&str, &str)], part: &str| {
        refuse(Layout::StripePayments, pay, changes, part);
    };
    pays(&[("id", "")], "id");
    pays(&[("Status", "lost")], "not a status");
    pays(&[("Amount", "-1")], "is below 0");
    pays(&[("Amount Refunded", "13.00")], "more than the amount");
    pays(&[("Created (UTC)", "")], "Created (UTC)");
    pays(&[("Currency", "bitcoin")], "not a currency");
    refuse(Layout::ShopifyCustomers, &[("Email", "")], &[("Customer ID", "")], "nobody to keep");
    refuse(
        Layout::ShopifyInventory,
        &[("SKU", "K-1"), ("Location", "Shop"), ("On hand (current)", "x")],
        &[],
        "not a whole number",
    );
}

fn variants(layout: Layout, rows: &[&[(&str, &str)]]) -> Vec<PlatformVariant> {
    let says = read(layout, rows).into_iter();
    says.filter_map(|says| match says {
        Ok(Some(Item::Variant(variant))) => Some(*variant),
        Ok(None) => None,
        other => panic!("{other:?}"),
    })
    .collect()
}

#[test]
fn a_product_of_shopify_is_its_variants_and_rows_with_only_an_image_are_none() {
    let rows: [&[(&str, &str)]; 3] = [
        &[
            ("Handle", "tee"),
            ("Title", "Tee"),
            ("Vendor", "Acme"),
            ("Tags", "summer, sale"),
            ("Product Category", "Apparel > Shirts"),
            ("Published", "true"),
            ("Option1 Name", "Size"),
            ("Option1 Value", "S"),
            ("Variant SKU", "'0012"),
            ("Variant Price", "19.90"),
            ("Variant Compare At Price", "25.00"),
            ("Variant Inventory Tracker", "shopify"),
            ("Variant Inventory Qty", "7"),
            ("Variant Inventory Policy", "continue"),
            ("Cost per item", "8.00"),
            ("Image Src", "https://cdn.example/1.jpg"),
        ],
        &[
            ("Handle", "tee"),
            ("Option1 Value", "M"),
            ("Variant SKU", "0013"),
            ("Variant Price", "21"),
        ],
        &[("Handle", "tee"), ("Image Src", "https://cdn.example/2.jpg")],
    ];
    let found = variants(Layout::ShopifyProducts, &rows);
    let [small, medium] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(small.sku.as_ref().unwrap().as_str(), "0012");
    assert_eq!(
        (small.title.as_str(), small.category.as_deref()),
        ("Tee - S", Some("Apparel/Shirts"))
    );
    assert_eq!(
        (small.price_minor, small.compare_at_minor, small.cost_minor),
        (Some(1_990), Some(2_500), Some(800))
    );
    assert_eq!((small.quantity, small.backorder, small.images.len()), (Some(7), Some(true), 2));
    assert_eq!(small.attributes["tags"], serde_json::json!(["summer", "sale"]));
    assert_eq!(
        (medium.title.as_str(), medium.price_minor, medium.quantity),
        ("Tee - M", Some(2_100), None)
    );
}

#[test]
fn a_variable_product_of_woocommerce_is_only_a_heading_over_its_variations() {
    let rows: [&[(&str, &str)]; 3] = [
        &[("ID", "1"), ("Type", "variable"), ("SKU", "T"), ("Name", "Tee"), ("Published", "1")],
        &[
            ("ID", "2"),
            ("Type", "variation"),
            ("SKU", "T-S"),
            ("Name", "Tee - S"),
            ("Published", "1"),
            ("Regular price", "20"),
            ("Sale price", "15"),
            ("Stock", "4"),
            ("Parent", "id:1"),
            ("Categories", "Shop > Tees, Sale"),
        ],
        &[
            ("ID", "3"),
            ("Type", "simple, downloadable, virtual"),
            ("SKU", "E"),
            ("Name", "Book"),
            ("Published", "0"),
            ("Regular price", "9.99"),
            ("Backorders allowed?", "notify"),
        ],
    ];
    let found = variants(Layout::WoocommerceProducts, &rows);
    let [tee, book] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(
        (tee.price_minor, tee.compare_at_minor, tee.quantity),
        (Some(1_500), Some(2_000), Some(4))
    );
    assert_eq!((tee.ids.product_id.as_str(), tee.category.as_deref()), ("1", Some("Shop/Tees")));
    assert_eq!(
        (book.kind, book.status, book.backorder),
        (ProductKind::Digital, ProductStatus::Draft, Some(true))
    );
}

#[test]
fn a_payment_that_never_came_is_nothing_and_one_that_came_is_an_order() {
    let pay = |status: &str, captured: &str| {
        let row: &[(&str, &str)] = &[
            ("id", "ch_1"),
            ("Created (UTC)", "2026-03-15 10:14"),
            ("Amount", "1,012.00"),
            ("Amount Refunded", "12.00"),
            ("Currency", "usd"),
            ("Status", status),
            ("Captured", captured),
            ("order_id (metadata)", "5001"),
            ("Disputed Amount", "5"),
        ];
        read(Layout::StripePayments, &[row]).remove(0)
    };
    for (status, captured) in [("Failed", "false"), ("canceled", ""), ("Paid", "FALSE")] {
        assert!(matches!(pay(status, captured), Ok(None)), "{status}");
    }
    let Ok(Some(Item::Payment(payment))) = pay("Paid", "true") else { panic!("no payment") };
    assert_eq!(
        (payment.order.total_minor, payment.order.refunds[0].amount_minor),
        (101_200, 1_200)
    );
    assert_eq!((payment.names_order.as_deref(), payment.is_disputed), (Some("5001"), true));
    assert_eq!(payment.order.placed_at.to_string(), "2026-03-15T10:14:00Z");
}

#[test]
fn stock_and_people_are_read_and_a_place_without_the_product_is_nothing() {
    let stock = |cell: &str| {
        let row: &[(&str, &str)] =
            &[("SKU", "K-1"), ("Location", "Main Street"), ("On hand (current)", cell)];
        read(Layout::ShopifyInventory, &[row]).remove(0)
    };
    assert!(matches!(stock("not stocked"), Ok(None)));
    let Ok(Some(Item::Stock(counted))) = stock("12") else { panic!("no count") };
    assert_eq!((counted.quantity, counted.counts_sold), (12, true));
    let row: &[(&str, &str)] = &[
        ("Customer ID", "'71"),
        ("First Name", "Ada"),
        ("Last Name", "L"),
        ("Email", "ada@example.com"),
        ("Accepts Email Marketing", "yes"),
        ("Default Address Zip", "'01234"),
        ("Default Address Country Code", "DE"),
        ("Tags", "vip, b2b"),
        ("Phone", "'+49 1"),
    ];
    let Ok(Some(Item::Customer(ada))) = read(Layout::ShopifyCustomers, &[row]).remove(0) else {
        panic!("nobody");
    };
    assert_eq!((ada.external_id.as_deref(), ada.name.as_deref()), (Some("71"), Some("Ada L")));
    assert_eq!(ada.addresses[0].postal_code.as_deref(), Some("01234"));
    assert_eq!((ada.tags.len(), ada.phone.as_deref()), (2, Some("+49 1")));
    assert!(ada.consent.unwrap().marketing);
}

#[test]
fn a_mapping_gives_a_file_our_words_and_says_what_is_wrong_with_it() {
    let mapping = |columns: &[(&str, &str)]| Mapping {
        kind: TableKind::Inventory,
        columns: columns.iter().map(|(w, c)| ((*w).to_owned(), (*c).to_owned())).collect(),
        constants: [("location".to_owned(), "shop".to_owned())].into(),
        formats: super::mapped_csv::MappedFormats::default(),
    };
    let file = Header::new(vec!["Artikel".into(), "sku".into(), "Bestand".into()]);
    let header = mapping(&[("sku", "artikel"), ("quantity", "Bestand")]).apply(&file).unwrap();
    // The file's own `sku` is not what the mapping calls so.
    let fields: Vec<String> = ["A1", "wrong", "3", "shop"].map(str::to_owned).into();
    let row = Row::new(&header, &fields);
    let layout = Layout::Mapped(TableKind::Inventory, TaxIn(false));
    let Ok(Some(Item::Stock(stock))) = layout.read(&[row], &with("csv")).remove(0).says else {
        panic!("no count");
    };
    assert_eq!((stock.sku.unwrap().as_str(), stock.quantity), ("A1", 3));
    assert_eq!(stock.location.as_deref(), Some("shop"));
    let check = |columns: &[(&str, &str)], part: &str| {
        let error: MappingError = mapping(columns).apply(&file).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    };
    check(&[("sku", "Artikel")], "nothing says what is the `quantity`");
    check(&[("sku", "Artikel"), ("quantity", "Menge")], "no column `Menge`");
    check(&[("sku", "Artikel"), ("colour", "Bestand")], "has no `colour`");
}
