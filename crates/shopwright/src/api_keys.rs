//! `keys`: make, list and revoke API keys. A key's text is printed once and kept nowhere.

use jiff::tz::TimeZone;
use serde_json::{Value as Json, json};
use shopwright_app::identity::{
    KeyError, KeyKind, NewKey, Scope, WantedKey, create_key, revoke_key, rotate_signing,
    signing_secret, signing_version,
};
use shopwright_domain::ids::{KeyId, new_id};
use shopwright_domain::time::{Clock, Timestamp};
use shopwright_store::Store;
use shopwright_store::audit::{Actor, Stamp};
use shopwright_store::identity::{ApiKey, list_keys};

use crate::cli;
use crate::config::{Settings, nearest};
use crate::failure::Failure;
use crate::key_file;
use crate::output::{Align, Answer, Page, local};
use crate::real::{RealClock, RealIds, random};

/// `keys create`.
pub async fn create(
    settings: &Settings,
    store: &Store,
    args: &cli::CreateKeyArgs,
) -> Result<Answer, Failure> {
    let wanted = read_wanted(args)?;
    let NewKey { key, text } =
        make(settings, store, wanted, Stamp::new(Actor::Cli, RealClock.now())).await?;
    let mut json = key_json(&key);
    json["key"] = json!(text);
    let mut page = Page::new(&format!("Key {}", key.name));
    page.pairs(&[
        ("id", key.key_id.to_string()),
        ("kind", key.kind.clone()),
        ("key", text.clone()),
    ]);
    if !key.scopes.is_empty() {
        page.pairs(&[("scopes", key.scopes.join(", "))]);
    }
    page.gap().line("Keep the key now: it is not shown again. Servers take it at once.");
    Ok(Answer::new(json, page))
}

fn read_wanted(args: &cli::CreateKeyArgs) -> Result<WantedKey, Failure> {
    let scope = |text: &String| {
        Scope::parse(text).ok_or_else(|| {
            let all: Vec<_> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
            let near = nearest(text, all.iter().copied());
            let hint = near.map_or_else(
                || format!("use some of {}", all.join(", ")),
                |near| format!("did you mean {near}?"),
            );
            Failure::new("scope", format!("there is no scope `{text}`; {hint}"))
        })
    };
    let expires_at = args.expires_at.as_deref().map(str::parse).transpose();
    Ok(WantedKey {
        kind: match args.kind {
            cli::Kind::Secret => KeyKind::Secret,
            cli::Kind::Restricted => KeyKind::Restricted,
            cli::Kind::Publishable => KeyKind::Publishable,
        },
        name: args.name.clone(),
        scopes: args.scope.iter().map(scope).collect::<Result<_, _>>()?,
        origins: args.origin.clone(),
        expires_at: expires_at.map_err(|error| {
            Failure::new("expires_at", format!("{error}: write it like 2027-01-01T00:00:00Z"))
        })?,
    })
}

/// Makes a key under the store's secret.
pub async fn make(
    settings: &Settings,
    store: &Store,
    wanted: WantedKey,
    stamp: Stamp,
) -> Result<NewKey, Failure> {
    let secret = key_file::read_or_make(settings, store).await?;
    let (id, random) = (new_id(&RealIds::new()), random());
    let made = store.write(move |tx| create_key(tx, &wanted, id, random, (&secret, stamp))).await;
    made.map_err(|error| match error {
        KeyError::Store(error) => error.into(),
        refused => Failure::new("key", refused.to_string()),
    })
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
    let stamp = Stamp::new(Actor::Cli, RealClock.now());
    if !store.write(move |tx| revoke_key(tx, id, stamp)).await? {
        let does = "`shopwright keys list` shows them all";
        return Err(Failure::not_so("unknown_key", format!("there is no key {id}; {does}")));
    }
    let mut page = Page::new("Revoked");
    page.line(&format!("{id} opens nothing any more, on any node, within a second."));
    Ok(Answer::new(json!({ "key_id": id, "revoked": true }), page))
}

/// `keys customer-secret`.
pub async fn customer_secret(
    settings: &Settings,
    store: &Store,
    rotate: bool,
) -> Result<Answer, Failure> {
    let secret = key_file::read_or_make(settings, store).await?;
    let signing = if rotate {
        let stamp = Stamp::new(Actor::Cli, RealClock.now());
        store.write(move |tx| rotate_signing(tx, stamp)).await?
    } else {
        store.read(signing_version).await?
    };
    let text = signing_secret(&secret, signing.version);
    let json = json!({ "secret": text, "version": signing.version });
    let mut page = Page::new("Secret of customer tokens");
    page.pairs(&[("secret", text), ("version", signing.version.to_string())]);
    page.gap().line("Keep it on your server: whoever has it can speak for every customer.");
    page.line("Tokens: HS256, `sub` the customer, `iat`, `exp` at most an hour later.");
    Ok(Answer::new(json, page))
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
        "scopes": key.scopes,
        "origins": key.origins,
        "expires_at": key.expires_at,
    })
}
