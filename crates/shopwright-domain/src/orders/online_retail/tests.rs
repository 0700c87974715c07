//! What the Online Retail rules promise: real rows of every kind, combinations the published file
//! does not have, refusals, and sums that hold for any lines.

use proptest::prelude::*;

use super::*;
use DocumentKind::{Adjustment, Order, Refund};

fn london() -> TimeZone {
    TimeZone::posix("GMT0BST,M3.5.0/1,M10.5.0").unwrap()
}

fn gbp() -> Currency {
    "GBP".parse().unwrap()
}

fn read(fields: [&str; 8]) -> Result<Line, Vec<FieldError>> {
    read_line(&RawLine::from_fields(fields), &london(), gbp())
}

/// A record with a plain date and country around the fields that decide the booking.
fn record<'a>(invoice: &'a str, code: &'a str, title: &'a str, rest: [&'a str; 3]) -> [&'a str; 8] {
    let [quantity, price, customer] = rest;
    [invoice, code, title, quantity, "2011-01-10 10:00:00", price, customer, "United Kingdom"]
}

fn check(fields: [&str; 8], document: DocumentKind, kind: LineKind, amount_minor: i64) {
    let line = read(fields).unwrap_or_else(|errors| panic!("{fields:?}: {errors:?}"));
    assert_eq!((line.document, line.kind, line.amount_minor), (document, kind, amount_minor));
    assert_eq!(&*line.code, fields[1], "the code is byte-exact");
}

/// Titles are shortened where they do not decide.
#[test]
fn rows_of_the_published_file_are_booked_by_what_they_are() {
    let row = record;
    let heart = "WHITE HANGING HEART T-LIGHT HOLDER";
    let note = "to push order througha s stock was ";
    let voucher = "Dotcomgiftshop Gift Voucher £40.00";
    check(row("536365", "85123A", heart, ["6", "2.55", "17850"]), Order, LineKind::Sale, 1530);
    check(row("538071", "DCGS0076", "SUNJAR", ["1", "16.13", ""]), Order, LineKind::Sale, 1613);
    check(row("550193", "PADS", "PADS TO", ["1", "0.001", "13952"]), Order, LineKind::Sale, 0);
    check(row("537197", "22841", "ROUND", ["1", "0.0", "12647"]), Order, LineKind::FreeGoods, 0);
    let gift_tags = "PACK OF 6 BIRDY GIFT TAGS";
    check(row("538071", "22585", gift_tags, ["1", "0.0", ""]), Order, LineKind::FreeGoods, 0);
    check(row("C536383", "35004C", "x", ["-1", "4.65", "15311"]), Refund, LineKind::Refund, -465);
    check(row("C537251", "22429", "x", ["-2", "4.25", ""]), Refund, LineKind::Refund, -850);
    check(
        row("536370", "POST", "POSTAGE", ["3", "18.0", "12583"]),
        Order,
        LineKind::Shipping,
        5400,
    );
    check(row("536544", "DOT", "x", ["1", "569.77", ""]), Order, LineKind::Shipping, 56977);
    check(row("552230", "DOT", "DOTCOM POSTAGE", ["1", "0.0", ""]), Order, LineKind::Shipping, 0);
    check(row("C540164", "C2", "x", ["-1", "50.0", "14911"]), Refund, LineKind::Shipping, -5000);
    check(row("C536379", "D", "x", ["-1", "27.5", "14527"]), Refund, LineKind::Discount, -2750);
    check(row("536569", "M", "x", ["1", "1.25", "1"]), Order, LineKind::ManualAdjustment, 125);
    check(row("539736", "m", "x", ["1", "2.55", ""]), Order, LineKind::ManualAdjustment, 255);
    check(row("561916", "M", "x", ["1", "0.0", "15581"]), Order, LineKind::ManualAdjustment, 0);
    check(row("C538124", "M", "x", ["-4", "0.5", "1"]), Refund, LineKind::ManualAdjustment, -200);
    check(
        row("536779", "BANK CHARGES", "x", ["1", "15.0", "1"]),
        Order,
        LineKind::MerchantFee,
        1500,
    );
    let fee = row("C537600", "AMAZONFEE", "AMAZON FEE", ["-1", "13541.33", ""]);
    check(fee, Refund, LineKind::MerchantFee, -1_354_133);
    check(row("C564763", "CRUK", "x", ["-1", "1.6", "14096"]), Refund, LineKind::Charity, -160);
    check(row("C537581", "S", "SAMPLES", ["-1", "12.95", ""]), Refund, LineKind::Sample, -1295);
    check(
        row("539492", "gift_0001_40", voucher, ["1", "34.04", ""]),
        Order,
        LineKind::GiftVoucher,
        3404,
    );
    check(
        row("A563185", "B", "x", ["1", "11062.06", ""]),
        Adjustment,
        LineKind::BadDebt,
        1_106_206,
    );
    check(
        row("A563186", "B", "x", ["1", "-11062.06", ""]),
        Adjustment,
        LineKind::BadDebt,
        -1_106_206,
    );
    check(row("536589", "21777", "", ["-10", "0.0", ""]), Adjustment, LineKind::WriteOff, 0);
    let damaged = "POSSIBLE DAMAGES OR LOST?";
    check(row("549531", "21622", damaged, ["-750", "0.0", ""]), Adjustment, LineKind::WriteOff, 0);
    check(row("536414", "22139", "", ["56", "0.0", ""]), Adjustment, LineKind::StockFound, 0);
    check(row("558245", "22734", "FOUND", ["8", "0.0", ""]), Adjustment, LineKind::StockFound, 0);
    check(row("540699", "POST", "", ["1000", "0.0", ""]), Adjustment, LineKind::Note, 0);
    check(row("556955", "gift_0001_20", note, ["10", "0.0", ""]), Adjustment, LineKind::Note, 0);
}

