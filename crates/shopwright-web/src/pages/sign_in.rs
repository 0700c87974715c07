//! The page to sign in on.

use maud::{Markup, html};

use super::forms::{Field, csrf_field, field, form_error};
use super::layout::{Frame, Nav, page};

/// What the page shows.
#[derive(Clone, Debug, Default)]
pub struct SignInView {
    /// What was written as the email.
    pub email: String,
    /// Where to go on to.
    pub next: String,
    /// Why nobody is signed in.
    pub error: Option<String>,
    /// The token of the form.
    pub csrf: String,
    /// Whether this is the demo, which has a door of its own.
    pub demo: bool,
}

/// The whole page.
pub fn sign_in(frame: &Frame, view: &SignInView) -> Markup {
    let body = html! {
        section.card.narrow {
            @if view.demo { (demo_door(view)) } @else { (form(view)) }
        }
        p.below { "The " a href="/docs" { "API docs" } " need no sign-in." }
    };
    page(frame, "Sign in", Nav::Elsewhere, &body)
}

fn form(view: &SignInView) -> Markup {
    html! {
        h1 { "Sign in" }
        p.lede { "With the email and password of your operator account." }
        form.form method="post" action="/sign-in" {
            (csrf_field(&view.csrf))
            input type="hidden" name="next" value=(view.next);
            (form_error(view.error.as_deref()))
            (field(Field {
                name: "email", label: "Email", kind: "email", value: &view.email,
                autocomplete: "username", has_focus: view.email.is_empty(), ..Field::default()
            }))
            (field(Field {
                name: "password", label: "Password", kind: "password",
                autocomplete: "current-password", has_focus: !view.email.is_empty(), ..Field::default()
            }))
            button.button.primary type="submit" { "Sign in" }
        }
        details.folded {
            summary { "Forgot the password?" }
            p { "An owner can make a link that sets a new one, under Settings, Operators. So can whoever runs the server:" }
            pre { code { "shopwright operators reset-password EMAIL" } }
        }
    }
}

fn demo_door(view: &SignInView) -> Markup {
    html! {
        h1 { "Demo shop" }
        p.lede { "A sample shop on this machine. Nobody needs a password: you are its owner." }
        form.form method="post" action="/demo/enter" {
            (csrf_field(&view.csrf))
            input type="hidden" name="next" value=(view.next);
            (form_error(view.error.as_deref()))
            button.button.primary type="submit" autofocus { "Enter the demo shop" }
        }
    }
}
