//! API keys: made, shown once, revoked.

use maud::{Markup, html};
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
    /// What was written as the name.
    pub name: String,
    /// The text of a key that was just made and is shown now only.
    pub made: Option<String>,
    /// The token of the forms.
    pub csrf: String,
}

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
                        td data-label="Kind" { (row.kind) }
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

fn make(view: &KeysView) -> Markup {
    html! {
        h2 { "Make a key" }
        form.form method="post" action="/keys" {
            (csrf_field(&view.csrf))
            (field(Field {
                name: "name", label: "Name", kind: "text", value: &view.name, autocomplete: "off",
                hint: "The program that will use it.", ..Field::default()
            }))
            fieldset {
                legend.field-label { "What for" }
                label.choice { input type="radio" name="kind" value="secret" checked; span { b { "Secret" } span.sub { "For servers: reads and writes everything." } } }
                label.choice { input type="radio" name="kind" value="publishable"; span { b { "Publishable" } span.sub { "For browsers: only reads prices." } } }
            }
            button.button.primary type="submit" { "Make the key" }
        }
    }
}
