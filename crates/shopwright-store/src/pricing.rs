//! Prices: the current one of each SKU, every decision that changed one, and what decides them.

use serde_json::Value as Json;
use shopwright_domain::catalog::{ProductStatus, Sku};
use shopwright_domain::ids::DecisionId;
use shopwright_domain::money::Currency;
use shopwright_domain::time::{DAY, Timestamp};

use crate::{Change, Column, Place, Row, StoreError, Tx, feed, params};

/// What is known of one SKU when its price is decided.
#[derive(Clone, Debug, PartialEq)]
pub struct PricingFacts {
    /// The SKU.
    pub sku: Sku,
    /// Category path.
    pub category: Option<String>,
    /// Currency of all amounts.
    pub currency: Currency,
    /// Base price, minor units.
    pub base_minor: Option<i64>,
    /// Cost, minor units.
    pub cost_minor: Option<i64>,
    /// Minimum advertised price, minor units.
    pub map_minor: Option<i64>,
    /// Pieces at all locations at that time that nobody holds or has bought; `None` while untracked.
    pub available: Option<i64>,
    /// When it was first sold, if ever.
    pub first_sold_at: Option<Timestamp>,
    /// The price that stands: (amount, since, amount at the start of the day).
    pub current: Option<(i64, Timestamp, Option<i64>)>,
}

/// Facts of active products in SKU order after `after`, `limit` of them, or of one `sku` alone.
pub fn facts(
    tx: &mut Tx<'_>,
    scope: FactsOf<'_>,
    now: Timestamp,
    day_start: Timestamp,
) -> Result<Vec<PricingFacts>, StoreError> {
    let (condition, key, limit) = match scope {
        FactsOf::Page { after, limit } => ("p.sku > $3", after, limit),
        FactsOf::One(sku) => ("p.sku = $3", sku.as_str(), 1),
    };
    tx.query(
        &format!(
            "SELECT p.sku, p.category, p.currency, p.base_price_minor, p.cost_minor, p.map_minor,
                 (SELECT CAST(SUM(s.on_hand - s.committed) - COALESCE((SELECT SUM(m.quantity) FROM stock_movements m
                      WHERE m.sku = p.sku AND m.at > $1), 0) - COALESCE((SELECT SUM(h.quantity)
                      FROM reservation_lines h WHERE h.sku = p.sku AND h.held_until > $1), 0) AS BIGINT)
                  FROM stock_levels s WHERE s.sku = p.sku AND s.counted_at <= $1),
                 p.first_sold_at,
                 c.amount_minor, c.changed_at,
                 (SELECT d.to_minor FROM price_decisions d WHERE d.sku = p.sku AND d.decided_at <= $2
                  ORDER BY d.decided_at DESC, d.decision_id DESC LIMIT 1)
             FROM products p LEFT JOIN prices c ON c.sku = p.sku
             WHERE p.status = 'active' AND {condition} ORDER BY p.sku LIMIT $4"
        ),
        params![now, day_start, key, limit],
        |row| {
            let amount: Option<i64> = row.get(8)?;
            let since: Option<Timestamp> = row.get(9)?;
            let day_open: Option<i64> = row.get(10)?;
            Ok(PricingFacts {
                sku: row.get(0)?,
                category: row.get(1)?,
                currency: row.parse(2, |code: String| code.parse())?,
                base_minor: row.get(3)?,
                cost_minor: row.get(4)?,
                map_minor: row.get(5)?,
                available: row.get(6)?,
                first_sold_at: row.get(7)?,
                current: amount.zip(since).map(|(amount, since)| (amount, since, day_open)),
            })
        },
    )
}

/// Which products [`facts`] looks at.
#[derive(Clone, Copy, Debug)]
pub enum FactsOf<'a> {
    /// A page in SKU order.
    Page {
        /// The last SKU of the page before; empty for the first page.
        after: &'a str,
        /// Products in the page.
        limit: i64,
    },
    /// One product.
    One(&'a Sku),
}

/// A price that stands.
#[derive(Clone, Debug, PartialEq)]
pub struct CurrentPrice {
    /// The SKU.
    pub sku: Sku,
    /// Currency of all amounts.
    pub currency: Currency,
    /// The price, minor units.
    pub amount_minor: i64,
    /// The base it was decided from.
    pub base_minor: i64,
    /// The lowest price of the 30 days before it was reduced to this; `None` when it was not.
    pub lowest_30d_minor: Option<i64>,
    /// The strategy that decided it.
    pub strategy: String,
    /// The decision.
    pub decision_id: DecisionId,
    /// The latest evaluation that gave this price, with its reasons.
    pub decision: Json,
    /// Since when it stands.
    pub changed_at: Timestamp,
    /// Its place in the change feed.
    pub feed_version: i64,
    /// Whether the product is sold: a draft or an archived one keeps its price and shows none.
    pub is_for_sale: bool,
}

