//! Demand signals as the ledger has them.

use shopwright_domain::catalog::Sku;
use shopwright_domain::time::{DAY, HOUR, Timestamp};
use shopwright_store::events::demand;
use shopwright_store::pricing::FactsOf;
use shopwright_store::{StoreError, Tx, orders, pricing};

use super::signals::{DemandSignals, SignalSource};

/// Signals from hours of demand, sales and stock.
#[derive(Clone, Copy, Debug)]
pub struct LedgerSignals;

impl SignalSource for LedgerSignals {
    fn signals(
        &self,
        tx: &mut Tx<'_>,
        skus: &[Sku],
        now: Timestamp,
    ) -> Result<Vec<DemandSignals>, StoreError> {
        let names: Vec<&str> = skus.iter().map(Sku::as_str).collect();
        let mut since =
            |micros: i64| demand::since(tx, Some(&names), now.plus_micros(-micros), now);
        let (hour, day, week) = (since(HOUR)?, since(DAY)?, since(7 * DAY)?);
        let products = pricing::facts(tx, FactsOf::Several(skus), now, now)?;
        let mut all = Vec::with_capacity(products.len());
        for product in products {
            let sku = product.sku.as_str();
            let mut units = |days: i64| {
                let units = orders::net_units(tx, Some(sku), now.plus_micros(-days * DAY), now)?;
                Ok::<_, StoreError>(units.get(sku).copied().unwrap_or(0))
            };
            let (units_1d, units_7d, units_28d) = (units(1)?, units(7)?, units(28)?);
            let of = |demand: &std::collections::HashMap<String, demand::Demand>| {
                demand.get(sku).copied().unwrap_or_default()
            };
            let (hour, day, week) = (of(&hour), of(&day), of(&week));
            #[expect(clippy::cast_precision_loss, reason = "a ratio for people to read")]
            let conversion_24h = (day.views > 0).then(|| units_1d.max(0) as f64 / day.views as f64);
            all.push(DemandSignals {
                views_1h: hour.views,
                views_24h: day.views,
                views_7d: week.views,
                adds_24h: day.adds,
                adds_7d: week.adds,
                units_7d,
                units_28d,
                conversion_24h,
                available: product.available,
                updated_at: now,
                sku: product.sku,
            });
        }
        Ok(all)
    }
}
