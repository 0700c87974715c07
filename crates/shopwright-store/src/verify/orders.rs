//! Rules about orders, payments and refunds that were taken or made by the API (V2, V4, V7).
//!
//! Orders of imported histories have no fingerprint and no payments; only their sums are checked.

use super::Rule;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "payments_captured",
        says: "V2: an order was captured in full once it was paid, and not at all before",
        sql: "SELECT o.source || ' ' || o.external_id,
                     CAST(CASE WHEN o.paid_at IS NULL THEN 0 ELSE o.amount_minor END AS text),
                     CAST(COALESCE(SUM(p.amount_minor), 0) AS text)
              FROM orders o LEFT JOIN payments p ON p.order_id = o.order_id AND p.kind = 'capture'
              WHERE o.fingerprint IS NOT NULL
              GROUP BY o.order_id, o.source, o.external_id, o.paid_at, o.amount_minor
              HAVING COALESCE(SUM(p.amount_minor), 0) <> CASE WHEN o.paid_at IS NULL THEN 0 ELSE o.amount_minor END
              ORDER BY 1 LIMIT $1",
    },
    Rule {
        name: "payments_refunded",
        says: "V2: what went back for a refund is the refund's amount",
        sql: "SELECT o.source || ' ' || f.external_id, CAST(-f.amount_minor AS text),
                     CAST(COALESCE(SUM(p.amount_minor), 0) AS text)
              FROM refunds f JOIN orders o ON o.order_id = f.order_id
              LEFT JOIN payments p ON p.refund_id = f.refund_id AND p.kind = 'refund' AND p.order_id = f.order_id
              WHERE o.fingerprint IS NOT NULL
              GROUP BY f.refund_id, o.source, f.external_id, f.amount_minor
              HAVING COALESCE(SUM(p.amount_minor), 0) <> -f.amount_minor ORDER BY 1 LIMIT $1",
    },
    Rule {
        name: "refunds_within_paid",
        says: "V7: no order gave back more than was paid for it",
        sql: "SELECT o.source || ' ' || o.external_id, 'at most ' || CAST(o.amount_minor AS text),
                     CAST(-SUM(f.amount_minor) AS text)
              FROM orders o JOIN refunds f ON f.order_id = o.order_id
              WHERE o.fingerprint IS NOT NULL
              GROUP BY o.order_id, o.source, o.external_id, o.amount_minor
              HAVING -SUM(f.amount_minor) > o.amount_minor ORDER BY 1 LIMIT $1",
    },
    Rule {
        name: "order_shares",
        says: "V7: the shares of an order's lines sum to its amount",
        sql: "SELECT o.source || ' ' || o.external_id, CAST(o.amount_minor AS text),
                     CAST(COALESCE(SUM(l.share_minor), 0) AS text)
              FROM orders o LEFT JOIN order_lines l ON l.order_id = o.order_id
              WHERE o.fingerprint IS NOT NULL
              GROUP BY o.order_id, o.source, o.external_id, o.amount_minor
              HAVING COALESCE(SUM(l.share_minor), 0) <> o.amount_minor ORDER BY 1 LIMIT $1",
    },
    Rule {
        name: "refunded_lines",
        says: "V7: no line gave back more pieces or money than it has",
        sql: "SELECT o.source || ' ' || o.external_id || ' line ' || CAST(l.ordinal AS text),
                     'at most ' || CAST(l.quantity AS text) || ' pieces for ' || CAST(l.share_minor AS text),
                     CAST(-SUM(r.quantity) AS text) || ' for ' || CAST(-SUM(r.amount_minor) AS text)
              FROM orders o JOIN order_lines l ON l.order_id = o.order_id
              JOIN refunds f ON f.order_id = o.order_id
              JOIN refund_lines r ON r.refund_id = f.refund_id AND r.order_ordinal = l.ordinal
              WHERE o.fingerprint IS NOT NULL
              GROUP BY o.order_id, o.source, o.external_id, l.ordinal, l.quantity, l.share_minor
              HAVING -SUM(r.quantity) > l.quantity OR -SUM(r.amount_minor) > l.share_minor ORDER BY 1 LIMIT $1",
    },
    Rule {
        name: "order_states",
        says: "an order's state is what its payments, refunds and shipment make it",
        sql: "SELECT made.name, made.expected, made.state
              FROM (SELECT o.source || ' ' || o.external_id AS name, o.state,
                           CASE WHEN o.canceled_at IS NOT NULL THEN 'canceled'
                                WHEN o.paid_at IS NULL THEN 'pending'
                                WHEN COALESCE(given.back, 0) > 0 AND given.back >= o.amount_minor THEN 'refunded'
                                WHEN COALESCE(given.back, 0) > 0 THEN 'partially_refunded'
                                WHEN o.completed_at IS NOT NULL THEN 'completed'
                                WHEN o.fulfilled_at IS NOT NULL THEN 'fulfilled'
                                ELSE 'paid' END AS expected
                    FROM orders o LEFT JOIN (SELECT order_id, -SUM(amount_minor) AS back FROM refunds
                                             WHERE order_id IS NOT NULL GROUP BY order_id) AS given
                         ON given.order_id = o.order_id
                    WHERE o.fingerprint IS NOT NULL) AS made
              WHERE made.expected <> made.state ORDER BY 1 LIMIT $1",
    },
    Rule {
        name: "order_reservations",
        says: "V4: the stock of an order is committed until it ships, shipped then, and let go when nothing of it is owed",
        sql: "SELECT owed.name, owed.expected, owed.state
              FROM (SELECT o.source || ' ' || o.external_id AS name, COALESCE(r.state, 'no reservation') AS state,
                           CASE WHEN o.fulfilled_at IS NOT NULL THEN 'shipped'
                                WHEN o.state IN ('canceled', 'refunded') OR COALESCE(kept.pieces, 0) = 0 THEN 'released'
                                ELSE 'committed' END AS expected
                    FROM orders o LEFT JOIN reservations r ON r.reservation_id = o.reservation_id
                    LEFT JOIN (SELECT reservation_id, SUM(quantity - released) AS pieces FROM reservation_lines
                               GROUP BY reservation_id) AS kept ON kept.reservation_id = o.reservation_id
                    WHERE o.reservation_id IS NOT NULL) AS owed
              WHERE owed.expected <> owed.state ORDER BY 1 LIMIT $1",
    },
    Rule {
        name: "order_lines_reserved",
        says: "V4: an order's reservation has just the pieces of its lines",
        sql: "SELECT o.source || ' ' || o.external_id || ' ' || wanted.sku, CAST(wanted.pieces AS text),
                     CAST(COALESCE(held.pieces, 0) AS text)
              FROM orders o
              JOIN (SELECT order_id, code AS sku, SUM(quantity) AS pieces FROM order_lines
                    WHERE stock = 'reservation' GROUP BY order_id, code) AS wanted ON wanted.order_id = o.order_id
              LEFT JOIN (SELECT reservation_id, sku, SUM(quantity) AS pieces FROM reservation_lines
                         GROUP BY reservation_id, sku) AS held
                   ON held.reservation_id = o.reservation_id AND held.sku = wanted.sku
              WHERE COALESCE(held.pieces, 0) <> wanted.pieces ORDER BY 1 LIMIT $1",
    },
];
