//! The pages behind a one-time link: the first owner, an invitation, a new password.

use maud::{Markup, html};
use shopwright_domain::identity::Role;

use super::forms::{Field, csrf_field, field, form_error, new_password};
use super::layout::{Frame, Nav, page};

/// What the link is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SetupPurpose {
    /// Makes the first owner.
    #[default]
    FirstOwner,
    /// Makes an operator with this role.
    Invitation(Role),
    /// Sets a new password.
    NewPassword,
}

/// What the page shows.
#[derive(Clone, Debug, Default)]
pub struct SetupView {
    /// What the link is for.
    pub purpose: SetupPurpose,
    /// Where the form goes: the link itself.
    pub path: String,
    /// Whose account it is, where the link says so.
    pub fixed_email: Option<String>,
    /// What was written as the email.
    pub email: String,
    /// What was written as the name.
    pub name: String,
    /// What did not fit.
    pub error: Option<String>,
    /// The token of the form.
    pub csrf: String,
}

/// The whole page.
pub fn setup(frame: &Frame, view: &SetupView) -> Markup {
    let (title, lede, button) = match view.purpose {
        SetupPurpose::FirstOwner => (
            "Make your owner account",
            "The owner runs the shop: prices, keys, settings, and who else may sign in.".to_owned(),
            "Make the account",
        ),
        SetupPurpose::Invitation(role) => (
            "Join the shop",
            format!("You are invited to {} as: {}.", frame.store_name, role.label()),
            "Make the account",
        ),
        SetupPurpose::NewPassword => (
            "Choose a new password",
            "Every session of this account ends; you are signed in here.".to_owned(),
            "Set the password",
        ),
    };
    let body = html! {
        section.card.narrow {
            h1 { (title) }
            p.lede dir="auto" { (lede) }
            form.form method="post" action=(view.path) {
                (csrf_field(&view.csrf))
                (form_error(view.error.as_deref()))
                (email(view))
                @if view.purpose != SetupPurpose::NewPassword {
                    (field(Field {
                        name: "name", label: "Your name", kind: "text", value: &view.name,
                        autocomplete: "name", ..Field::default()
                    }))
                }
                (new_password(if view.purpose == SetupPurpose::NewPassword { "New password" } else { "Password" }))
                button.button.primary type="submit" { (button) }
            }
        }
    };
    page(frame, title, Nav::Elsewhere, &body)
}

fn email(view: &SetupView) -> Markup {
    html! {
        @match &view.fixed_email {
            Some(email) => {
                // Password managers keep the password under it.
                label.field-line {
                    span.field-label { "Email" }
                    input type="email" value=(email) readonly autocomplete="username";
                }
            }
            None => (field(Field {
                name: "email", label: "Email", kind: "email", value: &view.email,
                autocomplete: "username", has_focus: true, ..Field::default()
            }))
        }
    }
}

/// The page for a visitor who has no link, while the shop has no owner.
pub fn setup_without_link(frame: &Frame) -> Markup {
    let body = html! {
        section.card.narrow {
            h1 { "This shop has no owner yet" }
            p { "Open the one-time link that the server printed when it started. It opens once, within an hour." }
            p { "Is it over or lost? Whoever may run commands on the server gets a new one with:" }
            pre { code { "shopwright operators setup-link" } }
        }
        p.below { "The " a href="/docs" { "API docs" } " need no sign-in." }
    };
    page(frame, "Set up", Nav::Elsewhere, &body)
}
