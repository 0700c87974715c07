//! Orders taken elsewhere: booked, found, listed.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use shopwright_app::customers::{Whose, whose};
use shopwright_app::inventory::{ReserveError, Shortage, StepError};
use shopwright_app::orders::{
    OrderStockError, PaymentMade, PlaceOrder, PlaceOrderError, StockChoice, place_order,
};
use shopwright_domain::catalog::Sku;
use shopwright_domain::customers::{Address, CustomerId};
use shopwright_domain::ids::{OrderId, ReservationId, new_id};
use shopwright_domain::invalid::InvalidField;
use shopwright_domain::money::{Currency, UnitPrice};
use shopwright_domain::orders::{LineDraft, LineKind, OrderDraft, OrderState};
use shopwright_domain::time::{DAY, Timestamp};
use shopwright_store::orders::placed::{self, Order, OrderFilter, WithSku};
use shopwright_store::orders::refunded;
use shopwright_store::{StoreError, Tx};
use utoipa::{IntoParams, ToSchema};

use super::customer_views::AddressShape;
use super::order_views::OrderView;
use super::reservations::shortage_problems;
use super::view::{ListView, MoneyBody};
use crate::Site;
use crate::answer::Answer;
use crate::auth::{Allowed, needs};
use crate::etag::EntityTag;
use crate::input::{Cursor, JsonBody, PathText, Query, no_nul};
use crate::once::Once;
use crate::problem::{ApiError, Code, FieldProblem, Problem};

/// The longest range in which orders with a product are looked for.
const SKU_RANGE_MAX: i64 = 31 * DAY;

/// An order that was taken elsewhere.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOrder {
    /// Where it was taken.
    #[schema(example = "shopify", min_length = 1, max_length = 200)]
    pub source: String,
    /// Its number there; with the source its identity.
    #[schema(example = "1001", min_length = 1, max_length = 200)]
    pub external_id: String,
    /// Who bought, by the shop's own id; made when nobody knew it.
    #[schema(value_type = Option<String>, example = "cust-1001", max_length = 200)]
    pub customer: Option<CustomerId>,
    /// When it was placed.
    #[schema(value_type = String, format = DateTime, example = "2026-11-24T10:00:00Z")]
    pub placed_at: Timestamp,
    /// ISO 4217, of every amount.
    #[schema(value_type = String, example = "GBP", pattern = "^[A-Z]{3}$")]
    pub currency: Currency,
    /// Where it goes, ISO 3166-1 alpha-2.
    #[schema(example = "GB", pattern = "^[A-Z]{2}$")]
    pub country: Option<String>,
    /// Where exactly.
    pub ship_to: Option<AddressShape>,
    /// Whether the lines' amounts include their tax; else it is added to them.
    #[serde(default)]
    #[schema(example = true)]
    pub tax_included: bool,
    /// What the buyer pays: lines less discounts, with tax and shipping. Checked.
    pub total: MoneyBody,
    /// 1 to 1,000 lines.
    #[schema(min_items = 1, max_items = 1000)]
    pub lines: Vec<NewOrderLine>,
    /// How it was paid.
    pub payment: PaymentBody,
    /// `commit` (the default) takes the pieces out of what can be sold, all or none; `none` leaves
    /// stock alone. Products that were never counted have no stock to take.
    #[serde(default)]
    #[schema(value_type = String, example = "commit", pattern = "^(commit|none)$")]
    pub stock: StockBody,
    /// A reservation of just these pieces, to be committed.
    #[schema(value_type = Option<String>)]
    pub reservation: Option<ReservationId>,
}

/// What an order does to stock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StockBody {
    /// Takes its pieces.
    #[default]
    Commit,
    /// Leaves it alone.
    None,
}

/// What kind of line it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKindBody {
    /// A product.
    Sale,
    /// Postage and carriage.
    Shipping,
    /// Taken off the whole order; its amount is below 0.
    Discount,
    /// A charge beside the goods.
    Fee,
}

/// A line of an order.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOrderLine {
    /// `sale`, `shipping`, `discount` (below 0, for the whole order) or `fee`.
    #[schema(value_type = String, example = "sale", pattern = "^(sale|shipping|discount|fee)$")]
    pub kind: LineKindBody,
    /// The product of a sale.
    #[schema(value_type = Option<String>, example = "85123A")]
    pub sku: Option<Sku>,
    /// What the line says; the product's title when left out.
    #[serde(default)]
    #[schema(max_length = 1000)]
    pub title: String,
    /// Pieces; 1 when left out.
    #[serde(default = "one")]
    #[schema(example = 2, minimum = 1)]
    pub quantity: i64,
    /// Exact price of one piece in the major unit, at most six decimal places.
    #[schema(example = "2.95", pattern = r"^-?\d+(\.\d{1,6})?$")]
    pub unit_price: String,
    /// Quantity × unit price, rounded half away from zero. Checked.
    pub amount: MoneyBody,
    /// Taken off this line.
    pub discount: Option<MoneyBody>,
    /// Tax on this line.
    pub tax: Option<MoneyBody>,
}

