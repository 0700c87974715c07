//! Customers: put, merged, handed out, erased. An id may stand for another customer after a merge,
//! and for nobody after an erasure; every operation that is given one asks [`whose`] first.

mod customer_events;
mod erase;
mod export;
mod merge;
mod put;
mod whose;

pub use erase::{EraseError, Erased, erase_customer};
pub use export::{CustomerExport, ExportedOrder, export_customer, record_export};
pub use merge::{MergeError, merge_customers};
pub use put::{PutCustomerError, find_customer, put_customer};
pub(crate) use whose::{BuyerError, buyer, tombstone};
pub use whose::{Whose, audited_customer, whose};
