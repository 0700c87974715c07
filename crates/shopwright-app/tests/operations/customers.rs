//! Customers: put, merged, handed out, erased, and what imports may bring back.

use shopwright_app::catalog::Put;
use shopwright_app::customers::{
    EraseError, MergeError, PutCustomerError, erase_customer, export_customer, find_customer,
    merge_customers, put_customer,
};
use shopwright_app::orders::{PlaceOrder, PlaceOrderError};
use shopwright_domain::customers::{Address, Consent, CustomerFields, CustomerId};
use shopwright_domain::time::Clock as _;
use shopwright_store::customers::Customer;

use crate::harness::{HEADER, Shop, at, on_both};
use crate::sales::{order, place, sale, stocked};

fn id(text: &str) -> CustomerId {
    text.parse().unwrap()
}

fn jane() -> CustomerFields {
    CustomerFields {
        email: Some("Jane@Example.com".to_owned()),
        name: Some("Jane Doe".to_owned()),
        phone: None,
        locale: Some("en-GB".to_owned()),
        country: Some("GB".to_owned()),
        tags: vec!["vip".to_owned()],
        consent: Some(Consent {
            marketing: true,
            at: at("2011-11-01T00:00:00Z"),
            source: "checkout".to_owned(),
        }),
        addresses: vec![address("London"), address("Leeds")],
    }
}

fn address(city: &str) -> Address {
    Address { city: Some(city.to_owned()), ..Address::default() }
}

fn put(
    shop: &Shop,
    who: &str,
    fields: &CustomerFields,
) -> Result<(Customer, Put), PutCustomerError> {
    let (who, fields, now) = (id(who), fields.clone(), shop.clock.now());
    shop.run(shop.store.write(move |tx| put_customer(tx, &who, &fields, now)))
}

fn merge(shop: &Shop, from: &str, into: &str) -> Result<Customer, MergeError> {
    let (from, into, stamp) = (id(from), id(into), shop.stamp());
    shop.run(shop.store.write(move |tx| merge_customers(tx, &from, &into, stamp)))
}

fn erase(shop: &Shop, who: &str) -> Result<usize, EraseError> {
    let (who, stamp) = (id(who), shop.stamp());
    let erased = shop.run(shop.store.write(move |tx| erase_customer(tx, &who, stamp)))?;
    Ok(erased.ids.len())
}

fn find(shop: &Shop, who: &'static str) -> Option<Customer> {
    shop.read(move |tx| find_customer(tx, &id(who)))
}

/// An order of this customer, under its number.
fn buy(shop: &Shop, who: &str, number: &str) -> Result<Option<CustomerId>, PlaceOrderError> {
    let command =
        PlaceOrder { customer: Some(id(who)), ..order(shop, number, vec![sale("tea", 1, 250)]) };
    place(shop, &command).map(|(order, _)| order.customer_id)
}

/// Whose the imported order is, when a history of one order by `who` comes in.
fn import(shop: &Shop, who: &str, number: &str) -> Option<String> {
    let row = format!("{number},A-1,LAMP,6,2011-03-02 08:26:00,2.55,{who},United Kingdom\n");
    let file = shop.file(&format!("{number}.csv"), format!("{HEADER}{row}"));
    shop.import_orders(&file).unwrap();
    let number = number.to_owned();
    shop.read(move |tx| {
        let order = shopwright_store::orders::placed::find_external(tx, "online-retail", &number)?;
        Ok(order.unwrap().customer_id.map(|id| id.to_string()))
    })
}

#[test]
fn a_customer_put_again_is_unchanged_and_one_from_a_history_can_be_completed() {
    on_both(|shop| {
        assert_eq!(put(shop, "c1", &jane()).unwrap().1, Put::Created);
        let (again, what) = put(shop, "c1", &jane()).unwrap();
        assert_eq!((what, again.fields), (Put::Unchanged, jane()));
        let fewer =
            CustomerFields { addresses: vec![address("Leeds")], tags: Vec::new(), ..jane() };
        let (changed, what) = put(shop, "c1", &fewer).unwrap();
        assert_eq!((what, changed.fields), (Put::Updated, fewer));
        assert_eq!(import(shop, "17850", "536365").as_deref(), Some("17850"));
        let seen = find(shop, "17850").unwrap();
        assert_eq!(
            (seen.fields.country.as_deref(), seen.updated_at),
            (Some("United Kingdom"), None)
        );
        assert_eq!(put(shop, "17850", &jane()).unwrap().1, Put::Updated);
        let completed = find(shop, "17850").unwrap();
        assert_eq!(completed.first_order_at, seen.first_order_at);
    });
}

