//! What is told of products that their owner edits: SKUs, many in one event.

use serde_json::json;
use sha2::{Digest, Sha256};
use shopwright_domain::catalog::Sku;
use shopwright_domain::ids::{EventId, derived_uuid_at};
use shopwright_domain::time::Timestamp;
use shopwright_store::webhooks::{self, NewEvent};
use shopwright_store::{StoreError, Tx};
use uuid::Uuid;

use super::products::Put;

/// SKUs in one event.
const SKUS_MAX: usize = 50;

/// A product that was put, and the version it has now.
pub(super) type PutProduct<'a> = (&'a Sku, Put, i64);

/// Tells which products are new and which were changed.
pub(super) fn tell(
    tx: &mut Tx<'_>,
    products: &[PutProduct<'_>],
    at: Timestamp,
) -> Result<(), StoreError> {
    for (of, kind) in [(Put::Created, "product.created"), (Put::Updated, "product.updated")] {
        let told: Vec<_> = products.iter().filter(|(_, put, _)| *put == of).collect();
        for part in told.chunks(SKUS_MAX) {
            let (first, _, version) = part[0];
            let hash = Sha256::digest(first.as_str());
            let base = Uuid::from_slice(&hash[..16]).unwrap_or_default();
            let event_id = derived_uuid_at(at, base, u128::from(version.unsigned_abs()));
            let skus: Vec<_> = part.iter().map(|(sku, _, _)| sku.as_str()).collect();
            let (event_id, data) = (EventId::from_uuid(event_id), json!({ "skus": skus }));
            webhooks::record_event(tx, &NewEvent { event_id, kind, data, at })?;
        }
    }
    Ok(())
}
