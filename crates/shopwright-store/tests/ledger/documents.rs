//! Customers, orders, refunds and adjustments: booking a history twice changes nothing.

use std::collections::BTreeMap;

use shopwright_domain::money::UnitPrice;
use shopwright_domain::time::{DAY, HOUR};
use shopwright_store::customers::{self, CustomerSeen};
use shopwright_store::orders::{self, BookedTotals, Document, DocumentHead, LineRow};
use shopwright_store::{StoreError, Tx, catalog as products, inventory, params};
use uuid::Uuid;

use crate::catalog::{add_products, at, euro, sku};
use crate::harness::{Db, on_both};

const SOURCE: &str = "shop";

fn heads(first_id: u128) -> Vec<DocumentHead<'static>> {
    let head = |offset: u128, external_id, customer_id, day: i64| DocumentHead {
        id: Uuid::from_u128(first_id + offset),
        external_id,
        customer_id,
        country: "Österreich",
        at: at(day * DAY),
    };
    vec![head(0, "100", Some("c1"), 1), head(1, "101", None, 2), head(2, "102", Some("c2"), 3)]
}

fn line(
    document_id: Uuid,
    external_id: &'static str,
    ordinal: i64,
    quantity: i64,
) -> LineRow<'static> {
    let unit_price = UnitPrice(2_550_000);
    LineRow {
        document_id,
        external_id,
        ordinal,
        kind: "sale",
        code: "tea",
        title: "Tea",
        quantity,
        unit_price,
        amount_minor: unit_price.line_amount_minor(quantity, euro()).unwrap(),
        at: at(DAY + ordinal),
    }
}

fn see_customers(tx: &mut Tx<'_>) -> Result<u64, StoreError> {
    let seen =
        |customer_id, day: i64| CustomerSeen { customer_id, country: "AT", at: at(day * DAY) };
    customers::upsert_seen(tx, &[seen("c1", 1), seen("c2", 3)], at(9 * DAY))
}

/// Books orders 100 to 102 with five lines; gives what was new.
fn book_orders(
    tx: &mut Tx<'_>,
    first_id: u128,
) -> Result<(BTreeMap<String, Uuid>, u64), StoreError> {
    see_customers(tx)?;
    let ids = orders::upsert_documents(tx, Document::Order, SOURCE, "EUR", &heads(first_id))?;
    let lines = order_lines(&ids.clone().into_iter().collect());
    let added = orders::insert_lines(tx, Document::Order, &lines)?;
    let all: Vec<Uuid> = ids.values().copied().collect();
    orders::settle_amounts(tx, Document::Order, &all)?;
    Ok((ids.into_iter().collect(), added))
}

fn order_lines(ids: &BTreeMap<String, Uuid>) -> Vec<LineRow<'static>> {
    vec![
        line(ids["100"], "100", 0, 1),
        line(ids["100"], "100", 1, 6),
        line(ids["101"], "101", 0, 12),
        line(ids["102"], "102", 0, 3),
        line(ids["102"], "102", 1, 3),
    ]
}

fn amount_of(db: &Db, external_id: &str) -> i64 {
    db.raw().int(&format!("SELECT amount_minor FROM orders WHERE external_id = '{external_id}'"))
}

#[test]
fn orders_booked_twice_keep_their_ids_lines_and_amounts() {
    on_both(|db| {
        let (ids, added) = db.write(|tx| book_orders(tx, 1)).unwrap();
        assert_eq!((ids.len(), added), (3, 5));
        assert_eq!(ids["101"], Uuid::from_u128(2));
        // A second run comes with ids of its own, which are not used.
        assert_eq!(db.write(|tx| book_orders(tx, 900)), Ok((ids.clone(), 0)));
        assert_eq!(
            (amount_of(db, "100"), amount_of(db, "101"), amount_of(db, "102")),
            (7 * 255, 12 * 255, 6 * 255)
        );
        let totals = BookedTotals { lines: 5, quantity: 25, amount_minor: 25 * 255 };
        assert_eq!(db.read(|tx| orders::booked_totals(tx, SOURCE)), Ok(totals));
        assert_eq!(db.read(|tx| orders::booked_totals(tx, "other")), Ok(BookedTotals::default()));
        assert_eq!(
            db.raw()
                .int("SELECT COUNT(*) FROM orders WHERE country = 'Österreich' AND state = 'paid'"),
            3
        );
    });
}