#[test]
fn a_merged_id_stands_for_the_other_in_everything_that_follows() {
    on_both(|shop| {
        stocked(shop);
        let anonymous = CustomerFields {
            phone: Some("1234".to_owned()),
            name: Some("J.".to_owned()),
            tags: vec!["vip".to_owned(), "cart".to_owned()],
            consent: Some(Consent {
                marketing: false,
                at: at("2011-12-01T00:00:00Z"),
                source: "mail".to_owned(),
            }),
            addresses: vec![address("Leeds"), address("York")],
            ..CustomerFields::default()
        };
        put(shop, "anon", &anonymous).unwrap();
        put(shop, "c1", &jane()).unwrap();
        assert_eq!(buy(shop, "anon", "1").unwrap(), Some(id("anon")));
        let kept = merge(shop, "anon", "c1").unwrap();
        let cities: Vec<_> =
            kept.fields.addresses.iter().map(|a| a.city.as_deref().unwrap()).collect();
        assert_eq!(cities, ["London", "Leeds", "York"]);
        assert_eq!(kept.fields.name.as_deref(), Some("Jane Doe"));
        assert_eq!(kept.fields.phone.as_deref(), Some("1234"));
        assert!(!kept.fields.consent.clone().unwrap().marketing, "the later word holds");
        assert_eq!(kept.first_order_at, Some(at("2011-12-10T08:00:00Z")));
        assert_eq!(merge(shop, "anon", "c1").unwrap(), kept, "again");
        assert_eq!(shop.number("SELECT COUNT(*) FROM orders WHERE customer_id = 'c1'"), 1);
        assert_eq!(find(shop, "anon").unwrap().customer_id, id("c1"));
        assert_eq!(buy(shop, "anon", "2").unwrap(), Some(id("c1")));
        assert_eq!(import(shop, "anon", "536365").as_deref(), Some("c1"));
        assert!(matches!(put(shop, "anon", &jane()), Err(PutCustomerError::Merged(_))));
        // A chain collapses: everything stands for the last.
        put(shop, "c2", &CustomerFields::default()).unwrap();
        merge(shop, "c1", "c2").unwrap();
        assert_eq!(buy(shop, "anon", "3").unwrap(), Some(id("c2")));
        assert_eq!(shop.number("SELECT COUNT(*) FROM customers"), 1);
        shop.assert_books_hold();
    });
}

#[test]
fn merges_that_make_no_sense_are_refused() {
    on_both(|shop| {
        put(shop, "a", &jane()).unwrap();
        put(shop, "b", &jane()).unwrap();
        assert!(matches!(merge(shop, "a", "a"), Err(MergeError::Itself)));
        assert!(matches!(merge(shop, "a", "nobody"), Err(MergeError::Unknown(_))));
        merge(shop, "never seen", "a").unwrap();
        assert!(matches!(merge(shop, "never seen", "b"), Err(MergeError::MergedElsewhere { .. })));
        assert!(matches!(merge(shop, "a", "never seen"), Err(MergeError::Itself)));
        erase(shop, "b").unwrap();
        assert!(matches!(merge(shop, "a", "b"), Err(MergeError::Erased(_))));
        assert!(matches!(merge(shop, "b", "a"), Err(MergeError::Erased(_))));
    });
}

#[test]
fn two_merges_against_each_other_leave_one_customer() {
    on_both(|shop| {
        put(shop, "a", &jane()).unwrap();
        put(shop, "b", &jane()).unwrap();
        let stamp = shop.stamp();
        let tasks: Vec<_> = [("a", "b"), ("b", "a")]
            .map(|(from, into)| {
                let store = shop.store.clone();
                shop.spawn(async move {
                    store.write(move |tx| merge_customers(tx, &id(from), &id(into), stamp)).await
                })
            })
            .into();
        let made: Vec<_> = tasks.into_iter().map(|task| shop.run(task).unwrap().is_ok()).collect();
        assert!(made.contains(&true), "{made:?}");
        assert_eq!(shop.number("SELECT COUNT(*) FROM customers"), 1);
        assert_eq!(find(shop, "a").unwrap(), find(shop, "b").unwrap());
    });
}

#[test]
fn an_erased_person_is_gone_and_does_not_come_back_with_an_import() {
    on_both(|shop| {
        stocked(shop);
        put(shop, "c1", &jane()).unwrap();
        merge(shop, "anon", "c1").unwrap();
        buy(shop, "c1", "1").unwrap();
        let before = shop.number("SELECT CAST(SUM(amount_minor) AS BIGINT) FROM orders");
        assert_eq!(erase(shop, "anon").unwrap(), 2, "by any of its ids");
        assert_eq!(erase(shop, "c1").unwrap(), 0, "again");
        for who in ["c1", "anon"] {
            assert_eq!(find(shop, who), None);
            assert!(matches!(put(shop, who, &jane()), Err(PutCustomerError::Erased(_))));
            assert!(matches!(buy(shop, who, "2"), Err(PlaceOrderError::Buyer(_))));
            assert_eq!(import(shop, who, &format!("5363{}", who.len())), None);
        }
        assert!(matches!(erase(shop, "nobody"), Err(EraseError::Unknown(_))));
        let shown = "SELECT CAST(SUM(amount_minor) AS BIGINT) FROM orders WHERE source = 'shopify'";
        assert_eq!(shop.number(shown), before, "amounts stay");
        assert_eq!(shop.number("SELECT COUNT(*) FROM customers"), 0);
        shop.assert_books_hold();
        // The same order sent again is still the same order.
        let again = buy(shop, "c1", "1");
        assert!(matches!(again, Ok(None)), "{again:?}");
    });
}

#[test]
fn an_export_has_everything_about_the_person_and_nothing_of_others() {
    on_both(|shop| {
        stocked(shop);
        put(shop, "c1", &jane()).unwrap();
        merge(shop, "anon", "c1").unwrap();
        buy(shop, "anon", "1").unwrap();
        buy(shop, "c1", "2").unwrap();
        buy(shop, "other", "3").unwrap();
        let export = shop.read(|tx| export_customer(tx, &id("anon"))).unwrap();
        assert_eq!(export.customer.fields, jane());
        assert_eq!(export.other_ids, [id("anon")]);
        let numbers: Vec<_> = export.orders.iter().map(|o| o.order.external_id.as_str()).collect();
        assert_eq!(numbers, ["1", "2"]);
        assert_eq!((export.orders[0].lines.len(), export.orders[0].payments.len()), (1, 1));
        assert!(shop.read(|tx| export_customer(tx, &id("nobody"))).is_none());
    });
}
