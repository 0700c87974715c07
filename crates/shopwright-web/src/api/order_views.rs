//! Orders, payments and refunds as they are shown.

use serde::Serialize;
use shopwright_domain::money::Currency;
use shopwright_domain::orders::OrderAction;
use shopwright_domain::time::Timestamp;
use shopwright_store::orders::placed::{Order, OrderLine, line_stock};
use shopwright_store::orders::refunded::{Payment, PaymentKind, Refund, RefundLine};
use utoipa::ToSchema;

use super::view::MoneyView;

/// An order.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OrderView {
    /// Always `order`.
    #[schema(example = "order")]
    pub object: &'static str,
    /// Its id.
    #[schema(example = "ord_01h455vb4pex5vsknk084sn02q")]
    pub id: String,
    /// Where it was taken.
    #[schema(example = "shopify")]
    pub source: String,
    /// Its number there.
    #[schema(example = "1001")]
    pub external_id: String,
    /// Who bought; null for nobody known and for a person that was erased.
    #[schema(example = "cust-1001")]
    pub customer: Option<String>,
    /// `pending`, `paid`, `fulfilled`, `completed`, `canceled`, `partially_refunded` or `refunded`.
    #[schema(example = "paid")]
    pub state: &'static str,
    /// What can be done to it now: `pay`, `fulfil`, `complete`, `cancel`, `refund_part`, `refund_rest`.
    pub allowed: Vec<&'static str>,
    /// ISO 4217.
    #[schema(value_type = String, example = "GBP")]
    pub currency: Currency,
    /// Where it goes; a history may have written the country out.
    #[schema(example = "GB")]
    pub country: Option<String>,
    /// What the buyer pays.
    pub total: MoneyView,
    /// Whether the lines' amounts include their tax.
    pub tax_included: bool,
    /// Whether it came with an imported history: nothing can be done to it here.
    pub history: bool,
    /// The reservation that holds its stock.
    #[schema(example = "res_01h455vb4pex5vsknk084sn02q")]
    pub reservation: Option<String>,
    /// When it was placed,
    #[schema(value_type = String, format = DateTime)]
    pub placed_at: Timestamp,
    /// paid,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub paid_at: Option<Timestamp>,
    /// shipped,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub fulfilled_at: Option<Timestamp>,
    /// closed,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub completed_at: Option<Timestamp>,
    /// given up.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub canceled_at: Option<Timestamp>,
    /// Its lines; left out in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<Vec<OrderLineView>>,
    /// The money that moved for it; left out in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payments: Option<Vec<PaymentView>>,
}

impl OrderView {
    /// An order without its lines, as lists show it.
    pub fn head(order: Order) -> Self {
        let history = order.fingerprint.is_none();
        let allowed = if history { Vec::new() } else { order.state.allowed() };
        // A partially refunded order that has shipped does not ship again.
        let shipped = order.fulfilled_at.is_some();
        let allowed = allowed.into_iter().map(OrderAction::as_str);
        Self {
            object: "order",
            id: order.order_id.to_string(),
            source: order.source,
            external_id: order.external_id,
            customer: order.customer_id.map(|id| id.as_str().to_owned()),
            state: order.state.as_str(),
            allowed: allowed.filter(|action| *action != "fulfil" || !shipped).collect(),
            currency: order.currency,
            country: order.country,
            total: MoneyView { amount: order.amount_minor, currency: order.currency },
            tax_included: order.tax_included,
            history,
            reservation: order.reservation_id.map(|id| id.to_string()),
            placed_at: order.placed_at,
            paid_at: order.paid_at,
            fulfilled_at: order.fulfilled_at,
            completed_at: order.completed_at,
            canceled_at: order.canceled_at,
            lines: None,
            payments: None,
        }
    }

    /// An order with all that belongs to it.
    pub fn with_lines(order: Order, lines: Vec<OrderLine>, payments: Vec<Payment>) -> Self {
        let currency = order.currency;
        let lines = lines.into_iter().map(|line| OrderLineView::new(line, currency)).collect();
        let payments = payments.into_iter().map(PaymentView::from).collect();
        Self { lines: Some(lines), payments: Some(payments), ..Self::head(order) }
    }
}