const fn one() -> i64 {
    1
}

/// How an order was paid.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PaymentBody {
    /// `paid` or `pending`.
    #[schema(value_type = String, example = "paid", pattern = "^(paid|pending)$")]
    pub status: PaymentStatus,
    /// Who took it; needed when it was paid.
    #[schema(example = "stripe", max_length = 200)]
    pub provider: Option<String>,
    /// The provider's number for it.
    #[schema(example = "pi_3abc", max_length = 200)]
    pub reference: Option<String>,
    /// When; when the order was placed if left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub paid_at: Option<Timestamp>,
}

/// Whether an order was paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    /// It was.
    Paid,
    /// Not yet.
    Pending,
}

impl PaymentBody {
    fn made(self, placed_at: Timestamp) -> Result<Option<PaymentMade>, ApiError> {
        if self.status == PaymentStatus::Pending {
            return match (self.provider, self.reference, self.paid_at) {
                (None, None, None) => Ok(None),
                _ => Err(ApiError::field(
                    "/payment/status",
                    "a payment with a provider, reference or time was made: use paid",
                )),
            };
        }
        let provider = self.provider.ok_or_else(|| {
            ApiError::field("/payment/provider", "say who took the payment, such as stripe or cash")
        })?;
        let reference = self.reference.unwrap_or_default();
        Ok(Some(PaymentMade { provider, reference, at: self.paid_at.unwrap_or(placed_at) }))
    }
}

impl NewOrderLine {
    fn draft(self, place: usize, currency: Currency, found: &mut Vec<InvalidField>) -> LineDraft {
        let pointer = |field: &str| format!("/lines/{place}/{field}");
        let unit_price = UnitPrice::parse(&self.unit_price).unwrap_or_else(|error| {
            found.push(InvalidField::new(pointer("unit_price"), error.to_string()));
            UnitPrice(0)
        });
        let mut amount = |money: Option<MoneyBody>, field: &str| {
            money.map_or(0, |money| money.within(currency, &pointer(field), found))
        };
        let kind = match self.kind {
            LineKindBody::Sale if unit_price == UnitPrice(0) => LineKind::FreeGoods,
            LineKindBody::Sale => LineKind::Sale,
            LineKindBody::Shipping => LineKind::Shipping,
            LineKindBody::Discount => LineKind::Discount,
            LineKindBody::Fee => LineKind::Fee,
        };
        LineDraft {
            kind,
            sku: self.sku,
            title: self.title,
            quantity: self.quantity,
            unit_price,
            amount_minor: amount(Some(self.amount), "amount"),
            discount_minor: amount(self.discount, "discount"),
            tax_minor: amount(self.tax, "tax"),
        }
    }
}

fn read_order(new: NewOrder, site: &Site) -> Result<PlaceOrder, ApiError> {
    let mut found = Vec::new();
    let currency = new.currency;
    let total_minor = new.total.within(currency, "/total", &mut found);
    let lines = new.lines.into_iter().enumerate();
    let lines = lines.map(|(place, line)| line.draft(place, currency, &mut found)).collect();
    if !found.is_empty() {
        return Err(ApiError::fields(found));
    }
    let stock = match (new.stock, new.reservation) {
        (StockBody::Commit, named) => StockChoice::Commit(named),
        (StockBody::None, None) => StockChoice::None,
        (StockBody::None, Some(_)) => {
            return Err(ApiError::field("/reservation", "stock none commits no reservation"));
        }
    };
    Ok(PlaceOrder {
        order_id: new_id(site.ids.as_ref()),
        payment_id: new_id(site.ids.as_ref()),
        reservation_id: new_id(site.ids.as_ref()),
        source: new.source,
        external_id: new.external_id,
        customer: new.customer,
        placed_at: new.placed_at,
        country: new.country,
        ship_to: new.ship_to.map(Address::from),
        draft: OrderDraft { currency, tax_included: new.tax_included, total_minor, lines },
        payment: new.payment.made(new.placed_at)?,
        stock,
    })
}

