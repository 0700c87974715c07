//! The price list and the product page.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use shopwright_app::competitors::overview;
use shopwright_domain::catalog::Sku;
use shopwright_domain::money::{Currency, format_minor};
use shopwright_domain::pricing::{JudgedPrice, PriceDecision, Reason, Strategy};
use shopwright_domain::time::{DAY, Timestamp};
use shopwright_store::catalog::Product;
use shopwright_store::price_list::{self, ListFilter, ListOrder, ListQuery, ListRow};
use shopwright_store::pricing::{CurrentPrice, Decision, FactsOf, PricingFacts};
use shopwright_store::{StoreError, Tx, catalog, orders, pricing};

use super::visit::Visit;
use super::{error_page, failed, frame, page};
use crate::Site;
use crate::pages::chart::{PriceChartView, SparkPoint, WeekUnits};
use crate::pages::error::ErrorView;
use crate::pages::list_state::{Filter, ListState, Sort};
use crate::pages::price_row::{ChangeView, PriceRowView, PriceState, RangeView};
use crate::pages::pricing::{
    PageView, PriceListView, PriceSummaryView, price_list as price_list_page,
};
use crate::pages::product::{DecisionView, HistoryRow, ProductView, product as product_page};
use crate::pages::waterfall::ReasonView;

/// Products on a page of the list.
const ROWS: i64 = 25;
/// Weeks of sales in the small bars and in the chart.
const WEEKS: i64 = 12;
/// Changes listed on a product's page.
const CHANGES: i64 = 30;
const SEARCH_CHARS_MAX: usize = 100;
const PAGE_MAX: u32 = 1_000_000;

/// The address of the list; anything that does not fit falls back to its default.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ListParams {
    q: String,
    sort: String,
    filter: String,
    page: String,
}

/// `/`.
pub async fn list(
    State(site): State<Arc<Site>>,
    visit: Visit,
    Query(params): Query<ListParams>,
) -> Response {
    let state = ListState {
        query: params.q.trim().chars().filter(|c| *c != '\0').take(SEARCH_CHARS_MAX).collect(),
        sort: Sort::from_param(&params.sort),
        filter: Filter::from_param(&params.filter),
        page: params.page.parse().unwrap_or(1).clamp(1, PAGE_MAX),
    };
    match list_view(&site, state).await {
        Ok(view) => page(StatusCode::OK, price_list_page(&frame(&site, &visit), &view)),
        Err(error) => failed(&site, &visit, &error),
    }
}

async fn list_view(site: &Site, state: ListState) -> Result<PriceListView, StoreError> {
    let now = site.clock.now();
    let query = ListQuery {
        text: state.query.clone(),
        filter: match state.filter {
            Filter::All => ListFilter::All,
            Filter::Raised => ListFilter::Raised,
            Filter::Lowered => ListFilter::Lowered,
            Filter::Held => ListFilter::Held,
        },
        order: match state.sort {
            Sort::RecentlyChanged => ListOrder::RecentlyChanged,
            Sort::BiggestChange => ListOrder::BiggestChange,
            Sort::Sku => ListOrder::Sku,
            Sort::Stock => ListOrder::Stock,
        },
        offset: (i64::from(state.page) - 1) * ROWS,
        limit: ROWS,
    };
    let offset = query.offset;
    let (rows, total, summary) = site
        .store
        .read(move |tx| {
            let (rows, total) = price_list::list(tx, &query, now)?;
            let history = History::load(tx, &rows, now)?;
            let views: Vec<_> = rows.into_iter().map(|row| history.row_view(row)).collect();
            Ok::<_, StoreError>((views, total, pricing::summary(tx)?))
        })
        .await?;
    let [products, priced, raised, lowered, held] = summary;
    let shown = i64::try_from(rows.len()).unwrap_or(0);
    let currency = rows.first().map_or(site.currency, |(currency, _)| *currency);
    let page = PageView {
        from: if shown == 0 { 0 } else { offset + 1 },
        to: offset + shown,
        total,
        prev_url: (state.page > 1).then(|| state.at_page(state.page - 1).url()),
        next_url: (offset + shown < total).then(|| state.at_page(state.page + 1).url()),
    };
    Ok(PriceListView {
        currency,
        state,
        page,
        rows: rows.into_iter().map(|(_, row)| row).collect(),
        summary: PriceSummaryView { products, priced, raised, lowered, held },
        notice: None,
        stale: site.prices.is_stale(),
    })
}

/// What the small charts of a page of rows show.
struct History {
    now: Timestamp,
    steps: HashMap<String, Vec<SparkPoint>>,
    weeks: HashMap<String, Vec<i64>>,
}

impl History {
    fn load(tx: &mut Tx<'_>, rows: &[ListRow], now: Timestamp) -> Result<Self, StoreError> {
        let skus: Vec<&str> = rows.iter().map(|row| row.sku.as_str()).collect();
        let since = now.plus_micros(-WEEKS * 7 * DAY);
        let mut steps: HashMap<String, Vec<SparkPoint>> = HashMap::new();
        for (sku, at, amount_minor) in pricing::steps_since(tx, &skus, since)? {
            steps.entry(sku).or_default().push(SparkPoint { at, amount_minor });
        }
        let weeks = orders::weekly_units(tx, &skus, now, WEEKS)?;
        Ok(Self { now, steps, weeks })
    }

