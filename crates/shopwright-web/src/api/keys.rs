//! API keys: make, list, revoke. A key's text is shown once and kept nowhere.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use shopwright_app::identity::{
    KeyError, KeyKind, NewKey, Scope, WantedKey, create_key, revoke_key,
};
use shopwright_domain::ids::{KeyId, new_id};
use shopwright_domain::time::Timestamp;
use shopwright_store::identity::{self, ApiKey};
use utoipa::{IntoParams, ToSchema};

use super::view::ListView;
use crate::Site;
use crate::answer::Answer;
use crate::auth::{Allowed, needs};
use crate::input::{Cursor, JsonBody, PathText, Query};
use crate::once::Once;
use crate::problem::{ApiError, Code, Problem};

/// A key to make.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKeyBody {
    /// `secret` for servers, `restricted` for servers that need only part of it, `publishable` for
    /// browsers.
    #[schema(example = "restricted", pattern = "^(secret|restricted|publishable)$")]
    pub kind: String,
    /// What you call it.
    #[schema(example = "stock counter", min_length = 1, max_length = 100)]
    pub name: String,
    /// What a restricted key may do.
    #[serde(default)]
    #[schema(example = json!(["stock:read", "stock:write"]))]
    pub scopes: Vec<String>,
    /// Web origins a browser may use it from; none means any.
    #[serde(default)]
    #[schema(example = json!(["https://shop.example"]), max_items = 20)]
    pub origins: Vec<String>,
    /// From this moment on it opens nothing; never when left out.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
}

/// An API key.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct KeyView {
    /// Always `api_key`.
    #[schema(example = "api_key")]
    pub object: &'static str,
    /// Its id.
    #[schema(example = "key_01h455vb4pex5vsknk084sn02q")]
    pub id: String,
    /// `secret`, `restricted` or `publishable`.
    #[schema(example = "restricted")]
    pub kind: String,
    /// What its owner calls it.
    pub name: String,
    /// The key itself; only in the answer that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Its first characters, to recognise it by.
    #[schema(example = "rk_4x9q2m")]
    pub prefix: String,
    /// What a restricted key may do.
    pub scopes: Vec<String>,
    /// Web origins a browser may use it from.
    pub origins: Vec<String>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was last used, within a minute or so.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<Timestamp>,
    /// From this moment on it opens nothing.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
}

impl From<ApiKey> for KeyView {
    fn from(key: ApiKey) -> Self {
        Self {
            object: "api_key",
            id: key.key_id.to_string(),
            kind: key.kind,
            name: key.name,
            key: None,
            prefix: key.shown_prefix,
            scopes: key.scopes,
            origins: key.origins,
            created_at: key.created_at,
            last_used_at: key.last_used_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
        }
    }
}

/// Makes a key. Its text is in this answer and never again.
#[utoipa::path(
    post, path = "/v1/keys", tag = "Keys", operation_id = "create_key",
    request_body = NewKeyBody,
    responses(
        (status = 201, description = "Made", body = KeyView),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The same request made a key before", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "More than 1 MiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not sent as JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field does not fit", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["keys:write"]))
)]
pub async fn create_api_key(
    by: Allowed<needs::KeysWrite>,
    once: Once,
    State(site): State<Arc<Site>>,
    JsonBody(body): JsonBody<NewKeyBody>,
) -> Result<Response, ApiError> {
    let wanted = read_wanted(body)?;
    // Who may make keys must not gain by it what they do not have.
    let asked = wanted.kind.scopes(wanted.scopes.iter().copied());
    if let Some(more) =
        Scope::ALL.iter().find(|s| asked.contains(**s) && !by.key.scopes.contains(**s))
    {
        let detail = format!("this key lacks the scope `{more}` and cannot give it to another");
        return Err(ApiError::new(Code::FORBIDDEN, detail));
    }
    let id: KeyId = new_id(site.ids.as_ref());
    let mut random = [0; shopwright_app::identity::KEY_RANDOM_BYTES];
    site.entropy.fill(&mut random);
    let (secret, stamp) = (site.key_secret.clone(), once.stamp());
    once.write_secret(move |tx| {
        let NewKey { key, text } =
            create_key(tx, &wanted, id, random, (&secret, stamp)).map_err(key_error)?;
        let location = format!("/v1/keys/{}", key.key_id);
        Answer::created(location, &KeyView { key: Some(text), ..key.into() })
    })
    .await
}