/// Books an order that was taken elsewhere. The same order sent again is answered as it is now.
#[utoipa::path(
    post, path = "/v1/orders", tag = "Orders", operation_id = "create_order",
    params(("Idempotency-Key" = String, Header, description = "A new UUID for each order you mean to book", example = "7d9f6a3e-order")),
    request_body(content = NewOrder, example = json!({
        "source": "shopify", "external_id": "1001", "customer": "cust-1001",
        "placed_at": "2026-11-24T10:00:00Z", "currency": "GBP", "country": "GB", "tax_included": true,
        "total": {"amount": 1080, "currency": "GBP"},
        "lines": [
            {"kind": "sale", "sku": "85123A", "quantity": 2, "unit_price": "2.95",
                "amount": {"amount": 590, "currency": "GBP"}, "tax": {"amount": 98, "currency": "GBP"}},
            {"kind": "shipping", "unit_price": "4.90", "amount": {"amount": 490, "currency": "GBP"}},
        ],
        "payment": {"status": "paid", "provider": "stripe", "reference": "pi_3abc"},
    })),
    responses(
        (status = 200, description = "It was booked before", body = OrderView),
        (status = 201, description = "Booked", body = OrderView),
        (status = 400, description = "Not JSON, or no Idempotency-Key", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The number is taken, the stock does not suffice, or the customer was erased", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "More than 1 MiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not sent as JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field does not fit, such as a total that the lines do not add up to", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["orders:write"]))
)]
pub async fn create_order(
    _: Allowed<needs::OrdersWrite>,
    once: Once,
    State(site): State<Arc<Site>>,
    JsonBody(new): JsonBody<NewOrder>,
) -> Result<Response, ApiError> {
    let once = once.required()?;
    let command = read_order(new, &site)?;
    let now = site.clock.now();
    once.write(move |tx| {
        let (order, is_new) =
            place_order(tx, &command, now).map_err(|error| place_error(error, &command))?;
        let (tag, id) = (EntityTag::version(order.version), order.order_id);
        let view = whole(tx, order)?;
        let answer = if is_new {
            Answer::created(format!("/v1/orders/{id}"), &view)?
        } else {
            Answer::ok(&view)?
        };
        Ok(answer.tagged(&tag))
    })
    .await
}

/// An order with all that belongs to it, as it is now.
pub(super) fn whole(tx: &mut Tx<'_>, order: Order) -> Result<OrderView, StoreError> {
    let lines = placed::lines_of(tx, order.order_id)?;
    let payments = refunded::payments_of(tx, order.order_id)?;
    Ok(OrderView::with_lines(order, lines, payments))
}

fn place_error(error: PlaceOrderError, command: &PlaceOrder) -> ApiError {
    let text = error.to_string();
    match error {
        PlaceOrderError::Invalid(found) => ApiError::fields(found),
        PlaceOrderError::ExternalIdTaken(_) => ApiError::new(Code::EXTERNAL_ID_TAKEN, text),
        PlaceOrderError::Buyer(_) => ApiError::new(Code::CUSTOMER_ERASED, text),
        PlaceOrderError::Stock(error) => stock_error(error, command),
        PlaceOrderError::Store(error) => error.into(),
    }
}

fn stock_error(error: OrderStockError, command: &PlaceOrder) -> ApiError {
    let text = error.to_string();
    match error {
        OrderStockError::Reserve(ReserveError::Short(missing)) => {
            short(Code::INSUFFICIENT_STOCK, text, &missing, command)
        }
        OrderStockError::Reserve(ReserveError::Wanted(_)) => {
            ApiError::field("/lines", format!("{text}; split the order or send stock none"))
        }
        OrderStockError::Reserve(_) => ApiError::new(Code::REFERENCE_TAKEN, text),
        OrderStockError::Step(StepError::NotFound(_)) | OrderStockError::Differs(_) => {
            ApiError::field("/reservation", text)
        }
        OrderStockError::Step(StepError::Expired(missing)) => {
            short(Code::RESERVATION_EXPIRED, text, &missing, command)
        }
        OrderStockError::Step(_) | OrderStockError::Taken { .. } => {
            ApiError::new(Code::RESERVATION_STATE, text)
        }
        OrderStockError::Store(error) => error.into(),
    }
}

fn short(code: Code, text: String, missing: &[Shortage], command: &PlaceOrder) -> ApiError {
    ApiError {
        errors: short_lines(missing, command),
        shortages: shortage_problems(missing),
        ..ApiError::new(code, text)
    }
}

/// What each line of a short product falls short of.
fn short_lines(short: &[Shortage], command: &PlaceOrder) -> Vec<FieldProblem> {
    let lines = command.draft.lines.iter().enumerate();
    lines
        .filter_map(|(place, line)| {
            let short = short.iter().find(|short| Some(&short.sku) == line.sku.as_ref())?;
            let detail = format!("{} of {} are available", short.available, short.wanted);
            Some(FieldProblem { pointer: format!("/lines/{place}"), detail })
        })
        .collect()
}

