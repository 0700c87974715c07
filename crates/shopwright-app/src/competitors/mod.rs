//! Competitors at work: what is said of them is checked and kept, and shown with what counts of it.

mod pages;
mod price_file;

pub(crate) use pages::{LOOK_AT_PAGE, look_at_page};
pub use pages::{keep_watching_pages, schedule_pages};
pub use price_file::{
    CompetitorImportError, CompetitorPricesSummary, ImportCompetitorPrices,
    import_competitor_prices,
};

use serde_json::{Value as Json, json};
use shopwright_domain::catalog::Sku;
use shopwright_domain::money::{Currency, Factor, format_minor};
use shopwright_domain::pricing::{AMOUNT_MINOR_MAX, JudgedPrice, is_far_off, judge_prices};
use shopwright_domain::time::{MINUTE, Timestamp};
use shopwright_store::audit::{self, Stamp};
use shopwright_store::catalog::Product;
use shopwright_store::competitors::{self as stored, Competitor, Match, NewMatch, Observation};
use shopwright_store::{StoreError, Tx, catalog};

use crate::pricing::fresh_hours_of;

/// Bytes of a competitor's code and of its name.
pub const CODE_BYTES_MAX: usize = 100;
/// Characters of an address.
pub const URL_CHARS_MAX: usize = 2_000;
/// The surest match, basis points.
pub const CONFIDENCE_BPS_MAX: i64 = 10_000;
/// Clocks of others may be ahead of ours by so much.
const AHEAD_MAX: i64 = 5 * MINUTE;

/// Why something said of a competitor is not kept; nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum CompetitorError {
    /// A code that cannot be one.
    #[error("a competitor's code is 1 to {CODE_BYTES_MAX} of a-z, A-Z, 0-9, `.`, `_` and `-`")]
    Code,
    /// A name that cannot be one.
    #[error("a name is 1 to {CODE_BYTES_MAX} bytes without control characters")]
    Name,
    /// There is no such competitor.
    #[error("there is no competitor {0}; put it first")]
    NotFound(String),
    /// There is no such product.
    #[error("there is no product {0}")]
    UnknownSku(Sku),
    /// Another currency than the product's.
    #[error(
        "{sku} is priced in {ours}, so its competitors' prices must be too; this one is in {theirs}"
    )]
    Currency {
        /// The product.
        sku: Sku,
        /// Its currency.
        ours: Currency,
        /// What was sent.
        theirs: Currency,
    },
    /// An amount that cannot be a price.
    #[error("a price is 1 to {AMOUNT_MINOR_MAX} minor units")]
    Price,
    /// An amount that cannot be a charge for sending.
    #[error("shipping is 0 to {AMOUNT_MINOR_MAX} minor units")]
    Shipping,
    /// A price ten times the base price, or a tenth of it.
    #[error(
        "{theirs} is {times} the base price of {base}: look for a missing or surplus digit, or send it with \
         `force` when it is right"
    )]
    FarOff {
        /// What was sent.
        theirs: String,
        /// The base price.
        base: String,
        /// `ten times or more` or `a tenth or less of`.
        times: &'static str,
    },
    /// A time that is still to come.
    #[error("a price cannot be seen in the future")]
    Future,
    /// An address that cannot be one.
    #[error(
        "an address begins with https:// or http:// and has at most {URL_CHARS_MAX} characters"
    )]
    Url,
    /// A confidence that cannot be one.
    #[error("a confidence is a decimal from \"0\" to \"1\" with at most four places")]
    Confidence,
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A competitor's price as somebody saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenPrice {
    /// The price.
    pub seen: Observation,
    /// Where the competitor shows it.
    pub url: Option<String>,
    /// How sure it is that it is the same product, basis points; what is known stays where nothing is
    /// said, and a new match is sure.
    pub confidence_bps: Option<i64>,
}

/// A decimal from 0 to 1 in basis points.
pub fn confidence_bps(factor: Factor) -> Result<i64, CompetitorError> {
    let (above, below) = (*factor.0.numer(), *factor.0.denom());
    let bps = above.checked_mul(i128::from(CONFIDENCE_BPS_MAX)).filter(|bps| bps % below == 0);
    bps.and_then(|bps| i64::try_from(bps / below).ok())
        .filter(|bps| (0..=CONFIDENCE_BPS_MAX).contains(bps))
        .ok_or(CompetitorError::Confidence)
}

