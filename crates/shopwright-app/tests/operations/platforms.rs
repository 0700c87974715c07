//! What platforms say, applied in any order and more than once: the ledger ends up the same.

use shopwright_app::platforms::{
    Applied, ApplyError, ApplyIds, apply_customer, apply_order, apply_refund, apply_stock,
    apply_variant, remove_product,
};
use shopwright_domain::catalog::{ProductKind, ProductStatus};
use shopwright_domain::money::UnitPrice;
use shopwright_domain::orders::{LineKind, OrderState};
use shopwright_domain::platforms::{
    Platform, PlatformCustomer, PlatformLine, PlatformOrder, PlatformPayment, PlatformRefund,
    PlatformRefundLine, PlatformStock, PlatformVariant, VariantIds,
};
use shopwright_domain::time::Timestamp;
use shopwright_store::inventory::levels::{self, Level};
use shopwright_store::orders::placed::{self, Order};
use shopwright_store::{catalog, customers, listings};

use crate::harness::{Shop, at, by_nobody, on_both};
use crate::sales::{now, sku, stocked};

fn line(id: &str, code: Option<&str>, quantity: i64, pence: i64) -> PlatformLine {
    PlatformLine {
        external_id: Some(id.to_owned()),
        kind: LineKind::Sale,
        sku: code.map(sku),
        variant_id: None,
        title: format!("Title of {id}"),
        quantity,
        unit_price: UnitPrice(pence * 10_000),
        discount_minor: 0,
        tax_minor: 0,
        is_physical: true,
    }
}

fn said(minute: u8) -> Timestamp {
    at(&format!("2011-12-10T08:{minute:02}:00Z"))
}

fn paid() -> PlatformPayment {
    PlatformPayment::Paid {
        provider: "shopify_payments".to_owned(),
        reference: "1".to_owned(),
        at: said(40),
    }
}

fn order(minute: u8) -> PlatformOrder {
    PlatformOrder {
        source: "shopify".to_owned(),
        external_id: "4507894690123456789".to_owned(),
        number: Some("#1001".to_owned()),
        placed_at: at("2011-12-10T09:00:00Z"),
        updated_at: Some(said(minute)),
        currency: "GBP".parse().unwrap(),
        tax_included: true,
        total_minor: 1_300,
        lines: vec![line("1", Some("tea"), 2, 500), line("2", Some("new"), 1, 300)],
        customer: Some(person(minute)),
        ship_to: None,
        payment: PlatformPayment::Pending,
        fulfilled_at: None,
        canceled_at: None,
        refunds: Vec::new(),
        is_test: false,
    }
}

fn person(minute: u8) -> PlatformCustomer {
    PlatformCustomer {
        external_id: Some("7".to_owned()),
        email: Some("jane@example.com".to_owned()),
        updated_at: Some(said(minute)),
        ..PlatformCustomer::default()
    }
}

fn refund() -> PlatformRefund {
    PlatformRefund {
        external_id: "99".to_owned(),
        order_external_id: "4507894690123456789".to_owned(),
        at: said(50),
        amount_minor: 500,
        lines: vec![PlatformRefundLine {
            line_external_id: Some("1".to_owned()),
            sku: None,
            quantity: 1,
            restock: true,
            amount_minor: 500,
        }],
        reason: None,
    }
}

#[derive(Clone)]
enum Message {
    Order(Box<PlatformOrder>),
    Refund(PlatformRefund),
}

fn apply(shop: &Shop, message: &Message) -> Result<Applied, ApplyError> {
    let (message, ids) = (message.clone(), ApplyIds::new(shop.ids.as_ref()));
    shop.run(shop.store.write(move |tx| match &message {
        Message::Order(order) => apply_order(tx, order, &ids, by_nobody(now())),
        Message::Refund(refund) => apply_refund(tx, "shopify", refund, &ids, by_nobody(now())),
    }))
}

fn taken(shop: &Shop, order: PlatformOrder) -> Result<Applied, ApplyError> {
    apply(shop, &Message::Order(Box::new(order)))
}

fn kept(shop: &Shop) -> Option<Order> {
    shop.read(|tx| placed::find_external(tx, "shopify", "4507894690123456789"))
}

fn level(shop: &Shop, code: &'static str) -> Level {
    shop.read(move |tx| levels::read(tx, &[code], now())).remove(0)
}

/// Every order of `count` things.
fn orders_of(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for shorter in orders_of(count - 1) {
        for place in 0..=shorter.len() {
            let mut longer = shorter.clone();
            longer.insert(place, count - 1);
            all.push(longer);
        }
    }
    all
}

/// As the queue of webhooks does: what has to wait comes again after the others.
fn deliver(shop: &Shop, messages: Vec<Message>) {
    let (mut waiting, mut why) = (messages, Vec::new());
    for _ in 0..3 {
        why.clear();
        waiting.retain(|message| match apply(shop, message) {
            Ok(_) => false,
            Err(error) => {
                assert!(error.may_pass(), "{error}");
                why.push(error.to_string());
                true
            }
        });
    }
    assert_eq!(why, Vec::<String>::new());
}

