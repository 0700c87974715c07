//! Settings of the price engine: policy layers and the emergency freeze.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use shopwright_app::pricing::{PolicyChangeError, PolicyScope, clear_policy, set_policy};
use shopwright_domain::pricing::PolicyPatch;
use shopwright_domain::time::Timestamp;
use shopwright_store::{Place, Tx, pricing};
use utoipa::{IntoParams, ToSchema};

use super::policy_schema::PolicySettings;
use super::view::ListView;
use crate::Site;
use crate::answer::Answer;
use crate::auth::{Allowed, needs};
use crate::etag::{EntityTag, IfMatch};
use crate::input::{JsonBody, PageLimit, PathText, Query, one_cursor};
use crate::once::Once;
use crate::problem::{ApiError, Code, FieldProblem, Problem};

/// One layer of settings. Narrower layers win field by field: store, category, SKU.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PolicyView {
    /// Always `pricing_policy`.
    #[schema(example = "pricing_policy")]
    pub object: &'static str,
    /// Scope and key as in its path; the cursor of the list.
    #[schema(example = "sku/85123A")]
    pub id: String,
    /// `store`, `category` or `sku`.
    #[schema(example = "sku")]
    pub scope: String,
    /// The category path or the SKU; empty for the store.
    #[schema(example = "85123A")]
    pub key: String,
    /// What this layer sets; see the guide to pricing for every field.
    #[schema(value_type = Object, example = json!({"strategy": "rules", "preset": "playbook", "floor": {"factor": "0.8"}}))]
    pub settings: serde_json::Value,
    /// When it was written.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

impl From<pricing::PolicyRow> for PolicyView {
    fn from(row: pricing::PolicyRow) -> Self {
        Self {
            object: "pricing_policy",
            id: policy_id(&row.scope, &row.scope_key),
            scope: row.scope,
            key: row.scope_key,
            settings: row.patch,
            updated_at: row.updated_at,
        }
    }
}

fn policy_id(scope: &str, key: &str) -> String {
    if key.is_empty() { scope.to_owned() } else { format!("{scope}/{key}") }
}

/// A page of layers.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PoliciesQuery {
    /// Rows, 1 to 100; 10 when left out.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<i64>,
    /// An id: the page after it.
    pub starting_after: Option<String>,
    /// An id: the page before it.
    pub ending_before: Option<String>,
}

impl PoliciesQuery {
    fn place(&self) -> Result<Place<(String, String)>, ApiError> {
        let (after, before) = (self.starting_after.as_deref(), self.ending_before.as_deref());
        one_cursor(after, before)?;
        let read = |name: &str, id: &str| {
            let (scope, key) = id.split_once('/').unwrap_or((id, ""));
            PolicyScope::parse(scope, key).map(|_| (scope.to_owned(), key.to_owned())).ok_or_else(
                || {
                    let what = format!("{name}: use the id of a layer, such as sku/85123A");
                    ApiError::new(Code::INVALID_PARAMETER, what)
                },
            )
        };
        Ok(match (after, before) {
            (Some(id), _) => Place::After(read("starting_after", id)?),
            (_, Some(id)) => Place::Before(read("ending_before", id)?),
            _ => Place::First,
        })
    }
}

/// All layers of settings, by scope and key.
#[utoipa::path(
    get, path = "/v1/pricing/policies", tag = "Price settings", operation_id = "list_policies",
    params(PoliciesQuery),
    responses(
        (status = 200, description = "A page of layers", body = ListView<PolicyView>),
        (status = 400, description = "A parameter does not fit", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["pricing:read"]))
)]
pub async fn list_policies(
    _: Allowed<needs::PricingRead>,
    Query(query): Query<PoliciesQuery>,
    State(site): State<Arc<Site>>,
) -> Result<axum::Json<ListView<PolicyView>>, ApiError> {
    let limit = PageLimit::read(query.limit)?.0;
    let place = query.place()?;
    let backwards = matches!(place, Place::Before(_));
    let rows = site.store.read(move |tx| pricing::page_of_policies(tx, &place, limit + 1)).await?;
    let data = rows.into_iter().map(PolicyView::from).collect();
    Ok(axum::Json(ListView::page(data, limit, backwards, "/v1/pricing/policies".to_owned())))
}

fn read_scope(scope: &str, key: &str) -> Result<PolicyScope, ApiError> {
    PolicyScope::parse(scope, key).ok_or_else(|| {
        ApiError::new(Code::NOT_FOUND, "settings belong to /store, /category/{path} or /sku/{sku}")
    })
}

/// Replaces the settings of the whole store.
#[utoipa::path(
    put, path = "/v1/pricing/policies/store", tag = "Price settings", operation_id = "set_store_policy",
    request_body(content = PolicySettings, example = json!({"strategy": "rules", "preset": "playbook"})),
    responses(
        (status = 200, description = "The layer as it is kept; prices follow within a second", body = PolicyView),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "It was changed since the version in `If-Match`", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "More than 1 MiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not sent as JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field does not fit, such as a floor above its ceiling", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["pricing:write"]))
)]
pub async fn set_store_policy(
    _: Allowed<needs::PricingWrite>,
    once: Once,
    if_match: IfMatch,
    State(site): State<Arc<Site>>,
    JsonBody(patch): JsonBody<PolicyPatch>,
) -> Result<Response, ApiError> {
    write_policy(&site, once, (PolicyScope::Store, if_match), patch).await
}

