//! Rules of the outbox (V8): what is to be told is on its way, and what was tried is written down.

use super::Rule;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "deliveries_on_their_way",
        says: "V8: every webhook that waits has an effect that will send it",
        sql: "SELECT v.kind || ' to ' || p.url, 'an effect that waits or runs', COALESCE(e.state, 'none')
              FROM webhook_deliveries d
              JOIN webhook_events v ON v.event_id = d.event_id
              JOIN webhook_endpoints p ON p.endpoint_id = d.endpoint_id
              LEFT JOIN effects e ON e.effect_id = d.delivery_id
              WHERE d.state = 'waiting' AND (e.state IS NULL OR e.state NOT IN ('waiting', 'leased'))
              ORDER BY 1 LIMIT $1",
    },
    Rule {
        name: "attempts_logged",
        says: "V8: every attempt to deliver a webhook is in its log, once",
        sql: "SELECT v.kind || ' to ' || p.url, CAST(d.attempts AS text),
                     CAST(COUNT(a.number) AS text) || ' in the log, the last ' || CAST(COALESCE(MAX(a.number), 0) AS text)
              FROM webhook_deliveries d
              JOIN webhook_events v ON v.event_id = d.event_id
              JOIN webhook_endpoints p ON p.endpoint_id = d.endpoint_id
              LEFT JOIN webhook_attempts a ON a.delivery_id = d.delivery_id
              GROUP BY d.delivery_id, v.kind, p.url, d.attempts
              HAVING COUNT(a.number) <> d.attempts OR COALESCE(MAX(a.number), 0) <> d.attempts
              ORDER BY 1 LIMIT $1",
    },
];
