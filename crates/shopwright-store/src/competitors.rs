//! Competitors, which of their products are ours, and what they were seen to charge.
//!
//! Observations are append-only. What counts of them is decided where prices are decided
//! (`shopwright_domain::pricing::competitors`), by the time and the settings of that moment.

use std::collections::HashMap;

use shopwright_domain::catalog::Sku;
use shopwright_domain::money::Currency;
use shopwright_domain::pricing::CompetitorPrice;
use shopwright_domain::time::Timestamp;

use crate::{Change, Column, Place, Row, StoreError, Tx, params};

/// Somebody who sells what we sell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Competitor {
    /// The shop's own code for it.
    pub competitor: String,
    /// What people call it.
    pub name: String,
    /// Whether its prices count.
    pub is_watched: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

fn competitor(row: &Row<'_>) -> Result<Competitor, StoreError> {
    Ok(Competitor {
        competitor: row.get(0)?,
        name: row.get(1)?,
        is_watched: row.get(2)?,
        created_at: row.get(3)?,
        updated_at: row.get(4)?,
    })
}

const COMPETITOR: &str =
    "SELECT competitor, name, is_watched, created_at, updated_at FROM competitors";

/// One competitor.
pub fn find(tx: &mut Tx<'_>, code: &str) -> Result<Option<Competitor>, StoreError> {
    tx.find(&format!("{COMPETITOR} WHERE competitor = $1"), params![code], competitor)
}

/// Competitors by code.
pub fn list(
    tx: &mut Tx<'_>,
    place: &Place<String>,
    limit: i64,
) -> Result<Vec<Competitor>, StoreError> {
    let (key, compare, order) = match place {
        Place::First => ("", ">", "ASC"),
        Place::After(key) => (key.as_str(), ">", "ASC"),
        Place::Before(key) => (key.as_str(), "<", "DESC"),
    };
    let sql =
        format!("{COMPETITOR} WHERE competitor {compare} $1 ORDER BY competitor {order} LIMIT $2");
    let mut rows = tx.query(&sql, params![key, limit], competitor)?;
    if order == "DESC" {
        rows.reverse();
    }
    Ok(rows)
}

/// Makes a competitor or changes its name and whether it counts.
pub fn put(
    tx: &mut Tx<'_>,
    code: &str,
    (name, is_watched): (&str, bool),
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO competitors (competitor, name, is_watched, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)
         ON CONFLICT (competitor) DO UPDATE SET name = excluded.name, is_watched = excluded.is_watched,
             updated_at = excluded.updated_at",
        params![code, name, is_watched, now],
    )?;
    tx.announce(Change::PriceInputs);
    Ok(())
}

/// Makes a competitor that is not known yet, named by its code.
pub fn make_known(tx: &mut Tx<'_>, code: &str, now: Timestamp) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO competitors (competitor, name, is_watched, created_at, updated_at)
         VALUES ($1, $1, $2, $3, $3) ON CONFLICT (competitor) DO NOTHING",
        params![code, true, now],
    )?;
    Ok(())
}

/// A product of ours that a competitor sells too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// The competitor.
    pub competitor: String,
    /// Our product.
    pub sku: Sku,
    /// Where the competitor shows it.
    pub url: Option<String>,
    /// How sure it is that the two are the same, basis points.
    pub confidence_bps: i64,
    /// Who said that they are, and when.
    pub confirmed: Option<(String, Timestamp)>,
    /// Why its page told no price when it was last looked at.
    pub page_error: Option<String>,
    /// When its page was last looked at.
    pub looked_at: Option<Timestamp>,
}

const MATCH: &str = "SELECT competitor, sku, url, confidence_bps, confirmed_by, confirmed_at, page_error, looked_at \
     FROM competitor_matches";

fn matched(row: &Row<'_>) -> Result<Match, StoreError> {
    Ok(Match {
        competitor: row.get(0)?,
        sku: row.get(1)?,
        url: row.get(2)?,
        confidence_bps: row.get(3)?,
        confirmed: row.get::<Option<String>>(4)?.zip(row.get(5)?),
        page_error: row.get(6)?,
        looked_at: row.get(7)?,
    })
}

