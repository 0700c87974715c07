//! What every page promises: no inline script or style, everything escaped, anchors that exist.
//!
//! The fixtures are hostile on purpose: markup in names, right-to-left text, zeros, negative and
//! huge numbers.

use serde_json::json;
use shopwright_domain::catalog::Sku;
use shopwright_domain::identity::Role;
use shopwright_domain::pricing::{CompetitorPrice, JudgedPrice, Verdict};
use shopwright_domain::time::{DAY, Timestamp};
use uuid::Uuid;

use super::chart::{PriceChartView, SparkPoint, WeekUnits, price_chart, spark_bars, sparkline};
use super::docs::{ProblemDoc, docs, docs_errors};
use super::error::{ErrorView, error};
use super::layout::{AssetUrls, AttributionView, DemoView, Frame, OperatorView, Theme};
use super::list_state::{Filter, ListState};
use super::price_row::{ChangeView, PriceRowView, PriceState, RangeView};
use super::pricing::{NoticeView, PageView, PriceListView, PriceSummaryView, price_list};
use super::product::{DecisionView, HistoryRow, ProductView, product};
use super::waterfall::ReasonView;

const HOSTILE: &str = "<script>alert(1)</script>\" style=\"x\" onload='y' & مرحبا";

fn at(days: i64) -> Timestamp {
    "2011-12-09T12:50:00Z".parse::<Timestamp>().unwrap().plus_micros(days * DAY)
}

fn frame() -> Frame {
    Frame {
        store_name: HOSTILE.to_owned(),
        now: at(0),
        assets: AssetUrls {
            css: "/assets/a.css".to_owned(),
            js: "/assets/a.js".to_owned(),
            favicon: "/assets/a.svg".to_owned(),
        },
        theme: Some(Theme::Dark),
        demo: Some(DemoView { clock_text: HOSTILE.to_owned() }),
        attribution: Some(AttributionView { text: HOSTILE.to_owned(), url: "/x\"y".to_owned() }),
        operator: Some(OperatorView {
            name: HOSTILE.to_owned(),
            role: Role::Owner,
            csrf: HOSTILE.to_owned(),
        }),
    }
}

fn row(sku: &str, price: PriceState) -> PriceRowView {
    PriceRowView {
        sku: Sku::parse(sku).unwrap(),
        title: HOSTILE.to_owned(),
        price,
        change: Some(ChangeView { from_minor: 0, to_minor: i64::MAX, at: at(-3) }),
        reason_sentence: HOSTILE.to_owned(),
        more_reasons: 2,
        available: Some(-4),
        units_7d: Some(0),
        range_30d: Some(RangeView { lowest_minor: -1, highest_minor: i64::MAX }),
        spark: vec![SparkPoint { at: at(-9), amount_minor: 5 }],
        units_by_week: vec![3, -2, 0],
    }
}

fn list_view(rows: Vec<PriceRowView>, products: i64) -> PriceListView {
    PriceListView {
        currency: "GBP".parse().unwrap(),
        state: ListState {
            query: HOSTILE.to_owned(),
            filter: Filter::Raised,
            ..ListState::default()
        },
        page: PageView {
            from: 1,
            to: 2,
            total: 9,
            prev_url: None,
            next_url: Some("/?page=2".to_owned()),
        },
        rows,
        summary: PriceSummaryView { products, priced: 1, raised: 1, lowered: 0, held: 0 },
        notice: Some(NoticeView {
            text: HOSTILE.to_owned(),
            action: Some((HOSTILE.to_owned(), "/".to_owned())),
        }),
        stale: true,
    }
}

