//! `/sign-in`.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use shopwright_app::identity::{
    HashError, SALT_BYTES, SignIn, SignInError, Token, has_owner, sign_in,
};
use shopwright_domain::identity::random_32;

use super::form::Form;
use super::visit::{Visit, csrf_of, keep_form_token, keep_session, own_path};
use super::{failed, frame, page, see_other};
use crate::Site;
use crate::pages::sign_in::{SignInView, sign_in as sign_in_page};

/// Where to go on to.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Next {
    next: String,
}

/// The token that a form for a visitor is bound to: the one the browser has, or a new one.
pub(super) fn form_token(site: &Site, visit: &Visit) -> Token {
    visit.form_token().unwrap_or_else(|| Token::from_random(random_32(site.entropy.as_ref())))
}

/// Random bytes for a new hash.
pub(super) fn salt(site: &Site) -> [u8; SALT_BYTES] {
    let mut salt = [0; SALT_BYTES];
    salt.copy_from_slice(&random_32(site.entropy.as_ref())[..SALT_BYTES]);
    salt
}

/// The form.
pub async fn show(
    State(site): State<Arc<Site>>,
    visit: Visit,
    Query(params): Query<Next>,
) -> Response {
    let next = own_path(&params.next);
    if visit.signed_in.is_some() {
        return see_other(next);
    }
    if site.demo_operator.is_none() {
        match has_owner(&site.store).await {
            Ok(true) => {}
            Ok(false) => return see_other("/setup"),
            Err(error) => return failed(&site, &visit, &error),
        }
    }
    let view = SignInView { next: next.to_owned(), ..SignInView::default() };
    with_form(&site, &visit, StatusCode::OK, view)
}

fn with_form(site: &Site, visit: &Visit, status: StatusCode, view: SignInView) -> Response {
    let token = form_token(site, visit);
    let view =
        SignInView { csrf: csrf_of(site, &token), demo: site.demo_operator.is_some(), ..view };
    let mut response = page(status, sign_in_page(&frame(site, visit), &view));
    keep_form_token(&mut response, visit.caller, &token);
    response
}

/// The form, filled in.
pub async fn submit(State(site): State<Arc<Site>>, form: Form) -> Response {
    let visit = &form.visit;
    let command = SignIn {
        email: form.line("email"),
        password: form.get("password").to_owned(),
        counted_address: visit.caller.counted_address(),
        session: visit.new_session(&site),
        salt: salt(&site),
    };
    let (token, email) = (command.session.token.clone(), command.email.clone());
    let next = own_path(form.get("next")).to_owned();
    let now = site.clock.now();
    let way = (&site.store, &site.passwords);
    let Err(refused) = sign_in(way, &site.key_secret, command, now).await else {
        let mut response = see_other(&next);
        keep_session(&mut response, visit.caller, &token);
        return response;
    };
    let mut view = SignInView { email, next, ..SignInView::default() };
    let (status, wait) = match refused {
        SignInError::Refused => (StatusCode::UNPROCESSABLE_ENTITY, None),
        SignInError::TooMany { retry_after_seconds } => {
            (StatusCode::TOO_MANY_REQUESTS, Some(retry_after_seconds))
        }
        SignInError::Hash(HashError::Busy) => (StatusCode::SERVICE_UNAVAILABLE, Some(5)),
        SignInError::Hash(error @ HashError::Failed) => {
            let error = shopwright_store::StoreError::Bug(error.to_string());
            return failed(&site, visit, &error);
        }
        SignInError::Store(error) => return failed(&site, visit, &error),
    };
    view.error = Some(match refused_words(status, wait) {
        Some(words) => words,
        None => "The email or the password is wrong. Passwords tell capitals from small letters."
            .to_owned(),
    });
    let mut response = with_form(&site, visit, status, view);
    if let Some(seconds) = wait {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn refused_words(status: StatusCode, wait: Option<i64>) -> Option<String> {
    let seconds = wait?;
    if status == StatusCode::SERVICE_UNAVAILABLE {
        return Some("Many people sign in at this moment. Try again in a few seconds.".to_owned());
    }
    Some(too_many_words(seconds))
}

/// What a page says after too many tries.
pub(super) fn too_many_words(seconds: i64) -> String {
    let minutes = (seconds + 59) / 60;
    let unit = if minutes == 1 { "minute" } else { "minutes" };
    format!(
        "Too many tries. For your safety, wait {minutes} {unit} and try again; whoever runs the \
         server can also make you a link that sets a new password."
    )
}
