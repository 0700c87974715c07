//! One call that tells the platform the prices of a group of variants.
//!
//! What is sent is read right before. What came of each variant is written with the effect's outcome,
//! under its lease; where more is left of the group, or a price changed meanwhile, the next effect is
//! added in the same transaction.

use shopwright_domain::ids::{EffectId, derived_uuid};
use shopwright_domain::money::format_minor;
use shopwright_domain::platforms::Platform;
use shopwright_domain::retry::with_jitter;
use shopwright_domain::time::{SECOND, Timestamp};
use shopwright_gateways::shop::{Offer, ShopError, Taken};
use shopwright_store::effects::{Effect, Outcome};
use shopwright_store::publishing::{self, Due};
use shopwright_store::{StoreError, Tx};

use super::schedule::{add, all_frozen};
use crate::effects::{CALL_TIME_MAX, Performed, Performers, Record};

/// When it is looked again whether the freeze was lifted, or the other worker is done.
const LATER: i64 = 2 * SECOND;
const FROZEN_LATER: i64 = 60 * SECOND;

/// What is to be done with a group.
enum Wanted {
    /// Nothing may be told now.
    Later(i64),
    /// These, and these cannot be.
    Tell { offered: Vec<Due>, refused: Vec<(Due, String)> },
}

/// Tells the prices of a group once.
pub(crate) async fn publish(performers: &Performers, effect: &Effect) -> Performed {
    let Some((platform, group)) = publishing::group_of(&effect.subject) else {
        let error = format!("`{}` names no platform", effect.subject);
        return Performed::bare(Outcome::GivenUp { error });
    };
    let Some(shop) = performers.shop().filter(|shop| shop.platform() == platform) else {
        let error =
            format!("prices are not published to {}: see the setting publish", platform.as_str());
        return Performed::bare(Outcome::GivenUp { error });
    };
    let (wanted_group, subject, id) = (group.to_owned(), effect.subject.clone(), effect.effect_id);
    let limit = shop.batch_max();
    let wanted = performers
        .store
        .read(move |tx| load(tx, (platform, &wanted_group), (&subject, id), limit))
        .await;
    let now = performers.now();
    let (offered, refused) = match wanted {
        Ok(Wanted::Tell { offered, refused }) => (offered, refused),
        Ok(Wanted::Later(delay)) => {
            let chance = u32::try_from(now.as_micros() & 0xffff).unwrap_or(0);
            let at = now.plus_micros(with_jitter(delay, id.uuid(), chance));
            return Performed::bare(Outcome::Later { at });
        }
        Err(error) => return performers.failed(effect, error),
    };
    let outside = &performers.outside;
    let offers: Vec<Offer> = offered
        .iter()
        .map(|due| Offer {
            ids: due.ids.clone(),
            price: format_minor(due.amount_minor, due.currency),
        })
        .collect();
    let taken = if offers.is_empty() {
        Ok(Vec::new())
    } else {
        shop.publish(&outside.guard, &offers, CALL_TIME_MAX).await
    };
    match taken {
        Ok(taken) => {
            settled(effect, (platform, group), (offered, taken), refused, performers.now())
        }
        Err(ShopError::Throttled { error, after }) => throttled(performers, effect, error, after),
        Err(ShopError::Refused(error)) => Performed::bare(Outcome::GivenUp { error }),
        Err(error @ ShopError::Failed(_)) => performers.failed(effect, error),
    }
}

/// A platform that has no room says when it has; where it does not, the usual delays hold.
fn throttled(
    performers: &Performers,
    effect: &Effect,
    error: String,
    after: Option<std::time::Duration>,
) -> Performed {
    let Some(after) = after else { return performers.failed(effect, error) };
    let delay = i64::try_from(after.as_micros()).unwrap_or(FROZEN_LATER);
    let attempt = u32::try_from(effect.attempts).unwrap_or(0);
    let at = performers.now().plus_micros(with_jitter(delay, effect.effect_id.uuid(), attempt));
    tracing::info!(effect = %effect.effect_id, error, "the shop asks for patience");
    Performed::bare(Outcome::Later { at })
}

fn load(
    tx: &mut Tx<'_>,
    group: (Platform, &str),
    (subject, id): (&str, EffectId),
    limit: usize,
) -> Result<Wanted, StoreError> {
    if all_frozen(tx)? {
        return Ok(Wanted::Later(FROZEN_LATER));
    }
    if publishing::is_under_way(tx, subject, id)? {
        return Ok(Wanted::Later(LATER));
    }
    let (mut offered, mut refused) = (Vec::new(), Vec::new());
    for due in publishing::due(tx, group, limit)? {
        match due.shop_currency.filter(|currency| *currency != due.currency) {
            Some(theirs) => {
                let error = format!(
                    "the shop prices it in {theirs} and we in {}; make them one",
                    due.currency
                );
                refused.push((due, error));
            }
            None => offered.push(due),
        }
    }
    Ok(Wanted::Tell { offered, refused })
}

fn settled(
    effect: &Effect,
    (platform, group): (Platform, &str),
    (offered, taken): (Vec<Due>, Vec<Taken>),
    refused: Vec<(Due, String)>,
    now: Timestamp,
) -> Performed {
    let (group, next) =
        (group.to_owned(), EffectId::from_uuid(derived_uuid(effect.effect_id.uuid(), 1)));
    let told: Vec<(Due, Result<(), String>)> = offered
        .into_iter()
        .map(|due| {
            let of = taken.iter().find(|(variant, _)| *variant == due.ids.variant_id);
            let said = of.map_or_else(
                || Err("the shop said nothing of it".to_owned()),
                |(_, said)| said.clone(),
            );
            (due, said)
        })
        .chain(refused.into_iter().map(|(due, error)| (due, Err(error))))
        .collect();
    Performed::done(move |tx| {
        for (due, said) in &told {
            let said = said.as_ref().copied().map_err(String::as_str);
            publishing::note_offered(tx, platform, due, said, now)?;
        }
        // More of the group than one call takes, or a price that changed while the shop was told.
        if publishing::has_new(tx, (platform, &group))? {
            add(tx, platform, &group, next, now)?;
        }
        Ok(())
    })
}

/// What an effect that is given up leaves behind: its variants say why, and are not offered again
/// until their price changes or somebody asks.
pub(crate) fn given_up(effect: &Effect, error: String, now: Timestamp) -> Record {
    let subject = effect.subject.clone();
    Box::new(move |tx| {
        let Some((platform, group)) = publishing::group_of(&subject) else { return Ok(()) };
        for due in publishing::due(tx, (platform, group), usize::MAX)? {
            publishing::note_offered(tx, platform, &due, Err(&error), now)?;
        }
        Ok(())
    })
}
