//! Events that could not be taken: looked at, sent through again, thrown away.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use shopwright_app::events::{ReplayError, Replayed, open_dead, replay_dead};
use shopwright_domain::events::{EventForm, read_message};
use shopwright_domain::ids::DeadLetterId;
use shopwright_domain::time::Timestamp;
use shopwright_store::events::dead_letters::{self, DeadLetter, LetterFilter};
use shopwright_store::{Page, Place};
use utoipa::{IntoParams, ToSchema};

use super::view::ListView;
use crate::Site;
use crate::auth::{Allowed, needs};
use crate::input::{Cursor, JsonBody, PathText, Query, no_nul};
use crate::problem::{ApiError, Code, Problem};

/// Letters that one call sends through again.
const REPLAYED_MAX: i64 = 500;

/// An event that could not be taken.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DeadLetterView {
    /// Always `dead_letter`.
    #[schema(example = "dead_letter")]
    pub object: &'static str,
    /// Its id.
    #[schema(example = "dl_01h455vb4pex5vsknk084sn02q")]
    pub id: String,
    /// Where it came from: `http`, `file`, `redis:…` or `kafka:…`.
    #[schema(example = "http")]
    pub source: String,
    /// How it is written: `own` or `segment`.
    #[schema(example = "segment", pattern = "^(own|segment)$")]
    pub form: &'static str,
    /// Why it could not be taken.
    pub reason: String,
    /// The field it is about, a JSON pointer; empty for all of it.
    pub pointer: String,
    /// Whether a shopper's browser sent it.
    pub is_browser: bool,
    /// How often it was sent through again.
    pub attempts: i64,
    /// When it was received.
    #[schema(value_type = String, format = DateTime)]
    pub received_at: Timestamp,
    /// When it was taken after all.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub replayed_at: Option<Timestamp>,
    /// What was sent, where one letter is asked for; it may name a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
}

impl From<DeadLetter> for DeadLetterView {
    fn from(letter: DeadLetter) -> Self {
        Self {
            object: "dead_letter",
            id: letter.letter_id.to_string(),
            source: letter.source,
            form: match letter.form {
                EventForm::Own => "own",
                EventForm::Segment => "segment",
            },
            reason: letter.reason,
            pointer: letter.pointer,
            is_browser: letter.is_browser,
            attempts: letter.attempts,
            received_at: letter.received_at,
            replayed_at: letter.replayed_at,
            raw: None,
        }
    }
}

/// A page of dead letters.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LettersQuery {
    /// Only those of this source.
    pub source: Option<String>,
    /// Only those that wait.
    pub waiting: Option<bool>,
    /// Rows, 1 to 100; 10 when left out.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<i64>,
    /// A letter's id: the page after it (older).
    pub starting_after: Option<String>,
    /// A letter's id: the page before it (newer).
    pub ending_before: Option<String>,
}

/// Events that could not be taken, newest first.
#[utoipa::path(
    get, path = "/v1/dead_letters", tag = "Events", operation_id = "list_dead_letters",
    params(LettersQuery),
    responses(
        (status = 200, description = "A page of dead letters", body = ListView<DeadLetterView>),
        (status = 400, description = "A parameter does not fit", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["events:read"]))
)]
pub async fn list_dead_letters(
    _: Allowed<needs::EventsRead>,
    Query(query): Query<LettersQuery>,
    State(site): State<Arc<Site>>,
) -> Result<axum::Json<ListView<DeadLetterView>>, ApiError> {
    let cursor: Cursor<DeadLetterId> =
        Cursor::read(query.limit, query.starting_after, query.ending_before)?;
    let source = no_nul("source", query.source)?;
    let filter = LetterFilter { source, is_waiting: query.waiting == Some(true) };
    let (limit, backwards) = (cursor.limit, cursor.is_backwards());
    let rows = site.store.read(move |tx| dead_letters::list(tx, &filter, &cursor.page())).await?;
    let data = rows.into_iter().map(DeadLetterView::from).collect();
    Ok(axum::Json(ListView::page(data, limit, backwards, "/v1/dead_letters".to_owned())))
}

fn gone(id: &str) -> ApiError {
    ApiError::new(Code::NOT_FOUND, format!("there is no dead letter {id}"))
}

/// One dead letter with what was sent.
#[utoipa::path(
    get, path = "/v1/dead_letters/{id}", tag = "Events", operation_id = "get_dead_letter",
    params(("id" = String, Path, description = "The letter", example = "dl_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 200, description = "The letter", body = DeadLetterView),
        (status = 400, description = "The path is not UTF-8 text", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such letter", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["events:read"]))
)]
pub async fn get_dead_letter(
    _: Allowed<needs::EventsRead>,
    PathText(id): PathText<String>,
    State(site): State<Arc<Site>>,
) -> Result<axum::Json<DeadLetterView>, ApiError> {
    let parsed: DeadLetterId = id.parse().map_err(|_| gone(&id))?;
    let found = site.store.read(move |tx| dead_letters::find(tx, parsed)).await?;
    let letter = found.ok_or_else(|| gone(&id))?;
    let raw = open_dead(&site.outside, &letter);
    let raw = raw.map(|raw| String::from_utf8_lossy(&raw).into_owned());
    Ok(axum::Json(DeadLetterView { raw, ..letter.into() }))
}

/// What became of a letter that was sent through again.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReplayedLetterView {
    /// Always `replayed_dead_letter`.
    #[schema(example = "replayed_dead_letter")]
    pub object: &'static str,
    /// The letter.
    #[schema(example = "dl_01h455vb4pex5vsknk084sn02q")]
    pub id: String,
    /// `taken`, `taken_before` or `refused`.
    #[schema(example = "taken", pattern = "^(taken|taken_before|refused)$")]
    pub outcome: &'static str,
    /// Why it still cannot be taken.
    pub reason: Option<String>,
}

