//! What an import did, for the owner to check against the source: as text and as JSON.
//!
//! In JSON the sums of the file stand at the top, so that another program finds them without
//! knowing our structure; how the rows fared and what the ledger holds are nested.

use serde_json::{Map, Value as Json, json};
use shopwright_app::catalog::CatalogSummary;
use shopwright_app::competitors::CompetitorPricesSummary;
use shopwright_app::events::EventsSummary;
use shopwright_app::orders::{ImportSummary, RowCounts};
use shopwright_app::pricing::Refreshed;
use shopwright_domain::orders::online_retail::Reconciliation;

use crate::output::{Align, Answer, Page, count, grouped, grouped_decimal};

/// The answer of `import online-retail`. Does not hold when every row was refused.
pub fn orders(summary: &ImportSummary, refreshed: Refreshed) -> Answer {
    let holds = summary.rows.rejected < summary.rows.read;
    let page = orders_page(summary, refreshed);
    Answer { holds, ..Answer::new(orders_json(summary, refreshed), page) }
}

/// The answer of `import events`. Does not hold when every line was refused.
pub fn events(summary: &EventsSummary, refreshed: Refreshed) -> Answer {
    let EventsSummary { read, written, unchanged, rejected, .. } = *summary;
    let mut page = Page::new("Events");
    page.pairs(&[
        ("lines read", grouped(read)),
        ("  written", grouped(written)),
        ("  unchanged", grouped(unchanged)),
        ("  rejected", grouped(rejected)),
        ("prices", prices(refreshed)),
    ]);
    page.gap();
    last_line(&mut page, rejected, summary.rejects_file.as_deref());
    let json = json!({
        "rows": { "read": read, "written": written, "unchanged": unchanged, "rejected": rejected },
        "prices": refreshed,
        "rejects_file": summary.rejects_file,
    });
    Answer { holds: rejected == 0 || rejected < read, ..Answer::new(json, page) }
}

fn orders_json(summary: &ImportSummary, refreshed: Refreshed) -> Json {
    let file = &summary.reconciliation;
    let mut all = Map::new();
    all.insert("layout".into(), json!(summary.layout));
    all.insert("source".into(), json!(summary.source));
    all.insert("rows".into(), json!(summary.rows));
    if let Json::Object(sums) = json!(file) {
        for (name, value) in sums {
            // `rows` above says how they fared; these are the ones that add up to the sums.
            all.insert(if name == "rows" { "lines".into() } else { name }, value);
        }
    }
    let kinds = file.kinds.iter().map(|total| {
        let mut kind = json!(total);
        kind["says"] = json!(total.kind.describe());
        kind
    });
    all.insert("kinds".into(), kinds.collect());
    all.insert("difference_says".into(), json!(difference_says(file)));
    all.insert("ledger".into(), json!(summary.ledger));
    all.insert("products_added".into(), json!(summary.products_added));
    all.insert("stock_movements".into(), json!(summary.stock_movements));
    all.insert("base_prices".into(), json!(summary.base_prices));
    all.insert("prices".into(), json!(refreshed));
    all.insert("resumed_after_row".into(), json!(summary.resumed_after_row));
    all.insert("rejects_file".into(), json!(summary.rejects_file));
    Json::Object(all)
}

fn difference_says(file: &Reconciliation) -> String {
    if file.rounded_lines == 0 {
        return "Every line is a whole number of minor units; nothing was rounded.".into();
    }
    format!(
        "{} finer than a minor unit: {} exact, {} booked, each rounded half away from zero.",
        count(file.rounded_lines, "line is", "lines are"),
        grouped_decimal(&file.rounded_exact),
        grouped_decimal(&file.rounded_booked),
    )
}

fn orders_page(summary: &ImportSummary, refreshed: Refreshed) -> Page {
    let (file, currency) = (&summary.reconciliation, summary.reconciliation.currency.code());
    let mut page = Page::new(&format!("Orders of {}", summary.source));
    rows_part(&mut page, summary.rows);
    if summary.resumed_after_row > 0 {
        let row = grouped(summary.resumed_after_row);
        page.line(&format!("went on after row {row}, where the run before had stopped"));
    }
    page.section("What the file adds up to").pairs(&[
        ("invoices", grouped(file.invoices)),
        ("  orders", grouped(file.orders)),
        ("  refunds", grouped(file.refunds)),
        ("  adjustments", grouped(file.adjustments)),
        ("codes", grouped(file.codes)),
        ("customers", grouped(file.customers)),
        ("countries", grouped(file.countries)),
        ("without customer", anonymous(file)),
        ("from, to", span(file)),
        ("quantity", grouped(file.quantity)),
        ("exact", format!("{} {currency}", grouped_decimal(&file.exact))),
        ("booked", format!("{} {currency}", grouped_decimal(&file.booked))),
        ("difference", format!("{} {currency}", grouped_decimal(&file.difference))),
    ]);
    page.line(&difference_says(file));
    let kinds = file.kinds.iter().map(|total| {
        vec![
            total.kind.to_string(),
            grouped(total.lines),
            grouped(total.quantity),
            grouped_decimal(&total.amount),
            total.kind.describe().to_owned(),
        ]
    });
    let head = [
        ("kind", Align::Left),
        ("lines", Align::Right),
        ("quantity", Align::Right),
        ("amount", Align::Right),
        ("what it is", Align::Left),
    ];
    page.section("How it was booked").table(&head, kinds.collect());
    let ledger = &summary.ledger;
    page.section("In the ledger").pairs(&[
        ("lines", grouped(ledger.lines)),
        ("quantity", grouped(ledger.quantity)),
        ("amount", format!("{} {currency}", grouped_decimal(&ledger.amount))),
        ("products added", grouped(summary.products_added)),
        ("base prices", base_prices(summary)),
        ("stock movements", grouped(summary.stock_movements)),
        ("prices", prices(refreshed)),
    ]);
    page.gap();
    last_line(&mut page, summary.rows.rejected, summary.rejects_file.as_deref());
    page
}

