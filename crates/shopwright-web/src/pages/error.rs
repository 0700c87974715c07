//! Pages for what went wrong: what happened, what is safe, what to do. No cause leaks into them.

use maud::{Markup, html};
use shopwright_domain::identity::Role;

use super::layout::{Frame, Nav, page};

/// A page for a request that could not be answered.
#[derive(Clone, Debug)]
pub struct ErrorView {
    /// The HTTP status.
    pub status: u16,
    /// What happened, as a heading.
    pub title: String,
    /// What happened and what is safe, in short sentences.
    pub explanation: String,
    /// What to do: label and address, the most useful first.
    pub actions: Vec<(String, String)>,
    /// The id under which the log has the cause.
    pub request_id: Option<String>,
}

impl ErrorView {
    /// There is no page at this address.
    pub fn page_not_found(path: &str) -> Self {
        Self {
            status: 404,
            title: "There is no page here".to_owned(),
            explanation: format!("Nothing lives at {path}. The shop and its prices are fine."),
            actions: vec![to_prices(), ("Read the API docs".to_owned(), "/docs".to_owned())],
            request_id: None,
        }
    }

    /// No product has this SKU.
    pub fn product_not_found(sku: &str) -> Self {
        Self {
            status: 404,
            title: "No product has this SKU".to_owned(),
            explanation: format!(
                "The shop knows no product “{sku}”. SKUs are compared letter by letter: 85123a and \
                 85123A are two products."
            ),
            actions: vec![to_prices()],
            request_id: None,
        }
    }

    /// The session's operator may not see this page.
    pub fn not_for_this_role(needed: Role) -> Self {
        Self {
            status: 403,
            title: "This is not for your role".to_owned(),
            explanation: format!(
                "It takes the role “{}”. Nothing was changed. An owner of the shop can give it to you.",
                needed.label()
            ),
            actions: vec![to_prices(), ("See your account".to_owned(), "/account".to_owned())],
            request_id: None,
        }
    }

    /// A form that none of our pages sent, or one whose session is over.
    pub fn foreign_form() -> Self {
        Self {
            status: 403,
            title: "This form was not sent from here".to_owned(),
            explanation: "Nothing was changed. Your session may have ended since the page was \
                          opened, or another site tried to act in your name. Open the page again \
                          and repeat what you did."
                .to_owned(),
            actions: vec![to_prices()],
            request_id: None,
        }
    }

    /// A request that is no form of ours.
    pub fn not_a_form() -> Self {
        Self {
            status: 400,
            title: "This form cannot be read".to_owned(),
            explanation: "Nothing was changed. Forms are sent by the pages themselves; programs \
                          use the API with a key."
                .to_owned(),
            actions: vec![to_prices(), ("Read the API docs".to_owned(), "/docs".to_owned())],
            request_id: None,
        }
    }

    /// A one-time link that opens nothing. Says the same whatever the reason.
    pub fn link_is_gone() -> Self {
        Self {
            status: 404,
            title: "This link opens nothing".to_owned(),
            explanation: "A link opens once and within an hour; a newer one takes its place. Ask \
                          whoever sent it for another."
                .to_owned(),
            actions: vec![("Go to sign-in".to_owned(), "/sign-in".to_owned())],
            request_id: None,
        }
    }

    /// No operator has this id.
    pub fn operator_not_found() -> Self {
        Self {
            status: 404,
            title: "There is no such operator".to_owned(),
            explanation: "Nothing was changed.".to_owned(),
            actions: vec![("Go to operators".to_owned(), "/operators".to_owned())],
            request_id: None,
        }
    }

    /// No key has this id.
    pub fn key_not_found() -> Self {
        Self {
            status: 404,
            title: "There is no such key".to_owned(),
            explanation: "Nothing was changed.".to_owned(),
            actions: vec![("Go to API keys".to_owned(), "/keys".to_owned())],
            request_id: None,
        }
    }

    /// A fault of our own; the cause is in the log under `request_id`.
    pub fn internal(request_id: &str) -> Self {
        Self {
            status: 500,
            title: "This page could not be made".to_owned(),
            explanation: "The fault is ours. Prices go on being served and nothing was changed. \
                          Try again in a moment; if it stays, look for the request id below in \
                          the server's log."
                .to_owned(),
            actions: vec![to_prices()],
            request_id: Some(request_id.to_owned()),
        }
    }

    /// The ledger cannot be reached right now.
    pub fn unavailable(request_id: &str) -> Self {
        Self {
            status: 503,
            title: "The ledger cannot be reached".to_owned(),
            explanation: "This page needs the database, which does not answer. The last decided \
                          prices are still served and nothing was changed. Try again in a minute."
                .to_owned(),
            actions: vec![to_prices()],
            request_id: Some(request_id.to_owned()),
        }
    }
}

fn to_prices() -> (String, String) {
    ("Go to prices".to_owned(), "/".to_owned())
}

/// The whole page.
pub fn error(frame: &Frame, view: &ErrorView) -> Markup {
    let body = html! {
        section.card.empty.error {
            p.error-status { (view.status) }
            h1 { (view.title) }
            p dir="auto" { (view.explanation) }
            p.actions {
                @for (label, href) in &view.actions { a.button href=(href) { (label) } }
            }
            @if let Some(id) = &view.request_id { p.muted { "Request id " code { (id) } } }
        }
    };
    page(frame, &view.title, Nav::Elsewhere, &body)
}