#[test]
fn the_same_number_from_another_source_is_another_order() {
    on_both(|db| {
        let both = db.write(|tx| {
            see_customers(tx)?;
            let one = orders::upsert_documents(tx, Document::Order, "shop", "EUR", &heads(1))?;
            let other = orders::upsert_documents(tx, Document::Order, "market", "EUR", &heads(11))?;
            Ok((one["100"], other["100"]))
        });
        assert_eq!(both, Ok((Uuid::from_u128(1), Uuid::from_u128(11))));
    });
}

#[test]
fn an_order_of_an_unknown_customer_id_is_refused_by_the_database() {
    on_both(|db| {
        let failed =
            db.write(|tx| orders::upsert_documents(tx, Document::Order, SOURCE, "EUR", &heads(1)));
        assert_eq!(failed, Err(StoreError::Conflict { constraint: "foreign_key".into() }));
        let failed = db.write(|tx| {
            orders::insert_lines(tx, Document::Order, &[line(Uuid::from_u128(77), "100", 0, 1)])
        });
        assert_eq!(failed, Err(StoreError::Conflict { constraint: "foreign_key".into() }));
    });
}

#[test]
fn lines_that_stand_with_other_content_are_found_and_left_as_they_are() {
    on_both(|db| {
        let (ids, _) = db.write(|tx| book_orders(tx, 1)).unwrap();
        let same = order_lines(&ids);
        let mut changed = order_lines(&ids);
        changed[1].quantity = 7;
        changed[2].title = "tea";
        changed[3].at = at(DAY + 1);
        changed[4].unit_price = UnitPrice(2_550_001);
        let new = line(ids["100"], "100", 2, 1);
        changed.push(new);
        assert_eq!(
            db.read(move |tx| orders::differing_lines(tx, Document::Order, &same)),
            Ok(vec![])
        );
        let rows = changed.clone();
        let mut differing =
            db.read(move |tx| orders::differing_lines(tx, Document::Order, &rows)).unwrap();
        differing.sort();
        let wanted = [("100", 1), ("101", 0), ("102", 0), ("102", 1)];
        assert_eq!(differing, wanted.map(|(number, ordinal)| (number.to_owned(), ordinal)));
        assert_eq!(db.write(move |tx| orders::insert_lines(tx, Document::Order, &changed)), Ok(1));
        let quantities =
            db.raw().ints("SELECT quantity FROM order_lines ORDER BY order_id, ordinal");
        assert_eq!(quantities, [1, 6, 1, 12, 3, 3]);
    });
}

#[test]
fn refunds_and_adjustments_booked_twice_count_once() {
    on_both(|db| {
        let book = |tx: &mut Tx<'_>| {
            see_customers(tx)?;
            let ids = orders::upsert_documents(tx, Document::Refund, SOURCE, "EUR", &heads(1))?;
            let returned = [line(ids["100"], "100", 0, -2), line(ids["101"], "101", 0, -1)];
            let lines = orders::insert_lines(tx, Document::Refund, &returned)?;
            orders::settle_amounts(tx, Document::Refund, &[ids["100"], ids["101"], ids["102"]])?;
            let found = [line(Uuid::nil(), "A1", 0, 5), line(Uuid::nil(), "A1", 1, 7)];
            Ok((lines, orders::insert_adjustments(tx, SOURCE, "EUR", &found)?))
        };
        assert_eq!(db.write(book), Ok((2, 2)));
        assert_eq!(db.write(book), Ok((0, 0)));
        let totals = BookedTotals { lines: 4, quantity: 9, amount_minor: 9 * 255 };
        assert_eq!(db.read(|tx| orders::booked_totals(tx, SOURCE)), Ok(totals));
        assert_eq!(
            db.raw().ints("SELECT amount_minor FROM refunds ORDER BY external_id"),
            [-510, -255, 0]
        );
        let mut other = line(Uuid::nil(), "A1", 1, 7);
        other.title = "found";
        let rows = [line(Uuid::nil(), "A1", 0, 5), other, line(Uuid::nil(), "A2", 0, 1)];
        let differing = db.read(move |tx| orders::differing_adjustments(tx, SOURCE, &rows));
        assert_eq!(differing, Ok(vec![("A1".to_owned(), 1)]));
    });
}