/// One match.
pub fn find_match(
    tx: &mut Tx<'_>,
    competitor: &str,
    sku: &Sku,
) -> Result<Option<Match>, StoreError> {
    let sql = format!("{MATCH} WHERE competitor = $1 AND sku = $2");
    tx.find(&sql, params![competitor, sku], matched)
}

/// The matches of a product, by competitor.
pub fn matches_of(tx: &mut Tx<'_>, sku: &Sku) -> Result<Vec<Match>, StoreError> {
    let sql = format!("{MATCH} WHERE sku = $1 ORDER BY competitor");
    tx.query(&sql, params![sku], matched)
}

/// Matches with a page that was not looked at since then, longest ago first.
pub fn pages_due(tx: &mut Tx<'_>, before: Timestamp, limit: i64) -> Result<Vec<Match>, StoreError> {
    let sql = format!(
        "{MATCH} WHERE url IS NOT NULL AND (looked_at IS NULL OR looked_at <= $1)
             AND competitor IN (SELECT w.competitor FROM competitors w WHERE w.is_watched = $3)
         ORDER BY CASE WHEN looked_at IS NULL THEN 0 ELSE 1 END, looked_at, competitor, sku LIMIT $2"
    );
    tx.query(&sql, params![before, limit, true], matched)
}

/// Notes that the page of a match was looked at, and why it told no price.
pub fn note_page(
    tx: &mut Tx<'_>,
    (competitor, sku): (&str, &Sku),
    error: Option<&str>,
    at: Timestamp,
) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE competitor_matches SET looked_at = $3, page_error = $4 WHERE competitor = $1 AND sku = $2",
        params![competitor, sku, at, error],
    )?;
    Ok(())
}

/// What is said of a match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMatch<'a> {
    /// The competitor.
    pub competitor: &'a str,
    /// Our product.
    pub sku: &'a Sku,
    /// Where the competitor shows it; what is known stays where nothing is said.
    pub url: Option<&'a str>,
    /// How sure it is, basis points.
    pub confidence_bps: i64,
    /// Who says that it is sure.
    pub confirmed_by: Option<&'a str>,
}

/// Makes a match or changes what is said of it; a confirmation stays until the address changes.
pub fn put_match(tx: &mut Tx<'_>, new: &NewMatch<'_>, now: Timestamp) -> Result<(), StoreError> {
    let confirmed_at = new.confirmed_by.map(|_| now);
    tx.execute(
        "INSERT INTO competitor_matches (competitor, sku, url, confidence_bps, confirmed_by, confirmed_at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (competitor, sku) DO UPDATE SET url = COALESCE(excluded.url, competitor_matches.url),
             confidence_bps = excluded.confidence_bps,
             confirmed_by = CASE WHEN excluded.confirmed_by IS NOT NULL THEN excluded.confirmed_by
                 WHEN excluded.url <> competitor_matches.url THEN NULL ELSE competitor_matches.confirmed_by END,
             confirmed_at = CASE WHEN excluded.confirmed_at IS NOT NULL THEN excluded.confirmed_at
                 WHEN excluded.url <> competitor_matches.url THEN NULL ELSE competitor_matches.confirmed_at END",
        params![
            new.competitor,
            new.sku,
            new.url,
            new.confidence_bps,
            new.confirmed_by,
            confirmed_at,
            now
        ],
    )?;
    tx.announce(Change::PriceInputs);
    Ok(())
}

/// A price that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// The competitor.
    pub competitor: String,
    /// Our product.
    pub sku: Sku,
    /// When it was seen.
    pub observed_at: Timestamp,
    /// What they charge, minor units.
    pub price_minor: i64,
    /// What they charge for sending it, where that is known.
    pub shipping_minor: Option<i64>,
    /// The currency of both.
    pub currency: Currency,
    /// Whether they have it.
    pub in_stock: bool,
    /// Where it was seen: `api`, `file`, `page`.
    pub source: String,
    /// Whether somebody insisted on it although it is far from everything.
    pub is_forced: bool,
}