    fn row_view(&self, row: ListRow) -> (Currency, PriceRowView) {
        let spark = self.steps.get(row.sku.as_str()).cloned().unwrap_or_default();
        let units_by_week = self.weeks.get(row.sku.as_str()).cloned().unwrap_or_default();
        let decision: Option<PriceDecision> =
            row.price.as_ref().and_then(|p| serde_json::from_value(p.decision.clone()).ok());
        let reasons = decision.as_ref().map_or(&[][..], |d| &d.reasons);
        let price = match &row.price {
            Some(price) => {
                PriceState::Set { price_minor: price.amount_minor, base_minor: price.base_minor }
            }
            None => missing_price(),
        };
        let change = row.price.as_ref().and_then(|price| {
            let from_minor = price.from_minor?;
            Some(ChangeView { from_minor, to_minor: price.amount_minor, at: price.changed_at })
        });
        let view = PriceRowView {
            title: row.title,
            price,
            change,
            reason_sentence: main_reason(reasons).map(|r| r.sentence.clone()).unwrap_or_default(),
            more_reasons: reasons.len().saturating_sub(1),
            available: row.available,
            units_7d: row.units_7d,
            range_30d: range(&spark, self.now.plus_micros(-30 * DAY)),
            spark,
            units_by_week,
            sku: row.sku,
        };
        (row.currency, view)
    }
}

fn missing_price() -> PriceState {
    PriceState::Missing {
        because: "no sale with a price above 0 in the last 90 days of the history".to_owned(),
    }
}

/// The reason that moved the price most; the first where none moved it.
fn main_reason(reasons: &[Reason]) -> Option<&Reason> {
    let moved = reasons.iter().filter(|r| r.effect_minor != 0).max_by_key(|r| r.effect_minor.abs());
    moved.or_else(|| reasons.first())
}

/// Lowest and highest price that stood after `since`.
fn range(steps: &[SparkPoint], since: Timestamp) -> Option<RangeView> {
    let opening = steps.iter().rev().find(|step| step.at <= since);
    let amounts =
        || opening.into_iter().chain(steps.iter().filter(|s| s.at > since)).map(|s| s.amount_minor);
    Some(RangeView { lowest_minor: amounts().min()?, highest_minor: amounts().max()? })
}

/// `/products/?sku=…`, for SKUs that no path can hold.
#[derive(Debug, Deserialize)]
pub struct SkuParam {
    sku: Option<String>,
}

/// `/products/?sku=…`.
pub async fn product_by_query(
    site: State<Arc<Site>>,
    visit: Visit,
    Query(params): Query<SkuParam>,
) -> Response {
    product(site, visit, Path(params.sku.unwrap_or_default())).await
}

/// `/products/{sku}`.
pub async fn product(
    State(site): State<Arc<Site>>,
    visit: Visit,
    Path(text): Path<String>,
) -> Response {
    let Ok(sku) = Sku::parse(&text) else {
        return error_page(&site, &visit, &ErrorView::product_not_found(&text));
    };
    match product_view(&site, sku).await {
        Ok(Some(view)) => page(StatusCode::OK, product_page(&frame(&site, &visit), &view)),
        Ok(None) => error_page(&site, &visit, &ErrorView::product_not_found(&text)),
        Err(error) => failed(&site, &visit, &error),
    }
}

struct Loaded {
    product: Product,
    facts: Option<PricingFacts>,
    current: Option<CurrentPrice>,
    changes: Vec<Decision>,
    steps: Vec<SparkPoint>,
    weeks: Vec<i64>,
    units: [i64; 2],
    competitors: Vec<JudgedPrice>,
}

fn units_since(tx: &mut Tx<'_>, sku: &Sku, now: Timestamp, days: i64) -> Result<i64, StoreError> {
    let units = orders::net_units(tx, Some(sku.as_str()), now.plus_micros(-days * DAY), now)?;
    Ok(units.values().sum())
}

async fn product_view(site: &Site, sku: Sku) -> Result<Option<ProductView>, StoreError> {
    let now = site.clock.now();
    let (_, _, day_start) = site.zone.place(now);
    let loaded = site
        .store
        .read(move |tx| {
            let Some(product) = catalog::find(tx, &sku)? else { return Ok::<_, StoreError>(None) };
            let since = now.plus_micros(-WEEKS * 7 * DAY);
            let steps = pricing::steps_since(tx, &[sku.as_str()], since)?;
            Ok(Some(Loaded {
                facts: pricing::facts(tx, FactsOf::One(&sku), now, day_start)?.pop(),
                current: pricing::find_current(tx, &sku)?,
                changes: pricing::list_decisions(tx, &sku, None, None, CHANGES)?,
                steps: steps
                    .into_iter()
                    .map(|(_, at, amount_minor)| SparkPoint { at, amount_minor })
                    .collect(),
                weeks: orders::weekly_units(tx, &[sku.as_str()], now, WEEKS)?
                    .remove(sku.as_str())
                    .unwrap_or_default(),
                units: [units_since(tx, &sku, now, 7)?, units_since(tx, &sku, now, 28)?],
                competitors: overview(tx, &sku, now)?.map_or_else(Vec::new, |all| all.prices),
                product,
            }))
        })
        .await?;
    Ok(loaded.map(|loaded| loaded.view(now, site.prices.is_stale())))
}