#[test]
fn messages_of_an_order_in_any_order_and_twice_end_in_the_same_books() {
    let placed = order(10);
    let is_paid = PlatformOrder { payment: paid(), ..order(20) };
    let sent = PlatformOrder { fulfilled_at: Some(said(45)), payment: paid(), ..order(30) };
    let mut orders = [placed, is_paid, sent].map(|order| Message::Order(Box::new(order))).to_vec();
    orders.push(Message::Refund(refund()));
    for turn in orders_of(orders.len()) {
        on_both(|shop| {
            stocked(shop);
            let mut messages: Vec<_> = turn.iter().map(|place| orders[*place].clone()).collect();
            messages.extend(messages.clone());
            deliver(shop, messages);
            let kept = kept(shop).unwrap();
            assert_eq!(kept.state, OrderState::PartiallyRefunded, "{turn:?}");
            assert_eq!(kept.amount_minor, 1_300);
            assert!(kept.fulfilled_at.is_some(), "{turn:?}");
            let level = level(shop, "tea");
            assert_eq!((level.facts.on_hand, level.facts.committed), (9, 0), "{turn:?}");
            shop.assert_books_hold();
        });
    }
}

#[test]
fn what_was_applied_again_changes_nothing_and_raises_no_version() {
    on_both(|shop| {
        stocked(shop);
        let sent = PlatformOrder { payment: paid(), ..order(20) };
        assert_eq!(taken(shop, sent.clone()).unwrap(), Applied::Created);
        let version = kept(shop).unwrap().version;
        assert_eq!(taken(shop, sent).unwrap(), Applied::Unchanged);
        assert_eq!(kept(shop).unwrap().version, version);
        let older = taken(shop, order(10)).unwrap();
        assert_eq!(older, Applied::Ignored("older than what is known"));
        let trial = PlatformOrder { is_test: true, external_id: "8".to_owned(), ..order(20) };
        assert_eq!(taken(shop, trial).unwrap(), Applied::Ignored("a test order"));
    });
}

#[test]
fn a_product_an_order_names_first_is_made_without_a_price_and_a_custom_line_is_a_fee() {
    on_both(|shop| {
        stocked(shop);
        let mut custom = order(10);
        custom.lines.push(line("3", None, 1, 200));
        custom
            .lines
            .push(PlatformLine { variant_id: Some("5501".to_owned()), ..line("4", None, 1, 100) });
        custom.total_minor = 1_600;
        taken(shop, custom).unwrap();
        let made = shop.read(|tx| catalog::find(tx, &sku("new"))).unwrap();
        assert_eq!((made.title.as_str(), made.base_price_minor), ("Title of 2", None));
        assert!(shop.read(|tx| catalog::find(tx, &sku("shopify:5501"))).is_some());
        let id = kept(shop).unwrap().order_id;
        let lines = shop.read(move |tx| placed::lines_of(tx, id));
        let kinds: Vec<_> = lines.iter().map(|line| line.kind).collect();
        assert_eq!(kinds, [LineKind::Sale, LineKind::Sale, LineKind::Fee, LineKind::Sale]);
        shop.assert_books_hold();
    });
}

#[test]
fn rounding_is_a_line_of_its_own_and_a_missing_line_is_refused() {
    on_both(|shop| {
        stocked(shop);
        let missing = PlatformOrder { total_minor: 1_303, ..order(10) };
        let refused = taken(shop, missing).unwrap_err();
        assert!(refused.to_string().contains("add up to 1300 minor units"), "{refused}");
        assert!(!refused.may_pass());
        assert!(kept(shop).is_none());
        taken(shop, PlatformOrder { total_minor: 1_298, ..order(10) }).unwrap();
        let id = kept(shop).unwrap().order_id;
        let lines = shop.read(move |tx| placed::lines_of(tx, id));
        let last = lines.last().unwrap();
        assert_eq!((last.kind, last.amount_minor), (LineKind::Discount, -2));
        assert_eq!(last.title, "Rounding of the platform");
        shop.assert_books_hold();
    });
}

#[test]
fn an_order_beyond_our_count_is_booked_and_takes_nothing_off_the_shelf() {
    on_both(|shop| {
        stocked(shop);
        let mut large = order(10);
        large.lines = vec![line("1", Some("tea"), 11, 100)];
        large.total_minor = 1_100;
        taken(shop, large).unwrap();
        assert_eq!(kept(shop).unwrap().reservation_id, None);
        assert_eq!(level(shop, "tea").facts.committed, 0);
        shop.assert_books_hold();
    });
}

#[test]
fn an_edited_order_and_a_refund_that_is_too_large_are_refused_with_a_reason() {
    on_both(|shop| {
        stocked(shop);
        taken(shop, PlatformOrder { payment: paid(), ..order(10) }).unwrap();
        let mut edited = order(20);
        edited.lines.pop();
        edited.total_minor = 1_000;
        let refused = taken(shop, edited).unwrap_err();
        assert!(refused.to_string().contains("was edited after it was booked"), "{refused}");
        let large = PlatformRefund { amount_minor: 1_301, lines: Vec::new(), ..refund() };
        let refused = apply(shop, &Message::Refund(large)).unwrap_err();
        assert!(refused.to_string().contains("is left of what was paid"), "{refused}");
        assert_eq!(kept(shop).unwrap().state, OrderState::Paid);
    });
}

