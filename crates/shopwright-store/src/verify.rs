//! Whether the books hold: each rule is a query for the rows that break it.
//!
//! The rules are those of the store-wide invariants V1–V9 that have tables today; `docs/operations.md`
//! says which invariant is checked by which rule, and which has none yet. Every rule is itself tested
//! by two planted corruptions or more; a test counts them.

mod competitors;
mod effects;
mod events;
mod orders;
mod stock;
mod streams;

use serde::Serialize;

use crate::{StoreError, Tx, params};

/// Broken rows listed per rule.
const ROWS_SHOWN_MAX: i64 = 50;

/// One rule and the rows that break it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleResult {
    /// The rule's name.
    pub rule: &'static str,
    /// What it says.
    pub says: &'static str,
    /// Rows that break it, at most fifty, as `id: what is wrong`.
    pub broken: Vec<String>,
}

struct Rule {
    name: &'static str,
    says: &'static str,
    /// Gives (id, expected, found) as text.
    sql: &'static str,
}

const RULES: &[Rule] = &[
    Rule {
        name: "stock_levels",
        says: "V3: on hand is the sum of the movements",
        sql: "SELECT l.sku || ' @ ' || l.location, CAST(COALESCE(SUM(m.quantity), 0) AS text), CAST(l.on_hand AS text)
              FROM stock_levels l LEFT JOIN stock_movements m ON m.sku = l.sku AND m.location = l.location
              GROUP BY l.sku, l.location, l.on_hand HAVING COALESCE(SUM(m.quantity), 0) <> l.on_hand
              ORDER BY 1 LIMIT $1",
    },
    Rule {
        name: "movements_after_count",
        says: "V3: nothing moves stock before its opening count",
        sql: "SELECT m.sku || ' @ ' || m.location || ' ' || m.reason || ' ' || m.reference,
                     'at or after the count', 'before it'
              FROM stock_movements m JOIN stock_levels l ON l.sku = m.sku AND l.location = m.location
              WHERE m.at < l.counted_at ORDER BY 1 LIMIT $1",
    },
    Rule {
        name: "lines_moved_stock",
        says: "V3: every goods line after an opening count moved stock once, by its quantity",
        sql: "SELECT booked.reference || ' ' || booked.code, CAST(booked.moved AS text),
                     COALESCE(CAST(m.quantity AS text), 'nothing')
              FROM (SELECT l.code, l.kind, l.at, o.source || ':' || o.external_id || ':' || CAST(l.ordinal AS text) AS reference,
                           -l.quantity AS moved
                    FROM order_lines l JOIN orders o ON o.order_id = l.order_id
                    WHERE l.kind IN ('sale', 'free_goods') AND l.stock = 'line'
                    UNION ALL
                    SELECT l.code, l.kind, l.at, o.source || ':' || o.external_id || ':' || CAST(l.ordinal AS text), -l.quantity
                    FROM refund_lines l JOIN refunds o ON o.refund_id = l.refund_id
                    WHERE l.kind = 'refund' AND l.stock = 'line'
                    UNION ALL
                    SELECT code, kind, at, source || ':' || external_id || ':' || CAST(ordinal AS text), quantity
                    FROM adjustments WHERE kind IN ('write_off', 'stock_found')) AS booked
              JOIN stock_levels s ON s.sku = booked.code AND s.location = 'main' AND booked.at > s.counted_at
              LEFT JOIN stock_movements m ON m.sku = booked.code AND m.location = 'main'
                   AND m.reason = booked.kind AND m.reference = booked.reference
              WHERE m.quantity IS NULL OR m.quantity <> booked.moved ORDER BY 1 LIMIT $1",
    },
    Rule {
        name: "order_amounts",
        says: "V7: an order's amount is the sum of its lines",
        sql: "SELECT o.source || ' ' || o.external_id, CAST(COALESCE(SUM(l.amount_minor), 0) AS text), CAST(o.amount_minor AS text)
              FROM orders o LEFT JOIN order_lines l ON l.order_id = o.order_id
              GROUP BY o.order_id, o.source, o.external_id, o.amount_minor
              HAVING COALESCE(SUM(l.amount_minor), 0) <> o.amount_minor ORDER BY 1 LIMIT $1",
    },
    Rule {
        name: "refund_amounts",
        says: "V7: a refund's amount is the sum of its lines",
        sql: "SELECT o.source || ' ' || o.external_id, CAST(COALESCE(SUM(l.amount_minor), 0) AS text), CAST(o.amount_minor AS text)
              FROM refunds o LEFT JOIN refund_lines l ON l.refund_id = o.refund_id
              GROUP BY o.refund_id, o.source, o.external_id, o.amount_minor
              HAVING COALESCE(SUM(l.amount_minor), 0) <> o.amount_minor ORDER BY 1 LIMIT $1",
    },
    Rule {
        name: "prices_decided",
        says: "the price that stands is the one last decided for its SKU",
        sql: "SELECT c.sku, COALESCE(CAST(d.to_minor AS text), 'a decision'), CAST(c.amount_minor AS text)
              FROM prices c LEFT JOIN price_decisions d ON d.decision_id = c.decision_id AND d.sku = c.sku
              WHERE d.decision_id IS NULL OR d.to_minor <> c.amount_minor
                 OR EXISTS (SELECT 1 FROM price_decisions later WHERE later.sku = c.sku
                            AND (later.decided_at > d.decided_at
                                 OR (later.decided_at = d.decided_at AND later.decision_id > d.decision_id)))
              ORDER BY 1 LIMIT $1",
    },
    Rule {
        name: "decisions_chain",
        says: "each price decision starts from the price decided before it",
        sql: "SELECT chained.sku || ' ' || CAST(chained.place AS text), COALESCE(CAST(chained.before AS text), 'no price'),
                     COALESCE(CAST(chained.from_minor AS text), 'no price')
              FROM (SELECT sku, from_minor, LAG(to_minor) OVER (PARTITION BY sku ORDER BY decided_at, decision_id) AS before,
                           ROW_NUMBER() OVER (PARTITION BY sku ORDER BY decided_at, decision_id) AS place
                    FROM price_decisions) AS chained
              WHERE COALESCE(chained.before, -1) <> COALESCE(chained.from_minor, -1) ORDER BY 1 LIMIT $1",
    },
    Rule {
        name: "prices_positive",
        says: "every price is above zero",
        sql: "SELECT sku, 'above 0', CAST(amount_minor AS text) FROM prices WHERE amount_minor <= 0 ORDER BY 1 LIMIT $1",
    },
];

