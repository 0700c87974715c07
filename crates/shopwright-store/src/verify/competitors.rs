//! Rules about competitors' prices: each can be compared with ours, and was seen before it came in.

use super::Rule;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "competitor_currency",
        says: "a competitor's price is in the currency of our product",
        sql: "SELECT o.competitor || ' ' || o.sku, p.currency, o.currency
              FROM competitor_prices o JOIN products p ON p.sku = o.sku
              WHERE o.currency <> p.currency ORDER BY 1 LIMIT $1",
    },
    Rule {
        name: "competitor_confirmed",
        says: "a match that is confirmed says by whom and when",
        sql: "SELECT competitor || ' ' || sku, 'both who and when, or neither', COALESCE(confirmed_by, 'nobody')
              FROM competitor_matches
              WHERE (confirmed_by IS NULL) <> (confirmed_at IS NULL) ORDER BY 1 LIMIT $1",
    },
];