#[test]
fn combinations_the_published_file_lacks_have_a_booking() {
    let row = record;
    check(row("1", "22429", "x", ["-2", "4.25", "9"]), Refund, LineKind::Refund, -850);
    check(row("1", "22429", "x", ["-2", "4.25", ""]), Refund, LineKind::Refund, -850);
    check(row("1", "22429", "x", ["-2", "0", "9"]), Refund, LineKind::Refund, 0);
    check(row("C1", "22429", "x", ["-2", "0", ""]), Refund, LineKind::Refund, 0);
    check(row("1", "D", "x", ["-1", "5", "9"]), Order, LineKind::Discount, -500);
    check(row("1", "POST", "x", ["1", "-5", "9"]), Order, LineKind::Shipping, -500);
    check(row("C1", "M", "x", ["1", "373.57", ""]), Refund, LineKind::ManualAdjustment, 37357);
    check(row("A1", "M", "x", ["1", "-5", ""]), Adjustment, LineKind::ManualAdjustment, -500);
    check(row("1", "B", "x", ["1", "-5", "9"]), Adjustment, LineKind::BadDebt, -500);
    check(row("1", "post", "x", ["1", "5", "9"]), Order, LineKind::Sale, 500);
    check(row("1", "gift_0001_", "x", ["1", "5", "9"]), Order, LineKind::Sale, 500);
}

#[test]
fn a_line_that_contradicts_itself_is_refused_with_the_reason() {
    let refused = |fields: [&str; 8], column: &str, part: &str| {
        let errors = read(fields).unwrap_err();
        let [error] = errors.as_slice() else { panic!("{fields:?}: {errors:?}") };
        assert_eq!(error.column, column);
        assert!(error.to_string().contains(part), "{error}");
    };
    let row = record;
    refused(row("C1", "22429", "x", ["2", "1", ""]), "Quantity", "negative quantity");
    refused(row("1", "22429", "x", ["2", "-1", ""]), "UnitPrice", "0 or more");
    refused(row("A1", "22429", "x", ["1", "5", ""]), "StockCode", "`B` is expected");
    refused(row("1", "22429", "x", ["0", "5", ""]), "Quantity", "0 pieces");
    refused(row("1", "22429", "x", ["1.5", "5", ""]), "Quantity", "whole number");
    refused(row("1", "22429", "x", ["+1", "5", ""]), "Quantity", "whole number");
    refused(row("1", "22429", "x", ["1000000001", "5", ""]), "Quantity", "whole number");
    refused(row("1", "22429", "x", ["1", "5,00", ""]), "UnitPrice", "plain decimal");
    refused(row("1", "22429", "x", ["1", "0.0000001", ""]), "UnitPrice", "decimal places");
    refused(row("1", "22429", "x", ["9999999", "9999999999999", ""]), "UnitPrice", "too large");
    refused(row("1", "", "x", ["1", "5", ""]), "StockCode", "empty");
    refused(row("1", "22429", "a\0b", ["1", "5", ""]), "Description", "NUL");
    refused(row("1", "22429", "x", ["1", "5", "a\tb"]), "CustomerID", "control");
    for invoice in ["", "C", "X536365", "c536365", "536365 ", "53-6365", "1234567890123456789"] {
        refused(row(invoice, "22429", "x", ["1", "5", ""]), "InvoiceNo", "digits");
    }
}