const CURRENT: &str = "SELECT c.sku, c.currency, c.amount_minor, c.base_minor, c.lowest_30d_minor, c.strategy, \
     c.decision_id, c.decision, c.changed_at, c.feed_version, p.status FROM prices c JOIN products p ON p.sku = c.sku";

fn current(row: &Row<'_>) -> Result<CurrentPrice, StoreError> {
    Ok(CurrentPrice {
        sku: row.get(0)?,
        currency: row.parse(1, |code: String| code.parse())?,
        amount_minor: row.get(2)?,
        base_minor: row.get(3)?,
        lowest_30d_minor: row.get(4)?,
        strategy: row.get(5)?,
        decision_id: row.get(6)?,
        decision: row.get(7)?,
        changed_at: row.get(8)?,
        feed_version: row.get(9)?,
        is_for_sale: row.get::<String>(10)? == ProductStatus::Active.as_str(),
    })
}

/// Hands on each price written after a version of the feed, oldest first; 0 gives all. They come one
/// by one, so that a large shop is never in memory twice. A row that cannot be read does not stop the
/// others: it comes as the error that names it.
pub fn for_each_since(
    tx: &mut Tx<'_>,
    version: i64,
    mut visit: impl FnMut(Result<CurrentPrice, StoreError>),
) -> Result<(), StoreError> {
    let sql = format!("{CURRENT} WHERE c.feed_version > $1 ORDER BY c.feed_version");
    tx.for_each(&sql, params![version], |row| {
        visit(current(row));
        Ok(())
    })
}

/// The price of one SKU.
pub fn find_current(tx: &mut Tx<'_>, sku: &Sku) -> Result<Option<CurrentPrice>, StoreError> {
    tx.find(&format!("{CURRENT} WHERE c.sku = $1"), params![sku], current)
}

/// A decision to write.
#[derive(Clone, Debug)]
pub struct NewDecision {
    /// Its id, if it changes the price.
    pub decision_id: DecisionId,
    /// The SKU.
    pub sku: Sku,
    /// Currency of all amounts.
    pub currency: Currency,
    /// The price before.
    pub from_minor: Option<i64>,
    /// The price from now on.
    pub to_minor: i64,
    /// The base it was decided from.
    pub base_minor: i64,
    /// The lowest price of the 30 days before, when this is a reduction.
    pub lowest_30d_minor: Option<i64>,
    /// The strategy.
    pub strategy: String,
    /// Everything it was decided from.
    pub facts: Json,
    /// The settings it was decided under.
    pub policy: Json,
    /// The outcome with its reasons.
    pub decision: Json,
}

/// Records decisions that change prices and makes them current.
pub fn write_decisions(
    tx: &mut Tx<'_>,
    decisions: &[NewDecision],
    now: Timestamp,
) -> Result<(), StoreError> {
    if decisions.is_empty() {
        return Ok(());
    }
    let version = feed::advance(tx, Change::Prices)?;
    let count = decisions.len();
    let texts = |pick: fn(&NewDecision) -> &str| Column::Text(decisions.iter().map(pick).collect());
    let jsons = |pick: fn(&NewDecision) -> &Json| {
        Column::Json(decisions.iter().map(|d| pick(d).to_string()).collect())
    };
    let columns = [
        ("decision_id", Column::Uuid(decisions.iter().map(|d| d.decision_id.uuid()).collect())),
        ("sku", texts(|d| d.sku.as_str())),
        ("now", Column::Time(vec![now; count])),
        ("from_minor", Column::OptInt(decisions.iter().map(|d| d.from_minor).collect())),
        ("to_minor", Column::Int(decisions.iter().map(|d| d.to_minor).collect())),
        ("base_minor", Column::Int(decisions.iter().map(|d| d.base_minor).collect())),
        ("lowest", Column::OptInt(decisions.iter().map(|d| d.lowest_30d_minor).collect())),
        ("currency", texts(|d| d.currency.code())),
        ("strategy", texts(|d| &d.strategy)),
        ("facts", jsons(|d| &d.facts)),
        ("policy", jsons(|d| &d.policy)),
        ("decision", jsons(|d| &d.decision)),
        ("version", Column::Int(vec![version; count])),
    ];
    let pick = |names: &[&str]| -> Vec<(&str, Column<'_>)> {
        columns.iter().filter(|(name, _)| names.contains(name)).cloned().collect()
    };
    tx.execute_rows(
        "INSERT INTO price_decisions (decision_id, sku, decided_at, from_minor, to_minor, currency, strategy, facts, policy, decision)
         SELECT decision_id, sku, now, from_minor, to_minor, currency, strategy, facts, policy, decision
         FROM {rows} AS r WHERE true",
        &pick(&["decision_id", "sku", "now", "from_minor", "to_minor", "currency", "strategy", "facts", "policy", "decision"]),
    )?;
    tx.execute_rows(
        "INSERT INTO prices (sku, currency, amount_minor, base_minor, lowest_30d_minor, strategy, decision_id, decision, changed_at, feed_version)
         SELECT sku, currency, to_minor, base_minor, lowest, strategy, decision_id, decision, now, version
         FROM {rows} AS r WHERE true
         ON CONFLICT (sku) DO UPDATE SET amount_minor = excluded.amount_minor, base_minor = excluded.base_minor,
             lowest_30d_minor = excluded.lowest_30d_minor, strategy = excluded.strategy,
             decision_id = excluded.decision_id, decision = excluded.decision,
             changed_at = excluded.changed_at, feed_version = excluded.feed_version",
        &pick(&["sku", "currency", "to_minor", "base_minor", "lowest", "strategy", "decision_id", "decision", "now", "version"]),
    )?;
    Ok(())
}

