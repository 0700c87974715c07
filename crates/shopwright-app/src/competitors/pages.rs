//! Competitors' product pages, looked at in turn: each page once in so many hours, a host not more
//! often than every ten seconds, and no page that robots.txt closes.
//!
//! Looks are jobs, so that of several nodes one looks. A page that tells no price says why at its match
//! and is looked at again in its turn; what was known before stays until it is too old.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use shopwright_domain::catalog::Sku;
use shopwright_domain::ids::{EffectId, IdSource, new_id};
use shopwright_domain::money::Currency;
use shopwright_domain::time::{Clock, MINUTE, SECOND, Timestamp};
use shopwright_gateways::product_page::{PageOffer, look_at};
use shopwright_store::competitors::{self as stored, Match, Observation};
use shopwright_store::effects::{Effect, Outcome};
use shopwright_store::jobs::{self, NewJob};
use shopwright_store::{Store, StoreError, catalog};
use tokio::task::JoinHandle;

use super::{CompetitorError, SeenPrice, take_price};
use crate::effects::{CALL_TIME_MAX, Performed, Performers};

/// The kind of the job that looks at one page.
pub(crate) const LOOK_AT_PAGE: &str = "competitor.look_at_page";
/// Pages taken up in one turn, a minute each.
const PAGES_MAX: i64 = 200;
/// Looks of one host in a turn, and the time between them.
const OF_HOST_MAX: i64 = 6;
const HOST_EVERY: i64 = 10 * SECOND;

/// Has each page looked at that was not for `every`.
pub fn keep_watching_pages(
    store: Store,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    every: Duration,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut due = tokio::time::interval(Duration::from_mins(1));
        due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            due.tick().await;
            if let Err(error) = schedule_pages(&store, clock.now(), &ids, every).await {
                tracing::warn!(%error, "competitors' pages are not looked at now; tried again later");
            }
        }
    })
}

/// Puts looks at pages on their way; gives how many.
pub async fn schedule_pages(
    store: &Store,
    now: Timestamp,
    ids: &Arc<dyn IdSource>,
    every: Duration,
) -> Result<usize, StoreError> {
    let every = i64::try_from(every.as_micros()).unwrap_or(i64::MAX);
    let before = now.plus_micros(every.saturating_neg());
    let pages = store.read(move |tx| stored::pages_due(tx, before, PAGES_MAX)).await?;
    let mut of_host: HashMap<String, i64> = HashMap::new();
    let mut looks: Vec<(Match, EffectId, Timestamp)> = Vec::new();
    for page in pages {
        let host = host_of(page.url.as_deref().unwrap_or_default()).to_owned();
        let place = of_host.entry(host).or_default();
        if *place < OF_HOST_MAX {
            looks.push((page, new_id(ids.as_ref()), now.plus_micros(*place * HOST_EVERY)));
            *place += 1;
        }
    }
    let count = looks.len();
    if count > 0 {
        store
            .write(move |tx| {
                for (page, id, due_at) in &looks {
                    // One that was scheduled by another node, or is still on its way, stays that one.
                    let last = page.looked_at.map_or(0, Timestamp::as_micros);
                    let key =
                        format!("{LOOK_AT_PAGE}:{}:{}:{last}", page.competitor, page.sku.as_str());
                    let payload =
                        json!({ "competitor": page.competitor, "sku": page.sku.as_str() });
                    let job = NewJob {
                        effect_id: *id,
                        kind: LOOK_AT_PAGE,
                        payload,
                        due_at: *due_at,
                        now,
                    };
                    jobs::schedule(tx, &key, job)?;
                }
                Ok::<_, StoreError>(())
            })
            .await?;
    }
    Ok(count)
}

fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

/// Looks at one page.
pub(crate) async fn look_at_page(performers: &Performers, effect: &Effect) -> Performed {
    let text = |name: &str| effect.payload[name].as_str().unwrap_or_default().to_owned();
    let (competitor, Ok(sku)) = (text("competitor"), Sku::parse(&text("sku"))) else {
        return Performed::bare(Outcome::GivenUp { error: "it names no product".to_owned() });
    };
    let (of, product) = (competitor.clone(), sku.clone());
    let loaded = performers.store.read(move |tx| {
        let page = stored::find_match(tx, &of, &product)?;
        Ok::<_, StoreError>(page.zip(catalog::find(tx, &product)?))
    });
    let (page, product) = match loaded.await {
        Ok(Some(loaded)) => loaded,
        Ok(None) => return Performed::bare(Outcome::Done),
        Err(error) => return performers.failed(effect, error),
    };
    let Some(url) = page.url else { return Performed::bare(Outcome::Done) };
    let currency = product.currency;
    // The page and its robots.txt share the time of a call.
    let looked = look_at(&performers.outside.guard, &url, currency, CALL_TIME_MAX / 2).await;
    let now = performers.now();
    let looked = looked.map_err(|error| error.to_string());
    Performed::done(move |tx| {
        let mut problem = looked.as_ref().err().cloned();
        if let Ok(offer) = &looked {
            let seen = seen_on_page((&competitor, &sku), offer, currency, now);
            match take_price(tx, &seen, now) {
                Ok(_) => {}
                Err(CompetitorError::Store(error)) => return Err(error),
                Err(error) => problem = Some(error.to_string()),
            }
        }
        stored::note_page(tx, (&competitor, &sku), problem.as_deref(), now)
    })
}

fn seen_on_page(
    (competitor, sku): (&str, &Sku),
    offer: &PageOffer,
    currency: Currency,
    now: Timestamp,
) -> SeenPrice {
    SeenPrice {
        seen: Observation {
            competitor: competitor.to_owned(),
            sku: sku.clone(),
            observed_at: now,
            price_minor: offer.price_minor,
            shipping_minor: None,
            currency,
            in_stock: offer.in_stock,
            source: "page".to_owned(),
            is_forced: false,
        },
        url: None,
        confidence_bps: None,
    }
}

const _: () = assert!(OF_HOST_MAX * HOST_EVERY <= MINUTE, "a turn ends before the next begins");
