//! The demo's own door, on loopback addresses only: whoever sits at this machine is its owner, so
//! that the first look takes one command. On any other address, and in a shop, it does not exist.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;
use shopwright_app::identity::begin_session;

use super::form::Form;
use super::visit::{Visit, keep_session, own_path, with_next};
use super::{error_page, failed, see_other};
use crate::Site;
use crate::pages::error::ErrorView;

/// Where to go on to.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Next {
    next: String,
}

/// A visitor who opened a page without a session. A link on another site does not let itself in:
/// its visitor is asked first.
pub async fn walk_in(
    State(site): State<Arc<Site>>,
    visit: Visit,
    Query(params): Query<Next>,
) -> Response {
    let next = own_path(&params.next);
    if visit.signed_in.is_some() {
        return see_other(next);
    }
    if site.demo_operator.is_some() && !visit.came_by_itself() {
        return see_other(&with_next("/sign-in", next));
    }
    let_in(&site, &visit, next).await
}

/// The button on the sign-in page.
pub async fn enter(State(site): State<Arc<Site>>, form: Form) -> Response {
    let_in(&site, &form.visit, own_path(form.get("next"))).await
}

async fn let_in(site: &Site, visit: &Visit, next: &str) -> Response {
    let Some(operator) = site.demo_operator.filter(|_| site.loopback_only) else {
        return error_page(site, visit, &ErrorView::page_not_found("/demo/enter"));
    };
    let session = visit.new_session(site);
    let token = session.token.clone();
    match begin_session(&site.store, operator, session, site.clock.now()).await {
        Ok(()) => {
            let mut response = see_other(next);
            keep_session(&mut response, visit.caller, &token);
            response
        }
        Err(error) => failed(site, visit, &error),
    }
}
