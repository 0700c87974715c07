//! API keys: made, shown once, revoked.

use maud::{Markup, html};
use shopwright_app::identity::Scope;
use shopwright_domain::ids::KeyId;
use shopwright_domain::time::Timestamp;

use super::format;
use super::forms::{Field, csrf_field, field, folded, form_error, form_notice};
use super::layout::{Frame, Nav, page};
use super::settings::{SettingsTab, settings_head, settings_tabs};

/// What the page shows.
#[derive(Clone, Debug)]
pub struct KeysView {
    /// Every key, newest first.
    pub rows: Vec<KeyRow>,
    /// What just happened.
    pub notice: Option<String>,
    /// Why nothing happened.
    pub error: Option<String>,
    /// What was written.
    pub wanted: KeyForm,
    /// The text of a key that was just made and is shown now only.
    pub made: Option<String>,
    /// The token of the forms.
    pub csrf: String,
}

/// The form as it was filled in.
#[derive(Clone, Debug, Default)]
pub struct KeyForm {
    /// The name.
    pub name: String,
    /// The kind; empty for the first one.
    pub kind: String,
    /// What was ticked.
    pub scopes: Vec<Scope>,
    /// The origins.
    pub origins: String,
    /// The day it ends.
    pub expires: String,
}

/// The field that ticks a scope.
pub fn scope_field(scope: Scope) -> String {
    format!("scope.{scope}")
}

/// Things a key may touch: what people call them, and the scopes to see and to change them.
const THINGS: [(&str, Option<Scope>, Option<Scope>); 15] = [
    ("Prices, as shoppers see them", Some(Scope::PricesRead), None),
    ("Why prices are so, and settings", Some(Scope::PricingRead), Some(Scope::PricingWrite)),
    ("Promotions", Some(Scope::PromotionsRead), Some(Scope::PromotionsWrite)),
    ("Products", Some(Scope::CatalogRead), Some(Scope::CatalogWrite)),
    ("Stock", Some(Scope::StockRead), Some(Scope::StockWrite)),
    ("Customers", Some(Scope::CustomersRead), Some(Scope::CustomersWrite)),
    ("Orders", Some(Scope::OrdersRead), Some(Scope::OrdersWrite)),
    ("Refunds", None, Some(Scope::RefundsWrite)),
    ("Webhooks", Some(Scope::WebhooksRead), Some(Scope::WebhooksWrite)),
    ("Work that waits or failed", Some(Scope::EffectsRead), Some(Scope::EffectsWrite)),
    ("API keys", Some(Scope::KeysRead), Some(Scope::KeysWrite)),
    ("What shoppers do", Some(Scope::EventsRead), Some(Scope::EventsWrite)),
    ("Events that could not be read", None, Some(Scope::EventsReplay)),
    ("Audit log", Some(Scope::AuditRead), None),
    ("A signed-in customer's own data", Some(Scope::MeRead), None),
];

