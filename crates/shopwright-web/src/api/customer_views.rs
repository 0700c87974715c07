//! Customers as they are sent and shown.

use serde::{Deserialize, Serialize};
use shopwright_app::customers::{CustomerExport, ExportedOrder};
use shopwright_domain::customers::{Address, Consent, CustomerFields};
use shopwright_domain::time::Timestamp;
use shopwright_store::customers::Customer;
use shopwright_store::events::EventRow;
use utoipa::ToSchema;

use super::order_views::{OrderView, RefundView};

/// A postal address. Parts that are not known are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AddressShape {
    /// What the person calls it.
    #[schema(example = "home")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Who lives there.
    #[schema(example = "Jane Doe")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Company.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    /// Street and number.
    #[schema(example = "1 Long Street")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line1: Option<String>,
    /// Second line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line2: Option<String>,
    /// City.
    #[schema(example = "London")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// State or region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Postal code.
    #[schema(example = "N1 9GU")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
    /// ISO 3166-1 alpha-2.
    #[schema(example = "GB", pattern = "^[A-Z]{2}$")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Telephone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
}

impl From<AddressShape> for Address {
    fn from(shape: AddressShape) -> Self {
        Self {
            label: shape.label,
            name: shape.name,
            company: shape.company,
            line1: shape.line1,
            line2: shape.line2,
            city: shape.city,
            region: shape.region,
            postal_code: shape.postal_code,
            country: shape.country,
            phone: shape.phone,
        }
    }
}

impl From<Address> for AddressShape {
    fn from(address: Address) -> Self {
        Self {
            label: address.label,
            name: address.name,
            company: address.company,
            line1: address.line1,
            line2: address.line2,
            city: address.city,
            region: address.region,
            postal_code: address.postal_code,
            country: address.country,
            phone: address.phone,
        }
    }
}

/// Whether a person agreed to marketing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsentShape {
    /// Yes or no.
    #[schema(example = true)]
    pub marketing: bool,
    /// When it was given or withdrawn.
    #[schema(value_type = String, format = DateTime, example = "2026-11-01T09:00:00Z")]
    pub at: Timestamp,
    /// Where that was said.
    #[schema(example = "checkout", min_length = 1, max_length = 500)]
    pub source: String,
}

impl From<Consent> for ConsentShape {
    fn from(consent: Consent) -> Self {
        Self { marketing: consent.marketing, at: consent.at, source: consent.source }
    }
}

/// A customer as the shop knows one. What is left out is not known.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomerBody {
    /// E-mail address.
    #[schema(example = "jane@example.com", max_length = 254)]
    pub email: Option<String>,
    /// Name.
    #[schema(example = "Jane Doe", max_length = 500)]
    pub name: Option<String>,
    /// Telephone.
    #[schema(max_length = 500)]
    pub phone: Option<String>,
    /// BCP 47.
    #[schema(example = "en-GB", max_length = 35)]
    pub locale: Option<String>,
    /// ISO 3166-1 alpha-2.
    #[schema(example = "GB", pattern = "^[A-Z]{2}$")]
    pub country: Option<String>,
    /// The shop's own labels.
    #[serde(default)]
    #[schema(example = json!(["vip"]), max_items = 100)]
    pub tags: Vec<String>,
    /// Consent to marketing; left out when nobody asked.
    pub consent: Option<ConsentShape>,
    /// Postal addresses, the main one first.
    #[serde(default)]
    #[schema(max_items = 50)]
    pub addresses: Vec<AddressShape>,
}

impl From<CustomerBody> for CustomerFields {
    fn from(body: CustomerBody) -> Self {
        Self {
            email: body.email,
            name: body.name,
            phone: body.phone,
            locale: body.locale,
            country: body.country,
            tags: body.tags,
            consent: body.consent.map(|consent| Consent {
                marketing: consent.marketing,
                at: consent.at,
                source: consent.source,
            }),
            addresses: body.addresses.into_iter().map(Address::from).collect(),
        }
    }
}

