//! Pages for what went wrong: what happened, what is safe, what to do. No cause leaks into them.

use maud::{Markup, html};

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
