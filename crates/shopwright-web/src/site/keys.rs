//! `/keys`: API keys. A key's text is shown once, in the answer to the form that made it.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use shopwright_app::identity::{
    KEY_RANDOM_BYTES, KeyError, KeyKind, Scope, WantedKey, create_key, revoke_key,
};
use shopwright_domain::identity::{person_name, random_32};
use shopwright_domain::ids::{KeyId, new_id};
use shopwright_domain::time::Timestamp;
use shopwright_store::identity;

use super::form::Form;
use super::visit::Visit;
use super::{error_page, failed, frame, page, see_other};
use crate::Site;
use crate::pages::error::ErrorView;
use crate::pages::keys::{KeyForm, KeyRow, KeysView, keys as keys_page, scope_field};

/// What just happened.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Done {
    done: String,
}

#[derive(Default)]
struct Said {
    notice: Option<String>,
    error: Option<String>,
    wanted: KeyForm,
    made: Option<String>,
}

/// The page.
pub async fn show(
    State(site): State<Arc<Site>>,
    visit: Visit,
    Query(params): Query<Done>,
) -> Response {
    let notice = (params.done == "revoked")
        .then(|| "The key is revoked. It opens nothing any more, on any node.".to_owned());
    with_page(&site, &visit, Said { notice, ..Said::default() }).await
}

async fn with_page(site: &Site, visit: &Visit, said: Said) -> Response {
    let listed = match site.store.read(identity::list_keys).await {
        Ok(listed) => listed,
        Err(error) => return failed(site, visit, &error),
    };
    let status =
        if said.error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let view = KeysView {
        rows: listed
            .into_iter()
            .map(|key| KeyRow {
                id: key.key_id,
                kind: key.kind,
                is_over: key.expires_at.is_some_and(|at| at <= site.clock.now()),
                name: key.name,
                scopes: key.scopes,
                origins: key.origins,
                expires_at: key.expires_at,
                prefix: key.shown_prefix,
                created_at: key.created_at,
                last_used_at: key.last_used_at,
                revoked_at: key.revoked_at,
            })
            .collect(),
        notice: said.notice,
        error: said.error,
        wanted: said.wanted,
        made: said.made,
        csrf: visit.csrf(site),
    };
    page(status, keys_page(&frame(site, visit), &view))
}

fn read_form(form: &Form) -> KeyForm {
    let is_ticked = |scope: &Scope| form.get(&scope_field(*scope)) == "on";
    KeyForm {
        name: form.line("name"),
        kind: form.line("kind"),
        scopes: Scope::ALL.iter().copied().filter(is_ticked).collect(),
        origins: form.line("origins"),
        expires: form.line("expires"),
    }
}

/// The key that a form asks for; what only the operation can tell is left to it.
fn wanted_key(site: &Site, written: &KeyForm) -> Result<WantedKey, &'static str> {
    let name = person_name(&written.name).ok_or("write a name of at most 100 bytes")?;
    let kind = KeyKind::parse(&written.kind).ok_or("choose what the key is for")?;
    let expires_at = if written.expires.is_empty() {
        None
    } else {
        let day: Result<jiff::civil::Date, _> = written.expires.parse();
        let start = day.and_then(|day| day.to_zoned_datetime(site.zone.0.clone()));
        let start = start.map_err(|_| "write the day it ends as 2027-01-31")?;
        Some(Timestamp::from_jiff(start.timestamp()))
    };
    let origins = written.origins.split_whitespace().map(ToOwned::to_owned).collect();
    Ok(WantedKey { kind, name, scopes: written.scopes.clone(), origins, expires_at })
}

/// Makes a key.
pub async fn create(State(site): State<Arc<Site>>, form: Form) -> Response {
    let visit = &form.visit;
    let written = read_form(&form);
    let refused = |error: &str| Said {
        error: Some(error.to_owned()),
        wanted: written.clone(),
        ..Said::default()
    };
    let wanted = match wanted_key(&site, &written) {
        Ok(wanted) => wanted,
        Err(says) => return with_page(&site, visit, refused(says)).await,
    };
    let mut random = [0; KEY_RANDOM_BYTES];
    random.copy_from_slice(&random_32(site.entropy.as_ref())[..KEY_RANDOM_BYTES]);
    let id = new_id(site.ids.as_ref());
    let (secret, stamp) = (site.key_secret.clone(), visit.stamp(&site));
    let made = site.store.write(move |tx| create_key(tx, &wanted, id, random, (&secret, stamp)));
    match made.await {
        Ok(made) => {
            with_page(&site, visit, Said { made: Some(made.text), ..Said::default() }).await
        }
        Err(KeyError::Store(error)) => failed(&site, visit, &error),
        Err(error) => with_page(&site, visit, refused(&error.to_string())).await,
    }
}

/// Revokes a key whose name was typed.
pub async fn revoke(State(site): State<Arc<Site>>, Path(id): Path<String>, form: Form) -> Response {
    let visit = &form.visit;
    let unknown = || error_page(&site, visit, &ErrorView::key_not_found());
    let Ok(id) = id.parse::<KeyId>() else { return unknown() };
    let key = match site.store.read(move |tx| identity::find_key(tx, id)).await {
        Ok(Some(key)) => key,
        Ok(None) => return unknown(),
        Err(error) => return failed(&site, visit, &error),
    };
    if form.line("confirm") != key.name {
        let error = format!("nothing was revoked: to revoke this key, type its name, {}", key.name);
        return with_page(&site, visit, Said { error: Some(error), ..Said::default() }).await;
    }
    let stamp = visit.stamp(&site);
    match site.store.write(move |tx| revoke_key(tx, id, stamp)).await {
        Ok(_) => see_other("/keys?done=revoked"),
        Err(error) => failed(&site, visit, &error),
    }
}
