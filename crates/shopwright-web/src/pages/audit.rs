//! The audit log: who changed what, and when.

use maud::{Markup, html};
use shopwright_domain::time::Timestamp;

use super::format;
use super::layout::{Frame, Nav, page};
use super::settings::{SettingsTab, settings_head, settings_tabs};

/// Actions that the filter offers, with what people call them.
const ACTIONS: [(&str, &str); 16] = [
    ("", "Everything"),
    ("key.", "API keys"),
    ("operator.", "Operators"),
    ("operator.signed_in", "Sign-ins"),
    ("sign_in.", "Refused sign-ins"),
    ("price_policy.", "Price settings"),
    ("prices.", "Emergency stop"),
    ("promotion.", "Promotions"),
    ("product.", "Products"),
    ("products.", "Products in bulk"),
    ("stock.", "Stock"),
    ("stock_location.", "Locations"),
    ("delivery.", "Deliveries"),
    ("order.", "Orders and refunds"),
    ("customer.", "Customers"),
    ("import.", "Imports"),
];

/// Kinds of actors that the filter offers.
const ACTORS: [(&str, &str); 5] = [
    ("", "Anybody"),
    ("operator", "Operators"),
    ("key", "API keys"),
    ("cli", "Command line"),
    ("system", "Shopwright"),
];

/// What is asked for, kept whole in the address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditState {
    /// A kind of actor, or an operator's or key's id.
    pub actor: String,
    /// An action, or the first word of several with a dot.
    pub action: String,
    /// An object.
    pub object: String,
}

impl AuditState {
    /// The address of the log in this state, on the page that `edge` and `seq` name.
    pub fn url(&self, edge: &str, seq: i64) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let asked = [("actor", &self.actor), ("action", &self.action), ("object", &self.object)];
        for (name, value) in asked.into_iter().filter(|(_, value)| !value.is_empty()) {
            query.append_pair(name, value);
        }
        if !edge.is_empty() {
            query.append_pair(edge, &seq.to_string());
        }
        match query.finish() {
            query if query.is_empty() => "/audit".to_owned(),
            query => format!("/audit?{query}"),
        }
    }

    fn is_everything(&self) -> bool {
        *self == Self::default()
    }
}

/// What the page shows.
#[derive(Clone, Debug)]
pub struct AuditView {
    /// The entries of this page, newest first.
    pub rows: Vec<AuditRow>,
    /// What is asked for.
    pub state: AuditState,
    /// The address of the page with newer entries.
    pub newer: Option<String>,
    /// The address of the page with older entries.
    pub older: Option<String>,
}

/// One entry.
#[derive(Clone, Debug)]
pub struct AuditRow {
    /// Its place in the log.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// What the actor is called, where it has a name.
    pub actor_name: Option<String>,
    /// The kind of actor.
    pub actor_kind: String,
    /// The actor's id.
    pub actor_id: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub object: String,
    /// What the object is called, where it has a name.
    pub object_name: Option<String>,
    /// How it was.
    pub before: Option<String>,
    /// How it is.
    pub after: Option<String>,
}

/// The whole page.
pub fn audit(frame: &Frame, view: &AuditView) -> Markup {
    let body = html! {
        (settings_tabs(frame, SettingsTab::Audit))
        (settings_head("Audit log", "Who changed what, and when. Nothing in it can be changed unnoticed."))
        section.card.list {
            (filter(&view.state))
            @if view.rows.is_empty() { (nothing(&view.state)) } @else { (table(frame, view)) }
            @if view.newer.is_some() || view.older.is_some() { (pager(view)) }
        }
    };
    page(frame, "Audit log", Nav::Settings, &body)
}

fn choice(name: &str, label: &str, options: &[(&str, &str)], chosen: &str) -> Markup {
    let is_listed = options.iter().any(|(value, _)| *value == chosen);
    html! {
        label.field {
            span.visually-hidden { (label) }
            select name=(name) data-autosubmit {
                @for (value, words) in options {
                    option value=(value) selected[*value == chosen] { (words) }
                }
                @if !is_listed { option value=(chosen) selected { (chosen) } }
            }
        }
    }
}

