//! `/operators`: who runs the shop. Links are shown once, in the answer to the form that made them.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header;
use axum::response::Response;
use serde::Deserialize;
use shopwright_app::identity::{self, LinkError, OperatorError, Token};
use shopwright_domain::identity::{Email, Role, random_32};
use shopwright_domain::ids::OperatorId;
use shopwright_store::operators;

use super::form::Form;
use super::visit::Visit;
use super::{error_page, failed, frame, page, see_other};
use crate::Site;
use crate::pages::error::ErrorView;
use crate::pages::operators::{NewLink, OperatorRow, OperatorsView, operators as operators_page};

/// What just happened.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Done {
    done: String,
}

fn done_words(done: &str) -> Option<&'static str> {
    match done {
        "role" => Some("The role is changed. Sessions under the old one have ended."),
        "disabled" => Some("The operator is disabled and signed out everywhere."),
        "enabled" => Some("The operator may sign in again."),
        "sessions" => Some("The operator is signed out everywhere."),
        _ => None,
    }
}

/// What the page says beside its table.
#[derive(Default)]
struct Said {
    notice: Option<String>,
    error: Option<String>,
    email: String,
    link: Option<NewLink>,
}

/// The page.
pub async fn show(
    State(site): State<Arc<Site>>,
    visit: Visit,
    Query(params): Query<Done>,
) -> Response {
    let notice = done_words(&params.done).map(ToOwned::to_owned);
    with_page(&site, &visit, Said { notice, ..Said::default() }).await
}

async fn with_page(site: &Site, visit: &Visit, said: Said) -> Response {
    let listed = match site.store.read(operators::list).await {
        Ok(listed) => listed,
        Err(error) => return failed(site, visit, &error),
    };
    let status =
        if said.error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let me = visit.signed_in.as_ref().map(|of| of.operator.operator_id);
    let view = OperatorsView {
        rows: listed
            .into_iter()
            .map(|operator| OperatorRow {
                id: operator.operator_id,
                is_me: Some(operator.operator_id) == me,
                name: operator.name,
                email: operator.email,
                role: operator.role,
                is_disabled: operator.disabled_at.is_some(),
                created_at: operator.created_at,
            })
            .collect(),
        notice: said.notice,
        error: said.error,
        email: said.email,
        link: said.link,
        csrf: visit.csrf(site),
    };
    page(status, operators_page(&frame(site, visit), &view))
}

/// The whole address of a link, as the browser that asks for it sees this server.
fn link_url(site: &Site, visit: &Visit, token: &Token) -> String {
    let base = if let Some(url) = &site.public_url {
        url.text()
    } else {
        let host = visit.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let scheme = if visit.caller.is_secure { "https" } else { "http" };
        format!("{scheme}://{}", host.unwrap_or("localhost"))
    };
    format!("{base}/setup/{}", token.text())
}

/// Invites somebody.
pub async fn invite(State(site): State<Arc<Site>>, form: Form) -> Response {
    let visit = &form.visit;
    let written = form.line("email");
    let refused =
        |error: String| Said { error: Some(error), email: written.clone(), ..Said::default() };
    let email = match Email::parse(&written) {
        Ok(email) => email,
        Err(error) => return with_page(&site, visit, refused(error.to_string())).await,
    };
    let Some(role) = Role::parse(form.get("role")) else {
        return with_page(&site, visit, refused("choose a role".to_owned())).await;
    };
    let token = Token::from_random(random_32(site.entropy.as_ref()));
    let command = (email.clone(), role);
    match identity::invite(&site.store, command, &token, visit.stamp(&site)).await {
        Ok(()) => {
            let text = format!("Send this link to {email}. It opens once, within an hour:");
            let link = NewLink { text, url: link_url(&site, visit, &token) };
            with_page(&site, visit, Said { link: Some(link), ..Said::default() }).await
        }
        Err(error) => refused_link(&site, visit, error).await,
    }
}

/// Makes a link that sets a new password.
pub async fn reset(State(site): State<Arc<Site>>, Path(id): Path<String>, form: Form) -> Response {
    let visit = &form.visit;
    let Ok(id) = id.parse::<OperatorId>() else { return unknown(&site, visit) };
    let token = Token::from_random(random_32(site.entropy.as_ref()));
    match identity::make_reset_link(&site.store, id, &token, visit.stamp(&site)).await {
        Ok(()) => {
            let text =
                "Send this link to its operator. It sets a new password, once, within an hour:";
            let link = NewLink { text: text.to_owned(), url: link_url(&site, visit, &token) };
            with_page(&site, visit, Said { link: Some(link), ..Said::default() }).await
        }
        Err(error) => refused_link(&site, visit, error).await,
    }
}

async fn refused_link(site: &Site, visit: &Visit, error: LinkError) -> Response {
    match error {
        LinkError::Store(error) => failed(site, visit, &error),
        LinkError::Unknown => unknown(site, visit),
        LinkError::HasOwner | LinkError::Taken | LinkError::Disabled => {
            let said = Said { error: Some(error.to_string()), ..Said::default() };
            with_page(site, visit, said).await
        }
    }
}

fn unknown(site: &Site, visit: &Visit) -> Response {
    error_page(site, visit, &ErrorView::operator_not_found())
}

async fn done(
    site: &Site,
    visit: &Visit,
    outcome: Result<(), OperatorError>,
    word: &str,
) -> Response {
    match outcome {
        Ok(()) => see_other(&format!("/operators?done={word}")),
        Err(OperatorError::Unknown) => unknown(site, visit),
        Err(OperatorError::Store(error)) => failed(site, visit, &error),
        Err(error @ OperatorError::LastOwner) => {
            let said = Said { error: Some(error.to_string()), ..Said::default() };
            with_page(site, visit, said).await
        }
    }
}

/// Gives another role.
pub async fn change_role(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    form: Form,
) -> Response {
    let visit = &form.visit;
    let Ok(id) = id.parse::<OperatorId>() else { return unknown(&site, visit) };
    let Some(role) = Role::parse(form.get("role")) else {
        let error = Some("choose a role".to_owned());
        return with_page(&site, visit, Said { error, ..Said::default() }).await;
    };
    let outcome = identity::change_role(&site.store, id, role, visit.stamp(&site)).await;
    done(&site, visit, outcome, "role").await
}

/// Lets an operator sign in no more.
pub async fn disable(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    form: Form,
) -> Response {
    let Ok(id) = id.parse::<OperatorId>() else { return unknown(&site, &form.visit) };
    let outcome = identity::disable(&site.store, id, form.visit.stamp(&site)).await;
    done(&site, &form.visit, outcome, "disabled").await
}

/// Lets an operator sign in again.
pub async fn enable(State(site): State<Arc<Site>>, Path(id): Path<String>, form: Form) -> Response {
    let Ok(id) = id.parse::<OperatorId>() else { return unknown(&site, &form.visit) };
    let outcome = identity::enable(&site.store, id, form.visit.stamp(&site)).await;
    done(&site, &form.visit, outcome, "enabled").await
}

/// Signs an operator out everywhere.
pub async fn end_sessions(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    form: Form,
) -> Response {
    let Ok(id) = id.parse::<OperatorId>() else { return unknown(&site, &form.visit) };
    let outcome = identity::end_sessions(&site.store, id, form.visit.stamp(&site)).await;
    done(&site, &form.visit, outcome.map(|_| ()), "sessions").await
}