/// A customer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CustomerView {
    /// Always `customer`.
    #[schema(example = "customer")]
    pub object: &'static str,
    /// The shop's own id.
    #[schema(example = "cust-1001")]
    pub id: String,
    /// E-mail address.
    pub email: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// Telephone.
    pub phone: Option<String>,
    /// BCP 47.
    pub locale: Option<String>,
    /// Where the customer is; a history may have written the country out.
    pub country: Option<String>,
    /// The shop's own labels.
    pub tags: Vec<String>,
    /// Consent to marketing; null when nobody asked.
    pub consent: Option<ConsentShape>,
    /// Postal addresses, the main one first.
    pub addresses: Vec<AddressShape>,
    /// When the earliest known order was placed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub first_order_at: Option<Timestamp>,
    /// When the customer was first seen.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When this was last written; null while only orders show the customer.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub updated_at: Option<Timestamp>,
}

impl From<Customer> for CustomerView {
    fn from(customer: Customer) -> Self {
        let fields = customer.fields;
        Self {
            object: "customer",
            id: customer.customer_id.as_str().to_owned(),
            email: fields.email,
            name: fields.name,
            phone: fields.phone,
            locale: fields.locale,
            country: fields.country,
            tags: fields.tags,
            consent: fields.consent.map(ConsentShape::from),
            addresses: fields.addresses.into_iter().map(AddressShape::from).collect(),
            first_order_at: customer.first_order_at,
            created_at: customer.created_at,
            updated_at: customer.updated_at,
        }
    }
}

/// Everything the ledger has about a person.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CustomerExportView {
    /// Always `customer_export`.
    #[schema(example = "customer_export")]
    pub object: &'static str,
    /// The customer.
    pub customer: CustomerView,
    /// Other ids of the same person.
    pub other_ids: Vec<String>,
    /// Every order, oldest first.
    pub orders: Vec<ExportedOrderView>,
    /// What they looked at and put into carts, oldest first, a row for each product.
    pub events: Vec<ExportedEventView>,
}

/// What a person did with one product, or without one.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ExportedEventView {
    /// What was done.
    #[schema(example = "product_viewed")]
    pub r#type: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The product.
    pub sku: Option<String>,
    /// Pieces.
    pub quantity: i64,
    /// The visitor, from before they were known.
    pub anonymous: Option<String>,
    /// The visit.
    pub session: Option<String>,
    /// The shop's number of the order.
    pub order: Option<String>,
}

/// An order of a person with all that belongs to it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ExportedOrderView {
    /// The order.
    pub order: OrderView,
    /// Where it was sent.
    pub ship_to: Option<AddressShape>,
    /// What was given back.
    pub refunds: Vec<RefundView>,
}

impl From<CustomerExport> for CustomerExportView {
    fn from(export: CustomerExport) -> Self {
        Self {
            object: "customer_export",
            customer: export.customer.into(),
            other_ids: export.other_ids.iter().map(|id| id.as_str().to_owned()).collect(),
            orders: export.orders.into_iter().map(ExportedOrderView::from).collect(),
            events: export.events.into_iter().map(ExportedEventView::from).collect(),
        }
    }
}

impl From<EventRow> for ExportedEventView {
    fn from(row: EventRow) -> Self {
        Self {
            r#type: row.kind,
            at: row.at,
            sku: row.sku,
            quantity: row.quantity,
            anonymous: row.anonymous_id,
            session: row.session_id,
            order: row.order_number,
        }
    }
}

impl From<ExportedOrder> for ExportedOrderView {
    fn from(exported: ExportedOrder) -> Self {
        let refunds = exported.refunds.into_iter();
        Self {
            refunds: refunds.map(|(refund, lines)| RefundView::new(refund, lines)).collect(),
            ship_to: exported.ship_to.map(AddressShape::from),
            order: OrderView::with_lines(exported.order, exported.lines, exported.payments),
        }
    }
}
