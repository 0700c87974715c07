//! Who looks at a page: the session behind the cookie, and the door that only opens to one.
//!
//! The session is looked up at every request, so that signing out, a new role or a disabled account
//! hold at once on every node.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use shopwright_app::identity::{NewSession, Token, find_session, has_owner};
use shopwright_domain::identity::{Role, SESSION_LIFE_MAX, random_32};
use shopwright_domain::ids::new_id;
use shopwright_domain::time::SECOND;
use shopwright_store::StoreError;
use shopwright_store::audit::{Actor, Stamp};
use shopwright_store::operators::Operator;
use shopwright_store::sessions::Session;

use super::{error_page, failed, see_other};
use crate::Site;
use crate::origin::Caller;
use crate::pages::error::ErrorView;
use crate::pages::user_agent;

const SESSION_COOKIE: &str = "shopwright_session";
const FORM_COOKIE: &str = "shopwright_form";
/// The longest address that a visitor is led back to after signing in.
const NEXT_BYTES_MAX: usize = 2_000;

/// A signed-in operator.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// Who.
    pub operator: Operator,
    /// By which session.
    pub session: Session,
    /// What the cookie holds.
    pub token: Token,
}

/// One request for a page.
#[derive(Clone, Debug)]
pub struct Visit {
    /// The request's headers.
    pub headers: HeaderMap,
    /// Whom it comes from.
    pub caller: Caller,
    /// The session, if there is one.
    pub signed_in: Option<SignedIn>,
}

impl FromRequestParts<Arc<Site>> for Visit {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        site: &Arc<Site>,
    ) -> Result<Self, Self::Rejection> {
        let mut visit = Self::of(parts);
        if visit.signed_in.is_none() {
            // A public page is shown whatever the ledger says; it only greets nobody by name.
            visit.signed_in = look_up(site, &visit).await.unwrap_or_else(|error| {
                tracing::debug!(%error, "a session could not be looked up");
                None
            });
        }
        Ok(visit)
    }
}

impl Visit {
    /// What the request says by itself, with the session that the door has found.
    pub fn of(parts: &Parts) -> Self {
        let nobody = Caller { address: [0, 0, 0, 0].into(), is_secure: false };
        Self {
            headers: parts.headers.clone(),
            caller: parts.extensions.get::<Caller>().copied().unwrap_or(nobody),
            signed_in: parts.extensions.get::<SignedIn>().cloned(),
        }
    }

