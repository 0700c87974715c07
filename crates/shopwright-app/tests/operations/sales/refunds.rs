//! Refunds: never more than was paid, and every piece comes back where it belongs.

use shopwright_app::orders::{OrderChangeError, RefundOrder, fulfil_order, refund_order};
use shopwright_domain::orders::{LineKind, OrderState, RefundError};
use shopwright_store::orders::refunded;

use super::{
    find, line, make, now, order, place, pounds, refund, sale, step, stock, stocked, unpaid,
};
use crate::harness::{by_nobody, on_both};

#[test]
fn partial_refunds_sum_to_what_was_paid_and_the_state_follows() {
    on_both(|shop| {
        stocked(shop);
        let discount = line(LineKind::Discount, None, 1, -100);
        let shipping = line(LineKind::Shipping, None, 1, 490);
        let lines = vec![sale("tea", 3, 333), sale("jam", 1, 500), shipping, discount];
        let (placed, _) = place(shop, &order(shop, "1", lines)).unwrap();
        let id = placed.order_id;
        assert_eq!(placed.amount_minor, 1_889);
        let mut given = 0;
        for (lines, shipping, state) in [
            (&[(0, 1, false)][..], false, OrderState::PartiallyRefunded),
            (&[(0, 1, false)], false, OrderState::PartiallyRefunded),
            (&[(0, 1, false)], true, OrderState::PartiallyRefunded),
            (&[(1, 1, false)], false, OrderState::Refunded),
        ] {
            let made = make(shop, &RefundOrder { shipping, ..refund(shop, id, lines) }).unwrap();
            given += made.refund.amount_minor;
            assert_eq!(made.order.state, state);
            shop.assert_books_hold();
        }
        assert_eq!(given, 1_889);
        assert_eq!(shop.read(move |tx| refunded::sums_of(tx, id)), (1_889, 1_889));
        let over = make(shop, &refund(shop, id, &[(0, 1, false)])).unwrap_err();
        assert!(matches!(over, OrderChangeError::Illegal(_)), "{over}");
    });
}

#[test]
fn unshipped_pieces_are_free_again_and_shipped_ones_only_when_asked_for() {
    on_both(|shop| {
        stocked(shop);
        let (placed, _) =
            place(shop, &order(shop, "1", vec![sale("tea", 4, 250), sale("ebook", 1, 900)]))
                .unwrap();
        let id = placed.order_id;
        assert_eq!(stock(shop, "tea"), (10, 4, 6));
        let made = make(shop, &refund(shop, id, &[(0, 1, false), (1, 1, true)])).unwrap();
        let came: Vec<_> = made.lines.iter().map(|line| line.restocked).collect();
        assert_eq!(came, [true, false], "an ebook has no shelf");
        assert_eq!(stock(shop, "tea"), (10, 3, 7));
        step(shop, id, fulfil_order).unwrap();
        assert_eq!(stock(shop, "tea"), (7, 0, 7));
        make(shop, &refund(shop, id, &[(0, 1, false)])).unwrap();
        assert_eq!(stock(shop, "tea"), (7, 0, 7), "broken on the way");
        make(shop, &refund(shop, id, &[(0, 1, true)])).unwrap();
        assert_eq!(stock(shop, "tea"), (8, 0, 8));
        assert_eq!(find(shop, id).state, OrderState::PartiallyRefunded);
        assert_eq!(step(shop, id, fulfil_order).unwrap().state, OrderState::PartiallyRefunded);
        shop.assert_books_hold();
    });
}

#[test]
fn an_order_that_is_refunded_whole_before_it_ships_lets_all_its_stock_go() {
    on_both(|shop| {
        stocked(shop);
        let (placed, _) = place(shop, &order(shop, "1", vec![sale("tea", 4, 250)])).unwrap();
        let all = RefundOrder { amount: Some(pounds(1_000)), ..refund(shop, placed.order_id, &[]) };
        assert_eq!(make(shop, &all).unwrap().order.state, OrderState::Refunded);
        assert_eq!(stock(shop, "tea"), (10, 0, 10));
        shop.assert_books_hold();
    });
}

