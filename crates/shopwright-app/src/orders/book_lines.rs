//! One chunk of a history becomes customers, products, documents, lines and stock movements, in
//! one transaction that also records how far the file is booked.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use shopwright_domain::ids::ImportId;
use shopwright_domain::money::Currency;
use shopwright_domain::orders::{DocumentKind, LineKind};
use shopwright_domain::time::Timestamp;
use shopwright_store::orders::{Document, DocumentHead, LineRow};
use shopwright_store::{StoreError, Tx, catalog, customers, imports, inventory, orders};
use uuid::Uuid;

use super::history_rows::PlacedLine;
use super::known_buyers::KnownBuyers;

/// What is booked under which name, and with which new ids.
pub(super) struct Booking {
    pub(super) source: String,
    pub(super) currency: Currency,
    pub(super) import_id: ImportId,
    pub(super) lines: Vec<PlacedLine>,
    /// One id per line for documents that are new; fixed before the transaction, so that a second
    /// run of it writes the same rows.
    pub(super) fresh: Vec<Uuid>,
    pub(super) rows_end: u64,
    pub(super) now: Timestamp,
}

/// What became of a chunk.
#[derive(Debug, Default)]
pub(super) struct Booked {
    pub(super) written: u64,
    pub(super) products: u64,
    pub(super) movements: u64,
    /// Lines that stand in the ledger with other content: (document number, ordinal).
    pub(super) differing: Vec<(String, i64)>,
}

pub(super) fn book(tx: &mut Tx<'_>, booking: &Booking) -> Result<Booked, StoreError> {
    let mut booked = Booked::default();
    let ids = booking.lines.iter().filter_map(|placed| placed.line.customer.as_deref());
    let buyers = KnownBuyers::load(tx, ids)?;
    book_customers(tx, booking, &buyers)?;
    booked.products = book_products(tx, booking)?;
    for kinds in [(DocumentKind::Order, Document::Order), (DocumentKind::Refund, Document::Refund)]
    {
        book_documents(tx, booking, kinds, &buyers, &mut booked)?;
    }
    book_adjustments(tx, booking, &mut booked)?;
    booked.movements = book_stock(tx, booking)?;
    let rows_end = i64::try_from(booking.rows_end).unwrap_or(i64::MAX);
    imports::advance(tx, booking.import_id, rows_end)?;
    Ok(booked)
}

fn row(placed: &PlacedLine, document_id: Uuid) -> LineRow<'_> {
    let line = &placed.line;
    LineRow {
        document_id,
        external_id: &line.invoice,
        ordinal: placed.ordinal,
        kind: line.kind.as_str(),
        code: &line.code,
        title: &line.description,
        quantity: line.quantity,
        unit_price: line.unit_price,
        amount_minor: line.amount_minor,
        at: line.at,
    }
}

fn book_customers(
    tx: &mut Tx<'_>,
    booking: &Booking,
    buyers: &KnownBuyers,
) -> Result<(), StoreError> {
    let mut seen: BTreeMap<&str, customers::CustomerSeen<'_>> = BTreeMap::new();
    for PlacedLine { line, .. } in &booking.lines {
        let Some(customer_id) = line.customer.as_deref().and_then(|id| buyers.of(id)) else {
            continue;
        };
        let known = seen.entry(customer_id).or_insert(customers::CustomerSeen {
            customer_id,
            country: &line.country,
            at: line.at,
        });
        known.at = known.at.min(line.at);
    }
    customers::upsert_seen(tx, &seen.into_values().collect::<Vec<_>>(), booking.now)?;
    Ok(())
}

