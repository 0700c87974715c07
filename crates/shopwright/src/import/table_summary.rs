//! What an import of a table did, as text and as JSON: rows first, then what the file adds up to.

use serde_json::{Value as Json, json};
use shopwright_app::imports::TableSummary;
use shopwright_app::pricing::Refreshed;

use super::summary::{last_line, prices, rows_part};
use crate::output::{Align, Answer, Page, grouped, grouped_decimal};

/// The answer. Does not hold when every row was refused.
pub fn answer(summary: &TableSummary, refreshed: Option<Refreshed>) -> Answer {
    let holds = summary.rows.rejected < summary.rows.read;
    let page = page(summary, refreshed);
    Answer { holds, ..Answer::new(as_json(summary, refreshed), page) }
}

/// The sums of the file stand at the top, as in the answer of `import online-retail`.
fn as_json(summary: &TableSummary, refreshed: Option<Refreshed>) -> Json {
    let mut all = json!(summary);
    if let (Some(all), Json::Object(file)) = (all.as_object_mut(), json!(summary.file)) {
        all.remove("file");
        all.extend(file);
        all.insert("prices".into(), json!(refreshed));
    }
    all
}

fn page(summary: &TableSummary, refreshed: Option<Refreshed>) -> Page {
    let file = &summary.file;
    let mut page = Page::new(&format!("{} of {}", summary.layout, summary.source));
    rows_part(&mut page, summary.rows);
    if summary.resumed_after_row > 0 {
        let row = grouped(summary.resumed_after_row);
        page.line(&format!("went on after row {row}, where the run before had stopped"));
    }
    if !summary.ignored_columns.is_empty() {
        page.line(&format!("not read: {}", summary.ignored_columns.join(", ")));
    }
    let mut pairs = Vec::new();
    let counted = [
        ("orders", file.invoices),
        ("codes", file.codes),
        ("customers", file.customers),
        ("products", file.products),
        ("counts of stock", file.counts),
        ("people", file.people),
        ("disputed payments", file.disputed),
    ];
    pairs.extend(counted.iter().filter(|(_, n)| *n > 0).map(|(name, n)| (*name, grouped(*n))));
    if file.invoices > 0 {
        pairs.push(("quantity", grouped(file.quantity)));
    }
    let sums = [("amount", &file.amount), ("refunded", &file.refunded)];
    for (name, by_currency) in sums {
        for (currency, amount) in by_currency {
            pairs.push((name, format!("{} {currency}", grouped_decimal(amount))));
        }
    }
    page.section("What the file adds up to").pairs(&pairs);
    if !file.kinds.is_empty() {
        let kinds = file
            .kinds
            .iter()
            .map(|(kind, sum)| vec![(*kind).to_owned(), grouped(sum.lines), grouped(sum.quantity)]);
        let head = [("kind", Align::Left), ("lines", Align::Right), ("quantity", Align::Right)];
        page.section("How it is booked").table(&head, kinds.collect());
    }
    if let Some(refreshed) = refreshed {
        let mut pairs = vec![("prices", prices(refreshed))];
        if let Some(found) = &summary.base_prices {
            let (all, none) = (grouped(found.found), grouped(found.no_base_price));
            let days = found.rule.window_days;
            let text = format!("{all} from the last {days} days of sales, {none} products without");
            pairs.insert(0, ("base prices", text));
        }
        page.section("In the ledger").pairs(&pairs);
    }
    page.gap();
    if summary.dry_run && summary.rejects_file.is_none() {
        page.line("Nothing was booked; leave --dry-run out to book it.");
    } else {
        last_line(&mut page, summary.rows.rejected, summary.rejects_file.as_deref());
    }
    page
}
