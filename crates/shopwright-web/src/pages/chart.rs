//! Charts as SVG made on the server: sparklines, and price steps over weekly sales.
//!
//! Colour comes from CSS classes, never from inline styles. Every mark stays inside the viewBox:
//! coordinates come from [`Scale`] alone. Bars stand on zero; the price line need not.

use std::fmt::Write as _;

use maud::{Markup, html};
use shopwright_domain::money::Currency;
use shopwright_domain::time::{DAY, Timestamp};

use super::chart_axis::{Px, Scale, ticks, time_ticks};
use super::format;

/// A price that holds from `at` until the next point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SparkPoint {
    /// Since when.
    pub at: Timestamp,
    /// The price in minor units.
    pub amount_minor: i64,
}

/// What was sold in one week, net of returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeekUnits {
    /// The first moment of the week.
    pub starts_at: Timestamp,
    /// Pieces; negative when more came back than was sold.
    pub units: i64,
}

/// Price steps and weekly sales over the same time.
#[derive(Clone, Debug)]
pub struct PriceChartView {
    /// The left edge.
    pub from: Timestamp,
    /// The right edge, usually the present.
    pub until: Timestamp,
    /// Price steps, oldest first; one before `from` gives the price at the left edge.
    pub prices: Vec<SparkPoint>,
    /// Weeks, oldest first.
    pub weeks: Vec<WeekUnits>,
    /// The base price, drawn as a reference; `None` leaves it out.
    pub base_minor: Option<i64>,
    /// The currency of every amount.
    pub currency: Currency,
}

/// How wide the drawing is. Text keeps its size, so each has its own drawing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChartSize {
    /// For 560 px and more.
    Wide,
    /// For phones.
    Narrow,
}

/// A price line without axes, 96 × 24 units. Nothing at all without a point.
pub fn sparkline(points: &[SparkPoint], until: Timestamp, currency: Currency) -> Markup {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return html! {} };
    let until = until.max(last.at);
    let x = Scale::new((first.at.as_micros(), until.as_micros()), (Px::units(2), Px::units(91)));
    let y = Scale::new(amount_range(points), (Px::units(20), Px::units(4)));
    let label = format!(
        "Price from {} to {}, {} to {}",
        format::day(first.at),
        format::day(until),
        format::amount(first.amount_minor, currency),
        format::amount(last.amount_minor, currency),
    );
    html! {
        svg.spark viewBox="0 0 96 24" role="img" aria-label=(label) {
            title { (label) }
            path.price-line d=(step_path(points, x, y, Px::units(91))) {}
            circle.price-end cx="91" cy=(y.at(last.amount_minor)) r="2.5" {}
        }
    }
}

/// Weekly sales as bars without axes, 96 × 24 units, oldest first. Nothing at all without a week.
pub fn spark_bars(units_by_week: &[i64]) -> Markup {
    let Some(last) = units_by_week.last() else { return html! {} };
    let y = Scale::new(zero_based_range(units_by_week), (Px::units(23), Px::units(2)));
    let slots = i64::try_from(units_by_week.len()).unwrap_or(i64::MAX);
    let x = Scale::new((0, slots), (Px(0), Px::units(96)));
    let label = format!(
        "Sold by week over {}, the last {}",
        format::counted(slots, "week", "weeks"),
        format::count(*last)
    );
    html! {
        svg.spark viewBox="0 0 96 24" role="img" aria-label=(label) {
            title { (label) }
            @for (slot, units) in (0..).zip(units_by_week) {
                (bar((x.at(slot), x.at(slot + 1)), y, *units))
            }
        }
    }
}

/// The chart of a product page in both sizes; the stylesheet shows the one that fits.
pub fn price_chart(view: &PriceChartView) -> Markup {
    html! {
        (sized_chart(view, ChartSize::Wide))
        (sized_chart(view, ChartSize::Narrow))
    }
}

/// The two panels and where they stand in the drawing.
struct Panels {
    width: i64,
    height: i64,
    left: i64,
    right: i64,
    price: (i64, i64),
    units: (i64, i64),
    time_ticks_most: usize,
}

impl Panels {
    fn of(view: &PriceChartView, size: ChartSize) -> Self {
        // The left margin makes room for the longest amount at about 7 units a digit.
        let longest =
            view.prices.iter().map(|p| format::amount(p.amount_minor, view.currency).len());
        let left = i64::try_from(longest.max().unwrap_or(4) * 7 + 14).unwrap_or(64).clamp(44, 190);
        let (width, height, time_ticks_most) = match size {
            ChartSize::Wide => (744, 340, 8),
            ChartSize::Narrow => (360, 320, 4),
        };
        Self {
            width,
            height,
            left,
            right: width - 12,
            price: (28, height * 56 / 100),
            units: (height * 56 / 100 + 44, height - 28),
            time_ticks_most,
        }
    }
}

