//! `keys`: make, list and revoke API keys. A key's text is printed once and kept nowhere.

use jiff::tz::TimeZone;
use serde_json::{Value as Json, json};
use shopwright_app::identity::{KeyKind, NewKey, create_key, revoke_key};
use shopwright_domain::ids::{KeyId, new_id};
use shopwright_domain::time::{Clock, Timestamp};
use shopwright_store::Store;
use shopwright_store::audit::{Actor, Stamp};
use shopwright_store::identity::{ApiKey, list_keys};

use crate::cli;
use crate::config::Settings;
use crate::failure::Failure;
use crate::key_file;
use crate::output::{Align, Answer, Page, local};
use crate::real::{RealClock, RealIds, random};

const NAME_BYTES_MAX: usize = 100;

/// `keys create`.
pub async fn create(
    settings: &Settings,
    store: &Store,
    kind: cli::Kind,
    name: &str,
) -> Result<Answer, Failure> {
    let name = name.trim();
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.contains(char::is_control) {
        let limit = format!("the name must be a text of 1 to {NAME_BYTES_MAX} bytes");
        return Err(Failure::new("name", limit));
    }
    let kind = match kind {
        cli::Kind::Secret => KeyKind::Secret,
        cli::Kind::Publishable => KeyKind::Publishable,
    };
    let NewKey { key, text } =
        make(settings, store, (kind, name), Stamp::new(Actor::Cli, RealClock.now())).await?;
    let mut json = key_json(&key);
    json["key"] = json!(text);
    let mut page = Page::new(&format!("Key {}", key.name));
    page.pairs(&[
        ("id", key.key_id.to_string()),
        ("kind", key.kind.clone()),
        ("key", text.clone()),
    ]);
    page.gap().line("Keep the key now: it is not shown again. Servers take it at once.");
    Ok(Answer::new(json, page))
}

/// Makes a key under the store's secret.
pub async fn make(
    settings: &Settings,
    store: &Store,
    (kind, name): (KeyKind, &str),
    stamp: Stamp,
) -> Result<NewKey, Failure> {
    let secret = key_file::read_or_make(settings, store).await?;
    let id = new_id(&RealIds::new());
    Ok(create_key(store, (kind, name.to_owned()), id, random(), (&secret, stamp)).await?)
}

/// `keys list`.
pub async fn list(store: &Store, zone: &TimeZone) -> Result<Answer, Failure> {
    let keys = store.read(list_keys).await?;
    let json = json!({ "object": "list", "data": keys.iter().map(key_json).collect::<Json>() });
    let at = |at: Option<Timestamp>| match at {
        Some(at) => local(at, zone),
        None => "never".into(),
    };
    let rows = keys.iter().map(|key| {
        let state = if key.revoked_at.is_some() { "revoked" } else { "active" };
        vec![
            key.key_id.to_string(),
            key.name.clone(),
            format!("{}…", key.shown_prefix),
            state.into(),
            at(Some(key.created_at)),
            at(key.last_used_at),
        ]
    });
    let head = ["id", "name", "key", "state", "made", "last used"].map(|name| (name, Align::Left));
    let mut page = Page::new("API keys");
    page.table(&head, rows.collect());
    page.gap();
    if keys.is_empty() {
        page.line("There is none yet: `shopwright keys create --kind secret --name api`");
    } else {
        page.line("Next: `shopwright keys revoke ID` stops one at once.");
    }
    Ok(Answer::new(json, page))
}

/// `keys revoke`.
pub async fn revoke(store: &Store, key_id: &str) -> Result<Answer, Failure> {
    let id: KeyId = key_id.parse().map_err(|error| Failure::new("key_id", format!("{error}")))?;
    if !revoke_key(store, id, Stamp::new(Actor::Cli, RealClock.now())).await? {
        let does = "`shopwright keys list` shows them all";
        return Err(Failure::not_so("unknown_key", format!("there is no key {id}; {does}")));
    }
    let mut page = Page::new("Revoked");
    page.line(&format!("{id} opens nothing any more, on any node, within a second."));
    Ok(Answer::new(json!({ "key_id": id, "revoked": true }), page))
}

fn key_json(key: &ApiKey) -> Json {
    json!({
        "key_id": key.key_id,
        "kind": key.kind,
        "name": key.name,
        "prefix": key.shown_prefix,
        "created_at": key.created_at,
        "last_used_at": key.last_used_at,
        "revoked_at": key.revoked_at,
    })
}
