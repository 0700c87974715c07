//! Who runs the shop: operators, their roles, and invitations.

use maud::{Markup, html};
use shopwright_domain::identity::Role;
use shopwright_domain::ids::OperatorId;
use shopwright_domain::time::Timestamp;

use super::format;
use super::forms::{
    Field, button_form, csrf_field, field, folded, form_error, form_notice, role_choice,
};
use super::layout::{Frame, Nav, page};
use super::settings::{SettingsTab, settings_head, settings_tabs};

/// What the page shows.
#[derive(Clone, Debug)]
pub struct OperatorsView {
    /// Every operator, the first one made first.
    pub rows: Vec<OperatorRow>,
    /// What just happened.
    pub notice: Option<String>,
    /// Why nothing happened.
    pub error: Option<String>,
    /// What was written as the email of the invitation.
    pub email: String,
    /// A link that was just made and is shown now only.
    pub link: Option<NewLink>,
    /// The token of the forms.
    pub csrf: String,
}

/// One operator.
#[derive(Clone, Debug)]
pub struct OperatorRow {
    /// Its id.
    pub id: OperatorId,
    /// Whether it is who looks at the page.
    pub is_me: bool,
    /// Its name.
    pub name: String,
    /// Its email.
    pub email: String,
    /// Its role.
    pub role: Role,
    /// Whether it may not sign in.
    pub is_disabled: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A link that is shown once.
#[derive(Clone, Debug)]
pub struct NewLink {
    /// Whom to send it to.
    pub text: String,
    /// The link.
    pub url: String,
}

/// The whole page.
pub fn operators(frame: &Frame, view: &OperatorsView) -> Markup {
    let body = html! {
        (settings_tabs(frame, SettingsTab::Operators))
        (settings_head("Operators", "Who may sign in, and what they may do."))
        (form_notice(view.notice.as_deref()))
        (form_error(view.error.as_deref()))
        @if let Some(link) = &view.link { (new_link(link)) }
        div.columns {
            section.card.list { (table(frame, view)) }
            div.column-side {
                section.card #invite { (invite(view)) }
                section.card {
                    h2 { "Roles" }
                    dl.facts.roles {
                        div { dt { "Read-only" } dd { "sees prices and the reasons for them" } }
                        div { dt { "Staff" } dd { "the same, and may have the shop told its prices again" } }
                        div { dt { "Owner" } dd { "operators, keys and the audit log, too" } }
                    }
                }
            }
        }
    };
    page(frame, "Operators", Nav::Settings, &body)
}

fn new_link(link: &NewLink) -> Markup {
    html! {
        section.card.once role="status" {
            h2 { (link.text) }
            p { code.once-text { (link.url) } }
            p.muted { "It is shown now and never again." }
        }
    }
}

fn table(frame: &Frame, view: &OperatorsView) -> Markup {
    html! {
        table.rows {
            thead { tr { th { "Operator" } th { "Role" } th { "Since" } th { span.visually-hidden { "What to do" } } } }
            tbody {
                @for row in &view.rows {
                    tr data-operator=(row.email) {
                        th scope="row" {
                            span dir="auto" { (row.name) }
                            @if row.is_me { " " span.tag { "you" } }
                            @if row.is_disabled { " " span.tag.tag-warn { "disabled" } }
                            span.sub { (row.email) }
                        }
                        td data-label="Role" { (role(view, row)) }
                        td data-label="Since" { (format::time(row.created_at, frame.now)) }
                        td.row-actions { (folded("More", &actions(view, row))) }
                    }
                }
            }
        }
    }
}

fn role(view: &OperatorsView, row: &OperatorRow) -> Markup {
    html! {
        form.inline method="post" action=(format!("/operators/{}/role", row.id)) {
            (csrf_field(&view.csrf))
            (role_choice(row.role, &format!("Role of {}", row.email)))
            button.button type="submit" { "Set" }
        }
    }
}

fn actions(view: &OperatorsView, row: &OperatorRow) -> Markup {
    let to = |what: &str| format!("/operators/{}/{what}", row.id);
    html! {
        div.actions {
            @if row.is_disabled {
                (button_form(&to("enable"), &view.csrf, "Enable"))
            } @else {
                (button_form(&to("reset"), &view.csrf, "New password link"))
                (button_form(&to("sessions"), &view.csrf, "Sign out everywhere"))
                (button_form(&to("disable"), &view.csrf, "Disable"))
            }
        }
    }
}

fn invite(view: &OperatorsView) -> Markup {
    html! {
        h2 { "Invite somebody" }
        form.form method="post" action="/operators/invite" {
            (csrf_field(&view.csrf))
            (field(Field {
                name: "email", label: "Email", kind: "email", value: &view.email,
                autocomplete: "off", ..Field::default()
            }))
            label.field-line {
                span.field-label { "Role" }
                (role_choice(Role::Staff, "Role"))
            }
            button.button.primary type="submit" { "Make an invitation link" }
        }
    }
}