fn sized_chart(view: &PriceChartView, size: ChartSize) -> Markup {
    let panels = Panels::of(view, size);
    let until = view.until.max(view.from);
    let x = Scale::new(
        (view.from.as_micros(), until.as_micros()),
        (Px::units(panels.left), Px::units(panels.right)),
    );
    let class = match size {
        ChartSize::Wide => "chart chart-wide",
        ChartSize::Narrow => "chart chart-narrow",
    };
    html! {
        svg class=(class) viewBox={ "0 0 " (panels.width) " " (panels.height) } role="img"
            aria-label="Price over time, and pieces sold by week; the table below has the numbers" {
            (time_axis(view, x, &panels))
            (price_panel(view, x, &panels))
            (units_panel(view, x, &panels))
        }
    }
}

fn time_axis(view: &PriceChartView, x: Scale, panels: &Panels) -> Markup {
    let has_prices = !view.prices.is_empty() || view.base_minor.is_some();
    html! {
        @for tick in time_ticks(view.from, view.until, panels.time_ticks_most) {
            @let place = x.at(tick.at.as_micros());
            @if has_prices {
                line.grid x1=(place) x2=(place) y1=(panels.price.0) y2=(panels.price.1) {}
            }
            @if !view.weeks.is_empty() {
                line.grid x1=(place) x2=(place) y1=(panels.units.0) y2=(panels.units.1) {}
            }
            // A label so near an edge that half of it would be cut off is left to its neighbours.
            @if place >= Px::units(panels.left + 14) && place <= Px::units(panels.right - 14) {
                text.tick.tick-time x=(place) y=(panels.height - 8) { (tick.label) }
            }
        }
    }
}

fn price_panel(view: &PriceChartView, x: Scale, panels: &Panels) -> Markup {
    let amounts = view.prices.iter().map(|p| p.amount_minor).chain(view.base_minor);
    let (Some(low), Some(high)) = (amounts.clone().min(), amounts.max()) else {
        return html! {
            text.panel-title x=(panels.left) y="16" { "No price was set in this time" }
        };
    };
    let marks = ticks(low, high, 4);
    let y = axis_scale(&marks, panels.price);
    let until = view.until.max(view.from);
    let shown = from_left_edge(&view.prices, view.from, until);
    html! {
        text.panel-title x=(panels.left) y="16" { "Price, " (view.currency.code()) }
        (number_axis(&marks, y, panels, |mark| format::amount(mark, view.currency)))
        @if let Some(base) = view.base_minor {
            line.base-line x1=(panels.left) x2=(panels.right) y1=(y.at(base)) y2=(y.at(base)) {
                title { "Base price " (format::amount(base, view.currency)) }
            }
        }
        @if !shown.is_empty() {
            path.price-line d=(step_path(&shown, x, y, Px::units(panels.right))) {}
        }
        @for (point, next) in shown.iter().zip(shown.iter().skip(1).map(Some).chain([None])) {
            @let start = x.at(point.at.as_micros());
            @let end = next.map_or(Px::units(panels.right), |next| x.at(next.at.as_micros()));
            @let level = y.at(point.amount_minor);
            g.step {
                title {
                    (format::amount(point.amount_minor, view.currency))
                    " since " (format::exact_time(point.at))
                }
                rect.hit x=(start) y=(panels.price.0) width=(Px((end.0 - start.0).max(0)))
                    height=(panels.price.1 - panels.price.0) {}
                line.step-mark x1=(start) x2=(end) y1=(level) y2=(level) {}
            }
        }
        (price_labels(view, &shown, y, panels))
    }
}

/// The present price and, where it does not collide, the base price, written at the lines.
fn price_labels(view: &PriceChartView, shown: &[SparkPoint], y: Scale, panels: &Panels) -> Markup {
    let Some(last) = shown.last() else { return html! {} };
    let place = y.at(last.amount_minor);
    let above = |place: Px| Px((place.0 - 70).max(panels.price.0 * 10 + 100));
    let base = view.base_minor.filter(|base| (y.at(*base).0 - place.0).abs() >= 180);
    html! {
        circle.price-end cx=(panels.right) cy=(place) r="3.5" {}
        text.direct.direct-end x=(panels.right) y=(above(place)) {
            (format::amount(last.amount_minor, view.currency)) " now"
        }
        @if let Some(base) = base {
            text.direct.direct-base x=(panels.left + 6) y=(above(y.at(base))) {
                "base " (format::amount(base, view.currency))
            }
        }
    }
}

