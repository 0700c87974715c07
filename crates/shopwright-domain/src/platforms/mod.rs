//! What other shop platforms say of orders, products, stock and people, in one shape.
//!
//! Webhooks and files of Shopify, WooCommerce and others are read into these words; the ledger takes
//! them in one way, whatever brought them, in any order and more than once. Everything here is as the
//! platform says it: what of it can be booked is decided when it is applied.

pub mod booking;
pub mod cells;
pub mod json;
pub mod layout;
pub mod mapped_csv;
pub mod mapping_guess;
pub mod shopify;
pub mod shopify_lists_csv;
pub mod shopify_orders_csv;
pub mod shopify_products_csv;
pub mod shopify_things;
pub mod stripe_payments_csv;
pub mod woocommerce;
pub mod woocommerce_products_csv;

#[cfg(test)]
mod table_tests;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::catalog::{ProductKind, ProductStatus, Sku};
use crate::customers::{Address, Consent};
use crate::money::{Currency, UnitPrice};
use crate::orders::LineKind;
use crate::time::Timestamp;

/// A platform whose words are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Platform {
    /// Shopify.
    Shopify,
    /// WooCommerce.
    Woocommerce,
}

impl Platform {
    /// Every one.
    pub const ALL: [Self; 2] = [Self::Shopify, Self::Woocommerce];

    /// The stored text; also the source of its orders.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shopify => "shopify",
            Self::Woocommerce => "woocommerce",
        }
    }
}

impl std::str::FromStr for Platform {
    type Err = UnknownPlatformError;

    fn from_str(text: &str) -> Result<Self, UnknownPlatformError> {
        let found = Self::ALL.into_iter().find(|platform| platform.as_str() == text);
        found.ok_or_else(|| UnknownPlatformError(text.to_owned()))
    }
}

/// A text that names no platform.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not one of shopify, woocommerce")]
pub struct UnknownPlatformError(pub String);

/// An order as its platform shows it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformOrder {
    /// Where it was taken: `shopify`, or the name an import was given.
    pub source: String,
    /// Its id there, which never changes.
    pub external_id: String,
    /// The number people call it by, `#1001`.
    pub number: Option<String>,
    /// When it was placed.
    pub placed_at: Timestamp,
    /// When the platform last changed it: of two messages the later one holds. Files may have none;
    /// such an order is what is known when nothing newer is.
    pub updated_at: Option<Timestamp>,
    /// The currency of every amount, which is the shop's own where the buyer paid in another.
    pub currency: Currency,
    /// Whether the lines' amounts include their tax.
    pub tax_included: bool,
    /// What the buyer owes for it, minor units, before anything was refunded.
    pub total_minor: i64,
    /// Goods, shipping, fees, and discounts of the whole order.
    pub lines: Vec<PlatformLine>,
    /// Who bought.
    pub customer: Option<PlatformCustomer>,
    /// Where it goes.
    pub ship_to: Option<Address>,
    /// What is known of its payment.
    pub payment: PlatformPayment,
    /// When all of it had left; `None` while something has not.
    pub fulfilled_at: Option<Timestamp>,
    /// When it was called off.
    pub canceled_at: Option<Timestamp>,
    /// What went back to the buyer.
    pub refunds: Vec<PlatformRefund>,
    /// Whether it is a trial of the checkout that no money stands behind. Such orders are not booked.
    pub is_test: bool,
}

/// A line of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformLine {
    /// Its id on the platform, by which refunds name it; files may have none.
    pub external_id: Option<String>,
    /// Sale, shipping, discount or fee.
    pub kind: LineKind,
    /// The product of a sale; `None` where the platform's product has no SKU.
    pub sku: Option<Sku>,
    /// The platform's id of the variant that was sold.
    pub variant_id: Option<String>,
    /// What the line says.
    pub title: String,
    /// Pieces that were ordered.
    pub quantity: i64,
    /// Exact price of one piece; negative on a discount line.
    pub unit_price: UnitPrice,
    /// Taken off this line, minor units, not negative.
    pub discount_minor: i64,
    /// Tax on this line, minor units.
    pub tax_minor: i64,
    /// Whether it is something that is sent.
    pub is_physical: bool,
}