fn filter(state: &AuditState) -> Markup {
    html! {
        div.toolbar {
            form.search.audit-filter method="get" action="/audit" role="search" {
                (choice("action", "What", &ACTIONS, &state.action))
                (choice("actor", "By whom", &ACTORS, &state.actor))
                label.field {
                    span.visually-hidden { "Object" }
                    input type="search" name="object" value=(state.object) placeholder="Object, as key_01h…"
                        data-search autocomplete="off" spellcheck="false";
                }
                button.button type="submit" { "Filter" }
            }
            @if !state.is_everything() { a href="/audit" { "Show everything" } }
        }
    }
}

fn nothing(state: &AuditState) -> Markup {
    html! {
        div.empty {
            @if state.is_everything() {
                h2 { "Nothing has happened yet" }
                p { "Every change of settings, keys, operators and promotions will be listed here." }
            } @else {
                h2 { "No entry fits" }
                p { a href="/audit" { "Show everything" } }
            }
        }
    }
}

fn table(frame: &Frame, view: &AuditView) -> Markup {
    html! {
        table.rows {
            thead { tr { th { "When" } th { "Who" } th { "What" } th { "To what" } } }
            tbody {
                @for row in &view.rows {
                    tr id=(format!("entry-{}", row.seq)) {
                        td data-label="When" { (format::time(row.at, frame.now)) span.sub { "No. " (row.seq) } }
                        td data-label="Who" { (actor(view, row)) }
                        td data-label="What" {
                            (words(&row.action))
                            @if row.before.is_some() || row.after.is_some() { (change(row)) }
                        }
                        td data-label="To what" { (object(view, row)) }
                    }
                }
            }
        }
    }
}

fn actor(view: &AuditView, row: &AuditRow) -> Markup {
    let kind = ACTORS.iter().find(|(kind, _)| *kind == row.actor_kind);
    let of_kind = kind.map_or(row.actor_kind.as_str(), |(_, words)| *words);
    html! {
        @if row.actor_id.is_empty() { (of_kind) } @else {
            a href=(AuditState { actor: row.actor_id.clone(), ..view.state.clone() }.url("", 0)) dir="auto" {
                (row.actor_name.as_deref().unwrap_or(&row.actor_id))
            }
            span.sub { (if row.actor_kind == "key" { "API key" } else { "operator" }) }
        }
    }
}

fn object(view: &AuditView, row: &AuditRow) -> Markup {
    html! {
        a href=(AuditState { object: row.object.clone(), ..view.state.clone() }.url("", 0)) dir="auto" {
            (row.object_name.as_deref().unwrap_or(&row.object))
        }
        @if row.object_name.is_some() { span.sub { (row.object) } }
    }
}

fn change(row: &AuditRow) -> Markup {
    html! {
        details {
            summary { "Details" }
            dl.audit-change {
                @if let Some(before) = &row.before { div { dt { "Before" } dd { code { (before) } } } }
                @if let Some(after) = &row.after { div { dt { "After" } dd { code { (after) } } } }
            }
        }
    }
}

/// `key.created` → `Key created`; an operator's own acts lose the word.
fn words(action: &str) -> String {
    let text = match action {
        "operator.signed_in" | "operator.session_ended" | "operator.password_changed" => {
            action.trim_start_matches("operator.").replace('_', " ")
        }
        other => other.replace(['.', '_'], " "),
    };
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}", chars.as_str())
}

fn pager(view: &AuditView) -> Markup {
    html! {
        nav.pager aria-label="Pages" {
            p { "Newest first" }
            div {
                @if let Some(url) = &view.newer { a.button rel="prev" href=(url) { "Newer" } }
                @if let Some(url) = &view.older { a.button rel="next" href=(url) { "Older" } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_is_kept_in_the_address() {
        let check = |state: AuditState, edge: &str, url: &str| assert_eq!(state.url(edge, 7), url);
        check(AuditState::default(), "", "/audit");
        check(AuditState::default(), "older", "/audit?older=7");
        let state =
            AuditState { actor: "cli".into(), action: "key.".into(), object: "a/b c".into() };
        check(state, "newer", "/audit?actor=cli&action=key.&object=a%2Fb+c&newer=7");
    }
}
