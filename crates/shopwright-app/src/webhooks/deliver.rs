//! One attempt at one delivery: sign, send, read the answer, decide what follows.
//!
//! The attempt's log, the delivery, the endpoint's standing and the effect's outcome are one
//! transaction under the lease: an attempt that another worker took over leaves no trace.

use std::time::Instant;

use serde_json::json;
use shopwright_domain::ids::{EffectId, WebhookDeliveryId, derived_uuid};
use shopwright_domain::retry::with_jitter;
use shopwright_domain::time::{SECOND, Timestamp};
use shopwright_domain::webhooks::{Answered, THROTTLE, failed_too_long, next_try};
use shopwright_gateways::guard::{Answer, Call, FetchError, Method};
use shopwright_gateways::webhook::{self, WebhookSecret};
use shopwright_store::audit::{self, Actor, Stamp};
use shopwright_store::effects::{Effect, Outcome};
use shopwright_store::webhook_deliveries::{self, Attempt, Delivery, DeliveryState};
use shopwright_store::webhooks::{self, Endpoint};
use shopwright_store::{StoreError, Tx};

use super::endpoints::{TEST_EVENT, record};
use crate::effects::{CALL_TIME_MAX, Outside, Performed, Performers, Record};
use crate::mail::{NewMail, SealedMail};

/// Bytes of an answer that are kept.
const ANSWER_BYTES_MAX: usize = 1_024;

/// Tries a delivery once.
pub(crate) async fn deliver(performers: &Performers, effect: &Effect) -> Performed {
    let id = WebhookDeliveryId::from_uuid(effect.effect_id.uuid());
    let loaded = performers.store.read(move |tx| load(tx, id)).await;
    let now = performers.now();
    let (delivery, endpoint) = match loaded {
        Ok(Some(loaded)) => loaded,
        // The endpoint was removed, and its deliveries with it.
        Ok(None) => return Performed::bare(Outcome::Done),
        Err(error) => return performers.failed(effect, error),
    };
    if delivery.state == DeliveryState::Delivered {
        return Performed::bare(Outcome::Done);
    }
    if !endpoint.enabled && delivery.event.kind != TEST_EVENT {
        return Performed::done(move |tx| {
            webhook_deliveries::give_up(tx, id, "the endpoint is switched off", now)
        });
    }
    if let Some(until) = endpoint.throttled_until.filter(|until| *until > now) {
        let spread = with_jitter(until.as_micros() - now.as_micros(), id.uuid(), 0);
        return Performed::bare(Outcome::Later { at: now.plus_micros(spread) });
    }
    let secrets = match open_secrets(&performers.outside, &endpoint, now) {
        Ok(secrets) => secrets,
        Err(error) => return performers.failed(effect, error),
    };
    let begun = Instant::now();
    let answer = post(&performers.outside, &endpoint.url, &delivery, (&secrets, now)).await;
    let took_ms = i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX);
    let verdict = Verdict::of(&delivery, &answer, performers.now());
    let attempt = Attempt {
        at: now,
        took_ms,
        status: answer.as_ref().ok().map(|answer| i64::from(answer.status)),
        error: verdict.error.clone(),
        answer: answer.map_or_else(|_| String::new(), |answer| shown(&answer)),
    };
    verdict.performed(performers, delivery, attempt)
}

/// A delivery whose effect is given up before an attempt could say what came of it has failed.
pub(crate) fn given_up(effect: &Effect, error: String, now: Timestamp) -> Record {
    let id = WebhookDeliveryId::from_uuid(effect.effect_id.uuid());
    Box::new(move |tx| webhook_deliveries::give_up(tx, id, &error, now))
}

fn load(
    tx: &mut Tx<'_>,
    id: WebhookDeliveryId,
) -> Result<Option<(Delivery, Endpoint)>, StoreError> {
    let Some(delivery) = webhook_deliveries::find(tx, id)? else { return Ok(None) };
    let endpoint = webhooks::find_endpoint(tx, delivery.endpoint_id)?;
    Ok(endpoint.map(|endpoint| (delivery, endpoint)))
}

/// The secrets that sign now: the current one, and the one before until its time is over.
fn open_secrets(
    outside: &Outside,
    endpoint: &Endpoint,
    now: Timestamp,
) -> Result<Vec<WebhookSecret>, String> {
    let old = endpoint.old_secret.as_ref().filter(|_| endpoint.old_secret_until > Some(now));
    let context = endpoint.endpoint_id.to_string();
    std::iter::once(&endpoint.secret)
        .chain(old)
        .map(|sealed| {
            let bytes = outside.open(sealed, &context).map_err(|error| error.to_string())?;
            WebhookSecret::new(&bytes).map_err(|error| error.to_string())
        })
        .collect()
}

