//! One's own account: password and sessions.

use maud::{Markup, html};
use shopwright_domain::identity::Role;
use shopwright_domain::ids::SessionId;
use shopwright_domain::time::Timestamp;

use super::format;
use super::forms::{Field, button_form, csrf_field, field, form_error, form_notice, new_password};
use super::layout::{Frame, Nav, page};
use super::settings::{SettingsTab, settings_head, settings_tabs};

/// What the page shows.
#[derive(Clone, Debug)]
pub struct AccountView {
    /// The operator's name.
    pub name: String,
    /// The operator's email.
    pub email: String,
    /// The operator's role.
    pub role: Role,
    /// Sessions that go on, the last used first.
    pub sessions: Vec<SessionView>,
    /// What just happened.
    pub notice: Option<String>,
    /// Why the password was not changed.
    pub error: Option<String>,
    /// The token of the forms.
    pub csrf: String,
}

/// One session.
#[derive(Clone, Debug)]
pub struct SessionView {
    /// Its id.
    pub id: SessionId,
    /// Whether this very page was asked for by it.
    pub is_this: bool,
    /// The browser in a few words.
    pub user_agent: String,
    /// The network it began from.
    pub address: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used.
    pub last_seen_at: Timestamp,
}

/// The whole page.
pub fn account(frame: &Frame, view: &AccountView) -> Markup {
    let body = html! {
        (settings_tabs(frame, SettingsTab::Account))
        (settings_head("Your account", "Your password, and where you are signed in."))
        (form_notice(view.notice.as_deref()))
        div.columns {
            div.column-main {
                section.card #sessions {
                    h2 { "Sessions" }
                    p.muted { "A session ends after 12 hours without use, and after 30 days." }
                    (sessions(frame, view))
                }
            }
            div.column-side {
                section.card {
                    h2 { "You" }
                    dl.facts {
                        div { dt { "Name" } dd dir="auto" { (view.name) } }
                        div { dt { "Email" } dd { (view.email) } }
                        div { dt { "Role" } dd { (view.role.label()) } }
                    }
                }
                section.card #password { (password(view)) }
            }
        }
    };
    page(frame, "Your account", Nav::Settings, &body)
}

fn sessions(frame: &Frame, view: &AccountView) -> Markup {
    html! {
        table.rows {
            thead { tr { th { "Browser" } th { "From" } th { "Last used" } th { span.visually-hidden { "What to do" } } } }
            tbody {
                @for session in &view.sessions {
                    tr {
                        th scope="row" {
                            (session.user_agent)
                            @if session.is_this { " " span.tag { "this one" } }
                        }
                        td data-label="From" { code { (session.address) } }
                        td data-label="Last used" { (format::time(session.last_seen_at, frame.now)) }
                        td.row-actions {
                            (button_form(&format!("/account/sessions/{}/end", session.id), &view.csrf,
                                if session.is_this { "Sign out" } else { "End session" }))
                        }
                    }
                }
            }
        }
    }
}

fn password(view: &AccountView) -> Markup {
    html! {
        h2 { "Change password" }
        form.form method="post" action="/account/password" {
            (csrf_field(&view.csrf))
            (form_error(view.error.as_deref()))
            input.visually-hidden type="email" value=(view.email) autocomplete="username" readonly tabindex="-1" aria-hidden="true";
            (field(Field {
                name: "present", label: "Present password", kind: "password",
                autocomplete: "current-password", ..Field::default()
            }))
            (new_password("New password"))
            button.button.primary type="submit" { "Change password" }
        }
    }
}