fn check_code(code: &str) -> Result<(), CompetitorError> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    let holds = (1..=CODE_BYTES_MAX).contains(&code.len()) && code.bytes().all(fits);
    if holds { Ok(()) } else { Err(CompetitorError::Code) }
}

fn check_url(url: Option<&str>) -> Result<(), CompetitorError> {
    let Some(url) = url else { return Ok(()) };
    let begins = url.starts_with("https://") || url.starts_with("http://");
    let plain = !url.chars().any(|c| c.is_control() || c.is_whitespace());
    if begins && plain && url.chars().count() <= URL_CHARS_MAX {
        Ok(())
    } else {
        Err(CompetitorError::Url)
    }
}

fn check_confidence(bps: Option<i64>) -> Result<(), CompetitorError> {
    let holds = bps.is_none_or(|bps| (0..=CONFIDENCE_BPS_MAX).contains(&bps));
    if holds { Ok(()) } else { Err(CompetitorError::Confidence) }
}

/// Keeps a price that was seen; a competitor and a match that are not known are made. `false`: that
/// moment of that competitor is known already.
pub fn take_price(
    tx: &mut Tx<'_>,
    given: &SeenPrice,
    now: Timestamp,
) -> Result<bool, CompetitorError> {
    let seen = &given.seen;
    check_code(&seen.competitor)?;
    check_url(given.url.as_deref())?;
    check_confidence(given.confidence_bps)?;
    if !(1..=AMOUNT_MINOR_MAX).contains(&seen.price_minor) {
        return Err(CompetitorError::Price);
    }
    if seen.shipping_minor.is_some_and(|minor| !(0..=AMOUNT_MINOR_MAX).contains(&minor)) {
        return Err(CompetitorError::Shipping);
    }
    if seen.observed_at > now.plus_micros(AHEAD_MAX) {
        return Err(CompetitorError::Future);
    }
    let product = catalog::find(tx, &seen.sku)?;
    let product = product.ok_or_else(|| CompetitorError::UnknownSku(seen.sku.clone()))?;
    check_against(seen, &product)?;
    stored::make_known(tx, &seen.competitor, now)?;
    let known = stored::find_match(tx, &seen.competitor, &seen.sku)?;
    let says_more = given.url.is_some() || given.confidence_bps.is_some();
    if says_more || known.is_none() {
        let confidence_bps = given
            .confidence_bps
            .or_else(|| known.map(|known| known.confidence_bps))
            .unwrap_or(CONFIDENCE_BPS_MAX);
        let new = NewMatch {
            competitor: &seen.competitor,
            sku: &seen.sku,
            url: given.url.as_deref(),
            confidence_bps,
            confirmed_by: None,
        };
        stored::put_match(tx, &new, now)?;
    }
    Ok(stored::record(tx, seen, now)?)
}

fn check_against(seen: &Observation, product: &Product) -> Result<(), CompetitorError> {
    if seen.currency != product.currency {
        return Err(CompetitorError::Currency {
            sku: seen.sku.clone(),
            ours: product.currency,
            theirs: seen.currency,
        });
    }
    match product.base_price_minor {
        Some(base) if !seen.is_forced && is_far_off(seen.price_minor, base) => {
            let text = |minor| format!("{} {}", format_minor(minor, seen.currency), seen.currency);
            let times =
                if seen.price_minor > base { "ten times or more" } else { "a tenth or less of" };
            Err(CompetitorError::FarOff { theirs: text(seen.price_minor), base: text(base), times })
        }
        _ => Ok(()),
    }
}