fn read_wanted(body: NewKeyBody) -> Result<WantedKey, ApiError> {
    let kind = KeyKind::parse(&body.kind)
        .ok_or_else(|| ApiError::field("/kind", "use secret, restricted or publishable"))?;
    let mut scopes = Vec::new();
    for (place, text) in body.scopes.iter().enumerate() {
        let all = || Scope::ALL.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(", ");
        let scope = Scope::parse(text).ok_or_else(|| {
            ApiError::field(&format!("/scopes/{place}"), format!("use one of {}", all()))
        })?;
        scopes.push(scope);
    }
    let (name, origins, expires_at) = (body.name, body.origins, body.expires_at);
    Ok(WantedKey { kind, name, scopes, origins, expires_at })
}

fn key_error(error: KeyError) -> ApiError {
    let text = error.to_string();
    match error {
        KeyError::Name => ApiError::field("/name", text),
        KeyError::Scopes => ApiError::field("/scopes", text),
        KeyError::Origin(_) | KeyError::Origins => ApiError::field("/origins", text),
        KeyError::Expiry => ApiError::field("/expires_at", text),
        KeyError::Store(error) => error.into(),
    }
}

/// A page of keys.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct KeysQuery {
    /// Rows, 1 to 100; 10 when left out.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<i64>,
    /// A key id: the page after it (older).
    pub starting_after: Option<String>,
    /// A key id: the page before it (newer).
    pub ending_before: Option<String>,
}

/// All keys, newest first, revoked ones too; never their text.
#[utoipa::path(
    get, path = "/v1/keys", tag = "Keys", operation_id = "list_keys",
    params(KeysQuery),
    responses(
        (status = 200, description = "A page of keys", body = ListView<KeyView>),
        (status = 400, description = "A parameter does not fit", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["keys:read"]))
)]
pub async fn list_api_keys(
    _: Allowed<needs::KeysRead>,
    Query(query): Query<KeysQuery>,
    State(site): State<Arc<Site>>,
) -> Result<axum::Json<ListView<KeyView>>, ApiError> {
    let cursor: Cursor<KeyId> =
        Cursor::read(query.limit, query.starting_after, query.ending_before)?;
    let (limit, backwards) = (cursor.limit, cursor.is_backwards());
    let rows = site.store.read(move |tx| identity::page_of_keys(tx, &cursor.page())).await?;
    let data = rows.into_iter().map(KeyView::from).collect();
    Ok(axum::Json(ListView::page(data, limit, backwards, "/v1/keys".to_owned())))
}

/// Revokes a key at once on every node.
#[utoipa::path(
    post, path = "/v1/keys/{id}/revoke", tag = "Keys", operation_id = "revoke_key",
    params(("id" = String, Path, description = "The key", example = "key_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 204, description = "Revoked; a key revoked twice keeps the first time"),
        (status = 400, description = "The path is not UTF-8 text", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such key", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["keys:write"]))
)]
pub async fn revoke_api_key(
    _: Allowed<needs::KeysWrite>,
    once: Once,
    PathText(id): PathText<String>,
) -> Result<Response, ApiError> {
    let gone = |id: &str| ApiError::new(Code::NOT_FOUND, format!("there is no key {id}"));
    let parsed: KeyId = id.parse().map_err(|_| gone(&id))?;
    let stamp = once.stamp();
    once.write(move |tx| {
        if revoke_key(tx, parsed, stamp)? { Ok(Answer::no_content()) } else { Err(gone(&id)) }
    })
    .await
}
