//! `/account`: one's own password and sessions; and signing out.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use shopwright_app::identity::{
    ChangePassword, ChangePasswordError, HashError, change_password, end_session,
};
use shopwright_domain::identity::session_is_live;
use shopwright_domain::ids::SessionId;
use shopwright_store::{StoreError, sessions};

use super::form::Form;
use super::sign_in::{salt, too_many_words};
use super::visit::{SignedIn, Visit, drop_session, keep_session};
use super::{error_page, failed, frame, page, see_other};
use crate::Site;
use crate::pages::account::{AccountView, SessionView, account as account_page};
use crate::pages::error::ErrorView;

/// What just happened.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Done {
    done: String,
}

fn done_words(done: &str) -> Option<&'static str> {
    match done {
        "password" => Some("Your password is changed. Every other session has ended."),
        "session" => Some("The session has ended."),
        _ => None,
    }
}

/// The page.
pub async fn show(
    State(site): State<Arc<Site>>,
    visit: Visit,
    Query(params): Query<Done>,
) -> Response {
    let notice = done_words(&params.done).map(ToOwned::to_owned);
    with_page(&site, &visit, StatusCode::OK, (notice, None)).await
}

async fn with_page(
    site: &Site,
    visit: &Visit,
    status: StatusCode,
    (notice, error): (Option<String>, Option<String>),
) -> Response {
    let Some(SignedIn { operator, session, .. }) = &visit.signed_in else {
        return see_other("/sign-in");
    };
    let (id, now) = (operator.operator_id, site.clock.now());
    let listed = match site.store.read(move |tx| sessions::list(tx, id, now)).await {
        Ok(listed) => listed,
        Err(error) => return failed(site, visit, &error),
    };
    let live = listed.into_iter().filter(|s| session_is_live(now, s.last_seen_at, s.expires_at));
    let view = AccountView {
        name: operator.name.clone(),
        email: operator.email.clone(),
        role: operator.role,
        sessions: live
            .map(|other| SessionView {
                id: other.session_id,
                is_this: other.session_id == session.session_id,
                user_agent: other.user_agent,
                address: other.address,
                created_at: other.created_at,
                last_seen_at: other.last_seen_at,
            })
            .collect(),
        notice,
        error,
        csrf: visit.csrf(site),
    };
    page(status, account_page(&frame(site, visit), &view))
}

/// Changes the password.
pub async fn change(State(site): State<Arc<Site>>, form: Form) -> Response {
    let visit = &form.visit;
    let Some(signed_in) = &visit.signed_in else { return see_other("/sign-in") };
    let command = ChangePassword {
        operator: signed_in.operator.clone(),
        present: form.get("present").to_owned(),
        new: form.get("password").to_owned(),
        salt: salt(&site),
        session: visit.new_session(&site),
    };
    let token = command.session.token.clone();
    let way = (&site.store, &site.passwords);
    let error = match change_password(way, &site.key_secret, command, site.clock.now()).await {
        Ok(()) => {
            let mut response = see_other("/account?done=password");
            keep_session(&mut response, visit.caller, &token);
            return response;
        }
        Err(error) => error,
    };
    let (status, wait) = match &error {
        ChangePasswordError::Store(error) => return failed(&site, visit, error),
        ChangePasswordError::Hash(HashError::Failed) => {
            return failed(&site, visit, &StoreError::Bug("a password was not hashed".into()));
        }
        ChangePasswordError::Hash(HashError::Busy) => (StatusCode::SERVICE_UNAVAILABLE, Some(5)),
        ChangePasswordError::TooMany { retry_after_seconds } => {
            (StatusCode::TOO_MANY_REQUESTS, Some(*retry_after_seconds))
        }
        ChangePasswordError::Wrong | ChangePasswordError::Password(_) => {
            (StatusCode::UNPROCESSABLE_ENTITY, None)
        }
    };
    let words = match &error {
        ChangePasswordError::TooMany { retry_after_seconds } => {
            too_many_words(*retry_after_seconds)
        }
        other => other.to_string(),
    };
    let mut response = with_page(&site, visit, status, (None, Some(words))).await;
    if let Some(seconds) = wait {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Ends one of one's own sessions; the present one signs out.
pub async fn end(State(site): State<Arc<Site>>, Path(id): Path<String>, form: Form) -> Response {
    let visit = &form.visit;
    let Some(signed_in) = &visit.signed_in else { return see_other("/sign-in") };
    let Ok(id) = id.parse::<SessionId>() else {
        return error_page(&site, visit, &ErrorView::page_not_found("/account/sessions/"));
    };
    let operator = signed_in.operator.operator_id;
    match end_session(&site.store, operator, id, site.clock.now()).await {
        Ok(_) if id == signed_in.session.session_id => signed_out(visit),
        Ok(_) => see_other("/account?done=session"),
        Err(error) => failed(&site, visit, &error),
    }
}

fn signed_out(visit: &Visit) -> Response {
    let mut response = see_other("/sign-in");
    drop_session(&mut response, visit.caller);
    response
}

/// Ends the present session.
pub async fn sign_out(State(site): State<Arc<Site>>, form: Form) -> Response {
    let visit = &form.visit;
    let Some(SignedIn { operator, session, .. }) = &visit.signed_in else {
        return signed_out(visit);
    };
    let (operator, session) = (operator.operator_id, session.session_id);
    match end_session(&site.store, operator, session, site.clock.now()).await {
        Ok(_) => signed_out(visit),
        Err(error) => failed(&site, visit, &error),
    }
}
