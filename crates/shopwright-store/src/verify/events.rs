//! Rules about events of shoppers: what counts can count, and the hours of demand hold all of it.

use super::Rule;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "counted_events",
        says: "only what is done with a product counts as demand, and never fewer than no pieces",
        sql: "SELECT kind || ' of ' || COALESCE(sku, 'no product'), 'an event that does not count',
                     CAST(quantity AS text) || ' counted'
              FROM events
              WHERE counted AND (sku IS NULL OR quantity < 0 OR kind NOT IN
                  ('product_viewed', 'product_clicked', 'product_added', 'product_removed', 'checkout_started'))
              ORDER BY 1 LIMIT $1",
    },
    Rule {
        name: "demand_hours",
        says: "the hours of demand hold at least the views and clicks of the events that are still kept",
        sql: "SELECT e.sku, CAST(e.views AS text) || ' views and ' || CAST(e.clicks AS text) || ' clicks or more',
                     CAST(COALESCE(d.views, 0) AS text) || ' and ' || CAST(COALESCE(d.clicks, 0) AS text)
              FROM (SELECT sku, SUM(CASE WHEN kind = 'product_viewed' THEN 1 ELSE 0 END) AS views,
                           SUM(CASE WHEN kind = 'product_clicked' THEN 1 ELSE 0 END) AS clicks
                    FROM events WHERE counted AND sku IS NOT NULL GROUP BY sku) AS e
              LEFT JOIN (SELECT sku, SUM(views) AS views, SUM(clicks) AS clicks FROM demand_hours GROUP BY sku) AS d
                  ON d.sku = e.sku
              WHERE COALESCE(d.views, 0) < e.views OR COALESCE(d.clicks, 0) < e.clicks
              ORDER BY 1 LIMIT $1",
    },
];
