//! `/setup`: behind a one-time link one makes the first owner, takes up an invitation, or sets a new
//! password. Looking at the page uses nothing up.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use shopwright_app::identity::{
    HashError, LinkForm, OpenLink, Token, UseLinkError, begin_session, find_link, has_owner,
    use_link,
};
use shopwright_domain::ids::new_id;
use shopwright_store::StoreError;
use shopwright_store::operators::LinkPurpose;

use super::form::Form;
use super::sign_in::{form_token, salt};
use super::visit::{Visit, csrf_of, keep_form_token, keep_session};
use super::{error_page, failed, frame, page, see_other};
use crate::Site;
use crate::pages::error::ErrorView;
use crate::pages::setup::{SetupPurpose, SetupView, setup as setup_page, setup_without_link};

/// Without a link: how to get one, while there is no owner.
pub async fn explain(State(site): State<Arc<Site>>, visit: Visit) -> Response {
    match has_owner(&site.store).await {
        Ok(false) => page(StatusCode::OK, setup_without_link(&frame(&site, &visit))),
        Ok(true) => see_other("/sign-in"),
        Err(error) => failed(&site, &visit, &error),
    }
}

/// The form behind a link.
pub async fn show(
    State(site): State<Arc<Site>>,
    visit: Visit,
    Path(token): Path<String>,
) -> Response {
    let Some(token) = Token::parse(&token) else { return gone(&site, &visit) };
    match find_link(&site.store, &token, site.clock.now()).await {
        Ok(Some(link)) => with_form(&site, &visit, &token, (&link, SetupView::default())),
        Ok(None) => gone(&site, &visit),
        Err(error) => failed(&site, &visit, &error),
    }
}

fn gone(site: &Site, visit: &Visit) -> Response {
    error_page(site, visit, &ErrorView::link_is_gone())
}

fn with_form(
    site: &Site,
    visit: &Visit,
    token: &Token,
    (link, view): (&OpenLink, SetupView),
) -> Response {
    let bound_to = form_token(site, visit);
    let status =
        if view.error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let view = SetupView {
        purpose: match link.purpose {
            LinkPurpose::FirstOwner => SetupPurpose::FirstOwner,
            LinkPurpose::Invite => SetupPurpose::Invitation(link.role),
            LinkPurpose::Reset => SetupPurpose::NewPassword,
        },
        path: format!("/setup/{}", token.text()),
        fixed_email: link.email.clone(),
        csrf: csrf_of(site, &bound_to),
        ..view
    };
    let mut response = page(status, setup_page(&frame(site, visit), &view));
    keep_form_token(&mut response, visit.caller, &bound_to);
    response
}

/// The form, filled in: uses the link up and signs in.
pub async fn submit(
    State(site): State<Arc<Site>>,
    Path(token): Path<String>,
    form: Form,
) -> Response {
    let visit = &form.visit;
    let Some(token) = Token::parse(&token) else { return gone(&site, visit) };
    let link = match find_link(&site.store, &token, site.clock.now()).await {
        Ok(Some(link)) => link,
        Ok(None) => return gone(&site, visit),
        Err(error) => return failed(&site, visit, &error),
    };
    let filled = LinkForm {
        email: form.line("email"),
        name: form.line("name"),
        password: form.get("password").to_owned(),
    };
    let mut view = SetupView {
        name: filled.name.clone(),
        email: filled.email.clone(),
        ..SetupView::default()
    };
    let made_of = (new_id(site.ids.as_ref()), salt(&site));
    let way = (&site.store, &site.passwords);
    let error = match use_link(way, &token, filled, made_of, site.clock.now()).await {
        Ok(operator) => {
            let session = visit.new_session(&site);
            let token = session.token.clone();
            return match begin_session(&site.store, operator, session, site.clock.now()).await {
                Ok(()) => {
                    let mut response = see_other("/");
                    keep_session(&mut response, visit.caller, &token);
                    response
                }
                Err(error) => failed(&site, visit, &error),
            };
        }
        Err(UseLinkError::Gone) => return gone(&site, visit),
        Err(UseLinkError::Store(error)) => return failed(&site, visit, &error),
        Err(UseLinkError::Hash(HashError::Failed)) => {
            return failed(&site, visit, &StoreError::Bug("a password was not hashed".into()));
        }
        Err(error) => error,
    };
    view.error = Some(error.to_string());
    with_form(&site, visit, &token, (&link, view))
}