#[test]
fn a_customer_keeps_the_earliest_order_time() {
    on_both(|db| {
        let see = |day: i64| {
            let seen = move |tx: &mut Tx<'_>| {
                let one = CustomerSeen { customer_id: "c1", country: "AT", at: at(day * DAY) };
                customers::upsert_seen(tx, &[one], at(0))
            };
            db.write(seen).unwrap()
        };
        assert_eq!([see(5), see(5), see(7), see(2), see(2)], [1, 0, 0, 1, 0]);
        assert_eq!(db.read(customers::count), Ok(1));
        let first = db
            .read(|tx| tx.one("SELECT first_order_at FROM customers", params![], |row| row.get(0)));
        assert_eq!(first, Ok(at(2 * DAY)));
    });
}

#[test]
fn history_ends_with_its_latest_line_of_either_kind() {
    on_both(|db| {
        assert_eq!(db.read(orders::history_end), Ok(None));
        let (ids, _) = db.write(|tx| book_orders(tx, 1)).unwrap();
        assert_eq!(db.read(orders::history_end), Ok(Some(at(DAY + 1))));
        db.write(move |tx| {
            let ids = orders::upsert_documents(tx, Document::Refund, SOURCE, "EUR", &heads(50))?;
            let late = LineRow { at: at(40 * DAY), ..line(ids["100"], "100", 0, -1) };
            orders::insert_lines(tx, Document::Refund, &[late])
        })
        .unwrap();
        assert_eq!(db.read(orders::history_end), Ok(Some(at(40 * DAY))));
        assert_eq!(ids.len(), 3);
    });
}

#[test]
fn small_sales_after_the_given_moment_come_each_once() {
    on_both(|db| {
        let (ids, _) = db.write(|tx| book_orders(tx, 1)).unwrap();
        let jam = LineRow { code: "jam", at: at(3 * DAY), ..line(ids["100"], "100", 7, 2) };
        let shipping = LineRow { kind: "shipping", ..line(ids["100"], "100", 8, 1) };
        db.write(move |tx| {
            orders::insert_lines(tx, Document::Order, &[jam.clone(), shipping.clone()])
        })
        .unwrap();
        let sales = |after: i64, most: i64| {
            db.read(move |tx| {
                let mut all = Vec::new();
                orders::for_each_small_sale(tx, at(after), most, |sale| {
                    all.push((sale.code, sale.quantity));
                })?;
                // They come in no particular order.
                all.sort();
                Ok(all)
            })
            .unwrap()
        };
        let named = |all: &[(&str, i64)]| -> Vec<(String, i64)> {
            all.iter().map(|(code, quantity)| ((*code).to_owned(), *quantity)).collect()
        };
        assert_eq!(sales(DAY, 6), named(&[("jam", 2), ("tea", 3), ("tea", 6)]));
        assert_eq!(sales(3 * DAY - 1, 100), named(&[("jam", 2)]));
        assert_eq!(sales(i64::MIN, 1), named(&[("tea", 1)]));
    });
}