/// One key.
#[derive(Clone, Debug)]
pub struct KeyRow {
    /// Its id.
    pub id: KeyId,
    /// `secret`, `restricted` or `publishable`.
    pub kind: String,
    /// Whether it has expired.
    pub is_over: bool,
    /// What it is called.
    pub name: String,
    /// Its first characters.
    pub prefix: String,
    /// What a restricted key may do.
    pub scopes: Vec<String>,
    /// Where browsers may use it.
    pub origins: Vec<String>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// The whole page.
pub fn keys(frame: &Frame, view: &KeysView) -> Markup {
    let body = html! {
        (settings_tabs(frame, SettingsTab::Keys))
        (settings_head("API keys", "What programs sign in with. The API docs say what they can ask."))
        (form_notice(view.notice.as_deref()))
        (form_error(view.error.as_deref()))
        @if let Some(text) = &view.made {
            section.card.once role="status" {
                h2 { "Keep this key now" }
                p { code.once-text { (text) } }
                p.muted { "It is shown now and never again. Servers take it at once." }
            }
        }
        div.columns {
            section.card.list {
                @if view.rows.is_empty() {
                    div.empty { h2 { "No key yet" } p { "Make one for each program that calls the API, so that you can revoke one alone." } }
                } @else { (table(frame, view)) }
            }
            div.column-side { section.card #make { (make(view)) } }
        }
    };
    page(frame, "API keys", Nav::Settings, &body)
}

fn table(frame: &Frame, view: &KeysView) -> Markup {
    html! {
        table.rows {
            thead { tr { th { "Key" } th { "Kind" } th { "Made" } th { "Last used" } th { span.visually-hidden { "What to do" } } } }
            tbody {
                @for row in &view.rows {
                    tr data-key=(row.name) {
                        th scope="row" {
                            span dir="auto" { (row.name) }
                            @if row.revoked_at.is_some() { " " span.tag.tag-warn { "revoked" } }
                            @else if row.is_over { " " span.tag.tag-warn { "expired" } }
                            span.sub { code { (row.prefix) "…" } }
                        }
                        td data-label="Kind" { (row.kind) (limits(frame, row)) }
                        td data-label="Made" { (format::time(row.created_at, frame.now)) }
                        td data-label="Last used" {
                            @match row.last_used_at {
                                Some(at) => (format::time(at, frame.now)),
                                None => "never",
                            }
                        }
                        td.row-actions {
                            @if row.revoked_at.is_none() { (folded("Revoke", &revoke(view, row))) }
                        }
                    }
                }
            }
        }
    }
}

/// What a key is limited to, below its kind.
fn limits(frame: &Frame, row: &KeyRow) -> Markup {
    html! {
        @if !row.scopes.is_empty() { span.sub { (row.scopes.join(", ")) } }
        @if !row.origins.is_empty() { span.sub { "from " (row.origins.join(", ")) } }
        @if let Some(at) = row.expires_at {
            span.sub { (if row.is_over { "ended " } else { "ends " }) (format::time(at, frame.now)) }
        }
    }
}

fn revoke(view: &KeysView, row: &KeyRow) -> Markup {
    html! {
        form.form method="post" action=(format!("/keys/{}/revoke", row.id)) {
            (csrf_field(&view.csrf))
            (field(Field {
                name: "confirm", label: "Type its name", kind: "text", autocomplete: "off",
                hint: "This cannot be undone.", ..Field::default()
            }))
            button.button.danger type="submit" { "Revoke the key" }
        }
    }
}

/// Kinds of keys: value, what people call it, what it is for.
const KINDS: [(&str, &str, &str); 3] = [
    ("secret", "Secret", "For servers: reads and writes everything."),
    ("restricted", "Restricted", "For servers that need only part of it."),
    ("publishable", "Publishable", "For browsers: only reads prices."),
];

fn scopes(wanted: &KeyForm) -> Markup {
    let tick = |scope: Option<Scope>, word: &str, thing: &str| {
        html! {
            @if let Some(scope) = scope {
                label.scope { input type="checkbox" name=(scope_field(scope)) value="on" checked[wanted.scopes.contains(&scope)]; (word) span.visually-hidden { ": " (thing) } }
            } @else { span {} }
        }
    };
    html! {
        fieldset.scopes {
            legend.field-label { "What it may do" }
            @for (thing, see, change) in THINGS {
                div.scope-row { span { (thing) } (tick(see, "See", thing)) (tick(change, "Change", thing)) }
            }
        }
    }
}

/// A field that may stay empty.
fn optional(name: &str, label: &str, kind: &str, value: &str, hint: &str) -> Markup {
    let hint_id = format!("{name}-hint");
    html! {
        label.field-line {
            span.field-label { (label) }
            input type=(kind) name=(name) value=(value) autocomplete="off" autocapitalize="none" spellcheck="false" aria-describedby=(hint_id);
            span.field-hint id=(hint_id) { (hint) }
        }
    }
}

fn make(view: &KeysView) -> Markup {
    html! {
        h2 { "Make a key" }
        form.form method="post" action="/keys" {
            (csrf_field(&view.csrf))
            (field(Field {
                name: "name", label: "Name", kind: "text", value: &view.wanted.name, autocomplete: "off",
                hint: "The program that will use it.", ..Field::default()
            }))
            fieldset {
                legend.field-label { "What for" }
                @for (value, label, says) in KINDS {
                    label.choice {
                        input type="radio" name="kind" value=(value) checked[view.wanted.kind == value || (view.wanted.kind.is_empty() && value == "secret")];
                        span { b { (label) } span.sub { (says) } }
                    }
                }
            }
            (scopes(&view.wanted))
            (optional("origins", "Web origins", "text", &view.wanted.origins, "Where browsers may use it, with blanks between: https://shop.example. Empty: anywhere."))
            (optional("expires", "Ends on", "date", &view.wanted.expires, "From the start of this day it opens nothing. Empty: never."))
            button.button.primary type="submit" { "Make the key" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_can_be_ticked_once() {
        let offered: Vec<Scope> =
            THINGS.iter().flat_map(|(_, see, change)| [*see, *change]).flatten().collect();
        for scope in Scope::ALL {
            let times = offered.iter().filter(|offered| *offered == scope).count();
            assert_eq!(times, 1, "{scope}");
        }
        assert_eq!(offered.len(), Scope::ALL.len());
    }
}
