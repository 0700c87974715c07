//! The operator whom visitors of a demonstration store are signed in as.

use shopwright_domain::identity::Role;
use shopwright_domain::ids::OperatorId;
use shopwright_store::audit::{self, Stamp};
use shopwright_store::operators::{self, Operator};
use shopwright_store::{Store, StoreError};

use super::operators::audited;
use super::passwords::NO_PASSWORD;

const EMAIL: &str = "owner@demo.example";

/// The demo's owner, made when it is not there, with a password that nobody has.
pub async fn demo_owner(
    store: &Store,
    new_id: OperatorId,
    stamp: Stamp,
) -> Result<OperatorId, StoreError> {
    store
        .write(move |tx| {
            audit::lock(tx)?;
            if let Some(known) = operators::find_by_email(tx, EMAIL)? {
                return Ok(known.operator_id);
            }
            let made = Operator {
                operator_id: new_id,
                email: EMAIL.to_owned(),
                name: "Demo owner".to_owned(),
                role: Role::Owner,
                password_hash: NO_PASSWORD.to_owned(),
                failed_sign_ins: 0,
                created_at: stamp.at,
                disabled_at: None,
            };
            operators::insert(tx, &made)?;
            let entry =
                stamp.entry("operator.created", new_id.to_string(), None, Some(audited(&made)));
            audit::record(tx, &entry)?;
            Ok(new_id)
        })
        .await
}
