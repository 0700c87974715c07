//! Why something a platform said was not applied, as a sentence for a list of rejects.

use shopwright_store::StoreError;

use crate::catalog::PutProductError;
use crate::customers::PutCustomerError;
use crate::inventory::{LocationChangeError, ShelfError};
use crate::orders::{OrderChangeError, PlaceOrderError};

/// Why it was not applied; nothing of it may be kept.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// It speaks of something that is not here yet: try again later.
    #[error("{0}")]
    Waits(String),
    /// It cannot be booked truthfully.
    #[error("{0}")]
    Refused(String),
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ApplyError {
    /// Whether trying again later can help.
    pub const fn may_pass(&self) -> bool {
        matches!(self, Self::Waits(_) | Self::Store(_))
    }
}

macro_rules! refused_unless_store {
    ($($error:ident),+) => {$(
        impl From<$error> for ApplyError {
            fn from(error: $error) -> Self {
                match error {
                    $error::Store(error) => Self::Store(error),
                    other => Self::Refused(other.to_string()),
                }
            }
        }
    )+};
}

refused_unless_store!(
    PutProductError,
    PutCustomerError,
    LocationChangeError,
    ShelfError,
    OrderChangeError,
    PlaceOrderError
);