fn book_products(tx: &mut Tx<'_>, booking: &Booking) -> Result<u64, StoreError> {
    let mut goods: BTreeMap<&str, &str> = BTreeMap::new();
    let mut sold: BTreeMap<&str, Timestamp> = BTreeMap::new();
    for PlacedLine { line, .. } in booking.lines.iter().filter(|p| p.line.kind.is_goods()) {
        let title = goods.entry(&line.code).or_insert(&line.description);
        if title.is_empty() {
            *title = &line.description;
        }
        if line.kind == LineKind::Sale {
            let first = sold.entry(&line.code).or_insert(line.at);
            *first = line.at.min(*first);
        }
    }
    let goods: Vec<_> = goods.into_iter().collect();
    let added = catalog::insert_missing(tx, &goods, booking.currency, booking.now)?;
    catalog::note_sold(tx, &sold.into_iter().collect::<Vec<_>>())?;
    Ok(added)
}

fn book_documents(
    tx: &mut Tx<'_>,
    booking: &Booking,
    (kind, document): (DocumentKind, Document),
    buyers: &KnownBuyers,
    booked: &mut Booked,
) -> Result<(), StoreError> {
    let picked: Vec<_> =
        booking.lines.iter().zip(&booking.fresh).filter(|(p, _)| p.line.document == kind).collect();
    let mut heads: BTreeMap<&str, DocumentHead<'_>> = BTreeMap::new();
    for (PlacedLine { line, .. }, id) in &picked {
        heads.entry(&line.invoice).or_insert_with(|| DocumentHead {
            id: **id,
            external_id: &line.invoice,
            customer_id: line.customer.as_deref().and_then(|id| buyers.of(id)),
            country: &line.country,
            at: line.at,
        });
    }
    let heads: Vec<_> = heads.into_values().collect();
    let currency = booking.currency.code();
    let numbers = orders::upsert_documents(tx, document, &booking.source, currency, &heads)?;
    let rows: Vec<_> =
        picked.iter().map(|(placed, _)| row(placed, numbers[&*placed.line.invoice])).collect();
    let written = orders::insert_lines(tx, document, &rows)?;
    if written < rows.len() as u64 {
        booked.differing.extend(orders::differing_lines(tx, document, &rows)?);
    }
    if written > 0 {
        let mut touched: Vec<_> = numbers.into_values().collect();
        touched.sort_unstable();
        orders::settle_amounts(tx, document, &touched)?;
    }
    booked.written += written;
    Ok(())
}

fn book_adjustments(
    tx: &mut Tx<'_>,
    booking: &Booking,
    booked: &mut Booked,
) -> Result<(), StoreError> {
    let adjustments = booking.lines.iter().filter(|p| p.line.document == DocumentKind::Adjustment);
    let rows: Vec<_> = adjustments.map(|placed| row(placed, Uuid::nil())).collect();
    let currency = booking.currency.code();
    let written = orders::insert_adjustments(tx, &booking.source, currency, &rows)?;
    if written < rows.len() as u64 {
        booked.differing.extend(orders::differing_adjustments(tx, &booking.source, &rows)?);
    }
    booked.written += written;
    Ok(())
}

/// Movements for goods lines after their SKU's opening count; earlier ones move nothing.
fn book_stock(tx: &mut Tx<'_>, booking: &Booking) -> Result<u64, StoreError> {
    let goods = || booking.lines.iter().filter(|placed| placed.line.kind.is_goods());
    let skus: BTreeSet<&str> = goods().map(|placed| &*placed.line.code).collect();
    let counted: HashMap<_, _> =
        inventory::counted_at(tx, &skus.into_iter().collect::<Vec<_>>())?.into_iter().collect();
    if counted.is_empty() {
        return Ok(0);
    }
    let movements: Vec<_> = goods()
        .filter(|placed| counted.get(&*placed.line.code).is_some_and(|at| placed.line.at > *at))
        .filter_map(|PlacedLine { line, ordinal, .. }| {
            Some(inventory::Movement {
                sku: &line.code,
                reason: line.kind.as_str(),
                reference: format!("{}:{}:{ordinal}", booking.source, line.invoice),
                quantity: line.kind.moves_stock()?.movement(line.quantity),
                at: line.at,
            })
        })
        .collect();
    inventory::book_movements(tx, &movements)
}
