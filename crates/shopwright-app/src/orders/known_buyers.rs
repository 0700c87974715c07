//! Whom the customer ids of a history stand for today: a merged one for the customer it was merged
//! into, an erased one for nobody.

use std::collections::{BTreeSet, HashMap};

use shopwright_domain::customers::CustomerId;
use shopwright_store::customers::{self, Resolution};
use shopwright_store::{StoreError, Tx};

use crate::customers::tombstone;

/// The ids that do not stand for themselves.
pub(super) struct KnownBuyers(HashMap<String, Resolution>);

impl KnownBuyers {
    /// Looks the ids up. One that cannot be an id was never merged or erased.
    pub(super) fn load<'i>(
        tx: &mut Tx<'_>,
        ids: impl Iterator<Item = &'i str>,
    ) -> Result<Self, StoreError> {
        let ids: BTreeSet<&str> = ids.collect();
        let hashed: Vec<_> = ids
            .into_iter()
            .filter_map(|id| Some((id, tombstone(&id.parse::<CustomerId>().ok()?))))
            .collect();
        Ok(Self(customers::resolve_many(tx, &hashed)?))
    }

    /// Whom an id is booked on.
    pub(super) fn of<'b>(&'b self, id: &'b str) -> Option<&'b str> {
        match self.0.get(id) {
            None | Some(Resolution::Itself) => Some(id),
            Some(Resolution::Merged(into)) => Some(into.as_str()),
            Some(Resolution::Erased) => None,
        }
    }
}