/// Checks every rule on one snapshot.
pub fn verify(tx: &mut Tx<'_>) -> Result<Vec<RuleResult>, StoreError> {
    let mut results: Vec<RuleResult> = RULES
        .iter()
        .chain(orders::RULES)
        .chain(stock::RULES)
        .chain(effects::RULES)
        .chain(events::RULES)
        .chain(streams::RULES)
        .chain(competitors::RULES)
        .map(|rule| {
            let broken = tx.query(rule.sql, params![ROWS_SHOWN_MAX], |row| {
                let (id, expected, found): (String, String, String) =
                    (row.get(0)?, row.get(1)?, row.get(2)?);
                Ok(format!("{id}: expected {expected}, found {found}"))
            })?;
            Ok(RuleResult { rule: rule.name, says: rule.says, broken })
        })
        .collect::<Result<_, StoreError>>()?;
    results.push(effects::gaps(tx)?);
    // Hashes are not for SQL to compute.
    results.extend(crate::audit::verify(tx)?);
    Ok(results)
}

/// SKUs whose level is below zero: sold elsewhere beyond what was counted. Not a broken book.
pub fn below_zero(tx: &mut Tx<'_>) -> Result<Vec<(String, i64)>, StoreError> {
    tx.query(
        "SELECT sku, on_hand FROM stock_levels WHERE on_hand < 0 ORDER BY on_hand, sku LIMIT $1",
        params![ROWS_SHOWN_MAX],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}
