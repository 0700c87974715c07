//! After a rotation of the seal's keys: what was sealed under an older one is sealed anew, so that old
//! keys can go.

use serde_json::Value as Json;
use shopwright_domain::ids::EffectId;
use shopwright_domain::time::Timestamp;
use shopwright_store::effects as stored;
use shopwright_store::webhooks::{self, Endpoint};
use shopwright_store::{Page, Store, StoreError};
use uuid::Uuid;

use super::Outside;
use crate::mail::{self, SEND_MAIL};
use crate::webhooks::ENDPOINTS_MAX;

/// Mails looked at in one step.
const PAGE: i64 = 100;

/// Seals anew, under the newest key, what was sealed under an older one; gives how many secrets.
/// Secrets of endpoints whose time is over are dropped. What does not open stays and is logged.
pub async fn reseal(store: &Store, outside: &Outside, now: Timestamp) -> Result<u64, StoreError> {
    let count = reseal_endpoints(store, outside, now).await? + reseal_mails(store, outside).await?;
    if count > 0 {
        tracing::info!(count, "secrets were sealed anew under the newest key");
    }
    Ok(count)
}

async fn reseal_endpoints(
    store: &Store,
    outside: &Outside,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let max = i64::try_from(ENDPOINTS_MAX).unwrap_or(i64::MAX);
    let endpoints = store.read(move |tx| webhooks::list_endpoints(tx, &Page::first(max))).await?;
    let mut count = 0;
    for endpoint in endpoints {
        let signs = endpoint.old_secret_until > Some(now);
        let old = endpoint.old_secret.as_ref().filter(|_| signs);
        let stale = |sealed: &Vec<u8>| !outside.seal.is_newest(sealed);
        let over = endpoint.old_secret.is_some() && !signs;
        if !stale(&endpoint.secret) && !old.is_some_and(stale) && !over {
            continue;
        }
        let Some(secret) = anew(outside, &endpoint, &endpoint.secret) else { continue };
        let old = old.map(|sealed| anew(outside, &endpoint, sealed));
        if old == Some(None) {
            continue;
        }
        let old = old.flatten();
        let written = store
            .write(move |tx| webhooks::reseal_endpoint(tx, &endpoint, (&secret, old.as_deref())));
        count += u64::from(written.await?);
    }
    Ok(count)
}

fn anew(outside: &Outside, endpoint: &Endpoint, sealed: &[u8]) -> Option<Vec<u8>> {
    let context = endpoint.endpoint_id.to_string();
    match outside.open(sealed, &context) {
        Ok(secret) => Some(outside.seal(&secret, &context)),
        Err(error) => {
            tracing::error!(endpoint = context, %error, "the secret of a webhook endpoint does not open");
            None
        }
    }
}

async fn reseal_mails(store: &Store, outside: &Outside) -> Result<u64, StoreError> {
    let mut after = EffectId::from_uuid(Uuid::nil());
    let mut count = 0;
    loop {
        let page =
            store.read(move |tx| stored::list_unfinished(tx, SEND_MAIL, after, PAGE)).await?;
        let Some((last, _)) = page.last() else { return Ok(count) };
        after = *last;
        let sealed: Vec<(EffectId, Json)> = page
            .into_iter()
            .filter_map(|(id, payload)| Some((id, mail::resealed(outside, id, &payload)?)))
            .collect();
        if sealed.is_empty() {
            continue;
        }
        count += store
            .write(move |tx| {
                let mut written = 0;
                for (id, payload) in &sealed {
                    written += u64::from(stored::replace_payload(tx, *id, payload)?);
                }
                Ok::<_, StoreError>(written)
            })
            .await?;
    }
}