fn units_panel(view: &PriceChartView, x: Scale, panels: &Panels) -> Markup {
    let title_y = panels.units.0 - 12;
    if view.weeks.is_empty() {
        return html! {
            text.panel-title x=(panels.left) y=(title_y) { "Nothing was sold in this time" }
        };
    }
    let units: Vec<i64> = view.weeks.iter().map(|week| week.units).collect();
    let (low, high) = zero_based_range(&units);
    let marks = ticks(low, high, 3);
    let y = axis_scale(&marks, panels.units);
    html! {
        text.panel-title x=(panels.left) y=(title_y) { "Sold by week, pieces" }
        (number_axis(&marks, y, panels, format::count))
        @for week in &view.weeks {
            @let start = x.at(week.starts_at.as_micros());
            @let end = x.at(week.starts_at.plus_micros(7 * DAY).as_micros());
            g.week {
                title { "Week of " (format::day(week.starts_at)) ": " (format::count(week.units)) " sold" }
                rect.hit x=(start) y=(panels.units.0) width=(Px((end.0 - start.0).max(0)))
                    height=(panels.units.1 - panels.units.0) {}
                (bar((start, end), y, week.units))
            }
        }
    }
}

/// Horizontal grid lines with their numbers; the line at zero is drawn stronger.
fn number_axis(marks: &[i64], y: Scale, panels: &Panels, text: impl Fn(i64) -> String) -> Markup {
    html! {
        @for mark in marks {
            @let place = y.at(*mark);
            line class=(if *mark == 0 { "grid grid-zero" } else { "grid" })
                x1=(panels.left) x2=(panels.right) y1=(place) y2=(place) {}
            text.tick.tick-number x=(panels.left - 8) y=(Px(place.0 + 40)) { (text(*mark)) }
        }
    }
}

fn axis_scale(marks: &[i64], (top, bottom): (i64, i64)) -> Scale {
    let (low, high) = (marks.first().copied().unwrap_or(0), marks.last().copied().unwrap_or(0));
    Scale::new((low, high), (Px::units(bottom), Px::units(top)))
}

/// A bar from zero to `units` with a gap of an eighth to its neighbours.
fn bar((start, end): (Px, Px), y: Scale, units: i64) -> Markup {
    let room = (end.0 - start.0).max(0);
    let gap = (room / 8).min(20);
    let (zero, tip) = (y.at(0), y.at(units));
    html! {
        rect class=(if units < 0 { "bar-units bar-negative" } else { "bar-units" })
            x=(Px(start.0 + gap)) y=(Px(zero.0.min(tip.0)))
            width=(Px((room - 2 * gap).max(1))) height=(Px((zero.0 - tip.0).abs())) {}
    }
}

/// The steps inside `from` to `until`, the first one moved to the left edge when older.
fn from_left_edge(points: &[SparkPoint], from: Timestamp, until: Timestamp) -> Vec<SparkPoint> {
    let before = points.iter().rev().find(|point| point.at <= from);
    let edge = before.map(|point| SparkPoint { at: from, amount_minor: point.amount_minor });
    let inside = points.iter().copied().filter(|point| point.at > from && point.at <= until);
    edge.into_iter().chain(inside).collect()
}

/// A line that holds each price until the next and the last one up to `end`.
fn step_path(points: &[SparkPoint], x: Scale, y: Scale, end: Px) -> String {
    let mut path = String::new();
    for (index, point) in points.iter().enumerate() {
        let (px, py) = (x.at(point.at.as_micros()), y.at(point.amount_minor));
        // Writing to a String cannot fail.
        let _ = if index == 0 { write!(path, "M{px} {py}") } else { write!(path, "H{px}V{py}") };
    }
    if !path.is_empty() {
        let _ = write!(path, "H{end}");
    }
    path
}

fn amount_range(points: &[SparkPoint]) -> (i64, i64) {
    let amounts = points.iter().map(|point| point.amount_minor);
    (amounts.clone().min().unwrap_or(0), amounts.max().unwrap_or(0))
}

/// From the least to the most, zero always inside, never empty.
fn zero_based_range(units: &[i64]) -> (i64, i64) {
    let low = units.iter().copied().min().unwrap_or(0).min(0);
    let high = units.iter().copied().max().unwrap_or(0).max(0);
    if low == high { (0, 1) } else { (low, high) }
}