/// Why a price that did not change stands now: base and reasons of the latest evaluation.
#[derive(Clone, Debug)]
pub struct NewStanding {
    /// The SKU.
    pub sku: Sku,
    /// The base.
    pub base_minor: i64,
    /// The strategy.
    pub strategy: String,
    /// The evaluation.
    pub decision: Json,
}

/// Renews base and reasons of prices that stand as they are.
pub fn write_standing(tx: &mut Tx<'_>, standing: &[NewStanding]) -> Result<(), StoreError> {
    if standing.is_empty() {
        return Ok(());
    }
    let version = feed::advance(tx, Change::Prices)?;
    tx.execute_rows(
        "UPDATE prices SET base_minor = r.base, strategy = r.strategy, decision = r.decision, feed_version = r.version
         FROM {rows} AS r WHERE prices.sku = r.sku",
        &[
            ("sku", Column::Text(standing.iter().map(|s| s.sku.as_str()).collect())),
            ("base", Column::Int(standing.iter().map(|s| s.base_minor).collect())),
            ("strategy", Column::Text(standing.iter().map(|s| s.strategy.as_str()).collect())),
            ("decision", Column::Json(standing.iter().map(|s| s.decision.to_string()).collect())),
            ("version", Column::Int(vec![version; standing.len()])),
        ],
    )?;
    Ok(())
}

/// The greatest id among the decisions that prices of this moment rest on.
pub fn newest_decision_at(
    tx: &mut Tx<'_>,
    changed_at: Timestamp,
) -> Result<Option<DecisionId>, StoreError> {
    tx.find(
        "SELECT decision_id FROM prices WHERE changed_at = $1 ORDER BY decision_id DESC LIMIT 1",
        params![changed_at],
        |row| row.get(0),
    )
}

/// Locks the prices' feed, so that one decider works at a time on any number of nodes.
pub fn lock_decider(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    let lock = tx.for_update();
    tx.one(&format!("SELECT version FROM feeds WHERE name = 'prices'{lock}"), params![], |row| {
        row.get::<i64>(0)
    })?;
    Ok(())
}

/// The lowest price that stood at any moment of `days` days before `at`.
pub fn lowest_before(
    tx: &mut Tx<'_>,
    sku: &Sku,
    at: Timestamp,
    days: i64,
) -> Result<Option<i64>, StoreError> {
    tx.one(
        "SELECT MIN(to_minor) FROM (
             SELECT to_minor FROM price_decisions WHERE sku = $1 AND decided_at > $2 AND decided_at <= $3
             UNION ALL
             SELECT to_minor FROM (SELECT to_minor FROM price_decisions WHERE sku = $1 AND decided_at <= $2
                 ORDER BY decided_at DESC, decision_id DESC LIMIT 1) AS opening) AS stood",
        params![sku, at.plus_micros(-days * DAY), at],
        |row| row.get(0),
    )
}