/// Replaces the settings of one category or product.
#[utoipa::path(
    put, path = "/v1/pricing/policies/{scope}/{key}", tag = "Price settings", operation_id = "set_policy",
    params(
        ("scope" = String, Path, description = "`category` or `sku`", example = "sku"),
        ("key" = String, Path, description = "The category path (its slashes escaped) or the SKU", example = "85123A"),
    ),
    request_body(content = PolicySettings, example = json!({"floor": {"amount_minor": 250}, "ceiling": {"amount_minor": 450}})),
    responses(
        (status = 200, description = "The layer as it is kept; prices follow within a second", body = PolicyView),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No product has this SKU, or no such scope", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "It was changed since the version in `If-Match`", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "More than 1 MiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not sent as JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field does not fit, such as a floor above its ceiling", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["pricing:write"]))
)]
pub async fn set_policy_of(
    _: Allowed<needs::PricingWrite>,
    once: Once,
    if_match: IfMatch,
    PathText((scope, key)): PathText<(String, String)>,
    State(site): State<Arc<Site>>,
    JsonBody(patch): JsonBody<PolicyPatch>,
) -> Result<Response, ApiError> {
    write_policy(&site, once, (read_scope(&scope, &key)?, if_match), patch).await
}

/// Removes the settings of one category or product, so that broader ones hold again.
#[utoipa::path(
    delete, path = "/v1/pricing/policies/{scope}/{key}", tag = "Price settings", operation_id = "clear_policy",
    params(
        ("scope" = String, Path, description = "`category` or `sku`", example = "sku"),
        ("key" = String, Path, description = "The category path (its slashes escaped) or the SKU", example = "85123A"),
    ),
    responses(
        (status = 204, description = "Removed"),
        (status = 400, description = "The path is not UTF-8 text", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such layer", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "It was changed since the version in `If-Match`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["pricing:write"]))
)]
pub async fn clear_policy_of(
    _: Allowed<needs::PricingWrite>,
    once: Once,
    if_match: IfMatch,
    PathText((scope, key)): PathText<(String, String)>,
) -> Result<Response, ApiError> {
    let layer = read_scope(&scope, &key)?;
    let stamp = once.stamp();
    once.write(move |tx| {
        kept(tx, &layer, &if_match)?;
        if clear_policy(tx, &layer, stamp)? {
            return Ok(Answer::no_content());
        }
        Err(ApiError::new(Code::NOT_FOUND, format!("there are no settings for {scope} {key}")))
    })
    .await
}

async fn write_policy(
    site: &Site,
    once: Once,
    (scope, if_match): (PolicyScope, IfMatch),
    patch: PolicyPatch,
) -> Result<Response, ApiError> {
    let (currency, stamp) = (site.currency, once.stamp());
    once.write(move |tx| {
        kept(tx, &scope, &if_match)?;
        set_policy(tx, &scope, &patch, currency, stamp).map_err(policy_error)?;
        let view = kept(tx, &scope, &IfMatch::Exists)?;
        let tag = view.as_ref().map(tag_of);
        let answer = Answer::ok(&view)?;
        Ok(tag.map_or(answer.clone(), |tag| answer.tagged(&tag)))
    })
    .await
}

/// The layer as it is kept, if the caller has seen this version of it.
fn kept(
    tx: &mut Tx<'_>,
    scope: &PolicyScope,
    if_match: &IfMatch,
) -> Result<Option<PolicyView>, ApiError> {
    let (name, key) = scope.parts();
    let view = pricing::find_policy(tx, name, key)?.map(PolicyView::from);
    if_match.check(view.as_ref().map(tag_of).as_ref())?;
    Ok(view)
}

/// When it was written is no part of what it says: the same settings written again keep the tag.
fn tag_of(view: &PolicyView) -> EntityTag {
    EntityTag::content(&view.settings)
}

fn policy_error(error: PolicyChangeError) -> ApiError {
    let fields = |errors: Vec<shopwright_domain::pricing::PolicyError>, sku: Option<&str>| {
        let detail = |text: String| match sku {
            Some(sku) => format!("{sku}: {text}"),
            None => text,
        };
        ApiError::invalid(
            errors
                .into_iter()
                .map(|e| FieldProblem { pointer: e.field, detail: detail(e.detail) })
                .collect(),
        )
    };
    match error {
        PolicyChangeError::Invalid(errors) => fields(errors, None),
        PolicyChangeError::InvalidFor { sku, errors } => fields(errors, Some(sku.as_str())),
        PolicyChangeError::UnknownSku(sku) => ApiError::unknown_sku(sku.as_str()),
        PolicyChangeError::Store(error) => error.into(),
    }
}

/// Whether prices may move.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// `true` stops every price where it stands; `false` lets them move again.
    #[schema(example = true)]
    pub frozen: bool,
}

/// The emergency stop: every price of the store stays where it is, in one call.
#[utoipa::path(
    put, path = "/v1/pricing/freeze", tag = "Price settings", operation_id = "set_freeze",
    request_body = Freeze,
    responses(
        (status = 200, description = "Done; holds from the next decision on, within a second", body = Freeze),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "More than 1 MiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not sent as JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The body does not fit", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["pricing:write"]))
)]
pub async fn set_freeze(
    _: Allowed<needs::PricingWrite>,
    once: Once,
    JsonBody(freeze): JsonBody<Freeze>,
) -> Result<Response, ApiError> {
    let stamp = once.stamp();
    once.write(move |tx| {
        shopwright_app::pricing::set_freeze(tx, freeze.frozen, stamp)?;
        Answer::ok(&freeze)
    })
    .await
}
