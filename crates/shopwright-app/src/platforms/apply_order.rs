//! An order as its platform shows it now: booked when it is new, moved on when it is known.
//!
//! Each message says all of an order, so each moves it as far as it says: paid, sent, given back,
//! called off. What an older message says has then happened already.

use serde_json::json;
use sha2::{Digest, Sha256};
use shopwright_domain::catalog::{ProductFields, ProductKind, ProductStatus, Sku};
use shopwright_domain::inventory::Authority;
use shopwright_domain::orders::{LineKind, OrderDraft, OrderState};
use shopwright_domain::platforms::booking::{draft, title};
use shopwright_domain::platforms::{Platform, PlatformLine, PlatformOrder, PlatformPayment};
use shopwright_store::audit::Stamp;
use shopwright_store::inventory::levels;
use shopwright_store::orders::placed::{self, Order};
use shopwright_store::orders::refunded;
use shopwright_store::platforms::{Spoken, last_said, note_said};
use shopwright_store::{StoreError, Tx, catalog, listings, platforms};

use super::apply_refund::apply_nth;
use super::{Applied, ApplyError, ApplyIds, For, apply_customer, customer_id, made_up_sku};
use crate::catalog::{by_platform, put_product_by};
use crate::customers::{Whose, whose};
use crate::orders::{
    PaymentMade, PlaceOrder, PlaceOrderError, StockChoice, cancel_order, fulfil_order, pay_order,
    place_order,
};

/// Books what a platform says of an order.
pub fn apply_order(
    tx: &mut Tx<'_>,
    order: &PlatformOrder,
    ids: &ApplyIds,
    stamp: Stamp,
) -> Result<Applied, ApplyError> {
    if order.is_test {
        return Ok(Applied::Ignored("a test order"));
    }
    let thing = (order.source.as_str(), Spoken::Order, order.external_id.as_str());
    let last = last_said(tx, thing)?;
    match (order.updated_at, last) {
        (Some(said), Some(last)) if said < last => {
            return Ok(Applied::Ignored("older than what is known"));
        }
        (None, Some(_)) => return Ok(Applied::Ignored("no newer than what is known")),
        _ => {}
    }
    note_said(tx, thing, order.updated_at.unwrap_or(order.placed_at))?;
    if let Some(customer) = &order.customer {
        // A person that cannot be kept as they are does not keep the order from being booked.
        if let Err(ApplyError::Store(error)) =
            tx.attempt(|tx| apply_customer(tx, &order.source, customer, stamp))?
        {
            return Err(error.into());
        }
    }
    let skus = skus(tx, order, stamp)?;
    let booked = draft(order, &skus).map_err(|error| ApplyError::Refused(error.to_string()))?;
    let hash = lines_hash(&booked);
    let (before, is_new) = match placed::find_external(tx, &order.source, &order.external_id)? {
        Some(known) => (same(tx, known, &booked, &hash)?, false),
        None => (place(tx, order, (booked, &hash), ids, stamp)?, true),
    };
    let after = move_on(tx, order, &before, ids, stamp)?;
    Ok(match (is_new, after.version == before.version) {
        (true, _) => Applied::Created,
        (false, true) => Applied::Unchanged,
        (false, false) => Applied::Updated,
    })
}

/// The known order, if it still has the lines it was booked with.
fn same(
    tx: &mut Tx<'_>,
    known: Order,
    said: &OrderDraft,
    hash: &[u8],
) -> Result<Order, ApplyError> {
    let kept = (known.amount_minor, known.currency);
    match platforms::lines_hash(tx, known.order_id)? {
        // A file writes the lines of the same order in another way; its total is the same.
        Some(booked) if booked.is_empty() && kept == (said.total_minor, said.currency) => Ok(known),
        Some(booked) if booked == hash => Ok(known),
        Some(_) => Err(ApplyError::Refused(format!(
            "the order {} was edited after it was booked; cancel or refund what changed by hand",
            known.external_id
        ))),
        None => Err(ApplyError::Refused(format!(
            "the order {} of {} was not booked by its platform's words; it stays as it is",
            known.external_id, known.source
        ))),
    }
}