fn product_view(price: PriceState) -> ProductView {
    let reason = |effect_minor| ReasonView {
        label: HOSTILE.to_owned(),
        effect_minor,
        signal: Some(HOSTILE.to_owned()),
        sentence: HOSTILE.to_owned(),
    };
    let id = Some(shopwright_domain::ids::DecisionId::from_uuid(Uuid::from_u128(7)));
    ProductView {
        sku: Sku::parse(HOSTILE).unwrap(),
        title: HOSTILE.to_owned(),
        category: Some(HOSTILE.to_owned()),
        currency: "GBP".parse().unwrap(),
        price,
        base_rule: HOSTILE.to_owned(),
        cost_minor: Some(i64::MIN),
        available: None,
        units_7d: Some(-1),
        units_28d: Some(i64::MAX),
        lowest_30d_minor: None,
        decision: Some(DecisionView {
            decision_id: id,
            decided_at: at(-1),
            strategy: HOSTILE.to_owned(),
            from_minor: Some(0),
            to_minor: 299,
            reasons: vec![reason(Some(i64::MAX)), reason(Some(i64::MIN)), reason(None)],
            playbook_price_minor: None,
            allowed: None,
        }),
        history: vec![HistoryRow {
            at: at(-1),
            from_minor: None,
            to_minor: 299,
            strategy: HOSTILE.to_owned(),
            sentence: HOSTILE.to_owned(),
            decision_id: id,
        }],
        chart: chart_view(vec![(-9, 250), (-2, 299)], vec![(-14, 9), (-7, -3)]),
        competitors: Verdict::ALL.map(judged).to_vec(),
        stale: true,
    }
}

fn judged(verdict: Verdict) -> JudgedPrice {
    let price = CompetitorPrice {
        competitor: HOSTILE.to_owned(),
        observed_at: at(-1),
        price_minor: i64::MAX,
        shipping_minor: None,
        currency: "GBP".parse().unwrap(),
        in_stock: true,
        is_forced: false,
        confidence_bps: 0,
        is_confirmed: false,
    };
    JudgedPrice { price, verdict }
}

fn chart_view(prices: Vec<(i64, i64)>, weeks: Vec<(i64, i64)>) -> PriceChartView {
    let prices = prices.into_iter();
    let weeks = weeks.into_iter();
    PriceChartView {
        from: at(-28),
        until: at(0),
        prices: prices
            .map(|(day, amount_minor)| SparkPoint { at: at(day), amount_minor })
            .collect(),
        weeks: weeks.map(|(day, units)| WeekUnits { starts_at: at(day), units }).collect(),
        base_minor: Some(255),
        currency: "GBP".parse().unwrap(),
    }
}

fn api() -> serde_json::Value {
    json!({"openapi": "3.1.0", "info": {"title": HOSTILE, "version": HOSTILE, "description": HOSTILE},
        "tags": [{"name": "Prices", "description": HOSTILE}, {"name": "Unused"}],
        "paths": {"/v1/prices/{sku}": {"get": {
            "operationId": "get_price", "tags": ["Prices"], "summary": "Read a price",
            "description": HOSTILE,
            "parameters": [{"name": "sku", "in": "path", "required": true, "example": "85123A",
                "schema": {"type": "string"}}],
            "responses": {"200": {"description": HOSTILE, "content": {"application/json": {
                "schema": {"$ref": "#/components/schemas/Price"}}}}}}},
          "/v1/prices/batch": {"post": {"requestBody": {"content": {"application/json": {
                "example": {"note": "it's"}, "schema": {"$ref": "#/components/schemas/Price"}}}}}}},
        "components": {"schemas": {"Price": {"type": "object", "properties": {
            "note": {"type": "string", "description": HOSTILE}}}}}})
}

fn problems() -> Vec<ProblemDoc> {
    vec![ProblemDoc {
        code: "unknown-sku".to_owned(),
        title: HOSTILE.to_owned(),
        status: 404,
        detail: HOSTILE.to_owned(),
    }]
}

fn set() -> PriceState {
    PriceState::Set { price_minor: 299, base_minor: 255 }
}

fn missing() -> PriceState {
    PriceState::Missing { because: HOSTILE.to_owned() }
}

fn every_page() -> Vec<String> {
    let frame = frame();
    let rows = || vec![row("a/b", set()), row("<b>", missing())];
    [
        price_list(&frame, &list_view(rows(), 2)),
        price_list(&frame, &list_view(vec![], 2)),
        price_list(&frame, &list_view(vec![], 0)),
        product(&frame, &product_view(set())),
        product(&frame, &product_view(missing())),
        docs(&frame, &api(), &problems()),
        docs_errors(&frame, &problems()),
        error(&frame, &ErrorView::page_not_found(HOSTILE)),
        error(&frame, &ErrorView::product_not_found(HOSTILE)),
        error(&frame, &ErrorView::internal(HOSTILE)),
        error(&frame, &ErrorView::unavailable(HOSTILE)),
    ]
    .into_iter()
    .map(maud::Markup::into_string)
    .collect()
}