impl Loaded {
    fn view(self, now: Timestamp, stale: bool) -> ProductView {
        let currency = self.product.currency;
        let from = now.plus_micros(-WEEKS * 7 * DAY);
        let history = self.facts.as_ref().is_some_and(|f| f.first_sold_at.is_some());
        let [units_7d, units_28d] = self.units.map(|units| history.then_some(units));
        let weeks = self.weeks.iter().zip(0..).map(|(units, week)| WeekUnits {
            starts_at: from.plus_micros(week * 7 * DAY),
            units: *units,
        });
        ProductView {
            title: self.product.title.clone(),
            category: self.product.category.clone(),
            currency,
            price: match &self.current {
                Some(current) => PriceState::Set {
                    price_minor: current.amount_minor,
                    base_minor: current.base_minor,
                },
                None => missing_price(),
            },
            base_rule: base_rule(&self.product),
            cost_minor: self.product.cost_minor,
            available: self.facts.as_ref().and_then(|f| f.available),
            units_7d,
            units_28d,
            lowest_30d_minor: self.current.as_ref().and_then(|c| c.lowest_30d_minor),
            decision: self.current.as_ref().and_then(|c| decision_view(c, self.changes.first())),
            chart: PriceChartView {
                from,
                until: now,
                prices: self.steps,
                weeks: weeks.collect(),
                base_minor: self.product.base_price_minor,
                currency,
            },
            history: self.changes.iter().map(history_row).collect(),
            competitors: self.competitors,
            stale,
            sku: self.product.sku,
        }
    }
}

/// How the base price came about, in one sentence.
fn base_rule(product: &Product) -> String {
    let Some(amount) = product.base_price_minor else {
        return "No base price yet: no sale with a price above 0 in the last 90 days of the history.".to_owned();
    };
    let amount = format_minor(amount, product.currency);
    let from = product.base_price_from.clone().unwrap_or_default();
    let number = |key: &str| from.get(key).and_then(serde_json::Value::as_i64).unwrap_or(0);
    if from.get("rule").and_then(|rule| rule.as_str()) == Some("set_by_owner") {
        return format!("{amount} was set by you.");
    }
    format!(
        "{amount} is what most small orders paid: {} of {} lines with up to {} pieces in the last {} days of the history.",
        number("lines_at_price"),
        number("lines_counted"),
        number("quantity_max"),
        number("window_days"),
    )
}

fn decision_view(current: &CurrentPrice, last: Option<&Decision>) -> Option<DecisionView> {
    let decision: PriceDecision = serde_json::from_value(current.decision.clone()).ok()?;
    Some(DecisionView {
        decision_id: Some(current.decision_id),
        decided_at: current.changed_at,
        strategy: strategy_name(decision.strategy).to_owned(),
        from_minor: last.and_then(|last| last.from_minor),
        to_minor: current.amount_minor,
        reasons: decision.reasons.iter().map(reason_view).collect(),
        playbook_price_minor: decision.playbook_price_minor,
        allowed: decision
            .allowed
            .map(|a| RangeView { lowest_minor: a.min_minor, highest_minor: a.max_minor }),
    })
}

fn history_row(kept: &Decision) -> HistoryRow {
    let decision: Option<PriceDecision> = serde_json::from_value(kept.decision.clone()).ok();
    let reasons = decision.as_ref().map_or(&[][..], |d| &d.reasons);
    HistoryRow {
        at: kept.decided_at,
        from_minor: kept.from_minor,
        to_minor: kept.to_minor,
        strategy: decision
            .as_ref()
            .map_or(kept.strategy.clone(), |d| strategy_name(d.strategy).to_owned()),
        sentence: main_reason(reasons).map(|r| r.sentence.clone()).unwrap_or_default(),
        decision_id: Some(kept.decision_id),
    }
}

fn strategy_name(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::Fixed => "fixed",
        Strategy::Rules => "rules",
    }
}

fn reason_view(reason: &Reason) -> ReasonView {
    ReasonView {
        label: factor_label(&reason.factor),
        effect_minor: (reason.effect_minor != 0).then_some(reason.effect_minor),
        signal: None,
        sentence: reason.sentence.clone(),
    }
}

/// `cost_margin` → `Cost margin`.
fn factor_label(factor: &str) -> String {
    let mut words = factor.replace('_', " ");
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words
}
