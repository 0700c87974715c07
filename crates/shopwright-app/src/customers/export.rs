//! Everything the ledger has about a person, for that person.

use shopwright_domain::customers::{Address, CustomerId};
use shopwright_store::audit::{self, Stamp};
use shopwright_store::customers::{self, Customer};
use shopwright_store::events::{self, EventRow};
use shopwright_store::orders::placed::{self, Order, OrderLine};
use shopwright_store::orders::refunded::{self, Payment, Refund, RefundLine};
use shopwright_store::{StoreError, Tx};

use super::{Whose, audited_customer, whose};

/// An order with all that belongs to it.
#[derive(Clone, Debug)]
pub struct ExportedOrder {
    /// The order.
    pub order: Order,
    /// Its lines.
    pub lines: Vec<OrderLine>,
    /// Where it was sent.
    pub ship_to: Option<Address>,
    /// The money that moved for it.
    pub payments: Vec<Payment>,
    /// What was given back.
    pub refunds: Vec<(Refund, Vec<RefundLine>)>,
}

/// A person's data.
#[derive(Clone, Debug)]
pub struct CustomerExport {
    /// The customer.
    pub customer: Customer,
    /// Other ids of the same person.
    pub other_ids: Vec<CustomerId>,
    /// Every order, oldest first.
    pub orders: Vec<ExportedOrder>,
    /// What they looked at and put into carts, oldest first.
    pub events: Vec<EventRow>,
}

/// Rows of events in one export at most; a person has far fewer.
const EVENTS_MAX: i64 = 100_000;

/// Everything about the person an id stands for. `None` when nobody is known or was erased.
pub fn export_customer(
    tx: &mut Tx<'_>,
    id: &CustomerId,
) -> Result<Option<CustomerExport>, StoreError> {
    let Whose::Of(whose) = whose(tx, id)? else { return Ok(None) };
    let Some(customer) = customers::find(tx, &whose)? else { return Ok(None) };
    let other_ids = customers::aliases_of(tx, &whose)?;
    let mut orders = Vec::new();
    for order in placed::of_customer(tx, &whose)? {
        let id = order.order_id;
        let mut refunds = Vec::new();
        for refund in refunded::of_order(tx, id)? {
            let lines = refunded::lines_of(tx, refund.refund_id)?;
            refunds.push((refund, lines));
        }
        orders.push(ExportedOrder {
            lines: placed::lines_of(tx, id)?,
            ship_to: customers::of_order(tx, id)?,
            payments: refunded::payments_of(tx, id)?,
            refunds,
            order,
        });
    }
    // Senders may go on using an id that was merged.
    let mut events = events::of_customer(tx, whose.as_str(), EVENTS_MAX)?;
    for id in &other_ids {
        events.extend(events::of_customer(tx, id.as_str(), EVENTS_MAX)?);
    }
    events.sort_by_key(|row| (row.event_id, row.ordinal));
    events.dedup_by_key(|row| (row.event_id, row.ordinal));
    Ok(Some(CustomerExport { customer, other_ids, orders, events }))
}

/// Tells the audit log that a person's data is handed out: call it before the data leaves.
pub fn record_export(
    tx: &mut Tx<'_>,
    export: &CustomerExport,
    stamp: Stamp,
) -> Result<(), StoreError> {
    let object = audited_customer(&export.customer.customer_id);
    let after = serde_json::json!({ "orders": export.orders.len() });
    audit::record(tx, &stamp.entry("customer.exported", object, None, Some(after))).map(|_| ())
}