#[test]
fn no_page_needs_inline_script_or_style() {
    for html in every_page() {
        assert!(!html.contains("<style"));
        assert!(!html.contains(" style=\""), "style attribute");
        assert_eq!(html.matches("<script").count(), 1);
        assert!(html.contains("<script type=\"module\" src=\"/assets/a.js\"></script>"));
        for handler in [" onclick=", " onload=\"", " onchange=\"", "javascript:"] {
            assert!(!html.contains(handler), "{handler}");
        }
    }
}

#[test]
fn hostile_text_is_always_escaped() {
    for html in every_page() {
        assert!(!html.contains("<script>alert"));
        assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
        assert!(!html.contains("\" style"));
    }
}

#[test]
fn every_link_inside_a_page_leads_somewhere() {
    for html in every_page() {
        for rest in html.split("href=\"#").skip(1) {
            let id = rest.split('"').next().unwrap_or_default();
            assert!(html.contains(&format!("id=\"{id}\"")), "no element has the id {id}");
        }
        let mut ids: Vec<&str> =
            html.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all, "an id is given twice");
    }
}

#[test]
fn errors_and_operations_have_stable_anchors() {
    let html = docs(&frame(), &api(), &problems()).into_string();
    for id in ["get_price", "post-v1-prices-batch", "error-unknown-sku", "tag-prices", "tag-other"]
    {
        assert!(html.contains(&format!("id=\"{id}\"")), "{id}");
    }
    assert!(html.contains("$SHOPWRIGHT_URL/v1/prices/85123A"));
    assert!(html.contains("it'\\''s"), "a quote in a body ends no shell word");
    assert!(!html.contains("Unused"));
    assert!(docs_errors(&frame(), &problems()).into_string().contains("id=\"unknown-sku\""));
}

#[test]
fn a_product_without_a_price_shows_no_number_for_it() {
    let html = product(&frame(), &product_view(missing())).into_string();
    assert!(html.contains("No price"));
    assert!(!html.contains("id=\"why\""));
}

/// All numbers of `attribute` in the drawing, in units.
fn coordinates(svg: &str, attribute: &str) -> Vec<f64> {
    let marker = format!(" {attribute}=\"");
    svg.split(&marker)
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().parse().unwrap())
        .collect()
}

fn check_inside(svg: &str, width: f64, height: f64) {
    for (attribute, most) in [
        ("x", width),
        ("x1", width),
        ("x2", width),
        ("cx", width),
        ("width", width),
        ("y", height),
        ("y1", height),
        ("y2", height),
        ("cy", height),
        ("height", height),
    ] {
        for value in coordinates(svg, attribute) {
            assert!((0.0..=most).contains(&value), "{attribute}={value} in {width} × {height}");
        }
    }
    for path in svg.split(" d=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        for number in path.split(['M', 'H', 'V', ' ']).filter(|piece| !piece.is_empty()) {
            let value: f64 = number.parse().expect(path);
            assert!((0.0..=width.max(height)).contains(&value), "{path}");
        }
    }
}

#[test]
fn every_chart_stays_inside_its_drawing_whatever_the_numbers() {
    let cases = [
        (vec![], vec![]),
        (vec![(-9, 100)], vec![(-7, 0)]),
        (vec![(-90, 100), (-9, 100)], vec![(-14, 5), (-7, 5)]),
        (vec![(-9, -100), (-8, 0), (-7, i64::MAX)], vec![(-14, -3), (-7, i64::MAX)]),
        (vec![(-3_000, i64::MIN), (30, i64::MAX)], vec![(-90, i64::MIN), (20, 1)]),
    ];
    for (prices, weeks) in cases {
        let view = chart_view(prices, weeks);
        let svg = price_chart(&view).into_string();
        let (wide, narrow) = svg.split_at(svg.rfind("<svg").unwrap());
        check_inside(wide, 744.0, 340.0);
        check_inside(narrow, 360.0, 320.0);
        check_inside(&sparkline(&view.prices, view.until, view.currency).into_string(), 96.0, 24.0);
        let units: Vec<i64> = view.weeks.iter().map(|week| week.units).collect();
        check_inside(&spark_bars(&units).into_string(), 96.0, 24.0);
    }
}

#[test]
fn a_chart_over_no_time_is_still_drawn() {
    let mut view = chart_view(vec![(0, 100)], vec![]);
    view.from = view.until;
    check_inside(&price_chart(&view).into_string(), 744.0, 340.0);
}
