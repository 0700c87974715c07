//! Orders are booked once, with their stock, or not at all.

use shopwright_app::inventory::{HOLD_DEFAULT, Reserve, ReserveError, WantedLine, reserve_in};
use shopwright_app::orders::{
    OrderChangeError, OrderStockError, PaymentMade, PlaceOrder, PlaceOrderError, StockChoice,
    cancel_order, complete_order, fulfil_order, pay_order, place_order,
};
use shopwright_domain::ids::{OrderId, new_id};
use shopwright_domain::orders::{LineKind, OrderState};
use shopwright_domain::time::DAY;
use shopwright_store::orders::placed;
use shopwright_store::orders::refunded::payments_of;

use super::{find, line, now, order, place, sale, sku, step, stock, stocked, unpaid};
use crate::harness::{HEADER, Shop, on_both};

fn pay(shop: &Shop, id: OrderId, reference: &str) -> Result<placed::Order, OrderChangeError> {
    let paid =
        PaymentMade { provider: "cash".to_owned(), reference: reference.to_owned(), at: now() };
    let (payment_id, stamp) = (new_id(shop.ids.as_ref()), shop.stamp());
    shop.run(shop.store.write(move |tx| pay_order(tx, id, (payment_id, &paid), stamp)))
}

#[test]
fn an_order_sent_again_is_the_same_order_and_books_nothing() {
    on_both(|shop| {
        stocked(shop);
        let command = order(shop, "1", vec![sale("tea", 2, 250), sale("ebook", 1, 900)]);
        let (first, is_new) = place(shop, &command).unwrap();
        assert!(is_new);
        assert_eq!((first.state, first.amount_minor), (OrderState::Paid, 1_400));
        let again = PlaceOrder {
            order_id: new_id(shop.ids.as_ref()),
            payment_id: new_id(shop.ids.as_ref()),
            reservation_id: new_id(shop.ids.as_ref()),
            ..command.clone()
        };
        let (second, is_new) = place(shop, &again).unwrap();
        assert!(!is_new);
        assert_eq!(second.order_id, first.order_id);
        assert_eq!(stock(shop, "tea"), (10, 2, 8));
        let changed = PlaceOrder { country: None, ..again };
        let refused = place(shop, &changed).unwrap_err();
        assert!(matches!(refused, PlaceOrderError::ExternalIdTaken(id) if id == first.order_id));
        // Whatever has become of it since, the same content is the same order.
        step(shop, first.order_id, fulfil_order).unwrap();
        assert_eq!(place(shop, &command).unwrap().0.state, OrderState::Fulfilled);
        assert_eq!(stock(shop, "tea"), (8, 0, 8));
        shop.assert_books_hold();
    });
}

#[test]
fn thirty_identical_orders_at_once_are_one() {
    on_both(|shop| {
        stocked(shop);
        let tasks: Vec<_> = (0..30)
            .map(|_| {
                let command = order(shop, "1", vec![sale("tea", 1, 250)]);
                let store = shop.store.clone();
                shop.spawn(
                    async move { store.write(move |tx| place_order(tx, &command, now())).await },
                )
            })
            .collect();
        let placed: Vec<_> =
            tasks.into_iter().map(|task| shop.run(task).unwrap().unwrap()).collect();
        assert_eq!(placed.iter().filter(|(_, is_new)| *is_new).count(), 1);
        assert!(placed.iter().all(|(order, _)| order.order_id == placed[0].0.order_id));
        assert_eq!(shop.number("SELECT COUNT(*) FROM payments"), 1);
        assert_eq!(stock(shop, "tea"), (10, 1, 9));
        shop.assert_books_hold();
    });
}

