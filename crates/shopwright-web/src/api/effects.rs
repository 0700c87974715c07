//! Effects on the outside and jobs: what waits, what is being done, what was given up and why.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use shopwright_app::webhooks::retry_effect as retry_in;
use shopwright_domain::ids::EffectId;
use shopwright_domain::time::Timestamp;
use shopwright_store::effects::{self, Effect, EffectFilter, EffectState};
use utoipa::{IntoParams, ToSchema};

use super::view::ListView;
use crate::Site;
use crate::answer::Answer;
use crate::auth::{Allowed, needs};
use crate::input::{Cursor, PathText, Query};
use crate::once::Once;
use crate::problem::{ApiError, Code, Problem};

/// An effect or a job. What it carries is not shown: it may be a mail.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EffectView {
    /// `effect` or `job`.
    #[schema(example = "effect", pattern = "^(effect|job)$")]
    pub object: &'static str,
    /// Its id.
    #[schema(example = "eff_01h455vb4pex5vsknk084sn02q")]
    pub id: String,
    /// What is to be done.
    #[schema(example = "webhook.deliver")]
    pub kind: String,
    /// What it is about.
    pub subject: String,
    /// `waiting`, `leased`, `done` or `given_up`.
    #[schema(example = "waiting", pattern = "^(waiting|leased|done|given_up)$")]
    pub state: String,
    /// How often it was begun since it was made or retried.
    pub attempts: i64,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// Not before this moment.
    #[schema(value_type = String, format = DateTime)]
    pub due_at: Timestamp,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was done or given up.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Timestamp>,
}

impl From<Effect> for EffectView {
    fn from(effect: Effect) -> Self {
        Self {
            object: if effect.job_key.is_some() { "job" } else { "effect" },
            id: effect.effect_id.to_string(),
            kind: effect.kind,
            subject: effect.subject,
            state: effect.state.as_str().to_owned(),
            attempts: effect.attempts,
            last_error: effect.last_error,
            due_at: effect.due_at,
            created_at: effect.created_at,
            finished_at: effect.finished_at,
        }
    }
}

/// A page of effects or jobs.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EffectsQuery {
    /// Only those in this state: `waiting`, `leased`, `done` or `given_up`.
    pub state: Option<String>,
    /// Rows, 1 to 100; 10 when left out.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<i64>,
    /// An effect's id: the page after it (older).
    pub starting_after: Option<String>,
    /// An effect's id: the page before it (newer).
    pub ending_before: Option<String>,
}

async fn page(
    site: &Site,
    query: EffectsQuery,
    (jobs_only, url): (bool, &str),
) -> Result<axum::Json<ListView<EffectView>>, ApiError> {
    let cursor: Cursor<EffectId> =
        Cursor::read(query.limit, query.starting_after, query.ending_before)?;
    let state = query.state.as_deref().map(|text| {
        EffectState::parse(text).ok_or_else(|| {
            ApiError::new(
                Code::INVALID_PARAMETER,
                format!("state: `{text}` is not waiting, leased, done or given_up"),
            )
        })
    });
    let filter = EffectFilter { state: state.transpose()?, jobs_only };
    let rows = site.store.read(move |tx| effects::list(tx, filter, &cursor.page())).await?;
    let data = rows.into_iter().map(EffectView::from).collect();
    Ok(axum::Json(ListView::page(data, cursor.limit, cursor.is_backwards(), url.to_owned())))
}

/// Effects and jobs, newest first.
#[utoipa::path(
    get, path = "/v1/effects", tag = "Effects", operation_id = "list_effects",
    params(EffectsQuery),
    responses(
        (status = 200, description = "A page of effects", body = ListView<EffectView>),
        (status = 400, description = "A parameter does not fit", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["effects:read"]))
)]
pub async fn list_effects(
    _: Allowed<needs::EffectsRead>,
    Query(query): Query<EffectsQuery>,
    State(site): State<Arc<Site>>,
) -> Result<axum::Json<ListView<EffectView>>, ApiError> {
    page(&site, query, (false, "/v1/effects")).await
}

/// Jobs alone, newest first.
#[utoipa::path(
    get, path = "/v1/jobs", tag = "Effects", operation_id = "list_jobs",
    params(EffectsQuery),
    responses(
        (status = 200, description = "A page of jobs", body = ListView<EffectView>),
        (status = 400, description = "A parameter does not fit", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["effects:read"]))
)]
pub async fn list_jobs(
    _: Allowed<needs::EffectsRead>,
    Query(query): Query<EffectsQuery>,
    State(site): State<Arc<Site>>,
) -> Result<axum::Json<ListView<EffectView>>, ApiError> {
    page(&site, query, (true, "/v1/jobs")).await
}

fn gone(id: &str) -> ApiError {
    ApiError::new(Code::NOT_FOUND, format!("there is no effect {id}"))
}

/// One effect or job.
#[utoipa::path(
    get, path = "/v1/effects/{id}", tag = "Effects", operation_id = "get_effect",
    params(("id" = String, Path, description = "The effect", example = "eff_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 200, description = "The effect", body = EffectView),
        (status = 400, description = "The path is not UTF-8 text", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such effect", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["effects:read"]))
)]
pub async fn get_effect(
    _: Allowed<needs::EffectsRead>,
    PathText(id): PathText<String>,
    State(site): State<Arc<Site>>,
) -> Result<axum::Json<EffectView>, ApiError> {
    let parsed: EffectId = id.parse().map_err(|_| gone(&id))?;
    let found = site.store.read(move |tx| effects::find(tx, parsed)).await?;
    Ok(axum::Json(found.ok_or_else(|| gone(&id))?.into()))
}

/// Has an effect or a job that waits or was given up done again from its first try, now.
#[utoipa::path(
    post, path = "/v1/effects/{id}/retry", tag = "Effects", operation_id = "retry_effect",
    params(("id" = String, Path, description = "The effect", example = "eff_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 202, description = "Due now", body = EffectView),
        (status = 400, description = "The path is not UTF-8 text", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such effect", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is done, or a worker is at it", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["effects:write"]))
)]
pub async fn retry_effect(
    _: Allowed<needs::EffectsWrite>,
    once: Once,
    PathText(id): PathText<String>,
    State(site): State<Arc<Site>>,
) -> Result<Response, ApiError> {
    let parsed: EffectId = id.parse().map_err(|_| gone(&id))?;
    let now = site.clock.now();
    once.write(move |tx| {
        let detail = match retry_in(tx, parsed, now)?.ok_or_else(|| gone(&id))? {
            EffectState::Waiting | EffectState::GivenUp => {
                let effect = effects::find(tx, parsed)?.ok_or_else(|| gone(&id))?;
                return Answer::with_body(StatusCode::ACCEPTED, &EffectView::from(effect));
            }
            EffectState::Leased => "a worker is at it right now; look again in a moment",
            EffectState::Done => {
                "it is done; a webhook can be sent again by replaying its delivery"
            }
        };
        Err(ApiError::new(Code::WRONG_STATE, detail))
    })
    .await
}