/// A page of orders.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OrdersQuery {
    /// Rows, 1 to 100; 10 when left out.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<i64>,
    /// An order id: the page after it (placed earlier).
    pub starting_after: Option<String>,
    /// An order id: the page before it (placed later).
    pub ending_before: Option<String>,
    /// Only in this state.
    #[param(value_type = Option<String>)]
    pub state: Option<OrderState>,
    /// Only of this customer, by any of its ids.
    #[param(value_type = Option<String>)]
    pub customer: Option<CustomerId>,
    /// Only from this source.
    pub source: Option<String>,
    /// Placed at this time or later.
    #[param(value_type = Option<String>, format = DateTime)]
    pub placed_from: Option<Timestamp>,
    /// Placed before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    pub placed_to: Option<Timestamp>,
    /// Only with a line of this product; with `placed_from` and `placed_to` at most 31 days apart.
    pub sku: Option<String>,
}

/// Orders, last placed first, those of imported histories too.
#[utoipa::path(
    get, path = "/v1/orders", tag = "Orders", operation_id = "list_orders",
    params(OrdersQuery),
    responses(
        (status = 200, description = "A page of orders", body = ListView<OrderView>),
        (status = 400, description = "A parameter does not fit", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["orders:read"]))
)]
pub async fn list_orders(
    _: Allowed<needs::OrdersRead>,
    Query(query): Query<OrdersQuery>,
    State(site): State<Arc<Site>>,
) -> Result<axum::Json<ListView<OrderView>>, ApiError> {
    let cursor: Cursor<OrderId> =
        Cursor::read(query.limit, query.starting_after, query.ending_before)?;
    let filter = OrderFilter {
        state: query.state,
        customer: query.customer,
        source: no_nul("source", query.source)?,
        placed_from: query.placed_from,
        placed_to: query.placed_to,
        with_sku: with_sku(no_nul("sku", query.sku)?, query.placed_from, query.placed_to)?,
    };
    let (limit, backwards, page) = (cursor.limit, cursor.is_backwards(), cursor.page());
    let rows = site
        .store
        .read(move |tx| {
            let mut filter = filter.clone();
            if let Some(id) = &filter.customer {
                match whose(tx, id)? {
                    Whose::Of(id) => filter.customer = Some(id),
                    Whose::Erased => return Ok::<_, StoreError>(Vec::new()),
                }
            }
            placed::list(tx, &filter, &page)
        })
        .await?;
    let data = rows.into_iter().map(OrderView::head).collect();
    Ok(axum::Json(ListView::page(data, limit, backwards, "/v1/orders".to_owned())))
}

/// A product to look for, within a range that is short enough to be read whole.
fn with_sku(
    sku: Option<String>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
) -> Result<Option<WithSku>, ApiError> {
    let Some(sku) = sku else { return Ok(None) };
    match (from, to) {
        (Some(from), Some(to)) if to <= from.plus_micros(SKU_RANGE_MAX) => {
            // A line that came in an hour after its order was begun is found with it.
            Ok(Some(WithSku { sku, from: from.plus_micros(-DAY), to: to.plus_micros(DAY) }))
        }
        _ => Err(ApiError::new(
            Code::INVALID_PARAMETER,
            "sku is looked for in a range: send placed_from and placed_to too, at most 31 days apart",
        )),
    }
}

pub(super) fn unknown(id: &str) -> ApiError {
    ApiError::new(Code::NOT_FOUND, format!("there is no order {id}"))
}

/// One order.
#[utoipa::path(
    get, path = "/v1/orders/{id}", tag = "Orders", operation_id = "get_order",
    params(("id" = String, Path, description = "The order", example = "ord_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 200, description = "The order with its lines and payments; `ETag` is its version", body = OrderView),
        (status = 400, description = "The path is not UTF-8 text", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No order has this id", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["orders:read"]))
)]
pub async fn get_order(
    _: Allowed<needs::OrdersRead>,
    PathText(id): PathText<String>,
    State(site): State<Arc<Site>>,
) -> Result<Answer, ApiError> {
    let wanted: OrderId = id.parse().map_err(|_| unknown(&id))?;
    let found = site
        .store
        .read(move |tx| match placed::find(tx, wanted)? {
            Some(order) => Ok::<_, StoreError>(Some((order.version, whole(tx, order)?))),
            None => Ok(None),
        })
        .await?;
    let (version, view) = found.ok_or_else(|| unknown(&id))?;
    Ok(Answer::ok(&view)?.tagged(&EntityTag::version(version)))
}