#[test]
fn an_order_gets_all_its_stock_or_is_not_booked() {
    on_both(|shop| {
        stocked(shop);
        let command = order(shop, "1", vec![sale("tea", 4, 250), sale("jam", 11, 300)]);
        let refused = place(shop, &command).unwrap_err();
        let PlaceOrderError::Stock(OrderStockError::Reserve(ReserveError::Short(short))) = refused
        else {
            panic!("{refused}");
        };
        assert_eq!((short[0].sku.as_str(), short[0].available), ("jam", 10));
        assert_eq!(shop.number("SELECT COUNT(*) FROM orders"), 0);
        assert_eq!(shop.number("SELECT COUNT(*) FROM payments"), 0);
        assert_eq!(stock(shop, "tea"), (10, 0, 10));
        // Taken elsewhere and gone already: stock is left alone.
        let (order, _) = place(shop, &PlaceOrder { stock: StockChoice::None, ..command }).unwrap();
        assert_eq!(order.reservation_id, None);
        assert_eq!(stock(shop, "jam"), (10, 0, 10));
        shop.assert_books_hold();
    });
}

#[test]
fn a_named_reservation_of_just_these_pieces_is_committed_once() {
    on_both(|shop| {
        stocked(shop);
        let held = new_id(shop.ids.as_ref());
        let wish = Reserve {
            reservation_id: held,
            reference: None,
            lines: vec![WantedLine { sku: sku("tea"), quantity: 3 }],
            hold_micros: HOLD_DEFAULT,
        };
        shop.run(shop.store.write(move |tx| reserve_in(tx, &wish, now()))).unwrap();
        let named = |number: &str, quantity: i64| PlaceOrder {
            stock: StockChoice::Commit(Some(held)),
            ..order(shop, number, vec![sale("tea", quantity, 250)])
        };
        let differs = place(shop, &named("1", 2)).unwrap_err();
        assert!(matches!(differs, PlaceOrderError::Stock(OrderStockError::Differs(_))));
        let (first, _) = place(shop, &named("1", 3)).unwrap();
        assert_eq!(first.reservation_id, Some(held));
        assert_eq!(stock(shop, "tea"), (10, 3, 7));
        let taken = place(shop, &named("2", 3)).unwrap_err();
        let PlaceOrderError::Stock(OrderStockError::Taken { order, .. }) = taken else {
            panic!("{taken}");
        };
        assert_eq!(order, first.order_id);
        shop.assert_books_hold();
    });
}

#[test]
fn an_order_is_paid_shipped_and_closed_and_each_step_again_changes_nothing() {
    on_both(|shop| {
        stocked(shop);
        let (placed, _) =
            place(shop, &unpaid(order(shop, "1", vec![sale("tea", 2, 250)]))).unwrap();
        let id = placed.order_id;
        assert_eq!(placed.state, OrderState::Pending);
        assert_eq!(stock(shop, "tea"), (10, 2, 8), "an unpaid order holds its stock");
        assert!(matches!(step(shop, id, fulfil_order), Err(OrderChangeError::Illegal(_))));
        for _ in 0..2 {
            assert_eq!(pay(shop, id, "till 4").unwrap().state, OrderState::Paid);
        }
        assert!(matches!(pay(shop, id, "till 5"), Err(OrderChangeError::PaidOtherwise)));
        assert_eq!(shop.read(move |tx| payments_of(tx, id)).len(), 1);
        assert!(matches!(step(shop, id, cancel_order), Err(OrderChangeError::Illegal(_))));
        for _ in 0..2 {
            assert_eq!(step(shop, id, fulfil_order).unwrap().state, OrderState::Fulfilled);
        }
        assert_eq!(stock(shop, "tea"), (8, 0, 8));
        for _ in 0..2 {
            assert_eq!(step(shop, id, complete_order).unwrap().state, OrderState::Completed);
        }
        assert_eq!(find(shop, id).version, 4);
        shop.assert_books_hold();
    });
}

#[test]
fn a_canceled_order_lets_its_stock_go() {
    on_both(|shop| {
        stocked(shop);
        let (placed, _) =
            place(shop, &unpaid(order(shop, "1", vec![sale("tea", 2, 250)]))).unwrap();
        for _ in 0..2 {
            let canceled = step(shop, placed.order_id, cancel_order).unwrap();
            assert_eq!(canceled.state, OrderState::Canceled);
        }
        assert_eq!(stock(shop, "tea"), (10, 0, 10));
        assert!(matches!(pay(shop, placed.order_id, "x"), Err(OrderChangeError::Illegal(_))));
        shop.assert_books_hold();
    });
}