/// Records what was seen. `false`: the same moment is known already, and stays as it is.
pub fn record(tx: &mut Tx<'_>, seen: &Observation, now: Timestamp) -> Result<bool, StoreError> {
    let added = tx.execute(
        "INSERT INTO competitor_prices (competitor, sku, observed_at, price_minor, shipping_minor, currency, in_stock,
             source, is_forced, received_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",
        params![
            &seen.competitor,
            &seen.sku,
            seen.observed_at,
            seen.price_minor,
            seen.shipping_minor,
            seen.currency.code(),
            seen.in_stock,
            &seen.source,
            seen.is_forced,
            now
        ],
    )?;
    if added > 0 {
        tx.announce(Change::PriceInputs);
    }
    Ok(added > 0)
}

const LATEST: &str =
    "o.competitor, o.sku, o.observed_at, o.price_minor, o.shipping_minor, o.currency, o.in_stock, \
     o.source, o.is_forced, m.confidence_bps, m.confirmed_at
     FROM {rows} AS r JOIN competitor_matches m ON m.sku = r.sku
     JOIN competitors w ON w.competitor = m.competitor AND w.is_watched = r.is_watched
     JOIN competitor_prices o ON o.competitor = m.competitor AND o.sku = m.sku
     WHERE o.observed_at = (SELECT MAX(n.observed_at) FROM competitor_prices n
         WHERE n.competitor = m.competitor AND n.sku = m.sku AND n.observed_at <= r.now)";

/// The latest price of each watched competitor for these products until `now`, by SKU and competitor.
pub fn latest(
    tx: &mut Tx<'_>,
    skus: &[&str],
    now: Timestamp,
) -> Result<HashMap<String, Vec<CompetitorPrice>>, StoreError> {
    let mut found = tx.query_rows(
        &format!("SELECT {LATEST}"),
        &[
            ("sku", Column::Text(skus.to_vec())),
            ("is_watched", Column::Bool(vec![true; skus.len()])),
            ("now", Column::Time(vec![now; skus.len()])),
        ],
        |row| {
            let price = CompetitorPrice {
                competitor: row.get(0)?,
                observed_at: row.get(2)?,
                price_minor: row.get(3)?,
                shipping_minor: row.get(4)?,
                currency: row.parse(5, |code: String| code.parse())?,
                in_stock: row.get(6)?,
                is_forced: row.get(8)?,
                confidence_bps: row.get(9)?,
                is_confirmed: row.get::<Option<Timestamp>>(10)?.is_some(),
            };
            Ok((row.get::<String>(1)?, price))
        },
    )?;
    found.sort_by(|(a, x), (b, y)| (a, &x.competitor).cmp(&(b, &y.competitor)));
    let mut by_sku: HashMap<String, Vec<CompetitorPrice>> = HashMap::new();
    for (sku, price) in found {
        by_sku.entry(sku).or_default().push(price);
    }
    Ok(by_sku)
}

/// What was seen of a product, newest first, at most `limit`.
pub fn history(tx: &mut Tx<'_>, sku: &Sku, limit: i64) -> Result<Vec<Observation>, StoreError> {
    tx.query(
        "SELECT competitor, sku, observed_at, price_minor, shipping_minor, currency, in_stock, source, is_forced
         FROM competitor_prices WHERE sku = $1 ORDER BY observed_at DESC, competitor LIMIT $2",
        params![sku, limit],
        |row| {
            Ok(Observation {
                competitor: row.get(0)?,
                sku: row.get(1)?,
                observed_at: row.get(2)?,
                price_minor: row.get(3)?,
                shipping_minor: row.get(4)?,
                currency: row.parse(5, |code: String| code.parse())?,
                in_stock: row.get(6)?,
                source: row.get(7)?,
                is_forced: row.get(8)?,
            })
        },
    )
}