fn variant(minute: u8, price_minor: i64) -> PlatformVariant {
    PlatformVariant {
        ids: VariantIds {
            product_id: "10".to_owned(),
            variant_id: "11".to_owned(),
            inventory_item_id: Some("12".to_owned()),
        },
        sku: Some(sku("cup")),
        title: "Cup".to_owned(),
        category: None,
        kind: ProductKind::Physical,
        status: ProductStatus::Active,
        currency: None,
        price_minor: Some(price_minor),
        compare_at_minor: None,
        cost_minor: None,
        images: Vec::new(),
        attributes: serde_json::Map::new(),
        quantity: None,
        backorder: None,
        updated_at: Some(said(minute)),
    }
}

fn see(shop: &Shop, variant: PlatformVariant) -> Applied {
    let pounds = "GBP".parse().unwrap();
    let seen = shop.store.write(move |tx| {
        apply_variant(tx, Some(Platform::Shopify), &variant, pounds, by_nobody(now()))
    });
    shop.run(seen).unwrap()
}

fn base(shop: &Shop) -> Option<i64> {
    shop.read(|tx| catalog::find(tx, &sku("cup"))).unwrap().base_price_minor
}

#[test]
fn a_price_we_told_the_platform_does_not_come_back_as_a_base_price() {
    on_both(|shop| {
        assert_eq!(see(shop, variant(10, 500)), Applied::Created);
        assert_eq!(see(shop, variant(10, 500)), Applied::Unchanged);
        assert_eq!(base(shop), Some(500));
        assert_eq!(see(shop, variant(20, 550)), Applied::Updated);
        assert_eq!(see(shop, variant(15, 400)), Applied::Ignored("older than what is known"));
        assert_eq!(base(shop), Some(550));
        shop.write(|tx| listings::note_published(tx, (Platform::Shopify, "11"), Ok(600), said(25)));
        see(shop, variant(30, 600));
        see(shop, variant(40, 700));
        assert_eq!(base(shop), Some(550));
        let listed = shop.read(|tx| listings::find_variant(tx, Platform::Shopify, "11")).unwrap();
        assert_eq!(listed.shown, Some((700, said(40))));
        let gone = shop
            .store
            .write(|tx| remove_product(tx, Platform::Shopify, "10", (said(50), by_nobody(now()))));
        assert_eq!(shop.run(gone).unwrap(), Applied::Updated);
        let product = shop.read(|tx| catalog::find(tx, &sku("cup"))).unwrap();
        assert_eq!(product.status, ProductStatus::Archived);
        shop.assert_books_hold();
    });
}

#[test]
fn a_platforms_count_is_mirrored_at_a_place_of_its_own_and_never_over_ours() {
    on_both(|shop| {
        let count = |minute: u8, quantity| {
            let stock = PlatformStock {
                sku: None,
                inventory_item_id: Some("12".to_owned()),
                location: Some("655".to_owned()),
                quantity,
                counts_sold: false,
                at: said(minute),
            };
            let counted =
                shop.store.write(move |tx| apply_stock(tx, "shopify", &stock, by_nobody(now())));
            shop.run(counted)
        };
        assert!(count(5, 3).unwrap_err().may_pass());
        see(shop, variant(10, 500));
        assert_eq!(count(20, 7).unwrap(), Applied::Updated);
        assert_eq!(count(20, 7).unwrap(), Applied::Unchanged);
        assert_eq!(count(10, 9).unwrap(), Applied::Ignored("older than what is known"));
        assert_eq!(count(30, -2).unwrap(), Applied::Updated);
        let level = level(shop, "cup");
        assert_eq!((level.facts.location.as_str(), level.facts.on_hand), ("shopify-655", 0));
        shop.assert_books_hold();
    });
}

#[test]
fn a_person_who_was_erased_does_not_come_back() {
    on_both(|shop| {
        let put = |minute| {
            let person = person(minute);
            shop.run(
                shop.store
                    .write(move |tx| apply_customer(tx, "shopify", &person, by_nobody(now()))),
            )
            .unwrap()
        };
        assert_eq!(put(10), Applied::Created);
        assert_eq!(put(10), Applied::Unchanged);
        let id = "shopify:7".parse().unwrap();
        shop.run(
            shop.store.write(move |tx| {
                shopwright_app::customers::erase_customer(tx, &id, by_nobody(now()))
            }),
        )
        .unwrap();
        assert_eq!(put(20), Applied::Ignored("the person was erased"));
        stocked(shop);
        taken(shop, order(30)).unwrap();
        assert_eq!(kept(shop).unwrap().customer_id, None);
        assert!(shop.read(|tx| customers::find(tx, &"shopify:7".parse().unwrap())).is_none());
        shop.assert_books_hold();
    });
}
