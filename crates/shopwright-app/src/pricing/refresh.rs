//! One refresh: every active product is looked at, decided, and written where something changed.
//!
//! Products go in pages, each one transaction: load facts, decide, record. The feed's row lock lets
//! one decider work at a time, on any number of nodes.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::tz::TimeZone;
use serde::Serialize;
use shopwright_domain::catalog::Sku;
use shopwright_domain::ids::{DecisionId, IdSource};
use shopwright_domain::pricing::{
    CompetitorFact, CompetitorPrice, CurrentPrice, DecideError, PolicyPatch, PriceDecision,
    PriceFacts, PricePolicy, PromotionFact, decide, judge_prices,
};
use shopwright_domain::time::{DAY, Timestamp};
use shopwright_store::events::demand::{self, Demand};
use shopwright_store::pricing::{FactsOf, NewDecision, NewStanding, PricingFacts};
use shopwright_store::promotions::Promotion;
use shopwright_store::{Store, StoreError, Tx, competitors, orders, pricing, promotions};

use super::price_events;
use super::settings::Layers;

/// Products decided in one transaction: about 20 ms on two cores.
const PAGE: i64 = 400;
/// Days before a reduction whose lowest price it is measured against (98/6/EC, Art. 6a).
const PRIOR_PRICE_DAYS: i64 = 30;

/// The zone in which the shop's day and hours are counted.
#[derive(Clone, Debug)]
pub struct StoreZone(pub TimeZone);

impl StoreZone {
    /// Hour 0–23 and weekday 1 (Monday) to 7 of an instant, and the start of its day.
    pub fn place(&self, at: Timestamp) -> (u8, u8, Timestamp) {
        let zoned = jiff::ZonedDateTime::new(at.to_jiff(), self.0.clone());
        let start = zoned.start_of_day().map_or(at, |day| Timestamp::from_jiff(day.timestamp()));
        let hour = u8::try_from(zoned.hour()).unwrap_or(0);
        let weekday = u8::try_from(zoned.weekday().to_monday_one_offset()).unwrap_or(1);
        (hour, weekday, start)
    }
}

/// What a refresh did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Refreshed {
    /// Products looked at.
    pub evaluated: u64,
    /// Prices that changed.
    pub changed: u64,
    /// Products without a base price.
    pub no_base_price: u64,
}