/// Counts a refresh: one that changed nothing extends the last range, one that did starts its own.
pub fn count_refresh(
    tx: &mut Tx<'_>,
    now: Timestamp,
    evaluated: i64,
    changed: i64,
) -> Result<(), StoreError> {
    let lock = tx.for_update();
    let last = tx.find(
        &format!(
            "SELECT first_at, changed, evaluated FROM price_refreshes
             WHERE first_at = (SELECT MAX(first_at) FROM price_refreshes){lock}"
        ),
        params![],
        |row| Ok((row.get::<Timestamp>(0)?, row.get::<i64>(1)?, row.get::<i64>(2)?)),
    )?;
    match last {
        Some((first_at, 0, before)) if changed == 0 && before == evaluated => tx.execute(
            "UPDATE price_refreshes SET last_at = $2, refreshes = refreshes + 1 WHERE first_at = $1",
            params![first_at, now],
        )?,
        _ => tx.execute(
            "INSERT INTO price_refreshes (first_at, last_at, refreshes, evaluated, changed)
             VALUES ($1, $1, 1, $2, $3)
             ON CONFLICT (first_at) DO UPDATE SET refreshes = price_refreshes.refreshes + 1,
                 changed = price_refreshes.changed + excluded.changed",
            params![now, evaluated, changed],
        )?,
    };
    Ok(())
}

