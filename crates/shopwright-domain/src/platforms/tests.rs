//! Bodies of platforms: exact ids and amounts, and nothing that makes the readers panic.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::booking::draft;
use super::{PlatformPayment, shopify, shopify_things, woocommerce};
use crate::money::Currency;
use crate::orders::{LineKind, place};

fn pounds() -> Currency {
    "GBP".parse().unwrap()
}

fn order() -> Value {
    json!({
        "id": 9_007_199_254_740_993_u64, "currency": "GBP", "taxes_included": false,
        "created_at": "2026-01-02T03:04:05+01:00", "total_price": "1.00",
        "total_price_set": { "shop_money": { "amount": "20.76", "currency_code": "GBP" } },
        "total_discounts": "3.00", "total_tip_received": "1.00", "financial_status": "paid",
        "line_items": [{
            "id": 1, "title": "Mug", "sku": "mug", "quantity": 3, "price": "5.00",
            "discount_allocations": [{ "amount": "2.00" }], "tax_lines": [{ "price": "2.60" }],
        }],
        "shipping_lines": [{ "id": 2, "title": "Post", "price": "4.30", "tax_lines": [{ "price": "0.86" }] }],
    })
}

#[test]
fn an_order_of_shopify_adds_up_with_discounts_taxes_shipping_and_tip() {
    let read = shopify::order(&order()).unwrap();
    assert_eq!(read.external_id, "9007199254740993");
    assert_eq!(read.total_minor, 2_076);
    let kinds: Vec<_> = read.lines.iter().map(|line| (line.kind, line.discount_minor)).collect();
    assert_eq!(
        kinds,
        [
            (LineKind::Sale, 200),
            (LineKind::Shipping, 0),
            (LineKind::Discount, 0),
            (LineKind::Fee, 0)
        ]
    );
    let skus: Vec<_> = read.lines.iter().map(|line| line.sku.clone()).collect();
    let booked = draft(&read, &skus).unwrap();
    // 15.00 - 2.00 + 2.60 + 4.30 + 0.86 - 1.00 + 1.00
    assert_eq!(booked.lines.len(), 4);
    let shares: i64 = place(&booked).unwrap().iter().map(|line| line.share_minor).sum();
    assert_eq!(shares, 2_076);
}

#[test]
fn money_that_is_no_text_and_ids_that_are_no_whole_numbers_are_refused() {
    let mut body = order();
    body["line_items"][0]["price"] = json!(5.0);
    assert_eq!(shopify::order(&body).unwrap_err().to_string(), "the body has no readable `price`");
    let mut body = order();
    body["id"] = json!(1.5);
    assert_eq!(shopify::order(&body).unwrap_err().to_string(), "the body has no readable `id`");
    let mut body = order();
    body["currency"] = json!("nothing");
    assert!(shopify::order(&body).is_err());
}

#[test]
fn a_refund_whose_money_is_on_its_way_is_none_yet() {
    let refund = |status: &str| {
        let body = json!({
            "id": 5, "order_id": 6, "created_at": "2026-01-02T03:04:05Z",
            "transactions": [{ "kind": "refund", "status": status, "amount": "3.00" }],
        });
        shopify::lone_refund(&body, pounds()).unwrap().map(|refund| refund.amount_minor)
    };
    assert_eq!(refund("success"), Some(300));
    assert_eq!(refund("pending"), None);
    assert_eq!(refund("failure"), Some(0));
}

#[test]
fn an_order_of_woocommerce_is_net_of_discounts_and_its_refunds_are_amounts() {
    let body = json!({
        "id": 7, "status": "completed", "currency": "GBP", "total": "11.00", "date_created_gmt": "2026-01-02T03:04:05",
        "date_paid_gmt": "2026-01-02T03:05:00", "customer_id": 0,
        "line_items": [{ "id": 1, "name": "Mug", "product_id": 3, "quantity": 3, "subtotal": "10.00", "total": "9.00", "total_tax": "1.00" }],
        "fee_lines": [{ "id": 2, "name": "Wrap", "total": "2.00", "total_tax": "0.00" }, { "id": 3, "name": "Less", "total": "-1.00" }],
        "refunds": [{ "id": 8, "total": "-2.50" }],
    });
    let read = woocommerce::order(&body).unwrap();
    assert!(matches!(read.payment, PlatformPayment::Paid { .. }) && read.fulfilled_at.is_some());
    assert_eq!((read.lines[0].discount_minor, read.lines[2].kind), (100, LineKind::Discount));
    assert_eq!(read.refunds[0].amount_minor, 250);
    let booked = draft(&read, &[None, None, None]).unwrap();
    assert_eq!(booked.lines[0].amount_minor, 1_000);
    assert!(place(&booked).is_ok());
}

/// A value that may stand anywhere in a body.
fn anything() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(|b| json!(b)),
        any::<i64>().prop_map(|n| json!(n)),
        any::<f64>().prop_map(|n| json!(n)),
        "[-0-9.]{0,30}".prop_map(|text| json!(text)),
        ".{0,12}".prop_map(|text| json!(text)),
        Just(json!([{}, null, 3])),
        Just(json!({ "shop_money": { "amount": "99999999999999999999" } })),
    ]
}

proptest! {
    #[test]
    fn no_body_makes_a_reader_panic(
        values in proptest::collection::vec((any::<prop::sample::Index>(), anything()), 1..6),
        lines in proptest::collection::vec(anything(), 0..3),
    ) {
        let mut body = order();
        body["line_items"].as_array_mut().unwrap().extend(lines);
        let names: Vec<String> = body.as_object().unwrap().keys().cloned().collect();
        let of_line: Vec<String> =
            body["line_items"][0].as_object().unwrap().keys().cloned().collect();
        for (place, value) in values {
            let name = place.get(&names).clone();
            if name != "line_items" {
                body[name.as_str()] = value.clone();
            }
            body["line_items"][0][place.get(&of_line).as_str()] = value;
        }
        if let Ok(read) = shopify::order(&body) {
            let skus: Vec<_> = read.lines.iter().map(|line| line.sku.clone()).collect();
            if let Ok(booked) = draft(&read, &skus) {
                let _ = place(&booked);
            }
        }
        let _ = (woocommerce::order(&body), woocommerce::product(&body, pounds()));
        let _ = (woocommerce::customer(&body), shopify_things::customer(&body));
        let _ = (shopify_things::product(&body, pounds()), shopify_things::stock(&body));
        let _ = shopify::lone_refund(&body, pounds());
    }
}
