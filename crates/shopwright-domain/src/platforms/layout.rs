//! The layouts of files: which columns they need, which rows belong together, what rows say.

use super::cells::{Formats, Header, Row};
use super::mapped_csv::{self, TableKind};
use super::stripe_payments_csv::{self, StripePayment};
use super::{
    Platform, PlatformCustomer, PlatformOrder, PlatformStock, PlatformVariant, shopify_lists_csv,
    shopify_orders_csv, shopify_products_csv, woocommerce_products_csv,
};
use crate::time::Timestamp;

/// A layout of files with columns by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Shopify, products.
    ShopifyProducts,
    /// Shopify, orders.
    ShopifyOrders,
    /// Shopify, customers.
    ShopifyCustomers,
    /// Shopify, inventory.
    ShopifyInventory,
    /// WooCommerce, products.
    WoocommerceProducts,
    /// Stripe, payments.
    StripePayments,
    /// Any table, in our own words.
    Mapped(TableKind, TaxIn),
}

/// Whether prices of a mapped table include their tax.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TaxIn(pub bool);

/// What rows of a file say.
#[derive(Clone, Debug)]
pub enum Item {
    /// An order.
    Order(Box<PlatformOrder>),
    /// A payment, which may be of an order that is there.
    Payment(Box<StripePayment>),
    /// A product.
    Variant(Box<PlatformVariant>),
    /// What lies where.
    Stock(Box<PlatformStock>),
    /// A person.
    Customer(Box<PlatformCustomer>),
}

/// Some rows of a group, with what they say: nothing, when they are no more than headings or
/// payments that never came; or why they cannot be booked.
#[derive(Debug)]
pub struct Reading {
    /// Places in the group.
    pub rows: Vec<usize>,
    /// What they say.
    pub says: Result<Option<Item>, String>,
}

/// What a file is read with.
#[derive(Clone, Debug)]
pub struct ReadWith {
    /// The name under which its orders are unique.
    pub source: String,
    /// How its cells are written.
    pub formats: Formats,
    /// When it is read.
    pub now: Timestamp,
}