/// Looks at every active product and writes what changed.
pub async fn refresh_prices(
    store: &Store,
    zone: &StoreZone,
    now: Timestamp,
    ids: &Arc<dyn IdSource>,
) -> Result<Refreshed, StoreError> {
    let mut total = Refreshed::default();
    let mut after = String::new();
    let units = Arc::new(store.read(move |tx| Units::load(tx, None, now)).await?);
    loop {
        let (from, zone, units) = (after.clone(), zone.clone(), Arc::clone(&units));
        // Ids are fixed per command: a second run of the closure gives the same decisions.
        let fresh: Vec<DecisionId> =
            (0..PAGE).map(|_| DecisionId::from_uuid(ids.next_uuid())).collect();
        let (page, last) =
            store.write(move |tx| refresh_page(tx, &from, (&zone, now), &units, &fresh)).await?;
        total.evaluated += page.evaluated;
        total.changed += page.changed;
        total.no_base_price += page.no_base_price;
        match last {
            Some(last) => after = last,
            None => break,
        }
    }
    let (evaluated, changed) = (signed(total.evaluated), signed(total.changed));
    store.write(move |tx| pricing::count_refresh(tx, now, evaluated, changed)).await?;
    Ok(total)
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Looks at some products, whose traffic has moved, where prices follow traffic at all.
pub async fn refresh_touched(
    store: &Store,
    zone: &StoreZone,
    now: Timestamp,
    ids: &Arc<dyn IdSource>,
    skus: Vec<Sku>,
) -> Result<Refreshed, StoreError> {
    let follows = store.read(|tx| Ok::<_, StoreError>(Layers::load(tx)?.follow_traffic())).await?;
    if !follows {
        return Ok(Refreshed::default());
    }
    let fresh: Vec<DecisionId> =
        skus.iter().map(|_| DecisionId::from_uuid(ids.next_uuid())).collect();
    let (zone, skus) = (zone.clone(), Arc::new(skus));
    store
        .write(move |tx| {
            pricing::lock_decider(tx)?;
            let units = Units::load(tx, Some(&skus), now)?;
            let several = FactsOf::Several(&skus);
            refresh_those(tx, several, (&zone, now), &units, &fresh).map(|(done, _)| done)
        })
        .await
}

/// Decides one page; gives the last SKU when there may be more.
fn refresh_page(
    tx: &mut Tx<'_>,
    after: &str,
    (zone, now): (&StoreZone, Timestamp),
    units: &Units,
    fresh: &[DecisionId],
) -> Result<(Refreshed, Option<String>), StoreError> {
    pricing::lock_decider(tx)?;
    let page = FactsOf::Page { after, limit: PAGE };
    let (done, last) = refresh_those(tx, page, (zone, now), units, fresh)?;
    Ok((done, last.filter(|_| i64::try_from(done.evaluated) == Ok(PAGE))))
}

/// Decides the products of a scope, whose decider is locked; gives the last SKU of it.
fn refresh_those(
    tx: &mut Tx<'_>,
    scope: FactsOf<'_>,
    (zone, now): (&StoreZone, Timestamp),
    units: &Units,
    fresh: &[DecisionId],
) -> Result<(Refreshed, Option<String>), StoreError> {
    let layers = Layers::load(tx)?;
    let running = promotions::running(tx, now)?;
    let (hour, weekday, day_start) = zone.place(now);
    let rows = pricing::facts(tx, scope, now, day_start)?;
    let now = after_last_change(tx, &rows, now, fresh)?;
    let skus: Vec<&str> = rows.iter().map(|row| row.sku.as_str()).collect();
    let theirs = competitors::latest(tx, &skus, now)?;
    let mut page = Refreshed::default();
    let (mut decisions, mut standing) = (Vec::new(), Vec::new());
    for (row, id) in rows.iter().zip(fresh) {
        page.evaluated += 1;
        let policy = layers.resolve(&row.sku, row.category.as_deref());
        let facts = PriceFacts {
            competitor: competitor_fact(theirs.get(row.sku.as_str()), row, &policy, now),
            ..price_facts(row, &running, units, (now, hour, weekday))
        };
        let decision = match decide(&facts, &policy) {
            Ok(decision) => decision,
            Err(DecideError::NoBasePrice) => {
                page.no_base_price += 1;
                continue;
            }
            Err(error) => {
                // The price that stands goes on standing; the owner sees why nothing moves.
                tracing::warn!(sku = %row.sku, %error, "a price could not be decided");
                continue;
            }
        };
        let from_minor = facts.current.as_ref().map(|current| current.amount_minor);
        if from_minor == Some(decision.price_minor) {
            // That a move has to wait is not why the price is what it is: those reasons stay.
            if !decision.reasons.iter().any(|reason| reason.factor == "dwell") {
                standing.push((row.sku.clone(), decision));
            }
        } else {
            page.changed += 1;
            decisions.push(new_decision(tx, *id, &facts, &policy, &decision, from_minor)?);
        }
    }
    pricing::write_decisions(tx, &decisions, now)?;
    price_events::changed(tx, &decisions, now)?;
    write_moved_reasons(tx, standing)?;
    Ok((page, rows.last().map(|row| row.sku.as_str().to_owned())))
}

/// The time these products are decided at. A decider that took the time and its ids and then waited
/// for another one decides after it all the same, and so does one whose clock was set back:
/// decisions of one price rise by time and id.
fn after_last_change(
    tx: &mut Tx<'_>,
    rows: &[PricingFacts],
    now: Timestamp,
    fresh: &[DecisionId],
) -> Result<Timestamp, StoreError> {
    let changes = rows.iter().filter_map(|row| row.current.map(|(_, changed_at, _)| changed_at));
    let Some(last) = changes.max().filter(|last| *last >= now) else { return Ok(now) };
    let newest = pricing::newest_decision_at(tx, last)?;
    let rises = last == now
        && newest.is_none_or(|newest| fresh.first().is_some_and(|id| id.uuid() > newest.uuid()));
    Ok(if rises { now } else { last.plus_micros(1) })
}

/// Net pieces sold and what shoppers looked at, by SKU, read once for all pages of a refresh.
struct Units {
    days_7: HashMap<String, i64>,
    days_28: HashMap<String, i64>,
    /// Of 7 days; `None` where no price follows traffic.
    traffic: Option<HashMap<String, Demand>>,
}

impl Units {
    /// Of all products, or of some.
    fn load(tx: &mut Tx<'_>, of: Option<&[Sku]>, now: Timestamp) -> Result<Self, StoreError> {
        let skus: Option<Vec<&str>> = of.map(|skus| skus.iter().map(Sku::as_str).collect());
        let mut since = |days: i64| {
            let since = now.plus_micros(-days * DAY);
            let Some(skus) = &skus else { return orders::net_units(tx, None, since, now) };
            let mut units = HashMap::new();
            for sku in skus {
                units.extend(orders::net_units(tx, Some(sku), since, now)?);
            }
            Ok::<_, StoreError>(units)
        };
        let (days_7, days_28) = (since(7)?, since(28)?);
        let traffic = if Layers::load(tx)?.follow_traffic() {
            Some(demand::since(tx, skus.as_deref(), now.plus_micros(-7 * DAY), now)?)
        } else {
            None
        };
        Ok(Self { days_7, days_28, traffic })
    }

    fn of(units: &HashMap<String, i64>, sku: &Sku) -> i64 {
        units.get(sku.as_str()).copied().unwrap_or(0)
    }

    fn traffic_of(&self, sku: &Sku) -> Option<Demand> {
        self.traffic.as_ref().map(|all| all.get(sku.as_str()).copied().unwrap_or_default())
    }
}

fn price_facts(
    row: &PricingFacts,
    running: &[Promotion],
    units: &Units,
    (now, hour, weekday): (Timestamp, u8, u8),
) -> PriceFacts {
    let sold = row.first_sold_at.is_some_and(|at| at <= now);
    let traffic = units.traffic_of(&row.sku);
    PriceFacts {
        sku: row.sku.clone(),
        currency: row.currency,
        base_minor: row.base_minor,
        cost_minor: row.cost_minor,
        map_minor: row.map_minor,
        available: row.available,
        units_7d: sold.then(|| Units::of(&units.days_7, &row.sku)),
        units_28d: sold.then(|| Units::of(&units.days_28, &row.sku)),
        views_7d: traffic.map(|traffic| traffic.views),
        adds_7d: traffic.map(|traffic| traffic.adds),
        current: row.current.map(|(amount_minor, changed_at, day_open)| CurrentPrice {
            amount_minor,
            changed_at,
            day_open_minor: day_open.unwrap_or(amount_minor),
        }),
        promotions: running.iter().filter_map(|p| promotion_fact(p, row)).collect(),
        competitor: None,
        now,
        hour,
        weekday,
    }
}

/// What is left of the competitors' prices; `None` where no setting asks for them, so that shops
/// without any keep the facts they have.
fn competitor_fact(
    prices: Option<&Vec<CompetitorPrice>>,
    row: &PricingFacts,
    policy: &PricePolicy,
    now: Timestamp,
) -> Option<CompetitorFact> {
    let asked = policy.competitor_corridor.is_some() || policy.rules.competitor.is_some();
    let prices = prices.filter(|_| asked)?;
    let product = (row.base_minor, row.currency);
    judge_prices(prices, product, policy.competitor_fresh_hours, now).1
}

/// What a running promotion is to a product; `None` where it does not cover it, or cannot count.
fn promotion_fact(promotion: &Promotion, row: &PricingFacts) -> Option<PromotionFact> {
    if !promotion.scope.covers(&row.sku, row.category.as_deref()) {
        return None;
    }
    // Without a base price nothing is decided; any base will do to say that it runs.
    let base_minor = row.base_minor.unwrap_or(1);
    Some(PromotionFact {
        id: promotion.promotion_id,
        name: promotion.name.clone(),
        factor: promotion.effect.factor_on(base_minor, row.currency)?,
        locks_price: promotion.locks_price,
        priority: promotion.priority,
        stackable: promotion.stackable,
    })
}

fn new_decision(
    tx: &mut Tx<'_>,
    decision_id: DecisionId,
    facts: &PriceFacts,
    policy: &PricePolicy,
    decision: &PriceDecision,
    from_minor: Option<i64>,
) -> Result<NewDecision, StoreError> {
    let reduced = from_minor.is_some_and(|from| decision.price_minor < from);
    let lowest_30d_minor = if reduced {
        pricing::lowest_before(tx, &facts.sku, facts.now, PRIOR_PRICE_DAYS)?
    } else {
        None
    };
    Ok(NewDecision {
        decision_id,
        sku: facts.sku.clone(),
        currency: facts.currency,
        from_minor,
        to_minor: decision.price_minor,
        base_minor: decision.base_minor,
        lowest_30d_minor,
        strategy: text_of(decision.strategy),
        facts: json_of(facts),
        policy: json_of(policy),
        decision: json_of(decision),
    })
}

/// Keeps the shown reasons true where the price stands but what it rests on has changed.
fn write_moved_reasons(
    tx: &mut Tx<'_>,
    standing: Vec<(Sku, PriceDecision)>,
) -> Result<(), StoreError> {
    let skus: Vec<&str> = standing.iter().map(|(sku, _)| sku.as_str()).collect();
    let shown = pricing::shown_decisions(tx, &skus)?;
    let moved: Vec<_> = standing
        .into_iter()
        .map(|(sku, decision)| {
            (sku, decision.base_minor, text_of(decision.strategy), json_of(&decision))
        })
        .filter(|(sku, _, _, decision)| shown.get(sku.as_str()) != Some(decision))
        .map(|(sku, base_minor, strategy, decision)| NewStanding {
            sku,
            base_minor,
            strategy,
            decision,
        })
        .collect();
    pricing::write_standing(tx, &moved)
}

fn text_of(value: impl Serialize) -> String {
    match json_of(value) {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    }
}

/// Domain values always have a JSON form: no maps with other keys than text, no failing serializer.
fn json_of(value: impl Serialize) -> serde_json::Value {
    match serde_json::to_value(value) {
        Ok(json) => json,
        Err(error) => panic!("a domain value has no JSON form: {error}"),
    }
}

/// Decides once more from the facts and settings that were kept. Equal to the kept decision, byte
/// for byte, unless the record or the rules changed.
pub fn replay(kept: &pricing::Decision) -> Result<PriceDecision, String> {
    let facts: PriceFacts =
        serde_json::from_value(kept.facts.clone()).map_err(|e| format!("the kept facts: {e}"))?;
    let policy: PricePolicy = serde_json::from_value(kept.policy.clone())
        .map_err(|e| format!("the kept settings: {e}"))?;
    decide(&facts, &policy).map_err(|e| e.to_string())
}

/// The layers of one store as the ledger keeps them, read into the domain's words.
pub(super) fn read_patch(patch: serde_json::Value) -> Result<PolicyPatch, serde_json::Error> {
    serde_json::from_value(patch)
}