#[test]
fn every_unreadable_field_is_named_at_once() {
    let long = "é".repeat(2_000);
    let errors = read(["?", "", &long, "x", "now", "y", "\0", &long]).unwrap_err();
    assert_eq!(errors.iter().map(|error| error.column).collect::<Vec<_>>(), COLUMNS);
    assert_eq!(errors[2].value.chars().count(), SHOWN_CHARS_MAX + 1);
}

#[test]
fn copies_made_from_the_spreadsheet_read_the_same() {
    let ours = ["536365", "85123A", " A B ", "6", "2010-12-01 08:26:00", "2.55", "17850", " EIRE "];
    let copy = ["536365", "85123A", "A B", "6", "12/1/2010 8:26", "2.55", "17850.0", "EIRE"];
    assert_eq!(read(ours), read(copy));
    let line = read(ours).unwrap();
    assert_eq!((&*line.description, &*line.country), ("A B", "EIRE"));
    assert_eq!(line.customer.as_deref(), Some("17850"));
}

#[test]
fn a_missing_customer_or_country_is_not_an_error() {
    let mut fields = record("1", "22429", "", ["1", "5", " "]);
    fields[7] = "";
    let line = read(fields).unwrap();
    assert_eq!((line.customer, &*line.country), (None, COUNTRY_UNKNOWN));
    let line = read(record("1", "22429", "", ["1", "5", "AB.0"])).unwrap();
    assert_eq!(line.customer.as_deref(), Some("AB.0"));
}

#[test]
fn times_a_clock_change_skips_or_repeats_have_one_reading() {
    let check = |local: &str, utc: &str| {
        let mut fields = record("1", "22429", "x", ["1", "5", ""]);
        fields[4] = local;
        assert_eq!(read(fields).unwrap().at.to_string(), utc, "{local}");
    };
    check("2010-12-01 08:26:00", "2010-12-01T08:26:00Z");
    check("2011-07-01 08:26:00", "2011-07-01T07:26:00Z");
    // 01:30 does not exist: an hour later on the new clock.
    check("2011-03-27 01:30:00", "2011-03-27T01:30:00Z");
    check("2011-03-27 02:30:00", "2011-03-27T01:30:00Z");
    // 01:30 occurs twice: the first.
    check("2011-10-30 01:30:00", "2011-10-30T00:30:00Z");
    check("2011-10-30 02:30:00", "2011-10-30T02:30:00Z");
}