#[test]
fn weekly_units_are_net_of_returns_and_hold_their_edges() {
    on_both(|db| {
        let week = 7 * DAY;
        let end = 10 * week;
        db.write(move |tx| {
            see_customers(tx)?;
            let orders = orders::upsert_documents(tx, Document::Order, SOURCE, "EUR", &heads(1))?;
            let refunds =
                orders::upsert_documents(tx, Document::Refund, SOURCE, "EUR", &heads(50))?;
            let sold = |ordinal, time, quantity| LineRow {
                at: at(time),
                ..line(orders["100"], "100", ordinal, quantity)
            };
            let lines = [
                sold(0, end, 1),
                sold(1, end + 1, 100),
                sold(2, end - week, 4),
                sold(3, end - week + 1, 2),
                sold(4, end - 3 * week, 1_000),
                sold(5, end - 3 * week + 1, 8),
                LineRow { kind: "free_goods", ..sold(6, end - HOUR, 50) },
                LineRow { code: "jam", ..sold(7, end - HOUR, 60) },
            ];
            orders::insert_lines(tx, Document::Order, &lines)?;
            let back = LineRow {
                kind: "refund",
                at: at(end - HOUR),
                ..line(refunds["100"], "100", 0, -5)
            };
            orders::insert_lines(tx, Document::Refund, &[back])
        })
        .unwrap();
        let weekly = |skus: &'static [&'static str], weeks: i64| {
            let units = db.read(move |tx| orders::weekly_units(tx, skus, at(end), weeks)).unwrap();
            units.into_iter().collect::<BTreeMap<_, _>>()
        };
        let tea = |units: Vec<i64>| ("tea".to_owned(), units);
        let jam = |units: Vec<i64>| ("jam".to_owned(), units);
        let none = |units: Vec<i64>| ("never sold".to_owned(), units);
        assert_eq!(weekly(&["tea"], 3), BTreeMap::from([tea(vec![8, 4, 1 + 2 - 5])]));
        let all = BTreeMap::from([tea(vec![4, -2]), jam(vec![0, 60]), none(vec![0, 0])]);
        assert_eq!(weekly(&["tea", "jam", "never sold"], 2), all);
        assert_eq!(weekly(&["tea"], 0), BTreeMap::from([tea(vec![])]));
        assert_eq!(weekly(&[], 3), BTreeMap::new());

        let net = |code: Option<&'static str>, since: i64, until: i64| {
            let units =
                db.read(move |tx| orders::net_units(tx, code, at(since), at(until))).unwrap();
            units.into_iter().collect::<BTreeMap<_, _>>()
        };
        let both = BTreeMap::from([("tea".to_owned(), 1 + 2 - 5), ("jam".to_owned(), 60)]);
        assert_eq!(net(None, end - week, end), both);
        assert_eq!(net(Some("tea"), end, end + 1), BTreeMap::from([("tea".to_owned(), 100)]));
        assert_eq!(net(Some("never sold"), i64::MIN, i64::MAX), BTreeMap::new());
    });
}

#[test]
fn products_take_new_titles_and_the_time_of_their_earliest_sale_once() {
    on_both(|db| {
        add_products(db, &["tea", "jam"]);
        let retitle = |now: i64| {
            let titles = [("tea", "Black tea"), ("jam", "title"), ("nobody", "x")];
            db.write(move |tx| products::retitle(tx, &titles, at(now))).unwrap()
        };
        assert_eq!((retitle(20), retitle(30)), (1, 0));
        let tea = db.read(|tx| products::find(tx, &sku("tea"))).unwrap().unwrap();
        assert_eq!((tea.title.as_str(), tea.updated_at), ("Black tea", at(20)));
        let sold = |time: i64| {
            let times = [("tea", at(time)), ("nobody", at(time))];
            db.write(move |tx| products::note_sold(tx, &times)).unwrap()
        };
        assert_eq!([sold(50), sold(50), sold(60), sold(40)], [1, 0, 0, 1]);
        let first = db.read(|tx| {
            let sql = "SELECT sku, first_sold_at FROM products ORDER BY sku";
            tx.query(sql, params![], |row| row.get(1))
        });
        assert_eq!(first, Ok(vec![None, Some(at(40))]));
    });
}

#[test]
fn lines_after_a_count_come_from_every_kind_of_document() {
    on_both(|db| {
        db.write(|tx| {
            book_orders(tx, 1)?;
            let ids = orders::upsert_documents(tx, Document::Refund, SOURCE, "EUR", &heads(50))?;
            orders::insert_lines(tx, Document::Refund, &[line(ids["102"], "102", 3, -2)])?;
            orders::insert_adjustments(tx, SOURCE, "EUR", &[line(Uuid::nil(), "A9", 5, 4)])
        })
        .unwrap();
        let lines = db.read(|tx| {
            let mut lines = Vec::new();
            inventory::for_each_line_after(tx, at(DAY), |line| lines.push(line))?;
            Ok(lines)
        });
        let mut lines = lines.unwrap();
        lines.sort_by(|one, other| one.reference.cmp(&other.reference));
        assert!(lines.iter().all(|line| line.code == "tea" && line.kind == "sale"));
        let seen: Vec<_> = lines.iter().map(|l| (l.reference.as_str(), l.quantity, l.at)).collect();
        let wanted = [
            ("shop:100:1", 6, at(DAY + 1)),
            ("shop:102:1", 3, at(DAY + 1)),
            ("shop:102:3", -2, at(DAY + 3)),
            ("shop:A9:5", 4, at(DAY + 5)),
        ];
        assert_eq!(seen, wanted);
    });
}
