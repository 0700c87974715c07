//! Competitors' prices beside ours on a product's page: what they charge, since when that is known, and
//! whether it counts.

use maud::{Markup, html};
use shopwright_domain::pricing::{JudgedPrice, Verdict};
use shopwright_domain::time::Timestamp;

use super::format;

/// Who else sells it, for how much, and what of that counts.
pub fn competitors_card(now: Timestamp, prices: &[JudgedPrice]) -> Markup {
    html! {
        section.card #competitors {
            h2 { "Competitors" }
            table.history role="table" {
                thead role="rowgroup" {
                    tr role="row" {
                        th scope="col" role="columnheader" { "Who" }
                        th.number scope="col" role="columnheader" { "Price" }
                        th scope="col" role="columnheader" { "Seen" }
                        th scope="col" role="columnheader" { "Counts" }
                    }
                }
                tbody role="rowgroup" {
                    @for JudgedPrice { price, verdict } in prices {
                        tr role="row" {
                            td.when role="cell" { bdi { (price.competitor) } }
                            td.moved.number role="cell" {
                                b { (format::amount(price.price_minor, price.currency)) }
                                span.sub { (price.currency.code()) }
                            }
                            td role="cell" { (format::time(price.observed_at, now)) }
                            td.why role="cell" { (counts(*verdict)) }
                        }
                    }
                }
            }
        }
    }
}

/// Whether a competitor's price counts, in words.
fn counts(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Used => "yes",
        Verdict::Stale => "no, it is too old",
        Verdict::OutOfStock => "no, they have none to sell",
        Verdict::Unconfirmed => "not before somebody confirms that it is the same product",
        Verdict::OtherCurrency => "no, it is in another currency",
        Verdict::Outlier => "no, it is far from everything and may be a mistake",
    }
}
