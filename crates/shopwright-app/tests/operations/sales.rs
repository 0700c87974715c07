//! Orders taken elsewhere: a small shop with counted and uncounted products, and short words for
//! what is done to an order.

mod corrupted;
mod placing;
mod refunds;

use shopwright_app::inventory::{CountStock, count_in};
use shopwright_app::orders::{
    OrderChangeError, PaymentMade, PlaceOrder, PlaceOrderError, RefundOrder, Refunded,
    RefundedPieces, StockChoice, place_order, refund_order,
};
use shopwright_domain::catalog::Sku;
use shopwright_domain::ids::{OrderId, new_id};
use shopwright_domain::money::{Money, UnitPrice};
use shopwright_domain::orders::{LineDraft, LineKind, OrderDraft};
use shopwright_domain::time::{Clock as _, Timestamp};
use shopwright_store::audit::Stamp;
use shopwright_store::inventory::levels::{self, Level};
use shopwright_store::orders::placed::{self, Order};
use shopwright_store::{StoreError, Tx, catalog};

use crate::harness::{Shop, at, by_nobody};

pub fn sku(text: &str) -> Sku {
    Sku::parse(text).unwrap()
}

pub fn now() -> Timestamp {
    at("2011-12-10T09:00:00Z")
}

/// `tea` and `jam` counted with ten pieces each, `ebook` never.
pub fn stocked(shop: &Shop) {
    shop.write(|tx| {
        let named = ["tea", "jam", "ebook"].map(|code| (code, "Title"));
        catalog::insert_missing(tx, &named, "GBP".parse().unwrap(), now())?;
        Ok(())
    });
    for code in ["tea", "jam"] {
        let count = CountStock {
            sku: sku(code),
            location: "main".to_owned(),
            reference: "opening".to_owned(),
            quantity: 10,
        };
        shop.run(shop.store.write(move |tx| count_in(tx, &count, by_nobody(now())))).unwrap();
    }
}

/// A line of this kind at so many pence a piece.
pub fn line(kind: LineKind, code: Option<&str>, quantity: i64, pence: i64) -> LineDraft {
    LineDraft {
        kind,
        sku: code.map(sku),
        title: String::new(),
        quantity,
        unit_price: UnitPrice(pence * 10_000),
        amount_minor: quantity * pence,
        discount_minor: 0,
        tax_minor: 0,
    }
}

pub fn sale(code: &str, quantity: i64, pence: i64) -> LineDraft {
    line(LineKind::Sale, Some(code), quantity, pence)
}

/// An order paid by card, under its number.
pub fn order(shop: &Shop, number: &str, lines: Vec<LineDraft>) -> PlaceOrder {
    let total_minor = lines.iter().map(|l| l.amount_minor - l.discount_minor + l.tax_minor).sum();
    PlaceOrder {
        order_id: new_id(shop.ids.as_ref()),
        payment_id: new_id(shop.ids.as_ref()),
        reservation_id: new_id(shop.ids.as_ref()),
        source: "shopify".to_owned(),
        external_id: number.to_owned(),
        customer: None,
        placed_at: at("2011-12-10T08:00:00Z"),
        country: Some("GB".to_owned()),
        ship_to: None,
        draft: OrderDraft {
            currency: "GBP".parse().unwrap(),
            tax_included: false,
            total_minor,
            lines,
        },
        payment: Some(PaymentMade {
            provider: "stripe".to_owned(),
            reference: format!("pi_{number}"),
            at: at("2011-12-10T08:01:00Z"),
        }),
        stock: StockChoice::Commit(None),
    }
}

pub fn unpaid(order: PlaceOrder) -> PlaceOrder {
    PlaceOrder { payment: None, ..order }
}

pub fn place(shop: &Shop, command: &PlaceOrder) -> Result<(Order, bool), PlaceOrderError> {
    let (command, now) = (command.clone(), shop.clock.now());
    shop.run(shop.store.write(move |tx| place_order(tx, &command, now)))
}

/// Takes a step of an order.
pub fn step(
    shop: &Shop,
    id: OrderId,
    step: fn(&mut Tx<'_>, OrderId, Stamp) -> Result<Order, OrderChangeError>,
) -> Result<Order, OrderChangeError> {
    let stamp = shop.stamp();
    shop.run(shop.store.write(move |tx| step(tx, id, stamp)))
}

/// A refund of pieces of lines: (line, quantity, restock).
pub fn refund(shop: &Shop, id: OrderId, lines: &[(i64, i64, bool)]) -> RefundOrder {
    RefundOrder {
        refund_id: new_id(shop.ids.as_ref()),
        payment_id: new_id(shop.ids.as_ref()),
        order_id: id,
        lines: lines
            .iter()
            .map(|&(line, quantity, restock)| RefundedPieces { line, quantity, restock })
            .collect(),
        shipping: false,
        amount: None,
        provider: None,
        reference: String::new(),
        reason: None,
        refunded_at: now(),
    }
}

pub fn pounds(amount: i64) -> Money {
    Money { amount, currency: "GBP".parse().unwrap() }
}

pub fn make(shop: &Shop, command: &RefundOrder) -> Result<Refunded, OrderChangeError> {
    let (command, stamp) = (command.clone(), shop.stamp());
    shop.run(shop.store.write(move |tx| refund_order(tx, &command, stamp)))
}

/// On hand, committed and available of a product.
pub fn stock(shop: &Shop, code: &'static str) -> (i64, i64, i64) {
    let now = shop.clock.now();
    let level: Vec<Level> = shop.read(move |tx| levels::read(tx, &[code], now));
    let facts = &level[0].facts;
    (facts.on_hand, facts.committed, facts.available())
}

pub fn find(shop: &Shop, id: OrderId) -> Order {
    shop.read(move |tx| {
        placed::find(tx, id)?.ok_or_else(|| StoreError::Bug("no such order".into()))
    })
}
