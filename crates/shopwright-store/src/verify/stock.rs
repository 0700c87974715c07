//! Rules of reservations, counts and deliveries (V3): what is promised re-derives, and each step
//! left its traces.

use super::Rule;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "committed_stock",
        says: "V3: committed is what was sold, did not ship and was not given back",
        sql: "SELECT l.sku || ' @ ' || l.location, CAST(COALESCE(SUM(c.kept), 0) AS text), CAST(l.committed AS text)
              FROM stock_levels l LEFT JOIN (SELECT n.sku, n.location, n.quantity - n.released AS kept
                  FROM reservation_lines n JOIN reservations r ON r.reservation_id = n.reservation_id
                  WHERE r.state = 'committed') AS c ON c.sku = l.sku AND c.location = l.location
              GROUP BY l.sku, l.location, l.committed HAVING COALESCE(SUM(c.kept), 0) <> l.committed
              ORDER BY 1 LIMIT $1",
    },
    Rule {
        name: "held_stock",
        says: "V3: held is what open reservations hold, also those past their time that no sweep has met",
        sql: "SELECT l.sku || ' @ ' || l.location, CAST(COALESCE(h.pieces, 0) AS text), CAST(l.held AS text)
              FROM stock_levels l LEFT JOIN (SELECT sku, location, SUM(quantity) AS pieces FROM reservation_lines
                  WHERE held_until IS NOT NULL GROUP BY sku, location) AS h
                  ON h.sku = l.sku AND h.location = l.location
              WHERE COALESCE(h.pieces, 0) <> l.held ORDER BY 1 LIMIT $1",
    },
    Rule {
        name: "promised_stock",
        says: "V3: no more is promised than lies there, is backordered, or was lost from the shelf",
        sql: "SELECT l.sku || ' @ ' || l.location, 'at most ' || CAST(l.on_hand + p.late + p.lost AS text) || ' promised',
                     CAST(l.committed + p.held AS text)
              FROM stock_levels l JOIN (SELECT s.sku, s.location,
                  COALESCE((SELECT SUM(n.quantity) FROM reservation_lines n
                      WHERE n.sku = s.sku AND n.location = s.location AND n.held_until > s.decided_at), 0) AS held,
                  COALESCE((SELECT SUM(n.backordered) FROM reservation_lines n
                      WHERE n.sku = s.sku AND n.location = s.location), 0) AS late,
                  COALESCE((SELECT -SUM(m.quantity) FROM stock_movements m WHERE m.sku = s.sku
                      AND m.location = s.location AND m.quantity < 0 AND m.reason <> 'shipment'), 0) AS lost
                  FROM stock_levels s) AS p ON p.sku = l.sku AND p.location = l.location
              WHERE l.committed + p.held > 0 AND l.committed + p.held > l.on_hand + p.late + p.lost
              ORDER BY 1 LIMIT $1",
    },
    Rule {
        name: "held_lines",
        says: "B4: lines of an open reservation hold until it expires, lines of any other hold nothing",
        sql: "SELECT n.sku || ' @ ' || n.location || ' of ' || r.state, CASE WHEN r.state = 'open' THEN 'held' ELSE 'not held' END,
                     CASE WHEN n.held_until IS NULL THEN 'not held' ELSE 'held until another time' END
              FROM reservation_lines n JOIN reservations r ON r.reservation_id = n.reservation_id
              WHERE (r.state = 'open' AND (n.held_until IS NULL OR n.held_until <> r.expires_at))
                 OR (r.state <> 'open' AND n.held_until IS NOT NULL)
              ORDER BY 1 LIMIT $1",
    },
    Rule {
        name: "reservations_have_lines",
        says: "B3: a reservation has all its lines, and is in a state there is",
        sql: "SELECT r.state || ' ' || COALESCE(r.reference, ''), 'a known state and lines',
                     CAST((SELECT COUNT(*) FROM reservation_lines n WHERE n.reservation_id = r.reservation_id) AS text) || ' lines'
              FROM reservations r
              WHERE r.state NOT IN ('open', 'expired', 'committed', 'released', 'shipped')
                 OR NOT EXISTS (SELECT 1 FROM reservation_lines n WHERE n.reservation_id = r.reservation_id)
              ORDER BY 1 LIMIT $1",
    },
    Rule {
        name: "shipped_lines_moved",
        says: "B5: every shipped line moved stock once by its pieces, and nothing else shipped",
        sql: "SELECT s.sku || ' @ ' || s.location, CAST(s.kept AS text) || ' shipped', CAST(s.moved AS text)
              FROM (SELECT l.sku, l.location,
                  COALESCE((SELECT SUM(n.quantity - n.released) FROM reservation_lines n
                      JOIN reservations r ON r.reservation_id = n.reservation_id
                      WHERE n.sku = l.sku AND n.location = l.location AND r.state = 'shipped'), 0) AS kept,
                  COALESCE((SELECT -SUM(m.quantity) FROM stock_movements m
                      WHERE m.sku = l.sku AND m.location = l.location AND m.reason = 'shipment'), 0) AS moved,
                  (SELECT COUNT(*) FROM reservation_lines n JOIN reservations r ON r.reservation_id = n.reservation_id
                      WHERE n.sku = l.sku AND n.location = l.location AND r.state = 'shipped'
                        AND n.quantity > n.released) AS lines,
                  (SELECT COUNT(*) FROM stock_movements m WHERE m.sku = l.sku AND m.location = l.location
                      AND m.reason = 'shipment') AS movements
                  FROM stock_levels l) AS s
              WHERE s.kept <> s.moved OR s.lines <> s.movements ORDER BY 1 LIMIT $1",
    },
    Rule {
        name: "given_back_pieces",
        says: "B5: what a line says came back is what came back, and never more than it had",
        sql: "SELECT b.sku || ' @ ' || b.location, CAST(b.freed AS text) || ' freed, ' || CAST(b.restocked_sum AS text) || ' restocked',
                     CAST(b.released AS text) || ' and ' || CAST(b.restocked AS text) || ' of ' || CAST(b.quantity AS text)
              FROM (SELECT n.sku, n.location, n.quantity, n.released, n.restocked,
                  COALESCE((SELECT SUM(CASE WHEN g.restocked THEN 0 ELSE g.quantity END) FROM reservation_give_backs g
                      WHERE g.reservation_id = n.reservation_id AND g.sku = n.sku AND g.location = n.location), 0) AS freed,
                  COALESCE((SELECT SUM(CASE WHEN g.restocked THEN g.quantity ELSE 0 END) FROM reservation_give_backs g
                      WHERE g.reservation_id = n.reservation_id AND g.sku = n.sku AND g.location = n.location), 0) AS restocked_sum
                  FROM reservation_lines n) AS b
              WHERE b.freed <> b.released OR b.restocked_sum <> b.restocked OR b.released + b.restocked > b.quantity
              ORDER BY 1 LIMIT $1",
    },
    Rule {
        name: "restocks_moved",
        says: "B5: pieces that were restocked moved stock once, and nothing else was restocked",
        sql: "SELECT s.sku || ' @ ' || s.location, CAST(s.back AS text) || ' restocked', CAST(s.moved AS text)
              FROM (SELECT l.sku, l.location,
                  COALESCE((SELECT SUM(g.quantity) FROM reservation_give_backs g
                      WHERE g.sku = l.sku AND g.location = l.location AND g.restocked), 0) AS back,
                  COALESCE((SELECT SUM(m.quantity) FROM stock_movements m
                      WHERE m.sku = l.sku AND m.location = l.location AND m.reason = 'restock'), 0) AS moved
                  FROM stock_levels l) AS s
              WHERE s.back <> s.moved ORDER BY 1 LIMIT $1",
    },
    Rule {
        name: "counts_moved",
        says: "B5: each count moved stock by what the books were wrong by",
        sql: "SELECT c.sku || ' @ ' || c.location || ' ' || c.reference, CAST(c.quantity - COALESCE(c.found, 0) AS text),
                     COALESCE(CAST(m.quantity AS text), 'nothing')
              FROM stock_counts c LEFT JOIN stock_movements m ON m.sku = c.sku AND m.location = c.location
                  AND m.reason = CASE WHEN c.found IS NULL THEN 'opening_count' ELSE 'recount' END
                  AND m.reference = CASE WHEN c.found IS NULL THEN '' ELSE c.reference END
              WHERE COALESCE(m.quantity, 0) <> c.quantity - COALESCE(c.found, 0) ORDER BY 1 LIMIT $1",
    },
    Rule {
        name: "deliveries_received",
        says: "B5: received deliveries moved stock by the pieces that came, any others by none",
        sql: "SELECT s.sku || ' @ ' || s.location, CAST(s.came AS text) || ' received', CAST(s.moved AS text)
              FROM (SELECT l.sku, l.location,
                  COALESCE((SELECT SUM(CASE WHEN d.state = 'received' THEN d.received ELSE 0 END)
                      FROM stock_deliveries d WHERE d.sku = l.sku AND d.location = l.location), 0) AS came,
                  COALESCE((SELECT SUM(m.quantity) FROM stock_movements m
                      WHERE m.sku = l.sku AND m.location = l.location AND m.reason = 'delivery'), 0) AS moved
                  FROM stock_levels l) AS s
              WHERE s.came <> s.moved ORDER BY 1 LIMIT $1",
    },
    Rule {
        name: "levels_have_locations",
        says: "V3: every level lies at a location",
        sql: "SELECT l.sku || ' @ ' || l.location, 'a location', 'none' FROM stock_levels l
              LEFT JOIN locations o ON o.location = l.location WHERE o.location IS NULL ORDER BY 1 LIMIT $1",
    },
];