    /// The whole `Cookie` header.
    pub fn cookies(&self) -> &str {
        self.headers.get(header::COOKIE).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    fn cookie(&self, name: &str) -> Option<&str> {
        let name = cookie_name(name, self.caller.is_secure);
        let pairs = self.cookies().split(';').filter_map(|pair| pair.trim().split_once('='));
        pairs.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// The token of the session cookie, whether it opens or not.
    pub fn session_token(&self) -> Option<Token> {
        self.cookie(SESSION_COOKIE).and_then(Token::parse)
    }

    /// The token that forms for visitors without a session are bound to.
    pub fn form_token(&self) -> Option<Token> {
        self.cookie(FORM_COOKIE).and_then(Token::parse)
    }

    /// The id of the request in the log.
    pub fn request_id(&self) -> &str {
        self.headers.get("x-request-id").and_then(|v| v.to_str().ok()).unwrap_or_default()
    }

    /// What forms behind the door carry, bound to the session.
    pub fn csrf(&self, site: &Site) -> String {
        self.signed_in.as_ref().map(|of| csrf_of(site, &of.token)).unwrap_or_default()
    }

    /// What a signed-in visitor does now, for the operation and the audit log.
    pub fn stamp(&self, site: &Site) -> Stamp {
        let actor = match &self.signed_in {
            Some(signed_in) => Actor::Operator(signed_in.operator.operator_id),
            None => Actor::System,
        };
        Stamp::new(actor, site.clock.now())
    }

    /// A session to begin, in the place of the one the browser has.
    pub fn new_session(&self, site: &Site) -> NewSession {
        let agent = self.headers.get(header::USER_AGENT).and_then(|v| v.to_str().ok());
        NewSession {
            session_id: new_id(site.ids.as_ref()),
            token: Token::from_random(random_32(site.entropy.as_ref())),
            replaces: self.session_token(),
            user_agent: user_agent::in_words(agent.unwrap_or_default()),
            address: self.caller.kept_address(),
        }
    }

    /// Whether the browser says that this request began here or in its address bar.
    pub fn came_by_itself(&self) -> bool {
        let site = self.headers.get("sec-fetch-site").and_then(|v| v.to_str().ok());
        site.is_none_or(|site| matches!(site, "same-origin" | "none"))
    }
}

/// The token of a form: nobody can make it up without the server's secret and the cookie.
pub fn csrf_of(site: &Site, token: &Token) -> String {
    site.key_secret.hash_text(&form_text(token))
}

/// Whether `given` is the token of a form bound to `token`, compared in constant time.
pub fn is_csrf_of(site: &Site, token: &Token, given: &str) -> bool {
    site.key_secret.is_hash_text(&form_text(token), given)
}

fn form_text(token: &Token) -> String {
    format!("form {}", token.text())
}

async fn look_up(site: &Site, visit: &Visit) -> Result<Option<SignedIn>, StoreError> {
    let Some(token) = visit.session_token() else { return Ok(None) };
    let found = find_session(&site.store, &token, site.clock.now()).await?;
    Ok(found.map(|(operator, session)| SignedIn { operator, session, token }))
}

/// The door: lets a request through when its session's operator may do what `needed` may.
pub async fn door(
    State((site, needed)): State<(Arc<Site>, Role)>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let mut visit = Visit::of(&parts);
    match look_up(&site, &visit).await {
        Err(error) => failed(&site, &visit, &error),
        Ok(None) => match where_to_sign_in(&site, &parts).await {
            Ok(path) => see_other(&path),
            Err(error) => failed(&site, &visit, &error),
        },
        Ok(Some(signed_in)) if !signed_in.operator.role.may(needed) => {
            visit.signed_in = Some(signed_in);
            error_page(&site, &visit, &ErrorView::not_for_this_role(needed))
        }
        Ok(Some(signed_in)) => {
            parts.extensions.insert(signed_in);
            next.run(Request::from_parts(parts, body)).await
        }
    }
}

async fn where_to_sign_in(site: &Site, parts: &Parts) -> Result<String, StoreError> {
    let asked = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let next = if parts.method == Method::GET { own_path(asked) } else { "/" };
    if site.demo_operator.is_some() {
        return Ok(with_next("/demo/enter", next));
    }
    if !has_owner(&site.store).await? {
        return Ok("/setup".to_owned());
    }
    Ok(with_next("/sign-in", next))
}

/// An address with the one to go on to; the list of prices needs no naming.
pub fn with_next(path: &str, next: &str) -> String {
    if next == "/" {
        return path.to_owned();
    }
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish();
    format!("{path}?{query}")
}

/// The path if it leads to a page of ours, else the list of prices: nobody is led elsewhere.
pub fn own_path(next: &str) -> &str {
    let is_ours = next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains(['\\', '\r', '\n', '\t', '\0'])
        && next.len() <= NEXT_BYTES_MAX
        && next.bytes().all(|b| b.is_ascii_graphic());
    if is_ours { next } else { "/" }
}

/// A cookie that carries the prefix may only be set by this very host over TLS.
fn cookie_name(name: &str, is_secure: bool) -> String {
    if is_secure { format!("__Host-{name}") } else { name.to_owned() }
}

fn set_cookie(response: &mut Response, caller: Caller, name: &str, value: &str, age: Option<i64>) {
    let name = cookie_name(name, caller.is_secure);
    let secure = if caller.is_secure { "; Secure" } else { "" };
    let age = age.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
    let cookie = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{age}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

/// Gives the browser the session, and takes the token of the form that led to it.
pub fn keep_session(response: &mut Response, caller: Caller, token: &Token) {
    set_cookie(response, caller, SESSION_COOKIE, token.text(), Some(SESSION_LIFE_MAX / SECOND));
    set_cookie(response, caller, FORM_COOKIE, "", Some(0));
}

/// Takes the session from the browser.
pub fn drop_session(response: &mut Response, caller: Caller) {
    set_cookie(response, caller, SESSION_COOKIE, "", Some(0));
}

/// Gives the browser what its forms are bound to until it has a session.
pub fn keep_form_token(response: &mut Response, caller: Caller, token: &Token) {
    set_cookie(response, caller, FORM_COOKIE, token.text(), None);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_to_another_site_after_signing_in() {
        let check = |next: &str, led: &str| assert_eq!(own_path(next), led, "{next:?}");
        check("/products/85123A?x=1&y=%20", "/products/85123A?x=1&y=%20");
        for elsewhere in [
            "",
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "\\\\evil",
            "products",
            "/\t/evil.example",
            "/a\r\nSet-Cookie: x",
            "/é",
        ] {
            check(elsewhere, "/");
        }
        check(&format!("/{}", "a".repeat(2_000)), "/");
        assert_eq!(with_next("/sign-in", "/"), "/sign-in");
        assert_eq!(with_next("/sign-in", "/a?b=c&d"), "/sign-in?next=%2Fa%3Fb%3Dc%26d");
    }
}