#[test]
fn what_cannot_be_booked_is_named_and_nothing_is_kept() {
    on_both(|shop| {
        stocked(shop);
        let good = || order(shop, "1", vec![sale("tea", 2, 250)]);
        let check = |command: PlaceOrder, pointer: &str| {
            let Err(PlaceOrderError::Invalid(found)) = place(shop, &command) else {
                panic!("{command:?} was booked");
            };
            assert_eq!(found[0].pointer, pointer, "{found:?}");
        };
        check(PlaceOrder { source: String::new(), ..good() }, "/source");
        check(PlaceOrder { external_id: "a\0".into(), ..good() }, "/external_id");
        check(PlaceOrder { placed_at: now().plus_micros(DAY + 1), ..good() }, "/placed_at");
        check(PlaceOrder { country: Some("Britain".into()), ..good() }, "/country");
        check(order(shop, "1", vec![sale("tee", 2, 250)]), "/lines/0/sku");
        let mut wrong = good();
        wrong.draft.total_minor += 1;
        check(wrong, "/total");
        let mut wrong = good();
        wrong.payment.as_mut().unwrap().provider = String::new();
        check(wrong, "/payment/provider");
        assert_eq!(shop.number("SELECT COUNT(*) FROM orders"), 0);
        assert_eq!(shop.number("SELECT COUNT(*) FROM customers"), 0);
    });
}

#[test]
fn a_line_says_what_the_product_is_called_unless_it_says_something_else() {
    on_both(|shop| {
        stocked(shop);
        let mut named = sale("jam", 1, 300);
        named.title = "Marmalade".to_owned();
        let shipping = line(LineKind::Shipping, None, 1, 490);
        let lines = vec![sale("tea", 1, 250), named, shipping];
        let (order, _) = place(shop, &order(shop, "1", lines)).unwrap();
        let lines = shop.read(move |tx| placed::lines_of(tx, order.order_id));
        let said: Vec<_> = lines.iter().map(|l| (l.code.as_str(), l.title.as_str())).collect();
        assert_eq!(said, [("tea", "Title"), ("jam", "Marmalade"), ("shipping", "Shipping")]);
        let shares: Vec<_> = lines.iter().map(|line| line.share_minor.unwrap()).collect();
        assert_eq!(shares, [250, 300, 490]);
    });
}

#[test]
fn an_order_of_an_imported_history_is_shown_and_left_alone() {
    on_both(|shop| {
        let row = "536365,A-1,LAMP,6,2011-03-02 08:26:00,2.55,17850,United Kingdom\n";
        shop.import_orders(&shop.file("orders.csv", format!("{HEADER}{row}"))).unwrap();
        let filter = placed::OrderFilter::default();
        let all = shop.read(move |tx| placed::list(tx, &filter, &shopwright_store::Page::first(5)));
        assert_eq!((all.len(), all[0].amount_minor, all[0].fingerprint.as_ref()), (1, 1_530, None));
        let refused = step(shop, all[0].order_id, fulfil_order).unwrap_err();
        assert!(matches!(refused, OrderChangeError::History(_)));
        shop.assert_books_hold();
    });
}

#[test]
fn a_history_adds_nothing_to_an_order_that_was_booked_under_its_number() {
    on_both(|shop| {
        stocked(shop);
        let booked = PlaceOrder {
            source: "online-retail".to_owned(),
            ..order(shop, "536365", vec![sale("tea", 1, 250)])
        };
        place(shop, &booked).unwrap();
        let rows = "536365,A-1,LAMP,6,2011-03-02 08:26:00,2.55,17850,United Kingdom\n\
                    536365,A-2,CUP,1,2011-03-02 08:26:00,2.55,17850,United Kingdom\n";
        let import = shop.import_orders(&shop.file("orders.csv", format!("{HEADER}{rows}")));
        assert!(import.unwrap_err().to_string().contains("orders_source_external_id_key"));
        assert_eq!(shop.number("SELECT COUNT(*) FROM order_lines"), 1);
        shop.assert_books_hold();
    });
}