async fn post(
    outside: &Outside,
    url: &str,
    delivery: &Delivery,
    (secrets, now): (&[WebhookSecret], Timestamp),
) -> Result<Answer, FetchError> {
    let event = &delivery.event;
    let body = json!({ "type": event.kind, "timestamp": event.at, "data": event.data });
    let body = body.to_string().into_bytes();
    let seconds = now.as_micros().div_euclid(SECOND);
    let mut headers = webhook::headers(secrets, &event.event_id.to_string(), seconds, &body);
    headers.push(("content-type", "application/json".to_owned()));
    let call = Call {
        method: Method::POST,
        url,
        headers,
        body,
        time_max: CALL_TIME_MAX,
        answer_bytes_max: ANSWER_BYTES_MAX,
    };
    outside.guard.fetch(call).await
}

/// What an attempt means for delivery and endpoint.
struct Verdict {
    answered: Answered,
    error: Option<String>,
    tries: u32,
    /// When it is tried again; `None` when it is over.
    next: Option<Timestamp>,
    /// Until when the endpoint wants to be left alone.
    throttled_until: Option<Timestamp>,
    now: Timestamp,
}

impl Verdict {
    fn of(delivery: &Delivery, answer: &Result<Answer, FetchError>, now: Timestamp) -> Self {
        // A delivery that had failed and is tried again begins a new round.
        let before = if delivery.state == DeliveryState::Failed { 0 } else { delivery.tries };
        let tries = u32::try_from(before).unwrap_or(0) + 1;
        let (answered, error) = match answer {
            Ok(answer) => {
                let answered = Answered::of(answer.status);
                let error = (answered != Answered::Taken).then(|| refusal(answer.status));
                (answered, error)
            }
            Err(error) => (Answered::Failed, Some(error.to_string())),
        };
        let asked = answer.as_ref().ok().and_then(|answer| retry_after(answer, now));
        let next = match answered {
            Answered::Taken | Answered::Gone => None,
            Answered::Failed | Answered::Overloaded => {
                next_try(delivery.delivery_id.uuid(), tries, now, asked)
            }
        };
        let alone = asked.unwrap_or_else(|| now.plus_micros(THROTTLE));
        let throttled_until = (answered == Answered::Overloaded)
            .then(|| alone.min(now.plus_micros(shopwright_domain::webhooks::PATIENCE_MAX)));
        Self { answered, error, tries, next, throttled_until, now }
    }

    fn performed(self, performers: &Performers, delivery: Delivery, attempt: Attempt) -> Performed {
        let outcome = match (self.answered, self.next) {
            (Answered::Taken, _) => Outcome::Done,
            (_, Some(at)) => Outcome::Again { at, error: self.error.clone().unwrap_or_default() },
            (_, None) => Outcome::GivenUp { error: self.error.clone().unwrap_or_default() },
        };
        let outside = &performers.outside;
        let mail = operators_mail(outside, &delivery, self.error.as_deref().unwrap_or_default());
        let record = move |tx: &mut Tx<'_>| self.write(tx, &delivery, &attempt, mail.as_ref());
        Performed { outcome, record: Some(Box::new(record)) }
    }

    fn write(
        &self,
        tx: &mut Tx<'_>,
        delivery: &Delivery,
        attempt: &Attempt,
        mail: Option<&SealedMail>,
    ) -> Result<(), StoreError> {
        let Some(endpoint) = webhooks::find_endpoint(tx, delivery.endpoint_id)? else {
            // Gone meanwhile: nothing is left to write to.
            return Ok(());
        };
        // What was taken changes nothing of an endpoint that is well: its row is not waited for.
        let stands = self.standing(&endpoint, attempt.at) == endpoint;
        if !stands && !self.write_endpoint(tx, &endpoint, attempt.at, mail)? {
            return Ok(());
        }
        let state = match (self.answered, self.next) {
            (Answered::Taken, _) => DeliveryState::Delivered,
            (_, Some(_)) => DeliveryState::Waiting,
            (_, None) => DeliveryState::Failed,
        };
        let tries = i64::from(self.tries);
        webhook_deliveries::record_attempt(
            tx,
            delivery.delivery_id,
            (state, tries),
            attempt,
            self.now,
        )?;
        Ok(())
    }