/// How often prices were evaluated after `since` without changing anything, and when last.
pub fn evaluations_since(
    tx: &mut Tx<'_>,
    since: Timestamp,
) -> Result<(i64, Option<Timestamp>), StoreError> {
    tx.one(
        "SELECT CAST(COALESCE(SUM(refreshes), 0) AS BIGINT), MAX(last_at) FROM price_refreshes WHERE last_at > $1",
        params![since],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// A decision as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Its id.
    pub decision_id: DecisionId,
    /// The SKU.
    pub sku: Sku,
    /// When.
    pub decided_at: Timestamp,
    /// The price before.
    pub from_minor: Option<i64>,
    /// The price after.
    pub to_minor: i64,
    /// Currency of both.
    pub currency: Currency,
    /// The strategy.
    pub strategy: String,
    /// Everything it was decided from.
    pub facts: Json,
    /// The settings it was decided under.
    pub policy: Json,
    /// The outcome with its reasons.
    pub decision: Json,
}

const DECISION: &str = "SELECT decision_id, sku, decided_at, from_minor, to_minor, currency, strategy, facts, \
     policy, decision FROM price_decisions";

fn decision(row: &Row<'_>) -> Result<Decision, StoreError> {
    Ok(Decision {
        decision_id: row.get(0)?,
        sku: row.get(1)?,
        decided_at: row.get(2)?,
        from_minor: row.get(3)?,
        to_minor: row.get(4)?,
        currency: row.parse(5, |code: String| code.parse())?,
        strategy: row.get(6)?,
        facts: row.get(7)?,
        policy: row.get(8)?,
        decision: row.get(9)?,
    })
}

/// One decision.
pub fn find_decision(tx: &mut Tx<'_>, id: DecisionId) -> Result<Option<Decision>, StoreError> {
    tx.find(&format!("{DECISION} WHERE decision_id = $1"), params![id], decision)
}

/// Decisions of a SKU, newest first. With `older_than` those after it in this order, with
/// `newer_than` the ones just before it.
pub fn list_decisions(
    tx: &mut Tx<'_>,
    sku: &Sku,
    older_than: Option<DecisionId>,
    newer_than: Option<DecisionId>,
    limit: i64,
) -> Result<Vec<Decision>, StoreError> {
    let edge = |sign: &str| {
        format!(
            "AND (decided_at, decision_id) {sign} (SELECT decided_at, decision_id FROM price_decisions WHERE decision_id = $2)"
        )
    };
    match (older_than, newer_than) {
        (None, None) => tx.query(
            &format!(
                "{DECISION} WHERE sku = $1 ORDER BY decided_at DESC, decision_id DESC LIMIT $2"
            ),
            params![sku, limit],
            decision,
        ),
        (Some(id), _) => tx.query(
            &format!(
                "{DECISION} WHERE sku = $1 {} ORDER BY decided_at DESC, decision_id DESC LIMIT $3",
                edge("<")
            ),
            params![sku, id, limit],
            decision,
        ),
        (None, Some(id)) => {
            let mut page = tx.query(
                &format!(
                    "{DECISION} WHERE sku = $1 {} ORDER BY decided_at, decision_id LIMIT $3",
                    edge(">")
                ),
                params![sku, id, limit],
                decision,
            )?;
            page.reverse();
            Ok(page)
        }
    }
}

/// Price steps of several SKUs after `since`, oldest first, for sparklines: (SKU, when, amount).
pub fn steps_since(
    tx: &mut Tx<'_>,
    skus: &[&str],
    since: Timestamp,
) -> Result<Vec<(String, Timestamp, i64)>, StoreError> {
    let mut steps = tx.query_rows(
        "SELECT d.sku, d.decided_at, d.to_minor FROM {rows} AS r JOIN price_decisions d ON d.sku = r.sku
         WHERE d.decided_at > r.since",
        &[
            ("sku", Column::Text(skus.to_vec())),
            ("since", Column::Time(vec![since; skus.len()])),
        ],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?;
    steps.sort();
    Ok(steps)
}

/// A layer of settings as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyRow {
    /// `store`, `category` or `sku`.
    pub scope: String,
    /// Empty for the store, else the category path or the SKU.
    pub scope_key: String,
    /// The layer.
    pub patch: Json,
    /// When it was written.
    pub updated_at: Timestamp,
}

fn policy(row: &Row<'_>) -> Result<PolicyRow, StoreError> {
    Ok(PolicyRow {
        scope: row.get(0)?,
        scope_key: row.get(1)?,
        patch: row.get(2)?,
        updated_at: row.get(3)?,
    })
}

/// All layers.
pub fn list_policies(tx: &mut Tx<'_>) -> Result<Vec<PolicyRow>, StoreError> {
    let sql = "SELECT scope, scope_key, patch, updated_at FROM pricing_policies";
    tx.query(sql, params![], policy)
}

/// Layers by scope and key, from a place in that order that need not be taken.
pub fn page_of_policies(
    tx: &mut Tx<'_>,
    place: &Place<(String, String)>,
    limit: i64,
) -> Result<Vec<PolicyRow>, StoreError> {
    let (scope, key, compare, order) = match place {
        Place::First => ("", "", ">", "ASC"),
        Place::After((scope, key)) => (scope.as_str(), key.as_str(), ">", "ASC"),
        Place::Before((scope, key)) => (scope.as_str(), key.as_str(), "<", "DESC"),
    };
    let sql = format!(
        "SELECT scope, scope_key, patch, updated_at FROM pricing_policies
         WHERE (scope, scope_key) {compare} ($1, $2)
         ORDER BY scope {order}, scope_key {order} LIMIT $3"
    );
    let mut page = tx.query(&sql, params![scope, key, limit], policy)?;
    if order == "DESC" {
        page.reverse();
    }
    Ok(page)
}

/// One layer.
pub fn find_policy(
    tx: &mut Tx<'_>,
    scope: &str,
    key: &str,
) -> Result<Option<PolicyRow>, StoreError> {
    tx.find(
        "SELECT scope, scope_key, patch, updated_at FROM pricing_policies WHERE scope = $1 AND scope_key = $2",
        params![scope, key],
        policy,
    )
}

/// Replaces one layer.
pub fn set_policy(
    tx: &mut Tx<'_>,
    scope: &str,
    key: &str,
    patch: &Json,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO pricing_policies (scope, scope_key, patch, updated_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (scope, scope_key) DO UPDATE SET patch = excluded.patch, updated_at = excluded.updated_at",
        params![scope, key, patch, now],
    )?;
    Ok(())
}

/// Removes one layer; `false` when there was none.
pub fn delete_policy(tx: &mut Tx<'_>, scope: &str, key: &str) -> Result<bool, StoreError> {
    let gone = tx.execute(
        "DELETE FROM pricing_policies WHERE scope = $1 AND scope_key = $2",
        params![scope, key],
    )?;
    Ok(gone > 0)
}

/// How many products there are, how many have a price, and of those how many stand above, below
/// and at their base.
pub fn summary(tx: &mut Tx<'_>) -> Result<[i64; 5], StoreError> {
    tx.one(
        "SELECT COUNT(*), COUNT(c.sku),
             COUNT(CASE WHEN c.amount_minor > c.base_minor THEN 1 END),
             COUNT(CASE WHEN c.amount_minor < c.base_minor THEN 1 END),
             COUNT(CASE WHEN c.amount_minor = c.base_minor THEN 1 END)
         FROM products p LEFT JOIN prices c ON c.sku = p.sku WHERE p.status = 'active'",
        params![],
        |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?]),
    )
}

/// The latest evaluation kept for each of `skus`, by SKU.
pub fn shown_decisions(
    tx: &mut Tx<'_>,
    skus: &[&str],
) -> Result<std::collections::HashMap<String, Json>, StoreError> {
    let shown = tx.query_rows(
        "SELECT c.sku, c.decision FROM {rows} AS r JOIN prices c ON c.sku = r.sku",
        &[("sku", Column::Text(skus.to_vec()))],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    Ok(shown.into_iter().collect())
}
