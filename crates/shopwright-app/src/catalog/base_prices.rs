//! Base prices from the booked history, by the stated rule, never over one the owner set.

use std::collections::HashMap;

use serde::Serialize;
use shopwright_domain::catalog::Sku;
use shopwright_domain::money::Currency;
use shopwright_domain::pricing::{BasePriceRule, HistoryLine, modal_base_price};
use shopwright_domain::time::{DAY, Timestamp};
use shopwright_store::catalog::FoundBasePrice;
use shopwright_store::{Store, StoreError, catalog, orders};

/// Base prices written in one transaction.
const CHUNK: usize = 1_000;

/// What the rule found.
#[derive(Clone, Debug, Serialize)]
pub struct BasePricesFound {
    /// The rule.
    pub rule: BasePriceRule,
    /// The end of the history it looked at.
    pub history_end: Option<Timestamp>,
    /// Products that have a base price by this rule.
    pub found: u64,
    /// Of these, how many changed.
    pub changed: u64,
    /// Products without any base price (`no_base_price`).
    pub no_base_price: u64,
}

/// Looks for every product's base price and writes those that changed.
pub async fn find_base_prices(
    store: &Store,
    now: Timestamp,
) -> Result<BasePricesFound, StoreError> {
    let rule = BasePriceRule::default();
    let used = rule;
    let (history_end, found) = store
        .read(move |tx| {
            let Some(end) = orders::history_end(tx)? else {
                return Ok::<_, StoreError>((None, Vec::new()));
            };
            let currencies = catalog::currencies(tx)?;
            let after = end.plus_micros(-used.window_days * DAY);
            let mut histories: HashMap<String, Vec<HistoryLine>> = HashMap::new();
            orders::for_each_small_sale(tx, after, used.quantity_max, |sale| {
                let line = HistoryLine {
                    at: sale.at,
                    quantity: sale.quantity,
                    unit_price: sale.unit_price,
                };
                histories.entry(sale.code).or_default().push(line);
            })?;
            let mut found: Vec<_> = histories
                .iter()
                .filter_map(|(code, lines)| {
                    found_price(code, lines, used, end, *currencies.get(code)?)
                })
                .collect();
            found.sort_by(|a, b| a.sku.cmp(&b.sku));
            Ok((Some(end), found))
        })
        .await?;
    let mut changed = 0;
    for chunk in found.chunks(CHUNK) {
        let chunk = chunk.to_vec();
        changed += store.write(move |tx| catalog::set_base_prices(tx, &chunk, now)).await?;
    }
    let no_base_price = store.read(catalog::count_without_base_price).await?.unsigned_abs();
    Ok(BasePricesFound { rule, history_end, found: found.len() as u64, changed, no_base_price })
}

fn found_price(
    code: &str,
    lines: &[HistoryLine],
    rule: BasePriceRule,
    end: Timestamp,
    currency: Currency,
) -> Option<FoundBasePrice> {
    let found = modal_base_price(lines.iter().copied(), rule, end, currency)?;
    let from = serde_json::json!({
        "rule": "modal_unit_price",
        "window_days": rule.window_days,
        "quantity_max": rule.quantity_max,
        "history_end": end,
        "lines_at_price": found.lines,
        "lines_counted": found.lines_counted,
        "last_sold_at": found.last_sold_at,
    });
    Some(FoundBasePrice { sku: Sku::parse(code).ok()?, amount_minor: found.amount_minor, from })
}