/// A line of an order.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OrderLineView {
    /// Its place in the order, from 0.
    #[schema(example = 0)]
    pub line: i64,
    /// `sale`, `free_goods`, `shipping`, `discount` or `fee`; histories have more.
    #[schema(example = "sale")]
    pub kind: &'static str,
    /// The product of a goods line.
    #[schema(example = "85123A")]
    pub sku: Option<String>,
    /// What it says.
    pub title: String,
    /// Pieces.
    #[schema(example = 2)]
    pub quantity: i64,
    /// Exact price of one piece in the major unit.
    #[schema(example = "2.95")]
    pub unit_price: String,
    /// Taken off the line.
    pub discount: MoneyView,
    /// Tax on the line.
    pub tax: MoneyView,
    /// Payable for the line.
    pub total: MoneyView,
    /// Its share of what the buyer paid, after discounts of the whole order; null in histories.
    pub paid: Option<MoneyView>,
    /// Pieces given back.
    #[schema(example = 0)]
    pub refunded_quantity: i64,
    /// Money given back for it.
    pub refunded: MoneyView,
    /// Whether its pieces are committed with the order's reservation.
    pub reserved: bool,
}

impl OrderLineView {
    fn new(line: OrderLine, currency: Currency) -> Self {
        let money = |amount| MoneyView { amount, currency };
        Self {
            line: line.ordinal,
            kind: line.kind.as_str(),
            sku: line.kind.is_goods().then_some(line.code),
            title: line.title,
            quantity: line.quantity,
            unit_price: line.unit_price.to_string(),
            discount: money(line.discount_minor),
            tax: money(line.tax_minor),
            total: money(line.amount_minor),
            paid: MoneyView::maybe(line.share_minor, currency),
            refunded_quantity: line.refunded_quantity,
            refunded: money(line.refunded_minor),
            reserved: line.stock == line_stock::RESERVATION,
        }
    }
}

/// Money that moved for an order.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PaymentView {
    /// Its id.
    #[schema(example = "pay_01h455vb4pex5vsknk084sn02q")]
    pub id: String,
    /// `capture` in, `refund` back.
    #[schema(example = "capture")]
    pub kind: &'static str,
    /// Who moved it.
    #[schema(example = "stripe")]
    pub provider: String,
    /// The provider's number for it.
    #[schema(example = "pi_3abc")]
    pub reference: Option<String>,
    /// How much.
    pub amount: MoneyView,
    /// The refund it paid back.
    pub refund: Option<String>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

impl From<Payment> for PaymentView {
    fn from(payment: Payment) -> Self {
        let kind = match payment.kind {
            PaymentKind::Capture => "capture",
            PaymentKind::Refund => "refund",
        };
        Self {
            id: payment.payment_id.to_string(),
            kind,
            provider: payment.provider,
            reference: Some(payment.reference).filter(|text| !text.is_empty()),
            amount: MoneyView { amount: payment.amount_minor, currency: payment.currency },
            refund: payment.refund_id.map(|id| id.to_string()),
            at: payment.at,
        }
    }
}

/// What was given back for an order.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RefundView {
    /// Always `refund`.
    #[schema(example = "refund")]
    pub object: &'static str,
    /// Its id.
    #[schema(example = "ref_01h455vb4pex5vsknk084sn02q")]
    pub id: String,
    /// The order.
    #[schema(example = "ord_01h455vb4pex5vsknk084sn02q")]
    pub order: Option<String>,
    /// What the buyer got back.
    pub amount: MoneyView,
    /// Why, in the shop's words.
    pub reason: Option<String>,
    /// When the money went back.
    #[schema(value_type = String, format = DateTime)]
    pub refunded_at: Timestamp,
    /// What came back for it.
    pub lines: Vec<RefundLineView>,
}

/// A part of a refund.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RefundLineView {
    /// The order's line; null for an amount that belongs to none.
    #[schema(example = 0)]
    pub line: Option<i64>,
    /// Pieces that came back; 0 for an amount alone.
    #[schema(example = 1)]
    pub quantity: i64,
    /// What the buyer got for it.
    pub amount: MoneyView,
    /// Whether the pieces can be sold again: freed before they shipped, or back on the shelf.
    pub restocked: bool,
}

impl RefundView {
    /// A refund with its lines.
    pub fn new(refund: Refund, lines: Vec<RefundLine>) -> Self {
        let currency = refund.currency;
        let line = |line: RefundLine| RefundLineView {
            line: line.order_ordinal,
            quantity: line.order_ordinal.map_or(0, |_| line.quantity),
            amount: MoneyView { amount: line.amount_minor, currency },
            restocked: line.restocked,
        };
        Self {
            object: "refund",
            id: refund.refund_id.to_string(),
            order: refund.order_id.map(|id| id.to_string()),
            amount: MoneyView { amount: refund.amount_minor, currency },
            reason: refund.reason,
            refunded_at: refund.refunded_at,
            lines: lines.into_iter().map(line).collect(),
        }
    }
}