/// What is known of an order's payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlatformPayment {
    /// Nothing has been paid, or not all of it.
    Pending,
    /// Paid in full, whatever has been refunded since.
    Paid {
        /// Who took it: `shopify_payments`, `paypal`.
        provider: String,
        /// The provider's number for it; empty when there is none.
        reference: String,
        /// When.
        at: Timestamp,
    },
    /// It will not come: voided or expired.
    Failed,
}

/// Money that went back for an order, and goods that came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformRefund {
    /// Its id on the platform.
    pub external_id: String,
    /// The order's id on the platform.
    pub order_external_id: String,
    /// When.
    pub at: Timestamp,
    /// What went back, minor units; 0 where only lines were taken off.
    pub amount_minor: i64,
    /// Which lines it is for; may be empty when only an amount is known.
    pub lines: Vec<PlatformRefundLine>,
    /// Why, as somebody wrote.
    pub reason: Option<String>,
}

/// A line of a refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformRefundLine {
    /// The platform's id of the order's line.
    pub line_external_id: Option<String>,
    /// Its product, where the line has no id.
    pub sku: Option<Sku>,
    /// Pieces; 0 where only an amount went back.
    pub quantity: i64,
    /// Whether the pieces lie on the shelf again.
    pub restock: bool,
    /// What went back for it, minor units with its tax.
    pub amount_minor: i64,
}

/// A person as a platform knows them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlatformCustomer {
    /// Their id on the platform; `None` for a guest.
    pub external_id: Option<String>,
    /// Mail address.
    pub email: Option<String>,
    /// Full name.
    pub name: Option<String>,
    /// Telephone.
    pub phone: Option<String>,
    /// `de`, `en-GB`.
    pub locale: Option<String>,
    /// What the shop calls them by.
    pub tags: Vec<String>,
    /// Whether they agreed to marketing.
    pub consent: Option<Consent>,
    /// Their addresses, the default one first.
    pub addresses: Vec<Address>,
    /// When the platform first knew them.
    pub created_at: Option<Timestamp>,
    /// When the platform last changed them.
    pub updated_at: Option<Timestamp>,
}

/// One variant of a product: what has a SKU, a price and stock of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct PlatformVariant {
    /// The platform's ids of it.
    pub ids: VariantIds,
    /// The shop's code; `None` where it has none.
    pub sku: Option<Sku>,
    /// Product and variant title.
    pub title: String,
    /// Category path, `Home/Candles`.
    pub category: Option<String>,
    /// What kind of thing it is.
    pub kind: ProductKind,
    /// Whether it is on sale.
    pub status: ProductStatus,
    /// The currency of its amounts; `None` where the platform does not say it with the product.
    pub currency: Option<Currency>,
    /// What the platform charges now, minor units.
    pub price_minor: Option<i64>,
    /// The price shown struck through, minor units.
    pub compare_at_minor: Option<i64>,
    /// What a piece costs the shop, minor units.
    pub cost_minor: Option<i64>,
    /// Addresses of images.
    pub images: Vec<String>,
    /// Vendor, tags, options, barcode and what else is worth keeping.
    pub attributes: serde_json::Map<String, serde_json::Value>,
    /// Pieces the platform counts over all locations; `None` where it does not count.
    pub quantity: Option<i64>,
    /// Whether it is sold when there is none.
    pub backorder: Option<bool>,
    /// When the platform last changed it.
    pub updated_at: Option<Timestamp>,
}

/// What a platform calls a variant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VariantIds {
    /// The product it is of.
    pub product_id: String,
    /// The variant; for a product without variants the product again.
    pub variant_id: String,
    /// What stock is counted by, where that has an id of its own.
    pub inventory_item_id: Option<String>,
}

/// What a platform counts of one product at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformStock {
    /// The product, where it is named by its code,
    pub sku: Option<Sku>,
    /// or by the platform's id of what is counted.
    pub inventory_item_id: Option<String>,
    /// The platform's name or id of the place; `None` for all places together.
    pub location: Option<String>,
    /// Pieces on the shelf as the platform counts them: those it has sold and not sent are still there
    /// when `counts_sold` says so.
    pub quantity: i64,
    /// Whether pieces that are sold and not sent are in `quantity`.
    pub counts_sold: bool,
    /// When it was counted.
    pub at: Timestamp,
}