/// A hash over what the lines say.
fn lines_hash(draft: &OrderDraft) -> Vec<u8> {
    let line = |l: &shopwright_domain::orders::LineDraft| {
        json!([l.kind, l.sku, l.quantity, l.unit_price, l.discount_minor, l.tax_minor])
    };
    let lines: Vec<_> = draft.lines.iter().map(line).collect();
    let content = json!([draft.currency, draft.tax_included, draft.total_minor, lines]);
    Sha256::digest(content.to_string()).to_vec()
}

/// The product of each line; one that is not known is made.
fn skus(
    tx: &mut Tx<'_>,
    order: &PlatformOrder,
    stamp: Stamp,
) -> Result<Vec<Option<Sku>>, ApplyError> {
    let mut skus = Vec::with_capacity(order.lines.len());
    for line in &order.lines {
        skus.push(sku(tx, order, line)?);
    }
    let named = order.lines.iter().zip(&skus).filter_map(|(line, sku)| Some((sku.as_ref()?, line)));
    let mut named: Vec<_> = named.collect();
    // In key order, so that two orders cannot wait for each other.
    named.sort_by(|one, other| one.0.cmp(other.0));
    for (sku, line) in named {
        if catalog::find(tx, sku)?.is_none() {
            let by = by_platform(&order.source);
            put_product_by(tx, sku, (&made(order, line), &by), stamp)?;
        }
    }
    Ok(skus)
}

fn sku(
    tx: &mut Tx<'_>,
    order: &PlatformOrder,
    line: &PlatformLine,
) -> Result<Option<Sku>, ApplyError> {
    if !matches!(line.kind, LineKind::Sale | LineKind::FreeGoods) {
        return Ok(None);
    }
    if line.sku.is_some() {
        return Ok(line.sku.clone());
    }
    let Some(variant) = &line.variant_id else { return Ok(None) };
    if let Ok(platform) = order.source.parse::<Platform>()
        && let Some(listed) = listings::find_variant(tx, platform, variant)?
    {
        return Ok(Some(listed.sku));
    }
    made_up_sku(&order.source, variant).map(Some)
}

/// A product that an order names before its own message came: without a price, until one says it.
fn made(order: &PlatformOrder, line: &PlatformLine) -> ProductFields {
    let said = title(&line.title);
    let from = [("from".to_owned(), json!(format!("order of {}", order.source)))];
    ProductFields {
        title: if said.is_empty() { "Untitled".to_owned() } else { said },
        category: None,
        kind: if line.is_physical { ProductKind::Physical } else { ProductKind::Digital },
        currency: order.currency,
        base_price_minor: None,
        cost_minor: None,
        compare_at_minor: None,
        map_minor: None,
        status: ProductStatus::Active,
        attributes: from.into_iter().collect(),
        images: Vec::new(),
        add_on_of: Vec::new(),
        tax_class: None,
    }
}

