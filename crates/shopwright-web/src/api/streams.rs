//! Message streams that events come from: how far each shard is taken in, and who reads it.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use shopwright_domain::time::{SECOND, Timestamp};
use shopwright_store::streams::{self, Shard};
use utoipa::ToSchema;

use super::view::ListView;
use crate::Site;
use crate::auth::{Allowed, needs};
use crate::problem::{ApiError, Problem};

/// One shard: a Redis stream, or a partition of a Kafka topic.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StreamView {
    /// Always `stream`.
    #[schema(example = "stream")]
    pub object: &'static str,
    /// `redis` or `kafka`.
    #[schema(example = "kafka", pattern = "^(redis|kafka)$")]
    pub broker: &'static str,
    /// The stream's or topic's name.
    #[schema(example = "shop-events")]
    pub stream: String,
    /// The partition; 0 for a Redis stream.
    #[schema(example = 0)]
    pub shard: i64,
    /// `reading` while a node holds it, `failing` while that node cannot read it, `idle` while no node does.
    #[schema(example = "reading", pattern = "^(reading|failing|idle)$")]
    pub state: &'static str,
    /// Where reading goes on: the id of the last Redis entry taken, or the next Kafka offset; null before the first.
    #[schema(example = "81240")]
    pub position: Option<String>,
    /// Messages that waited in the broker when it was last asked; null when it does not say.
    #[schema(example = 0)]
    pub behind_messages: Option<i64>,
    /// How old the last message taken is, while others wait behind it; 0 when none does.
    #[schema(example = 0)]
    pub behind_seconds: i64,
    /// Messages taken so far, duplicates and dead letters among them.
    #[schema(example = 81240)]
    pub messages: i64,
    /// Of those, dead letters.
    #[schema(example = 2)]
    pub dead: i64,
    /// Messages that the broker dropped before they were read.
    #[schema(example = 0)]
    pub lost: i64,
    /// The node that reads it.
    pub owner: Option<String>,
    /// Why it is not read, if it is not.
    pub problem: Option<String>,
    /// When the position last moved.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub moved_at: Option<Timestamp>,
}

/// How old the last message taken is, in seconds, while others wait behind it.
pub(crate) fn seconds_behind(shard: &Shard, now: Timestamp) -> i64 {
    let waits = shard.behind.unwrap_or(0) > 0;
    let reached = shard.reached_at.filter(|_| waits);
    reached.map_or(0, |at| (now.as_micros() - at.as_micros()).max(0) / SECOND)
}

impl StreamView {
    fn new(shard: Shard, now: Timestamp) -> Self {
        let state = match (&shard.owner, &shard.problem) {
            (None, _) => "idle",
            (Some(_), Some(_)) => "failing",
            (Some(_), None) => "reading",
        };
        Self {
            object: "stream",
            broker: shard.key.broker.as_str(),
            state,
            behind_messages: shard.behind,
            behind_seconds: seconds_behind(&shard, now),
            position: Some(shard.position.text).filter(|text| !text.is_empty()),
            stream: shard.key.stream,
            shard: shard.key.shard,
            messages: shard.messages,
            dead: shard.dead,
            lost: shard.lost,
            owner: shard.owner,
            problem: shard.problem,
            moved_at: shard.moved_at,
        }
    }
}

/// The shards of message streams that were ever read, by broker, name and shard; the list is whole.
#[utoipa::path(
    get, path = "/v1/streams", tag = "Effects", operation_id = "list_streams",
    responses(
        (status = 200, description = "Every shard", body = ListView<StreamView>),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["effects:read"]))
)]
pub async fn list_streams(
    _: Allowed<needs::EffectsRead>,
    State(site): State<Arc<Site>>,
) -> Result<axum::Json<ListView<StreamView>>, ApiError> {
    let (shards, now) = (site.store.read(streams::list).await?, site.clock.now());
    let data = shards.into_iter().map(|shard| StreamView::new(shard, now)).collect();
    Ok(axum::Json(ListView { object: "list", data, has_more: false, url: "/v1/streams".into() }))
}