pub(super) fn rows_part(page: &mut Page, rows: RowCounts) {
    page.pairs(&[
        ("rows read", grouped(rows.read)),
        ("  written", grouped(rows.written)),
        ("  unchanged", grouped(rows.unchanged)),
        ("  rejected", grouped(rows.rejected)),
    ]);
}

fn anonymous(file: &Reconciliation) -> String {
    let invoices = count(file.anonymous_invoices, "invoice", "invoices");
    format!("{} on {invoices}", count(file.anonymous_lines, "line", "lines"))
}

fn span(file: &Reconciliation) -> String {
    match (file.first_at, file.last_at) {
        (Some(first), Some(last)) => format!("{first}, {last}"),
        _ => "no lines".into(),
    }
}

fn base_prices(summary: &ImportSummary) -> String {
    let found = &summary.base_prices;
    let (all, none) = (grouped(found.found), grouped(found.no_base_price));
    let days = found.rule.window_days;
    format!("{all} from the last {days} days of sales, {none} products without")
}

pub(super) fn prices(refreshed: Refreshed) -> String {
    let (seen, changed) = (grouped(refreshed.evaluated), grouped(refreshed.changed));
    format!(
        "{seen} looked at, {changed} changed, {} without a base price",
        grouped(refreshed.no_base_price)
    )
}

pub(super) fn last_line(page: &mut Page, rejected: u64, rejects: Option<&std::path::Path>) {
    match rejects {
        Some(file) => page.line(&format!(
            "{} not booked; see line numbers and reasons in {}, mend them and import again.",
            count(rejected, "row was", "rows were"),
            file.display(),
        )),
        None => page.line("Next: `shopwright verify`, then `shopwright serve`."),
    };
}

/// The answer of `import competitor-prices`. Does not hold when every row was refused.
pub fn competitor_prices(summary: &CompetitorPricesSummary, refreshed: Refreshed) -> Answer {
    let rows = RowCounts {
        read: summary.read,
        written: summary.taken,
        unchanged: summary.known,
        rejected: summary.rejected,
    };
    let json = json!({
        "layout": "competitor-prices",
        "rows": rows,
        "prices": refreshed,
        "rejects_file": summary.rejects_file,
    });
    let mut page = Page::new("Competitors' prices");
    rows_part(&mut page, rows);
    page.pairs(&[("prices", prices(refreshed))]).gap();
    last_line(&mut page, summary.rejected, summary.rejects_file.as_deref());
    Answer {
        holds: summary.read == 0 || summary.rejected < summary.read,
        ..Answer::new(json, page)
    }
}

/// The answer of `import catalog`. Does not hold when every row was refused.
pub fn catalog(summary: &CatalogSummary, refreshed: Refreshed) -> Answer {
    let rows = RowCounts {
        read: summary.read,
        written: summary.written,
        unchanged: summary.unchanged,
        rejected: summary.rejected,
    };
    let json = json!({
        "layout": "catalog",
        "rows": rows,
        "counts_opened": summary.counts_opened,
        "stock_movements": summary.stock_movements,
        "attribute_columns": summary.attribute_columns,
        "prices": refreshed,
        "rejects_file": summary.rejects_file,
    });
    let mut page = Page::new("Products");
    rows_part(&mut page, rows);
    page.pairs(&[
        ("counts opened", grouped(summary.counts_opened)),
        ("stock movements", grouped(summary.stock_movements)),
        ("prices", prices(refreshed)),
    ]);
    if !summary.attribute_columns.is_empty() {
        let columns = summary.attribute_columns.join(", ");
        page.line(&format!("kept as attributes: {columns}"));
    }
    page.gap();
    last_line(&mut page, summary.rejected, summary.rejects_file.as_deref());
    Answer { holds: summary.rejected < summary.read, ..Answer::new(json, page) }
}
