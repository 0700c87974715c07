//! Rules about effects, events and deliveries (V8 for what we send): each is in a state that its other
//! columns agree with, nothing is lost and nothing is taken twice.

use shopwright_domain::ids::WebhookEndpointId;
use shopwright_domain::time::{SECOND, Timestamp};

use super::{ROWS_SHOWN_MAX, Rule, RuleResult};
use crate::webhooks::{self, Endpoint};
use crate::{Page, StoreError, Tx, params};

/// Nodes' clocks may differ and transactions take time: so long after an endpoint began to ask, an event
/// may still have been recorded without it. Microseconds.
const BEGINNING: i64 = 300 * SECOND;
/// More endpoints than there can be.
const ENDPOINTS_MAX: i64 = 10_000;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "effect_states",
        says: "an effect waits, is leased until a time under a token, or is finished at a time",
        sql: "SELECT kind || ' ' || subject || ' ' || CAST(created_at AS text), wrong.expected, state
              FROM (SELECT kind, subject, created_at, state,
                           CASE WHEN state = 'waiting' AND (lease_until IS NOT NULL OR finished_at IS NOT NULL)
                                    THEN 'no lease and no end'
                                WHEN state = 'leased' AND (lease_until IS NULL OR lease_token < 1 OR finished_at IS NOT NULL)
                                    THEN 'a lease with a token and a time, and no end'
                                WHEN state IN ('done', 'given_up') AND (finished_at IS NULL OR lease_until IS NOT NULL)
                                    THEN 'an end and no lease'
                                WHEN state = 'given_up' AND last_error IS NULL THEN 'a reason'
                                WHEN state NOT IN ('waiting', 'leased', 'done', 'given_up') THEN 'a known state'
                                WHEN attempts < 0 OR lease_token < attempts THEN 'a token for every attempt'
                           END AS expected
                    FROM effects) AS wrong
              WHERE wrong.expected IS NOT NULL ORDER BY 1 LIMIT $1",
    },
    Rule {
        name: "deliveries_effects",
        says: "V8: a delivery has an event and an effect, which waits as long as it does",
        sql: "SELECT 'delivery of ' || COALESCE(e.kind, 'no event') || ' ' || CAST(d.created_at AS text),
                     CASE d.state WHEN 'waiting' THEN 'an effect that waits or is leased'
                                  WHEN 'delivered' THEN 'an effect that is done'
                                  WHEN 'failed' THEN 'an effect that is done or given up'
                                  ELSE 'a known state' END,
                     d.state || ' with ' || COALESCE(f.state, 'none')
              FROM webhook_deliveries d
              JOIN webhook_endpoints p ON p.endpoint_id = d.endpoint_id AND p.deleted_at IS NULL
              LEFT JOIN webhook_events e ON e.event_id = d.event_id
              LEFT JOIN effects f ON f.effect_id = d.delivery_id AND f.kind = 'webhook.deliver'
              WHERE e.event_id IS NULL
                 OR NOT COALESCE((d.state = 'waiting' AND f.state IN ('waiting', 'leased') AND d.finished_at IS NULL)
                     OR (d.state = 'delivered' AND f.state = 'done' AND d.finished_at IS NOT NULL)
                     OR (d.state = 'failed' AND f.state IN ('done', 'given_up') AND d.finished_at IS NOT NULL), false)
              ORDER BY 1 LIMIT $1",
    },
    Rule {
        name: "deliveries_taken_once",
        says: "V8: an event is taken by an endpoint once, and once more for each time it was replayed",
        sql: "SELECT 'delivery of ' || CAST(d.created_at AS text), 'at most ' || CAST(1 + d.replays AS text),
                     CAST(COUNT(*) AS text)
              FROM webhook_deliveries d JOIN webhook_attempts a ON a.delivery_id = d.delivery_id
              WHERE a.status BETWEEN 200 AND 299
              GROUP BY d.delivery_id, d.created_at, d.replays HAVING COUNT(*) > 1 + d.replays ORDER BY 1 LIMIT $1",
    },
    Rule {
        name: "deliveries_attempts",
        says: "a delivery counts the attempts in its log, and what was delivered was taken by the last of them",
        sql: "SELECT 'delivery of ' || CAST(d.created_at AS text) || ' ' || d.state,
                     CAST(d.attempts AS text) || ' attempts, the last one fitting',
                     CAST(COUNT(a.number) AS text) || ' up to ' || CAST(COALESCE(MAX(a.number), 0) AS text)
              FROM webhook_deliveries d LEFT JOIN webhook_attempts a ON a.delivery_id = d.delivery_id
              GROUP BY d.delivery_id, d.created_at, d.state, d.attempts
              HAVING COUNT(a.number) <> d.attempts OR COALESCE(MAX(a.number), 0) <> d.attempts
                  OR (d.state = 'delivered' AND NOT EXISTS
                      (SELECT 1 FROM webhook_attempts l WHERE l.delivery_id = d.delivery_id
                       AND l.number = d.attempts AND l.status BETWEEN 200 AND 299))
              ORDER BY 1 LIMIT $1",
    },
    Rule {
        name: "mails_sealed",
        says: "a mail that waits is kept sealed, and what one said that was sent is not kept",
        sql: "SELECT 'mail of ' || CAST(created_at AS text) || ' ' || state,
                     CASE state WHEN 'done' THEN 'nothing' ELSE 'a sealed mail' END,
                     CASE WHEN CAST(payload AS text) LIKE '%\"sealed\"%' THEN 'a sealed mail' ELSE 'nothing' END
              FROM effects WHERE kind = 'mail.send'
                AND (state = 'done') = (CAST(payload AS text) LIKE '%\"sealed\"%')
              ORDER BY 1 LIMIT $1",
    },
];

/// Every event since an endpoint began to ask is on its way to it or was.
pub(super) fn gaps(tx: &mut Tx<'_>) -> Result<RuleResult, StoreError> {
    let mut broken = Vec::new();
    let kinds: Vec<String> = tx.query(
        "SELECT DISTINCT kind FROM webhook_events WHERE kind <> 'webhook.test' ORDER BY kind",
        params![],
        |row| row.get(0),
    )?;
    for endpoint in webhooks::list_endpoints(tx, &Page::first(ENDPOINTS_MAX))? {
        for kind in kinds.iter().filter(|_| endpoint.enabled) {
            if endpoint.filters.iter().any(|filter| filter.matches(kind)) {
                broken.extend(missing(tx, &endpoint, kind)?);
            }
        }
    }
    broken.truncate(usize::try_from(ROWS_SHOWN_MAX).unwrap_or(usize::MAX));
    Ok(RuleResult {
        rule: "events_sent",
        says: "V8: each event is on its way to every endpoint that asked for it when it was recorded",
        broken,
    })
}

fn missing(tx: &mut Tx<'_>, endpoint: &Endpoint, kind: &str) -> Result<Vec<String>, StoreError> {
    let since: Timestamp = endpoint.asks_since.plus_micros(BEGINNING);
    let id: WebhookEndpointId = endpoint.endpoint_id;
    tx.query(
        "SELECT e.at FROM webhook_events e WHERE e.kind = $1 AND e.at >= $2 AND NOT EXISTS
             (SELECT 1 FROM webhook_deliveries d WHERE d.event_id = e.event_id AND d.endpoint_id = $3)
         ORDER BY e.event_id LIMIT $4",
        params![kind, since, id, ROWS_SHOWN_MAX],
        |row| {
            let at: Timestamp = row.get(0)?;
            Ok(format!("{id}: expected a delivery of {kind} at {at}, found none"))
        },
    )
}
