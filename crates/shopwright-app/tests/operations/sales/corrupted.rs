//! `verify` finds what is wrong with orders, payments and refunds, each by its rule.

use shopwright_app::orders::{RefundOrder, fulfil_order};
use shopwright_domain::orders::LineKind;

use super::{line, make, order, place, refund, sale, step, stocked, unpaid};
use crate::harness::{Shop, finds_planted};

/// One order shipped and refunded in part, one paid, one pending.
fn books(shop: &Shop) {
    stocked(shop);
    let shipping = line(LineKind::Shipping, None, 1, 490);
    let lines = vec![sale("tea", 2, 250), shipping];
    let (shipped, _) = place(shop, &order(shop, "shipped", lines)).unwrap();
    step(shop, shipped.order_id, fulfil_order).unwrap();
    let one = refund(shop, shipped.order_id, &[(0, 1, true)]);
    make(shop, &RefundOrder { shipping: true, ..one }).unwrap();
    place(shop, &order(shop, "paid", vec![sale("jam", 1, 300)])).unwrap();
    place(shop, &unpaid(order(shop, "pending", vec![sale("jam", 2, 300)]))).unwrap();
    shop.assert_books_hold();
}

fn check(rule: &'static str, sql: &'static str, names: &str) {
    finds_planted(books, (rule, sql, names));
}

#[test]
fn planted_corruptions_of_payments_are_found() {
    check(
        "payments_captured",
        "UPDATE payments SET amount_minor = amount_minor + 1 WHERE kind = 'capture' AND amount_minor = 300",
        "shopify paid: expected 300, found 301",
    );
    check(
        "payments_captured",
        "DELETE FROM payments WHERE kind = 'capture'",
        "shopify shipped: expected 990, found 0",
    );
    check(
        "payments_captured",
        "UPDATE orders SET paid_at = placed_at WHERE external_id = 'pending'",
        "shopify pending: expected 600, found 0",
    );
    check(
        "payments_refunded",
        "DELETE FROM payments WHERE kind = 'refund'",
        "expected 740, found 0",
    );
    check(
        "payments_refunded",
        "UPDATE payments SET amount_minor = 1 WHERE kind = 'refund'",
        "expected 740, found 1",
    );
}

#[test]
fn planted_corruptions_of_shares_and_refunds_are_found() {
    check(
        "order_shares",
        "UPDATE order_lines SET share_minor = share_minor - 1 WHERE kind = 'shipping'",
        "shopify shipped: expected 990, found 989",
    );
    check(
        "order_shares",
        "UPDATE order_lines SET share_minor = NULL",
        "shopify paid: expected 300",
    );
    check(
        "refunds_within_paid",
        "UPDATE refunds SET amount_minor = -991",
        "shopify shipped: expected at most 990, found 991",
    );
    check(
        "refunds_within_paid",
        "UPDATE orders SET amount_minor = 739 WHERE external_id = 'shipped'",
        "shopify shipped: expected at most 739, found 740",
    );
    check(
        "refunded_lines",
        "UPDATE refund_lines SET quantity = -3 WHERE kind = 'refund'",
        "shopify shipped line 0: expected at most 2 pieces for 500, found 3 for 250",
    );
    check(
        "refunded_lines",
        "UPDATE refund_lines SET amount_minor = -491 WHERE kind = 'shipping'",
        "shopify shipped line 1",
    );
}

#[test]
fn planted_corruptions_of_states_and_reservations_are_found() {
    check(
        "order_states",
        "UPDATE orders SET state = 'paid' WHERE external_id = 'shipped'",
        "shopify shipped: expected partially_refunded, found paid",
    );
    check(
        "order_states",
        "UPDATE orders SET canceled_at = placed_at WHERE external_id = 'pending'",
        "shopify pending: expected canceled, found pending",
    );
    check(
        "order_reservations",
        "UPDATE orders SET fulfilled_at = placed_at WHERE external_id = 'paid'",
        "shopify paid: expected shipped, found committed",
    );
    check(
        "order_reservations",
        "UPDATE reservations SET state = 'open' WHERE state = 'committed'",
        "shopify pending: expected committed, found open",
    );
    check(
        "order_lines_reserved",
        "UPDATE order_lines SET quantity = quantity + 1 WHERE code = 'jam' AND quantity = 2",
        "shopify pending jam: expected 3, found 2",
    );
    check(
        "order_lines_reserved",
        "UPDATE orders SET reservation_id = NULL",
        "shopify shipped tea: expected 2, found 0",
    );
}
