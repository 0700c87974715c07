//! An order taken elsewhere: booked with its stock, its payment and its buyer, all or nothing.
//!
//! An order is known by source and number. The same order sent again is the same order, whatever has
//! become of it since; another order under the same number is refused.

use std::collections::{BTreeMap, HashMap};

use serde_json::json;
use sha2::{Digest, Sha256};
use shopwright_domain::catalog::Sku;
use shopwright_domain::customers::{Address, CustomerId, is_country};
use shopwright_domain::ids::{OrderId, PaymentId, ReservationId};
use shopwright_domain::invalid::{Findings, InvalidField, sentence};
use shopwright_domain::orders::{
    LineTotals, OrderDraft, OrderState, REFERENCE_BYTES_MAX, code_of, place, title_of,
};
use shopwright_domain::time::{DAY, Timestamp};
use shopwright_store::orders::placed::{self, Order, OrderLine, line_stock};
use shopwright_store::orders::refunded::{self, Payment, PaymentKind};
use shopwright_store::{Change, StoreError, Tx, catalog, customers};

use super::order_events::{OrderEvent, tell};
use super::order_stock::{OrderStockError, take_stock, tracked};
use crate::customers::{BuyerError, buyer};

/// A payment that was made elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentMade {
    /// Who took it: `stripe`, `cash`.
    pub provider: String,
    /// The provider's number for it; empty when there is none.
    pub reference: String,
    /// When.
    pub at: Timestamp,
}

/// What an order does to stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StockChoice {
    /// Nothing: it went out elsewhere.
    None,
    /// Its pieces are committed; those of a reservation when one is named.
    Commit(Option<ReservationId>),
}

/// An order to book. The ids are fixed before, so that a second run books the same.
#[derive(Clone, Debug)]
pub struct PlaceOrder {
    /// The id it gets if it is new.
    pub order_id: OrderId,
    /// The id of its payment.
    pub payment_id: PaymentId,
    /// The id of the reservation made for it when none is named.
    pub reservation_id: ReservationId,
    /// Where it was taken.
    pub source: String,
    /// Its number there.
    pub external_id: String,
    /// Who bought.
    pub customer: Option<CustomerId>,
    /// When.
    pub placed_at: Timestamp,
    /// Where it goes, ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// Where exactly.
    pub ship_to: Option<Address>,
    /// Its lines and total.
    pub draft: OrderDraft,
    /// How it was paid; `None` while it is not.
    pub payment: Option<PaymentMade>,
    /// What it does to stock.
    pub stock: StockChoice,
}