fn place(
    tx: &mut Tx<'_>,
    order: &PlatformOrder,
    (booked, hash): (OrderDraft, &[u8]),
    ids: &ApplyIds,
    stamp: Stamp,
) -> Result<Order, ApplyError> {
    let buyer = order.customer.as_ref().and_then(|customer| customer.external_id.as_ref());
    let buyer = buyer.map(|id| customer_id(&order.source, id)).transpose()?;
    let erased = match &buyer {
        Some(id) => whose(tx, id)? == Whose::Erased,
        None => false,
    };
    let ship_to = order.ship_to.clone().filter(|_| !erased);
    let stock = stock_of(tx, order, &booked, stamp)?;
    let mut command = PlaceOrder {
        order_id: ids.of(For::Order, 0),
        payment_id: ids.of(For::Payment, 0),
        reservation_id: ids.of(For::Reservation, 0),
        source: order.source.clone(),
        external_id: order.external_id.clone(),
        customer: buyer.filter(|_| !erased),
        placed_at: order.placed_at,
        country: ship_to.as_ref().and_then(|to| to.country.clone()),
        ship_to,
        draft: booked,
        payment: paid(order),
        stock,
    };
    let placed = match tx.attempt(|tx| place_order(tx, &command, stamp.at))? {
        Err(PlaceOrderError::Stock(_)) => {
            // Sold by the platform beyond what is counted here: the sale is true all the same.
            command.stock = StockChoice::None;
            place_order(tx, &command, stamp.at)?.0
        }
        other => other?.0,
    };
    let named = (0..).zip(&order.lines);
    let lines: Vec<_> =
        named.filter_map(|(ordinal, line)| Some((line.external_id.as_deref()?, ordinal))).collect();
    platforms::insert_order(tx, placed.order_id, hash, &lines)?;
    Ok(placed)
}

/// Pieces are committed where all counted products of the order are counted by us, before it was
/// placed. What the platform counts it takes off itself.
fn stock_of(
    tx: &mut Tx<'_>,
    order: &PlatformOrder,
    booked: &OrderDraft,
    stamp: Stamp,
) -> Result<StockChoice, StoreError> {
    let skus: Vec<&str> =
        booked.lines.iter().filter_map(|l| l.sku.as_ref()).map(Sku::as_str).collect();
    if skus.is_empty() || order.canceled_at.is_some() {
        return Ok(StockChoice::None);
    }
    let levels = levels::read(tx, &skus, stamp.at)?;
    let ours = levels
        .iter()
        .all(|level| level.authority == Authority::Ours && level.counted_at <= order.placed_at);
    Ok(if ours { StockChoice::Commit(None) } else { StockChoice::None })
}

fn paid(order: &PlatformOrder) -> Option<PaymentMade> {
    match &order.payment {
        PlatformPayment::Paid { provider, reference, at } => {
            Some(PaymentMade { provider: provider.clone(), reference: reference.clone(), at: *at })
        }
        PlatformPayment::Pending | PlatformPayment::Failed => None,
    }
}

/// Moves an order as far as the platform says.
fn move_on(
    tx: &mut Tx<'_>,
    order: &PlatformOrder,
    known: &Order,
    ids: &ApplyIds,
    stamp: Stamp,
) -> Result<Order, ApplyError> {
    let id = known.order_id;
    let mut now = known.clone();
    if let (OrderState::Pending, Some(paid)) = (now.state, paid(order)) {
        now = pay_order(tx, id, (ids.of(For::Payment, 0), &paid), stamp)?;
    }
    let may_ship = matches!(now.state, OrderState::Paid | OrderState::PartiallyRefunded);
    if order.fulfilled_at.is_some() && may_ship && now.fulfilled_at.is_none() {
        now = fulfil_order(tx, id, stamp)?;
    }
    // A file told the sum that had gone back, without the steps: those up to it are done.
    let from_file = platforms::lines_hash(tx, id)?.is_some_and(|hash| hash.is_empty());
    let given_before = if from_file { refunded::sums_of(tx, id)?.1 } else { 0 };
    let mut told = 0;
    for (place, refund) in (0..).zip(&order.refunds) {
        if now.state == OrderState::Pending && refund.amount_minor > 0 {
            continue;
        }
        told += refund.amount_minor;
        if told <= given_before {
            platforms::note_refund(tx, (&order.source, &refund.external_id), None)?;
            continue;
        }
        apply_nth(tx, &order.source, refund, (ids, place), stamp)?;
    }
    let gone = || StoreError::Bug("an order was there and is not".into());
    now = placed::find(tx, id)?.ok_or_else(gone)?;
    let is_off = order.canceled_at.is_some() || order.payment == PlatformPayment::Failed;
    if is_off && now.state == OrderState::Pending {
        now = cancel_order(tx, id, stamp)?;
    }
    Ok(now)
}