impl Layout {
    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ShopifyProducts => "shopify-products",
            Self::ShopifyOrders => "shopify-orders",
            Self::ShopifyCustomers => "shopify-customers",
            Self::ShopifyInventory => "shopify-inventory",
            Self::WoocommerceProducts => "woocommerce-products",
            Self::StripePayments => "stripe-payments",
            Self::Mapped(..) => "csv",
        }
    }

    /// The platform whose own export it is.
    pub const fn platform(self) -> Option<Platform> {
        match self {
            Self::ShopifyProducts
            | Self::ShopifyOrders
            | Self::ShopifyCustomers
            | Self::ShopifyInventory => Some(Platform::Shopify),
            Self::WoocommerceProducts => Some(Platform::Woocommerce),
            Self::StripePayments | Self::Mapped(..) => None,
        }
    }

    /// The source of its orders, people and counts when no other is named.
    pub const fn source(self) -> &'static str {
        match self.platform() {
            Some(platform) => platform.as_str(),
            None if matches!(self, Self::StripePayments) => "stripe",
            None => "csv",
        }
    }

    /// Whether it is a history of orders, from which base prices follow.
    pub const fn is_history(self) -> bool {
        matches!(self, Self::ShopifyOrders | Self::Mapped(TableKind::Orders, _))
    }

    /// Columns it needs that `header` does not have.
    pub fn missing(self, header: &Header) -> Vec<&'static str> {
        let lacking = |names: &[&'static str]| {
            names.iter().filter(|name| !header.has(name)).copied().collect::<Vec<_>>()
        };
        match self {
            Self::ShopifyProducts => {
                let either = [["Handle", "URL handle"], ["Variant SKU", "SKU"]];
                let gone = either.iter().filter(|names| !names.iter().any(|n| header.has(n)));
                gone.map(|names| names[0]).chain(lacking(&["Title"])).collect()
            }
            Self::ShopifyOrders => lacking(&shopify_orders_csv::NEEDED),
            Self::ShopifyCustomers => lacking(&shopify_lists_csv::CUSTOMERS_NEEDED),
            Self::ShopifyInventory => lacking(&shopify_lists_csv::INVENTORY_NEEDED),
            Self::WoocommerceProducts => lacking(&woocommerce_products_csv::NEEDED),
            Self::StripePayments => lacking(&stripe_payments_csv::NEEDED),
            Self::Mapped(kind, _) => lacking(kind.needed()),
        }
    }

    /// Columns that are read when a file has them.
    pub const fn read_columns(self) -> &'static [&'static str] {
        match self {
            Self::ShopifyProducts => shopify_products_csv::READ,
            Self::ShopifyOrders => shopify_orders_csv::READ,
            Self::ShopifyCustomers => shopify_lists_csv::CUSTOMERS_READ,
            Self::ShopifyInventory => shopify_lists_csv::INVENTORY_READ,
            Self::WoocommerceProducts => woocommerce_products_csv::READ,
            Self::StripePayments => stripe_payments_csv::READ,
            Self::Mapped(kind, _) => kind.columns(),
        }
    }

    /// What neighbouring rows share when they belong together; `None` for a row that stands alone.
    pub fn group_key<'a>(self, row: &Row<'a>) -> Option<&'a str> {
        match self {
            Self::ShopifyProducts => row.any(&shopify_products_csv::HANDLE),
            Self::ShopifyOrders => row.text("Name"),
            Self::Mapped(TableKind::Orders, _) => row.text("order_id"),
            _ => None,
        }
    }

    /// Reads the rows of one group. Every row is in exactly one answer.
    pub fn read(self, rows: &[Row<'_>], with: &ReadWith) -> Vec<Reading> {
        match self {
            Self::ShopifyProducts => read_variants(rows, with),
            Self::ShopifyOrders => {
                let order = shopify_orders_csv::read(rows, &with.source, &with.formats);
                vec![whole(rows.len(), order)]
            }
            Self::Mapped(TableKind::Orders, TaxIn(tax_in)) => {
                let order = mapped_csv::order(rows, &with.source, tax_in, &with.formats);
                vec![whole(rows.len(), order)]
            }
            _ => rows
                .iter()
                .enumerate()
                .map(|(place, row)| Reading { rows: vec![place], says: self.read_row(row, with) })
                .collect(),
        }
    }

    fn read_row(self, row: &Row<'_>, with: &ReadWith) -> Result<Option<Item>, String> {
        let formats = &with.formats;
        let item = match self {
            Self::ShopifyCustomers => shopify_lists_csv::customer(row, with.now)
                .map(|c| Some(Item::Customer(Box::new(c)))),
            Self::ShopifyInventory => shopify_lists_csv::stock(row, formats, with.now)
                .map(|stock| stock.map(|s| Item::Stock(Box::new(s)))),
            Self::WoocommerceProducts => woocommerce_products_csv::read(row, formats)
                .map(|variant| variant.map(|v| Item::Variant(Box::new(v)))),
            Self::StripePayments => stripe_payments_csv::read(row, &with.source, formats)
                .map(|payment| payment.map(|p| Item::Payment(Box::new(p)))),
            Self::Mapped(TableKind::Products, _) => {
                mapped_csv::product(row, formats).map(|v| Some(Item::Variant(Box::new(v))))
            }
            Self::Mapped(TableKind::Inventory, _) => {
                mapped_csv::stock(row, formats, with.now).map(|s| Some(Item::Stock(Box::new(s))))
            }
            Self::Mapped(TableKind::Customers, _) => {
                mapped_csv::customer(row, with.now).map(|c| Some(Item::Customer(Box::new(c))))
            }
            Self::ShopifyProducts | Self::ShopifyOrders | Self::Mapped(TableKind::Orders, _) => {
                Ok(None)
            }
        };
        item.map_err(|error| error.to_string())
    }
}

/// An order is booked whole or not at all; the reason names the row when it is not the first.
fn whole(rows: usize, order: Result<PlatformOrder, (usize, super::cells::CellError)>) -> Reading {
    let says = match order {
        Ok(order) => Ok(Some(Item::Order(Box::new(order)))),
        Err((0, error)) => Err(error.to_string()),
        Err((place, error)) => Err(format!("in row {} of this order: {error}", place + 1)),
    };
    Reading { rows: (0..rows).collect(), says }
}

fn read_variants(rows: &[Row<'_>], with: &ReadWith) -> Vec<Reading> {
    let mut readings: Vec<Reading> = Vec::new();
    let mut rest: Vec<usize> = (0..rows.len()).collect();
    for (place, variant) in shopify_products_csv::read(rows, &with.formats) {
        rest.retain(|row| *row != place);
        let says = variant.map(|v| Some(Item::Variant(Box::new(v)))).map_err(|e| e.to_string());
        readings.push(Reading { rows: vec![place], says });
    }
    if !rest.is_empty() {
        readings.push(Reading { rows: rest, says: Ok(None) });
    }
    readings
}