/// Makes a competitor, or changes its name and whether its prices count.
pub fn put_competitor(
    tx: &mut Tx<'_>,
    code: &str,
    (name, is_watched): (&str, bool),
    stamp: Stamp,
) -> Result<(Competitor, bool), CompetitorError> {
    check_code(code)?;
    if !(1..=CODE_BYTES_MAX).contains(&name.len()) || name.chars().any(char::is_control) {
        return Err(CompetitorError::Name);
    }
    audit::lock(tx)?;
    let before = stored::find(tx, code)?;
    stored::put(tx, code, (name, is_watched), stamp.at)?;
    let after = stored::find(tx, code)?
        .ok_or_else(|| StoreError::Bug(format!("the competitor {code} was not kept")))?;
    let shown = |c: &Competitor| json!({ "name": c.name, "watched": c.is_watched });
    record(
        tx,
        stamp,
        ("competitor.put", format!("competitor/{code}")),
        (before.as_ref().map(shown), shown(&after)),
    )?;
    Ok((after, before.is_none()))
}

/// What is said of a match by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedMatch {
    /// Where the competitor shows it.
    pub url: Option<String>,
    /// How sure it is, basis points.
    pub confidence_bps: i64,
    /// Whether the two are the same, whatever the confidence.
    pub confirmed: bool,
}

/// Says which of a competitor's products is ours, and that somebody knows it where they do.
pub fn put_match(
    tx: &mut Tx<'_>,
    (competitor, sku): (&str, &Sku),
    wanted: &WantedMatch,
    stamp: Stamp,
) -> Result<(Match, bool), CompetitorError> {
    check_url(wanted.url.as_deref())?;
    check_confidence(Some(wanted.confidence_bps))?;
    audit::lock(tx)?;
    if stored::find(tx, competitor)?.is_none() {
        return Err(CompetitorError::NotFound(competitor.to_owned()));
    }
    if catalog::find(tx, sku)?.is_none() {
        return Err(CompetitorError::UnknownSku(sku.clone()));
    }
    let before = stored::find_match(tx, competitor, sku)?;
    let by = format!("{}:{}", stamp.actor.kind(), stamp.actor.id());
    let new = NewMatch {
        competitor,
        sku,
        url: wanted.url.as_deref(),
        confidence_bps: wanted.confidence_bps,
        confirmed_by: wanted.confirmed.then_some(by.as_str()),
    };
    stored::put_match(tx, &new, stamp.at)?;
    let after = stored::find_match(tx, competitor, sku)?
        .ok_or_else(|| StoreError::Bug("a competitor's match was not kept".to_owned()))?;
    let shown = |m: &Match| json!({ "url": m.url, "confidence_bps": m.confidence_bps, "confirmed": m.confirmed.is_some() });
    record(
        tx,
        stamp,
        ("competitor_match.put", format!("competitor/{competitor}/{}", sku.as_str())),
        (before.as_ref().map(shown), shown(&after)),
    )?;
    Ok((after, before.is_none()))
}

fn record(
    tx: &mut Tx<'_>,
    stamp: Stamp,
    (action, object): (&'static str, String),
    (before, after): (Option<Json>, Json),
) -> Result<(), StoreError> {
    if before.as_ref() == Some(&after) {
        return Ok(());
    }
    audit::record(tx, &stamp.entry(action, object, before, Some(after))).map(|_| ())
}

/// Everything about a product's competitors now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overview {
    /// The product's currency.
    pub currency: Currency,
    /// The latest price of each watched competitor, and whether it counts.
    pub prices: Vec<JudgedPrice>,
    /// Its matches.
    pub matches: Vec<Match>,
}

/// The competitors of a product as a decision at this moment sees them. `None` when there is no such
/// product.
pub fn overview(
    tx: &mut Tx<'_>,
    sku: &Sku,
    now: Timestamp,
) -> Result<Option<Overview>, StoreError> {
    let Some(product) = catalog::find(tx, sku)? else { return Ok(None) };
    let hours = fresh_hours_of(tx, sku, product.category.as_deref())?;
    let prices = stored::latest(tx, &[sku.as_str()], now)?.remove(sku.as_str());
    let about = (product.base_price_minor, product.currency);
    let (prices, _) = judge_prices(&prices.unwrap_or_default(), about, hours, now);
    Ok(Some(Overview { currency: product.currency, prices, matches: stored::matches_of(tx, sku)? }))
}
