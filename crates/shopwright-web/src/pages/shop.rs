//! Our prices on the shop's platform: where it shows others, and the buttons that look and tell again.

use maud::{Markup, html};
use shopwright_domain::catalog::Sku;
use shopwright_domain::money::{Currency, format_minor};
use shopwright_domain::time::Timestamp;

use super::format;
use super::forms::{button_form, form_error, form_notice};
use super::layout::{Frame, Nav, page};
use super::settings::{SettingsTab, settings_head, settings_tabs};

/// What the page shows.
#[derive(Clone, Debug)]
pub struct ShopView {
    /// The platform's name; `None` where prices are published nowhere.
    pub platform: Option<&'static str>,
    /// How many variants it shows.
    pub listings: i64,
    /// How many of them not at our price.
    pub drifting: i64,
    /// The first of those.
    pub rows: Vec<ShopRow>,
    /// Whether who looks may tell it again.
    pub may_act: bool,
    /// What just happened.
    pub notice: Option<String>,
    /// Why nothing happened.
    pub error: Option<String>,
    /// The token of the forms.
    pub csrf: String,
}

/// A variant that does not show our price.
#[derive(Clone, Debug)]
pub struct ShopRow {
    /// Our product.
    pub sku: Sku,
    /// Our price, minor units.
    pub ours_minor: i64,
    /// The currency of both.
    pub currency: Currency,
    /// What the platform showed last, minor units.
    pub shown_minor: Option<i64>,
    /// Since when it differs.
    pub differs_since: Option<Timestamp>,
    /// What is wrong, as a sentence.
    pub problem: String,
}

/// The whole page.
pub fn shop(frame: &Frame, view: &ShopView) -> Markup {
    let body = html! {
        (settings_tabs(frame, SettingsTab::Shop))
        (settings_head("Shop platform", "Whether the shop shows the prices that are decided here."))
        (form_notice(view.notice.as_deref()))
        (form_error(view.error.as_deref()))
        @if let Some(platform) = view.platform {
            section.card {
                dl.facts {
                    div { dt { "Platform" } dd { (platform) } }
                    div { dt { "Variants" } dd { (format::count(view.listings)) } }
                    div { dt { "Not at our price" } dd { (format::count(view.drifting)) } }
                }
                @if view.may_act {
                    (button_form("/shop/drift-check", &view.csrf, "Look now"))
                    @if view.drifting > 0 {
                        (button_form("/shop/publish-again", &view.csrf, "Publish again"))
                    }
                }
            }
            section.card.list { (table(frame, view)) }
        } @else {
            section.card {
                p { "Prices are published nowhere. Set " code { "publish" } " to shopify or woocommerce and restart." }
            }
        }
    };
    page(frame, "Shop platform", Nav::Settings, &body)
}

fn table(frame: &Frame, view: &ShopView) -> Markup {
    let amount =
        |minor: i64, currency: Currency| format!("{} {currency}", format_minor(minor, currency));
    html! {
        @if view.rows.is_empty() {
            p.muted { "Every variant shows our price, as far as was looked." }
        } @else {
            table.rows {
                thead { tr { th { "Product" } th { "Ours" } th { "Shown" } th { "Since" } th { "What is wrong" } } }
                tbody {
                    @for row in &view.rows {
                        tr {
                            th scope="row" { bdi { (row.sku.as_str()) } }
                            td data-label="Ours" { (amount(row.ours_minor, row.currency)) }
                            td data-label="Shown" {
                                @if let Some(shown) = row.shown_minor { (amount(shown, row.currency)) }
                                @else { span.muted { "not known" } }
                            }
                            td data-label="Since" {
                                @if let Some(since) = row.differs_since { (format::time(since, frame.now)) }
                                @else { span.muted { "not known" } }
                            }
                            td data-label="What is wrong" dir="auto" { (row.problem) }
                        }
                    }
                }
            }
        }
    }
}