#[test]
fn a_refund_of_more_than_is_left_names_the_rest() {
    on_both(|shop| {
        stocked(shop);
        let (placed, _) = place(shop, &order(shop, "1", vec![sale("tea", 4, 250)])).unwrap();
        let id = placed.order_id;
        let amount = |minor| RefundOrder { amount: Some(pounds(minor)), ..refund(shop, id, &[]) };
        make(shop, &amount(300)).unwrap();
        let refused = make(shop, &amount(701)).unwrap_err().to_string();
        assert_eq!(refused, "7.00 GBP is left of what was paid, 7.01 GBP was to be given back");
        // After a refund by amount the lines are worth more than what is left.
        let whole = make(shop, &refund(shop, id, &[(0, 4, true)])).unwrap_err();
        assert!(matches!(whole, OrderChangeError::ExceedsPaid { .. }), "{whole}");
        let rest = RefundOrder { amount: Some(pounds(700)), ..refund(shop, id, &[(0, 4, true)]) };
        assert_eq!(make(shop, &rest).unwrap().order.state, OrderState::Refunded);
        assert_eq!(stock(shop, "tea"), (10, 0, 10));
        shop.assert_books_hold();
    });
}

#[test]
fn what_cannot_be_refunded_is_refused_and_changes_nothing() {
    on_both(|shop| {
        stocked(shop);
        let (pending, _) =
            place(shop, &unpaid(order(shop, "1", vec![sale("tea", 1, 250)]))).unwrap();
        let early = make(shop, &refund(shop, pending.order_id, &[(0, 1, false)])).unwrap_err();
        assert!(matches!(early, OrderChangeError::Illegal(_)));
        let (paid, _) = place(shop, &order(shop, "2", vec![sale("tea", 1, 250)])).unwrap();
        let id = paid.order_id;
        let many = make(shop, &refund(shop, id, &[(0, 2, false)])).unwrap_err();
        assert!(matches!(many, OrderChangeError::Refund(RefundError::TooMany { rest: 1, .. })));
        let euros = shopwright_domain::money::Money { amount: 1, currency: "EUR".parse().unwrap() };
        let other = RefundOrder { amount: Some(euros), ..refund(shop, id, &[]) };
        assert!(matches!(make(shop, &other), Err(OrderChangeError::Invalid(_))));
        let missing = refund(shop, shopwright_domain::ids::new_id(shop.ids.as_ref()), &[]);
        assert!(matches!(make(shop, &missing), Err(OrderChangeError::NotFound(_))));
        assert_eq!(shop.number("SELECT COUNT(*) FROM refunds"), 0);
        assert_eq!(find(shop, id).version, 1);
        shop.assert_books_hold();
    });
}

#[test]
fn refunds_at_once_never_give_back_more_than_was_paid() {
    on_both(|shop| {
        stocked(shop);
        let (placed, _) = place(shop, &order(shop, "1", vec![sale("tea", 10, 100)])).unwrap();
        let id = placed.order_id;
        let tasks: Vec<_> = (0..8)
            .map(|turn| {
                let command = if turn % 2 == 0 {
                    refund(shop, id, &[(0, 3, false)])
                } else {
                    RefundOrder { amount: Some(pounds(250)), ..refund(shop, id, &[]) }
                };
                let store = shop.store.clone();
                shop.spawn(async move {
                    store.write(move |tx| refund_order(tx, &command, by_nobody(now()))).await
                })
            })
            .collect();
        let outcomes: Vec<_> = tasks.into_iter().map(|task| shop.run(task).unwrap()).collect();
        let (mut given, mut refused) = (0, 0);
        for outcome in outcomes {
            match outcome {
                Ok(made) => given += made.refund.amount_minor,
                Err(OrderChangeError::Store(error)) => panic!("{error}"),
                Err(_) => refused += 1,
            }
        }
        assert!(given <= 1_000 && refused > 0, "{given} given, {refused} refused");
        assert_eq!(shop.read(move |tx| refunded::sums_of(tx, id)), (1_000, given));
        shop.assert_books_hold();
    });
}