/// Why an order was not booked.
#[derive(Debug, thiserror::Error)]
pub enum PlaceOrderError {
    /// Fields that cannot be booked.
    #[error("{}", sentence(.0))]
    Invalid(Vec<InvalidField>),
    /// The source has another order under this number.
    #[error("the order {0} of this source and number has other content; it stays as it is")]
    ExternalIdTaken(OrderId),
    /// The buyer was erased.
    #[error(transparent)]
    Buyer(BuyerError),
    /// The stock is not there.
    #[error(transparent)]
    Stock(#[from] OrderStockError),
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<BuyerError> for PlaceOrderError {
    fn from(error: BuyerError) -> Self {
        match error {
            BuyerError::Store(error) => Self::Store(error),
            erased @ BuyerError::Erased(_) => Self::Buyer(erased),
        }
    }
}

/// Books an order. Gives it with whether it is new.
pub fn place_order(
    tx: &mut Tx<'_>,
    command: &PlaceOrder,
    now: Timestamp,
) -> Result<(Order, bool), PlaceOrderError> {
    check(command, now)?;
    let totals = place(&command.draft).map_err(PlaceOrderError::Invalid)?;
    let fingerprint = fingerprint(command);
    if let Some(known) = known(tx, command, &fingerprint)? {
        return Ok((known, false));
    }
    let titles = titles(tx, &command.draft)?;
    let times = (command.placed_at, now);
    let country = command.country.as_deref();
    let customer_id = match &command.customer {
        Some(id) => Some(buyer(tx, id, country, times)?),
        None => None,
    };
    let tracked = match command.stock {
        StockChoice::None => BTreeMap::new(),
        StockChoice::Commit(_) => tracked(tx, &pieces(&command.draft))?,
    };
    let mut order = new_order(command, customer_id, fingerprint, now);
    if command.stock == StockChoice::Commit(None) && !tracked.is_empty() {
        order.reservation_id = Some(command.reservation_id);
    }
    if !placed::insert(tx, &order)? {
        // A rival booked this number while we waited for it.
        let known = known(tx, command, order.fingerprint.as_deref().unwrap_or_default())?;
        let gone = || StoreError::Bug("an order was there and is not".into());
        return Ok((known.ok_or_else(gone)?, false));
    }
    let lines = lines(&command.draft, &totals, &titles, &tracked);
    placed::insert_lines(tx, &order, &lines)?;
    if let StockChoice::Commit(named) = command.stock {
        let taken = take_stock(tx, &order, &tracked, (named, command.reservation_id), now)?;
        if taken != order.reservation_id {
            order.reservation_id = taken;
            placed::hold(tx, order.order_id, taken)?;
        }
    }
    if let Some(paid) = &command.payment {
        refunded::insert_payment(tx, &capture(command.payment_id, &order, paid), now)?;
    }
    if let Some(address) = &command.ship_to {
        customers::set_order_address(tx, order.order_id, address)?;
    }
    let skus = pieces(&command.draft);
    let sold: Vec<_> = skus.keys().map(|sku| (sku.as_str(), command.placed_at)).collect();
    catalog::note_sold(tx, &sold)?;
    tx.announce(Change::PriceInputs);
    let told = [OrderEvent::Created, OrderEvent::Paid];
    tell(tx, &told[..=usize::from(command.payment.is_some())], &order, now)?;
    Ok((order, true))
}

/// The capture of an order that was paid in full.
pub(super) fn capture(payment_id: PaymentId, order: &Order, paid: &PaymentMade) -> Payment {
    Payment {
        payment_id,
        order_id: order.order_id,
        refund_id: None,
        kind: PaymentKind::Capture,
        provider: paid.provider.clone(),
        reference: paid.reference.clone(),
        currency: order.currency,
        amount_minor: order.amount_minor,
        at: paid.at,
    }
}

/// Notes what cannot be kept of a payment but its time, under `pointer`.
pub(super) fn check_payment(paid: &PaymentMade, pointer: &str, found: &mut Findings) {
    found.text(&format!("{pointer}/provider"), &paid.provider, REFERENCE_BYTES_MAX);
    if !paid.reference.is_empty() {
        found.text(&format!("{pointer}/reference"), &paid.reference, REFERENCE_BYTES_MAX);
    }
}

/// Clocks differ; a day ahead is no clock.
pub(super) fn check_past(pointer: &str, at: Timestamp, now: Timestamp, found: &mut Findings) {
    /// RFC 3339 knows no earlier year.
    const YEAR_0: Timestamp = Timestamp::from_micros(-62_167_219_200_000_000);
    if at > now.plus_micros(DAY) || at < YEAR_0 {
        found.add(pointer, "must be a time that has been; it is more than a day from now");
    }
}

fn check(command: &PlaceOrder, now: Timestamp) -> Result<(), PlaceOrderError> {
    let mut found = Findings::default();
    found.text("/source", &command.source, REFERENCE_BYTES_MAX);
    found.text("/external_id", &command.external_id, REFERENCE_BYTES_MAX);
    check_past("/placed_at", command.placed_at, now, &mut found);
    if command.country.as_ref().is_some_and(|code| !is_country(code)) {
        found.add("/country", "write the two letters of ISO 3166-1, such as GB");
    }
    if let Some(address) = &command.ship_to {
        address.check("/ship_to", &mut found);
    }
    if let Some(paid) = &command.payment {
        check_payment(paid, "/payment", &mut found);
        // Left out it is the time of the order, which is checked already.
        if paid.at != command.placed_at {
            check_past("/payment/paid_at", paid.at, now, &mut found);
        }
    }
    found.into_result().map_err(PlaceOrderError::Invalid)
}

/// The order of this source and number, if it has the same content.
fn known(
    tx: &mut Tx<'_>,
    command: &PlaceOrder,
    fingerprint: &[u8],
) -> Result<Option<Order>, PlaceOrderError> {
    match placed::find_external(tx, &command.source, &command.external_id)? {
        None => Ok(None),
        Some(order) if order.fingerprint.as_deref() == Some(fingerprint) => Ok(Some(order)),
        Some(order) => Err(PlaceOrderError::ExternalIdTaken(order.order_id)),
    }
}

/// A hash over everything the order says.
fn fingerprint(command: &PlaceOrder) -> Vec<u8> {
    let draft = &command.draft;
    let lines: Vec<_> = draft
        .lines
        .iter()
        .map(|l| {
            json!([
                l.kind,
                l.sku,
                l.title,
                l.quantity,
                l.unit_price,
                l.amount_minor,
                l.discount_minor,
                l.tax_minor
            ])
        })
        .collect();
    let payment = command.payment.as_ref().map(|p| json!([p.provider, p.reference, p.at]));
    let stock = match command.stock {
        StockChoice::None => json!("none"),
        StockChoice::Commit(named) => json!(["commit", named]),
    };
    let content = json!([
        command.source,
        command.external_id,
        command.customer,
        command.placed_at,
        command.country,
        command.ship_to,
        draft.currency,
        draft.tax_included,
        draft.total_minor,
        lines,
        payment,
        stock,
    ]);
    Sha256::digest(content.to_string()).to_vec()
}

/// Pieces by product, in key order.
fn pieces(draft: &OrderDraft) -> BTreeMap<Sku, i64> {
    let mut pieces = BTreeMap::new();
    for line in &draft.lines {
        if let Some(sku) = &line.sku {
            *pieces.entry(sku.clone()).or_insert(0) += line.quantity;
        }
    }
    pieces
}

/// The titles of the products of an order, all of which must be in the catalogue.
fn titles(tx: &mut Tx<'_>, draft: &OrderDraft) -> Result<HashMap<String, String>, PlaceOrderError> {
    let pieces = pieces(draft);
    let skus: Vec<&Sku> = pieces.keys().collect();
    let titles: HashMap<_, _> = catalog::titles(tx, &skus)?.into_iter().collect();
    let unknown = |(place, sku): (usize, &Sku)| {
        let problem =
            format!("there is no product with the SKU {sku}; put it into the catalogue first");
        InvalidField::new(format!("/lines/{place}/sku"), problem)
    };
    let named =
        draft.lines.iter().enumerate().filter_map(|(at, line)| Some((at, line.sku.as_ref()?)));
    let missing: Vec<_> =
        named.filter(|(_, sku)| !titles.contains_key(sku.as_str())).map(unknown).collect();
    if missing.is_empty() { Ok(titles) } else { Err(PlaceOrderError::Invalid(missing)) }
}

fn new_order(
    command: &PlaceOrder,
    customer_id: Option<CustomerId>,
    fingerprint: Vec<u8>,
    now: Timestamp,
) -> Order {
    let paid = command.payment.as_ref();
    Order {
        order_id: command.order_id,
        source: command.source.clone(),
        external_id: command.external_id.clone(),
        customer_id,
        state: if paid.is_some() { OrderState::Paid } else { OrderState::Pending },
        currency: command.draft.currency,
        country: command.country.clone(),
        placed_at: command.placed_at,
        amount_minor: command.draft.total_minor,
        fingerprint: Some(fingerprint),
        tax_included: command.draft.tax_included,
        reservation_id: None,
        paid_at: paid.map(|paid| paid.at),
        fulfilled_at: None,
        completed_at: None,
        canceled_at: None,
        created_at: Some(now),
        version: 1,
    }
}

fn lines(
    draft: &OrderDraft,
    totals: &[LineTotals],
    titles: &HashMap<String, String>,
    tracked: &BTreeMap<Sku, i64>,
) -> Vec<OrderLine> {
    let line = |(ordinal, (line, totals)): (i64, (&_, &LineTotals))| {
        let line: &shopwright_domain::orders::LineDraft = line;
        let (code, title) = match &line.sku {
            Some(sku) => (sku.as_str(), titles.get(sku.as_str()).map_or("", String::as_str)),
            None => (code_of(line.kind), title_of(line.kind)),
        };
        let title = if line.title.is_empty() { title } else { &line.title };
        let reserved = line.sku.as_ref().is_some_and(|sku| tracked.contains_key(sku));
        let stock = if reserved { line_stock::RESERVATION } else { line_stock::NONE };
        OrderLine {
            ordinal,
            kind: line.kind,
            code: code.to_owned(),
            title: title.to_owned(),
            quantity: line.quantity,
            unit_price: line.unit_price,
            amount_minor: totals.total_minor,
            discount_minor: line.discount_minor,
            tax_minor: line.tax_minor,
            share_minor: Some(totals.share_minor),
            stock: stock.to_owned(),
            refunded_quantity: 0,
            refunded_minor: 0,
        }
    };
    (0..).zip(draft.lines.iter().zip(totals)).map(line).collect()
}