#[test]
fn a_tally_shows_where_rounding_went_and_who_is_unknown() {
    let mut tally = Tally::new(gbp());
    for fields in [
        record("1", "22429", "x", ["6", "2.55", "9"]),
        record("1", "22429", "x", ["6", "2.55", "9"]),
        record("1", "PADS", "x", ["1", "0.001", "9"]),
        record("2", "pads", "x", ["5", "0.001", ""]),
        record("2", "22429", "found", ["5", "0", ""]),
        record("C3", "22429", "x", ["-6", "2.55", "9"]),
    ] {
        tally.add(&read(fields).unwrap());
    }
    let sums = tally.reconciliation();
    assert_eq!((sums.rows, sums.invoices, sums.codes, sums.customers), (6, 3, 3, 1));
    assert_eq!((sums.orders, sums.refunds, sums.adjustments), (2, 1, 1));
    assert_eq!((sums.anonymous_lines, sums.anonymous_invoices), (2, 1));
    assert_eq!(sums.quantity, 6 + 6 + 1 + 5 + 5 - 6);
    assert_eq!((sums.exact.as_str(), sums.booked.as_str()), ("15.306", "15.31"));
    assert_eq!((sums.difference.as_str(), sums.booked_minor), ("0.004", 1531));
    assert_eq!((sums.rounded_lines, sums.rounded_exact.as_str()), (2, "0.006"));
    assert_eq!(sums.rounded_booked, "0.01");
    let kinds: Vec<_> = sums.kinds.iter().map(|k| (k.kind.as_str(), k.lines, k.quantity)).collect();
    assert_eq!(kinds, [("sale", 4, 18), ("refund", 1, -6), ("stock_found", 1, 5)]);
    assert!(serde_json::to_string(&sums).unwrap().contains(r#""kind":"stock_found""#));
}

#[test]
fn an_empty_tally_is_all_zero() {
    let sums = Tally::new("JPY".parse().unwrap()).reconciliation();
    assert_eq!((sums.rows, sums.exact.as_str(), sums.first_at), (0, "0.00", None));
    assert!(sums.kinds.is_empty());
}

/// The text fields of a record whose parts are all readable, fitting together or not.
fn readable() -> impl Strategy<Value = [String; 8]> {
    let codes = vec![
        "22429",
        "85123A",
        "PADS",
        "POST",
        "DOT",
        "C2",
        "D",
        "M",
        "m",
        "S",
        "BANK CHARGES",
        "AMAZONFEE",
        "CRUK",
        "B",
        "gift_0001_20",
    ];
    let titles = vec!["", "found", "PACK OF 6 BIRDY GIFT TAGS"];
    (
        prop::sample::select(vec!["", "", "C", "A"]),
        0..3_u32,
        prop::sample::select(codes),
        prop::sample::select(titles),
        (-90_000..90_000_i64).prop_filter("a line has pieces", |n| *n != 0),
        prop_oneof![Just(0), -2_000_000..20_000_000_i64],
        prop::option::of(12_346..12_349_u32),
    )
        .prop_map(|(series, number, code, title, quantity, micros, customer)| {
            [
                format!("{series}{number}"),
                code.to_owned(),
                title.to_owned(),
                quantity.to_string(),
                "2011-01-10 10:00".to_owned(),
                UnitPrice(micros).to_string(),
                customer.map(|number| number.to_string()).unwrap_or_default(),
                "France".to_owned(),
            ]
        })
}

fn read_owned(fields: &[String; 8]) -> Result<Line, Vec<FieldError>> {
    read(std::array::from_fn(|column| fields[column].as_str()))
}

proptest! {
    #![proptest_config(crate::cases::config())]

    #[test]
    fn a_booked_amount_is_within_half_a_minor_unit_of_the_exact_one(fields in readable()) {
        if let Ok(line) = read_owned(&fields) {
            let booked_micros = i128::from(line.amount_minor) * 10_000;
            prop_assert!((booked_micros - line.exact_micros()).abs() <= 5_000);
            prop_assert!(line.amount_minor.signum() * line.quantity.signum() * line.unit_price.micros().signum() >= 0);
        }
    }

    #[test]
    fn goods_move_stock_the_way_the_document_says(fields in readable()) {
        if let Ok(line) = read_owned(&fields) {
            let movement = line.kind.moves_stock().map(|effect| effect.movement(line.quantity));
            match (line.document, movement) {
                (Order, Some(pieces)) => prop_assert!(pieces < 0),
                (Refund, Some(pieces)) => prop_assert!(pieces > 0),
                (Adjustment, Some(pieces)) => {
                    prop_assert_eq!(pieces, line.quantity);
                    prop_assert_eq!(line.amount_minor, 0);
                }
                (_, None) => prop_assert!(!line.kind.is_goods()),
            }
        }
    }

    #[test]
    fn kinds_and_documents_part_the_lines_without_rest(records in prop::collection::vec(readable(), 0..8)) {
        let mut tally = Tally::new(gbp());
        let lines: Vec<Line> = records.iter().filter_map(|fields| read_owned(fields).ok()).collect();
        for line in &lines {
            tally.add(line);
        }
        let sums = tally.reconciliation();
        prop_assert_eq!(sums.kinds.iter().map(|k| k.lines).sum::<u64>(), sums.rows);
        prop_assert_eq!(sums.rows, lines.len() as u64);
        prop_assert_eq!(sums.kinds.iter().map(|k| k.quantity).sum::<i64>(), sums.quantity);
        prop_assert_eq!(sums.kinds.iter().map(|k| k.amount_minor).sum::<i128>(), sums.booked_minor);
        let documents = sums.orders + sums.refunds + sums.adjustments;
        prop_assert!(documents >= sums.invoices);
    }

    #[test]
    fn any_text_is_booked_or_refused_without_a_panic(fields in prop::array::uniform8(".{0,12}")) {
        let _ = read_owned(&fields);
    }
}