    /// Writes how the endpoint stands now. `false`: it is gone, and nothing is left to write to.
    fn write_endpoint(
        &self,
        tx: &mut Tx<'_>,
        seen: &Endpoint,
        begun: Timestamp,
        mail: Option<&SealedMail>,
    ) -> Result<bool, StoreError> {
        if seen.enabled && !self.standing(seen, begun).enabled {
            // The audit log is locked before endpoints.
            audit::lock(tx)?;
        }
        let Some(before) = webhooks::lock_endpoint(tx, seen.endpoint_id)? else {
            return Ok(false);
        };
        let after = self.standing(&before, begun);
        if before.enabled && !after.enabled {
            let stamp = Stamp::new(Actor::System, self.now);
            record(tx, stamp, "webhook_endpoint.disabled", (Some(&before), Some(&after)))?;
            if let Some(mail) = mail {
                mail.add(tx, self.now)?;
            } else {
                tracing::warn!(
                    endpoint = %after.endpoint_id, reason = after.disabled_reason,
                    "a webhook endpoint was switched off; set mail_to_operator to be told by mail"
                );
            }
        }
        if after != before {
            webhooks::update_endpoint(tx, &after)?;
        }
        Ok(true)
    }

    /// The endpoint as this attempt, begun at that time, leaves it.
    fn standing(&self, before: &Endpoint, begun: Timestamp) -> Endpoint {
        let mut endpoint = before.clone();
        if self.answered == Answered::Taken {
            (endpoint.failing_since, endpoint.throttled_until) = (None, None);
        } else {
            endpoint.failing_since = endpoint.failing_since.or(Some(begun));
            endpoint.throttled_until = self.throttled_until.or(endpoint.throttled_until);
        }
        if let Some(reason) = self.switches_off(&endpoint).filter(|_| endpoint.enabled) {
            endpoint.enabled = false;
            endpoint.disabled_reason = Some(reason.to_owned());
        }
        endpoint
    }

    fn switches_off(&self, endpoint: &Endpoint) -> Option<&'static str> {
        match self.answered {
            Answered::Taken => None,
            Answered::Gone => Some("it answered 410 Gone"),
            _ if failed_too_long(endpoint.failing_since, self.now) => {
                Some("it took nothing for five days")
            }
            _ if self.next.is_none() => Some("it did not take a message in any of its tries"),
            _ => None,
        }
    }
}

fn refusal(status: u16) -> String {
    match status {
        300..=399 => {
            format!("it answered {status}; redirects are not followed, so name the final URL")
        }
        _ => format!("it answered {status}"),
    }
}

/// `Retry-After` in seconds or as an HTTP date (RFC 9110, 10.2.3).
fn retry_after(answer: &Answer, now: Timestamp) -> Option<Timestamp> {
    let text = answer.headers.get("retry-after")?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(now.plus_micros(i64::from(seconds) * SECOND));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(Timestamp::from_jiff(date.timestamp()))
}

/// The first bytes of an answer as text that any database and page can hold.
fn shown(answer: &Answer) -> String {
    let text = String::from_utf8_lossy(&answer.body);
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

/// What the operator is told when the endpoint is switched off by this attempt. Sealed beforehand; it
/// is added only then.
fn operators_mail(outside: &Outside, delivery: &Delivery, error: &str) -> Option<SealedMail> {
    let to = outside.operator.clone()?;
    // Each attempt may be the one: its number makes the mail's id.
    let salt = u128::from(delivery.attempts.unsigned_abs());
    let effect_id = EffectId::from_uuid(derived_uuid(delivery.delivery_id.uuid(), salt));
    let text = format!(
        "The webhook endpoint {endpoint} was switched off: it could not be reached or refused what it \
         was sent.\n\nThe last message was {event} ({kind}), and what came of it: {error}.\n\nWhen the \
         receiver works again, switch the endpoint on (PATCH /v1/webhook_endpoints/{endpoint} with \
         {{\"enabled\": true}}) and send again what it missed (POST \
         /v1/webhook_endpoints/{endpoint}/replay_failed).\n",
        endpoint = delivery.endpoint_id,
        event = delivery.event.event_id,
        kind = delivery.event.kind,
    );
    let subject = format!("Webhook endpoint {} was switched off", delivery.endpoint_id);
    Some(SealedMail::new(outside, effect_id, &NewMail { to, subject, text }))
}
