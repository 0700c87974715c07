//! Demand by the hour, and how much of an hour one browser or address has been counted for.

use std::collections::HashMap;

use shopwright_domain::time::{HOUR, Timestamp};
use uuid::Uuid;

use crate::{Column, StoreError, Tx, params};

/// What was done with one product in one hour, in events that count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// Views of its page.
    pub views: i64,
    /// Clicks on it in lists.
    pub clicks: i64,
    /// Pieces put into carts.
    pub adds: i64,
    /// Pieces taken out of carts.
    pub removes: i64,
    /// Pieces in carts that went to pay.
    pub checkouts: i64,
}

/// The start of the hour a time is in.
pub const fn hour_of(at: Timestamp) -> Timestamp {
    at.plus_micros(-at.as_micros().rem_euclid(HOUR))
}

/// Adds to hours. Rows are written in key order, so that no two writers wait in a ring.
pub fn add(
    tx: &mut Tx<'_>,
    of_hours: &std::collections::BTreeMap<(Timestamp, String), Demand>,
) -> Result<(), StoreError> {
    let ints = |pick: fn(&Demand) -> i64| Column::Int(of_hours.values().map(pick).collect());
    tx.execute_rows(
        "INSERT INTO demand_hours (hour, sku, views, clicks, adds, removes, checkouts)
         SELECT hour, sku, views, clicks, adds, removes, checkouts FROM {rows} AS r WHERE true
         ON CONFLICT (hour, sku) DO UPDATE SET views = demand_hours.views + excluded.views,
             clicks = demand_hours.clicks + excluded.clicks, adds = demand_hours.adds + excluded.adds,
             removes = demand_hours.removes + excluded.removes, checkouts = demand_hours.checkouts + excluded.checkouts",
        &[
            ("hour", Column::Time(of_hours.keys().map(|(hour, _)| *hour).collect())),
            ("sku", Column::Text(of_hours.keys().map(|(_, sku)| sku.as_str()).collect())),
            ("views", ints(|d| d.views)),
            ("clicks", ints(|d| d.clicks)),
            ("adds", ints(|d| d.adds)),
            ("removes", ints(|d| d.removes)),
            ("checkouts", ints(|d| d.checkouts)),
        ],
    )?;
    Ok(())
}

/// Demand by SKU in the hours that began after `since` and until `until`; of some SKUs when named.
pub fn since(
    tx: &mut Tx<'_>,
    skus: Option<&[&str]>,
    since: Timestamp,
    until: Timestamp,
) -> Result<HashMap<String, Demand>, StoreError> {
    let sums = "SELECT sku, CAST(SUM(views) AS BIGINT), CAST(SUM(clicks) AS BIGINT), CAST(SUM(adds) AS BIGINT), \
         CAST(SUM(removes) AS BIGINT), CAST(SUM(checkouts) AS BIGINT) FROM demand_hours";
    let mut found = HashMap::new();
    let read = |row: &crate::Row<'_>| {
        let demand = Demand {
            views: row.get(1)?,
            clicks: row.get(2)?,
            adds: row.get(3)?,
            removes: row.get(4)?,
            checkouts: row.get(5)?,
        };
        Ok((row.get::<String>(0)?, demand))
    };
    match skus {
        None => {
            let sql = format!("{sums} WHERE hour > $1 AND hour <= $2 GROUP BY sku");
            found.extend(tx.query(&sql, params![since, until], read)?);
        }
        Some(skus) => {
            let sql = format!("{sums} WHERE sku = $3 AND hour > $1 AND hour <= $2 GROUP BY sku");
            for sku in skus {
                found.extend(tx.query(&sql, params![since, until, *sku], read)?);
            }
        }
    }
    Ok(found)
}

/// How much of an hour was counted in these scopes, in key order. They are made where they are not and
/// locked until the end of the transaction, so that rivals cannot both find the last room.
pub fn lock_counted(
    tx: &mut Tx<'_>,
    scopes: &[Uuid],
    hour: Timestamp,
) -> Result<HashMap<Uuid, i64>, StoreError> {
    let rows = tx.query_rows(
        "INSERT INTO demand_caps (scope, hour, counted) SELECT scope, hour, 0 FROM {rows} AS r WHERE true
         ON CONFLICT (scope) DO UPDATE SET counted = demand_caps.counted RETURNING scope, counted",
        &[
            ("scope", Column::Uuid(scopes.to_vec())),
            ("hour", Column::Time(vec![hour; scopes.len()])),
        ],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    Ok(rows.into_iter().collect())
}

/// Adds to what was counted in scopes that are locked.
pub fn count(
    tx: &mut Tx<'_>,
    more: &std::collections::BTreeMap<Uuid, i64>,
) -> Result<(), StoreError> {
    tx.execute_rows(
        "UPDATE demand_caps SET counted = demand_caps.counted + r.more FROM {rows} AS r
         WHERE demand_caps.scope = r.scope",
        &[
            ("scope", Column::Uuid(more.keys().copied().collect())),
            ("more", Column::Int(more.values().copied().collect())),
        ],
    )?;
    Ok(())
}

/// Forgets what was counted in hours before one, `limit` scopes at most. Gives how many.
pub fn sweep_caps(tx: &mut Tx<'_>, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    tx.execute(
        "DELETE FROM demand_caps WHERE scope IN
             (SELECT scope FROM demand_caps WHERE hour < $1 ORDER BY hour LIMIT $2)",
        params![before, limit],
    )
}