async fn replay(site: &Site, id: DeadLetterId) -> Result<ReplayedLetterView, ApiError> {
    let now = site.clock.now();
    let with = (site.outside.as_ref(), &site.ids);
    let replayed = replay_dead(&site.store, id, read_message, with, now).await;
    let (outcome, reason) = match replayed {
        Ok(Replayed::Taken(taken)) => {
            site.traffic.touch(taken.touched);
            ("taken", None)
        }
        Ok(Replayed::Before(_)) => ("taken_before", None),
        Ok(Replayed::Refused(reason)) => ("refused", Some(reason)),
        Err(ReplayError::Unknown(id)) => return Err(gone(&id.to_string())),
        Err(error @ ReplayError::Sealed) => {
            return Err(ApiError::new(Code::WRONG_STATE, error.to_string()));
        }
        Err(ReplayError::Store(error)) => return Err(error.into()),
    };
    Ok(ReplayedLetterView { object: "replayed_dead_letter", id: id.to_string(), outcome, reason })
}

/// Sends a dead letter through again. It is taken once, however often it is sent.
#[utoipa::path(
    post, path = "/v1/dead_letters/{id}/replay", tag = "Events", operation_id = "replay_dead_letter",
    params(("id" = String, Path, description = "The letter", example = "dl_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 200, description = "What became of it", body = ReplayedLetterView),
        (status = 400, description = "The path is not UTF-8 text", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such letter", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It cannot be opened", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["events:replay"]))
)]
pub async fn replay_dead_letter(
    _: Allowed<needs::EventsReplay>,
    PathText(id): PathText<String>,
    State(site): State<Arc<Site>>,
) -> Result<axum::Json<ReplayedLetterView>, ApiError> {
    let parsed: DeadLetterId = id.parse().map_err(|_| gone(&id))?;
    replay(&site, parsed).await.map(axum::Json)
}

/// Which letters are sent through again.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayLettersBody {
    /// Only those of this source; of all when left out.
    #[schema(example = "http")]
    pub source: Option<String>,
    /// Only those older than this letter, to go on after a call that sent 500.
    pub starting_after: Option<String>,
}

/// What became of many letters.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReplayedLettersView {
    /// Always `replayed_dead_letters`.
    #[schema(example = "replayed_dead_letters")]
    pub object: &'static str,
    /// Letters that were taken.
    pub taken: u64,
    /// Letters that still cannot be taken.
    pub refused: u64,
    /// The last letter of these; null when there were none. Send it as `starting_after` to go on.
    pub last: Option<String>,
}

/// Sends up to 500 dead letters that wait through again, newest first.
#[utoipa::path(
    post, path = "/v1/dead_letters/replay", tag = "Events", operation_id = "replay_dead_letters",
    request_body(content = ReplayLettersBody, example = json!({"source": "http"})),
    responses(
        (status = 200, description = "What became of them", body = ReplayedLettersView),
        (status = 400, description = "The body is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "One cannot be opened", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON or packed in a way that is not read", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The body does not fit", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["events:replay"]))
)]
pub async fn replay_dead_letters(
    _: Allowed<needs::EventsReplay>,
    State(site): State<Arc<Site>>,
    JsonBody(body): JsonBody<ReplayLettersBody>,
) -> Result<axum::Json<ReplayedLettersView>, ApiError> {
    let place = match body.starting_after.as_deref().map(str::parse) {
        None => Place::First,
        Some(Ok(id)) => Place::After(id),
        Some(Err(_)) => return Err(ApiError::field("/starting_after", "is no dead letter's id")),
    };
    if body.source.as_ref().is_some_and(|source| source.contains('\0')) {
        return Err(ApiError::field("/source", "contains a NUL character"));
    }
    let filter = LetterFilter { source: body.source, is_waiting: true };
    let page = Page { place, limit: REPLAYED_MAX };
    let letters = site.store.read(move |tx| dead_letters::list(tx, &filter, &page)).await?;
    let mut view = ReplayedLettersView {
        object: "replayed_dead_letters",
        taken: 0,
        refused: 0,
        last: letters.last().map(|letter| letter.letter_id.to_string()),
    };
    for letter in letters {
        match replay(&site, letter.letter_id).await {
            Ok(replayed) if replayed.outcome == "refused" => view.refused += 1,
            Ok(_) => view.taken += 1,
            // Thrown away meanwhile.
            Err(error) if error.code == Code::NOT_FOUND => {}
            Err(error) => return Err(error),
        }
    }
    Ok(axum::Json(view))
}

/// Throws a dead letter away.
#[utoipa::path(
    delete, path = "/v1/dead_letters/{id}", tag = "Events", operation_id = "delete_dead_letter",
    params(("id" = String, Path, description = "The letter", example = "dl_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 400, description = "The path is not UTF-8 text", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such letter", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["events:replay"]))
)]
pub async fn delete_dead_letter(
    _: Allowed<needs::EventsReplay>,
    PathText(id): PathText<String>,
    State(site): State<Arc<Site>>,
) -> Result<StatusCode, ApiError> {
    let parsed: DeadLetterId = id.parse().map_err(|_| gone(&id))?;
    if site.store.write(move |tx| dead_letters::delete(tx, parsed)).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(gone(&id))
    }
}
