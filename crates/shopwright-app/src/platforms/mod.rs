//! What other shop platforms say, applied to the ledger: orders, refunds, products, stock, people.
//!
//! Everything here may come in any order and more than once, by webhook or by file: the ledger ends up
//! the same. Each function works in its caller's transaction; after an error nothing of that call may
//! be kept (`Tx::attempt` undoes it).

mod apply_customer;
mod apply_error;
mod apply_order;
mod apply_refund;
mod apply_stock;
mod apply_variant;

pub use apply_customer::{apply_customer, customer_id};
pub use apply_error::ApplyError;
pub use apply_order::apply_order;
pub use apply_refund::apply_refund;
pub use apply_stock::{apply_stock, location_of, mirrored_at};
pub use apply_variant::{apply_variant, made_up_sku, remove_product};

use shopwright_domain::ids::{Id, IdSource, derived_uuid};
use uuid::Uuid;

/// What became of what a platform said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It is new.
    Created,
    /// It changed something.
    Updated,
    /// It was so already.
    Unchanged,
    /// It is not booked, and why.
    Ignored(&'static str),
}

/// Fixed outside the transaction, so that a second run makes the same ids.
#[derive(Clone, Copy, Debug)]
pub struct ApplyIds(Uuid);

/// What an id is made for.
#[derive(Clone, Copy, Debug)]
enum For {
    Order = 1,
    Payment = 2,
    Reservation = 3,
    /// Refunds follow, two ids each.
    Refunds = 16,
}

impl ApplyIds {
    /// Ids for one order or refund.
    pub fn new(ids: &dyn IdSource) -> Self {
        Self(ids.next_uuid())
    }

    fn of<K>(self, what: For, place: u128) -> Id<K> {
        Id::from_uuid(derived_uuid(self.0, what as u128 + place))
    }
}
